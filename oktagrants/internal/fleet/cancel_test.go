package fleet_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/fleet"
	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/pgtest"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// begunOffboard begins the run of an off-boarding whose users are yet to be listed.
func begunOffboard(t *testing.T, target string, org *oktatest.Org, users []string, input iter.Seq2[string, error]) *fleet.Command {
	t.Helper()
	require.NoError(t, fleet.Migrate(t.Context(), target))
	o, err := newFleetOrg(org.URL, apiToken)
	require.NoError(t, err)
	args := steps.Arguments{Users: users}
	job, err := steps.New(o.Client, org.URL, ledger.Offboard, args, input)
	require.NoError(t, err)
	l, err := ledger.Open(t.Context(), target, ledger.Write)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	arguments, err := json.Marshal(args)
	require.NoError(t, err)
	_, _, err = l.Begin(t.Context(), ledger.Spec{Kind: ledger.Offboard, Org: org.URL, Arguments: string(arguments)})
	require.NoError(t, err)
	runner := &run.Runner{Ledger: l, Job: job, Client: o.Client, Meter: o.Meter}
	return &fleet.Command{Target: target, Runner: runner, Org: o, Log: slog.New(slog.DiscardHandler)}
}

func each(users []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for user := range slices.Values(users) {
			if !yield(user, nil) {
				return
			}
		}
	}
}

// A run that is canceled while its logins are resolved ends there, and only another command goes on with it.
func TestCancelStopsACommandThatResolves(t *testing.T) {
	t.Parallel()
	const users = 60
	org := newOrg(t, users)
	var logins []string
	for _, id := range userIDs(users) {
		logins = append(logins, id+"@example.com")
	}
	reached := make(chan struct{})
	goesOn := make(chan struct{})
	var once sync.Once
	intercept(org, func(r *http.Request) oktatest.Fault {
		once.Do(func() { close(reached) })
		select {
		case <-goesOn:
		case <-r.Context().Done():
		}
		return nil
	})
	target := pgtest.Database(t) + "#january"
	c := begunOffboard(t, target, org, logins, each(logins))
	prepared := make(chan error)
	go func() {
		_, err := c.Prepare(t.Context())
		prepared <- err
	}()
	<-reached

	working, err := fleet.Cancel(t.Context(), target)

	require.NoError(t, err)
	assert.Zero(t, working)
	select {
	case err = <-prepared:
	case <-time.After(20 * time.Second):
		require.Fail(t, "the command resolves on")
	}
	require.ErrorIs(t, err, fleet.ErrCanceled)
	assert.Equal(t, run.ExitIncomplete, run.ExitCode(err))
	row, err := c.Runner.Ledger.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, ledger.Listing, row.Phase)
	assert.Contains(t, row.Stop, fleet.ErrCanceled.Error())
	close(goesOn)
	_, err = c.Run(t.Context())
	require.ErrorIs(t, err, fleet.ErrCanceled, "the same command does not go on")
	assert.Empty(t, revokes(org))

	again := begunOffboard(t, target, org, logins, each(logins))
	_, err = again.Prepare(t.Context())
	require.NoError(t, err)
	summary, err := again.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[ledger.State]int{ledger.Verified: users}, summary.Counts.Tasks[ledger.User])
}

// A run that is canceled while its plan is shown does not begin.
func TestCancelStopsACommandThatShowsItsPlan(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 3)
	target := pgtest.Database(t) + "#january"
	c := begunOffboard(t, target, org, userIDs(3), each(userIDs(3)))
	_, err := c.Prepare(t.Context())
	require.NoError(t, err)

	_, err = fleet.Cancel(t.Context(), target)
	require.NoError(t, err)
	summary, err := c.Run(t.Context())

	require.ErrorIs(t, err, fleet.ErrCanceled)
	assert.Equal(t, run.ExitIncomplete, summary.ExitCode())
	assert.Equal(t, ledger.Planned, summary.Run.Phase)
	assert.Empty(t, revokes(org))
	assert.Equal(t, fleet.ErrCanceled.Error(), summary.Run.Stop)
	_, err = c.Run(t.Context())
	require.NoError(t, err, "given once more")
	assert.Empty(t, org.Grants())
}

// A command that is canceled while it lists leaves a list that is read on.
func TestCancelStopsACommandThatLists(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 500)
	target := pgtest.Database(t) + "#january"
	listing := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	users := userIDs(500)
	endless := func(yield func(string, error) bool) {
		close(listing)
		for i := 0; ctx.Err() == nil; i++ {
			if !yield(fmt.Sprintf("00uother%07d", i), nil) {
				return
			}
		}
	}
	c := begunOffboard(t, target, org, users, endless)
	prepared := make(chan error)
	go func() {
		_, err := c.Prepare(t.Context())
		prepared <- err
	}()
	<-listing

	_, err := fleet.Cancel(t.Context(), target)

	require.NoError(t, err)
	require.Eventually(t, func() bool {
		select {
		case err = <-prepared:
			return true
		default:
			return false
		}
	}, 20*time.Second, 10*time.Millisecond)
	require.ErrorIs(t, err, fleet.ErrCanceled)
	assert.Empty(t, revokes(org))
}

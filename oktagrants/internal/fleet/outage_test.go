package fleet_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/fleet"
	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/pgtest"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// hasty has a command's own worker not retry within a call.
func hasty(t *testing.T, c *fleet.Command, org *oktatest.Org) {
	t.Helper()
	meter := &run.Meter{}
	client, err := okta.NewClient(okta.Config{
		OrgURL: org.URL, Credentials: okta.APIToken(apiToken), OnAttempt: meter.OnAttempt, Retry: okta.RetryOptions{MaxRetries: -1},
	})
	require.NoError(t, err)
	c.Org = fleet.Org{URL: org.URL, Client: client, Meter: meter}
}

// intercept has an org respond otherwise where fault says so.
func intercept(org *oktatest.Org, fault func(r *http.Request) oktatest.Fault) {
	faults := make([]oktatest.Fault, 5000)
	for i := range faults {
		faults[i] = func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if f := fault(r); f != nil {
				f(w, r, next)
				return
			}
			next.ServeHTTP(w, r)
		}
	}
	org.Next(faults...)
}

func oktaError(status int, code, summary string) oktatest.Fault {
	return oktatest.Reply(status, http.Header{"Content-Type": {"application/json"}},
		`{"errorCode":"`+code+`","errorSummary":"`+summary+`"}`)
}

// An outage fails no task: the workers pause, and go on.
func TestOutageIsWaitedFor(t *testing.T) {
	t.Parallel()
	const users = 120
	org := newOrg(t, users)
	var requests atomic.Int64
	var until atomic.Int64
	intercept(org, func(*http.Request) oktatest.Fault {
		if requests.Add(1) == 100 {
			until.Store(time.Now().Add(1500 * time.Millisecond).UnixNano())
		}
		if time.Now().UnixNano() < until.Load() {
			return oktatest.Reply(503, nil, "")
		}
		return nil
	})
	target := pgtest.Database(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, userIDs(users))
	hasty(t, c, org)
	var reported atomic.Int64
	c.Runner.OnOutage = func(outage steps.Outage) {
		reported.Add(1)
		assert.Equal(t, !outage.Over, !c.Progress().Paused.IsZero())
	}
	paused := make(chan struct{})
	go func() {
		defer close(paused)
		assert.Eventually(t, func() bool {
			row, err := c.Runner.Ledger.Run(t.Context())
			return err == nil && strings.HasPrefix(row.Stop, "paused since ")
		}, 30*time.Second, 5*time.Millisecond)
	}()
	summary, err := c.Run(t.Context())
	require.NoError(t, err)
	<-paused
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Equal(t, map[ledger.State]int{ledger.Verified: users}, summary.Counts.Tasks[ledger.User])
	assert.Empty(t, summary.Run.Stop)
	assert.GreaterOrEqual(t, reported.Load(), int64(2))
	assert.GreaterOrEqual(t, summary.Paused, time.Second)
	assert.Zero(t, summary.Counts.Again)
	assert.Empty(t, org.Grants())
	succeeded := map[string]int{}
	for _, r := range org.Requests() {
		if r.Method == http.MethodDelete && r.Status == http.StatusNoContent {
			succeeded[r.Path]++
		}
	}
	assert.Len(t, succeeded, 2*users)
	for path, n := range succeeded {
		assert.Equal(t, 1, n, path)
	}
}

// A captive portal ends the command with 2, and fails no task.
func TestPortalStopsTheCommand(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 60)
	var portal atomic.Bool
	var requests atomic.Int64
	portal.Store(true)
	intercept(org, func(*http.Request) oktatest.Fault {
		if requests.Add(1) > 30 && portal.Load() {
			return oktatest.Reply(200, http.Header{"Content-Type": {"text/html"}}, "<html>Welcome</html>")
		}
		return nil
	})
	target := pgtest.Database(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, userIDs(60))
	summary, err := c.Run(t.Context())
	assert.Equal(t, steps.ClassIntercepted, steps.Class(err))
	assert.Equal(t, run.ExitUsage, summary.ExitCode())
	assert.Zero(t, summary.Counts.Tasks[ledger.User][ledger.Failed])

	portal.Store(false)
	summary, err = c.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Empty(t, org.Grants())
}

// Users who must not be touched, first in the list, do not keep the others from being off-boarded; a repetition ends, too.
func TestUntouchableUsersFirst(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 200)
	untouchable := map[string]bool{}
	for _, id := range userIDs(50) {
		untouchable[id] = true
	}
	intercept(org, func(r *http.Request) oktatest.Fault {
		if parts := strings.Split(r.URL.Path, "/"); r.Method == http.MethodDelete && untouchable[parts[4]] {
			return oktaError(403, "E0000006", "no")
		}
		return nil
	})
	target := pgtest.Database(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, userIDs(200))
	for range 2 {
		summary, err := c.Run(t.Context())
		require.NoError(t, err)
		assert.Equal(t, run.ExitFailed, summary.ExitCode())
		assert.Equal(t, map[ledger.State]int{ledger.Verified: 150, ledger.Failed: 50}, summary.Counts.Tasks[ledger.User])
		assert.Len(t, org.Grants(), 50)
	}
}

// A user deleted after the revoke is gone; what could not be verified is no success, and is verified by the next command.
func TestGoneAndNotVerified(t *testing.T) {
	t.Parallel()
	const users = 60
	org := newOrg(t, users)
	var refuses atomic.Bool
	refuses.Store(true)
	intercept(org, func(r *http.Request) oktatest.Fault {
		switch {
		case r.URL.Path == "/api/v1/users/"+userID(3)+"/clients":
			return oktaError(404, "E0000007", "Not found: Resource not found: "+userID(3)+" (User)")
		case r.URL.Path == "/api/v1/users/"+userID(4)+"/clients" && refuses.Load():
			return oktaError(403, "E0000006", "no")
		}
		return nil
	})
	target := pgtest.Database(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, userIDs(users))
	summary, err := c.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, run.ExitFailed, summary.ExitCode())
	want := map[ledger.State]int{ledger.Verified: users - 2, ledger.Gone: 1, ledger.Done: 1}
	assert.Equal(t, want, summary.Counts.Tasks[ledger.User])

	refuses.Store(false)
	deletes := len(revokes(org))
	summary, err = c.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Equal(t, map[ledger.State]int{ledger.Verified: users - 1, ledger.Gone: 1}, summary.Counts.Tasks[ledger.User])
	assert.Len(t, revokes(org), deletes)
	assert.Empty(t, org.Grants())
}

package run_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// afterCalls calls do after so many requests.
func afterCalls(c *command, n int64, do func()) {
	var seen atomic.Int64
	c.change = func(config *okta.Config) {
		count := config.OnAttempt
		config.OnAttempt = func(ctx context.Context, attempt okta.Attempt) {
			count(ctx, attempt)
			if seen.Add(1) == n {
				do()
			}
		}
	}
}

// Credentials that Okta refuses in the middle stop the run at once, and the next process does what is left.
func TestCredentialsRefusedInTheMiddle(t *testing.T) {
	t.Parallel()
	const users, workers = 60, 4
	org := newOrg(t, users)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(users)...)
	c.workers, c.change = workers, refuseAfter(41)
	summary, err := c.try(t.Context(), t)
	require.ErrorIs(t, err, okta.ErrUnauthorized)
	assert.Equal(t, run.ExitUsage, summary.ExitCode())
	assert.Equal(t, ledger.Working, summary.Run.Phase)
	assert.Contains(t, summary.Run.Stop, "401")
	assert.LessOrEqual(t, len(org.Requests()), 41+workers)
	states := c.states(t)
	assert.LessOrEqual(t, states[ledger.Failed], workers)
	assert.GreaterOrEqual(t, states[ledger.Pending], users-20-workers)
	assert.Zero(t, states[ledger.Started], "the outcome of each is on record")

	c.change = nil
	summary = c.run(t)
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Empty(t, summary.Run.Stop)
	assert.Equal(t, map[ledger.State]int{ledger.Verified: users}, c.states(t))
	assert.Equal(t, states[ledger.Failed], summary.Counts.Again)
	assert.Empty(t, org.Grants())
}

// A service app whose token lacks a scope stops the run before anything was revoked.
func TestMissingScope(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 30)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	app := org.AddServiceApp(oktatest.ServiceApp{
		Scopes: []string{"okta.users.read"}, Keys: []oktatest.ServiceAppKey{{ID: "k", Public: key.Public()}},
	})
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(30)...)
	c.workers = 3
	c.change = func(config *okta.Config) {
		config.Credentials = okta.ServiceApp{
			ClientID: app.ClientID, PrivateKey: okta.PrivateKeyFromSigner(key), KeyID: "k", Scopes: []string{"okta.users.read"},
		}
	}
	summary, err := c.try(t.Context(), t)
	assert.Equal(t, steps.ClassScope, steps.Class(err))
	require.ErrorContains(t, err, "okta.users.manage")
	assert.Equal(t, run.ExitUsage, summary.ExitCode())
	assert.LessOrEqual(t, total(paths(org, "DELETE")), 3)
	assert.Len(t, org.Grants(), 120)
	assert.Equal(t, summary.Calls, len(org.Requests())-1, "the request for the token does not count")
}

// Without an administrator role every user would be refused one by one.
func TestOnlyRefusals(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 60)
	org.Handle("GET /api/v1/users/{userId}/grants", handle(oktaError(403, "E0000006")))
	c := newCommand(t, org, ledger.Review, steps.Arguments{})
	c.workers = 5
	summary, err := c.try(t.Context(), t)
	require.ErrorIs(t, err, run.ErrRefused)
	require.ErrorIs(t, err, okta.ErrForbidden)
	assert.Equal(t, run.ExitUsage, summary.ExitCode())
	assert.Equal(t, ledger.Working, summary.Run.Phase)
	assert.LessOrEqual(t, count(org)["GET users/x/grants"], 25+4)
}

func TestRefusalsAfterSuccess(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 60)
	c := newCommand(t, org, ledger.Review, steps.Arguments{})
	c.workers = 1
	org.Next(append([]oktatest.Fault{nil, nil}, repeat(oktaError(403, "E0000006"), 59)...)...)
	summary := c.run(t)
	assert.Equal(t, run.ExitFailed, summary.ExitCode())
	assert.Equal(t, map[string]int{steps.ClassForbidden: 59}, summary.Counts.Classes)
	assert.Equal(t, ledger.Ended, summary.Run.Phase)
}

// Tasks that fail do not stop the others, and the next process does only them.
func TestFailedTasksAreDoneAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault oktatest.Fault
		class string
	}{
		"server error":    {oktaError(503, "E0000009"), steps.ClassServer},
		"cut body":        {oktatest.CutBody(20), steps.ClassServer},
		"lost connection": {oktatest.Drop(), steps.ClassNetwork},
		"page of a proxy": {oktatest.Reply(200, nil, "<html></html>"), steps.ClassServer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const users = 20
			org := newOrg(t, users)
			var broken atomic.Bool
			broken.Store(true)
			org.Handle("GET /api/v1/users/00uuser0007/grants", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if broken.Load() {
					c.fault(w, r, respond(`[{"id":"oag1","clientId":"0oanotes","scopeId":"openid"}]`))
					return
				}
				_, _ = w.Write([]byte(`[]`))
			}))
			cmd := newCommand(t, org, ledger.Review, steps.Arguments{})
			summary := cmd.run(t)
			assert.Equal(t, run.ExitFailed, summary.ExitCode())
			assert.Equal(t, map[string]int{c.class: 1}, summary.Counts.Classes)
			task := cmd.task(t, userID(7))
			assert.Equal(t, ledger.Failed, task.State)
			assert.NotEmpty(t, task.Error)
			assert.Empty(t, task.Found)

			broken.Store(false)
			org.ClearRequests()
			summary = cmd.run(t)
			assert.Equal(t, run.ExitDone, summary.ExitCode())
			assert.Equal(t, map[string]int{"users/00uuser0007/grants": 1}, withoutLists(paths(org, "GET")))
			assert.Equal(t, 4*(users-1), summary.Counts.Grants)
		})
	}
}

func respond(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
}

func withoutLists(paths map[string]int) map[string]int {
	maps.DeleteFunc(paths, func(path string, _ int) bool { return path == "users" })
	return paths
}

// A step that finds a rate limit exhausted is repeated.
func TestRateLimitIsWaitedFor(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 10)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(10)...)
	c.workers = 1
	impatient := func(config *okta.Config) {
		config.Retry, config.RateLimiter = okta.RetryOptions{MaxRetries: -1}, okta.RateLimiterOptions{Disabled: true}
	}
	c.change = impatient
	org.Next(append([]oktatest.Fault{nil, nil, nil}, repeat(oktaError(429, "E0000047"), 5)...)...)
	summary := c.run(t)
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Zero(t, summary.Counts.Again)

	org = newOrg(t, 1)
	c = newCommand(t, org, ledger.Review, steps.Arguments{})
	c.change = impatient
	org.Next(append([]oktatest.Fault{nil, nil}, repeat(oktaError(429, "E0000047"), 1000)...)...)
	summary = c.run(t)
	assert.Equal(t, run.ExitFailed, summary.ExitCode())
	assert.Equal(t, map[string]int{steps.ClassRateLimited: 1}, summary.Counts.Classes)
	assert.Len(t, org.Requests(), 2+6, "not for ever")
}

func TestOrgWithRateLimit(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 100)
	org.LimitRate(oktatest.BucketUsers, 80, time.Second)
	c := newCommand(t, org, ledger.Review, steps.Arguments{})
	summary := c.run(t)
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Equal(t, 400, summary.Counts.Grants)
}

// canceled runs a command whose context ends after so many calls.
func canceled(t *testing.T, c *command, calls int64) run.Summary {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	afterCalls(c, calls, cancel)
	summary, err := c.try(ctx, t)
	require.ErrorIs(t, err, run.ErrIncomplete)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, run.ExitIncomplete, run.ExitCode(err))
	c.change = nil
	return summary
}

// Interrupted again and again, a run loses nothing, and does nothing twice: revokes in flight come to their end.
func TestInterruptedOffboarding(t *testing.T) {
	t.Parallel()
	const users = 60
	org := newOrg(t, users)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, logins(users)...)
	for _, calls := range []int64{10, 40, 31, 50, 40} {
		summary := canceled(t, c, calls)
		assert.Equal(t, run.ExitIncomplete, summary.ExitCode())
	}
	summary := c.run(t)
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Zero(t, summary.Counts.Again)
	assert.Equal(t, map[ledger.State]int{ledger.Verified: users}, c.states(t))
	deleted := paths(org, "DELETE")
	assert.Len(t, deleted, 2*users)
	for path, n := range deleted {
		assert.Equal(t, 1, n, path)
	}
	for _, task := range c.tasks(t) {
		assert.Equal(t, []string{"sessions", "tokens", "grants"}, whats(task.Revoked))
	}
	assert.Empty(t, org.Grants())
}

func whats(revoked []ledger.Revoked) []string {
	whats := make([]string, len(revoked))
	for i, r := range revoked {
		whats[i] = r.What
	}
	return whats
}

func TestInterruptedReview(t *testing.T) {
	t.Parallel()
	const users = 450
	org := newOrg(t, users)
	c := newCommand(t, org, ledger.Review, steps.Arguments{Tokens: true})
	for _, calls := range []int64{1, 2, 100, 200} {
		canceled(t, c, calls)
	}
	for state := range c.states(t) {
		assert.Contains(t, []ledger.State{ledger.Pending, ledger.Done}, state, "a read that was cut off is no failure")
	}
	summary := c.run(t)
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Equal(t, 4*users, summary.Counts.Grants)
	assert.Equal(t, 2*users, summary.Counts.Tokens)
	pages := slices.DeleteFunc(org.Requests(), func(r oktatest.Request) bool {
		return !strings.HasSuffix(r.Path, "/users") || r.Query.Get("limit") == "1"
	})
	assert.Len(t, pages, 3, "the list is read on where it stopped")
	assert.LessOrEqual(t, count(org)["GET users/x/grants"], users+3*20)
}

// A revoke that takes too long after an interruption is cut off, and its outcome is unknown: it is done again.
func TestRevokeThatHangs(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var hangs sync.Once
	org.Handle("DELETE /api/v1/users/{userId}/grants", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hangs.Do(func() {
			cancel()
			<-r.Context().Done()
		})
		w.WriteHeader(http.StatusNoContent)
	}))
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userID(0))
	p := c.start(t.Context(), t)
	p.SetGrace(time.Millisecond)
	_, err := p.Prepare(t.Context())
	require.NoError(t, err)
	summary, err := p.Run(ctx)
	p.stop()
	require.ErrorIs(t, err, run.ErrIncomplete)
	assert.Equal(t, run.ExitIncomplete, summary.ExitCode())
	task := c.task(t, userID(0))
	assert.Equal(t, steps.ClassCanceled, task.Class)
	assert.Equal(t, []string{"sessions", "tokens"}, whats(task.Revoked), "what is known to be revoked")

	require.NoError(t, func() error { _, err := c.try(t.Context(), t); return err }())
	assert.Equal(t, 2, c.task(t, userID(0)).Tries)
}

// A process that dies leaves tasks that were started: the next one does them again and says so.
func TestProcessThatDied(t *testing.T) {
	t.Parallel()
	const users = 12
	org := newOrg(t, users)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(users)...)
	p := c.start(t.Context(), t)
	_, err := p.Prepare(t.Context())
	require.NoError(t, err)
	require.NoError(t, p.Ledger.SetPhase(t.Context(), ledger.Planned, ledger.Working))
	started, err := p.Ledger.Next(t.Context(), 0, 4, ledger.Pending)
	require.NoError(t, err)
	for i := range started {
		require.NoError(t, p.Ledger.Start(t.Context(), &started[i]))
	}
	for i := range started[:2] { // of two, the outcome was lost
		require.NoError(t, p.Job.Work(t.Context(), &started[i], nil))
	}
	p.stop()

	summary := c.run(t)
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Equal(t, 4, summary.Counts.Again)
	assert.Equal(t, 2, c.task(t, userID(0)).Tries)
	assert.Equal(t, 1, c.task(t, userID(4)).Tries)
	assert.Equal(t, users+2, count(org)["DELETE users/x/sessions"])
	assert.Equal(t, map[ledger.State]int{ledger.Verified: users}, c.states(t))
	assert.Empty(t, org.Grants())
}

// What is left after a revoke is found, reported, and revoked again by the next process.
func TestSomethingIsLeft(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 3)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(3)...)
	c.workers = 1
	org.Next(nil, nil, nil, nil, oktatest.Reply(204, nil, "")) // user 1 keeps the grants
	summary := c.run(t)
	assert.Equal(t, run.ExitFailed, summary.ExitCode())
	assert.Equal(t, map[string]int{steps.ClassLeft: 1}, summary.Counts.Classes)
	task := c.task(t, userID(1))
	assert.Equal(t, ledger.Left, task.State)
	assert.Contains(t, task.Error, "0oacalendar, 0oanotes")

	org.ClearRequests()
	summary = c.run(t)
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Equal(t, map[string]int{"users/00uuser0001/sessions": 1, "users/00uuser0001/grants": 1}, paths(org, "DELETE"))
	assert.Equal(t, 1, count(org)["GET users/x/clients"])
	task = c.task(t, userID(1))
	assert.Equal(t, ledger.Verified, task.State)
	assert.Empty(t, task.Error+task.Class)
}

// A verification that could not be read is repeated, without revoking again.
func TestVerificationThatFails(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 3)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(3)...)
	c.workers = 1
	org.Next(append(repeat(nil, 8), failsByItself(oktaError(503, "E0000009"))...)...)
	summary := c.run(t)
	assert.Equal(t, run.ExitFailed, summary.ExitCode())
	assert.Equal(t, map[string]int{steps.ClassServer: 1}, summary.Counts.Classes)
	assert.Equal(t, map[ledger.State]int{ledger.Verified: 2, ledger.Done: 1}, summary.Counts.Tasks[ledger.User])
	var again run.Plan
	func() {
		p := c.start(t.Context(), t)
		defer p.stop()
		var err error
		again, err = p.Prepare(t.Context())
		require.NoError(t, err)
	}()
	assert.Zero(t, again.Users(), "it is not revoked again")
	assert.Equal(t, 0, again.Work.Total())
	assert.Equal(t, 1, again.Verify.Total())

	org.ClearRequests()
	assert.Equal(t, run.ExitDone, c.exit(t))
	assert.Equal(t, map[string]int{"GET users": 1, "GET users/x/clients": 1}, count(org))
}

// A list that broke off goes on at its cursor, and one whose cursor Okta has forgotten starts over.
func TestListGoesOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults []oktatest.Fault // of the second process
		pages  []string
	}{
		"at the cursor": {nil, []string{"first", "cursor", "cursor", "cursor"}},
		"with a stale one": {
			repeat(oktaError(400, "E0000001"), 1), []string{"first", "cursor", "cursor", "first", "cursor", "cursor"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const users = 450
			org := newOrg(t, users)
			cmd := newCommand(t, org, ledger.Review, steps.Arguments{})
			org.Next(nil, oktaError(403, "E0000006"))
			summary, err := cmd.try(t.Context(), t)
			require.ErrorIs(t, err, okta.ErrForbidden)
			assert.Equal(t, run.ExitUsage, summary.ExitCode())
			assert.Len(t, cmd.tasks(t), 200)
			org.Next(c.faults...)
			summary = cmd.run(t)
			assert.Equal(t, run.ExitDone, summary.ExitCode())
			assert.Len(t, cmd.tasks(t), users)
			assert.Equal(t, users, count(org)["GET users/x/grants"])
			var pages []string
			for _, r := range org.Requests() {
				switch {
				case !strings.HasSuffix(r.Path, "/users"):
				case r.Query.Has("after"):
					pages = append(pages, "cursor")
				default:
					pages = append(pages, "first")
				}
			}
			assert.Equal(t, c.pages, pages)
		})
	}
}

func TestInterruptedResolving(t *testing.T) {
	t.Parallel()
	const users = 30
	org := newOrg(t, users)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, append(logins(users), "nobody@example.com")...)
	c.workers = 2
	canceled(t, c, 10)
	for state := range c.states(t) {
		assert.Equal(t, ledger.Pending, state)
	}
	summary := c.run(t)
	assert.Equal(t, run.ExitFailed, summary.ExitCode())
	assert.Equal(t, map[ledger.State]int{ledger.Verified: users, ledger.Failed: 1}, c.states(t))
	assert.LessOrEqual(t, count(org)["GET users/x"], users+1+2, "a login is asked for once, but for those in flight")
}

// The ledger cannot be written: the run stops at once.
func TestLedgerFails(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 40)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(40)...)
	c.workers = 2
	p := c.start(t.Context(), t)
	_, err := p.Prepare(t.Context())
	require.NoError(t, err)
	require.NoError(t, p.Ledger.Close())
	summary, err := p.Run(t.Context())
	p.Ledger = nil
	require.Error(t, err)
	assert.Equal(t, run.ExitIncomplete, summary.ExitCode())
	assert.Empty(t, paths(org, "DELETE"), "nothing is revoked without the intent on record")
}

func TestRunBeforeItIsListed(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 1)
	p := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userID(0)).start(t.Context(), t)
	_, err := p.Run(t.Context())
	require.ErrorContains(t, err, "not listed yet")
	assert.Empty(t, org.Requests())
}

// An engine for several machines hands out parts of the tasks.
func TestDoRange(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 10)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(10)...)
	p := c.start(t.Context(), t)
	_, err := p.Prepare(t.Context())
	require.NoError(t, err)
	require.NoError(t, p.DoRange(t.Context(), t.Context(), ledger.Working, 4, 7))
	assert.Equal(t, map[ledger.State]int{ledger.Pending: 6, ledger.Done: 4}, c.states(t))
	require.NoError(t, p.DoRange(t.Context(), t.Context(), ledger.Working, 4, 7), "nothing is left to do")
	require.NoError(t, p.DoRange(t.Context(), t.Context(), ledger.Verifying, 1, 10))
	assert.Equal(t, map[ledger.State]int{ledger.Pending: 6, ledger.Verified: 4}, c.states(t))

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the pod is drained"))
	for range 20 {
		err = p.DoRange(ctx, ctx, ledger.Working, 1, 10)
		require.ErrorIs(t, err, run.ErrIncomplete)
		require.ErrorContains(t, err, "the pod is drained")
	}
	assert.Equal(t, 6, c.states(t)[ledger.Pending])
	assert.Equal(t, 4, count(org)["DELETE users/x/grants"])
}

func TestProgress(t *testing.T) {
	t.Parallel()
	const users = 30
	org := newOrg(t, users)
	org.LimitRate(oktatest.BucketUsers, 1000, time.Hour)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, append([]string{"00unobody"}, logins(users)...)...)
	c.workers = 1
	p := c.start(t.Context(), t)
	var at []run.Progress
	org.Handle("DELETE /api/v1/users/00uuser0009/sessions", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		at = append(at, p.Progress())
		w.WriteHeader(http.StatusNoContent)
	}))
	_, err := p.Prepare(t.Context())
	require.NoError(t, err)
	listed := p.Progress()
	assert.Equal(t, ledger.Listing, listed.Phase)
	assert.Equal(t, users+1, listed.Done)
	assert.Equal(t, users+1, listed.Total)
	_, err = p.Run(t.Context())
	require.NoError(t, err)

	require.Len(t, at, 1)
	assert.Equal(t, ledger.Working, at[0].Phase)
	done := at[0].Done - 1 // some of all parts of the list came first
	assert.Positive(t, done)
	assert.Equal(t, 1, at[0].Failed)
	assert.Equal(t, users+1, at[0].Total)
	assert.Equal(t, users+1+1+2*done, at[0].Calls)
	assert.Positive(t, at[0].PerMinute)
	assert.Positive(t, at[0].Remaining)
	assert.InDelta(t, float64(2*done+2)/1000, at[0].Share, 0.005)

	end := p.Progress()
	assert.Equal(t, ledger.Verifying, end.Phase)
	assert.Equal(t, users+1, end.Done)
	assert.Equal(t, 1, end.Failed)
	assert.Equal(t, len(org.Requests()), end.Calls)
	assert.Zero(t, end.Remaining)
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	ended := ledger.Run{Kind: ledger.Offboard, Phase: ledger.Ended}
	reviewed := ledger.Run{Kind: ledger.Review, Phase: ledger.Ended}
	counts := func(state ledger.State) ledger.Counts {
		return ledger.Counts{Tasks: map[ledger.TaskKind]map[ledger.State]int{ledger.User: {state: 1}}}
	}
	for _, c := range []struct {
		summary run.Summary
		want    int
	}{
		{run.Summary{Run: ended, Counts: counts(ledger.Verified)}, run.ExitDone},
		{run.Summary{Run: ended, Counts: counts(ledger.Gone)}, run.ExitDone},
		{run.Summary{Run: reviewed, Counts: counts(ledger.Done)}, run.ExitDone},
		{run.Summary{Run: reviewed, Counts: counts(ledger.Failed)}, run.ExitFailed},
		{run.Summary{Run: ended, Counts: counts(ledger.Done)}, run.ExitFailed}, // it was not verified
		{run.Summary{Run: ended, Counts: counts(ledger.Pending)}, run.ExitFailed},
		{run.Summary{Run: ended, Counts: counts(ledger.Started)}, run.ExitFailed},
		{run.Summary{Run: ended, Counts: counts(ledger.Failed)}, run.ExitFailed},
		{run.Summary{Run: ended, Counts: counts(ledger.Left)}, run.ExitFailed},
		{run.Summary{Run: ledger.Run{Phase: ledger.Working}}, run.ExitIncomplete},
		{run.Summary{Err: okta.ErrUnauthorized}, run.ExitUsage},
		{run.Summary{Err: okta.ErrNotFound}, run.ExitUsage},
		{run.Summary{Err: ledger.ErrStorage}, run.ExitIncomplete},
		{run.Summary{Err: ledger.ErrGone}, run.ExitIncomplete},
		{run.Summary{Err: ledger.ErrCorrupt}, run.ExitUsage},
		{run.Summary{Err: ledger.ErrVersion}, run.ExitUsage},
		{run.Summary{Err: fmt.Errorf("%w: %w", ledger.ErrStorage, ledger.ErrDenied)}, run.ExitUsage},
		{run.Summary{Err: fmt.Errorf("%w: %w", steps.ErrAway, io.ErrUnexpectedEOF)}, run.ExitIncomplete},
		{run.Summary{Err: x509.UnknownAuthorityError{}}, run.ExitUsage},
		{run.Summary{Err: &okta.Error{StatusCode: 407}}, run.ExitUsage},
		{run.Summary{Err: &okta.Error{StatusCode: 503}}, run.ExitIncomplete},
		{run.Summary{Err: errors.Join(run.ErrIncomplete, okta.ErrForbidden)}, run.ExitIncomplete},
	} {
		assert.Equal(t, c.want, c.summary.ExitCode(), "%v", c.summary.Err)
	}
	assert.Equal(t, run.ExitDone, run.ExitCode(nil))
}

func TestMeter(t *testing.T) {
	t.Parallel()
	var none *run.Meter
	assert.Zero(t, none.Calls())
	assert.Zero(t, none.PerMinute())
	m := &run.Meter{}
	assert.Zero(t, m.PerMinute())
	for _, route := range slices.Repeat([]string{"/api/v1/users", "/oauth2/v1/token"}, 30) {
		m.OnAttempt(t.Context(), okta.Attempt{Route: route})
	}
	assert.Equal(t, 30, m.Calls())
	assert.InDelta(t, 1800, m.PerMinute(), 1, "30 within the first second")
}

// A run whose ledger is deleted has no record, so it does not end as if it had.
func TestLedgerIsDeletedDuringTheRun(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // an open file cannot be deleted
	}
	org := newOrg(t, 3)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(3)...)
	p := c.start(t.Context(), t)
	_, err := p.Prepare(t.Context())
	require.NoError(t, err)
	require.NoError(t, os.Remove(c.path))
	summary, err := p.Run(t.Context())
	require.ErrorIs(t, err, ledger.ErrGone)
	assert.Equal(t, steps.ClassStorage, steps.Class(err))
	assert.Equal(t, run.ExitIncomplete, summary.ExitCode())
	assert.Len(t, org.Grants(), 12, "nothing is revoked without a record")
}

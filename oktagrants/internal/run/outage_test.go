package run_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

var noSuchHost = &url.Error{Op: "Get", URL: "https://x", Err: &net.OpError{
	Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "acme.okta.com", IsNotFound: true},
}}

// Ten minutes in which Okta does not respond fail nothing: the run pauses, sends a probe at most each minute once it has
// waited for long, says so, and goes on.
func TestOutageIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func(*http.Request) *failure{
		"503":                unavailable,
		"502 of Okta":        answers(502, "application/json", `{"errorCode":"E0000009","errorSummary":"no"}`),
		"connection refused": breaks(&net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}),
		"no such host":       breaks(noSuchHost),
		"timeout of a dial":  breaks(&net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}),
	} {
		for _, workers := range []int{1, 20} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				const users = 60
				org := newOrg(t, users)
				c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(users)...)
				c.workers = workers
				o := &outage{clock: c.clock, after: 40, lasts: 10 * time.Minute, fails: fails}
				c.change = o.apply
				p := c.start(t.Context(), t)
				var reported []steps.Outage
				p.OnOutage = func(outage steps.Outage) { reported = append(reported, outage) }
				_, err := p.Prepare(t.Context())
				require.NoError(t, err)
				c.clock.waiting = func(ctx context.Context) {
					row, err := p.Ledger.Run(ctx)
					assert.Contains(t, row.Stop, "paused since 2026-03-01T03:10:00Z, until Okta responds: ", "%v", err)
					assert.Equal(t, clockBegan, p.Progress().Paused)
				}
				summary, err := p.Run(t.Context())
				require.NoError(t, err)
				p.stop()

				assert.Equal(t, run.ExitDone, summary.ExitCode())
				assert.Equal(t, map[ledger.State]int{ledger.Verified: users}, c.states(t))
				assert.Zero(t, summary.Counts.Again)
				assert.Empty(t, summary.Run.Stop)
				assert.GreaterOrEqual(t, summary.Paused, 10*time.Minute)
				assert.Less(t, summary.Paused, 11*time.Minute)
				assert.Empty(t, org.Grants())
				for path, n := range paths(org, "DELETE") {
					assert.Equal(t, 1, n, path)
				}
				assert.LessOrEqual(t, c.clock.waits, 6+10, "a second, twice that, and so on, up to a minute")
				assert.LessOrEqual(t, o.sent.Load(), int64(2*(workers+1+6+10)), "one probe at a time, of two attempts")
				require.NotEmpty(t, reported)
				assert.True(t, reported[len(reported)-1].Over)
				assert.Error(t, reported[0].Err)
			})
		}
	}
}

// The list and the logins are read on, too.
func TestOutageWhileListing(t *testing.T) {
	t.Parallel()
	const users = 450
	org := newOrg(t, users)
	c := newCommand(t, org, ledger.Review, steps.Arguments{Tokens: true})
	c.change = (&outage{clock: c.clock, after: 2, lasts: time.Hour, fails: unavailable}).apply
	assert.Equal(t, run.ExitDone, c.exit(t))
	assert.Len(t, c.tasks(t), users+len(clients)+2)

	c = newCommand(t, org, ledger.Offboard, steps.Arguments{}, logins(30)...)
	c.change = (&outage{clock: c.clock, after: 10, lasts: time.Hour, fails: unavailable}).apply
	assert.Equal(t, run.ExitDone, c.exit(t))
}

// One route fails for everybody while Okta responds to others: that is an outage as well.
func TestOutageOfOneRoute(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func(*http.Request) *failure{
		"503": unavailable,
		"read-only mode": func(req *http.Request) *failure {
			if req.Method == http.MethodGet {
				return nil
			}
			return answers(503, "application/json", `{"errorCode":"E0000010","errorSummary":"read-only"}`)(req)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const users = 60
			org := newOrg(t, users)
			c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(users)...)
			only := func(req *http.Request) *failure {
				if !strings.HasSuffix(req.URL.Path, "/sessions") && !strings.HasSuffix(req.URL.Path, "/grants") {
					return nil
				}
				return fails(req)
			}
			lasts := 10 * time.Minute
			if name == "read-only mode" { // which Okta announces
				lasts = 2 * time.Hour
			}
			o := &outage{clock: c.clock, after: 1, lasts: lasts, fails: only}
			c.change = o.apply
			if name == "503" {
				c.clock.waiting = func(context.Context) { // all workers have met the outage
					assert.Eventually(t, func() bool { return o.sent.Load() >= 2*20 }, time.Minute, time.Millisecond)
				}
			}
			summary := c.run(t)
			assert.Equal(t, run.ExitDone, summary.ExitCode())
			assert.Equal(t, map[ledger.State]int{ledger.Verified: users}, c.states(t))
			for path, n := range paths(org, "DELETE") {
				assert.Equal(t, 1, n, path)
			}
		})
	}
}

// A user for whom Okta always fails does not keep the others, nor the run, even if there are no others.
func TestUserForWhomOktaAlwaysFails(t *testing.T) {
	t.Parallel()
	for _, users := range []int{1, 30} {
		org := newOrg(t, users)
		org.Handle("DELETE /api/v1/users/00uuser0000/grants", handle(oktaError(500, "E0000009")))
		c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(users)...)
		for range 2 {
			summary := c.run(t)
			assert.Equal(t, run.ExitFailed, summary.ExitCode())
			assert.Equal(t, map[string]int{steps.ClassServer: 1}, summary.Counts.Classes)
			assert.Equal(t, users-1, summary.Counts.Tasks[ledger.User][ledger.Verified])
		}
		assert.Equal(t, 2, c.clock.waits, "one for each process")
		assert.Len(t, org.Grants(), 4)
	}
}

// Many such users, and nobody else, look like an outage. It is waited for once, and then they have failed.
func TestManyUsersForWhomOktaAlwaysFails(t *testing.T) {
	t.Parallel()
	const users = 60
	org := newOrg(t, users)
	org.Handle("GET /api/v1/users/{id}/grants", handle(oktaError(500, "E0000009")))
	c := newCommand(t, org, ledger.Review, steps.Arguments{})
	summary := c.run(t)
	assert.Equal(t, run.ExitFailed, summary.ExitCode())
	assert.Equal(t, map[string]int{steps.ClassServer: users}, summary.Counts.Classes)
	assert.Less(t, c.clock.elapsed(), 20*time.Minute)
	assert.Equal(t, ledger.Ended, summary.Run.Phase)
	assert.Empty(t, summary.Run.Stop)
	assert.Less(t, summary.Paused, 20*time.Minute)
}

// An outage that does not end stops the run after hours. Nothing has failed, and the same command goes on.
func TestOutageThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	const users = 30
	org := newOrg(t, users)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(users)...)
	c.change = (&outage{clock: c.clock, after: 20, lasts: 1000 * time.Hour, fails: unavailable}).apply
	summary, err := c.try(t.Context(), t)
	require.ErrorIs(t, err, steps.ErrAway)
	assert.Equal(t, run.ExitIncomplete, summary.ExitCode())
	assert.InDelta(t, steps.MaxOutage, c.clock.elapsed(), float64(2*time.Minute))
	assert.Contains(t, summary.Run.Stop, "no response from Okta for 12h")
	assert.Zero(t, c.states(t)[ledger.Failed])

	c.change = nil
	assert.Equal(t, run.ExitDone, c.exit(t))
	assert.Empty(t, org.Grants())
}

// A run that never had a response may have a wrong URL: it does not wait.
func TestNoResponseAtTheBeginning(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 30)
	for _, c := range []*command{
		newCommand(t, org, ledger.Review, steps.Arguments{}),
		newCommand(t, org, ledger.Offboard, steps.Arguments{}, logins(30)...),
	} {
		o := &outage{clock: c.clock, lasts: time.Hour, fails: breaks(noSuchHost)}
		c.change = o.apply
		summary, err := c.try(t.Context(), t)
		require.ErrorIs(t, err, steps.ErrAway)
		assert.Equal(t, run.ExitIncomplete, summary.ExitCode())
		assert.Zero(t, c.clock.waits)
		assert.Zero(t, c.states(t)[ledger.Failed])
		c.change = nil
		assert.Equal(t, run.ExitDone, c.exit(t))
	}
}

// An interruption ends a pause at once, and what waited is done by the next process.
func TestInterruptedOutage(t *testing.T) {
	t.Parallel()
	const users = 30
	org := newOrg(t, users)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(users)...)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	c.clock.waiting = func(ctx context.Context) {
		interrupt()
		<-ctx.Done()
	}
	c.change = (&outage{clock: c.clock, after: 20, lasts: time.Hour, fails: unavailable}).apply
	p := c.start(ctx, t)
	p.SetGrace(time.Hour) // of calls in flight, and not of those that wait
	_, err := p.Prepare(ctx)
	require.NoError(t, err)
	summary, err := p.Run(ctx)
	p.stop()
	require.ErrorIs(t, err, run.ErrIncomplete)
	assert.Equal(t, run.ExitIncomplete, summary.ExitCode())
	assert.Equal(t, 1, c.clock.waits)
	assert.Zero(t, c.states(t)[ledger.Failed])

	c.change = nil
	assert.Equal(t, run.ExitDone, c.exit(t))
	assert.Empty(t, org.Grants())
}

// What does not pass by itself stops the run, with 2: a script must not repeat it.
func TestWhatPreventsAllCallsStopsTheRun(t *testing.T) {
	t.Parallel()
	untrusted := &url.Error{Op: "Get", URL: "https://x", Err: x509.UnknownAuthorityError{}}
	for name, fails := range map[string]func(*http.Request) *failure{
		"captive portal":               answers(200, "text/html", "<html>Welcome to the hotel</html>"),
		"redirect to a portal":         answers(302, "text/html", ""),
		"network authentication":       answers(511, "text/html", "<html>sign in</html>"),
		"page that blocks":             answers(403, "text/html", "<!DOCTYPE html><html>blocked by policy</html>"),
		"proxy":                        answers(407, "text/html", "<html>proxy</html>"),
		"proxy that refuses to tunnel": breaks(errors.New("Proxy Authentication Required")),
		"certificate":                  breaks(untrusted),
	} {
		for _, after := range []int64{0, 20} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				const users = 30
				org := newOrg(t, users)
				c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(users)...)
				c.change = (&outage{clock: c.clock, after: after, lasts: time.Hour, fails: fails}).apply
				summary, err := c.try(t.Context(), t)
				assert.Equal(t, steps.ClassIntercepted, steps.Class(err), "%v", err)
				assert.Equal(t, run.ExitUsage, summary.ExitCode())
				assert.Zero(t, c.states(t)[ledger.Failed])
				assert.Zero(t, c.clock.waits)

				c.change = nil
				assert.Equal(t, run.ExitDone, c.exit(t))
				assert.Empty(t, org.Grants())
			})
		}
	}
}

// A portal that comes after an outage stops the run as well.
func TestPortalAfterAnOutage(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 30)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(30)...)
	fails := func(req *http.Request) *failure {
		if c.clock.elapsed() < time.Minute {
			return unavailable(req)
		}
		return answers(200, "text/html", "<html>Welcome</html>")(req)
	}
	c.change = (&outage{clock: c.clock, after: 20, lasts: time.Hour, fails: fails}).apply
	summary, err := c.try(t.Context(), t)
	assert.Equal(t, steps.ClassIntercepted, steps.Class(err))
	assert.Equal(t, run.ExitUsage, summary.ExitCode())
	assert.Less(t, c.clock.elapsed(), 3*time.Minute)
}

// A rate limit that outlasts the retries of a call has that call repeated alone.
func TestRateLimitRepeatsOnlyTheCall(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 1)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userID(0))
	c.change = func(config *okta.Config) {
		config.Retry, config.RateLimiter = okta.RetryOptions{MaxRetries: -1}, okta.RateLimiterOptions{Disabled: true}
	}
	limited := 0
	org.Handle("DELETE /api/v1/users/{id}/grants", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if limited++; limited < 5 {
			oktaError(429, "E0000047")(w, r, nil)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	summary := c.run(t)
	assert.Equal(t, 5, limited)
	assert.Equal(t, 1, count(org)["DELETE users/x/sessions"], "what has succeeded is not sent again")
	assert.Equal(t, run.ExitFailed, summary.ExitCode(), "the org of the test has revoked nothing")
}

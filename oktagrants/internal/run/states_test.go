package run_test

import (
	"context"
	"database/sql"
	"net/http"
	"strings"
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

// refuse has an org refuse with 403 what concerns some users, until it is told otherwise.
func refuse(org *oktatest.Org, pattern string, users int) *atomic.Bool {
	var refuses atomic.Bool
	refuses.Store(true)
	untouchable := map[string]bool{}
	for i := range users {
		untouchable[userID(i)] = true
	}
	org.Next(repeat(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		parts := strings.Split(r.URL.Path, "/")
		if refuses.Load() && r.Method == pattern && len(parts) > 4 && untouchable[parts[4]] {
			oktaError(403, "E0000006")(w, r, nil)
			return
		}
		next.ServeHTTP(w, r)
	}, 5000)...)
	return &refuses
}

// Users who must not be touched, first in the list, do not keep the others from being off-boarded.
func TestUntouchableUsersFirst(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 20} {
		org := newOrg(t, 200)
		refuses := refuse(org, http.MethodDelete, 50)
		c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(200)...)
		c.workers = workers
		for range 2 {
			summary := c.run(t)
			assert.Equal(t, run.ExitFailed, summary.ExitCode())
			assert.Equal(t, map[ledger.State]int{ledger.Verified: 150, ledger.Failed: 50}, c.states(t))
			assert.Len(t, org.Grants(), 50*4)
		}
		refuses.Store(false)
		assert.Equal(t, run.ExitDone, c.exit(t))
		assert.Empty(t, org.Grants())
	}
}

// An ended run does not get worse when it is repeated: not by refusals, an interruption or refused credentials.
func TestEndedReviewStaysEnded(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 60)
	refuse(org, http.MethodGet, 50)
	c := newCommand(t, org, ledger.Review, steps.Arguments{})
	for range 3 {
		summary := c.run(t)
		assert.Equal(t, run.ExitFailed, summary.ExitCode())
		assert.Equal(t, ledger.Ended, summary.Run.Phase)
		assert.Equal(t, map[string]int{steps.ClassForbidden: 50}, summary.Counts.Classes)
	}
	refused := func(config *okta.Config) {
		fails := answers(401, "application/json", `{"errorCode":"E0000011","errorSummary":"Invalid token provided"}`)
		(&outage{clock: c.clock, after: 5, lasts: time.Hour, fails: fails}).apply(config)
	}
	for name, change := range map[string]func(ctx context.CancelFunc){
		"interrupted":         func(stop context.CancelFunc) { afterCalls(c, 5, stop) },
		"credentials refused": func(context.CancelFunc) { c.change = refused },
	} {
		ctx, stop := context.WithCancel(t.Context())
		change(stop)
		summary, err := c.try(ctx, t)
		stop()
		require.Error(t, err, name)
		assert.Equal(t, ledger.Ended, summary.Run.Phase, name)
		assert.NotEmpty(t, summary.Run.Stop, name)
		c.change = nil
	}
	args := steps.Arguments{Client: "0oacalendar", UsersOf: steps.Reviewed, Review: c.path}
	users := newCommand(t, org, ledger.RevokeApp, args)
	users.run(t)
	assert.Len(t, users.tasks(t), 1+60, "those who could not be read, too")
}

// Whoever reads the ledger of an ended review while it is repeated, or after that process was killed, finds an ended
// review.
func TestReviewIsEndedWhileItIsRepeated(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 20)
	refuse(org, http.MethodGet, 15)
	c := newCommand(t, org, ledger.Review, steps.Arguments{})
	first := c.run(t)
	var phase atomic.Value
	afterCalls(c, 5, func() {
		review, err := ledger.Open(context.Background(), c.path, ledger.Read)
		if err != nil {
			return // without a phase
		}
		defer review.Close() //nolint:errcheck // nothing is written to it
		if kept, err := review.Run(context.Background()); err == nil {
			phase.Store(kept.Phase)
		}
	})
	again := c.run(t)
	assert.Equal(t, ledger.Ended, phase.Load())
	assert.Equal(t, ledger.Ended, again.Run.Phase)
	assert.False(t, again.Run.Ended.Before(first.Run.Ended))
	assert.Equal(t, run.ExitFailed, again.ExitCode())
}

// A run that was stopped since all were refused goes through all of its tasks when it is repeated, and ends.
func TestRepeatedRunThatIsRefusedEnds(t *testing.T) {
	t.Parallel()
	const users = 100
	org := newOrg(t, users)
	refuse(org, http.MethodDelete, users-1)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(users-1)...)
	c.workers = 1
	summary, err := c.try(t.Context(), t)
	require.ErrorIs(t, err, run.ErrRefused)
	assert.Equal(t, run.ExitUsage, summary.ExitCode())
	for range 2 {
		summary = c.run(t)
		assert.Equal(t, run.ExitFailed, summary.ExitCode())
		assert.Equal(t, ledger.Ended, summary.Run.Phase)
		assert.Equal(t, map[ledger.State]int{ledger.Failed: users - 1}, c.states(t))
	}
}

// No order of users who must not be touched hides the others.
func TestUntouchableUsersAtEvenDistances(t *testing.T) {
	t.Parallel()
	const users = 200
	org := newOrg(t, users)
	var ids []string
	untouchable := userIDs(users)[:25]
	others := userIDs(users)[25:]
	for i, id := range untouchable {
		ids = append(append(ids, id), others[i*7:(i+1)*7]...)
	}
	refuse(org, http.MethodDelete, len(untouchable))
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, ids...)
	c.workers = 1
	summary := c.run(t)
	assert.Equal(t, run.ExitFailed, summary.ExitCode())
	assert.Equal(t, map[ledger.State]int{ledger.Verified: 175, ledger.Failed: 25}, c.states(t))
}

// Tasks that failed come after those that nothing was done for.
func TestFailedTasksComeLast(t *testing.T) {
	t.Parallel()
	const users = 60
	org := newOrg(t, users)
	refuses := refuse(org, http.MethodDelete, 10)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(users)...)
	c.workers = 1
	canceled(t, c, 80)
	failed := c.states(t)[ledger.Failed]
	require.Equal(t, 10, failed)
	require.Positive(t, c.states(t)[ledger.Pending])
	refuses.Store(false)
	org.ClearRequests()
	assert.Equal(t, run.ExitDone, c.exit(t))
	var order []string
	for _, r := range org.Requests() {
		if strings.HasSuffix(r.Path, "/sessions") {
			order = append(order, r.Path)
		}
	}
	require.Greater(t, len(order), failed)
	for _, path := range order[:len(order)-failed] {
		assert.NotContains(t, path, "00uuser000", "first those whom nobody was at")
	}
}

// gone responds as Okta does for a user who does not exist.
func gone(id string) oktatest.Fault {
	return oktatest.Reply(404, http.Header{"Content-Type": {"application/json"}},
		`{"errorCode":"E0000007","errorSummary":"Not found: Resource not found: `+id+` (User)"}`)
}

// deleteUser has an org respond to all that concerns a user as if they had been deleted.
func deleteUser(org *oktatest.Org, id string) {
	for _, pattern := range []string{
		"GET /api/v1/users/" + id, "GET /api/v1/users/" + id + "/grants", "GET /api/v1/users/" + id + "/clients",
		"DELETE /api/v1/users/" + id + "/grants", "DELETE /api/v1/users/" + id + "/sessions",
	} {
		org.Handle(pattern, handle(gone(id)))
	}
}

func TestUserDeletedBeforeTheRead(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 10)
	c := newCommand(t, org, ledger.Review, steps.Arguments{})
	p := c.start(t.Context(), t)
	_, err := p.Prepare(t.Context())
	require.NoError(t, err)
	deleteUser(org, userID(3))
	summary, err := p.Run(t.Context())
	require.NoError(t, err)
	p.stop()
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Equal(t, map[ledger.State]int{ledger.Done: 9, ledger.Gone: 1}, summary.Counts.Tasks[ledger.User])
	assert.Empty(t, summary.Counts.Classes)
	task := c.task(t, userID(3))
	assert.Equal(t, ledger.Gone, task.State)
	assert.Empty(t, task.Found)
}

func TestUserDeletedAfterTheRevoke(t *testing.T) {
	t.Parallel()
	for _, given := range [][]string{userIDs(10), logins(10)} {
		org := newOrg(t, 10)
		org.Handle("GET /api/v1/users/"+userID(3)+"/clients", handle(gone(userID(3))))
		c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, given...)
		summary := c.run(t)
		assert.Equal(t, run.ExitDone, summary.ExitCode())
		assert.Equal(t, map[ledger.State]int{ledger.Verified: 9, ledger.Gone: 1}, summary.Counts.Tasks[ledger.User])
		assert.Empty(t, org.Grants())
		task := c.task(t, userID(3))
		assert.Equal(t, []string{"sessions", "tokens", "grants"}, whats(task.Revoked))
	}
}

// A user deleted before anything was revoked is gone if the run has found them, and unknown if the caller named an ID.
func TestUserDeletedBeforeTheRevoke(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]ledger.State{
		"user0003@example.com": ledger.Gone, userID(3): ledger.Failed,
	} {
		org := newOrg(t, 10)
		c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, given)
		p := c.start(t.Context(), t)
		_, err := p.Prepare(t.Context())
		require.NoError(t, err)
		deleteUser(org, userID(3))
		_, err = p.Run(t.Context())
		require.NoError(t, err)
		p.stop()
		assert.Equal(t, want, c.task(t, userID(3)).State, given)
	}
}

// Only Okta's word that there is no such user makes one gone.
func TestNotFoundThatProvesNothing(t *testing.T) {
	t.Parallel()
	json := http.Header{"Content-Type": {"application/json"}}
	for name, c := range map[string]struct {
		fault oktatest.Fault
		user  oktatest.Fault // of GET users/{id}
		want  ledger.State
	}{
		"page of a proxy": {oktatest.Reply(404, nil, "<html>404</html>"), oktatest.Reply(404, nil, "<html>404</html>"), ledger.Failed},
		"no such path":    {oktaError(404, "E0000008"), oktaError(404, "E0000008"), ledger.Failed},
		"another resource": {
			oktatest.Reply(404, json, `{"errorCode":"E0000007","errorSummary":"Not found: Resource not found: 0oa1 (AppInstance)"}`),
			oktaError(404, "E0000007"), ledger.Failed,
		},
		"nothing is named, and the user exists":  {oktaError(404, "E0000007"), nil, ledger.Failed},
		"nothing is named, and the user is gone": {oktaError(404, "E0000007"), gone(userID(3)), ledger.Gone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t, 10)
			org.Handle("GET /api/v1/users/"+userID(3)+"/grants", handle(c.fault))
			if c.user != nil {
				org.Handle("GET /api/v1/users/"+userID(3), handle(c.user))
			}
			cmd := newCommand(t, org, ledger.Review, steps.Arguments{})
			summary := cmd.run(t)
			assert.Equal(t, c.want, cmd.task(t, userID(3)).State)
			want := run.ExitDone
			if c.want == ledger.Failed {
				want = run.ExitFailed
			}
			assert.Equal(t, want, summary.ExitCode())
			assert.LessOrEqual(t, count(org)["GET users/x"], 3)
		})
	}
}

func TestAppDeletedBeforeTheRead(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 3)
	c := newCommand(t, org, ledger.Review, steps.Arguments{Tokens: true})
	org.Handle("GET /api/v1/apps/0oanotes/tokens", handle(oktatest.Reply(404, http.Header{"Content-Type": {"application/json"}},
		`{"errorCode":"E0000007","errorSummary":"Not found: Resource not found: 0oanotes (AppInstance)"}`)))
	summary := c.run(t)
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Equal(t, map[ledger.State]int{ledger.Done: 1, ledger.Gone: 1}, summary.Counts.Tasks[ledger.App])
}

// The plan counts what will be sent, whatever became of the others.
func TestPlanCountsWhatWillBeSent(t *testing.T) {
	t.Parallel()
	const users = 10
	org := newOrg(t, users)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, append(userIDs(users), "nobody@example.com")...)
	c.workers = 1
	for i := range 3 { // deleted after the revoke
		org.Handle("GET /api/v1/users/"+userID(i)+"/clients", handle(gone(userID(i))))
	}
	var fails atomic.Bool
	fails.Store(true)
	org.Next(repeat(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if fails.Load() && r.URL.Path == "/api/v1/users/"+userID(7)+"/grants" {
			oktaError(503, "E0000009")(w, r, nil)
			return
		}
		if fails.Load() && r.URL.Path == "/api/v1/users/"+userID(8)+"/clients" {
			oktaError(403, "E0000006")(w, r, nil)
			return
		}
		next.ServeHTTP(w, r)
	}, 1000)...)
	summary := c.run(t)
	assert.Equal(t, run.ExitFailed, summary.ExitCode())
	assert.Equal(t, map[ledger.State]int{ledger.Verified: 5, ledger.Gone: 3, ledger.Failed: 2, ledger.Done: 1},
		summary.Counts.Tasks[ledger.User])

	fails.Store(false)
	p := c.start(t.Context(), t)
	plan, err := p.Prepare(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, plan.Users())
	assert.Equal(t, 1, plan.Unknown())
	assert.Equal(t, steps.Calls{steps.BucketUsers: 2}, plan.Work)
	assert.Equal(t, steps.Calls{steps.BucketUsers: 2}, plan.Verify)
	org.ClearRequests()
	_, err = p.Run(t.Context())
	require.NoError(t, err)
	p.stop()
	assert.Equal(t, plan.Work.Total(), total(paths(org, "DELETE")))
	assert.Equal(t, plan.Verify.Total(), count(org)["GET users/x/clients"])
}

// A task that is done and was not verified, whatever slipped, is no success, and the same command verifies it.
func TestDoneIsNotVerified(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 3)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(3)...)
	require.Equal(t, run.ExitDone, c.exit(t))
	task := c.task(t, userID(1))
	l, err := ledger.Open(t.Context(), c.path, ledger.Write)
	require.NoError(t, err)
	task.State = ledger.Done
	require.NoError(t, l.Finish(t.Context(), &task))
	counts, err := l.Counts(t.Context())
	require.NoError(t, err)
	row, err := l.Run(t.Context())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	slipped := run.Summary{Run: row, Counts: counts}
	assert.Equal(t, run.ExitFailed, slipped.ExitCode())

	org.ClearRequests()
	assert.Equal(t, run.ExitDone, c.exit(t))
	assert.Equal(t, 1, count(org)["GET users/x/clients"])
	assert.Empty(t, paths(org, "DELETE"))
}

// The outcome of a ledger that is damaged in the middle is for a person.
func TestDamagedLedgerStopsTheRun(t *testing.T) {
	t.Parallel()
	const users = 100
	for name, statement := range map[string]string{
		"before it is begun": `UPDATE ledger_tasks SET revoked = '[{"what":' WHERE seq = 77`,
		"a counter":          `INSERT INTO ledger_counters VALUES (1, 0, 'colours', 3)`,
	} {
		org := newOrg(t, users)
		c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(users)...)
		p := c.start(t.Context(), t)
		_, err := p.Prepare(t.Context())
		require.NoError(t, err)
		db, err := sql.Open("sqlite", c.path)
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
		require.NoError(t, db.Close())
		summary, err := p.Run(t.Context())
		p.stop()
		require.ErrorIs(t, err, ledger.ErrCorrupt, name)
		assert.Equal(t, steps.ClassStorage, steps.Class(err), name)
		assert.Equal(t, run.ExitUsage, summary.ExitCode(), name)
	}
}

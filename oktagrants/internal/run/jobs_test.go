package run_test

import (
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// The calls of each job are the fewest that Okta's API allows.

func TestReview(t *testing.T) {
	t.Parallel()
	const users = 401 // three pages
	org := newOrg(t, users)
	c := newCommand(t, org, ledger.Review, steps.Arguments{})
	summary := c.run(t)
	assert.Equal(t, map[string]int{"GET users": 3, "GET users/x/grants": users}, count(org))
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Equal(t, ledger.Ended, summary.Run.Phase)
	assert.Equal(t, len(org.Requests()), summary.Calls)
	assert.Equal(t, 4*users, summary.Counts.Grants)
	assert.Equal(t, map[ledger.State]int{ledger.Done: users}, summary.Counts.Tasks[ledger.User])
	task := c.task(t, userID(400))
	assert.Equal(t, "user0400@example.com", task.Login)
	assert.Len(t, task.Found, 4)
	assert.False(t, task.Finished.IsZero())
}

func TestReviewOfTokens(t *testing.T) {
	t.Parallel()
	const users = 250 // two pages of tokens for each client
	org := newOrg(t, users)
	c := newCommand(t, org, ledger.Review, steps.Arguments{Tokens: true})
	summary := c.run(t)
	assert.Equal(t, map[string]int{
		"GET users": 2, "GET users/x/grants": users,
		"GET apps": 1, "GET apps/x/tokens": 4,
		"GET authorizationServers": 1, "GET authorizationServers/x/clients": 2,
		"GET authorizationServers/x/clients/x/tokens": 4,
	}, count(org))
	assert.Equal(t, 2*users, summary.Counts.Tokens)
	assert.Equal(t, run.ExitDone, summary.ExitCode())
}

func TestOffboard(t *testing.T) {
	t.Parallel()
	const users = 40
	org := newOrg(t, users+1)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(users)...)
	summary := c.run(t)
	assert.Equal(t, map[string]int{
		"GET users":               1, // for the limits in the plan
		"DELETE users/x/sessions": users, "DELETE users/x/grants": users, "GET users/x/clients": users,
	}, count(org))
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Equal(t, map[string]int{"sessions": users, "tokens": users, "grants": users}, summary.Counts.Revoked)
	assert.Equal(t, map[ledger.State]int{ledger.Verified: users}, summary.Counts.Tasks[ledger.User])
	assert.Len(t, org.Grants(), 4, "of the one who stays")
	assert.Len(t, org.RefreshTokens(), 2)
	task := c.task(t, userID(0))
	assert.Equal(t, 1, task.Tries)
	assert.False(t, task.Checked.IsZero())
}

func TestOffboardByLogin(t *testing.T) {
	t.Parallel()
	const users = 30
	org := newOrg(t, users)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, logins(users)...)
	summary := c.run(t)
	assert.Equal(t, map[string]int{
		"GET users": 1, "GET users/x": users,
		"DELETE users/x/sessions": users, "DELETE users/x/grants": users, "GET users/x/clients": users,
	}, count(org))
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Empty(t, org.Grants())
	assert.Equal(t, userID(3), c.task(t, "user0003@example.com").ID)
}

func TestOffboardKeepingSessions(t *testing.T) {
	t.Parallel()
	const users = 20
	org := newOrg(t, users)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{KeepSessions: true}, userIDs(users)...)
	summary := c.run(t)
	assert.Equal(t, map[string]int{
		"GET users":                       1,
		"GET users/x/clients":             users + users, // to revoke, and to verify
		"DELETE users/x/clients/x/tokens": len(clients) * users, "DELETE users/x/grants": users,
	}, count(org))
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Empty(t, org.Grants())
	assert.Empty(t, org.RefreshTokens())
}

func TestRevokeApp(t *testing.T) {
	t.Parallel()
	const users = 30
	org := newOrg(t, users)
	org.AddUser(oktatest.User{ID: "00uother"})
	c := newCommand(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oacalendar"})
	summary := c.run(t)
	assert.Equal(t, map[string]int{
		"GET apps/x": 1, "GET apps/x/users": 1,
		"GET users":            1, // for the limits in the plan
		"DELETE apps/x/tokens": 1, "GET authorizationServers": 1 + 1, "GET authorizationServers/x/clients": 2 + 2,
		"DELETE users/x/clients/x/grants": users,
		"GET apps/x/tokens":               1, "GET users/x/grants": users, // to verify
	}, count(org))
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Len(t, org.Grants(), 2*users, "those of the other app")
	assert.Len(t, org.RefreshTokens(), users)
}

func TestRevokeAppOfReview(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 20)
	org.AddClient(oktatest.Client{ID: "0oamalware"})
	for _, i := range []int{3, 7, 11} {
		org.AddGrant(oktatest.Grant{UserID: userID(i), ClientID: "0oamalware"})
	}
	review := newCommand(t, org, ledger.Review, steps.Arguments{})
	// One user cannot be read: nobody knows whether there is a consent.
	review.workers = 1
	org.Next(append([]oktatest.Fault{nil}, failsByItself(oktaError(503, "E0000009"))...)...)
	assert.Equal(t, run.ExitFailed, review.exit(t))
	org.ClearRequests()

	args := steps.Arguments{Client: "0oamalware", UsersOf: steps.Reviewed, Review: review.path}
	c := newCommand(t, org, ledger.RevokeApp, args)
	summary := c.run(t)
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Len(t, c.tasks(t), 1+4)
	assert.Equal(t, 4, count(org)["DELETE users/x/clients/x/grants"])
	assert.Zero(t, slices.IndexFunc(org.Grants(), func(g oktatest.Grant) bool { return g.ClientID == "0oamalware" })+1)
}

func TestPlanOfWhatWasLeft(t *testing.T) {
	t.Parallel()
	plan := func(states map[ledger.State]int, unresolved int) int {
		tasks := map[ledger.TaskKind]map[ledger.State]int{ledger.User: states}
		p := run.Plan{Counts: ledger.Counts{Tasks: tasks, Unresolved: unresolved}}
		return p.Users()
	}
	assert.Equal(t, 4, plan(map[ledger.State]int{ledger.Left: 3, ledger.Failed: 1}, 0), "what is left is revoked again")
	assert.Equal(t, 1, plan(map[ledger.State]int{ledger.Gone: 3, ledger.Failed: 1}, 0))
	assert.Equal(t, 1, plan(map[ledger.State]int{ledger.Done: 3, ledger.Failed: 1}, 0), "these are only read again")
	assert.Equal(t, 1, plan(map[ledger.State]int{ledger.Verified: 3, ledger.Failed: 3}, 2), "two could not be found")
}

func TestReviewThatDoesNotFit(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 1)
	try := func(path string) error {
		args := steps.Arguments{Client: "0oanotes", UsersOf: steps.Reviewed, Review: path}
		summary, err := newCommand(t, org, ledger.RevokeApp, args).try(t.Context(), t)
		assert.Equal(t, run.ExitUsage, summary.ExitCode())
		return err
	}

	for says, args := range map[string]steps.Arguments{
		"is a review of the search":            {Search: `profile.login sw "user"`},
		"is a review of a list of users alone": {Users: []string{userID(0)}},
	} {
		some := newCommand(t, org, ledger.Review, args, args.Users...)
		some.run(t)
		require.ErrorContains(t, try(some.path), says)
	}

	other := newCommand(t, newOrg(t, 1), ledger.Review, steps.Arguments{})
	other.run(t)
	require.ErrorContains(t, try(other.path), "is of another org")

	offboard := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userID(0))
	offboard.run(t)
	require.ErrorContains(t, try(offboard.path), "is no review")

	begun := newCommand(t, org, ledger.Review, steps.Arguments{})
	p := begun.start(t.Context(), t)
	_, err := p.Prepare(t.Context())
	require.NoError(t, err)
	p.stop()
	require.ErrorContains(t, try(begun.path), "has not ended")

	require.ErrorContains(t, try(filepath.Join(t.TempDir(), "none.db")), "cannot be read")

	all := newCommand(t, org, ledger.Review, steps.Arguments{})
	all.run(t)
	args := steps.Arguments{
		Client: "0oanotes", UsersOf: steps.Reviewed, Review: all.path, Reviewed: time.Now().Add(-time.Hour),
	}
	_, err = newCommand(t, org, ledger.RevokeApp, args).try(t.Context(), t)
	require.ErrorContains(t, err, "has become another review since the run was begun")
}

func TestUserGivenTwice(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 3)
	users := []string{"user0001@example.com", userID(0), "user0000@example.com", userID(0), "user0001", userID(2)}
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, users...)
	summary := c.run(t)
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Equal(t, map[string]int{
		"users/user0001@example.com": 1, "users/user0000@example.com": 1, "users/user0001": 1, "users": 1,
		"users/00uuser0000/clients": 1, "users/00uuser0001/clients": 1, "users/00uuser0002/clients": 1,
	}, paths(org, "GET"))
	for path, n := range paths(org, "DELETE") {
		assert.Equal(t, 1, n, path)
	}
	assert.Empty(t, org.Grants())
}

// A user who is listed twice, because the list changed while it was read, is read once.
func TestUserListedTwice(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 201)
	org.Handle("GET /api/v1/groups/{groupId}/users", handle(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		if r.URL.Query().Get("after") == "" {
			w.Header().Set("Link", `<`+org.URL+`/api/v1/groups/00g1/users?after=2>; rel="next"`)
		}
		_, _ = w.Write([]byte(`[{"id":"00uuser0000"},{"id":"00uuser0001"}]`))
	}))
	c := newCommand(t, org, ledger.Review, steps.Arguments{Group: "00g1"})
	c.run(t)
	assert.Equal(t, 2, count(org)["GET users/x/grants"])
}

func TestUnknownUsers(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 3)
	users := append(logins(3), "nobody@example.com", "00unobody", "no/body@example.com")
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, users...)
	p := c.start(t.Context(), t)
	plan, err := p.Prepare(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, plan.Unknown(), "the ID is unknown, too, but it was not asked for")
	assert.Zero(t, plan.Again, "this process does not look them up again")
	assert.Equal(t, 4, plan.Users())
	assert.Equal(t, 8, plan.Work.Total())
	summary, err := p.Run(t.Context())
	require.NoError(t, err)
	p.stop()
	assert.Equal(t, run.ExitFailed, summary.ExitCode())
	assert.Equal(t, map[string]int{steps.ClassNotFound: 3}, summary.Counts.Classes)
	assert.Equal(t, 1, paths(org, "GET")["users/nobody@example.com"], "each login is resolved once")
	assert.Empty(t, org.Grants())

	p = c.start(t.Context(), t)
	plan, err = p.Prepare(t.Context())
	require.NoError(t, err)
	p.stop()
	assert.Equal(t, 1, plan.Users(), "the ID is asked for again")
	assert.Equal(t, 2, plan.Work.Total())
	assert.Equal(t, 2, plan.Again, "the next process looks up the logins")

	org.ClearRequests()
	org.AddUser(oktatest.User{ID: "00unobody", Login: "nobody@example.com"})
	assert.Equal(t, run.ExitFailed, c.exit(t))
	assert.Equal(t, 1, paths(org, "DELETE")["users/00unobody/sessions"], "given by login and by ID, once")
	assert.Equal(t, 1, count(org)["DELETE users/x/sessions"], "of the failed ones only")
}

func TestAnotherUserIsReturned(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 2)
	org.Handle("GET /api/v1/users/{id}", handle(oktatest.Reply(200, nil,
		`{"id":"00uuser0001","profile":{"login":"user0001@example.com"}}`)))
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, "user0000@example.com", "me")
	summary := c.run(t)
	assert.Equal(t, run.ExitFailed, summary.ExitCode())
	assert.Equal(t, map[string]int{steps.ClassInvalid: 2}, summary.Counts.Classes)
	assert.Empty(t, paths(org, "DELETE"))
	assert.Len(t, org.Grants(), 8)
}

// However fast the first calls were, the rest takes as long as the limits allow.
func TestTimeLeftAtLimits(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 400)
	org.LimitRate(oktatest.BucketUsers, 600, time.Minute)
	p := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(400)...).start(t.Context(), t)
	p.MaxUse = 0.05
	_, err := p.Prepare(t.Context())
	require.NoError(t, err)
	counts, err := p.Ledger.Counts(t.Context())
	require.NoError(t, err)
	p.Observe(ledger.Working, counts)
	assert.GreaterOrEqual(t, p.Progress().Remaining, 40*time.Minute, "1,200 calls at 30 of 600 a minute")
	p.Observe(ledger.Verifying, ledger.Counts{})
	assert.Zero(t, p.Progress().Remaining, "nothing is left")
}

func TestPlan(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 40)
	org.LimitRate(oktatest.BucketUsers, 600, time.Minute)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, userIDs(40)...)
	p := c.start(t.Context(), t)
	p.MaxUse = 0.5
	plan, err := p.Prepare(t.Context())
	require.NoError(t, err)
	assert.Equal(t, ledger.Planned, plan.Run.Phase)
	assert.False(t, plan.Over)
	assert.Equal(t, 40, plan.Users())
	assert.Equal(t, steps.Calls{steps.BucketUsers: 80}, plan.Work)
	assert.Equal(t, steps.Calls{steps.BucketUsers: 40}, plan.Verify)
	assert.Equal(t, map[string]int{steps.BucketUsers: 600}, plan.Limits)
	assert.Equal(t, 24*time.Second, plan.Duration, "120 calls at half of 600 a minute")
	assert.Empty(t, paths(org, "DELETE"), "a plan revokes nothing")
	p.stop()

	p = c.start(t.Context(), t)
	p.Window = time.Second
	plan, err = p.Prepare(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 200*time.Millisecond, plan.Duration)
	assert.Len(t, org.Requests(), 2, "one for the limits in each process: the list is there")
}

func TestPlanOfApp(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 3)
	c := newCommand(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oanotes"})
	plan, err := c.start(t.Context(), t).Prepare(t.Context())
	require.NoError(t, err)
	require.NotNil(t, plan.App)
	assert.Equal(t, "0oanotes notes ACTIVE", plan.App.ID+" "+plan.App.Name+" "+plan.App.Status)
	assert.Equal(t, 3, plan.Users())
	assert.Zero(t, plan.Duration, "Okta did not say what the limits are")
}

// The few calls of another bucket, whose limit is not known yet, do not make the time unknown.
func TestPlanOfAppWithLimits(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 30)
	for _, bucket := range []string{oktatest.BucketUsers, oktatest.BucketApps, oktatest.BucketAPI} {
		org.LimitRate(bucket, 600, time.Minute)
	}
	c := newCommand(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oanotes"})
	plan, err := c.start(t.Context(), t).Prepare(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 6*time.Second, plan.Duration, "60 calls for 30 users at 600 a minute")
}

func TestAppThatDoesNotExist(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 1)
	c := newCommand(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oamistyped"})
	summary, err := c.try(t.Context(), t)
	require.ErrorContains(t, err, "does not exist")
	assert.Equal(t, run.ExitUsage, summary.ExitCode())
	assert.Len(t, org.Requests(), 2, "by ID, and by client ID")
	assert.Empty(t, c.tasks(t))
}

func TestEndedRunDoesNothing(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 3)
	c := newCommand(t, org, ledger.Offboard, steps.Arguments{}, append(userIDs(3), "user0000")...)
	before := c.run(t)
	org.ClearRequests()
	p := c.start(t.Context(), t)
	plan, err := p.Prepare(t.Context())
	require.NoError(t, err)
	assert.True(t, plan.Over)
	summary, err := p.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Equal(t, before.Run, summary.Run, "it ended when it ended")
	assert.Empty(t, org.Requests())
}

package steps_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

func TestArgumentsAreChecked(t *testing.T) {
	t.Parallel()
	client := newClient(t, newDemo(t))
	for _, c := range []struct {
		kind ledger.Kind
		args steps.Arguments
		want string
	}{
		{"audit", steps.Arguments{}, "audit: there is no such job"},
		{ledger.Review, steps.Arguments{Search: "x", Group: "00g1"}, "given more than once"},
		{ledger.Review, steps.Arguments{From: "sha"}, "the list of users is missing"},
		{ledger.Review, steps.Arguments{KeepSessions: true}, "only offboard can keep sessions"},
		{ledger.Review, steps.Arguments{Client: "0oa1"}, "only revoke-app takes an app"},
		{ledger.Offboard, steps.Arguments{}, "no users are given"},
		{ledger.Offboard, steps.Arguments{Search: "x"}, "only review takes a search"},
		{ledger.Offboard, steps.Arguments{Deactivate: true}, "only revoke-app takes an app"},
		{ledger.RevokeApp, steps.Arguments{}, "the ID of the app is missing"},
		{ledger.RevokeApp, steps.Arguments{Client: "0oa1", UsersOf: "some"}, `users of "some": must be`},
		{ledger.RevokeApp, steps.Arguments{Client: "0oa1", UsersOf: steps.Reviewed}, "the ledger of a review goes with"},
		{ledger.RevokeApp, steps.Arguments{Client: "0oa1", Review: "r.db"}, "the ledger of a review goes with"},
		{ledger.RevokeApp, steps.Arguments{Client: "0oa1", Tokens: true}, "only review takes"},
	} {
		_, err := steps.New(client, "https://acme.okta.com", c.kind, c.args, nil)
		require.ErrorContains(t, err, c.want)
		assert.Equal(t, steps.ClassInvalid, steps.Class(err))
	}

	_, err := steps.New(client, "https://acme.okta.com", ledger.Review, steps.Arguments{}, given([]string{"00u1"}))
	require.ErrorContains(t, err, "a list of users is given that the arguments do not name")
	_, err = steps.New(client, "https://acme.okta.com", ledger.Offboard,
		steps.Arguments{From: "sha", Users: []string{"00u1"}}, given([]string{"00u1"}))
	require.ErrorContains(t, err, "both by name and in a list")
}

func TestResolve(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	for login, id := range map[string]string{
		"dot.dot@example.com": "00udot", `sales/emea\x;"y"@example.com`: "00uodd", "plain": "00uplain",
		"a/b@example.com": "00uslash", `a\b@example.com`: "00ubackslash", "a;b@example.com": "00usemicolon",
	} {
		org.AddUser(oktatest.User{ID: id, Login: login})
	}
	job := newJob(t, org, ledger.Offboard, steps.Arguments{}, "unused")
	for given, want := range map[string]string{
		"ann@example.com":              "00uann",
		"ann":                          "00uann", // a short name
		"dot.dot@example.com":          "00udot",
		`sales/emea\x;"y"@example.com`: "00uodd", // cannot be in a path
		"a/b@example.com":              "00uslash",
		`a\b@example.com`:              "00ubackslash",
		"a;b@example.com":              "00usemicolon",
		"plain":                        "00uplain",
	} {
		task := ledger.Task{Kind: ledger.User, Given: given}
		require.NoError(t, job.Resolve(t.Context(), &task), given)
		assert.Equal(t, want, task.ID)
		assert.NotEmpty(t, task.Login)
		assert.NotEmpty(t, task.Name)
		assert.Equal(t, "ACTIVE", task.Status)
	}
}

func TestResolveIDWithoutCall(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	job := newJob(t, org, ledger.Offboard, steps.Arguments{}, "00uann")
	assert.Equal(t, "00uann", list(t, job, "").tasks[0].ID, "known when it is listed")
	task := ledger.Task{Kind: ledger.User, Given: "00uann"}
	require.NoError(t, job.Resolve(t.Context(), &task))
	assert.Equal(t, "00uann", task.ID)
	assert.Empty(t, org.Requests())
}

func TestResolveUnknownLogin(t *testing.T) {
	t.Parallel()
	job := newJob(t, newDemo(t), ledger.Offboard, steps.Arguments{}, "unused")
	for given, class := range map[string]string{
		"nobody@example.com": steps.ClassNotFound, "no/body@example.com": steps.ClassNotFound,
		"..": steps.ClassInvalid, "a\nb": steps.ClassInvalid,
	} {
		task := ledger.Task{Kind: ledger.User, Given: given}
		err := job.Resolve(t.Context(), &task)
		require.Error(t, err)
		assert.Equal(t, class, steps.Class(err), "%q: %v", given, err)
		assert.False(t, steps.Stops(err))
		assert.Empty(t, task.ID)
	}
}

// A server that returns another user must not have that one off-boarded: "me" is the owner of the API token.
func TestResolveRefusesAnotherUser(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	admin := `{"id":"00uadmin","status":"ACTIVE","profile":{"login":"admin@example.com"}}`
	org.Handle("GET /api/v1/users/{id}", respond(admin))
	org.Handle("GET /api/v1/users", respond("["+admin+"]"))
	job := newJob(t, org, ledger.Offboard, steps.Arguments{}, "unused")
	for _, given := range []string{
		"me", "ann@example.com", "ann", "admin@example.org", "admin@", "a/b@example.com", "admin@example.com/",
	} {
		task := ledger.Task{Kind: ledger.User, Given: given}
		err := job.Resolve(t.Context(), &task)
		require.ErrorContains(t, err, "Okta returned another user", given)
		assert.Equal(t, steps.ClassInvalid, steps.Class(err))
		assert.Empty(t, task.ID, given)
	}
	for _, given := range []string{"admin@example.com", "ADMIN@Example.com", "admin"} {
		task := ledger.Task{Kind: ledger.User, Given: given}
		require.NoError(t, job.Resolve(t.Context(), &task), given)
	}
}

func TestResolveRefusesSeveralUsers(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	user := `{"id":"00u1","profile":{"login":"a/b@example.com"}}`
	org.Handle("GET /api/v1/users", respond("["+user+","+strings.Replace(user, "00u1", "00u2", 1)+"]"))
	job := newJob(t, org, ledger.Offboard, steps.Arguments{}, "unused")
	err := job.Resolve(t.Context(), &ledger.Task{Kind: ledger.User, Given: "a/b@example.com"})
	require.ErrorContains(t, err, "several users")
}

// A task without an ID must not become a call for another path.
func TestTaskWithoutID(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	job := newJob(t, org, ledger.Offboard, steps.Arguments{}, "unused")
	task := ledger.Task{Kind: ledger.User, Given: "ann@example.com"}
	require.ErrorContains(t, job.Work(t.Context(), &task, nil), "not known")
	require.ErrorContains(t, job.Verify(t.Context(), &task), "not known")
	assert.Empty(t, org.Requests())
}

func TestTaskOfAnotherJob(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	for _, c := range []struct {
		kind  ledger.Kind
		args  steps.Arguments
		users []string
		tasks []ledger.TaskKind
	}{
		{kind: ledger.Offboard, users: []string{"ann"}, tasks: []ledger.TaskKind{ledger.App, ledger.Server}},
		{kind: ledger.RevokeApp, args: steps.Arguments{Client: "0oa1"}, tasks: []ledger.TaskKind{ledger.Server}},
		{kind: ledger.Review, tasks: []ledger.TaskKind{"group"}},
	} {
		job := newJob(t, org, c.kind, c.args, c.users...)
		for _, kind := range c.tasks {
			task := ledger.Task{Kind: kind, ID: "0oacalendar"}
			require.ErrorContains(t, job.Work(t.Context(), &task, nil), "nothing to do")
			require.ErrorContains(t, job.Verify(t.Context(), &task), "nothing to do")
		}
	}
	assert.Empty(t, org.Requests())
}

func TestClass(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault oktatest.Fault
		class string
		stops bool
	}{
		{oktaError(401, "E0000011"), steps.ClassAuthentication, true},
		{oktaError(401, "E0000015"), steps.ClassForbidden, false},
		{oktaError(403, "E0000006"), steps.ClassForbidden, false},
		{oktaError(403, "E0000015"), steps.ClassForbidden, false},
		{oktaError(404, "E0000007"), steps.ClassNotFound, false},
		{oktaError(400, "E0000001"), steps.ClassInvalid, false},
		{oktaError(405, "E0000022"), steps.ClassInvalid, false},
		{oktaError(500, "E0000009"), steps.ClassServer, false},
		{oktaError(429, "E0000047"), steps.ClassRateLimited, false},
		{oktatest.Reply(200, nil, "<html>"), steps.ClassServer, false},
		{oktatest.Reply(302, nil, ""), steps.ClassServer, false},
		{oktatest.Drop(), steps.ClassNetwork, false},
		{oktatest.CutBody(10), steps.ClassServer, false},
		{oktatest.Reply(403, http.Header{"Www-Authenticate": {`Bearer error="insufficient_scope", scope="okta.users.read"`}},
			""), steps.ClassScope, true},
	} {
		org := newDemo(t)
		client, err := okta.NewClient(okta.Config{
			OrgURL: org.URL, Credentials: okta.APIToken(apiToken), Retry: okta.RetryOptions{MaxRetries: -1},
		})
		require.NoError(t, err)
		org.Next(c.fault)
		_, err = client.UserGrants.List(t.Context(), "00uann", nil)
		require.Error(t, err)
		assert.Equal(t, c.class, steps.Class(err), "%v", err)
		assert.Equal(t, c.stops, steps.Stops(err), "%v", err)
		assert.Equal(t, c.class, steps.Class(fmt.Errorf("wrapped: %w", err)))
	}
}

func TestClassOfOtherErrors(t *testing.T) {
	t.Parallel()
	forbidden := &okta.Error{StatusCode: 403}
	for err, want := range map[error]string{
		context.Canceled:                                       steps.ClassCanceled,
		errors.Join(forbidden, context.Canceled):               steps.ClassCanceled,
		errors.Join(forbidden, &okta.Error{StatusCode: 401}):   steps.ClassAuthentication,
		fmt.Errorf("disk: %w", ledger.ErrStorage):              steps.ClassStorage,
		errors.Join(steps.ErrLeft, io.ErrUnexpectedEOF):        steps.ClassLeft,
		fmt.Errorf("%w: x", okta.ErrAuthentication):            steps.ClassAuthentication,
		fmt.Errorf("%w: an empty ID", okta.ErrInvalidArgument): steps.ClassInvalid,
		&okta.RateLimitError{}:                                 steps.ClassRateLimited,
	} {
		assert.Equal(t, want, steps.Class(err), "%v", err)
	}
	assert.Empty(t, steps.Class(nil))
	assert.False(t, steps.Stops(nil))
	assert.True(t, steps.Stops(ledger.ErrStorage))
	assert.True(t, steps.Stops(context.Canceled))
	assert.False(t, steps.Stops(steps.ErrLeft))
}

func TestCalls(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	counts := ledger.Counts{Tasks: map[ledger.TaskKind]map[ledger.State]int{
		ledger.User: {
			ledger.Pending: 100, ledger.Started: 2, ledger.Failed: 3, ledger.Done: 40, ledger.Left: 5, ledger.Verified: 7,
			ledger.Gone: 11,
		},
	}, Unresolved: 1, Classes: map[string]int{steps.ClassNotFound: 3, steps.ClassLeft: 5}}
	const undone, unverified = 109, 149 // what is left is revoked again, and one login is not resolved

	work, verify := newJob(t, org, ledger.Offboard, steps.Arguments{}, "ann").Calls(counts)
	assert.Equal(t, steps.Calls{steps.BucketUsers: 2 * undone}, work)
	assert.Equal(t, steps.Calls{steps.BucketUsers: unverified}, verify)

	counts.Tasks[ledger.App] = map[ledger.State]int{ledger.Pending: 1}
	work, verify = newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oa1"}).Calls(counts)
	assert.Equal(t, steps.Calls{steps.BucketUsers: undone, steps.BucketApps: 1, steps.BucketAPI: 1}, work)
	assert.Equal(t, steps.Calls{steps.BucketUsers: unverified, steps.BucketApps: 1, steps.BucketAPI: 1}, verify)
	assert.Equal(t, undone+2, work.Total())
	work, _ = newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oa1", Deactivate: true}).Calls(counts)
	assert.Equal(t, 3, work[steps.BucketApps])

	counts.Tasks[ledger.App][ledger.Pending] = 10
	counts.Tasks[ledger.Server] = map[ledger.State]int{ledger.Pending: 2}
	work, verify = newJob(t, org, ledger.Review, steps.Arguments{Tokens: true}).Calls(counts)
	assert.Equal(t, steps.Calls{steps.BucketUsers: undone, steps.BucketApps: 10, steps.BucketAPI: 2}, work)
	assert.Empty(t, verify)
}

// What a job cannot see is said in full sentences, with the time until which access tokens live on.
func TestBlind(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	revoked := time.Date(2026, time.March, 1, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		job  *steps.Job
		want []string
	}{
		{newJob(t, org, ledger.Review, steps.Arguments{}), []string{"deprovisioned", "Refresh tokens were not read"}},
		{newJob(t, org, ledger.Review, steps.Arguments{Tokens: true}), []string{"OpenID Connect", "access tokens"}},
		{newJob(t, org, ledger.Review, steps.Arguments{Group: "00g1"}), []string{"members of the group"}},
		{newJob(t, org, ledger.Review, steps.Arguments{Search: "x"}), []string{"may lag behind"}},
		{newJob(t, org, ledger.Review, steps.Arguments{}, "ann"), []string{"of the given list"}},
		{newJob(t, org, ledger.Offboard, steps.Arguments{}, "ann"),
			[]string{"2026-03-01 10:00 UTC", "2026-03-02 09:00 UTC", "custom authorization servers", "not deactivated"}},
		{newJob(t, org, ledger.Offboard, steps.Arguments{KeepSessions: true}, "ann"), []string{"Sessions at Okta were kept"}},
		{newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oa1"}),
			[]string{"2026-03-01 10:00 UTC", "who were assigned", "was not deactivated"}},
		{newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oa1", UsersOf: steps.All}), []string{"created after"}},
		{newJob(t, org, ledger.RevokeApp,
			steps.Arguments{Client: "0oa1", UsersOf: steps.Reviewed, Review: "r.db"}), []string{"newer than the review"}},
	} {
		blind := c.job.Blind(revoked)
		text := fmt.Sprint(blind)
		for _, want := range c.want {
			assert.Contains(t, text, want)
		}
		for _, sentence := range blind {
			assert.Regexp(t, `^[A-Z].*\.$`, sentence)
		}
	}
	assert.Equal(t, newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oa1"}).Blind(revoked),
		steps.Blind(ledger.RevokeApp, steps.Arguments{Client: "0oa1"}, revoked), "of a ledger alone")
	assert.Contains(t, fmt.Sprint(newJob(t, org, ledger.Offboard, steps.Arguments{}, "ann").Blind(time.Time{})),
		"an hour after they were issued")
}

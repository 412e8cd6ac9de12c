package steps_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

func addUsers(org *oktatest.Org, n int) {
	for i := range n {
		org.AddUser(oktatest.User{ID: fmt.Sprintf("00umany%04d", i)})
	}
}

// Without a filter, Okta would leave out those who are deprovisioned.
func TestReviewListsAllUsers(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	org.AddUser(oktatest.User{ID: "00ugone", Login: "gone@example.com", Name: "Gone Girl", Status: "DEPROVISIONED"})
	l := list(t, newJob(t, org, ledger.Review, steps.Arguments{}), "")
	assert.Equal(t, []string{"00uann", "00ubob", "00ucid", "00udee", "00ugone"}, l.ids())
	assert.Equal(t, ledger.Task{
		Kind: ledger.User, ID: "00ugone", Login: "gone@example.com", Name: "Gone Girl", Status: "DEPROVISIONED",
	}, l.tasks[4])
	assert.Equal(t, []bool{true}, l.last)
	assert.Len(t, org.Requests(), 1)
}

func TestListBySearchAndGroup(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	job := newJob(t, org, ledger.Review, steps.Arguments{Search: `profile.login eq "bob@example.com"`})
	assert.Equal(t, []string{"00ubob"}, list(t, job, "").ids())

	job = newJob(t, org, ledger.Review, steps.Arguments{Group: oktatest.DemoGroupID})
	assert.Equal(t, []string{"00uann", "00ubob", "00ucid", "00udee"}, list(t, job, "").ids())

	var l listing
	err := newJob(t, org, ledger.Review, steps.Arguments{Group: "00gnone"}).List(t.Context(), "", l.add)
	assert.Equal(t, steps.ClassNotFound, steps.Class(err))
	err = newJob(t, org, ledger.Review, steps.Arguments{Search: "status is ACTIVE"}).List(t.Context(), "", l.add)
	assert.Equal(t, steps.ClassInvalid, steps.Class(err))
	assert.Empty(t, l.tasks)
}

func TestListResumesAtCursor(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	addUsers(org, 596) // three pages with the four of the demo
	job := newJob(t, org, ledger.Review, steps.Arguments{Tokens: true})
	whole := list(t, job, "")
	require.Len(t, whole.tasks, 600+4+2)
	require.Len(t, whole.cursors, 5)
	assert.Equal(t, []bool{false, false, false, false, true}, whole.last)

	at := 0
	for i, cursor := range whole.cursors {
		at += []int{200, 200, 200, 4, 2}[i]
		rest := list(t, job, cursor)
		assert.Equal(t, whole.tasks[at:], append([]ledger.Task{}, rest.tasks...), "after cursor %d, %q", i, cursor)
	}
	org.ClearRequests()
	assert.Empty(t, list(t, job, whole.cursors[4]).tasks)
	assert.Empty(t, org.Requests(), "a list that is complete needs no call")
}

func TestStaleCursorStartsOver(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]oktatest.Fault{
		"as Okta does": nil, "as not found": oktaError(404, "E0000007"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := newDemo(t)
			org.Next(status)
			job := newJob(t, org, ledger.Review, steps.Arguments{Group: oktatest.DemoGroupID})
			assert.Len(t, list(t, job, "group:stale").ids(), 4)
			assert.Equal(t, []string{"GET groups/00geveryone/users?after=stale", "GET groups/00geveryone/users"}, calls(org))
		})
	}
}

func TestCursorOfAnotherJob(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	var l listing
	err := newJob(t, org, ledger.Review, steps.Arguments{}).List(t.Context(), "assigned:x", l.add)
	require.ErrorContains(t, err, `no source "assigned"`)
	err = newJob(t, org, ledger.Offboard, steps.Arguments{}, "ann").List(t.Context(), "input:x", l.add)
	require.ErrorContains(t, err, "cannot be resumed")
	assert.Empty(t, org.Requests())
}

func TestListStopsWhenAddFails(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	addUsers(org, 400)
	full := errors.New("disk full")
	err := newJob(t, org, ledger.Review, steps.Arguments{}).List(t.Context(), "",
		func([]ledger.Task, string, bool) error { return full })
	require.ErrorIs(t, err, full)
	assert.Len(t, org.Requests(), 1)
}

// A list that breaks off is an error, and what was added before has a cursor.
func TestListThatBreaksOff(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	addUsers(org, 400)
	org.Next(nil, oktaError(403, "E0000006"))
	job := newJob(t, org, ledger.Review, steps.Arguments{})
	var l listing
	err := job.List(t.Context(), "", l.add)
	assert.Equal(t, steps.ClassForbidden, steps.Class(err))
	require.Len(t, l.tasks, 200)
	assert.Len(t, list(t, job, l.cursors[0]).tasks, 204)
}

func TestListRefusesUserWithoutID(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	org.Handle("GET /api/v1/users", respond(`[{"id":"00u1"},{"profile":{"login":"ann@example.com"}}]`))
	var l listing
	err := newJob(t, org, ledger.Review, steps.Arguments{}).List(t.Context(), "", l.add)
	require.ErrorContains(t, err, "without an ID")
	assert.Empty(t, l.tasks)
}

func TestListInput(t *testing.T) {
	t.Parallel()
	users := []string{"00u1", "ann@example.com"}
	for i := range 1200 {
		users = append(users, fmt.Sprintf("user%d@example.com", i))
	}
	job := newJob(t, newDemo(t), ledger.Offboard, steps.Arguments{}, users...)
	l := list(t, job, "")
	require.Len(t, l.tasks, 1202)
	assert.Equal(t, ledger.Task{Kind: ledger.User, ID: "00u1", Given: "00u1"}, l.tasks[0])
	assert.Equal(t, ledger.Task{Kind: ledger.User, Given: "ann@example.com"}, l.tasks[1])
	assert.Equal(t, []bool{false, false, true}, l.last)
	assert.Equal(t, l.tasks[500:], list(t, job, l.cursors[0]).tasks)
}

func TestListInputThatFails(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	client := newClient(t, org)
	for want, input := range map[string]func(func(string, error) bool){
		"line 2: no column": func(yield func(string, error) bool) {
			_ = yield("ann", nil) && yield("", errors.New("line 2: no column"))
		},
		"user 2 of the list is empty": given([]string{"ann", ""}),
		"the list of users is empty":  given(nil),
	} {
		job, err := steps.New(client, org.URL, ledger.Offboard, steps.Arguments{From: "sha"}, input)
		require.NoError(t, err)
		var l listing
		err = job.List(t.Context(), "", l.add)
		require.ErrorContains(t, err, want)
		assert.Equal(t, steps.ClassInvalid, steps.Class(err))
		assert.NotContains(t, l.last, true)
	}
}

func TestListAppsForTokens(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	org.AddClient(oktatest.Client{ID: "0oaold", Name: "Old", Status: "INACTIVE"})
	l := list(t, newJob(t, org, ledger.Review, steps.Arguments{Tokens: true}), "apps:")
	assert.Equal(t, []string{"0oacalendar", "0oanotes", "0oareports", "0oapartner", "0oaold", "default", "auspartners"}, l.ids())
	assert.Equal(t, ledger.Task{Kind: ledger.App, ID: "0oaold", Login: "0oaold", Name: "Old", Status: "INACTIVE"}, l.tasks[4])
	assert.Equal(t, ledger.Task{Kind: ledger.Server, ID: "auspartners", Name: "Partners", Status: "ACTIVE"}, l.tasks[6])
}

func TestAppsThatAreNoClientsAreLeftOut(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	org.Handle("GET /api/v1/apps", respond(`[{"id":"0oa1","signOnMode":"SAML_2_0"},{"id":"0oa2"},
		{"id":"0oa3","signOnMode":"OPENID_CONNECT"},{"id":"0oa4","signOnMode":"BOOKMARK"}]`))
	l := list(t, newJob(t, org, ledger.Review, steps.Arguments{Tokens: true}), "apps:")
	assert.Equal(t, []string{"0oa2", "0oa3", "default", "auspartners"}, l.ids())
}

// An org without the feature of custom authorization servers has none: that is no error.
func TestOrgWithoutAuthorizationServers(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	org.Handle("GET /api/v1/authorizationServers", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		oktaError(401, "E0000015")(w, r, nil)
	}))
	l := list(t, newJob(t, org, ledger.Review, steps.Arguments{Tokens: true}), "servers:")
	assert.Empty(t, l.tasks)
	assert.Equal(t, []bool{true}, l.last)

	job := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: oktatest.DemoClientID})
	task := ledger.Task{Kind: ledger.App, ID: oktatest.DemoClientID}
	require.NoError(t, job.Work(t.Context(), &task, nil))
	require.NoError(t, job.Verify(t.Context(), &task))
}

func TestRevokeAppLists(t *testing.T) {
	t.Parallel()
	for usersOf, want := range map[string][]string{
		"":             {"0oacalendar", "00uann", "00ubob"},
		steps.Assigned: {"0oacalendar", "00uann", "00ubob"},
		steps.All:      {"0oacalendar", "00uann", "00ubob", "00ucid", "00udee"},
	} {
		t.Run("users of "+usersOf, func(t *testing.T) {
			t.Parallel()
			org := newDemo(t)
			job := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: oktatest.DemoClientID, UsersOf: usersOf})
			l := list(t, job, "")
			assert.Equal(t, want, l.ids())
			assert.Equal(t, ledger.Task{Kind: ledger.App, ID: "0oacalendar", Login: "0oacalendar", Name: "Calendar", Status: "ACTIVE"}, l.tasks[0])
			assert.Equal(t, "GET apps/0oacalendar", calls(org)[0], "the app comes first")
			assert.Equal(t, want[1:], list(t, job, l.cursors[0]).ids(), "resumed after the app")
		})
	}
}

// A mistyped app is an error before anything else: it must never look like an app that has no access.
func TestRevokeAppThatDoesNotExist(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	var l listing
	err := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oacalender"}).List(t.Context(), "", l.add)
	require.ErrorContains(t, err, `the app "0oacalender" does not exist in `+org.URL)
	assert.Equal(t, steps.ClassNotFound, steps.Class(err))
	assert.Empty(t, l.tasks)
	assert.Len(t, org.Requests(), 2, "and the list of apps: it may be a client ID")
}

func TestRevokeAppThatIsAnotherOne(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"id":"0oaother"}`: "returned another one",
		`{"id":"0oasaml","signOnMode":"SAML_2_0","label":"Payroll"}`: `"0oasaml" (Payroll) is no OAuth client`,
	} {
		org := newDemo(t)
		org.Handle("GET /api/v1/apps/{appId}", respond(body))
		var l listing
		err := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oasaml"}).List(t.Context(), "", l.add)
		require.ErrorContains(t, err, want)
		assert.Empty(t, l.tasks)
	}
}

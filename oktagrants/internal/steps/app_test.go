package steps_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// lenient is an org that returns nothing for a client that it does not know. Ann and Bob have consents and tokens for the
// app 0oaportal, whose client ID is portal, of the org's own server and of a custom one.
func lenient(t *testing.T) *oktatest.Org {
	t.Helper()
	org := oktatest.New(oktatest.Options{UnknownClientsAreEmpty: true})
	t.Cleanup(org.Close)
	org.AcceptAPIToken(apiToken)
	org.AddClient(oktatest.Client{ID: "0oaother", Name: "Other"})
	org.AddClient(oktatest.Client{ID: "0oaportal", ClientID: "portal", Name: "Portal"})
	org.AddAuthorizationServer(oktatest.AuthorizationServer{ID: "auspartners"})
	for _, user := range []string{"00uann", "00ubob"} {
		org.AddUser(oktatest.User{ID: user, Login: user + "@example.com"})
		for _, client := range []string{"portal", "0oaother"} {
			org.AddGrant(oktatest.Grant{UserID: user, ClientID: client})
			org.AddRefreshToken(oktatest.RefreshToken{UserID: user, ClientID: client, AuthorizationServerID: "auspartners"})
		}
	}
	org.AssignUsers("0oaportal", "00uann", "00ubob")
	return org
}

func leftOf(org *oktatest.Org, clientID string) (grants, tokens int) {
	for _, grant := range org.Grants() {
		if grant.ClientID == clientID {
			grants++
		}
	}
	for _, token := range org.RefreshTokens() {
		if token.ClientID == clientID {
			tokens++
		}
	}
	return grants, tokens
}

// An app's client ID need not be its ID. Each route takes its own of the two, whichever was given.
func TestRevokeAppByEitherID(t *testing.T) {
	t.Parallel()
	for _, given := range []string{"0oaportal", "portal"} {
		t.Run(given, func(t *testing.T) {
			t.Parallel()
			org := lenient(t)
			job := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: given})
			listed := list(t, job, "")
			require.Equal(t, []string{"0oaportal", "00uann", "00ubob"}, listed.ids())
			assert.Equal(t, "portal", listed.tasks[0].ClientID())
			for i := range listed.tasks {
				require.NoError(t, job.Work(t.Context(), &listed.tasks[i], nil))
			}
			for i := range listed.tasks {
				require.NoError(t, job.Verify(t.Context(), &listed.tasks[i]))
			}
			grants, tokens := leftOf(org, "portal")
			assert.Zero(t, grants+tokens)
			grants, tokens = leftOf(org, "0oaother")
			assert.Equal(t, []int{2, 2}, []int{grants, tokens}, "another app keeps what it has")
			assert.Equal(t, "grants portal", whats(listed.tasks[1].Revoked)[0])
		})
	}
}

// Tokens that the app's own route does not reach are revoked on the servers, by client ID.
func TestRevokeAppOnServersByClientID(t *testing.T) {
	t.Parallel()
	org := lenient(t)
	job := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oaportal"})
	task := &list(t, job, "").tasks[0]
	org.NextTo("DELETE /api/v1/apps/{appId}/tokens", oktatest.Reply(204, nil, ""))
	require.NoError(t, job.Work(t.Context(), task, nil))
	_, tokens := leftOf(org, "portal")
	assert.Zero(t, tokens)
	assert.Contains(t, whats(task.Revoked), "tokens portal auspartners")
}

// In an org that returns nothing for an unknown client, a list for one client cannot tell "nothing left" from "no such
// client". What is read can.
func TestVerifyDoesNotTakeAnUnknownClientForNothingLeft(t *testing.T) {
	t.Parallel()
	org := lenient(t)
	job := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oaportal"})
	listed := list(t, job, "")
	// The revokes had no effect, as if they named a client that nobody knows.
	for _, route := range []string{
		"DELETE /api/v1/users/{userId}/clients/{clientId}/grants", "DELETE /api/v1/apps/{appId}/tokens",
		"DELETE /api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens",
	} {
		org.NextTo(route, oktatest.Reply(204, nil, ""), oktatest.Reply(204, nil, ""))
	}
	for i := range listed.tasks {
		require.NoError(t, job.Work(t.Context(), &listed.tasks[i], nil))
	}
	org.ClearRequests()
	for i := range listed.tasks {
		require.ErrorIs(t, job.Verify(t.Context(), &listed.tasks[i]), steps.ErrLeft)
	}
	assert.Equal(t, []string{
		"GET apps/0oaportal/tokens",
		"GET authorizationServers",
		"GET authorizationServers/default/clients",
		"GET authorizationServers/auspartners/clients",
		"GET authorizationServers/auspartners/clients/portal/tokens",
		"GET users/00uann/grants",
		"GET users/00ubob/grants",
	}, calls(org), "no list of a client that no list named before")
}

// A consent is found by its link to the app, too, where an app says nothing of its client ID.
func TestVerifyFindsConsentsByTheLinkToTheApp(t *testing.T) {
	t.Parallel()
	org := lenient(t)
	org.Handle("GET /api/v1/apps/0oaportal", respond(`{"id":"0oaportal","label":"Portal","signOnMode":"OPENID_CONNECT"}`))
	job := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oaportal"})
	require.ErrorIs(t, job.Verify(t.Context(), ann()), steps.ErrLeft)
}

func TestFindApp(t *testing.T) {
	t.Parallel()
	org := lenient(t)
	client := newClient(t, org)
	for given, want := range map[string][]string{
		"0oaother":  {"GET apps/0oaother"},
		"0oaportal": {"GET apps/0oaportal", "GET apps?includeNonDeleted=true"},
		"portal":    {"GET apps/portal", "GET apps?includeNonDeleted=true"},
	} {
		org.ClearRequests()
		app, err := steps.FindApp(t.Context(), client, given)
		require.NoError(t, err)
		assert.Contains(t, []string{app.ID, app.ClientID()}, given)
		assert.Equal(t, want, calls(org))
	}
	_, err := steps.FindApp(t.Context(), client, "none")
	require.ErrorIs(t, err, okta.ErrNotFound)

	app := `{"id":%q,"signOnMode":"OPENID_CONNECT","credentials":{"oauthClient":{"client_id":"twin"}}}`
	org.Handle("GET /api/v1/apps", respond("["+fmt.Sprintf(app, "0oa1")+","+fmt.Sprintf(app, "0oa2")+"]"))
	_, err = steps.FindApp(t.Context(), client, "twin")
	require.ErrorContains(t, err, `the apps "0oa1" and "0oa2" have the client ID "twin": name one by its ID`)
	assert.Equal(t, steps.ClassInvalid, steps.Class(err))

	org.Handle("GET /api/v1/apps/0oaasked", respond(`{"id":"0oaother"}`))
	_, err = steps.FindApp(t.Context(), client, "0oaasked")
	require.ErrorContains(t, err, "Okta returned another one")
}

// What is the ID of one app and the client ID of another names neither. Each can still be named.
func TestIDOfOneAppAndClientIDOfAnother(t *testing.T) {
	t.Parallel()
	org := lenient(t)
	org.AddClient(oktatest.Client{ID: "0oathief", ClientID: "0oaportal", Name: "Thief"})
	client := newClient(t, org)

	_, err := steps.FindApp(t.Context(), client, "0oaportal")
	require.ErrorContains(t, err, `"0oaportal" is the ID of one app and the client ID of another: `+
		`for the first (Portal) give its client ID, "portal", for the other (Thief) its ID, "0oathief"`)
	assert.Equal(t, steps.ClassInvalid, steps.Class(err))
	for given, want := range map[string]string{"portal": "0oaportal", "0oathief": "0oathief"} {
		app, err := steps.FindApp(t.Context(), client, given)
		require.NoError(t, err)
		assert.Equal(t, want, app.ID)
	}
}

// A deactivation that Okta accepts may still have no effect.
func TestDeactivationIsVerified(t *testing.T) {
	t.Parallel()
	org := lenient(t)
	job := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oaportal", Deactivate: true})
	task := &list(t, job, "").tasks[0]
	org.NextTo("POST /api/v1/apps/{appId}/lifecycle/deactivate", oktatest.Reply(200, nil, "{}"))
	require.NoError(t, job.Work(t.Context(), task, nil))
	err := job.Verify(t.Context(), task)
	require.ErrorIs(t, err, steps.ErrLeft)
	require.ErrorContains(t, err, `the app 0oaportal is not inactive: its status is "ACTIVE"`)
	assert.Equal(t, "ACTIVE", task.Status)

	require.NoError(t, job.Work(t.Context(), task, nil))
	require.NoError(t, job.Verify(t.Context(), task))
	assert.Equal(t, "INACTIVE", task.Status)
}

func TestVerifyingCostsWhatThePlanSays(t *testing.T) {
	t.Parallel()
	org := lenient(t)
	job := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oaportal", Deactivate: true})
	task := &list(t, job, "").tasks[0]
	_, verify := job.Calls(ledger.Counts{Tasks: map[ledger.TaskKind]map[ledger.State]int{
		ledger.App: {ledger.Pending: 1}, ledger.User: {ledger.Pending: 2},
	}})
	assert.Equal(t, steps.Calls{steps.BucketApps: 2, steps.BucketAPI: 1, steps.BucketUsers: 2}, verify)
	require.NoError(t, job.Work(t.Context(), task, nil))
	org.ClearRequests()
	require.NoError(t, job.Verify(t.Context(), task))
	assert.Equal(t, []string{"GET apps/0oaportal", "GET apps/0oaportal/tokens", "GET authorizationServers"}, calls(org)[:3])
	assert.Len(t, org.Requests(), 5, "and one for each of two servers")
}

// Tokens below an app's own route belong to it, whatever they say; each server names its clients.
func TestReviewTokensOfAppWithAnotherClientID(t *testing.T) {
	t.Parallel()
	org := lenient(t)
	job := newJob(t, org, ledger.Review, steps.Arguments{Tokens: true})
	byID := map[string]ledger.Access{}
	for _, task := range list(t, job, "").tasks {
		if task.Kind == ledger.User {
			continue
		}
		var tokens []ledger.Access
		require.NoError(t, job.Work(t.Context(), &task, found(&tokens)))
		for _, token := range tokens {
			byID[token.ID] = token
		}
	}
	portal := 0
	for _, token := range byID {
		if token.ClientID == "portal" {
			portal++
		}
	}
	assert.Len(t, byID, 4, "a token that is listed by its app and by its server is one")
	assert.Equal(t, 2, portal)
}

// The client ID of an app that was deleted can be given to another one. A run that goes on must not deal with that one.
func TestClientIDThatPassesToAnotherApp(t *testing.T) {
	t.Parallel()
	for name, apps := range map[string]string{
		"deleted": `[{"id":"0oanew","credentials":{"oauthClient":{"client_id":"portal"}}}]`,
		"renamed": `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := lenient(t)
			listed := list(t, newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "portal"}), "")
			before, _ := leftOf(org, "portal")
			org.Handle("GET /api/v1/apps", respond(apps))
			if name == "deleted" {
				org.Handle("GET /api/v1/apps/0oaportal", http.NotFoundHandler())
			} else {
				org.Handle("GET /api/v1/apps/0oaportal", respond(`{"id":"0oaportal","credentials":{"oauthClient":{"client_id":"new"}}}`))
			}
			job := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "portal"})
			require.True(t, job.NeedsApp())
			job.KeepApp(&listed.tasks[0])
			require.ErrorContains(t, job.Work(t.Context(), &listed.tasks[1], nil), "begin another run")
			left, _ := leftOf(org, "portal")
			assert.Equal(t, before, left)
		})
	}
}

// A run that goes on in another process takes the app that it has recorded, with one call.
func TestRecordedAppIsKept(t *testing.T) {
	t.Parallel()
	org := lenient(t)
	listed := list(t, newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "portal"}), "")
	org.ClearRequests()
	job := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "portal"})
	job.KeepApp(&listed.tasks[0])
	require.NoError(t, job.Work(t.Context(), &listed.tasks[1], nil))
	assert.Equal(t, []string{"GET apps/0oaportal", "DELETE users/" + listed.tasks[1].ID + "/clients/portal/grants"}, calls(org))
}

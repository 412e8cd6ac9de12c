package steps_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

const scopesRoute = "GET /api/v1/authorizationServers/{authServerId}/scopes"

// opaque is an org whose users have consents as real orgs send them: to two scopes of a custom authorization server, of
// which the second one does not exist there any more, and to one of the org's own.
func opaque(t *testing.T, users int) (*oktatest.Org, []ledger.Task) {
	t.Helper()
	org := oktatest.New(oktatest.Options{})
	t.Cleanup(org.Close)
	org.AcceptAPIToken(apiToken)
	org.AddClient(oktatest.Client{ID: "0oavets", Name: "Benefits"})
	org.AddScope(oktatest.Scope{ID: "scp2bvhy20aJcLgHy2p7", Name: "disability.write", DisplayName: "Disability Rating"})
	var tasks []ledger.Task
	for i := range users {
		user := org.AddUser(oktatest.User{ID: fmt.Sprintf("00u%d", i), Login: fmt.Sprintf("u%d@example.com", i)})
		for _, scope := range []string{"scp2bvhy20aJcLgHy2p7", "openid"} {
			org.AddGrant(oktatest.Grant{UserID: user.ID, ClientID: "0oavets", ScopeID: scope})
		}
		tasks = append(tasks, ledger.Task{Kind: ledger.User, ID: user.ID})
	}
	return org, tasks
}

// scopesOf are the scopes of accesses: names, ID and title.
func scopesOf(found []ledger.Access) []string {
	var scopes []string
	for _, a := range found {
		scopes = append(scopes, strings.Join([]string{strings.Join(a.Scopes, " "), a.ScopeID, a.ScopeTitle}, "|"))
	}
	return scopes
}

func TestScopesOfCustomServersGetTheirNames(t *testing.T) {
	t.Parallel()
	org, tasks := opaque(t, 30)
	job := newJob(t, org, ledger.Review, steps.Arguments{})
	var workers sync.WaitGroup
	for i := range tasks {
		workers.Go(func() { assert.NoError(t, job.Work(t.Context(), &tasks[i], nil)) })
	}
	workers.Wait()
	for _, task := range tasks {
		assert.Equal(t, []string{"disability.write|scp2bvhy20aJcLgHy2p7|Disability Rating", "openid||"}, scopesOf(task.Found))
	}
	reads := 0
	for _, call := range calls(org) {
		if strings.Contains(call, "scopes") {
			reads++
		}
	}
	assert.Equal(t, 1, reads, "a server is read once")
}

// A review goes on with titles where names cannot be read, and does not judge by them.
func TestScopesThatCannotBeReadHaveTitles(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]oktatest.Fault{
		"no permission":      oktaError(403, "E0000006"),
		"feature, 401":       oktaError(401, "E0000015"),
		"feature, 403":       oktaError(403, "E0000015"),
		"no such server":     oktaError(404, "E0000007"),
		"a scope is missing": insufficientScope(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org, tasks := opaque(t, 2)
			job := newJob(t, org, ledger.Review, steps.Arguments{})
			org.NextTo(scopesRoute, fault, fault)
			for i := range tasks {
				require.NoError(t, job.Work(t.Context(), &tasks[i], nil))
				assert.Equal(t, []string{"|scp2bvhy20aJcLgHy2p7|Disability Rating", "openid||"}, scopesOf(tasks[i].Found))
				assert.True(t, tasks[i].Found[0].NotJudged())
				assert.False(t, tasks[i].Found[1].NotJudged())
			}
			assert.Len(t, org.Requests(), 3, "it is not tried for each user")
		})
	}
}

func insufficientScope() oktatest.Fault {
	return oktatest.Reply(403, map[string][]string{
		"Www-Authenticate": {`Bearer error="insufficient_scope", scope="okta.authorizationServers.read"`},
	}, "")
}

// A server whose scopes fail again and again fails the task. The next time, they are read again.
func TestScopesThatFail(t *testing.T) {
	t.Parallel()
	org, tasks := opaque(t, 1)
	job := newJob(t, org, ledger.Review, steps.Arguments{})
	const attempts = 3 * 5 // the call is sent three times, with four retries each
	org.NextTo(scopesRoute, slices.Repeat([]oktatest.Fault{oktaError(500, "E0000009")}, attempts)...)
	err := job.Work(t.Context(), &tasks[0], nil)
	require.ErrorContains(t, err, "the names of its scopes")
	assert.Equal(t, steps.ClassServer, steps.Class(err))
	assert.Empty(t, tasks[0].Found)
	require.NoError(t, job.Work(t.Context(), &tasks[0], nil))
	assert.Equal(t, []string{"disability.write"}, tasks[0].Found[0].Scopes)
}

func TestServersOfGrants(t *testing.T) {
	t.Parallel()
	const link = `"_links":{"authorizationServer":{"href":"https://acme.okta.com/api/v1/authorizationServers/aus2"}}`
	for name, c := range map[string]struct{ grant, want string }{
		"issuer":              {`"scopeId":"scp1","issuer":"https://acme.okta.com/oauth2/aus1"`, "aus1"},
		"default":             {`"scopeId":"scp1","issuer":"https://acme.okta.com/oauth2/default"`, "default"},
		"custom domain":       {`"scopeId":"scp1","issuer":"https://id.acme.com/oauth2/aus1"`, "aus1"},
		"link alone":          {`"scopeId":"scp1",` + link, "aus2"},
		"the org's own":       {`"scopeId":"openid","issuer":"https://acme.okta.com",` + link, ""},
		"nothing":             {`"scopeId":"openid"`, ""},
		"an ID that is wrong": {`"scopeId":"scp1","issuer":"https://acme.okta.com/oauth2/.."`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org, _ := opaque(t, 1)
			org.Handle("GET /api/v1/users/00u0/grants", respond(`[{"id":"oag1","clientId":"0oavets",`+c.grant+`}]`))
			task := &ledger.Task{Kind: ledger.User, ID: "00u0"}
			require.NoError(t, newJob(t, org, ledger.Review, steps.Arguments{}).Work(t.Context(), task, nil))
			want := []string{"GET users/00u0/grants"}
			if c.want != "" {
				want = append(want, "GET authorizationServers/"+c.want+"/scopes")
			}
			assert.Equal(t, want, calls(org))
		})
	}
}

// An opaque ID is no name, even where nothing says of which server it is.
func TestOpaqueIDWithoutAServerIsNotJudged(t *testing.T) {
	t.Parallel()
	grant := okta.OAuth2ScopeConsentGrant{ScopeID: "scp2bvhy20aJcLgHy2p7", Issuer: "https://acme.okta.com"}
	org, _ := opaque(t, 1)
	access, err := steps.NewScopes(newClient(t, org)).Consent(t.Context(), &grant)
	require.NoError(t, err)
	assert.Equal(t, []string{"|scp2bvhy20aJcLgHy2p7|"}, scopesOf([]ledger.Access{access}))
	assert.True(t, access.NotJudged())
	assert.Equal(t, []string{"scp2bvhy20aJcLgHy2p7"}, access.Labels())
}

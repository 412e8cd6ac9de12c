package cli

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/pgtest"
)

// newPortal has an org that returns nothing for a client that it does not know. Ann, Bob and Cid have consents and tokens
// for the app 0oaportal, whose client ID is portal.
func newPortal(t *testing.T) *machine {
	t.Helper()
	m := newMachine(t)
	m.org.Close()
	m.org = oktatest.New(oktatest.Options{UnknownClientsAreEmpty: true})
	t.Cleanup(m.org.Close)
	m.org.AcceptAPIToken(secret)
	m.config.OrgURL = m.org.URL
	m.org.AddClient(oktatest.Client{ID: "0oaportal", ClientID: "portal", Name: "Portal"})
	m.org.AddScope(oktatest.Scope{ID: "scp2bvhy20aJcLgHy2p7", Name: "disability.write", DisplayName: "Disability Rating"})
	for _, user := range []string{"00uann", "00ubob", "00ucid"} {
		m.org.AddUser(oktatest.User{ID: user, Login: user + "@example.com"})
		m.org.AddGrant(oktatest.Grant{UserID: user, ClientID: "portal", ScopeID: "scp2bvhy20aJcLgHy2p7"})
		m.org.AddRefreshToken(oktatest.RefreshToken{UserID: user, ClientID: "portal"})
	}
	m.org.AssignUsers("0oaportal", "00uann", "00ubob", "00ucid")
	return m
}

// left is the org's own count of consents and refresh tokens.
func (m *machine) left() int { return len(m.org.Grants()) + len(m.org.RefreshTokens()) }

func TestRevokeAppWithAnotherClientID(t *testing.T) {
	t.Parallel()
	for _, given := range []string{"0oaportal", "portal"} {
		m := newPortal(t)
		plan := m.run("revoke-app", given, "--run", m.path("run.db"), "--dry-run")
		plan.succeeds(t)
		assert.Contains(t, plan.out, "App       Portal (0oaportal, client ID portal)\n")
		assert.Contains(t, plan.out, "one or two more for each custom authorization server, and as many to verify")
		require.Equal(t, 6, m.left())
		o := m.run("revoke-app", given, "--run", m.path("run.db"), "--yes")
		o.succeeds(t)
		assert.Contains(t, o.out, "Users    3 verified")
		assert.Zero(t, m.left(), given)
	}
}

// What the org accepts and does not do is left, in a run and after it.
func TestRevokeAppThatRevokesNothing(t *testing.T) {
	t.Parallel()
	m := newPortal(t)
	m.org.Handle("DELETE /api/v1/users/{userId}/clients/{clientId}/grants", http.HandlerFunc(noContent))
	o := m.run("revoke-app", "0oaportal", "--run", m.path("run.db"), "--yes", "--json")
	o.fails(t, 1, "3 left")
	assert.Equal(t, map[string]any{"left": 3.0}, states(t, o.object(t), "user"))
	assert.Len(t, m.org.Grants(), 3)
}

func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func TestDeactivationThatDoesNotTake(t *testing.T) {
	t.Parallel()
	m := newPortal(t)
	m.org.NextTo("POST /api/v1/apps/{appId}/lifecycle/deactivate", oktatest.Reply(200, nil, "{}"))
	args := []string{"revoke-app", "0oaportal", "--deactivate", "--run", m.path("run.db"), "--yes"}
	m.run(args...).fails(t, 1, "1 left")
	assert.Equal(t, "ACTIVE", m.org.Clients()[0].Status)
	page := m.report(t)
	assert.Contains(t, page, "the app 0oaportal is not inactive: its status is &#34;ACTIVE&#34;")
	assert.Contains(t, page, "<dt>The app</dt><dd>ACTIVE</dd>")

	m.run(args...).succeeds(t)
	assert.Equal(t, "INACTIVE", m.org.Clients()[0].Status)
	page = m.report(t)
	assert.Contains(t, page, "<dt>The app</dt><dd>INACTIVE</dd>")
	assert.NotContains(t, page, `"ACTIVE"`, "the state before stands nowhere")
}

// report is the page of run.db.
func (m *machine) report(t *testing.T, args ...string) string {
	t.Helper()
	m.run(append([]string{"report", m.path("run.db"), "--html", m.path("run.html")}, args...)...).succeeds(t)
	return m.read("run.html")
}

func TestRevokeAppOfAReviewByClientID(t *testing.T) {
	t.Parallel()
	m := newPortal(t)
	m.org.AddUser(oktatest.User{ID: "00uzoe"})
	m.run("review", "--run", m.path("review.db")).succeeds(t)
	o := m.run("revoke-app", "0oaportal", "--run", m.path("run.db"), "--users", "review:"+m.path("review.db"), "--yes")
	o.succeeds(t)
	assert.Contains(t, o.out, "Users    3 verified", "those for whom the review has rows of the client ID")
	assert.Zero(t, m.left())
}

// Commands for one user take the app's ID as well as its client ID, and send the client ID.
func TestOneUserCommandsByEitherID(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"grants list 00uann --client APP":             "GET users/00uann/clients/portal/grants?limit=200",
		"grants revoke-all 00uann --client APP --yes": "DELETE users/00uann/clients/portal/grants",
		"tokens list 00uann APP":                      "GET users/00uann/clients/portal/tokens?limit=200",
		"tokens revoke-all 00uann APP --yes":          "DELETE users/00uann/clients/portal/tokens",
		"server-tokens list default APP":              "GET authorizationServers/default/clients/portal/tokens?limit=200",
		"server-tokens revoke-all default APP --yes":  "DELETE authorizationServers/default/clients/portal/tokens",
	} {
		for _, given := range []string{"0oaportal", "portal"} {
			m := newPortal(t)
			m.run(strings.Fields(strings.Replace(command, "APP", given, 1))...).succeeds(t)
			assert.Contains(t, m.requests(), want, command)
		}
		m := newPortal(t)
		o := m.run(strings.Fields(strings.Replace(command, "APP", "0oaporttal", 1))...)
		o.fails(t, 1, `there is no app with the ID or client ID "0oaporttal"`)
		assert.Zero(t, m.count(http.MethodDelete), command)
	}
}

// Without the scope for apps, nobody knows whether an ID is the client's. The command says so.
func TestOneUserCommandWithoutAppsSaysSo(t *testing.T) {
	t.Parallel()
	m := newPortal(t)
	m.org.AcceptBearerToken("bearer-secret", "okta.users.read", "okta.users.manage")
	m.config.Credentials = okta.BearerToken("bearer-secret")
	o := m.run("grants", "revoke-all", "00uann", "--client", "portal", "--yes")
	o.succeeds(t)
	assert.Contains(t, o.err, `"portal" is taken for a client ID: these credentials may not read apps`)
	assert.Len(t, m.org.Grants(), 2)
}

func TestScopesOfGrantsInLists(t *testing.T) {
	t.Parallel()
	m := newPortal(t)
	o := m.run("grants", "list", "00uann")
	o.succeeds(t)
	assert.Contains(t, o.out, "disability.write  scp2bvhy20aJcLgHy2p7")
	m.org.NextTo("GET /api/v1/authorizationServers/{authServerId}/scopes", oktatest.Reply(403, nil, ""))
	assert.Contains(t, m.run("grants", "list", "00uann", "--csv").out, "Disability Rating,scp2bvhy20aJcLgHy2p7")
}

// A review of consents as real orgs send them names scopes, and does not judge them where it may not read their names:
// in a file, and in a database that several machines share.
func TestReviewOfOpaqueScopes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scopes    []string
		notJudged float64
		found     string
		page      []string
	}{
		"with the names": {
			[]string{"okta.users.read", "okta.authorizationServers.read"}, 0, "disability.write",
			[]string{"3 users granted powerful scopes to 1 app."},
		},
		"without": {
			[]string{"okta.users.read"}, 3, "", []string{"Not judged: 3 grants.", "Disability Rating", "Not judged only"},
		},
	} {
		for _, database := range []string{"file", "Postgres"} {
			t.Run(name+", "+database, func(t *testing.T) {
				t.Parallel()
				m := newPortal(t)
				m.org.AcceptBearerToken("bearer-secret", c.scopes...)
				m.config.Credentials = okta.BearerToken("bearer-secret")
				target := m.path("run.db")
				if database == "Postgres" {
					target = pgtest.Database(t) + "#review"
				}
				o := m.run("review", "--run", target, "--json")
				o.succeeds(t)
				result := o.object(t)
				assert.InDelta(t, c.notJudged, result["notJudged"], 0)
				assert.InDelta(t, 3, result["grants"], 0)
				assert.Contains(t, result, "tokens")
				assert.Nil(t, result["tokens"], "they were not read")
				reads := slices.DeleteFunc(m.requests(), func(r string) bool { return !strings.Contains(r, "/scopes") })
				assert.Len(t, reads, 1)
				status := m.run("status", target)
				assert.Equal(t, c.notJudged > 0, strings.Contains(status.out, "Not judged  3 grants"), status.out)

				m.run("report", target, "--html", m.path("a.html"), "--csv", m.path("a.csv"), "--json", m.path("a.json")).
					succeeds(t)
				for _, want := range c.page {
					assert.Contains(t, m.read("a.html"), want)
				}
				assert.Contains(t, m.read("a.csv"), "scp2bvhy20aJcLgHy2p7,Disability Rating,"+
					map[bool]string{true: "not judged", false: "yes"}[c.notJudged > 0])
				lines := decode(t, m.read("a.json"))
				assert.InDelta(t, c.notJudged, lines[len(lines)-1]["notJudged"], 0)
			})
		}
	}
}

func TestReportOlderThan(t *testing.T) {
	t.Parallel()
	m := newPortal(t)
	m.run("review", "--run", m.path("run.db")).succeeds(t)
	assert.Contains(t, m.report(t), "<dt>Granted more than 90 days ago</dt>")
	assert.Contains(t, m.report(t, "--older-than", "365d"), "<dt>Granted more than 365 days ago</dt>")
	for _, wrong := range []string{"", "0d", "90", "-1d", "1.5d", "90h", "999999d", "d"} {
		m.run("report", m.path("run.db"), "--html", m.path("x.html"), "--older-than", wrong).fails(t, 2, "--older-than")
		assert.NoFileExists(t, m.path("x.html"))
	}
}

// A review whose reads failed does not show 0.
func TestReviewThatReadsNothing(t *testing.T) {
	t.Parallel()
	m := newPortal(t)
	m.org.Handle("GET /api/v1/users/{userId}/grants", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	}))
	o := m.run("review", "--run", m.path("run.db"))
	assert.Equal(t, 1, o.code)
	assert.Contains(t, o.out, "Found     grants not read, refresh tokens not read\n")
	assert.Contains(t, o.out, "Not read  3 users\n")
	result := m.run("status", m.path("run.db"), "--json").object(t)
	assert.Nil(t, result["grants"])
	assert.Equal(t, map[string]any{"user": 3.0}, result["notRead"])
}

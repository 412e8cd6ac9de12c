package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

const apiToken = "00secret-api-token"

// newOrg returns an org with rate limits, and with users who have three grants, one and none. Its clock stands still,
// so that no window ends.
func newOrg(t *testing.T) *oktatest.Org {
	t.Helper()
	now := time.Date(2026, 11, 21, 12, 0, 1, 0, time.UTC)
	org := oktatest.New(oktatest.Options{Now: func() time.Time { return now }})
	t.Cleanup(org.Close)
	org.AcceptAPIToken(apiToken)
	org.AddUser(oktatest.User{ID: "00udee1234", Login: "dee@example.com"})
	ann := org.AddUser(oktatest.User{ID: "00uann1234", Login: "ann@example.com"})
	bob := org.AddUser(oktatest.User{ID: "00ubob1234", Login: "bob@example.com"})
	app := org.AddClient(oktatest.Client{ID: "0oacal1234"})
	for _, user := range []oktatest.User{ann, ann, ann, bob} {
		org.AddGrant(oktatest.Grant{UserID: user.ID, ClientID: app.ID})
		org.AddRefreshToken(oktatest.RefreshToken{UserID: user.ID, ClientID: app.ID})
	}
	org.LimitRate(oktatest.BucketUsers, 600, time.Minute)
	org.LimitRate(oktatest.BucketAPI, 100, time.Minute)
	return org
}

// report returns the report on an org, and checks that it shows nothing private.
func report(t *testing.T, orgURL string, credentials okta.Credentials, environment map[string]string) string {
	t.Helper()
	var out strings.Builder
	getenv := func(name string) string {
		if name == waitVariable {
			return "1ms"
		}
		return environment[name]
	}
	require.NoError(t, run(t.Context(), okta.Config{OrgURL: orgURL, Credentials: credentials}, getenv, &out))
	private := []string{apiToken, "@example.com", "00uann", "00ubob", "00udee", "0oa", "oag", "oar", orgURL}
	for _, text := range private {
		assert.NotContains(t, out.String(), text)
	}
	return out.String()
}

func TestReportReadsAndChangesNothing(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	text := report(t, org.URL, okta.APIToken(apiToken), nil)
	for _, request := range org.Requests() {
		assert.Equal(t, http.MethodGet, request.Method)
	}
	const row = `\| listUserGrants \| GET /api/v1/users/{userId}/grants \| 200 \| 600 \| \d+ \| (?:59s|1m0s) \| (\d+) \|`
	found := regexp.MustCompile(row).FindStringSubmatch(text)
	require.NotNil(t, found, text)
	used, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	assert.GreaterOrEqual(t, used, 6, "the routes below users share a bucket")
	for _, want := range []string{
		"| getRefreshTokenForAuthorizationServerAndClient | ",
		"| the ID | 200 | 3 |", "| the ID and `;x` | 200 | 3, equal to those of the ID |",
		"| the ID and `%3Bx` | 200 | 3, equal to those of the ID |", "| the ID and `%5Cx` | 40", "| the login | ",
		"| used after 1ms | 200 |", "| SSWS | an API token has none | GET /api/v1/users/{userId}/grants | 200 |",
	} {
		assert.Contains(t, text, want)
	}
	assert.NotContains(t, text, "### Revoking")
	assert.Len(t, org.Grants(), 4)
}

func TestReportNamesTheMissingScope(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	app := org.AddServiceApp(oktatest.ServiceApp{
		Keys:   []oktatest.ServiceAppKey{{Public: key.Public()}},
		Scopes: []string{"okta.users.read", "okta.authorizationServers.read"},
	})
	org.AcceptBearerToken("bearer-of-one-scope", "okta.users.read")
	for scopes, credentials := range map[string]okta.Credentials{
		"okta.users.read": okta.ServiceApp{
			ClientID: app.ClientID, PrivateKey: okta.PrivateKeyFromSigner(key), Scopes: app.Scopes,
			TokenURL: org.URL + "/oauth2/v1/token",
		},
		"unknown": okta.BearerToken("bearer-of-one-scope"),
	} {
		text := report(t, org.URL, credentials, nil)
		assert.Contains(t, text, "| Bearer | "+scopes+" | GET /api/v1/users/{userId}/grants | 200 |")
		assert.Contains(t, text, "| Bearer | "+scopes+" | GET /api/v1/authorizationServers/{authServerId}/clients | "+
			"403 insufficient_scope, needs okta.authorizationServers.read |")
	}
}

func TestOnlyTheNamedUserIsRevoked(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	text := report(t, org.URL, okta.APIToken(apiToken), map[string]string{userVariable: "ann@example.com"})
	for _, want := range []string{
		"| one grant | 204 |", "| the same grant again | 404 E0000007 (",
		"| the page after that of the revoked grant | 200 |", "| all grants | 204 |",
		"| refresh tokens of one client before | 3 |", "| refresh tokens of the client afterwards | 3 |",
	} {
		assert.Contains(t, text, want)
	}
	require.Len(t, org.Grants(), 1)
	assert.Equal(t, "00ubob1234", org.Grants()[0].UserID)
}

func TestOnlyGETIsRewritten(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	l, err := connect(okta.Config{
		OrgURL:      org.URL,
		Credentials: okta.APIToken(apiToken),
		Retry:       okta.RetryOptions{MaxRetries: -1},
	})
	require.NoError(t, err)
	p := &probe{rewrite: func(path string) string { return path + ";x" }}
	require.ErrorContains(t, l.client.UserGrants.RevokeAll(p.with(t.Context()), "00uann1234"), "only a GET")
	assert.Len(t, org.Grants(), 4)
}

func TestCellsAreEscaped(t *testing.T) {
	t.Parallel()
	tab := table{heading: "H", columns: []string{"a", "b"}}
	tab.add("1 | 2", "3\n4")
	assert.Equal(t, "### H\n\n| a | b |\n|---|---|\n| 1 \\| 2 | 3 4 |\n\n", tab.String())
}

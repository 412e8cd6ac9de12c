package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

func startDemo(t *testing.T) *oktatest.Org {
	t.Helper()
	org := oktatest.NewDemo()
	t.Cleanup(org.Close)
	return org
}

// loader loads a configuration.
type loader = func() (okta.Config, error)

func env(url, token string) loader {
	environ := []string{"OKTA_CLIENT_ORGURL=" + url, "OKTA_CLIENT_TOKEN=" + token}
	return func() (okta.Config, error) { return okta.LoadConfigFrom(okta.ConfigSources{Environ: environ}) }
}

func runOn(ctx context.Context, org *oktatest.Org, args ...string) (code int, stdout, stderr string) {
	return runWith(ctx, env(org.URL, oktatest.DemoToken), args...)
}

func runWith(ctx context.Context, load loader, args ...string) (code int, stdout, stderr string) {
	var out, problems bytes.Buffer
	code = run(ctx, args, load, &out, &problems)
	return code, out.String(), problems.String()
}

// deletes returns the paths of the DELETE requests that an org got.
func deletes(org *oktatest.Org) []string {
	var paths []string
	for _, request := range org.Requests() {
		if request.Method == http.MethodDelete {
			paths = append(paths, request.Path)
		}
	}
	return paths
}

// rest returns the IDs of the grants and tokens that users have.
func rest(org *oktatest.Org, userIDs ...string) []string {
	ids := []string{}
	for _, userID := range userIDs {
		for _, token := range org.RefreshTokens() {
			if token.UserID == userID {
				ids = append(ids, token.ID)
			}
		}
		for _, grant := range org.Grants() {
			if grant.UserID == userID {
				ids = append(ids, grant.ID)
			}
		}
	}
	return ids
}

func TestWithoutYesNothingIsRevoked(t *testing.T) {
	t.Parallel()
	org := startDemo(t)
	code, stdout, stderr := runOn(t.Context(), org, "bob@example.com")

	assert.Zero(t, code)
	assert.Empty(t, stderr)
	assert.Equal(t, "Org:  "+org.URL+`
User: bob@example.com
ID:   00ubob

Refresh tokens: 2
  oarbob1               0oacalendar           openid calendar.read offline_access
  oarbob2               0oanotes              openid offline_access
Grants: 3
  oagbob1               0oacalendar           openid
  oagbob2               0oacalendar           calendar.read
  oagbob3               0oanotes              openid

Nothing was revoked. Run it again with -yes to revoke all of these.
`, stdout)
	assert.Empty(t, deletes(org))
	assert.Len(t, org.Grants(), 51)
	assert.Len(t, org.RefreshTokens(), 8)
}

func TestDemoUserByDefault(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := runWith(t.Context(), env("", ""))

	assert.Zero(t, code)
	assert.Empty(t, stderr)
	assert.Contains(t, stdout, "Org:  the demo org (in memory)\nUser: 00uann\nID:   00uann\n")
	for _, id := range rest(startDemo(t), oktatest.DemoUserID) {
		assert.Contains(t, stdout, "  "+id+" ")
	}
	assert.Contains(t, stdout, "Refresh tokens: 5\n")
	assert.Contains(t, stdout, "Grants: 45\n")
}

func TestWithYesNothingIsLeft(t *testing.T) {
	t.Parallel()
	for _, user := range []string{oktatest.DemoUserID, oktatest.DemoLogin} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			org := startDemo(t)
			others := rest(org, "00ubob", "00ucid")
			code, stdout, stderr := runOn(t.Context(), org, "-yes", user)

			assert.Zero(t, code)
			assert.Empty(t, stderr)
			assert.Contains(t, stdout, `
Revoked: refresh tokens of 0oacalendar
Revoked: refresh tokens of 0oanotes
Revoked: refresh tokens of 0oareports
Revoked: grants

Nothing is left.
`)
			assert.Empty(t, rest(org, oktatest.DemoUserID))
			assert.Equal(t, others, rest(org, "00ubob", "00ucid"))
			path := "/api/v1/users/" + oktatest.DemoUserID
			assert.Equal(t, []string{
				path + "/clients/0oacalendar/tokens", path + "/clients/0oanotes/tokens",
				path + "/clients/0oareports/tokens", path + "/grants",
			}, deletes(org))
		})
	}
}

func TestNothingToRevoke(t *testing.T) {
	t.Parallel()
	org := startDemo(t)
	org.AddGrant(oktatest.Grant{UserID: "00udee", ClientID: oktatest.DemoClientID, Status: "REVOKED"})
	org.AddRefreshToken(oktatest.RefreshToken{UserID: "00udee", ClientID: oktatest.DemoClientID, Status: "REVOKED"})
	code, stdout, stderr := runOn(t.Context(), org, "-yes", "00udee")

	assert.Zero(t, code)
	assert.Empty(t, stderr)
	assert.Contains(t, stdout, "There is nothing to revoke.\n")
	assert.Empty(t, deletes(org))
}

// An incomplete list revokes nothing. The user has two pages of grants, one of clients, and two of tokens,
// read by five requests.
func TestBrokenListRevokesNothing(t *testing.T) {
	t.Parallel()
	faults := map[string]oktatest.Fault{
		"forbidden":      oktatest.Reply(http.StatusForbidden, nil, ""),
		"no body":        oktatest.Reply(http.StatusOK, nil, ""),
		"list cut short": oktatest.Reply(http.StatusOK, nil, `[{"id":"oag1"},`),
	}
	for request := range 5 {
		for name, fault := range faults {
			t.Run(fmt.Sprintf("%s in request %d", name, request+1), func(t *testing.T) {
				t.Parallel()
				org := startDemo(t)
				org.AddUser(oktatest.User{ID: "00ucrowded"})
				for range 201 {
					org.AddGrant(oktatest.Grant{UserID: "00ucrowded", ClientID: oktatest.DemoClientID})
					org.AddRefreshToken(oktatest.RefreshToken{UserID: "00ucrowded", ClientID: oktatest.DemoClientID})
				}
				org.Next(make([]oktatest.Fault, request)...)
				org.Next(fault)
				code, stdout, stderr := runOn(t.Context(), org, "-yes", "00ucrowded")

				assert.Equal(t, 1, code)
				assert.NotContains(t, stdout, "Grants:")
				assert.Contains(t, stderr, "nothing was revoked: okta: GET /api/v1/users/00ucrowded/")
				assert.Contains(t, stderr, "[request "+org.Requests()[request].RequestID+"]")
				assert.Empty(t, deletes(org))
			})
		}
	}
}

func TestUnresolvedLoginRevokesNothing(t *testing.T) {
	t.Parallel()
	for name, response := range map[string]oktatest.Fault{
		"unknown": oktatest.Reply(http.StatusNotFound, nil, `{"errorCode":"E0000007","errorSummary":"Not found"}`),
		"no ID":   oktatest.Reply(http.StatusOK, nil, `{}`),
		"no body": oktatest.Reply(http.StatusOK, nil, ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := startDemo(t)
			org.Next(response)
			code, _, stderr := runOn(t.Context(), org, "-yes", "nobody@example.com")

			assert.Equal(t, 1, code)
			assert.Contains(t, stderr, "nothing was revoked: okta: ")
			assert.Equal(t, "/api/v1/users/nobody@example.com", org.Requests()[0].Path)
			assert.Empty(t, deletes(org))
		})
	}
}

func TestUnknownID(t *testing.T) {
	t.Parallel()
	org := startDemo(t)
	code, _, stderr := runOn(t.Context(), org, "-yes", "00unobody")

	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "nothing was revoked: okta: GET /api/v1/users/00unobody/grants: 404 E0000007")
	assert.Contains(t, stderr, "[request "+org.Requests()[0].RequestID+"]")
}

// Bob's tokens and grants are listed by four requests; three more revoke them.
const (
	listing  = 4
	revoking = 3
)

func TestFailedRevokeDoesNotStopOthers(t *testing.T) {
	t.Parallel()
	org := startDemo(t)
	org.Next(make([]oktatest.Fault, listing)...)
	org.Next(oktatest.Reply(http.StatusForbidden, nil, `{"errorCode":"E0000006","errorSummary":"No permission"}`))
	code, stdout, stderr := runOn(t.Context(), org, "-yes", "00ubob")

	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "refresh tokens of 0oacalendar: "+
		"okta: DELETE /api/v1/users/00ubob/clients/0oacalendar/tokens: "+
		"403 E0000006: No permission [request "+org.Requests()[listing].RequestID+"]")
	assert.Contains(t, stderr, "not all is revoked")
	assert.Contains(t, stdout, `
Revoked: refresh tokens of 0oanotes
Revoked: grants

This is left:
Refresh tokens: 1
  oarbob1               0oacalendar           openid calendar.read offline_access
Grants: 0
`)
	assert.NotContains(t, stdout, "Nothing is left")
	assert.Equal(t, []string{"oarbob1"}, rest(org, "00ubob"))
}

// A client that still has a consent gets a token after its tokens were revoked.
func TestTokenIssuedInBetween(t *testing.T) {
	t.Parallel()
	org := startDemo(t)
	org.Next(make([]oktatest.Fault, listing+revoking-1)...)
	org.Next(func(w http.ResponseWriter, r *http.Request, api http.Handler) {
		org.AddRefreshToken(oktatest.RefreshToken{ID: "oarlate", UserID: "00ubob", ClientID: "0oanotes"})
		api.ServeHTTP(w, r)
	})
	code, stdout, stderr := runOn(t.Context(), org, "-yes", "00ubob")

	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "not all is revoked")
	assert.Contains(t, stdout, "This is left:\nRefresh tokens: 1\n  oarlate ")
	assert.NotContains(t, stdout, "Nothing is left")

	code, stdout, _ = runOn(t.Context(), org, "-yes", "00ubob")
	assert.Zero(t, code)
	assert.Contains(t, stdout, "Nothing is left.")
}

func TestBrokenCheckDoesNotSayThatNothingIsLeft(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]oktatest.Fault{
		"forbidden": oktatest.Reply(http.StatusForbidden, nil, ""),
		"no body":   oktatest.Reply(http.StatusOK, nil, ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := startDemo(t)
			org.Next(make([]oktatest.Fault, listing+revoking)...)
			org.Next(fault)
			code, stdout, stderr := runOn(t.Context(), org, "-yes", "00ubob")

			assert.Equal(t, 1, code)
			assert.Contains(t, stderr, "what is left is unknown: okta: GET /api/v1/users/00ubob/grants")
			assert.NotContains(t, stdout, "Nothing is left")
		})
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	org := startDemo(t)
	ctx, cancel := context.WithCancel(t.Context())
	org.Next(make([]oktatest.Fault, listing)...)
	org.Next(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		cancel()
		<-r.Context().Done()
	})
	code, stdout, stderr := runOn(ctx, org, "-yes", "00ubob")

	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "context canceled")
	assert.Contains(t, stderr, "what is left is unknown")
	assert.NotContains(t, stdout, "Revoked:")
	assert.Len(t, deletes(org), 1)
	assert.Len(t, rest(org, "00ubob"), 5)
}

func TestUsage(t *testing.T) {
	t.Parallel()
	const url, token = "https://acme.okta.com", "00token"
	for name, test := range map[string]struct {
		load loader
		args []string
		want string
	}{
		"flag":          {env("", ""), []string{"-x"}, "not defined: -x"},
		"flag too late": {env("", ""), []string{"00uann", "-yes"}, "one user for each run"},
		"two users":     {env("", ""), []string{"00uann", "00ubob"}, "one user for each run"},
		"empty user":    {env("", ""), []string{"-yes", ""}, "the user is empty"},
		"no user":       {env(url, token), []string{"-yes"}, "name a user of " + url},
		"no token":      {env(url, ""), []string{"00uann"}, "Config.Credentials is missing"},
		"no URL":        {env("", token), []string{"00uann"}, "Config.OrgURL is missing"},
		"wrong URL":     {env("http://acme.okta.com", token), []string{"00uann"}, "Config.OrgURL is http"},
		"wrong token":   {env(url, "00 token"), []string{"00uann"}, "token (OKTA_CLIENT_TOKEN) is not a token: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := runWith(t.Context(), test.load, test.args...)
			assert.Equal(t, 2, code)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, test.want)
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := runWith(t.Context(), env("", ""), "-h")
	assert.Zero(t, code)
	assert.True(t, strings.HasPrefix(stdout, "usage: offboard [flags] [user ID or login]\n"))
	assert.Contains(t, stdout, "-yes\n    \trevoke, and not only show what would be revoked\n")
	assert.Empty(t, stderr)
}

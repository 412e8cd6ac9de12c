package oktatest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

// seedOne fills an org with one thing of each kind, at a fixed time.
func seedOne(org *oktatest.Org) {
	day := time.Date(2026, time.May, 4, 9, 30, 0, 0, time.UTC)
	org.AddUser(oktatest.User{ID: "00u1", Login: "ann@example.com", Name: "Ann"})
	org.AddClient(oktatest.Client{
		ID: "0oa1", Name: "Calendar", URI: "https://c.example.com", Created: day, LastUpdated: day.Add(time.Hour),
	})
	org.AddAuthorizationServer(oktatest.AuthorizationServer{
		ID: "aus1", Name: "Partners", Created: day, LastUpdated: day.Add(time.Hour),
	})
	org.AddGrant(oktatest.Grant{
		ID: "oag1", UserID: "00u1", ClientID: "0oa1", ScopeID: "openid", Created: day, LastUpdated: day.Add(time.Hour),
	})
	org.AddRefreshToken(oktatest.RefreshToken{
		ID: "oar1", UserID: "00u1", ClientID: "0oa1", AuthorizationServerID: "aus1",
		Scopes: []string{"openid", "offline_access"}, Created: day, LastUpdated: day, ExpiresAt: day.Add(time.Hour),
	})
}

const grantText = `{
	"id": "oag1",
	"status": "ACTIVE",
	"created": "2026-05-04T09:30:00.000Z",
	"createdBy": {"id": "00u1", "type": "User"},
	"lastUpdated": "2026-05-04T10:30:00.000Z",
	"issuer": "https://acme.okta.com/x",
	"clientId": "0oa1",
	"userId": "00u1",
	"scopeId": "openid",
	"source": "END_USER",
	"_links": {
		"app": {"href": "https://acme.okta.com/x/api/v1/apps/0oa1", "title": "Calendar"},
		"authorizationServer": {
			"href": "https://acme.okta.com/x/api/v1/authorizationServers/default", "title": "default"
		},
		"client": {"href": "https://acme.okta.com/x/oauth2/v1/clients/0oa1", "title": "Calendar"},
		"scope": {
			"href": "https://acme.okta.com/x/api/v1/authorizationServers/default/scopes/scp08a006a4a0a7a2e6c",
			"title": "openid"
		},
		"self": {"href": "https://acme.okta.com/x/api/v1/users/00u1/grants/oag1"},
		"user": {"href": "https://acme.okta.com/x/api/v1/users/00u1", "title": "Ann"}
	}
}`

const userTokenText = `{
	"id": "oar1",
	"status": "ACTIVE",
	"created": "2026-05-04T09:30:00.000Z",
	"lastUpdated": "2026-05-04T09:30:00.000Z",
	"expiresAt": "2026-05-04T10:30:00.000Z",
	"issuer": "https://acme.okta.com/x/oauth2/aus1",
	"clientId": "0oa1",
	"userId": "00u1",
	"scopes": ["openid", "offline_access"],
	"_links": {
		"app": {"href": "https://acme.okta.com/x/api/v1/apps/0oa1", "title": "Calendar"},
		"authorizationServer": {
			"href": "https://acme.okta.com/x/api/v1/authorizationServers/aus1", "title": "Partners"
		},
		"client": {"href": "https://acme.okta.com/x/oauth2/v1/clients/0oa1", "title": "Calendar"},
		"revoke": {
			"href": "https://acme.okta.com/x/api/v1/users/00u1/clients/0oa1/tokens/oar1",
			"hints": {"allow": ["DELETE"]}
		},
		"self": {"href": "https://acme.okta.com/x/api/v1/users/00u1/clients/0oa1/tokens/oar1"},
		"user": {"href": "https://acme.okta.com/x/api/v1/users/00u1", "title": "Ann"}
	}
}`

const userClientText = `{
	"client_id": "0oa1",
	"client_name": "Calendar",
	"client_uri": "https://c.example.com",
	"logo_uri": null,
	"_links": {
		"client": {"href": "https://acme.okta.com/x/oauth2/v1/clients/0oa1", "title": "Calendar"},
		"grants": {
			"href": "https://acme.okta.com/x/api/v1/users/00u1/clients/0oa1/grants",
			"hints": {"allow": ["GET", "DELETE"]}
		},
		"tokens": {
			"href": "https://acme.okta.com/x/api/v1/users/00u1/clients/0oa1/tokens",
			"hints": {"allow": ["GET", "DELETE"]}
		}
	}
}`

const serverClientText = `{
	"client_id": "0oa1",
	"client_name": "Calendar",
	"client_uri": "https://c.example.com",
	"logo_uri": null,
	"_links": {
		"client": {"href": "https://acme.okta.com/x/oauth2/v1/clients/0oa1", "title": "Calendar"},
		"tokens": {
			"href": "https://acme.okta.com/x/api/v1/authorizationServers/aus1/clients/0oa1/tokens",
			"hints": {"allow": ["GET", "DELETE"]}
		}
	}
}`

// serverTokenText is the same token as an authorization server shows it.
func serverTokenText() string {
	return strings.NewReplacer(`"clientId"`, `"client_id"`, "/users/00u1/clients", "/authorizationServers/aus1/clients").
		Replace(userTokenText)
}

func TestReads(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{BasePath: "gateway/okta/", PublicURL: "https://acme.okta.com/x"})
	seedOne(org)
	require.True(t, strings.HasSuffix(org.URL, "/gateway/okta"), org.URL)

	for path, want := range map[string]string{
		"/api/v1/users/00u1/grants/oag1":                                grantText,
		"/api/v1/users/00u1/grants":                                     "[" + grantText + "]",
		"/api/v1/users/00u1/clients/0oa1/grants":                        "[" + grantText + "]",
		"/api/v1/users/00u1/clients":                                    "[" + userClientText + "]",
		"/api/v1/users/00u1/clients/0oa1/tokens":                        "[" + userTokenText + "]",
		"/api/v1/users/00u1/clients/0oa1/tokens/oar1":                   userTokenText,
		"/api/v1/authorizationServers/aus1/clients":                     "[" + serverClientText + "]",
		"/api/v1/authorizationServers/aus1/clients?limit=x&after=x":     "[" + serverClientText + "]",
		"/api/v1/authorizationServers/aus1/clients/0oa1/tokens":         "[" + serverTokenText() + "]",
		"/api/v1/authorizationServers/aus1/clients/0oa1/tokens/oar1":    serverTokenText(),
		"/api/v1/authorizationServers/default/clients":                  "[]",
		"/api/v1/authorizationServers/default/clients/0oa1/tokens":      "[]",
		"/api/v1/authorizationServers/aus1/clients/0oa1/tokens?expand=": "[" + serverTokenText() + "]",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			got := get(t, org, path)
			assert.Equal(t, http.StatusOK, got.status)
			assert.Equal(t, "application/json", got.header.Get("Content-Type"))
			assert.JSONEq(t, want, got.body)
		})
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{PublicURL: "https://acme.okta.com"})
	seedOne(org)

	const grantScope = `{"scope": {"id": "openid"}}`
	const tokenScopes = `{"scopes": [
		{
			"id": "scp08a006a4a0a7a2e6c", "name": "openid", "displayName": "openid",
			"description": "The scope openid",
			"_links": {"scope": {
				"href": "https://acme.okta.com/api/v1/authorizationServers/aus1/scopes/scp08a006a4a0a7a2e6c",
				"title": "openid"
			}}
		},
		{
			"id": "scp053df910c7759fedb", "name": "offline_access", "displayName": "offline_access",
			"description": "The scope offline_access",
			"_links": {"scope": {
				"href": "https://acme.okta.com/api/v1/authorizationServers/aus1/scopes/scp053df910c7759fedb",
				"title": "offline_access"
			}}
		}
	]}`
	for path, want := range map[string]string{
		"/api/v1/users/00u1/grants/oag1":                             grantScope,
		"/api/v1/users/00u1/grants":                                  grantScope,
		"/api/v1/users/00u1/clients/0oa1/grants":                     grantScope,
		"/api/v1/users/00u1/clients/0oa1/tokens/oar1":                tokenScopes,
		"/api/v1/users/00u1/clients/0oa1/tokens":                     tokenScopes,
		"/api/v1/authorizationServers/aus1/clients/0oa1/tokens/oar1": tokenScopes,
		"/api/v1/authorizationServers/aus1/clients/0oa1/tokens":      tokenScopes,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			got := get(t, org, path+"?expand=scope")
			got.body = strings.TrimSuffix(strings.TrimPrefix(got.body, "["), "]")
			assert.JSONEq(t, want, embedded(t, got))

			get(t, org, path+"?expand=scopes").assertError(t, 400, "E0000001", "Api validation failed: expand")
		})
	}
}

// twoOfEach fills an org with two users, clients and authorization servers, and a grant and a refresh token for each
// combination of them, named after it.
func twoOfEach(org *oktatest.Org) {
	for _, n := range []string{"1", "2"} {
		org.AddUser(oktatest.User{ID: "u" + n, Login: "login" + n})
		org.AddClient(oktatest.Client{ID: "c" + n})
		org.AddAuthorizationServer(oktatest.AuthorizationServer{ID: "s" + n})
	}
	for _, user := range []string{"u1", "u2"} {
		for _, client := range []string{"c1", "c2"} {
			org.AddGrant(oktatest.Grant{ID: "g-" + user + client, UserID: user, ClientID: client})
			for _, server := range []string{"s1", "s2"} {
				org.AddRefreshToken(oktatest.RefreshToken{
					ID: "t-" + user + client + server, UserID: user, ClientID: client, AuthorizationServerID: server,
				})
			}
		}
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	grants := []string{"g-u1c1", "g-u1c2", "g-u2c1", "g-u2c2"}
	tokens := []string{
		"t-u1c1s1", "t-u1c1s2", "t-u1c2s1", "t-u1c2s2", "t-u2c1s1", "t-u2c1s2", "t-u2c2s1", "t-u2c2s2",
	}
	for _, test := range []struct {
		path       string
		wantGrants []string
		wantTokens []string
		again      int
	}{
		{"/api/v1/users/u1/grants/g-u1c2", []string{"g-u1c1", "g-u2c1", "g-u2c2"}, tokens, 404},
		{"/api/v1/users/u1/grants", []string{"g-u2c1", "g-u2c2"}, tokens, 204},
		{"/api/v1/users/u1/clients/c1/grants", []string{"g-u1c2", "g-u2c1", "g-u2c2"}, tokens, 204},
		{
			"/api/v1/users/u2/clients/c1/tokens/t-u2c1s2", grants,
			[]string{"t-u1c1s1", "t-u1c1s2", "t-u1c2s1", "t-u1c2s2", "t-u2c1s1", "t-u2c2s1", "t-u2c2s2"}, 404,
		},
		{
			"/api/v1/users/u2/clients/c1/tokens", grants,
			[]string{"t-u1c1s1", "t-u1c1s2", "t-u1c2s1", "t-u1c2s2", "t-u2c2s1", "t-u2c2s2"}, 204,
		},
		{
			"/api/v1/authorizationServers/s1/clients/c2/tokens/t-u1c2s1", grants,
			[]string{"t-u1c1s1", "t-u1c1s2", "t-u1c2s2", "t-u2c1s1", "t-u2c1s2", "t-u2c2s1", "t-u2c2s2"}, 404,
		},
		{
			"/api/v1/authorizationServers/s1/clients/c2/tokens", grants,
			[]string{"t-u1c1s1", "t-u1c1s2", "t-u1c2s2", "t-u2c1s1", "t-u2c1s2", "t-u2c2s2"}, 204,
		},
	} {
		t.Run(test.path, func(t *testing.T) {
			t.Parallel()
			org := start(t, oktatest.Options{})
			twoOfEach(org)

			got := do(t, org, http.MethodDelete, test.path)
			assert.Equal(t, http.StatusNoContent, got.status)
			assert.Empty(t, got.body)
			assert.Equal(t, test.wantGrants, grantIDs(org))
			assert.Equal(t, test.wantTokens, tokenIDs(org))
			assert.Equal(t, test.again, do(t, org, http.MethodDelete, test.path).status)
			if test.again == 404 {
				assert.Equal(t, 404, get(t, org, test.path).status)
			} else {
				assert.Empty(t, get(t, org, test.path).ids(t))
			}
		})
	}
}

// What is revoked through one list must not be in another one.
func TestRevokedIsInNoList(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)

	do(t, org, http.MethodDelete, "/api/v1/users/u1/grants")
	assert.Empty(t, get(t, org, "/api/v1/users/u1/clients/c1/grants").ids(t))
	assert.Equal(t, []string{"c1", "c2"}, get(t, org, "/api/v1/users/u1/clients").ids(t), "there are tokens left")

	do(t, org, http.MethodDelete, "/api/v1/users/u1/clients/c1/tokens")
	assert.Equal(t, []string{"c2"}, get(t, org, "/api/v1/users/u1/clients").ids(t))
	assert.Equal(t, []string{"t-u2c1s1"}, get(t, org, "/api/v1/authorizationServers/s1/clients/c1/tokens").ids(t))

	do(t, org, http.MethodDelete, "/api/v1/authorizationServers/s1/clients/c1/tokens")
	assert.Equal(t, []string{"c2"}, get(t, org, "/api/v1/authorizationServers/s1/clients").ids(t))
	assert.Equal(t, []string{"t-u2c1s2"}, get(t, org, "/api/v1/users/u2/clients/c1/tokens").ids(t))
}

// A client is listed until the last of what a user has for it is revoked.
func TestListUserClientsUntilTheLastRevoke(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	seedMany(org, 5)
	do(t, org, http.MethodDelete, "/api/v1/users/u/clients/c/tokens")
	for _, id := range []string{"g003", "g000", "g004", "g001", "g002"} {
		assert.Equal(t, []string{"c"}, get(t, org, "/api/v1/users/u/clients").ids(t))
		assert.Contains(t, get(t, org, "/api/v1/users/u/grants").ids(t), id)
		assert.Equal(t, http.StatusNoContent, do(t, org, http.MethodDelete, "/api/v1/users/u/grants/"+id).status)
		assert.NotContains(t, get(t, org, "/api/v1/users/u/grants").ids(t), id)
	}
	assert.Empty(t, get(t, org, "/api/v1/users/u/clients").ids(t))
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)

	for path, what := range map[string]string{
		"/api/v1/users/x/grants":                                     "x (User)",
		"/api/v1/users/x/grants/g-u1c1":                              "x (User)",
		"/api/v1/users/x/clients":                                    "x (User)",
		"/api/v1/users/me/clients/c1/grants":                         "me (User)",
		"/api/v1/users/x/clients/c1/tokens":                          "x (User)",
		"/api/v1/users/x/clients/c1/tokens/t-u1c1s1":                 "x (User)",
		"/api/v1/users/u1/clients/x/grants":                          "x (OAuth2Client)",
		"/api/v1/users/u1/clients/x/tokens":                          "x (OAuth2Client)",
		"/api/v1/users/u1/grants/x":                                  "x (OAuth2ScopeConsentGrant)",
		"/api/v1/users/u1/grants/g-u2c1":                             "g-u2c1 (OAuth2ScopeConsentGrant)",
		"/api/v1/users/u1/clients/c1/tokens/x":                       "x (OAuth2RefreshToken)",
		"/api/v1/users/u1/clients/c1/tokens/t-u1c2s1":                "t-u1c2s1 (OAuth2RefreshToken)",
		"/api/v1/authorizationServers/x/clients":                     "x (AuthorizationServer)",
		"/api/v1/authorizationServers/x/clients/c1/tokens":           "x (AuthorizationServer)",
		"/api/v1/authorizationServers/x/clients/c1/tokens/t-u1c1s1":  "x (AuthorizationServer)",
		"/api/v1/authorizationServers/s1/clients/x/tokens":           "x (OAuth2Client)",
		"/api/v1/authorizationServers/s1/clients/c1/tokens/t-u1c1s2": "t-u1c1s2 (OAuth2RefreshToken)",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			summary := "Not found: Resource not found: " + what
			get(t, org, path).assertError(t, 404, "E0000007", summary)
			if path != "/api/v1/users/x/clients" && path != "/api/v1/authorizationServers/x/clients" {
				do(t, org, http.MethodDelete, path).assertError(t, 404, "E0000007", summary)
			}
		})
	}
	assert.Len(t, org.Grants(), 4)
	assert.Len(t, org.RefreshTokens(), 8)
}

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{BasePath: "/base"})
	twoOfEach(org)
	root := strings.TrimSuffix(org.URL, "/base")

	for _, path := range []string{
		"/api/v1/users/u1/grants", // Outside the base path.
		"/basement/api/v1/users/u1/grants",
		"/base",
		"/base/",
		"/base//api/v1/users/u1/grants",
		"/base/api/v1/users//grants",
		"/base/api/v1/users/u1/grants/",
		"/base/api/v1/users/u1/grants/g-u1c1/x",
		"/base/api/v1/users/x/../u1/grants",
		"/base/api/v1/users/;u1/grants",
		"/base/api/v1/groups",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			rooted := &oktatest.Org{URL: root}
			get(t, rooted, path).assertError(t, 404, "E0000008", "The requested path was not found")
		})
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "OPTIONS"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			do(t, org, method, "/api/v1/users/u1/grants").
				assertError(t, 405, "E0000022", "The endpoint does not support the provided HTTP method")
		})
	}
	do(t, org, http.MethodDelete, "/api/v1/users/u1/clients").
		assertError(t, 405, "E0000022", "The endpoint does not support the provided HTTP method")
}

func TestOddIDs(t *testing.T) {
	t.Parallel()
	for _, id := range []string{
		"..", ".", "a%2Fb", "a?b", "a#b", "a b", "a+b", "ä", `"<&>"`, "a,b", "grants", "{userId}", "a:b",
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			org := start(t, oktatest.Options{})
			org.AddUser(oktatest.User{ID: id, Login: "login"})
			org.AddClient(oktatest.Client{ID: id})
			org.AddAuthorizationServer(oktatest.AuthorizationServer{ID: id})
			org.AddGrant(oktatest.Grant{ID: id, UserID: id, ClientID: id})
			org.AddGrant(oktatest.Grant{ID: "other", UserID: id, ClientID: id})
			org.AddRefreshToken(oktatest.RefreshToken{ID: id, UserID: id, ClientID: id, AuthorizationServerID: id})

			user := "/api/v1/users/" + url.PathEscape(id)
			list := get(t, org, user+"/grants?limit=1")
			assert.Equal(t, []string{id}, list.ids(t))
			assert.Equal(t, user+"/grants", list.links(t)["self"].EscapedPath())
			assert.Equal(t, []string{"other"}, get(t, org, list.next(t)).ids(t))

			grant := user + "/grants/" + url.PathEscape(id)
			assert.Equal(t, id, get(t, org, grant).object(t)["id"])
			assert.Equal(t, 204, do(t, org, http.MethodDelete, grant).status)
			assert.Equal(t, []string{"other"}, grantIDs(org))

			issued := fmt.Sprintf("/api/v1/authorizationServers/%[1]s/clients/%[1]s/tokens/%[1]s", url.PathEscape(id))
			self := get(t, org, issued).object(t)["_links"].(map[string]any)["self"].(map[string]any)["href"]
			assert.Equal(t, org.URL+issued, self)
		})
	}
}

// Every response has the request ID, which Okta's support needs.
func TestStandardHeaders(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{Now: fixedClock})
	twoOfEach(org)
	org.Next(nil, nil, nil, nil, oktatest.Reply(500, nil, ""))

	seen := map[string]bool{}
	for _, got := range []response{
		get(t, org, "/api/v1/users/u1/grants"),
		do(t, org, http.MethodDelete, "/api/v1/users/u1/grants"),
		get(t, org, "/api/v1/users/x/grants"),
		get(t, org, "/x"),
		get(t, org, "/x"),
	} {
		assert.Equal(t, "Sun, 01 Mar 2026 13:00:30 GMT", got.header.Get("Date"))
		assert.NotEmpty(t, got.header.Get("X-Okta-Request-Id"))
		assert.NotContains(t, got.header, "X-Rate-Limit-Limit")
		seen[got.header.Get("X-Okta-Request-Id")] = true
	}
	assert.Len(t, seen, 5, "request IDs are unique")
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	org.AddUser(oktatest.User{ID: "u"})
	org.AddClient(oktatest.Client{ID: "c"})
	org.LimitRate(oktatest.BucketUsers, 1_000_000, time.Minute)

	serve := func(method, path string) int {
		r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
		r.Header.Set("Authorization", "SSWS "+token)
		w := httptest.NewRecorder()
		org.ServeHTTP(w, r)
		return w.Code
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				grant := org.AddGrant(oktatest.Grant{UserID: "u", ClientID: "c"})
				assert.Equal(t, 200, serve("GET", "/api/v1/users/u/grants?limit=200"))
				assert.Equal(t, 204, serve("DELETE", "/api/v1/users/u/grants/"+grant.ID))
				org.Requests()
				org.Grants()
			}
		})
	}
	group.Wait()
	assert.Empty(t, org.Grants())
	assert.Len(t, org.Requests(), 800)
}

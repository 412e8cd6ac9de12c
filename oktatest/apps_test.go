package oktatest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grantkit/okta/oktatest"
)

func TestGetApp(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{PublicURL: "https://acme.okta.com"})
	seedOne(org)
	assert.JSONEq(t, `{
		"id": "0oa1",
		"name": "oidc_client",
		"label": "Calendar",
		"status": "ACTIVE",
		"created": "2026-05-04T09:30:00.000Z",
		"lastUpdated": "2026-05-04T10:30:00.000Z",
		"signOnMode": "OPENID_CONNECT",
		"credentials": {"oauthClient": {
			"autoKeyRotation": true, "client_id": "0oa1", "token_endpoint_auth_method": "client_secret_basic"
		}},
		"features": [],
		"settings": {"oauthClient": {
			"client_uri": "https://c.example.com",
			"application_type": "web",
			"grant_types": ["authorization_code", "refresh_token"],
			"response_types": ["code"],
			"issuer_mode": "ORG_URL"
		}},
		"_links": {
			"appLinks": [],
			"groups": {"href": "https://acme.okta.com/api/v1/apps/0oa1/groups"},
			"users": {"href": "https://acme.okta.com/api/v1/apps/0oa1/users"},
			"deactivate": {"href": "https://acme.okta.com/api/v1/apps/0oa1/lifecycle/deactivate"}
		}
	}`, get(t, org, "/api/v1/apps/0oa1").body)
	do(t, org, http.MethodPost, "/api/v1/apps/0oa1/lifecycle/deactivate")
	inactive := get(t, org, "/api/v1/apps/0oa1").body
	assert.Contains(t, inactive, `"activate":{"href":"https://acme.okta.com/api/v1/apps/0oa1/lifecycle/activate"}`)
	assert.NotContains(t, inactive, "deactivate")
}

func TestListApps(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	for i := range 25 {
		org.AddClient(oktatest.Client{ID: fmt.Sprintf("%03d", i), Status: []string{"", "INACTIVE"}[i%2]})
	}
	for query, want := range map[string][][]string{
		"":                                  {numbered("", 0, 25, 2)},
		"?limit=10":                         {numbered("", 0, 20, 2), numbered("", 20, 25, 2)},
		"?limit=-1&includeNonDeleted=false": {numbered("", 0, 25, 2)},
		"?includeNonDeleted=true":           {numbered("", 0, 20, 1), numbered("", 20, 25, 1)},
		"?filter=status%20eq%20%22INACTIVE%22&limit=10":   {numbered("", 1, 21, 2), numbered("", 21, 25, 2)},
		"?filter=id%20eq%20%22001%22":                     {{"001"}},
		"?filter=name%20eq%20%22oidc_client%22&limit=200": {numbered("", 0, 25, 1)},
	} {
		assert.Equal(t, want, walk(t, org, "/api/v1/apps"+query), query)
	}
	org.AddClient(oktatest.Client{ID: "100", Name: "Calendar"})
	for q, want := range map[string][][]string{
		"Cal": {{"100"}}, "lendar": {{}}, "oidc": {append(numbered("", 0, 25, 2), "100")},
		"App&limit=10": {numbered("", 0, 20, 2), numbered("", 20, 25, 2)},
	} {
		assert.Equal(t, want, walk(t, org, "/api/v1/apps?q="+q), q)
	}
	get(t, org, "/api/v1/apps?filter=label%20eq%20%22x%22").
		assertError(t, 400, "E0000031", "Invalid search criteria.")
	get(t, org, "/api/v1/apps?includeNonDeleted=1").
		assertError(t, 400, "E0000001", "Api validation failed: includeNonDeleted")
}

func TestAppUsers(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{PublicURL: "https://acme.okta.com", Now: fixedClock})
	seedMany(org, 0)
	org.AddClient(oktatest.Client{ID: "other"})
	users := numbered("", 0, 501, 1)
	for _, id := range users {
		org.AddUser(oktatest.User{ID: id, Created: time.Unix(0, 0)})
	}
	org.AssignUsers("c", users[:3]...)
	org.AssignUsers("c", users...)
	org.AssignUsers("other", "u")

	assert.Len(t, walk(t, org, "/api/v1/apps/c/users"), 11, "50 on a page")
	assert.Equal(t, [][]string{users[:500], users[500:]}, walk(t, org, "/api/v1/apps/c/users?limit=500"))
	get(t, org, "/api/v1/apps/c/users?limit=501").assertError(t, 400, "E0000001", "Api validation failed: limit")
	const assigned = `{
		"id": "000",
		"externalId": null,
		"created": "2026-03-01T13:00:30.123Z",
		"lastUpdated": "2026-03-01T13:00:30.123Z",
		"scope": "USER",
		"status": "ACTIVE",
		"statusChanged": "2026-03-01T13:00:30.123Z",
		"passwordChanged": null,
		"syncState": "DISABLED",
		"credentials": {"userName": "000@example.com"},
		"profile": {},
		"_links": {
			"app": {"href": "https://acme.okta.com/api/v1/apps/c"},
			"user": {"href": "https://acme.okta.com/api/v1/users/000"}
		}
	}`
	assert.JSONEq(t, "["+assigned+"]", get(t, org, "/api/v1/apps/c/users?limit=1").body)
	expanded := get(t, org, "/api/v1/apps/c/users?limit=1&expand=user").body
	assert.Contains(t, expanded, `"_embedded":{"user":{"id":"000","status":"ACTIVE","created":"1970-01-01T00:00:00.000Z"`)
	get(t, org, "/api/v1/apps/c/users?expand=scope").assertError(t, 400, "E0000001", "Api validation failed: expand")
}

func TestAppTokens(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{PublicURL: "https://acme.okta.com"})
	twoOfEach(org)
	list := "/api/v1/apps/c1/tokens"

	all := []string{"t-u1c1s1", "t-u1c1s2", "t-u2c1s1", "t-u2c1s2"}
	assert.Equal(t, all, get(t, org, list).ids(t))
	assert.Equal(t, [][]string{all[:3], all[3:]}, walk(t, org, list+"?limit=3&expand=scope"))
	token := get(t, org, list+"/t-u1c1s2").object(t)
	assert.Equal(t, "c1", token["clientId"])
	assert.NotContains(t, token, "client_id")
	assert.Equal(t, "https://acme.okta.com/oauth2/s2", token["issuer"])
	self := token["_links"].(map[string]any)["self"].(map[string]any)["href"]
	assert.Equal(t, "https://acme.okta.com/api/v1/apps/c1/tokens/t-u1c1s2", self)

	other := list + "/t-u1c2s1"
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		do(t, org, method, other).
			assertError(t, 404, "E0000007", "Not found: Resource not found: c1.t-u1c2s1 (OAuth2RefreshTokenTx)")
	}
	assert.Equal(t, http.StatusNoContent, do(t, org, http.MethodDelete, list+"/t-u1c1s2").status)
	assert.Equal(t, []string{"t-u1c1s1", "t-u2c1s1", "t-u2c1s2"}, get(t, org, list).ids(t))
	assert.Equal(t, []string{"t-u1c1s1"}, get(t, org, "/api/v1/users/u1/clients/c1/tokens").ids(t))

	assert.Equal(t, http.StatusNoContent, do(t, org, http.MethodDelete, list).status)
	assert.Equal(t, []string{"t-u1c2s1", "t-u1c2s2", "t-u2c2s1", "t-u2c2s2"}, tokenIDs(org))
	assert.Len(t, org.Grants(), 4, "tokens are no consents")
}

func TestDeactivateApp(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)
	for range 2 {
		got := do(t, org, http.MethodPost, "/api/v1/apps/c1/lifecycle/deactivate")
		assert.Equal(t, http.StatusOK, got.status)
		assert.Equal(t, "{}", got.body)
	}
	assert.Equal(t, []string{"g-u1c2", "g-u2c2"}, grantIDs(org))
	assert.Equal(t, []string{"t-u1c2s1", "t-u1c2s2", "t-u2c2s1", "t-u2c2s2"}, tokenIDs(org))
	assert.Equal(t, []string{"INACTIVE", "ACTIVE"}, []string{org.Clients()[0].Status, org.Clients()[1].Status})
	app := get(t, org, "/api/v1/apps/c1").object(t)
	assert.Equal(t, "INACTIVE", app["status"])
	assert.NotContains(t, app["_links"], "deactivate")
	assert.Equal(t, []string{"c2"}, get(t, org, "/api/v1/users/u1/clients").ids(t))
	assert.Equal(t, []string{"c2"}, get(t, org, "/api/v1/apps").ids(t))
}

func TestUnknownApp(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)
	for _, test := range []struct{ method, path string }{
		{"GET", ""}, {"POST", "/lifecycle/deactivate"}, {"GET", "/users"}, {"GET", "/tokens"}, {"DELETE", "/tokens"},
		{"GET", "/tokens/t-u1c1s1"}, {"DELETE", "/tokens/t-u1c1s1"},
	} {
		do(t, org, test.method, "/api/v1/apps/x"+test.path).
			assertError(t, 404, "E0000007", "Not found: Resource not found: x (AppInstance)")
	}
	assert.Len(t, org.RefreshTokens(), 8)
}

func TestListAuthorizationServers(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{PublicURL: "https://acme.okta.com"})
	seedOne(org)
	path := "/api/v1/authorizationServers"
	assert.Equal(t, [][]string{{"default"}, {"aus1"}}, walk(t, org, path+"?limit=1"))
	first := get(t, org, path).links(t)
	assert.NotContains(t, first, "next")
	cursor := get(t, org, path+"?limit=1").links(t)["next"].Query().Get("after")
	assert.JSONEq(t, `[{
		"id": "aus1",
		"name": "Partners",
		"description": "The authorization server Partners",
		"audiences": ["api://aus1"],
		"issuer": "https://acme.okta.com/oauth2/aus1",
		"issuerMode": "ORG_URL",
		"status": "ACTIVE",
		"created": "2026-05-04T09:30:00.000Z",
		"lastUpdated": "2026-05-04T10:30:00.000Z",
		"_links": {
			"scopes": {
				"href": "https://acme.okta.com/api/v1/authorizationServers/aus1/scopes",
				"hints": {"allow": ["GET", "POST"]}
			},
			"self": {
				"href": "https://acme.okta.com/api/v1/authorizationServers/aus1",
				"hints": {"allow": ["GET", "DELETE", "PUT"]}
			},
			"deactivate": {
				"href": "https://acme.okta.com/api/v1/authorizationServers/aus1/lifecycle/deactivate",
				"hints": {"allow": ["POST"]}
			}
		}
	}]`, get(t, org, path+"?after="+cursor).body)
}

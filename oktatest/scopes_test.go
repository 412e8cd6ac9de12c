package oktatest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grantkit/okta/oktatest"
)

// A consent to a custom authorization server names the scope by its ID, and calls it by name in the title of a link.
func TestGrantOfAnAuthorizationServer(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{PublicURL: "https://acme.okta.com", Now: fixedClock})
	seedOne(org)
	rating := org.AddScope(oktatest.Scope{
		ID: "scp5Tq", AuthorizationServerID: "aus1", Name: "rating.read", DisplayName: "Credit rating",
	})
	phone := org.AddScope(oktatest.Scope{ID: "scp9Rw", Name: "phone"})
	org.AddGrant(oktatest.Grant{ID: "oag2", UserID: "00u1", ClientID: "0oa1", ScopeID: rating.ID})
	org.AddGrant(oktatest.Grant{ID: "oag3", UserID: "00u1", ClientID: "0oa1", ScopeID: phone.ID})

	assert.JSONEq(t, `{
		"id": "oag2",
		"status": "ACTIVE",
		"created": "2026-03-01T13:00:30.123Z",
		"createdBy": {"id": "00u1", "type": "User"},
		"lastUpdated": "2026-03-01T13:00:30.123Z",
		"issuer": "https://acme.okta.com/oauth2/aus1",
		"clientId": "0oa1",
		"userId": "00u1",
		"scopeId": "scp5Tq",
		"source": "END_USER",
		"_links": {
			"app": {"href": "https://acme.okta.com/api/v1/apps/0oa1", "title": "Calendar"},
			"authorizationServer": {
				"href": "https://acme.okta.com/api/v1/authorizationServers/aus1", "title": "Partners"
			},
			"client": {"href": "https://acme.okta.com/oauth2/v1/clients/0oa1", "title": "Calendar"},
			"scope": {
				"href": "https://acme.okta.com/api/v1/authorizationServers/aus1/scopes/scp5Tq", "title": "Credit rating"
			},
			"self": {"href": "https://acme.okta.com/api/v1/users/00u1/grants/oag2"},
			"user": {"href": "https://acme.okta.com/api/v1/users/00u1", "title": "Ann"}
		}
	}`, get(t, org, "/api/v1/users/00u1/grants/oag2").body)
	ofDefault := get(t, org, "/api/v1/users/00u1/grants/oag3").body
	assert.Contains(t, ofDefault, `"issuer":"https://acme.okta.com/oauth2/default"`)
	assert.Contains(t, ofDefault, `/authorizationServers/default/scopes/scp9Rw","title":"phone"`, "the name as the title")
	assert.Equal(t, []string{"oag2"}, get(t, org, "/api/v1/users/00u1/grants?scopeId=scp5Tq").ids(t))
	assert.Empty(t, get(t, org, "/api/v1/users/00u1/grants?scopeId=rating.read").ids(t))
}

func TestListScopes(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{PublicURL: "https://acme.okta.com"})
	org.AddAuthorizationServer(oktatest.AuthorizationServer{ID: "aus1"})
	org.AddScope(oktatest.Scope{
		ID: "scp1", AuthorizationServerID: "aus1", Name: "rating.read", DisplayName: "Credit rating", Description: "Reads.",
	})
	org.AddScope(oktatest.Scope{ID: "scp2", AuthorizationServerID: "aus1", Name: "openid", System: true, Consent: "IMPLICIT"})
	org.AddScope(oktatest.Scope{ID: "scp3", AuthorizationServerID: "aus1", Name: "other"})
	org.AddScope(oktatest.Scope{ID: "scp4", Name: "openid"})
	list := "/api/v1/authorizationServers/aus1/scopes"

	assert.Equal(t, [][]string{{"scp1", "scp2"}, {"scp3"}}, walk(t, org, list+"?limit=2"))
	assert.Equal(t, []string{"scp4"}, get(t, org, "/api/v1/authorizationServers/default/scopes").ids(t))
	get(t, org, list+"?limit=201").assertError(t, 400, "E0000001", "Api validation failed: limit")
	get(t, org, list+"?q=rating").assertError(t, 400, "E0000001", "Api validation failed: q")
	get(t, org, "/api/v1/authorizationServers/aus2/scopes").
		assertError(t, 404, "E0000007", "Not found: Resource not found: aus2 (AuthorizationServer)")
	const first = `{
		"id": "scp1", "name": "rating.read", "displayName": "Credit rating", "description": "Reads.",
		"system": false, "metadataPublish": "NO_CLIENTS", "consent": "REQUIRED", "default": false, "optional": false,
		"_links": {"self": {
			"href": "https://acme.okta.com/api/v1/authorizationServers/aus1/scopes/scp1",
			"hints": {"allow": ["GET", "PUT", "DELETE"]}
		}}
	}`
	const second = `{
		"id": "scp2", "name": "openid", "description": null,
		"system": true, "metadataPublish": "ALL_CLIENTS", "consent": "IMPLICIT", "default": false, "optional": false,
		"_links": {"self": {
			"href": "https://acme.okta.com/api/v1/authorizationServers/aus1/scopes/scp2",
			"hints": {"allow": ["GET", "PUT", "DELETE"]}
		}}
	}`
	assert.JSONEq(t, "["+first+","+second+"]", get(t, org, list+"?limit=2").body)
}

func TestExpandedTokenHasTheScopesOfItsServer(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{PublicURL: "https://acme.okta.com"})
	seedOne(org)
	org.AddScope(oktatest.Scope{ID: "scp4", Name: "openid", DisplayName: "Of another server"})
	org.AddScope(oktatest.Scope{
		ID: "scp2", AuthorizationServerID: "aus1", Name: "openid", DisplayName: "Sign in", Description: "Signs in.",
	})

	got := embedded(t, get(t, org, "/api/v1/users/00u1/clients/0oa1/tokens/oar1?expand=scope"))
	assert.Contains(t, got, `"description":"Signs in.","displayName":"Sign in","id":"scp2","name":"openid"`)
	assert.NotContains(t, got, "Of another server")
}

func TestGetServer(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{PublicURL: "https://acme.okta.com"})
	seedOne(org)

	server := get(t, org, "/api/v1/authorizationServers/aus1").object(t)
	assert.Equal(t, "Partners", server["name"])
	assert.Equal(t, "https://acme.okta.com/oauth2/aus1", server["issuer"])
	assert.Equal(t, "2026-05-04T09:30:00.000Z", server["created"])
	assert.Equal(t, "2026-05-04T10:30:00.000Z", server["lastUpdated"])
	get(t, org, "/api/v1/authorizationServers/aus2").
		assertError(t, 404, "E0000007", "Not found: Resource not found: aus2 (AuthorizationServer)")
}

// renamed adds an app with a client ID of its own, with two consents and two refresh tokens.
func renamed(t *testing.T, opts oktatest.Options) *oktatest.Org {
	t.Helper()
	opts.PublicURL = "https://acme.okta.com"
	org := start(t, opts)
	org.AddUser(oktatest.User{ID: "00u1", Login: "ann@example.com"})
	app := org.AddClient(oktatest.Client{ID: "0oa1", ClientID: "portal", Name: "Portal"})
	org.AssignUsers(app.ID, "00u1")
	for _, n := range []string{"1", "2"} {
		org.AddGrant(oktatest.Grant{ID: "oag" + n, UserID: "00u1", ClientID: app.ClientID, ScopeID: "openid" + n})
		org.AddRefreshToken(oktatest.RefreshToken{ID: "oar" + n, UserID: "00u1", ClientID: app.ClientID})
	}
	return org
}

func TestAppIsKnownByIDAndClientByClientID(t *testing.T) {
	t.Parallel()
	org := renamed(t, oktatest.Options{})
	users, server := "/api/v1/users/00u1/clients", "/api/v1/authorizationServers/default/clients"

	assert.Contains(t, get(t, org, "/api/v1/apps/0oa1").body, `"client_id":"portal"`)
	assert.Equal(t, []string{"00u1"}, get(t, org, "/api/v1/apps/0oa1/users").ids(t))
	assert.Equal(t, []string{"oar1", "oar2"}, get(t, org, "/api/v1/apps/0oa1/tokens").ids(t))
	assert.Equal(t, []string{"portal"}, get(t, org, users).ids(t))
	assert.Equal(t, []string{"portal"}, get(t, org, server).ids(t))
	assert.Equal(t, []string{"oag1", "oag2"}, get(t, org, users+"/portal/grants").ids(t))
	assert.Equal(t, []string{"oar1", "oar2"}, get(t, org, users+"/portal/tokens").ids(t))
	assert.Equal(t, []string{"oar1", "oar2"}, get(t, org, server+"/portal/tokens").ids(t))
	for _, path := range []string{
		"/api/v1/apps/portal", "/api/v1/apps/portal/tokens", users + "/0oa1/grants", users + "/0oa1/tokens",
		server + "/0oa1/tokens",
	} {
		assert.Equal(t, http.StatusNotFound, get(t, org, path).status, path)
	}
	grant := get(t, org, "/api/v1/users/00u1/grants/oag1").body
	assert.Contains(t, grant, `"clientId":"portal"`)
	assert.Contains(t, grant, `"app":{"href":"https://acme.okta.com/api/v1/apps/0oa1","title":"Portal"}`)
	assert.Contains(t, grant, `"client":{"href":"https://acme.okta.com/oauth2/v1/clients/portal","title":"Portal"}`)
	assert.Contains(t, get(t, org, users).body, `"https://acme.okta.com/api/v1/users/00u1/clients/portal/grants"`)
	assert.Contains(t, get(t, org, server).body, `/authorizationServers/default/clients/portal/tokens"`)
	assert.Contains(t, get(t, org, "/api/v1/apps/0oa1/tokens").body, `"https://acme.okta.com/api/v1/apps/0oa1/tokens/oar1"`)

	assert.Equal(t, 204, do(t, org, http.MethodDelete, users+"/portal/grants").status)
	assert.Empty(t, org.Grants())
	assert.Equal(t, 204, do(t, org, http.MethodDelete, "/api/v1/apps/0oa1/tokens/oar1").status)
	assert.Equal(t, 204, do(t, org, http.MethodDelete, "/api/v1/apps/0oa1/tokens").status)
	assert.Empty(t, org.RefreshTokens())
}

func TestUnknownClientsMayBeEmpty(t *testing.T) {
	t.Parallel()
	org := renamed(t, oktatest.Options{UnknownClientsAreEmpty: true})
	users, server := "/api/v1/users/00u1/clients/0oa1", "/api/v1/authorizationServers/default/clients/0oa1"

	for _, path := range []string{users + "/grants", users + "/tokens", server + "/tokens"} {
		assert.Empty(t, get(t, org, path).ids(t), path)
		assert.Equal(t, http.StatusNoContent, do(t, org, http.MethodDelete, path).status, path)
	}
	for _, path := range []string{users + "/tokens/oar1", server + "/tokens/oar1"} {
		assert.Equal(t, http.StatusNotFound, get(t, org, path).status, path)
		assert.Equal(t, http.StatusNotFound, do(t, org, http.MethodDelete, path).status, path)
	}
	assert.Len(t, org.Grants(), 2)
	assert.Len(t, org.RefreshTokens(), 2)
}

func TestDeactivateAppWithAClientIDOfItsOwn(t *testing.T) {
	t.Parallel()
	org := renamed(t, oktatest.Options{Now: fixedClock})
	got := do(t, org, http.MethodPost, "/api/v1/apps/0oa1/lifecycle/deactivate")
	assert.Equal(t, http.StatusOK, got.status)
	assert.JSONEq(t, "{}", got.body)
	assert.Equal(t, "application/json", got.header.Get("Content-Type"))
	assert.Empty(t, org.Grants())
	assert.Empty(t, org.RefreshTokens())
	assert.Equal(t, "INACTIVE", org.Clients()[0].Status)
	assert.Equal(t, fixedClock().UTC().Truncate(time.Millisecond), org.Clients()[0].LastUpdated)
}

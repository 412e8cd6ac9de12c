package oktatest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

func withAuthorization(value string) http.Header { return http.Header{"Authorization": {value}} }

func TestUnknownCredentials(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)
	org.AcceptBearerToken("bearer", "okta.users.read")

	for _, value := range []string{"", "SSWS", "SSWS ", "SSWS other", "SSWS bearer", token, "Basic " + token, "Bearer"} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			got, err := send(t, org, http.MethodDelete, "/api/v1/users/u1/grants", withAuthorization(value))
			require.NoError(t, err)
			if value == "Bearer" {
				assert.Equal(t, http.StatusUnauthorized, got.status)
				return
			}
			got.assertError(t, 401, "E0000011", "Invalid token provided")
			assert.Empty(t, got.header.Values("WWW-Authenticate"))
		})
	}
	assert.Len(t, org.Grants(), 4)
}

func TestUnknownBearerToken(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{PublicURL: "https://acme.okta.com"})

	got, err := send(t, org, http.MethodGet, "/api/v1/users/u/grants", withAuthorization("Bearer "+token))
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, got.status)
	assert.Empty(t, got.body)
	assert.Equal(t, `Bearer authorization_uri="https://acme.okta.com/oauth2/v1/authorize", `+
		`realm="https://acme.okta.com", error="invalid_token", `+
		`error_description="The access token is invalid or has expired."`, got.header.Get("WWW-Authenticate"))
}

func TestScopes(t *testing.T) {
	t.Parallel()
	const (
		usersRead     = "okta.users.read"
		usersManage   = "okta.users.manage"
		serversRead   = "okta.authorizationServers.read"
		serversManage = "okta.authorizationServers.manage"
		appsRead      = "okta.apps.read"
		appsManage    = "okta.apps.manage"
		groupsRead    = "okta.groups.read"
	)
	all := []string{usersRead, usersManage, serversRead, serversManage, appsRead, appsManage, groupsRead}
	for _, test := range []struct{ method, path, scope string }{
		{"GET", "/api/v1/users", usersRead},
		{"GET", "/api/v1/users/u1", usersRead},
		{"DELETE", "/api/v1/users/u1/sessions", usersManage},
		{"GET", "/api/v1/apps", appsRead},
		{"GET", "/api/v1/apps/c1", appsRead},
		{"GET", "/api/v1/apps/c1/users", appsRead},
		{"GET", "/api/v1/apps/c1/tokens", appsRead},
		{"GET", "/api/v1/apps/c1/tokens/t-u1c1s1", appsRead},
		{"DELETE", "/api/v1/apps/c1/tokens", appsManage},
		{"DELETE", "/api/v1/apps/c1/tokens/t-u1c1s1", appsManage},
		{"POST", "/api/v1/apps/c1/lifecycle/deactivate", appsManage},
		{"GET", "/api/v1/groups/g1/users", groupsRead},
		{"GET", "/api/v1/authorizationServers", serversRead},
		{"GET", "/api/v1/users/u1/clients", usersRead},
		{"GET", "/api/v1/users/u1/grants", usersRead},
		{"GET", "/api/v1/users/u1/grants/g-u1c1", usersRead},
		{"GET", "/api/v1/users/u1/clients/c1/grants", usersRead},
		{"GET", "/api/v1/users/u1/clients/c1/tokens", usersRead},
		{"GET", "/api/v1/users/u1/clients/c1/tokens/t-u1c1s1", usersRead},
		{"DELETE", "/api/v1/users/u1/grants", usersManage},
		{"DELETE", "/api/v1/users/u1/grants/g-u1c1", usersManage},
		{"DELETE", "/api/v1/users/u1/clients/c1/grants", usersManage},
		{"DELETE", "/api/v1/users/u1/clients/c1/tokens", usersManage},
		{"DELETE", "/api/v1/users/u1/clients/c1/tokens/t-u1c1s1", usersManage},
		{"GET", "/api/v1/authorizationServers/s1/clients", serversRead},
		{"GET", "/api/v1/authorizationServers/s1/clients/c1/tokens", serversRead},
		{"GET", "/api/v1/authorizationServers/s1/clients/c1/tokens/t-u1c1s1", serversRead},
		{"DELETE", "/api/v1/authorizationServers/s1/clients/c1/tokens", serversManage},
		{"DELETE", "/api/v1/authorizationServers/s1/clients/c1/tokens/t-u1c1s1", serversManage},
	} {
		t.Run(test.method+test.path, func(t *testing.T) {
			t.Parallel()
			org := start(t, oktatest.Options{BasePath: "/base", PublicURL: "https://acme.okta.com"})
			twoOfEach(org)
			org.AddGroup(oktatest.Group{ID: "g1"})
			for _, scope := range all {
				org.AcceptBearerToken(scope, scope)
			}

			for _, scope := range all {
				if scope == test.scope {
					continue
				}
				got, err := send(t, org, test.method, test.path+"?limit=1", withAuthorization("Bearer "+scope))
				require.NoError(t, err)
				assert.Equal(t, http.StatusForbidden, got.status, scope)
				assert.Empty(t, got.body)
				assert.Equal(t, `Bearer authorization_uri="https://acme.okta.com/oauth2/v1/authorize", `+
					`realm="https://acme.okta.com", scope="`+test.scope+`", error="insufficient_scope", `+
					`error_description="The access token provided does not contain the required scopes.", `+
					`resource="`+test.path+`"`, got.header.Get("WWW-Authenticate"))
			}
			assert.Len(t, org.Grants(), 4)
			assert.Len(t, org.RefreshTokens(), 8)

			got, err := send(t, org, test.method, test.path, withAuthorization("Bearer "+test.scope))
			require.NoError(t, err)
			assert.Less(t, got.status, 300)
		})
	}
}

func TestAcceptBearerTokenReplacesScopes(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)
	org.AcceptBearerToken("bearer", "okta.users.read")
	org.AcceptBearerToken("bearer", "okta.users.manage")

	got, err := send(t, org, http.MethodGet, "/api/v1/users/u1/grants", withAuthorization("bearer bearer"))
	require.NoError(t, err)
	assert.Equal(t, http.StatusForbidden, got.status)
}

// The path and the method are checked before the credentials, and the credentials before the IDs.
func TestOrderOfChecks(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	org.LimitRate(oktatest.BucketUsers, 3, time.Hour)
	wrong := withAuthorization("SSWS other")

	for _, test := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/api/v1/users/x/y", 404},
		{"POST", "/api/v1/users/x/grants", 405},
		{"GET", "/api/v1/users/x/grants?limit=x", 401},
		{"GET", "/api/v1/users/x/grants", 429},
	} {
		got, err := send(t, org, test.method, test.path, wrong)
		require.NoError(t, err)
		assert.Equal(t, test.want, got.status, test.path)
	}
}

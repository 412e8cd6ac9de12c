package ratelimit_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grantkit/okta/internal/ratelimit"
)

func TestBucketOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, route, want string }{
		{"GET", "/api/v1/users", users},
		{"POST", "/api/v1/users", users},
		{"GET", "/api/v1/users/{userId}/grants", users},
		{"GET", "/api/v1/users/{userId}/grants/{grantId}", users},
		{"DELETE", "/api/v1/users/{userId}/grants", users},
		{"GET", "/api/v1/users/{userId}/clients", users},
		{"GET", "/api/v1/users/{userId}/clients/{clientId}/tokens/{tokenId}", users},
		{"DELETE", "/api/v1/users/{userId}/sessions", users},
		{"POST", "/api/v1/users/{userId}/lifecycle/suspend", users},
		{"GET", "/api/v1/users/{id}", "GET /api/v1/users/{userId}"},
		{"GET", "/api/v1/users/{idOrLogin}", "GET /api/v1/users/{userId}"},
		{"POST", "/api/v1/users/{id}", "/api/v1/users/{userId}"},
		{"DELETE", "/api/v1/users/{id}", "/api/v1/users/{userId}"},
		{"GET", "/api/v1/users/{userId}/devices", "GET /api/v1/users/{userId}/devices"},

		{"GET", "/api/v1/apps", "/api/v1/apps"},
		{"POST", "/api/v1/apps", "/api/v1/apps"},
		{"GET", "/api/v1/apps/{appId}", "GET /api/v1/apps/{appId}"},
		{"PUT", "/api/v1/apps/{appId}", "/api/v1/apps/{appId}"},
		{"DELETE", "/api/v1/apps/{appId}", "/api/v1/apps/{appId}"},
		{"GET", "/api/v1/apps/{appId}/users", "/api/v1/apps"},
		{"GET", "/api/v1/apps/{appId}/grants", "/api/v1/apps"},
		{"DELETE", "/api/v1/apps/{appId}/tokens/{tokenId}", "/api/v1/apps"},
		{"POST", "/api/v1/apps/{appId}/lifecycle/deactivate", "/api/v1/apps"},
		{"GET", "/api/v1/apps/{appId}/logo", "GET /api/v1/apps/{appId}/logo"},

		{"GET", "/api/v1/groups", "/api/v1/groups"},
		{"GET", "/api/v1/groups/{groupId}", "/api/v1/groups/{groupId}"},
		{"DELETE", "/api/v1/groups/{groupId}", "/api/v1/groups/{groupId}"},
		{"GET", "/api/v1/groups/{groupId}/users", "/api/v1/groups"},
		{"GET", "/api/v1/groups/rules", "/api/v1/groups"},
		{"DELETE", "/api/v1/groups/rules/{id}", "/api/v1/groups"},
		{"POST", "/api/v1/groups/rules/{id}/lifecycle/activate", "/api/v1/groups"},

		{"GET", "/api/v1/logs", "/api/v1/logs"},
		{"GET", "/api/v1/authorizationServers", "/api/v1"},
		{"GET", "/api/v1/authorizationServers/{authServerId}", "/api/v1"},
		{"GET", "/api/v1/authorizationServers/{authServerId}/scopes", "/api/v1"},
		{"DELETE", "/api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens", "/api/v1"},

		{"GET", "/api/v1/policies", "GET /api/v1/policies"},
		{"GET", "/api/v1/logs/x", "GET /api/v1/logs/x"},
		{"GET", "/api/v1/usersX", "GET /api/v1/usersX"},
		{"GET", "/api/v1/", "GET /api/v1/"},
		{"GET", "/api/v2/users", "GET /api/v2/users"},
		{"POST", "/oauth2/v1/token", "POST /oauth2/v1/token"},
		{"POST", "/oauth2/default/v1/token", "POST /oauth2/default/v1/token"},
		{"GET", "/.well-known/okta-organization", "GET /.well-known/okta-organization"},
		{"GET", "", "GET "},
	} {
		assert.Equal(t, c.want, ratelimit.BucketOf(c.method, c.route), "%s %s", c.method, c.route)
	}
}

package org_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
	"github.com/grantkit/okta/org"
)

const (
	userID   = oktatest.DemoUserID
	clientID = oktatest.DemoClientID
	groupID  = oktatest.DemoGroupID
	tokenID  = oktatest.DemoRefreshTokenID
)

// newOrg returns the demo org and a client of it that waits little before a retry.
func newOrg(t *testing.T) (*oktatest.Org, *okta.Client) {
	t.Helper()
	server := oktatest.NewDemo()
	t.Cleanup(server.Close)
	client, err := okta.NewClient(okta.Config{
		OrgURL:      server.URL,
		Credentials: okta.APIToken(oktatest.DemoToken),
		Retry:       okta.Retry{MinWait: time.Millisecond, MaxWait: 10 * time.Millisecond},
	})
	require.NoError(t, err)
	return server, client
}

// operation is one of Okta's documented operations, and the function that stands for it.
type operation struct {
	function string
	id       string // operationId
	method   string
	route    string
	scope    string
	bucket   string
	defaults string // query of a call without options
	query    string // query of a call with every option
	response string // of Okta

	call        func(ctx context.Context, c *okta.Client, ids ...string) error // without options
	callWithAll func(ctx context.Context, c *okta.Client, ids ...string) error // with every option; nil if there is none
}

const tokensQuery = "after=c%261&expand=scope&limit=7"

func fail[T any](_ T, err error) error { return err }

var operations = []operation{
	{
		function: "ListUsers", id: "listUsers", method: http.MethodGet, route: "/api/v1/users",
		scope: "okta.users.read", bucket: "/api/v1/users",
		defaults: "limit=200", query: "after=c%261&filter=status+eq+%22%26%22&limit=7&search=id+sw+%2200u%22",
		response: "[]",
		call: func(ctx context.Context, c *okta.Client, _ ...string) error {
			return fail(org.ListUsers(ctx, c, nil))
		},
		callWithAll: func(ctx context.Context, c *okta.Client, _ ...string) error {
			return fail(org.ListUsers(ctx, c, &org.ListUsersOptions{
				Search: `id sw "00u"`, Filter: `status eq "&"`, After: "c&1", Limit: 7,
			}))
		},
	},
	{
		function: "GetUser", id: "getUser", method: http.MethodGet, route: "/api/v1/users/{id}",
		scope: "okta.users.read", bucket: "GET /api/v1/users/{id}", response: "{}",
		call: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return fail(org.GetUser(ctx, c, ids[0]))
		},
	},
	{
		function: "ListUserClients", id: "listUserClients", method: http.MethodGet,
		route: "/api/v1/users/{userId}/clients",
		scope: "okta.users.read", bucket: "/api/v1/users", response: "[]",
		call: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return fail(org.ListUserClients(ctx, c, ids[0]))
		},
	},
	{
		function: "RevokeUserSessions", id: "revokeUserSessions", method: http.MethodDelete,
		route: "/api/v1/users/{userId}/sessions", scope: "okta.users.manage", bucket: "/api/v1/users",
		defaults: "forgetDevices=false&oauthTokens=false", query: "forgetDevices=true&oauthTokens=true",
		call: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return org.RevokeUserSessions(ctx, c, ids[0], nil)
		},
		callWithAll: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return org.RevokeUserSessions(ctx, c, ids[0], &org.RevokeUserSessionsOptions{
				OAuthTokens: true, ForgetDevices: true,
			})
		},
	},
	{
		function: "ListGroupUsers", id: "listGroupUsers", method: http.MethodGet,
		route: "/api/v1/groups/{groupId}/users", scope: "okta.groups.read", bucket: "/api/v1/groups",
		defaults: "limit=200", query: "after=c%261&limit=7", response: "[]",
		call: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return fail(org.ListGroupUsers(ctx, c, ids[0], nil))
		},
		callWithAll: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return fail(org.ListGroupUsers(ctx, c, ids[0], &org.ListGroupUsersOptions{After: "c&1", Limit: 7}))
		},
	},
	{
		function: "ListApplications", id: "listApplications", method: http.MethodGet, route: "/api/v1/apps",
		scope: "okta.apps.read", bucket: "/api/v1/apps",
		defaults: "limit=200", query: "after=c%261&filter=status+eq+%22ACTIVE%22&includeNonDeleted=true&limit=7",
		response: "[]",
		call: func(ctx context.Context, c *okta.Client, _ ...string) error {
			return fail(org.ListApplications(ctx, c, nil))
		},
		callWithAll: func(ctx context.Context, c *okta.Client, _ ...string) error {
			return fail(org.ListApplications(ctx, c, &org.ListApplicationsOptions{
				Filter: `status eq "ACTIVE"`, IncludeNonDeleted: true, After: "c&1", Limit: 7,
			}))
		},
	},
	{
		function: "GetApplication", id: "getApplication", method: http.MethodGet, route: "/api/v1/apps/{appId}",
		scope: "okta.apps.read", bucket: "/api/v1/apps", response: "{}",
		call: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return fail(org.GetApplication(ctx, c, ids[0]))
		},
	},
	{
		function: "ListApplicationUsers", id: "listApplicationUsers", method: http.MethodGet,
		route: "/api/v1/apps/{appId}/users", scope: "okta.apps.read", bucket: "/api/v1/apps",
		defaults: "limit=500", query: "after=c%261&limit=500", response: "[]",
		call: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return fail(org.ListApplicationUsers(ctx, c, ids[0], nil))
		},
		callWithAll: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return fail(org.ListApplicationUsers(ctx, c, ids[0], &org.ListApplicationUsersOptions{
				After: "c&1", Limit: 500,
			}))
		},
	},
	{
		function: "ListApplicationTokens", id: "listOAuth2TokensForApplication", method: http.MethodGet,
		route: "/api/v1/apps/{appId}/tokens", scope: "okta.apps.read", bucket: "/api/v1/apps",
		defaults: "limit=200", query: tokensQuery, response: "[]",
		call: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return fail(org.ListApplicationTokens(ctx, c, ids[0], nil))
		},
		callWithAll: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return fail(org.ListApplicationTokens(ctx, c, ids[0], &okta.ListOptions{
				Expand: okta.ExpandScope, After: "c&1", Limit: 7,
			}))
		},
	},
	{
		function: "GetApplicationToken", id: "getOAuth2TokenForApplication", method: http.MethodGet,
		route: "/api/v1/apps/{appId}/tokens/{tokenId}", scope: "okta.apps.read", bucket: "/api/v1/apps",
		query: "expand=scope", response: "{}",
		call: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return fail(org.GetApplicationToken(ctx, c, ids[0], ids[1], nil))
		},
		callWithAll: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return fail(org.GetApplicationToken(ctx, c, ids[0], ids[1], &okta.GetOptions{Expand: okta.ExpandScope}))
		},
	},
	{
		function: "RevokeApplicationToken", id: "revokeOAuth2TokenForApplication", method: http.MethodDelete,
		route: "/api/v1/apps/{appId}/tokens/{tokenId}", scope: "okta.apps.manage", bucket: "/api/v1/apps",
		call: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return org.RevokeApplicationToken(ctx, c, ids[0], ids[1])
		},
	},
	{
		function: "RevokeApplicationTokens", id: "revokeOAuth2TokensForApplication", method: http.MethodDelete,
		route: "/api/v1/apps/{appId}/tokens", scope: "okta.apps.manage", bucket: "/api/v1/apps",
		call: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return org.RevokeApplicationTokens(ctx, c, ids[0])
		},
	},
	{
		function: "DeactivateApplication", id: "deactivateApplication", method: http.MethodPost,
		route: "/api/v1/apps/{appId}/lifecycle/deactivate", scope: "okta.apps.manage", bucket: "/api/v1/apps",
		response: "{}",
		call: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return org.DeactivateApplication(ctx, c, ids[0])
		},
	},
	{
		function: "ListAuthorizationServers", id: "listAuthorizationServers", method: http.MethodGet,
		route: "/api/v1/authorizationServers", scope: "okta.authorizationServers.read", bucket: "/api/v1",
		defaults: "limit=200", query: "after=c%261&limit=7", response: "[]",
		call: func(ctx context.Context, c *okta.Client, _ ...string) error {
			return fail(org.ListAuthorizationServers(ctx, c, nil))
		},
		callWithAll: func(ctx context.Context, c *okta.Client, _ ...string) error {
			return fail(org.ListAuthorizationServers(ctx, c, &org.ListAuthorizationServersOptions{
				After: "c&1", Limit: 7,
			}))
		},
	},
	{
		function: "GetAuthorizationServer", id: "getAuthorizationServer", method: http.MethodGet,
		route: "/api/v1/authorizationServers/{authServerId}", scope: "okta.authorizationServers.read",
		bucket: "/api/v1", response: "{}",
		call: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return fail(org.GetAuthorizationServer(ctx, c, ids[0]))
		},
	},
	{
		function: "ListScopes", id: "listOAuth2Scopes", method: http.MethodGet,
		route: "/api/v1/authorizationServers/{authServerId}/scopes", scope: "okta.authorizationServers.read",
		bucket: "/api/v1", defaults: "limit=200", query: "after=c%261&limit=7", response: "[]",
		call: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return fail(org.ListScopes(ctx, c, ids[0], nil))
		},
		callWithAll: func(ctx context.Context, c *okta.Client, ids ...string) error {
			return fail(org.ListScopes(ctx, c, ids[0], &org.ListScopesOptions{After: "c&1", Limit: 7}))
		},
	},
}

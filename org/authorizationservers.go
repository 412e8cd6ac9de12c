package org

import (
	"context"

	"github.com/grantkit/okta"
)

// ListAuthorizationServers reads the first page of the org's custom authorization servers. [okta.Page.All] reads the
// others. Their clients and tokens are read with [okta.AuthorizationServerClients].
//
// GET /api/v1/authorizationServers (listAuthorizationServers). Scope: okta.authorizationServers.read. Bucket: /api/v1.
// The org's own authorization server is not in the list.
func ListAuthorizationServers(
	ctx context.Context, c *okta.Client, opts *ListAuthorizationServersOptions,
) (*okta.Page[AuthorizationServer], error) {
	return list[AuthorizationServer](ctx, c, opts, "authorizationServers")
}

// GetAuthorizationServer reads one custom authorization server.
//
// GET /api/v1/authorizationServers/{authServerId} (getAuthorizationServer). Scope: okta.authorizationServers.read.
// Bucket: /api/v1.
// An unknown server is an error that matches [okta.ErrNotFound].
func GetAuthorizationServer(ctx context.Context, c *okta.Client, authServerID string) (*AuthorizationServer, error) {
	return get[AuthorizationServer](ctx, c, noOptions{}, "authorizationServers", authServerID)
}

package org

import (
	"context"
	"net/http"

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
	return list[AuthorizationServer](ctx, c, listAuthorizationServers, opts)
}

var listAuthorizationServers = operation{
	id: "listAuthorizationServers", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/authorizationServers",
}

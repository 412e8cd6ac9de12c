package org

import (
	"context"
	"net/http"

	"github.com/grantkit/okta"
)

// ListApplicationGrants reads the API scopes, such as okta.users.read, that an administrator granted to an app itself.
// Okta documents no further pages for it.
//
// GET /api/v1/apps/{appId}/grants (listScopeConsentGrants). Scope: okta.appGrants.read. Bucket: /api/v1/apps.
// These grants are not consents of users, which are read with [okta.UserGrants]: no user is named in them. An unknown
// app is an error that matches [okta.ErrNotFound].
func ListApplicationGrants(
	ctx context.Context, c *okta.Client, appID string, opts *okta.GetOptions,
) (*okta.Page[okta.OAuth2ScopeConsentGrant], error) {
	return list[okta.OAuth2ScopeConsentGrant](ctx, c, listScopeConsentGrants, (*getTokenOptions)(opts), appID)
}

var listScopeConsentGrants = operation{
	id: "listScopeConsentGrants", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/apps/{appId}/grants",
}

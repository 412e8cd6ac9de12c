package okta

import (
	"context"
	"net/http"
)

// UserGrants reads and revokes the consent grants of users: which client may have which scope on a user's behalf.
//
// A userID is the ID of an existing user. An ID that is empty, ".", "..", or contains "/", "\", ";", a control
// character or invalid UTF-8 is refused with [ErrInvalidArgument] before anything is sent. Every error response of
// Okta is an [*Error].
//
// See https://developer.okta.com/docs/api/openapi/okta-management/management/tag/UserGrant/.
type UserGrants service

// Get reads one consent grant of a user.
//
// GET /api/v1/users/{userId}/grants/{grantId} (getUserGrant). Scope: okta.users.read.
// An unknown user or grant is an error that matches [ErrNotFound].
func (s *UserGrants) Get(
	ctx context.Context, userID, grantID string, opts *GetOptions,
) (*OAuth2ScopeConsentGrant, error) {
	return get(ctx, (*service)(s), getUserGrant, looseGrant.Object, opts, userID, grantID)
}

var getUserGrant = operation{
	id: "getUserGrant", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/users/{userId}/grants/{grantId}",
}

// List reads the first page of a user's consent grants, for all clients. [Page.All] reads the others.
//
// GET /api/v1/users/{userId}/grants (listUserGrants). Scope: okta.users.read.
// An unknown user is an error that matches [ErrNotFound]; a user without grants has an empty page.
func (s *UserGrants) List(
	ctx context.Context, userID string, opts *ListUserGrantsOptions,
) (*Page[OAuth2ScopeConsentGrant], error) {
	return list(ctx, (*service)(s), listUserGrants, looseGrant.Array, opts, userID)
}

var listUserGrants = operation{
	id: "listUserGrants", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/users/{userId}/grants",
}

// ListForClient reads the first page of the consent grants that a user gave to one client. [Page.All] reads the
// others.
//
// GET /api/v1/users/{userId}/clients/{clientId}/grants (listGrantsForUserAndClient). Scope: okta.users.read.
// An unknown user or client is an error that matches [ErrNotFound]; a user without grants for the client has an empty
// page.
func (s *UserGrants) ListForClient(
	ctx context.Context, userID, clientID string, opts *ListOptions,
) (*Page[OAuth2ScopeConsentGrant], error) {
	return list(ctx, (*service)(s), listGrantsForUserAndClient, looseGrant.Array, opts, userID, clientID)
}

var listGrantsForUserAndClient = operation{
	id: "listGrantsForUserAndClient", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/users/{userId}/clients/{clientId}/grants",
}

// Revoke revokes one consent grant of a user. Tokens already issued under it stay valid: see
// [UserOAuth.RevokeRefreshToken].
//
// DELETE /api/v1/users/{userId}/grants/{grantId} (revokeUserGrant). Scope: okta.users.manage.
// An unknown user or grant is an error that matches [ErrNotFound], unless a retry of this call does not find it after
// an attempt whose response was lost or was a 5xx: then it has been revoked.
func (s *UserGrants) Revoke(ctx context.Context, userID, grantID string) error {
	return revoke(ctx, (*service)(s), revokeUserGrant, userID, grantID)
}

var revokeUserGrant = operation{
	id: "revokeUserGrant", method: http.MethodDelete, success: http.StatusNoContent,
	route:  "/api/v1/users/{userId}/grants/{grantId}",
	single: true,
}

// RevokeAll revokes all consent grants of a user, for all clients. Tokens already issued under them stay valid.
//
// DELETE /api/v1/users/{userId}/grants (revokeUserGrants). Scope: okta.users.manage.
// An unknown user is an error that matches [ErrNotFound].
func (s *UserGrants) RevokeAll(ctx context.Context, userID string) error {
	return revoke(ctx, (*service)(s), revokeUserGrants, userID)
}

var revokeUserGrants = operation{
	id: "revokeUserGrants", method: http.MethodDelete, success: http.StatusNoContent,
	route: "/api/v1/users/{userId}/grants",
}

// RevokeAllForClient revokes all consent grants that a user gave to one client. Tokens already issued under them stay
// valid: see [UserOAuth.RevokeAllRefreshTokens].
//
// DELETE /api/v1/users/{userId}/clients/{clientId}/grants (revokeGrantsForUserAndClient). Scope: okta.users.manage.
// An unknown user or client is an error that matches [ErrNotFound].
func (s *UserGrants) RevokeAllForClient(ctx context.Context, userID, clientID string) error {
	return revoke(ctx, (*service)(s), revokeGrantsForUserAndClient, userID, clientID)
}

var revokeGrantsForUserAndClient = operation{
	id: "revokeGrantsForUserAndClient", method: http.MethodDelete, success: http.StatusNoContent,
	route: "/api/v1/users/{userId}/clients/{clientId}/grants",
}

package okta

import "context"

// UserGrants reads and revokes the consent grants of users: which client may have which scope on a user's behalf.
//
// A userID is the ID of an existing user. An ID that is empty, ".", "..", or contains "/", "\", ";", a control
// character or invalid UTF-8 is refused with [ErrInvalidArgument] before anything is sent. Every error response of
// Okta is an [*Error].
//
// See https://developer.okta.com/docs/api/openapi/okta-management/management/tag/UserGrant/.
type UserGrants service

func (s *UserGrants) client() *Client {
	if s == nil {
		return nil
	}
	return s.owner
}

// Get reads one consent grant of a user.
//
// GET /api/v1/users/{userId}/grants/{grantId} (getUserGrant). Scope: okta.users.read.
// An unknown user or grant is an error that matches [ErrNotFound].
func (s *UserGrants) Get(
	ctx context.Context, userID, grantID string, opts *GetOptions,
) (*OAuth2ScopeConsentGrant, error) {
	return get(ctx, s.client(), decodeGrant, opts, "users", userID, "grants", grantID)
}

// List reads the first page of a user's consent grants, for all clients. [Page.All] reads the others.
//
// GET /api/v1/users/{userId}/grants (listUserGrants). Scope: okta.users.read.
// An unknown user is an error that matches [ErrNotFound]; a user without grants has an empty page.
func (s *UserGrants) List(
	ctx context.Context, userID string, opts *ListUserGrantsOptions,
) (*Page[OAuth2ScopeConsentGrant], error) {
	return list(ctx, s.client(), decodeGrants, opts, "users", userID, "grants")
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
	return list(ctx, s.client(), decodeGrants, opts, "users", userID, "clients", clientID, "grants")
}

// Revoke revokes one consent grant of a user. Tokens already issued under it stay valid: see
// [UserOAuth.RevokeRefreshToken].
//
// DELETE /api/v1/users/{userId}/grants/{grantId} (revokeUserGrant). Scope: okta.users.manage.
// An unknown user or grant is an error that matches [ErrNotFound], unless a retry of this call does not find it after
// an attempt whose response was lost or was a 5xx: then it has been revoked.
func (s *UserGrants) Revoke(ctx context.Context, userID, grantID string) error {
	return s.client().revokeOne(ctx, "users", userID, "grants", grantID)
}

// RevokeAll revokes all consent grants of a user, for all clients. Tokens already issued under them stay valid.
//
// DELETE /api/v1/users/{userId}/grants (revokeUserGrants). Scope: okta.users.manage.
// An unknown user is an error that matches [ErrNotFound].
func (s *UserGrants) RevokeAll(ctx context.Context, userID string) error {
	return s.client().revokeAll(ctx, "users", userID, "grants")
}

// RevokeAllForClient revokes all consent grants that a user gave to one client. Tokens already issued under them stay
// valid: see [UserOAuth.RevokeAllRefreshTokens].
//
// DELETE /api/v1/users/{userId}/clients/{clientId}/grants (revokeGrantsForUserAndClient). Scope: okta.users.manage.
// An unknown user or client is an error that matches [ErrNotFound].
func (s *UserGrants) RevokeAllForClient(ctx context.Context, userID, clientID string) error {
	return s.client().revokeAll(ctx, "users", userID, "clients", clientID, "grants")
}

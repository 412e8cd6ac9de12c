package okta

import (
	"context"
	"net/http"
)

// UserOAuth reads and revokes the refresh tokens that clients hold for users. What it reads describes a token and
// never contains it.
//
// A userID is the ID of an existing user. An ID that is empty, ".", "..", or contains "/", "\", ";", a control
// character or invalid UTF-8 is refused with [ErrInvalidArgument] before anything is sent. Every error response of
// Okta is an [*Error].
//
// See https://developer.okta.com/docs/api/openapi/okta-management/management/tag/UserOAuth/.
type UserOAuth service

// GetRefreshToken reads one refresh token that a client holds for a user.
//
// GET /api/v1/users/{userId}/clients/{clientId}/tokens/{tokenId} (getRefreshTokenForUserAndClient). Scope:
// okta.users.read.
// An unknown user, client or token is an error that matches [ErrNotFound].
func (s *UserOAuth) GetRefreshToken(
	ctx context.Context, userID, clientID, tokenID string, opts *GetOptions,
) (*OAuth2RefreshToken, error) {
	return get(ctx, (*service)(s), getRefreshTokenForUserAndClient, decodeRefreshToken, opts, userID,
		clientID, tokenID)
}

var getRefreshTokenForUserAndClient = operation{
	id: "getRefreshTokenForUserAndClient", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/users/{userId}/clients/{clientId}/tokens/{tokenId}",
}

// ListRefreshTokens reads the first page of the refresh tokens that a client holds for a user. [Page.All] reads the
// others.
//
// GET /api/v1/users/{userId}/clients/{clientId}/tokens (listRefreshTokensForUserAndClient). Scope: okta.users.read.
// An unknown user or client is an error that matches [ErrNotFound].
func (s *UserOAuth) ListRefreshTokens(
	ctx context.Context, userID, clientID string, opts *ListOptions,
) (*Page[OAuth2RefreshToken], error) {
	return list(ctx, (*service)(s), listRefreshTokensForUserAndClient, decodeRefreshTokens, opts, userID,
		clientID)
}

var listRefreshTokensForUserAndClient = operation{
	id: "listRefreshTokensForUserAndClient", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/users/{userId}/clients/{clientId}/tokens",
}

// RevokeRefreshToken revokes one refresh token and the access tokens issued with it. The consent stays: see
// [UserGrants.Revoke].
//
// DELETE /api/v1/users/{userId}/clients/{clientId}/tokens/{tokenId} (revokeTokenForUserAndClient). Scope:
// okta.users.manage.
// An unknown user, client or token is an error that matches [ErrNotFound], unless a retry of this call does not find
// it after an attempt whose response was lost or was a 5xx: then it has been revoked.
func (s *UserOAuth) RevokeRefreshToken(ctx context.Context, userID, clientID, tokenID string) error {
	return revoke(ctx, (*service)(s), revokeTokenForUserAndClient, userID, clientID, tokenID)
}

var revokeTokenForUserAndClient = operation{
	id: "revokeTokenForUserAndClient", method: http.MethodDelete, success: http.StatusNoContent,
	route:  "/api/v1/users/{userId}/clients/{clientId}/tokens/{tokenId}",
	single: true,
}

// RevokeAllRefreshTokens revokes all refresh tokens that a client holds for a user. The consents stay: see
// [UserGrants.RevokeAllForClient].
//
// DELETE /api/v1/users/{userId}/clients/{clientId}/tokens (revokeTokensForUserAndClient). Scope: okta.users.manage.
// An unknown user or client is an error that matches [ErrNotFound].
func (s *UserOAuth) RevokeAllRefreshTokens(ctx context.Context, userID, clientID string) error {
	return revoke(ctx, (*service)(s), revokeTokensForUserAndClient, userID, clientID)
}

var revokeTokensForUserAndClient = operation{
	id: "revokeTokensForUserAndClient", method: http.MethodDelete, success: http.StatusNoContent,
	route: "/api/v1/users/{userId}/clients/{clientId}/tokens",
}

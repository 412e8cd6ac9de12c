package okta

import (
	"context"
	"net/http"
)

// AuthorizationServerClients reads and revokes the refresh tokens that a custom authorization server issued, client by
// client and for all users. What it reads describes a token and never contains it.
//
// An authServerID is the ID of a custom authorization server, or "default". An ID that is empty, ".", "..", or
// contains "/", "\", ";", a control character or invalid UTF-8 is refused with [ErrInvalidArgument] before anything is
// sent. Every error response of Okta is an [*Error].
//
// Facts are from
// https://developer.okta.com/docs/api/openapi/okta-management/management/tag/AuthorizationServerClients/.
type AuthorizationServerClients service

// List reads the clients for which an authorization server has tokens. Okta documents neither parameters nor further
// pages for it.
//
// GET /api/v1/authorizationServers/{authServerId}/clients (listOAuth2ClientsForAuthorizationServer).
// Scope: okta.authorizationServers.read.
// An unknown authorization server is an error that matches [ErrNotFound].
func (s *AuthorizationServerClients) List(
	ctx context.Context, authServerID string, opts *ListClientsOptions,
) (*Page[OAuth2Client], error) {
	return list(ctx, (*service)(s), listOAuth2ClientsForAuthorizationServer, looseClient.Array, opts, authServerID)
}

var listOAuth2ClientsForAuthorizationServer = operation{
	id: "listOAuth2ClientsForAuthorizationServer", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/authorizationServers/{authServerId}/clients",
}

// GetRefreshToken reads one refresh token that an authorization server issued to a client.
//
// GET /api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens/{tokenId}
// (getRefreshTokenForAuthorizationServerAndClient). Scope: okta.authorizationServers.read.
// An unknown authorization server, client or token is an error that matches [ErrNotFound].
func (s *AuthorizationServerClients) GetRefreshToken(
	ctx context.Context, authServerID, clientID, tokenID string, opts *GetOptions,
) (*OAuth2RefreshToken, error) {
	return get(ctx, (*service)(s), getRefreshTokenForAuthorizationServerAndClient, decodeRefreshToken, opts,
		authServerID, clientID, tokenID)
}

var getRefreshTokenForAuthorizationServerAndClient = operation{
	id: "getRefreshTokenForAuthorizationServerAndClient", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens/{tokenId}",
}

// ListRefreshTokens reads the first page of the refresh tokens that an authorization server issued to a client, for
// all users. [Page.All] reads the others.
//
// GET /api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens
// (listRefreshTokensForAuthorizationServerAndClient). Scope: okta.authorizationServers.read.
// An unknown authorization server or client is an error that matches [ErrNotFound].
func (s *AuthorizationServerClients) ListRefreshTokens(
	ctx context.Context, authServerID, clientID string, opts *ListOptions,
) (*Page[OAuth2RefreshToken], error) {
	return list(ctx, (*service)(s), listRefreshTokensForAuthorizationServerAndClient, decodeRefreshTokens, opts,
		authServerID, clientID)
}

var listRefreshTokensForAuthorizationServerAndClient = operation{
	id: "listRefreshTokensForAuthorizationServerAndClient", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens",
}

// RevokeRefreshToken revokes one refresh token that an authorization server issued to a client.
//
// DELETE /api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens/{tokenId}
// (revokeRefreshTokenForAuthorizationServerAndClient). Scope: okta.authorizationServers.manage.
// An unknown authorization server, client or token is an error that matches [ErrNotFound], unless a retry of this call
// does not find it after an attempt whose response was lost or was a 5xx: then it has been revoked.
func (s *AuthorizationServerClients) RevokeRefreshToken(
	ctx context.Context, authServerID, clientID, tokenID string,
) error {
	return revoke(ctx, (*service)(s), revokeRefreshTokenForAuthorizationServerAndClient, authServerID, clientID, tokenID)
}

var revokeRefreshTokenForAuthorizationServerAndClient = operation{
	id: "revokeRefreshTokenForAuthorizationServerAndClient", method: http.MethodDelete, success: http.StatusNoContent,
	route:  "/api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens/{tokenId}",
	single: true,
}

// RevokeAllRefreshTokens revokes all refresh tokens that an authorization server issued to a client, for all users.
//
// DELETE /api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens
// (revokeRefreshTokensForAuthorizationServerAndClient). Scope: okta.authorizationServers.manage.
// An unknown authorization server or client is an error that matches [ErrNotFound].
func (s *AuthorizationServerClients) RevokeAllRefreshTokens(ctx context.Context, authServerID, clientID string) error {
	return revoke(ctx, (*service)(s), revokeRefreshTokensForAuthorizationServerAndClient, authServerID, clientID)
}

var revokeRefreshTokensForAuthorizationServerAndClient = operation{
	id: "revokeRefreshTokensForAuthorizationServerAndClient", method: http.MethodDelete, success: http.StatusNoContent,
	route: "/api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens",
}

package okta

import "context"

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

func (s *AuthorizationServerClients) client() *Client {
	if s == nil {
		return nil
	}
	return s.owner
}

// List reads the clients for which an authorization server has tokens. Okta documents neither parameters nor further
// pages for it.
//
// GET /api/v1/authorizationServers/{authServerId}/clients (listOAuth2ClientsForAuthorizationServer).
// Scope: okta.authorizationServers.read.
// An unknown authorization server is an error that matches [ErrNotFound].
func (s *AuthorizationServerClients) List(ctx context.Context, authServerID string) (*Page[OAuth2Client], error) {
	return list(ctx, s.client(), decodeClients, noOptions{}, "authorizationServers", authServerID, "clients")
}

// GetRefreshToken reads one refresh token that an authorization server issued to a client.
//
// GET /api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens/{tokenId}
// (getRefreshTokenForAuthorizationServerAndClient). Scope: okta.authorizationServers.read.
// An unknown authorization server, client or token is an error that matches [ErrNotFound].
func (s *AuthorizationServerClients) GetRefreshToken(
	ctx context.Context, authServerID, clientID, tokenID string, opts *GetOptions,
) (*OAuth2RefreshToken, error) {
	return get(ctx, s.client(), decodeRefreshToken, opts,
		"authorizationServers", authServerID, "clients", clientID, "tokens", tokenID)
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
	return list(ctx, s.client(), decodeRefreshTokens, opts,
		"authorizationServers", authServerID, "clients", clientID, "tokens")
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
	return s.client().revokeOne(ctx, "authorizationServers", authServerID, "clients", clientID, "tokens", tokenID)
}

// RevokeAllRefreshTokens revokes all refresh tokens that an authorization server issued to a client, for all users.
//
// DELETE /api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens
// (revokeRefreshTokensForAuthorizationServerAndClient). Scope: okta.authorizationServers.manage.
// An unknown authorization server or client is an error that matches [ErrNotFound].
func (s *AuthorizationServerClients) RevokeAllRefreshTokens(ctx context.Context, authServerID, clientID string) error {
	return s.client().revokeAll(ctx, "authorizationServers", authServerID, "clients", clientID, "tokens")
}

package org

import (
	"context"
	"net/http"

	"github.com/grantkit/okta"
)

// ListApplications reads the first page of the org's apps. [okta.Page.All] reads the others.
//
// GET /api/v1/apps (listApplications). Scope: okta.apps.read. Bucket: /api/v1/apps.
// The list has apps of every kind; those with the SignOnMode OPENID_CONNECT are OAuth clients. IncludeNonDeleted adds
// apps that are not active. The error for an invalid expression is an [*okta.Error] with the status 400.
func ListApplications(
	ctx context.Context, c *okta.Client, opts *ListApplicationsOptions,
) (*okta.Page[Application], error) {
	return list[Application](ctx, c, opts, "apps")
}

// GetApplication reads one app.
//
// GET /api/v1/apps/{appId} (getApplication). Scope: okta.apps.read. Bucket: GET /api/v1/apps/{appId}.
// An unknown app is an error that matches [okta.ErrNotFound].
func GetApplication(ctx context.Context, c *okta.Client, appID string) (*Application, error) {
	return get[Application](ctx, c, noOptions{}, "apps", appID)
}

// ListApplicationUsers reads the first page of the users who are assigned to an app, directly or by a group.
// [okta.Page.All] reads the others.
//
// GET /api/v1/apps/{appId}/users (listApplicationUsers). Scope: okta.apps.read. Bucket: /api/v1/apps.
// Okta does not document that consents end with the assignment: users who are not in the list may still have some. An
// unknown app is an error that matches [okta.ErrNotFound].
func ListApplicationUsers(
	ctx context.Context, c *okta.Client, appID string, opts *ListApplicationUsersOptions,
) (*okta.Page[ApplicationUser], error) {
	return list[ApplicationUser](ctx, c, opts, "apps", appID, "users")
}

// ListApplicationTokens reads the first page of the refresh tokens that an app holds, for all users. [okta.Page.All]
// reads the others.
//
// GET /api/v1/apps/{appId}/tokens (listOAuth2TokensForApplication). Scope: okta.apps.read. Bucket: /api/v1/apps.
// An unknown app is an error that matches [okta.ErrNotFound].
func ListApplicationTokens(
	ctx context.Context, c *okta.Client, appID string, opts *okta.ListOptions,
) (*okta.Page[okta.OAuth2RefreshToken], error) {
	page, err := list[tokenOnWire](ctx, c, (*listTokensOptions)(opts), "apps", appID, "tokens")
	if err != nil {
		return nil, err
	}
	return tokenPage(page), nil
}

// GetApplicationToken reads one refresh token that an app holds.
//
// GET /api/v1/apps/{appId}/tokens/{tokenId} (getOAuth2TokenForApplication). Scope: okta.apps.read. Bucket:
// /api/v1/apps.
// An unknown app or token is an error that matches [okta.ErrNotFound].
func GetApplicationToken(
	ctx context.Context, c *okta.Client, appID, tokenID string, opts *okta.GetOptions,
) (*okta.OAuth2RefreshToken, error) {
	token, err := get[tokenOnWire](ctx, c, (*getTokenOptions)(opts), "apps", appID, "tokens", tokenID)
	if err != nil {
		return nil, err
	}
	model := token.model()
	return &model, nil
}

// RevokeApplicationToken revokes one refresh token that an app holds. The consent stays.
//
// DELETE /api/v1/apps/{appId}/tokens/{tokenId} (revokeOAuth2TokenForApplication). Scope: okta.apps.manage. Bucket:
// /api/v1/apps.
// An unknown app or token is an error that matches [okta.ErrNotFound]. With Attempts above 1 in the [*okta.Error], an
// earlier attempt of this call, whose response was lost, may have revoked the token.
func RevokeApplicationToken(ctx context.Context, c *okta.Client, appID, tokenID string) error {
	return revoke(ctx, c, nil, "apps", appID, "tokens", tokenID)
}

// RevokeApplicationTokens revokes all refresh tokens that an app holds, for all users, and the access tokens that were
// issued with them.
//
// DELETE /api/v1/apps/{appId}/tokens (revokeOAuth2TokensForApplication). Scope: okta.apps.manage. Bucket:
// /api/v1/apps.
// It revokes no consents. Access tokens that were issued without a refresh token stay valid until they expire, by
// default after an hour. An unknown app is an error that matches [okta.ErrNotFound].
func RevokeApplicationTokens(ctx context.Context, c *okta.Client, appID string) error {
	return revoke(ctx, c, nil, "apps", appID, "tokens")
}

// DeactivateApplication deactivates an app for all users, which ends their consents for it.
//
// POST /api/v1/apps/{appId}/lifecycle/deactivate (deactivateApplication). Scope: okta.apps.manage. Bucket:
// /api/v1/apps.
// Okta also removes assignments to the app that come from groups: if you need them, call [ListApplicationUsers] first.
// Of tokens, Okta documents nothing here: see [RevokeApplicationTokens]. A POST is not retried after a lost connection
// or a 5xx: [GetApplication] says whether the app is INACTIVE. An unknown app is an error that matches
// [okta.ErrNotFound].
func DeactivateApplication(ctx context.Context, c *okta.Client, appID string) error {
	err := c.Do(ctx, okta.Request{
		Method: http.MethodPost,
		Path:   path("apps", appID, "lifecycle", "deactivate"),
	}, &struct{}{})
	if isEmpty(err, http.StatusOK) { // Okta documents no body
		return nil
	}
	return err
}

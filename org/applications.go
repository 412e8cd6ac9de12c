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
	return list[Application](ctx, c, listApplications, opts)
}

var listApplications = operation{
	id: "listApplications", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/apps",
}

// GetApplication reads one app.
//
// GET /api/v1/apps/{appId} (getApplication). Scope: okta.apps.read. Bucket: GET /api/v1/apps/{appId}.
// An unknown app is an error that matches [okta.ErrNotFound].
func GetApplication(ctx context.Context, c *okta.Client, appID string) (*Application, error) {
	return get[Application](ctx, c, getApplication, noOptions{}, appID)
}

var getApplication = operation{
	id: "getApplication", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/apps/{appId}",
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
	return list[ApplicationUser](ctx, c, listApplicationUsers, opts, appID)
}

var listApplicationUsers = operation{
	id: "listApplicationUsers", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/apps/{appId}/users",
}

// ListApplicationTokens reads the first page of the refresh tokens that an app holds, for all users. [okta.Page.All]
// reads the others.
//
// GET /api/v1/apps/{appId}/tokens (listOAuth2TokensForApplication). Scope: okta.apps.read. Bucket: /api/v1/apps.
// An unknown app is an error that matches [okta.ErrNotFound].
func ListApplicationTokens(
	ctx context.Context, c *okta.Client, appID string, opts *okta.ListOptions,
) (*okta.Page[okta.OAuth2RefreshToken], error) {
	page, err := list[tokenOnWire](ctx, c, listOAuth2TokensForApplication, (*listTokensOptions)(opts), appID)
	if err != nil {
		return nil, err
	}
	return tokenPage(page), nil
}

var listOAuth2TokensForApplication = operation{
	id: "listOAuth2TokensForApplication", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/apps/{appId}/tokens",
}

// GetApplicationToken reads one refresh token that an app holds.
//
// GET /api/v1/apps/{appId}/tokens/{tokenId} (getOAuth2TokenForApplication). Scope: okta.apps.read. Bucket:
// /api/v1/apps.
// An unknown app or token is an error that matches [okta.ErrNotFound].
func GetApplicationToken(
	ctx context.Context, c *okta.Client, appID, tokenID string, opts *okta.GetOptions,
) (*okta.OAuth2RefreshToken, error) {
	token, err := get[tokenOnWire](ctx, c, getOAuth2TokenForApplication, (*getTokenOptions)(opts), appID, tokenID)
	if err != nil {
		return nil, err
	}
	model := token.model()
	return &model, nil
}

var getOAuth2TokenForApplication = operation{
	id: "getOAuth2TokenForApplication", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/apps/{appId}/tokens/{tokenId}",
}

// RevokeApplicationToken revokes one refresh token that an app holds. The consent stays.
//
// DELETE /api/v1/apps/{appId}/tokens/{tokenId} (revokeOAuth2TokenForApplication). Scope: okta.apps.manage. Bucket:
// /api/v1/apps.
// An unknown app or token is an error that matches [okta.ErrNotFound], unless a retry of this call does not find the
// token after an attempt whose response was lost or was a 5xx: then it has been revoked.
func RevokeApplicationToken(ctx context.Context, c *okta.Client, appID, tokenID string) error {
	return do(ctx, c, revokeOAuth2TokenForApplication, nil, appID, tokenID)
}

var revokeOAuth2TokenForApplication = operation{
	id: "revokeOAuth2TokenForApplication", method: http.MethodDelete, success: http.StatusNoContent,
	route:  "/api/v1/apps/{appId}/tokens/{tokenId}",
	single: true,
}

// RevokeApplicationTokens revokes all refresh tokens that an app holds, for all users, and the access tokens that were
// issued with them.
//
// DELETE /api/v1/apps/{appId}/tokens (revokeOAuth2TokensForApplication). Scope: okta.apps.manage. Bucket:
// /api/v1/apps.
// It revokes no consents. Access tokens that were issued without a refresh token stay valid until they expire, by
// default after an hour. An unknown app is an error that matches [okta.ErrNotFound].
func RevokeApplicationTokens(ctx context.Context, c *okta.Client, appID string) error {
	return do(ctx, c, revokeOAuth2TokensForApplication, nil, appID)
}

var revokeOAuth2TokensForApplication = operation{
	id: "revokeOAuth2TokensForApplication", method: http.MethodDelete, success: http.StatusNoContent,
	route: "/api/v1/apps/{appId}/tokens",
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
	return do(ctx, c, deactivateApplication, nil, appID)
}

var deactivateApplication = operation{
	id: "deactivateApplication", method: http.MethodPost, success: http.StatusOK,
	route: "/api/v1/apps/{appId}/lifecycle/deactivate",
}

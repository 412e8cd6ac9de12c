package org

import (
	"context"

	"github.com/grantkit/okta"
)

// ListUsers reads the first page of the org's users. [okta.Page.All] reads the others.
//
// GET /api/v1/users (listUsers). Scope: okta.users.read. Bucket: /api/v1/users.
// Without Search or Filter, Okta leaves out users who are DEPROVISIONED. The results of Search may lag behind changes
// by a while. The error for an invalid expression is an [*okta.Error] with the status 400.
func ListUsers(ctx context.Context, c *okta.Client, opts *ListUsersOptions) (*okta.Page[User], error) {
	return list[User](ctx, c, opts, "users")
}

// GetUser reads one user by ID, by login, or by the part of a login before the @ if that part is unique.
//
// GET /api/v1/users/{id} (getUser). Scope: okta.users.read. Bucket: GET /api/v1/users/{userId}.
// An unknown user is an error that matches [okta.ErrNotFound]. Compare the ID or Profile.Login of the result with what
// was given before you revoke anything. "me" is the owner of the client's API token. A login that contains "/", "\" or
// ";" cannot be read in this way and is refused with [okta.ErrInvalidArgument]: call [ListUsers] with the Filter
// profile.login eq "...".
func GetUser(ctx context.Context, c *okta.Client, idOrLogin string) (*User, error) {
	return get[User](ctx, c, noOptions{}, "users", idOrLogin)
}

// ListUserClients reads the clients for which a user has grants or tokens. Okta documents neither parameters nor
// further pages for it.
//
// GET /api/v1/users/{userId}/clients (listUserClients). Scope: okta.users.read. Bucket: /api/v1/users.
// An unknown user is an error that matches [okta.ErrNotFound]; a user without grants and tokens has an empty page.
func ListUserClients(ctx context.Context, c *okta.Client, userID string) (*okta.Page[okta.OAuth2Client], error) {
	return list[okta.OAuth2Client](ctx, c, noOptions{}, "users", userID, "clients")
}

// RevokeUserSessions ends all sessions of a user at Okta, so that the user must authenticate again. With OAuthTokens
// it also revokes refresh and access tokens that were issued to the user.
//
// DELETE /api/v1/users/{userId}/sessions (revokeUserSessions). Scope: okta.users.manage. Bucket: /api/v1/users.
// It revokes no consents, and ends no sessions that web and native apps keep themselves. Okta does not document
// whether OAuthTokens reaches the tokens of custom authorization servers: see [okta.AuthorizationServerClients].
// Okta forgets devices by default; this function does so only with ForgetDevices. An unknown user is an error that
// matches [okta.ErrNotFound].
func RevokeUserSessions(ctx context.Context, c *okta.Client, userID string, opts *RevokeUserSessionsOptions) error {
	return revoke(ctx, c, opts.query(), "users", userID, "sessions")
}

// ListGroupUsers reads the first page of the users in a group. [okta.Page.All] reads the others.
//
// GET /api/v1/groups/{groupId}/users (listGroupUsers). Scope: okta.groups.read. Bucket: /api/v1/groups.
// An unknown group is an error that matches [okta.ErrNotFound]; a group without users has an empty page.
func ListGroupUsers(
	ctx context.Context, c *okta.Client, groupID string, opts *ListGroupUsersOptions,
) (*okta.Page[User], error) {
	return list[User](ctx, c, opts, "groups", groupID, "users")
}

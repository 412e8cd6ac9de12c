// Package org reads and revokes what surrounds consent grants and refresh tokens in an Okta org:
//
//   - users: [ListUsers], [GetUser], [ListUserClients], [RevokeUserSessions]
//   - groups: [ListGroups], [GetGroup], [ListGroupUsers]
//   - apps: [ListApplications], [GetApplication], [ListApplicationUsers], [ListApplicationGrants],
//     [DeactivateApplication]
//   - refresh tokens of an app: [ListApplicationTokens], [GetApplicationToken], [RevokeApplicationToken],
//     [RevokeApplicationTokens]
//   - custom authorization servers: [ListAuthorizationServers], [GetAuthorizationServer], [ListScopes]
//   - the System Log: [ListLogEvents], [PollLogEvents]
//
// Its functions are named after Okta's operations and take the [okta.Client] that calls them. They are built on
// [okta.List] and [okta.Client.Do] alone, so authentication, retries, rate limits, pages and errors are those of
// package okta.
//
//	page, err := org.ListUsers(ctx, client, &org.ListUsersOptions{Search: `profile.department eq "Sales"`})
//	if err != nil {
//		return err
//	}
//	for user, err := range page.All(ctx) { // this page and all that follow
//		if err != nil {
//			return err
//		}
//		fmt.Println(user.ID, user.Status, user.DisplayName())
//	}
//
// # IDs
//
// An ID that is empty, ".", "..", or contains "/", "\", ";", a control character or invalid UTF-8 is refused with
// [okta.ErrInvalidArgument] before anything is sent, and so are invalid options and a nil client. Only [GetUser] takes
// a login in place of an ID.
//
// # Ending access
//
// No operation ends all of an app's access. Sessions, refresh tokens, access tokens and consents end apart:
//
//   - [RevokeUserSessions] ends a user's sessions, and with OAuthTokens also refresh and access tokens. Consents stay.
//   - [RevokeApplicationTokens] ends the refresh tokens of an app for all users, with the access tokens that were
//     issued with them. Consents stay, and so do access tokens that were issued without a refresh token.
//   - [okta.UserGrants] revokes consents, user by user.
//   - [DeactivateApplication] ends the app's consents, and nobody can use the app until it is activated again.
//
// # Errors and rate limits
//
// Every error response of Okta is an [*okta.Error], which matches [okta.ErrNotFound] and its kin. Only a 204 counts as
// revoked.
//
// Each function names its rate limit bucket as [okta.Client.RateLimits] does. Okta does not document all of them.
//
// The facts about Okta are from its API reference, https://developer.okta.com/docs/api/, and its OpenAPI document of
// version 2026.06.3.
package org

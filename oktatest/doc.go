// Package oktatest is an Okta org in memory, served over real HTTP, for tests of programs that manage consent grants
// and OAuth refresh tokens.
//
// An [Org] serves the operations of Okta's API on user grants, user OAuth tokens and authorization server clients as
// Okta does: the same routes, JSON, errors, Link headers, rate limit headers and OAuth scopes. It starts empty, with
// the authorization server "default" as its only content, and holds what a test adds to it:
//
//	org := oktatest.New(oktatest.Options{})
//	defer org.Close()
//
//	org.AcceptAPIToken("secret")
//	ann := org.AddUser(oktatest.User{Login: "ann@example.com"})
//	app := org.AddClient(oktatest.Client{Name: "Calendar"})
//	org.AddGrant(oktatest.Grant{UserID: ann.ID, ClientID: app.ID, ScopeID: "openid"})
//
//	// The code under test works on org.URL with the API token "secret".
//
//	if len(org.Grants()) != 0 {
//		t.Error("Ann still has a grant")
//	}
//
// [NewDemo] returns an org with content. The program oktatestd serves an org for scripts and for programs in other
// languages:
//
//	go run github.com/grantkit/okta/oktatest/cmd/oktatestd@latest
//
// # The org around grants and tokens
//
// An org also serves:
//
//	GET    /api/v1/users
//	GET    /api/v1/users/{id}                               an ID, a login or a shortname
//	GET    /api/v1/users/{userId}/clients
//	GET    /api/v1/users/{id}/groups
//	DELETE /api/v1/users/{userId}/sessions
//	GET    /api/v1/apps
//	GET    /api/v1/apps/{appId}
//	POST   /api/v1/apps/{appId}/lifecycle/deactivate
//	GET    /api/v1/apps/{appId}/users                       see [Org.AssignUsers]
//	GET    /api/v1/apps/{appId}/grants                      see [Org.AddAppGrant]
//	GET    /api/v1/apps/{appId}/tokens
//	DELETE /api/v1/apps/{appId}/tokens
//	GET    /api/v1/apps/{appId}/tokens/{tokenId}
//	DELETE /api/v1/apps/{appId}/tokens/{tokenId}
//	GET    /api/v1/groups
//	GET    /api/v1/groups/{groupId}
//	GET    /api/v1/groups/{groupId}/users
//	GET    /api/v1/authorizationServers
//	GET    /api/v1/authorizationServers/{authServerId}
//	GET    /api/v1/authorizationServers/{authServerId}/scopes  see [Org.AddScope]
//	GET    /api/v1/logs                                     see [Org.AddLogEvent]
//	POST   /oauth2/v1/token                                 see [Org.AddServiceApp]
//
// DELETE sessions revokes the user's refresh tokens when oauthTokens is true, and no consents. A deactivation ends the
// consents and refresh tokens of the app. The System Log tells of grants and tokens that are added, and can be read by
// polling and between two times.
//
// A search may use eq, sw, gt, ge, lt, le, pr, "and", "or" and parentheses on id, status, created, lastUpdated and the
// login, email, firstName and lastName of the profile; a filter may use what Okta documents for filters. A filter of
// the System Log may use "not" as well, and every operator on every member of an event. To these routes, a documented
// parameter that an org does not implement is a 400. [Org.Handle] adds a route of your own.
//
// # As inconvenient as real orgs
//
// Responses are those that real orgs were recorded to send; where none was recorded, those of Okta's API reference. So
// a consent to a custom authorization server names its scope by an opaque ID, an app may have a client ID other than
// its ID, and a bad cursor is a 400 E0000029.
//
// The following is neither documented nor recorded:
//
//   - A client that is unknown to users/{userId}/clients/{clientId} is a 404 for an OAuth2Client. That it is a 404 is
//     documented. (Below authorizationServers, a PublicClientApp was recorded.)
//   - A refresh token that is unknown there or below authorizationServers is named as below apps, where it was
//     recorded: {client}.{token}, an OAuth2RefreshTokenTx.
//   - An unknown authorization server is a 404 for an AuthorizationServer.
//   - Consents to the org's own authorization server have links to the server "default", as in Okta's examples, and
//     name a scope there that the server need not have.
//   - GET apps/{appId}/tokens lists the tokens of every authorization server. Those of custom ones were recorded; the
//     org's own server issues no refresh tokens here.
//   - A deactivation revokes the app's refresh tokens, too. Only that it ends consents is documented.
//   - The sessions route revokes the refresh tokens of all authorization servers.
//   - The causes of a 400 for an invalid parameter, and the page for a path that does not reach the API.
//   - Users and apps have fewer members and links than real ones, groups have one time for all of theirs, and
//     authorization servers no signing keys.
//   - The events of refresh tokens have targets that were not recorded, and the causes of an invalid filter are those
//     of a search.
//   - Cursors are valid until [Org.ExpireCursors]. A grant or token that is revoked is gone; its status is never
//     REVOKED unless a test adds it so.
//
// These options and methods make an org do what is known of some orgs, or feared of them. Recorded:
//
//   - Options.DefaultServerID: the server "default" has an ID of its own in the list of servers.
//   - Options.ListsNoUsers: the list of users is empty for a service app without an admin role.
//
// Documented, but not how often or how late: [Org.DelayLogEvents], events that are stored late and out of order.
// Reported: Options.LoginsAsUserIDs. Neither:
//
//   - Options.UnknownClientsAreEmpty: an unknown client has empty lists, and its bulk revokes succeed.
//   - SystemLogOptions.Revocations: what the API revokes leaves events.
//   - SystemLogOptions.CursorLifetime: cursors of the System Log expire.
//   - SystemLogOptions.Now: the log has a clock of its own.
//   - [Org.DropLogEvents]: the log loses events.
//
// [Org.RemoveUser] deletes a user at any time. [Org.RevokeConsent] and [Org.RevokeRefreshToken] revoke as a user or a
// client does, without a request to the API.
//
// # IDs in paths
//
// The routes below users/{userId} take IDs, as Okta documents, and no logins unless [Options] says so. "me" is not
// found, as no API token and no service app of an org belongs to a user. An org cuts each segment of a path at a
// semicolon, so that "00uann;x" is 00uann, as a tenant was seen to do; the response to a backslash is a 400 in HTML,
// and to an escaped slash a 405. So a test notices a client that sends such IDs.
//
// # Credentials
//
// An org refuses every request until it is told which credentials to accept: [Org.AcceptAPIToken] for
// "Authorization: SSWS ...", which may do anything, and [Org.AcceptBearerToken] for "Authorization: Bearer ...", which
// may do what its scopes allow.
//
// [Org.AddServiceApp] lets a service app get access tokens at /oauth2/v1/token, with an assertion signed by its key:
//
//	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
//	...
//	app := org.AddServiceApp(oktatest.ServiceApp{
//		Keys:   []oktatest.ServiceAppKey{{Public: key.Public()}},
//		Scopes: []string{"okta.users.read", "okta.users.manage"},
//		DPoP:   true,
//	})
//
// With DPoP, as Okta has it for new apps, tokens are bound to a key of the client (RFC 9449), and each request carries
// a proof of that key. Without it, tokens are bearer tokens, and a proof in a token request is ignored. Assertions and
// proofs are checked in full, each may be used once, and their nonce is the org's: [Org.RotateDPoPNonce] changes it,
// and [Org.RequireDPoPNonce] demands it on API calls too. Tokens expire by the org's clock; [Org.RevokeAccessTokens]
// revokes them earlier.
//
// # Failures
//
// [Org.Next] makes the next requests fail: with any response ([Reply]), with a lost connection ([Drop],
// [DropResponse]), with a body cut short ([CutBody]) or in a way of your own ([Fault]). [Org.NextTo] does so for the
// next requests to one route, and [Org.Always] for all requests until further notice, as in an outage. A Fault may
// also change the org and then let it serve the request, which is how a test changes something between two calls of a
// program. [Org.LimitRate] sets Okta's rate limits, whose windows begin with a bucket's first request.
// [Org.Requests] returns the requests that arrived.
//
// # Without sockets
//
// An Org is an [http.Handler] that needs neither its server nor any goroutine, so a test may call it directly. In a
// bubble of testing/synctest, make the org outside the bubble, as a listening server would keep the bubble's clock
// from advancing, and call [Org.ServeHTTP] inside: the org then reads the bubble's clock.
package oktatest

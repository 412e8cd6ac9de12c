// Package okta manages OAuth consent grants and refresh tokens in Okta: who gave which app access to what, and how it is
// taken away.
//
// # Sign in
//
// NewClient makes a Client from a Config, without I/O. One client serves all goroutines.
//
//	client, err := okta.NewClient(okta.Config{
//		OrgURL:      "https://acme.okta.com",
//		Credentials: okta.APIToken(os.Getenv("OKTA_CLIENT_TOKEN")),
//	})
//
// Credentials are an APIToken (SSWS), a ServiceApp with its private key, a BearerToken, or a TokenSource of
// golang.org/x/oauth2. They are sent to the org's origin only, and print as [redacted]. LoadConfig reads okta.yaml files and
// OKTA_CLIENT_ variables by the names that Okta's own SDKs use.
//
// # List
//
// Fifteen methods of three services stand for Okta's documented operations: UserGrants, UserOAuth and
// AuthorizationServerClients. A method that lists returns its first Page; the others are read as they are asked for.
//
//	page, err := client.UserGrants.List(ctx, userID, &okta.ListUserGrantsOptions{Expand: okta.ExpandScope})
//	if err != nil {
//		return err
//	}
//	for grant, err := range page.All(ctx) { // this page and all that follow
//		if err != nil {
//			return err
//		}
//		fmt.Println(grant.ID, grant.ScopeID, grant.Status)
//	}
//
// A list was read to its end only if no error came: a body that is cut short, a next link that cannot be read and a cursor
// that comes back are errors, never the end. Page.Collect returns all of a list, or none and an error.
//
// # Revoke
//
// Consents and tokens outlast each other. To end an app's access to a user, revoke both:
//
//	if err := client.UserOAuth.RevokeAllRefreshTokens(ctx, userID, clientID); err != nil {
//		return err
//	}
//	if err := client.UserGrants.RevokeAllForClient(ctx, userID, clientID); err != nil {
//		return err
//	}
//
// A method that revokes more than one thing has All in its name. An ID that would turn one path into another (empty, ".",
// "..", or with a control character) never leaves the process, and every other ID is escaped as one path segment. No
// redirect is followed. Nothing but a 204 counts as revoked.
//
// # Errors
//
// Every answer that is not what the operation promises is an *Error, with all that the answer said.
//
//	if errors.Is(err, okta.ErrNotFound) { ... } // ErrUnauthorized, ErrForbidden, ErrRateLimited
//	if apiErr, ok := errors.AsType[*okta.Error](err); ok {
//		log.Print(apiErr.Code, apiErr.Summary, apiErr.RequestID)
//	}
//
// Bad arguments match ErrInvalidArgument, and nothing was sent. When a context ends, the error matches context.Canceled or
// context.DeadlineExceeded, and *Error too if an answer had come before.
//
// # Retries and rate limits
//
// GET and DELETE are tried again after a lost connection, an answer cut short, and the statuses 429, 500, 502, 503 and
// 504: four times by default, see Retry. After a 429 the client waits until the window ends by Okta's own clock. A wait that
// cannot end before the context's deadline is not begun; the error comes at once. A revoke of a single grant or token that
// is tried again after its answer was lost or was a 5xx, and then finds nothing, has
// succeeded.
//
// Requests are held back while their bucket has no room, first come, first served; Config.RateLimiter can hold a client to
// a share of each window. Client.RateLimits shows what is known of the buckets.
//
// # Other routes
//
// Client.Do and List carry the same machinery to any other route.
//
// # Tests
//
// Package oktatest serves an Okta org in memory over real HTTP.
//
// The facts about Okta are from its API reference, https://developer.okta.com/docs/api/, and its OpenAPI document of
// version 2026.06.3.
package okta

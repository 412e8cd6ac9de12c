// Package okta manages OAuth consent grants and refresh tokens in Okta: it lists which user gave which app access to
// what, and revokes it.
//
// # Authentication
//
// [NewClient] returns a [Client] for a [Config], without I/O. A Client is immutable and safe for concurrent use.
//
//	client, err := okta.NewClient(okta.Config{
//		OrgURL:      "https://acme.okta.com",
//		Credentials: okta.APIToken(os.Getenv("OKTA_CLIENT_TOKEN")),
//	})
//
// Credentials are an [APIToken] (SSWS), a [ServiceApp] with its private key, a [BearerToken], or a [TokenSource] of
// golang.org/x/oauth2. They are sent to the org's origin only, except for the signed assertion of a service app,
// which goes to its token endpoint. Their secrets print as [redacted]. [LoadConfig] reads the okta.yaml files and
// OKTA_CLIENT_ variables of Okta's own SDKs.
//
// # Lists
//
// The fifteen methods of [UserGrants], [UserOAuth] and [AuthorizationServerClients] are Okta's documented operations.
// A method that lists returns the first [Page]; iterating reads the others on demand.
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
// The list is complete only if iteration ends without an error. A body that is cut short, a next link without a cursor
// and a repeated cursor are errors, never the end. [Page.Collect] returns all items of a list, or none and an error.
//
// # Revoking
//
// A consent grant outlives the tokens that were issued under it, and the tokens outlive the grant. To end an app's
// access to a user, revoke both:
//
//	if err := client.UserOAuth.RevokeAllRefreshTokens(ctx, userID, clientID); err != nil {
//		return err
//	}
//	if err := client.UserGrants.RevokeAllForClient(ctx, userID, clientID); err != nil {
//		return err
//	}
//
// A method that revokes more than one thing has All in its name. An ID that could turn one path into another is
// refused before any request: one that is empty, "." or "..", or contains "/", "\", ";", a control character or
// invalid UTF-8. Every other ID is escaped as one path segment. Redirects are not followed. Only a 204 counts as
// revoked.
//
// # Errors
//
// Every response other than the operation's success is an [*Error], which keeps everything that the response said.
//
//	if errors.Is(err, okta.ErrNotFound) { ... } // ErrUnauthorized, ErrForbidden, ErrRateLimited
//	if apiErr, ok := errors.AsType[*okta.Error](err); ok {
//		log.Print(apiErr.Code, apiErr.Summary, apiErr.RequestID)
//	}
//
// Invalid arguments match [ErrInvalidArgument], and nothing was sent. If the token endpoint refuses the client or a
// TokenSource fails, the error matches [ErrAuthentication], and a batch should stop. When a context ends, the error
// matches context.Canceled or context.DeadlineExceeded, and *Error too if there was an error response before.
//
// # Retries and rate limits
//
// GET and DELETE are retried after a lost connection, a response that is cut short, and the statuses 429, 500, 502,
// 503 and 504: four times by default, see [RetryOptions]. After a 429 the client waits until the window ends by Okta's
// clock. If a wait cannot end before the context's deadline, the call returns its error at once. If a retry of a
// revoke of one grant or token finds nothing after an attempt whose response was lost or was a 5xx, the revoke has
// succeeded.
//
// Requests are throttled, first come, first served, while no requests are left in their rate limit bucket: see
// [RateLimiterOptions]. [Client.RateLimits] shows what is known of the buckets.
//
// # Other routes
//
// [Client.Do] and [List] send requests to any other route in the same way.
//
// # Tests
//
// Package oktatest serves an Okta org in memory over real HTTP. [NewPage] makes pages for tests without one.
//
// The facts about Okta are from its API reference, https://developer.okta.com/docs/api/, and its OpenAPI document of
// version 2026.06.3.
package okta

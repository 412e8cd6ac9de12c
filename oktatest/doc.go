// Package oktatest is an Okta org in memory, served over real HTTP, for tests of programs that manage consent grants
// and OAuth refresh tokens.
//
// An [Org] answers the operations of Okta's API on user grants, user OAuth tokens and authorization server clients as
// Okta does: the same routes, JSON, errors, Link headers, rate limit headers and OAuth scopes. It starts empty, with
// the authorization server "default" as its only content, and holds what a test puts into it:
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
//		t.Error("a grant of Ann is left")
//	}
//
// [NewDemo] returns an org that is filled already.
//
// # Credentials
//
// An org turns down every request until it is told which credentials to accept: [Org.AcceptAPIToken] for
// "Authorization: SSWS ...", which may do anything, and [Org.AcceptBearerToken] for "Authorization: Bearer ...", which
// may do what its scopes allow.
//
// [Org.AddServiceApp] lets a service app sign in by itself, at /oauth2/v1/token, with an assertion signed by its key:
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
// a proof of that key. Assertions and proofs are checked in full, each may be used once, and their nonce is the org's:
// [Org.RotateDPoPNonce] changes it, and [Org.RequireDPoPNonce] demands it on API calls too. Tokens end by the org's
// clock, or with [Org.RevokeAccessTokens].
//
// # What goes wrong
//
// [Org.Next] makes the next requests fail: with any answer ([Reply]), with a lost connection ([Drop], [DropAnswer]),
// with a body cut short ([CutBody]) or in a way of your own ([Fault]). [Org.LimitRate] sets Okta's rate limits.
// [Org.Requests] tells what arrived.
//
// # Without sockets
//
// An Org is an [http.Handler] that needs neither its server nor any goroutine, so a test may call it directly. In a
// bubble of testing/synctest, make the org outside the bubble, as a listening server would keep the bubble's clock from
// moving on, and call [Org.ServeHTTP] inside: the org then reads the bubble's clock.
package oktatest

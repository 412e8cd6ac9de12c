package main

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

func Example() {
	main()
	// Output:
	// Authenticating as a service app, with an Okta org in memory.
	//
	// 1. Generate a key, and register an app with its public half
	//    > key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	//    > app := org.AddServiceApp(oktatest.ServiceApp{Keys: keys, Scopes: scopes, DPoP: true})
	//    The app 0oareview may use [okta.users.read]. It requires DPoP: each token is bound to a key of its client.
	//
	// 2. Create a client that authenticates with the key
	//    > credentials := okta.ServiceApp{ClientID: clientID, PrivateKey: okta.PrivateKeyFromSigner(key), Scopes: scopes}
	//    > client, err := okta.NewClient(okta.Config{OrgURL: orgURL, Credentials: credentials})
	//    The client is ready. It sends nothing before the first call.
	//
	// 3. Make two calls, and look at the requests
	//    > page, err := client.UserGrants.List(ctx, userID, nil)
	//    > grant, err := client.UserGrants.Get(ctx, userID, grantID, nil)
	//    45 grants; oagann01 is for openid
	//                                               Authorization   DPoP              response
	//    POST /oauth2/v1/token                      -               -                 400 invalid_dpop_proof
	//    POST /oauth2/v1/token                      -               proof             400 use_dpop_nonce
	//    POST /oauth2/v1/token                      -               proof with nonce  200
	//    GET  /api/v1/users/00uann/grants           DPoP (token 1)  proof             200
	//    GET  /api/v1/users/00uann/grants/oagann01  DPoP (token 1)  proof             200
	//    The client learned that it needs a proof with a nonce. One token served both calls.
	//
	// 4. Revoke the token: the next call fetches a new one
	//    > org.RevokeAccessTokens()
	//    > grant, err = client.UserGrants.Get(ctx, userID, grantID, nil)
	//                                               Authorization   DPoP              response
	//    GET  /api/v1/users/00uann/grants/oagann01  DPoP (token 1)  proof             401 invalid_token
	//    POST /oauth2/v1/token                      -               proof with nonce  200
	//    GET  /api/v1/users/00uann/grants/oagann01  DPoP (token 2)  proof             200
	//    oagann01 was read. This time one request fetched the token: the client knew what to send.
	//
	// 5. Look at a refused token request: the app does not have this key
	//    > _, err = stranger.UserGrants.Get(ctx, userID, grantID, nil)
	//    > apiErr, ok := errors.AsType[*okta.Error](err)
	//                                               Authorization   DPoP              response
	//    POST /oauth2/v1/token                      -               -                 401 invalid_client
	//    apiErr.Path:        /oauth2/v1/token
	//    apiErr.OAuth.Code:  invalid_client
	//    errors.Is(err, okta.ErrUnauthorized): true
	//    err.Error(): okta: GET /api/v1/users/00uann/grants/oagann01: POST /oauth2/v1/token: 401 invalid_client: The client_assertion signature is invalid. [request req00000000000000009]
}

func startDemo(t *testing.T) *oktatest.Org {
	t.Helper()
	org := oktatest.NewDemo()
	t.Cleanup(org.Close)
	return org
}

// A fault in any of the nine requests ends the tour with its error, even where a refusal is expected.
func TestFaults(t *testing.T) {
	t.Parallel()
	for request := range 9 {
		t.Run(fmt.Sprintf("request %d", request+1), func(t *testing.T) {
			t.Parallel()
			org := startDemo(t)
			org.Next(make([]oktatest.Fault, request)...)
			org.Next(oktatest.Reply(http.StatusForbidden, nil, ""))
			require.ErrorIs(t, run(t.Context(), org), okta.ErrForbidden)
		})
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	org := startDemo(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, run(ctx, org), context.Canceled)
	assert.Empty(t, org.Requests())
}

func TestHelp(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "run", ".", "-h").Output()
	require.NoError(t, err)
	assert.Contains(t, string(out), "usage: serviceapp\n")
	assert.NotContains(t, string(out), "1. ")
}

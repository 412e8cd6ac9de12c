package okta_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

func useNonce(status int, nonce string) oktatest.Fault {
	return oktatest.Reply(status, http.Header{
		"Dpop-Nonce": {nonce}, "Www-Authenticate": {`DPoP error="use_dpop_nonce", error_description="nonce"`},
	}, "")
}

func TestNonceRotatesBetweenCalls(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	app.org.RequireDPoPNonce(true)
	network := overNetwork(t)
	client := newClient(t, network, app.configure)
	for range 5 {
		require.NoError(t, getGrant(t.Context(), client))
		app.org.RotateDPoPNonce() // the old one is good for one more call, and its response has the new one
		require.NoError(t, getGrant(t.Context(), client))
		app.org.RotateDPoPNonce()
		app.org.RotateDPoPNonce() // the old one is refused
		require.NoError(t, client.UserGrants.RevokeAllForClient(t.Context(), ann, calendar))
		app.org.RotateDPoPNonce()
		app.org.RotateDPoPNonce()
		app.org.RevokeAccessTokens() // both nonces are old, and the token
		_, err := client.UserGrants.List(t.Context(), ann, nil)
		require.NoError(t, err)
		app.org.AddGrant(oktatest.Grant{ID: oktatest.DemoGrantID, UserID: ann, ClientID: calendar})
	}
	network.requireNoReuse(t)
	assert.Equal(t, []int{401, 200, 200, 401, 204, 401, 401, 200}, statuses(network.apiRequests())[:8])
	assert.Equal(t, []int{400, 400, 200, 400, 200}, statuses(network.tokenRequests())[:5])
}

func TestNonceRotatesDuringACall(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	app.org.RequireDPoPNonce(true)
	network := overNetwork(t)
	client := newClient(t, network, app.configure)
	rotated := func(w http.ResponseWriter, r *http.Request, org http.Handler) {
		app.org.RotateDPoPNonce()
		app.org.RotateDPoPNonce()
		org.ServeHTTP(w, r)
	}
	app.org.Next(nil, rotated, rotated, nil, rotated, rotated)
	require.NoError(t, getGrant(t.Context(), client))
	network.requireNoReuse(t)
	assert.Equal(t, []int{400, 400, 400, 200}, statuses(network.tokenRequests()))
	assert.Equal(t, []int{401, 401, 200}, statuses(network.apiRequests()))
}

func TestAPIRequiresANonceWith400Or401(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401} {
		app := newApp(t, requireDPoP)
		network := overNetwork(t)
		client := newClient(t, network, app.configure)
		require.NoError(t, getGrant(t.Context(), client))
		app.org.RotateDPoPNonce()
		app.org.RequireDPoPNonce(true)
		app.org.Next(useNonce(status, "first"))
		require.NoError(t, client.UserGrants.Revoke(t.Context(), ann, oktatest.DemoGrantID))
		assert.Equal(t, []int{200, status, 401, 204}, statuses(network.apiRequests()))
		_, claims := decodeJWT(t, network.apiRequests()[2].Header.Get("DPoP"))
		assert.Equal(t, "first", claims["nonce"])
		assert.Len(t, network.tokenRequests(), 3, "the token is kept")
		network.requireNoReuse(t)
	}
}

// The token endpoint names the error in the body.
func TestAPIRequiresANonceInTheBody(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	network := overNetwork(t)
	client := newClient(t, network, app.configure)
	require.NoError(t, getGrant(t.Context(), client))
	app.org.Next(oktatest.Reply(400, http.Header{"Dpop-Nonce": {"n1"}}, `{"error":"use_dpop_nonce"}`), nil)
	err := getGrant(t.Context(), client)
	require.NoError(t, err, "the org refuses n1 and sends its own nonce")
}

func TestNonceIsTakenFromEachResponse(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	network := overNetwork(t)
	client := newClient(t, network, app.configure)
	app.org.Next(oktatest.Reply(503, http.Header{"Dpop-Nonce": {"from-a-503"}}, ""))
	require.NoError(t, getGrant(t.Context(), client))
	_, claims := decodeJWT(t, network.tokenRequests()[2].Header.Get("DPoP"))
	assert.Equal(t, "from-a-503", claims["nonce"])

	ok := func(nonce ...string) oktatest.Fault {
		return oktatest.Reply(200, http.Header{"Dpop-Nonce": nonce}, grantJSON)
	}
	app.org.Next(ok("from-a-200"), useNonce(400, "good"), ok())
	for range 2 {
		require.NoError(t, getGrant(t.Context(), client))
	}
	seen := network.apiRequests()
	_, claims = decodeJWT(t, seen[2].Header.Get("DPoP"))
	assert.Equal(t, "from-a-200", claims["nonce"])
	for _, bad := range []string{"", "a b", strings.Repeat("x", 300), "é"} {
		app.org.Next(ok(bad), ok())
		require.NoError(t, getGrant(t.Context(), client))
		require.NoError(t, getGrant(t.Context(), client))
		_, claims = decodeJWT(t, network.last().Header.Get("DPoP"))
		assert.Equal(t, "good", claims["nonce"], "%q is no nonce", bad)
	}
}

func TestServerThatRefusesAllNonces(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"400": 400, "401": 401} {
		t.Run("API "+name, func(t *testing.T) {
			t.Parallel()
			app := newApp(t, requireDPoP)
			network := overNetwork(t)
			client := newClient(t, network, app.configure)
			require.NoError(t, getGrant(t.Context(), client))
			for i := range 50 {
				app.org.Next(onlyAPI(useNonce(status, sprint("n%d", i))))
			}
			apiErr := requireError(t, getGrant(t.Context(), client))
			assert.Equal(t, "use_dpop_nonce", apiErr.OAuth.Code)
			assert.Equal(t, status, apiErr.StatusCode)
			assert.LessOrEqual(t, len(network.apiRequests()), 7)
			network.requireNoReuse(t)
		})
		t.Run("token endpoint "+name, func(t *testing.T) {
			t.Parallel()
			app := newApp(t, requireDPoP)
			network := overNetwork(t)
			for i := range 50 {
				nonce := http.Header{"Dpop-Nonce": {sprint("n%d", i)}}
				app.org.Next(oktatest.Reply(status, nonce, `{"error":"use_dpop_nonce"}`))
			}
			apiErr := requireError(t, getGrant(t.Context(), newClient(t, network, app.configure)))
			assert.Equal(t, "use_dpop_nonce", apiErr.OAuth.Code)
			assert.LessOrEqual(t, len(network.requests()), 5)
			network.requireNoReuse(t)
		})
	}
}

func TestNonceIsRequiredButNotNamed(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	app.config.DPoP = true
	network := overNetwork(t)
	for range 50 {
		app.org.Next(oktatest.Reply(400, nil, `{"error":"use_dpop_nonce","error_description":"a nonce"}`))
	}
	err := getGrant(t.Context(), newClient(t, network, app.configure))
	require.ErrorContains(t, err, "POST /oauth2/v1/token: 400 use_dpop_nonce: a nonce [request req")
	assert.Len(t, network.requests(), 1)
}

// RFC 9449 leaves open which error comes first for a request without a proof.
func TestNonceIsRequiredBeforeAProof(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	network := overNetwork(t)
	app.org.Next(oktatest.Reply(400, http.Header{"Dpop-Nonce": {"n1"}}, `{"error":"use_dpop_nonce"}`))
	require.NoError(t, getGrant(t.Context(), newClient(t, network, app.configure)))
	assert.Equal(t, []int{400, 400, 200}, statuses(network.tokenRequests()))
	assert.NotEmpty(t, network.tokenRequests()[1].Header.Get("DPoP"))
}

// The token is not at fault if the server requires one nonce after the other.
func TestTokenIsKeptWhereOnlyNoncesAreRefused(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	network := overNetwork(t)
	client := newClient(t, network, app.configure)
	require.NoError(t, getGrant(t.Context(), client))
	tokens := len(network.tokenRequests())
	for i := range 4 {
		app.org.Next(useNonce(401, sprint("n%d", i)))
	}
	apiErr := requireError(t, getGrant(t.Context(), client))
	assert.Equal(t, "use_dpop_nonce", apiErr.OAuth.Code)
	assert.Equal(t, 4, apiErr.Attempts)
	require.NoError(t, getGrant(t.Context(), client))
	assert.Len(t, network.tokenRequests(), tokens)
}

// The strictest server that RFC 9449 permits: each response has another nonce, and only the latest is good.
func TestNonceRotatesWithEachResponse(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 4, 50} {
		t.Run(sprint("%d workers", workers), func(t *testing.T) {
			t.Parallel()
			app := newApp(t, requireDPoP)
			var mu sync.Mutex
			latest, requests := "n0", 0
			server := responder(func(req *http.Request) (*http.Response, error) {
				if req.URL.Path == tokenPath {
					return reply(200, `{"access_token":"abcdefgh","token_type":"DPoP","expires_in":3600}`)(req)
				}
				_, claims := decodeJWT(t, req.Header.Get("DPoP"))
				time.Sleep(time.Millisecond)
				mu.Lock()
				requests++
				good := claims["nonce"] == latest
				latest = sprint("n%d", requests)
				nonce := "DPoP-Nonce: " + latest
				mu.Unlock()
				time.Sleep(time.Millisecond)
				if good {
					return reply(200, grantJSON, nonce)(req)
				}
				return reply(401, "", nonce, `WWW-Authenticate: DPoP error="use_dpop_nonce"`)(req)
			})
			app.config.DPoP = true
			synctest.Test(t, func(t *testing.T) {
				client := newClient(t, server, app.configure, noRetries, noRateLimiter)
				var calls sync.WaitGroup
				for range workers {
					calls.Go(func() {
						for range 400 / workers {
							assert.NoError(t, get(t.Context(), client))
						}
					})
				}
				calls.Wait()
				assert.Less(t, requests, 2*400)
			})
		})
	}
}

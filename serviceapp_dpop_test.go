package okta_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

func TestDPoPIsDetectedOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		required, configured bool
		want                 []int
	}{
		"neither":  {false, false, []int{200}},
		"required": {true, false, []int{400, 400, 200}},
		"both":     {true, true, []int{400, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := newApp(t, func(app *oktatest.ServiceApp) { app.DPoP = c.required })
			app.config.DPoP = c.configured
			network := overNetwork(t)
			client := newClient(t, network, app.configure)
			require.NoError(t, getGrant(t.Context(), client))
			assert.Equal(t, c.want, statuses(network.tokenRequests()))
			assert.Equal(t, c.configured, network.tokenRequests()[0].Header.Get("DPoP") != "")
			assert.Equal(t, []int{200}, statuses(network.apiRequests()))

			app.org.RevokeAccessTokens()
			require.NoError(t, getGrant(t.Context(), client))
			assert.Equal(t, append(c.want, 200), statuses(network.tokenRequests()), "one more request")
			assert.Equal(t, []int{200, 401, 200}, statuses(network.apiRequests()))
			network.requireNoReuse(t)
		})
	}
}

// DPoP is the normal case, so its handshake is no warning.
func TestDPoPHandshakeLogsNoWarning(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	app := newApp(t, requireDPoP)
	app.org.RequireDPoPNonce(true)
	network := overNetwork(t)
	client := newClient(t, network, app.configure, func(c *okta.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	})
	require.NoError(t, getGrant(t.Context(), client))
	assert.Len(t, network.requests(), 5, "three token requests, two API requests")
	assert.Empty(t, logged.String())
	app.org.RevokeAccessTokens()
	require.NoError(t, getGrant(t.Context(), client))
	assert.Contains(t, logged.String(), "level=WARN", "but a refused token is")
}

func TestAppThatBeginsToRequireDPoP(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	app.org.AcceptBearerToken("unbound-token", usersRead)
	app.org.Next(oktatest.Reply(200, nil, `{"access_token":"unbound-token","token_type":"Bearer","expires_in":3600}`))
	network := overNetwork(t)
	client := newClient(t, network, app.configure)
	require.NoError(t, getGrant(t.Context(), client))
	app.org.Next(oktatest.Reply(401, nil, ""))
	require.NoError(t, getGrant(t.Context(), client))
	network.requireNoReuse(t)
	assert.Equal(t, []int{200, 401, 200}, statuses(network.apiRequests()))
	assert.Regexp(t, "^DPoP ", network.apiRequests()[2].Header.Get("Authorization"))
}

func TestProofs(t *testing.T) {
	t.Parallel()
	org := oktatest.New(oktatest.Options{BasePath: "/gateway/okta", LoginsAsUserIDs: true})
	t.Cleanup(org.Close)
	user := org.AddUser(oktatest.User{Login: `o'hara+50% é@example.com`})
	org.RequireDPoPNonce(true)
	app := addApp(org, requireDPoP)
	network := overNetwork(t)
	client := newClient(t, network, app.configure)
	page, err := client.UserGrants.List(t.Context(), user.Login, &okta.ListUserGrantsOptions{Limit: 5})
	require.NoError(t, err)
	assert.Empty(t, page.Items)
	require.ErrorIs(t, client.UserGrants.Revoke(t.Context(), user.ID, "a,b'c"), okta.ErrNotFound)
	network.requireNoReuse(t)

	var jwks []any
	for _, s := range network.requests() {
		if s.Header.Get("DPoP") == "" {
			continue
		}
		header, claims := decodeJWT(t, s.Header.Get("DPoP"))
		jwks = append(jwks, header["jwk"])
		assert.Equal(t, "dpop+jwt", header["typ"])
		assert.Equal(t, "ES256", header["alg"])
		assert.Len(t, header, 3)
		jwk, ok := header["jwk"].(map[string]any)
		require.True(t, ok)
		assert.Equal(t, "EC", jwk["kty"])
		assert.Equal(t, "P-256", jwk["crv"])
		assert.Len(t, jwk, 4, "crv, kty, x and y: nothing private")

		assert.Equal(t, s.Method, claims["htm"])
		htu := "http://" + s.URL.Host + strings.NewReplacer("%", "%25", " ", "%20").Replace(s.URL.Path)
		assert.Equal(t, htu, claims["htu"], "without the query, and é as it is")
		assert.InDelta(t, time.Now().Unix(), claims["iat"], 5)
		names := 4
		if _, token, found := strings.Cut(s.Header.Get("Authorization"), "DPoP "); found {
			hash := sha256.Sum256([]byte(token))
			assert.Equal(t, base64.RawURLEncoding.EncodeToString(hash[:]), claims["ath"])
			names++
		} else {
			assert.True(t, s.isToken())
		}
		if s.status == 200 || s.status == 404 {
			assert.NotEmpty(t, claims["nonce"])
			names++
		}
		assert.Len(t, claims, names)
	}
	require.Len(t, jwks, 5, "two for the token, three for the API")
	for _, jwk := range jwks {
		assert.Equal(t, jwks[0], jwk, "one key for the client's life")
	}
	other := newClient(t, network, app.configure)
	require.NoError(t, other.UserGrants.RevokeAll(t.Context(), user.ID))
	header, _ := decodeJWT(t, network.last().Header.Get("DPoP"))
	assert.NotEqual(t, jwks[0], header["jwk"], "another client has another key")
}

// A strict verifier compares the htu of a proof with the URL of the request, byte by byte.
func TestProofNamesTheURLAsItIsSent(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	network := overNetwork(t)
	client := newClient(t, network, app.configure)
	for _, id := range []string{"o'hara", "a,b", "(x)*!$&=+", "joe@acme.com", "a:b", "~-._"} {
		require.ErrorIs(t, client.UserGrants.Revoke(t.Context(), "00uann", id), okta.ErrNotFound)
		last := network.last()
		_, claims := decodeJWT(t, last.Header.Get("DPoP"))
		assert.Equal(t, last.URL.String(), claims["htu"])
		assert.Contains(t, last.URL.String(), "/"+id)
	}
}

// net/http retries a GET by itself if it is lost on a reused connection, with the same proof.
func TestProofThatTheTransportSentTwice(t *testing.T) {
	t.Parallel()
	for _, status := range []int{0, 400} {
		app := newApp(t, requireDPoP)
		pool := &http.Transport{MaxConnsPerHost: 1}
		t.Cleanup(pool.CloseIdleConnections)
		network := record(pool)
		client := newClient(t, network, app.configure)
		require.NoError(t, getGrant(t.Context(), client))
		second := oktatest.Fault(nil)
		if status != 0 {
			second = oktatest.Reply(status, http.Header{"Www-Authenticate": {
				`DPoP error="invalid_dpop_proof", error_description="The DPoP proof JWT has already been used."`,
			}}, "")
		}
		app.org.Next(oktatest.DropResponse(), second)
		require.NoError(t, getGrant(t.Context(), client))
		assert.Len(t, network.tokenRequests(), 3, "the token is kept")
		network.requireNoReuse(t)
	}
}

func TestTokenEndpointThatRefusesAllProofs(t *testing.T) {
	t.Parallel()
	refused := `{"error":"invalid_dpop_proof","error_description":"The DPoP proof JWT header is missing."}`
	for _, configured := range []bool{false, true} {
		app := newApp(t, requireDPoP)
		app.config.DPoP = configured
		network := overNetwork(t)
		app.org.Next(slices.Repeat([]oktatest.Fault{oktatest.Reply(400, nil, refused)}, 50)...)
		err := getGrant(t.Context(), newClient(t, network, app.configure))
		require.ErrorContains(t, err, "400 invalid_dpop_proof: The DPoP proof JWT header is missing.")
		assert.LessOrEqual(t, len(network.requests()), 3)
		network.requireNoReuse(t)
	}
}

func TestAPIThatRefusesAllProofs(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401} {
		app := newApp(t, requireDPoP)
		network := overNetwork(t)
		client := newClient(t, network, app.configure)
		require.NoError(t, getGrant(t.Context(), client))
		refused := oktatest.Reply(status, http.Header{
			"Www-Authenticate": {`DPoP error="invalid_dpop_proof", error_description="no"`},
		}, "")
		app.org.Next(slices.Repeat([]oktatest.Fault{onlyAPI(refused)}, 50)...)
		apiErr := requireError(t, getGrant(t.Context(), client))
		assert.Equal(t, "invalid_dpop_proof", apiErr.OAuth.Code)
		assert.Equal(t, status, apiErr.StatusCode)
		assert.LessOrEqual(t, len(network.apiRequests()), 4)
		network.requireNoReuse(t)
	}
}

// A verifier compares what is signed with its own spelling of its address.
func TestSignedURLsAreNormalized(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://ACME.okta.com":          "https://acme.okta.com",
		"https://acme.okta.com:":         "https://acme.okta.com",
		"https://acme.okta.com:443/Base": "https://acme.okta.com/Base",
		"https://Bücher.example":         "https://xn--bcher-kva.example",
	} {
		app := newApp(t, nil)
		app.config.DPoP = true
		server := play(reply(200, `{"access_token":"abcdefgh","token_type":"DPoP"}`), reply(200, grantJSON))
		token := play(reply(200, `{"access_token":"abcdefgh","token_type":"DPoP"}`), reply(200, grantJSON))
		org := func(c *okta.Config) { c.OrgURL = address }
		require.NoError(t, get(t.Context(), newClient(t, server, withCredentials(app.config), org)))
		elsewhere := app.config
		elsewhere.TokenURL = address + "/oauth2/v1/token"
		require.NoError(t, get(t.Context(), newClient(t, token, withCredentials(elsewhere))))
		for _, sent := range []sent{server.requests()[0], token.requests()[0]} {
			_, assertion := decodeJWT(t, sent.form.Get("client_assertion"))
			_, proof := decodeJWT(t, sent.Header.Get("DPoP"))
			assert.Equal(t, want+"/oauth2/v1/token", assertion["aud"])
			assert.Equal(t, want+"/oauth2/v1/token", proof["htu"])
		}
		_, proof := decodeJWT(t, server.requests()[1].Header.Get("DPoP"))
		assert.Equal(t, want+"/api/v1/users/u/grants/g", proof["htu"])
	}
}

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
				<-time.After(time.Millisecond)
				mu.Lock()
				requests++
				good := claims["nonce"] == latest
				latest = sprint("n%d", requests)
				nonce := "DPoP-Nonce: " + latest
				mu.Unlock()
				<-time.After(time.Millisecond)
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

func TestServerClockIsAheadOrBehind(t *testing.T) {
	t.Parallel()
	for _, dpop := range []bool{false, true} {
		for _, ahead := range []time.Duration{
			-48 * time.Hour, -10 * time.Minute, -4 * time.Minute, 4 * time.Minute, 10 * time.Minute, 48 * time.Hour,
		} {
			t.Run(sprint("%v/%v", dpop, ahead), func(t *testing.T) {
				t.Parallel()
				org := oktatest.New(oktatest.Options{Now: func() time.Time { return time.Now().Add(ahead) }})
				t.Cleanup(org.Close)
				user := org.AddUser(oktatest.User{})
				app := addApp(org, func(app *oktatest.ServiceApp) { app.DPoP = dpop })
				network := overNetwork(t)
				client := newClient(t, network, app.configure)
				for range 3 {
					_, err := client.UserGrants.List(t.Context(), user.ID, nil)
					require.NoError(t, err)
				}
				assert.LessOrEqual(t, len(network.tokenRequests()), 4)
				assert.Equal(t, []int{200, 200, 200}, statuses(network.apiRequests()))
				if ahead.Abs() > 5*time.Minute {
					assert.Equal(t, 401, network.tokenRequests()[0].status)
				}
				org.RevokeAccessTokens()
				before := len(network.tokenRequests())
				_, err := client.UserGrants.List(t.Context(), user.ID, nil)
				require.NoError(t, err)
				assert.Len(t, network.tokenRequests(), before+1, "the clock is known by now")
				network.requireNoReuse(t)
			})
		}
	}
}

// The client has a token already, so the API is first to refuse a proof as too old.
func TestServerClockChangesWhileATokenIsValid(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var ahead time.Duration
	org := oktatest.New(oktatest.Options{Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(ahead)
	}})
	t.Cleanup(org.Close)
	user := org.AddUser(oktatest.User{})
	app := addApp(org, requireDPoP)
	network := overNetwork(t)
	client := newClient(t, network, app.configure)
	require.NoError(t, client.UserGrants.RevokeAll(t.Context(), user.ID))
	mu.Lock()
	ahead = 20 * time.Minute
	mu.Unlock()
	require.NoError(t, client.UserGrants.RevokeAll(t.Context(), user.ID))
	require.NoError(t, client.UserGrants.RevokeAll(t.Context(), user.ID))
	assert.Equal(t, []int{204, 401, 204, 204}, statuses(network.apiRequests()))
	assert.Len(t, network.tokenRequests(), 3)
	network.requireNoReuse(t)
}

func TestDateOutOfRange(t *testing.T) {
	t.Parallel()
	for name, date := range map[string]func(n int) string{
		"far future": func(int) string { return "Fri, 31 Dec 9999 23:59:59 GMT" },
		"far past":   func(int) string { return "Thu, 01 Jan 1970 00:00:00 GMT" },
		"year zero":  func(int) string { return "Sat, 01 Jan 0000 00:00:00 GMT" },
		"none":       func(int) string { return "" },
		"no date":    func(int) string { return "yesterday" },
		"changing":   func(n int) string { return time.Unix(int64(n)*1e8, 0).UTC().Format(http.TimeFormat) },
	} {
		for _, dpop := range []bool{false, true} {
			t.Run(sprint("%s/%v", name, dpop), func(t *testing.T) {
				t.Parallel()
				app := newApp(t, func(app *oktatest.ServiceApp) { app.DPoP = dpop })
				network := overNetwork(t)
				client := newClient(t, network, app.configure)
				var n int
				repaired := false
				wrongDate := func(w http.ResponseWriter, r *http.Request, org http.Handler) {
					n++
					w = &dated{ResponseWriter: w, date: date(n)}
					if !repaired {
						org = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							oktatest.Reply(401, nil, `{"error":"invalid_client","error_description":"no"}`)(w, r, nil)
						})
					}
					org.ServeHTTP(w, r)
				}
				app.org.Next(slices.Repeat([]oktatest.Fault{wrongDate}, 50)...)
				require.ErrorContains(t, getGrant(t.Context(), client), "401 invalid_client: no")
				assert.LessOrEqual(t, len(network.requests()), 2)

				repaired = true
				require.NoError(t, getGrant(t.Context(), client), "the wrong clock is not kept")
				network.requireNoReuse(t)
			})
		}
	}
}

// dated responds with another Date than the org's.
type dated struct {
	http.ResponseWriter
	date string
}

func (d *dated) WriteHeader(status int) {
	d.Header().Set("Date", d.date)
	d.ResponseWriter.WriteHeader(status)
}

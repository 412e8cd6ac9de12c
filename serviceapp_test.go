package okta_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
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

// vault is a key of which nothing but its use is known.
type vault struct{ key crypto.Signer }

func (v vault) Public() crypto.PublicKey { return v.key.Public() }

func (v vault) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return v.key.Sign(random, digest, opts)
}

func TestEachKeyAuthenticates(t *testing.T) {
	t.Parallel()
	algorithms := map[string]string{"RSA": "RS256", "P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
	for name, key := range keys() {
		for form, c := range map[string]struct {
			key  okta.PrivateKey
			kid  string // of the configuration
			want any    // in the assertion
		}{
			"PEM":              {key: okta.PEM(pkcs8(t, key))},
			"PEM and a key ID": {key: okta.PEM(pkcs8(t, key)), kid: "k1", want: "k1"},
			"JWK":              {key: okta.JWK(jwk(t, key, "k1")), want: "k1"},
			"JWK without kid":  {key: okta.JWK(jwk(t, key, ""))},
			"JWK and a key ID": {key: okta.JWK(jwk(t, key, "old")), kid: "k1", want: "k1"},
			"signer":           {key: okta.Signer(vault{key}), kid: "k1", want: "k1"},
			"signer's pointer": {key: okta.Signer(&vault{key})},
		} {
			for scheme, dpop := range map[string]bool{"Bearer": false, "DPoP": true} {
				t.Run(name+"/"+form+"/"+scheme, func(t *testing.T) {
					t.Parallel()
					app := newApp(t, func(app *oktatest.ServiceApp) {
						app.Keys = []oktatest.ServiceAppKey{{ID: "k1", Public: key.Public()}}
						app.DPoP = dpop
					})
					app.config.PrivateKey, app.config.KeyID = c.key, c.kid
					network := overNetwork(t)
					client := newClient(t, network, app.configure)
					require.NoError(t, getGrant(t.Context(), client))
					require.NoError(t, client.UserGrants.Revoke(t.Context(), ann, oktatest.DemoGrantID))
					assert.Equal(t, 44, grantsOf(app.org, ann))
					network.requireNoReuse(t)

					header, _ := decodeJWT(t, network.tokenRequests()[0].form.Get("client_assertion"))
					assert.Equal(t, algorithms[name], header["alg"])
					assert.Equal(t, c.want, header["kid"])
					sent, _, _ := strings.Cut(network.apiRequests()[0].Header.Get("Authorization"), " ")
					assert.Equal(t, scheme, sent)
				})
			}
		}
	}
}

func TestKeyAfterACertificate(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	certificate := pemBlock(t, "CERTIFICATE", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}, nil)
	app.config.PrivateKey = okta.PEM("some text\n" + certificate + pkcs8(t, keys()["P-256"]))
	require.NoError(t, getGrant(t.Context(), newClient(t, overNetwork(t), app.configure)))
}

func TestTokenRequestOnTheWire(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	network := overNetwork(t)
	before := time.Now().Unix()
	require.NoError(t, getGrant(t.Context(), newClient(t, network, app.configure, func(c *okta.Config) { c.UserAgent = "acme/1" })))
	require.Len(t, network.requests(), 2)

	s := network.requests()[0]
	assert.Equal(t, http.MethodPost, s.Method)
	assert.Equal(t, app.org.URL+tokenPath, s.URL.String())
	assertion := s.form.Get("client_assertion")
	assert.Equal(t, url.Values{
		"grant_type":            {"client_credentials"},
		"scope":                 {"okta.users.read okta.users.manage"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
	}, s.form)
	assert.Regexp(t, "^acme/1 grantkit-okta/", s.Header.Get("User-Agent"))
	s.Header.Del("User-Agent")
	assert.Equal(t, http.Header{
		"Accept": {"application/json"}, "Content-Type": {"application/x-www-form-urlencoded"},
	}, s.Header)

	header, claims := decodeJWT(t, assertion)
	assert.Equal(t, map[string]any{"alg": "ES256", "typ": "JWT"}, header)
	issued, ok := claims["iat"].(float64)
	require.True(t, ok)
	assert.InDelta(t, before, issued, 5)
	expires, ok := claims["exp"].(float64)
	require.True(t, ok)
	assert.Greater(t, expires, issued)
	assert.LessOrEqual(t, expires, issued+3600)
	assert.Equal(t, map[string]any{
		"iss": app.config.ClientID, "sub": app.config.ClientID, "aud": app.org.URL + tokenPath,
		"iat": issued, "exp": expires, "jti": claims["jti"],
	}, claims)

	api := network.requests()[1]
	assert.Regexp(t, "^Bearer [A-Z0-9]+$", api.Header.Get("Authorization"))
	assert.Empty(t, api.Header.Values("DPoP"))
	assert.Empty(t, api.form)
}

func TestEveryTokenAttemptHasItsOwnAssertionAndProof(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	network := overNetwork(t)
	app.org.Next(
		oktatest.Reply(503, nil, ""), nil, oktatest.Reply(429, nil, limitedJSON), oktatest.Drop(), nil, oktatest.DropResponse(), oktatest.CutBody(20),
	)
	require.NoError(t, getGrant(t.Context(), newClient(t, network, app.configure, noRateLimiter, func(c *okta.Config) { c.Retry.MaxRetries = 9 })))
	assert.Equal(t, []int{503, 400, 429, 0, 400, 0, 200, 200}, statuses(network.tokenRequests()))
	network.requireNoReuse(t)
	for i, s := range network.tokenRequests() {
		assert.Equal(t, i >= 2, s.Header.Get("DPoP") != "", "attempt %d", i+1)
	}
}

func TestDPoPIsFoundOutOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		demanded, configured bool
		want                 []int
	}{
		"neither":  {false, false, []int{200}},
		"demanded": {true, false, []int{400, 400, 200}},
		"both":     {true, true, []int{400, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := newApp(t, func(app *oktatest.ServiceApp) { app.DPoP = c.demanded })
			app.config.DPoP = c.configured
			network := overNetwork(t)
			client := newClient(t, network, app.configure)
			require.NoError(t, getGrant(t.Context(), client))
			assert.Equal(t, c.want, statuses(network.tokenRequests()))
			assert.Equal(t, c.configured, network.tokenRequests()[0].Header.Get("DPoP") != "")
			assert.Equal(t, []int{200}, statuses(network.apiRequests()))

			app.org.RevokeAccessTokens()
			require.NoError(t, getGrant(t.Context(), client))
			assert.Equal(t, append(c.want, 200), statuses(network.tokenRequests()), "one request is enough from then on")
			assert.Equal(t, []int{200, 401, 200}, statuses(network.apiRequests()))
			network.requireNoReuse(t)
		})
	}
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
		target, err := url.Parse(s.URL.String())
		require.NoError(t, err)
		assert.Equal(t, "http://"+target.Host+strings.ReplaceAll(strings.ReplaceAll(target.Path, "%", "%25"), " ", "%20"), claims["htu"])
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

func TestNoncesThatChangeInMidFlight(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	app.org.RequireDPoPNonce(true)
	network := overNetwork(t)
	client := newClient(t, network, app.configure)
	for range 5 {
		require.NoError(t, getGrant(t.Context(), client))
		app.org.RotateDPoPNonce() // the old one is good for one more call, whose answer names the new one
		require.NoError(t, getGrant(t.Context(), client))
		app.org.RotateDPoPNonce()
		app.org.RotateDPoPNonce() // the old one is no good
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

func TestNonceThatChangesWhileTheRequestIsOnItsWay(t *testing.T) {
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

func useNonce(status int, nonce string) oktatest.Fault {
	return oktatest.Reply(status, http.Header{
		"Dpop-Nonce": {nonce}, "Www-Authenticate": {`DPoP error="use_dpop_nonce", error_description="nonce"`},
	}, "")
}

func TestAPIDemandsANonceWith400Or401(t *testing.T) {
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
		assert.Len(t, network.tokenRequests(), 3, "the token is left alone")
		network.requireNoReuse(t)
	}
}

// A nonce that stands in an error's body, as the token endpoint has it, will do too.
func TestAPIDemandsANonceInItsBody(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	network := overNetwork(t)
	client := newClient(t, network, app.configure)
	require.NoError(t, getGrant(t.Context(), client))
	app.org.Next(oktatest.Reply(400, http.Header{"Dpop-Nonce": {"n1"}}, `{"error":"use_dpop_nonce"}`), nil)
	err := getGrant(t.Context(), client)
	require.NoError(t, err, "n1 is refused by the org, which names its own")
}

func TestNonceIsTakenFromEveryAnswer(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	network := overNetwork(t)
	client := newClient(t, network, app.configure)
	app.org.Next(oktatest.Reply(503, http.Header{"Dpop-Nonce": {"from-a-503"}}, ""))
	require.NoError(t, getGrant(t.Context(), client))
	_, claims := decodeJWT(t, network.tokenRequests()[2].Header.Get("DPoP"))
	assert.Equal(t, "from-a-503", claims["nonce"])

	app.org.Next(oktatest.Reply(200, http.Header{"Dpop-Nonce": {"from-a-200"}}, grantJSON), useNonce(400, "good"), oktatest.Reply(200, nil, grantJSON))
	for range 2 {
		require.NoError(t, getGrant(t.Context(), client))
	}
	seen := network.apiRequests()
	_, claims = decodeJWT(t, seen[2].Header.Get("DPoP"))
	assert.Equal(t, "from-a-200", claims["nonce"])
	for _, bad := range []string{"", "a b", strings.Repeat("x", 300), "é"} {
		app.org.Next(oktatest.Reply(200, http.Header{"Dpop-Nonce": {bad}}, grantJSON), oktatest.Reply(200, nil, grantJSON))
		require.NoError(t, getGrant(t.Context(), client))
		require.NoError(t, getGrant(t.Context(), client))
		_, claims = decodeJWT(t, network.last().Header.Get("DPoP"))
		assert.Equal(t, "good", claims["nonce"], "%q is no nonce", bad)
	}
}

func TestNonceDemandsWithoutAnEnd(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"400": 400, "401": 401} {
		t.Run("API "+name, func(t *testing.T) {
			t.Parallel()
			app := newApp(t, requireDPoP)
			network := overNetwork(t)
			client := newClient(t, network, app.configure)
			require.NoError(t, getGrant(t.Context(), client))
			for i := range 50 {
				app.org.Next(func(w http.ResponseWriter, r *http.Request, org http.Handler) {
					if r.Method == http.MethodPost {
						org.ServeHTTP(w, r)
						return
					}
					useNonce(status, "n"+strconv.Itoa(i))(w, r, org)
				})
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
				app.org.Next(oktatest.Reply(status, http.Header{"Dpop-Nonce": {"n" + strconv.Itoa(i)}}, `{"error":"use_dpop_nonce"}`))
			}
			apiErr := requireError(t, getGrant(t.Context(), newClient(t, network, app.configure)))
			assert.Equal(t, "use_dpop_nonce", apiErr.OAuth.Code)
			assert.LessOrEqual(t, len(network.requests()), 5)
			network.requireNoReuse(t)
		})
	}
}

func TestNonceDemandThatNamesNone(t *testing.T) {
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

// RFC 9449 leaves it open which of the two a server says of a request without a proof.
func TestNonceDemandInPlaceOfAProofDemand(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	network := overNetwork(t)
	app.org.Next(oktatest.Reply(400, http.Header{"Dpop-Nonce": {"n1"}}, `{"error":"use_dpop_nonce"}`))
	require.NoError(t, getGrant(t.Context(), newClient(t, network, app.configure)))
	assert.Equal(t, []int{400, 400, 200}, statuses(network.tokenRequests()))
	assert.NotEmpty(t, network.tokenRequests()[1].Header.Get("DPoP"))
}

func TestProofDemandsWithoutAnEnd(t *testing.T) {
	t.Parallel()
	refused := `{"error":"invalid_dpop_proof","error_description":"The DPoP proof JWT header is missing."}`
	for _, configured := range []bool{false, true} {
		app := newApp(t, requireDPoP)
		app.config.DPoP = configured
		network := overNetwork(t)
		for range 50 {
			app.org.Next(oktatest.Reply(400, nil, refused))
		}
		err := getGrant(t.Context(), newClient(t, network, app.configure))
		require.ErrorContains(t, err, "400 invalid_dpop_proof: The DPoP proof JWT header is missing.")
		assert.LessOrEqual(t, len(network.requests()), 3)
		network.requireNoReuse(t)
	}
}

// net/http sends a GET again by itself when it is lost on a connection that had served before, with the proof that it has.
func TestProofThatTheTransportHasUsedUp(t *testing.T) {
	t.Parallel()
	for _, status := range []int{0, 400} {
		app := newApp(t, requireDPoP)
		pool := &http.Transport{MaxConnsPerHost: 1}
		t.Cleanup(pool.CloseIdleConnections)
		network := record(pool)
		client := newClient(t, network, app.configure)
		require.NoError(t, getGrant(t.Context(), client))
		again := oktatest.Fault(nil)
		if status != 0 {
			again = oktatest.Reply(status, http.Header{"Www-Authenticate": {
				`DPoP error="invalid_dpop_proof", error_description="The DPoP proof JWT has already been used."`,
			}}, "")
		}
		app.org.Next(oktatest.DropResponse(), again)
		require.NoError(t, getGrant(t.Context(), client))
		assert.Len(t, network.tokenRequests(), 3, "the token is good, and kept")
		network.requireNoReuse(t)
	}
}

func TestProofsThatTheAPIRefusesForEver(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401} {
		app := newApp(t, requireDPoP)
		network := overNetwork(t)
		client := newClient(t, network, app.configure)
		require.NoError(t, getGrant(t.Context(), client))
		refused := oktatest.Reply(status, http.Header{"Www-Authenticate": {`DPoP error="invalid_dpop_proof", error_description="no"`}}, "")
		for range 50 {
			app.org.Next(func(w http.ResponseWriter, r *http.Request, org http.Handler) {
				if r.Method == http.MethodPost {
					org.ServeHTTP(w, r)
					return
				}
				refused(w, r, org)
			})
		}
		apiErr := requireError(t, getGrant(t.Context(), client))
		assert.Equal(t, "invalid_dpop_proof", apiErr.OAuth.Code)
		assert.Equal(t, status, apiErr.StatusCode)
		assert.LessOrEqual(t, len(network.apiRequests()), 4)
		network.requireNoReuse(t)
	}
}

func TestAppThatBeginsToDemandDPoP(t *testing.T) {
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

func TestRefusalsOfTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	const prefix = "okta: GET /api/v1/users/00uann/grants/oagann01: POST /oauth2/v1/token: "
	for name, c := range map[string]struct {
		change func(*okta.ServiceApp)
		is     error
		status int
		code   string
		text   string
	}{
		"unknown key": {
			func(a *okta.ServiceApp) { a.PrivateKey = okta.Signer(keys()["P-384"]) }, okta.ErrUnauthorized, 401, "invalid_client",
			"401 invalid_client: The client_assertion signature is invalid. [request ",
		},
		"unknown key ID": {
			func(a *okta.ServiceApp) { a.KeyID = "other" }, okta.ErrUnauthorized, 401, "invalid_client",
			"401 invalid_client: The client_assertion JWT kid is invalid. [request ",
		},
		"wrong client ID": {
			func(a *okta.ServiceApp) { a.ClientID = "0oaother" }, okta.ErrUnauthorized, 401, "invalid_client",
			"401 invalid_client: The subject of the client_assertion is no known client. [request ",
		},
		"scope not granted": {
			func(a *okta.ServiceApp) { a.Scopes = []string{usersRead, "okta.apps.manage"} }, nil, 400, "invalid_scope",
			"400 invalid_scope: One or more scopes are not granted to the app. [request ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused := app
			c.change(&refused.config)
			network := overNetwork(t)
			client := newClient(t, network, refused.configure)
			err := getGrant(t.Context(), client)
			require.ErrorContains(t, err, prefix+c.text)
			apiErr := requireError(t, err)
			assert.Equal(t, c.status, apiErr.StatusCode)
			assert.Equal(t, c.code, apiErr.OAuth.Code)
			assert.NotEmpty(t, apiErr.RequestID)
			assert.Equal(t, http.MethodPost, apiErr.Method)
			assert.Equal(t, tokenPath, apiErr.Path)
			assert.Equal(t, c.is != nil, errors.Is(err, okta.ErrUnauthorized))
			assert.Len(t, network.requests(), 1, "not tried again")
			require.Error(t, getGrant(t.Context(), client))
			assert.Len(t, network.requests(), 2, "but by the next call")
		})
	}
}

func TestTokenEndpointThatIsNotFoundIsNoMissingGrant(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"Okta's": notFoundJSON, "no such path": `{"errorCode":"E0000008"}`, "HTML": "<html>", "nothing": ""} {
		app := newApp(t, nil)
		for _, call := range []func(context.Context, *okta.Client) error{get, revoke, revokeAll} {
			server := play(reply(404, body, "X-Okta-Request-Id: req-1"))
			err := call(t.Context(), newClient(t, server, app.configure))
			require.NotErrorIs(t, err, okta.ErrNotFound, name)
			apiErr := requireError(t, err)
			assert.Equal(t, 404, apiErr.StatusCode)
			assert.Equal(t, "req-1", apiErr.RequestID)
			assert.Len(t, server.requests(), 1)
		}
		// Nor is it when an attempt of the revoke may have been carried out.
		app.org.Next(nil, oktatest.Reply(401, nil, ""), oktatest.Reply(404, nil, body))
		err := newClient(t, overNetwork(t), app.configure).UserGrants.Revoke(t.Context(), ann, oktatest.DemoGrantID)
		require.NotErrorIs(t, err, okta.ErrNotFound)
		require.ErrorIs(t, err, okta.ErrUnauthorized, "the answer of the API before")
		require.ErrorContains(t, err, "POST /oauth2/v1/token: 404")
	}
}

func TestResponsesToTokenRequestsThatAreNotOAuth(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	fetch := func(respond responder) error {
		server := play(respond)
		err := getGrant(t.Context(), newClient(t, server, app.configure, noRetries))
		assert.Len(t, server.requests(), 1)
		return err
	}
	err := fetch(reply(403, "<html>blocked by the firewall</html>"))
	require.ErrorIs(t, err, okta.ErrForbidden)
	require.ErrorContains(t, err, "POST /oauth2/v1/token: 403 Forbidden [no request ID]")
	assert.Equal(t, "<html>blocked by the firewall</html>", string(requireError(t, err).Body))

	err = fetch(reply(204, ""))
	require.ErrorContains(t, err, "POST does not respond with this status")

	err = fetch(reply(401, `{"errorCode":"E0000011","errorSummary":"Invalid token provided"}`))
	require.ErrorContains(t, err, "401 E0000011: Invalid token provided")

	for _, status := range []int{301, 302, 303, 307, 308} {
		err = fetch(reply(status, "", "Location: https://evil.example/oauth2/v1/token?secret=1"))
		require.ErrorContains(t, err, "redirects are not followed, this one leads to https://evil.example")
		assert.NotContains(t, err.Error(), "secret=1")
	}
}

func TestTokenRequestsAreTriedAgainLikeAPICalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failure   oktatest.Fault
		low, high float64
	}{
		"429 with Retry-After": {oktatest.Reply(429, http.Header{"Retry-After": {"7"}}, limitedJSON), 7, 8},
		"503":                  {oktatest.Reply(503, nil, ""), 0.5, 1},
		"lost":                 {oktatest.Drop(), 0.5, 1},
		"answer lost":          {oktatest.DropResponse(), 0.5, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := newApp(t, nil)
			synctest.Test(t, func(t *testing.T) {
				inside := record(inProcess(app.org))
				app.org.Next(c.failure)
				start := time.Now()
				require.NoError(t, getGrant(t.Context(), newClient(t, inside, app.configure, defaultRetries)))
				assert.GreaterOrEqual(t, time.Since(start).Seconds(), c.low)
				assert.LessOrEqual(t, time.Since(start).Seconds(), c.high)
				assert.Len(t, inside.tokenRequests(), 2)
				inside.requireNoReuse(t)
			})
		})
	}
}

func TestTokenEndpointsRateLimitWindowIsWaitedOut(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	synctest.Test(t, func(t *testing.T) {
		date := time.Now().UTC()
		limited := oktatest.Reply(429, http.Header{
			"Date": {date.Format(http.TimeFormat)}, "X-Rate-Limit-Limit": {"4"}, "X-Rate-Limit-Remaining": {"0"},
			"X-Rate-Limit-Reset": {strconv.FormatInt(date.Unix()+42, 10)},
		}, limitedJSON)
		app.org.Next(limited)
		start := time.Now()
		require.NoError(t, getGrant(t.Context(), newClient(t, record(inProcess(app.org)), app.configure, defaultRetries)))
		assert.InDelta(t, 42.5, time.Since(start).Seconds(), 0.6)

		app.org.Next(oktatest.Reply(429, nil, limitedJSON))
		err := getGrant(t.Context(), newClient(t, record(inProcess(app.org)), app.configure, noRetries))
		require.ErrorIs(t, err, okta.ErrRateLimited)
		require.ErrorContains(t, err, "POST /oauth2/v1/token: 429 E0000047: API call exceeded rate limit")
	})
}

const hiddenToken = "eyJhbGciOi.hidden-token.value"

func TestMalformedAnswersOfTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	demands := app
	demands.config.DPoP = true
	for name, c := range map[string]struct {
		app        serviceApp
		body, text string
	}{
		"HTML":                   {app, "<html>" + hiddenToken, "it is not a JSON object"},
		"empty":                  {app, "", "it is not a JSON object"},
		"null":                   {app, "null", "it is not a JSON object"},
		"array":                  {app, `[{"access_token":"` + hiddenToken + `"}]`, "it is not a JSON object"},
		"cut":                    {app, `{"access_token":"` + hiddenToken + `"`, "it is not a JSON object"},
		"two objects":            {app, `{"access_token":"` + hiddenToken + `"}{}`, "it is not a JSON object"},
		"NaN":                    {app, `{"access_token":"` + hiddenToken + `","token_type":"Bearer","expires_in":NaN}`, "it is not a JSON object"},
		"no token":               {app, `{"token_type":"Bearer","expires_in":3600}`, "it contains no access_token"},
		"empty token":            {app, `{"access_token":"","token_type":"Bearer"}`, "it contains no access_token"},
		"token is a number":      {app, `{"access_token":12345678,"token_type":"Bearer"}`, "it contains no access_token"},
		"another spelling":       {app, `{"ACCESS_TOKEN":"` + hiddenToken + `","token_type":"Bearer"}`, "it contains no access_token"},
		"token with a line end":  {app, `{"access_token":"` + hiddenToken + `\r\nX: y","token_type":"Bearer"}`, "its access_token contains a character that no token has"},
		"token with a space":     {app, `{"access_token":"` + hiddenToken + ` b","token_type":"Bearer"}`, "its access_token contains a character that no token has"},
		"token beyond ASCII":     {app, `{"access_token":"` + hiddenToken + `é","token_type":"Bearer"}`, "its access_token contains a character that no token has"},
		"no type":                {app, `{"access_token":"` + hiddenToken + `","expires_in":3600}`, "its token_type is not one that was asked for"},
		"unknown type":           {app, `{"access_token":"` + hiddenToken + `","token_type":"mac"}`, "its token_type is not one that was asked for"},
		"type is a number":       {app, `{"access_token":"` + hiddenToken + `","token_type":1}`, "its token_type is not one that was asked for"},
		"DPoP without a proof":   {app, `{"access_token":"` + hiddenToken + `","token_type":"DPoP"}`, "its token_type is not one that was asked for"},
		"Bearer though demanded": {demands, `{"access_token":"` + hiddenToken + `","token_type":"Bearer"}`, "its token is not bound, which ServiceApp.DPoP requires"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var logged bytes.Buffer
			server := play(reply(200, c.body, "X-Okta-Request-Id: req-1"))
			logger := slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
			var observed []okta.Attempt
			err := getGrant(t.Context(), newClient(t, server, c.app.configure, noRetries, func(c *okta.Config) {
				c.Logger, c.OnAttempt = logger, func(_ context.Context, r okta.Attempt) { observed = append(observed, r) }
			}))
			require.ErrorContains(t, err, "POST /oauth2/v1/token: 200 OK: unusable response: "+c.text+" [request req-1]")
			apiErr := requireError(t, err)
			assert.Equal(t, 200, apiErr.StatusCode)
			assert.Len(t, server.requests(), 1)
			logger.Info("x", "error", err, "answer", apiErr)
			var failed failure
			assert.Equal(&failed, []any{"other"}, []any{err})
			all := logged.String() + string(failed) + string(apiErr.Body) + sprint("%v %+v %#v %s %q", err, err, err, err, err) +
				sprint("%v %+v %#v", apiErr, apiErr, *apiErr) + sprint("%+v %#v", observed, observed)
			assert.NotContains(t, all, "hidden")
			assert.NotContains(t, all, sprint("%x", "hidden"))
		})
	}
}

func TestTokenTypeIsReadInAnyCase(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	for _, kind := range []string{"bearer", "BEARER", "Bearer"} {
		server := play(reply(200, `{"access_token":"abcdefghij","token_type":"`+kind+`","unknown":[{}]}`), reply(200, grantJSON))
		require.NoError(t, get(t.Context(), newClient(t, server, app.configure)))
		assert.Equal(t, "Bearer abcdefghij", server.requests()[1].Header.Get("Authorization"))
	}
	app.config.DPoP = true
	for _, kind := range []string{"dpop", "DPOP", "DPoP"} {
		server := play(reply(200, `{"access_token":"abcdefghij","token_type":"`+kind+`"}`), reply(200, grantJSON))
		require.NoError(t, get(t.Context(), newClient(t, server, app.configure)))
		assert.Equal(t, "DPoP abcdefghij", server.requests()[1].Header.Get("Authorization"))
	}
}

func TestServiceAppIsCheckedByNewClient(t *testing.T) {
	t.Parallel()
	for name, c := range badApps(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := okta.ServiceApp{ClientID: "0oa1", PrivateKey: okta.Signer(keys()["P-256"]), Scopes: []string{usersRead}}
			c.change(&app)
			client, err := okta.NewClient(okta.Config{OrgURL: orgURL, Credentials: app, HTTPClient: &http.Client{Transport: refuse(t)}})
			require.ErrorIs(t, err, okta.ErrInvalidArgument)
			assert.Nil(t, client)
			assert.Equal(t, "okta: invalid argument: Config.Credentials: ServiceApp."+c.text, err.Error())
			for _, form := range []string{"%v", "%+v", "%#v"} {
				assert.NotContains(t, sprint(form, err), "MII")
				assert.NotContains(t, sprint(form, err), "hidden")
			}
			pointer := okta.Config{OrgURL: orgURL, Credentials: &app}
			_, err = okta.NewClient(pointer)
			require.ErrorIs(t, err, okta.ErrInvalidArgument)
		})
	}
}

type badApp struct {
	change func(*okta.ServiceApp)
	text   string
}

// signerOf is a signer of any public key.
type signerOf struct {
	crypto.Signer
	public crypto.PublicKey
}

func (s signerOf) Public() crypto.PublicKey { return s.public }

func badApps(t *testing.T) map[string]badApp {
	t.Helper()
	small, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // as one that is refused
	require.NoError(t, err)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(keys()["RSA"].Public())
	publicPEM := pemBlock(t, "PUBLIC KEY", public, err)
	garbage := pemBlock(t, "PRIVATE KEY", []byte("hidden"), nil)
	key := func(k okta.PrivateKey) func(*okta.ServiceApp) { return func(a *okta.ServiceApp) { a.PrivateKey = k } }
	tokenURL := func(u string) func(*okta.ServiceApp) { return func(a *okta.ServiceApp) { a.TokenURL = u } }
	scopes := func(s ...string) func(*okta.ServiceApp) { return func(a *okta.ServiceApp) { a.Scopes = s } }
	const (
		noClientID = "ClientID is empty or contains a character that no client ID has"
		badScope   = "Scopes contains an empty scope, or one with a character that no scope has"
		neither    = "PrivateKey: the key is neither RSA nor ECDSA"
		isNil      = "PrivateKey: the signer is nil"
		noPublic   = "PrivateKey: the signer has no public key"
		encrypted  = "PrivateKey: the PEM block is encrypted"
		unreadable = "PrivateKey: the PEM block cannot be read"
		badJWK     = "PrivateKey: the JWK cannot be read"
		notPrivate = "PrivateKey: the JWK is not a private RSA or EC key"
		tooShort   = "PrivateKey: the RSA key has fewer than 2048 bits"
		badCurve   = "PrivateKey: the key's curve is not P-256, P-384 or P-521"
	)
	return map[string]badApp{
		"no client ID":          {func(a *okta.ServiceApp) { a.ClientID = "" }, noClientID},
		"client ID of two":      {func(a *okta.ServiceApp) { a.ClientID = "0oa1 0oa2" }, noClientID},
		"client ID with line":   {func(a *okta.ServiceApp) { a.ClientID = "0oa1\n" }, noClientID},
		"no key":                {key(okta.PrivateKey{}), "PrivateKey is missing: use PEM, JWK or Signer"},
		"empty PEM":             {key(okta.PEM("")), "PrivateKey: no PEM block was found"},
		"no PEM":                {key(okta.PEM("hidden")), "PrivateKey: no PEM block was found"},
		"garbage":               {key(okta.PEM(garbage)), unreadable},
		"wrong form":            {key(okta.PEM(strings.ReplaceAll(pkcs8(t, keys()["RSA"]), "PRIVATE", "EC PRIVATE"))), unreadable},
		"public PEM":            {key(okta.PEM(publicPEM)), "PrivateKey: the PEM block is not a private key"},
		"encrypted PKCS#8":      {key(okta.PEM(pemBlock(t, "ENCRYPTED PRIVATE KEY", []byte("hidden"), nil))), encrypted},
		"encrypted PKCS#1":      {key(okta.PEM("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\naGlkZGVu\n-----END RSA PRIVATE KEY-----\n")), encrypted},
		"RSA 1024":              {key(okta.PEM(pkcs8(t, small))), tooShort},
		"RSA 1024 as JWK":       {key(okta.JWK(jwk(t, small, ""))), tooShort},
		"RSA 1024 as signer":    {key(okta.Signer(vault{small})), tooShort},
		"P-224":                 {key(okta.PEM(pkcs8(t, p224))), badCurve},
		"P-224 signer":          {key(okta.Signer(p224)), badCurve},
		"Ed25519":               {key(okta.PEM(pkcs8(t, edwards))), neither},
		"Ed25519 JWK":           {key(okta.JWK(jwk(t, edwards, ""))), neither},
		"no JWK":                {key(okta.JWK("")), badJWK},
		"PEM as JWK":            {key(okta.JWK(pkcs8(t, keys()["RSA"]))), badJWK},
		"JWK as PEM":            {key(okta.PEM(jwk(t, keys()["RSA"], ""))), "PrivateKey: no PEM block was found"},
		"public JWK":            {key(okta.JWK(jwk(t, keys()["P-256"].Public(), ""))), notPrivate},
		"symmetric JWK":         {key(okta.JWK(jwk(t, []byte("hidden hidden hidden hidden"), ""))), notPrivate},
		"JWK with half a key":   {key(okta.JWK(`{"kty":"RSA","n":"AQAB","e":"AQAB","d":"hidden"}`)), badJWK},
		"nil signer":            {key(okta.Signer(nil)), isNil},
		"typed nil RSA":         {key(okta.Signer((*rsa.PrivateKey)(nil))), isNil},
		"typed nil EC":          {key(okta.Signer((*ecdsa.PrivateKey)(nil))), isNil},
		"typed nil vault":       {key(okta.Signer((*vault)(nil))), isNil},
		"typed nil Ed25519":     {key(okta.Signer(ed25519.PrivateKey(nil))), isNil},
		"empty RSA":             {key(okta.Signer(&rsa.PrivateKey{})), tooShort},
		"empty EC":              {key(okta.Signer(&ecdsa.PrivateKey{})), badCurve},
		"no public key":         {key(okta.Signer(signerOf{public: nil})), noPublic},
		"typed nil public RSA":  {key(okta.Signer(signerOf{public: (*rsa.PublicKey)(nil)})), noPublic},
		"typed nil public EC":   {key(okta.Signer(signerOf{public: (*ecdsa.PublicKey)(nil)})), noPublic},
		"no scopes":             {scopes(), "Scopes is empty"},
		"empty scope":           {scopes(usersRead, ""), badScope},
		"two scopes in one":     {scopes("okta.users.read okta.users.manage"), badScope},
		"token URL http":        {tokenURL("http://acme.okta.com/oauth2/v1/token"), "TokenURL is http, which would show the credentials to the network: use https"},
		"token URL query":       {tokenURL("https://acme.okta.com/oauth2/v1/token?hidden=1"), "TokenURL contains a query"},
		"token URL fragment":    {tokenURL("https://acme.okta.com/oauth2/v1/token#hidden"), "TokenURL contains a fragment"},
		"token URL userinfo":    {tokenURL("https://u:hidden@acme.okta.com/oauth2/v1/token"), "TokenURL contains a user name or password: authenticate with Config.Credentials"},
		"token URL path":        {tokenURL("/oauth2/v1/token"), "TokenURL must begin with https://"},
		"token URL unparsable":  {tokenURL("https://acme.okta.com:hidden"), "TokenURL is not a URL"},
		"token URL other":       {tokenURL("ftp://acme.okta.com/"), "TokenURL must begin with https://"},
		"token URL with a port": {tokenURL("https://acme.okta.com:0/"), "TokenURL has a port that is not between 1 and 65535"},
	}
}

func TestTokenURLOfAnotherOrigin(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	login := oktatest.New(oktatest.Options{BasePath: "/login"})
	t.Cleanup(login.Close)
	other := addApp(login, requireDPoP)
	app.config.ClientID = other.config.ClientID
	app.config.TokenURL = login.URL + tokenPath + "/"
	network := overNetwork(t)
	client := newClient(t, network, app.configure)
	err := getGrant(t.Context(), client)
	require.ErrorIs(t, err, okta.ErrUnauthorized, "the one org does not know the other's tokens")

	assert.NotEmpty(t, network.tokenRequests())
	for _, s := range network.tokenRequests() {
		assert.Equal(t, login.URL+tokenPath, s.URL.String())
		_, claims := decodeJWT(t, s.form.Get("client_assertion"))
		assert.Equal(t, login.URL+tokenPath, claims["aud"])
	}
	assert.Len(t, network.apiRequests(), 2)
	for _, s := range network.apiRequests() {
		assert.True(t, strings.HasPrefix(s.URL.String(), app.org.URL+"/api/v1/"))
		_, claims := decodeJWT(t, s.Header.Get("DPoP"))
		assert.Empty(t, claims["nonce"], "the nonce of another server")
	}
	network.requireNoReuse(t)
	for _, r := range login.Requests() {
		assert.Empty(t, r.Header.Get("Authorization"))
		assert.Equal(t, "/login"+tokenPath, r.Path)
	}
}

func TestClocksThatAreApart(t *testing.T) {
	t.Parallel()
	for _, demanded := range []bool{false, true} {
		for _, ahead := range []time.Duration{-48 * time.Hour, -10 * time.Minute, -4 * time.Minute, 4 * time.Minute, 10 * time.Minute, 48 * time.Hour} {
			t.Run(sprint("%v/%v", demanded, ahead), func(t *testing.T) {
				t.Parallel()
				org := oktatest.New(oktatest.Options{Now: func() time.Time { return time.Now().Add(ahead) }})
				t.Cleanup(org.Close)
				user := org.AddUser(oktatest.User{})
				app := addApp(org, func(app *oktatest.ServiceApp) { app.DPoP = demanded })
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

// The clock goes wrong when there is a token already, so that it is the API that finds the proofs too old.
func TestClockThatGoesWrongWhileATokenLives(t *testing.T) {
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

func TestDateThatIsMad(t *testing.T) {
	t.Parallel()
	for name, date := range map[string]func(n int) string{
		"far future":   func(int) string { return "Fri, 31 Dec 9999 23:59:59 GMT" },
		"far past":     func(int) string { return "Thu, 01 Jan 1970 00:00:00 GMT" },
		"year zero":    func(int) string { return "Sat, 01 Jan 0000 00:00:00 GMT" },
		"none":         func(int) string { return "" },
		"no date":      func(int) string { return "yesterday" },
		"another each": func(n int) string { return time.Unix(int64(n)*1e8, 0).UTC().Format(http.TimeFormat) },
	} {
		for _, demanded := range []bool{false, true} {
			t.Run(sprint("%s/%v", name, demanded), func(t *testing.T) {
				t.Parallel()
				app := newApp(t, func(app *oktatest.ServiceApp) { app.DPoP = demanded })
				network := overNetwork(t)
				client := newClient(t, network, app.configure)
				var n int
				mended := false
				mad := func(w http.ResponseWriter, r *http.Request, org http.Handler) {
					n++
					w = &dated{ResponseWriter: w, date: date(n)}
					if !mended {
						org = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							oktatest.Reply(401, nil, `{"error":"invalid_client","error_description":"no"}`)(w, r, nil)
						})
					}
					org.ServeHTTP(w, r)
				}
				app.org.Next(slices.Repeat([]oktatest.Fault{mad}, 50)...)
				require.ErrorContains(t, getGrant(t.Context(), client), "401 invalid_client: no")
				assert.LessOrEqual(t, len(network.requests()), 2)

				mended = true
				require.NoError(t, getGrant(t.Context(), client), "what was taken for the server's clock has not stayed")
				network.requireNoReuse(t)
			})
		}
	}
}

// dated answers with another Date than the org's.
type dated struct {
	http.ResponseWriter
	date string
}

func (d *dated) WriteHeader(status int) {
	d.Header().Set("Date", d.date)
	d.ResponseWriter.WriteHeader(status)
}

// brokenVault cannot sign.
type brokenVault struct{ vault }

func (brokenVault) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the HSM is\nsealed\x1b[31m")
}

func TestSignerThatFails(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"RSA", "P-256"} {
		app := okta.ServiceApp{ClientID: "0oa1", PrivateKey: okta.Signer(brokenVault{vault{keys()[name]}}), Scopes: []string{usersRead}}
		err := get(t.Context(), newClient(t, refuse(t), func(c *okta.Config) { c.Credentials = app }))
		require.ErrorContains(t, err, "okta: GET /api/v1/users/u/grants/g: POST /oauth2/v1/token: authentication failed: sign the client assertion: ")
		require.ErrorIs(t, err, okta.ErrAuthentication)
		require.ErrorContains(t, err, "the HSM is sealed")
		assert.NotContains(t, err.Error(), "\n")
		assert.NotContains(t, err.Error(), "\x1b")
	}
}

func TestEchoesOfSignInSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	for _, demanded := range []bool{false, true} {
		app := newApp(t, func(app *oktatest.ServiceApp) { app.DPoP = demanded })
		app.config.PrivateKey = okta.PEM(pkcs8(t, keys()["P-256"]))
		var logged bytes.Buffer
		var mu sync.Mutex
		var shown strings.Builder
		show := func(values ...any) {
			mu.Lock()
			defer mu.Unlock()
			for _, value := range values {
				for _, verb := range []string{"%+v", "%#v", "%x"} {
					shown.WriteString(sprint(verb, value) + "\n")
				}
			}
		}
		logger := slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		network := overNetwork(t)
		client := newClient(t, network, app.configure, func(c *okta.Config) {
			c.Logger, c.OnAttempt = logger, func(_ context.Context, r okta.Attempt) { show(r, r.Err) }
			c.Retry.MaxRetries, c.RateLimiter.Disabled = 1, true
		})
		require.NoError(t, getGrant(t.Context(), client))
		for _, status := range []int{302, 400, 401, 403, 429, 503} {
			for _, shape := range []string{"text", "OAuth", "Okta", "escaped"} {
				app.org.Next(slices.Repeat([]oktatest.Fault{echo(status, shape)}, 4)...)
				err := getGrant(t.Context(), client)
				require.Error(t, err)
				logger.Info("failed", "error", err)
				show(err, requireError(t, err), string(requireError(t, err).Body))
				app.org.RevokeAccessTokens()
				for getGrant(t.Context(), client) != nil { // uses the other faults up
					continue
				}
			}
		}
		show(client, app.config, &app.config, app.config.PrivateKey, okta.Config{Credentials: app.config}, []any{app.config})
		var failed failure
		hidden := struct {
			client *okta.Client
			app    okta.ServiceApp
			key    okta.PrivateKey
		}{newClient(t, responder(network.RoundTrip), app.configure), app.config, app.config.PrivateKey}
		for getGrant(t.Context(), hidden.client) != nil {
			continue
		}
		assert.Equal(&failed, []any{"other"}, []any{hidden}, "what testify prints, of a client with a token")
		require.Contains(t, string(failed), "prover: ")
		show(hidden, &hidden)
		text, err := json.Marshal(any(okta.Config{Credentials: app.config}))
		require.NoError(t, err)
		all := logged.String() + shown.String() + string(failed) + string(text)
		require.Contains(t, all, "/oauth2/v1/token")
		requireNoSecrets(t, all, network, keys()["P-256"])
	}
}

// echo answers with the credentials of the request, wherever an answer has room for them.
func echo(status int, shape string) oktatest.Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_ = r.ParseForm()
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		all := strings.Join([]string{r.PostForm.Get("client_assertion"), r.Header.Get("DPoP"), token}, "|")
		header := w.Header()
		header.Set("X-Okta-Request-Id", all)
		header.Set("Location", "https://evil.example/"+all)
		header.Set("WWW-Authenticate", `DPoP error="invalid_token `+all+`", error_description="`+all+`", scope="`+all+`"`)
		w.WriteHeader(status)
		escaped := strings.ReplaceAll(all, ".", `\u002e`)
		_, _ = io.WriteString(w, map[string]string{
			"text":    "<html>" + all,
			"OAuth":   `{"error":"` + all + `","error_description":"` + all + `"}`,
			"Okta":    `{"errorCode":"` + all + `","errorSummary":"` + all + `","errorCauses":[{"errorSummary":"` + all + `"}],"errorId":"` + all + `"}`,
			"escaped": `{"errorSummary":"` + escaped + `","` + escaped + `":[{"x":"` + escaped + `"}]}`,
		}[shape])
	}
}

// requireNoSecrets looks in a text for what was sent as a credential, and for the key.
func requireNoSecrets(t *testing.T, text string, sent *recorder, key crypto.Signer) {
	t.Helper()
	secrets := map[string]bool{}
	for _, s := range sent.requests() {
		_, token, _ := strings.Cut(s.Header.Get("Authorization"), " ")
		for _, secret := range []string{token, s.Header.Get("DPoP"), s.form.Get("client_assertion")} {
			if secret != "" {
				secrets[secret] = true
				secrets[sprint("%x", secret)] = true
			}
		}
	}
	private, ok := key.(*ecdsa.PrivateKey)
	require.True(t, ok)
	scalar, err := private.Bytes()
	require.NoError(t, err)
	d := new(big.Int).SetBytes(scalar)
	for _, spelling := range []string{
		d.String(), d.Text(16), strings.ToUpper(d.Text(16)), base64.StdEncoding.EncodeToString(scalar),
		base64.RawURLEncoding.EncodeToString(scalar), strings.Trim(sprint("%d", scalar), "[]"),
		sprint("%v", d.Bits()), sprint("%#v", d.Bits()),
	} {
		secrets[spelling] = true
	}
	for line := range strings.SplitSeq(pkcs8(t, key), "\n") {
		if line != "" && !strings.HasPrefix(line, "-") {
			secrets[line] = true
		}
	}
	require.Greater(t, len(secrets), 20)
	for secret := range secrets {
		if strings.Contains(text, secret) {
			at := strings.Index(text, secret)
			t.Fatalf("%q is shown: %q", secret, text[max(0, at-300):min(len(text), at+len(secret)+50)])
		}
	}
}

func TestServiceAppPrintsAsWhatMayBeSeen(t *testing.T) {
	t.Parallel()
	for _, key := range []okta.PrivateKey{okta.PEM("hidden"), okta.JWK("hidden"), okta.Signer(keys()["RSA"])} {
		app := okta.ServiceApp{ClientID: "0oa1", PrivateKey: key, KeyID: "k1", Scopes: []string{"a"}}
		assert.Equal(t, "{0oa1 [redacted] k1 [a]  false}", sprint("%v", app))
		assert.Equal(t, "[redacted]", sprint("%#v", key))
		text, err := json.Marshal(any(app))
		require.NoError(t, err)
		assert.JSONEq(t, `{"ClientID":"0oa1","PrivateKey":"[redacted]","KeyID":"k1","Scopes":["a"],"TokenURL":"","DPoP":false}`, string(text))
		var logged bytes.Buffer
		slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "app", app, "key", key)
		assert.NotContains(t, logged.String(), "hidden")
		assert.Contains(t, logged.String(), "key=[redacted]")
	}
}

// Request, answer and failure of the sign-in come to the observers as those of any call do.
func TestSignInIsObserved(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	var mu sync.Mutex
	var seen []string
	client := newClient(t, overNetwork(t), app.configure, func(c *okta.Config) {
		c.OnAttempt = func(_ context.Context, r okta.Attempt) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, sprint("%s %s %d %d %v", r.Method, r.Path, r.StatusCode, r.Number, r.RequestID != ""))
		}
	})
	require.NoError(t, getGrant(t.Context(), client))
	assert.Equal(t, []string{
		"POST /oauth2/v1/token 400 1 true", "POST /oauth2/v1/token 400 2 true", "POST /oauth2/v1/token 200 3 true",
		"GET /api/v1/users/00uann/grants/oagann01 200 1 true",
	}, seen)
}

// What the program does with its values afterwards is nothing to the client.
func TestServiceAppIsCopied(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	config := app.config
	config.Scopes = slices.Clone(config.Scopes)
	client := newClient(t, overNetwork(t), app.configure, func(c *okta.Config) { c.Credentials = &config })
	config.ClientID, config.Scopes[0], config.PrivateKey = "", "", okta.PrivateKey{}
	require.NoError(t, getGrant(t.Context(), client))
}

// A token that takes longer than an attempt must not use up the attempt, which would then count as sent.
func TestAttemptBeginsOnceTheTokenIsThere(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(t *testing.T, app *bubbleApp, _ *okta.Client) {
		client := newClient(t, responder(func(req *http.Request) (*http.Response, error) {
			if err := req.Context().Err(); err != nil {
				return nil, err
			}
			return app.recorder.RoundTrip(req)
		}), app.configure, defaultRetries)
		app.org.Next(oktatest.Reply(429, http.Header{"Retry-After": {"40"}}, limitedJSON))
		err := client.UserGrants.Revoke(t.Context(), ann, "unknown")
		require.ErrorIs(t, err, okta.ErrNotFound, "nothing was sent before, so nothing can have been revoked before")
		assert.Equal(t, 1, requireError(t, err).Attempts)
	})
}

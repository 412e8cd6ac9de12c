package okta_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
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

package oktatest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

// startBound returns an org with users and an app whose tokens must be bound.
func startBound(t *testing.T, opts oktatest.Options) (*oktatest.Org, *serviceApp) {
	t.Helper()
	if opts.Now == nil {
		opts.Now = time.Now
	}
	org := start(t, opts)
	twoOfEach(org)
	return org, addApp(t, org, opts.Now, oktatest.ServiceApp{DPoP: true})
}

// assertDPoPError checks the challenge of an API call.
func (r response) assertDPoPError(t *testing.T, status int, code string) {
	t.Helper()
	assert.Equal(t, status, r.status, r.body)
	assert.Empty(t, r.body)
	assert.Regexp(t, `^DPoP algs="RS256 RS384 RS512 ES256 ES384 ES512", authorization_uri="[^"]+", realm="[^"]+", `+
		`scope="[^"]+", error="`+code+`", error_description="[^"]+", resource="[^"]+"$`,
		r.header.Get("WWW-Authenticate"))
}

// The whole handshake: no proof, no nonce, a token, a call.
func TestDPoP(t *testing.T) {
	t.Parallel()
	_, app := startBound(t, oktatest.Options{BasePath: "/base"})

	got := app.requestToken(t, false)
	assert.Equal(t, "The DPoP proof JWT header is missing.", got.assertOAuthError(t, 400, "invalid_dpop_proof"))
	assert.NotContains(t, got.header, "Dpop-Nonce")

	got = app.requestToken(t, true)
	got.assertOAuthError(t, 400, "use_dpop_nonce")
	app.learnNonce(t, got)

	got = app.requestToken(t, true)
	object := got.object(t)
	assert.Equal(t, "DPoP", object["token_type"])
	assert.Equal(t, app.nonce, got.header.Get("DPoP-Nonce"), "recorded with every bound token")
	token, _ := object["access_token"].(string)
	got = app.get(t, usersPath, token)
	got.ids(t)
	assert.NotContains(t, got.header, "Dpop-Nonce")
}

// An app without DPoP gets a bearer token whatever proof it sends, as okta-sdk-nodejs#453 reports.
func TestProofOfAnAppWithoutDPoP(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)
	app := addApp(t, org, time.Now, oktatest.ServiceApp{})

	valid := app.proof(t, app.proofClaims(http.MethodPost, tokenPath, ""))
	for _, header := range []http.Header{valid, valid, {"Dpop": {"x"}}, {"Dpop": {"x", "y"}}} {
		got := post(t, org, header, app.form(t).Encode())
		assert.NotContains(t, got.header, "Dpop-Nonce")
		object := got.object(t)
		assert.Equal(t, "Bearer", object["token_type"])
		token, _ := object["access_token"].(string)
		bearer, err := send(t, org, http.MethodGet, usersPath, withAuthorization("Bearer "+token))
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, bearer.status)
		app.get(t, usersPath, token).assertDPoPError(t, 401, "invalid_token")
	}
}

// invalidProofs are the proofs that are refused for the method and the URL of valid claims, wherever they are sent.
func invalidProofs(t *testing.T, app *serviceApp, valid func() claims) map[string][]string {
	t.Helper()
	now := app.now()
	signed := func(changes claims) []string {
		return []string{sign(t, jose.ES256, app.proofKey, proofOptions(), valid().over(changes))}
	}
	private := (&jose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", jose.JSONWebKey{Key: app.proofKey})
	stranger := (&jose.SignerOptions{}).WithType("dpop+jwt").
		WithHeader("jwk", jose.JSONWebKey{Key: newKey(t).Public()})
	symmetric := []byte("0123456789abcdef0123456789abcdef")
	url, _ := valid()["htu"].(string)
	return map[string][]string{
		"none":                 {},
		"two":                  append(signed(nil), signed(nil)...),
		"no JWT":               {"x"},
		"no type":              {sign(t, jose.ES256, app.proofKey, &jose.SignerOptions{EmbedJWK: true}, valid())},
		"other type":           {sign(t, jose.ES256, app.proofKey, proofOptions().WithType("JWT"), valid())},
		"no key":               {sign(t, jose.ES256, app.proofKey, (&jose.SignerOptions{}).WithType("dpop+jwt"), valid())},
		"private key":          {sign(t, jose.ES256, app.proofKey, private, valid())},
		"another's signature":  {sign(t, jose.ES256, app.proofKey, stranger, valid())},
		"symmetric":            {sign(t, jose.HS256, symmetric, (&jose.SignerOptions{}).WithType("dpop+jwt"), valid())},
		"no method":            signed(claims{"htm": nil}),
		"other method":         signed(claims{"htm": "PUT"}),
		"method in lower case": signed(claims{"htm": "post"}),
		"no URL":               signed(claims{"htu": nil}),
		"URL with a query":     signed(claims{"htu": url + "?limit=1"}),
		"URL with a fragment":  signed(claims{"htu": url + "#top"}),
		"URL below":            signed(claims{"htu": url + "/"}),
		"other host":           signed(claims{"htu": "https://acme.okta.com" + usersPath}),
		"no time":              signed(claims{"iat": nil}),
		"too old":              signed(claims{"iat": now.Add(-5*time.Minute - 2*time.Second).Unix()}),
		"from the future":      signed(claims{"iat": now.Add(5*time.Minute + 2*time.Second).Unix()}),
		"time is no number":    signed(claims{"iat": "now"}),
		"no ID":                signed(claims{"jti": nil}),
	}
}

func TestInvalidProofsAtTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	_, app := startBound(t, oktatest.Options{Now: newClock(fixedClock()).Now})
	app.accessToken(t, true)
	valid := func() claims { return app.proofClaims(http.MethodPost, tokenPath, "") }
	for name, proofs := range invalidProofs(t, app, valid) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := post(t, app.org, http.Header{"Dpop": proofs}, app.form(t).Encode())
			got.assertOAuthError(t, 400, "invalid_dpop_proof")
		})
	}
}

func TestInvalidProofsAtTheAPI(t *testing.T) {
	t.Parallel()
	_, app := startBound(t, oktatest.Options{Now: newClock(fixedClock()).Now})
	token := app.accessToken(t, true)
	valid := func() claims { return app.proofClaims(http.MethodGet, usersPath, token) }
	invalid := invalidProofs(t, app, valid)
	for name, hash := range map[string]any{"no token hash": nil, "another token's hash": "x"} {
		invalid[name] = app.proof(t, valid().over(claims{"ath": hash}))["Dpop"]
	}
	for name, proofs := range invalid {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := withAuthorization("DPoP " + token)
			header["Dpop"] = proofs
			got, err := send(t, app.org, http.MethodGet, usersPath+"?limit=1", header)
			require.NoError(t, err)
			got.assertDPoPError(t, 401, "invalid_dpop_proof")
			assert.NotContains(t, got.header, "Dpop-Nonce")
		})
	}
}

// A clock may be five minutes off either way.
func TestClockOfProofs(t *testing.T) {
	t.Parallel()
	clock := newClock(fixedClock().Truncate(time.Second))
	_, app := startBound(t, oktatest.Options{Now: clock.Now})
	token := app.accessToken(t, true)
	for _, skew := range []time.Duration{-5 * time.Minute, 5 * time.Minute} {
		content := app.proofClaims(http.MethodGet, usersPath, token)
		content["iat"] = clock.Now().Add(skew).Unix()
		assert.Equal(t, 200, app.call(t, http.MethodGet, usersPath, token, content).status)
	}
}

func TestAlgorithmsOfProofs(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	require.NoError(t, err)
	_, app := startBound(t, oktatest.Options{})
	app.accessToken(t, true)
	for alg, key := range map[jose.SignatureAlgorithm]any{
		jose.RS256: rsaKey, jose.RS384: rsaKey, jose.RS512: rsaKey,
		jose.ES256: newKey(t), jose.ES384: p384, jose.ES512: p521,
	} {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			proof := sign(t, alg, key, proofOptions(), app.proofClaims(http.MethodPost, tokenPath, ""))
			got := post(t, app.org, http.Header{"Dpop": {proof}}, app.form(t).Encode())
			assert.Equal(t, "DPoP", got.object(t)["token_type"])
		})
	}
}

func TestProofsAreUsedOnce(t *testing.T) {
	t.Parallel()
	org, app := startBound(t, oktatest.Options{})
	content := app.proofClaims(http.MethodPost, tokenPath, "")
	proof := app.proof(t, content)

	got := post(t, org, proof, app.form(t).Encode())
	got.assertOAuthError(t, 400, "use_dpop_nonce")
	app.learnNonce(t, got)
	post(t, org, proof, app.form(t).Encode()).assertOAuthError(t, 400, "invalid_dpop_proof")
	content["nonce"] = app.nonce
	why := post(t, org, app.proof(t, content), app.form(t).Encode()).assertOAuthError(t, 400, "invalid_dpop_proof")
	assert.Equal(t, "The DPoP proof JWT has already been used.", why, "a new nonce needs a new ID")

	token := app.accessToken(t, true)
	content = app.proofClaims(http.MethodGet, usersPath, token)
	assert.Equal(t, 200, app.call(t, http.MethodGet, usersPath, token, content).status)
	app.call(t, http.MethodGet, usersPath, token, content).assertDPoPError(t, 401, "invalid_dpop_proof")
}

func TestTokensAreBoundToTheirKey(t *testing.T) {
	t.Parallel()
	clock := newClock(fixedClock())
	org, app := startBound(t, oktatest.Options{Now: clock.Now})
	token := app.accessToken(t, true)

	for _, scheme := range []string{"Bearer ", "bearer "} {
		header := app.proof(t, app.proofClaims(http.MethodGet, usersPath, token))
		header.Set("Authorization", scheme+token)
		got, err := send(t, org, http.MethodGet, usersPath, header)
		require.NoError(t, err)
		got.assertDPoPError(t, 401, "invalid_token")
	}

	thief := *app
	thief.proofKey = newKey(t)
	thief.get(t, usersPath, token).assertDPoPError(t, 401, "invalid_token")
	app.get(t, usersPath, "unknown").assertDPoPError(t, 401, "invalid_token")
	org.AcceptBearerToken("unbound", usersRead)
	got := app.get(t, usersPath, "unbound")
	got.assertDPoPError(t, 401, "invalid_token")
	assert.Contains(t, got.header.Get("WWW-Authenticate"), "not bound")
	assert.Equal(t, 200, app.get(t, usersPath, token).status)

	clock.advance(time.Hour)
	app.get(t, usersPath, token).assertDPoPError(t, 401, "invalid_token")
	token = app.accessToken(t, true)
	org.RevokeAccessTokens()
	app.get(t, usersPath, token).assertDPoPError(t, 401, "invalid_token")
}

func TestScopesOfBoundTokens(t *testing.T) {
	t.Parallel()
	org, app := startBound(t, oktatest.Options{PublicURL: "https://acme.okta.com"})
	token := app.accessToken(t, true)

	content := app.proofClaims(http.MethodDelete, usersPath, token)
	got := app.call(t, http.MethodDelete, usersPath, token, content)
	got.assertDPoPError(t, 403, "insufficient_scope")
	assert.Equal(t, `DPoP algs="RS256 RS384 RS512 ES256 ES384 ES512", `+
		`authorization_uri="https://acme.okta.com/oauth2/v1/authorize", realm="https://acme.okta.com", `+
		`scope="okta.users.manage", error="insufficient_scope", `+
		`error_description="The access token provided does not contain the required scopes.", `+
		`resource="`+usersPath+`"`, got.header.Get("WWW-Authenticate"))
	assert.Len(t, org.Grants(), 4)
}

func TestNonceRotation(t *testing.T) {
	t.Parallel()
	org, app := startBound(t, oktatest.Options{})
	token := app.accessToken(t, true)
	first := app.nonce

	// The nonce before the current one is valid, and the response names the current one.
	org.RotateDPoPNonce()
	got := app.requestToken(t, true)
	got.object(t)
	second := got.header.Get("DPoP-Nonce")
	assert.NotEmpty(t, second)
	assert.NotEqual(t, first, second)
	got = app.get(t, usersPath, token)
	assert.Equal(t, 200, got.status)
	assert.Equal(t, second, got.header.Get("DPoP-Nonce"))
	got = app.get(t, "/api/v1/users/nobody/grants", token)
	assert.Equal(t, 404, got.status)
	assert.Equal(t, second, got.header.Get("DPoP-Nonce"), "errors name it too")

	// The one before that is not.
	org.RotateDPoPNonce()
	got = app.requestToken(t, true)
	got.assertOAuthError(t, 400, "use_dpop_nonce")
	third := got.header.Get("DPoP-Nonce")
	got = app.get(t, usersPath, token)
	got.assertDPoPError(t, 401, "use_dpop_nonce")
	assert.Equal(t, third, got.header.Get("DPoP-Nonce"))

	app.nonce = second
	assert.Equal(t, 200, app.get(t, usersPath, token).status)
	app.nonce = third
	got = app.get(t, usersPath, token)
	assert.Equal(t, 200, got.status)
	assert.NotContains(t, got.header, "Dpop-Nonce")
	app.nonce = "unknown"
	app.get(t, usersPath, token).assertDPoPError(t, 401, "use_dpop_nonce")
}

func TestNonceOfAPICalls(t *testing.T) {
	t.Parallel()
	org, app := startBound(t, oktatest.Options{})
	token := app.accessToken(t, true)
	nonce := app.nonce

	app.nonce = ""
	got := app.get(t, usersPath, token)
	assert.Equal(t, 200, got.status)
	assert.NotContains(t, got.header, "Dpop-Nonce")

	org.RequireDPoPNonce(true)
	got = app.get(t, usersPath, token)
	got.assertDPoPError(t, 401, "use_dpop_nonce")
	assert.Equal(t, nonce, got.header.Get("DPoP-Nonce"))
	app.nonce = nonce
	assert.Equal(t, 200, app.get(t, usersPath, token).status)

	org.RequireDPoPNonce(false)
	app.nonce = ""
	assert.Equal(t, 200, app.get(t, usersPath, token).status)
}

// The public URL and the one that was called are both valid, and Okta escapes little in the path.
func TestURLOfProofs(t *testing.T) {
	t.Parallel()
	const public = "https://acme.okta.com"
	org, app := startBound(t, oktatest.Options{BasePath: "/base", PublicURL: public})
	org.AddUser(oktatest.User{ID: "d'arc+é?#% x@example.com"})
	app.nonce = app.requestToken(t, true).header.Get("DPoP-Nonce")
	token := app.accessToken(t, true)

	const sent = "/api/v1/users/d%27arc+%C3%A9%3F%23%25%20x%40example.com/grants"
	const okta = "/api/v1/users/d'arc+é%3F%23%25%20x@example.com/grants"
	for url, want := range map[string]int{
		org.URL + okta:                         200,
		public + okta:                          200,
		public + "/base" + okta:                401,
		org.URL + sent:                         401,
		public + sent:                          401,
		"https" + org.URL[len("http"):] + okta: 401,
	} {
		content := app.proofClaims(http.MethodGet, sent, token)
		content["htu"] = url
		assert.Equal(t, want, app.call(t, http.MethodGet, sent, token, content).status, url)
	}
}

// A request to a TLS server has an https URL.
func TestURLOfProofsUnderTLS(t *testing.T) {
	t.Parallel()
	org, app := startBound(t, oktatest.Options{PublicURL: "https://acme.okta.com"})
	token := app.accessToken(t, true)
	server := httptest.NewTLSServer(org)
	t.Cleanup(server.Close)

	content := app.proofClaims(http.MethodGet, usersPath, token)
	content["htu"] = server.URL + usersPath
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+usersPath, http.NoBody)
	require.NoError(t, err)
	req.Header = app.proof(t, content)
	req.Header.Set("Authorization", "DPoP "+token)
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusOK, resp.StatusCode)
}

// A transport of a test may pass a client's request to the org as it is: its URL is the one that was called.
func TestURLOfProofsWithoutSockets(t *testing.T) {
	t.Parallel()
	org, app := startBound(t, oktatest.Options{})
	token := app.accessToken(t, true)

	for htu, want := range map[string]int{"https://called.example": 200, "http://called.example": 401} {
		content := app.proofClaims(http.MethodGet, usersPath, token)
		content["htu"] = htu + usersPath
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://called.example"+usersPath, http.NoBody)
		require.NoError(t, err)
		req.Host = "" // As a client may leave it.
		req.Header = app.proof(t, content)
		req.Header.Set("Authorization", "DPoP "+token)
		recorder := httptest.NewRecorder()
		org.ServeHTTP(recorder, req)
		assert.Equal(t, want, recorder.Code, htu)
	}
}

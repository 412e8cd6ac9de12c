package oktatest_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

func TestAccessToken(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{BasePath: "/base"})
	twoOfEach(org)
	app := addApp(t, org, time.Now, oktatest.ServiceApp{})

	form := app.form(t)
	form.Set("scope", "okta.users.manage okta.users.read")
	got := post(t, org, nil, form.Encode())
	object := got.object(t)
	token, _ := object["access_token"].(string)
	assert.NotEmpty(t, token)
	assert.Equal(t, map[string]any{
		"token_type":   "Bearer",
		"expires_in":   3600.0,
		"access_token": token,
		"scope":        "okta.users.manage okta.users.read",
	}, object)
	assert.Equal(t, "no-store", got.header.Get("Cache-Control"))
	assert.NotContains(t, got.header, "X-Rate-Limit-Limit")
	assert.NotEqual(t, token, app.accessToken(t, false), "each token is another one")

	for method, path := range map[string]string{
		http.MethodGet:    usersPath,
		http.MethodDelete: "/api/v1/users/u1/grants/g-u1c1",
	} {
		got, err := send(t, org, method, path, withAuthorization("Bearer "+token))
		require.NoError(t, err)
		assert.Less(t, got.status, 300)
	}
	got, err := send(t, org, "GET", "/api/v1/authorizationServers/s1/clients", withAuthorization("Bearer "+token))
	require.NoError(t, err)
	assert.Equal(t, http.StatusForbidden, got.status)
	assert.Contains(t, got.header.Get("WWW-Authenticate"), `error="insufficient_scope"`)

	requests := org.Requests()
	assert.Equal(t, "/base"+tokenPath, requests[0].Path)
	assert.Equal(t, http.StatusOK, requests[0].Status)
}

func TestAccessTokensExpire(t *testing.T) {
	t.Parallel()
	clock := newClock(fixedClock())
	org := start(t, oktatest.Options{Now: clock.Now})
	twoOfEach(org)
	org.AcceptBearerToken("seeded", usersRead)
	hour := addApp(t, org, clock.Now, oktatest.ServiceApp{})
	minute := addApp(t, org, clock.Now, oktatest.ServiceApp{TokenLifetime: time.Minute})
	long, short := hour.accessToken(t, false), minute.accessToken(t, false)
	assert.InDelta(t, 60, minute.requestToken(t, false).object(t)["expires_in"], 0)

	statuses := func() (statuses []int) {
		for _, token := range []string{"seeded", long, short} {
			got, err := send(t, org, "GET", usersPath, withAuthorization("Bearer "+token))
			require.NoError(t, err)
			if got.status == http.StatusUnauthorized {
				assert.Contains(t, got.header.Get("WWW-Authenticate"), `Bearer authorization_uri="`)
				assert.Contains(t, got.header.Get("WWW-Authenticate"), `error="invalid_token"`)
			}
			statuses = append(statuses, got.status)
		}
		return statuses
	}
	clock.advance(time.Minute - 1)
	assert.Equal(t, []int{200, 200, 200}, statuses())
	clock.advance(1)
	assert.Equal(t, []int{200, 200, 401}, statuses())
	org.RevokeAccessTokens()
	assert.Equal(t, []int{200, 401, 401}, statuses())
	long = hour.accessToken(t, false)
	assert.Equal(t, []int{200, 200, 401}, statuses())
}

func TestInvalidTokenRequests(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	app := addApp(t, org, time.Now, oktatest.ServiceApp{})

	for name, test := range map[string]struct {
		change func(url.Values)
		status int
		code   string
	}{
		"no grant type":       {func(f url.Values) { f.Del("grant_type") }, 400, "invalid_request"},
		"other grant type":    {func(f url.Values) { f.Set("grant_type", "password") }, 400, "unsupported_grant_type"},
		"a parameter twice":   {func(f url.Values) { f.Add("scope", usersRead) }, 400, "invalid_request"},
		"no assertion type":   {func(f url.Values) { f.Del("client_assertion_type") }, 401, "invalid_client"},
		"other type":          {func(f url.Values) { f.Set("client_assertion_type", "saml") }, 401, "invalid_client"},
		"no assertion":        {func(f url.Values) { f.Del("client_assertion") }, 401, "invalid_client"},
		"no JWT":              {func(f url.Values) { f.Set("client_assertion", "e30.e30.") }, 401, "invalid_client"},
		"another client's ID": {func(f url.Values) { f.Set("client_id", "0oaother") }, 401, "invalid_client"},
		"no scope":            {func(f url.Values) { f.Del("scope") }, 400, "invalid_scope"},
		"empty scope":         {func(f url.Values) { f.Set("scope", " ") }, 400, "invalid_scope"},
		"a scope not granted": {func(f url.Values) { f.Set("scope", usersRead+" okta.apps.read") }, 400, "invalid_scope"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			form := app.form(t)
			test.change(form)
			post(t, org, nil, form.Encode()).assertOAuthError(t, test.status, test.code)
		})
	}
	form := app.form(t)
	form.Set("client_id", app.id)
	post(t, org, nil, form.Encode()).object(t)
}

func TestTokenRequestsWithoutForm(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	app := addApp(t, org, time.Now, oktatest.ServiceApp{})
	header := func(contentType ...string) http.Header { return http.Header{"Content-Type": contentType} }

	post(t, org, header("application/json"), `{}`).assertOAuthError(t, 400, "invalid_request")
	post(t, org, header(), app.form(t).Encode()).assertOAuthError(t, 400, "invalid_request")
	post(t, org, nil, "grant_type=%x").assertOAuthError(t, 400, "invalid_request")
	post(t, org, header("application/x-www-form-urlencoded; charset=UTF-8"), app.form(t).Encode()).object(t)

	// In the query, an assertion would be in logs.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, org.URL+tokenPath+"?"+app.form(t).Encode(),
		http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	read(t, req).assertOAuthError(t, 400, "invalid_request")

	broken := httptest.NewRequestWithContext(t.Context(), http.MethodPost, tokenPath, iotest.ErrReader(io.ErrClosedPipe))
	broken.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	recorder := httptest.NewRecorder()
	org.ServeHTTP(recorder, broken)
	assert.Equal(t, http.StatusBadRequest, recorder.Code)

	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		do(t, org, method, tokenPath).assertError(t, 405, "E0000022",
			"The endpoint does not support the provided HTTP method")
	}
}

func TestInvalidAssertions(t *testing.T) {
	t.Parallel()
	clock := newClock(fixedClock().Truncate(time.Second))
	org := start(t, oktatest.Options{Now: clock.Now})
	app := addApp(t, org, clock.Now, oktatest.ServiceApp{})
	other := addApp(t, org, clock.Now, oktatest.ServiceApp{})
	in := func(d time.Duration) int64 { return clock.Now().Add(d).Unix() }

	for name, test := range map[string]struct {
		changes claims
		want    string
	}{
		"other issuer":        {claims{"iss": other.id}, "issuer"},
		"no issuer":           {claims{"iss": nil}, "issuer"},
		"unknown subject":     {claims{"iss": "0oaother", "sub": "0oaother"}, "no known client"},
		"no subject":          {claims{"sub": nil}, "no known client"},
		"another app":         {claims{"iss": other.id, "sub": other.id}, "signature is invalid"},
		"no audience":         {claims{"aud": nil}, "audience"},
		"org as the audience": {claims{"aud": org.URL}, "audience"},
		"other audience":      {claims{"aud": "https://acme.okta.com" + tokenPath}, "audience"},
		"two audiences":       {claims{"aud": []string{org.URL + tokenPath, org.URL}}, "audience"},
		"no end":              {claims{"exp": nil}, "expired"},
		"ended":               {claims{"exp": in(0)}, "expired"},
		"too long":            {claims{"exp": in(time.Hour + time.Second)}, "too far into the future"},
		"end is no number":    {claims{"exp": "soon"}, "not a JWT"},
		"from the future":     {claims{"iat": in(5*time.Minute + time.Second)}, "issued in the future"},
		"no ID":               {claims{"jti": nil}, "no jti"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			form := app.form(t)
			form.Set("client_assertion", app.assertion(t, test.changes))
			why := post(t, org, nil, form.Encode()).assertOAuthError(t, 401, "invalid_client")
			assert.Contains(t, why, test.want)
		})
	}
	for name, changes := range map[string]claims{
		"an hour":             {"exp": in(time.Hour)},
		"no time of issue":    {"iat": nil},
		"a clock that is off": {"iat": in(5 * time.Minute)},
		"list of audiences":   {"aud": []string{org.URL + tokenPath}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			form := app.form(t)
			form.Set("client_assertion", app.assertion(t, changes))
			post(t, org, nil, form.Encode()).object(t)
		})
	}
}

func TestAssertionsAreUsedOnce(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	app := addApp(t, org, time.Now, oktatest.ServiceApp{})
	other := addApp(t, org, time.Now, oktatest.ServiceApp{})
	form := app.form(t)

	form.Set("scope", "okta.apps.read")
	post(t, org, nil, form.Encode()).assertOAuthError(t, 400, "invalid_scope")
	form.Set("scope", usersRead)
	why := post(t, org, nil, form.Encode()).assertOAuthError(t, 401, "invalid_client")
	assert.Contains(t, why, "already been used")

	form.Set("client_assertion", app.assertion(t, claims{"jti": "1", "exp": 1}))
	post(t, org, nil, form.Encode()).assertOAuthError(t, 401, "invalid_client")
	form.Set("client_assertion", app.assertion(t, claims{"jti": "1"}))
	post(t, org, nil, form.Encode()).object(t)
	form.Set("client_assertion", app.assertion(t, claims{"jti": "1"}))
	post(t, org, nil, form.Encode()).assertOAuthError(t, 401, "invalid_client")
	form.Set("client_assertion", other.assertion(t, claims{"jti": "1"}))
	post(t, org, nil, form.Encode()).object(t)
}

func TestKeysOfAssertions(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	require.NoError(t, err)
	app := addApp(t, org, time.Now, oktatest.ServiceApp{})
	many := org.AddServiceApp(oktatest.ServiceApp{Scopes: []string{usersRead}, Keys: []oktatest.ServiceAppKey{
		{ID: "rsa", Public: rsaKey.Public()},
		{ID: "p256", Public: app.key.Public()},
		{ID: "p384", Public: p384.Public()},
		{ID: "p521", Public: p521.Public()},
		{Public: newKey(t).Public()},
	}})
	app.id = many.ClientID
	symmetric := []byte("0123456789abcdef0123456789abcdef")

	for name, test := range map[string]struct {
		alg  jose.SignatureAlgorithm
		key  any
		id   string
		want string
	}{
		"RS256":               {jose.RS256, rsaKey, "rsa", ""},
		"ES256":               {jose.ES256, app.key, "p256", ""},
		"ES384":               {jose.ES384, p384, "p384", ""},
		"ES512":               {jose.ES512, p521, "p521", ""},
		"RS512":               {jose.RS512, rsaKey, "rsa", "not a JWT signed with"},
		"HS256":               {jose.HS256, symmetric, "rsa", "not a JWT signed with"},
		"no kid":              {jose.ES256, app.key, "", "kid is invalid"},
		"unknown kid":         {jose.ES256, app.key, "other", "kid is invalid"},
		"another key's kid":   {jose.RS256, rsaKey, "p256", "signature is invalid"},
		"key of the same alg": {jose.ES256, newKey(t), "p256", "signature is invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			form := app.form(t)
			form.Set("client_assertion",
				sign(t, test.alg, jose.JSONWebKey{Key: test.key, KeyID: test.id}, nil, app.claims()))
			got := post(t, org, nil, form.Encode())
			if test.want == "" {
				got.object(t)
				return
			}
			assert.Contains(t, got.assertOAuthError(t, 401, "invalid_client"), test.want)
		})
	}
}

func TestKidOfAnOnlyKey(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	key := newKey(t)
	added := org.AddServiceApp(oktatest.ServiceApp{
		Keys:   []oktatest.ServiceAppKey{{Public: key.Public()}},
		Scopes: []string{usersRead},
	})
	app := &serviceApp{org: org, id: added.ClientID, now: time.Now, key: key}

	for id, want := range map[string]int{"": 200, added.Keys[0].ID: 200, "other": 401} {
		form := app.form(t)
		form.Set("client_assertion", sign(t, jose.ES256, jose.JSONWebKey{Key: key, KeyID: id}, nil, app.claims()))
		assert.Equal(t, want, post(t, org, nil, form.Encode()).status, id)
	}
}

// Behind a gateway, the public URL and the one that was called are both valid.
func TestAudienceBehindAGateway(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{BasePath: "/base", PublicURL: "https://acme.okta.com"})
	app := addApp(t, org, time.Now, oktatest.ServiceApp{})
	for audience, want := range map[string]int{
		"https://acme.okta.com" + tokenPath:      200,
		org.URL + tokenPath:                      200,
		"https://acme.okta.com/base" + tokenPath: 401,
	} {
		form := app.form(t)
		form.Set("client_assertion", app.assertion(t, claims{"aud": audience}))
		assert.Equal(t, want, post(t, org, nil, form.Encode()).status, audience)
	}
}

// Faults serve token requests too, and the log has them, without their bodies.
func TestFaultsOfTokenRequests(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	app := addApp(t, org, time.Now, oktatest.ServiceApp{})
	org.Next(oktatest.Reply(503, nil, ""), oktatest.CutBody(10))

	assert.Equal(t, http.StatusServiceUnavailable, app.requestToken(t, false).status)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, org.URL+tokenPath,
		strings.NewReader(app.form(t).Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, err = receive(t, req)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	app.accessToken(t, false)

	statuses := []int{}
	for _, request := range org.Requests() {
		assert.Equal(t, tokenPath, request.Path)
		assert.Empty(t, request.RawQuery)
		statuses = append(statuses, request.Status)
	}
	assert.Equal(t, []int{503, 200, 200}, statuses)
}

func TestAddServiceApp(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	key := newKey(t)
	keys := []oktatest.ServiceAppKey{{ID: "k", Public: key.Public()}}

	added := org.AddServiceApp(oktatest.ServiceApp{Keys: keys})
	assert.Equal(t, oktatest.ServiceApp{
		ClientID:      "0oasvc00000000000000001",
		Name:          "App 0oasvc00000000000000001",
		Keys:          keys,
		TokenLifetime: time.Hour,
	}, added)
	given := oktatest.ServiceApp{
		ClientID: "0oa1", Name: "Reviews", Keys: keys, Scopes: []string{"a"}, DPoP: true, TokenLifetime: time.Minute,
	}
	assert.Equal(t, given, org.AddServiceApp(given))
	assert.Empty(t, org.Clients(), "service apps have no users")

	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	edKey, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for want, app := range map[string]oktatest.ServiceApp{
		`oktatest: the service app ID "0oa1" is taken`: given,
		`oktatest: a service app needs a key`:          {},
		`oktatest: a token lifetime of -1s is not positive`: {
			Keys: keys, TokenLifetime: -time.Second,
		},
		`oktatest: the key ID "k" is taken`: {
			Keys: []oktatest.ServiceAppKey{keys[0], keys[0]},
		},
		`oktatest: a <nil> is no public key that a service app can have`: {
			Keys: []oktatest.ServiceAppKey{{}},
		},
		`oktatest: a *ecdsa.PrivateKey is no public key that a service app can have`: {
			Keys: []oktatest.ServiceAppKey{{Public: key}},
		},
		`oktatest: a ed25519.PublicKey is no public key that a service app can have`: {
			Keys: []oktatest.ServiceAppKey{{Public: edKey}},
		},
		"oktatest: a service app's key is invalid: go-jose/go-jose: unsupported/unknown elliptic curve": {
			Keys: []oktatest.ServiceAppKey{{Public: p224.Public()}},
		},
	} {
		assert.PanicsWithValue(t, want, func() { org.AddServiceApp(app) })
	}
}

func TestServiceAppIsACopy(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	key := newKey(t)
	keys, scopes := []oktatest.ServiceAppKey{{Public: key.Public()}}, []string{usersRead}
	added := org.AddServiceApp(oktatest.ServiceApp{Keys: keys, Scopes: scopes})
	app := &serviceApp{org: org, id: added.ClientID, now: time.Now, key: key}

	assert.Empty(t, keys[0].ID)
	keys[0], added.Keys[0] = oktatest.ServiceAppKey{}, oktatest.ServiceAppKey{}
	scopes[0], added.Scopes[0] = "x", "x"
	app.accessToken(t, false)
}

// In a bubble, tokens expire by the bubble's clock, without a socket.
func TestTokensWithoutSockets(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)
	// The first use of go-jose fills its cache of types with a WaitGroup each, which must not belong to the bubble.
	addApp(t, org, time.Now, oktatest.ServiceApp{}).requestToken(t, true)
	synctest.Test(t, func(t *testing.T) {
		app := addApp(t, org, time.Now, oktatest.ServiceApp{DPoP: true})
		serve := func(method, path, body string, header http.Header) *httptest.ResponseRecorder {
			r, err := http.NewRequestWithContext(t.Context(), method, org.URL+path, strings.NewReader(body))
			require.NoError(t, err)
			r.Header = header
			recorder := httptest.NewRecorder()
			org.ServeHTTP(recorder, r)
			return recorder
		}
		requestToken := func() *httptest.ResponseRecorder {
			header := app.proof(t, app.proofClaims(http.MethodPost, tokenPath, ""))
			header.Set("Content-Type", "application/x-www-form-urlencoded")
			return serve(http.MethodPost, tokenPath, app.form(t).Encode(), header)
		}
		app.nonce = requestToken().Header().Get("DPoP-Nonce")
		token, _ := response{status: 200, body: requestToken().Body.String()}.object(t)["access_token"].(string)
		read := func() int {
			header := app.proof(t, app.proofClaims(http.MethodGet, usersPath, token))
			header.Set("Authorization", "DPoP "+token)
			return serve(http.MethodGet, usersPath, "", header).Code
		}
		assert.Equal(t, http.StatusOK, read())
		<-time.After(time.Hour - 1)
		assert.Equal(t, http.StatusOK, read())
		<-time.After(1)
		assert.Equal(t, http.StatusUnauthorized, read())
	})
}

func TestTokensAtTheSameTime(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)
	app := addApp(t, org, time.Now, oktatest.ServiceApp{DPoP: true})
	app.accessToken(t, true)

	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			header := app.proof(t, app.proofClaims(http.MethodPost, tokenPath, ""))
			got := post(t, org, header, app.form(t).Encode())
			token, _ := got.object(t)["access_token"].(string)
			assert.Contains(t, []int{200, 401}, app.get(t, usersPath, token).status)
		})
		clients.Go(org.RevokeAccessTokens)
	}
	clients.Go(org.RotateDPoPNonce)
	clients.Go(func() { org.RequireDPoPNonce(true) })
	clients.Wait()
}

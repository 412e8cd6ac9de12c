package oktatest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

const (
	tokenPath = "/oauth2/v1/token"
	usersRead = "okta.users.read"
)

// claims are the claims of a JWT. A nil claim is left out.
type claims map[string]any

// over returns claims with some of them changed.
func (c claims) over(changes claims) claims {
	all := maps.Clone(c)
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	return all
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

// sign returns a JWT.
func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, opts *jose.SignerOptions, content claims) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	require.NoError(t, err)
	text, err := jwt.Signed(signer).Claims(map[string]any(content)).Serialize()
	require.NoError(t, err)
	return text
}

// serviceApp is the client of a service app, with its own key and the one that its tokens are bound to.
type serviceApp struct {
	org      *oktatest.Org
	id       string
	now      func() time.Time
	key      *ecdsa.PrivateKey
	proofKey *ecdsa.PrivateKey
	nonce    string
}

// addApp adds an app with one key to an org whose clock is now.
func addApp(t *testing.T, org *oktatest.Org, now func() time.Time, app oktatest.ServiceApp) *serviceApp {
	t.Helper()
	key := newKey(t)
	app.Keys = []oktatest.ServiceAppKey{{Public: key.Public()}}
	if app.Scopes == nil {
		app.Scopes = []string{usersRead, "okta.users.manage"}
	}
	return &serviceApp{org: org, id: org.AddServiceApp(app).ClientID, now: now, key: key, proofKey: newKey(t)}
}

func (a *serviceApp) claims() claims {
	return claims{
		"iss": a.id,
		"sub": a.id,
		"aud": a.org.URL + tokenPath,
		"iat": a.now().Unix(),
		"exp": a.now().Add(time.Minute).Unix(),
		"jti": rand.Text(),
	}
}

func (a *serviceApp) assertion(t *testing.T, changes claims) string {
	t.Helper()
	return sign(t, jose.ES256, a.key, nil, a.claims().over(changes))
}

// form is a valid token request.
func (a *serviceApp) form(t *testing.T) url.Values {
	t.Helper()
	return url.Values{
		"grant_type":            {"client_credentials"},
		"scope":                 {usersRead},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {a.assertion(t, nil)},
	}
}

// proofClaims are those of a valid proof, with the app's nonce.
func (a *serviceApp) proofClaims(method, path, token string) claims {
	content := claims{
		"htm": method,
		"htu": a.org.URL + path,
		"iat": a.now().Unix(),
		"jti": rand.Text(),
	}
	if a.nonce != "" {
		content["nonce"] = a.nonce
	}
	if token != "" {
		hash := sha256.Sum256([]byte(token))
		content["ath"] = base64.RawURLEncoding.EncodeToString(hash[:])
	}
	return content
}

func proofOptions() *jose.SignerOptions {
	return (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
}

func (a *serviceApp) proof(t *testing.T, content claims) http.Header {
	t.Helper()
	return http.Header{"Dpop": {sign(t, jose.ES256, a.proofKey, proofOptions(), content)}}
}

// post sends a token request.
func post(t *testing.T, org *oktatest.Org, header http.Header, body string) response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, org.URL+tokenPath, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	maps.Copy(req.Header, header)
	return read(t, req)
}

// read sends a request and reads the response to its end.
func read(t *testing.T, req *http.Request) response {
	t.Helper()
	got, err := receive(t, req)
	require.NoError(t, err)
	return got
}

// requestToken sends a valid token request, with a proof when withProof is set.
func (a *serviceApp) requestToken(t *testing.T, withProof bool) response {
	t.Helper()
	var header http.Header
	if withProof {
		header = a.proof(t, a.proofClaims(http.MethodPost, tokenPath, ""))
	}
	return post(t, a.org, header, a.form(t).Encode())
}

// learnNonce takes the nonce of a response.
func (a *serviceApp) learnNonce(t *testing.T, from response) {
	t.Helper()
	a.nonce = from.header.Get("DPoP-Nonce")
	require.NotEmpty(t, a.nonce)
}

// accessToken returns a token, bound by DPoP or not.
func (a *serviceApp) accessToken(t *testing.T, withProof bool) string {
	t.Helper()
	if withProof && a.nonce == "" {
		a.learnNonce(t, a.requestToken(t, true))
	}
	token, _ := a.requestToken(t, withProof).object(t)["access_token"].(string)
	require.NotEmpty(t, token)
	return token
}

// call calls the API with a DPoP proof of the claims.
func (a *serviceApp) call(t *testing.T, method, path, token string, content claims) response {
	t.Helper()
	header := a.proof(t, content)
	header.Set("Authorization", "DPoP "+token)
	got, err := send(t, a.org, method, path, header)
	require.NoError(t, err)
	return got
}

// get calls the API with a valid DPoP proof.
func (a *serviceApp) get(t *testing.T, path, token string) response {
	t.Helper()
	return a.call(t, http.MethodGet, path, token, a.proofClaims(http.MethodGet, path, token))
}

// assertOAuthError checks an error of the token endpoint and returns its description.
func (r response) assertOAuthError(t *testing.T, status int, code string) string {
	t.Helper()
	assert.Equal(t, status, r.status, r.body)
	assert.Equal(t, "application/json", r.header.Get("Content-Type"))
	assert.NotEmpty(t, r.header.Get("Date"))
	assert.NotEmpty(t, r.header.Get("X-Okta-Request-Id"))
	var body map[string]string
	require.NoError(t, json.Unmarshal([]byte(r.body), &body), r.body)
	assert.Equal(t, code, body["error"], r.body)
	assert.NotEmpty(t, body["error_description"])
	assert.Len(t, body, 2)
	return body["error_description"]
}

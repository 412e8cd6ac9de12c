package okta_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

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

func TestInvalidServiceApps(t *testing.T) {
	t.Parallel()
	for name, c := range badApps(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := okta.ServiceApp{ClientID: "0oa1", PrivateKey: okta.Signer(keys()["P-256"]), Scopes: []string{usersRead}}
			c.change(&app)
			client, err := okta.NewClient(okta.Config{OrgURL: orgURL, Credentials: app})
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

// brokenVault cannot sign.
type brokenVault struct{ vault }

func (brokenVault) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the HSM is\nsealed\x1b[31m")
}

func TestSignerThatFails(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"RSA", "P-256"} {
		key := okta.Signer(brokenVault{vault{keys()[name]}})
		app := okta.ServiceApp{ClientID: "0oa1", PrivateKey: key, Scopes: []string{usersRead}}
		err := get(t.Context(), newClient(t, refuse(t), withCredentials(app)))
		require.ErrorContains(t, err, "okta: GET /api/v1/users/u/grants/g: POST /oauth2/v1/token: "+
			"authentication failed: sign the client assertion: ")
		require.ErrorIs(t, err, okta.ErrAuthentication)
		require.ErrorContains(t, err, "the HSM is sealed")
		assert.NotContains(t, err.Error(), "\n")
		assert.NotContains(t, err.Error(), "\x1b")
	}
}

func TestServiceAppIsPrintedWithoutItsKey(t *testing.T) {
	t.Parallel()
	for _, key := range []okta.PrivateKey{okta.PEM("hidden"), okta.JWK("hidden"), okta.Signer(keys()["RSA"])} {
		app := okta.ServiceApp{ClientID: "0oa1", PrivateKey: key, KeyID: "k1", Scopes: []string{"a"}}
		assert.Equal(t, "{0oa1 [redacted] k1 [a]  false}", sprint("%v", app))
		assert.Equal(t, "[redacted]", sprint("%#v", key))
		text, err := json.Marshal(any(app))
		require.NoError(t, err)
		assert.JSONEq(t, `{
			"ClientID": "0oa1", "PrivateKey": "[redacted]", "KeyID": "k1", "Scopes": ["a"], "TokenURL": "", "DPoP": false
		}`, string(text))
		var logged bytes.Buffer
		slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "app", app, "key", key)
		assert.NotContains(t, logged.String(), "hidden")
		assert.Contains(t, logged.String(), "key=[redacted]")
	}
}

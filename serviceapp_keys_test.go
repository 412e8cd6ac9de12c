package okta_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
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
			"PEM":              {key: okta.PrivateKeyFromPEM(pkcs8(t, key))},
			"PEM and a key ID": {key: okta.PrivateKeyFromPEM(pkcs8(t, key)), kid: "k1", want: "k1"},
			"JWK":              {key: okta.PrivateKeyFromJWK(jwk(t, key, "k1")), want: "k1"},
			"JWK without kid":  {key: okta.PrivateKeyFromJWK(jwk(t, key, ""))},
			"JWK and a key ID": {key: okta.PrivateKeyFromJWK(jwk(t, key, "old")), kid: "k1", want: "k1"},
			"signer":           {key: okta.PrivateKeyFromSigner(vault{key}), kid: "k1", want: "k1"},
			"signer's pointer": {key: okta.PrivateKeyFromSigner(&vault{key})},
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
	app.config.PrivateKey = okta.PrivateKeyFromPEM("some text\n" + certificate + pkcs8(t, keys()["P-256"]))
	require.NoError(t, getGrant(t.Context(), newClient(t, overNetwork(t), app.configure)))
}

// The package jws has the tests of all the keys that are refused.
func TestInvalidServiceApps(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // as one that is refused
	require.NoError(t, err)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	garbage := pemBlock(t, "PRIVATE KEY", []byte("hidden"), nil)
	key := func(k okta.PrivateKey) func(*okta.ServiceApp) { return func(a *okta.ServiceApp) { a.PrivateKey = k } }
	tokenURL := func(u string) func(*okta.ServiceApp) { return func(a *okta.ServiceApp) { a.TokenURL = u } }
	scopes := func(s ...string) func(*okta.ServiceApp) { return func(a *okta.ServiceApp) { a.Scopes = s } }
	const (
		noClientID = "ClientID is empty or contains a character that no client ID has"
		badScope   = "Scopes contains an empty scope, or one with a character that no scope has"
		badJWK     = "PrivateKey: the JWK cannot be read"
		noPEM      = "PrivateKey: no PEM block was found"
		tooShort   = "PrivateKey: the RSA key has fewer than 2048 bits"
		neither    = "PrivateKey: the key is neither RSA nor ECDSA"
		plain      = "TokenURL is http, which would show the credentials to the network: use https"
		userInfo   = "TokenURL contains a user name or password: authenticate with Config.Credentials"
		badPort    = "TokenURL has a port that is not between 1 and 65535"
		noScheme   = "TokenURL must begin with https://"
	)
	for name, c := range map[string]struct {
		change func(*okta.ServiceApp)
		text   string
	}{
		"no client ID":          {func(a *okta.ServiceApp) { a.ClientID = "" }, noClientID},
		"client ID of two":      {func(a *okta.ServiceApp) { a.ClientID = "0oa1 0oa2" }, noClientID},
		"client ID with line":   {func(a *okta.ServiceApp) { a.ClientID = "0oa1\n" }, noClientID},
		"no key":                {key(okta.PrivateKey{}), "PrivateKey is missing: use one of the PrivateKeyFrom functions"},
		"no PEM":                {key(okta.PrivateKeyFromPEM("hidden")), noPEM},
		"JWK as PEM":            {key(okta.PrivateKeyFromPEM(jwk(t, keys()["RSA"], ""))), noPEM},
		"garbage":               {key(okta.PrivateKeyFromPEM(garbage)), "PrivateKey: the PEM block cannot be read"},
		"no JWK":                {key(okta.PrivateKeyFromJWK("")), badJWK},
		"PEM as JWK":            {key(okta.PrivateKeyFromJWK(pkcs8(t, keys()["RSA"]))), badJWK},
		"JWK with half a key":   {key(okta.PrivateKeyFromJWK(`{"kty":"RSA","n":"AQAB","e":"AQAB","d":"hidden"}`)), badJWK},
		"RSA 1024":              {key(okta.PrivateKeyFromPEM(pkcs8(t, small))), tooShort},
		"RSA 1024 as JWK":       {key(okta.PrivateKeyFromJWK(jwk(t, small, ""))), tooShort},
		"RSA 1024 as signer":    {key(okta.PrivateKeyFromSigner(vault{small})), tooShort},
		"Ed25519":               {key(okta.PrivateKeyFromPEM(pkcs8(t, edwards))), neither},
		"Ed25519 as JWK":        {key(okta.PrivateKeyFromJWK(jwk(t, edwards, ""))), neither},
		"nil signer":            {key(okta.PrivateKeyFromSigner(nil)), "PrivateKey: the signer is nil"},
		"nil vault":             {key(okta.PrivateKeyFromSigner((*vault)(nil))), "PrivateKey: the signer is nil"},
		"no scopes":             {scopes(), "Scopes is empty"},
		"empty scope":           {scopes(usersRead, ""), badScope},
		"two scopes in one":     {scopes("okta.users.read okta.users.manage"), badScope},
		"token URL http":        {tokenURL("http://acme.okta.com/oauth2/v1/token"), plain},
		"token URL query":       {tokenURL("https://acme.okta.com/oauth2/v1/token?hidden=1"), "TokenURL contains a query"},
		"token URL fragment":    {tokenURL("https://acme.okta.com/oauth2/v1/token#hidden"), "TokenURL contains a fragment"},
		"token URL userinfo":    {tokenURL("https://u:hidden@acme.okta.com/oauth2/v1/token"), userInfo},
		"token URL path":        {tokenURL("/oauth2/v1/token"), noScheme},
		"token URL other":       {tokenURL("ftp://acme.okta.com/"), noScheme},
		"token URL unparsable":  {tokenURL("https://acme.okta.com:hidden"), "TokenURL is not a URL"},
		"token URL with a port": {tokenURL("https://acme.okta.com:0/"), badPort},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := okta.PrivateKeyFromSigner(keys()["P-256"])
			app := okta.ServiceApp{ClientID: "0oa1", PrivateKey: key, Scopes: []string{usersRead}}
			c.change(&app)
			for _, credentials := range []okta.Credentials{app, &app} {
				client, err := okta.NewClient(okta.Config{OrgURL: orgURL, Credentials: credentials})
				require.ErrorIs(t, err, okta.ErrInvalidArgument)
				assert.Nil(t, client)
				require.EqualError(t, err, "okta: invalid argument: Config.Credentials: ServiceApp."+c.text)
				for _, form := range []string{"%v", "%+v", "%#v"} {
					assert.NotContains(t, sprint(form, err), "MII")
					assert.NotContains(t, sprint(form, err), "hidden")
				}
			}
		})
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
		key := okta.PrivateKeyFromSigner(brokenVault{vault{keys()[name]}})
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

// stuckVault does not return from its first Sign.
type stuckVault struct {
	vault
	signed *atomic.Int32
	stuck  chan struct{}
}

func (v stuckVault) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if v.signed.Add(1) == 1 {
		<-v.stuck
	}
	return v.vault.Sign(random, digest, opts)
}

func TestSignerThatDoesNotReturn(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(t *testing.T, app *bubbleApp, _ *okta.Client) {
		key := stuckVault{vault{keys()["P-256"]}, &atomic.Int32{}, make(chan struct{})}
		defer close(key.stuck)
		app.config.PrivateKey = okta.PrivateKeyFromSigner(key)
		client := newClient(t, app, app.configure)
		start := time.Now()
		err := getGrant(t.Context(), client)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		assert.InDelta(t, 90, time.Since(start).Seconds(), 1)
		require.NoError(t, getGrant(t.Context(), client), "the next call fetches a token")
	})
}

func TestServiceAppIsPrintedWithoutItsKey(t *testing.T) {
	t.Parallel()
	for _, key := range []okta.PrivateKey{
		okta.PrivateKeyFromPEM("hidden"), okta.PrivateKeyFromJWK("hidden"), okta.PrivateKeyFromSigner(keys()["RSA"]),
	} {
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

package jws_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/internal/jws"
)

var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsaKey()
	require.NoError(t, err)
	return key
}

func newEC(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	require.NoError(t, err)
	return key
}

func encode(t *testing.T, kind string, der []byte, err error) string {
	t.Helper()
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return encode(t, "PRIVATE KEY", der, err)
}

func jwk(t *testing.T, key any, id string) string {
	t.Helper()
	text, err := jose.JSONWebKey{Key: key, KeyID: id}.MarshalJSON()
	require.NoError(t, err)
	return string(text)
}

func TestParsePEMReadsEachForm(t *testing.T) {
	t.Parallel()
	ec := newEC(t, elliptic.P384())
	sec1, err := x509.MarshalECPrivateKey(ec)
	sec1PEM := encode(t, "EC PRIVATE KEY", sec1, err)
	parameters := encode(t, "EC PARAMETERS", []byte{6, 5, 43, 129, 4, 0, 34}, nil)
	for name, c := range map[string]struct {
		text string
		want crypto.Signer
	}{
		"PKCS#8 RSA":        {pkcs8(t, newRSA(t)), newRSA(t)},
		"PKCS#8 EC":         {pkcs8(t, ec), ec},
		"PKCS#1":            {encode(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(newRSA(t)), nil), newRSA(t)},
		"SEC 1":             {sec1PEM, ec},
		"after parameters":  {parameters + sec1PEM, ec},
		"before parameters": {sec1PEM + parameters, ec},
		"after text":        {"Bag Attributes\n    friendlyName: x\n" + sec1PEM, ec},
		"escaped":           {strings.ReplaceAll(parameters+sec1PEM, "\n", `\n`), ec},
		"half escaped":      {strings.Replace(sec1PEM, "\n", `\n`, 2), ec},
		"no last line end":  {strings.TrimSpace(sec1PEM), ec},
		"CRLF":              {strings.ReplaceAll(sec1PEM, "\n", "\r\n"), ec},
		"escaped CRLF":      {strings.ReplaceAll(sec1PEM, "\n", `\r\n`), ec},
		"quoted":            {`"` + strings.ReplaceAll(sec1PEM, "\n", `\n`) + `"`, ec},
		"one line":          {strings.ReplaceAll(sec1PEM, "\n", ""), ec},
		"spaces":            {strings.ReplaceAll(parameters+sec1PEM, "\n", " "), ec},
		"indented":          {strings.ReplaceAll(sec1PEM, "\n", "\n\t    "), ec},
		"byte order mark":   {"\uFEFF" + sec1PEM, ec},
	} {
		got, err := jws.ParsePEM(c.text)
		require.NoError(t, err, name)
		equal, ok := got.(interface{ Equal(crypto.PrivateKey) bool })
		require.True(t, ok)
		assert.True(t, equal.Equal(c.want), name)
	}
}

func TestParsePEMRefusesWhatIsNoPrivateKey(t *testing.T) {
	t.Parallel()
	exchange, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(newRSA(t).Public())
	publicPEM := encode(t, "PUBLIC KEY", public, err)
	for name, c := range map[string]struct{ text, want string }{
		"nothing":        {"", "no PEM block was found"},
		"text":           {"SECRET", "no PEM block was found"},
		"cut":            {strings.TrimSuffix(pkcs8(t, newRSA(t)), "-----END PRIVATE KEY-----\n"), "no PEM block was found"},
		"public":         {publicPEM, "the PEM block is not a private key"},
		"two public":     {publicPEM + publicPEM, "the PEM block is not a private key"},
		"unknown kind":   {encode(t, "OPENSSH PRIVATE KEY", []byte("SECRET"), nil), "the PEM block is not a private key"},
		"encrypted":      {encode(t, "ENCRYPTED PRIVATE KEY", []byte("SECRET"), nil), "the PEM block is encrypted"},
		"encrypted body": {"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nU0VDUkVU\n-----END EC PRIVATE KEY-----\n", "the PEM block is encrypted"},
		"garbage":        {encode(t, "PRIVATE KEY", []byte("SECRET"), nil), "the PEM block cannot be read"},
		"wrong label":    {strings.ReplaceAll(pkcs8(t, newRSA(t)), "PRIVATE KEY", "EC PRIVATE KEY"), "the PEM block cannot be read"},
		"cannot sign":    {pkcs8(t, exchange), "the PEM block holds a key that cannot sign"},
	} {
		signer, err := jws.ParsePEM(c.text)
		require.EqualError(t, err, c.want, name)
		assert.Nil(t, signer)
	}
}

func TestParseJWK(t *testing.T) {
	t.Parallel()
	for _, key := range []crypto.Signer{newRSA(t), newEC(t, elliptic.P256()), newEC(t, elliptic.P384()), newEC(t, elliptic.P521())} {
		for _, id := range []string{"", "k1"} {
			got, gotID, err := jws.ParseJWK(jwk(t, key, id))
			require.NoError(t, err)
			assert.Equal(t, id, gotID)
			assert.Equal(t, key.Public(), got.Public())
		}
	}
}

// members returns a JWK whose members are changed.
func members(t *testing.T, key any, change func(map[string]any)) string {
	t.Helper()
	all := map[string]any{}
	require.NoError(t, json.Unmarshal([]byte(jwk(t, key, "k1")), &all))
	change(all)
	text, err := json.Marshal(all)
	require.NoError(t, err)
	return string(text)
}

func TestParseJWKInTheFormsOfOtherTools(t *testing.T) {
	t.Parallel()
	standard := func(all map[string]any) {
		for name, value := range all {
			if number, err := base64.RawURLEncoding.DecodeString(value.(string)); err == nil && len(number) >= 32 {
				all[name] = base64.StdEncoding.EncodeToString(number)
			}
		}
	}
	noPrimes := func(all map[string]any) {
		for _, name := range []string{"p", "q", "dp", "dq", "qi"} {
			delete(all, name)
		}
	}
	short := newEC(t, elliptic.P256())
	for short.X.BitLen() > 248 { // a coordinate that begins with a zero
		short = newEC(t, elliptic.P256())
	}
	noZeros := func(all map[string]any) { all["x"] = base64.RawURLEncoding.EncodeToString(short.X.Bytes()) }
	for name, c := range map[string]struct {
		key    crypto.Signer
		change func(map[string]any)
	}{
		"RSA in standard base64": {newRSA(t), standard},
		"EC in standard base64":  {newEC(t, elliptic.P521()), standard},
		"RSA without primes":     {newRSA(t), noPrimes},
		"EC without zeros":       {short, noZeros},
	} {
		got, id, err := jws.ParseJWK(members(t, c.key, c.change))
		require.NoError(t, err, name)
		assert.Equal(t, "k1", id)
		assert.Equal(t, c.key.Public(), got.Public(), name)
		if key, ok := got.(*rsa.PrivateKey); ok {
			require.NoError(t, key.Validate())
		}
	}
}

func TestParseJWKRefusesWhatIsNoPrivateKey(t *testing.T) {
	t.Parallel()
	const unreadable, notPrivate = "the JWK cannot be read", "the JWK is not a private RSA or EC key"
	for name, c := range map[string]struct{ text, want string }{
		"nothing":    {"", unreadable},
		"no object":  {`"SECRET"`, unreadable},
		"no type":    {`{"d":"SECRET"}`, unreadable},
		"a set":      {`{"keys":[` + jwk(t, newRSA(t), "") + `]}`, unreadable},
		"RSA public": {jwk(t, newRSA(t).Public(), ""), notPrivate},
		"EC public":  {jwk(t, newEC(t, elliptic.P256()).Public(), ""), notPrivate},
		"symmetric":  {jwk(t, []byte("SECRET"), ""), notPrivate},
		"no primes":  {`{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB"}`, unreadable},
		"off curve":  {`{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}`, unreadable},
	} {
		signer, id, err := jws.ParseJWK(c.text)
		require.EqualError(t, err, c.want, name)
		assert.Nil(t, signer)
		assert.Empty(t, id)
	}
}

type signer struct {
	crypto.Signer
	public crypto.PublicKey
}

func (s signer) Public() crypto.PublicKey { return s.public }

func TestNewKeyRefusesWhatOktaDoesNotAccept(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // as one that is refused
	require.NoError(t, err)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	const isNil, noPublic, neither = "the signer is nil", "the signer has no public key", "the key is neither RSA nor ECDSA"
	for name, c := range map[string]struct {
		signer crypto.Signer
		want   string
	}{
		"nil":              {nil, isNil},
		"typed nil RSA":    {(*rsa.PrivateKey)(nil), isNil},
		"typed nil EC":     {(*ecdsa.PrivateKey)(nil), isNil},
		"typed nil slice":  {ed25519.PrivateKey(nil), isNil},
		"typed nil struct": {(*signer)(nil), isNil},
		"no public":        {signer{}, noPublic},
		"nil RSA public":   {signer{public: (*rsa.PublicKey)(nil)}, noPublic},
		"nil EC public":    {signer{public: (*ecdsa.PublicKey)(nil)}, noPublic},
		"a struct":         {signer{public: struct{}{}}, neither},
		"Ed25519":          {edwards, neither},
		"empty RSA":        {&rsa.PrivateKey{}, "the RSA key has fewer than 2048 bits"},
		"small RSA":        {small, "the RSA key has fewer than 2048 bits"},
		"empty EC":         {&ecdsa.PrivateKey{}, "the key's curve is not P-256, P-384 or P-521"},
		"P-224":            {newEC(t, elliptic.P224()), "the key's curve is not P-256, P-384 or P-521"},
	} {
		key, err := jws.NewKey(c.signer, "k1")
		require.EqualError(t, err, c.want, name)
		assert.Nil(t, key)
	}
}

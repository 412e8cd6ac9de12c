package jws_test

import (
	"crypto"
	"crypto/elliptic"
	"errors"
	"fmt"
	"io"
	"math/big"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/internal/jws"
)

var now = time.Date(2026, time.March, 1, 12, 0, 0, 999, time.UTC)

var allAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512}

// read checks a token's signature, and returns its header and its claims.
func read(t *testing.T, text string, key any) (jose.Header, map[string]any) {
	t.Helper()
	token, err := jwt.ParseSigned(text, allAlgorithms)
	require.NoError(t, err)
	require.Len(t, token.Headers, 1)
	if key == nil {
		key = token.Headers[0].JSONWebKey
	}
	claims := map[string]any{}
	require.NoError(t, token.Claims(key, &claims))
	return token.Headers[0], claims
}

func TestAssertion(t *testing.T) {
	t.Parallel()
	for algorithm, signer := range map[string]crypto.Signer{
		"RS256": newRSA(t), "ES256": newEC(t, elliptic.P256()), "ES384": newEC(t, elliptic.P384()), "ES512": newEC(t, elliptic.P521()),
	} {
		for _, id := range []string{"", "k1"} {
			key, err := jws.NewKey(signer, id)
			require.NoError(t, err)
			ids := map[any]bool{}
			for range 10 { // a signature's first bytes may be zero
				text, err := key.Assertion("0oa1", "https://acme.okta.com/oauth2/v1/token", now)
				require.NoError(t, err)
				header, claims := read(t, text, signer.Public())
				assert.Equal(t, algorithm, header.Algorithm)
				assert.Equal(t, id, header.KeyID)
				assert.Equal(t, "JWT", header.ExtraHeaders[jose.HeaderType])
				assert.Nil(t, header.JSONWebKey)
				ids[claims["jti"]] = true
				assert.Len(t, claims["jti"], 26)
				assert.Equal(t, map[string]any{
					"iss": "0oa1", "sub": "0oa1", "aud": "https://acme.okta.com/oauth2/v1/token", "jti": claims["jti"],
					"iat": float64(now.Unix()), "exp": float64(now.Unix() + 300),
				}, claims)
			}
			assert.Len(t, ids, 10, "each has a jti of its own")
		}
	}
}

type broken struct{ crypto.Signer }

func (broken) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("sealed")
}

type senseless struct{ crypto.Signer }

func (senseless) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return []byte("x"), nil }

func TestAssertionOfASignerThatFails(t *testing.T) {
	t.Parallel()
	for _, signer := range []crypto.Signer{newRSA(t), newEC(t, elliptic.P256())} {
		key, err := jws.NewKey(broken{signer}, "")
		require.NoError(t, err)
		text, err := key.Assertion("0oa1", "https://acme.okta.com", now)
		require.ErrorContains(t, err, "sealed")
		assert.Empty(t, text)
	}
	key, err := jws.NewKey(senseless{newEC(t, elliptic.P256())}, "")
	require.NoError(t, err)
	_, err = key.Assertion("0oa1", "https://acme.okta.com", now)
	require.Error(t, err)
}

// fickle is a signer that shows another public key, or none, once it has been accepted.
type fickle struct {
	crypto.Signer
	shown int
}

func (f *fickle) Public() crypto.PublicKey {
	if f.shown++; f.shown > 1 {
		return nil
	}
	return f.Signer.Public()
}

func TestAssertionOfASignerThatLosesItsKey(t *testing.T) {
	t.Parallel()
	key, err := jws.NewKey(&fickle{Signer: newEC(t, elliptic.P256())}, "")
	require.NoError(t, err)
	_, err = key.Assertion("0oa1", "https://acme.okta.com", now)
	require.Error(t, err)
}

// failure collects what a failed assertion prints, which looks behind pointers.
type failure string

func (f *failure) Errorf(format string, args ...any) { *f += failure(fmt.Sprintf(format, args...)) }

func TestKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	private := newEC(t, elliptic.P256())
	scalar, err := private.Bytes()
	require.NoError(t, err)
	key, err := jws.NewKey(private, "k1")
	require.NoError(t, err)
	d := new(big.Int).SetBytes(scalar)
	for _, value := range []any{key, *key, []any{key}} {
		var failed failure
		assert.Equal(&failed, []any{"other"}, []any{value})
		text := fmt.Sprintf("%v %+v %#v %x %s", value, value, value, value, failed)
		for _, hidden := range []string{d.String(), d.Text(16), fmt.Sprint(d.Bits()), fmt.Sprintf("%#v", d.Bits())} {
			assert.NotContains(t, text, hidden)
		}
	}
}

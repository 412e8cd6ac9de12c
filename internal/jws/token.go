package jws

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/go-jose/go-jose/v4/jwt"
)

// assertionLife is how long an assertion is good for, of the hour that Okta allows.
const assertionLife = 5 * time.Minute

// Assertion returns a new client assertion for audience, the URL of the token endpoint. now is the server's time.
func (k *Key) Assertion(clientID, audience string, now time.Time) (string, error) {
	options := (&jose.SignerOptions{}).WithType("JWT")
	if k.id != "" {
		options = options.WithHeader("kid", k.id)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.algorithm, Key: cryptosigner.Opaque(k.signer())}, options)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(map[string]any{
		"jti": rand.Text(),
		"iss": clientID,
		"sub": clientID,
		"aud": audience,
		"iat": now.Unix(),
		"exp": now.Add(assertionLife).Unix(),
	}).Serialize()
}

// ProofKey is a P-256 key to which access tokens are bound. It exists in memory only.
type ProofKey struct {
	signer func() jose.Signer // behind a function, no printer finds the key
}

// NewProofKey makes a key.
func NewProofKey() (*ProofKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	options := (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private}, options)
	if err != nil {
		return nil, err
	}
	return &ProofKey{func() jose.Signer { return signer }}, nil
}

// Request is what a proof is good for.
type Request struct {
	Method      string
	URL         string // without query and fragment
	AccessToken string // empty for a token request
	Nonce       string // empty if the server gave none
}

// Proof returns a new proof for one request. now is the server's time.
func (k *ProofKey) Proof(r Request, now time.Time) (string, error) {
	claims := map[string]any{"jti": rand.Text(), "htm": r.Method, "htu": r.URL, "iat": now.Unix()}
	if r.Nonce != "" {
		claims["nonce"] = r.Nonce
	}
	if r.AccessToken != "" {
		hash := sha256.Sum256([]byte(r.AccessToken))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(hash[:])
	}
	return jwt.Signed(k.signer()).Claims(claims).Serialize()
}

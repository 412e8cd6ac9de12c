// Package dpop proves possession of the key to which access tokens are bound (DPoP, RFC 9449).
package dpop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Key is a P-256 key to which access tokens are bound. It exists in memory only.
type Key struct {
	signer func() jose.Signer // behind a function, no printer finds the key
}

func newKey() (*Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	options := (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private}, options)
	if err != nil {
		return nil, err
	}
	return &Key{func() jose.Signer { return signer }}, nil
}

// proof returns a new proof for one request. accessToken is empty for a token request, nonce if the server gave none.
func (k *Key) proof(method string, u *url.URL, accessToken, nonce string, now time.Time) (string, error) {
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": target(u), "iat": now.Unix()}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	if accessToken != "" {
		hash := sha256.Sum256([]byte(accessToken))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(hash[:])
	}
	return jwt.Signed(k.signer()).Claims(claims).Serialize()
}

// target is a URL as a proof names it: without query and fragment, and spelled as Okta compares it, which is with
// little more escaped than what would end the path.
func target(u *url.URL) string { return u.Scheme + "://" + u.Host + escapes.Replace(u.Path) }

var escapes = strings.NewReplacer("%", "%25", " ", "%20", `"`, "%22", "#", "%23", "?", "%3F")

package oktatest

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

var proofAlgorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512,
}

// proof is a DPoP proof that is valid, its nonce aside.
type proof struct {
	key   string // The thumbprint of the key that signed it.
	nonce string
}

type proofClaims struct {
	ID        string           `json:"jti"`
	Method    string           `json:"htm"`
	URL       string           `json:"htu"`
	IssuedAt  *jwt.NumericDate `json:"iat"`
	TokenHash string           `json:"ath"`
	Nonce     string           `json:"nonce"`
}

// RotateDPoPNonce makes a new DPoP nonce. The one before it stays valid until the next call of RotateDPoPNonce.
func (o *Org) RotateDPoPNonce() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lastNonce, o.nonce = o.nonce, rand.Text()
}

// RequireDPoPNonce sets whether the proof of an API call needs a nonce too; in a new org it does not. The proof of a
// token request always needs one, and a nonce must be valid wherever there is one.
func (o *Org) RequireDPoPNonce(required bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.nonceRequired = required
}

// keyToBindTo returns the thumbprint of the key that the token of an app is bound to, and "" for an app without DPoP:
// Okta has been seen to ignore the proof of such an app (okta-sdk-nodejs#453).
func (o *Org) keyToBindTo(c *call, app ServiceApp) (string, *problem) {
	if !app.DPoP {
		return "", nil
	}
	given, why := o.readProof(c, "")
	if why != "" {
		return "", oauthProblem("invalid_dpop_proof", why)
	}
	if !o.acceptNonce(c, given.nonce, true) {
		return "", oauthProblem("use_dpop_nonce", "Authorization server requires nonce in DPoP proof.")
	}
	c.header.Set("DPoP-Nonce", o.nonce) // recorded with every bound token
	return given.key, nil
}

// readProof returns the proof of a call and of its access token, which is empty in a token request, or what is wrong
// with the proof. It uses a valid proof up, whatever its nonce.
func (o *Org) readProof(c *call, token string) (given proof, why string) {
	headers := c.request.Header.Values("DPoP")
	switch len(headers) {
	case 0:
		return proof{}, "The DPoP proof JWT header is missing."
	case 1:
	default:
		return proof{}, "The request has more than one DPoP proof JWT header."
	}
	// A jwk with private parts is an error to go-jose.
	parsed, err := jwt.ParseSigned(headers[0], proofAlgorithms)
	if err != nil {
		return proof{}, "The DPoP proof is not a JWT of a known algorithm and a public key."
	}
	header := parsed.Headers[0]
	if header.ExtraHeaders[jose.HeaderType] != "dpop+jwt" {
		return proof{}, "The 'typ' of the DPoP proof JWT is not dpop+jwt."
	}
	if header.JSONWebKey == nil {
		return proof{}, "The DPoP proof JWT has no 'jwk'."
	}
	var claims proofClaims
	key, err := thumbprint(*header.JSONWebKey)
	if err != nil || parsed.Claims(header.JSONWebKey.Key, &claims) != nil {
		return proof{}, "The DPoP proof JWT signature is invalid."
	}
	if why := claims.check(c, token); why != "" {
		return proof{}, why
	}
	if !o.use(jwtID{signer: key, jti: claims.ID}) {
		return proof{}, "The DPoP proof JWT has already been used."
	}
	return proof{key: key, nonce: claims.Nonce}, ""
}

// check returns what is wrong with a proof's claims for a call, or "".
func (p proofClaims) check(c *call, token string) string {
	issued := p.IssuedAt.Time()
	switch {
	case p.Method != c.request.Method:
		return "'htm' claim in the DPoP proof JWT is invalid."
	case !slices.Contains(c.urls(), p.URL):
		return "'htu' claim in the DPoP proof JWT is invalid."
	case issued.Before(c.now.Add(-clockSkew)):
		return "The DPoP proof JWT is issued more than five minutes in the past."
	case issued.After(c.now.Add(clockSkew)):
		return "The DPoP proof JWT is issued more than five minutes in the future."
	case token != "" && p.TokenHash != tokenHash(token):
		return "'ath' claim in the DPoP proof does not match the presented access_token."
	case p.ID == "":
		return "The DPoP proof JWT has no 'jti'."
	}
	return ""
}

func tokenHash(token string) string {
	hash := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// acceptNonce reports whether a proof's nonce is valid. It adds the current one to the response when the client should
// change to it.
func (o *Org) acceptNonce(c *call, nonce string, required bool) bool {
	if nonce == "" && !required || nonce == o.nonce {
		return true
	}
	c.header.Set("DPoP-Nonce", o.nonce)
	return nonce != "" && nonce == o.lastNonce
}

// Okta compares htu with the decoded path, in which it escapes little: it refuses %40 for the @ of a login.
var htuEscapes = strings.NewReplacer("%", "%25", " ", "%20", `"`, "%22", "#", "%23", "?", "%3F")

// urls returns the URLs that a proof or an assertion of a call may name, without a query: the public one, and the one
// that was called.
func (c *call) urls() []string {
	decoded, _ := url.PathUnescape(c.path)
	path := htuEscapes.Replace(decoded)
	scheme := "http"
	if c.request.TLS != nil {
		scheme = "https"
	}
	called := url.URL{
		Scheme: cmp.Or(c.request.URL.Scheme, scheme),
		Host:   cmp.Or(c.request.Host, c.request.URL.Host),
	}
	return []string{c.publicURL + path, called.String() + c.basePath + path}
}

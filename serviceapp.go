package okta

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grantkit/okta/internal/jws"
)

// ServiceApp signs in as a service app of the org: with access tokens that its private key gets from the token endpoint
// (OAuth client credentials, RFC 7523). The client has one token, fetched when it is first needed, and once however many calls
// wait for it. It is renewed ahead of its end in the background, which takes at most 90 s and outlasts the call that began it.
//
// Tokens are bound to a key of the client's own (DPoP, RFC 9449) where the app demands it, as new apps do by default; the
// client finds that out by itself.
//
// What the token endpoint refuses is an *Error of POST /oauth2/v1/token, such as 401 invalid_client; it never matches
// ErrNotFound.
type ServiceApp struct {
	// ClientID is the app's ID, such as 0oa1abcdefGHIJKL2345.
	ClientID string

	// PrivateKey is the key whose public half the app has.
	PrivateKey PrivateKey

	// KeyID is the key's kid as the app knows it. Default: the kid of a JWK, otherwise none, which is enough for an app with
	// one key.
	KeyID string

	// Scopes are what the client asks for, such as okta.users.read. The app must have been granted them.
	Scopes []string

	// TokenURL is the token endpoint. Default: /oauth2/v1/token of the org.
	TokenURL string

	// DPoP demands bound tokens from the first request on, and refuses others. It saves one round trip at the first
	// sign-in of an app that demands them anyway.
	DPoP bool
}

// PrivateKey is a key that signs a service app in. It comes from PEM, JWK or Signer, and prints as redacted.
type PrivateKey struct {
	redacted
	load func() (crypto.Signer, string, error)
}

// PEM is a private key as PEM text: PKCS#8, PKCS#1 (RSA) or SEC 1 (EC), with line ends or with \n in their place.
func PEM(text string) PrivateKey {
	return PrivateKey{load: func() (crypto.Signer, string, error) {
		signer, err := jws.ParsePEM(text)
		return signer, "", err
	}}
}

// JWK is a private key as a JSON Web Key (RFC 7517).
func JWK(text string) PrivateKey {
	return PrivateKey{load: func() (crypto.Signer, string, error) { return jws.ParseJWK(text) }}
}

// Signer is a private key that is somewhere else, such as in an HSM or a KMS. It must be safe for concurrent use.
func Signer(signer crypto.Signer) PrivateKey {
	return PrivateKey{load: func() (crypto.Signer, string, error) { return signer, "", nil }}
}

func (app ServiceApp) session(c *Client) (session, error) {
	if checkToken(app.ClientID) != nil {
		return nil, errors.New("ServiceApp.ClientID is empty or holds a character that no client ID has")
	}
	if err := app.checkScopes(); err != nil {
		return nil, err
	}
	key, err := app.key()
	if err != nil {
		return nil, err
	}
	tokenURL := c.root + "/oauth2/v1/token"
	if app.TokenURL != "" {
		var reason string
		if tokenURL, reason = checkURL(app.TokenURL, c.allowHTTP); reason != "" {
			return nil, errors.New("ServiceApp.TokenURL " + reason)
		}
	}
	s := &serviceSession{client: c, clientID: app.ClientID, key: key, scope: strings.Join(app.Scopes, " "), tokenURL: tokenURL}
	if app.DPoP {
		s.demandBound = true
		s.proofKey, err = jws.NewProofKey()
	}
	return s, err
}

func (app ServiceApp) checkScopes() error {
	if len(app.Scopes) == 0 {
		return errors.New("ServiceApp.Scopes is empty")
	}
	if slices.ContainsFunc(app.Scopes, func(scope string) bool { return checkToken(scope) != nil }) {
		return errors.New("ServiceApp.Scopes holds an empty scope, or one with a character that no scope has")
	}
	return nil
}

func (app ServiceApp) key() (*jws.Key, error) {
	if app.PrivateKey.load == nil {
		return nil, errors.New("ServiceApp.PrivateKey is missing: use PEM, JWK or Signer")
	}
	signer, id, err := app.PrivateKey.load()
	if err != nil {
		return nil, errors.New("ServiceApp.PrivateKey: " + err.Error())
	}
	key, err := jws.NewKey(signer, cmp.Or(app.KeyID, id))
	if err != nil {
		return nil, errors.New("ServiceApp.PrivateKey: " + err.Error())
	}
	return key, nil
}

// serviceSession signs the calls of a client in as a service app.
type serviceSession struct {
	client      *Client
	clientID    string
	key         *jws.Key
	scope       string
	tokenURL    string
	demandBound bool

	tokens tokenCache

	mu         sync.Mutex
	proofKey   *jws.ProofKey // nil while tokens are not bound
	tokenNonce string        // for proofs to the token endpoint
	apiNonce   string        // for proofs to the API
	skew       time.Duration // server's clock minus ours
}

func (s *serviceSession) newSigner() signer { return &serviceSigner{session: s} }

// serviceSigner signs the attempts of one call of the API in.
type serviceSigner struct {
	session  *serviceSession
	token    *accessToken // of the latest attempt
	renewed  bool         // a second token has been asked for
	borrowed bool         // one that another call had asked for has been tried
	proofs   proofTrouble
}

func (g *serviceSigner) sign(ctx context.Context, req *http.Request) ([]string, error) {
	token, err := g.session.tokens.get(ctx, g.session.mint)
	if err != nil {
		return nil, err
	}
	g.token = token
	if token.proofKey == nil {
		return authorize(req, "Bearer", token.value()), nil
	}
	proof, err := g.session.prove(req, token.proofKey, token.value())
	if err != nil {
		return nil, err
	}
	req.Header.Set("DPoP", proof)
	return append(authorize(req, "DPoP", token.value()), proof), nil
}

// renew mends what can be mended of a refused sign-in: the nonce or the clock of a proof, which Okta refuses with a 400 or a
// 401, or else the token, once.
func (g *serviceSigner) renew(a *attempt, failure *Error) bool {
	s := g.session
	fresh := s.learnNonce(&s.apiNonce, a)
	if failure == nil || a.status != http.StatusBadRequest && a.status != http.StatusUnauthorized {
		return false
	}
	if g.token.proofKey != nil && failure.refusesProof() && g.proofs.mended(s, a, failure, fresh) {
		return true
	}
	if g.renewed || a.status != http.StatusUnauthorized {
		return false
	}
	if !s.tokens.drop(g.token) { // another call has got a new one meanwhile: that is worth a try
		again := !g.borrowed
		g.borrowed = true
		return again
	}
	g.renewed = true
	return true
}

// tokenSigner signs the attempts of one token request in. Each has an assertion, and a proof, of its own.
type tokenSigner struct {
	session  *serviceSession
	asked    time.Time     // when the latest attempt began
	proofKey *jws.ProofKey // of the latest attempt
	proofs   proofTrouble
}

func (g *tokenSigner) sign(_ context.Context, req *http.Request) ([]string, error) {
	s := g.session
	g.asked = time.Now()
	s.mu.Lock()
	g.proofKey = s.proofKey
	now := time.Now().Add(s.skew)
	s.mu.Unlock()
	assertion, err := s.key.Assertion(s.clientID, s.tokenURL, now)
	if err != nil {
		return nil, fmt.Errorf("sign the client assertion: %w", err)
	}
	setForm(req, url.Values{
		"grant_type":            {"client_credentials"},
		"scope":                 {s.scope},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
	})
	if g.proofKey == nil {
		return []string{assertion}, nil
	}
	proof, err := s.prove(req, g.proofKey, "")
	if err != nil {
		return nil, err
	}
	req.Header.Set("DPoP", proof)
	return []string{assertion, proof}, nil
}

// renew mends a refusal: it begins to bind tokens if that is demanded, or takes over the server's nonce or clock.
func (g *tokenSigner) renew(a *attempt, failure *Error) bool {
	s := g.session
	fresh := s.learnNonce(&s.tokenNonce, a)
	if failure == nil || a.status != http.StatusBadRequest && a.status != http.StatusUnauthorized {
		return false
	}
	if g.proofKey == nil && failure.refusesProof() {
		return s.beginBinding() == nil
	}
	return g.proofs.mended(s, a, failure, fresh)
}

func setForm(req *http.Request, form url.Values) {
	text := form.Encode()
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Close = true // net/http logs what follows an answer on a connection that it keeps: here, it might be a token
	req.ContentLength = int64(len(text))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	req.Body, _ = req.GetBody()
}

// proofTrouble counts what a call has already tried to have its assertions and proofs accepted.
type proofTrouble struct {
	nonces int
	clock  bool // the server's has been believed
	proof  bool // another proof has been made
}

const maxNonces = 3 // in one call: a server may change its nonce while a request is on its way

// mended reports whether the answer to a refused request brought what the next one needs: a nonce that is fresh, or a clock
// that differs from what was believed. A proof may also have been used up, when a transport sent its request twice.
func (p *proofTrouble) mended(s *serviceSession, a *attempt, failure *Error, fresh bool) bool {
	if failure.OAuth != nil && failure.OAuth.Code == "use_dpop_nonce" {
		p.nonces++
		return fresh && p.nonces <= maxNonces
	}
	if p.clock {
		s.forgetClock() // it was no help
		return false
	}
	p.clock = s.learnClock(a)
	again := p.clock || !p.proof && failure.refusesProof()
	p.proof = true
	return again
}

// prove returns a proof for req, signed by key.
func (s *serviceSession) prove(req *http.Request, key *jws.ProofKey, accessToken string) (string, error) {
	s.mu.Lock()
	nonce, now := s.apiNonce, time.Now().Add(s.skew)
	if accessToken == "" {
		nonce = s.tokenNonce
	}
	s.mu.Unlock()
	r := jws.Request{Method: req.Method, URL: proofURL(req.URL), AccessToken: accessToken, Nonce: nonce}
	proof, err := key.Proof(r, now)
	if err != nil {
		return "", fmt.Errorf("sign the DPoP proof: %w", err)
	}
	return proof, nil
}

// proofURL is a URL as a proof names it: without query and fragment, and spelled as Okta compares it, which is with little
// more escaped than what would end the path.
func proofURL(u *url.URL) string {
	return u.Scheme + "://" + u.Host + proofPath.Replace(u.Path)
}

var proofPath = strings.NewReplacer("%", "%25", " ", "%20", `"`, "%22", "#", "%23", "?", "%3F")

// refusesProof reports whether the answer is about the proof of a DPoP request.
func (e *Error) refusesProof() bool {
	return e.OAuth != nil && (e.OAuth.Code == "use_dpop_nonce" || e.OAuth.Code == "invalid_dpop_proof")
}

// beginBinding makes the key to which tokens are bound from now on.
func (s *serviceSession) beginBinding() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proofKey != nil {
		return nil
	}
	key, err := jws.NewProofKey()
	s.proofKey = key
	return err
}

// learnNonce takes over the nonce of an answer, and reports whether there was one.
func (s *serviceSession) learnNonce(nonce *string, a *attempt) bool {
	given := a.header.Get("DPoP-Nonce")
	if !isToken(given) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	*nonce = given
	return true
}

// maxSkew is how far clocks may be apart before the server's is believed, which costs an attempt.
const maxSkew = 30 * time.Second

// learnClock takes over the server's clock, and reports whether it differs much from what was believed of it.
func (s *serviceSession) learnClock(a *attempt) bool {
	date, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	skew := time.Until(date)
	if (skew - s.skew).Abs() <= maxSkew {
		return false
	}
	s.skew = skew
	return true
}

// forgetClock goes back to our own clock.
func (s *serviceSession) forgetClock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew = 0
}

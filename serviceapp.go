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
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grantkit/okta/internal/dpop"
	"github.com/grantkit/okta/internal/expiring"
	"github.com/grantkit/okta/internal/jws"
	"github.com/grantkit/okta/internal/redact"
	"github.com/grantkit/okta/internal/wire"
)

// ServiceApp authenticates as a service app of the org, with access tokens from the token endpoint (OAuth client
// credentials, RFC 7523). Besides its scopes, the app needs an admin role: without one, Okta returns 403 or empty
// lists.
//
// A client has one token, which serves all calls. It is fetched when it is first needed, and refreshed in the
// background before it expires. A fetch takes at most 90 s and may outlive the call that began it: it serves the next
// one. If Okta refuses a token with a 401, the client fetches another one, once; if that is refused, too, calls
// return Okta's error, and the next fetch waits 2 s to about a minute. It does not wait if the route has accepted the
// token before. A 401 E0000015 (feature not enabled) says nothing about the token.
//
// If the app requires DPoP (RFC 9449), as new apps do by default, the client notices it and binds tokens to a key of
// its own.
//
// If the token endpoint refuses, the error is an *Error of POST /oauth2/v1/token, such as 401 invalid_client. It
// matches [ErrAuthentication], unless it is a 429 or a 5xx, and never [ErrNotFound].
type ServiceApp struct {
	// ClientID is the app's ID, such as 0oa1abcdefGHIJKL2345.
	ClientID string

	// PrivateKey is the key whose public half the app has.
	PrivateKey PrivateKey

	// KeyID is the key's kid as the app knows it. Default: the kid of a JWK, otherwise none, which is enough for an
	// app with one key.
	KeyID string

	// Scopes are the scopes that the client requests, such as okta.users.read. The app must have been granted them.
	Scopes []string

	// TokenURL is the token endpoint. It must be https, except for loopback addresses or with
	// Config.AllowInsecureHTTP. Default: /oauth2/v1/token of the org.
	TokenURL string

	// DPoP requires tokens that are bound to a key, from the first request on, and refuses others. It saves one round
	// trip if the app requires them anyway.
	DPoP bool
}

// PrivateKey is the key that authenticates a service app. [PrivateKeyFromPEM], [PrivateKeyFromJWK] and
// [PrivateKeyFromSigner] return one. It prints as redacted.
type PrivateKey struct {
	redacted
	load func() (crypto.Signer, string, error)
}

// PrivateKeyFromPEM returns the private key in a PEM text: PKCS#8, PKCS#1 (RSA) or SEC 1 (EC). Line ends may be
// missing or escaped. NewClient reports a key that cannot be used.
func PrivateKeyFromPEM(text string) PrivateKey {
	return PrivateKey{load: func() (crypto.Signer, string, error) {
		signer, err := jws.ParsePEM(text)
		return signer, "", err
	}}
}

// PrivateKeyFromJWK returns the private key in a JSON Web Key (RFC 7517). NewClient reports a key that cannot be used.
func PrivateKeyFromJWK(text string) PrivateKey {
	return PrivateKey{load: func() (crypto.Signer, string, error) { return jws.ParseJWK(text) }}
}

// PrivateKeyFromSigner returns a private key that is kept elsewhere, such as in an HSM or a KMS. signer must be safe
// for concurrent use. If its Sign does not return within about 90 s, the calls that wait for the token fail.
func PrivateKeyFromSigner(signer crypto.Signer) PrivateKey {
	return PrivateKey{load: func() (crypto.Signer, string, error) { return signer, "", nil }}
}

func (app ServiceApp) authenticator(e *engine) (authenticator, error) {
	if checkToken(app.ClientID) != nil {
		return nil, errors.New("ServiceApp.ClientID is empty or contains a character that no client ID has")
	}
	if err := app.checkScopes(); err != nil {
		return nil, err
	}
	key, err := app.key()
	if err != nil {
		return nil, err
	}
	tokenURL := e.root + "/oauth2/v1/token"
	if app.TokenURL != "" {
		var reason string
		if tokenURL, reason = checkURL(app.TokenURL, e.allowHTTP); reason != "" {
			return nil, errors.New("ServiceApp.TokenURL " + reason)
		}
	}
	s := &serviceAuthenticator{
		engine:   e,
		clientID: app.ClientID,
		key:      key,
		scope:    strings.Join(app.Scopes, " "),
		tokenURL: tokenURL,
		dpop:     app.DPoP,
	}
	s.tokens = expiring.New(fetchTimeout, s.fetch)
	if app.DPoP {
		err = s.prover.Bind()
	}
	return s, err
}

func (app ServiceApp) checkScopes() error {
	if len(app.Scopes) == 0 {
		return errors.New("ServiceApp.Scopes is empty")
	}
	if slices.ContainsFunc(app.Scopes, func(scope string) bool { return checkToken(scope) != nil }) {
		return errors.New("ServiceApp.Scopes contains an empty scope, or one with a character that no scope has")
	}
	return nil
}

func (app ServiceApp) key() (*jws.Key, error) {
	if app.PrivateKey.load == nil {
		return nil, errors.New("ServiceApp.PrivateKey is missing: use one of the PrivateKeyFrom functions")
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

// serviceAuthenticator authenticates the calls of a client as a service app.
type serviceAuthenticator struct {
	engine   *engine
	clientID string
	key      *jws.Key
	scope    string
	tokenURL string
	dpop     bool // tokens that are not bound are refused

	tokens *expiring.Cache[*accessToken]
	prover dpop.Prover
}

// accessToken is a token of the token endpoint.
type accessToken struct {
	value redact.Secret
	key   *dpop.Key // nil if the token is not bound to one
}

func (s *serviceAuthenticator) forCall(resource string) callAuthenticator {
	return &apiAuthenticator{service: s, resource: resource}
}

// apiAuthenticator authenticates the attempts of one call of the API.
type apiAuthenticator struct {
	service  *serviceAuthenticator
	resource string
	token    *accessToken // of the latest attempt
	renewed  int          // how often another token was asked for
	repairs  dpop.Repairs
}

func (c *apiAuthenticator) authenticate(ctx context.Context, req *http.Request) (redact.Secrets, error) {
	token, err := c.service.tokens.Get(ctx)
	if err != nil && err == ctx.Err() { //nolint:errorlint // another error comes from the fetch
		return nil, ended(ctx)
	}
	if err != nil {
		return nil, err
	}
	c.token = token
	if token.key == nil {
		req.Header.Del("DPoP") // of a token before this one
		return authorize(req, "Bearer", token.value()), nil
	}
	if c.repairs.Begin(ctx, &c.service.prover, dpop.API) != nil {
		return nil, ended(ctx)
	}
	proof, err := c.service.prover.Prove(req, dpop.API, token.key, token.value())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAuthentication, err)
	}
	return append(authorize(req, "DPoP", token.value()), proof), nil
}

func (c *apiAuthenticator) done(response http.Header) {
	c.repairs.Done(&c.service.prover, dpop.API, response)
}

// maxRenewals is how many other tokens a call tries after a 401: one that another call has fetched, and one of its
// own.
const maxRenewals = 2

// renew repairs what can be repaired of a refused request: the nonce or the clock of a proof, which Okta refuses with
// a 400 or a 401, or else the token.
func (c *apiAuthenticator) renew(resp *http.Response, refusal *Error) bool {
	s := c.service
	if accepted(resp) {
		s.tokens.Accepted(c.token, c.resource, c.renewed > 0)
	}
	if refusal == nil || !refusesAuthentication(resp) {
		return false
	}
	if code := refusal.oauthCode(); c.token.key != nil && dpop.Refuses(code) {
		return c.repairs.Possible(&s.prover, dpop.API, resp.Header, code)
	}
	if resp.StatusCode != http.StatusUnauthorized || refusal.Code == CodeFeatureNotEnabled || c.renewed == maxRenewals {
		return false
	}
	c.renewed++
	return s.tokens.Refused(c.token, c.resource)
}

// accepted reports whether a response says that its token is good. A 429 or a 5xx may come from a gateway.
func accepted(resp *http.Response) bool {
	return resp.StatusCode < http.StatusInternalServerError &&
		resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusTooManyRequests
}

func refusesAuthentication(resp *http.Response) bool {
	return resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnauthorized
}

// fetchTimeout bounds one fetch of a token, including its retries: a rate limit window and some slack.
const fetchTimeout = 90 * time.Second

// fetch asks the token endpoint for a token.
func (s *serviceAuthenticator) fetch(ctx context.Context) (*accessToken, time.Time, error) {
	auth := &tokenAuthenticator{service: s}
	a, err := s.engine.send(ctx, request{
		operation: operation{method: http.MethodPost, success: http.StatusOK}, url: s.tokenURL, token: true, auth: auth,
	})
	if err != nil && ctx.Err() != nil {
		err = late(err)
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	var lifetime time.Duration
	token, err := decode(a, func(body []byte) (token *accessToken, err error) {
		token, lifetime, err = auth.read(body)
		return token, err
	})
	return token, auth.asked.Add(lifetime), err
}

// late is the error of a fetch that took too long. It does not match the error of a context: that would seem to be a
// caller's.
func late(err error) error {
	timeout := fmt.Errorf("no access token within %v: %w", fetchTimeout, os.ErrDeadlineExceeded)
	if refusal, ok := errors.AsType[*Error](err); ok {
		return fmt.Errorf("%w; before: %w", timeout, refusal)
	}
	return timeout
}

// tokenAuthenticator authenticates the attempts of one token request. Each has an assertion, and a proof, of its own.
type tokenAuthenticator struct {
	service *serviceAuthenticator
	asked   time.Time // when the latest attempt began
	key     *dpop.Key // to which the latest attempt binds the token; nil for none
	repairs dpop.Repairs
}

func (c *tokenAuthenticator) authenticate(_ context.Context, req *http.Request) (redact.Secrets, error) {
	s := c.service
	c.asked, c.key = time.Now(), s.prover.Key()
	assertion, err := s.key.Assertion(s.clientID, s.tokenURL, s.prover.Now())
	if err != nil {
		return nil, fmt.Errorf("%w: sign the client assertion: %w", ErrAuthentication, err)
	}
	setForm(req, url.Values{
		"grant_type":            {"client_credentials"},
		"scope":                 {s.scope},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
	})
	if c.key == nil {
		return redact.Secrets{assertion}, nil
	}
	proof, err := s.prover.Prove(req, dpop.TokenEndpoint, c.key, "")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAuthentication, err)
	}
	return redact.Secrets{assertion, proof}, nil
}

func setForm(req *http.Request, form url.Values) {
	text := form.Encode()
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Close = true // net/http logs what follows a response on a connection that it keeps: here, it might be a token
	req.ContentLength = int64(len(text))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
	req.Body, _ = req.GetBody()
}

func (c *tokenAuthenticator) done(response http.Header) {
	c.repairs.Done(&c.service.prover, dpop.TokenEndpoint, response)
}

// renew repairs what can be repaired of a refused token request: it begins to bind tokens if that is required, or
// takes over the server's nonce or clock.
func (c *tokenAuthenticator) renew(resp *http.Response, refusal *Error) bool {
	s := c.service
	if refusal == nil || !refusesAuthentication(resp) {
		return false
	}
	code := refusal.oauthCode()
	if c.key == nil && dpop.Refuses(code) {
		return s.prover.Bind() == nil
	}
	return c.repairs.Possible(&s.prover, dpop.TokenEndpoint, resp.Header, code)
}

// read reads a token, and its lifetime, from a response of the token endpoint. No error quotes the response.
func (c *tokenAuthenticator) read(body []byte) (*accessToken, time.Duration, error) {
	members, err := wire.Members(body)
	if err != nil {
		return nil, 0, errors.New("it is not a JSON object")
	}
	value, _ := members["access_token"].(string)
	kind, _ := members["token_type"].(string)
	if value == "" {
		return nil, 0, errors.New("it contains no access_token")
	}
	if checkToken(value) != nil {
		return nil, 0, errors.New("its access_token contains a character that no token has")
	}
	token, lifetime := &accessToken{value: redact.New(value)}, lifetime(members["expires_in"])
	switch {
	case strings.EqualFold(kind, "DPoP") && c.key != nil:
		token.key = c.key
		return token, lifetime, nil
	case strings.EqualFold(kind, "Bearer") && !c.service.dpop:
		return token, lifetime, nil
	case strings.EqualFold(kind, "Bearer"):
		return nil, 0, errors.New("its token is not bound, which ServiceApp.DPoP requires")
	}
	return nil, 0, errors.New("its token_type was not requested")
}

const (
	defaultLifetime = 5 * time.Minute // when the endpoint does not say; Okta's tokens live for an hour
	maxLifetime     = 24 * time.Hour
)

// lifetime reads expires_in, in seconds.
func lifetime(value any) time.Duration {
	seconds, ok := value.(float64)
	if s, isText := value.(string); isText {
		n, err := strconv.ParseFloat(s, 64)
		seconds, ok = n, err == nil
	}
	if !ok || !(seconds > 0) {
		return defaultLifetime
	}
	return time.Duration(min(seconds, maxLifetime.Seconds()) * float64(time.Second))
}

package okta

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/oauth2"

	"github.com/grantkit/okta/internal/redact"
)

// Credentials authenticate requests. APIToken, BearerToken and TokenSource return them, and a ServiceApp implements
// them. Their secrets print as redacted under every fmt verb, in slog and in JSON.
type Credentials interface {
	// authenticator checks the credentials, without I/O. e carries the requests to a token endpoint.
	authenticator(e *engine) (authenticator, error)
}

// authenticator authenticates the calls of a client. It is safe for concurrent use.
type authenticator interface {
	// forCall returns what authenticates one call. resource is what the call uses, such as "GET /api/v1/users/{userId}".
	forCall(resource string) callAuthenticator
}

// callAuthenticator authenticates the attempts of one call.
type callAuthenticator interface {
	// authenticate adds to req what authenticates it, and returns the secrets among that.
	authenticate(ctx context.Context, req *http.Request) (redact.Secrets, error)
	// done is called when an attempt has ended, however it did, with the header of its response; nil if there is none.
	done(response http.Header)
	// renew sees every response, and reports whether the request must be sent once more with other
	// authentication. refusal is nil if nothing is wrong with the response.
	renew(resp *http.Response, refusal *Error) bool
}

// APIToken authenticates with an API token of the org, created under Security > API > Tokens: "Authorization: SSWS
// <token>". The token has the permissions of its owner.
func APIToken(token string) Credentials {
	return &staticToken{scheme: "SSWS", token: redact.New(token)}
}

// BearerToken authenticates with an OAuth access token that the program already has: "Authorization: Bearer <token>".
// Such a token expires after an hour; TokenSource is for programs that run longer.
func BearerToken(token string) Credentials {
	return &staticToken{scheme: "Bearer", token: redact.New(token)}
}

// TokenSource authenticates with the tokens of source: OAuth access tokens, or API tokens if their TokenType is SSWS.
// The source is asked before each attempt, and again if the attempt was throttled: it should cache its token, as
// oauth2.ReuseTokenSource does. It must be safe for concurrent use. Its Token method takes no context: a source that
// does I/O must bound it by itself. An error of the source matches [ErrAuthentication].
func TokenSource(source oauth2.TokenSource) Credentials {
	if source == nil {
		return &tokenSource{}
	}
	return &tokenSource{token: source.Token}
}

// staticToken is its own authenticator: it has nothing to remember.
type staticToken struct {
	redacted
	scheme string
	token  redact.Secret
}

func (t *staticToken) authenticator(*engine) (authenticator, error) {
	if err := checkToken(t.token()); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *staticToken) forCall(string) callAuthenticator { return t }

func (t *staticToken) authenticate(_ context.Context, req *http.Request) (redact.Secrets, error) {
	token := t.token()
	req.Header.Set("Authorization", t.scheme+" "+token)
	return redact.Secrets{token}, nil
}

func (t *staticToken) done(http.Header) {}

func (t *staticToken) renew(*http.Response, *Error) bool { return false }

// tokenSource is its own authenticator: what there is to remember, the source remembers.
type tokenSource struct {
	redacted
	token func() (*oauth2.Token, error)
}

func (t *tokenSource) authenticator(*engine) (authenticator, error) {
	if t.token == nil {
		return nil, errors.New("the token source is nil")
	}
	return t, nil
}

func (t *tokenSource) forCall(string) callAuthenticator { return t }

func (t *tokenSource) authenticate(_ context.Context, req *http.Request) (redact.Secrets, error) {
	token, err := t.token()
	if err != nil {
		return nil, fmt.Errorf("%w: token source: %w", ErrAuthentication, err)
	}
	scheme, err := checkSourced(token)
	if err != nil {
		return nil, fmt.Errorf("%w: token source: %w", ErrAuthentication, err)
	}
	return authorize(req, scheme, token.AccessToken), nil
}

// checkSourced returns the scheme of a source's token.
func checkSourced(token *oauth2.Token) (string, error) {
	if token == nil {
		return "", errors.New("it returned no token")
	}
	if err := checkToken(token.AccessToken); err != nil {
		return "", err
	}
	switch kind := token.Type(); {
	case kind == "Bearer":
		return "Bearer", nil
	case strings.EqualFold(kind, "SSWS"):
		return "SSWS", nil
	default:
		return "", fmt.Errorf("the token type %q is neither Bearer nor SSWS", kind)
	}
}

func (t *tokenSource) done(http.Header) {}

func (t *tokenSource) renew(*http.Response, *Error) bool { return false }

// authorize sets the Authorization header, and returns what is secret about it.
func authorize(req *http.Request, scheme, token string) redact.Secrets {
	req.Header.Set("Authorization", scheme+" "+token)
	return redact.Secrets{token}
}

// checkToken refuses what cannot be a token: a header must carry it as it is, so it is visible ASCII only.
func checkToken(token string) error {
	if token == "" {
		return errors.New("the token is empty")
	}
	if reason := misquoted(token); reason != "" {
		return errors.New("the token " + reason)
	}
	for _, b := range []byte(token) {
		if b <= ' ' || b > '~' {
			return errors.New("the token contains a space, a control character or a character beyond ASCII")
		}
	}
	return nil
}

// redacted, embedded, makes a value print as redacted.
type redacted = redact.Value

package okta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"golang.org/x/oauth2"
)

// Credentials sign requests in. They come from APIToken, BearerToken or TokenSource, or are a ServiceApp, and their secrets
// print as redacted under every fmt verb, in slog and in JSON.
type Credentials interface {
	// session checks the credentials and makes of them what signs the calls of one client in. It does no I/O.
	session(c *Client) (session, error)
}

// session signs the calls of a client in. It is safe for concurrent use.
type session interface {
	newSigner() signer
}

// signer signs the attempts of one call in.
type signer interface {
	// sign adds to req what signs it in, and returns the secrets among that.
	sign(ctx context.Context, req *http.Request) (secrets []string, err error)
	// renew is told of every answer, and reports whether the request is to be sent once more with a new sign-in. failure is
	// nil if nothing is wrong with the answer.
	renew(a *attempt, failure *Error) bool
}

// APIToken signs in with an API token of the org, made under Security > API > Tokens: "Authorization: SSWS <token>".
// It may do what its owner may do.
func APIToken(token string) Credentials {
	return &staticToken{scheme: "SSWS", token: newSecret(token)}
}

// BearerToken signs in with an OAuth access token that the program already has: "Authorization: Bearer <token>".
// Such a token ends after an hour; TokenSource is for programs that run longer.
func BearerToken(token string) Credentials {
	return &staticToken{scheme: "Bearer", token: newSecret(token)}
}

// TokenSource signs in with OAuth access tokens from source, which is asked once for each attempt and so should keep its
// token while it lives, as oauth2.ReuseTokenSource does. It must be safe for concurrent use. Its Token method takes no
// context: a source that does I/O has to bound it by itself.
func TokenSource(source oauth2.TokenSource) Credentials {
	if source == nil {
		return &tokenSource{}
	}
	return &tokenSource{token: source.Token}
}

// staticToken is its own session and signer: it has nothing to remember.
type staticToken struct {
	redacted
	scheme string
	token  secret
}

func (t *staticToken) session(*Client) (session, error) {
	if err := checkToken(t.token()); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *staticToken) newSigner() signer { return t }

func (t *staticToken) sign(_ context.Context, req *http.Request) ([]string, error) {
	return authorize(req, t.scheme, t.token()), nil
}

func (t *staticToken) renew(*attempt, *Error) bool { return false }

// tokenSource is its own session and signer: what there is to remember, the source remembers.
type tokenSource struct {
	redacted
	token func() (*oauth2.Token, error)
}

func (t *tokenSource) session(*Client) (session, error) {
	if t.token == nil {
		return nil, errors.New("the token source is nil")
	}
	return t, nil
}

func (t *tokenSource) newSigner() signer { return t }

func (t *tokenSource) sign(_ context.Context, req *http.Request) ([]string, error) {
	token, err := t.token()
	if err != nil {
		return nil, fmt.Errorf("token source: %w", err)
	}
	if token == nil {
		return nil, errors.New("token source: it returned no token")
	}
	if kind := token.Type(); kind != "Bearer" {
		return nil, fmt.Errorf("token source: token type %q is not Bearer", kind)
	}
	if err := checkToken(token.AccessToken); err != nil {
		return nil, fmt.Errorf("token source: %w", err)
	}
	return authorize(req, "Bearer", token.AccessToken), nil
}

func (t *tokenSource) renew(*attempt, *Error) bool { return false }

// authorize sets the Authorization header, and returns what is secret about it.
func authorize(req *http.Request, scheme, token string) []string {
	req.Header.Set("Authorization", scheme+" "+token)
	return []string{token}
}

// checkToken refuses what cannot be a token: a header must carry it as it is, so it is visible ASCII only.
func checkToken(token string) error {
	if token == "" {
		return errors.New("the token is empty")
	}
	for _, b := range []byte(token) {
		if b <= ' ' || b > '~' {
			return errors.New("the token holds a space, a control character or a character beyond ASCII")
		}
	}
	return nil
}

// secret keeps a string where neither fmt nor reflection finds it: in a closure.
type secret func() string

func newSecret(s string) secret { return func() string { return s } }

const redaction = "[redacted]"

// redacted, embedded, makes a value print as redacted however it is printed.
type redacted struct{}

// Format implements fmt.Formatter for every verb.
func (redacted) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redaction) }

// LogValue implements slog.LogValuer.
func (redacted) LogValue() slog.Value { return slog.StringValue(redaction) }

// MarshalText makes JSON, and every other text encoding, redacted.
func (redacted) MarshalText() ([]byte, error) { return []byte(redaction), nil }

// minSecret is the length from which on a credential is looked for in what comes back. A shorter one is none, and would
// stand by chance in many a text.
const minSecret = 8

// scrub removes secrets from a text that came from a server or a proxy, which may echo what it was sent.
func scrub(text string, secrets []string) string {
	for _, s := range secrets {
		if len(s) >= minSecret {
			text = strings.ReplaceAll(text, s, redaction)
			text = strings.ReplaceAll(text, strings.ReplaceAll(s, "/", `\/`), redaction) // as some write it in JSON
		}
	}
	return text
}

package okta

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"golang.org/x/oauth2"
)

// Credentials sign requests in. They come from APIToken, BearerToken or TokenSource, and print as redacted under every
// fmt verb, in slog and in JSON.
type Credentials interface {
	// authorization returns the value of the Authorization header for one attempt.
	authorization() (string, error)
	// check reports what NewClient can know to be wrong, without I/O.
	check() error
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

type staticToken struct {
	redacted
	scheme string
	token  secret
}

func (t *staticToken) authorization() (string, error) { return t.scheme + " " + t.token(), nil }

func (t *staticToken) check() error { return checkToken(t.token()) }

type tokenSource struct {
	redacted
	token func() (*oauth2.Token, error)
}

func (t *tokenSource) authorization() (string, error) {
	token, err := t.token()
	if err != nil {
		return "", fmt.Errorf("token source: %w", err)
	}
	if token == nil {
		return "", errors.New("token source: it returned no token")
	}
	if kind := token.Type(); kind != "Bearer" {
		return "", fmt.Errorf("token source: token type %q is not Bearer", kind)
	}
	if err := checkToken(token.AccessToken); err != nil {
		return "", fmt.Errorf("token source: %w", err)
	}
	return "Bearer " + token.AccessToken, nil
}

func (t *tokenSource) check() error {
	if t.token == nil {
		return errors.New("the token source is nil")
	}
	return nil
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

// scrub removes the credential of a request from a text that came from a server or a proxy, which may echo it.
func scrub(text string, sent http.Header) string {
	_, token, found := strings.Cut(sent.Get("Authorization"), " ")
	if !found || token == "" {
		return text
	}
	return strings.ReplaceAll(text, token, redaction)
}

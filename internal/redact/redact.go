// Package redact keeps secrets out of what people and logs see.
package redact

import (
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Mark stands in the place of a secret.
const Mark = "[redacted]"

// Secret keeps a string where neither fmt nor reflection finds it: in a closure.
type Secret func() string

// New returns a Secret that holds s.
func New(s string) Secret { return func() string { return s } }

// Value, embedded, makes a value print as redacted however it is printed.
type Value struct{}

// Format implements fmt.Formatter for every verb.
func (Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Mark) }

// LogValue implements slog.LogValuer.
func (Value) LogValue() slog.Value { return slog.StringValue(Mark) }

// MarshalText redacts the value in JSON and every other text encoding.
func (Value) MarshalText() ([]byte, error) { return []byte(Mark), nil }

// Secrets are the strings of one request that must not be shown. Those shorter than minLength are not looked for: they would
// match by accident.
type Secrets []string

const minLength = 8

// Scrub replaces the secrets in a text that came from a server or a proxy, which may echo what it was sent: as it was, in
// percent-encoding, or escaped as in JSON. A secret that the end of the text cuts off is replaced too.
func (s Secrets) Scrub(text string) string {
	var scrubbed strings.Builder
	kept := 0
	for i := 0; i < len(text); {
		n := 0
		for _, secret := range s {
			if len(secret) >= minLength {
				n = max(n, match(text[i:], secret))
			}
		}
		if n == 0 {
			i++
			continue
		}
		scrubbed.WriteString(text[kept:i])
		scrubbed.WriteString(Mark)
		i += n
		kept = i
	}
	if kept == 0 {
		return text
	}
	scrubbed.WriteString(text[kept:])
	return scrubbed.String()
}

// match returns the length of the encoding of secret at the beginning of text, and 0 if there is none.
func match(text, secret string) int {
	at := 0
	for i := range len(secret) {
		if at == len(text) && i >= minLength {
			return at
		}
		n := matchByte(text[at:], secret[i])
		if n == 0 && i >= minLength && cutEscape.MatchString(text[at:]) {
			return len(text)
		}
		if n == 0 {
			return 0
		}
		at += n
	}
	return at
}

// cutEscape matches an escape sequence that the end of the text cuts off.
var cutEscape = regexp.MustCompile(`^(%[[:xdigit:]]?|\\\\(u[[:xdigit:]]{0,3})?)$`)

// matchByte returns the length of an encoding of b at the beginning of text, and 0 if there is none.
func matchByte(text string, b byte) int {
	switch {
	case text == "":
		return 0
	case text[0] == b, text[0] == '+' && b == ' ':
		return 1
	case text[0] == '%' && isHex(text, 1, 3, b):
		return 3
	case len(text) > 1 && text[0] == '\\' && text[1] == b:
		return 2
	case strings.HasPrefix(text, `\u00`) && isHex(text, 4, 6, b):
		return 6
	}
	return 0
}

func isHex(text string, from, to int, b byte) bool {
	if len(text) < to {
		return false
	}
	n, err := strconv.ParseUint(text[from:to], 16, 8)
	return err == nil && byte(n) == b
}

// In reports whether a decoded JSON value contains a secret anywhere, in whatever spelling it had.
func (s Secrets) In(value any) bool {
	switch v := value.(type) {
	case string:
		return s.Scrub(v) != v
	case []any:
		return slices.ContainsFunc(v, s.In)
	case map[string]any:
		for name, member := range v {
			if s.In(name) || s.In(member) {
				return true
			}
		}
	}
	return false
}

// Error keeps err but for its text, in which transports quote what they please of requests and responses.
func (s Secrets) Error(err error) error {
	text := strings.TrimPrefix(err.Error(), "okta: ") // it will stand in another error of the SDK
	text = quotedResponse.ReplaceAllString(text, "$1")
	return &cleanError{text: Line(s.Scrub(text)), err: err}
}

// quotedResponse matches what net/http shows of a response that it cannot read, which may be a token or a cursor.
var quotedResponse = regexp.MustCompile(`(?s)((?:malformed|bad) [A-Za-z][\w/. -]*?|transfer encodings?|Content-Length headers; got)\s*[:"\[].*`)

// cleanError is an error whose text may be shown.
type cleanError struct {
	text string
	err  error
}

func (e *cleanError) Error() string { return e.text }

func (e *cleanError) Unwrap() error { return e.err }

// Line makes a text that came from outside fit for one line of a terminal or a log.
func Line(text string) string {
	const most = 500
	runes := []rune(strings.ToValidUTF8(text, "\uFFFD"))
	if len(runes) > most {
		runes = append(runes[:most:most], '…')
	}
	for i, r := range runes {
		if !unicode.IsPrint(r) {
			runes[i] = ' '
		}
	}
	return string(runes)
}

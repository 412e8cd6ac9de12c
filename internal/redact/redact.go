// Package redact keeps secrets out of what people and logs see.
package redact

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"reflect"
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

// Value makes a type that embeds it print as redacted, however it is printed.
type Value struct{}

// Format implements fmt.Formatter for every verb.
func (Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Mark) }

// LogValue implements slog.LogValuer.
func (Value) LogValue() slog.Value { return slog.StringValue(Mark) }

// MarshalText redacts the value in JSON and every other text encoding.
func (Value) MarshalText() ([]byte, error) { return []byte(Mark), nil }

// Secrets are the strings of one request that must not be shown. Those shorter than minLength are not looked for: they
// would match by accident.
type Secrets []string

const (
	minLength = 8
	// recognizable is how much of the beginning of a secret is redacted although the rest differs. It also bounds how
	// long Scrub takes, whatever the text and the secrets are.
	recognizable = 64
)

// Scrub redacts the secrets in a text that came from a server or a proxy, which may echo what it was sent: as it was,
// or escaped as in a URL, in JSON, or in both. A secret that the end of the text cuts off is redacted too.
func (s Secrets) Scrub(text string) string {
	found := s.find(view{text: text}, maxLayers)
	if len(found) == 0 {
		return text
	}
	slices.SortFunc(found, func(a, b span) int { return a.from - b.from })
	var rest strings.Builder
	kept := 0
	for _, f := range found {
		if f.from >= kept {
			rest.WriteString(text[kept:f.from])
			rest.WriteString(Mark)
		}
		kept = max(kept, f.to)
	}
	rest.WriteString(text[kept:])
	return rest.String()
}

// span is a part of a text.
type span struct{ from, to int }

// maxLayers bounds how often a text is unescaped.
const maxLayers = 2

// find returns the parts of the original text that are secrets, in no order, behind so many layers of escapes.
func (s Secrets) find(v view, layers int) []span {
	var found []span
	for i := 0; i < len(v.text); {
		n := s.longest(v.text[i:])
		if n > 0 {
			found = append(found, span{v.original(i), v.original(i + n)})
		}
		i += max(n, 1)
	}
	if layers == 0 {
		return found
	}
	for _, escape := range []byte(`%\`) {
		if strings.IndexByte(v.text, escape) >= 0 {
			found = append(found, s.find(v.unescape(escape), layers-1)...)
		}
	}
	return found
}

// longest returns how much of the beginning of text is a secret, or what the end of text leaves of one.
func (s Secrets) longest(text string) int {
	most := 0
	for _, secret := range s {
		switch n := common(text, secret); {
		case n < minLength:
		case len(text)-n <= cutLength(text):
			return len(text)
		case n == len(secret), n >= recognizable:
			most = max(most, n)
		}
	}
	return most
}

// cutLength returns the length of the escape that the end of text cuts off.
func cutLength(text string) int {
	return len(cutEscape.FindString(text[max(0, len(text)-len(`\u000`)):]))
}

var cutEscape = regexp.MustCompile(`(%[[:xdigit:]]?|\\(u[[:xdigit:]]{0,3})?)$`)

// common returns the length of what a text and a secret begin with. Queries spell a space as "+".
func common(text, secret string) int {
	n := 0
	for n < len(text) && n < len(secret) && (text[n] == secret[n] || text[n] == '+' && secret[n] == ' ') {
		n++
	}
	return n
}

// view is a text without some of its escapes.
type view struct {
	text string
	at   []int // where in the original each byte of text begins, and the end; nil for the original
}

func (v view) original(i int) int {
	if v.at == nil {
		return i
	}
	return v.at[i]
}

// unescape removes one layer of escapes: those of URLs, or those of JSON.
func (v view) unescape(escape byte) view {
	text, at := make([]byte, 0, len(v.text)), make([]int, 0, len(v.text)+1)
	for i := 0; i < len(v.text); {
		b, size := v.text[i], 1
		if b == escape {
			b, size = unescapeByte(v.text[i:])
		}
		text, at = append(text, b), append(at, v.original(i))
		i += size
	}
	return view{string(text), append(at, v.original(len(v.text)))}
}

// unescapeByte returns the byte that text begins with, and the length of its escape: 1 if it is none.
func unescapeByte(text string) (byte, int) {
	if digits, ok := strings.CutPrefix(text, "%"); ok {
		return parseHex(text, digits)
	}
	if digits, ok := strings.CutPrefix(text, `\u00`); ok {
		return parseHex(text, digits)
	}
	if len(text) > 1 && strings.IndexByte(`"\/`, text[1]) >= 0 {
		return text[1], 2
	}
	return text[0], 1
}

// parseHex parses the two digits that end an escape at the beginning of text.
func parseHex(text, digits string) (byte, int) {
	if len(digits) < 2 {
		return text[0], 1
	}
	b, err := strconv.ParseUint(digits[:2], 16, 8)
	if err != nil {
		return text[0], 1
	}
	return byte(b), len(text) - len(digits) + 2
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

// Error returns an error that errors.Is takes for err, with a text that may be shown: transports quote what they please
// of requests and responses. errors.As finds what err wraps, except for errors whose own texts must not be shown. The
// error has no Unwrap method, since the errors that err wraps show the same.
func (s Secrets) Error(err error) error {
	text := strings.TrimPrefix(err.Error(), "okta: ") // it will stand in another error of the SDK
	return &cleanError{text: Line(s.clean(text)), err: err, secrets: s}
}

// clean removes from a text what must not be shown.
func (s Secrets) clean(text string) string {
	return s.Scrub(quotedResponse.ReplaceAllString(text, "$1"))
}

// shownBy reports whether the text of err, or that of an error that it wraps, must not be shown.
func (s Secrets) shownBy(err error) bool {
	if text := err.Error(); s.clean(text) != text {
		return true
	}
	switch err := err.(type) { //nolint:errorlint // each error of the chain by itself
	case interface{ Unwrap() error }:
		inner := err.Unwrap()
		return inner != nil && s.shownBy(inner)
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(err.Unwrap(), s.shownBy)
	}
	return false
}

// quotedResponse matches what net/http shows of a response that it cannot read, which may be a token or a cursor.
var quotedResponse = regexp.MustCompile(
	`(?s)((?:malformed|bad) [A-Za-z][\w/. -]*?|transfer encodings?|Content-Length headers; got)\s*[:"\[].*`)

// cleanError is an error whose text may be shown.
type cleanError struct {
	text    string
	err     error
	secrets Secrets
}

func (e *cleanError) Error() string { return e.text }

// Format implements fmt.Formatter for every verb: %#v would show the fields.
func (e *cleanError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.text) }

func (e *cleanError) Is(target error) bool { return errors.Is(e.err, target) }

// As finds what err wraps, except for an error that shows the URL of its request, or anything else that must not be
// shown.
func (e *cleanError) As(target any) bool {
	switch target := target.(type) {
	case **url.Error:
		return false
	case *net.Error:
		found, ok := errors.AsType[net.Error](e.err)
		if ok {
			*target = &cleanNetError{e, found}
		}
		return ok
	}
	found := reflect.New(reflect.TypeOf(target).Elem()) // target stays as it is if the error must not be shown
	if !errors.As(e.err, found.Interface()) {
		return false
	}
	if err, ok := reflect.TypeAssert[error](found.Elem()); ok && e.secrets.shownBy(err) {
		return false
	}
	reflect.ValueOf(target).Elem().Set(found.Elem())
	return true
}

// cleanNetError is a cleanError that is a net.Error.
type cleanNetError struct {
	*cleanError
	found net.Error
}

func (e *cleanNetError) Timeout() bool { return e.found.Timeout() }

func (e *cleanNetError) Temporary() bool { return e.found.Temporary() } //nolint:staticcheck // net.Error has it

// maxLine is the length of a line in characters.
const maxLine = 500

// Line makes a text that came from outside fit for one line of a terminal or a log.
func Line(text string) string {
	var line strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		if n++; n > maxLine {
			return line.String() + "…"
		}
		if !unicode.IsPrint(r) {
			r = ' '
		}
		line.WriteRune(r)
	}
	return line.String()
}

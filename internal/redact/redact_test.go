package redact_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/internal/redact"
)

func TestScrub(t *testing.T) {
	t.Parallel()
	const token = "00abc/def-GHI"
	long := strings.Repeat("0123456789abcdef", 8)
	for name, c := range map[string]struct {
		secret, text, want string
	}{
		"as it was":                     {token, "a 00abc/def-GHI b", "a [redacted] b"},
		"twice in a row":                {token, "00abc/def-GHI00abc/def-GHI", "[redacted][redacted]"},
		"after its own beginning":       {token, "00abc00abc/def-GHI", "00abc[redacted]"},
		"another case":                  {token, "00ABC/DEF-GHI", "00ABC/DEF-GHI"},
		"percent-encoding":              {token, "?x=00abc%2Fdef%2dGHI&", "?x=[redacted]&"},
		"percent-encoding of it all":    {token, "%30%30%61%62%63%2f%64%65%66%2D%47%48%49", "[redacted]"},
		"percent-encoding, twice":       {token, "00abc%252Fdef-GHI.", "[redacted]."},
		"JSON":                          {token, `"00abc\/def\u002dGHI"`, `"[redacted]"`},
		"JSON of percent-encoding":      {token, `"00abc\u00252Fdef-GHI"`, `"[redacted]"`},
		"JSON, twice":                   {token, `\"00abc\\\/def-GHI\"`, `\"[redacted]\"`},
		"spaces":                        {"status eq ACTIVE", "?filter=status+eq+ACTIVE&", "?filter=[redacted]&"},
		"plus as a space":               {"abc+defgh", "abc%2Bdefgh abc+defgh", "[redacted] [redacted]"},
		"quotes and backslashes":        {`ab"c\defg`, `{"x":"ab\"c\\defg"}`, `{"x":"[redacted]"}`},
		"percent signs":                 {"50%25of-it", "50%25of-it 50%2525of-it", "[redacted] [redacted]"},
		"a cut end":                     {token, "x 00abc/de", "x [redacted]"},
		"a cut end, below the bound":    {token, "x 00abc/d", "x 00abc/d"},
		"a cut end that is escaped":     {token, "x 00abc%2Fde", "x [redacted]"},
		"a cut percent sign":            {token, "x %3000abc%2Fd%", "x %3000abc%2Fd%"},
		"a cut percent-encoding":        {"00abcdefg/h", "x 00abcdefg%", "x [redacted]"},
		"a longer cut percent-encoding": {"00abcdefg/h", "x 00abcdefg%2", "x [redacted]"},
		"a cut JSON escape":             {"00abcdefg/h", `x 00abcdefg\`, "x [redacted]"},
		"a longer cut JSON escape":      {"00abcdefg/h", `x 00abcdefg\u00`, "x [redacted]"},
		"almost a whole JSON escape":    {"00abcdefg/h", `x 00abcdefg\u002`, "x [redacted]"},
		"no escape":                     {token, `00abc%zzdef\q\u00zz+100%`, `00abc%zzdef\q\u00zz+100%`},
		"beyond ASCII":                  {"00abc-ü-def", `00abc-%C3%BC-def \u00fc`, `[redacted] \u00fc`},
		"a character beside an escape":  {token, "%4%30%300abc/def-GHI%2", "%4%30[redacted]"},
		"a long beginning":              {long, "x " + long[:64] + " y", "x [redacted] y"},
		"a beginning":                   {long, "x " + long[:63] + " y", "x " + long[:63] + " y"},
		"a long one, escaped later":     {long + "/end-of-it", "x " + long + `\/end-of-it y`, "x [redacted] y"},
		"short":                         {"0123456", "0123456", "0123456"},
		"short without its escapes":     {"%41%42%43", "ABC %41%42%43", "ABC [redacted]"},
		"empty":                         {"", "+", "+"},
		"nothing to look through":       {token, "", ""},
	} {
		assert.Equal(t, c.want, redact.Secrets{"", c.secret}.Scrub(c.text), name)
	}
	assert.Equal(t, "[redacted] x", redact.Secrets{"abcdefgh", "abcdefghij"}.Scrub("abcdefghij x"), "the longest counts")
	assert.Equal(t, "[redacted]!", redact.Secrets{"ab%2Fcdefghij", "b/cdefgh"}.Scrub("ab%2Fcdefghij!"), "nested")
	assert.Equal(t, "%", redact.Secrets(nil).Scrub("%"))
}

// A server chooses the cursor and the text in which it is looked for. With quadratic time, this test would not end
// before the time limit of go test.
func TestScrubTakesLinearTime(t *testing.T) {
	t.Parallel()
	const size = 1 << 19
	secrets := redact.Secrets{strings.Repeat("a", size), strings.Repeat("%25", size), strings.Repeat(`\`, size)}
	half, almost := strings.Repeat("a", size/2)+"b", strings.Repeat("a", 63)+"+"
	for _, part := range []string{"a", half, almost, "%", "%25", `\`, "%2525252525"} {
		text := strings.Repeat(part, size/len(part))
		assert.NotEmpty(t, secrets.Scrub(text), "%.10s", part)
	}
}

// FuzzScrub escapes a secret in many ways. Whatever it is, and whatever stands before it, it is not left.
func FuzzScrub(f *testing.F) {
	f.Add("00abc/def-GHI", `{"a":"b"}`, uint64(0), uint(0))
	f.Add("00abc/def-GHI", "Bearer ", uint64(0xAAAAAAAAAAAAAAAA), uint(10))
	f.Add("after=100%25 of it", "?limit=1&", uint64(0x123456789ABCDEF), uint(3))
	f.Add(`a\b"c/d\u002fe`, `\"`, uint64(0xFEDCBA9876543210), uint(1<<20))
	f.Add("%%%%%%%%", "x", ^uint64(0), uint(25))
	f.Fuzz(func(t *testing.T, secret, before string, choices uint64, end uint) {
		if len(secret) < 8 || secret == "redacted" || strings.ContainsAny(secret, "[]") {
			return // a part of what it is replaced with
		}
		if strings.ContainsAny(before, `%\`) {
			before += " " // an escape that the secret completes would hide where it begins
		}
		secrets := redact.Secrets{secret}
		percent, asJSON := percentEncoded(secret, choices), escaped(secret, choices)
		both := escaped(percent, choices>>7)
		twice := percentEncoded(percent, choices>>5)
		for _, echo := range []string{secret, percent, twice, asJSON, both, url.QueryEscape(secret), url.PathEscape(secret)} {
			requireNotLeft(t, secret, echo, secrets.Scrub(before+echo+" after"))
			requireNotLeft(t, secret, echo, secrets.Scrub(before+echo))
		}
		tail, next := secret[:8+end%uint(len(secret)-7)], ""
		if len(tail) < len(secret) {
			next = percentEncoded(secret[len(tail):len(tail)+1], 1)
		}
		for cut := range len(next) {
			require.Equal(t, redact.Mark, secrets.Scrub(percentEncoded(tail, choices)+next[:cut]))
		}
		for _, echo := range []string{tail, percentEncoded(tail, choices), escaped(tail, choices)} {
			require.Equal(t, redact.Mark, secrets.Scrub(echo))
		}
	})
}

// requireNotLeft looks for a secret as a reader would who knows the escapes.
func requireNotLeft(t *testing.T, secret, echo, text string) {
	t.Helper()
	require.NotContains(t, text, echo)
	require.NotContains(t, text, secret)
	if plain, err := url.PathUnescape(text); err == nil {
		require.NotContains(t, plain, secret)
	}
	var plain string
	if json.Unmarshal([]byte(`"`+text+`"`), &plain) == nil {
		require.NotContains(t, plain, secret)
	}
}

// percentEncoded escapes "%", and of the other bytes those that choices picks, in lower or upper case.
func percentEncoded(text string, choices uint64) string {
	var b strings.Builder
	for i := range len(text) {
		switch choice := choices >> (2 * i % 64) & 3; {
		case choice == 0 && text[i] != '%':
			b.WriteByte(text[i])
		case choice == 1:
			fmt.Fprintf(&b, "%%%02x", text[i])
		default:
			fmt.Fprintf(&b, "%%%02X", text[i])
		}
	}
	return b.String()
}

// escaped escapes what JSON requires, and of the other ASCII characters those that choices picks.
func escaped(text string, choices uint64) string {
	var b strings.Builder
	for i := range len(text) {
		choice := choices >> (2 * i % 64) & 3
		switch c := text[i]; {
		case c >= 0x80 || choice == 0 && c != '"' && c != '\\':
			b.WriteByte(c)
		case choice < 2 && strings.IndexByte(`"\/`, c) >= 0:
			b.WriteString(`\` + string(rune(c)))
		case choice == 2:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			fmt.Fprintf(&b, `\u%04X`, c)
		}
	}
	return b.String()
}

func TestSecretInDecodedJSON(t *testing.T) {
	t.Parallel()
	secrets := redact.Secrets{"0123456789"}
	for text, want := range map[string]bool{
		`"x0123456789"`:                true,
		`{"a":[1,{"b":"0123456789"}]}`: true,
		`{"0123456789":null}`:          true,
		`["\u0030123456789"]`:          true,
		`{"a":["012345",true,null]}`:   false,
		`7`:                            false,
	} {
		var value any
		require.NoError(t, json.Unmarshal([]byte(text), &value))
		assert.Equal(t, want, secrets.In(value), text)
	}
}

type timeoutError struct{ error }

func TestErrorHasACleanText(t *testing.T) {
	t.Parallel()
	secrets := redact.Secrets{"0123456789"}
	for text, want := range map[string]string{
		"bad 0123456789\n": "bad [redacted] ",
		"okta: bad":        "bad",
		`net/http: malformed HTTP response "a\"b"`:          "net/http: malformed HTTP response",
		"malformed MIME header: missing colon: \"x\"\nmore": "malformed MIME header",
		"malformed MIME header line: x":                     "malformed MIME header line",
		`connection broken: malformed HTTP status code "x"`: "connection broken: malformed HTTP status code",
	} {
		cause := timeoutError{errors.New(text)}
		err := secrets.Error(cause)
		require.EqualError(t, err, want)
		require.ErrorIs(t, err, cause)
	}
}

// What an error wraps may show what its own text does not.
func TestErrorShowsNothingOfWhatItWraps(t *testing.T) {
	t.Parallel()
	inner := &net.OpError{Op: "read 0123456789", Net: "tcp", Err: os.ErrDeadlineExceeded}
	err := redact.Secrets{"0123456789"}.Error(&url.Error{Op: "Get", URL: "https://acme.okta.com/0123456789", Err: inner})

	require.NoError(t, errors.Unwrap(err))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	timeout, ok := errors.AsType[net.Error](err)
	require.True(t, ok)
	assert.True(t, timeout.Timeout())
	assert.Equal(t, err.Error(), timeout.Error())
	assert.NotContains(t, err.Error(), "0123456789")
	_, ok = errors.AsType[*url.Error](err)
	assert.False(t, ok, "it shows the URL")
	_, ok = errors.AsType[net.Error](redact.Secrets{}.Error(io.EOF))
	assert.False(t, ok)
}

// An error of another type is found, unless its text or that of an error that it wraps must not be shown.
func TestErrorFindsOnlyErrorsThatShowNothing(t *testing.T) {
	t.Parallel()
	op := func(inner error) error { return &net.OpError{Op: "read", Net: "tcp", Err: inner} }
	for _, test := range []struct {
		err   error
		shown bool
	}{
		{op(io.EOF), true},
		{op(errors.Join(io.EOF, os.ErrDeadlineExceeded)), true},
		{op(errors.New("proxy refuses 0123456789")), false},
		{op(errors.New(`malformed HTTP response "xyz"`)), false},
		{op(hidingError{errors.New("0123456789")}), false},
		{op(hidingError{errors.Join(io.EOF, errors.New("0123456789"))}), false},
	} {
		err := redact.Secrets{"0123456789"}.Error(fmt.Errorf("lost: %w", test.err))
		none := &net.OpError{}
		found := none
		assert.Equal(t, test.shown, errors.As(err, &found), "%v", test.err)
		assert.Equal(t, test.shown, found != none, "%v", test.err)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			assert.NotContains(t, fmt.Sprintf(verb, err), "0123456789", verb)
		}
	}
	require.ErrorAs(t, redact.Secrets{"0123456789"}.Error(timeoutError{io.EOF}), &timeoutError{})
}

// hidingError does not show what it wraps.
type hidingError struct{ inner error }

func (hidingError) Error() string { return "hidden" }

func (e hidingError) Unwrap() error { return e.inner }

func TestLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                       "",
		"plain ü 世":              "plain ü 世",
		"a\r\nb\tc\x00\x1b[31m":  "a  b c  [31m",
		"a\u202eb\u2028c\u00a0d": "a b c d",
		"a\xff\xfeb":             "a\uFFFDb",
		strings.Repeat("ü", 500): strings.Repeat("ü", 500),
		strings.Repeat("ü", 501): strings.Repeat("ü", 500) + "…",
	} {
		assert.Equal(t, want, redact.Line(text), "%.20q", text)
	}
}

func TestValueIsPrintedAsRedacted(t *testing.T) {
	t.Parallel()
	type credentials struct {
		redact.Value
		Plain  string
		Secret redact.Secret
	}
	value := credentials{Plain: "hunter22", Secret: redact.New("hunter22")}
	assert.Equal(t, "hunter22", value.Secret())

	asJSON, err := json.Marshal([]any{value, &value})
	require.NoError(t, err)
	asXML, err := xml.Marshal(value)
	require.NoError(t, err)
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "value", value)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "value", &value)
	printed := []string{string(asJSON), string(asXML), logged.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		printed = append(printed, fmt.Sprintf(verb, value), fmt.Sprintf(verb, []any{&value}))
	}
	for _, text := range printed {
		assert.Contains(t, text, redact.Mark)
		assert.NotContains(t, text, "hunter22")
	}
	assert.NotContains(t, fmt.Sprintf("%v %#v", value.Secret, value.Secret), "hunter22")
}

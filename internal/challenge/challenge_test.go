package challenge

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

const insufficientScope = `Bearer authorization_uri="http://acme.okta.com/oauth2/v1/authorize", ` +
	`realm="http://acme.okta.com", scope="okta.users.read", error="insufficient_scope", ` +
	`error_description="The access token provided does not contain the required scopes.", ` +
	`resource="/api/v1/users/00u1/grants"`

func TestRead(t *testing.T) {
	t.Parallel()

	type params = map[string]string
	tests := map[string]struct {
		lines []string
		want  params
	}{
		"Okta's form": {
			[]string{insufficientScope},
			params{
				"authorization_uri": "http://acme.okta.com/oauth2/v1/authorize",
				"realm":             "http://acme.okta.com",
				"scope":             "okta.users.read",
				"error":             "insufficient_scope",
				"error_description": "The access token provided does not contain the required scopes.",
				"resource":          "/api/v1/users/00u1/grants",
			},
		},
		"DPoP": {
			[]string{`DPoP error="invalid_dpop_proof", algs="RS256 ES256"`},
			params{"error": "invalid_dpop_proof", "algs": "RS256 ES256"},
		},
		"any case": {
			[]string{`bEARER ERROR="Invalid_Token"`},
			params{"error": "Invalid_Token"},
		},
		"a challenge on each line": {
			[]string{`Basic realm="x"`, `Bearer error="e"`},
			params{"error": "e"},
		},
		"challenges on one line": {
			[]string{`Basic realm="x", charset="UTF-8", Bearer error="e", scope="s"`},
			params{"error": "e", "scope": "s"},
		},
		"a challenge behind it": {
			[]string{`Bearer error="e", Basic realm="x"`},
			params{"error": "e"},
		},
		"one without an error before it": {
			[]string{`Bearer realm="x", DPoP error="e"`},
			params{"error": "e"},
		},
		"one with an empty error before it": {
			[]string{`Bearer error="", DPoP error="e"`},
			params{"error": "e"},
		},
		"another scheme's error before it": {
			[]string{`Basic error="x", Bearer error="e"`},
			params{"error": "e"},
		},
		"the first of two": {
			[]string{`Bearer error="a", DPoP error="b"`},
			params{"error": "a"},
		},
		"schemes without parameters": {
			[]string{`Negotiate, Basic , Bearer error="e"`},
			params{"error": "e"},
		},
		"token68": {
			[]string{`Negotiate abc/d+e~f==, Bearer error="e"`},
			params{"error": "e"},
		},
		"token68 without slashes": {
			[]string{`Negotiate abc==, Bearer error="e"`},
			params{"error": "e"},
		},
		"token68 without padding": {
			[]string{`Negotiate abc, Bearer error="e"`},
			params{"error": "e"},
		},
		"a word with slashes that is no token68": {
			[]string{`Basic a/b/c d, Bearer error="e"`},
			params{"error": "e"},
		},
		"commas and a scheme in quotes": {
			[]string{`Bearer realm="a, DPoP error=x", error="e"`},
			params{"realm": "a, DPoP error=x", "error": "e"},
		},
		"escapes in quotes": {
			[]string{`Bearer realm="\"a\\\b", error="e"`},
			params{"realm": `"a\b`, "error": "e"},
		},
		"unquoted values": {
			[]string{`Bearer error=invalid_token,resource=/api/v1/users`},
			params{"error": "invalid_token", "resource": "/api/v1/users"},
		},
		"whitespace": {
			[]string{"\t Bearer \terror\t= \"e\" \t,\t scope =s "},
			params{"error": "e", "scope": "s"},
		},
		"empty list elements": {
			[]string{`, ,Bearer ,error="e",, scope="s",`},
			params{"error": "e", "scope": "s"},
		},
		"missing commas": {
			[]string{`Basic realm="x" Bearer realm="y" error=e scope="s"`},
			params{"realm": "y", "error": "e", "scope": "s"},
		},
		"the first of two values": {
			[]string{`Bearer error="a", Error="b", error="c"`},
			params{"error": "a"},
		},
		"a quote without an end": {
			[]string{`Bearer error="e", error_description="The access`},
			params{"error": "e", "error_description": "The access"},
		},
		"a value that is missing": {
			[]string{`Bearer error="e", scope=`},
			params{"error": "e", "scope": ""},
		},
		"stray characters": {
			[]string{`Bearer ()error="e"; "DPoP error=x" /scope="s"`},
			params{"error": "e", "scope": "s"},
		},
		"a parameter before any scheme": {
			[]string{`realm="x", Bearer error="e"`},
			params{"error": "e"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			got, found := Read(tt.lines)

			assert.True(t, found)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestReadWithoutAnError(t *testing.T) {
	t.Parallel()

	tests := map[string][]string{
		"no header":                    nil,
		"an empty line":                {""},
		"only separators":              {" ,\t,"},
		"no error":                     {`Bearer realm="x"`, `DPoP algs="ES256"`},
		"an empty error":               {`Bearer error=""`},
		"another scheme's":             {`Basic error="e"`},
		"a longer scheme":              {`BearerToken error="e"`},
		"no scheme":                    {`error="e"`},
		"another line's scheme":        {`Bearer`, `error="e"`},
		"behind another scheme":        {`Bearer realm="x", Basic error="e"`},
		"inside a quote without end":   {`Basic realm="x, Bearer error=e`},
		"an escape without a sequel":   {`Basic realm="\`},
		"a parameter without a scheme": {`=`},
	}
	for name, lines := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			got, found := Read(lines)

			assert.False(t, found)
			assert.Nil(t, got)
		})
	}
}

// With quadratic time, these would take minutes.
func TestReadLongHeaders(t *testing.T) {
	t.Parallel()

	const size = 1 << 18
	tests := map[string]string{
		"spaces":         " ",
		"commas":         ",",
		"quotes":         `"`,
		"backslashes":    `"\`,
		"equals signs":   "=",
		"one word":       "a",
		"words":          "a ",
		"slashes":        "a/",
		"token68":        "a b/",
		"parameters":     "a=",
		"opened strings": `a="`,
		"strays":         "a (",
	}
	for name, s := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			_, found := Read([]string{"a " + strings.Repeat(s, size/len(s)) + " x"})

			assert.False(t, found)
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(insufficientScope, "insufficient_scope", "okta.users.read")
	f.Add(`Negotiate abc==, DPoP error="use_dpop_nonce"`, `"`, `\`)
	f.Add(`Basic realm="\"x, Bearer error=e`, "a, DPoP error=b", "")
	f.Add(`, =Bearer ()error = e scope "`, " ", "\xff")
	f.Fuzz(func(t *testing.T, line, code, scope string) {
		checkAnyHeader(t, line)
		checkKnownChallenge(t, code, scope)
	})
}

func checkAnyHeader(t *testing.T, line string) {
	t.Helper()
	params, found := Read([]string{line})
	assert.Equal(t, found, params["error"] != "")
	for name := range params {
		assert.Equal(t, strings.ToLower(name), name)
	}
}

func checkKnownChallenge(t *testing.T, code, scope string) {
	t.Helper()
	if code == "" {
		return
	}
	basic := "Basic realm=" + quoted(scope)
	bearer := "Bearer scope=" + quoted(scope) + ", error=" + quoted(code)

	for _, lines := range [][]string{{basic, bearer}, {basic + ", " + bearer}, {bearer + "," + basic}} {
		params, found := Read(lines)
		assert.True(t, found)
		assert.Equal(t, map[string]string{"scope": scope, "error": code}, params)
	}
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

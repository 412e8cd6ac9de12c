package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

// environ loads a configuration from variables, given as "NAME=value".
func environ(variables ...string) func() (okta.Config, error) {
	return func() (okta.Config, error) { return okta.LoadConfigFrom(okta.ConfigSources{Environ: variables}) }
}

func envOf(org *oktatest.Org) func() (okta.Config, error) {
	return environ("OKTA_CLIENT_ORGURL="+org.URL, "OKTA_CLIENT_TOKEN="+oktatest.DemoToken)
}

func startDemo(t *testing.T) *oktatest.Org {
	t.Helper()
	org := oktatest.NewDemo()
	t.Cleanup(org.Close)
	return org
}

func runWith(
	ctx context.Context, load func() (okta.Config, error), args ...string,
) (code int, stdout, stderr string) {
	var out, notes bytes.Buffer
	code = run(ctx, args, load, &out, &notes)
	return code, out.String(), notes.String()
}

// The demo org fails and throttles, and that is seen in traces, metrics and logs.
func TestDemo(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := runWith(t.Context(), environ("OKTA_CLIENT_PROXY_HOST=proxy.invalid"))

	assert.Zero(t, code, stderr)
	assert.Contains(t, stdout, `
ann@example.com: grants 45, refresh tokens 5
bob@example.com: grants 3, refresh tokens 2
cid@example.com: grants 3, refresh tokens 1
dee@example.com: grants 0, refresh tokens 0
`[1:])
	outline := regexp.MustCompile(`(?m)  [0-9.]+(µ|m)?s(  .*)?$`).ReplaceAllString(stdout, "")
	assert.Contains(t, outline, `
  read access
    GET /api/v1/users/{userId}
      POST /oauth2/v1/token
      GET /api/v1/users/{userId}
    listUserGrants
      GET /api/v1/users/{userId}/grants
      GET /api/v1/users/{userId}/grants
    listUserGrants
      GET /api/v1/users/{userId}/grants
      GET /api/v1/users/{userId}/grants
    listUserGrants
      GET /api/v1/users/{userId}/grants
      GET /api/v1/users/{userId}/grants
    GET /api/v1/users/{userId}/clients
      GET /api/v1/users/{userId}/clients
    listRefreshTokensForUserAndClient
      GET /api/v1/users/{userId}/clients/{clientId}/tokens
`)
	for _, seen := range []string{
		`okta_calls_total{method="GET",route="/api/v1/users/{userId}/grants"} 6`,
		`okta_attempts_total{method="GET",route="/api/v1/users/{userId}/grants",status="invalid"} 1`,
		`okta_responses_total{code="429"} 1`,
		`okta_responses_total{code="503"} 1`,
		`okta_throttled_seconds_total{reason=`,
		`okta_rate_limit_requests{bucket="/api/v1/users"} 10`,
		`okta_token_refreshes_total 1`,
	} {
		assert.Contains(t, stdout, "\n"+seen)
	}
	assert.NotContains(t, stdout, oktatest.DemoUserID)

	_, trace, _ := strings.Cut(stdout, "\ntrace ")
	trace, _, _ = strings.Cut(trace, "\n")
	assert.Equal(t, 3, strings.Count(stderr, "trace_id="+trace), "a retry after 503, the cut body and 429 each")
}

func TestPaths(t *testing.T) {
	t.Parallel()
	code, stdout, _ := runWith(t.Context(), envOf(startDemo(t)), "-paths", oktatest.DemoUserID)
	assert.Zero(t, code)
	assert.Contains(t, stdout, "url.path=/api/v1/users/00uann/grants")
}

// The metrics are served until the program is interrupted.
func TestListen(t *testing.T) {
	t.Parallel()
	org := startDemo(t)
	org.Next(oktatest.Reply(http.StatusForbidden, nil, ""))
	ctx, interrupt := context.WithCancel(t.Context())
	notes, stderr := io.Pipe()
	var stdout bytes.Buffer
	code := make(chan int, 1)
	go func() {
		defer stderr.Close() //nolint:errcheck // it never fails
		code <- run(ctx, []string{"-listen", "127.0.0.1:0", "00ubob"}, envOf(org), &stdout, stderr)
	}()
	lines := bufio.NewScanner(notes)
	require.True(t, lines.Scan())
	_, url, ok := strings.Cut(lines.Text(), "the metrics are at ")
	require.True(t, ok, lines.Text())
	require.True(t, lines.Scan())
	assert.Contains(t, lines.Text(), "observe: 00ubob: okta: GET /api/v1/users/00ubob/grants: 403")

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, resp.Body.Close())
	require.NoError(t, err)
	assert.Contains(t, string(text),
		`okta_failed_calls_total{method="GET",route="/api/v1/users/{userId}/grants",status="4xx"} 1`)

	interrupt()
	require.True(t, lines.Scan())
	assert.Equal(t, "observe: 1 of 1 users could not be read", lines.Text())
	assert.False(t, lines.Scan())
	assert.Equal(t, 1, <-code)
	assert.NotContains(t, stdout.String(), "okta_calls_total")
}

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	org := startDemo(t)
	code, _, stderr := runWith(t.Context(), envOf(org), "-listen", strings.TrimPrefix(org.URL, "http://"), "00ucid")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "address already in use")
	assert.Empty(t, org.Requests())
}

// A user whose list breaks off is named, and counts for nothing.
func TestMissingUser(t *testing.T) {
	t.Parallel()
	org := startDemo(t)
	org.Next(nil, oktatest.Reply(http.StatusForbidden, nil, ""))
	code, stdout, stderr := runWith(t.Context(), envOf(org), oktatest.DemoUserID)
	assert.Equal(t, 1, code)
	assert.NotContains(t, stdout, "grants 20")
	assert.Contains(t, stdout,
		`okta_failed_calls_total{method="GET",route="/api/v1/users/{userId}/grants",status="4xx"} 1`)
	assert.Contains(t, stderr, "observe: 00uann: okta: GET /api/v1/users/00uann/grants: 403")
	assert.Contains(t, stderr, "observe: 1 of 1 users could not be read\n")
}

func TestUsage(t *testing.T) {
	t.Parallel()
	code, stdout, _ := runWith(t.Context(), environ(), "-h")
	assert.Zero(t, code)
	assert.Contains(t, stdout, "usage: observe [flags]")
	assert.Contains(t, stdout, "-listen address")

	code, stdout, stderr := runWith(t.Context(), environ(), "-port", "1")
	assert.Equal(t, 2, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "flag provided but not defined: -port")
}

// A configuration that is incomplete or wrong never leads to the demo org.
func TestWrongConfiguration(t *testing.T) {
	t.Parallel()
	const url, token = "OKTA_CLIENT_ORGURL=https://acme.okta.com", "OKTA_CLIENT_TOKEN=00token"
	for want, load := range map[string]func() (okta.Config, error){
		"Config.Credentials is missing": environ(url),
		"Config.OrgURL is missing":      environ(token),
		"OKTA_CLIENT_AUTHORIZATIONMODE": environ("OKTA_CLIENT_AUTHORIZATIONMODE=00token"),
	} {
		code, stdout, stderr := runWith(t.Context(), load, "00ubob")
		assert.Equal(t, 2, code)
		assert.Contains(t, stderr, want)
		assert.NotContains(t, stderr, "00token")
		assert.Empty(t, stdout)
	}
	code, _, stderr := runWith(t.Context(), environ(url, token))
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "name a user of https://acme.okta.com")
}

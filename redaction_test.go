package okta_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/grantkit/okta"
)

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	for name, credentials := range map[string]okta.Credentials{
		"API token":    okta.APIToken(secret),
		"bearer token": okta.BearerToken(secret),
		"token source": okta.TokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: secret})),
	} {
		config := okta.Config{
			OrgURL: orgURL, Credentials: credentials,
			HTTPClient: &http.Client{Transport: &http.Transport{}}, Logger: slog.New(slog.DiscardHandler),
		}
		client, err := okta.NewClient(config)
		require.NoError(t, err)
		hidden := struct {
			credentials okta.Credentials
			config      okta.Config
			client      *okta.Client
		}{credentials, config, client}
		values := []any{
			credentials, &credentials, config, &config, client, *client, client.UserGrants, hidden, &hidden, []any{config},
		}
		for _, value := range values {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T", "%08.3f"} {
				text := sprint(verb, value)
				assert.NotContains(t, text, secret, "%s of %s", verb, name)
				assert.NotContains(t, text, sprint("%x", secret), "%s of %s", verb, name)
				assert.NotContains(t, text, sprint("%d", []byte(secret)), "%s of %s", verb, name)
			}
			var logged bytes.Buffer
			slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "value", value)
			slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "value", value)
			assert.NotContains(t, logged.String(), secret, name)
			var failed failure
			assert.Equal(&failed, []any{value, "other"}, value)
			assert.Contains(t, string(failed), "Not equal")
			assert.NotContains(t, string(failed), secret, "what testify prints, %s", name)
		}
		assert.Equal(t, "[redacted]", sprint("%v", credentials))
		assert.Equal(t, "okta.Client(https://acme.okta.com)", sprint("%v", client))
		for _, value := range []any{credentials, config, client} {
			text, err := json.Marshal(value)
			require.NoError(t, err)
			assert.NotContains(t, string(text), secret)
		}
	}
}

func TestErrorShowsNoSecretAndNoQuery(t *testing.T) {
	t.Parallel()
	echo := func(req *http.Request) (*http.Response, error) {
		sent := req.Header.Get("Authorization")
		return reply(http.StatusBadRequest, `{"errorCode":"E0000001","errorSummary":"bad header `+sent+`"}`,
			"X-Okta-Request-Id: "+apiToken, `WWW-Authenticate: Bearer error="invalid_token", error_description="`+sent+`"`)(req)
	}
	client := newClient(t, play(echo), noRetries)
	_, err := client.UserGrants.List(t.Context(), "u", &okta.ListUserGrantsOptions{After: "CURSOR"})
	apiErr := requireError(t, err)

	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Error("failed", "err", apiErr)
	asJSON, jsonErr := json.Marshal(apiErr) //nolint:musttag // only its secrets matter
	require.NoError(t, jsonErr)
	for name, text := range map[string]string{
		"Error": err.Error(), "Body": string(apiErr.Body), "slog": logged.String(), "JSON": string(asJSON),
		"%+v": sprint("%+v", apiErr), "%#v": sprint("%#v", apiErr),
	} {
		assert.NotContains(t, text, apiToken, name)
		assert.NotContains(t, text, "CURSOR", name)
	}
	assert.Contains(t, apiErr.Summary, "[redacted]")
}

func TestTransportErrorsShowNoQuery(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	client := newClient(t, nil, quickRetries, func(c *okta.Config) { c.OrgURL = "http://" + listener.Addr().String() })
	_, err = client.UserGrants.List(t.Context(), "u", &okta.ListUserGrantsOptions{After: "CURSOR"})
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	assert.NotContains(t, err.Error(), "CURSOR")
	assert.Contains(t, err.Error(), "okta: GET /api/v1/users/u/grants: dial tcp")
}

// net/http quotes invalid parts of a response, which may hold a secret that no request had.
func TestQuotesOfTransportsAreNotShown(t *testing.T) {
	t.Parallel()
	const fresh = "SECRET-of-the-response"
	raw := func(response string) *okta.Client {
		server := rawServer(t, func(_ int, conn net.Conn, _ string) { _, _ = io.WriteString(conn, response) })
		return newClient(t, nil, atURL(server), noRetries)
	}
	for name, client := range map[string]*okta.Client{
		"header line": raw("HTTP/1.1 200 OK\r\nLink <https://acme.okta.com/?after=" + fresh + ">\r\n\r\n"),
		"status line": raw(`{"access_token":"` + fresh + `"}` + "\r\n\r\n"),
		"status code": raw("HTTP/1.1 " + fresh + "\r\n\r\n"),
		"version":     raw("HTTP/" + fresh + " 200 OK\r\n\r\n"),
		"length":      raw("HTTP/1.1 200 OK\r\nContent-Length: " + fresh + "\r\n\r\n"),
		"two lengths": raw("HTTP/1.1 200 OK\r\nContent-Length: " + fresh + "\r\nContent-Length: 2\r\n\r\n"),
		"trailer":     raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n"),
		"encoding":    raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + fresh + "\r\n\r\n"),
		"transport": newClient(t, play(func(req *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Get", URL: req.URL.String(), Err: io.ErrClosedPipe}
		}), noRetries),
		"transport, in its text": newClient(t, play(func(req *http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "GET " + req.URL.String() + " gave\nup\x1b[31m", Err: io.ErrClosedPipe}
		}), noRetries),
	} {
		_, err := client.UserGrants.List(t.Context(), "u", &okta.ListUserGrantsOptions{After: "SECRET-of-the-request"})
		require.Error(t, err, name)
		for _, hidden := range []string{"SECRET", "limit=200", "\n", "\x1b"} {
			assert.NotContains(t, err.Error(), hidden, name)
		}
	}
}

func TestEscapedEchoesOfACredentialAreRedacted(t *testing.T) {
	t.Parallel()
	const token = "abc/def+ghi=jkl"
	body := `{"errorCode":"E0000011","errorSummary":"Invalid token abc\/def\u002bghi=jkl"}`
	client := newClient(t, play(reply(401, body, "X-Okta-Request-Id: "+token)), noRetries, func(c *okta.Config) {
		c.Credentials = okta.BearerToken(token)
	})
	err := get(t.Context(), client)
	apiErr := requireError(t, err)
	assert.NotContains(t, err.Error(), token)
	assert.Equal(t, "Invalid token [redacted]", apiErr.Summary)
	assert.Equal(t, okta.CodeInvalidToken, apiErr.Code)
	assert.Equal(t, "[redacted]", string(apiErr.Body))
	assert.Equal(t, "[redacted]", apiErr.RequestID)
}

// A server or a proxy may escape an echo otherwise than the request did.
func TestEncodedEchoesOfACursorAreRedacted(t *testing.T) {
	t.Parallel()
	const cursor = "00u/SECRET+CURSOR=1"
	upper := url.QueryEscape(cursor)
	lower := strings.NewReplacer("%2F", "%2f", "%2B", "%2b", "%3D", "%3d").Replace(upper)
	for name, echo := range map[string]string{
		"as it is": cursor, "upper case": upper, "lower case": lower, "mixed case": "00u%2fSECRET%2BCURSOR%3d1",
		"partly escaped": "00u/SECRET%2bCURSOR=1", "JSON": `00u\\/SECRET\\u002bCURSOR=1`,
		"query": "after=" + lower + "&limit=200", "URL": orgURL + "/api/v1/users/u/grants?after=" + lower + "&limit=200",
	} {
		client := newClient(t, play(reply(400, `{"errorCode":"E0000001","errorSummary":"bad: `+echo+`"}`)), noRetries)
		_, err := client.UserGrants.List(t.Context(), "u", &okta.ListUserGrantsOptions{After: cursor})
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "SECRET", name)
		assert.NotContains(t, sprint("%+v", *requireError(t, err)), "bad: "+echo, name)
		assert.Contains(t, err.Error(), "bad: ", name)
	}
}

// The bound of an error's body must not cut an echo so that it is no longer found.
// A request ID may be made of the request's URL.
func TestRequestIDDoesNotShowTheCursor(t *testing.T) {
	t.Parallel()
	var seen []okta.Attempt
	client := newClient(t, play(reply(200, `[]`, "X-Okta-Request-Id: id-of-SECRETCURSOR")), observe(&seen))
	page, err := client.UserGrants.List(t.Context(), "u", &okta.ListUserGrantsOptions{After: "SECRETCURSOR"})
	require.NoError(t, err)
	assert.Equal(t, "id-of-[redacted]", page.RequestID)
	assert.Equal(t, "id-of-[redacted]", seen[0].RequestID)
}

// A JSON pointer spells "/" and "~" in its own way.
func TestCredentialInAJSONPointerIsRedacted(t *testing.T) {
	t.Parallel()
	const token = "abcd/efgh~ijkl/mnop"
	client := newClient(t, play(reply(200, `{"`+token+`":"text"}`)), withCredentials(okta.BearerToken(token)))
	err := client.Do(t.Context(), okta.Request{Path: []string{"api"}}, &map[string]int{})
	require.ErrorContains(t, err, `at "/[redacted]" does not fit`)
}

func TestEchoOfACredentialAtTheBoundIsRedacted(t *testing.T) {
	t.Parallel()
	const mebibyte = 1 << 20
	for _, shown := range []int{8, 10, len(apiToken) - 1} {
		body := strings.Repeat("x", mebibyte-shown) + apiToken + strings.Repeat("y", 100)
		client := newClient(t, play(reply(502, body)), noRetries)
		apiErr := requireError(t, get(t.Context(), client))
		assert.NotContains(t, string(apiErr.Body), apiToken[:8], "%d bytes before the bound", shown)
		assert.Greater(t, len(apiErr.Body), mebibyte-100, "the rest is kept")
	}
}

func TestShortCredentialsAreNotRedacted(t *testing.T) {
	t.Parallel()
	client := newClient(t, play(reply(403, deniedJSON)), withCredentials(okta.APIToken("or")))
	apiErr := requireError(t, get(t.Context(), client))
	assert.Equal(t, okta.CodeAccessDenied, apiErr.Code)
	assert.JSONEq(t, deniedJSON, string(apiErr.Body))
}

// Whoever unwraps an error must not find what its text hides.
func TestEveryErrorInTheChainIsScrubbed(t *testing.T) {
	t.Parallel()
	server := rawServer(t, func(_ int, conn net.Conn, request string) {
		_, _ = io.WriteString(conn, "HTTP/1.1 "+strings.ReplaceAll(request, "\r\n", " ")+"\r\n\r\n")
	})
	_, err := newClient(t, nil, atURL(server), noRetries).UserGrants.List(t.Context(), "u",
		&okta.ListUserGrantsOptions{After: "SECRET-CURSOR"})
	require.ErrorContains(t, err, "malformed HTTP status code")
	broken := play(func(req *http.Request) (*http.Response, error) {
		return nil, &url.Error{Op: "Get", URL: "https://proxy/?x", Err: &url.Error{Op: "Get", URL: req.URL.String(), Err: io.EOF}}
	})
	_, wrapped := newClient(t, broken, noRetries).UserGrants.List(t.Context(), "u",
		&okta.ListUserGrantsOptions{After: "SECRET-CURSOR"})
	require.ErrorIs(t, wrapped, io.EOF)
	for _, err := range []error{err, wrapped} {
		for _, link := range chain(err) {
			assert.NotContains(t, link.Error(), apiToken, "%T", link)
			assert.NotContains(t, link.Error(), "SECRET-CURSOR", "%T", link)
		}
		_, ok := errors.AsType[*url.Error](err)
		assert.False(t, ok)
	}
}

// chain returns an error and all that it wraps.
func chain(err error) []error {
	links := []error{err}
	switch err := err.(type) { //nolint:errorlint // each link by itself
	case interface{ Unwrap() error }:
		if inner := err.Unwrap(); inner != nil {
			links = append(links, chain(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range err.Unwrap() {
			links = append(links, chain(inner)...)
		}
	}
	return links
}

// A server may echo the query as it was, or decoded.
func TestDecodedEchoOfTheQueryIsScrubbed(t *testing.T) {
	t.Parallel()
	for _, echoed := range []func(*http.Request) string{
		func(req *http.Request) string { return "?" + req.URL.RawQuery },
		func(req *http.Request) string {
			plain, _ := url.QueryUnescape(req.URL.RawQuery)
			return strings.ReplaceAll(plain, `"`, "`")
		},
	} {
		server := play(func(req *http.Request) (*http.Response, error) {
			return reply(400, `{"errorCode":"E0000001","errorSummary":"bad query `+echoed(req)+` here"}`)(req)
		})
		query := url.Values{"filter": {"profile.lastName eq `Smith & Sons`"}}
		_, err := okta.List[struct{}](t.Context(), newClient(t, server),
			okta.Request{Path: []string{"api", "v1", "users"}, Query: query})
		assert.Equal(t, "bad query [redacted] here", requireError(t, err).Summary)
	}
}

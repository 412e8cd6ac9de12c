package okta_test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

// A server or a proxy may escape an echo otherwise than the request did.
func TestEchoesOfACursorAreNotShownInAnyEncoding(t *testing.T) {
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
func TestEchoOfACredentialAtTheBoundIsNotShown(t *testing.T) {
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

// net/http quotes what it cannot read of a response. What it quotes may be a secret that no request had.
func TestWhatTransportsQuoteIsNotShown(t *testing.T) {
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

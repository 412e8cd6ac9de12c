package okta_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

func TestInvalidLists(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty": "", "blank": " \n", "null": "null", "object": "{}", "error object": deniedJSON, "string": `"x"`,
		"HTML":         "<html>",
		"number in it": `[{"id":"1"},2]`, "null in it": `[null]`, "array in it": `[[]]`, "string in it": `["x"]`,
		"text after it": `[{"id":"1"}] x`, "array after it": `[][]`, "no end": `[{"id":"1"}`,
		"comma at the end": `[{"id":"1"},]`,
		"half an object":   `[{"id":"1"},{"id":"2"`, "wrong type": `[{"id":7}]`,
		"same member twice": `[{"id":"1","id":"2"}]`, "very deep": strings.Repeat("[", 1_000_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, play(reply(200, body, "X-Okta-Request-Id: req-1")), noRetries)
			page, err := client.UserGrants.List(t.Context(), "u", nil)
			require.Error(t, err)
			assert.Nil(t, page)
			apiErr := requireError(t, err)
			assert.Equal(t, 200, apiErr.StatusCode)
			assert.Contains(t, err.Error(), "unusable response")
			assert.Contains(t, err.Error(), "[request req-1]")
			assert.Equal(t, body, string(apiErr.Body[:min(len(body), 1<<20)]))
			assert.Error(t, errors.Unwrap(err))
		})
	}
}

func TestInvalidObjects(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty": "", "null": "null", "array": `[{"id":"1"}]`, "number": "7", "text after it": `{"id":"1"} {}`,
		"no end": `{"id":"1"`,
	} {
		err := failedGet(t, reply(200, body))
		assert.Contains(t, err.Error(), "unusable response", name)
		_, err2 := newClient(t, play(reply(200, body)), noRetries).UserOAuth.GetRefreshToken(t.Context(), "u", "c", "t", nil)
		assert.Error(t, err2, name)
	}
}

func TestOtherSuccessStatusesAreErrors(t *testing.T) {
	t.Parallel()
	for _, status := range []int{201, 202, 203, 204, 206, 226} {
		apiErr := failedGet(t, reply(status, `{"id":"1"}`))
		assert.Equal(t, status, apiErr.StatusCode)
	}
	for _, status := range []int{200, 201, 202, 206} {
		server := play(reply(status, `<html>welcome</html>`))
		err := newClient(t, server).UserGrants.Revoke(t.Context(), "u", "g")
		assert.Equal(t, status, requireError(t, err).StatusCode, "only a 204 is success")
		assert.Len(t, server.requests(), 1)
	}
}

func TestResponseIsBounded(t *testing.T) {
	t.Parallel()
	server := play(replyEndless(http.StatusOK))
	_, err := newClient(t, server).UserGrants.List(t.Context(), "u", nil)
	apiErr := requireError(t, err)
	assert.Contains(t, err.Error(), "longer than 33554432 bytes")
	assert.Len(t, apiErr.Body, 1<<20)
	assert.Len(t, server.requests(), 1, "it would be as long the next time")
}

func TestPageIsBounded(t *testing.T) {
	t.Parallel()
	text := "[" + strings.Repeat("{},", 1<<20) + "{}]"
	page, err := newClient(t, play(reply(200, text)), noRetries).UserGrants.List(t.Context(), "u", nil)
	require.ErrorContains(t, err, "more than 400000 objects")
	assert.Nil(t, page)
}

func TestRedirectsAreErrors(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{
			"https://evil.example/path?secret=1", "http://acme.okta.com/", "/api/v1/users/other/grants/oag1", "", ":bad",
		} {
			server := play(reply(status, "", "Location: "+location))
			client := newClient(t, server)
			for i, call := range []func(context.Context, *okta.Client) error{get, revoke} {
				err := call(t.Context(), client)
				assert.Equal(t, status, requireError(t, err).StatusCode)
				assert.Contains(t, err.Error(), "redirects are not followed")
				assert.NotContains(t, err.Error(), "secret")
				assert.Len(t, server.requests(), i+1)
			}
		}
	}
}

func TestSwitchedProtocolsDoNotHang(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	address := rawServer(t, func(_ int, conn net.Conn, _ string) {
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		<-done
	})
	err := revoke(t.Context(), newClient(t, nil, atURL(address), noRetries))
	require.ErrorContains(t, err, "the response has the status 101")
}

func TestStatusZeroIsAnError(t *testing.T) {
	t.Parallel()
	address := rawServer(t, func(_ int, conn net.Conn, _ string) {
		_, _ = io.WriteString(conn, "HTTP/1.1 000 Weird\r\nContent-Length: 0\r\n\r\n")
	})
	var seen []okta.Attempt
	err := revoke(t.Context(), newClient(t, nil, atURL(address), noRetries, observe(&seen)))
	require.ErrorContains(t, err, "the response has the status 0")
	require.Len(t, seen, 1)
	require.Error(t, seen[0].Err)
}

func TestAttemptTimeout(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]responder{"no response": hang, "no body": stall} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := play(s, reply(200, grantJSON))
				start := time.Now()
				require.NoError(t, get(t.Context(), newClient(t, server)))
				assert.Less(t, time.Since(start), 31*time.Second, "30 s are the default")
				assert.GreaterOrEqual(t, time.Since(start), 30*time.Second)

				server = play(s)
				short := func(c *okta.Config) { c.AttemptTimeout = time.Second }
				err := get(t.Context(), newClient(t, server, noRetries, short))
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				require.NotErrorIs(t, err, context.DeadlineExceeded, "the caller's context has not ended")
				require.ErrorContains(t, err, "no complete response within 1s")
			})
		})
	}
}

func TestAttemptTimeoutCanBeDisabled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := func(req *http.Request) (*http.Response, error) {
			time.Sleep(time.Hour) //nolint:forbidigo // the bubble's clock
			if req.Context().Err() != nil {
				return nil, context.Cause(req.Context())
			}
			return reply(200, grantJSON)(req)
		}
		require.NoError(t, get(t.Context(), newClient(t, play(slow), func(c *okta.Config) { c.AttemptTimeout = -1 })))
	})
}

func TestHTTPClientTimeoutBoundsAnAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := play(hang, reply(200, grantJSON))
		client := newClient(t, server, func(c *okta.Config) { c.HTTPClient.Timeout = time.Second })
		start := time.Now()
		require.NoError(t, get(t.Context(), client))
		assert.Less(t, time.Since(start), 3*time.Second)
		for _, timeout := range []time.Duration{0, -1, time.Hour} {
			client = newClient(t, play(hang), noRetries, func(c *okta.Config) {
				c.HTTPClient.Timeout, c.AttemptTimeout = time.Second, timeout
			})
			require.ErrorContains(t, get(t.Context(), client), "no complete response within 1s")
		}
	})
}

func TestAttemptsShareNoHeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vandal := func(req *http.Request) (*http.Response, error) {
			assert.Empty(t, req.Header.Get("X-Vandal"))
			req.Header.Set("X-Vandal", "was here")
			return reply(503, "")(req)
		}
		require.Error(t, get(t.Context(), newClient(t, play(vandal))))
	})
}

func TestEachAttemptSendsItsOwnCookies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cookies, err := cookiejar.New(nil)
		require.NoError(t, err)
		server := play(reply(503, "", "Set-Cookie: sid=1"), reply(503, "", "Set-Cookie: sid=2"), reply(200, grantJSON))
		require.NoError(t, get(t.Context(), newClient(t, server, func(c *okta.Config) { c.HTTPClient.Jar = cookies })))
		var sent []string
		for _, req := range server.requests() {
			sent = append(sent, req.Header.Get("Cookie"))
		}
		assert.Equal(t, []string{"", "sid=1", "sid=2"}, sent)
	})
}

// pool is a transport that counts how often its idle connections are closed.
type pool struct {
	http.RoundTripper
	closed int
}

func (p *pool) CloseIdleConnections() { p.closed++ }

func TestIdleConnectionsOfTheCallerStayOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, s := range []responder{lose(errReset), reply(503, ""), reply(404, ""), hang} {
			connections := &pool{RoundTripper: play(s)}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			require.Error(t, get(ctx, newClient(t, connections)))
			assert.Zero(t, connections.closed)
		}
	})
}

// tracked is a body that knows whether it was closed.
type tracked struct {
	io.Reader
	closed bool
}

func (b *tracked) Close() error {
	b.closed = true
	return nil
}

func TestEveryBodyIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var bodies []*tracked
		with := func(status int, body io.Reader, err error) responder {
			return func(req *http.Request) (*http.Response, error) {
				b := &tracked{Reader: body}
				bodies = append(bodies, b)
				return response(req, status, b), err
			}
		}
		server := play(
			with(503, strings.NewReader("x"), nil), with(200, failingReader{}, nil),
			with(200, strings.NewReader("{}"), errors.New("a response and an error")),
			with(500, endless{}, nil), with(200, strings.NewReader(grantJSON), nil),
		)
		_ = get(t.Context(), newClient(t, server))
		require.NotEmpty(t, bodies)
		for i, b := range bodies {
			assert.True(t, b.closed, "body %d", i)
		}
	})
}

func TestTransportsThatBreakTheirContract(t *testing.T) {
	t.Parallel()
	nothing := func(*http.Request) (*http.Response, error) { return nil, nil }
	require.ErrorContains(t, get(t.Context(), newClient(t, play(nothing), noRetries)), "neither a response nor an error")
	noBody := func(req *http.Request) (*http.Response, error) { return response(req, 403, nil), nil }
	require.ErrorIs(t, get(t.Context(), newClient(t, play(noBody), noRetries)), okta.ErrForbidden)
}

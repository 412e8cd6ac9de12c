package okta_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

func TestRetriesUntilSuccess(t *testing.T) {
	t.Parallel()
	failures := map[string]responder{
		"429": reply(429, limitedJSON), "500": reply(500, ""), "502": reply(502, "<html>"), "503": reply(503, ""),
		"504":   reply(504, ""),
		"reset": lose(errReset), "refused": lose(errRefused), "EOF": lose(io.EOF),
		"body cut short":       replyCut(200, `{"id":"1`),
		"error body cut short": replyCut(503, `{"errorCode":`), "bare status": reply(503, "", "Content-Length: 0"),
		"error body without an end": replyEndless(503),
		"name not found":            lose(&net.DNSError{Err: "no such host", IsNotFound: true}),
	}
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := play(failure, failure, failure, failure, reply(200, grantJSON))
				require.NoError(t, get(t.Context(), newClient(t, server)))
				assert.Len(t, server.requests(), 5)
				if strings.HasPrefix(name, "body") {
					return // a 200 is no success of a DELETE
				}

				server = play(failure, reply(204, ""))
				require.NoError(t, revoke(t.Context(), newClient(t, server)))
				require.NoError(t, revokeAll(t.Context(), newClient(t, play(failure, reply(204, "")))))
				assert.Len(t, server.requests(), 2)
			})
		})
	}
}

func TestRetriesEndWithTheLastResponse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := play(reply(500, "first"), reply(503, readOnlyJSON, "X-Okta-Request-Id: last"))
		err := get(t.Context(), newClient(t, server))
		apiErr := requireError(t, err)
		assert.Equal(t, okta.CodeReadOnlyMode, apiErr.Code)
		assert.Equal(t, 5, apiErr.Attempts)
		require.EqualError(t, err,
			"okta: GET /api/v1/users/u/grants/g: 503 E0000010: Read-only mode [request last, 5 attempts]")
		assert.Len(t, server.requests(), 5, "one attempt and four retries")
	})
}

func TestRetriesEndWithALostConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		err := get(t.Context(), newClient(t, play(lose(errReset))))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.EqualError(t, err, "okta: GET /api/v1/users/u/grants/g: read tcp: connection reset by peer [5 attempts]")

		err = get(t.Context(), newClient(t, play(reply(503, "", "X-Okta-Request-Id: req-1"), lose(errReset))))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		assert.Equal(t, "req-1", requireError(t, err).RequestID)
	})
}

func TestRetriesEndWithACutBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		page, err := newClient(t, play(replyCut(200, `[{"id":"1"}]`))).UserGrants.List(t.Context(), "u", nil)
		assert.Nil(t, page)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		apiErr := requireError(t, err)
		assert.Equal(t, 200, apiErr.StatusCode)
		assert.Equal(t, 5, apiErr.Attempts)
		assert.JSONEq(t, `[{"id":"1"}]`, string(apiErr.Body))
	})
}

func TestFinalFailuresAreNotRetried(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]responder{
		"400": reply(400, ""), "401": reply(401, ""), "403": reply(403, ""), "404": reply(404, notFoundJSON),
		"405": reply(405, ""),
		"409": reply(409, ""), "501": reply(501, ""), "505": reply(505, ""), "204 for an object": reply(204, ""),
		"not JSON":    reply(200, "<html>"),
		"certificate": lose(&tls.CertificateVerificationError{Err: errors.New("expired")}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := play(s)
				require.Error(t, get(t.Context(), newClient(t, server)))
				assert.Len(t, server.requests(), 1)
			})
		})
	}
}

func TestUnknownCertificateIsNotRetried(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	handshakes := make(chan struct{}, 10)
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		handshakes <- struct{}{}
		return nil, nil
	}}
	server.StartTLS()
	t.Cleanup(server.Close)
	err := get(t.Context(), newClient(t, nil, quickRetries, func(c *okta.Config) { c.OrgURL = server.URL }))
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	assert.True(t, ok, "%v", err)
	assert.Len(t, handshakes, 1)
}

// A 429 says that a POST, PUT or PATCH was not done. Whatever else fails, it may have been.
func TestPostIsRetriedAfterA429Only(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch} {
			for _, failure := range []responder{
				reply(500, ""), reply(502, ""), reply(503, ""), reply(504, ""), replyCut(200, "{"), lose(errReset),
			} {
				server := play(failure)
				err := newClient(t, server).Do(t.Context(), okta.Request{Method: method, Path: []string{"api"}, Body: 1}, nil)
				require.Error(t, err)
				assert.Len(t, server.requests(), 1)
			}
			server := play(reply(429, limitedJSON), reply(503, ""))
			err := newClient(t, server).Do(t.Context(), okta.Request{Method: method, Path: []string{"api"}, Body: 1}, nil)
			assert.Equal(t, 503, requireError(t, err).StatusCode)
			require.Len(t, server.requests(), 2)
			for _, req := range server.requests() {
				body, err := io.ReadAll(req.Body)
				require.NoError(t, err)
				assert.Equal(t, "1", string(body))
			}
		}
	})
}

func TestMaxRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for retries, attempts := range map[int]int{-1: 1, 1: 2, 7: 8} {
			server := play(reply(503, ""))
			require.Error(t, get(t.Context(), newClient(t, server, func(c *okta.Config) { c.Retry.MaxRetries = retries })))
			assert.Len(t, server.requests(), attempts)
		}
	})
}

func TestBackoffDoublesWithJitterWithinItsBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bounds := [][2]time.Duration{
			{time.Second, 2 * time.Second}, {2 * time.Second, 4 * time.Second}, {4 * time.Second, 8 * time.Second},
			{5 * time.Second, 10 * time.Second}, {5 * time.Second, 10 * time.Second},
		}
		seen := map[time.Duration]bool{}
		for range 50 {
			server := play(lose(errReset))
			require.Error(t, get(t.Context(), newClient(t, server, func(c *okta.Config) {
				c.Retry = okta.RetryOptions{MaxRetries: 5, MinWait: time.Second, MaxWait: 10 * time.Second}
			})))
			for i, wait := range server.waits() {
				assert.GreaterOrEqual(t, wait, bounds[i][0])
				assert.LessOrEqual(t, wait, bounds[i][1])
			}
			seen[server.waits()[0]] = true
		}
		assert.Greater(t, len(seen), 40, "waits are spread")
	})
}

// The packages retry and ratelimit have the tests of all the values that these headers may have.
func TestWaitAfterA429(t *testing.T) {
	t.Parallel()
	// Without jitter, the first backoff is between 0.5 and 1 s.
	const low, high = 500 * time.Millisecond, time.Second
	retryAt := []string{serverDate, "Retry-After: Mon, 01 Jun 2026 12:00:09 GMT"}
	cases := map[string]struct {
		headers   []string
		low, high time.Duration
	}{
		"until the window ends":   {limits("600", in42s), 42 * time.Second, 43 * time.Second},
		"a whole window":          {limits("600", in60s), 60 * time.Second, 61 * time.Second},
		"concurrency":             {limits("0", in60s), low / 2, high},
		"no headers":              {nil, low, high},
		"no date":                 {limits("600", in42s)[1:], low, high},
		"reset in the year 3000":  {limits("600", "32503680000"), low, high},
		"milliseconds":            {limits("600", in42s+"000"), low, high},
		"Retry-After seconds":     {[]string{"Retry-After: 7"}, 7 * time.Second, 8 * time.Second},
		"Retry-After date":        {retryAt, 9 * time.Second, 10 * time.Second},
		"Retry-After and a reset": {append(limits("600", in60s), "Retry-After: 7"), 60 * time.Second, 61 * time.Second},
		"Retry-After too long":    {[]string{"Retry-After: 86400"}, 70 * time.Second, 70 * time.Second},
		"Retry-After huge":        {[]string{"Retry-After: 1000000000000000000"}, 70 * time.Second, 70 * time.Second},
		"Retry-After negative":    {[]string{"Retry-After: -7"}, low, high},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := play(reply(429, limitedJSON, c.headers...), reply(204, ""))
				require.NoError(t, revoke(t.Context(), newClient(t, server)))
				assert.GreaterOrEqual(t, server.waits()[0], c.low)
				assert.LessOrEqual(t, server.waits()[0], c.high)
			})
		})
	}
}

func TestRetryAfterCountsOnA503(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := play(reply(503, "", "Retry-After: 20"), reply(204, ""))
		require.NoError(t, revoke(t.Context(), newClient(t, server)))
		assert.GreaterOrEqual(t, server.waits()[0], 20*time.Second)
	})
}

func TestWaitThatCannotEndInTimeIsNotBegun(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		headers  []string
		deadline time.Duration
		maxWait  time.Duration
	}{
		"deadline before the window ends": {limits("600", in42s), 40 * time.Second, 0},
		"deadline before Retry-After":     {[]string{"Retry-After: 30"}, 30 * time.Second, 0},
		"deadline before the backoff":     {nil, 400 * time.Millisecond, 0},
		"longer than MaxWait":             {limits("600", in42s), time.Hour, 41 * time.Second},
		"a window of five minutes":        {limits("600", in5m), time.Hour, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.deadline)
				defer cancel()
				server := play(reply(429, limitedJSON, c.headers...))
				start := time.Now()
				err := revoke(ctx, newClient(t, server, func(config *okta.Config) { config.Retry.MaxWait = c.maxWait }))
				require.ErrorIs(t, err, okta.ErrRateLimited)
				require.NotErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, okta.CodeRateLimitExceeded, requireError(t, err).Code)
				assert.Zero(t, time.Since(start))
				assert.Len(t, server.requests(), 1)
			})
		})
	}
}

// A server may close an idle connection at any time. That is no reason to wait.
func TestDeleteOnAStaleConnectionIsRetriedAtOnce(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	server := rawServer(t, func(n int, conn net.Conn, _ string) {
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		if n == 1 { // closes once the second request arrives
			_, _ = bufio.NewReader(conn).ReadString('\n')
			close(closed)
		}
	})
	var seen []okta.Attempt
	client := newClient(t, nil, atURL(server), observe(&seen), func(c *okta.Config) {
		c.Retry = okta.RetryOptions{MinWait: time.Hour, MaxWait: 2 * time.Hour}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // too short for a wait
	defer cancel()
	require.NoError(t, revoke(ctx, client))
	require.NoError(t, revoke(ctx, client))
	<-closed
	assert.Len(t, seen, 3)
	for _, a := range seen {
		assert.Zero(t, a.Wait)
	}
}

// A server that takes too long on a connection that was used before has not closed it: the retry waits.
func TestDeleteThatTimesOutOnAUsedConnectionIsNotRetriedAtOnce(t *testing.T) {
	t.Parallel()
	server := rawServer(t, func(n int, conn net.Conn, _ string) {
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		if n == 1 { // keeps the second request waiting
			_, _ = io.Copy(io.Discard, conn)
		}
	})
	var seen []okta.Attempt
	client := newClient(t, nil, atURL(server), observe(&seen), func(c *okta.Config) {
		c.Retry = okta.RetryOptions{MinWait: 20 * time.Millisecond, MaxWait: time.Second}
		c.AttemptTimeout = 200 * time.Millisecond
	})
	require.NoError(t, revoke(t.Context(), client))
	require.NoError(t, revoke(t.Context(), client))
	require.Len(t, seen, 3)
	require.ErrorIs(t, seen[1].Err, os.ErrDeadlineExceeded)
	assert.Positive(t, seen[1].Wait)
	assert.Equal(t, []bool{false, true, false}, []bool{seen[0].WillRetry, seen[1].WillRetry, seen[2].WillRetry})
}

// So has one that takes longer than the transport waits for a response, or that breaks off within one.
func TestDeleteThatFailsOtherwiseOnAUsedConnectionIsNotRetriedAtOnce(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(net.Conn){
		"timeout of the transport": func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) },
		"response that had begun": func(conn net.Conn) {
			readHead(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 20")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := rawServer(t, func(n int, conn net.Conn, _ string) {
				_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
				if n == 1 {
					fail(conn)
				}
			})
			var seen []okta.Attempt
			transport := &http.Transport{ResponseHeaderTimeout: 200 * time.Millisecond}
			client := newClient(t, transport, atURL(server), observe(&seen), func(c *okta.Config) {
				c.Retry = okta.RetryOptions{MinWait: 20 * time.Millisecond, MaxWait: time.Second}
			})
			require.NoError(t, revoke(t.Context(), client))
			require.NoError(t, revoke(t.Context(), client))
			require.Len(t, seen, 3)
			require.Error(t, seen[1].Err)
			require.NotErrorIs(t, seen[1].Err, context.DeadlineExceeded)
			assert.Positive(t, seen[1].Wait)
		})
	}
}

func TestRetryHeaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failed := func(id string) responder { return reply(503, "", "X-Okta-Request-Id: "+id) }
		server := play(failed("first"), failed("second"), reply(200, grantJSON))
		require.NoError(t, get(t.Context(), newClient(t, server)))
		for i, want := range [][2]string{{"", ""}, {"first", "1"}, {"first", "2"}} {
			assert.Equal(t, want[0], server.requests()[i].Header.Get("X-Okta-Retry-For"))
			assert.Equal(t, want[1], server.requests()[i].Header.Get("X-Okta-Retry-Count"))
		}

		server = play(lose(errReset), failed("second"), failed("third"), reply(204, ""))
		require.NoError(t, revoke(t.Context(), newClient(t, server)))
		for i, want := range []string{"", "", "second", "second"} {
			assert.Equal(t, want, server.requests()[i].Header.Get("X-Okta-Retry-For"))
		}

		for _, first := range []responder{lose(errReset), failed("a\x01b"), failed(strings.Repeat("x", 300))} {
			server = play(first, reply(200, grantJSON))
			require.NoError(t, get(t.Context(), newClient(t, server)))
			assert.Equal(t, "1", server.requests()[1].Header.Get("X-Okta-Retry-Count"))
			assert.Empty(t, server.requests()[1].Header.Values("X-Okta-Retry-For"))
		}
	})
}

// The error of a throttled retry must tell of the attempt that was sent before: its work may be done.
func TestThrottledRetryTellsOfTheAttemptBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := play(reply(200, `[]`, "X-Rate-Limit-Limit: 2", "X-Rate-Limit-Remaining: 1", "X-Rate-Limit-Reset: "+in42s,
			"Date: Mon, 01 Jun 2026 12:00:00 GMT"), lose(errReset))
		client := newClient(t, server)
		_, err := client.UserGrants.List(t.Context(), "u", nil)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err = client.UserGrants.RevokeAll(ctx, "u")
		require.ErrorIs(t, err, okta.ErrRateLimited)
		require.ErrorIs(t, err, errReset)
		require.ErrorContains(t, err, "[1 attempt]; before: read tcp: connection reset by peer")
		var limited *okta.RateLimitError
		require.ErrorAs(t, err, &limited)
		assert.Equal(t, 1, limited.Attempts)
	})
}

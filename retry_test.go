package okta_test

import (
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

func TestRetriesUntilItWorks(t *testing.T) {
	t.Parallel()
	failures := map[string]responder{
		"429": reply(429, limitedJSON), "500": reply(500, ""), "502": reply(502, "<html>"), "503": reply(503, ""), "504": reply(504, ""),
		"reset": lose(errReset), "refused": lose(errRefused), "EOF": lose(io.EOF), "body cut short": replyCut(200, `{"id":"1`),
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
					return // a 200 is no answer to a DELETE
				}

				server = play(failure, reply(204, ""))
				require.NoError(t, revoke(t.Context(), newClient(t, server)))
				require.NoError(t, revokeAll(t.Context(), newClient(t, play(failure, reply(204, "")))))
				assert.Len(t, server.requests(), 2)
			})
		})
	}
}

func TestRetriesEndAndTheLastAnswerIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := play(reply(500, "first"), reply(503, `{"errorCode":"E0000010","errorSummary":"Read-only mode"}`, "X-Okta-Request-Id: last"))
		err := get(t.Context(), newClient(t, server))
		apiErr := requireError(t, err)
		assert.Equal(t, okta.CodeReadOnlyMode, apiErr.Code)
		assert.Equal(t, 5, apiErr.Attempts)
		assert.Equal(t, "okta: GET /api/v1/users/u/grants/g: 503 E0000010: Read-only mode [request last, 5 attempts]", err.Error())
		assert.Len(t, server.requests(), 5, "one attempt and four retries")
	})
}

func TestLostConnectionsEndWithTheirReasonAndTheAnswerBefore(t *testing.T) {
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

func TestCutBodyInTheEndIsAnErrorOfItsAnswer(t *testing.T) {
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
		"400": reply(400, ""), "401": reply(401, ""), "403": reply(403, ""), "404": reply(404, notFoundJSON), "405": reply(405, ""),
		"409": reply(409, ""), "501": reply(501, ""), "505": reply(505, ""), "204 for an object": reply(204, ""), "not JSON": reply(200, "<html>"),
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
			for _, s := range []responder{reply(500, ""), reply(502, ""), reply(503, ""), reply(504, ""), replyCut(200, "{"), lose(errReset)} {
				server := play(s)
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

func TestRetriesCanBeSwitchedOffAndCounted(t *testing.T) {
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
				c.Retry = okta.Retry{MaxRetries: 5, MinWait: time.Second, MaxWait: 10 * time.Second}
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

func TestWaitAfterA429(t *testing.T) {
	t.Parallel()
	// Without jitter, the first backoff is between 0.5 and 1 s.
	const low, high = 500 * time.Millisecond, time.Second
	cases := map[string]struct {
		headers   []string
		low, high time.Duration
	}{
		"until the window ends":   {limits("600", in42s), 42 * time.Second, 43 * time.Second},
		"a whole window":          {limits("600", in60s), 60 * time.Second, 61 * time.Second},
		"smallest of two resets":  {append(limits("600", in60s), "X-Rate-Limit-Reset: "+in42s), 42 * time.Second, 43 * time.Second},
		"folded resets":           {limits("600", in60s+", "+in42s), 42 * time.Second, 43 * time.Second},
		"concurrency":             {limits("0", in60s), low / 2, high},
		"no headers":              {nil, low, high},
		"no date":                 {limits("600", in42s)[1:], low, high},
		"reset now":               {limits("600", serverNow), low, high},
		"reset in the past":       {limits("600", "1780315000"), low, high},
		"reset negative":          {limits("600", "-5"), low, high},
		"reset in the year 3000":  {limits("600", "32503680000"), low, high},
		"reset not a number":      {limits("600", "soon"), low, high},
		"reset with an overflow":  {limits("600", "99999999999999999999"), low, high},
		"milliseconds":            {limits("600", in42s+"000"), low, high},
		"Retry-After seconds":     {[]string{"Retry-After: 7"}, 7 * time.Second, 8 * time.Second},
		"Retry-After zero":        {[]string{"Retry-After: 0"}, 0, high},
		"Retry-After date":        {[]string{"Date: Mon, 01 Jun 2026 12:00:00 GMT", "Retry-After: Mon, 01 Jun 2026 12:00:09 GMT"}, 9 * time.Second, 10 * time.Second},
		"Retry-After past date":   {[]string{"Date: Mon, 01 Jun 2026 12:00:00 GMT", "Retry-After: Mon, 01 Jun 2026 11:00:09 GMT"}, 0, high},
		"Retry-After no Date":     {[]string{"Retry-After: Mon, 01 Jun 2026 12:00:09 GMT"}, low, high},
		"Retry-After and a reset": {append(limits("600", in60s), "Retry-After: 7"), 60 * time.Second, 61 * time.Second},
		"Retry-After too long":    {[]string{"Retry-After: 86400"}, 70 * time.Second, 70 * time.Second},
		"Retry-After huge":        {[]string{"Retry-After: 1000000000000000000"}, 70 * time.Second, 70 * time.Second},
		"Retry-After overflow":    {[]string{"Retry-After: 99999999999999999999999"}, 70 * time.Second, 70 * time.Second},
		"Retry-After negative":    {[]string{"Retry-After: -7"}, low, high},
		"Retry-After words":       {[]string{"Retry-After: 1e18"}, low, high},
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

func TestAWaitThatCannotEndInTimeIsNotBegun(t *testing.T) {
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

func TestContextThatEndsInAWaitKeepsTheAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		server := play(reply(429, limitedJSON, append(limits("600", in42s), "X-Okta-Request-Id: req-1")...))
		time.AfterFunc(10*time.Second, func() { cancel(errors.New("shutting down")) })
		start := time.Now()
		err := get(ctx, newClient(t, server))
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, okta.ErrRateLimited)
		assert.Equal(t, "req-1", requireError(t, err).RequestID)
		assert.Equal(t, 10*time.Second, time.Since(start))

		ctx, cancel = context.WithCancelCause(t.Context())
		time.AfterFunc(10*time.Millisecond, func() { cancel(nil) })
		err = get(ctx, newClient(t, play(lose(errReset))))
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, syscall.ECONNRESET, "the reason of the retry is kept too")
	})
}

func TestContextThatHasEndedSendsNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	client := newClient(t, refuse(t))
	for _, op := range operations {
		_, err := op.call(ctx, client, "a", "b", "c")
		require.ErrorIs(t, err, context.Canceled, op.id)
	}
}

func TestContextThatEndsInAnAttempt(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]responder{"no answer": hang, "no body": stall} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := play(s)
				client := newClient(t, server)
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("custom cause"))
				defer cancel()
				err := get(ctx, client)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.ErrorContains(t, err, "custom cause")

				canceled, stop := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { stop(errors.New("custom cause")) })
				page, err := client.UserGrants.List(canceled, "u", nil)
				require.ErrorIs(t, err, context.Canceled)
				assert.Nil(t, page, "a cancelled read is never an empty list")
				assert.Len(t, server.requests(), 2, "not retried")
			})
		})
	}
}

func TestAttemptTimeout(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]responder{"no answer": hang, "no body": stall} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := play(s, reply(200, grantJSON))
				start := time.Now()
				require.NoError(t, get(t.Context(), newClient(t, server)))
				assert.Less(t, time.Since(start), 31*time.Second, "30 s are the default")
				assert.GreaterOrEqual(t, time.Since(start), 30*time.Second)

				server = play(s)
				err := get(t.Context(), newClient(t, server, noRetries, func(c *okta.Config) { c.AttemptTimeout = time.Second }))
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				require.NotErrorIs(t, err, context.DeadlineExceeded, "the caller's context has not ended")
				require.ErrorContains(t, err, "no complete response within 1s")
			})
		})
	}
}

func TestAttemptTimeoutCanBeSwitchedOff(t *testing.T) {
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
			client = newClient(t, play(hang), noRetries, func(c *okta.Config) { c.HTTPClient.Timeout, c.AttemptTimeout = time.Second, timeout })
			require.ErrorContains(t, get(t.Context(), client), "no complete response within 1s")
		}
	})
}

func TestRevokeThatFindsItsOwnWorkDone(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		steps []responder
		ok    bool
	}{
		"connection lost":                 {[]responder{lose(errReset), reply(404, notFoundJSON)}, true},
		"EOF":                             {[]responder{lose(io.EOF), reply(404, notFoundJSON)}, true},
		"no answer in time":               {[]responder{hang, reply(404, notFoundJSON)}, true},
		"500":                             {[]responder{reply(500, ""), reply(404, notFoundJSON)}, true},
		"503, then 429":                   {[]responder{reply(503, ""), reply(429, ""), reply(404, notFoundJSON)}, true},
		"204 cut short":                   {[]responder{replyCut(204, ""), reply(404, notFoundJSON)}, true},
		"404 cut short":                   {[]responder{lose(errReset), replyCut(404, `{"errorCode":`), reply(404, notFoundJSON)}, false},
		"404 cut short at once":           {[]responder{replyCut(404, `{"errorCode":`), reply(404, notFoundJSON)}, false},
		"at once":                         {[]responder{reply(404, notFoundJSON)}, false},
		"429 before":                      {[]responder{reply(429, ""), reply(404, notFoundJSON)}, false},
		"never connected":                 {[]responder{lose(errRefused), reply(404, notFoundJSON)}, false},
		"read-only mode before":           {[]responder{reply(503, `{"errorCode":"E0000010"}`), reply(404, notFoundJSON)}, false},
		"no such user":                    {[]responder{reply(503, ""), reply(404, `{"errorCode":"E0000007","errorSummary":"Not found: Resource not found: u (User)"}`)}, false},
		"no such client":                  {[]responder{lose(errReset), reply(404, `{"errorCode":"E0000007","errorSummary":"Not found: Resource not found: c (OAuth2Client)"}`)}, false},
		"404 of a proxy":                  {[]responder{lose(errReset), reply(404, "<html>")}, false},
		"404 of a path that is not there": {[]responder{lose(errReset), reply(404, `{"errorCode":"E0000008"}`)}, false},
		"403":                             {[]responder{lose(errReset), reply(403, deniedJSON)}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, op := range operations {
					if op.method != http.MethodDelete {
						continue
					}
					single := strings.HasSuffix(op.route, "Id}")
					_, err := op.call(t.Context(), newClient(t, play(c.steps...)), "a", "b", "c")
					assert.Equal(t, c.ok && single, err == nil, "%s: %v", op.id, err)
				}
				require.Error(t, get(t.Context(), newClient(t, play(c.steps...))))
			})
		})
	}
}

func TestRetryHeaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := play(reply(503, "", "X-Okta-Request-Id: first"), reply(503, "", "X-Okta-Request-Id: second"), reply(200, grantJSON))
		require.NoError(t, get(t.Context(), newClient(t, server)))
		for i, want := range [][2]string{{"", ""}, {"first", "1"}, {"first", "2"}} {
			assert.Equal(t, want[0], server.requests()[i].Header.Get("X-Okta-Retry-For"))
			assert.Equal(t, want[1], server.requests()[i].Header.Get("X-Okta-Retry-Count"))
		}

		for _, first := range []responder{lose(errReset), reply(503, "", "X-Okta-Request-Id: a\x01b"), reply(503, "", "X-Okta-Request-Id: "+strings.Repeat("x", 300))} {
			server = play(first, reply(200, grantJSON))
			require.NoError(t, get(t.Context(), newClient(t, server)))
			assert.Equal(t, "1", server.requests()[1].Header.Get("X-Okta-Retry-Count"))
			assert.Empty(t, server.requests()[1].Header.Values("X-Okta-Retry-For"))
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

// pool is a transport that counts how often its idle connections are closed.
type pool struct {
	http.RoundTripper
	closed int
}

func (p *pool) CloseIdleConnections() { p.closed++ }

func TestTheCallersPoolIsLeftAlone(t *testing.T) {
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
		server := play(with(503, strings.NewReader("x"), nil), with(200, failingReader{}, nil),
			with(200, strings.NewReader("{}"), errors.New("an answer and an error")), with(500, endless{}, nil), with(200, strings.NewReader(grantJSON), nil))
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

package okta_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/grantkit/okta"
)

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

func TestStatusThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	address := rawServer(t, func(_ int, conn net.Conn, _ string) {
		_, _ = io.WriteString(conn, "HTTP/1.1 000 Weird\r\nContent-Length: 0\r\n\r\n")
	})
	var observed okta.Attempt
	err := revoke(t.Context(), newClient(t, nil, atURL(address), noRetries, func(c *okta.Config) {
		c.OnAttempt = func(_ context.Context, r okta.Attempt) { observed = r }
	}))
	require.ErrorContains(t, err, "the response has the status 0")
	require.Error(t, observed.Err)
}

func TestRevokeThatWasNeverSentIsNotTakenForDone(t *testing.T) {
	t.Parallel()
	found := func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n"+notFoundJSON)
	}
	sent := rawServer(t, func(n int, conn net.Conn, _ string) {
		if n > 1 {
			found(conn)
		}
	})
	require.NoError(t, revoke(t.Context(), newClient(t, nil, atURL(sent))), "sent, and lost")

	var asked atomic.Int32
	proxyFails := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
		if asked.Add(1) == 1 {
			return nil, errors.New("no proxy today")
		}
		return nil, nil //nolint:nilnil // how a Proxy function says that there is none
	}}
	notSent := rawServer(t, func(_ int, conn net.Conn, _ string) { found(conn) })
	require.ErrorIs(t, revoke(t.Context(), newClient(t, nil, atURL(notSent), func(c *okta.Config) {
		c.HTTPClient = &http.Client{Transport: proxyFails}
	})), okta.ErrNotFound)

	var dialed atomic.Int32
	noConnection := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if dialed.Add(1) == 1 {
			return nil, io.ErrUnexpectedEOF
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	require.ErrorIs(t, revoke(t.Context(), newClient(t, nil, atURL(notSent), func(c *okta.Config) {
		c.HTTPClient = &http.Client{Transport: noConnection}
	})), okta.ErrNotFound)
}

func TestTokenSourceErrorsAreOneLine(t *testing.T) {
	t.Parallel()
	client := newClient(t, refuse(t), func(c *okta.Config) {
		c.Credentials = okta.TokenSource(tokenFunc(func() (*oauth2.Token, error) {
			return nil, errors.New("oauth2: cannot fetch token: 503\nResponse: <html>\x1b[31m")
		}))
	})
	err := get(t.Context(), client)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "\n")
	assert.NotContains(t, err.Error(), "\x1b")
}

func TestEscapedEchoesOfACredentialAreFound(t *testing.T) {
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

func TestShortCredentialsDoNotDamageAnswers(t *testing.T) {
	t.Parallel()
	client := newClient(t, play(reply(403, deniedJSON)), func(c *okta.Config) { c.Credentials = okta.APIToken("or") })
	apiErr := requireError(t, get(t.Context(), client))
	assert.Equal(t, okta.CodeAccessDenied, apiErr.Code)
	assert.JSONEq(t, deniedJSON, string(apiErr.Body))
}

func TestAnswersDoNotGrowOutOfBounds(t *testing.T) {
	t.Parallel()
	text := "[" + strings.Repeat("{},", 1<<20) + "{}]"
	page, err := newClient(t, play(reply(200, text)), noRetries).UserGrants.List(t.Context(), "u", nil)
	require.ErrorContains(t, err, "more than 400000 objects")
	assert.Nil(t, page)
}

func TestErrorsWithACutBodyKeepTheirStatus(t *testing.T) {
	t.Parallel()
	server := play(replyCut(403, `{"errorCode":"E0000`))
	err := revoke(t.Context(), newClient(t, server))
	require.ErrorIs(t, err, okta.ErrForbidden)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Len(t, server.requests(), 1)
}

func TestCookiesDoNotPileUp(t *testing.T) {
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

func TestRetryForNamesTheFirstAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := play(lose(errReset), reply(503, "", "X-Okta-Request-Id: id2"), reply(503, "", "X-Okta-Request-Id: id3"), reply(204, ""))
		require.NoError(t, revoke(t.Context(), newClient(t, server)))
		assert.Empty(t, server.requests()[1].Header.Get("X-Okta-Retry-For"))
		assert.Equal(t, "id2", server.requests()[2].Header.Get("X-Okta-Retry-For"))
		assert.Equal(t, "id2", server.requests()[3].Header.Get("X-Okta-Retry-For"))
	})
}

func TestJitterDoesNotCostTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			ctx, cancel := context.WithTimeout(t.Context(), 42*time.Second+time.Millisecond)
			server := play(reply(429, limitedJSON, limits("600", in42s)...), reply(204, ""))
			require.NoError(t, revoke(ctx, newClient(t, server)))
			cancel()
		}
	})
}

func TestContextThatEndsAsTheAnswerArrives(t *testing.T) {
	t.Parallel()
	for status, retried := range map[int]bool{503: true, 429: true, 403: false} {
		ctx, cancel := context.WithCancel(t.Context())
		server := play(func(req *http.Request) (*http.Response, error) {
			cancel()
			return reply(status, "")(req)
		})
		err := get(ctx, newClient(t, server))
		assert.Equal(t, status, requireError(t, err).StatusCode)
		assert.Equal(t, retried, errors.Is(err, context.Canceled), "%d", status)
	}
}

func TestCauseOfAContextThatHasEnded(t *testing.T) {
	t.Parallel()
	errStop := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errStop)
	err := get(ctx, newClient(t, refuse(t)))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, errStop)
}

func TestRevokeFoundDoneIsNoFailureToObservers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var failures []error
		client := newClient(t, play(lose(errReset), reply(404, notFoundJSON)), func(c *okta.Config) {
			c.OnAttempt = func(_ context.Context, r okta.Attempt) { failures = append(failures, r.Err) }
		})
		require.NoError(t, revoke(t.Context(), client))
		require.Len(t, failures, 2)
		require.ErrorIs(t, failures[0], errReset)
		require.NoError(t, failures[1])
	})
}

// A server may close an idle connection at any time. Nothing was lost then that is worth a wait.
func TestDeleteOnAConnectionThatTheServerHasClosedIsRetriedAtOnce(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	server := rawServer(t, func(n int, conn net.Conn, _ string) {
		_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		if n == 1 { // takes the second request, and closes without a word
			_, _ = bufio.NewReader(conn).ReadString('\n')
			close(closed)
		}
	})
	var waits []time.Duration
	client := newClient(t, nil, atURL(server), func(c *okta.Config) {
		c.Retry = okta.Retry{MinWait: time.Hour, MaxWait: 2 * time.Hour}
		c.OnAttempt = func(_ context.Context, a okta.Attempt) { waits = append(waits, a.Wait) }
	})
	require.NoError(t, revoke(t.Context(), client))
	require.NoError(t, revoke(t.Context(), client))
	<-closed
	assert.Equal(t, []time.Duration{0, 0, 0}, waits)
}

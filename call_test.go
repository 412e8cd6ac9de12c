package okta_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/grantkit/okta"
)

func TestNilContextIsRefused(t *testing.T) {
	t.Parallel()
	var nothing interface {
		Deadline() (time.Time, bool)
		Done() <-chan struct{}
		Err() error
		Value(any) any
	}
	require.ErrorIs(t, revoke(nothing, newClient(t, refuse(t))), okta.ErrInvalidArgument)
}

func TestContextThatHasEndedSendsNothing(t *testing.T) {
	t.Parallel()
	errStop := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errStop)
	client := newClient(t, refuse(t))
	for _, op := range operations {
		_, err := op.call(ctx, client, "a", "b", "c")
		require.ErrorIs(t, err, context.Canceled, op.id)
		require.ErrorIs(t, err, errStop, op.id)
	}
}

func TestContextEndsInAnAttempt(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]responder{"no response": hang, "no body": stall} {
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

func TestContextEndsAsTheResponseArrives(t *testing.T) {
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

func TestContextEndsInAWait(t *testing.T) {
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

func TestRevokeThatWasDoneBefore(t *testing.T) {
	t.Parallel()
	notFound := func(what string) string {
		return `{"errorCode":"E0000007","errorSummary":"Not found: Resource not found: ` + what + `"}`
	}
	missing := reply(404, notFoundJSON)
	cases := map[string]struct {
		attempts []responder
		ok       bool
	}{
		"connection lost":                 {[]responder{lose(errReset), missing}, true},
		"EOF":                             {[]responder{lose(io.EOF), missing}, true},
		"no response in time":             {[]responder{hang, missing}, true},
		"500":                             {[]responder{reply(500, ""), missing}, true},
		"503, then 429":                   {[]responder{reply(503, ""), reply(429, ""), missing}, true},
		"204 cut short":                   {[]responder{replyCut(204, ""), missing}, true},
		"404 cut short":                   {[]responder{lose(errReset), replyCut(404, "{"), missing}, false},
		"404 cut short at once":           {[]responder{replyCut(404, "{"), missing}, false},
		"at once":                         {[]responder{missing}, false},
		"429 before":                      {[]responder{reply(429, ""), missing}, false},
		"never connected":                 {[]responder{lose(errRefused), missing}, false},
		"read-only mode before":           {[]responder{reply(503, readOnlyJSON), missing}, false},
		"no such user":                    {[]responder{reply(503, ""), reply(404, notFound("u (User)"))}, false},
		"no such client":                  {[]responder{lose(errReset), reply(404, notFound("c (OAuth2Client)"))}, false},
		"another kind of client":          {[]responder{reply(503, ""), reply(404, notFound("c (PublicClientApp)"))}, false},
		"grant as Okta names it":          {[]responder{reply(503, ""), reply(404, notFound("b (OAuth2Grant)"))}, true},
		"token as Okta names it":          {[]responder{reply(503, ""), reply(404, notFound("b.c (OAuth2RefreshTokenTx)"))}, true},
		"404 that names no kind":          {[]responder{reply(503, ""), reply(404, notFound("g"))}, false},
		"user in another spelling":        {[]responder{reply(503, ""), reply(404, notFound("u (com.okta.User)"))}, false},
		"user in a sentence":              {[]responder{lose(errReset), reply(404, strings.Replace(notFound(""), "Resource not found: ", "User not found", 1))}, false},
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
					_, err := op.call(t.Context(), newClient(t, play(c.attempts...)), "a", "b", "c")
					assert.Equal(t, c.ok && single, err == nil, "%s: %v", op.id, err)
				}
				require.Error(t, get(t.Context(), newClient(t, play(c.attempts...))))
			})
		})
	}
}

func TestRevokeThatWasNotSentIsNotDone(t *testing.T) {
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

	var proxied atomic.Int32
	proxyFails := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
		if proxied.Add(1) == 1 {
			return nil, errors.New("no proxy today")
		}
		return nil, nil //nolint:nilnil // how a Proxy function says that there is none
	}}
	notSent := rawServer(t, func(_ int, conn net.Conn, _ string) { found(conn) })
	require.ErrorIs(t, revoke(t.Context(), newClient(t, proxyFails, atURL(notSent))), okta.ErrNotFound)

	var dialed atomic.Int32
	noConnection := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if dialed.Add(1) == 1 {
			return nil, io.ErrUnexpectedEOF
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	require.ErrorIs(t, revoke(t.Context(), newClient(t, noConnection, atURL(notSent))), okta.ErrNotFound)
}

func TestRevokeThatWasDoneBeforeIsObservedAsSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen []okta.Attempt
		client := newClient(t, play(lose(errReset), reply(404, notFoundJSON)), observe(&seen))
		require.NoError(t, revoke(t.Context(), client))
		require.Len(t, seen, 2)
		require.ErrorIs(t, seen[0].Err, errReset)
		require.NoError(t, seen[1].Err)
	})
}

// Several calls may share a context whose cause is the error of one of them, as those of an errgroup do.
func TestCauseOfTheContextIsNotTheCallsOwnError(t *testing.T) {
	t.Parallel()
	missing := revoke(t.Context(), newClient(t, play(reply(404, notFoundJSON))))
	require.ErrorIs(t, missing, okta.ErrNotFound)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(missing)

	err := revoke(ctx, newClient(t, refuse(t)))

	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, okta.ErrNotFound, "nobody knows whether this one exists")
	_, ok := errors.AsType[*okta.Error](err)
	assert.False(t, ok)
	require.ErrorContains(t, err, "404 E0000007", "but it is shown")
}

func TestCauseOfTheContextIsOneLine(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stop\n\x1b[31mnow"))
	require.ErrorContains(t, get(ctx, newClient(t, refuse(t))), "context canceled: stop  [31mnow")
	err := get(ctx, newClient(t, refuse(t)))
	for ; err != nil; err = errors.Unwrap(err) {
		assert.NotContains(t, err.Error(), "\n")
	}
}

// ownTimeout is what a transport returns after a timeout of its own: net.Dialer's and net/http's match
// context.DeadlineExceeded.
type ownTimeout struct{ context.Context }

func (ownTimeout) Error() string   { return "dial timeout" }
func (ownTimeout) Timeout() bool   { return true }
func (ownTimeout) Temporary() bool { return true }
func (ownTimeout) Is(target error) bool {
	return target == context.DeadlineExceeded || target == context.Canceled
}

func TestTimeoutOfATransportIsNotTheEndOfTheContext(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]responder{
		"no response": lose(&net.OpError{Op: "dial", Net: "tcp", Err: ownTimeout{}}),
		"in the body": func(req *http.Request) (*http.Response, error) {
			return response(req, 200, io.NopCloser(io.MultiReader(strings.NewReader("{"), errorReader{ownTimeout{}}))), nil
		},
	} {
		err := get(t.Context(), newClient(t, play(fail), noRetries))
		require.NotErrorIs(t, err, context.DeadlineExceeded, name)
		require.NotErrorIs(t, err, context.Canceled, name)
		timeout, ok := errors.AsType[net.Error](err)
		require.True(t, ok, name)
		assert.True(t, timeout.Timeout(), name)

		ctx, cancel := context.WithCancel(t.Context())
		err = get(ctx, newClient(t, play(func(req *http.Request) (*http.Response, error) {
			cancel()
			return fail(req)
		}), noRetries))
		require.ErrorIs(t, err, context.Canceled, name)
	}
	source := withCredentials(okta.TokenSource(tokenFunc(func() (*oauth2.Token, error) { return nil, ownTimeout{} })))
	err := get(t.Context(), newClient(t, refuse(t), source))
	require.ErrorIs(t, err, okta.ErrAuthentication)
	require.NotErrorIs(t, err, context.DeadlineExceeded)
}

type errorReader struct{ error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.error }

func TestResponseHeaderTimeout(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	address := rawServer(t, func(int, net.Conn, string) { <-done })
	transport := &http.Transport{ResponseHeaderTimeout: 20 * time.Millisecond}
	err := get(t.Context(), newClient(t, transport, atURL(address), noRetries))
	require.ErrorContains(t, err, "timeout awaiting response headers")
	require.NotErrorIs(t, err, context.DeadlineExceeded)
}

// A 401 that led to another token is routine: it must not stop a batch when the connection is lost afterwards.
func TestRoutine401BeforeALostConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		token := reply(200, `{"access_token":"token-of-the-app","token_type":"Bearer","expires_in":3600}`)
		app := okta.ServiceApp{ClientID: "0oa1", PrivateKey: okta.PrivateKeyFromSigner(keys()["P-256"]), Scopes: []string{usersRead}}
		server := play(token, reply(401, invalidTokenJSON), token, lose(errReset))
		err := get(t.Context(), newClient(t, server, withCredentials(app)))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.NotErrorIs(t, err, okta.ErrUnauthorized)
		require.ErrorContains(t, err, "before: okta: GET /api/v1/users/u/grants/g: 401 E0000011")
	})
}

package okta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grantkit/okta/internal/ratelimit"
	"github.com/grantkit/okta/internal/redact"
	"github.com/grantkit/okta/internal/retry"
)

// Attempt describes one HTTP exchange to Config.OnAttempt.
type Attempt struct {
	Operation      string // operationId, such as revokeUserGrant; empty for [Client.Do], [List] and the token endpoint
	Route          string // template of the path, such as /api/v1/users/{userId}/grants/{grantId}: it holds no IDs
	Method         string
	Path           string // escaped, without the query
	StatusCode     int    // 0 if no response came
	RequestID      string // X-Okta-Request-Id
	RateLimit      RateLimit
	Number         int            // counted from 1
	Throttled      time.Duration  // before the attempt was sent, by Config.RateLimiter
	ThrottleReason ThrottleReason // empty if it was not throttled
	Duration       time.Duration  // of the attempt, from sending the request to the end of the response's body
	Err            error          // what is wrong with the attempt, as far as status and body say before they are decoded
	WillRetry      bool           // another attempt follows
	Wait           time.Duration  // before the next attempt, without what Config.RateLimiter adds
}

// engine is what all calls of a client share. Nothing changes it once it is made.
type engine struct {
	root           string // scheme, host and base path of the org, without a trailing slash
	allowHTTP      bool
	credentials    authenticator
	http           http.Client
	userAgent      string
	attemptTimeout time.Duration // none if negative
	retry          retry.Policy
	limiter        *ratelimit.Limiter // nil if disabled
	logger         *slog.Logger
	onAttempt      func(context.Context, Attempt)
}

// Bounds of what is read of one response.
const (
	maxBody      = 32 << 20
	maxErrorBody = 1 << 20
)

// anySuccess accepts every 2xx but 206, which is a part only.
const anySuccess = 0

// request is what a call sends, checked and complete but for the authentication.
type request struct {
	method   string
	url      string   // without the query
	segments []string // of the path below the org's root; nil for the token endpoint
	query    url.Values
	body     []byte
	accepts  int               // the status that means success, or anySuccess
	named    bool              // it is one of the documented operations that have a method here
	single   bool              // it revokes a single grant or token
	token    bool              // it gets an access token: it is retried like a GET, and its response is a secret
	auth     callAuthenticator // nil for one of the client's credentials
	since    time.Time         // when the call began, which is its place in the limiter's queue
}

func (r *request) accepted(status int) bool {
	if r.accepts != anySuccess {
		return status == r.accepts
	}
	return status >= 200 && status < 300 && status != http.StatusPartialContent
}

// repeatable reports whether the request may be sent again without knowing what became of it.
func (r *request) repeatable() bool {
	return r.method == http.MethodGet || r.method == http.MethodDelete || r.token
}

// attempt is one HTTP exchange. It is complete, and does not change, once it is handed on.
type attempt struct {
	*request
	path       string // escaped, without the query
	number     int    // counted from 1
	ticket     *ratelimit.Ticket
	requeued   bool           // it was refused, and the limiter knows how long the next attempt must wait
	uncounted  bool           // and that is no retry to count, since the bucket serves other requests
	secrets    redact.Secrets // of the authentication
	sent       bool
	connection connection
	response   *http.Response // noResponse if none came; its body is in body
	body       *bytes.Buffer
	err        error  // why no response came, or not the whole of an accepted one
	refusal    *Error // what is wrong with the response; nil if nothing is, or if none came
	duration   time.Duration
}

func (a *attempt) requestID() string {
	secrets := a.secrets
	if cursor := a.query.Get("after"); cursor != "" {
		secrets = append(slices.Clip(secrets), cursor)
	}
	return secrets.Scrub(a.response.Header.Get("X-Okta-Request-Id"))
}

// noResponse stands for a response that did not come: its status is 0.
var noResponse = &http.Response{}

// attempt authenticates req, waits until the rate limiter lets it go, sends it and reads the response. The attempt's
// time begins when it is sent.
func (e *engine) attempt(req *http.Request, r *request, number int) *attempt {
	a := &attempt{request: r, path: req.URL.EscapedPath(), number: number, response: noResponse}
	defer func() { r.auth.done(a.response.Header) }()
	defer e.release(a)
	if err := e.prepare(a, req); err != nil {
		a.err = a.hidden().Error(&retry.Final{Err: err})
		return a
	}
	ctx := req.Context()
	if e.attemptTimeout >= 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.attemptTimeout)
		defer cancel()
	}
	if r.method == http.MethodDelete {
		_, traces := e.http.Transport.(*http.Transport)
		ctx = a.connection.trace(ctx, traces)
	}
	a.sent = true
	start := time.Now()
	cause := e.exchange(a, req.WithContext(ctx))
	a.duration = time.Since(start)
	if cause != nil {
		cause = e.explain(req.Context(), ctx, cause)
	}
	a.judge(cause)
	return a
}

// prepare authenticates the request and waits until it may be sent.
func (e *engine) prepare(a *attempt, req *http.Request) (err error) {
	if a.secrets, err = a.auth.authenticate(req.Context(), req); err != nil {
		return err
	}
	if err = e.acquire(a, req); err != nil || a.ticket.Throttled == 0 {
		return err
	}
	a.secrets, err = a.auth.authenticate(req.Context(), req) // a proof has aged while the request was throttled
	return err
}

func (e *engine) acquire(a *attempt, req *http.Request) (err error) {
	if e.limiter == nil {
		a.ticket = &ratelimit.Ticket{}
		return nil
	}
	path := a.path
	if below, ok := strings.CutPrefix(a.url, e.root); ok { // a token endpoint may be elsewhere
		path = below
	}
	bucket, route := ratelimit.BucketOf(a.method, path)
	if a.ticket, err = e.limiter.Acquire(req.Context(), bucket, route, a.since); err != nil {
		return rateLimitError(req.Context(), err, a.number-1)
	}
	return nil
}

// release tells the limiter what came of the request.
func (e *engine) release(a *attempt) {
	switch {
	case a.ticket == nil || e.limiter == nil:
	case !a.sent:
		a.ticket.Cancel()
	default:
		header, ok := ratelimit.Read(a.response.Header)
		a.requeued, a.uncounted = a.ticket.Done(ratelimit.Response{
			Status:    a.response.StatusCode,
			Header:    header,
			HasHeader: ok,
			Unsent:    a.response == noResponse && a.unsent(),
		})
	}
}

// exchange sends the request and reads the whole response.
func (e *engine) exchange(a *attempt, req *http.Request) error {
	resp, err := e.http.Transport.RoundTrip(req)
	if resp == nil {
		return withoutURL(err)
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	defer resp.Body.Close() //nolint:errcheck // nothing is written to it
	if err != nil {
		return withoutURL(err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 999 { // the body of a 101 would be the connection
		return fmt.Errorf("the response has the status %d", resp.StatusCode)
	}
	limit := maxErrorBody
	if a.accepted(resp.StatusCode) && !a.token {
		limit = maxBody
	}
	a.response, a.body = resp, buffers.Get().(*bytes.Buffer) // the pool contains nothing else
	err = readAll(a.body, resp, limit)
	resp.Body = http.NoBody
	return err
}

// maxGuess bounds how much memory a response gets for its Content-Length, before it has shown that much.
const maxGuess = 1 << 20

// readAll reads the body of resp up to a limit. One that is longer is final: it would not be shorter the next time.
func readAll(body *bytes.Buffer, resp *http.Response, limit int) error {
	if resp.ContentLength > 0 {
		body.Grow(int(min(resp.ContentLength, maxGuess)) + bytes.MinRead)
	}
	if resp.Body == http.NoBody {
		return nil
	}
	n, err := body.ReadFrom(io.LimitReader(resp.Body, int64(limit)+1))
	if n > int64(limit) {
		body.Truncate(limit)
		return &retry.Final{Err: fmt.Errorf("the body is longer than %d bytes", limit)}
	}
	return err
}

// buffers hold the bodies of responses until they are decoded, which copies what it keeps. That halves what a list
// allocates.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxPooled is the size up to which a buffer is worth keeping: four full pages of grants.
const maxPooled = 1 << 20

// recycle gives the body's buffer back. Nothing must read the body afterwards.
func (a *attempt) recycle() {
	if a.body.Cap() <= maxPooled {
		a.body.Reset()
		buffers.Put(a.body)
	}
	a.body = nil
}

// withoutURL drops what url.Error adds to a transport's error: the URL.
func withoutURL(err error) error {
	if err == nil {
		return errors.New("the transport returned neither a response nor an error")
	}
	if wrapped, ok := err.(*url.Error); ok { //nolint:errorlint // the outermost alone
		return wrapped.Err
	}
	return err
}

// explain makes an error match the caller's context when that has ended, whatever the transport says, and tells it
// apart from the end of the attempt's own time.
func (e *engine) explain(caller, own context.Context, err error) error {
	if caller.Err() != nil {
		if errors.Is(err, caller.Err()) {
			return err
		}
		return fmt.Errorf("%w: %w", caller.Err(), err)
	}
	if own.Err() != nil {
		return fmt.Errorf("no complete response within %v: %w", e.attemptTimeout, os.ErrDeadlineExceeded)
	}
	return err
}

// judge says what is wrong with the attempt. cause is why there is no response, or why its body is not the whole; of
// an error's body every part counts.
func (a *attempt) judge(cause error) {
	status := a.response.StatusCode
	switch {
	case a.response == noResponse:
		a.err = a.hidden().Error(cause)
	case a.accepted(status) && cause == nil:
	case a.accepted(status):
		a.err = a.hidden().Error(cause)
		a.refusal = a.newError(cause)
	case status < 300:
		a.refusal = a.newError(fmt.Errorf("%s does not respond with this status", a.method))
	case status < 400:
		a.refusal = a.newError(redirected(a.response.Header.Get("Location")))
	default:
		a.refusal = a.newError(cause)
	}
}

// redirected names the origin that a redirect leads to, and nothing more of it.
func redirected(location string) error {
	to, err := url.Parse(location)
	if err != nil || to.Host == "" {
		return errors.New("redirects are not followed")
	}
	return fmt.Errorf("redirects are not followed, this one leads to %s://%s", to.Scheme, to.Host)
}

// newError is the one way from a response to an Error. cause says why a response with an accepted status is an error,
// or why its body is incomplete.
func (a *attempt) newError(cause error) *Error {
	secrets := a.hidden()
	e := &Error{
		StatusCode:        a.response.StatusCode,
		RequestID:         a.requestID(),
		Method:            a.method,
		Path:              a.path,
		RateLimit:         rateLimit(a.response.Header),
		Attempts:          a.number,
		Body:              []byte(a.secrets.Scrub(string(a.body.Bytes()[:min(a.body.Len(), maxErrorBody)]))),
		fromTokenEndpoint: a.token,
	}
	if cause != nil {
		e.cause = secrets.Error(cause)
	}
	if a.token && e.StatusCode < http.StatusMultipleChoices {
		e.Body = []byte(redact.Mark) // it contains an access token
	}
	if e.StatusCode >= http.StatusMultipleChoices {
		e.readBody(a.body.Bytes(), secrets)
		e.readChallenge(a.response.Header, secrets)
	}
	return e
}

// hidden are all that the attempt must not show: the secrets of its authentication, the query, and the cursor.
func (a *attempt) hidden() redact.Secrets {
	if len(a.query) == 0 {
		return a.secrets
	}
	raw := a.query.Encode()
	plain, _ := url.QueryUnescape(raw)
	return append(redact.Secrets{"?" + raw, plain, a.query.Get("after")}, a.secrets...)
}

// failure is what is wrong with the attempt; nil if nothing is.
func (a *attempt) failure() error {
	if a.refusal != nil {
		return a.refusal
	}
	return a.err
}

// outcomeUnknown reports whether the server may have carried the request out although the attempt failed. In
// read-only mode it has not.
func (a *attempt) outcomeUnknown() bool {
	status := a.response.StatusCode
	if status == 0 {
		return !a.unsent()
	}
	if a.refusal != nil && a.refusal.Code == CodeReadOnlyMode {
		return false
	}
	return status >= 500 || status < 300
}

// unsent reports whether an attempt without a response is known not to have reached the server.
func (a *attempt) unsent() bool {
	if dial, ok := errors.AsType[*net.OpError](a.err); ok && dial.Op == "dial" {
		return true
	}
	return a.method == http.MethodDelete && a.connection.wanted.Load() && !a.connection.got.Load()
}

// connection is what the transport tells of the connection to the server, if it tells anything: without one, nothing
// was sent.
type connection struct{ wanted, got, reused, responded atomic.Bool }

// trace returns a context that tells c of the connection. traces is true if the transport is known to tell.
func (c *connection) trace(ctx context.Context, traces bool) context.Context {
	hooks := &httptrace.ClientTrace{
		GotConn:              func(info httptrace.GotConnInfo) { c.got.Store(true); c.reused.Store(info.Reused) },
		GotFirstResponseByte: func() { c.responded.Store(true) },
	}
	if c.wanted.Store(traces); !traces {
		hooks.GetConn = func(string) { c.wanted.Store(true) }
	}
	return httptrace.WithClientTrace(ctx, hooks)
}

// stale reports whether a connection that was used before broke before any byte of a response: the server had closed
// it.
func (a *attempt) stale() bool {
	return a.connection.reused.Load() && !a.connection.responded.Load() && !errors.Is(a.err, os.ErrDeadlineExceeded)
}

// decode hands the body of the response to a decoder.
func decode[T any](a *attempt, decoder func([]byte) (T, error)) (T, error) {
	value, err := decoder(a.body.Bytes())
	if err != nil {
		var none T
		return none, a.newError(err)
	}
	return value, nil
}

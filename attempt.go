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
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grantkit/okta/internal/ratelimit"
	"github.com/grantkit/okta/internal/redact"
	"github.com/grantkit/okta/internal/retry"
)

// Attempt describes one HTTP exchange to Config.OnAttempt.
type Attempt struct {
	Operation      string // operationId, such as revokeUserGrant; empty for a [Request] that names none
	Route          string // template of the path, such as /api/v1/users/{userId}/grants/{grantId}: it holds no IDs
	Bucket         string // rate limit bucket, as in [Client.RateLimits], also if Config.RateLimiter is disabled
	TokenRequest   bool   // it asks the token endpoint for an access token
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

// attempt is one HTTP exchange. Its outcome is response and err: without an error, response is what the operation
// promises; with one, err is an *Error of the response, or says why there is none. It does not change once it is handed
// on.
type attempt struct {
	*request
	shown      string // the escaped path, as errors show it
	number     int    // counted from 1
	ticket     *ratelimit.Ticket
	requeued   bool           // it was refused, and the limiter knows how long the next attempt must wait
	uncounted  bool           // and that is no retry to count, since the bucket serves other requests
	secrets    redact.Secrets // of the authentication
	connection connection
	response   *http.Response // noResponse if none came; its body is in body
	body       *bytes.Buffer
	err        error
	duration   time.Duration
}

// noResponse stands for a response that did not come: its status is 0.
var noResponse = &http.Response{}

// refusal is the error response of the attempt; nil if there is none.
func (a *attempt) refusal() *Error {
	refusal, _ := a.err.(*Error) //nolint:errorlint // an error that wraps one is no response
	return refusal
}

// broken is why no response came, or not the whole of a successful one; nil if the status says what is wrong.
func (a *attempt) broken() error {
	if a.response == noResponse || a.succeeds(a.response.StatusCode) {
		return a.err
	}
	return nil
}

func (a *attempt) requestID() string {
	secrets := a.secrets
	if cursor := a.query.Get("after"); cursor != "" {
		secrets = append(slices.Clip(secrets), cursor)
	}
	return secrets.Scrub(a.response.Header.Get("X-Okta-Request-Id"))
}

// prepare authenticates the request and waits until it may be sent.
func (k *call) prepare(a *attempt, req *http.Request) (err error) {
	if a.secrets, err = k.auth.authenticate(k.ctx, req); err != nil {
		return k.notAuthenticated(a, err)
	}
	a.ticket = &ratelimit.Ticket{}
	if k.engine.limiter == nil {
		return nil
	}
	if a.ticket, err = k.engine.limiter.Acquire(k.ctx, k.bucket, k.method+" "+k.route, k.since); err != nil {
		return rateLimitError(k.ctx, err, k.sent)
	}
	if a.ticket.Throttled == 0 {
		return nil
	}
	if a.secrets, err = k.auth.authenticate(k.ctx, req); err != nil { // a proof has aged while the request was throttled
		return k.notAuthenticated(a, err)
	}
	return nil
}

// notAuthenticated is the error of an attempt that could not be authenticated.
func (k *call) notAuthenticated(a *attempt, err error) error {
	if k.ctx.Err() == nil {
		err = foreign{err}
	}
	return a.hidden().Error(err)
}

// release gives the ticket back to the limiter, with what came of the request.
func (k *call) release(a *attempt) {
	switch {
	case a.ticket == nil || k.engine.limiter == nil:
	case k.sent < a.number:
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

// exchange sends the request and reads the whole response, within the time of one attempt. The error says why no
// response came, or only a part of its body.
func (k *call) exchange(a *attempt, req *http.Request) error {
	ctx := k.ctx
	if k.engine.attemptTimeout >= 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, k.engine.attemptTimeout)
		defer cancel()
	}
	if k.method == http.MethodDelete {
		ctx = a.connection.trace(ctx, k.engine.http.Transport)
	}
	resp, err := k.engine.http.Transport.RoundTrip(req.WithContext(ctx))
	if resp == nil {
		return k.explain(a, err, ctx.Err() != nil)
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	defer resp.Body.Close() //nolint:errcheck // nothing is written to it
	if err != nil {
		return k.explain(a, err, ctx.Err() != nil)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 999 { // the body of a 101 would be the connection
		return fmt.Errorf("the response has the status %d", resp.StatusCode)
	}
	limit := maxErrorBody
	if k.succeeds(resp.StatusCode) && !k.token {
		limit = maxBody
	}
	a.response, a.body = resp, buffers.Get().(*bytes.Buffer) // the pool contains nothing else
	err = readAll(a.body, resp, limit)
	resp.Body = http.NoBody
	if err != nil {
		return k.explain(a, err, ctx.Err() != nil)
	}
	return nil
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

// explain makes an error of the transport fit to be shown. It matches the error of a context only if the caller's has
// ended: the end of the attempt's own time, which timedOut reports, and a timeout of the transport are not the caller's.
func (k *call) explain(a *attempt, err error, timedOut bool) error {
	if err == nil {
		return errors.New("the transport returned neither a response nor an error")
	}
	if end := k.ctx.Err(); end != nil {
		if errors.Is(err, end) || errors.Is(err, context.Cause(k.ctx)) {
			return ended(k.ctx)
		}
		return fmt.Errorf("%w: %w", ended(k.ctx), a.clean(err))
	}
	if timedOut {
		return fmt.Errorf("no complete response within %v: %w", k.engine.attemptTimeout, os.ErrDeadlineExceeded)
	}
	return a.clean(err)
}

// clean makes an error of a transport fit to be shown: without the URL that url.Error adds, and without secrets.
func (a *attempt) clean(err error) error {
	if wrapped, ok := err.(*url.Error); ok { //nolint:errorlint // the outermost alone
		err = wrapped.Err
	}
	return foreign{a.hidden().Error(err)}
}

// judge returns what is wrong with the attempt; nil if nothing is. cause is why there is no response, or why its body
// is not the whole; of an error's body every part counts.
func (k *call) judge(a *attempt, cause error) error {
	status := a.response.StatusCode
	switch {
	case a.response == noResponse:
		return cause
	case k.succeeds(status) && cause == nil:
		return nil
	case k.succeeds(status):
		return a.newError(cause)
	case status < 300:
		return a.newError(fmt.Errorf("%s does not respond with this status", k.method))
	case status < 400:
		return a.newError(redirected(a.response.Header.Get("Location")))
	}
	refusal := a.newError(cause)
	if k.single && k.unknown && refusal.saysRevoked() { // by an earlier attempt of this call
		return nil
	}
	return refusal
}

// saysRevoked reports whether a response says that a grant or a token does not exist. That the user, the client or the
// server does not exist is another matter, and so is a 404 that does not say what is missing.
func (e *Error) saysRevoked() bool {
	return e.StatusCode == http.StatusNotFound && e.Code == CodeNotFound && revocable.MatchString(e.Resource)
}

// revocable matches the types of what can be revoked one by one, such as OAuth2Grant and OAuth2RefreshTokenTx.
var revocable = regexp.MustCompile(`^OAuth2\w*(Grant|Token|TokenTx)$`)

// redirected names the origin that a redirect leads to, and nothing more of it.
func redirected(location string) error {
	to, err := url.Parse(location)
	if err != nil || to.Host == "" {
		return errors.New("redirects are not followed")
	}
	return fmt.Errorf("redirects are not followed, this one leads to %s://%s", to.Scheme, to.Host)
}

// newError is the one way from a response to an Error. cause says why a response with a status that means success is an
// error, or why its body is incomplete.
func (a *attempt) newError(cause error) *Error {
	secrets := a.hidden()
	e := &Error{
		StatusCode:        a.response.StatusCode,
		RequestID:         a.requestID(),
		Method:            a.method,
		Path:              a.shown,
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

// outcomeUnknown reports whether the server may have carried the request out although the attempt failed. In
// read-only mode it has not.
func (a *attempt) outcomeUnknown() bool {
	status := a.response.StatusCode
	if status == 0 {
		return !a.unsent()
	}
	if refusal := a.refusal(); refusal != nil && refusal.Code == CodeReadOnlyMode {
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

// trace returns a context that tells c of the connection. A transport of net/http is known to tell; another may not.
func (c *connection) trace(ctx context.Context, transport http.RoundTripper) context.Context {
	_, traces := transport.(*http.Transport)
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
// it. A connection on which nothing came in time did not break.
func (a *attempt) stale() bool {
	if timeout, ok := errors.AsType[net.Error](a.err); ok && timeout.Timeout() {
		return false
	}
	return a.connection.reused.Load() && !a.connection.responded.Load()
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

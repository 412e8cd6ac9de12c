package okta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grantkit/okta/internal/ratelimit"
	"github.com/grantkit/okta/internal/retry"
	"github.com/grantkit/okta/internal/wire"
)

// Bounds of what is read of one answer.
const (
	maxAnswer      = 32 << 20
	maxErrorAnswer = 1 << 20
)

// attempt is one HTTP exchange.
type attempt struct {
	call       *call
	number     int // counted from 1
	ticket     *ratelimit.Ticket
	again      bool        // refused, and the limiter knows how long to wait
	free       bool        // and that is no retry to count
	sent       http.Header // nil if nothing was sent
	secrets    []string    // in what was sent
	connection connection
	status     int // 0 if no answer came
	header     http.Header
	requestID  string
	body       *bytes.Buffer // nil if no answer came
	truncated  error         // why the body of an error is not the whole
	limits     ratelimit.Header
	hasLimits  bool
	rateLimit  RateLimit     // limits, for the caller
	reset      time.Duration // until the rate limit's window ends; 0 if unknown
	err        error         // why there is no answer, or not the whole of a welcome one
	duration   time.Duration
}

// make signs the request in, waits until it may go, and sends it. Only then does the attempt's time begin.
func (a *attempt) make(req *http.Request) (*http.Response, error) {
	defer a.release()
	out, err := a.prepare(req)
	if err != nil {
		a.err = a.clean(&retry.Final{Err: err})
		return nil, a.err
	}
	ctx, cancel := a.call.client.bound(out.Context())
	defer cancel()
	if a.call.what == one {
		ctx = a.connection.trace(ctx)
	}
	a.sent = out.Header
	start := time.Now()
	resp, err := a.exchange(out.WithContext(ctx))
	a.duration = time.Since(start)
	if err != nil {
		a.err = a.clean(a.explain(ctx, err))
		return nil, a.err
	}
	return resp, nil
}

// prepare returns the request that may go now.
func (a *attempt) prepare(req *http.Request) (*http.Request, error) {
	out := req.Clone(req.Context()) // attempts must not share a header
	a.call.setHeader(out.Header)
	if err := a.sign(out); err != nil {
		return nil, err
	}
	if err := a.acquire(req.Context()); err != nil {
		return nil, err
	}
	if a.ticket.Throttled == 0 {
		return out, nil
	}
	return out, a.sign(out) // what was signed before the wait has aged
}

func (a *attempt) sign(req *http.Request) (err error) {
	a.secrets, err = a.call.signer.sign(req.Context(), req)
	return err
}

// acquire waits until the rate limit has room for the request.
func (a *attempt) acquire(ctx context.Context) error {
	k := a.call
	if k.client.limiter == nil {
		a.ticket = &ratelimit.Ticket{}
		return nil
	}
	var err error
	a.ticket, err = k.client.limiter.Acquire(ctx, k.bucket, k.route, k.since)
	limited, ok := errors.AsType[*ratelimit.Error](err)
	switch {
	case !ok:
		return err
	case limited.Err != nil:
		return fmt.Errorf("%w: %w", ended(ctx), &limitedError{limited})
	}
	return &limitedError{limited}
}

// release tells the limiter what came of the request.
func (a *attempt) release() {
	switch {
	case a.ticket == nil || a.call.client.limiter == nil:
	case a.sent == nil:
		a.ticket.Cancel()
	default:
		a.again, a.free = a.ticket.Done(ratelimit.Response{
			Status: a.status, Header: a.limits, HasHeader: a.hasLimits, Unsent: a.status == 0 && a.unsent(),
		})
	}
}

// limitedError is a call that the limiter did not let go.
type limitedError struct{ err *ratelimit.Error }

func (e *limitedError) Error() string { return e.err.Error() }

func (*limitedError) Is(target error) bool { return target == ErrRateLimited }

// bound gives one attempt its time.
func (c *Client) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.attemptTimeout < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.attemptTimeout)
}

// exchange sends the request and reads the whole answer.
func (a *attempt) exchange(req *http.Request) (*http.Response, error) {
	resp, err := a.call.client.http.Transport.RoundTrip(req)
	if resp == nil {
		return nil, withoutURL(err)
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	defer resp.Body.Close() //nolint:errcheck // nothing is written to it
	if err != nil {
		return nil, withoutURL(err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 999 { // the body of a 101 would be the connection
		return nil, fmt.Errorf("the answer has the status %d", resp.StatusCode)
	}
	a.status, a.header = resp.StatusCode, resp.Header
	a.requestID = scrub(resp.Header.Get("X-Okta-Request-Id"), a.secrets)
	a.readLimits()
	err = a.readBody(resp)
	if a.truncated != nil {
		a.truncated = a.explain(req.Context(), a.truncated)
	}
	resp.Body = http.NoBody
	return resp, err
}

func (a *attempt) readLimits() {
	a.limits, a.hasLimits = ratelimit.Read(a.header)
	a.rateLimit = rateLimit(a.limits)
	if wait, ok := a.limits.UntilReset(); ok && !a.limits.Concurrency() {
		a.reset = wait
	}
}

// readBody reads the whole body of a welcome answer. Of an error's body it reads what it can: the status counts.
func (a *attempt) readBody(resp *http.Response) error {
	welcome := a.call.accepted(resp.StatusCode)
	limit := maxErrorAnswer
	if welcome && !a.call.signIn {
		limit = maxAnswer
	}
	a.body = buffers.Get().(*bytes.Buffer) // it holds nothing else
	err := readAll(a.body, resp, limit)
	if !welcome {
		a.truncated = err
		return nil
	}
	if err == nil && endsWithConnection(resp) && wire.CutShort(a.body.Bytes()) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// maxGuess bounds how much memory an answer gets for what it says of its length, before it has shown it.
const maxGuess = 1 << 20

// readAll reads the body of resp up to a limit. One that is longer is final: it would not be shorter the next time.
func readAll(body *bytes.Buffer, resp *http.Response, limit int) error {
	if resp.ContentLength > 0 {
		body.Grow(int(min(resp.ContentLength, maxGuess)) + bytes.MinRead)
	}
	n, err := body.ReadFrom(io.LimitReader(resp.Body, int64(limit)+1))
	if n > int64(limit) {
		body.Truncate(limit)
		return &retry.Final{Err: fmt.Errorf("the body is longer than %d bytes", limit)}
	}
	return err
}

// buffers hold the bodies of answers until they are decoded, which copies what it keeps. That halves what a list allocates.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxPooled is the size up to which a buffer is worth keeping: four full pages of grants.
const maxPooled = 1 << 20

// recycle gives the body's buffer back. Nothing must read the attempt afterwards.
func (a *attempt) recycle() {
	if a.body.Cap() <= maxPooled {
		a.body.Reset()
		buffers.Put(a.body)
	}
	a.body = nil
}

// endsWithConnection reports whether nothing but the end of the connection ends the body, so that a lost one looks like it.
func endsWithConnection(resp *http.Response) bool {
	return resp.ContentLength < 0 && len(resp.TransferEncoding) == 0 && resp.ProtoMajor == 1 && !resp.Uncompressed
}

// withoutURL drops what url.Error adds to a transport's error: the URL.
func withoutURL(err error) error {
	if err == nil {
		return errors.New("the transport returned no answer and no error")
	}
	if wrapped, ok := err.(*url.Error); ok { //nolint:errorlint // the outermost alone
		return wrapped.Err
	}
	return err
}

// explain makes an error match the caller's context when that has ended, whatever the transport says, and tells it
// apart from the end of the attempt's own time.
func (a *attempt) explain(ctx context.Context, err error) error {
	caller := a.call.ctx
	if caller.Err() != nil {
		if errors.Is(err, caller.Err()) {
			return err
		}
		return fmt.Errorf("%w: %w", caller.Err(), err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("no complete answer within %v: %w", a.call.client.attemptTimeout, os.ErrDeadlineExceeded)
	}
	return err
}

// cleanError is an error whose text is fit to be shown: one line, without secrets and without the query.
type cleanError struct {
	text string
	err  error
}

func (e *cleanError) Error() string { return e.text }

func (e *cleanError) Unwrap() error { return e.err }

// clean keeps err but for its text, in which transports quote what they please of requests and answers.
func (a *attempt) clean(err error) error {
	text := strings.TrimPrefix(err.Error(), "okta: ") // it will stand in another error of the SDK
	text = quotedAnswer.ReplaceAllString(text, "$1")
	return &cleanError{text: oneLine(a.hide(text)), err: err}
}

// quotedAnswer matches what net/http shows of an answer that it cannot read, which may be a token or a cursor.
var quotedAnswer = regexp.MustCompile(`(?s)(malformed [A-Za-z][\w/. -]*?)\s*[:"].*`)

// hide removes the secrets, the query and the cursor of the request from a text.
func (a *attempt) hide(text string) string {
	if query := a.call.rawQuery; query != "" {
		text = strings.ReplaceAll(text, "?"+query, "")
		text = scrub(text, []string{query, a.call.query.Get("after")})
	}
	return scrub(text, a.secrets)
}

// failure returns what is wrong with an attempt: an *Error if an answer came, whatever else if none did.
func (a *attempt) failure() error {
	switch {
	case a.status == 0:
		return a.err
	case a.err != nil:
		return newError(a, a.err)
	case a.call.accepted(a.status):
		return nil
	case a.status < 300:
		return newError(a, fmt.Errorf("%s does not answer with this status", a.call.method))
	case a.status < 400:
		return newError(a, redirected(a.header.Get("Location")))
	}
	return newError(a, a.truncated)
}

// redirected names the origin that a redirect leads to, and nothing more of it.
func redirected(location string) error {
	to, err := url.Parse(location)
	if err != nil || to.Host == "" {
		return errors.New("redirects are not followed")
	}
	return fmt.Errorf("redirects are not followed, this one leads to %s://%s", to.Scheme, to.Host)
}

// outcomeUnknown reports whether the server may have carried the request out although the attempt failed. In read-only mode
// it has not.
func (a *attempt) outcomeUnknown(answer *Error) bool {
	switch {
	case a.status == 0:
		return !a.unsent()
	case answer != nil && answer.Code == CodeReadOnlyMode:
		return false
	}
	return a.status >= 500 || a.status < 300
}

// unsent reports whether an attempt without an answer is known not to have reached the server.
func (a *attempt) unsent() bool {
	if dial, ok := errors.AsType[*net.OpError](a.err); ok && dial.Op == "dial" {
		return true
	}
	if a.call.what != one || a.connection.got.Load() {
		return false
	}
	_, traces := a.call.client.http.Transport.(*http.Transport)
	return traces || a.connection.wanted.Load()
}

// connection is what the transport tells of the way to the server, if it tells anything: without one, nothing was sent.
type connection struct{ wanted, got atomic.Bool }

func (c *connection) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { c.wanted.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { c.got.Store(true) },
	})
}

// decode hands the body of the answer to a decoder.
func decode[T any](a *attempt, decoder func([]byte) (T, error)) (T, error) {
	value, err := decoder(a.body.Bytes())
	if err != nil {
		var none T
		return none, newError(a, err)
	}
	return value, nil
}

// isToken reports whether s can be sent back in a header.
func isToken(s string) bool { return s != "" && len(s) <= 256 && checkToken(s) == nil }

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
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/grantkit/okta/internal/ratelimit"
	"github.com/grantkit/okta/internal/retry"
	"github.com/grantkit/okta/internal/wire"
)

// Response describes one attempt to Config.OnResponse.
type Response struct {
	Method     string
	Path       string        // escaped, without the query
	StatusCode int           // 0 if no answer came
	RequestID  string        // X-Okta-Request-Id
	RateLimit  RateLimit     // zero if the answer did not say
	Attempt    int           // counted from 1
	Duration   time.Duration // of the attempt, the reading of its answer included
	Err        error         // what is wrong with the attempt; nil if nothing is
	Wait       time.Duration // before the next attempt; 0 if this was the last
}

// RateLimit is what an answer says of the bucket in which Okta counted its request.
type RateLimit struct {
	Limit     int       // requests in a window of one minute
	Remaining int       // requests left in it
	Reset     time.Time // when the next window begins, by Okta's clock
}

// Bounds of what is read of one answer.
const (
	maxAnswer      = 32 << 20
	maxErrorAnswer = maxErrorBody
)

// anySuccess accepts every 2xx but 206, which is a part only.
const anySuccess = 0

// request is what a call sends, checked and complete but for the credentials.
type request struct {
	method  string
	path    string // escaped
	query   url.Values
	body    []byte
	accepts int // the status that means success, or anySuccess
	what    reach
}

func (r request) accepted(status int) bool {
	if r.accepts != anySuccess {
		return status == r.accepts
	}
	return status >= 200 && status < 300 && status != http.StatusPartialContent
}

// call is one request and the attempts that are made of it. As an http.RoundTripper, it makes one attempt.
type call struct {
	request
	client  *Client
	ctx     context.Context // of the caller; the call lives no longer than the function that was given it
	attempt *attempt        // the latest
	first   string          // request ID of the first answer
	answer  *Error          // the latest answer, when that was an error
	unknown bool            // some attempt may or may not have been carried out
	waiting bool            // another attempt was to follow
}

// attempt is one HTTP exchange.
type attempt struct {
	call      *call
	number    int // counted from 1
	sent      http.Header
	status    int // 0 if no answer came
	header    http.Header
	body      []byte
	rateLimit RateLimit
	reset     time.Duration // until the rate limit's window ends; 0 if unknown
	err       error         // why there is no answer, or not the whole of it
	duration  time.Duration
}

// send makes the call: the one way in which a request goes out and an answer comes back.
func (c *Client) send(ctx context.Context, r request) (*attempt, error) {
	address := c.root + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, invalid("the request cannot be made: %v", err)
	}
	k := &call{request: r, client: c, ctx: ctx}
	k.path = req.URL.EscapedPath()
	if err := ctx.Err(); err != nil {
		return nil, k.failed(err)
	}
	transport := c.http
	transport.Transport = k
	err = retry.Run(transport, req, k.next)
	return k.result(err)
}

// RoundTrip makes one attempt. The answer's body is read here, so that one that breaks off counts as a failed attempt.
func (k *call) RoundTrip(req *http.Request) (*http.Response, error) {
	a := &attempt{call: k, number: k.attempts() + 1}
	k.attempt, k.waiting = a, false
	ctx, cancel := k.bound(req.Context())
	defer cancel()
	out := req.Clone(ctx) // attempts must not share a header
	if a.err = k.sign(out); a.err != nil {
		return nil, a.err
	}
	a.sent = out.Header
	start := time.Now()
	resp, err := a.exchange(out)
	a.duration = time.Since(start)
	if a.err = k.explain(ctx, err); a.err != nil {
		return nil, a.err
	}
	return resp, nil
}

func (k *call) attempts() int {
	if k.attempt == nil {
		return 0
	}
	return k.attempt.number
}

func (k *call) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if k.client.attemptTimeout < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, k.client.attemptTimeout)
}

// sign sets the headers of one attempt.
func (k *call) sign(req *http.Request) error {
	authorization, err := k.client.credentials.authorization()
	if err != nil {
		return &retry.Final{Err: err}
	}
	req.Header.Set("Authorization", authorization)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", k.client.userAgent)
	if k.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if retries := k.attempts() - 1; retries > 0 {
		req.Header.Set("X-Okta-Retry-Count", strconv.Itoa(retries))
		if k.first != "" {
			req.Header.Set("X-Okta-Retry-For", k.first)
		}
	}
	return nil
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
	a.status, a.header = resp.StatusCode, resp.Header
	if limits, ok := ratelimit.Read(resp.Header); ok {
		a.rateLimit = RateLimit{Limit: limits.Limit, Remaining: limits.Remaining, Reset: limits.Reset}
		if wait, ok := limits.UntilReset(); ok && !limits.Concurrency() {
			a.reset = wait
		}
	}
	if err == nil {
		a.body, err = a.read(resp)
	}
	resp.Body = http.NoBody
	return resp, err
}

// read returns the body of resp. One that is too long is final: it would not be shorter the next time.
func (a *attempt) read(resp *http.Response) ([]byte, error) {
	limit := maxErrorAnswer
	if a.call.accepted(resp.StatusCode) {
		limit = maxAnswer
	}
	var body bytes.Buffer
	if resp.ContentLength > 0 {
		body.Grow(int(min(resp.ContentLength, int64(limit))) + bytes.MinRead)
	}
	n, err := body.ReadFrom(io.LimitReader(resp.Body, int64(limit)+1))
	if n > int64(limit) {
		return body.Bytes()[:limit], &retry.Final{Err: fmt.Errorf("the body is longer than %d bytes", limit)}
	}
	return body.Bytes(), err
}

// withoutURL drops what url.Error adds to a transport's error: the URL, whose query is nobody else's business.
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
func (k *call) explain(attempt context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ended := k.ctx.Err(); ended != nil {
		if errors.Is(err, ended) {
			return err
		}
		return fmt.Errorf("%w: %w", ended, err)
	}
	if attempt.Err() != nil {
		return fmt.Errorf("no complete answer within %v: %w", k.client.attemptTimeout, os.ErrDeadlineExceeded)
	}
	return err
}

// next takes stock of the latest attempt and decides whether another follows.
func (k *call) next() (time.Duration, bool) {
	a := k.attempt
	if a == nil || a.sent == nil || k.waiting { // nothing was sent
		return 0, false
	}
	if a.number == 1 && isToken(a.requestID()) {
		k.first = a.requestID()
	}
	k.unknown = k.unknown || a.outcomeUnknown()
	err := a.failure()
	if answer, ok := errors.AsType[*Error](err); ok {
		k.answer = answer
	}
	wait, again := k.wait(a, err)
	k.waiting = again
	k.observe(a, err, wait, again)
	return wait, again
}

func (k *call) wait(a *attempt, err error) (time.Duration, bool) {
	if err == nil || k.method != http.MethodGet && k.method != http.MethodDelete {
		return 0, false
	}
	return k.client.retry.Wait(k.ctx, a.number, retry.Attempt{Status: a.status, Header: a.header, Err: a.err, Reset: a.reset})
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
	case a.status >= 200 && a.status < 300:
		return newError(a, fmt.Errorf("%s does not answer with this status", a.call.method))
	case a.status >= 300 && a.status < 400:
		return newError(a, redirected(a.header.Get("Location")))
	}
	return newError(a, nil)
}

// redirected names the origin that a redirect leads to, and nothing more of it.
func redirected(location string) error {
	to, err := url.Parse(location)
	if err != nil || to.Host == "" {
		return errors.New("redirects are not followed")
	}
	return fmt.Errorf("redirects are not followed, this one leads to %s://%s", to.Scheme, to.Host)
}

// outcomeUnknown reports whether the server may have carried the request out although the attempt failed.
func (a *attempt) outcomeUnknown() bool {
	if a.status == 0 {
		dial, ok := errors.AsType[*net.OpError](a.err)
		return !ok || dial.Op != "dial"
	}
	return a.status >= 500 || a.status < 300
}

// alreadyGone reports whether a single revoke found nothing because an earlier attempt of the same call has done it.
func (k *call) alreadyGone() bool {
	a := k.attempt
	return k.what == one && k.method == http.MethodDelete && a.number > 1 && k.unknown &&
		a.status == http.StatusNotFound && k.answer.Code == CodeNotFound
}

// result is what the call comes to, with all that is known of a failure. ended is why the loop ended.
func (k *call) result(ended error) (*attempt, error) {
	a := k.attempt
	switch {
	case a == nil:
		return nil, k.failed(ended)
	case k.waiting && a.status == 0:
		return nil, k.failed(fmt.Errorf("%w; the attempt before: %w", ended, a.err))
	case k.waiting:
		return nil, k.failed(ended)
	case a.status == 0:
		return nil, k.failed(a.err)
	case a.err == nil && k.accepted(a.status), k.alreadyGone():
		return a, nil
	}
	return nil, k.answer
}

// failed wraps the reason why a call got no answer. What an earlier attempt was told is not lost.
func (k *call) failed(reason error) error {
	tries := ""
	if n := k.attempts(); n > 1 {
		tries = fmt.Sprintf(" [%d attempts]", n)
	}
	if k.answer == nil {
		return fmt.Errorf("okta: %s %s: %w%s", k.method, k.path, reason, tries)
	}
	return fmt.Errorf("okta: %s %s: %w%s; the answer before: %w", k.method, k.path, reason, tries, k.answer)
}

// observe tells the logger and OnResponse of one attempt.
func (k *call) observe(a *attempt, err error, wait time.Duration, again bool) {
	attrs := []slog.Attr{
		slog.String("method", k.method),
		slog.String("path", k.path),
		slog.Int("status", a.status),
		slog.String("request_id", a.requestID()),
		slog.Int("attempt", a.number),
		slog.Duration("duration", a.duration),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	k.client.logger.LogAttrs(k.ctx, slog.LevelDebug, "okta: attempt", attrs...)
	if again {
		attrs = append(attrs, slog.Duration("wait", wait))
		k.client.logger.LogAttrs(k.ctx, slog.LevelWarn, "okta: retry", attrs...)
	}
	if k.client.onResponse == nil {
		return
	}
	k.client.onResponse(Response{
		Method:     k.method,
		Path:       k.path,
		StatusCode: a.status,
		RequestID:  a.requestID(),
		RateLimit:  a.rateLimit,
		Attempt:    a.number,
		Duration:   a.duration,
		Err:        err,
		Wait:       wait,
	})
}

func (a *attempt) requestID() string { return a.header.Get("X-Okta-Request-Id") }

// decodeObject decodes the answer, which must be one JSON object, into out.
func (a *attempt) decodeObject(out any) error {
	if err := wire.Object(a.body, out); err != nil {
		return newError(a, err)
	}
	return nil
}

// isToken reports whether s can be sent back in a header.
func isToken(s string) bool { return s != "" && len(s) <= 256 && checkToken(s) == nil }

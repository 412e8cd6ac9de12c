package okta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/grantkit/okta/internal/ratelimit"
	"github.com/grantkit/okta/internal/retry"
)

// Attempt describes one HTTP exchange to Config.OnAttempt.
type Attempt struct {
	Method         string
	Path           string         // escaped, without the query
	StatusCode     int            // 0 if no answer came
	RequestID      string         // X-Okta-Request-Id
	RateLimit      RateLimit      // zero if the answer did not say
	Number         int            // counted from 1
	Throttled      time.Duration  // before the attempt was sent, by Config.RateLimiter
	ThrottleReason ThrottleReason // empty if it was not throttled
	Duration       time.Duration  // of the attempt, the reading of its answer included
	Err            error          // what is wrong with the attempt; nil if nothing is
	Wait           time.Duration  // before the next attempt; 0 if this was the last
}

// RateLimit is what an answer says of the bucket in which Okta counted its request.
type RateLimit struct {
	Limit     int       // requests in a window of one minute
	Remaining int       // requests left in it
	Reset     time.Time // when the next window begins, by Okta's clock
}

// ThrottleReason says why Config.RateLimiter delays a request.
type ThrottleReason string

// The reasons for which a request is delayed.
const (
	ThrottleWindow      ThrottleReason = "window"      // the window has no room left
	ThrottleShare       ThrottleReason = "share"       // the client's share of the window is used up
	ThrottleProbe       ThrottleReason = "probe"       // nothing is known of the window, and another request is finding out
	ThrottleConcurrency ThrottleReason = "concurrency" // Okta refused to serve so many requests at once
	ThrottleRefusal     ThrottleReason = "refusal"     // Okta refused a request and did not say until when
)

func rateLimit(h ratelimit.Header) RateLimit {
	return RateLimit{Limit: h.Limit, Remaining: h.Remaining, Reset: h.Reset}
}

// anySuccess accepts every 2xx but 206, which is a part only.
const anySuccess = 0

// request is what a call sends, checked and complete but for the credentials.
type request struct {
	method  string
	url     string // without the query
	query   url.Values
	body    []byte
	accepts int // the status that means success, or anySuccess
	what    reach
	signIn  bool   // it asks the token endpoint, is retried like a GET, and its answer is a secret
	signer  signer // nil for one of the client's session
}

func (r request) accepted(status int) bool {
	if r.accepts != anySuccess {
		return status == r.accepts
	}
	return status >= 200 && status < 300 && status != http.StatusPartialContent
}

// repeatable reports whether the request may be sent again without knowing what became of it.
func (r request) repeatable() bool {
	return r.method == http.MethodGet || r.method == http.MethodDelete || r.signIn
}

// call is one request and the attempts that are made of it.
type call struct {
	request
	client   *Client
	ctx      context.Context // of the caller; the call lives no longer than the function that was given it
	path     string          // escaped
	bucket   string          // of the rate limit
	route    string
	since    time.Time // when it began
	rawQuery string
	attempt  *attempt // the latest; nil before the first
	retries  int      // so far; a renewed sign-in is none
	first    string   // the first request ID that came
	answer   *Error   // the latest answer, when that was an error
	unknown  bool     // some attempt may or may not have been carried out
	waiting  bool     // another attempt was to follow
}

// send makes the call: the one way in which a request goes out and an answer comes back.
func (c *Client) send(ctx context.Context, r request) (*attempt, error) {
	if ctx == nil {
		return nil, invalid("the context is nil")
	}
	address := r.url
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, invalid("no request can be made of the path") // err would show the query
	}
	k := &call{request: r, client: c, ctx: ctx, path: req.URL.EscapedPath(), rawQuery: req.URL.RawQuery}
	k.bucket, k.route = c.bucket(req)
	k.since = time.Now()
	if k.signer == nil {
		k.signer = c.session.newSigner()
	}
	if ctx.Err() != nil {
		return nil, k.failed(ended(ctx))
	}
	transport := c.http
	transport.Transport = k
	err = retry.Run(transport, req, k.next)
	return k.result(err)
}

// bucket names the rate limit bucket of a request, which may be to a token endpoint elsewhere.
func (c *Client) bucket(req *http.Request) (bucket, route string) {
	path := req.URL.EscapedPath()
	address := req.URL.Scheme + "://" + req.URL.Host + path
	if below, ok := strings.CutPrefix(address, c.root); ok {
		path = below
	}
	return ratelimit.BucketOf(req.Method, path)
}

// RoundTrip makes one attempt. As the transport of go-retryablehttp's client, it is what that repeats. The answer's body is
// read here, so that one that breaks off counts as a failed attempt.
func (k *call) RoundTrip(req *http.Request) (*http.Response, error) {
	k.attempt, k.waiting = &attempt{call: k, number: k.sent() + 1}, false
	return k.attempt.make(req)
}

// sent is the number of requests that went out.
func (k *call) sent() int {
	switch {
	case k.attempt == nil:
		return 0
	case k.attempt.sent == nil:
		return k.attempt.number - 1
	}
	return k.attempt.number
}

// setHeader sets the headers of one attempt, but for those that sign it in.
func (k *call) setHeader(header http.Header) {
	header.Set("Accept", "application/json")
	header.Set("User-Agent", k.client.userAgent)
	if k.body != nil {
		header.Set("Content-Type", "application/json")
	}
	if earlier := k.attempt.number - 1; earlier > 0 {
		header.Set("X-Okta-Retry-Count", strconv.Itoa(earlier))
		if k.first != "" {
			header.Set("X-Okta-Retry-For", k.first)
		}
	}
}

// next takes stock of the latest attempt and decides whether another follows, and after which wait.
func (k *call) next() (time.Duration, bool) {
	a := k.attempt
	if a == nil || a.sent == nil || k.waiting { // nothing was sent
		return 0, false
	}
	if k.first == "" && isToken(a.requestID) {
		k.first = a.requestID
	}
	err := a.failure()
	answer, _ := errors.AsType[*Error](err)
	if answer != nil {
		k.answer = answer
	}
	k.unknown = k.unknown || a.outcomeUnknown(answer)
	if k.alreadyGone() {
		err = nil
	}
	wait, again := k.plan(a, answer, err)
	k.waiting = again
	k.observe(a, err, wait, again)
	return wait, again
}

func (k *call) plan(a *attempt, answer *Error, err error) (time.Duration, bool) {
	if a.status != 0 && k.signer.renew(a, answer) {
		return 0, true
	}
	if err == nil || !k.repeatable() {
		return 0, false
	}
	if most := k.client.retry; a.again && most.MaxRetries > 0 && a.reset <= most.MaxWait && (a.free || k.retries < most.MaxRetries) {
		if !a.free {
			k.retries++
		}
		return 0, true // the limiter waits
	}
	incomplete := a.err
	if k.undecided() {
		incomplete = a.truncated
	}
	wait, again := k.client.retry.Wait(k.ctx, k.retries+1, retry.Attempt{Status: a.status, Header: a.header, Err: incomplete, Reset: a.reset})
	if again {
		k.retries++
	}
	return wait, again
}

// alreadyGone reports whether a single revoke found nothing because an earlier attempt of the same call has done it. That the
// user or the client is not found is another matter.
func (k *call) alreadyGone() bool {
	return k.what == one && k.unknown && k.attempt.status == http.StatusNotFound && k.answer.Code == CodeNotFound &&
		!missingParent.MatchString(k.answer.Summary)
}

// undecided reports whether a single revoke found nothing, but the part of the answer is lost that says whether that is its own
// work.
func (k *call) undecided() bool {
	return k.what == one && k.unknown && k.attempt.status == http.StatusNotFound && k.attempt.truncated != nil
}

// missingParent matches how Okta ends the summary of a 404 that is about what the grant or token belongs to.
var missingParent = regexp.MustCompile(`\((User|OAuth2Client|AuthorizationServer)\)\s*$`)

// result is what the call comes to, with all that is known of a failure. stopped is why the loop ended.
func (k *call) result(stopped error) (*attempt, error) {
	a := k.attempt
	switch {
	case a == nil:
		return nil, k.failed(stopped)
	case k.waiting && a.status == 0:
		return nil, k.failed(fmt.Errorf("%w; the attempt before: %w", ended(k.ctx), a.err))
	case k.waiting:
		return nil, k.failed(ended(k.ctx))
	case a.status == 0:
		return nil, k.failed(a.err)
	case a.err == nil && k.accepted(a.status), k.alreadyGone():
		return a, nil
	case k.ctx.Err() != nil && retry.Status(a.status): // it would have been tried again
		return nil, k.failed(ended(k.ctx))
	}
	return nil, k.answer
}

// ended is why a context has ended: its error, and its cause if that says more.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// failed wraps the reason why a call got no answer. What an earlier attempt was told is not lost.
func (k *call) failed(reason error) error {
	tries := ""
	if n := k.sent(); n > 1 {
		tries = fmt.Sprintf(" [%d attempts]", n)
	}
	if k.answer == nil {
		return fmt.Errorf("okta: %s %s: %w%s", k.method, k.path, reason, tries)
	}
	return fmt.Errorf("okta: %s %s: %w%s; the answer before: %w", k.method, k.path, reason, tries, k.answer)
}

// observe tells the logger and OnAttempt of one attempt.
func (k *call) observe(a *attempt, err error, wait time.Duration, again bool) {
	attrs := []slog.Attr{
		slog.String("method", k.method),
		slog.String("path", k.path),
		slog.Int("status", a.status),
		slog.String("request_id", a.requestID),
		slog.Int("attempt", a.number),
		slog.Duration("duration", a.duration),
	}
	if a.ticket.Throttled > 0 {
		attrs = append(attrs, slog.Duration("held", a.ticket.Throttled), slog.String("held_reason", a.ticket.Reason))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	k.client.logger.LogAttrs(k.ctx, slog.LevelDebug, "okta: attempt", attrs...)
	if again {
		attrs = append(attrs, slog.Duration("wait", wait))
		k.client.logger.LogAttrs(k.ctx, slog.LevelWarn, "okta: retry", attrs...)
	}
	if k.client.onAttempt == nil {
		return
	}
	k.client.onAttempt(k.ctx, Attempt{
		Method:         k.method,
		Path:           k.path,
		StatusCode:     a.status,
		RequestID:      a.requestID,
		RateLimit:      a.rateLimit,
		Number:         a.number,
		Throttled:      a.ticket.Throttled,
		ThrottleReason: ThrottleReason(a.ticket.Reason),
		Duration:       a.duration,
		Err:            err,
		Wait:           wait,
	})
}

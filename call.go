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
	"strconv"
	"strings"
	"time"

	"github.com/grantkit/okta/internal/dpop"
	"github.com/grantkit/okta/internal/ratelimit"
	"github.com/grantkit/okta/internal/retry"
	"github.com/grantkit/okta/internal/urlpath"
)

// operation is one operation of Okta's API, declared beside its method. What is sent and observed, what counts as
// success and which rate limit bucket the request is counted in follow from it.
type operation struct {
	id      string // operationId; may be empty in a caller's own request
	method  string
	route   string // template of the path, such as /api/v1/users/{userId}/grants
	success int    // the status that means success, or anySuccess
	single  bool   // it revokes a single grant or token: after a lost response, a retry may find that it is revoked
}

// anySuccess stands for every 2xx but 206, which is a part only.
const anySuccess = 0

func (o *operation) succeeds(status int) bool {
	if o.success != anySuccess {
		return status == o.success
	}
	return status >= 200 && status < 300 && status != http.StatusPartialContent
}

// request returns a request for the operation, with IDs in place of the parameters of its route.
func (o operation) request(opts options, ids []string) (request, error) {
	path, err := urlpath.Expand(o.route, ids)
	if err != nil {
		return request{}, invalid("%v", err)
	}
	query, err := opts.query()
	return request{operation: o, path: path, query: query}, err
}

// request is what a call sends. It is checked, and complete except for the authentication.
type request struct {
	operation
	path  string // escaped, below the org's root
	url   string // of a token endpoint, in place of a path
	query url.Values
	body  []byte
	token bool              // it gets an access token: it is retried like a GET, and its response is a secret
	auth  callAuthenticator // nil for one of the client's credentials
}

// repeatable reports whether the request may be sent again without knowing what became of it.
func (r *request) repeatable() bool {
	return r.method == http.MethodGet || r.method == http.MethodDelete || r.token
}

// call is one request and the history of its attempts.
type call struct {
	request
	engine *engine
	ctx    context.Context // of the caller; the call lives no longer than the function that was given it
	shown  string          // the escaped path with that of the org's root, as errors show it
	bucket string          // of the rate limit, by name

	since   time.Time // the call's place in the limiter's queue: when it began, or was last sent to the back
	sent    int       // attempts that were sent
	retries int       // attempts that count as retries
	waits   int       // attempts that were repeated only because the call waits for its turn
	firstID string    // the first request ID
	refused error     // the latest error response that was followed by another attempt
	lost    error     // why the latest attempt without a response that was retried had none
	unknown bool      // some attempt may or may not have been carried out
}

// send makes the call: the one way in which a request goes out and a response comes back. The attempt that it returns
// is a success.
func (e *engine) send(ctx context.Context, r request) (*attempt, error) {
	if ctx == nil {
		return nil, invalid("the context is nil")
	}
	req, err := e.newRequest(ctx, &r)
	if err != nil {
		return nil, err
	}
	if r.route == "" {
		r.route = e.guessRoute(req.URL)
	}
	if r.auth == nil {
		r.auth = e.credentials.forCall(r.method + " " + r.route)
	}
	k := &call{request: r, engine: e, ctx: ctx, shown: req.URL.EscapedPath(), since: time.Now()}
	k.bucket = ratelimit.BucketOf(r.method, r.route)
	if ctx.Err() != nil {
		return nil, k.failed(ended(ctx), nil)
	}
	last, stopped := retry.Run(e.http, req, k.try, k.next)
	if stopped == nil && last.err == nil {
		return last, nil
	}
	return nil, k.failure(last, stopped)
}

// newRequest returns what all attempts send, without their headers.
func (e *engine) newRequest(ctx context.Context, r *request) (*http.Request, error) {
	address := r.url
	if address == "" {
		address = e.root + r.path
	}
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
	return req, nil
}

// guessRoute returns a template for a request whose operation names none.
func (e *engine) guessRoute(address *url.URL) string {
	path := address.EscapedPath()
	if root, err := url.Parse(e.root); err == nil && root.Host == address.Host { // a token endpoint may be elsewhere
		path = strings.TrimPrefix(path, root.EscapedPath())
	}
	return urlpath.Guess(strings.Split(strings.Trim(path, "/"), "/"))
}

// try makes one attempt: it authenticates it, waits until the rate limiter lets it go, sends it and judges what came of
// it. The error says why there was no attempt.
func (k *call) try(req *http.Request) (*attempt, *http.Response, error) {
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", k.engine.userAgent)
	if k.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if k.sent > 0 {
		k.setRetryHeader(req.Header)
	}
	a := &attempt{request: &k.request, shown: k.shown, number: k.sent + 1, response: noResponse}
	defer func() { k.auth.done(a.response.Header) }()
	defer k.release(a) // whatever happens, even in a callback that panics
	if err := k.prepare(a, req); err != nil {
		return nil, nil, err
	}
	k.sent++
	start := time.Now()
	cause := k.exchange(a, req)
	a.duration = time.Since(start)
	a.err = k.judge(a, cause)
	if a.response == noResponse {
		return a, nil, nil
	}
	return a, a.response, nil
}

// setRetryHeader sets the headers with which Okta's own SDKs mark a retry.
func (k *call) setRetryHeader(header http.Header) {
	header.Set("X-Okta-Retry-Count", strconv.Itoa(k.sent))
	if k.firstID != "" {
		header.Set("X-Okta-Retry-For", k.firstID)
	}
}

// next decides whether another attempt follows a, and after which wait.
func (k *call) next(a *attempt) (wait time.Duration, again bool) {
	refusal, _ := a.err.(*Error) //nolint:errorlint // an error that wraps one is no response
	renewed := a.response != noResponse && k.auth.renew(a.response, refusal)
	if again = renewed; !again && a.err != nil {
		wait, again = k.plan(a)
	}
	if again {
		k.remember(a, refusal, renewed)
	}
	k.observe(a, wait, again)
	return wait, again
}

// maxWaits bounds how often a call is refused without that counting as a retry.
const maxWaits = 16

// plan returns the wait before the retry of a failed attempt, and false if there is none. It counts the retry.
func (k *call) plan(a *attempt) (time.Duration, bool) {
	if !k.repeatable() && a.response.StatusCode != http.StatusTooManyRequests {
		return 0, false
	}
	counted, number := !a.uncounted || k.waits == maxWaits, 1
	if counted {
		number = k.retries + 1
	}
	wait, again := k.backoff(a, number)
	switch {
	case !again:
		return 0, false
	case counted:
		k.retries++
	default:
		k.waits++
	}
	if !a.requeued {
		return wait, true
	}
	if k.waits+k.retries > 1 { // a call that is refused again and again must not keep its bucket from serving others
		k.since = time.Now()
	}
	return 0, true // the limiter waits
}

// backoff returns the wait before retry number n, and false if there must be none.
func (k *call) backoff(a *attempt, n int) (time.Duration, bool) {
	return k.engine.retry.Wait(k.ctx, n, retry.Attempt{
		Status: a.response.StatusCode,
		Header: a.response.Header,
		Err:    a.broken(),
		Reset:  untilReset(a.response.Header),
		Stale:  a.stale(),
	})
}

// remember keeps of an attempt what later attempts and errors need. A response that led to another token or proof is
// shown if the call fails later on, but it is not why it fails: errors.Is must not find its 401.
func (k *call) remember(a *attempt, refusal *Error, renewed bool) {
	if id := a.requestID(); k.firstID == "" && len(id) <= 256 && checkToken(id) == nil {
		k.firstID = id
	}
	switch {
	case renewed && k.refused == nil:
		k.refused = errors.New(refusal.Error())
	case renewed:
	case refusal != nil:
		k.refused = refusal
	default:
		k.lost = a.err
	}
	k.unknown = k.unknown || a.outcomeUnknown()
}

// failure is the error of a call that failed, with all that is known. stopped is why no attempt was made, or why the
// one that was to follow the last was not.
func (k *call) failure(last *attempt, stopped error) error {
	switch {
	case stopped != nil && stopped == k.ctx.Err(): //nolint:errorlint // the end of the wait before an attempt
		return k.failed(ended(k.ctx), k.lost)
	case stopped != nil:
		return k.failed(stopped, k.lost)
	case last.response == noResponse:
		return k.failed(last.err, nil)
	case k.ctx.Err() != nil && retry.Status(last.response.StatusCode): // it would have been retried
		k.refused = last.err
		return k.failed(ended(k.ctx), nil)
	}
	return last.err
}

// failed wraps the reason why a call got no response, with what failed before: the latest error response, or else why
// an attempt was lost.
func (k *call) failed(reason, lost error) error {
	err := fmt.Errorf("okta: %s %s: %w", k.method, k.shown, reason)
	before := lost
	if k.refused != nil {
		before = k.refused
	}
	switch {
	case k.sent > 1:
		err = fmt.Errorf("%w [%d attempts]", err, k.sent)
	case k.sent == 1 && before != nil:
		err = fmt.Errorf("%w [1 attempt]", err)
	}
	if before == nil {
		return err
	}
	return fmt.Errorf("%w; before: %w", err, before)
}

// observe tells Config.Logger and Config.OnAttempt of one attempt.
func (k *call) observe(a *attempt, wait time.Duration, again bool) {
	if k.engine.onAttempt == nil && !k.engine.logger.Enabled(k.ctx, slog.LevelWarn) {
		return
	}
	seen := Attempt{
		Operation:      k.id,
		Route:          k.route,
		Bucket:         k.bucket,
		TokenRequest:   k.token,
		Method:         k.method,
		Path:           k.shown,
		StatusCode:     a.response.StatusCode,
		RequestID:      a.requestID(),
		RateLimit:      rateLimit(a.response.Header),
		Number:         a.number,
		Throttled:      a.ticket.Throttled,
		ThrottleReason: ThrottleReason(a.ticket.Reason),
		Duration:       a.duration,
		Err:            a.err,
		WillRetry:      again,
		Wait:           wait,
	}
	k.log(seen, a.refusal())
	if k.engine.onAttempt != nil {
		k.engine.onAttempt(k.ctx, seen)
	}
}

// log writes a debug line for each attempt, and a warning for each retry, except for those of authenticating with
// DPoP.
func (k *call) log(seen Attempt, refusal *Error) {
	attrs := []slog.Attr{
		slog.String("method", seen.Method),
		slog.String("path", seen.Path),
		slog.Int("status", seen.StatusCode),
		slog.String("request_id", seen.RequestID),
		slog.Int("attempt", seen.Number),
		slog.Duration("duration", seen.Duration),
	}
	if seen.Operation != "" {
		attrs = append(attrs, slog.String("operation", seen.Operation))
	}
	if seen.Throttled > 0 {
		attrs = append(attrs, slog.Duration("throttled", seen.Throttled),
			slog.String("throttle_reason", string(seen.ThrottleReason)))
	}
	if seen.Err != nil {
		attrs = append(attrs, slog.String("error", seen.Err.Error()))
	}
	k.engine.logger.LogAttrs(k.ctx, slog.LevelDebug, "okta: attempt", attrs...)
	if !seen.WillRetry {
		return
	}
	level := slog.LevelWarn
	if dpop.Refuses(refusal.oauthCode()) {
		level = slog.LevelDebug
	}
	k.engine.logger.LogAttrs(k.ctx, level, "okta: retry", append(attrs, slog.Duration("wait", seen.Wait))...)
}

package okta

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/grantkit/okta/internal/dpop"
	"github.com/grantkit/okta/internal/retry"
	"github.com/grantkit/okta/internal/urlpath"
)

// call is one request and the history of its attempts.
type call struct {
	request
	engine *engine
	ctx    context.Context // of the caller; the call lives no longer than the function that was given it
	path   string          // escaped

	sent    int    // attempts that were sent
	retries int    // of these, those that count as retries
	waits   int    // and those that do not, because the call only waited for its turn
	firstID string // the first request ID
	refused *Error // the latest error response that was followed by another attempt
	lost    error  // why the latest such attempt without a response failed
	unknown bool   // some attempt may or may not have been carried out
}

// send makes the call: the one way in which a request goes out and a response comes back.
func (e *engine) send(ctx context.Context, r request) (*attempt, error) {
	if ctx == nil {
		return nil, invalid("the context is nil")
	}
	req, err := r.build(ctx)
	if err != nil {
		return nil, err
	}
	if r.auth == nil {
		r.auth = e.credentials.forCall(r.method + " " + urlpath.Route(r.segments))
	}
	r.since = time.Now()
	k := &call{request: r, engine: e, ctx: ctx, path: req.URL.EscapedPath()}
	if ctx.Err() != nil {
		return nil, k.failed(ended(ctx), nil)
	}
	return k.result(retry.Run(e.http, req, k.try, k.next))
}

func (r *request) build(ctx context.Context) (*http.Request, error) {
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
	return req, nil
}

// try makes one attempt.
func (k *call) try(req *http.Request) (*attempt, *http.Response, error) {
	out := req.Clone(req.Context()) // attempts must not share a header
	k.setHeader(out.Header)
	a := k.engine.attempt(out, &k.request, k.sent+1)
	if a.sent {
		k.sent++
	}
	if k.unknown && k.alreadyRevoked(a.refusal) {
		a.refusal = nil
	}
	if a.response == noResponse {
		return a, nil, a.err
	}
	return a, a.response, nil
}

// setHeader sets the headers of one attempt, but for those that authenticate it.
func (k *call) setHeader(header http.Header) {
	header.Set("Accept", "application/json")
	header.Set("User-Agent", k.engine.userAgent)
	if k.body != nil {
		header.Set("Content-Type", "application/json")
	}
	if k.sent == 0 {
		return
	}
	header.Set("X-Okta-Retry-Count", strconv.Itoa(k.sent))
	if k.firstID != "" {
		header.Set("X-Okta-Retry-For", k.firstID)
	}
}

// alreadyRevoked reports whether a single revoke found nothing because an earlier attempt of the same call has
// revoked it. That the user, the client or the server is not found is another matter.
func (k *call) alreadyRevoked(refusal *Error) bool {
	return k.single && refusal != nil && refusal.StatusCode == http.StatusNotFound && refusal.Code == CodeNotFound &&
		revocable.MatchString(refusal.Resource)
}

// revocable matches the resources that can be revoked one by one, and a 404 that names none.
var revocable = regexp.MustCompile(`^$|Grant|Token`)

// next decides whether another attempt follows a, and after which wait.
func (k *call) next(a *attempt) (time.Duration, bool) {
	if !a.sent {
		return 0, false
	}
	wait, again := k.plan(a)
	if again {
		k.remember(a)
	}
	k.observe(a, wait, again)
	return wait, again
}

// remember keeps of an attempt what later attempts and errors need.
func (k *call) remember(a *attempt) {
	if id := a.requestID(); k.firstID == "" && len(id) <= 256 && checkToken(id) == nil {
		k.firstID = id
	}
	if a.refusal != nil {
		k.refused = a.refusal
	} else {
		k.lost = a.err
	}
	k.unknown = k.unknown || a.outcomeUnknown()
}

// maxWaits bounds how often a call is refused without that counting as a retry.
const maxWaits = 16

// plan returns the wait before the next attempt, and false if there is none. It counts what it decides.
func (k *call) plan(a *attempt) (time.Duration, bool) {
	if a.response != noResponse && k.auth.renew(a.response, a.refusal) {
		return 0, true
	}
	if a.refusal == nil && a.err == nil || !k.repeatable() && a.response.StatusCode != http.StatusTooManyRequests {
		return 0, false
	}
	number, counted := k.retries+1, !a.uncounted || k.waits == maxWaits
	if !counted {
		number = 1
	}
	wait, again := k.engine.retry.Wait(k.ctx, number, retry.Attempt{
		Status: a.response.StatusCode,
		Header: a.response.Header,
		Err:    a.err,
		Reset:  untilReset(a.response.Header),
		Stale:  a.stale(),
	})
	switch {
	case again && counted:
		k.retries++
	case again:
		k.waits++
	}
	if !a.requeued {
		return wait, again
	}
	if k.waits+k.retries > 1 { // a call that is refused again and again must not keep its bucket from serving others
		k.since = time.Now()
	}
	return 0, again // the limiter waits
}

// result is what the call comes to, with all that is known of a failure. stopped is why no attempt was made, or why
// the one that was to follow the last was not.
func (k *call) result(last *attempt, stopped error) (*attempt, error) {
	switch {
	case last == nil:
		return nil, k.failed(stopped, nil)
	case stopped != nil:
		return nil, k.failed(ended(k.ctx), last.err)
	case !last.sent:
		return nil, k.failed(last.err, k.lost)
	case last.response == noResponse:
		return nil, k.failed(last.err, nil)
	case last.refusal == nil:
		return last, nil
	case k.ctx.Err() != nil && retry.Status(last.response.StatusCode): // it would have been retried
		k.remember(last)
		return nil, k.failed(ended(k.ctx), nil)
	}
	return nil, last.refusal
}

// failed wraps the reason why a call got no response, with what failed before: the latest error response, or else why
// an attempt was lost.
func (k *call) failed(reason, lost error) error {
	err := fmt.Errorf("okta: %s %s: %w", k.method, k.path, reason)
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
		Route:          k.route(),
		Method:         k.method,
		Path:           k.path,
		StatusCode:     a.response.StatusCode,
		RequestID:      a.requestID(),
		RateLimit:      rateLimit(a.response.Header),
		Number:         a.number,
		Throttled:      a.ticket.Throttled,
		ThrottleReason: ThrottleReason(a.ticket.Reason),
		Duration:       a.duration,
		Err:            a.failure(),
		WillRetry:      again,
		Wait:           wait,
	}
	if k.named {
		seen.Operation = operations[strings.TrimPrefix(seen.Route, "/api/v1/")][k.method]
	}
	k.log(seen, a.refusal)
	if k.engine.onAttempt != nil {
		k.engine.onAttempt(k.ctx, seen)
	}
}

func (k *call) route() string {
	if k.segments == nil { // the token endpoint's
		return urlpath.Route(strings.Split(strings.Trim(k.path, "/"), "/"))
	}
	return urlpath.Route(k.segments)
}

// log writes a debug line for each attempt, and a warning for each retry, but for what belongs to authenticating with
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

// operations are the documented operations that have a method here, by route below /api/v1 and by HTTP method.
var operations = map[string]map[string]string{
	"users/{userId}/grants/{grantId}": {
		http.MethodGet:    "getUserGrant",
		http.MethodDelete: "revokeUserGrant",
	},
	"users/{userId}/grants": {
		http.MethodGet:    "listUserGrants",
		http.MethodDelete: "revokeUserGrants",
	},
	"users/{userId}/clients/{clientId}/grants": {
		http.MethodGet:    "listGrantsForUserAndClient",
		http.MethodDelete: "revokeGrantsForUserAndClient",
	},
	"users/{userId}/clients/{clientId}/tokens/{tokenId}": {
		http.MethodGet:    "getRefreshTokenForUserAndClient",
		http.MethodDelete: "revokeTokenForUserAndClient",
	},
	"users/{userId}/clients/{clientId}/tokens": {
		http.MethodGet:    "listRefreshTokensForUserAndClient",
		http.MethodDelete: "revokeTokensForUserAndClient",
	},
	"authorizationServers/{authServerId}/clients": {
		http.MethodGet: "listOAuth2ClientsForAuthorizationServer",
	},
	"authorizationServers/{authServerId}/clients/{clientId}/tokens/{tokenId}": {
		http.MethodGet:    "getRefreshTokenForAuthorizationServerAndClient",
		http.MethodDelete: "revokeRefreshTokenForAuthorizationServerAndClient",
	},
	"authorizationServers/{authServerId}/clients/{clientId}/tokens": {
		http.MethodGet:    "listRefreshTokensForAuthorizationServerAndClient",
		http.MethodDelete: "revokeRefreshTokensForAuthorizationServerAndClient",
	},
}

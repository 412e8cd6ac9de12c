package okta

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/grantkit/okta/internal/ratelimit"
)

// RateLimit is what a response says of the rate limit bucket in which Okta counted its request.
type RateLimit struct {
	Limit     int       // requests in a window of one minute
	Remaining int       // requests left in this window
	Reset     time.Time // when the next window begins, by Okta's clock
}

// rateLimit reads the rate limit headers of a response; RateLimit is zero if they are missing or make no sense.
func rateLimit(header http.Header) RateLimit {
	h, _ := ratelimit.Read(header)
	return RateLimit{Limit: h.Limit, Remaining: h.Remaining, Reset: h.Reset}
}

// untilReset returns how long the window lasts that a response speaks of, by the server's clock; 0 if that is not
// known. Okta's concurrency limit has no window.
func untilReset(header http.Header) time.Duration {
	h, _ := ratelimit.Read(header)
	wait, ok := h.UntilReset()
	if !ok || h.Concurrency() {
		return 0
	}
	return wait
}

// RateLimiter throttles requests, first come, first served, while no requests are left in their bucket, so that Okta
// does not refuse them. It follows the rate limit headers of each bucket by Okta's clock. A call that cannot be sent
// before its context's deadline fails with a [*RateLimitError].
type RateLimiter struct {
	// MaxUse is the share of each window that the client may use, such as 0.5 for half of it; outside of 0 to 1 is an
	// error. The rest is left to sign-ins and other tools of the org, which share its limits. With n copies of a
	// program, 1/n for each is safe. Default: 1.
	MaxUse float64

	// Disabled turns the limiter off: every request is sent at once. A 429 is retried as [RetryOptions] says.
	Disabled bool
}

// limiter checks l and makes what it describes, or nil if it is disabled.
func (l RateLimiter) limiter() (*ratelimit.Limiter, error) {
	if !(l.MaxUse >= 0 && l.MaxUse <= 1) {
		return nil, invalid("Config.RateLimiter.MaxUse is not between 0 and 1")
	}
	if l.Disabled {
		return nil, nil //nolint:nilnil // there is none
	}
	return ratelimit.New(cmp.Or(l.MaxUse, 1)), nil
}

// ThrottleReason says why Config.RateLimiter throttles a request. Later versions may add values.
type ThrottleReason string

// The reasons for which a request is throttled.
const (
	ThrottleWindow      ThrottleReason = ratelimit.Window      // no requests are left in the window
	ThrottleShare       ThrottleReason = ratelimit.Share       // the client's share of the window, MaxUse, is used up
	ThrottlePace        ThrottleReason = ratelimit.Pace        // other clients use the window: this one spreads its part
	ThrottleProbe       ThrottleReason = ratelimit.Probe       // the window is unknown until another request returns
	ThrottleConcurrency ThrottleReason = ratelimit.Concurrency // Okta refused to serve so many requests at once
	ThrottleRefusal     ThrottleReason = ratelimit.Refusal     // Okta refused a request and did not say until when
)

// RateLimitError is an attempt that Config.RateLimiter did not send, because no requests are left in its bucket
// before the context's deadline. It matches [ErrRateLimited]. If the context ended while the request was throttled,
// the call's error matches the context's error as well: check that first. A batch should wait until RetryAt before it
// goes on.
type RateLimitError struct {
	Bucket   string         // such as /api/v1/users, see [Client.RateLimits]
	Reason   ThrottleReason // why no requests are left
	RetryAt  time.Time      // when there will be some, by the local clock; zero if unknown
	Attempts int            // of the call that were sent before: if not 0, it may have taken effect
}

// Error says in which bucket no requests are left, and when that changes.
func (e *RateLimitError) Error() string {
	if e == nil {
		return "<nil>"
	}
	if e.RetryAt.IsZero() {
		return fmt.Sprintf("no requests are left in the rate limit of %s (%s)", e.Bucket, e.Reason)
	}
	return fmt.Sprintf("no requests are left in the rate limit of %s (%s) before %s",
		e.Bucket, e.Reason, e.RetryAt.UTC().Format(time.RFC3339))
}

// rateLimitError makes an error of the limiter one of the SDK's.
func rateLimitError(ctx context.Context, err error, sent int) error {
	limited, ok := errors.AsType[*ratelimit.Error](err)
	if !ok {
		return err
	}
	public := &RateLimitError{
		Bucket: limited.Bucket, Reason: ThrottleReason(limited.Reason), RetryAt: limited.RetryAt, Attempts: sent,
	}
	if public.Reason == ThrottleProbe || public.Reason == ThrottleConcurrency { // a response changes that, not the time
		public.RetryAt = time.Time{}
	}
	if limited.Err != nil {
		return fmt.Errorf("%w: %w", ended(ctx), public)
	}
	return public
}

// Is makes the error match ErrRateLimited.
func (e *RateLimitError) Is(target error) bool { return target == ErrRateLimited }

// BucketState is what a client knows of one of Okta's rate limit buckets.
type BucketState struct {
	RateLimit                // of the latest window; zero if none is known
	Used      int            // requests of this client in that window
	InFlight  int            // requests that were sent and have no response yet
	Waiting   int            // requests that are throttled
	Reason    ThrottleReason // why they are; empty if none is
}

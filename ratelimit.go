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

// RateLimiter throttles requests, first come, first served, while Okta has no room for them, so that they are not
// refused: it follows the rate limit headers of each bucket by Okta's clock. A call that cannot be sent before its
// context's deadline fails with a [*RateLimitError].
type RateLimiter struct {
	// MaxUse is the share of each window that the client may use, such as 0.5 for half of it. The rest is left to
	// sign-ins and other tools of the org, which share its limits. With n copies of a program, 1/n for each is safe.
	// Default: 1.
	MaxUse float64

	// Disabled sends every request at once.
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

// ThrottleReason says why Config.RateLimiter throttles a request.
type ThrottleReason string

// The reasons for which a request is throttled.
const (
	ThrottleWindow      ThrottleReason = ratelimit.Window      // the window has no room left
	ThrottleShare       ThrottleReason = ratelimit.Share       // the client's share of the window is used up
	ThrottlePace        ThrottleReason = ratelimit.Pace        // other clients use the window: this one spreads its part
	ThrottleProbe       ThrottleReason = ratelimit.Probe       // the window is unknown until another request returns
	ThrottleConcurrency ThrottleReason = ratelimit.Concurrency // Okta refused to serve so many requests at once
	ThrottleRefusal     ThrottleReason = ratelimit.Refusal     // Okta refused a request and did not say until when
)

// RateLimitError is a call that Config.RateLimiter did not send, because its bucket has no room before the context's
// deadline. It matches ErrRateLimited. A batch should wait until RetryAt before it goes on.
type RateLimitError struct {
	Bucket  string         // such as /api/v1/users, see [Client.RateLimits]
	Reason  ThrottleReason // why there is no room
	RetryAt time.Time      // when there may be room, by the local clock; zero if unknown
}

// Error says which bucket has no room, and when that changes.
func (e *RateLimitError) Error() string {
	if e.RetryAt.IsZero() {
		return fmt.Sprintf("the rate limit of %s (%s) has no room", e.Bucket, e.Reason)
	}
	return fmt.Sprintf("the rate limit of %s (%s) has no room before %s", e.Bucket, e.Reason, e.RetryAt.UTC().Format(time.RFC3339))
}

// rateLimitError makes an error of the limiter one of the SDK's.
func rateLimitError(ctx context.Context, err error) error {
	limited, ok := errors.AsType[*ratelimit.Error](err)
	if !ok {
		return err
	}
	public := &RateLimitError{Bucket: limited.Bucket, Reason: ThrottleReason(limited.Reason), RetryAt: limited.RetryAt}
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
	InFlight  int            // requests without a response so far
	Waiting   int            // requests that are throttled
	Reason    ThrottleReason // why they are
}

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

// RateLimit has the rate limit headers of a response. It is zero if they are missing or make no sense.
type RateLimit struct {
	Limit     int       // requests in a window of one minute
	Remaining int       // requests left in this window
	Reset     time.Time // when the window ends, by Okta's clock
}

// rateLimit reads the rate limit headers of a response.
func rateLimit(header http.Header) RateLimit {
	h, _ := ratelimit.Read(header)
	return RateLimit{Limit: h.Limit, Remaining: h.Remaining, Reset: h.Reset}
}

// untilReset returns how long the window of a response still lasts by the server's clock; 0 if that is unknown. Okta's
// concurrency limit has no window.
func untilReset(header http.Header) time.Duration {
	h, _ := ratelimit.Read(header)
	wait, ok := h.UntilReset()
	if !ok || h.Concurrency() {
		return 0
	}
	return wait
}

// RateLimiterOptions configures the rate limiter. It follows the rate limit headers of each bucket by Okta's clock, and
// throttles requests, first come, first served, so that Okta does not refuse them. A call that cannot be sent before
// the deadline of its context fails with a [*RateLimitError].
type RateLimiterOptions struct {
	// MaxUse is the share of each window that the client may use, such as 0.5 for half of it. It must be between 0 and
	// 1. The rest is left to sign-ins and other tools of the org, which share its limits. With n copies of a program,
	// 1/n for each is safe. Default: 1.
	MaxUse float64

	// Disabled turns the rate limiter off: every request is sent at once. A 429 is retried as [RetryOptions] says.
	Disabled bool
}

// limiter checks l and returns the limiter that it configures, or nil if that is disabled.
func (l RateLimiterOptions) limiter() (*ratelimit.Limiter, error) {
	if !(l.MaxUse >= 0 && l.MaxUse <= 1) {
		return nil, invalid("Config.RateLimiter.MaxUse is not between 0 and 1")
	}
	if l.Disabled {
		return nil, nil //nolint:nilnil // there is none
	}
	return ratelimit.New(cmp.Or(l.MaxUse, 1)), nil
}

// ThrottleReason is why the rate limiter throttles a request. Later versions may add values.
type ThrottleReason string

// The reasons for which a request is throttled.
const (
	ThrottleWindow      ThrottleReason = ratelimit.Window      // no requests are left in the window
	ThrottleMaxUse      ThrottleReason = ratelimit.MaxUse      // the client's share of the window, MaxUse, is used up
	ThrottleFairShare   ThrottleReason = ratelimit.FairShare   // other clients use the window: this one spreads its part
	ThrottleProbe       ThrottleReason = ratelimit.Probe       // the window is unknown until a response comes
	ThrottleConcurrency ThrottleReason = ratelimit.Concurrency // Okta refused to serve so many requests at once
	ThrottleRefusal     ThrottleReason = ratelimit.Refusal     // Okta refused a request and did not say until when
)

// RateLimitError is the error of a request that the rate limiter did not send, because its bucket has no requests left
// before the deadline of the context. It matches [ErrRateLimited]. If the context ended while the request was
// throttled, the error of the call matches the context's error as well: check that first. A batch should wait until
// RetryAt, or call [Client.WaitForRateLimit], before it goes on.
type RateLimitError struct {
	Bucket   string         // such as [BucketUsers]
	Reason   ThrottleReason // why no requests are left
	RetryAt  time.Time      // when requests will be left, by the local clock; zero if unknown
	Attempts int            // of the call that were sent before: if not 0, the call may have taken effect
}

// Error names the bucket in which no requests are left, and the time at which there will be some.
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

// rateLimitError returns the SDK's error for one of the limiter. sent is how many attempts the call has sent before.
func rateLimitError(ctx context.Context, err error, sent int) error {
	limited, ok := errors.AsType[*ratelimit.Error](err)
	if !ok {
		return err
	}
	public := &RateLimitError{
		Bucket: limited.Bucket, Reason: ThrottleReason(limited.Reason), RetryAt: limited.RetryAt, Attempts: sent,
	}
	if public.Reason == ThrottleProbe || public.Reason == ThrottleConcurrency { // that ends with a response, not a time
		public.RetryAt = time.Time{}
	}
	if limited.Err != nil {
		return fmt.Errorf("%w: %w", ended(ctx), public)
	}
	return public
}

// Is makes the error match ErrRateLimited.
func (e *RateLimitError) Is(target error) bool { return target == ErrRateLimited }

// BucketState is the state of a rate limit bucket, as far as the client knows it.
type BucketState struct {
	RateLimit                // of the latest window; zero if unknown
	Used      int            // requests of this client in that window
	InFlight  int            // requests without a response yet
	Waiting   int            // requests that are throttled
	Reason    ThrottleReason // why they are throttled; empty if none is
}

// The names of the rate limit buckets that Okta documents, or that its responses show.
const (
	BucketUsers  = ratelimit.BucketUsers  // users, their grants and tokens, and all else below one user
	BucketUser   = ratelimit.BucketUser   // reads of one user
	BucketApps   = ratelimit.BucketApps   // apps, their tokens, and all else below one app
	BucketApp    = ratelimit.BucketApp    // reads of one app
	BucketGroups = ratelimit.BucketGroups // groups, and what stands below one group
	BucketGroup  = ratelimit.BucketGroup  // one group
	BucketLogs   = ratelimit.BucketLogs   // the System Log
	BucketAPI    = ratelimit.BucketAPI    // authorization servers, their clients and tokens
)

// RateLimits returns what the client knows of each bucket that it has used within the last hour, by the bucket's name,
// such as [BucketUsers]. A route whose bucket is not known has one of its own, which is named by the HTTP method and
// the route's template, such as "GET /api/v1/policies/{id}". The map is empty when Config.RateLimiter is disabled.
func (c *Client) RateLimits() map[string]BucketState {
	states := map[string]BucketState{}
	if c == nil || c.engine == nil || c.engine.limiter == nil {
		return states
	}
	for name, s := range c.engine.limiter.States() {
		states[name] = BucketState{
			RateLimit: RateLimit{Limit: s.Limit, Remaining: s.Remaining, Reset: s.Reset},
			Used:      s.Used, InFlight: s.InFlight, Waiting: s.Waiting, Reason: ThrottleReason(s.Reason),
		}
	}
	return states
}

// WaitForRateLimit waits until a rate limit bucket has a request left for this client. It sends nothing and reserves
// nothing. A batch whose items have deadlines shorter than a window of one minute should call it before each item.
//
// bucket is one of the constants, such as [BucketUsers] for grants and tokens, or a name as in [Client.RateLimits] or
// [RateLimitError]. The error matches [ErrInvalidArgument] for any other name. If no requests are left in the bucket
// before the deadline of ctx, the error is a [*RateLimitError].
//
// WaitForRateLimit returns at once if nothing is known of the bucket yet, or if Config.RateLimiter is disabled.
func (c *Client) WaitForRateLimit(ctx context.Context, bucket string) error {
	switch {
	case c == nil || c.engine == nil:
		return errNoClient
	case ctx == nil:
		return invalid("the context is nil")
	case ctx.Err() != nil:
		return ended(ctx)
	case c.engine.limiter == nil:
		return nil
	case !c.engine.limiter.Knows(bucket):
		return invalid("there is no rate limit bucket %q", bucket)
	}
	if err := c.engine.limiter.Wait(ctx, bucket); err != nil {
		return fmt.Errorf("okta: %w", rateLimitError(ctx, err, 0))
	}
	return nil
}

// Package retry decides whether a failed attempt is followed by another and how long to wait before it, and runs the
// attempts on go-retryablehttp.
package retry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Policy bounds the retries of one call.
type Policy struct {
	MaxRetries int           // attempts after the first
	MinWait    time.Duration // shortest wait between attempts
	MaxWait    time.Duration // longest wait between attempts: a longer one is not begun
	Cut        time.Duration // a longer wait is cut to this; 0 for no cut
}

// Attempt is what one attempt came to, as far as a retry depends on it.
type Attempt struct {
	Status int           // 0 if no response came
	Header http.Header   // of the response
	Err    error         // why the response is missing or incomplete
	Reset  time.Duration // how long the rate limit's window still lasts, if known; 0 if not
	Stale  bool          // a connection that was used before broke before any byte of a response
}

// Wait returns how long to wait before retry number n, counted from 1, and false when there must be none: because the
// failure is final, because the retries are used up, or because the wait exceeds MaxWait or would not end before
// the deadline of ctx. A Retry-After longer than MaxWait counts as MaxWait.
func (p Policy) Wait(ctx context.Context, n int, a Attempt) (time.Duration, bool) {
	if n > p.MaxRetries || ctx.Err() != nil || !retryable(a) {
		return 0, false
	}
	if a.Stale && n == 1 {
		return 0, true
	}
	longest := p.MaxWait
	if deadline, ok := ctx.Deadline(); ok {
		longest = min(longest, time.Until(deadline)-1)
	}
	shortest, span := p.wait(n, a)
	if p.Cut > 0 {
		shortest = min(shortest, p.Cut)
		span = min(span, p.Cut-shortest)
	}
	if shortest > longest {
		return 0, false
	}
	if span = min(span, longest-shortest); span > 0 {
		shortest += rand.N(span) //nolint:gosec // spreads load; nothing is secret about it
	}
	return shortest, true
}

// wait returns the shortest wait before retry number n, and by how much chance may lengthen it, so that clients that
// failed together do not return together.
func (p Policy) wait(n int, a Attempt) (shortest, span time.Duration) {
	after, asked := retryAfter(a.Header)
	after = min(after, p.MaxWait)
	if a.Status == http.StatusTooManyRequests && a.Reset > 0 {
		return max(a.Reset, after), 2 * p.MinWait
	}
	if asked {
		return after, 2 * p.MinWait
	}
	return p.backoff(n)
}

// backoff doubles with each retry, up to MaxWait.
func (p Policy) backoff(n int) (shortest, span time.Duration) {
	upper := p.MaxWait
	if n < 32 && p.MinWait < p.MaxWait>>n {
		upper = p.MinWait << n
	}
	shortest = max(p.MinWait, upper/2)
	return shortest, upper - shortest
}

// retryAfter reads Retry-After, in seconds or as a date that is compared with the server's own.
func retryAfter(h http.Header) (time.Duration, bool) {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, maxSeconds)) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0, false
	}
	return max(0, at.Sub(now)), true
}

const maxSeconds = 1 << 32 // more than a century, and no overflow as a time.Duration

func retryable(a Attempt) bool {
	if a.Err != nil {
		return !isFinal(a.Err)
	}
	return Status(a.Status)
}

// Status reports whether a response with this status may be retried.
func Status(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// Final marks an error that a retry cannot help.
type Final struct{ Err error }

func (f *Final) Error() string { return f.Err.Error() }

func (f *Final) Unwrap() error { return f.Err }

func isFinal(err error) bool {
	if _, ok := errors.AsType[*Final](err); ok {
		return true
	}
	return isCertificateError(err)
}

func isCertificateError(err error) bool {
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return verification || authority || host || invalid
}

// Run makes attempts with try, on go-retryablehttp, until next says that none follows. Each gets a request of its own.
// Run returns the last attempt. The error says why the attempt that was to follow it was not made: it is that of try,
// or the context's if that ended in the wait before it.
//
// The response that try returns beside its attempt is nil if none came; otherwise it must have been read: it is for
// client's cookie jar. The loop gets a client of its own, because it closes idle connections when it gives up.
func Run[A any](
	client http.Client, req *http.Request,
	try func(*http.Request) (A, *http.Response, error), next func(A) (wait time.Duration, again bool),
) (last A, err error) {
	retryable, err := retryablehttp.FromRequest(req)
	if err != nil {
		return last, err
	}
	header := req.Header
	if client.Jar != nil { // which adds to the header
		header = header.Clone()
	}
	var loop struct {
		last          A
		err           error // of try
		made, waiting bool
		wait          time.Duration
	}
	client.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		attempt, resp, err := try(r.Clone(r.Context()))
		if err != nil {
			loop.err = err
			return nil, err
		}
		loop.last, loop.made, loop.waiting = attempt, true, false
		if resp == nil {
			return nil, errNoResponse
		}
		return resp, nil
	})
	retries := retryablehttp.Client{
		HTTPClient:   &client,
		RetryMax:     math.MaxInt,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
		CheckRetry: func(context.Context, *http.Response, error) (bool, error) {
			if loop.made && !loop.waiting {
				loop.wait, loop.waiting = next(loop.last)
				return loop.waiting, nil
			}
			return false, nil
		},
		Backoff: func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return loop.wait },
		PrepareRetry: func(r *http.Request) error {
			if client.Jar != nil {
				r.Header = header.Clone()
			}
			return nil
		},
	}
	resp, err := retries.Do(retryable)
	if resp != nil {
		_ = resp.Body.Close()
	}
	switch {
	case loop.err != nil:
		err = loop.err
	case loop.made && !loop.waiting:
		err = nil
	}
	return loop.last, err
}

// errNoResponse tells go-retryablehttp of an attempt without a response.
var errNoResponse = errors.New("no response")

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

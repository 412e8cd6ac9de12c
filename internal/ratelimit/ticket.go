package ratelimit

import (
	"net/http"
	"time"
)

// Ticket lets one request through. It must be given back.
type Ticket struct {
	Throttled time.Duration // how long the request waited
	Reason    string        // why; empty if it did not
	bucket    *bucket
	route     string
	sent      time.Time
	window    int    // the number of the window in which it was sent
	probe     *probe // nil if the request is no probe
}

// Response is what came of a request, as far as rate limits go.
type Response struct {
	Status    int    // 0 if there was none
	Header    Header // valid if HasHeader
	HasHeader bool   // the response had rate limit headers that make sense
	Unsent    bool   // there was none, and the request is known not to have reached Okta
}

func (r *Response) refused() bool { return r.Status == http.StatusTooManyRequests }

func (r *Response) failed() bool { return r.Status == 0 || r.Status >= http.StatusInternalServerError }

func (r *Response) served() bool { return !r.refused() && !r.failed() }

// hasWindow reports whether the header speaks of a window.
func (r *Response) hasWindow() bool { return r.HasHeader && !r.Header.Concurrency() }

// tooManyAtOnce reports whether the request was refused because too many were in flight.
func (r *Response) tooManyAtOnce() bool { return r.refused() && r.HasHeader && r.Header.Concurrency() }

// Done gives a ticket back with what came of its request. After a refusal, again reports whether the request may go
// back to Acquire at once, because the limiter knows how long it has to wait there; and free, that it need not count
// as a retry, because the bucket serves other requests.
func (t *Ticket) Done(r Response) (again, free bool) {
	t.giveBack(func(now time.Time) { again, free = t.bucket.learn(r, t, now) })
	return again, free
}

// Cancel gives a ticket back whose request was not sent.
func (t *Ticket) Cancel() {
	t.giveBack(func(time.Time) { t.bucket.inFlight.unsend() })
}

func (t *Ticket) giveBack(learn func(now time.Time)) {
	b := t.bucket
	b.limiter.mu.Lock()
	defer b.limiter.mu.Unlock()
	now := time.Now()
	b.turn(now)
	b.usedAt = now
	b.inFlight.giveBack(t.window)
	if t.probe != nil {
		t.probe.out--
	}
	learn(now)
	b.dispatch(now)
}

package ratelimit

import (
	"net/http"
	"time"
)

// Ticket lets one request through. It must be given back, by Done or Cancel.
type Ticket struct {
	Throttled time.Duration // how long the request waited
	Reason    string        // why; empty if it did not
	bucket    *bucket
	route     string
	sent      time.Time
	window    int    // the number of the window in which it was sent
	probe     *probe // nil if the request is no probe
}

// Response is the outcome of a request, as far as rate limits are concerned.
type Response struct {
	Status    int    // 0 if there was none
	Header    Header // valid if HasHeader
	HasHeader bool   // Header was read
	Unsent    bool   // the request is known not to have reached Okta
}

func (r *Response) refused() bool { return r.Status == http.StatusTooManyRequests }

func (r *Response) failed() bool { return r.Status == 0 || r.Status >= http.StatusInternalServerError }

func (r *Response) served() bool { return !r.refused() && !r.failed() }

// hasWindow reports whether there is a header that speaks of a window.
func (r *Response) hasWindow() bool { return r.HasHeader && !r.Header.Concurrency() }

// tooManyAtOnce reports whether Okta refused the request because too many were in flight.
func (r *Response) tooManyAtOnce() bool { return r.refused() && r.HasHeader && r.Header.Concurrency() }

// Done gives a ticket back with the outcome of its request. After a refusal, again reports whether the request may call
// Acquire again at once, because the limiter knows how long it must wait there, and free whether it need not count as a
// retry, because the bucket serves other requests.
func (t *Ticket) Done(r Response) (again, free bool) {
	t.giveBack(func(now time.Time) { again, free = t.bucket.learn(r, t, now) })
	return again, free
}

// Cancel gives back a ticket whose request was not sent.
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

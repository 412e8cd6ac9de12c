package ratelimit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Limiter throttles requests to those that are left in their buckets.
type Limiter struct {
	maxUse float64 // share of each window, 0 < maxUse <= 1

	mu        sync.Mutex
	buckets   map[string]*bucket
	apart     map[string]bool // routes that turned out to have another limit than their bucket
	droppedAt time.Time       // when idle buckets were last dropped
}

// New returns a limiter that uses at most the given share of each window.
func New(maxUse float64) *Limiter {
	return &Limiter{maxUse: maxUse, buckets: map[string]*bucket{}, apart: map[string]bool{}}
}

// Reasons for which a request is throttled.
const (
	Window      = "window"      // nothing remains of the window
	Share       = "share"       // the client's share of the window, MaxUse, is used up
	Pace        = "pace"        // other clients use the window, and this one spreads its fair share over it
	Probe       = "probe"       // nothing is known of the window, and another request is finding out
	Concurrency = "concurrency" // Okta refused to serve so many requests at once
	Refusal     = "refusal"     // Okta refused a request and did not credibly say until when
)

// Error says that a request was not let through.
type Error struct {
	Bucket  string
	Reason  string
	RetryAt time.Time // when there will be requests left, by the local clock; zero if unknown
	Err     error     // the context's, when that has ended; nil if its deadline is known to be too early
}

func (e *Error) Error() string {
	text := fmt.Sprintf("no requests are left in the rate limit of %s (%s)", e.Bucket, e.Reason)
	if e.RetryAt.IsZero() {
		return text
	}
	return text + " before " + e.RetryAt.UTC().Format(time.RFC3339)
}

func (e *Error) Unwrap() error { return e.Err }

// Acquire waits until a request to a bucket may be sent. Those whose calls began earlier go first, so that a request
// which was refused does not queue again behind all others. The error is always an *Error: at once when it is known
// that none are left before the deadline of ctx, otherwise when ctx ends.
func (l *Limiter) Acquire(ctx context.Context, name, route string, since time.Time) (*Ticket, error) {
	ticket, w, err := l.enter(ctx, name, route, since)
	if w == nil {
		return ticket, err
	}
	select {
	case <-w.ready:
	case <-ctx.Done():
		w.bucket.abandon(w, ctx.Err())
	}
	if w.err != nil {
		return nil, w.err
	}
	return w.ticket, nil
}

// enter returns a ticket or an error, or else puts the request into the bucket's queue.
func (l *Limiter) enter(ctx context.Context, name, route string, since time.Time) (*Ticket, *waiter, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.dropIdle(now)
	b := l.bucket(name, route, now)
	v := b.dispatch(now)
	if v.ok {
		return b.admit(route, now), nil, nil
	}
	w := &waiter{bucket: b, ready: make(chan struct{}), route: route, since: since, asked: now, reason: v.reason}
	w.deadline, _ = ctx.Deadline()
	place := b.queue.add(w)
	if err := b.tooLate(w, place, v); err != nil {
		b.queue.remove(w)
		return nil, nil, err
	}
	b.queue.wakeAt(v.at, now)
	return nil, w, nil
}

// Wait waits until a bucket would let a request through, and reserves nothing. It returns at once if nothing is known
// of the bucket.
func (l *Limiter) Wait(ctx context.Context, bucket string) error {
	if l.unexplored(bucket) {
		return nil
	}
	ticket, err := l.Acquire(ctx, bucket, bucket, time.Now())
	if err != nil {
		return err
	}
	ticket.Cancel()
	return nil
}

// unexplored reports whether nothing is known of a bucket.
func (l *Limiter) unexplored(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[name]
	return b == nil || b.unexplored()
}

// State is what is known of a bucket.
type State struct {
	Header          // of the latest window; zero if none is known
	Used     int    // requests of this client in the window
	InFlight int    // requests that are sent and have no response yet
	Waiting  int    // requests that are throttled
	Reason   string // why they are
}

// States returns what is known of each bucket.
func (l *Limiter) States() map[string]State {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.dropIdle(now)
	states := make(map[string]State, len(l.buckets))
	for name, b := range l.buckets {
		states[name] = b.state(now)
	}
	return states
}

// Knows reports whether a bucket of this name exists: it is documented, or the client has used it within the last hour.
func (l *Limiter) Knows(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(documented, name) || l.buckets[name] != nil
}

// bucket returns the bucket of a name, or that of a route which is kept apart.
func (l *Limiter) bucket(name, route string, now time.Time) *bucket {
	if l.apart[route] {
		name = route
	}
	b, ok := l.buckets[name]
	if !ok {
		b = newBucket(l, name, now)
		l.buckets[name] = b
	}
	b.usedAt = now
	return b
}

const (
	dropAfter = time.Hour        // how long a bucket is kept that nobody uses
	dropEvery = 10 * time.Minute // how often these are looked for
)

// dropIdle drops the buckets that nobody has used for an hour.
func (l *Limiter) dropIdle(now time.Time) {
	if now.Sub(l.droppedAt) < dropEvery {
		return
	}
	l.droppedAt = now
	maps.DeleteFunc(l.buckets, func(_ string, b *bucket) bool { return b.idle(now) })
}

package ratelimit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Limiter throttles requests so that no bucket is overdrawn. A Limiter is safe for concurrent use.
type Limiter struct {
	maxUse float64 // share of each window, 0 < maxUse <= 1

	mu        sync.Mutex
	buckets   map[string]*bucket
	apart     map[string]bool // routes that turned out to have a bucket of their own
	droppedAt time.Time       // when idle buckets were last dropped
}

// New returns a limiter that uses at most the given share of each window.
func New(maxUse float64) *Limiter {
	return &Limiter{maxUse: maxUse, buckets: map[string]*bucket{}, apart: map[string]bool{}}
}

// Reasons for which a request is throttled.
const (
	Window      = "window"      // nothing remains of the window
	MaxUse      = "max_use"     // the client's share of the window, MaxUse, is used up
	FairShare   = "fair_share"  // other clients use the window, and this one spreads its fair share over it
	Probe       = "probe"       // nothing is known of the window, and another request is finding out
	Concurrency = "concurrency" // Okta refused to serve so many requests at once
	Refusal     = "refusal"     // Okta refused a request and did not credibly say until when
)

// Error is the reason why Acquire let no request through.
type Error struct {
	Bucket  string
	Reason  string
	RetryAt time.Time // when requests will be left, by the local clock; zero if unknown
	Err     error     // the context's if it has ended; nil if its deadline precedes RetryAt
}

func (e *Error) Error() string {
	text := fmt.Sprintf("no requests are left in the rate limit of %s (%s)", e.Bucket, e.Reason)
	if e.RetryAt.IsZero() {
		return text
	}
	return text + " before " + e.RetryAt.UTC().Format(time.RFC3339)
}

func (e *Error) Unwrap() error { return e.Err }

// Acquire waits until a request may be sent. bucket is the name that [BucketOf] returns for its route, route identifies
// the route itself, and since is when the call began: requests are let through in that order, so that one which was
// refused does not queue behind all others again. The error is always an [*Error]: at once if no requests are left
// before the deadline of ctx, otherwise when ctx ends.
func (l *Limiter) Acquire(ctx context.Context, bucket, route string, since time.Time) (*Ticket, error) {
	ticket, w, err := l.enter(ctx, bucket, route, since)
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

// enter returns a ticket or an error, or else a waiter in the bucket's queue.
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

// Wait waits until a bucket would let a request through, and reserves nothing. It returns at once, and makes no bucket,
// if nothing is known of it.
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

// State is what the limiter knows of a bucket.
type State struct {
	Header          // of the latest window; zero if none is known
	Used     int    // requests of this client in the window
	InFlight int    // requests that are sent and have no response yet
	Waiting  int    // requests that are throttled
	Reason   string // why they are
}

// States returns the state of each bucket, by name.
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

// Knows reports whether name is that of a documented bucket, or of one that was used within the last hour.
func (l *Limiter) Knows(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(documented, name) || l.buckets[name] != nil
}

// bucket returns the bucket of a name, or that of the route if it has one of its own.
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
	dropAfter = time.Hour        // how long an unused bucket is kept
	dropEvery = 10 * time.Minute // how often unused buckets are looked for
)

// dropIdle drops the buckets that were not used for an hour: paths of any number may be requested.
func (l *Limiter) dropIdle(now time.Time) {
	if now.Sub(l.droppedAt) < dropEvery {
		return
	}
	l.droppedAt = now
	maps.DeleteFunc(l.buckets, func(_ string, b *bucket) bool { return b.idle(now) })
}

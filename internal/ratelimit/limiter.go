package ratelimit

import (
	"cmp"
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"
)

// Limiter throttles requests to those that are left in their buckets.
type Limiter struct {
	maxUse float64 // share of each window, 0 < maxUse <= 1

	mu      sync.Mutex
	buckets map[string]*bucket
	apart   map[string]bool // routes that turned out to have another limit than their bucket
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

// Acquire waits until a request to a bucket may be sent. Those whose calls began earlier go first, so that a request
// which was refused does not queue again behind all others. The error is always an *Error: at once when it is known
// that none are left before the deadline of ctx, otherwise when ctx ends.
func (l *Limiter) Acquire(ctx context.Context, name, route string, since time.Time) (*Ticket, error) {
	l.mu.Lock()
	b, now := l.bucket(name, route), time.Now()
	v := b.dispatch(now)
	if v.ok {
		defer l.mu.Unlock()
		return b.admit(route, now), nil
	}
	w := &waiter{ready: make(chan struct{}), route: route, since: since, asked: now, reason: v.reason}
	w.deadline, _ = ctx.Deadline()
	element, place := b.enqueue(w)
	if err := b.tooLate(w, place, v); err != nil {
		b.queue.Remove(element)
		l.mu.Unlock()
		return nil, err
	}
	b.wake(v.at, now)
	l.mu.Unlock()
	select {
	case <-w.ready:
	case <-ctx.Done():
		b.abandon(element, ctx.Err())
	}
	if w.err != nil {
		return nil, w.err
	}
	return w.ticket, nil
}

// Wait waits until a bucket would let a request through, and reserves nothing.
func (l *Limiter) Wait(ctx context.Context, bucket string) error {
	ticket, err := l.Acquire(ctx, bucket, bucket, time.Now())
	if err != nil {
		return err
	}
	ticket.Cancel()
	return nil
}

// Response is what came of a request, as far as rate limits go.
type Response struct {
	Status    int    // 0 if there was none
	Header    Header // valid if HasHeader
	HasHeader bool   // the response had rate limit headers that make sense
	Unsent    bool   // there was none, and the request is known not to have reached Okta
}

// Done gives a ticket back with what came of its request. After a refusal, again reports whether the request may go
// back to Acquire at once, because the limiter knows how long it has to wait there; and free, that it need not count
// as a retry, because the bucket serves other requests.
func (t *Ticket) Done(r Response) (again, free bool) {
	t.giveBack(func(now time.Time) { again, free = t.bucket.learn(r, t, now) })
	return again, free
}

// Cancel gives a ticket back whose request was not sent.
func (t *Ticket) Cancel() {
	t.giveBack(func(time.Time) { t.bucket.sent = time.Time{} })
}

func (t *Ticket) giveBack(learn func(now time.Time)) {
	b := t.bucket
	b.limiter.mu.Lock()
	defer b.limiter.mu.Unlock()
	now := time.Now()
	b.turn(now)
	b.inFlight--
	if age := b.number - t.window; age < len(b.out) {
		b.out[age]--
	}
	if t.probe != nil {
		t.probe.out--
	}
	learn(now)
	b.dispatch(now)
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
	states := make(map[string]State, len(l.buckets))
	for name, b := range l.buckets {
		s := State{Used: b.window.used, InFlight: b.inFlight, Waiting: b.queue.Len()}
		if b.known {
			s.Header = b.window.header
		}
		if s.Waiting > 0 {
			s.Reason = b.check(time.Now()).reason
		}
		states[name] = s
	}
	return states
}

func (l *Limiter) bucket(name, route string) *bucket {
	if l.apart[route] {
		name = route
	}
	b, ok := l.buckets[name]
	if !ok {
		b = &bucket{limiter: l, name: name, served: time.Now(), probe: &probe{}, flips: map[string]int{}}
		l.buckets[name] = b
	}
	return b
}

// waiter is a request that is throttled.
type waiter struct {
	ready    chan struct{} // closed when ticket or err is there
	ticket   *Ticket
	err      error
	route    string
	since    time.Time // when its call began
	asked    time.Time
	deadline time.Time // zero if there is none
	reason   string
}

// enqueue puts a waiter behind those whose calls began before its own. Most belong at the back, and those that were
// refused at the front.
func (b *bucket) enqueue(w *waiter) (element *list.Element, place int) {
	front, back := b.queue.Front(), b.queue.Back()
	for i := range b.queue.Len() {
		if !w.since.Before(back.Value.(*waiter).since) {
			return b.queue.InsertAfter(w, back), b.queue.Len() - 1 - i
		}
		if w.since.Before(front.Value.(*waiter).since) {
			return b.queue.InsertBefore(w, front), i
		}
		front, back = front.Next(), back.Prev()
	}
	return b.queue.PushBack(w), 0
}

// tooLate returns an Error if a waiter cannot go before its deadline, given its place and the verdict on the first.
func (b *bucket) tooLate(w *waiter, place int, v verdict) error {
	if w.deadline.IsZero() || !v.final {
		return nil
	}
	at := v.at
	if v.reason != Refusal {
		at = at.Add(time.Duration(place/b.share()) * cmp.Or(b.length, b.window.ends.Sub(b.window.since)))
	}
	if !at.After(w.deadline) {
		return nil
	}
	return &Error{Bucket: b.name, Reason: v.reason, RetryAt: at}
}

// dispatch lets waiters through while requests are left, and sees to it that it is called again when there may be. It
// returns the verdict on the next one.
func (b *bucket) dispatch(now time.Time) verdict {
	b.turn(now)
	for {
		v, first := b.check(now), b.queue.Front()
		if first == nil {
			return v
		}
		if !v.ok {
			b.sendAway(v)
			b.wake(v.at, now)
			return v
		}
		w := b.queue.Remove(first).(*waiter)
		w.ticket = b.admit(w.route, now)
		w.ticket.Throttled, w.ticket.Reason = now.Sub(w.asked), w.reason
		close(w.ready)
	}
}

// sendAway takes those out of the queue who cannot go before their deadlines.
func (b *bucket) sendAway(v verdict) {
	if !v.final || !v.at.After(b.swept) {
		return
	}
	b.swept = v.at
	place := 0
	for next := b.queue.Front(); next != nil; {
		element := next
		next = element.Next()
		w := element.Value.(*waiter)
		if w.err = b.tooLate(w, place, v); w.err == nil {
			place++
			continue
		}
		b.queue.Remove(element)
		close(w.ready)
	}
}

// wake has the queue looked at again at a time.
func (b *bucket) wake(at, now time.Time) {
	switch {
	case b.timer == nil:
		b.timer = time.AfterFunc(at.Sub(now), b.timeout)
	case !at.Equal(b.wakes):
		b.timer.Reset(at.Sub(now))
	}
	b.wakes = at
}

func (b *bucket) timeout() {
	b.limiter.mu.Lock()
	defer b.limiter.mu.Unlock()
	b.wakes = time.Time{}
	b.dispatch(time.Now())
}

// abandon takes a waiter whose context has ended out of the queue, or gives back the ticket that it has just got.
func (b *bucket) abandon(element *list.Element, err error) {
	b.limiter.mu.Lock()
	w := element.Value.(*waiter)
	ticket := w.ticket
	if ticket == nil && w.err == nil {
		v := b.check(time.Now())
		b.queue.Remove(element)
		w.err = &Error{Bucket: b.name, Reason: v.reason, RetryAt: v.at, Err: err}
	}
	b.limiter.mu.Unlock()
	if ticket != nil {
		ticket.Cancel()
		w.err = &Error{Bucket: b.name, Reason: ticket.Reason, Err: err}
	}
}

package ratelimit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Governor lets requests go only when Okta has room for them: bucket by bucket, by what the last answers said and what is in
// flight. Requests that must wait go first come, first served.
type Governor struct {
	maxUse float64 // share of each window, 0 < maxUse <= 1

	mu      sync.Mutex
	buckets map[string]*bucket
}

// NewGovernor returns a governor that uses at most the given share of each window.
func NewGovernor(maxUse float64) *Governor {
	return &Governor{maxUse: maxUse, buckets: map[string]*bucket{}}
}

// BucketOf names the bucket in which Okta counts requests to a path, which begins below the org's root. Of routes whose bucket
// is not known, each collection has one of its own.
func BucketOf(path string) string {
	segments := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 4)
	switch {
	case len(segments) < 3 || segments[0] != "api" || segments[1] != "v1":
		return "/" + segments[0]
	case segments[2] == "authorizationServers":
		return "/api/v1"
	}
	return "/api/v1/" + segments[2]
}

// Reasons for which a request is held back.
const (
	Window      = "window"      // the window has no room left
	Share       = "share"       // the client's share of the window is used up
	Probe       = "probe"       // nothing is known of the window, and another request is finding out
	Concurrency = "concurrency" // Okta refused to serve so many at once
	Refusal     = "refusal"     // Okta refused a request and did not credibly say until when
)

// Ticket lets one request go. It must be given back.
type Ticket struct {
	Held   time.Duration // how long the request was held back
	Reason string        // why; empty if it was not
	bucket *bucket
	probe  bool
}

// ExhaustedError says that a request cannot go before its deadline.
type ExhaustedError struct {
	Bucket string
	Reason string
	Until  time.Duration // from now
}

func (e *ExhaustedError) Error() string {
	return fmt.Sprintf("the rate limit of %s (%s) has no room for %v, which is after the deadline",
		e.Bucket, e.Reason, e.Until.Round(time.Millisecond))
}

// Acquire waits until a request to a bucket may go. It fails at once with an ExhaustedError if that cannot be before the
// deadline of ctx, and with the error of ctx when that ends.
func (g *Governor) Acquire(ctx context.Context, name string) (*Ticket, error) {
	g.mu.Lock()
	b := g.bucket(name)
	now := time.Now()
	v := b.room(now)
	if v.ok && len(b.queue) == 0 {
		defer g.mu.Unlock()
		return b.admit(now), nil
	}
	if deadline, ok := ctx.Deadline(); ok {
		if at := b.earliest(v); at.After(deadline) {
			g.mu.Unlock()
			return nil, &ExhaustedError{Bucket: name, Reason: v.reason, Until: at.Sub(now)}
		}
	}
	w := &waiter{ready: make(chan struct{}), since: now, reason: v.reason}
	b.queue = append(b.queue, w)
	b.dispatch(now)
	g.mu.Unlock()
	select {
	case <-w.ready:
		return w.ticket, nil
	case <-ctx.Done():
		b.abandon(w)
		return nil, ctx.Err()
	}
}

// Answer is what came of a request, as far as rate limits go.
type Answer struct {
	Status int    // 0 if no answer came
	Header Header // valid if Said
	Said   bool   // the answer had rate limit headers that make sense
}

// Done gives a ticket back with what came of its request.
func (t *Ticket) Done(a Answer) {
	t.giveBack(func(now time.Time) { t.bucket.learn(a, t.probe, now) })
}

// Cancel gives a ticket back whose request was not sent.
func (t *Ticket) Cancel() { t.giveBack(func(time.Time) {}) }

func (t *Ticket) giveBack(learn func(now time.Time)) {
	b := t.bucket
	b.governor.mu.Lock()
	defer b.governor.mu.Unlock()
	now := time.Now()
	b.inFlight--
	if t.probe {
		b.probes--
	}
	learn(now)
	b.dispatch(now)
}

// State is what is known of a bucket.
type State struct {
	Header          // of the latest window; zero if none is known
	Used     int    // requests of this client in the window
	InFlight int    // sent, and not answered yet
	Waiting  int    // held back
	Reason   string // why they are held back
}

// States returns what is known of each bucket.
func (g *Governor) States() map[string]State {
	g.mu.Lock()
	defer g.mu.Unlock()
	states := make(map[string]State, len(g.buckets))
	for name, b := range g.buckets {
		s := State{Used: b.window.used, InFlight: b.inFlight, Waiting: len(b.queue)}
		if b.known {
			s.Header = b.window.header
		}
		if s.Waiting > 0 {
			s.Reason = b.room(time.Now()).reason
		}
		states[name] = s
	}
	return states
}

func (g *Governor) bucket(name string) *bucket {
	b, ok := g.buckets[name]
	if !ok {
		b = &bucket{governor: g, trials: 1}
		g.buckets[name] = b
	}
	return b
}

// bucket is one of Okta's counters. The governor's lock guards it.
type bucket struct {
	governor *Governor
	queue    []*waiter
	timer    *time.Timer
	inFlight int

	known  bool // window says something
	free   bool // answers say nothing of a limit
	window window

	probes    int       // in flight, while nothing is known
	trials    int       // how many of them there may be
	probeTime time.Time // when the first of them was sent

	closed  time.Time // nothing goes before
	strikes int       // refusals in a row that did not say until when

	most int // in flight, after Okta refused to serve more at once; 0 for no bound
	calm int // answers since most was last changed
}

// window is one of a bucket's windows.
type window struct {
	header Header        // of its latest answer, with the smallest Remaining
	used   int           // by this client
	ends   time.Time     // by our clock
	length time.Duration // as far as seen; 0 if not
}

type waiter struct {
	ready  chan struct{} // closed when ticket is there
	ticket *Ticket
	since  time.Time
	reason string
}

// verdict says whether a request may go.
type verdict struct {
	ok     bool
	reason string    // why not
	at     time.Time // when that may change by itself; zero if only an answer can change it
}

// patience is how long one request may keep the others waiting while it finds out about a window.
const patience = time.Second

func (b *bucket) room(now time.Time) verdict {
	switch {
	case now.Before(b.closed):
		return verdict{reason: Refusal, at: b.closed}
	case b.most > 0 && b.inFlight >= b.most:
		return verdict{reason: Concurrency}
	case b.free:
		return verdict{ok: true}
	case b.probing(now):
		return b.roomToProbe(now)
	case b.window.header.Remaining <= b.inFlight:
		return verdict{reason: Window, at: b.window.ends}
	case b.share() <= b.window.used+b.inFlight:
		return verdict{reason: Share, at: b.window.ends}
	}
	return verdict{ok: true}
}

// probing reports whether nothing is known of the present window.
func (b *bucket) probing(now time.Time) bool { return !b.known || !now.Before(b.window.ends) }

// roomToProbe lets one request find out about a window, and one more for each second that it takes.
func (b *bucket) roomToProbe(now time.Time) verdict {
	if b.probes == 0 {
		return verdict{ok: true}
	}
	late := now.Sub(b.probeTime) / patience
	if b.probes < b.trials+int(late) {
		return verdict{ok: true}
	}
	return verdict{reason: Probe, at: b.probeTime.Add((late + 1) * patience)}
}

// share is how many requests of a window are this client's.
func (b *bucket) share() int {
	return max(1, int(b.governor.maxUse*float64(b.window.header.Limit)))
}

// earliest is a time before which the next waiter cannot go, given the verdict on the first.
func (b *bucket) earliest(v verdict) time.Time {
	if v.reason != Window && v.reason != Share {
		return v.at
	}
	windows := len(b.queue) / min(b.share(), max(1, b.window.header.Limit))
	return v.at.Add(time.Duration(windows) * b.window.length)
}

func (b *bucket) admit(now time.Time) *Ticket {
	t := &Ticket{bucket: b, probe: !b.free && b.probing(now)}
	if t.probe {
		if b.probes == 0 {
			b.probeTime = now
		}
		b.probes++
	}
	b.inFlight++
	return t
}

// dispatch lets waiters go while there is room, and sees to it that it is called again when there may be.
func (b *bucket) dispatch(now time.Time) {
	if b.timer != nil {
		b.timer.Stop()
	}
	for len(b.queue) > 0 {
		v := b.room(now)
		if !v.ok {
			b.wake(v.at, now)
			return
		}
		w := b.queue[0]
		b.queue[0] = nil
		b.queue = b.queue[1:]
		w.ticket = b.admit(now)
		w.ticket.Held, w.ticket.Reason = now.Sub(w.since), w.reason
		close(w.ready)
	}
}

func (b *bucket) wake(at, now time.Time) {
	if at.IsZero() {
		return
	}
	b.timer = time.AfterFunc(at.Sub(now), func() {
		b.governor.mu.Lock()
		defer b.governor.mu.Unlock()
		b.dispatch(time.Now())
	})
}

// abandon takes a waiter out of the queue, or gives back the ticket that it has just got.
func (b *bucket) abandon(w *waiter) {
	b.governor.mu.Lock()
	ticket := w.ticket
	if ticket == nil {
		at := slices.Index(b.queue, w)
		b.queue = slices.Delete(b.queue, at, at+1)
		b.dispatch(time.Now())
	}
	b.governor.mu.Unlock()
	if ticket != nil {
		ticket.Cancel()
	}
}

// learn takes over what an answer says.
func (b *bucket) learn(a Answer, probe bool, now time.Time) {
	refused := a.Status == http.StatusTooManyRequests
	if !refused && a.Status != 0 {
		b.strikes = 0
		b.grow()
	}
	switch {
	case a.Status == 0:
		b.learnNothing(probe)
	case refused && a.Said && a.Header.Concurrency():
		b.shrink(now)
	case refused && !a.Header.credible():
		b.pause(now)
	case !a.Said || a.Header.Concurrency():
		b.free = b.free || probe
		b.count()
	default:
		b.learnWindow(a.Header, refused, now)
	}
}

// learnNothing is for a request whose answer was lost. It may have been counted.
func (b *bucket) learnNothing(probe bool) {
	b.count()
	if probe {
		b.trials = min(2*b.trials, 1<<10) // a server that does not answer must not hold all calls back
	}
}

// count counts a request of whose effect on the window nothing is known.
func (b *bucket) count() {
	b.window.used++
	b.window.header.Remaining = max(0, b.window.header.Remaining-1)
}

// longestWait bounds how long a window is believed in: Okta's last a minute.
const longestWait = 61 * time.Second

func (b *bucket) learnWindow(h Header, refused bool, now time.Time) {
	ends := now.Add(h.untilEnd())
	w := &b.window
	switch {
	case b.isNew(h, now):
		next := window{header: h, ends: ends, length: w.length}
		if b.known && h.Reset.After(w.header.Reset) {
			next.length = h.Reset.Sub(w.header.Reset)
		}
		b.window, b.known, b.free, b.trials = next, true, false, 1
	case h.Reset.Before(w.header.Reset.Add(-time.Second)):
		return // of the window before
	default:
		w.header.Limit = h.Limit
		w.header.Remaining = min(w.header.Remaining, h.Remaining)
		if ends.Before(w.ends) {
			w.ends = ends
		}
	}
	if refused {
		b.window.header.Remaining = 0
		return
	}
	b.window.used++
}

// isNew reports whether an answer is of a later window than the one that is known. A second's difference alone may be that of
// two servers' clocks.
func (b *bucket) isNew(h Header, now time.Time) bool {
	if b.probing(now) {
		return true
	}
	last := b.window.header
	return h.Reset.After(last.Reset.Add(time.Second)) || h.Reset.After(last.Reset) && h.Remaining > last.Remaining
}

// pause closes the bucket for a while, which doubles from a quarter of a second to half a minute. Refusals of requests that
// were sent before the last pause began make it no longer.
func (b *bucket) pause(now time.Time) {
	if now.Before(b.closed) {
		return
	}
	wait := time.Second / 4 << min(b.strikes, 7)
	b.strikes++
	b.closed = now.Add(wait + rand.N(wait/2)) //nolint:gosec // spreads load
}

// shrink halves what may be in flight, and grow lets it grow again by one for as many answers as are in flight.
func (b *bucket) shrink(now time.Time) {
	if now.Before(b.closed) {
		return
	}
	b.most, b.calm = max(1, (b.inFlight+1)/2), 0
	b.closed = now.Add(time.Second/2 + rand.N(time.Second/2)) //nolint:gosec // spreads load
}

func (b *bucket) grow() {
	if b.most == 0 {
		return
	}
	if b.calm++; b.calm >= b.most {
		b.most, b.calm = b.most+1, 0
	}
}

package ratelimit

import (
	"container/list"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
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

// BucketOf names the bucket in which Okta counts requests to a path, which begins below the org's root. A route whose bucket is
// not known has one of its own, for Okta counts lists, single objects, reads and writes apart. So has each token endpoint:
// a request that waits for a token may hold a ticket.
func BucketOf(method, path string) string {
	s := strings.Split(strings.TrimPrefix(path, "/"), "/")
	switch {
	case s[0] != "api" && strings.HasSuffix(path, "/token"):
		return path
	case len(s) < 3 || s[0] != "api" || s[1] != "v1":
		return "/" + s[0]
	case s[2] == "authorizationServers" && len(s) > 4 && s[4] == "clients":
		return "/api/v1"
	case s[2] == "users" && len(s) > 4 && (s[4] == "grants" || s[4] == "clients"):
		return "/api/v1/users"
	}
	return method + " /api/v1/" + s[2] + below(s[3:])
}

// below names what stands below a collection, without IDs: every other segment is one.
func below(segments []string) string {
	var route strings.Builder
	for i, segment := range segments[:min(len(segments), 2)] {
		if i == 0 {
			segment = "{id}"
		}
		route.WriteString("/" + segment)
	}
	return route.String()
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
	sent   time.Time
	tide   int
	probe  *probe // nil if the request does not find out about a window
}

// ExhaustedError says that a request cannot go before its deadline.
type ExhaustedError struct {
	Bucket string
	Reason string
	Until  time.Duration // from now
}

func (e *ExhaustedError) Error() string {
	return fmt.Sprintf("the rate limit of %s (%s) has no room before %v have passed, which is after the deadline",
		e.Bucket, e.Reason, e.Until.Round(time.Millisecond))
}

// Acquire waits until a request to a bucket may go. It fails with an ExhaustedError as soon as it is known that that cannot be
// before the deadline of ctx, and with the error of ctx when that ends.
func (g *Governor) Acquire(ctx context.Context, name string) (*Ticket, error) {
	g.mu.Lock()
	b := g.bucket(name)
	now := time.Now()
	v := b.dispatch(now)
	if v.ok {
		defer g.mu.Unlock()
		return b.admit(now), nil
	}
	w := &waiter{ready: make(chan struct{}), since: now, reason: v.reason}
	w.deadline, _ = ctx.Deadline()
	if err := b.tooLate(w, b.queue.Len(), v, now); err != nil {
		g.mu.Unlock()
		return nil, err
	}
	place := b.queue.PushBack(w)
	b.wake(v.at, now)
	g.mu.Unlock()
	select {
	case <-w.ready:
		return w.ticket, w.err
	case <-ctx.Done():
		b.abandon(place, w)
		return nil, ctx.Err()
	}
}

// Answer is what came of a request, as far as rate limits go.
type Answer struct {
	Status int    // 0 if no answer came
	Header Header // valid if Said
	Said   bool   // the answer had rate limit headers that make sense
	Unsent bool   // no answer came, and the request is known not to have reached Okta
}

// Done gives a ticket back with what came of its request.
func (t *Ticket) Done(a Answer) {
	t.giveBack(func(now time.Time) { t.bucket.learn(a, t, now) })
}

// Cancel gives a ticket back whose request was not sent.
func (t *Ticket) Cancel() { t.giveBack(func(time.Time) {}) }

func (t *Ticket) giveBack(learn func(now time.Time)) {
	b := t.bucket
	b.governor.mu.Lock()
	defer b.governor.mu.Unlock()
	now := time.Now()
	b.turn(now)
	b.inFlight--
	switch t.tide {
	case b.tide:
		b.recent--
	case b.tide - 1:
		b.earlier--
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
		s := State{Used: b.window.used, InFlight: b.inFlight, Waiting: b.queue.Len()}
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
		b = &bucket{governor: g, name: name, probe: &probe{}, trials: 1}
		g.buckets[name] = b
	}
	return b
}

// bucket is one of Okta's counters. The governor's lock guards it.
type bucket struct {
	governor *Governor
	name     string
	queue    list.List // of *waiter
	swept    time.Time // to which the queue holds nobody whose deadline is before
	timer    *time.Timer

	inFlight int       // sent, and not answered yet
	recent   int       // of these, since the tide last turned
	earlier  int       // and in the tide before; what is older was counted long ago, if at all
	tide     int       // turns once in longestWait
	turned   time.Time // when it last did

	known  bool // a window was seen, be it an earlier one
	free   bool // answers say nothing of a limit
	window window

	probe  *probe // of the present window, while nothing is known of it
	trials int    // how many probes there may be at once

	closed  time.Time // nothing goes before
	strikes int       // refusals in a row that did not say until when

	most int // in flight, after Okta refused to serve more at once; 0 for no bound
	calm int // answers since most was last changed
}

// window is one of a bucket's windows.
type window struct {
	header Header        // of its latest answer, with the smallest Remaining; until that came, of the window before
	told   bool          // the header is of this window
	bare   bool          // answers came that said nothing
	used   int           // by this client
	late   int           // of these, shortly before its end and without a word on whether they were not in the next one
	since  time.Time     // when it was first heard of, or the one before was over
	ends   time.Time     // by our clock
	length time.Duration // as far as seen; 0 if not
}

// probe is the finding out about a window.
type probe struct {
	since time.Time // when the first of those that are out was sent
	out   int
}

type waiter struct {
	ready    chan struct{} // closed when ticket or err is there
	ticket   *Ticket
	err      error
	since    time.Time
	deadline time.Time // zero if there is none
	reason   string
}

// verdict says whether a request may go.
type verdict struct {
	ok     bool
	reason string    // why not
	at     time.Time // when that changes, if no answer comes
	final  bool      // no answer can change it
}

const (
	patience    = time.Second      // how long a probe may keep the others waiting
	travel      = 5 * time.Second  // how long after it was sent a request may be counted
	longestWait = 61 * time.Second // how long a window is believed in: Okta's last a minute
)

func (b *bucket) room(now time.Time) verdict {
	w, out := &b.window, b.recent+b.earlier
	switch {
	case now.Before(b.closed):
		return verdict{reason: Refusal, at: b.closed, final: true}
	case b.most > 0 && out >= b.most:
		return verdict{reason: Concurrency, at: b.turned.Add(longestWait)}
	case b.probing() && !b.mayProbe(now):
		return verdict{reason: Probe, at: b.probe.since.Add((now.Sub(b.probe.since)/patience + 1) * patience)}
	case !b.known:
		return verdict{ok: true}
	case w.told && w.header.Remaining <= out:
		return verdict{reason: Window, at: w.ends, final: w.header.Remaining == 0}
	case b.share() <= w.used+out:
		return verdict{reason: Share, at: w.ends, final: w.used >= b.share() && (w.told || out == 0)}
	}
	return verdict{ok: true}
}

// probing reports whether it has to be found out what the present window has room for.
func (b *bucket) probing() bool {
	return b.strikes > 0 || !b.free && !b.window.told && !b.window.bare
}

// mayProbe lets one request find out about a window, and one more for each second that it takes.
func (b *bucket) mayProbe(now time.Time) bool {
	return b.probe.out == 0 || b.probe.out < b.trials+int(now.Sub(b.probe.since)/patience)
}

// share is how many requests of a window are this client's.
func (b *bucket) share() int {
	return max(1, int(b.governor.maxUse*float64(b.window.header.Limit)+1e-9)) // 0.29 of 100 is 29
}

// tooLate returns an ExhaustedError if a waiter cannot go before its deadline, given its place and the verdict on the first.
func (b *bucket) tooLate(w *waiter, place int, v verdict, now time.Time) error {
	if w.deadline.IsZero() || !v.final {
		return nil
	}
	at := v.at
	if v.reason != Refusal {
		at = at.Add(time.Duration(place/b.share()) * b.window.length)
	}
	if !at.After(w.deadline) {
		return nil
	}
	return &ExhaustedError{Bucket: b.name, Reason: v.reason, Until: at.Sub(now)}
}

func (b *bucket) admit(now time.Time) *Ticket {
	t := &Ticket{bucket: b, sent: now, tide: b.tide}
	if b.probing() {
		if b.probe.out == 0 {
			b.probe.since = now
		}
		b.probe.out++
		t.probe = b.probe
	}
	b.inFlight++
	b.recent++
	return t
}

// dispatch lets waiters go while there is room, and sees to it that it is called again when there may be. It returns the
// verdict on the next one.
func (b *bucket) dispatch(now time.Time) verdict {
	b.turn(now)
	if b.timer != nil {
		b.timer.Stop()
	}
	for {
		v, first := b.room(now), b.queue.Front()
		if first == nil {
			return v
		}
		if !v.ok {
			b.sendAway(v, now)
			b.wake(v.at, now)
			return v
		}
		w := b.queue.Remove(first).(*waiter)
		w.ticket = b.admit(now)
		w.ticket.Held, w.ticket.Reason = now.Sub(w.since), w.reason
		close(w.ready)
	}
}

// sendAway takes those out of the queue who cannot go before their deadlines.
func (b *bucket) sendAway(v verdict, now time.Time) {
	if !v.final || !v.at.After(b.swept) {
		return
	}
	b.swept = v.at
	place := 0
	for next := b.queue.Front(); next != nil; {
		at := next
		next = at.Next()
		w := at.Value.(*waiter)
		if w.err = b.tooLate(w, place, v, now); w.err == nil {
			place++
			continue
		}
		b.queue.Remove(at)
		close(w.ready)
	}
}

func (b *bucket) wake(at, now time.Time) {
	if b.timer != nil {
		b.timer.Reset(at.Sub(now))
		return
	}
	b.timer = time.AfterFunc(at.Sub(now), func() {
		b.governor.mu.Lock()
		defer b.governor.mu.Unlock()
		b.dispatch(time.Now())
	})
}

// abandon takes a waiter out of the queue, or gives back the ticket that it has just got.
func (b *bucket) abandon(place *list.Element, w *waiter) {
	b.governor.mu.Lock()
	ticket := w.ticket
	if ticket == nil {
		b.queue.Remove(place) // does nothing if it was sent away
	}
	b.governor.mu.Unlock()
	if ticket != nil {
		ticket.Cancel()
	}
}

// turn begins a window of which nothing is known yet when the one before is over.
func (b *bucket) turn(now time.Time) {
	for range min(2, now.Sub(b.turned)/longestWait) {
		b.tide++
		b.earlier, b.recent, b.turned = b.recent, 0, now
	}
	if now.Before(b.window.ends) {
		return
	}
	if b.window.bare && !b.window.told {
		b.known, b.free = false, true
	}
	b.begin(now, now.Add(longestWait))
}

func (b *bucket) begin(now, ends time.Time) {
	w := b.window
	b.window = window{header: w.header, used: w.late, since: now, ends: ends, length: w.length}
	b.probe = &probe{}
}

// learn takes over what the answer to a ticket's request says.
func (b *bucket) learn(a Answer, t *Ticket, now time.Time) {
	refused := a.Status == http.StatusTooManyRequests
	failed := a.Status == 0 || a.Status >= http.StatusInternalServerError
	if !refused && !failed {
		b.grow()
		if !t.sent.Before(b.closed) {
			b.strikes = 0
		}
	}
	switch {
	case refused && a.Said && a.Header.Concurrency():
		b.count(t, now)
		b.shrink(t, now)
	case refused && (!a.Said || !a.Header.credible()):
		b.count(t, now)
		b.pause(t, now)
	case a.Said && !a.Header.Concurrency():
		b.learnWindow(a.Header, refused, t, now)
	case failed: // perhaps by a gateway, which knows nothing of limits
		if !a.Unsent {
			b.count(t, now)
		}
		if t.probe != nil {
			b.trials = min(2*b.trials, 1<<10) // a server that does not answer must not hold all calls back
		}
	default:
		b.count(t, now)
		b.window.bare = true
		b.free = !b.known
	}
}

// count counts a request that Okta may have counted.
func (b *bucket) count(t *Ticket, now time.Time) {
	w := &b.window
	if b.free || t.sent.Before(w.since.Add(-travel)) {
		return
	}
	w.used++
	if w.told {
		w.header.Remaining = max(0, w.header.Remaining-1)
	}
	if now.After(w.ends.Add(-travel)) {
		w.late++
	}
}

func (b *bucket) learnWindow(h Header, refused bool, t *Ticket, now time.Time) {
	w := &b.window
	ends, gap := now.Add(h.untilEnd()), h.Reset.Sub(w.header.Reset)
	own := !t.sent.Before(w.since) // the request was sent in this window, as far as is known
	later := gap > time.Second || gap > 0 && h.Remaining > w.header.Remaining
	switch {
	case !b.known, !w.told && (own || gap > 0):
	case w.told && later:
		b.begin(now, ends)
	case w.told && gap < -time.Second && own: // Okta's clock was put back
	case !w.told || gap < -time.Second: // of the window before
		return
	default: // of this window; a second's difference may be that of two servers' clocks
		h.Reset = w.header.Reset
		h.Remaining = min(h.Remaining, w.header.Remaining)
		if w.ends.Before(ends) {
			ends = w.ends
		}
	}
	if b.known && gap > time.Second && gap <= longestWait {
		w.length = gap
	}
	if refused {
		h.Remaining = 0
	}
	w.used++
	w.header, w.ends, w.told = h, ends, true
	b.known, b.free, b.trials = true, false, 1
}

// pause closes the bucket for a while, which doubles from a quarter of a second to half a minute, and has the next request
// probe. Refusals of requests that were sent before the last pause began make it no longer.
func (b *bucket) pause(t *Ticket, now time.Time) {
	if t.sent.Before(b.closed) {
		return
	}
	wait := time.Second / 4 << min(b.strikes, 7)
	b.strikes++
	b.closed = now.Add(wait + rand.N(wait/2)) //nolint:gosec // spreads load
	b.probe, b.trials = &probe{}, 1
}

// shrink halves what may be in flight, and grow lets it grow again by one for as many answers as are in flight.
func (b *bucket) shrink(t *Ticket, now time.Time) {
	if t.sent.Before(b.closed) {
		return
	}
	b.most, b.calm = max(1, (b.recent+b.earlier+1)/2), 0
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

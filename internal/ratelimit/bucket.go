package ratelimit

import (
	"container/list"
	"math"
	"math/rand/v2"
	"net/http"
	"time"
)

// bucket is one of Okta's counters. The limiter's lock guards it.
type bucket struct {
	limiter *Limiter
	name    string
	queue   list.List // of *waiter, in the order in which their calls began
	swept   time.Time // the queue holds nobody whose deadline is before
	timer   *time.Timer
	wakes   time.Time // when it does; zero if it does not

	inFlight int    // requests without a response yet
	out      [2]int // of these, sent in this window and in the one before; what is older was counted long ago, if at all

	known  bool // a window was seen, be it an earlier one
	free   bool // responses carry no limit
	number int  // of the window
	window window
	length time.Duration // of a window; 0 if unknown
	clock  clock
	flips  map[string]int // how often a route contradicted the others' limit

	probe    *probe    // of the present window, while nothing is known of it
	closed   time.Time // nothing is sent before
	refusals int       // in a row that did not say until when
	served   time.Time // when a response other than 429 last came; at first, when the bucket was made
	limit    float64   // of requests in flight, after Okta refused to serve more at once; 0 for none

	shared bool      // other clients use the bucket
	part   float64   // of all that was lately used of it, this client's
	sent   time.Time // when the latest request was
	jitter float64   // of the wait for the next one
}

// window is one of a bucket's windows.
type window struct {
	header Header    // of its latest response, with the smallest Remaining; until that came, of the window before
	told   bool      // the header is of this window
	bare   bool      // responses came without a header
	used   int       // by this client
	before int       // by this client in the window before
	late   int       // requests shortly before its end whose response did not say whether they count in the next one
	since  time.Time // when it was first heard of, or the one before was over
	ends   time.Time // by the local clock
}

// probe is the finding out about a window.
type probe struct {
	since  time.Time // when the first of those that are out was sent
	out    int
	failed int
}

// verdict says whether a request may be sent.
type verdict struct {
	ok     bool
	reason string    // why not
	at     time.Time // when that changes, if no response comes
	final  bool      // no response can change it
}

const (
	patience    = time.Second      // how long a probe may keep the others waiting
	travel      = 5 * time.Second  // how long after it was sent a request may be counted
	longestWait = 61 * time.Second // how long a window is believed in: Okta's last a minute

	// How clients share a bucket. The numbers are those that did best in simulations with 2 to 32 clients.
	evening = 0.75   // the exponent of a client's part: the smaller, the sooner parts are even, and the more is refused
	least   = 0.125  // the smallest part, whatever a client had lately
	memory  = 0.25   // of a window, over which parts are measured
	alone   = 0.99   // the part from which on nobody else seems to be there
	early   = 2. / 3 // how much of the doubt when a window ends is dared by a client that always comes too late
)

func (b *bucket) check(now time.Time) verdict {
	w, out := &b.window, b.out[0]+b.out[1]
	switch {
	case now.Before(b.closed):
		return verdict{reason: Refusal, at: b.closed, final: true}
	case b.limit > 0 && out >= int(b.limit):
		return verdict{reason: Concurrency, at: w.ends}
	case b.probing() && b.probe.out > 0 && b.probe.out > b.probe.failed+int(now.Sub(b.probe.since)/patience):
		return verdict{reason: Probe, at: nextSecond(b.probe.since, now)}
	case !b.known:
		return verdict{ok: true}
	case w.told && w.header.Remaining <= out:
		return verdict{reason: Window, at: w.ends, final: w.header.Remaining == 0}
	case b.share() <= w.used+out:
		return verdict{reason: Share, at: w.ends, final: w.used >= b.share() && (w.told || out == 0)}
	case w.told && b.length == 0 && out > w.used+int(now.Sub(b.sent)/patience): // the first window
		return verdict{reason: Probe, at: nextSecond(b.sent, now)}
	case b.shared && (w.told || w.before > 0) && b.next().After(now):
		return verdict{reason: Pace, at: soonest(b.next(), w.ends)}
	}
	return verdict{ok: true}
}

// nextSecond is when the next second since a time is over.
func nextSecond(since, now time.Time) time.Time {
	return since.Add((now.Sub(since)/patience + 1) * patience)
}

// probing reports whether it has to be found out how many requests are left in the present window. One request does
// so, one more for each second that it takes, and one more for each that fails.
func (b *bucket) probing() bool {
	return b.refusals > 0 || !b.free && !b.window.told && !b.window.bare
}

// share is how many requests of a window are this client's.
func (b *bucket) share() int {
	return max(1, int(b.limiter.maxUse*float64(b.window.header.Limit)+1e-9)) // 0.29 of 100 is 29
}

// next is when the next request may be sent while others use the bucket, too: the client spreads its part of what
// remains over the rest of the window.
func (b *bucket) next() time.Time {
	w, out := &b.window, b.out[0]+b.out[1]
	remaining, from, span, jitter := max(1, w.header.Limit), w.since, b.length, b.jitter-0.5
	if w.told {
		remaining, jitter = w.header.Remaining-out, b.jitter
		if b.sent.After(from) {
			from = b.sent
		}
		span = w.ends.Sub(from)
	}
	part := max(least, math.Pow(b.part, evening)) * float64(remaining)
	part = min(part, float64(b.share()-w.used-out))
	return from.Add(time.Duration(min(jitter*float64(span)/part, float64(longestWait))))
}

// compare takes over how many requests Okta has counted since the last response, of which one or none was this
// client's.
func (b *bucket) compare(all, own int) {
	w := &b.window
	switch {
	case !b.shared && w.header.Limit-w.header.Remaining > w.used+b.out[0]:
		b.shared, b.part = true, 0.5
	case b.shared && all > 0 && own > 0:
		weight := 1 - math.Exp(-float64(all)/(memory*float64(w.header.Limit)))
		b.part += (min(1, float64(own)/float64(all)) - b.part) * weight
		b.shared = b.part < alone
	}
}

func (b *bucket) admit(route string, now time.Time) *Ticket {
	t := &Ticket{bucket: b, route: route, sent: now, window: b.number}
	if b.probing() {
		if b.probe.out == 0 {
			b.probe.since = now
		}
		b.probe.out++
		t.probe = b.probe
	}
	b.inFlight++
	b.out[0]++
	b.sent, b.jitter = now, 0.5+rand.Float64() //nolint:gosec // spreads load
	return t
}

// turn begins a window of which nothing is known yet when the one before is over.
func (b *bucket) turn(now time.Time) {
	w := &b.window
	if now.Before(w.ends) {
		return
	}
	if w.bare && !w.told {
		b.known, b.free = false, true
	}
	since, idle := w.ends, now.Add(-longestWait)
	switch {
	case since.Before(idle): // nothing was sent in the window before
		since, b.out, b.number = idle, [2]int{}, b.number+1
	case !w.told: // it began at any time before
		since = w.since
	}
	b.begin(since, now.Add(longestWait))
}

func (b *bucket) begin(since, ends time.Time) {
	w := b.window
	if !w.told {
		b.part = 0.5
	}
	b.number++
	b.out = [2]int{0, b.out[0]}
	b.window = window{header: w.header, used: w.late, before: w.used, since: since, ends: ends}
	b.probe = &probe{}
	b.clock.age(b.length)
}

// learn takes over what the response to a ticket's request says.
func (b *bucket) learn(r Response, t *Ticket, now time.Time) (again, free bool) {
	refused := r.Status == http.StatusTooManyRequests
	failed := r.Status == 0 || r.Status >= http.StatusInternalServerError
	if !refused && !failed {
		b.served = now
		b.grow()
		if !t.sent.Before(b.closed) {
			b.refusals = 0
		}
	}
	switch {
	case refused && r.HasHeader && r.Header.Concurrency():
		b.count(t, now)
		b.shrink(t, now)
		return true, b.limit > 1
	case r.HasHeader && !r.Header.Concurrency():
		known := b.learnWindow(r.Header, refused, t, now)
		return refused && known, refused && known && now.Sub(b.served) < 2*longestWait
	case refused:
		b.count(t, now)
		b.pause(t, now)
	case failed: // perhaps by a gateway, which knows nothing of limits
		if !r.Unsent {
			b.count(t, now)
			b.extend(now)
		}
		if t.probe != nil {
			t.probe.failed++ // a server that does not respond must not hold all calls back
		}
	default:
		b.count(t, now)
		b.window.bare = true
		b.free = !b.known
	}
	return false, false
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

// extend has a window that is but a guess last as long as the one may in which Okta counted a request just now.
func (b *bucket) extend(now time.Time) {
	if !b.window.told {
		b.window.ends = now.Add(longestWait)
	}
}

// learnWindow takes over a header, and reports whether it is known when its window ends.
func (b *bucket) learnWindow(h Header, refused bool, t *Ticket, now time.Time) bool {
	w := &b.window
	ends, known := b.clock.end(h, b.length, t.sent, now)
	gap := h.Reset.Sub(w.header.Reset)
	mine := !t.sent.Before(w.since) // the request was sent in this window, as far as is known
	used := 0                       // by all, when the last header came
	switch {
	case !b.known:
	case !w.told && mine && gap <= 0 && gap >= -time.Second: // the window before lasts longer than it seemed
		w.used, w.before = w.used+w.before, 0
	case !w.told && (mine || gap > 0):
	case w.told && (gap > time.Second || gap > 0 && h.Remaining > w.header.Remaining):
		b.begin(now, ends)
	case w.told && gap < -time.Second && mine: // Okta's clock was put back, or this is another bucket
		b.flip(t.route)
	case !w.told || gap < -time.Second: // of the window before
		return known
	case h.Limit != w.header.Limit: // it was changed, or this is another bucket
		b.flip(t.route)
		used = h.Limit - h.Remaining
	default: // of this window; a second's difference may be that of two servers' clocks
		used = w.header.Limit - w.header.Remaining
		h.Reset, h.Remaining, ends = w.header.Reset, min(h.Remaining, w.header.Remaining), soonest(ends, w.ends)
	}
	longer := ends.Sub(now) > b.length+time.Second
	if b.known && gap > time.Second && gap <= longestWait && (b.length == 0 || gap < b.length || longer) {
		b.length = gap
	}
	own := 1
	if refused {
		own, h.Remaining = 0, 0
	}
	if h.Remaining == 0 && (!known || refused && h.Date.IsZero()) {
		b.pause(t, now)
		if !known || ends.Before(b.closed) {
			ends = b.closed
		}
	}
	unsure := b.clock.late.Sub(b.clock.early)
	if refused && known && w.used == 0 && b.length > 0 && unsure > patience/10 {
		ends = ends.Add(-time.Duration(early * float64(unsure))) // others know better when a window begins
	}
	w.used += own
	w.header, w.ends, w.told = h, ends, true
	b.known, b.free = true, false
	b.compare(h.Limit-h.Remaining-used, own)
	return known
}

// flip notes that a route contradicts what the others said of the bucket's limit. When it goes on, the route is kept
// apart.
func (b *bucket) flip(route string) {
	if b.flips[route]++; b.flips[route] == 3 && route != b.name {
		b.limiter.apart[route] = true
		clear(b.flips)
	}
}

// pause closes the bucket for a while, which doubles from a quarter of a second to half a minute, and has the next
// request probe. Refusals of requests that were sent before the last pause began make it no longer.
func (b *bucket) pause(t *Ticket, now time.Time) {
	if t.sent.Before(b.closed) {
		return
	}
	wait := time.Second / 4 << min(b.refusals, 7)
	b.refusals++
	b.closed = now.Add(wait + rand.N(wait/2)) //nolint:gosec // spreads load
	b.probe = &probe{}
}

// shrink takes a request that was refused off those that may be in flight at once, until only as many are left as are
// served.
func (b *bucket) shrink(t *Ticket, now time.Time) {
	out := float64(b.out[0] + b.out[1])
	if b.limit == 0 || b.limit > out+1 {
		b.limit = out + 1
	}
	if b.limit--; b.limit < 1 {
		b.limit = 1
		b.pause(t, now)
	}
}

// grow adds one to those that may be in flight at once, each time that eight times as many were served.
func (b *bucket) grow() {
	if b.limit > 0 && b.out[0]+b.out[1]+1 >= int(b.limit) {
		b.limit += 1 / (8 * b.limit)
	}
}

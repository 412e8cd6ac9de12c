package ratelimit

import "time"

// window is what is known of a bucket's windows.
//
// A bucket's limit is
//
//	unknown    no response has come yet, or none but refusals and failures
//	limited    a header was read
//	unlimited  responses come without a header
//
// and its present window is
//
//	unheard        no response to a request of this window has come: header is that of the window before
//	withoutHeader  a response has come, but without a header
//	heard          header is that of the latest response, with the smallest Remaining
//
// A window turns from heard to unheard when the next one begins, and from withoutHeader to unheard of a bucket that is
// unlimited. A header makes any window heard.
type window struct {
	limit  limitState
	state  windowState
	header Header

	used       int       // by this client
	usedBefore int       // by this client in the window before
	usedLate   int       // shortly before the end, without a response that says whether the next window counts them
	begins     time.Time // when it was first heard of, or the one before was over
	ends       time.Time // by the local clock

	length time.Duration // of each window; 0 if unknown
	clock  clock
}

type limitState int

const (
	unknown limitState = iota
	limited
	unlimited
)

type windowState int

const (
	unheard windowState = iota
	withoutHeader
	heard
)

const (
	maxWindow  = 61 * time.Second // how long a window is believed to last: Okta's last a minute
	maxTransit = 5 * time.Second  // how long after it was sent a request may be counted

	// daredDoubt is the part of the doubt when a window ends that is dared by a client that always comes too late. It
	// did best in simulations with 2 to 32 clients.
	daredDoubt = 2. / 3
)

// unexplored reports whether a request has to find out how many are left.
func (w *window) unexplored() bool { return w.limit != unlimited && w.state == unheard }

// usedUp reports whether the requests in flight take all that remain.
func (w *window) usedUp(inFlight int) bool { return w.state == heard && w.header.Remaining <= inFlight }

// full returns how long windows last, or else the present one.
func (w *window) full() time.Duration {
	if w.length > 0 {
		return w.length
	}
	return w.ends.Sub(w.begins)
}

// expire returns when the next window began, once the present one is over, and whether nothing was sent in it.
func (w *window) expire(now time.Time) (begins time.Time, idle bool) {
	if w.state == withoutHeader {
		w.limit = unlimited
	}
	idleSince := now.Add(-maxWindow)
	switch {
	case w.ends.Before(idleSince):
		return idleSince, true
	case w.state != heard: // the next one began at any time since
		return w.begins, false
	}
	return w.ends, false
}

// next begins the next window.
func (w *window) next(begins, ends time.Time) {
	w.state = unheard
	w.used, w.usedBefore, w.usedLate = w.usedLate, w.used, 0
	w.begins, w.ends = begins, ends
	w.clock.age(w.length)
}

// count counts a request that Okta may have counted, though its response does not say so.
func (w *window) count(sent, now time.Time) {
	if w.limit == unlimited || sent.Before(w.begins.Add(-maxTransit)) {
		return
	}
	w.used++
	if w.state == heard {
		w.header.Remaining = max(0, w.header.Remaining-1)
	}
	if now.After(w.ends.Add(-maxTransit)) {
		w.usedLate++
	}
}

// extend has a window whose end is a guess last as long as one may in which Okta counted a request just now.
func (w *window) extend(now time.Time) {
	if w.state != heard {
		w.ends = now.Add(maxWindow)
	}
}

// learnNoHeader takes over a response without a header.
func (w *window) learnNoHeader() {
	if w.state == unheard {
		w.state = withoutHeader
	}
	if w.limit == unknown {
		w.limit = unlimited
	}
}

// reading is what one response says of a window.
type reading struct {
	Header
	refused  bool
	ends     time.Time // by the local clock
	endKnown bool      // ends is no guess
}

// read returns what the response to a request says that was sent at a time.
func (w *window) read(r Response, sent, now time.Time) reading {
	ends, known := w.clock.end(r.Header, w.length, sent, now)
	return reading{Header: r.Header, refused: r.refused(), ends: ends, endKnown: known}
}

// own returns how many of this client's requests were counted: a request that was refused was not.
func (x *reading) own() int {
	if x.refused {
		return 0
	}
	return 1
}

// untilUnsure reports whether nothing is left until a time that is not credible.
func (x *reading) untilUnsure() bool {
	return x.Remaining == 0 && (!x.endKnown || x.refused && x.Date.IsZero())
}

// relation says which window a header speaks of.
type relation int

const (
	firstWindow    relation = iota // the first one that is heard of
	earlierWindow                  // one that is over
	windowBefore                   // the one before, which lasts longer than it seemed
	presentUnheard                 // the present one, of which nothing was heard yet
	presentWindow                  // the present one
	changedLimit                   // the present one, with another limit
	movedReset                     // the present one, with an earlier reset
	nextWindow                     // the next one
)

// relate returns which window the header speaks of that came with the response to a request.
func (w *window) relate(h Header, sent time.Time) relation {
	switch {
	case w.limit != limited:
		return firstWindow
	case w.state == heard:
		return w.relateHeard(h, sent)
	}
	return w.relateUnheard(h, sent)
}

func (w *window) relateUnheard(h Header, sent time.Time) relation {
	after, sentHere := h.Reset.Sub(w.header.Reset), w.sentHere(sent)
	switch {
	case sentHere && after <= 0 && after >= -time.Second:
		return windowBefore
	case sentHere || after > 0:
		return presentUnheard
	}
	return earlierWindow
}

// relateHeard allows for two servers whose clocks differ by a second.
func (w *window) relateHeard(h Header, sent time.Time) relation {
	after := h.Reset.Sub(w.header.Reset)
	switch {
	case after > time.Second || after > 0 && h.Remaining > w.header.Remaining:
		return nextWindow
	case after < -time.Second && w.sentHere(sent): // Okta's clock was put back, or this is another bucket
		return movedReset
	case after < -time.Second:
		return earlierWindow
	case h.Limit != w.header.Limit: // it was changed, or this is another bucket
		return changedLimit
	}
	return presentWindow
}

// sentHere reports whether a request was sent in the present window, as far as is known.
func (w *window) sentHere(sent time.Time) bool { return !sent.Before(w.begins) }

// merge combines a reading with what is known of its window, and returns how many requests of all clients were counted
// when the last header came.
func (w *window) merge(r relation, x *reading) (counted int) {
	switch r {
	case windowBefore:
		w.used, w.usedBefore = w.used+w.usedBefore, 0
	case changedLimit:
		return x.counted()
	case presentWindow:
		x.Reset, x.Remaining = w.header.Reset, min(x.Remaining, w.header.Remaining)
		x.ends = soonest(x.ends, w.ends)
		return w.header.counted()
	}
	return 0
}

// learnLength measures how long windows last by the resets of two. Longer ones than measured before are believed only
// if the present one does last longer.
func (w *window) learnLength(between, left time.Duration) {
	if w.limit != limited || between <= time.Second || between > maxWindow {
		return
	}
	if w.length == 0 || between < w.length || left > w.length+time.Second {
		w.length = between
	}
}

// hear takes over a reading.
func (w *window) hear(x reading) {
	if x.refused && x.endKnown {
		x.ends = w.endEarly(x.ends)
	}
	w.limit, w.state = limited, heard
	w.header, w.ends = x.Header, x.ends
	w.used += x.own()
}

// endEarly returns the end of a window whose first request was refused: other clients know better when one begins. It
// dares a part of the doubt.
func (w *window) endEarly(ends time.Time) time.Time {
	doubt := w.clock.doubt()
	if w.used > 0 || w.length == 0 || doubt <= probeInterval/10 {
		return ends
	}
	return ends.Add(-time.Duration(daredDoubt * float64(doubt)))
}

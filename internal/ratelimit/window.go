package ratelimit

import "time"

// window is what is known of the windows of a bucket. The bucket's limit is one of
//
//	limitUnknown  no response has said whether there is one
//	limited       a header was read
//	unlimited     responses have no rate limit headers
//
// and of the present window, the header is one of
//
//	headerUnknown  no response has come: header is still that of the window before
//	headerMissing  responses have come, but none with a header
//	headerRead     header is that of the latest response, with the smallest Remaining
//
// Each window begins as headerUnknown. A response without a header makes it headerMissing, one with a header makes it
// headerRead and the bucket limited. A bucket becomes unlimited if its very first response has no header, or none of
// a whole window.
type window struct {
	limit  limitState
	state  windowState
	header Header

	used       int       // by this client
	usedBefore int       // by this client in the window before
	usedLate   int       // by requests shortly before the end that the next window may count; included in used
	begins     time.Time // when the window before was over, or when this one's first header came
	ends       time.Time // by the local clock

	length time.Duration // of each window; 0 if unknown
	clock  clock
}

type limitState int

const (
	limitUnknown limitState = iota
	limited
	unlimited
)

type windowState int

const (
	headerUnknown windowState = iota
	headerMissing
	headerRead
)

const (
	maxWindow  = 61 * time.Second // longest window that is believed: Okta's last a minute
	maxTransit = 5 * time.Second  // longest time from sending a request to its being counted

	// daredDoubt is how much of the doubt about the end of a window is dropped by a client whose requests always come
	// after those of others. The value did best in simulations with 2 to 32 clients.
	daredDoubt = 2. / 3
)

// unexplored reports whether a probe must find out how many requests are left.
func (w *window) unexplored() bool { return w.limit != unlimited && w.state == headerUnknown }

// usedUp reports whether the requests in flight take all that remain.
func (w *window) usedUp(inFlight int) bool {
	return w.state == headerRead && w.header.Remaining <= inFlight
}

// lengthOrSpan returns the length of a window, or the time that the present one takes if that is unknown.
func (w *window) lengthOrSpan() time.Duration {
	if w.length > 0 {
		return w.length
	}
	return w.ends.Sub(w.begins)
}

// expire ends a window. It returns when the next one began, and whether nothing was sent since.
func (w *window) expire(now time.Time) (begins time.Time, idle bool) {
	if w.state == headerMissing {
		w.limit = unlimited
	}
	idleSince := now.Add(-maxWindow)
	switch {
	case w.ends.Before(idleSince):
		return idleSince, true
	case w.state != headerRead: // its end was a guess: the next one may have begun long ago
		return w.begins, false
	}
	return w.ends, false
}

// next begins the next window.
func (w *window) next(begins, ends time.Time) {
	w.state = headerUnknown
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
	if w.state == headerRead {
		w.header.Remaining = max(0, w.header.Remaining-1)
	}
	if now.After(w.ends.Add(-maxTransit)) {
		w.usedLate++
	}
}

// extend moves the end of a window, if that is a guess, to the latest one in which Okta may have counted a request now.
func (w *window) extend(now time.Time) {
	if w.state != headerRead {
		w.ends = now.Add(maxWindow)
	}
}

// learnNoHeader learns from a response without a header.
func (w *window) learnNoHeader() {
	if w.state == headerUnknown {
		w.state = headerMissing
	}
	if w.limit == limitUnknown {
		w.limit = unlimited
	}
}

// reading is what one response says of a window.
type reading struct {
	Header
	refused  bool
	ends     time.Time // by the local clock
	endKnown bool      // ends is not a guess
}

// read reads the response to a request that was sent at the given time.
func (w *window) read(r Response, sent, now time.Time) reading {
	ends, known := w.clock.end(r.Header, w.length, sent, now)
	return reading{Header: r.Header, refused: r.refused(), ends: ends, endKnown: known}
}

// own returns how many requests of this client the response adds: Okta does not count those that it refuses.
func (x *reading) own() int {
	if x.refused {
		return 0
	}
	return 1
}

// needsPause reports whether no requests are left, and the response does not credibly say until when.
func (x *reading) needsPause() bool {
	return x.Remaining == 0 && (!x.endKnown || x.refused && x.Date.IsZero())
}

// relation says which window a header speaks of.
type relation int

const (
	firstWindow   relation = iota // the first one with a header
	earlierWindow                 // one that is over
	windowBefore                  // the one before, which has not ended yet
	presentFirst                  // the present one, whose first header this is
	presentWindow                 // the present one
	changedLimit                  // the present one, with another limit
	movedReset                    // the present one, with an earlier reset
	nextWindow                    // the next one
)

// relate returns which window a header speaks of, given when its request was sent.
func (w *window) relate(h Header, sent time.Time) relation {
	switch {
	case w.limit != limited:
		return firstWindow
	case w.state == headerRead:
		return w.relateLater(h, sent)
	}
	return w.relateFirst(h, sent)
}

func (w *window) relateFirst(h Header, sent time.Time) relation {
	after, sentInWindow := h.Reset.Sub(w.header.Reset), w.sentInWindow(sent)
	switch {
	case sentInWindow && after <= 0 && after >= -time.Second:
		return windowBefore
	case sentInWindow || after > 0:
		return presentFirst
	}
	return earlierWindow
}

// relateLater tolerates a second's difference: the clocks of two servers may differ.
func (w *window) relateLater(h Header, sent time.Time) relation {
	after := h.Reset.Sub(w.header.Reset)
	switch {
	case after > time.Second || after > 0 && h.Remaining > w.header.Remaining:
		return nextWindow
	case after < -time.Second && w.sentInWindow(sent): // Okta's clock was put back, or this is another bucket
		return movedReset
	case after < -time.Second:
		return earlierWindow
	case h.Limit != w.header.Limit: // it was changed, or this is another bucket
		return changedLimit
	}
	return presentWindow
}

// sentInWindow reports whether a request was sent in the present window, as far as its beginning is known.
func (w *window) sentInWindow(sent time.Time) bool { return !sent.Before(w.begins) }

// merge combines a reading with what is known of its window. It returns how many requests of all clients Okta had
// counted in that window when the last header came.
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

// learnLength learns the length of a window from the time between two resets, and what is left of the present window.
// A longer one than before is believed only if the present window proves it: otherwise a window was idle in between.
func (w *window) learnLength(between, left time.Duration) {
	if w.limit != limited || between <= time.Second || between > maxWindow {
		return
	}
	if w.length == 0 || between < w.length || left > w.length+time.Second {
		w.length = between
	}
}

// update stores a reading of the present window.
func (w *window) update(x reading) {
	if x.refused && x.endKnown {
		x.ends = w.endEarly(x.ends)
	}
	w.limit, w.state = limited, headerRead
	w.header, w.ends = x.Header, x.ends
	w.used += x.own()
}

// endEarly returns an earlier end for a window whose first request was refused. Other clients came first, so this one
// probably takes windows to end later than they do.
func (w *window) endEarly(ends time.Time) time.Time {
	doubt := w.clock.doubt()
	if w.used > 0 || w.length == 0 || doubt <= probeInterval/10 {
		return ends
	}
	return ends.Add(-time.Duration(daredDoubt * float64(doubt)))
}

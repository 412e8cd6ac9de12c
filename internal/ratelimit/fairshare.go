package ratelimit

import (
	"math"
	"math/rand/v2"
	"time"
)

// fairShare spreads a client's part of a window over its rest while other clients use the bucket, too.
//
//	alone   nobody else uses the bucket: what remains is sent at once
//	shared  Remaining fell by more than the client's own requests
//
// A bucket is shared from the first response that shows another client on, and alone again once the client has used
// nearly all of it. The part is the client's fraction of what was lately used, to the power of shareExponent.
type fairShare struct {
	shared   bool
	fraction float64 // of all that was lately used, this client's
	jitter   float64 // of the wait for the next request, from 0.5 to 1.5
}

// The numbers are those that did best in simulations with 2 to 32 clients.
const (
	shareExponent   = 0.75  // the smaller, the sooner parts are equal, and the more is refused
	minShare        = 0.125 // the smallest part, whatever a client had lately
	shareMemory     = 0.25  // of a window, over which fractions are measured
	aloneFrom       = 0.99  // the fraction from which on nobody else seems to be there
	initialFraction = 0.5
)

// reset forgets the fraction after a window of which nothing was heard.
func (f *fairShare) reset() { f.fraction = initialFraction }

// observe takes over a header of the present window: how many requests were counted since the last one, of which one
// or none was this client's, and how many of this client's are in flight.
func (f *fairShare) observe(w *window, counted, own, inFlight int) {
	if !f.shared {
		if w.header.counted() > w.used+inFlight {
			f.shared, f.fraction = true, initialFraction
		}
		return
	}
	if counted <= 0 || own <= 0 {
		return
	}
	weight := 1 - math.Exp(-float64(counted)/(shareMemory*float64(w.header.Limit)))
	f.fraction += (min(1, float64(own)/float64(counted)) - f.fraction) * weight
	f.shared = f.fraction < aloneFrom
}

// draw draws the jitter of the wait for the next request.
func (f *fairShare) draw() {
	f.jitter = 0.5 + rand.Float64() //nolint:gosec // spreads load
}

// applies reports whether requests have to be spread. In a window of which nothing was heard yet, those of a client
// that sent none in the one before need not.
func (f *fairShare) applies(w *window) bool {
	return f.shared && (w.state == heard || w.usedBefore > 0)
}

// next returns when the next request may be sent: the latest one was sent at a time, open ones may yet be counted, and
// left are what MaxUse allows.
func (f *fairShare) next(w *window, latest time.Time, open, left int) time.Time {
	remaining, from, span, jitter := max(1, w.header.Limit), w.begins, w.length, f.jitter-0.5
	if w.state == heard {
		if latest.After(from) {
			from = latest
		}
		remaining, span, jitter = w.header.Remaining-open, w.ends.Sub(from), f.jitter
	}
	part := max(minShare, math.Pow(f.fraction, shareExponent)) * float64(remaining)
	part = min(part, float64(left))
	return from.Add(time.Duration(min(jitter*float64(span)/part, float64(maxWindow))))
}

package ratelimit

import (
	"math"
	"math/rand/v2"
	"time"
)

// fairShare spreads this client's part of a window over its rest while other clients use the bucket, too. It is
//
//	alone   no other client uses the bucket: requests are not spread
//	shared  other clients use it
//
// It becomes shared when Remaining has fallen by more than this client's own requests, and alone when this client has
// sent nearly all of those lately used. The part is the client's fraction of recent use, to the power of shareExponent.
type fairShare struct {
	shared   bool
	fraction float64 // of recent use, this client's
	jitter   float64 // of the wait for the next request, from 0.5 to 1.5
}

// These values did best in simulations with 2 to 32 clients.
const (
	shareExponent   = 0.75  // the smaller, the sooner parts are equal, and the more requests are refused
	minShare        = 0.125 // smallest part
	shareMemory     = 0.25  // of a window, over which the fraction is averaged
	aloneFrom       = 0.99  // fraction from which on the client counts as alone
	initialFraction = 0.5   // until it is measured
)

// reset forgets the fraction, after a window without a header.
func (f *fairShare) reset() { f.fraction = initialFraction }

// observe learns from a header of the present window. counted is how many requests Okta has counted since the last
// header, own how many of these are this client's, inFlight how many it has sent in this window without a response.
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

// draw draws the jitter for the next request.
func (f *fairShare) draw() {
	f.jitter = 0.5 + rand.Float64() //nolint:gosec // spreads load
}

// applies reports whether requests are spread. In a window without a header yet, they are not if this client sent none
// in the window before.
func (f *fairShare) applies(w *window) bool {
	return f.shared && (w.state == headerRead || w.usedBefore > 0)
}

// next returns when the next request may be sent. latest is when the last one was sent, open how many in flight Okta
// may still count, and left how many MaxUse still allows.
func (f *fairShare) next(w *window, latest time.Time, open, left int) time.Time {
	remaining, from, span, jitter := max(1, w.header.Limit), w.begins, w.length, f.jitter-0.5
	if w.state == headerRead {
		if latest.After(from) {
			from = latest
		}
		remaining, span, jitter = w.header.Remaining-open, w.ends.Sub(from), f.jitter
	}
	part := max(minShare, math.Pow(f.fraction, shareExponent)) * float64(remaining)
	part = min(part, float64(left))
	return from.Add(time.Duration(min(jitter*float64(span)/part, float64(maxWindow))))
}

package ratelimit

import (
	"math/rand/v2"
	"time"
)

// pause closes a bucket after a refusal that does not credibly say until when.
//
//	none     no refusal since a request was served: refusals is 0
//	active   nothing is sent before until
//	probing  until is over, and no request sent since was served: one request at a time
//
// Each refusal makes the next pause twice as long, from a quarter of a second up to half a minute.
type pause struct {
	until    time.Time
	refusals int       // since a request was served
	served   time.Time // when a request was last served; at first, when the bucket was made
}

func (p *pause) active(now time.Time) bool { return now.Before(p.until) }

// probing reports whether a request has to find out whether Okta serves again.
func (p *pause) probing() bool { return p.refusals > 0 }

// refuse begins a pause, and returns false if the request was sent before the last one was over: requests that were
// sent together begin one pause.
func (p *pause) refuse(sent, now time.Time) bool {
	if sent.Before(p.until) {
		return false
	}
	wait := time.Second / 4 << min(p.refusals, 7)
	p.refusals++
	p.until = now.Add(wait + rand.N(wait/2)) //nolint:gosec // spreads load
	return true
}

// end returns when a window ends that the pause outlasts, or whose end is a guess.
func (p *pause) end(ends time.Time, known bool) time.Time {
	if !known || ends.Before(p.until) {
		return p.until
	}
	return ends
}

// serve takes over that a request was served. One that was sent before the pause was over says nothing about now.
func (p *pause) serve(sent, now time.Time) {
	p.served = now
	if !sent.Before(p.until) {
		p.refusals = 0
	}
}

// servesOthers reports whether the bucket has lately served requests.
func (p *pause) servesOthers(now time.Time) bool { return now.Sub(p.served) < 2*maxWindow }

package ratelimit

import (
	"math/rand/v2"
	"time"
)

// pause closes a bucket after a refusal that does not credibly say until when. It is
//
//	none     no request was refused since one was served
//	active   no request is sent until it is over
//	probing  it is over, and no request that was sent since has been served: the next ones are probes
//
// It becomes active with a refusal, probing when its time is over, and none when a request that was sent after that is
// served. Each refusal doubles the next pause, from a quarter of a second to half a minute.
type pause struct {
	until    time.Time
	refusals int       // since a request was served; 0 means none
	served   time.Time // when a request was last served; at first, when the bucket was made
}

func (p *pause) active(now time.Time) bool { return now.Before(p.until) }

// probing reports whether a probe must find out whether Okta serves requests again.
func (p *pause) probing() bool { return p.refusals > 0 }

// refuse begins a pause after a refusal. It returns false if the request was sent before the last pause was over: many
// refusals of requests that were in flight together begin a single pause.
func (p *pause) refuse(sent, now time.Time) bool {
	if sent.Before(p.until) {
		return false
	}
	wait := time.Second / 4 << min(p.refusals, 7)
	p.refusals++
	p.until = now.Add(wait + rand.N(wait/2)) //nolint:gosec // spreads load
	return true
}

// end returns when the bucket's window ends: with the pause, if that takes longer or the end is a guess.
func (p *pause) end(ends time.Time, known bool) time.Time {
	if !known || ends.Before(p.until) {
		return p.until
	}
	return ends
}

// serve notes that a request was served. One that was sent before the pause was over does not end the refusals.
func (p *pause) serve(sent, now time.Time) {
	p.served = now
	if !sent.Before(p.until) {
		p.refusals = 0
	}
}

// servesOthers reports whether the bucket has served a request lately.
func (p *pause) servesOthers(now time.Time) bool { return now.Sub(p.served) < 2*maxWindow }

package ratelimit

import "time"

// probe finds out about a bucket by sending one request while the others wait, one more for each second without a
// response, and one more for each that fails. It is
//
//	idle  no request is out: the next one is sent
//	busy  as many are out as may be: the others wait
type probe struct {
	since  time.Time // when the first of those that are out was sent
	out    int       // requests without a response
	failed int       // requests that failed
}

// probeInterval is how long others wait for a probe.
const probeInterval = time.Second

func (p *probe) busy(now time.Time) bool {
	return p.out > 0 && p.out > p.failed+int(now.Sub(p.since)/probeInterval)
}

func (p *probe) send(now time.Time) {
	if p.out == 0 {
		p.since = now
	}
	p.out++
}

// nextInterval returns the end of the present interval, counted from since.
func nextInterval(since, now time.Time) time.Time {
	return since.Add((now.Sub(since)/probeInterval + 1) * probeInterval)
}

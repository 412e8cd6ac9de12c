package ratelimit

import "time"

// probe finds out about a bucket of whose present state nothing is known, with one request, one more for each second
// that it takes, and one more for each that fails.
//
//	idle  none is out: the next request goes
//	busy  as many are out as may be: the others wait
type probe struct {
	since  time.Time // when the first of those that are out was sent
	out    int
	failed int
}

// probeInterval is how long a probe may keep the others waiting.
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

// nextInterval returns when the next interval since a time is over.
func nextInterval(since, now time.Time) time.Time {
	return since.Add((now.Sub(since)/probeInterval + 1) * probeInterval)
}

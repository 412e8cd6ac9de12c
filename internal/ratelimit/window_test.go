package ratelimit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestWindowOfEachHeader(t *testing.T) {
	t.Parallel()
	begins := time.Now()
	reset := begins.Add(time.Minute)
	for name, c := range map[string]struct {
		limit     limitState
		state     windowState
		after     time.Duration // the header's reset, after the one that is known
		max       int
		remaining int
		sent      time.Duration // after the window began
		want      relation
	}{
		"nothing is known":             {limitUnknown, headerUnknown, 0, 100, 50, 0, firstWindow},
		"there was no limit":           {unlimited, headerMissing, time.Hour, 100, 50, 0, firstWindow},
		"the one before lasts longer":  {limited, headerUnknown, 0, 100, 50, 0, windowBefore},
		"its clock lags":               {limited, headerUnknown, -time.Second, 100, 50, 0, windowBefore},
		"the first header":             {limited, headerUnknown, time.Minute, 100, 50, 0, presentFirst},
		"sent before, counted here":    {limited, headerUnknown, time.Minute, 100, 50, -1, presentFirst},
		"the clock was put back":       {limited, headerUnknown, -time.Minute, 100, 50, 0, presentFirst},
		"late, of the one before":      {limited, headerUnknown, 0, 100, 50, -1, earlierWindow},
		"after a response without one": {limited, headerMissing, time.Minute, 100, 50, 0, presentFirst},
		"the next one":                 {limited, headerRead, time.Minute, 100, 50, 0, nextWindow},
		"the next one, of a second":    {limited, headerRead, time.Second, 100, 51, 0, nextWindow},
		"a clock that is ahead":        {limited, headerRead, time.Second, 100, 50, 0, presentWindow},
		"a clock that lags":            {limited, headerRead, -time.Second, 100, 51, 0, presentWindow},
		"the same":                     {limited, headerRead, 0, 100, 51, 0, presentWindow},
		"another limit":                {limited, headerRead, 0, 99, 50, 0, changedLimit},
		"an earlier reset":             {limited, headerRead, -time.Minute, 100, 50, 0, movedReset},
		"an earlier window":            {limited, headerRead, -time.Minute, 100, 50, -1, earlierWindow},
	} {
		w := window{
			limit: c.limit, state: c.state, header: Header{Limit: 100, Remaining: 50, Reset: reset}, begins: begins,
		}
		h := Header{Limit: c.max, Remaining: c.remaining, Reset: reset.Add(c.after)}
		assert.Equal(t, c.want, w.relate(h, begins.Add(c.sent)), name)
	}
}

func TestWindowMerges(t *testing.T) {
	t.Parallel()
	ends := time.Now()
	for name, c := range map[string]struct {
		relation         relation
		counted          int
		used, usedBefore int
		remaining        int
		ends             time.Duration
	}{
		"first":    {firstWindow, 0, 3, 4, 80, time.Second},
		"before":   {windowBefore, 0, 7, 0, 80, time.Second},
		"changed":  {changedLimit, 20, 3, 4, 80, time.Second},
		"the same": {presentWindow, 30, 3, 4, 70, 0},
	} {
		w := window{header: Header{Limit: 100, Remaining: 70}, used: 3, usedBefore: 4, ends: ends}
		x := reading{Header: Header{Limit: 100, Remaining: 80}, ends: ends.Add(time.Second)}
		assert.Equal(t, c.counted, w.merge(c.relation, &x), name)
		assert.Equal(t, []int{c.used, c.usedBefore, c.remaining}, []int{w.used, w.usedBefore, x.Remaining}, name)
		assert.Equal(t, ends.Add(c.ends), x.ends, name)
	}
}

func TestWindowStates(t *testing.T) {
	t.Parallel()
	now := time.Now()
	w := window{begins: now, ends: now.Add(time.Minute)}
	assert.True(t, w.unexplored())
	w.learnNoHeader()
	assert.False(t, w.unexplored())
	assert.Equal(t, unlimited, w.limit)
	w.count(now, now)
	assert.Zero(t, w.used, "there is no limit")

	w.update(reading{Header: Header{Limit: 10, Remaining: 5}, ends: w.ends})
	assert.Equal(t, limited, w.limit)
	assert.Equal(t, 1, w.used)
	w.learnNoHeader()
	assert.Equal(t, headerRead, w.state, "what was read holds")
	assert.False(t, w.usedUp(4))
	assert.True(t, w.usedUp(5))
	w.count(now, now)
	assert.Equal(t, []int{2, 4}, []int{w.used, w.header.Remaining})
	w.count(now.Add(-maxTransit-1), now)
	assert.Equal(t, 2, w.used, "sent too long before")
	w.count(now, w.ends)
	assert.Equal(t, 1, w.usedLate)

	begins, idle := w.expire(w.ends)
	assert.Equal(t, w.ends, begins)
	assert.False(t, idle)
	w.next(begins, begins.Add(maxWindow))
	assert.True(t, w.unexplored())
	assert.Equal(t, []int{1, 3, 0}, []int{w.used, w.usedBefore, w.usedLate})
	w.extend(begins.Add(time.Second))
	assert.Equal(t, begins.Add(time.Second+maxWindow), w.ends)

	w.learnNoHeader()
	assert.Equal(t, limited, w.limit, "one window without headers is kept to the limit")
	again, _ := w.expire(w.ends)
	assert.Equal(t, begins, again, "the next one began at any time since")
	assert.Equal(t, unlimited, w.limit)
	_, idle = w.expire(w.ends.Add(maxWindow + 1))
	assert.True(t, idle)
}

func TestWindowMeasuresItsLength(t *testing.T) {
	t.Parallel()
	var w window
	w.learnLength(time.Minute, time.Minute)
	assert.Zero(t, w.length, "the first one")
	w.limit = limited
	now := time.Now()
	w.begins, w.ends = now, now.Add(42*time.Second)
	assert.Equal(t, 42*time.Second, w.lengthOrSpan())
	for _, c := range []struct{ between, left, want time.Duration }{
		{time.Second, time.Minute, 0},              // two clocks
		{2 * time.Minute, time.Minute, 0},          // nothing was sent in between
		{30 * time.Second, time.Minute, 30e9},      // the first
		{20 * time.Second, time.Second, 20e9},      // a shorter one
		{40 * time.Second, 21 * time.Second, 20e9}, // a longer one, that is none
		{40 * time.Second, 30 * time.Second, 40e9}, // and one that is
	} {
		w.learnLength(c.between, c.left)
		assert.Equal(t, c.want, w.length, "%v", c)
	}
	assert.Equal(t, 40*time.Second, w.lengthOrSpan())
}

func TestWindowOfWhichTheFirstRequestIsRefusedEndsEarly(t *testing.T) {
	t.Parallel()
	now := time.Now()
	refused := reading{Header: Header{Limit: 10}, refused: true, endKnown: true, ends: now.Add(time.Minute)}
	ends := func(w window, x reading) time.Duration { w.update(x); return w.ends.Sub(now) }
	w := window{length: time.Minute, clock: clock{early: now.Add(-3 * time.Second), late: now}}
	assert.Equal(t, 58*time.Second, ends(w, refused), "two thirds of the doubt")
	sure := w
	sure.clock.early = now
	assert.Equal(t, time.Minute, ends(sure, refused))
	used := w
	used.used = 1
	assert.Equal(t, time.Minute, ends(used, refused))
	first := w
	first.length = 0
	assert.Equal(t, time.Minute, ends(first, refused))
	served := refused
	served.refused = false
	assert.Equal(t, time.Minute, ends(w, served))
	guessed := refused
	guessed.endKnown = false
	assert.Equal(t, time.Minute, ends(w, guessed))
}

func TestReading(t *testing.T) {
	t.Parallel()
	date := time.Now()
	for name, c := range map[string]struct {
		x      reading
		unsure bool
		own    int
	}{
		"served":                  {reading{Header: Header{Date: date}, endKnown: true}, false, 1},
		"served, until unknown":   {reading{Header: Header{Date: date}}, true, 1},
		"some are left":           {reading{Header: Header{Remaining: 1}}, false, 1},
		"refused":                 {reading{Header: Header{Date: date}, endKnown: true, refused: true}, false, 0},
		"refused, without a Date": {reading{endKnown: true, refused: true}, true, 0},
		"served, without a Date":  {reading{endKnown: true}, false, 1},
	} {
		assert.Equal(t, c.unsure, c.x.needsPause(), name)
		assert.Equal(t, c.own, c.x.own(), name)
	}
}

func TestDoubtGrowsWithEachWindow(t *testing.T) {
	t.Parallel()
	now := time.Now()
	w := window{length: 1024 * time.Second, clock: clock{date: now, early: now, late: now}}
	w.next(now, now)
	assert.Equal(t, 2*time.Second, w.clock.doubt(), "a thousandth of it, in both directions")
}

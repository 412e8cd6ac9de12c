package ratelimit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// windowWith is a window of a hundred requests and ten seconds, of which something was heard.
func windowWith(remaining, used int) *window {
	begins := time.Now()
	return &window{
		limit: limited, state: headerRead, header: Header{Limit: 100, Remaining: remaining}, used: used,
		begins: begins, ends: begins.Add(10 * time.Second), length: 10 * time.Second,
	}
}

func TestFairShareFindsOtherClients(t *testing.T) {
	t.Parallel()
	var f fairShare
	f.observe(windowWith(90, 7), 1, 1, 3)
	assert.False(t, f.shared, "seven used and three in flight")
	f.observe(windowWith(89, 7), 1, 1, 3)
	assert.True(t, f.shared)
	assert.InDelta(t, 0.5, f.fraction, 0)
}

func TestFairShareMeasuresTheFraction(t *testing.T) {
	t.Parallel()
	f := fairShare{shared: true, fraction: 0.5}
	w := windowWith(50, 10)
	f.observe(w, 0, 1, 0)
	f.observe(w, 5, 0, 0)
	assert.InDelta(t, 0.5, f.fraction, 0, "nothing to learn")
	for range 100 {
		f.observe(w, 5, 1, 0)
	}
	assert.InDelta(t, 0.2, f.fraction, 0.001, "one of five")
	assert.True(t, f.shared)
	for n := 0; n < 200 && f.shared; n++ {
		f.observe(w, 1, 1, 0)
	}
	assert.False(t, f.shared, "the others have left")
	f.reset()
	assert.InDelta(t, 0.5, f.fraction, 0)
}

func TestFairShareApplies(t *testing.T) {
	t.Parallel()
	f := fairShare{}
	w := windowWith(50, 10)
	assert.False(t, f.applies(w), "the client is alone")
	f.shared = true
	assert.True(t, f.applies(w))
	w.state = headerUnknown
	assert.False(t, f.applies(w), "it sent nothing in the window before")
	w.usedBefore = 1
	assert.True(t, f.applies(w))
}

func TestFairShareSpreadsThePart(t *testing.T) {
	t.Parallel()
	f := fairShare{shared: true, fraction: 1, jitter: 1}
	w := windowWith(60, 10)
	second := w.begins.Add(time.Second)
	assert.WithinDuration(t, w.begins.Add(10*time.Second/50), f.next(w, time.Time{}, 10, 1000), time.Microsecond, "from the beginning")
	assert.WithinDuration(t, second.Add(9*time.Second/50), f.next(w, second, 10, 1000), time.Microsecond, "after the latest")
	assert.WithinDuration(t, second.Add(9*time.Second/5), f.next(w, second, 10, 5), time.Microsecond, "MaxUse allows five")
	f.fraction = 0.0001
	assert.WithinDuration(t, second.Add(9*time.Second*8/50), f.next(w, second, 10, 1000), time.Microsecond, "an eighth at least")
	f.fraction = 0.0625
	assert.WithinDuration(t, second.Add(9*time.Second*8/50), f.next(w, second, 10, 1000), time.Microsecond, "to the power of 3/4")
	f.fraction = 1
	w.state = headerUnknown
	assert.WithinDuration(t, w.begins.Add(5*time.Second/100), f.next(w, second, 0, 1000), time.Microsecond, "as if all remained")
}

func TestFairShareDrawsJitter(t *testing.T) {
	t.Parallel()
	var f fairShare
	for range 100 {
		f.draw()
		assert.InDelta(t, 1, f.jitter, 0.5)
	}
}

package ratelimit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBucketIsIdle(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		use  func(b *bucket)
		want bool
	}{
		"unused for an hour":     {func(*bucket) {}, true},
		"used less than an hour": {func(b *bucket) { b.usedAt = now.Add(-time.Hour) }, false},
		"a request waits":        {func(b *bucket) { b.queue.add(&waiter{}) }, false},
		"a request is in flight": {func(b *bucket) { b.inFlight.send(now.Add(-2 * time.Hour)) }, false},
	} {
		b := newBucket(New(1), "b", now.Add(-2*time.Hour))
		b.usedAt = now.Add(-time.Hour - 1)
		c.use(b)
		assert.Equal(t, c.want, b.idle(now), name)
	}
}

func TestBucketIsUnexplored(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		learn func(b *bucket)
		want  bool
	}{
		"nothing came":                  {func(*bucket) {}, true},
		"a header":                      {func(b *bucket) { b.window.update(reading{}) }, false},
		"a response without a header":   {func(b *bucket) { b.window.learnNoHeader() }, false},
		"a refusal":                     {func(b *bucket) { b.pause.refuse(now, now) }, false},
		"a refusal of too many at once": {func(b *bucket) { b.concurrency.refuse(3) }, false},
	} {
		b := newBucket(New(1), "b", now)
		c.learn(b)
		assert.Equal(t, c.want, b.unexplored(), name)
	}
}

func TestBucketTurnsToTheNextWindow(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := newBucket(New(1), "b", now)
	b.turn(now)
	b.admit("r", now)
	b.fairShare.fraction = 0.2
	b.window.update(reading{Header: Header{Limit: 10, Remaining: 9}, ends: now.Add(time.Minute)})
	b.turn(now.Add(time.Minute - 1))
	assert.Equal(t, 1, b.inFlight.present(), "it is not over")

	next := now.Add(time.Minute)
	b.turn(next)
	assert.Equal(t, []int{1, 0}, []int{b.inFlight.open(), b.inFlight.present()})
	assert.Equal(t, []time.Time{next, next.Add(maxWindow)}, []time.Time{b.window.begins, b.window.ends})
	assert.InDelta(t, 0.2, b.fairShare.fraction, 0, "the window before had a header")
	b.turn(next.Add(maxWindow))
	assert.InDelta(t, initialFraction, b.fairShare.fraction, 0, "the window before had none")
}

func TestBucketForgetsRequestsInFlightAfterAnIdleWindow(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := newBucket(New(1), "b", now)
	b.turn(now)
	b.admit("r", now)
	b.turn(now.Add(2*maxWindow + 1))
	assert.Equal(t, []int{1, 0}, []int{b.inFlight.all, b.inFlight.open()})
}

// Okta may have counted a request without a response, in a window that began with it.
func TestFailureExtendsAWindowWithoutAHeader(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for unsent, want := range map[bool]time.Duration{false: 10*time.Second + maxWindow, true: maxWindow} {
		b := newBucket(New(1), "b", now)
		b.turn(now)
		b.learn(Response{Unsent: unsent}, b.admit("r", now), now.Add(10*time.Second))
		assert.Equal(t, want, b.window.ends.Sub(now))
	}
}

func TestDeadlinesOfWaiters(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := newBucket(New(1), "b", now)
	b.window.update(reading{Header: Header{Limit: 2}, ends: now.Add(time.Minute)})
	b.window.begins = now
	w := &waiter{deadline: now.Add(90 * time.Second)}
	full := verdict{reason: Window, at: b.window.ends, final: true}
	require.NoError(t, b.tooLate(w, 1, full), "the next window")
	assert.Equal(t, &Error{Bucket: "b", Reason: Window, RetryAt: now.Add(2 * time.Minute)}, b.tooLate(w, 2, full), "the one after")
	require.NoError(t, b.tooLate(w, 2, verdict{reason: Refusal, at: b.window.ends, final: true}), "a pause takes no window")
	require.NoError(t, b.tooLate(w, 2, verdict{reason: Window, at: b.window.ends}), "a response may change it")
	require.NoError(t, b.tooLate(&waiter{}, 2, full), "it has no deadline")
}

// What MaxUse allows is used up for good unless a response may show that the requests in flight were not counted.
func TestUsedUpMayChange(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		state          windowState
		used, inFlight int
		want           bool
	}{
		"used":                             {headerRead, 5, 0, true},
		"used, others are in flight":       {headerRead, 5, 1, true},
		"some in flight":                   {headerRead, 4, 1, false},
		"used without a header":            {headerUnknown, 5, 0, true},
		"without a header, some in flight": {headerUnknown, 5, 1, false},
	} {
		b := newBucket(New(0.5), "b", now)
		b.window = window{limit: limited, state: c.state, header: Header{Limit: 10, Remaining: 5}, used: c.used}
		for range c.inFlight {
			b.inFlight.send(now)
		}
		v := b.checkUsedUp()
		assert.False(t, v.ok, name)
		assert.Equal(t, c.want, v.final, name)
	}
}

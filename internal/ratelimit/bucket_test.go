package ratelimit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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

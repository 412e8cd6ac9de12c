package ratelimit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestProbe(t *testing.T) {
	t.Parallel()
	var p probe
	start := time.Now()
	assert.False(t, p.busy(start), "none is out")
	p.send(start)
	assert.True(t, p.busy(start.Add(time.Second-1)))
	assert.False(t, p.busy(start.Add(time.Second)), "one more for each second")
	p.send(start.Add(time.Second))
	assert.Equal(t, start, p.since)
	assert.True(t, p.busy(start.Add(time.Second)))
	p.failed++
	assert.False(t, p.busy(start.Add(time.Second)), "one more for each that failed")
	p.out = 0
	p.send(start.Add(time.Minute))
	assert.Equal(t, start.Add(time.Minute), p.since)
}

func TestNextInterval(t *testing.T) {
	t.Parallel()
	start := time.Now()
	assert.Equal(t, start.Add(time.Second), nextInterval(start, start))
	assert.Equal(t, start.Add(time.Second), nextInterval(start, start.Add(time.Second-1)))
	assert.Equal(t, start.Add(3*time.Second), nextInterval(start, start.Add(2*time.Second)))
}

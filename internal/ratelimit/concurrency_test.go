package ratelimit

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestConcurrencyLimitFalls(t *testing.T) {
	t.Parallel()
	var c concurrencyLimit
	assert.False(t, c.reached(1000), "there is none")
	for inFlight := 9; inFlight >= 5; inFlight-- { // ten were sent at once, and five are served
		assert.False(t, c.refuse(inFlight))
	}
	assert.True(t, c.reached(5))
	assert.False(t, c.reached(4))
	assert.False(t, c.refuse(2))
	assert.InDelta(t, 2, float64(c), 0, "fewer are in flight")
	assert.False(t, c.refuse(2))
	assert.InDelta(t, 1, float64(c), 0)
}

func TestConcurrencyLimitOfOneStaysOne(t *testing.T) {
	t.Parallel()
	var c concurrencyLimit
	assert.True(t, c.refuse(0), "not even one was served")
	assert.InDelta(t, 1, float64(c), 0)
	assert.True(t, c.refuse(0))
	assert.True(t, c.reached(1))
	assert.False(t, c.reached(0))
}

func TestConcurrencyLimitGrowsWhileItIsReached(t *testing.T) {
	t.Parallel()
	c := concurrencyLimit(4)
	for range 100 {
		c.serve(2)
	}
	assert.InDelta(t, 4, float64(c), 0, "fewer were in flight")
	served := 0
	for c.reached(4) && served < 1000 {
		c.serve(3)
		served++
	}
	assert.InDelta(t, 8*4, served, 8, "eight times as many")
}

package ratelimit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestInFlightByWindows(t *testing.T) {
	t.Parallel()
	var f inFlight
	now := time.Now()
	first := f.window
	f.send(now)
	f.send(now)
	f.nextWindow()
	f.send(now)
	assert.Equal(t, []int{3, 3, 1}, []int{f.all, f.open(), f.present()})
	f.giveBack(first)
	assert.Equal(t, []int{2, 2, 1}, []int{f.all, f.open(), f.present()})
	f.nextWindow()
	assert.Equal(t, []int{2, 1, 0}, []int{f.all, f.open(), f.present()}, "the first one was counted long ago, if at all")
	f.giveBack(first)
	assert.Equal(t, []int{1, 1, 0}, []int{f.all, f.open(), f.present()})
	f.giveBack(first + 1)
	assert.Equal(t, []int{0, 0, 0}, []int{f.all, f.open(), f.present()})
}

func TestInFlightThroughAnIdleWindow(t *testing.T) {
	t.Parallel()
	var f inFlight
	sent := f.window
	f.send(time.Now())
	f.skipWindow()
	f.nextWindow()
	assert.Equal(t, []int{1, 0, 0}, []int{f.all, f.open(), f.present()})
	f.giveBack(sent)
	assert.Equal(t, []int{0, 0, 0}, []int{f.all, f.open(), f.present()})
}

func TestUnsentRequestIsNotTheLatest(t *testing.T) {
	t.Parallel()
	var f inFlight
	f.send(time.Now())
	f.unsend()
	assert.Zero(t, f.latest)
}

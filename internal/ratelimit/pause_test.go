package ratelimit

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestPauseDoublesWithEachRefusal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p pause
		now := time.Now()
		assert.False(t, p.active(now))
		assert.False(t, p.probing())
		least := 250 * time.Millisecond
		for range 12 {
			assert.True(t, p.refuse(now, now))
			assert.True(t, p.active(now.Add(least-1)), "%v", least)
			assert.False(t, p.active(now.Add(least+least/2)), "%v", least)
			assert.True(t, p.probing())
			now = p.until
			least = min(2*least, 32*time.Second)
		}
	})
}

func TestRequestsSentTogetherBeginOnePause(t *testing.T) {
	t.Parallel()
	var p pause
	sent := time.Now()
	assert.True(t, p.refuse(sent, sent))
	until := p.until
	assert.False(t, p.refuse(sent, sent.Add(time.Second)))
	assert.Equal(t, until, p.until)
	assert.Equal(t, 1, p.refusals)
}

func TestOnlyRequestsSentAfterThePauseEndIt(t *testing.T) {
	t.Parallel()
	var p pause
	sent := time.Now()
	p.refuse(sent, sent)
	p.serve(sent, sent.Add(time.Second))
	assert.True(t, p.probing(), "it was sent before the refusal")
	assert.True(t, p.servesOthers(sent.Add(2*time.Minute)))
	assert.False(t, p.servesOthers(sent.Add(3*time.Minute)))
	p.serve(p.until, p.until)
	assert.False(t, p.probing())
}

func TestPauseEndsAWindow(t *testing.T) {
	t.Parallel()
	var p pause
	now := time.Now()
	p.refuse(now, now)
	assert.Equal(t, p.until, p.end(now.Add(time.Minute), false), "its end is a guess")
	assert.Equal(t, p.until, p.end(now, true), "it ends before")
	assert.Equal(t, now.Add(time.Minute), p.end(now.Add(time.Minute), true))
}

package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/internal/ratelimit"
)

const users = "/api/v1/users"

// caller is a goroutine that asks for a ticket.
type caller struct{ outcome atomic.Pointer[outcome] }

type outcome struct {
	ticket *ratelimit.Ticket
	err    error
	after  time.Duration // so long after the call
}

func (c *caller) get() outcome {
	if o := c.outcome.Load(); o != nil {
		return *o
	}
	return outcome{}
}

// back reports whether Acquire has returned.
func (c *caller) back() bool                { return c.outcome.Load() != nil }
func (c *caller) ticket() *ratelimit.Ticket { return c.get().ticket }
func (c *caller) err() error                { return c.get().err }
func (c *caller) after() time.Duration      { return c.get().after }

func (c *caller) done(a ratelimit.Response) {
	c.ticket().Done(a)
	synctest.Wait()
}

// ask has so many goroutines ask for a ticket, in order, and returns when each has one or waits.
func ask(ctx context.Context, g *ratelimit.Limiter, n int) []*caller {
	callers := make([]*caller, n)
	for i := range callers {
		c := &caller{}
		callers[i] = c
		start := time.Now()
		go func() {
			ticket, err := g.Acquire(ctx, users, users, time.Now())
			c.outcome.Store(&outcome{ticket, err, time.Since(start)})
		}()
		synctest.Wait()
	}
	return callers
}

func askOne(t *testing.T, g *ratelimit.Limiter) *caller {
	t.Helper()
	return ask(t.Context(), g, 1)[0]
}

func goes(callers []*caller) int {
	n := 0
	for _, c := range callers {
		if c.ticket() != nil {
			n++
		}
	}
	return n
}

func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // the bubble's clock
	synctest.Wait()
}

// says is an response with honest headers.
func says(status, limit, remaining int, left time.Duration) ratelimit.Response {
	date := time.Now().Truncate(time.Second)
	return ratelimit.Response{
		Status: status, HasHeader: true,
		Header: ratelimit.Header{Limit: limit, Remaining: remaining, Reset: date.Add(left), Date: date},
	}
}

func at(status, limit, remaining int, reset, date time.Time) ratelimit.Response {
	return ratelimit.Response{
		Status: status, HasHeader: true,
		Header: ratelimit.Header{Limit: limit, Remaining: remaining, Reset: reset, Date: date},
	}
}

func bare(status int) ratelimit.Response { return ratelimit.Response{Status: status} }

var lost = ratelimit.Response{}

// learned is a limiter that knows how long windows are and whose first request in the present one got a response.
func learned(t *testing.T, maxUse float64, r ratelimit.Response) *ratelimit.Limiter {
	t.Helper()
	g := ratelimit.New(maxUse)
	if r.HasHeader {
		h := r.Header
		askOne(t, g).done(at(200, 1000, 999, h.Reset.Add(-time.Minute), h.Date.Add(-time.Minute)))
	}
	first := askOne(t, g)
	require.NotNil(t, first.ticket())
	first.done(r)
	return g
}

func requireIdle(t *testing.T, g *ratelimit.Limiter) {
	t.Helper()
	synctest.Wait()
	for name, s := range g.States() {
		require.Zero(t, s.InFlight, name)
		require.Zero(t, s.Waiting, name)
		require.Empty(t, s.Reason, name)
	}
}

func TestFirstWindowGrowsFromOneProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := ratelimit.New(1)
		callers := ask(t.Context(), g, 20)
		assert.Equal(t, 1, goes(callers))
		assert.Equal(t, ratelimit.Probe, g.States()[users].Reason)
		assert.Zero(t, callers[0].ticket().Throttled)
		assert.Empty(t, callers[0].ticket().Reason)
		pass(100 * time.Millisecond)
		callers[0].done(says(200, 10, 9, time.Minute))
		assert.Equal(t, 3, goes(callers), "in the first window, as many more as were served")
		callers[1].done(says(200, 10, 8, time.Minute))
		callers[2].done(says(200, 10, 7, time.Minute))
		assert.Equal(t, 7, goes(callers))
		for i, c := range callers[3:7] {
			c.done(says(200, 10, 6-i, time.Minute))
		}
		assert.Equal(t, 10, goes(callers))
		assert.Equal(t, 100*time.Millisecond, callers[1].ticket().Throttled)
		assert.Equal(t, ratelimit.Probe, callers[1].ticket().Reason)
		pass(time.Minute)
		assert.Equal(t, 11, goes(callers), "a new window begins with a probe too, and no more")
		for i, c := range callers[7:10] {
			c.done(at(200, 10, 2-i, time.Now().Truncate(time.Minute), time.Now()))
		}
		assert.Equal(t, 11, goes(callers), "these tell of the old window")
		callers[10].done(says(200, 10, 9, time.Minute))
		assert.Equal(t, 20, goes(callers))
	})
}

func TestHangingProbeAddsOneEachSecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := ratelimit.New(1)
		callers := ask(t.Context(), g, 10)
		for n := 1; n <= 6; n++ {
			require.Equal(t, n, goes(callers))
			pass(time.Second)
		}
		callers[3].done(says(200, 600, 594, time.Minute))
		assert.Equal(t, 7, goes(callers))
	})
}

func TestHangingProbeDoesNotOpenTheNextWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := ratelimit.New(1)
		_ = askOne(t, g)
		pass(20 * time.Second)
		askOne(t, g).done(says(200, 600, 599, time.Second))
		pass(2 * time.Second)
		assert.Equal(t, 1, goes(ask(t.Context(), g, 50)))
	})
}

func TestProbeWithoutHeadersFreesTheBucket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := ratelimit.New(0.1)
		callers := ask(t.Context(), g, 50)
		callers[0].done(bare(404))
		assert.Equal(t, 50, goes(callers))
		for _, c := range callers[1:] {
			c.done(bare(200))
		}
		pass(10 * time.Minute)
		assert.Equal(t, 200, goes(ask(t.Context(), g, 200)))
		assert.Zero(t, g.States()[users].Header)
	})
}

func TestGatewayErrorDoesNotFreeTheBucket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := ratelimit.New(1)
		callers := ask(t.Context(), g, 50)
		callers[0].done(bare(502))
		assert.Equal(t, 3, goes(callers), "two probes")
		callers[1].done(bare(502))
		assert.Equal(t, 5, goes(callers), "and three")
		callers[2].done(says(200, 10, 7, time.Minute))
		assert.Equal(t, 7, goes(callers))
	})
}

func TestHeadersAfterBareResponsesBind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 0.5, bare(200))
		free := ask(t.Context(), g, 30)
		require.Equal(t, 30, goes(free))
		free[0].done(says(200, 100, 70, time.Minute))
		for _, c := range free[1:] {
			c.done(bare(200))
		}
		assert.Equal(t, 19, goes(ask(t.Context(), g, 30)), "half of a hundred, less 31 that have their responses")
		pass(time.Minute)
		assert.Equal(t, 20, g.States()[users].InFlight, "the next window begins with a probe")
	})
}

func TestLateBareProbeDoesNotFreeAKnownWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := ratelimit.New(1)
		slow := askOne(t, g)
		pass(time.Second)
		askOne(t, g).done(says(200, 10, 8, time.Minute))
		slow.done(bare(200))
		assert.Equal(t, 3, goes(ask(t.Context(), g, 50)))
	})
}

func TestVanishedHeadersDoNotStallTheBucket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 1, says(200, 10, 9, 30*time.Second))
		ctx, stop := context.WithCancel(t.Context())
		callers := ask(ctx, g, 20)
		require.Equal(t, 10-1, goes(callers))
		for _, c := range callers[:9] {
			c.done(bare(200))
		}
		pass(29 * time.Second)
		require.Equal(t, 9, goes(callers), "what says nothing has been counted")
		pass(time.Second)
		require.Equal(t, 10, goes(callers), "a probe")
		callers[9].done(bare(200))
		require.Equal(t, 19, goes(callers), "as if the limit were still the same")
		for _, c := range callers[10:19] {
			c.done(bare(200))
		}
		pass(61 * time.Second)
		require.Equal(t, 20, goes(callers))
		assert.Equal(t, 100, goes(ask(ctx, g, 100)), "there seems to be no limit any more")
		stop()
	})
}

func TestWaitersAreServedInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 1, says(200, 3, 0, time.Minute))
		var mu sync.Mutex
		var order []int
		for i := range 12 {
			go func() {
				ticket, err := g.Acquire(t.Context(), users, users, time.Now())
				if assert.NoError(t, err) {
					mu.Lock()
					order = append(order, i)
					mu.Unlock()
					ticket.Done(says(200, 2, 0, 10*time.Second))
				}
			}()
			synctest.Wait()
			pass(time.Millisecond)
		}
		pass(time.Hour)
		assert.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, order)
		requireIdle(t, g)
	})
}

func TestNewcomerDoesNotOvertakeAtTheReset(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for range 50 { // whether the timer or the newcomer is first is up to the scheduler
			g := learned(t, 1, says(200, 1, 0, time.Second))
			end := time.Now().Truncate(time.Second).Add(time.Second)
			ctx, stop := context.WithCancel(t.Context())
			first := ask(ctx, g, 1)[0]
			time.Sleep(time.Until(end)) //nolint:forbidigo // the bubble's clock
			second := ask(ctx, g, 1)[0]
			assert.NotNil(t, first.ticket())
			assert.Nil(t, second.ticket())
			stop()
			synctest.Wait()
		}
	})
}

func TestWaiterLeavesWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 1, says(200, 1, 0, time.Minute))
		ctx, cancel := context.WithCancel(t.Context())
		before, leaver, after := askOne(t, g), ask(ctx, g, 1)[0], askOne(t, g)
		pass(10 * time.Second)
		cancel()
		synctest.Wait()
		require.True(t, leaver.back())
		require.ErrorIs(t, leaver.err(), context.Canceled)
		assert.Equal(t, 10*time.Second, leaver.after())
		assert.Equal(t, 2, g.States()[users].Waiting)
		pass(50 * time.Second)
		before.done(says(200, 2, 1, time.Minute))
		assert.NotNil(t, after.ticket())
		after.done(says(200, 2, 0, time.Minute))
		requireIdle(t, g)
	})
}

func TestContextsThatEndAsTicketsComeLoseNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for round := range 300 {
			g := learned(t, 1, says(200, 1, 0, time.Second))
			ctx, cancel := context.WithCancel(t.Context())
			ends := time.Now().Truncate(time.Second).Add(time.Second)
			var all sync.WaitGroup
			for i := range 4 { // each second one leaves at the very moment of the reset
				mine := ctx
				if i%2 == 1 {
					mine = t.Context()
				}
				all.Go(func() {
					ticket, err := g.Acquire(mine, users, users, time.Now())
					if err == nil {
						ticket.Done(says(200, 100, 99, time.Minute))
					}
				})
			}
			time.AfterFunc(time.Until(ends), cancel)
			synctest.Wait()
			all.Wait()
			require.LessOrEqual(t, time.Since(ends), time.Duration(0), "round %d", round)
			requireIdle(t, g)
		}
	})
}

func requireExhausted(t *testing.T, c *caller, until time.Duration) {
	t.Helper()
	require.True(t, c.back())
	require.Nil(t, c.ticket())
	limited, ok := errors.AsType[*ratelimit.Error](c.err())
	require.True(t, ok, "%v", c.err())
	require.NoError(t, limited.Err)
	assert.Equal(t, ratelimit.Window, limited.Reason)
	assert.Equal(t, users, limited.Bucket)
	assert.Equal(t, until, time.Until(limited.RetryAt))
}

func TestDeadlineBeforeTheWindowEndsFailsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 1, says(200, 1, 0, time.Minute))
		ctx, cancel := context.WithTimeout(t.Context(), 59*time.Second)
		defer cancel()
		pass(time.Second / 2)
		c := ask(ctx, g, 1)[0]
		requireExhausted(t, c, 59500*time.Millisecond)
		assert.Zero(t, c.after())
		require.EqualError(t, c.err(), "no requests are left in the rate limit of /api/v1/users (window) before 2000-01-01T00:01:00Z")
		requireIdle(t, g)

		enough, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c = ask(enough, g, 1)[0]
		require.False(t, c.back())
		pass(time.Minute)
		require.NoError(t, c.err())
	})
}

func TestDeadlineDuringAProbeDoesNotFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := ratelimit.New(1)
		probe := askOne(t, g)
		ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
		defer cancel()
		waiter := ask(ctx, g, 1)[0]
		require.False(t, waiter.back())
		pass(100 * time.Millisecond)
		probe.done(says(200, 600, 599, time.Minute))
		assert.NotNil(t, waiter.ticket())
	})
}

func TestDeadlineFailsOnceTheProbeShowsAFullWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := ratelimit.New(1)
		probe := askOne(t, g)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		waiters := ask(ctx, g, 3)
		patient := askOne(t, g)
		probe.done(says(200, 2, 1, time.Minute))
		require.NotNil(t, waiters[0].ticket())
		require.False(t, waiters[1].back(), "the one in flight may show that more are left")
		waiters[0].done(says(200, 2, 0, time.Minute))
		requireExhausted(t, waiters[1], time.Minute)
		requireExhausted(t, waiters[2], time.Minute)
		assert.Equal(t, 1, g.States()[users].Waiting)
		pass(time.Minute)
		assert.NotNil(t, patient.ticket())
	})
}

func TestDeadlineBehindALongQueueFailsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 1, says(200, 1, 0, 10*time.Second))
		pass(10 * time.Second)
		askOne(t, g).done(says(200, 1, 0, 10*time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		queue := ask(ctx, g, 3)
		for i, c := range queue {
			assert.Equal(t, i >= 2, c.back(), "number %d", i)
		}
		requireExhausted(t, queue[2], 30*time.Second)
		cancel()
		synctest.Wait()
		requireIdle(t, g)
	})
}

func TestIdleWindowsDoNotMakeAWindowLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 1, says(200, 4, 0, time.Minute))
		pass(time.Hour)
		askOne(t, g).done(says(200, 4, 0, time.Minute))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		assert.False(t, ask(ctx, g, 6)[5].back())
	})
}

// window is a server with an honest fixed window.
type window struct {
	limit  int
	length time.Duration
	began  time.Time
	used   int
	most   int // used in one window
}

func (w *window) respond() ratelimit.Response {
	now := time.Now()
	if start := now.Truncate(w.length); start != w.began {
		w.began, w.used = start, 0
	}
	status := http.StatusOK
	if w.used == w.limit {
		status = http.StatusTooManyRequests
	} else {
		w.used++
	}
	w.most = max(w.most, w.used)
	return at(status, w.limit, w.limit-w.used, w.began.Add(w.length), now.Truncate(time.Second))
}

func TestMaxUseIsNeverExceeded(t *testing.T) {
	t.Parallel()
	for _, maxUse := range []float64{0.1, 0.29, 0.5, 1} {
		t.Run(fmt.Sprint(maxUse), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for limit := 1; limit <= 1000; limit += 1 + limit/20 {
					g, server := ratelimit.New(maxUse), &window{limit: limit, length: time.Minute}
					share := max(1, int(math.Round(maxUse*100))*limit/100)
					time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute))) //nolint:forbidigo // the bubble's clock
					start := time.Now()
					for range 3 * share {
						ticket, err := g.Acquire(t.Context(), users, users, time.Now())
						require.NoError(t, err)
						a := server.respond()
						require.Equal(t, 200, a.Status)
						ticket.Done(a)
					}
					require.Equal(t, share, server.most, "limit %d", limit)
					require.Equal(t, 2*time.Minute, time.Since(start), "limit %d", limit)
				}
			})
		})
	}
}

func TestLostResponseCountsAsUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 0.5, says(200, 10, 9, time.Minute))
		for range 2 {
			askOne(t, g).done(lost)
		}
		assert.Equal(t, 3, g.States()[users].Used)
		assert.Equal(t, 7, g.States()[users].Remaining)
		assert.Equal(t, 2, goes(ask(t.Context(), g, 5)))
		assert.Equal(t, ratelimit.Share, g.States()[users].Reason)
	})
}

func TestLostProbesCountAsUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 0.5, says(200, 10, 9, 10*time.Second))
		pass(10 * time.Second)
		callers := ask(t.Context(), g, 12)
		for i := range 5 {
			require.NotNil(t, callers[i].ticket())
			callers[i].done(lost)
		}
		require.Equal(t, 5, goes(callers), "half of the last limit that was known")
		pass(61 * time.Second)
		assert.GreaterOrEqual(t, goes(callers), 6, "after a window it tries again")
	})
}

func TestLossAsAWindowEndsCountsInTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 0.5, says(200, 10, 9, 30*time.Second))
		pass(10 * time.Second)
		askOne(t, g).done(lost)
		pass(18 * time.Second)
		askOne(t, g).done(lost)
		askOne(t, g).done(says(200, 10, 9, time.Minute))
		assert.Equal(t, 2, g.States()[users].Used)
	})
}

func TestUnsentRequestIsNotCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 0.5, says(200, 10, 9, time.Second))
		pass(time.Second)
		callers := ask(t.Context(), g, 6)
		callers[0].done(ratelimit.Response{Unsent: true})
		assert.Zero(t, g.States()[users].Used)
		assert.Equal(t, 3, goes(callers), "two more probes")
	})
}

func TestWholeSecondDateDoesNotLengthenAWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 1, says(200, 2, 1, 30*time.Second))
		pass(900 * time.Millisecond)
		askOne(t, g).done(says(200, 2, 0, 30*time.Second))
		pass(29100 * time.Millisecond)
		assert.NotNil(t, askOne(t, g).ticket())
	})
}

func TestConcurrencyRefusalCountsAsUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 0.5, says(200, 10, 9, time.Minute))
		askOne(t, g).done(at(429, 0, 0, time.Now(), time.Now()))
		assert.Equal(t, 2, g.States()[users].Used)
	})
}

func TestSlowRefusalDoesNotLengthenThePause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 1, says(200, 100, 99, time.Minute))
		callers := ask(t.Context(), g, 20)
		for _, c := range callers {
			c.done(bare(429))
			pass(400 * time.Millisecond)
		}
		assert.NotNil(t, askOne(t, g).ticket())
	})
}

func TestLossOfAnEarlierWindowIsNotCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 1, says(200, 10, 9, 30*time.Second))
		hangs := ask(t.Context(), g, 3)
		pass(30 * time.Second)
		askOne(t, g).done(says(200, 10, 9, time.Minute))
		for _, c := range hangs {
			c.done(lost)
		}
		assert.Equal(t, 1, g.States()[users].Used)
		assert.Equal(t, 9, goes(ask(t.Context(), g, 10)))
	})
}

func TestHangingRequestsAreForgottenInTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 1, says(200, 10, 9, time.Minute))
		hangs := ask(t.Context(), g, 9)
		require.Equal(t, 9, goes(hangs))
		next := askOne(t, g)
		pass(3 * time.Minute)
		require.NotNil(t, next.ticket())
		next.done(says(200, 10, 9, time.Minute))
		assert.Equal(t, 9, goes(ask(t.Context(), g, 20)))
		assert.Equal(t, 18, g.States()[users].InFlight)
	})
}

func TestRefusalClosesTheWindowWhateverRemains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := ratelimit.New(1)
		askOne(t, g).done(says(429, 100, 50, 30*time.Second))
		c := askOne(t, g)
		pass(30*time.Second - 1)
		require.False(t, c.back())
		pass(1)
		require.NotNil(t, c.ticket())
		assert.Equal(t, ratelimit.Window, c.ticket().Reason)
	})
}

func TestRefusalsWithoutHeadersPauseLongerEachTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 1, bare(429))
		callers := ask(t.Context(), g, 15)
		wait := 250 * time.Millisecond
		for i := range 11 {
			require.Equal(t, i, goes(callers))
			require.Equal(t, ratelimit.Refusal, g.States()[users].Reason)
			pass(wait - 1)
			require.Equal(t, i, goes(callers), "%v", wait)
			for late := time.Duration(0); late <= wait/2 && goes(callers) == i; late += 10 * time.Millisecond {
				pass(10 * time.Millisecond)
			}
			require.Equal(t, i+1, goes(callers), "%v", wait)
			callers[i].done(bare(429))
			wait = min(2*wait, 32*time.Second)
		}
		pass(time.Minute)
		callers[11].done(bare(200))
		require.Equal(t, 15, goes(callers))
		for _, c := range callers[12:] {
			c.done(bare(429)) // all were sent before the first of them came back
		}
		c := askOne(t, g)
		pass(375 * time.Millisecond)
		require.NotNil(t, c.ticket(), "the pause is short again, and but one")
	})
}

func TestShareHoldsAfterARefusalWithoutHeaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 0.5, says(200, 100, 99, time.Minute))
		for left := 98; left >= 60; left-- {
			askOne(t, g).done(says(200, 100, left, time.Minute))
		}
		askOne(t, g).done(bare(429))
		callers := ask(t.Context(), g, 50)
		require.Zero(t, goes(callers))
		pass(time.Second)
		require.Equal(t, 1, goes(callers))
		callers[0].done(says(200, 100, 59, time.Minute-time.Second))
		assert.Equal(t, 9, goes(callers))
		assert.Equal(t, 42, g.States()[users].Used)
	})
}

func TestConcurrencyLimitIsFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 1, says(200, 600, 599, time.Minute))
		ctx, stop := context.WithCancel(t.Context())
		first := ask(ctx, g, 40)
		require.Equal(t, 40, goes(first))
		for _, c := range first[:30] {
			again, free := c.ticket().Done(at(429, 0, 0, time.Now().Add(time.Minute), time.Now()))
			assert.True(t, again)
			assert.True(t, free)
		}
		second := ask(ctx, g, 60)
		assert.Zero(t, goes(second), "ten are still in flight")
		assert.Equal(t, ratelimit.Concurrency, g.States()[users].Reason)
		for i, c := range first[30:] {
			c.done(says(200, 600, 568-i, time.Minute))
			assert.Equal(t, i+1, goes(second))
		}
		for i := range 40 {
			second[i].done(says(200, 600, 558-i, time.Minute))
		}
		assert.Equal(t, 50, goes(second))
		for i := range 10 {
			second[40+i].done(says(200, 600, 518-i, time.Minute))
		}
		assert.Equal(t, 60, goes(second))
		stop()
	})
}

func TestConcurrencyLimitOfNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := ratelimit.New(1)
		start := time.Now()
		for range 5 {
			again, free := askOne(t, g).ticket().Done(at(429, 0, 0, time.Now(), time.Now()))
			assert.True(t, again)
			assert.False(t, free, "nothing else is served")
			pass(10 * time.Second)
		}
		assert.Equal(t, 50*time.Second, time.Since(start))
	})
}

func TestConcurrencyLimitDoesNotStallBehindHangingRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 1, bare(200))
		hangs := ask(t.Context(), g, 3)
		hangs[0].done(at(429, 0, 0, time.Now(), time.Now()))
		c := askOne(t, g)
		pass(2*61*time.Second + 1)
		assert.NotNil(t, c.ticket())
	})
}

// TestNonsenseHeadersAreOvercome has a server lie for a while, and then be honest: a minute later all is well.
func TestNonsenseHeadersAreOvercome(t *testing.T) {
	t.Parallel()
	year3000 := time.Date(3000, time.January, 1, 0, 0, 0, 0, time.UTC)
	for name, lie := range map[string]func(now time.Time) ratelimit.Response{
		"the year 3000":     func(now time.Time) ratelimit.Response { return at(200, 100, 0, year3000, now) },
		"year 3000, a 429":  func(now time.Time) ratelimit.Response { return at(429, 100, 0, year3000, now) },
		"no Date":           func(now time.Time) ratelimit.Response { return at(200, 100, 0, now.Add(time.Minute), time.Time{}) },
		"no Date, a 429":    func(now time.Time) ratelimit.Response { return at(429, 100, 0, now.Add(time.Minute), time.Time{}) },
		"Date of 1970":      func(now time.Time) ratelimit.Response { return at(200, 100, 0, now.Add(time.Minute), time.Unix(0, 0)) },
		"Reset before Date": func(now time.Time) ratelimit.Response { return at(200, 100, 0, now.Add(-time.Minute), now) },
		"Reset is Date":     func(now time.Time) ratelimit.Response { return at(200, 100, 0, now, now) },
		"Reset far ahead":   func(now time.Time) ratelimit.Response { return at(200, 100, 0, now.Add(time.Hour), now) },
		"Reset of 1970":     func(now time.Time) ratelimit.Response { return at(200, 100, 0, time.Unix(0, 0), now) },
		"nothing left":      func(now time.Time) ratelimit.Response { return at(200, 100, 0, now.Add(time.Minute), now) },
		"a limit of one":    func(now time.Time) ratelimit.Response { return at(200, 1, 1, now.Add(time.Minute), now) },
		"too much left":     func(now time.Time) ratelimit.Response { return at(200, 1e9, 1e9, year3000, now) },
		"a limit of none":   func(now time.Time) ratelimit.Response { return at(200, 0, 5, now.Add(time.Minute), now) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := learned(t, 1, says(200, 100, 99, 10*time.Second))
				askOne(t, g).done(lie(time.Now()))
				pass(61 * time.Second)
				server := &window{limit: 100, length: 5 * time.Second}
				pass(time.Until(time.Now().Truncate(server.length).Add(server.length)))
				start := time.Now()
				for range 500 {
					ticket, err := g.Acquire(t.Context(), users, users, time.Now())
					require.NoError(t, err)
					a := server.respond()
					require.Equal(t, 200, a.Status)
					ticket.Done(a)
				}
				assert.LessOrEqual(t, time.Since(start), 20*time.Second)
				requireIdle(t, g)
			})
		})
	}
}

func TestResetThatJumpsBackIsBelieved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 0.5, at(200, 1000, 999, time.Now().Add(30*time.Minute), time.Now()))
		askOne(t, g).done(says(200, 10, 8, time.Minute))
		assert.Equal(t, 3, goes(ask(t.Context(), g, 20)))
		assert.Equal(t, 2, g.States()[users].Used)
	})
}

func TestRefusalWhoseResetJumpsBackClosesTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 1, at(200, 600, 599, time.Now().Add(30*time.Minute), time.Now()))
		askOne(t, g).done(says(429, 600, 0, 20*time.Second))
		c := askOne(t, g)
		require.False(t, c.back())
		pass(21 * time.Second)
		require.NotNil(t, c.ticket())
	})
}

func TestResponsesOutOfOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		g := learned(t, 1, says(200, 10, 9, time.Minute))
		callers := ask(t.Context(), g, 9)
		for i, left := range []int{2, 8, 0, 5, 7} {
			callers[i].done(at(200, 10, left, began.Add(time.Minute), began))
		}
		assert.Zero(t, g.States()[users].Remaining, "the smallest counts")
		waiting := ask(t.Context(), g, 12)
		assert.Zero(t, goes(waiting))
		pass(time.Minute)
		require.Equal(t, 1, goes(waiting))
		callers[5].done(at(200, 10, 6, began.Add(time.Minute), began)) // slow: of the window before
		callers[6].done(at(429, 10, 0, began.Add(time.Minute), began))
		require.Equal(t, 1, goes(waiting), "nothing is known yet of this one")
		waiting[0].done(says(200, 10, 9, time.Minute))
		callers[7].done(at(200, 10, 1, began.Add(time.Minute), began))
		assert.Equal(t, 9, goes(waiting), "ten, less one in flight from the window before")
		assert.Equal(t, began.Add(2*time.Minute), g.States()[users].Reset)
	})
}

func TestClocksOfTwoServersMayDifferByASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 0.5, says(200, 10, 9, 30*time.Second))
		for i := range 4 {
			askOne(t, g).done(says(200, 10, 8-i, time.Duration(29+i%3)*time.Second))
		}
		assert.Equal(t, 5, g.States()[users].Used)
		assert.Zero(t, goes(ask(t.Context(), g, 3)))
	})
}

func TestBucketsDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 1, says(200, 1, 0, time.Minute))
		waits := askOne(t, g)
		start := time.Now()
		for left := 99; left >= 0; left-- {
			ticket, err := g.Acquire(t.Context(), "/api/v1", "/api/v1", time.Now())
			require.NoError(t, err)
			ticket.Done(says(200, 100, left, time.Minute))
		}
		assert.Zero(t, time.Since(start))
		assert.False(t, waits.back())
		states := g.States()
		assert.Len(t, states, 2)
		assert.Equal(t, 100, states["/api/v1"].Used)
		assert.Equal(t, 1, states[users].Waiting)
		pass(time.Minute)
		assert.NotNil(t, waits.ticket())
	})
}

func TestStates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := ratelimit.New(0.5)
		assert.Empty(t, g.States())
		probe := askOne(t, g)
		assert.Equal(t, map[string]ratelimit.State{users: {InFlight: 1}}, g.States())
		a := says(200, 6, 5, time.Minute)
		probe.done(a)
		ctx, stop := context.WithCancel(t.Context())
		callers := ask(ctx, g, 5)
		assert.Equal(t, map[string]ratelimit.State{
			users: {Header: a.Header, Used: 1, InFlight: 2, Waiting: 3, Reason: ratelimit.Share},
		}, g.States())
		stop()
		synctest.Wait()
		for _, c := range callers[:2] {
			c.ticket().Cancel()
		}
		assert.Equal(t, map[string]ratelimit.State{users: {Header: a.Header, Used: 1}}, g.States())
	})
}

func TestCancelledTicketLetsTheNextOneGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := learned(t, 1, says(200, 2, 1, time.Minute))
		callers := ask(t.Context(), g, 2)
		require.Equal(t, 1, goes(callers))
		callers[0].ticket().Cancel()
		synctest.Wait()
		assert.Equal(t, 2, goes(callers))
	})
}

// hammer has workers send requests that all get the same response, and returns how many went in a time.
func hammer(t *testing.T, g *ratelimit.Limiter, workers int, rest, during time.Duration, response func() ratelimit.Response) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	endless := context.WithoutCancel(ctx) // without a deadline, which would have calls refused
	stop := make(chan struct{})
	go func() { <-ctx.Done(); close(stop) }()
	calls, leave := context.WithCancel(endless)
	var all sync.WaitGroup
	var sent atomic.Int64
	for range workers {
		all.Go(func() {
			for {
				ticket, err := g.Acquire(calls, users, users, time.Now())
				if err != nil {
					return
				}
				sent.Add(1)
				pass := time.NewTimer(rest)
				select {
				case <-pass.C:
				case <-stop:
				}
				ticket.Done(response())
				if ctx.Err() != nil {
					return
				}
			}
		})
	}
	<-ctx.Done()
	leave()
	all.Wait()
	requireIdle(t, g)
	return int(sent.Load())
}

func TestDoesNotHammer(t *testing.T) {
	t.Parallel()
	const half = 500 * time.Millisecond // the shortest wait between retries, by default
	for name, c := range map[string]struct {
		known    bool
		response func() ratelimit.Response
		bound    int // in ten minutes, by 128 workers
	}{
		"an outage, the limit unknown":     {false, func() ratelimit.Response { return lost }, 128 * 1200},
		"an outage":                        {true, func() ratelimit.Response { return lost }, 11 * 50},
		"a gateway's errors":               {true, func() ratelimit.Response { return bare(503) }, 11 * 50},
		"429, window credible":             {true, func() ratelimit.Response { return says(429, 100, 0, time.Minute) }, 12},
		"429, Remaining a lie":             {true, func() ratelimit.Response { return says(429, 100, 99, time.Minute) }, 12},
		"429, limit unknown":               {false, func() ratelimit.Response { return says(429, 100, 99, time.Minute) }, 12},
		"429 without headers":              {true, func() ratelimit.Response { return bare(429) }, 30},
		"429 without headers, unknown":     {false, func() ratelimit.Response { return bare(429) }, 30},
		"429, Reset is over":               {true, func() ratelimit.Response { return says(429, 100, 0, -time.Second) }, 30},
		"429, no Date":                     {true, func() ratelimit.Response { return at(429, 100, 9, time.Now(), time.Time{}) }, 30},
		"concurrency":                      {true, func() ratelimit.Response { return says(429, 0, 0, time.Minute) }, 700},
		"nothing left, though it is a 200": {true, func() ratelimit.Response { return says(200, 100, 0, time.Minute) }, 12},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := ratelimit.New(0.5)
				if c.known {
					askOne(t, g).done(says(200, 100, 99, 30*time.Second))
					pass(30 * time.Second)
				}
				sent := hammer(t, g, 128, half, 10*time.Minute, c.response)
				t.Logf("%d requests in ten minutes", sent)
				assert.LessOrEqual(t, sent, c.bound)
				assert.GreaterOrEqual(t, sent, 9, "it stalls")
			})
		})
	}
}

func TestBucketOf(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/api/v1/users/00u1/grants":                                  users,
		"/api/v1/users/00u1/grants/oag1":                             users,
		"/api/v1/users/00u1/clients":                                 users,
		"/api/v1/users/00u1/clients/0oa1/grants":                     users,
		"/api/v1/users/00u1/clients/0oa1/tokens":                     users,
		"/api/v1/users/00u1/clients/0oa1/tokens/oar1":                users,
		"/api/v1/users/a%2Fb/grants":                                 users,
		"/api/v1/users":                                              users,
		"/api/v1/users/00u1/sessions":                                users,
		"/api/v1/authorizationServers":                               "/api/v1",
		"/api/v1/groups/00g1/users":                                  "/api/v1/groups",
		"/api/v1/groups":                                             "GET /api/v1/groups",
		"/api/v1/apps/0oa1":                                          "/api/v1/apps",
		"/api/v1/apps/0oa1/tokens/oar1":                              "/api/v1/apps",
		"/api/v1/apps/0oa1/users":                                    "/api/v1/apps",
		"/api/v1/users/00u1":                                         "GET /api/v1/users/{id}",
		"/api/v1/users/00u1/lifecycle/suspend":                       "GET /api/v1/users/{id}/lifecycle",
		"/api/v1/authorizationServers/aus1":                          "/api/v1",
		"/api/v1/users/token":                                        "GET /api/v1/users/{id}",
		"/api/v1/authorizationServers/aus1/clients":                  "/api/v1",
		"/api/v1/authorizationServers/aus1/clients/0oa1/tokens":      "/api/v1",
		"/api/v1/authorizationServers/aus1/clients/0oa1/tokens/oar1": "/api/v1",
		"/api/v1/apps/0oa1/grants":                                   "GET /api/v1/apps/{id}/grants",
		"/api/v1/apps":                                               "/api/v1/apps",
		"/api/v1/usersX":                                             "GET /api/v1/usersX",
		"/api/v1/":                                                   "GET /api/v1/",
		"/api/v1":                                                    "/api",
		"/api/v2/users":                                              "/api",
		"/oauth2/v1/token":                                           "/oauth2/v1/token",
		"/oauth2/default/v1/token":                                   "/oauth2/default/v1/token",
		"/oauth2/v1/introspect":                                      "/oauth2",
		"/oauth2/v1/clients":                                         "/oauth2",
		"https://sso.example.com/oauth2/v1/token":                    "https://sso.example.com/oauth2/v1/token",
		"/.well-known/okta-organization":                             "/.well-known",
		"/":                                                          "/",
		"":                                                           "/",
	} {
		bucket, _ := ratelimit.BucketOf("GET", path)
		assert.Equal(t, want, bucket, path)
	}
	bucket, route := ratelimit.BucketOf("DELETE", "/api/v1/users/00u1/grants")
	assert.Equal(t, users, bucket)
	assert.Equal(t, "DELETE /api/v1/users/{id}/grants", route)
	bucket, route = ratelimit.BucketOf("POST", "/api/v1/users/00u1")
	assert.Equal(t, "POST /api/v1/users/{id}", bucket)
	assert.Equal(t, bucket, route)
}

func BenchmarkUncontended(b *testing.B) {
	g := ratelimit.New(1)
	response := at(200, math.MaxInt32, math.MaxInt32, time.Now().Add(time.Minute), time.Now())
	b.ReportAllocs()
	for b.Loop() {
		ticket, err := g.Acquire(b.Context(), users, users, time.Now())
		if err != nil {
			b.Fatal(err)
		}
		ticket.Done(response)
	}
}

func BenchmarkContended(b *testing.B) {
	g := ratelimit.New(1)
	response := at(200, math.MaxInt32, math.MaxInt32, time.Now().Add(time.Minute), time.Now())
	b.SetParallelism(64)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			ticket, err := g.Acquire(b.Context(), users, users, time.Now())
			if err != nil {
				b.Error(err)
				return
			}
			ticket.Done(response)
		}
	})
}

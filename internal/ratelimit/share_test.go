package ratelimit_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/internal/ratelimit"
)

// askSince has a goroutine ask for a ticket for a call that began at a time.
func askSince(t *testing.T, l *ratelimit.Limiter, since time.Time) *caller {
	t.Helper()
	c, start := &caller{}, time.Now()
	go func() {
		ticket, err := l.Acquire(t.Context(), users, users, since)
		c.outcome.Store(&outcome{ticket, err, time.Since(start)})
	}()
	synctest.Wait()
	return c
}

func TestRefusedCallGoesBackToItsPlaceInTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := learned(t, 1, says(200, 100, 99, 10*time.Second))
		first, second := time.Now(), time.Now().Add(1)
		a, b := askSince(t, l, first), askSince(t, l, second)
		pass(time.Second)
		for _, c := range []*caller{b, a} {
			again, free := c.ticket().Done(says(429, 100, 0, 9*time.Second))
			assert.True(t, again, "the limiter knows when the window ends")
			assert.True(t, free, "the bucket has served a request")
		}
		later := askSince(t, l, time.Now())
		b, a = askSince(t, l, second), askSince(t, l, first)
		for _, next := range []*caller{a, b, later} {
			for !next.back() {
				require.LessOrEqual(t, time.Since(first), 15*time.Second)
				pass(time.Millisecond)
			}
			if next == a {
				assert.False(t, b.back())
			}
			if next != later {
				assert.False(t, later.back())
			}
			next.done(says(200, 100, 98, time.Until(epoch.Add(20*time.Second)).Round(time.Second)))
		}
	})
}

func TestRefusalsCountOnceNothingWasServedForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(1)
		for i := range 6 {
			ticket, err := l.Acquire(t.Context(), users, users, time.Now())
			require.NoError(t, err)
			again, free := ticket.Done(says(429, 10, 0, 30*time.Second))
			assert.True(t, again)
			assert.Equal(t, i < 5, free, "refusal number %d", i+1)
		}
	})
}

func TestQueueKeepsTheOrderOfCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := learned(t, 1, says(200, 1, 0, time.Second))
		var callers []*caller
		order := []int{5, 0, 9, 3, 7, 1, 8, 2, 6, 4}
		for _, n := range order {
			callers = append(callers, askSince(t, l, epoch.Add(time.Duration(n))))
		}
		for n := range order {
			pass(time.Second)
			for i, c := range callers {
				assert.Equal(t, order[i] <= n, c.back(), "%d of %d", order[i], n)
				if order[i] == n {
					c.done(says(200, 1, 0, time.Second))
				}
			}
		}
	})
}

func TestOthersHaveAClientSpreadItsPart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := learned(t, 1, says(200, 100, 99, 10*time.Second))
		askOne(t, l).done(says(200, 100, 60, 10*time.Second))
		callers := ask(t.Context(), l, 60)
		assert.Zero(t, goes(callers))
		assert.Equal(t, ratelimit.FairShare, l.States()[users].Reason)
		for range 5 {
			pass(time.Second)
			for i, c := range callers {
				if c != nil && c.back() {
					c.done(says(200, 100, 60-i, time.Until(epoch.Add(10*time.Second)).Round(time.Second)))
					callers[i] = nil
				}
			}
		}
		went := 0
		for _, c := range callers {
			if c == nil {
				went++
			}
		}
		assert.Positive(t, went)
		assert.Less(t, went, 45, "in half of the window")
	})
}

func TestClientThatIsAloneAgainBurstsAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(1, 100, 5*time.Second)
		f.clients = []*client{{workers: 16}, {workers: 16, stop: 12 * time.Second}}
		f.run(t, 8)
		assert.GreaterOrEqual(t, f.of(5, 8)[0], 285)
		assert.Zero(t, f.failed)
	})
}

func TestWaitTakesNoRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := learned(t, 1, says(200, 2, 1, time.Minute))
		start := time.Now()
		for range 5 {
			require.NoError(t, l.Wait(t.Context(), users))
		}
		assert.Zero(t, time.Since(start))
		askOne(t, l).done(says(200, 2, 0, time.Minute))
		require.NoError(t, l.Wait(t.Context(), users))
		assert.Equal(t, time.Minute, time.Since(start))
		assert.Zero(t, l.States()[users].InFlight)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		askOne(t, l).done(says(200, 2, 1, time.Minute))
		askOne(t, l).done(says(200, 2, 0, time.Minute))
		require.Error(t, l.Wait(ctx, users))
		assert.Equal(t, time.Minute, time.Since(start), "at once")
	})
}

func TestWaitForABucketOfWhichNothingIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, start := ratelimit.New(1), time.Now()
		require.NoError(t, l.Wait(t.Context(), users))
		assert.Empty(t, l.States(), "no bucket is made")
		hangs := askOne(t, l)
		require.NoError(t, l.Wait(t.Context(), users))
		assert.Zero(t, time.Since(start), "no response has come")
		hangs.done(bare(429))
		require.NoError(t, l.Wait(t.Context(), users))
		assert.GreaterOrEqual(t, time.Since(start), 250*time.Millisecond, "it refuses")
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := learned(t, 1, says(200, 1, 0, time.Minute))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		require.ErrorIs(t, l.Wait(ctx, users), context.Canceled)
		requireIdle(t, l)
	})
}

func TestKnownBuckets(t *testing.T) {
	t.Parallel()
	l := ratelimit.New(1)
	for _, name := range []string{users, "/api/v1/apps", "/api/v1/logs", "/api/v1", "GET /api/v1/apps/{appId}"} {
		assert.True(t, l.Knows(name), name)
	}
	const own = "GET /api/v1/policies/{id}"
	for _, name := range []string{"", "users", users + "/", "/API/v1/users", "GET " + users, own} {
		assert.False(t, l.Knows(name), name)
	}
	ticket, err := l.Acquire(t.Context(), own, own, time.Now())
	require.NoError(t, err)
	ticket.Cancel()
	assert.True(t, l.Knows(own), "it was used")
}

// A request that was not sent must not have the next one wait for it.
func TestCancelledTicketDoesNotCountForThePace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := learned(t, 1, says(200, 100, 99, 10*time.Second))
		askOne(t, l).done(says(200, 100, 60, 10*time.Second)) // there are other clients
		pass(2 * time.Second)
		for range 10 {
			c := askOne(t, l)
			require.True(t, c.back())
			c.ticket().Cancel()
		}
		sent := askOne(t, l)
		require.True(t, sent.back())
		next := askOne(t, l)
		require.False(t, next.back(), "one that was sent does count")
		assert.Equal(t, ratelimit.FairShare, l.States()[users].Reason)
		sent.ticket().Cancel()
		synctest.Wait()
		assert.True(t, next.back())
	})
}

func TestEndOfAContextTellsOfTheLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := learned(t, 1, says(200, 3, 2, time.Minute))
		_ = ask(t.Context(), l, 2) // they hang
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := l.Acquire(ctx, users, users, time.Now())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		limited, ok := errors.AsType[*ratelimit.Error](err)
		require.True(t, ok)
		assert.Equal(t, ratelimit.Error{
			Bucket: users, Reason: ratelimit.Window, RetryAt: limited.RetryAt, Err: context.DeadlineExceeded,
		}, *limited)
		assert.Equal(t, 59*time.Second, time.Until(limited.RetryAt))
	})
}

func TestDeadlinesBeyondTheFirstWindowFailAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(1)
		askOne(t, l).done(says(200, 10, 9, 5*time.Second))
		for left := 8; left >= 0; left-- {
			askOne(t, l).done(says(200, 10, left, 5*time.Second))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		failed := 0
		for _, c := range ask(ctx, l, 200) {
			if c.back() {
				failed++
				require.ErrorAs(t, c.err(), new(*ratelimit.Error))
			}
		}
		assert.Equal(t, 190, failed)
	})
}

func TestRoutesOfDifferentLimitsAreKeptApart(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]func(i int) ratelimit.Response{
		"another limit": func(i int) ratelimit.Response { return at(200, 50, 49-i, epoch.Add(time.Minute), time.Now()) },
		"another reset": func(i int) ratelimit.Response { return at(200, 600, 599-i, epoch.Add(30*time.Second), time.Now()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := ratelimit.New(1)
				send := func(route string, r ratelimit.Response) {
					ticket, err := l.Acquire(t.Context(), users, route, time.Now())
					require.NoError(t, err)
					ticket.Done(r)
				}
				for i := range 8 {
					send("list", at(200, 600, 599-i, epoch.Add(time.Minute), time.Now()))
					send("other", other(i))
				}
				states := l.States()
				require.Len(t, states, 2)
				routes := map[string]int{"list": 0, "other": 0}
				for route := range routes {
					if s, ok := states[route]; ok {
						assert.NotEqual(t, states[users].Limit*1000+states[users].Reset.Second(), s.Limit*1000+s.Reset.Second())
						routes[route]++
					}
				}
				assert.Equal(t, 1, routes["list"]+routes["other"], "one of the two keeps the bucket")
			})
		})
	}
}

func TestChangedLimitKeepsRoutesTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(1)
		for i := range 20 {
			for _, route := range []string{"list", "other"} {
				ticket, err := l.Acquire(t.Context(), users, route, time.Now())
				require.NoError(t, err)
				ticket.Done(says(200, 600-i/10*300, 250, time.Minute))
			}
		}
		assert.Len(t, l.States(), 1)
	})
}

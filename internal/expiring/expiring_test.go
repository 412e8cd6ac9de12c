package expiring_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/internal/expiring"
)

const (
	timeout  = 90 * time.Second
	lifetime = time.Hour
)

var errDown = errors.New("down")

// source fetches the values 1, 2, 3, ...
type source struct {
	mu      sync.Mutex
	fetched int
	latency time.Duration
	err     error
}

func (s *source) fetch(ctx context.Context) (int, time.Time, error) {
	s.mu.Lock()
	s.fetched++
	value, err := s.fetched, s.err
	s.mu.Unlock()
	began := time.Now()
	select {
	case <-time.After(s.latency):
		return value, began.Add(lifetime), err
	case <-ctx.Done():
		return 0, time.Time{}, ctx.Err()
	}
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetched
}

func (s *source) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// bubble runs a test with fake time.
func bubble(t *testing.T, latency time.Duration, run func(t *testing.T, s *source, c *expiring.Cache[int])) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &source{latency: latency}
		run(t, s, expiring.New(timeout, s.fetch))
	})
}

// get returns a value that must come without an error.
func get(t *testing.T, c *expiring.Cache[int]) int {
	t.Helper()
	value, err := c.Get(t.Context())
	require.NoError(t, err)
	return value
}

// after lets fake time pass.
func after(d time.Duration) { <-time.After(d) }

func TestOneFetchServesAllCallers(t *testing.T) {
	t.Parallel()
	bubble(t, time.Second, func(t *testing.T, s *source, c *expiring.Cache[int]) {
		var callers sync.WaitGroup
		for i := range 1000 {
			callers.Go(func() {
				after(time.Duration(i) * 2 * time.Millisecond) // during the fetch and behind it
				value, err := c.Get(t.Context())
				assert.Equal(t, 1, value)
				assert.NoError(t, err)
			})
		}
		callers.Wait()
		assert.Equal(t, 1, s.count())
	})
}

func TestFailedFetchFailsForAllAndIsRepeated(t *testing.T) {
	t.Parallel()
	bubble(t, time.Second, func(t *testing.T, s *source, c *expiring.Cache[int]) {
		s.fail(errDown)
		var callers sync.WaitGroup
		for range 1000 {
			callers.Go(func() {
				_, err := c.Get(t.Context())
				assert.ErrorIs(t, err, errDown)
			})
		}
		callers.Wait()
		assert.Equal(t, 1, s.count())
		s.fail(nil)
		assert.Equal(t, 2, get(t, c))
	})
}

func TestCallersLeaveAndTheFetchGoesOn(t *testing.T) {
	t.Parallel()
	bubble(t, 10*time.Second, func(t *testing.T, s *source, c *expiring.Cache[int]) {
		start := time.Now()
		for range 9 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := c.Get(ctx)
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		assert.Equal(t, 9*time.Second, time.Since(start), "each left at its deadline")
		assert.Equal(t, 1, get(t, c), "the first fetch")
		assert.Equal(t, 10*time.Second, time.Since(start))
		assert.Equal(t, 1, s.count())
	})
}

func TestFetchHasTheValuesOfItsCallerAndItsOwnTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		c := expiring.New(timeout, func(ctx context.Context) (any, time.Time, error) {
			<-ctx.Done()
			return nil, time.Time{}, errors.New(ctx.Value(key{}).(string))
		})
		start := time.Now()
		_, err := c.Get(context.WithValue(t.Context(), key{}, "of the caller"))
		require.EqualError(t, err, "of the caller")
		assert.Equal(t, timeout, time.Since(start))
	})
}

func TestValueIsRefreshedBeforeItExpires(t *testing.T) {
	t.Parallel()
	bubble(t, time.Second, func(t *testing.T, s *source, c *expiring.Cache[int]) {
		assert.Equal(t, 1, get(t, c))
		after(lifetime*7/10 - 2*time.Second)
		assert.Equal(t, 1, get(t, c))
		assert.Equal(t, 1, s.count(), "too early")
		after(lifetime * 2 / 10)
		start := time.Now()
		for range 10 {
			assert.Equal(t, 1, get(t, c), "the old value, at once")
		}
		assert.Zero(t, time.Since(start))
		after(2 * time.Second)
		assert.Equal(t, 2, get(t, c))
		assert.Equal(t, 2, s.count())
	})
}

func TestExpiredValueIsNotReturned(t *testing.T) {
	t.Parallel()
	bubble(t, time.Second, func(t *testing.T, _ *source, c *expiring.Cache[int]) {
		assert.Equal(t, 1, get(t, c))
		after(lifetime - time.Second)
		assert.Equal(t, 2, get(t, c))
		s := &source{latency: 2 * lifetime}
		late := expiring.New(3*lifetime, s.fetch)
		assert.Equal(t, 1, get(t, late), "those who waited for it get it, for want of a better one")
		assert.Equal(t, 2, get(t, late))
	})
}

func TestValueThatLivesForDecadesIsFetchedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fetched := 0
		c := expiring.New(timeout, func(context.Context) (int, time.Time, error) {
			fetched++
			return fetched, time.Now().AddDate(50, 0, 0), nil
		})
		for range 100 {
			after(time.Hour)
			assert.Equal(t, 1, get(t, c))
		}
	})
}

func TestFailedRefreshKeepsTheValueWhileItIsValid(t *testing.T) {
	t.Parallel()
	bubble(t, 0, func(t *testing.T, s *source, c *expiring.Cache[int]) {
		start := time.Now()
		assert.Equal(t, 1, get(t, c))
		s.fail(errDown)
		for time.Since(start) < lifetime-4*time.Second {
			assert.Equal(t, 1, get(t, c))
			after(time.Second)
		}
		tried := s.count()
		assert.Greater(t, tried, 5, "it is repeated")
		assert.Less(t, tried, 40, "not all the time")
		for time.Since(start) < lifetime {
			assert.Equal(t, 1, get(t, c))
			after(time.Millisecond)
		}
		assert.LessOrEqual(t, s.count(), tried+4, "and not more often towards the end")
		_, err := c.Get(t.Context())
		require.ErrorIs(t, err, errDown)
		s.fail(nil)
		assert.Equal(t, s.count()+1, get(t, c))
	})
}

func TestFetchThatPanicsOrExitsIsAnError(t *testing.T) {
	t.Parallel()
	for want, fetch := range map[string]func(){
		"panic in the fetch: broken": func() { panic("broken") },
		"the fetch was abandoned":    runtime.Goexit,
	} {
		synctest.Test(t, func(t *testing.T) {
			fetched := 0
			c := expiring.New(timeout, func(context.Context) (int, time.Time, error) {
				if fetched++; fetched < 2 {
					fetch()
				}
				return 7, time.Now().Add(lifetime), nil
			})
			_, err := c.Get(t.Context())
			require.EqualError(t, err, want)
			assert.Equal(t, 7, get(t, c))
		})
	}
}

// use is a call whose value the server refuses: it takes another one if there may be a better one, once.
func use(t *testing.T, c *expiring.Cache[int], latency time.Duration) {
	t.Helper()
	for range 2 {
		value := get(t, c)
		after(latency)
		if !c.Refused(value, "r") {
			return
		}
	}
}

func TestServerThatRefusesEveryValueCausesFewFetches(t *testing.T) {
	t.Parallel()
	bubble(t, 0, func(t *testing.T, s *source, c *expiring.Cache[int]) {
		for range 1000 {
			use(t, c, 5*time.Millisecond)
		}
		assert.Equal(t, 3, s.count(), "the first, its replacement, and one after two seconds")
		for start := time.Now(); time.Since(start) < 10*time.Minute; {
			use(t, c, 50*time.Millisecond)
		}
		assert.InDelta(t, 3+4+600/64, s.count(), 1, "after 4, 8, 16 and 32 seconds, and one for each 64 seconds")
	})
}

func TestServerThatRefusesEveryValueOfManyCallers(t *testing.T) {
	t.Parallel()
	bubble(t, 20*time.Millisecond, func(t *testing.T, s *source, c *expiring.Cache[int]) {
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() {
				for range 10 {
					use(t, c, 5*time.Millisecond)
				}
			})
		}
		callers.Wait()
		assert.Equal(t, 2, s.count())
	})
}

func TestAcceptedValueIsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, 0, func(t *testing.T, s *source, c *expiring.Cache[int]) {
		for range 3 {
			use(t, c, time.Millisecond)
		}
		assert.Equal(t, 2, s.count())
		assert.False(t, c.Refused(2, "r"))
		c.Accepted(1, "r", false)
		assert.False(t, c.Refused(2, "r"), "another value was accepted")
		c.Accepted(2, "other", false)
		assert.False(t, c.Refused(2, "r"), "another resource accepted it")
		c.Accepted(2, "r", false)
		assert.True(t, c.Refused(2, "r"), "an accepted value that is refused later")
		assert.Equal(t, 3, get(t, c))
		assert.False(t, c.Refused(3, "r"))
	})
}

// One resource refuses good values, in turn with others that accept them.
func TestRefusalsOfOneResourceCostTheOthersLittle(t *testing.T) {
	t.Parallel()
	bubble(t, 0, func(t *testing.T, s *source, c *expiring.Cache[int]) {
		for range 1000 {
			c.Accepted(get(t, c), "good", false)
			for range 2 {
				if !c.Refused(get(t, c), "bad") {
					break
				}
			}
			after(time.Millisecond)
		}
		assert.Equal(t, 2, s.count(), "the first, and its replacement")

		value := get(t, c)
		assert.True(t, c.Refused(value, "good"), "a value that was revoked is replaced at once")
		c.Accepted(get(t, c), "good", true)
		assert.Equal(t, 3, s.count())
	})
}

// The same resource accepts and refuses good values in turn, such as a gateway of several servers.
func TestResourceThatCannotDecideCausesFewFetches(t *testing.T) {
	t.Parallel()
	bubble(t, 0, func(t *testing.T, s *source, c *expiring.Cache[int]) {
		for range 1000 {
			c.Accepted(get(t, c), "r", false)
			for range 2 {
				if !c.Refused(get(t, c), "r") {
					break
				}
			}
			after(time.Millisecond)
		}
		assert.Equal(t, 2, s.count())
	})
}

func TestReplacementThatHelpsEndsTheWait(t *testing.T) {
	t.Parallel()
	bubble(t, 0, func(t *testing.T, s *source, c *expiring.Cache[int]) {
		for i := range 10 {
			assert.True(t, c.Refused(get(t, c), "r"))
			c.Accepted(get(t, c), "r", true)
			assert.Equal(t, i+2, s.count())
		}
	})
}

// A Signer knows no context.
func TestStuckFetchIsAbandoned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		var fetches atomic.Int32
		c := expiring.New(timeout, func(context.Context) (int, time.Time, error) {
			n := int(fetches.Add(1))
			if n == 1 {
				<-stuck
			}
			return n, time.Now().Add(lifetime), nil
		})
		start := time.Now()
		_, err := c.Get(t.Context())
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NotErrorIs(t, err, context.DeadlineExceeded, "the caller's context has not ended")
		assert.InDelta(t, timeout.Seconds(), time.Since(start).Seconds(), 1)
		assert.Equal(t, 2, get(t, c))
		close(stuck)
		synctest.Wait()
		assert.Equal(t, 2, get(t, c), "what is too late is not kept")
		assert.EqualValues(t, 2, fetches.Load())
	})
}

func TestRefusedValueIsReplacedWhenItExpires(t *testing.T) {
	t.Parallel()
	bubble(t, 0, func(t *testing.T, s *source, c *expiring.Cache[int]) {
		use(t, c, 0)
		assert.False(t, c.Refused(2, "r"))
		after(lifetime)
		assert.Equal(t, 3, get(t, c))
		assert.False(t, c.Refused(3, "r"), "its backoff begins")
		assert.Equal(t, 3, get(t, c))
		assert.Equal(t, 3, s.count())
	})
}

func TestLateRefusalKeepsTheNewerValue(t *testing.T) {
	t.Parallel()
	bubble(t, time.Second, func(t *testing.T, s *source, c *expiring.Cache[int]) {
		assert.Equal(t, 1, get(t, c))
		assert.True(t, c.Refused(1, "r"))
		for range 100 {
			assert.True(t, c.Refused(1, "r"), "before the next fetch")
		}
		assert.Equal(t, 2, get(t, c))
		c.Accepted(2, "r", false)
		for range 100 {
			assert.True(t, c.Refused(1, "r"), "behind it")
			assert.Equal(t, 2, get(t, c))
		}
		assert.Equal(t, 2, s.count())
	})
}

func TestRefusalDuringARefreshWaitsForIt(t *testing.T) {
	t.Parallel()
	bubble(t, time.Second, func(t *testing.T, s *source, c *expiring.Cache[int]) {
		assert.Equal(t, 1, get(t, c))
		after(lifetime * 95 / 100)
		assert.Equal(t, 1, get(t, c), "begins a refresh")
		assert.True(t, c.Refused(1, "r"))
		assert.Equal(t, 2, get(t, c))
		assert.Equal(t, 2, s.count())
	})
}

package expiring_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
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
		if !c.Refused(value) {
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

func TestAcceptedValueEndsTheBackoff(t *testing.T) {
	t.Parallel()
	bubble(t, 0, func(t *testing.T, s *source, c *expiring.Cache[int]) {
		for range 3 {
			use(t, c, time.Millisecond)
		}
		assert.Equal(t, 2, s.count())
		assert.False(t, c.Refused(2))
		c.Accepted(1)
		assert.False(t, c.Refused(2), "another value was accepted")
		c.Accepted(2)
		assert.True(t, c.Refused(2), "an accepted value that is refused later is replaced at once")
		assert.Equal(t, 3, get(t, c))
		assert.False(t, c.Refused(3))
	})
}

func TestRefusedValueIsReplacedWhenItExpires(t *testing.T) {
	t.Parallel()
	bubble(t, 0, func(t *testing.T, s *source, c *expiring.Cache[int]) {
		use(t, c, 0)
		assert.False(t, c.Refused(2))
		after(lifetime)
		assert.Equal(t, 3, get(t, c))
		assert.False(t, c.Refused(3), "its backoff begins")
		assert.Equal(t, 3, get(t, c))
		assert.Equal(t, 3, s.count())
	})
}

func TestLateRefusalKeepsTheNewerValue(t *testing.T) {
	t.Parallel()
	bubble(t, time.Second, func(t *testing.T, s *source, c *expiring.Cache[int]) {
		assert.Equal(t, 1, get(t, c))
		assert.True(t, c.Refused(1))
		for range 100 {
			assert.True(t, c.Refused(1), "before the next fetch")
		}
		assert.Equal(t, 2, get(t, c))
		c.Accepted(2)
		for range 100 {
			assert.True(t, c.Refused(1), "behind it")
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
		assert.True(t, c.Refused(1))
		assert.Equal(t, 2, get(t, c))
		assert.Equal(t, 2, s.count())
	})
}

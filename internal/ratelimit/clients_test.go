package ratelimit_test

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grantkit/okta/internal/ratelimit"
)

// fleet is a server with fixed windows and whole-second headers, and the clients that share its limit.
type fleet struct {
	limit   int
	length  time.Duration
	latency time.Duration // at most, there and back
	noDate  bool
	offset  time.Duration // of the windows
	lazy    bool          // windows begin with the first request after the one before
	clients []*client
	stop    time.Time

	mu     sync.Mutex
	chance *rand.Rand
	ends   time.Time // of the present window
	used   int
	sent   int
	refused,
	served,
	failed int
}

// client is a limiter and its workers, all of which call without a pause.
type client struct {
	workers     int
	start, stop time.Duration // stop is 0 for never
	calls       []int         // that succeeded, in each window
}

func (f *fleet) pause(d time.Duration) {
	f.mu.Lock()
	d = upTo(f.chance, d)
	f.mu.Unlock()
	pause(d)
}

// run has all clients call for so many windows, from the beginning of one on.
func (f *fleet) run(t *testing.T, windows int) {
	t.Helper()
	pause(time.Until(time.Now().Add(f.offset).Truncate(f.length).Add(f.length - f.offset)))
	start := time.Now()
	f.stop = start.Add(time.Duration(windows) * f.length)
	var all sync.WaitGroup
	for _, c := range f.clients {
		c.calls = make([]int, windows+1)
		all.Go(func() {
			pause(c.start)
			l := ratelimit.New(1)
			for range c.workers {
				all.Go(func() { f.work(t, c, l, start) })
			}
		})
	}
	all.Wait()
}

func (f *fleet) work(t *testing.T, c *client, l *ratelimit.Limiter, start time.Time) {
	t.Helper()
	for time.Now().Before(f.stop) && (c.stop == 0 || time.Since(start) < c.stop) {
		ok := f.call(t, l)
		f.mu.Lock()
		if ok {
			c.calls[min(int(time.Since(start)/f.length), len(c.calls)-1)]++
		} else {
			f.failed++
		}
		f.mu.Unlock()
	}
}

// call makes a call as the SDK does: four retries, but for those that are free.
func (f *fleet) call(t *testing.T, l *ratelimit.Limiter) bool {
	t.Helper()
	since := time.Now()
	for retries := 0; retries <= 4; {
		ticket, err := l.Acquire(t.Context(), users, users, since)
		if err != nil {
			t.Error(err)
			return false
		}
		f.pause(f.latency / 2)
		r := f.respond()
		f.pause(f.latency / 2)
		again, free := ticket.Done(r)
		if r.Status == http.StatusOK {
			return true
		}
		if !free {
			retries++
		}
		if !again {
			pause(time.Second / 2 << retries)
		}
	}
	return false
}

func (f *fleet) respond() ratelimit.Response {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now().Add(f.offset)
	f.turn(now)
	f.sent++
	r := ratelimit.Response{Status: http.StatusOK, HasHeader: true}
	if f.used == f.limit {
		r.Status = http.StatusTooManyRequests
		f.refused++
	} else {
		f.used++
		f.served++
	}
	h := http.Header{}
	if !f.noDate {
		h.Set("Date", now.UTC().Format(http.TimeFormat))
	}
	h.Set("X-Rate-Limit-Limit", strconv.Itoa(f.limit))
	h.Set("X-Rate-Limit-Remaining", strconv.Itoa(f.limit-f.used))
	h.Set("X-Rate-Limit-Reset", strconv.FormatInt(f.ends.Unix(), 10))
	r.Header, r.HasHeader = ratelimit.Read(h)
	return r
}

// turn begins a window when the one before is over.
func (f *fleet) turn(now time.Time) {
	if now.Before(f.ends) {
		return
	}
	f.used, f.ends = 0, now.Truncate(time.Second).Add(f.length)
	if !f.lazy {
		f.ends = time.Unix(0, (now.UnixNano()/int64(f.length)+1)*int64(f.length))
	}
}

// of is how many calls each client made in some windows.
func (f *fleet) of(from, to int) []int {
	var calls []int
	for _, c := range f.clients {
		n := 0
		for _, k := range c.calls[from:to] {
			n += k
		}
		calls = append(calls, n)
	}
	return calls
}

func newFleet(seed uint64, limit int, length time.Duration) *fleet {
	chance := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeatable
	return &fleet{limit: limit, length: length, latency: 100 * time.Millisecond, offset: upTo(chance, time.Second), chance: chance}
}

// requireShared checks what must hold of clients that share a limit, all but the first windows.
func requireShared(t *testing.T, seed uint64, f *fleet, windows, settled int, refused float64) {
	t.Helper()
	calls := f.of(settled, windows)
	sorted := slices.Sorted(slices.Values(calls))
	median := float64(sorted[(len(sorted)-1)/2]+sorted[len(sorted)/2]) / 2
	assert.Zero(t, f.failed, "seed %d", seed)
	assert.LessOrEqual(t, float64(f.refused)/float64(f.sent), refused, "refused, seed %d: %d clients, %d in %v", seed, len(calls), f.limit, f.length)
	assert.GreaterOrEqual(t, float64(f.served)/float64(f.limit*windows), 0.85, "used, seed %d: %d clients, %d in %v", seed, len(calls), f.limit, f.length)
	assert.GreaterOrEqual(t, float64(sorted[0])/median, 0.5, "fair, seed %d: %v, %d in %v", seed, calls, f.limit, f.length)
}

func TestClientsShareALimitFairly(t *testing.T) {
	t.Parallel()
	for n, refused := range map[int]float64{2: 0.03, 8: 0.05, 16: 0.1} {
		for seed := range seeds() {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(seed, 100, 5*time.Second)
				for range n {
					f.clients = append(f.clients, &client{workers: 16})
				}
				f.run(t, 8)
				requireShared(t, seed, f, 8, 0, refused)
			})
		}
	}
}

func TestSmallClientsBesideABulk(t *testing.T) {
	t.Parallel()
	for seed := range seeds() {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(seed, 100, 5*time.Second)
			f.clients = []*client{{workers: 16}, {workers: 1}, {workers: 1}, {workers: 1}, {workers: 1}}
			for _, c := range f.clients[1:] {
				c.start = time.Duration(seed%2) * upTo(f.chance, 4*time.Second) // with the bulk, or later
			}
			f.run(t, 12)
			assert.GreaterOrEqual(t, slices.Min(f.of(0, 12)), 60, "seed %d: %v", seed, f.of(0, 12))
			requireShared(t, seed, f, 12, 6, 0.05)
		})
	}
}

// TestSimulationOfManyClients has clients start and stop at any time, in windows of any length.
func TestSimulationOfManyClients(t *testing.T) {
	t.Parallel()
	for seed := range seeds() {
		synctest.Test(t, func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // repeatable
			n := 2 + chance.IntN(15)
			f := newFleet(seed, n*(6+chance.IntN(60)), time.Duration(3+chance.IntN(58))*time.Second)
			const windows = 16
			for range n { // all call in the second half
				f.clients = append(f.clients, &client{workers: 8 + chance.IntN(24), start: upTo(chance, windows/4*f.length)})
			}
			for range chance.IntN(4) {
				f.clients = append(f.clients, &client{workers: 16, stop: 1 + upTo(chance, windows/2*f.length)})
			}
			f.run(t, windows)
			f.clients = f.clients[:n]
			requireShared(t, seed, f, windows, windows*3/4, 0.1)
		})
	}
}

func TestWindowsAreMeasuredWithoutDate(t *testing.T) {
	t.Parallel()
	for seed := range seeds() {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(seed, 100, 2*time.Second)
			f.noDate = true
			f.clients = []*client{{workers: 16}}
			f.run(t, 10)
			assert.GreaterOrEqual(t, f.of(0, 10)[0], 800, "seed %d: %v", seed, f.clients[0].calls)
			assert.LessOrEqual(t, f.refused, 20, "seed %d", seed)
		})
	}
}

// Okta's windows begin with the first request after the one before is over, not at a full minute.
func TestWindowsThatBeginWithTheFirstRequest(t *testing.T) {
	t.Parallel()
	for seed := range seeds() {
		synctest.Test(t, func(t *testing.T) {
			alone := newFleet(seed, 100, time.Minute)
			alone.lazy, alone.clients = true, []*client{{workers: 16, start: upTo(alone.chance, time.Minute)}}
			alone.run(t, 8)
			assert.Zero(t, alone.refused, "seed %d", seed)
			assert.Zero(t, alone.failed, "seed %d", seed)
			assert.GreaterOrEqual(t, alone.of(0, 8)[0], 700, "seed %d: %v", seed, alone.clients[0].calls)

			f := newFleet(seed, 100, 5*time.Second)
			f.lazy = true
			for range 4 {
				f.clients = append(f.clients, &client{workers: 16})
			}
			f.run(t, 8)
			requireShared(t, seed, f, 8, 0, 0.05)
		})
	}
}

// A client that calls now and then, with pauses that are longer than a window, uses all of each window that it begins.
func TestWindowsWithPausesBetween(t *testing.T) {
	t.Parallel()
	for seed := range seeds() {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(seed, 50, time.Minute)
			f.lazy = true
			l := ratelimit.New(1)
			for range 5 {
				pause(time.Minute + upTo(f.chance, 5*time.Minute))
				start := time.Now()
				var all sync.WaitGroup
				for range 8 {
					all.Go(func() {
						for range 6 {
							assert.True(t, f.call(t, l))
						}
					})
				}
				all.Wait()
				assert.Less(t, time.Since(start), 2*time.Second, "48 of 50, seed %d", seed)
			}
			assert.Zero(t, f.refused, "seed %d", seed)
		})
	}
}

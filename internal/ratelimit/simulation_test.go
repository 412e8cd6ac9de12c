package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/internal/ratelimit"
)

// world is a server with one bucket, and those who use it. Chance is drawn from the seed: from one source for what
// the world is like, and one for each worker, so that it does not matter in which order the scheduler runs them.
type world struct {
	t    *testing.T
	seed uint64

	limit      int
	length     time.Duration
	skew       time.Duration // of the server's clock
	latency    time.Duration // at most, there and back
	concurrent int           // requests served at once; 0 for any number
	foreign    float64       // of the limit, used by others in bursts
	rough      bool          // responses are lost, hang, or come from a gateway; callers give up
	lies       time.Time     // until then headers lie

	mu       sync.Mutex
	window   int64
	used     int
	serving  int
	refused  int
	lost     int
	served   int // since the lies ended
	vanished time.Time
	stations []*station
}

// station is a limiter and its workers.
type station struct {
	world   *world
	number  int
	maxUse  float64
	workers int
	left    int // calls to make; those before the lies end do not count
	calls   int // left, at the start
	g       *ratelimit.Limiter

	seen    map[int64]int // requests in each window
	learned int64         // the first window that is known to it; 0 if there is none yet
	held    []hold
}

// hold is one wait of Acquire.
type hold struct{ asked, went time.Time }

func (w *world) source(station, worker int) *rand.Rand {
	return rand.New(rand.NewPCG(w.seed, uint64(station)<<32|uint64(worker))) //nolint:gosec // repeatable
}

func (w *world) errorf(format string, args ...any) {
	w.t.Helper()
	w.t.Errorf("seed %d: %s", w.seed, fmt.Sprintf(format, args...))
}

func (w *world) lying() bool { return time.Now().Before(w.lies) }

func (w *world) add(maxUse float64, workers, calls int) {
	w.stations = append(w.stations, &station{
		world: w, number: len(w.stations) + 1, maxUse: maxUse, workers: workers, left: calls, calls: calls,
		g: ratelimit.New(maxUse), seen: map[int64]int{},
	})
}

func (s *station) share() int { return max(1, int(s.maxUse*float64(s.world.limit)+1e-9)) }

// run lets all work until their calls are made, and returns how long that took.
func (w *world) run() time.Duration {
	start := time.Now()
	done := make(chan struct{})
	var others, all sync.WaitGroup
	if w.foreign > 0 {
		others.Go(func() { w.drain(done) })
	}
	others.Go(func() { w.watch(done) })
	for _, s := range w.stations {
		for i := range s.workers {
			all.Go(func() { s.work(w.source(s.number, i+1)) })
		}
	}
	all.Wait()
	took := time.Since(start)
	close(done)
	others.Wait()
	synctest.Wait()
	for _, s := range w.stations {
		s.check()
	}
	return took
}

// watch looks at the limiters again and again.
func (w *world) watch(done chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(123456789):
		}
		for _, s := range w.stations {
			state := s.g.States()[users]
			if state.InFlight < 0 || state.InFlight+state.Waiting > s.workers || state.Used < 0 || state.Remaining < 0 {
				w.errorf("impossible: %+v", state)
			}
			if state.Waiting > 0 && state.Reason == "" {
				w.errorf("waiting without a reason: %+v", state)
			}
		}
	}
}

// drain is what others do to the bucket.
func (w *world) drain(done chan struct{}) {
	r := w.source(0, 1)
	for {
		select {
		case <-done:
			return
		case <-time.After(upTo(r, w.length)):
		}
		w.mu.Lock()
		w.enter()
		w.used = min(w.limit, w.used+int(r.Float64()*w.foreign*float64(w.limit)))
		w.mu.Unlock()
	}
}

// enter begins a new window of the server's clock when it is time.
func (w *world) enter() (now time.Time, ends int64) {
	now = time.Now().Add(w.skew)
	length := int64(w.length / time.Second)
	if window := now.Unix() / length; window != w.window {
		w.window, w.used = window, 0
	}
	return now, (w.window + 1) * length
}

func (s *station) work(r *rand.Rand) {
	w := s.world
	pause(upTo(r, time.Millisecond))
	for s.next() {
		ctx, cancel := w.patience(r)
		asked := time.Now()
		ticket, err := s.g.Acquire(ctx, users, users, time.Now())
		if err != nil {
			s.failed(ctx, err)
			cancel()
			pause(upTo(r, time.Second))
			continue
		}
		s.went(asked, asked.Add(ticket.Throttled))
		cancel()
		if w.rough && r.IntN(50) == 0 {
			ticket.Cancel()
			continue
		}
		s.send(ticket, r)
	}
}

func upTo(r *rand.Rand, d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }

func pause(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // the bubble's clock
}

func (s *station) next() bool {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	if s.left == 0 {
		return false
	}
	if !s.world.lying() {
		s.left--
	}
	return true
}

// patience is the context of a call, which may end early or have a deadline.
func (w *world) patience(r *rand.Rand) (context.Context, context.CancelFunc) {
	d := upTo(r, 90*time.Second) + 1
	if w.rough {
		switch r.IntN(10) {
		case 0:
			return context.WithTimeout(w.t.Context(), d)
		case 1:
			ctx, cancel := context.WithCancel(w.t.Context())
			time.AfterFunc(d, cancel)
			return ctx, cancel
		}
	}
	return context.WithCancel(w.t.Context())
}

// failed checks the error of an Acquire.
func (s *station) failed(ctx context.Context, err error) {
	limited, ok := errors.AsType[*ratelimit.Error](err)
	if !ok || limited.Err != nil && !errors.Is(ctx.Err(), limited.Err) {
		s.world.errorf("%v", err)
		return
	}
	deadline, has := ctx.Deadline()
	if limited.Err == nil && (!has || !limited.RetryAt.After(deadline)) {
		s.world.errorf("refused without need: %v", err)
	}
}

func (s *station) went(asked, went time.Time) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.held = append(s.held, hold{asked, went})
}

// send has the server response a request, and gives its ticket back.
func (s *station) send(ticket *ratelimit.Ticket, r *rand.Rand) {
	w := s.world
	there, back := w.delay(r), w.delay(r)
	fate := 1.0
	if w.rough || w.lying() {
		fate = r.Float64()
	}
	pause(there)
	if fate < 0.01 { // lost on its way there
		s.lose(ticket)
		return
	}
	status, header := w.respond(s, r)
	pause(back)
	w.leave()
	switch {
	case fate < 0.02:
		s.lose(ticket)
		return
	case fate < 0.025:
		pause(30 * time.Second)
		s.lose(ticket)
		return
	case fate < 0.05:
		status, header = http.StatusBadGateway, nil
	}
	a := ratelimit.Response{Status: status}
	a.Header, a.HasHeader = ratelimit.Read(header)
	s.learn(a.HasHeader)
	ticket.Done(a)
	if status != http.StatusOK {
		wait, ok := a.Header.UntilReset()
		if !ok || a.Header.Concurrency() {
			wait = 500 * time.Millisecond
		}
		pause(min(wait, time.Minute) + upTo(r, time.Second))
	}
}

func (s *station) lose(ticket *ratelimit.Ticket) {
	s.world.mu.Lock()
	s.world.lost++
	s.world.mu.Unlock()
	ticket.Done(ratelimit.Response{})
	pause(500 * time.Millisecond)
}

func (s *station) learn(said bool) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	if said && s.learned == 0 {
		s.world.enter()
		s.learned = s.world.window
	}
}

func (w *world) delay(r *rand.Rand) time.Duration {
	if w.latency == 0 {
		return 0
	}
	return upTo(r, w.latency/2)
}

// response counts a request and says so, more or less truthfully.
func (w *world) respond(s *station, r *rand.Rand) (int, http.Header) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, ends := w.enter()
	w.serving++
	h := http.Header{"Date": {now.UTC().Format(http.TimeFormat)}}
	status, limit, remaining := http.StatusOK, w.limit, 0
	switch {
	case w.concurrent > 0 && w.serving > w.concurrent:
		status, limit, ends = http.StatusTooManyRequests, 0, now.Unix()+60
		w.refused++
	case w.used >= w.limit:
		status = http.StatusTooManyRequests
		w.refused++
	default:
		w.used++
		remaining = w.limit - w.used
		s.seen[w.window]++
		// A second's difference may be that of two servers' clocks, and windows shorter than the way there and back
		// are past it.
		if n := s.seen[w.window]; w.length > max(time.Second, w.latency) && w.lies.IsZero() && s.learned != 0 && w.window > s.learned && n > s.share() {
			w.errorf("the server counts request number %d in window %d, more than the share of %d: %d in %v, latency %v",
				n, w.window, s.share(), w.limit, w.length, w.latency)
		}
		if !w.lying() {
			w.served++
		}
	}
	h.Set("X-Rate-Limit-Limit", strconv.Itoa(limit))
	h.Set("X-Rate-Limit-Remaining", strconv.Itoa(remaining))
	h.Set("X-Rate-Limit-Reset", strconv.FormatInt(ends, 10))
	if w.lying() {
		status = w.lie(status, h, r)
	}
	return status, h
}

func (w *world) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serving--
}

// lie spoils the headers of some responses.
func (w *world) lie(status int, h http.Header, r *rand.Rand) int {
	number := func(n int) string { return strconv.Itoa(r.IntN(n)) }
	seconds := func(n int64) string { return strconv.FormatInt(time.Now().Add(w.skew).Unix()+n, 10) }
	if time.Now().Before(w.vanished) {
		return status | bareOf(h)
	}
	switch r.IntN(60) {
	case 0:
		h.Set("X-Rate-Limit-Remaining", number(2*w.limit))
	case 1:
		h.Set("X-Rate-Limit-Remaining", "0")
	case 2:
		h.Set("X-Rate-Limit-Reset", seconds(r.Int64N(7200)-3600))
	case 3:
		h.Set("X-Rate-Limit-Reset", "32503680000")
	case 4:
		h.Set("X-Rate-Limit-Reset", seconds(0))
	case 5:
		h.Set("X-Rate-Limit-Limit", number(1000))
	case 6:
		h.Del("Date")
	case 7:
		h.Set("Date", "Thu, 01 Jan 1970 00:00:00 GMT")
	case 8:
		h.Add("X-Rate-Limit-Remaining", number(w.limit)+", "+number(w.limit))
	case 9:
		return http.StatusTooManyRequests
	case 10:
		bareOf(h)
		return http.StatusTooManyRequests
	case 11:
		h.Set("X-Rate-Limit-Limit", "0")
		h.Set("X-Rate-Limit-Remaining", "0")
	case 12:
		w.vanished = time.Now().Add(upTo(r, 90*time.Second))
	case 13:
		h.Set("X-Rate-Limit-Limit", "9223372036854775807")
	}
	return status
}

// bareOf takes the headers away.
func bareOf(h http.Header) int {
	for _, name := range []string{"Limit", "Remaining", "Reset"} {
		h.Del("X-Rate-Limit-" + name)
	}
	return 0
}

// check checks what must hold at the end.
func (s *station) check() {
	w := s.world
	if state := s.g.States()[users]; state.InFlight != 0 || state.Waiting != 0 {
		w.errorf("left over: %+v", state)
	}
	slices.SortStableFunc(s.held, func(a, b hold) int { return a.asked.Compare(b.asked) })
	longest := time.Duration(0)
	for i, h := range s.held {
		longest = max(longest, h.went.Sub(h.asked))
		if i > 0 && h.went.Before(s.held[i-1].went) && h.asked.After(s.held[i-1].asked) {
			w.errorf("asked at %v, after %v, and went at %v, before %v", h.asked, s.held[i-1].asked, h.went, s.held[i-1].went)
			return
		}
	}
	if bound := s.bound(); longest > bound {
		w.errorf("a call was held for %v, longer than %v: %d of %d in %v, %d workers, latency %v, %d stations, foreign %v, %d lost",
			longest, bound, s.share(), w.limit, w.length, s.workers, w.latency, len(w.stations), w.foreign, w.lost)
	}
}

// bound is how long a call may be held: behind all other workers, with one window to spare, and as long as there are
// lies.
func (s *station) bound() time.Duration {
	w := s.world
	share := max(1, min(s.share(), int(float64(w.limit)*(1-w.foreign))/len(w.stations)))
	windows := s.workers/share + 2
	per := w.length + w.allowance()
	if w.rough { // a lost response may cost a window of a share of one
		per = 2 * 61 * time.Second
	}
	for _, other := range w.stations { // those who are late at each reset get what the others leave
		if other != s {
			windows += other.calls / w.limit
		}
	}
	return time.Duration(windows)*per + 2*61*time.Second + max(0, w.lies.Sub(epoch))
}

// epoch is when each bubble begins.
var epoch = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// allowance is what a window may cost beside its length: the second that Date lacks, a probe, and what is in flight
// at its end.
func (w *world) allowance() time.Duration { return time.Second + 3*w.latency }

// ideal is the least time in which a station's calls can be made.
func (s *station) ideal(calls int) time.Duration {
	windows := (calls+s.share()-1)/s.share() - 1
	return time.Duration(windows) * s.world.length
}

// longest is the most time that a station with an honest server may need.
func (s *station) longest(calls int) time.Duration {
	w := s.world
	windows := (calls+s.share()-1)/s.share() + 1
	rounds := (calls + s.workers - 1) / s.workers
	if s.workers > s.share() {
		rounds = windows
	}
	return s.ideal(calls)*105/100 + w.length + time.Duration(windows)*w.allowance() + time.Duration(rounds)*w.latency
}

func seeds() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("SIMULATION_SEEDS"), 10, 64); err == nil {
		return n
	}
	return 25
}

// simulate makes a world of each seed.
func simulate(t *testing.T, f func(w *world, r *rand.Rand)) {
	t.Helper()
	for seed := range seeds() {
		synctest.Test(t, func(t *testing.T) {
			w := &world{t: t, seed: seed}
			r := w.source(0, 0)
			w.limit = 1 + r.IntN(600)
			if r.IntN(3) == 0 {
				w.limit = 1 + r.IntN(10)
			}
			w.length = time.Duration(1+r.IntN(60)) * time.Second
			w.skew = upTo(r, 20*time.Hour) - 10*time.Hour
			w.latency = []time.Duration{0, 50 * time.Millisecond, 500 * time.Millisecond, 3 * time.Second}[r.IntN(4)]
			if w.latency == 0 && r.IntN(2) == 0 {
				w.latency = 2
			}
			pause(upTo(r, time.Minute))
			f(w, r)
		})
		if t.Failed() {
			return
		}
	}
}

func anyUse(r *rand.Rand) float64 {
	return []float64{0.1, 0.25, 0.5, 0.9, 1, r.Float64() + 0.001}[r.IntN(6)]
}

func TestSimulationOfAnHonestServer(t *testing.T) {
	t.Parallel()
	simulate(t, func(w *world, r *rand.Rand) {
		w.add(min(1, anyUse(r)), 1+r.IntN(128), 0)
		s := w.stations[0]
		calls := min(s.share()*(1+r.IntN(8))+r.IntN(5), 3000)
		s.left = calls
		took := w.run()
		allowed := int(w.latency / time.Second) // at the start a slow probe lets others go
		if w.length == time.Second {
			allowed += 1 + calls/50 // a second's difference may be that of two servers' clocks
		}
		if w.refused > allowed {
			w.errorf("%d requests were refused: %d of %d in %v, %d workers, latency %v",
				w.refused, s.share(), w.limit, w.length, s.workers, w.latency)
		}
		if longest := s.longest(calls); took > longest {
			w.errorf("%d calls took %v, longer than %v; ideal %v: %d of %d in %v, %d workers, latency %v",
				calls, took, longest, s.ideal(calls), s.share(), w.limit, w.length, s.workers, w.latency)
		}
	})
}

func TestSimulationOfARoughWorld(t *testing.T) {
	t.Parallel()
	simulate(t, func(w *world, r *rand.Rand) {
		w.rough = true
		w.foreign = float64(r.IntN(2)) * 0.3
		for range 1 + r.IntN(4) {
			w.add(min(1, anyUse(r)), 1+r.IntN(128), 1+r.IntN(600))
		}
		w.run()
	})
}

func TestSimulationOfAConcurrencyLimit(t *testing.T) {
	t.Parallel()
	simulate(t, func(w *world, r *rand.Rand) {
		w.concurrent = 5 + r.IntN(75)
		w.limit, w.latency = 600, max(w.latency, 50*time.Millisecond)
		calls := 300 + r.IntN(900)
		w.add(1, 1+r.IntN(128), calls)
		took := w.run()
		if w.refused > 2*w.stations[0].workers+calls/5 { // halved again and again at first, and later one too many now and then
			w.errorf("%d of %d calls were refused: %d workers, %d at once", w.refused, calls, w.stations[0].workers, w.concurrent)
		}
		if longest := w.stations[0].longest(calls) + time.Duration(calls)*w.latency; took > longest {
			w.errorf("%d calls took %v, longer than %v", calls, took, longest)
		}
	})
}

func TestSimulationOfALyingServer(t *testing.T) {
	t.Parallel()
	simulate(t, func(w *world, r *rand.Rand) {
		w.lies = time.Now().Add(time.Minute + upTo(r, 3*time.Minute))
		w.add(min(1, anyUse(r)), 1+r.IntN(128), 0)
		s := w.stations[0]
		calls := min(s.share()*(1+r.IntN(8))+r.IntN(5), 3000)
		s.left = calls
		w.run()
		// A lie is believed for 61 s, and what hangs takes 30 s. At the end of the lies all workers may be in the
		// queue.
		took := time.Since(w.lies)
		if longest := s.longest(calls+s.workers) + 61*time.Second + 31*time.Second; took > longest {
			w.errorf("%d calls took %v after the lies, longer than %v; ideal %v: %d of %d in %v, %d workers, latency %v",
				calls, took, longest, s.ideal(calls), s.share(), w.limit, w.length, s.workers, w.latency)
		}
	})
}

// TestFigures prints what a bulk costs.
func TestFigures(t *testing.T) {
	t.Parallel()
	const calls, limit, length = 300, 100, 5 * time.Second
	for _, stations := range []int{1, 2} {
		for _, workers := range []int{1, 16, 128} {
			synctest.Test(t, func(t *testing.T) {
				w := &world{t: t, limit: limit, length: length, latency: 2 * time.Millisecond}
				for range stations {
					w.add(1, workers, calls/stations)
				}
				took := w.run()
				t.Logf("%d calls at %d per %v, %d limiter(s) with %d workers each: %v, ideal 10 s, %d refused",
					calls, limit, length, stations, workers, took.Round(time.Millisecond), w.refused)
				if stations == 1 {
					assert.Zero(t, w.refused)
					assert.LessOrEqual(t, took, 10500*time.Millisecond)
				}
				require.LessOrEqual(t, took, 16*time.Second, "two clients spread their parts over the last window, too")
			})
		}
	}
}

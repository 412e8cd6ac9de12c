package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	clientsLimit  = 100
	clientsWindow = 5 * time.Second
	clientsDelay  = 100 * time.Millisecond // at most, there and back
	served        = 50 * time.Millisecond  // how long a request counts as served at once
)

// fleet is a server with one rate limit, and the clients that share it.
type fleet struct {
	Members []member      `json:"members"`
	Windows int           `json:"windows"` // how long they call; 0 until their calls are made
	Cap     int           `json:"cap"`     // requests served at once; 0 for any number
	NoDate  bool          `json:"noDate"`
	Window  time.Duration `json:"window"` // if it is not clientsWindow
}

// member is a client and its workers.
type member struct {
	Workers int           `json:"workers"`
	MaxUse  float64       `json:"maxUse"`
	Calls   int           `json:"calls"` // 0 for any number
	Start   time.Duration `json:"start"`
	Stop    time.Duration `json:"stop"` // 0 for never
}

// fleetResult is what became of the calls.
type fleetResult struct {
	Calls   []int // of each member, those that succeeded
	Failed  int
	Sent    int // requests, as the server counts them
	Refused int
	Used    int // of all windows
	Most    int // of one window
	Longest time.Duration
	Wall    time.Duration
}

// fixed is a server with fixed windows that begin at multiples of their length, and headers in whole seconds. It is
// written apart from oktatest, so that both err in different ways.
type fixed struct {
	fleet
	body []byte

	mu      sync.Mutex
	window  time.Time
	used    int
	serving int
	result  fleetResult
}

func (f *fixed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status := 0
	if f.Cap > 0 {
		if status = f.count(w.Header()); status == http.StatusOK {
			delay(r.Context(), served)
			f.leave()
		}
	} else {
		delay(r.Context(), rand.N(clientsDelay/2)) //nolint:gosec // chance, no secret
		status = f.count(w.Header())
		delay(r.Context(), rand.N(clientsDelay/2)) //nolint:gosec // chance, no secret
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if status == http.StatusOK {
		_, _ = w.Write(f.body)
	}
}

func delay(ctx context.Context, d time.Duration) { _ = until(ctx, time.Now().Add(d)) }

func (f *fixed) count(h http.Header) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.result.Sent++
	now := time.Now()
	if window := now.Truncate(f.Window); !window.Equal(f.window) {
		f.window, f.used = window, 0
	}
	status, limit, remaining := http.StatusOK, clientsLimit, 0
	switch {
	case f.Cap > 0 && f.serving == f.Cap:
		status, limit = http.StatusTooManyRequests, 0
		f.result.Refused++
	case f.Cap > 0:
		f.serving++
		limit, remaining = 1_000_000, 999_999
	case f.used == clientsLimit:
		status = http.StatusTooManyRequests
		f.result.Refused++
	default:
		f.used++
		f.result.Used++
		f.result.Most = max(f.result.Most, f.used)
		remaining = clientsLimit - f.used
	}
	h["Date"] = nil // otherwise net/http adds it
	if !f.NoDate {
		h.Set("Date", now.UTC().Format(http.TimeFormat))
	}
	h.Set("X-Rate-Limit-Limit", strconv.Itoa(limit))
	h.Set("X-Rate-Limit-Remaining", strconv.Itoa(remaining))
	h.Set("X-Rate-Limit-Reset", strconv.FormatInt(f.window.Add(f.Window).Unix(), 10))
	return status
}

func (f *fixed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serving--
}

// clients has all members call the server, from the beginning of a window on.
func (j job) clients(ctx context.Context) (fleetResult, error) {
	f := &fixed{fleet: j.Fleet, body: appendGrant(nil, 0)}
	if f.Window == 0 {
		f.Window = clientsWindow
	}
	server, err := serve(f)
	if err != nil {
		return fleetResult{}, err
	}
	f.result.Calls = make([]int, len(f.Members))
	if err := until(ctx, time.Now().Truncate(f.Window).Add(f.Window)); err != nil {
		return fleetResult{}, err
	}
	start := time.Now()
	errs := make([]error, len(f.Members))
	var all sync.WaitGroup
	for i, m := range f.Members {
		all.Go(func() { errs[i] = f.call(ctx, i, m, server.url, start) })
	}
	all.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.result.Wall = time.Since(start)
	return f.result, errors.Join(errs...)
}

// call has a member's workers call until it stops or the run ends.
func (f *fixed) call(ctx context.Context, i int, m member, url string, start time.Time) error {
	if err := until(ctx, start.Add(m.Start)); err != nil {
		return err
	}
	client, err := newOurs(url, m.MaxUse)
	if err != nil {
		return err
	}
	if stop := f.stop(m); stop > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx) // a deadline would have calls refused
		defer time.AfterFunc(time.Until(start.Add(stop)), cancel).Stop()
		defer cancel()
	}
	left := make(chan struct{}, max(m.Calls, 1))
	for range m.Calls {
		left <- struct{}{}
	}
	close(left)
	var workers sync.WaitGroup
	for range m.Workers {
		workers.Go(func() {
			for ctx.Err() == nil {
				if _, more := <-left; !more && m.Calls > 0 {
					return
				}
				f.one(ctx, i, client)
			}
		})
	}
	workers.Wait()
	return nil
}

// stop is when a member stops; 0 if its calls end before.
func (f *fixed) stop(m member) time.Duration {
	if m.Stop > 0 {
		return m.Stop
	}
	return time.Duration(f.Windows) * f.Window
}

func (f *fixed) one(ctx context.Context, i int, client subject) {
	start := time.Now()
	err := client.get(ctx, "u1", grantID)
	if ctx.Err() != nil {
		return // the member has stopped
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.result.Failed++
		return
	}
	f.result.Calls[i]++
	f.result.Longest = max(f.result.Longest, time.Since(start))
}

// fleetCase is a fleet, and what is wanted of it.
type fleetCase struct {
	fleet
	fleetResult

	name    string
	refused float64 // at most, of all requests
	used    float64 // at least, of all windows; 0 if nothing is wanted
	fair    bool    // nobody gets less than half of the median
	small   int     // calls a minute, at least, of each member but the first
	most    float64 // of the ideal wall time, at most
	window  float64 // of one window, at most
}

func many(n int) []member { return slices.Repeat([]member{{Workers: 16}}, n) }

// startAndStop are eight copies: four from the beginning on, two of which stop halfway, and four that start later.
func startAndStop() []member {
	members := many(8)
	for i := range 2 {
		members[i].Stop = 30 * time.Second
	}
	for i := range 4 {
		members[4+i].Start = time.Duration(12+3*i) * time.Second
	}
	return members
}

func fleetCases() []*fleetCase {
	return []*fleetCase{
		{name: "2 clients", fleet: fleet{Members: many(2), Windows: 8}, refused: 0.03, used: 0.85, fair: true},
		{name: "8 clients", fleet: fleet{Members: many(8), Windows: 8}, refused: 0.05, used: 0.85, fair: true},
		{name: "16 clients", fleet: fleet{Members: many(16), Windows: 8}, refused: 0.1, used: 0.85, fair: true},
		{
			name: "a bulk and 4 of one worker", refused: 0.05, used: 0.85, small: 60,
			fleet: fleet{Members: append(many(1), slices.Repeat([]member{{Workers: 1}}, 4)...), Windows: 12},
		},
		{name: "8 that start and stop", fleet: fleet{Members: startAndStop(), Windows: 12}, refused: 0.05, used: 0.85},
		{name: "alone, 600 calls", fleet: fleet{Members: []member{{Workers: 16, Calls: 600}}}, refused: 0.01, most: 1.05},
		{
			name: "alone, 250 calls, MaxUse 0.5", refused: 0.01, most: 1.05, window: 0.5,
			fleet: fleet{Members: []member{{Workers: 16, Calls: 250, MaxUse: 0.5}}},
		},
		{
			name: "2 clients, MaxUse 0.25", refused: 0.01, window: 0.5,
			fleet: fleet{Members: slices.Repeat([]member{{Workers: 16, MaxUse: 0.25}}, 2), Windows: 6},
		},
		{
			name:  "alone, 250 calls, no Date, windows of 2 s",
			fleet: fleet{Members: []member{{Workers: 16, Calls: 250}}, NoDate: true, Window: 2 * time.Second}, refused: 0.05,
		},
		{name: "8 clients, no Date", fleet: fleet{Members: many(8), Windows: 8, NoDate: true}},
	}
}

// ideal is the wall time of a member alone that uses all it may of each window and takes no time itself.
func (c *fleetCase) ideal() time.Duration {
	m := c.Members[0]
	share := clientsLimit
	if m.MaxUse > 0 {
		share = int(clientsLimit * m.MaxUse)
	}
	window := c.Window
	if window == 0 {
		window = clientsWindow
	}
	return time.Duration((m.Calls-1)/share) * window
}

func (b *bench) manyClients(ctx context.Context) error {
	cases := fleetCases()
	errs := make([]error, len(cases))
	var running sync.WaitGroup
	for i, c := range cases { // at the same time: they wait for most of it, each for a server of its own
		running.Go(func() {
			c.fleetResult, errs[i] = run[fleetResult](ctx, b.programs, job{Role: "clients", Subject: ours, Fleet: c.fleet})
		})
	}
	running.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	b.section("Many clients, one limit of 100 requests for each 5 s",
		"wall, s", "requests", "refused, %", "used, %", "most of a window", "calls of each: least", "median", "most", "longest, s", "failed")
	for _, c := range cases {
		calls := slices.Sorted(slices.Values(c.Calls))
		b.row(c.name, "%.1f %d %.1f %.0f %d %d %.0f %d %.1f %d", c.Wall.Seconds(), c.Sent, 100*c.refusedShare(), 100*c.usedShare(), c.Most,
			calls[0], middle(calls), calls[len(calls)-1], c.Longest.Seconds(), c.Failed)
	}
	failed := 0
	for _, c := range cases {
		b.fleetBars(c)
		failed += c.Failed
	}
	b.bar("calls failed, of all", float64(failed), 0)
	if err := b.caps(ctx); err != nil {
		return err
	}
	return b.waiters(ctx)
}

func (b *bench) fleetBars(c *fleetCase) {
	if c.refused > 0 {
		b.bar("refused: "+c.name, c.refusedShare(), c.refused)
	}
	if c.used > 0 {
		b.atLeast("limit used: "+c.name, c.usedShare(), c.used)
	}
	if c.fair {
		b.atLeast("the least of the median: "+c.name, float64(slices.Min(c.Calls))/middle(slices.Sorted(slices.Values(c.Calls))), 0.5)
	}
	if c.small > 0 {
		b.atLeast("calls a minute of the smallest: "+c.name, float64(slices.Min(c.Calls[1:]))/c.Wall.Minutes(), float64(c.small))
	}
	if c.most > 0 {
		b.bar("wall, of the ideal: "+c.name, float64(c.Wall)/float64(c.ideal()), c.most)
	}
	if c.window > 0 {
		b.bar("most of a window: "+c.name, float64(c.Most)/clientsLimit, c.window)
	}
}

func (c *fleetCase) refusedShare() float64 { return float64(c.Refused) / float64(c.Sent) }

// usedShare is what of all windows was used, those included that were cut short.
func (c *fleetCase) usedShare() float64 {
	window := c.Window
	if window == 0 {
		window = clientsWindow
	}
	windows := (c.Wall-time.Millisecond)/window + 1
	if c.Windows > 0 {
		windows = time.Duration(c.Windows)
	}
	return float64(c.Used) / float64(clientsLimit*windows)
}

// middle is the median of sorted figures.
func middle(sorted []int) float64 {
	n := len(sorted)
	return float64(sorted[(n-1)/2]+sorted[n/2]) / 2
}

// caps measures how a client finds a limit of concurrent requests.
func (b *bench) caps(ctx context.Context) error {
	b.section("One client of 128 workers, a limit of concurrent requests, each served for 50 ms", "calls", "wall, s", "of the ideal", "refused, %", "failed")
	const rounds = 60
	for _, limit := range []int{5, 10, 20, 40, 75} {
		c := fleet{Members: []member{{Workers: 128, Calls: rounds * limit}}, Cap: limit}
		r, err := run[fleetResult](ctx, b.programs, job{Role: "clients", Subject: ours, Fleet: c})
		if err != nil {
			return err
		}
		name, ratio := strconv.Itoa(limit)+" at once", r.Wall.Seconds()/(rounds*served).Seconds()
		b.row(name, "%d %.2f %.2f %.1f %d", rounds*limit, r.Wall.Seconds(), ratio, 100*float64(r.Refused)/float64(r.Sent), r.Failed)
		b.bar("wall, of the ideal: "+name, ratio, 1.3)
	}
	return nil
}

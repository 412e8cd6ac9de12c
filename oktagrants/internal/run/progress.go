package run

import (
	"maps"
	"sync"
	"time"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// Progress is how far a run is.
type Progress struct {
	Phase     ledger.Phase
	Done      int // tasks that this phase is through with
	Total     int // tasks of the run; 0 while they are listed, and Done is how many are
	Failed    int
	Left      int           // left, or not verified
	Paused    time.Time     // since when calls wait for Okta; zero if they do not
	Calls     int           // requests that this process has sent
	PerMinute float64       // requests, over the last minute
	Share     float64       // of the fullest rate limit window, used by this process, between 0 and 1; 0 if unknown
	Remaining time.Duration // at the present rate, but not above the known limits; 0 if unknown
}

// Progress returns how far the run is. It may be called at any time, and is cheap.
func (r *Runner) Progress() Progress {
	p, calls := r.tally.progress()
	p.Paused, _ = r.Job.Outage()
	p.Calls, p.PerMinute = r.Meter.Calls(), r.Meter.PerMinute()
	if p.PerMinute > 0 {
		p.Remaining = time.Duration(float64(calls.Total()) / p.PerMinute * float64(time.Minute))
	}
	limits := map[string]int{}
	for bucket, state := range r.Client.RateLimits() {
		if state.Limit > 0 {
			limits[bucket] = state.Limit
			p.Share = max(p.Share, min(1, float64(state.Used)/float64(state.Limit)))
		}
	}
	if least := r.duration(calls, limits); least > r.window() { // the calls of one window may come at once
		p.Remaining = max(p.Remaining, least)
	}
	return p
}

// Observe tells how far a run is that others carry out.
func (r *Runner) Observe(phase ledger.Phase, counts ledger.Counts) {
	r.tally.begin(phase, counts, r.Job)
}

// tally counts the tasks of the present phase.
type tally struct {
	mu        sync.Mutex
	at        Progress
	ahead     int         // tasks that the phase deals with
	finished  int         // of these, those that it is through with
	calls     steps.Calls // that ahead takes
	callsNext steps.Calls // that the next phase takes
}

// list begins the listing of tasks.
func (t *tally) list(counts ledger.Counts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at = Progress{Phase: ledger.Listing, Done: inStates(counts, allStates...)}
}

// listed counts tasks that were listed.
func (t *tally) listed(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at.Done += n
}

var allStates = []ledger.State{
	ledger.Pending, ledger.Started, ledger.Done, ledger.Failed, ledger.Verified, ledger.Left, ledger.Gone,
}

// begin begins a phase.
func (t *tally) begin(phase ledger.Phase, counts ledger.Counts, job *steps.Job) {
	work, verify := job.Calls(counts)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at = Progress{Phase: phase, Total: inStates(counts, allStates...)}
	t.ahead, t.finished = inStates(counts, statesOf[phase]...), 0
	t.at.Done = t.at.Total - t.ahead
	switch phase {
	case ledger.Listing:
		t.calls, t.callsNext = steps.Calls{"": t.ahead}, maps.Clone(work) // no limit is known for logins
		for bucket, n := range verify {
			t.callsNext[bucket] += n
		}
	case ledger.Working:
		t.calls, t.callsNext = work, verify
	case ledger.Verifying:
		t.calls, t.callsNext = verify, nil
		t.at.Failed = inStates(counts, ledger.Failed)
	}
}

func inStates(counts ledger.Counts, states ...ledger.State) int {
	n := 0
	for _, in := range counts.Tasks {
		for _, state := range states {
			n += in[state]
		}
	}
	return n
}

// finish counts a task that the phase is through with.
func (t *tally) finish(state ledger.State) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.finished++
	t.at.Done++
	switch {
	case state == ledger.Failed:
		t.at.Failed++
	case state == ledger.Left, state == ledger.Done && t.at.Phase == ledger.Verifying:
		t.at.Left++
	}
}

// progress returns what is counted, and how many calls are still to come.
func (t *tally) progress() (Progress, steps.Calls) {
	t.mu.Lock()
	defer t.mu.Unlock()
	calls := steps.Calls{}
	maps.Copy(calls, t.callsNext)
	if t.ahead > 0 {
		for bucket, n := range t.calls {
			calls[bucket] += n * max(t.ahead-t.finished, 0) / t.ahead
		}
	}
	return t.at, calls
}

// Package run carries a job over all of its tasks, as the ledger has them: it lists them, does them by several workers,
// verifies them, and goes on where an earlier process stopped.
package run

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grantkit/okta"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// ErrIncomplete means that the run was interrupted. The same command goes on with it.
var ErrIncomplete = errors.New("the run was interrupted")

// ErrRefused means that Okta refused the first tasks one by one with 403, and none succeeded.
var ErrRefused = errors.New("all tasks so far were refused")

const (
	defaultWorkers = 20
	defaultWindow  = time.Minute
	defaultGrace   = 5 * time.Second

	pageSize    = 500              // tasks read from the ledger at a time
	keepTimeout = 30 * time.Second // for writing an outcome after the run was stopped
	maxRefusals = 25               // tasks that are refused before the first success
	maxLimited  = 5                // repetitions of a step that finds a rate limit exhausted; each waits for a window
	maxText     = 2000             // bytes of an error that the ledger keeps
)

// Runner carries out one run. Its fields must not change once a method was called.
type Runner struct {
	Ledger  *ledger.Ledger
	Job     *steps.Job
	Client  *okta.Client
	Meter   *Meter        // its OnAttempt is in the okta.Config of Client
	Workers int           // tasks at a time; default 20
	MaxUse  float64       // as in the okta.Config of Client, for the plan; default 1
	Window  time.Duration // of the org's rate limits, for the plan; default a minute

	grace     time.Duration // for revokes in flight when the run is stopped; default 5 s
	resolved  bool          // Prepare has tried to resolve all logins
	succeeded atomic.Bool   // a task has succeeded in this process
	refusals  atomic.Int64  // tasks that were refused before that
	tally     tally
}

// Run does the tasks of a run that Prepare has listed, verifies them, and ends the run. An ended run with tasks that
// failed or left something does these again; one without does nothing. If the run is stopped, the error says why: it
// matches [ErrIncomplete] if ctx ended, and the same run can be run again. The summary is valid even then.
func (r *Runner) Run(ctx context.Context) (Summary, error) {
	began := time.Now()
	err := r.stopped(ctx, r.run(ctx))
	keep, cancel := keeping(ctx)
	defer cancel()
	return r.summarize(keep, began, err)
}

func (r *Runner) run(ctx context.Context) error {
	run, err := r.Ledger.Run(ctx)
	if err != nil {
		return err
	}
	counts, err := r.Ledger.Counts(ctx)
	if err != nil {
		return err
	}
	switch {
	case run.Phase == ledger.Listing:
		return errors.New("the tasks of the run are not listed yet")
	case run.Phase == ledger.Ended && unfinished(counts) == 0:
		return nil
	}
	if err := r.Ledger.SetStop(ctx, ""); err != nil {
		return err
	}
	phases := []ledger.Phase{ledger.Working}
	if r.Job.Revokes() {
		phases = append(phases, ledger.Verifying)
	}
	before := run.Phase
	for _, phase := range phases {
		if err := r.Ledger.SetPhase(ctx, before, phase); err != nil {
			return err
		}
		if err := r.enter(ctx, phase); err != nil {
			return err
		}
		before = phase
	}
	return r.Ledger.SetPhase(ctx, before, ledger.Ended)
}

// unfinished is the number of tasks that an ended run would do again.
func unfinished(counts ledger.Counts) int {
	n := 0
	for _, states := range counts.Tasks {
		n += states[ledger.Pending] + states[ledger.Started] + states[ledger.Failed] + states[ledger.Left]
	}
	return n
}

// enter begins a phase, and goes through its tasks.
func (r *Runner) enter(ctx context.Context, phase ledger.Phase) error {
	counts, err := r.Ledger.Counts(ctx)
	if err != nil {
		return err
	}
	r.tally.begin(phase, counts, r.Job)
	return r.stream(ctx, phase, r.tasks(ctx, phase))
}

// statesOf are the states of the tasks that a phase deals with.
var statesOf = map[ledger.Phase][]ledger.State{
	ledger.Listing:   {ledger.Pending, ledger.Failed},
	ledger.Working:   {ledger.Pending, ledger.Started, ledger.Failed, ledger.Left},
	ledger.Verifying: {ledger.Done, ledger.Left},
}

// States returns the states of the tasks that a phase deals with.
func States(phase ledger.Phase) []ledger.State { return statesOf[phase] }

// tasks are the tasks of a phase, each once, read from the ledger as they are needed.
func (r *Runner) tasks(ctx context.Context, phase ledger.Phase) iter.Seq2[ledger.Task, error] {
	return r.between(ctx, phase, 1, math.MaxInt64)
}

// between are the tasks of a phase whose Seq is at least first and at most last.
func (r *Runner) between(ctx context.Context, phase ledger.Phase, first, last int64) iter.Seq2[ledger.Task, error] {
	return func(yield func(ledger.Task, error) bool) {
		for after := first - 1; after < last; {
			page, err := r.Ledger.Next(ctx, after, int(min(pageSize, last-after)), statesOf[phase]...)
			if err != nil {
				yield(ledger.Task{}, err)
				return
			}
			for _, task := range page {
				if task.Seq > last {
					return
				}
				if !r.concerns(phase, &task) {
					r.tally.finish(task.State)
				} else if !yield(task, nil) {
					return
				}
			}
			if len(page) == 0 {
				return
			}
			after = page[len(page)-1].Seq
		}
	}
}

// concerns reports whether a phase has something to do for a task in one of its states.
func (r *Runner) concerns(phase ledger.Phase, task *ledger.Task) bool {
	switch {
	case phase == ledger.Listing:
		return task.ID == ""
	case phase == ledger.Working && task.State == ledger.Left:
		return task.Class == steps.ClassLeft // otherwise the read failed: it is verified again
	}
	return task.ID != "" || !r.resolved // a login is resolved once by each process
}

// DoRange does the tasks of a phase, Working or Verifying, whose Seq is at least first and at most last, and records each
// outcome. Tasks that fail are no error. An error stops all: it is one that the other tasks would meet, too, or ctx has
// ended, which matches [ErrIncomplete].
func (r *Runner) DoRange(ctx context.Context, phase ledger.Phase, first, last int64) error {
	return r.stream(ctx, phase, r.between(ctx, phase, first, last))
}

// stream does tasks by several workers, as they come.
func (r *Runner) stream(parent context.Context, phase ledger.Phase, tasks iter.Seq2[ledger.Task, error]) error {
	ctx, stop := context.WithCancelCause(parent)
	defer stop(nil)
	queue := make(chan ledger.Task)
	var workers sync.WaitGroup
	for range r.workers() {
		workers.Go(func() {
			for task := range queue {
				if err := r.one(ctx, phase, &task); err != nil {
					stop(err)
				}
			}
		})
	}
	feed(ctx, stop, tasks, queue)
	close(queue)
	workers.Wait()
	return incomplete(parent, context.Cause(ctx))
}

func feed(
	ctx context.Context, stop context.CancelCauseFunc, tasks iter.Seq2[ledger.Task, error], queue chan<- ledger.Task,
) {
	for task, err := range tasks {
		if err != nil {
			stop(err)
			return
		}
		select {
		case queue <- task:
		case <-ctx.Done():
			return
		}
	}
}

func (r *Runner) workers() int {
	if r.Workers > 0 {
		return r.Workers
	}
	return defaultWorkers
}

// one does one task of a phase. An error stops all.
func (r *Runner) one(ctx context.Context, phase ledger.Phase, task *ledger.Task) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the task stays as it is
	}
	switch phase {
	case ledger.Listing:
		if err := r.resolve(ctx, task); err != nil || task.ID == "" {
			return err
		}
		r.tally.finish(ledger.Pending)
		return nil
	case ledger.Verifying:
		return r.verify(ctx, task)
	}
	return r.work(ctx, task)
}

// resolve resolves the login of a task. If that fails, the task has failed, and its ID stays empty.
func (r *Runner) resolve(ctx context.Context, task *ledger.Task) error {
	err := r.patiently(ctx, task, func() error { return r.Job.Resolve(ctx, task) })
	if err != nil {
		return r.failed(ctx, task, ledger.Failed, err)
	}
	keep, cancel := keeping(ctx)
	defer cancel()
	return r.Ledger.Resolve(keep, *task)
}

// isDuplicate reports whether a task turned out to be about the user of another task when it was resolved.
func (r *Runner) isDuplicate(ctx context.Context, task *ledger.Task) (bool, error) {
	next, err := r.Ledger.Next(ctx, task.Seq-1, 1)
	return len(next) == 0 || next[0].Seq != task.Seq, err
}

// work does what the job does for a task. The intent to revoke is on record before, the outcome afterwards.
func (r *Runner) work(ctx context.Context, task *ledger.Task) error {
	if task.ID == "" {
		if err := r.resolve(ctx, task); err != nil || task.ID == "" {
			return err
		}
		if duplicate, err := r.isDuplicate(ctx, task); err != nil || duplicate {
			return err
		}
	}
	working := ctx
	if r.Job.Revokes() {
		if err := r.begin(ctx, task); err != nil {
			return err
		}
		var cancel context.CancelFunc
		working, cancel = lingering(ctx, r.graceTime())
		defer cancel()
	}
	err := r.patiently(working, task, func() error { return r.Job.Work(working, task, r.Ledger.AddTokens) })
	if err != nil {
		return r.failed(ctx, task, ledger.Failed, err)
	}
	return r.succeed(ctx, task, ledger.Done)
}

// begin records the intent to revoke, even if the run was stopped meanwhile: whether an interrupted write took effect
// would not be known.
func (r *Runner) begin(ctx context.Context, task *ledger.Task) error {
	keep, cancel := keeping(ctx)
	defer cancel()
	return r.Ledger.Start(keep, task)
}

func (r *Runner) graceTime() time.Duration {
	if r.grace > 0 {
		return r.grace
	}
	return defaultGrace
}

// verify reads whether something is left of what was revoked. A read that fails leaves the task to be verified again.
func (r *Runner) verify(ctx context.Context, task *ledger.Task) error {
	err := r.patiently(ctx, task, func() error { return r.Job.Verify(ctx, task) })
	if err != nil {
		return r.failed(ctx, task, ledger.Left, err)
	}
	return r.succeed(ctx, task, ledger.Verified)
}

// patiently repeats a step that finds a rate limit exhausted, when there are requests left again.
func (r *Runner) patiently(ctx context.Context, task *ledger.Task, step func() error) error {
	for try := 0; ; try++ {
		err := step()
		if steps.Class(err) != steps.ClassRateLimited || try == maxLimited {
			return err
		}
		bucket := steps.Bucket(task.Kind)
		if limited, ok := errors.AsType[*okta.RateLimitError](err); ok {
			bucket = limited.Bucket
		}
		if waited := r.Client.WaitForRateLimit(ctx, bucket); waited != nil {
			return errors.Join(err, waited)
		}
	}
}

func (r *Runner) succeed(ctx context.Context, task *ledger.Task, state ledger.State) error {
	r.succeeded.Store(true)
	task.State, task.Error, task.Class = state, "", ""
	return r.record(ctx, task)
}

// failed records why a step failed, and returns the error if it stops all. A read that was cut off because the run is
// stopped is no failure: the task stays as it is.
func (r *Runner) failed(ctx context.Context, task *ledger.Task, state ledger.State, err error) error {
	class := steps.Class(err)
	reads := state == ledger.Left || !r.Job.Revokes() || task.ID == ""
	if ctx.Err() != nil && class == steps.ClassCanceled && reads {
		return nil
	}
	task.State, task.Error, task.Class = state, text(err), class
	if err := r.record(ctx, task); err != nil {
		return err
	}
	if steps.Stops(err) {
		return err
	}
	return r.refused(class, err)
}

// refused stops the run if nothing but refusals came: without an administrator role, every task would be refused.
func (r *Runner) refused(class string, err error) error {
	if class != steps.ClassForbidden || r.succeeded.Load() || r.refusals.Add(1) < maxRefusals {
		return nil
	}
	return fmt.Errorf("%w: %d with 403, the last one: %w", ErrRefused, maxRefusals, err)
}

// record writes an outcome, even if the run was stopped meanwhile.
func (r *Runner) record(ctx context.Context, task *ledger.Task) error {
	keep, cancel := keeping(ctx)
	defer cancel()
	if err := r.Ledger.Finish(keep, task); err != nil {
		return err
	}
	r.tally.finish(task.State)
	return nil
}

// incomplete makes an error match ErrIncomplete if ctx has ended.
func incomplete(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, ErrIncomplete) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrIncomplete, err)
}

// stopped records why the run was stopped, and returns that.
func (r *Runner) stopped(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	err = incomplete(ctx, err)
	keep, cancel := keeping(ctx)
	defer cancel()
	return errors.Join(err, r.Ledger.SetStop(keep, text(err)))
}

// keeping returns a context for writing to the ledger, whether or not ctx has ended.
func keeping(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
}

// lingering returns a context that ends some time after ctx.
func lingering(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return longer, func() {
		unhook()
		cancel()
	}
}

// text is the text of an error, bounded.
func text(err error) string {
	s := err.Error()
	if len(s) > maxText {
		s = s[:maxText]
	}
	return strings.ToValidUTF8(s, "")
}

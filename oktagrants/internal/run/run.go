// Package run carries a job over all of its tasks, as the ledger has them: it lists them, does them by several workers,
// verifies them, and goes on where an earlier process stopped.
package run

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
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

// ErrRefused means that Okta refused the first tasks one by one with 403, and none succeeded. The same command goes on.
var ErrRefused = errors.New("all tasks so far were refused")

const (
	defaultWorkers = 20
	defaultWindow  = time.Minute
	defaultGrace   = 5 * time.Second

	pageSize    = 500              // tasks read from the ledger at a time
	keepTimeout = 30 * time.Second // for writing an outcome after the run was stopped
	maxRefusals = 25               // tasks that are refused before the first success
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

	// OnOutage is called when calls begin to wait for Okta, after each probe, and when that is over. It must not call the
	// Runner's methods. It may be nil.
	OnOutage func(steps.Outage)

	grace     time.Duration // for revokes in flight when the run is stopped; default 5 s
	resolved  bool          // Prepare has tried to resolve all logins
	succeeded atomic.Bool   // a task of the run has succeeded, in this process or before
	refusals  atomic.Int64  // tasks that were refused before that
	insisted  bool          // refusals have stopped the run before: the caller wants it to go on
	observing sync.Once
	tally     tally
}

// Run does the tasks of a run that Prepare has listed, verifies them, and ends the run. An ended run with tasks that
// failed, left something or were not verified does these again; one without does nothing. If the run is stopped, the
// error says why: it matches [ErrIncomplete] if ctx ended, and the same run can be run again. One that had ended before
// stays so. The summary is valid even then.
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
	case run.Phase == ledger.Ended && unfinished(run.Kind, counts) == 0:
		return nil
	}
	if err := r.Ledger.SetStop(ctx, ""); err != nil {
		return err
	}
	r.observe(ctx, true)
	r.noteSuccess(counts)
	r.insisted = counts.Classes[steps.ClassForbidden] >= maxRefusals
	reached, err := r.phases(ctx, run.Phase)
	if err != nil && run.Phase == ledger.Ended {
		keep, cancel := keeping(ctx)
		defer cancel()
		err = errors.Join(err, r.Ledger.SetPhase(keep, reached, ledger.Ended))
	}
	return err
}

// phases goes through the phases of a run, and returns the one that it has reached. A review that had ended stays so
// meanwhile: it can be used even if the process is killed.
func (r *Runner) phases(ctx context.Context, before ledger.Phase) (ledger.Phase, error) {
	if before == ledger.Ended && !r.Job.Revokes() {
		if err := r.enter(ctx, ledger.Working); err != nil {
			return before, err
		}
		return before, r.Ledger.SetPhase(ctx, before, ledger.Ended)
	}
	phases := []ledger.Phase{ledger.Working}
	if r.Job.Revokes() {
		phases = append(phases, ledger.Verifying)
	}
	for _, phase := range phases {
		if err := r.Ledger.SetPhase(ctx, before, phase); err != nil {
			return before, err
		}
		before = phase
		if err := r.enter(ctx, phase); err != nil {
			return before, err
		}
	}
	return before, r.Ledger.SetPhase(ctx, before, ledger.Ended)
}

// Open returns the states of tasks of a kind of run that are not at their end: an ended run deals with them again.
func Open(kind ledger.Kind) []ledger.State {
	if kind == ledger.Review {
		return statesOf[ledger.Working]
	}
	return slices.Concat(statesOf[ledger.Working], statesOf[ledger.Verifying])
}

// unfinished is the number of tasks that an ended run would deal with again.
func unfinished(kind ledger.Kind, counts ledger.Counts) int { return inStates(counts, Open(kind)...) }

// noteSuccess notes whether a task has succeeded before.
func (r *Runner) noteSuccess(counts ledger.Counts) {
	if inStates(counts, ledger.Done, ledger.Verified, ledger.Left) > 0 {
		r.succeeded.Store(true)
	}
}

// observe has the ledger say so while the calls of the run wait for Okta. reached says that Okta has responded before.
func (r *Runner) observe(ctx context.Context, reached bool) {
	r.Job.Observe(reached, func(outage steps.Outage) {
		if r.OnOutage != nil {
			r.OnOutage(outage)
		}
		keep, cancel := keeping(ctx)
		defer cancel()
		why := ""
		if !outage.Over {
			why = fmt.Sprintf("paused since %s, until Okta responds: %s", outage.Since.UTC().Format(time.RFC3339), text(outage.Err))
		}
		_ = r.Ledger.SetPause(keep, why) // the next write says whether the ledger fails
	})
}

// enter begins a phase, and goes through its tasks.
func (r *Runner) enter(ctx context.Context, phase ledger.Phase) error {
	counts, err := r.Ledger.Counts(ctx)
	if err != nil {
		return err
	}
	r.tally.begin(phase, counts, r.Job)
	return r.stream(ctx, ctx, phase, r.tasks(ctx, phase, 1, math.MaxInt64))
}

// statesOf are the states of the tasks that a phase deals with.
var statesOf = map[ledger.Phase][]ledger.State{
	ledger.Listing:   {ledger.Pending, ledger.Failed},
	ledger.Working:   {ledger.Pending, ledger.Started, ledger.Failed, ledger.Left},
	ledger.Verifying: {ledger.Done},
}

// States returns the states of the tasks that a phase deals with.
func States(phase ledger.Phase) []ledger.State { return statesOf[phase] }

// DoRange does the tasks of a phase, Working or Verifying, whose Seq is at least first and at most last, and records each
// outcome. When taking ends it takes no more tasks, and returns the cause of that after those that it has taken. Tasks that fail are no error. An error stops all: it is one that the other tasks would meet, too, or ctx has
// ended, which matches [ErrIncomplete].
func (r *Runner) DoRange(ctx, taking context.Context, phase ledger.Phase, first, last int64) error {
	counts, err := r.Ledger.Counts(ctx)
	if err != nil {
		return incomplete(ctx, errors.Join(err, context.Cause(ctx)))
	}
	r.observing.Do(func() { r.observe(ctx, true) })
	r.noteSuccess(counts)
	return r.stream(ctx, taking, phase, r.tasks(ctx, phase, first, last))
}

// stream does tasks by several workers, as they come, until taking ends.
func (r *Runner) stream(
	parent, taking context.Context, phase ledger.Phase, tasks iter.Seq2[ledger.Task, error],
) error {
	if err := r.keepApp(parent); err != nil {
		return incomplete(parent, err)
	}
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
	feed(ctx, taking, stop, tasks, queue)
	close(queue)
	workers.Wait()
	if ctx.Err() == nil {
		return context.Cause(taking)
	}
	return incomplete(parent, context.Cause(ctx))
}

func feed(
	ctx, taking context.Context, stop context.CancelCauseFunc, tasks iter.Seq2[ledger.Task, error], queue chan<- ledger.Task,
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
		case <-taking.Done():
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
	if err := r.Job.Resolve(ctx, task); err != nil {
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
		working = steps.StopWaiting(working, ctx)
	}
	err := r.Job.Work(working, task, r.Ledger.AddTokens)
	switch {
	case err == nil:
		return r.succeed(ctx, task, ledger.Done)
	case r.Job.Gone(working, task, err):
		return r.succeed(ctx, task, ledger.Gone)
	}
	return r.failed(ctx, task, ledger.Failed, err)
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

// verify reads whether something is left of what was revoked. A read that fails leaves the task Done, to be verified
// again.
func (r *Runner) verify(ctx context.Context, task *ledger.Task) error {
	err := r.Job.Verify(ctx, task)
	switch {
	case err == nil:
		return r.succeed(ctx, task, ledger.Verified)
	case steps.Class(err) == steps.ClassLeft:
		return r.failed(ctx, task, ledger.Left, err)
	case r.Job.Gone(ctx, task, err):
		return r.succeed(ctx, task, ledger.Gone)
	}
	return r.failed(ctx, task, ledger.Done, err)
}

func (r *Runner) succeed(ctx context.Context, task *ledger.Task, state ledger.State) error {
	if state != ledger.Gone {
		r.succeeded.Store(true)
	}
	task.State, task.Error, task.Class = state, "", ""
	return r.record(ctx, task)
}

// failed records why a step failed, and returns the error if it stops all. A step that was cut off is no failure: a task
// that only reads stays as it is, and one that revokes stays Started, with what is known to be revoked.
func (r *Runner) failed(ctx context.Context, task *ledger.Task, state ledger.State, err error) error {
	class := steps.Class(err)
	cut := steps.Stops(err) && class != steps.ClassAuthentication && class != steps.ClassScope
	revokes := r.Job.Revokes() && task.ID != "" && state == ledger.Failed
	if cut {
		state = ledger.Started
	}
	if revokes || !cut {
		task.State, task.Error, task.Class = state, text(err), class
		if err := r.record(ctx, task); err != nil {
			return err
		}
	}
	switch {
	case class == steps.ClassCanceled && ctx.Err() != nil:
		return nil //nolint:nilerr // all is stopped already
	case steps.Stops(err):
		return err
	}
	return r.refused(ctx, err)
}

// refused stops the run if nothing but refusals ever came: without an administrator role, every task would be refused.
// It does so once: when the run is repeated, all of its tasks are tried.
func (r *Runner) refused(ctx context.Context, err error) error {
	if r.insisted || steps.Class(err) != steps.ClassForbidden || r.succeeded.Load() || r.refusals.Add(1) < maxRefusals {
		return nil
	}
	keep, cancel := keeping(ctx)
	defer cancel()
	counts, failed := r.Ledger.Counts(keep) // other processes may have had more success
	if failed != nil {
		return failed
	}
	if r.noteSuccess(counts); r.succeeded.Load() {
		return nil
	}
	return fmt.Errorf("%w: %d with 403; the same command goes on with the others; the last one: %w",
		ErrRefused, maxRefusals, err)
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
	why := err
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		why = fmt.Errorf("%w: %w", ErrIncomplete, cause)
	}
	keep, cancel := keeping(ctx)
	defer cancel()
	return errors.Join(err, r.Ledger.SetStop(keep, text(why)))
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

package run

import (
	"context"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// selection yields the tasks of a phase, each once, read from the ledger as they are needed.
//
// Tasks that failed before come last. While nothing of the run has ever succeeded, the first ones are spread over the
// list: those who cannot be dealt with often stand together, and must not look like all.
type selection struct {
	runner      *Runner
	phase       ledger.Phase
	first, last int64 // Seq
	early       map[int64]bool
}

// tasks are the tasks of a phase whose Seq is at least first and at most last.
func (r *Runner) tasks(ctx context.Context, phase ledger.Phase, first, last int64) iter.Seq2[ledger.Task, error] {
	return func(yield func(ledger.Task, error) bool) {
		s := &selection{runner: r, phase: phase, first: first, last: last, early: map[int64]bool{}}
		if err := s.read(ctx, yield); err != nil {
			yield(ledger.Task{}, err)
		}
	}
}

func (s *selection) read(ctx context.Context, yield func(ledger.Task, error) bool) error {
	failed, err := s.failedBefore(ctx)
	if err != nil {
		return err
	}
	if s.phase == ledger.Working && !s.runner.succeeded.Load() {
		if goes, err := s.sample(ctx, yield); err != nil || !goes {
			return err
		}
	}
	fresh := slices.DeleteFunc(slices.Clone(statesOf[s.phase]), func(state ledger.State) bool { return state == ledger.Failed })
	goes, err := s.each(ctx, fresh, func(task *ledger.Task) bool {
		return s.early[task.Seq] || s.runner.hands(s.phase, task, yield)
	})
	if err != nil || !goes || len(failed) == 0 {
		return err
	}
	_, err = s.each(ctx, []ledger.State{ledger.Failed}, func(task *ledger.Task) bool {
		_, before := slices.BinarySearch(failed, task.Seq)
		return !before || s.runner.hands(s.phase, task, yield)
	})
	return err
}

// hands hands a task on, unless there is nothing to do for it. It is false if no more are wanted.
func (r *Runner) hands(phase ledger.Phase, task *ledger.Task, yield func(ledger.Task, error) bool) bool {
	if r.concerns(phase, task) {
		return yield(*task, nil)
	}
	r.tally.finish(task.State)
	return true
}

// concerns reports whether a phase has something to do for a task in one of its states.
func (r *Runner) concerns(phase ledger.Phase, task *ledger.Task) bool {
	if phase == ledger.Listing {
		return task.ID == ""
	}
	return task.ID != "" || !r.resolved // a login is resolved once by each process
}

// failedBefore returns the Seq of each task that failed before this phase began.
func (s *selection) failedBefore(ctx context.Context) ([]int64, error) {
	if !slices.Contains(statesOf[s.phase], ledger.Failed) {
		return nil, nil
	}
	var failed []int64
	_, err := s.each(ctx, []ledger.State{ledger.Failed}, func(task *ledger.Task) bool {
		failed = append(failed, task.Seq)
		return true
	})
	return failed, err
}

// sample yields some tasks that nothing was done for, at random and spread over all: no order of them hides the others.
func (s *selection) sample(ctx context.Context, yield func(ledger.Task, error) bool) (bool, error) {
	counts, err := s.runner.Ledger.Counts(ctx)
	if err != nil {
		return false, err
	}
	last := min(s.last, s.first+int64(inStates(counts, allStates...))-1)
	for i := range int64(maxRefusals) {
		from := s.first + i*(last-s.first+1)/maxRefusals
		if next := s.first + (i+1)*(last-s.first+1)/maxRefusals; next > from {
			from += rand.Int64N(next - from) //nolint:gosec // no secret
		}
		next, err := s.runner.Ledger.Next(ctx, from-1, 1, ledger.Pending)
		if err != nil {
			return false, err
		}
		if len(next) == 0 || next[0].Seq > s.last || s.early[next[0].Seq] {
			continue
		}
		s.early[next[0].Seq] = true
		if !s.runner.hands(s.phase, &next[0], yield) {
			return false, nil
		}
	}
	return true, nil
}

// each calls do for each task in one of the states, until it returns false. It reports whether it has not.
func (s *selection) each(ctx context.Context, states []ledger.State, do func(*ledger.Task) bool) (bool, error) {
	for after := s.first - 1; after < s.last; {
		page, err := s.runner.Ledger.Next(ctx, after, int(min(pageSize, s.last-after)), states...)
		if err != nil || len(page) == 0 {
			return true, err
		}
		for i := range page {
			if page[i].Seq > s.last {
				return true, nil
			}
			if !do(&page[i]) {
				return false, nil
			}
		}
		after = page[len(page)-1].Seq
	}
	return true, nil
}

package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/riverqueue/river"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

var errCanceled = errors.New("the run was canceled")

// openRun is a run that a session takes part in.
type openRun struct {
	runner  *run.Runner
	ledger  *ledger.Ledger
	users   int             // jobs that are being done
	retired bool            // no more jobs will be done
	ctx     context.Context //nolint:containedctx // ends when the run is canceled, and with the session
	cancel  context.CancelCauseFunc
}

// closeUnused closes a run that is retired when its last job has ended.
func (r *openRun) closeUnused() {
	if r.retired && r.users == 0 {
		go r.close()
	}
}

func (r *openRun) close() {
	r.cancel(nil)
	_ = r.ledger.Close()
}

// handle does one job.
func (s *session) handle(ctx context.Context, j *job) error {
	if s.done.Err() != nil {
		return river.JobSnooze(0)
	}
	// The session ends jobs, not River: their outcomes are kept even then.
	ctx = context.WithoutCancel(ctx)
	if s.wasRefused(j.Args.ID) {
		s.persist(ctx, "to leave a job to others", func(ctx context.Context) error { return s.postpone(ctx, j) })
		return nil
	}
	var claimed bool
	if !s.persist(ctx, "to claim a range", func(ctx context.Context) (err error) {
		claimed, err = s.claim(ctx, j)
		return err
	}) {
		return river.JobSnooze(0)
	}
	if !claimed {
		return nil
	}
	s.work(ctx, j)
	return nil // If the range is still claimed, a new job for it comes when the session's row is removed.
}

// work does the tasks of a range that was claimed, and finishes it or puts it back.
func (s *session) work(ctx context.Context, j *job) {
	r := s.open(ctx, j)
	if r == nil {
		return
	}
	defer s.release(r)
	limited, taking, end := s.spell(r)
	defer end()
	for {
		err := r.runner.DoRange(limited, taking, j.Args.Phase, j.Args.First, j.Args.Last) //nolint:contextcheck // it ends with the run, not with the job
		switch {
		case err == nil:
			s.persist(ctx, "to finish a range", func(ctx context.Context) error { return s.finish(ctx, j) })
			return
		case s.done.Err() != nil:
			return
		case errors.Is(err, errSpell), limited.Err() != nil: // the spell is over, or the run was canceled
			s.persist(ctx, "to put a range back", func(ctx context.Context) error { return s.putBack(ctx, j) })
			if since, _ := r.runner.Job.Outage(); !since.IsZero() {
				wait(s.done, outageWait) //nolint:contextcheck // it ends with the session
			}
			return
		case errors.Is(err, run.ErrRefused):
			s.noteRefusal(ctx, j, err)
			s.persist(ctx, "to put a range back", func(ctx context.Context) error { return s.putBack(ctx, j) })
			return
		case !passes(err):
			s.end(refused(err))
			return
		}
		s.log.WarnContext(ctx, "the ledger failed; the range is begun again", "run", j.Args.Run, "error", err)
		if !wait(s.done, s.pace.beat) { //nolint:contextcheck // it ends with the session
			return
		}
	}
}

// spell returns the contexts of a range: tasks are taken until taking ends, and those that were taken are cut off when
// limited ends. That is the case when the run is canceled, and after the spell if Okta does not respond: another worker may
// reach it.
func (s *session) spell(r *openRun) (limited, taking context.Context, end func()) {
	limited, cancel := context.WithCancelCause(r.ctx)
	taking, stop := context.WithTimeoutCause(limited, s.pace.spell, errSpell)
	go func() {
		<-taking.Done()
		for limited.Err() == nil {
			if since, _ := r.runner.Job.Outage(); !since.IsZero() {
				cancel(errSpell)
			}
			wait(limited, s.pace.beat)
		}
	}()
	return limited, taking, func() {
		stop()
		cancel(nil)
	}
}

// noteRefusal notes that Okta refuses the tasks of a run. That says nothing of the org's other runs.
func (s *session) noteRefusal(ctx context.Context, j *job, err error) {
	s.mu.Lock()
	s.refused[j.Args.ID] = time.Now()
	s.mu.Unlock()
	s.log.ErrorContext(ctx, "the tasks of a run are refused: it is left to other workers",
		"run", j.Args.Run, "error", err, "tried_again_in", s.pace.retry)
	if s.worker.onRefused != nil {
		s.worker.onRefused(j.Args.ID, err)
	}
}

// wasRefused reports whether tasks of a run were refused lately.
func (s *session) wasRefused(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.refused[id]
	return ok && time.Since(at) < s.pace.retry
}

// passes reports whether an error that stops a run may pass by itself.
func passes(err error) bool {
	switch steps.Class(err) {
	case steps.ClassAuthentication, steps.ClassScope, steps.ClassIntercepted:
		return false
	case steps.ClassStorage:
		return run.ExitCode(err) == run.ExitIncomplete
	}
	return true
}

// open returns the run of a job, which must be released. It is nil if the session ends before.
func (s *session) open(ctx context.Context, j *job) *openRun {
	s.opening.Lock()
	defer s.opening.Unlock()
	if r := s.use(j.Args.ID, nil); r != nil {
		return r
	}
	var r *openRun
	s.persist(ctx, "to open the run "+j.Args.Run, func(ctx context.Context) (err error) {
		r, err = s.openRun(ctx, j.Args.Run)
		if errors.Is(err, ledger.ErrVersion) || steps.Class(err) == steps.ClassInvalid {
			s.end(refused(err))
		}
		return err
	})
	if r == nil {
		return nil
	}
	return s.use(j.Args.ID, r)
}

// use counts one more job of a run, which is opened if it was not open before. It is nil if the run is not open.
func (s *session) use(id int64, opened *openRun) *openRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	if opened != nil {
		s.runs[id] = opened
	}
	r := s.runs[id]
	if r != nil {
		r.users++
	}
	return r
}

func (s *session) release(r *openRun) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.users--
	r.closeUnused()
}

// guard allows a write of a worker that is not removed, and lets nobody remove it before the write has ended.
const guard = `SELECT id FROM fleet_workers WHERE id = $1 FOR KEY SHARE`

func (s *session) openRun(ctx context.Context, name string) (*openRun, error) {
	l, err := ledger.Open(ctx, targetOf(s.worker.Target, name), ledger.Write)
	if err != nil {
		return nil, err
	}
	l.Guard(guard, s.id)
	runner, err := s.runner(ctx, l)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	r := &openRun{runner: runner, ledger: l}
	r.ctx, r.cancel = context.WithCancelCause(s.done)
	return r, nil
}

func (s *session) runner(ctx context.Context, l *ledger.Ledger) (*run.Runner, error) {
	row, err := l.Run(ctx)
	if err != nil {
		return nil, err
	}
	var args steps.Arguments
	if err := json.Unmarshal([]byte(row.Arguments), &args); err != nil {
		return nil, fmt.Errorf("arguments of the run: %w", err)
	}
	listed := func(func(string, error) bool) {} // the users are in the ledger
	if args.From == "" && len(args.Users) == 0 {
		listed = nil
	}
	job, err := steps.New(s.org.Client, row.Org, row.Kind, args, listed)
	if err != nil {
		return nil, err
	}
	return &run.Runner{
		Ledger: l, Job: job, Client: s.org.Client, Meter: s.org.Meter,
		Workers: max(1, s.worker.workers()/s.worker.jobs()), OnOutage: s.reportOutage,
	}, nil
}

// reportOutage says that calls of this worker wait for Okta.
func (s *session) reportOutage(outage steps.Outage) {
	if s.worker.OnOutage != nil {
		s.worker.OnOutage(outage)
	}
	if outage.Over {
		s.log.Warn("Okta responds again", "after", time.Since(outage.Since).Round(time.Second))
		return
	}
	s.log.Warn("Okta does not respond: calls wait", "since", outage.Since, "error", outage.Err)
}

// watchRuns stops the work for runs that were canceled or have ended.
func (s *session) watchRuns(ctx context.Context) error {
	for id, r := range s.opened() {
		var canceled, ended bool
		err := s.pool.QueryRow(ctx, `SELECT canceled, phase = $2 FROM ledger_runs JOIN fleet_runs USING (run_id) WHERE run_id = $1`,
			id, ledger.Ended).Scan(&canceled, &ended)
		if err != nil {
			return err
		}
		if canceled || ended {
			s.retire(id, r)
		}
	}
	return nil
}

// retire stops the work for a run. If jobs of it come later on, it is opened again.
func (s *session) retire(id int64, r *openRun) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.runs, id)
	r.retired = true
	r.cancel(errCanceled)
	r.closeUnused()
}

func (s *session) opened() map[int64]*openRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.runs)
}

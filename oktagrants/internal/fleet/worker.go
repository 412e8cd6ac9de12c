package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/grantkit/okta/oktagrants/internal/steps"
)

const defaultWorkers = 20

// Worker takes part in the runs of orgs.
type Worker struct {
	Target  string // the URL of the database
	Orgs    []Org
	Workers int // tasks at a time for each org; default 20
	Log     *slog.Logger

	OnOutage func(steps.Outage) // called when calls of this worker begin to wait for Okta and when that is over; or nil

	onRefused func(run int64, err error) // called when tasks of a run are refused; or nil

	pace pace // default normal
}

func (w *Worker) pacing() pace { return cmp.Or(w.pace, normal) }

// Work works until ctx ends, and returns nil then. It takes part in all runs of its orgs, those that begin later on as
// well. If the database cannot be reached, it waits for it; only the first time, that is an error. If the credentials of
// an org are refused, it leaves that org to others for some minutes.
func (w *Worker) Work(ctx context.Context) error {
	pool, err := connect(ctx, w.Target)
	if err != nil {
		return err
	}
	err = migrate(ctx, w.Target, pool)
	pool.Close()
	if err != nil {
		return err
	}
	var orgs sync.WaitGroup
	for _, org := range w.Orgs {
		orgs.Go(func() { w.serve(ctx, org) })
	}
	orgs.Wait()
	return nil
}

// serve works for an org until ctx ends.
func (w *Worker) serve(ctx context.Context, org Org) {
	for {
		err := w.once(ctx, org)
		if err == nil {
			return
		}
		w.Log.ErrorContext(ctx, "the credentials are refused: the org is left to other workers",
			"org", org.URL, "error", err, "tried_again_in", refusalWait)
		if !wait(ctx, refusalWait) {
			return
		}
	}
}

// once works for an org until ctx ends, and returns nil then, or an error when the credentials are refused.
func (w *Worker) once(ctx context.Context, org Org) error {
	log := w.Log.With("org", org.URL)
	for {
		err := newSession(w, org, log).run(ctx)
		switch {
		case errors.Is(err, errRefused):
			return err
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the worker was to stop
		}
		log.WarnContext(ctx, "the worker has stopped and begins again", "error", err)
		if !wait(ctx, w.pacing().beat) {
			return nil
		}
	}
}

// wait waits, and is false if ctx ends before.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// jobs is how many jobs of an org the worker does at a time.
func (w *Worker) jobs() int { return min(jobsAtATime, w.workers()) }

func (w *Worker) workers() int {
	if w.Workers > 0 {
		return w.Workers
	}
	return defaultWorkers
}

var (
	errRefused = errors.New("refused")
	errRemoved = errors.New("another worker has taken this one for dead")
	errLapsed  = errors.New("the database cannot be reached")
	errStopped = errors.New("the worker stops")
	errSpell   = errors.New("the range takes long")
)

// refused says why the credentials of an org are refused.
func refused(err error) error { return fmt.Errorf("%w: %w", errRefused, err) }

package run

import (
	"context"
	"errors"
	"time"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// The exit codes of the command.
const (
	ExitDone       = 0 // all was done and verified
	ExitFailed     = 1 // something failed, or is left
	ExitUsage      = 2 // the command, the configuration or the credentials are wrong
	ExitIncomplete = 3 // the run was stopped before its end
)

// Summary is what came of a run.
type Summary struct {
	Run    ledger.Run
	Counts ledger.Counts
	Calls  int       // requests that this process has sent
	Began  time.Time // by this process
	Ended  time.Time
	Err    error // why the run was stopped; nil if it came to its end
}

// ExitCode returns the exit code of the command.
func (s *Summary) ExitCode() int {
	switch {
	case s.Err != nil:
		return ExitCode(s.Err)
	case s.Run.Phase != ledger.Ended:
		return ExitIncomplete
	case unfinished(s.Counts) > 0:
		return ExitFailed
	}
	return ExitDone
}

// ExitCode returns the exit code of the command for the error of [Runner.Prepare] or [Runner.Run].
func ExitCode(err error) int {
	switch {
	case err == nil:
		return ExitDone
	case errors.Is(err, ErrIncomplete):
		return ExitIncomplete
	}
	switch steps.Class(err) {
	case steps.ClassAuthentication, steps.ClassScope, steps.ClassForbidden, steps.ClassNotFound, steps.ClassInvalid:
		return ExitUsage
	}
	return ExitIncomplete
}

// Summarize returns what came of a run that others have carried out. stopped says why they were stopped; it is nil if the
// run came to its end.
func (r *Runner) Summarize(ctx context.Context, began time.Time, stopped error) (Summary, error) {
	return r.summarize(ctx, began, stopped)
}

func (r *Runner) summarize(ctx context.Context, began time.Time, stopped error) (Summary, error) {
	summary := Summary{Calls: r.Meter.Calls(), Began: began, Ended: time.Now(), Err: stopped}
	var runErr, countsErr error
	summary.Run, runErr = r.Ledger.Run(ctx)
	summary.Counts, countsErr = r.Ledger.Counts(ctx)
	if summary.Err == nil {
		summary.Err = errors.Join(runErr, countsErr)
	}
	return summary, summary.Err
}

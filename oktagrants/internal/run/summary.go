package run

import (
	"context"
	"errors"
	"time"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// The exit codes of the command. A script repeats a command that ends with 3, and no other:
//
//	0  all that was asked for is done, and was read again
//	1  the run has ended: something failed, is left or could not be verified, and the same command tries that again
//	2  a person must help: the command, the configuration, the credentials or their rights are wrong, a proxy or a
//	   certificate prevents all calls, or the ledger is damaged, of another version, or must not be written
//	3  the run was stopped before its end, by a signal, an outage longer than [steps.MaxOutage] or a full disk
const (
	ExitDone       = 0
	ExitFailed     = 1
	ExitUsage      = 2
	ExitIncomplete = 3
)

// Summary is what came of a run.
type Summary struct {
	Run    ledger.Run
	Counts ledger.Counts
	Calls  int           // requests that this process has sent
	Paused time.Duration // that calls of this process have waited for Okta
	Began  time.Time     // by this process
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
	case unfinished(s.Run.Kind, s.Counts) > 0:
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
	case steps.ClassAuthentication, steps.ClassScope, steps.ClassForbidden, steps.ClassNotFound, steps.ClassInvalid,
		steps.ClassIntercepted:
		return ExitUsage
	case steps.ClassStorage:
		return exitOfStorage(err)
	}
	return ExitIncomplete
}

// exitOfStorage tells a ledger that a person must help from one that may be written again by itself.
func exitOfStorage(err error) int {
	for _, lasting := range []error{ledger.ErrCorrupt, ledger.ErrVersion, ledger.ErrDenied} {
		if errors.Is(err, lasting) {
			return ExitUsage
		}
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
	_, summary.Paused = r.Job.Outage()
	var runErr, countsErr error
	summary.Run, runErr = r.Ledger.Run(ctx)
	summary.Counts, countsErr = r.Ledger.Counts(ctx)
	if summary.Err == nil {
		summary.Err = errors.Join(runErr, countsErr)
	}
	return summary, summary.Err
}

package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Mode says what a ledger is opened for.
type Mode int

// The modes.
const (
	Read  Mode = iota // it must exist; other processes may write it meanwhile
	Write             // it is made if there is none; a file can be opened so by one process at a time
)

// Ledger is an open ledger of one run. It may be used by several goroutines.
type Ledger struct {
	storage
	name   string       // of the run
	id     atomic.Int64 // of the run, 0 while it is not known
	traits traits
	queue  *queue // nil in mode Read
	now    func() time.Time
}

// Open opens the ledger at target: the path of a SQLite file, or the URL of a Postgres database, "postgres://...",
// where "#name" after it names the run. Without it, the name is "default". Several processes may write one run in
// Postgres. A file has a lock file beside it, which stays when it is closed.
//
// Errors match [ErrLocked], [ErrNoRun] (mode Read, and nothing is there), [ErrVersion] or [ErrStorage] where one of
// these is the reason. They name the target without its password, and show nothing of one that looks like the address of
// a database and is none of these.
func Open(ctx context.Context, target string, mode Mode) (*Ledger, error) {
	if err := CheckTarget(target); err != nil {
		return nil, err
	}
	l := &Ledger{now: time.Now}
	var err error
	if IsPostgres(target) {
		l.storage, l.name, err = openPostgres(ctx, target, mode)
	} else {
		l.storage, err = openSQLite(ctx, target, mode)
	}
	if err != nil {
		return nil, err
	}
	l.mode = mode
	if mode == Write {
		l.queue = newQueue(l) //nolint:contextcheck // it outlives the call
	}
	return l, nil
}

// Target is where the ledger is, as messages name it: without a password.
func (l *Ledger) Target() string { return l.target }

// Warnings are what a person should know of a ledger that was opened, although it can be used.
func (l *Ledger) Warnings() []string { return l.warnings }

// Close waits for the writes that have begun and closes the ledger.
func (l *Ledger) Close() error {
	if l.queue != nil {
		l.queue.close()
	}
	return l.close()
}

// Spec says what a run is to do.
type Spec struct {
	Kind      Kind
	Org       string // the org's URL; Begin takes its [NormalOrg]
	Arguments string // a JSON object, or empty
	KeepPlan  bool   // a list or plan that was made with other arguments is kept, and Begin fails
}

// Begin creates the run, or returns the one that exists (resumed). If that was begun with another [Spec], the error
// is a [*MismatchError], unless nothing of it was listed yet: then it is begun anew, and what others do for the run as
// it was fails. A run that is at its list or its plan is begun anew, too, with other arguments: its list is dropped, and
// [Run.Replaced] says what is different, unless the Spec keeps it. Once an intent to revoke is on record, it is never
// replaced.
func (l *Ledger) Begin(ctx context.Context, spec Spec) (run Run, resumed bool, err error) {
	if _, err := members(spec.Arguments); err != nil {
		return Run{}, false, fmt.Errorf("arguments of the run: %w", err)
	}
	spec.Org = NormalOrg(spec.Org)
	var differs *MismatchError
	err = l.write(ctx, "begin the run", func(ctx context.Context, q querier) error {
		run, resumed, differs, err = l.begin(ctx, q, spec)
		return err
	})
	if err == nil && differs != nil {
		err = differs
	}
	if err != nil {
		return Run{}, false, err
	}
	l.id.Store(run.ID)
	return run, resumed, nil
}

// begin does what Begin does. differs says how an existing run is another one.
func (l *Ledger) begin(ctx context.Context, q querier, spec Spec) (run Run, resumed bool, differs *MismatchError, err error) {
	made, err := exec(ctx, q, `INSERT INTO ledger_runs
		(run_id, name, version, kind, org, arguments, phase, created)
		SELECT COALESCE(MAX(run_id), 0) + 1, $1, $2, $3, $4, $5, $6, $7 FROM ledger_runs WHERE 1 = 1
		ON CONFLICT DO NOTHING`,
		l.name, formatVersion, spec.Kind, spec.Org, spec.Arguments, Listing, millis(l.now()))
	if err != nil {
		return Run{}, false, nil, err
	}
	run, version, err := l.readRun(ctx, q, l.dialect.lock)
	if made == 0 && errors.Is(err, ErrNoRun) {
		return Run{}, false, nil, errRace // the ID went to another run
	}
	if err != nil {
		return Run{}, false, nil, err
	}
	differs, err = mismatch(run, version, spec)
	if err != nil || differs == nil {
		return run, made == 0, nil, err
	}
	if version != formatVersion {
		return Run{}, false, differs, nil
	}
	listed := run.Cursor != "" || run.Listed
	if listed && (spec.KeepPlan || differs.ofRun() || !replaceable(run.Phase)) {
		return Run{}, false, differs, nil
	}
	anew, err := l.beginAnew(ctx, q, run.ID, spec)
	if err != nil || !anew {
		return Run{}, false, differs, err
	}
	if run, _, err = l.readRun(ctx, q, ""); listed {
		run.Replaced = differs
	}
	return run, false, nil, err
}

// replaceable reports whether nothing was done for a run in a phase, so that another list may take the place of its own.
func replaceable(phase Phase) bool { return phase == Listing || phase == Planned }

// beginAnew makes a locked run another one, with an empty list, unless something of it was begun. It gets a new ID, so
// that a process that still lists the run as it was cannot add its tasks.
func (l *Ledger) beginAnew(ctx context.Context, q querier, id int64, spec Spec) (bool, error) {
	n, err := exec(ctx, q, `UPDATE ledger_runs SET run_id = (SELECT MAX(run_id) + 1 FROM ledger_runs),
		kind = $1, org = $2, arguments = $3, created = $4, phase = $5, list_cursor = '', listed = 0, last_seq = 0, stop = ''
		WHERE run_id = $6 AND phase IN ($5, $7)
		AND NOT EXISTS (SELECT 1 FROM ledger_tasks WHERE run_id = $6 AND (tries > 0 OR revoked <> ''))`,
		spec.Kind, spec.Org, spec.Arguments, millis(l.now()), Listing, id, Planned)
	if err != nil || n == 0 {
		return false, err
	}
	for _, table := range []string{"ledger_tasks", "ledger_tokens", "ledger_traits", "ledger_counters"} {
		if _, err := q.ExecContext(ctx, `DELETE FROM `+table+` WHERE run_id = $1`, id); err != nil {
			return false, err
		}
	}
	return true, nil
}

// errAnew means that the run has become another one since it was begun or read.
var errAnew = errors.New("another process has begun the run anew, with other arguments")

// Run returns the run, or [ErrNoRun].
func (l *Ledger) Run(ctx context.Context) (run Run, err error) {
	err = l.read(ctx, "read the run", func(ctx context.Context, q querier) error {
		run, _, err = l.readRun(ctx, q, "")
		if err == nil && !l.id.CompareAndSwap(0, run.ID) && l.id.Load() != run.ID {
			err = errAnew
		}
		return err
	})
	if err != nil {
		return Run{}, err
	}
	return run, nil
}

// readRun ends its SELECT with lock.
func (l *Ledger) readRun(ctx context.Context, q querier, lock string) (run Run, version int, err error) {
	rows, err := q.QueryContext(ctx, `SELECT run_id, version, kind, org, arguments, phase, list_cursor, listed,
		created, ended, stop FROM ledger_runs WHERE name = $1`+lock, l.name)
	var created, ended int64
	err = scanOne(rows, err, &run.ID, &version, &run.Kind, &run.Org, &run.Arguments, &run.Phase, &run.Cursor,
		&run.Listed, &created, &ended, &run.Stop)
	if errors.Is(err, sql.ErrNoRows) {
		return Run{}, 0, ErrNoRun
	}
	if err != nil {
		return Run{}, 0, err
	}
	run.Name, run.Created, run.Ended = l.name, moment(created), moment(ended)
	return run, version, nil
}

// runID is the ID of the run, which never changes.
func (l *Ledger) runID(ctx context.Context) (int64, error) {
	if id := l.id.Load(); id != 0 {
		return id, nil
	}
	run, err := l.Run(ctx)
	return run.ID, err
}

// SetPhase takes the run from one phase to another. It is an error if the run is in neither. Ended is now if it goes
// to phase Ended, and zero otherwise. In a file, what was written before is then in the file itself, as far as nobody
// reads it meanwhile.
func (l *Ledger) SetPhase(ctx context.Context, from, to Phase) error {
	what := fmt.Sprintf("go from phase %s to %s", from, to)
	err := l.writeRun(ctx, what, func(ctx context.Context, q querier, id int64) error {
		return l.setPhase(ctx, q, id, from, to)
	})
	if err != nil {
		return err
	}
	_ = l.settle(ctx) // it is durable already
	return nil
}

func (l *Ledger) setPhase(ctx context.Context, q querier, id int64, from, to Phase) error {
	var ended time.Time
	if to == Ended {
		ended = l.now()
	}
	n, err := exec(ctx, q, `UPDATE ledger_runs SET phase = $1, ended = $2 WHERE run_id = $3 AND phase = $4`,
		to, millis(ended), id, from)
	if err != nil || n > 0 {
		return err
	}
	run, _, err := l.readRun(ctx, q, "")
	switch {
	case err != nil:
		return err
	case run.ID != id:
		return errAnew
	case run.Phase == to:
		return nil
	}
	return fmt.Errorf("the run is in phase %s", run.Phase)
}

// SetStop keeps why the process stops before the end of the run, empty for no reason.
func (l *Ledger) SetStop(ctx context.Context, why string) error {
	return l.writeRun(ctx, "keep why the run stops", func(ctx context.Context, q querier, id int64) error {
		_, err := q.ExecContext(ctx, `UPDATE ledger_runs SET stop = $1 WHERE run_id = $2`, clean(why), id)
		return err
	})
}

// SetPause keeps that the process waits, and why, empty for no more. It leaves alone why a process has stopped.
func (l *Ledger) SetPause(ctx context.Context, why string) error {
	return l.writeRun(ctx, "keep that the run waits", func(ctx context.Context, q querier, id int64) error {
		_, err := q.ExecContext(ctx,
			`UPDATE ledger_runs SET stop = $1 WHERE run_id = $2 AND (stop = '' OR stop LIKE 'paused %')`, clean(why), id)
		return err
	})
}

// clean is text as both databases keep it: Postgres refuses NUL and what is not UTF-8.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r == 0 {
			return utf8.RuneError
		}
		return r // strings.Map makes an invalid byte a RuneError
	}, text)
}

package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// Mode says what a ledger is opened for.
type Mode int

// The modes.
const (
	Read  Mode = iota // it must exist; another process may write it meanwhile
	Write             // it is made if there is none; a file can be opened so by one process at a time
)

// Ledger is an open ledger. It may be used by several goroutines.
type Ledger struct {
	target string  // as messages name it: without password
	name   string  // of the run
	writer *sql.DB // nil in mode Read
	reader *sql.DB
	shard  int64
	lock   string // what a SELECT ends with to lock the rows it reads, empty where one connection writes
	reason func(error) error
	close  func() error
	now    func() time.Time

	id    atomic.Int64 // of the run; 0 while it is not known
	queue *queue       // nil in mode Read
	guard guard
}

// Open opens the ledger at target: the path of a SQLite file, or the URL of a Postgres database
// ("postgres://..."), where "#name" after it names the run; without it, the name is "default".
//
// Errors match [ErrLocked], [ErrNoRun] (mode Read, and there is nothing), [ErrVersion] or [ErrStorage] where these say
// what is wrong.
func Open(ctx context.Context, target string, mode Mode) (*Ledger, error) {
	open := openSQLite
	if strings.HasPrefix(target, "postgres://") || strings.HasPrefix(target, "postgresql://") {
		open = openPostgres
	}
	l, err := open(ctx, target, mode)
	if err != nil {
		return nil, err
	}
	l.now = time.Now
	if mode == Write {
		l.queue = newQueue(l)
	}
	return l, nil
}

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
	Org       string
	Arguments string // a JSON object
}

// Begin creates the run, or returns the one that exists (resumed). One that was begun with another [Spec] is a
// [*MismatchError].
func (l *Ledger) Begin(ctx context.Context, spec Spec) (run Run, resumed bool, err error) {
	if _, err := members(spec.Arguments); err != nil {
		return Run{}, false, fmt.Errorf("arguments: %w", err)
	}
	var version int
	err = l.write(ctx, func(ctx context.Context, q querier) error {
		made, err := exec(ctx, q, `INSERT INTO runs (run_id, name, version, kind, org, arguments, phase, list_cursor, listed, last_seq,
				created, ended, stop)
			SELECT COALESCE(MAX(run_id), 0) + 1, $1, $2, $3, $4, $5, $6, '', 0, 0, $7, 0, '' FROM runs WHERE true
			ON CONFLICT DO NOTHING`,
			l.name, formatVersion, spec.Kind, spec.Org, spec.Arguments, Listing, millis(l.now()))
		if err != nil {
			return err
		}
		resumed = made == 0
		run, version, err = l.readRun(ctx, q)
		return err
	})
	if err != nil {
		return Run{}, false, fmt.Errorf("begin the run: %w", err)
	}
	if err := mismatch(run, version, spec); err != nil {
		return Run{}, false, err
	}
	return run, resumed, nil
}

// Run returns the run, or [ErrNoRun].
func (l *Ledger) Run(ctx context.Context) (Run, error) {
	run, _, err := l.readRun(ctx, l.reader)
	if err != nil {
		return Run{}, l.failed("read the run", err)
	}
	return run, nil
}

func (l *Ledger) readRun(ctx context.Context, q querier) (run Run, version int, err error) {
	rows, err := q.QueryContext(ctx, `SELECT run_id, version, kind, org, arguments, phase, list_cursor, listed, created, ended, stop
		FROM runs WHERE name = $1`, l.name)
	if err != nil {
		return Run{}, 0, err
	}
	defer rows.Close()
	if !rows.Next() {
		return Run{}, 0, errors.Join(rows.Err(), ErrNoRun)
	}
	var created, ended int64
	run.Name = l.name
	err = rows.Scan(&run.ID, &version, &run.Kind, &run.Org, &run.Arguments, &run.Phase, &run.Cursor, &run.Listed,
		&created, &ended, &run.Stop)
	if err != nil {
		return Run{}, 0, err
	}
	run.Created, run.Ended = moment(created), moment(ended)
	l.id.Store(run.ID)
	return run, version, rows.Err()
}

// runID is the ID of the run, read once.
func (l *Ledger) runID(ctx context.Context) (int64, error) {
	if id := l.id.Load(); id != 0 {
		return id, nil
	}
	run, err := l.Run(ctx)
	return run.ID, err
}

// SetPhase takes the run from one phase to another. It is an error if the run is in neither.
func (l *Ledger) SetPhase(ctx context.Context, from, to Phase) error {
	var ended time.Time
	if to == Ended {
		ended = l.now()
	}
	return l.setRun(ctx, fmt.Sprintf("go from phase %s to %s", from, to), func(ctx context.Context, q querier, id int64) error {
		n, err := exec(ctx, q, `UPDATE runs SET phase = $1, ended = $2 WHERE run_id = $3 AND phase = $4`,
			to, millis(ended), id, from)
		if err != nil || n > 0 {
			return err
		}
		run, _, err := l.readRun(ctx, q)
		if err != nil || run.Phase == to {
			return err
		}
		return fmt.Errorf("the run is in phase %s", run.Phase)
	})
}

// SetStop keeps why the process stops before the end of the run, empty for no reason.
func (l *Ledger) SetStop(ctx context.Context, why string) error {
	return l.setRun(ctx, "keep why the run stops", func(ctx context.Context, q querier, id int64) error {
		_, err := exec(ctx, q, `UPDATE runs SET stop = $1 WHERE run_id = $2`, why, id)
		return err
	})
}

func (l *Ledger) setRun(ctx context.Context, what string, set func(ctx context.Context, q querier, id int64) error) error {
	id, err := l.runID(ctx)
	if err != nil {
		return err
	}
	if err := l.write(ctx, func(ctx context.Context, q querier) error { return set(ctx, q, id) }); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// failed says what failed and for which ledger, and lets the error match this package's own.
func (l *Ledger) failed(what string, err error) error {
	return fmt.Errorf("%s: %s: %w", l.target, what, l.reason(err))
}

package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var errReadOnly = errors.New("the ledger was opened to read")

// querier is what the SQL of this package runs on: a [*sql.Tx], a [*sql.DB], or a [*sql.Conn] on which a transaction
// was begun by other means.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// storage is the database of a ledger.
type storage struct {
	database
	target   string // as messages name it
	mode     Mode
	dialect  dialect
	warnings []string
}

// database runs functions on connections. A function may run several times, if a connection is lost meanwhile.
type database interface {
	transact(ctx context.Context, do func(ctx context.Context, q querier) error) error
	query(ctx context.Context, do func(ctx context.Context, q querier) error) error
	settle(ctx context.Context) error // brings what was written to its place, if that is another one
	reason(err error) error           // the error, so that it matches this package's
	close() error
}

// dialect is all that differs in the SQL.
type dialect struct {
	lock  string // ends a SELECT that locks the rows it reads; empty where there is one writer
	rows  int    // of one statement, for speed
	shard int64  // of the counters
}

// write runs do in a transaction.
func (s *storage) write(ctx context.Context, what string, do func(ctx context.Context, q querier) error) error {
	if s.mode == Read {
		return s.failed(what, errReadOnly)
	}
	return s.failed(what, s.transact(ctx, do))
}

// read runs do, which does not write.
func (s *storage) read(ctx context.Context, what string, do func(ctx context.Context, q querier) error) error {
	return s.failed(what, s.query(ctx, do))
}

// failed says of which ledger an error is, and what failed.
func (s *storage) failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s: %w", s.target, what, s.reason(err))
}

// writeRun is write for the run.
func (l *Ledger) writeRun(
	ctx context.Context, what string, do func(ctx context.Context, q querier, id int64) error,
) error {
	id, err := l.runID(ctx)
	if err != nil {
		return err
	}
	return l.write(ctx, what, func(ctx context.Context, q querier) error { return do(ctx, q, id) })
}

// readRows is read for the run.
func (l *Ledger) readRows(
	ctx context.Context, what string, do func(ctx context.Context, q querier, id int64) error,
) error {
	id, err := l.runID(ctx)
	if err != nil {
		return err
	}
	return l.read(ctx, what, func(ctx context.Context, q querier) error { return do(ctx, q, id) })
}

// exec returns how many rows a statement changed.
func exec(ctx context.Context, q querier, query string, args ...any) (int64, error) {
	result, err := q.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// scanOne scans the first row of a query into dest, or returns [sql.ErrNoRows].
func scanOne(rows *sql.Rows, err error, dest ...any) error {
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := rows.Scan(dest...); err != nil {
		return err
	}
	return rows.Close()
}

// scanAll scans all rows of a query.
func scanAll[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var list []T
	for rows.Next() {
		element, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, element)
	}
	return list, rows.Err()
}

// values builds the rows of a VALUES clause.
type values struct {
	text strings.Builder
	args []any
}

// add appends a row and returns the mark of its first value. Postgres must be told of numbers: it takes the rest for
// text.
func (v *values) add(row ...any) string {
	marks := make([]string, len(row))
	for i, value := range row {
		v.args = append(v.args, value)
		marks[i] = "$" + strconv.Itoa(len(v.args))
		if _, ok := value.(string); !ok {
			marks[i] = "CAST(" + marks[i] + " AS BIGINT)"
		}
	}
	if !v.empty() {
		v.text.WriteString(", ")
	}
	v.text.WriteString("(" + strings.Join(marks, ", ") + ")")
	return marks[0]
}

func (v *values) empty() bool { return v.text.Len() == 0 }

func (v *values) String() string { return v.text.String() }

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

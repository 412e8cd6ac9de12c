package ledger

import (
	"context"
	"errors"
)

// ErrGuarded means that the guard of a ledger did not allow a write.
var ErrGuarded = errors.New("the right to write was lost")

// guard is a query that must return a row before anything is written.
type guard struct {
	query string
	args  []any
}

// Guard makes each write depend on a query that returns a row, in the same transaction. It is set before the first
// write, and for good.
func (l *Ledger) Guard(query string, args ...any) {
	l.guard = guard{query, args}
}

func (l *Ledger) mayWrite(ctx context.Context, q querier) error {
	if l.guard.query == "" {
		return nil
	}
	rows, err := q.QueryContext(ctx, l.guard.query, l.guard.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.Next() {
		return errors.Join(rows.Err(), ErrGuarded)
	}
	return nil
}

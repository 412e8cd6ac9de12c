package ledger

import (
	"context"
	"errors"
)

// ErrGuarded means that the guard of a ledger did not allow a write.
var ErrGuarded = errors.New("the right to write was lost")

// Guard makes every write depend on a query: unless it returns a row, in the same transaction, nothing is written, and
// the error matches [ErrGuarded]. Guard is called at most once, before the first write.
func (l *Ledger) Guard(query string, args ...any) {
	l.database = &guarded{l.database, query, args}
}

// guarded is a database whose transactions begin with a query that must return a row.
type guarded struct {
	database
	guard string
	args  []any
}

func (g *guarded) transact(ctx context.Context, do func(ctx context.Context, q querier) error) error {
	return g.database.transact(ctx, func(ctx context.Context, q querier) error {
		if err := g.check(ctx, q); err != nil {
			return err
		}
		return do(ctx, q)
	})
}

func (g *guarded) check(ctx context.Context, q querier) error {
	rows, err := q.QueryContext(ctx, g.guard, g.args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	if !rows.Next() {
		return errors.Join(rows.Err(), ErrGuarded)
	}
	return nil
}

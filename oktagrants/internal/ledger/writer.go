package ledger

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// querier is what the SQL of this package needs: a [*sql.Tx], a [*sql.DB], or a [*sql.Conn] on which the caller has
// begun a transaction of its own.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// write runs do in a transaction. What it returns matches the errors of this package.
func (l *Ledger) write(ctx context.Context, do func(ctx context.Context, q querier) error) error {
	if l.writer == nil {
		return l.failed("write", errReadOnly)
	}
	if err := l.transact(ctx, do); err != nil {
		return l.failed("write", err)
	}
	return nil
}

func (l *Ledger) transact(ctx context.Context, do func(ctx context.Context, q querier) error) error {
	conn, err := l.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// A transaction that has begun is as short as one commit: it is not broken in the middle.
	ctx = context.WithoutCancel(ctx)
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := l.mayWrite(ctx, tx); err != nil {
		return err
	}
	if err := do(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// maxBatch bounds how many changes share a commit.
const maxBatch = 256

// queue collects the changes of concurrent callers, and commits what has come together once.
type queue struct {
	ledger  *Ledger
	changes chan *change
	closing chan struct{}
	ended   chan struct{}
	once    sync.Once
}

func newQueue(l *Ledger) *queue {
	q := &queue{
		ledger:  l,
		changes: make(chan *change),
		closing: make(chan struct{}),
		ended:   make(chan struct{}),
	}
	go q.run()
	return q
}

// close ends the queue. Changes that it has taken are committed before.
func (q *queue) close() {
	q.once.Do(func() { close(q.closing) })
	<-q.ended
}

var (
	errClosed   = errors.New("the ledger is closed")
	errReadOnly = errors.New("it was opened to read")
)

// add returns when the change is durable, or with why it is not. If ctx ends first, it may be kept or not.
func (q *queue) add(ctx context.Context, c *change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.ctx = ctx
	c.result = make(chan error, 1)
	select {
	case q.changes <- c:
	case <-ctx.Done():
		return ctx.Err()
	case <-q.closing:
		return errClosed
	}
	select {
	case err := <-c.result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *queue) run() {
	defer close(q.ended)
	for {
		select {
		case c := <-q.changes:
			q.commit(q.gather(c))
		case <-q.closing:
			return
		}
	}
}

// gather takes the changes that wait.
func (q *queue) gather(first *change) []*change {
	batch := []*change{first}
	for len(batch) < maxBatch {
		select {
		case c := <-q.changes:
			batch = append(batch, c)
		default:
			return batch
		}
	}
	return batch
}

// commit commits the changes together. If that fails, each is tried alone, for one may be what fails the others.
func (q *queue) commit(batch []*change) {
	err := q.write(batch)
	if err == nil || len(batch) == 1 {
		for _, c := range batch {
			c.result <- err
		}
		return
	}
	for _, c := range batch {
		c.result <- q.write([]*change{c})
	}
}

func (q *queue) write(batch []*change) error {
	return q.ledger.write(context.Background(), func(ctx context.Context, tx querier) error {
		return q.ledger.apply(ctx, tx, batch)
	})
}

package ledger

import (
	"context"
	"errors"
	"runtime"
	"sync"
)

// maxBatch bounds how many changes share a commit.
const maxBatch = 256

var errClosed = errors.New("the ledger is closed")

// queue commits the changes of concurrent callers together: a commit costs the same for one as for hundreds.
type queue struct {
	ledger  *Ledger
	changes chan *change
	closing chan struct{}
	ended   chan struct{}
	once    sync.Once
}

func newQueue(l *Ledger) *queue {
	q := &queue{ledger: l, changes: make(chan *change), closing: make(chan struct{}), ended: make(chan struct{})}
	go q.run()
	return q
}

// close ends the queue, after the batch that it is at.
func (q *queue) close() {
	q.once.Do(func() { close(q.closing) })
	<-q.ended
}

// add returns when the change is durable, or why it is not. If ctx ends first, it may be kept or not.
func (q *queue) add(ctx context.Context, c *change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
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
		case first := <-q.changes:
			q.commit(q.gather(first))
		case <-q.closing:
			return
		}
	}
}

// gather returns the changes that wait now.
func (q *queue) gather(first *change) []*change {
	runtime.Gosched() // to those whose change was just committed: they may have the next
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

// commit commits changes together. If one of them is wrong, each is committed alone.
func (q *queue) commit(batch []*change) {
	err := q.write(batch)
	if err != nil && !errors.Is(err, ErrStorage) && !errors.Is(err, ErrLocked) {
		for _, c := range batch {
			c.result <- q.write([]*change{c})
		}
		return
	}
	for _, c := range batch {
		c.result <- err
	}
}

func (q *queue) write(batch []*change) error {
	l := q.ledger
	return l.writeRun(context.Background(), "write tasks", func(ctx context.Context, tx querier, id int64) error {
		return l.apply(ctx, tx, id, batch)
	})
}

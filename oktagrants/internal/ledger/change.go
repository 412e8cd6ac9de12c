package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// change is one change of one task.
type change struct {
	task    Task
	entries string            // of task.Found, as they are kept
	revoked string            // of task, as they are kept
	amounts amounts           // of task
	traits  map[string]string // of task.Found: those that may not be kept yet, as JSON by hash
	apply   func(ctx context.Context, q querier, run int64, s *standing) error
	result  chan error
}

// Start keeps the intent to do a task: its State becomes Started, its Tries grow by one, and Began is now. It returns when
// that is durable. Concurrent calls of Start, Finish and Resolve share a commit.
//
// If ctx ends, the intent may be kept or not.
func (l *Ledger) Start(ctx context.Context, task *Task) error {
	c := &change{task: *task}
	c.task.State = Started
	c.task.Began = moment(millis(l.now()))
	c.apply = c.start
	if err := l.change(ctx, c); err != nil {
		return err
	}
	*task = c.task
	return nil
}

// Finish keeps the outcome of a task: State, Found, Revoked, Error and Class. Checked is now if the State is Verified or
// Left, and otherwise Finished is. It returns when all of that is durable.
//
// If ctx ends, the outcome may be kept, all of it, or not.
func (l *Ledger) Finish(ctx context.Context, task *Task) error {
	c := &change{task: *task}
	now := moment(millis(l.now()))
	if task.State == Verified || task.State == Left {
		c.task.Checked = now
	} else {
		c.task.Finished = now
	}
	if err := l.encode(c); err != nil {
		return fmt.Errorf("finish task %d: %w", task.Seq, err)
	}
	c.apply = c.finish
	if err := l.change(ctx, c); err != nil {
		return err
	}
	*task = c.task
	return nil
}

// Resolve keeps the ID, Login, Name and Status of a task that was given by login. If another task has that ID, this one is
// no work any more: its State becomes Done, and its Class [Duplicate].
func (l *Ledger) Resolve(ctx context.Context, task Task) error {
	if task.ID == "" || len(task.ID) > maxKey {
		return fmt.Errorf("resolve task %d: invalid ID %.40q", task.Seq, task.ID)
	}
	c := &change{task: task}
	c.task.Finished = l.now()
	c.apply = func(ctx context.Context, q querier, run int64, s *standing) error {
		return c.resolve(ctx, q, run, s)
	}
	return l.change(ctx, c)
}

func (l *Ledger) change(ctx context.Context, c *change) error {
	if _, err := l.runID(ctx); err != nil {
		return err
	}
	if l.queue == nil {
		return l.failed(fmt.Sprintf("write task %d", c.task.Seq), errReadOnly)
	}
	if err := l.queue.add(ctx, c); err != nil {
		return err
	}
	return l.traits.putAll(c.traits)
}

// encode makes what is kept of the task's Found and Revoked.
func (l *Ledger) encode(c *change) error {
	c.traits = map[string]string{}
	entries, err := l.traits.entries(c.task.Found, c.traits)
	if err != nil {
		return err
	}
	if c.entries, err = encode(entries); err != nil {
		return err
	}
	c.amounts = count(entries, c.task.Revoked)
	c.revoked, err = encode(c.task.Revoked)
	return err
}

// standing is what counts of a task.
type standing struct {
	kind    TaskKind
	state   State
	tries   int
	class   string
	amounts amounts
}

// apply makes the changes of a batch, and brings the counters along.
//
// Rows are locked in one order by all processes: traits by hash, tasks by Seq, counters by name.
func (l *Ledger) apply(ctx context.Context, q querier, run int64, batch []*change) error {
	if err := writeTraits(ctx, q, run, traitsOf(batch)); err != nil {
		return err
	}
	tasks, err := l.readStandings(ctx, q, run, batch)
	if err != nil {
		return err
	}
	counts := counters{}
	for _, c := range batch {
		s, ok := tasks[c.task.Seq]
		if !ok {
			return fmt.Errorf("there is no task %d", c.task.Seq)
		}
		counts.add(s, -1)
		if err := c.apply(ctx, q, run, s); err != nil {
			return err
		}
		counts.add(s, 1)
	}
	return counts.write(ctx, q, run, l.dialect.shard)
}

func traitsOf(batch []*change) map[string]string {
	all := map[string]string{}
	for _, c := range batch {
		maps.Copy(all, c.traits)
	}
	return all
}

// readStandings reads the tasks of a batch, and locks them.
func (l *Ledger) readStandings(
	ctx context.Context, q querier, run int64, batch []*change,
) (map[int64]*standing, error) {
	args := []any{run}
	marks := make([]string, len(batch))
	for i, c := range batch {
		args = append(args, c.task.Seq)
		marks[i] = "$" + strconv.Itoa(len(args))
	}
	tasks := make(map[int64]*standing, len(batch))
	rows, err := q.QueryContext(ctx, `SELECT seq, kind, state, tries, class, found, revoked FROM ledger_tasks
		WHERE run_id = $1 AND seq IN (`+strings.Join(marks, ", ")+`) ORDER BY seq`+l.dialect.lock, args...)
	_, err = scanAll(rows, err, func(rows *sql.Rows) (struct{}, error) {
		var seq int64
		s, err := scanStanding(rows, &seq)
		tasks[seq] = s
		return struct{}{}, err
	})
	return tasks, err
}

func scanStanding(rows *sql.Rows, seq *int64) (*standing, error) {
	var s standing
	var found, revoked string
	if err := rows.Scan(seq, &s.kind, &s.state, &s.tries, &s.class, &found, &revoked); err != nil {
		return nil, err
	}
	entries, err := decode[entry](found)
	if err != nil {
		return nil, err
	}
	list, err := decode[Revoked](revoked)
	if err != nil {
		return nil, err
	}
	s.amounts = count(entries, list)
	return &s, nil
}

func (c *change) start(ctx context.Context, q querier, run int64, s *standing) error {
	s.state = Started
	s.tries++
	c.task.Tries = s.tries
	_, err := q.ExecContext(ctx, `UPDATE ledger_tasks SET state = $1, tries = $2, began = $3
		WHERE run_id = $4 AND seq = $5`, s.state, s.tries, millis(c.task.Began), run, c.task.Seq)
	return err
}

func (c *change) finish(ctx context.Context, q querier, run int64, s *standing) error {
	t := &c.task
	s.state, s.class, s.amounts = t.State, clean(t.Class), c.amounts
	_, err := q.ExecContext(ctx, `UPDATE ledger_tasks SET state = $1, class = $2, error = $3, found = $4, revoked = $5,
		finished = $6, checked = $7 WHERE run_id = $8 AND seq = $9`,
		s.state, s.class, clean(t.Error), c.entries, c.revoked, millis(t.Finished), millis(t.Checked), run, t.Seq)
	return err
}

func (c *change) resolve(ctx context.Context, q querier, run int64, s *standing) error {
	t := &c.task
	var other int64
	rows, err := q.QueryContext(ctx, `SELECT seq FROM ledger_tasks
		WHERE run_id = $1 AND kind = $2 AND id = $3 AND id <> '' AND seq <> $4`, run, s.kind, clean(t.ID), t.Seq)
	err = scanOne(rows, err, &other)
	if errors.Is(err, sql.ErrNoRows) {
		_, err = q.ExecContext(ctx, `UPDATE ledger_tasks SET id = $1, login = $2, name = $3, status = $4
			WHERE run_id = $5 AND seq = $6`, clean(t.ID), clean(t.Login), clean(t.Name), clean(t.Status), run, t.Seq)
		return err
	}
	if err != nil {
		return err
	}
	s.state, s.class = Done, Duplicate
	_, err = q.ExecContext(ctx, `UPDATE ledger_tasks SET login = $1, name = $2, status = $3, state = $4, class = $5,
		error = $6, finished = $7 WHERE run_id = $8 AND seq = $9`,
		clean(t.Login), clean(t.Name), clean(t.Status), s.state, s.class, fmt.Sprintf("the user of task %d", other),
		millis(t.Finished), run, t.Seq)
	return err
}

package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// change is one change of one task.
type change struct {
	task    Task
	found   string            // of task, as it is kept
	revoked string            // of task, as it is kept
	amounts amounts           // of task
	traits  map[string]string // of task.Found: those that may not be kept yet, as JSON by hash
	apply   func(ctx context.Context, q querier, run int64, s *standing) error
	result  chan error
}

// Start keeps the intent to do a task: its State becomes Started, its Tries grow by one, and Began is now. It returns
// when that is durable. Concurrent calls of Start, Finish and Resolve share a commit.
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

// Finish keeps the outcome of a task: State, Status, Found, Revoked, Error and Class. If the State is Verified or Left,
// Checked is now; otherwise Finished is, and Checked is zero, but for a task that is Done and could not be verified: its
// Finished stays. It returns when all of that is durable.
//
// If ctx ends, the outcome may be kept, all of it, or not.
func (l *Ledger) Finish(ctx context.Context, task *Task) error {
	c := &change{task: *task}
	now := moment(millis(l.now()))
	switch {
	case task.State == Verified || task.State == Left:
		c.task.Checked = now
	case task.State != Done || task.Class == "":
		c.task.Finished, c.task.Checked = now, time.Time{}
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

// Resolve keeps the ID, Login, Name and Status of a task that was given by login. If another task has that ID, this
// one is no work any more: its State becomes [Same].
func (l *Ledger) Resolve(ctx context.Context, task Task) error {
	if task.ID == "" || len(task.ID) > maxKey {
		return fmt.Errorf("resolve task %d: invalid ID %.40q", task.Seq, task.ID)
	}
	c := &change{task: task}
	c.task.Finished = l.now()
	c.apply = c.resolve
	return l.change(ctx, c)
}

func (l *Ledger) change(ctx context.Context, c *change) error {
	if _, err := l.runID(ctx); err != nil {
		return err
	}
	if l.mode == Read {
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
	if c.found, err = encode(entries); err != nil {
		return err
	}
	c.amounts = count(entries, c.task.Revoked)
	c.revoked, err = encode(c.task.Revoked)
	return err
}

// standing is what a change may change of a task, as it is kept.
type standing struct {
	kind                     TaskKind
	resolved                 bool // it has an ID
	state                    State
	tries                    int
	began, finished, checked int64
	status, class, error     string
	found, revoked           string
	amounts                  amounts // of found and revoked
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
	if err := l.writeStandings(ctx, q, run, tasks); err != nil {
		return err
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

// readStandings reads the tasks of a batch by Seq, and locks them.
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
	rows, err := q.QueryContext(ctx,
		`SELECT seq, kind, id, status, state, tries, began, finished, checked, class, error, found, revoked
		FROM ledger_tasks WHERE run_id = $1 AND seq IN (`+strings.Join(marks, ", ")+`) ORDER BY seq`+l.dialect.lock, args...)
	_, err = scanAll(rows, err, func(rows *sql.Rows) (seq int64, err error) {
		s := &standing{}
		var id string
		err = rows.Scan(&seq, &s.kind, &id, &s.status, &s.state, &s.tries, &s.began, &s.finished, &s.checked, &s.class,
			&s.error, &s.found, &s.revoked)
		s.resolved = id != ""
		tasks[seq] = s
		return seq, errors.Join(err, s.count())
	})
	return tasks, err
}

// count reads the amounts of what is kept.
func (s *standing) count() error {
	entries, err := decode[entry](s.found)
	if err != nil {
		return err
	}
	list, err := decode[Revoked](s.revoked)
	if err != nil {
		return err
	}
	s.amounts = count(entries, list)
	return nil
}

func (l *Ledger) writeStandings(ctx context.Context, q querier, run int64, tasks map[int64]*standing) error {
	for seqs := range slices.Chunk(slices.Sorted(maps.Keys(tasks)), l.dialect.rows) {
		v := values{args: []any{run}}
		marks := make([]string, len(seqs))
		for i, seq := range seqs {
			s := tasks[seq]
			marks[i] = v.add(seq, int(s.state), s.tries, s.began, s.finished, s.checked,
				s.class, s.error, s.found, s.revoked, s.status)
		}
		// The list of Seqs is for Postgres: while it has no statistics, it would join all tasks of the run.
		_, err := q.ExecContext(ctx, `UPDATE ledger_tasks SET state = column2, tries = column3,
			began = column4, finished = column5, checked = column6,
			class = column7, error = column8, found = column9, revoked = column10, status = column11
			FROM (VALUES `+v.String()+`) AS v
			WHERE run_id = $1 AND seq = column1 AND seq IN (`+strings.Join(marks, ", ")+`)`, v.args...)
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *change) start(_ context.Context, _ querier, _ int64, s *standing) error {
	s.state, s.began = Started, millis(c.task.Began)
	s.tries++
	c.task.Tries = s.tries
	return nil
}

func (c *change) finish(_ context.Context, _ querier, _ int64, s *standing) error {
	t := &c.task
	s.state, s.status, s.class, s.error = t.State, clean(t.Status), clean(t.Class), clean(t.Error)
	s.finished, s.checked = millis(t.Finished), millis(t.Checked)
	s.found, s.revoked, s.amounts = c.found, c.revoked, c.amounts
	return nil
}

func (c *change) resolve(ctx context.Context, q querier, run int64, s *standing) error {
	t := &c.task
	id := clean(t.ID)
	s.status = clean(t.Status)
	var other int64
	rows, err := q.QueryContext(ctx, `SELECT seq FROM ledger_tasks
		WHERE run_id = $1 AND kind = $2 AND id = $3 AND id <> '' AND seq <> $4`, run, s.kind, id, t.Seq)
	err = scanOne(rows, err, &other)
	if err == nil {
		s.state, s.class, s.error = Same, "", fmt.Sprintf("the user of task %d", other)
		s.finished = millis(t.Finished)
		id = ""
	} else if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	s.resolved = id != ""
	_, err = q.ExecContext(ctx, `UPDATE ledger_tasks SET id = $1, login = $2, name = $3
		WHERE run_id = $4 AND seq = $5`, id, clean(t.Login), clean(t.Name), run, t.Seq)
	return err
}

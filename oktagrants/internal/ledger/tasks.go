package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

const (
	taskColumns = `seq, kind, id, given, login, name, status, state, tries, began, finished, checked, class, error, found, revoked`
	insertRows  = 200 // of one statement
	readRows    = 500 // of one page
)

// AddTasks appends tasks to the run's list and keeps cursor, where the list is read on, in the same transaction. The
// ledger gives each its Seq. Tasks whose (Kind, ID) or (Kind, Given) is there already are skipped. With last, the list is
// complete, and more cannot be added.
func (l *Ledger) AddTasks(ctx context.Context, tasks []Task, cursor string, last bool) error {
	for _, t := range tasks {
		if t.Kind == "" || (t.ID == "" && t.Given == "") {
			return fmt.Errorf("add tasks: a task needs a kind, and an ID or what was given for it: %+v", t)
		}
	}
	return l.setRun(ctx, "add tasks", func(ctx context.Context, q querier, id int64) error {
		var seq int64
		rows, err := q.QueryContext(ctx, `UPDATE runs SET list_cursor = $1, listed = $2, last_seq = last_seq + $3
			WHERE run_id = $4 AND listed = 0 RETURNING last_seq`, cursor, number(last), len(tasks), id)
		if err := scanOne(rows, err, &seq); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				return errors.New("the list of the run is complete")
			}
			return err
		}
		seq -= int64(len(tasks))
		counts := counters{}
		for chunk := range slices.Chunk(tasks, insertRows) {
			if err := insertTasks(ctx, q, id, seq, chunk, counts); err != nil {
				return err
			}
			seq += int64(len(chunk))
		}
		return counts.write(ctx, q, id, l.shard)
	})
}

func insertTasks(ctx context.Context, q querier, run, seq int64, tasks []Task, counts counters) error {
	v := values{args: []any{run}}
	for i, t := range tasks {
		v.add("$1", seq+int64(i)+1, t.Kind, t.ID, t.Given, t.Login, t.Name, t.Status)
	}
	rows, err := q.QueryContext(ctx, `INSERT INTO tasks (run_id, seq, kind, id, given, login, name, status) VALUES `+
		v.String()+` ON CONFLICT DO NOTHING RETURNING kind`, v.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var kind TaskKind
		if err := rows.Scan(&kind); err != nil {
			return err
		}
		counts[stateCounter(kind, Pending)]++
	}
	return rows.Err()
}

// how is what a change changes.
type how int

const (
	start   how = iota // a task's intent
	finish             // a task's outcome
	resolve            // who a task is about
)

// change is one change of one task.
type change struct {
	how            how
	task           Task
	found, revoked string // of the task, as they are kept

	ctx    context.Context //nolint:containedctx // of the caller that waits
	result chan error
}

// Start keeps the intent to do a task: its State becomes Started, Tries grows by one, Began is now. It returns when that is
// durable. Concurrent calls of Start, Finish and Resolve share a commit.
//
// If ctx ends, the intent may be kept or not.
func (l *Ledger) Start(ctx context.Context, task *Task) error {
	return l.change(ctx, start, task)
}

// Finish keeps the outcome of a task: State, Found, Revoked, Error and Class. It sets Checked if the State is Verified
// or Left, and Finished otherwise, and returns when all of it is durable.
//
// If ctx ends, the outcome may be kept, all of it, or not.
func (l *Ledger) Finish(ctx context.Context, task *Task) error {
	return l.change(ctx, finish, task)
}

// Resolve keeps the ID, Login, Name and Status of a task given by login. If another task has the ID, this one is no work
// any more: its State becomes Done and its Class [Duplicate].
func (l *Ledger) Resolve(ctx context.Context, task Task) error {
	if task.ID == "" {
		return fmt.Errorf("resolve task %d: no ID", task.Seq)
	}
	return l.change(ctx, resolve, &task)
}

func (l *Ledger) change(ctx context.Context, how how, task *Task) error {
	if l.queue == nil {
		return l.failed("write", errReadOnly)
	}
	if _, err := l.runID(ctx); err != nil {
		return err
	}
	c := &change{how: how, task: *task}
	now := moment(millis(l.now()))
	switch how {
	case start:
		c.task.State = Started
		c.task.Began = now
	case finish:
		if task.State == Verified || task.State == Left {
			c.task.Checked = now
		} else {
			c.task.Finished = now
		}
		if err := c.encode(); err != nil {
			return err
		}
	case resolve:
		c.task.Finished = now
	}
	if err := l.queue.add(ctx, c); err != nil {
		return err
	}
	*task = c.task
	return nil
}

func (c *change) encode() (err error) {
	if c.found, err = encode(c.task.Found); err != nil {
		return err
	}
	c.revoked, err = encode(c.task.Revoked)
	return err
}

// kept is what the counters know of a task.
type kept struct {
	kind           TaskKind
	state          State
	tries          int
	class          string
	found, revoked string
}

// apply makes changes of tasks, and brings the counters along. It needs a transaction.
func (l *Ledger) apply(ctx context.Context, q querier, batch []*change) error {
	run := l.id.Load()
	tasks, err := l.readKept(ctx, q, run, batch)
	if err != nil {
		return err
	}
	counts := counters{}
	for _, c := range batch {
		k, ok := tasks[c.task.Seq]
		if !ok {
			return fmt.Errorf("there is no task %d", c.task.Seq)
		}
		if err := counts.add(k, -1); err != nil {
			return err
		}
		if err := c.apply(ctx, q, run, k); err != nil {
			return err
		}
		if err := counts.add(k, 1); err != nil {
			return err
		}
	}
	return counts.write(ctx, q, run, l.shard)
}

// readKept reads the tasks of the batch, and locks them where others may write them meanwhile.
func (l *Ledger) readKept(ctx context.Context, q querier, run int64, batch []*change) (map[int64]*kept, error) {
	args := []any{run}
	marks := make([]string, len(batch))
	for i, c := range batch {
		args = append(args, c.task.Seq)
		marks[i] = "$" + strconv.Itoa(len(args))
	}
	rows, err := q.QueryContext(ctx, `SELECT seq, kind, state, tries, class, found, revoked FROM tasks
		WHERE run_id = $1 AND seq IN (`+strings.Join(marks, ", ")+`) ORDER BY seq`+l.lock, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	tasks := make(map[int64]*kept, len(batch))
	for rows.Next() {
		var seq int64
		var k kept
		if err := rows.Scan(&seq, &k.kind, &k.state, &k.tries, &k.class, &k.found, &k.revoked); err != nil {
			return nil, err
		}
		tasks[seq] = &k
	}
	return tasks, rows.Err()
}

// apply makes one change of the task that is kept as k, and changes k with it.
func (c *change) apply(ctx context.Context, q querier, run int64, k *kept) error {
	switch c.how {
	case start:
		return c.start(ctx, q, run, k)
	case finish:
		return c.finish(ctx, q, run, k)
	default:
		return c.resolve(ctx, q, run, k)
	}
}

func (c *change) start(ctx context.Context, q querier, run int64, k *kept) error {
	k.state = Started
	k.tries++
	c.task.Tries = k.tries
	_, err := q.ExecContext(ctx, `UPDATE tasks SET state = $1, tries = $2, began = $3 WHERE run_id = $4 AND seq = $5`,
		k.state, k.tries, millis(c.task.Began), run, c.task.Seq)
	return err
}

func (c *change) finish(ctx context.Context, q querier, run int64, k *kept) error {
	t := &c.task
	k.state, k.class, k.found, k.revoked = t.State, t.Class, c.found, c.revoked
	_, err := q.ExecContext(ctx, `UPDATE tasks SET state = $1, class = $2, error = $3, found = $4, revoked = $5, finished = $6,
		checked = $7 WHERE run_id = $8 AND seq = $9`,
		t.State, t.Class, t.Error, c.found, c.revoked, millis(t.Finished), millis(t.Checked), run, t.Seq)
	return err
}

func (c *change) resolve(ctx context.Context, q querier, run int64, k *kept) error {
	t := &c.task
	var other int64
	rows, err := q.QueryContext(ctx, `SELECT seq FROM tasks WHERE run_id = $1 AND kind = $2 AND id = $3 AND id <> '' AND seq <> $4`,
		run, k.kind, t.ID, t.Seq)
	err = scanOne(rows, err, &other)
	if errors.Is(err, sql.ErrNoRows) {
		_, err = q.ExecContext(ctx, `UPDATE tasks SET id = $1, login = $2, name = $3, status = $4 WHERE run_id = $5 AND seq = $6`,
			t.ID, t.Login, t.Name, t.Status, run, t.Seq)
		return err
	}
	if err != nil {
		return err
	}
	k.state, k.class = Done, Duplicate
	_, err = q.ExecContext(ctx, `UPDATE tasks SET login = $1, name = $2, status = $3, state = $4, class = $5, error = $6, finished = $7
		WHERE run_id = $8 AND seq = $9`, t.Login, t.Name, t.Status, k.state, k.class, fmt.Sprintf("the same as task %d", other), millis(t.Finished), run, t.Seq)
	return err
}

// Next returns the next tasks to work on, by Seq: at most limit with a Seq above after, in one of the states. Duplicates
// are not among them.
func (l *Ledger) Next(ctx context.Context, after int64, limit int, states ...State) ([]Task, error) {
	return l.readTasks(ctx, after, limit, `class <> '`+Duplicate+`'`, states)
}

// Tasks returns all tasks by Seq, or those in one of the states. An error ends it.
func (l *Ledger) Tasks(ctx context.Context, states ...State) iter.Seq2[Task, error] {
	return func(yield func(Task, error) bool) {
		var after int64
		for {
			page, err := l.readTasks(ctx, after, readRows, "1 = 1", states)
			if err != nil {
				yield(Task{}, err)
				return
			}
			for _, t := range page {
				if !yield(t, nil) {
					return
				}
			}
			if len(page) < readRows {
				return
			}
			after = page[len(page)-1].Seq
		}
	}
}

func (l *Ledger) readTasks(ctx context.Context, after int64, limit int, where string, states []State) ([]Task, error) {
	run, err := l.runID(ctx)
	if err != nil {
		return nil, err
	}
	if len(states) > 0 {
		where += " AND state IN (" + joinStates(states) + ")"
	}
	rows, err := l.reader.QueryContext(ctx, `SELECT `+taskColumns+` FROM tasks WHERE run_id = $1 AND seq > $2 AND `+where+
		` ORDER BY seq LIMIT $3`, run, after, limit)
	if err != nil {
		return nil, l.failed("read tasks", err)
	}
	defer rows.Close()
	var tasks []Task
	for rows.Next() {
		task, err := scanTask(rows)
		if err != nil {
			return nil, l.failed("read tasks", err)
		}
		tasks = append(tasks, task)
	}
	if err := rows.Err(); err != nil {
		return nil, l.failed("read tasks", err)
	}
	return tasks, nil
}

func joinStates(states []State) string {
	texts := make([]string, len(states))
	for i, s := range states {
		texts[i] = strconv.Itoa(int(s))
	}
	return strings.Join(texts, ", ")
}

func scanTask(rows *sql.Rows) (Task, error) {
	var t Task
	var began, finished, checked int64
	var found, revoked string
	err := rows.Scan(&t.Seq, &t.Kind, &t.ID, &t.Given, &t.Login, &t.Name, &t.Status, &t.State, &t.Tries,
		&began, &finished, &checked, &t.Class, &t.Error, &found, &revoked)
	if err != nil {
		return Task{}, err
	}
	t.Began, t.Finished, t.Checked = moment(began), moment(finished), moment(checked)
	if t.Found, err = decode[Access](found); err != nil {
		return Task{}, fmt.Errorf("task %d: what was found: %w", t.Seq, err)
	}
	if t.Revoked, err = decode[Revoked](revoked); err != nil {
		return Task{}, fmt.Errorf("task %d: what was revoked: %w", t.Seq, err)
	}
	return t, nil
}

package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// pageSize is how many rows one page of a stream has.
const pageSize = 500

// maxKey bounds the bytes of what rows are found by: the longest that an index of Postgres takes is some 2,700.
const maxKey = 1000

// AddTasks appends tasks to the run's list, with a Seq each, and keeps cursor, where the list is read on, in the same
// transaction. A task whose (Kind, ID) or (Kind, Given) is in the list is skipped. With last the list is complete: to
// add another task is an error then.
func (l *Ledger) AddTasks(ctx context.Context, tasks []Task, cursor string, last bool) error {
	for i := range tasks {
		if err := tasks[i].check(); err != nil {
			return fmt.Errorf("add tasks: %w", err)
		}
	}
	return l.writeRun(ctx, "add tasks", func(ctx context.Context, q querier, id int64) error {
		var seq int64
		var listed bool
		rows, err := q.QueryContext(ctx,
			`SELECT last_seq, listed FROM ledger_runs WHERE run_id = $1`+l.dialect.lock, id)
		err = scanOne(rows, err, &seq, &listed)
		if errors.Is(err, sql.ErrNoRows) {
			return errAnew
		}
		if err != nil {
			return err
		}
		counts := counters{}
		if err := l.insertTasks(ctx, q, id, seq, tasks, counts); err != nil {
			return err
		}
		if listed {
			return counts.refuse()
		}
		_, err = q.ExecContext(ctx,
			`UPDATE ledger_runs SET list_cursor = $1, listed = $2, last_seq = $3 WHERE run_id = $4`,
			clean(cursor), number(last), seq+int64(len(tasks)), id)
		if err != nil {
			return err
		}
		return counts.write(ctx, q, id, l.dialect.shard)
	})
}

func (t *Task) check() error {
	switch {
	case t.Kind == "":
		return errors.New("a task without a kind")
	case t.ID == "" && t.Given == "":
		return fmt.Errorf("a task of kind %s without an ID", t.Kind)
	case len(t.ID) > maxKey || len(t.Given) > maxKey:
		return fmt.Errorf("an ID or login has more than %d bytes: %.40q", maxKey, t.ID+t.Given)
	}
	return nil
}

// refuse is an error if tasks were added: the list is complete. A repeat of what is there adds none.
func (c counters) refuse() error {
	if len(c) > 0 {
		return errors.New("the list of the run is complete")
	}
	return nil
}

// insertTasks inserts and counts those that are new.
func (l *Ledger) insertTasks(ctx context.Context, q querier, run, seq int64, tasks []Task, counts counters) error {
	for chunk := range slices.Chunk(tasks, l.dialect.rows) {
		v := values{}
		for _, t := range chunk {
			seq++
			v.add(run, seq, string(t.Kind), clean(t.ID), clean(t.Given),
				clean(t.Login), clean(t.Name), clean(t.Status))
		}
		rows, err := q.QueryContext(ctx, `INSERT INTO ledger_tasks (run_id, seq, kind, id, given, login, name, status)
			VALUES `+v.String()+` ON CONFLICT DO NOTHING RETURNING kind, id`, v.args...)
		added, err := scanAll(rows, err, func(rows *sql.Rows) (*standing, error) {
			var id string
			s := &standing{}
			err := rows.Scan(&s.kind, &id)
			s.resolved = id != ""
			return s, err
		})
		if err != nil {
			return err
		}
		for _, s := range added {
			counts.add(s, 1)
		}
	}
	return nil
}

// Next returns the next tasks to work on, by Seq: at most limit with a Seq above after, in one of the states, or in
// any if none is given. Tasks in the state [Same] are not among them.
func (l *Ledger) Next(ctx context.Context, after int64, limit int, states ...State) ([]Task, error) {
	return l.readTasks(ctx, after, limit, "state <> "+strconv.Itoa(int(Same))+in(states))
}

// Tasks returns all tasks by Seq, or those in one of the states, those in the state [Same] too. An error ends it.
func (l *Ledger) Tasks(ctx context.Context, states ...State) iter.Seq2[Task, error] {
	return stream(func(last Task) ([]Task, error) {
		return l.readTasks(ctx, last.Seq, pageSize, "1 = 1"+in(states))
	})
}

// in is the condition that the state is one of states, or none if there are no states.
func in(states []State) string {
	if len(states) == 0 {
		return ""
	}
	texts := make([]string, len(states))
	for i, s := range states {
		texts[i] = strconv.Itoa(int(s))
	}
	return " AND state IN (" + strings.Join(texts, ", ") + ")"
}

// stream reads page after page: each follows the last element of the one before.
func stream[T any](page func(last T) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var last T
		for {
			list, err := page(last)
			if err != nil {
				yield(*new(T), err)
				return
			}
			for _, element := range list {
				if !yield(element, nil) {
					return
				}
			}
			if len(list) < pageSize {
				return
			}
			last = list[len(list)-1]
		}
	}
}

// row is a task as it is kept.
type row struct {
	Task
	entries []entry // of Found
}

func (l *Ledger) readTasks(ctx context.Context, after int64, limit int, condition string) ([]Task, error) {
	var list []row
	err := l.readRows(ctx, "read tasks", func(ctx context.Context, q querier, id int64) error {
		rows, err := q.QueryContext(ctx, `SELECT seq, kind, id, given, login, name, status, state, tries,
			began, finished, checked, class, error, found, revoked FROM ledger_tasks
			WHERE run_id = $1 AND seq > $2 AND `+condition+` ORDER BY seq LIMIT $3`, id, after, limit)
		list, err = scanAll(rows, err, scanTask)
		return err
	})
	if err != nil {
		return nil, err
	}
	tasks := make([]Task, len(list))
	for i, r := range list {
		tasks[i] = r.Task
		if tasks[i].Found, err = l.join(ctx, r.entries); err != nil {
			return nil, fmt.Errorf("task %d: what was found: %w", r.Seq, err)
		}
	}
	return tasks, nil
}

func scanTask(rows *sql.Rows) (row, error) {
	var t row
	var began, finished, checked int64
	var found, revoked string
	err := rows.Scan(&t.Seq, &t.Kind, &t.ID, &t.Given, &t.Login, &t.Name, &t.Status, &t.State, &t.Tries,
		&began, &finished, &checked, &t.Class, &t.Error, &found, &revoked)
	if err != nil {
		return row{}, err
	}
	t.Began, t.Finished, t.Checked = moment(began), moment(finished), moment(checked)
	if t.entries, err = decode[entry](found); err != nil {
		return row{}, fmt.Errorf("task %d: what was found: %w", t.Seq, err)
	}
	if t.Revoked, err = decode[Revoked](revoked); err != nil {
		return row{}, fmt.Errorf("task %d: what was revoked: %w", t.Seq, err)
	}
	return t, nil
}

// encode is a list as it is kept.
func encode[T any](list []T) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	data, err := json.Marshal(list)
	return string(data), err
}

func decode[T any](text string) (list []T, err error) {
	if text == "" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return list, nil
}

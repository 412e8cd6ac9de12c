package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The names of counters. Some have a part of their own after a space.
const (
	taskCounter      = "task" // kind and state
	classCounter     = "class"
	revokedCounter   = "revoked"
	againCounter     = "again"
	grantCounter     = "grants"
	tokenCounter     = "tokens"
	duplicateCounter = "duplicates"
)

// counters are changes of counters, by name.
type counters map[string]int

func stateCounter(kind TaskKind, state State) string {
	return taskCounter + " " + string(kind) + " " + strconv.Itoa(int(state))
}

// add counts a task n times.
func (c counters) add(k *kept, n int) error {
	if k.state == Done && k.class == Duplicate {
		c[duplicateCounter] += n
		return nil
	}
	c[stateCounter(k.kind, k.state)] += n
	if k.state == Failed || k.state == Left {
		c[classCounter+" "+k.class] += n
	}
	if k.tries > 1 {
		c[againCounter] += n
	}
	found, err := decode[Access](k.found)
	if err != nil {
		return err
	}
	for _, a := range found {
		switch a.Kind {
		case Grant:
			c[grantCounter] += n
		case Token:
			c[tokenCounter] += n
		}
	}
	revoked, err := decode[Revoked](k.revoked)
	if err != nil {
		return err
	}
	for _, r := range revoked {
		c[revokedCounter+" "+r.What] += n
	}
	return nil
}

// write adds the changes to what is kept, always in the same order, as rows are locked on the way.
func (c counters) write(ctx context.Context, q querier, run, shard int64) error {
	v := values{args: []any{run, shard}}
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if c[name] != 0 {
			v.add("$1, $2", name, c[name])
		}
	}
	if v.empty() {
		return nil
	}
	_, err := q.ExecContext(ctx, `INSERT INTO counters (run_id, shard, name, value) VALUES `+v.String()+
		` ON CONFLICT (run_id, shard, name) DO UPDATE SET value = counters.value + excluded.value`, v.args...)
	return err
}

// Counts returns the counts of the run. It takes as long for a million tasks as for one.
func (l *Ledger) Counts(ctx context.Context) (Counts, error) {
	run, err := l.runID(ctx)
	if err != nil {
		return Counts{}, err
	}
	rows, err := l.reader.QueryContext(ctx,
		`SELECT name, CAST(SUM(value) AS BIGINT) FROM counters WHERE run_id = $1 GROUP BY name`, run)
	if err != nil {
		return Counts{}, l.failed("count", err)
	}
	defer rows.Close()
	counts := Counts{Tasks: map[TaskKind]map[State]int{}, Classes: map[string]int{}, Revoked: map[string]int{}}
	for rows.Next() {
		var name string
		var value int
		if err := rows.Scan(&name, &value); err != nil {
			return Counts{}, l.failed("count", err)
		}
		if value == 0 {
			continue
		}
		if err := counts.set(name, value); err != nil {
			return Counts{}, l.failed("count", err)
		}
	}
	if err := rows.Err(); err != nil {
		return Counts{}, l.failed("count", err)
	}
	return counts, nil
}

func (c *Counts) set(name string, value int) error {
	name, part, _ := strings.Cut(name, " ")
	switch name {
	case taskCounter:
		return c.setTasks(part, value)
	case classCounter:
		c.Classes[part] = value
	case revokedCounter:
		c.Revoked[part] = value
	case againCounter:
		c.Again = value
	case grantCounter:
		c.Grants = value
	case tokenCounter:
		c.Tokens = value
	case duplicateCounter:
		c.Duplicates = value
	default:
		return fmt.Errorf("unknown counter %q", name)
	}
	return nil
}

func (c *Counts) setTasks(part string, value int) error {
	name, digits, _ := strings.Cut(part, " ")
	state, err := strconv.Atoi(digits)
	if err != nil {
		return err
	}
	kind := TaskKind(name)
	if c.Tasks[kind] == nil {
		c.Tasks[kind] = map[State]int{}
	}
	c.Tasks[kind][State(state)] = value
	return nil
}

package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The names of counters. Some are followed by a space and more.
const (
	taskCounter      = "task" // and kind and state
	classCounter     = "class"
	revokedCounter   = "revoked" // and Revoked.What
	againCounter     = "again"
	grantCounter     = "grants"
	tokenCounter     = "tokens"
	unnamedCounter   = "unnamed" // grants
	duplicateCounter = "duplicates"

	unresolvedCounter = "unresolved"
)

// counters are changes of counters, by name.
type counters map[string]int

func stateCounter(kind TaskKind, state State) string {
	return taskCounter + " " + string(kind) + " " + strconv.Itoa(int(state))
}

// add counts a task n times.
func (c counters) add(s *standing, n int) {
	if s.state == Same {
		c[duplicateCounter] += n
		return
	}
	c[stateCounter(s.kind, s.state)] += n
	if !s.resolved {
		c[unresolvedCounter] += n
	}
	if s.hasProblem() {
		c[classCounter+" "+s.class] += n
	}
	if s.tries > 1 {
		c[againCounter] += n
	}
	c[grantCounter] += n * s.amounts.grants
	c[tokenCounter] += n * s.amounts.tokens
	c[unnamedCounter] += n * s.amounts.unnamed
	for what, times := range s.amounts.revoked {
		c[revokedCounter+" "+what] += n * times
	}
}

// hasProblem reports whether the class of a task counts: it failed, is left, or could not be verified.
func (s *standing) hasProblem() bool {
	return s.state == Failed || s.state == Left || (s.state == Done && s.class != "")
}

// amounts is how much a task found and revoked.
type amounts struct {
	grants, tokens int
	unnamed        int // of the grants, see Access.NotJudged
	revoked        map[string]int
}

func count(found []entry, revoked []Revoked) amounts {
	var a amounts
	for _, e := range found {
		switch e.Kind {
		case Grant:
			a.grants++
			if e.Unnamed {
				a.unnamed++
			}
		case Token:
			a.tokens++
		}
	}
	for _, r := range revoked {
		if a.revoked == nil {
			a.revoked = map[string]int{}
		}
		a.revoked[clean(r.What)]++
	}
	return a
}

// write adds the changes to the shard's counters.
func (c counters) write(ctx context.Context, q querier, run, shard int64) error {
	v := values{}
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if c[name] != 0 {
			v.add(run, shard, name, c[name])
		}
	}
	if v.empty() {
		return nil
	}
	_, err := q.ExecContext(ctx, `INSERT INTO ledger_counters (run_id, shard, name, value) VALUES `+v.String()+`
		ON CONFLICT (run_id, shard, name) DO UPDATE SET value = ledger_counters.value + excluded.value`, v.args...)
	return err
}

// Counts returns the counts of the run. It takes as long for a million tasks as for one.
func (l *Ledger) Counts(ctx context.Context) (Counts, error) {
	var counts Counts
	err := l.readRows(ctx, "count", func(ctx context.Context, q querier, id int64) error {
		counts = Counts{Tasks: map[TaskKind]map[State]int{}, Classes: map[string]int{}, Revoked: map[string]int{}}
		rows, err := q.QueryContext(ctx,
			`SELECT name, CAST(SUM(value) AS BIGINT) FROM ledger_counters WHERE run_id = $1 GROUP BY name`, id)
		_, err = scanAll(rows, err, func(rows *sql.Rows) (name string, err error) {
			var value int
			if err := rows.Scan(&name, &value); err != nil || value == 0 {
				return name, err
			}
			return name, counts.set(name, value)
		})
		return err
	})
	return counts, err
}

func (c *Counts) set(counter string, value int) error {
	name, rest, _ := strings.Cut(counter, " ")
	switch name {
	case taskCounter:
		return c.setTasks(rest, value)
	case classCounter:
		c.Classes[rest] = value
	case revokedCounter:
		c.Revoked[rest] = value
	case againCounter:
		c.Again = value
	case grantCounter:
		c.Grants = value
	case tokenCounter:
		c.Tokens = value
	case unnamedCounter:
		c.NotJudged = value
	case duplicateCounter:
		c.Duplicates = value
	case unresolvedCounter:
		c.Unresolved = value
	default:
		return fmt.Errorf("%w: unknown counter %q", ErrCorrupt, counter)
	}
	return nil
}

func (c *Counts) setTasks(rest string, value int) error {
	name, digits, _ := strings.Cut(rest, " ")
	state, err := strconv.Atoi(digits)
	if err != nil {
		return fmt.Errorf("counter of tasks %q: %w", rest, err)
	}
	kind := TaskKind(name)
	if c.Tasks[kind] == nil {
		c.Tasks[kind] = map[State]int{}
	}
	c.Tasks[kind][State(state)] = value
	return nil
}

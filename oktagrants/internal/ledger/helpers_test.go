package ledger_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/pgtest"
)

const org = "https://acme.okta.com"

var spec = ledger.Spec{Kind: ledger.Offboard, Org: org, Arguments: `{"search":"a","keepSessions":true}`}

func TestMain(m *testing.M) {
	if child() {
		return
	}
	defer pgtest.Stop()
	m.Run()
}

// each runs a test on a new ledger of each database.
func each(t *testing.T, test func(t *testing.T, target string)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, filepath.Join(t.TempDir(), "run.db"))
	})
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		test(t, pgtest.Database(t)+"#january")
	})
}

func open(t *testing.T, target string, mode ledger.Mode) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), target, mode)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	return l
}

// begin begins a run with a list of users.
func begin(t *testing.T, target string, users int) *ledger.Ledger {
	t.Helper()
	l := open(t, target, ledger.Write)
	_, _, err := l.Begin(t.Context(), spec)
	require.NoError(t, err)
	tasks := make([]ledger.Task, users)
	for i := range tasks {
		tasks[i] = ledger.Task{Kind: ledger.User, ID: fmt.Sprintf("00u%d", i+1), Login: "ada@example.com"}
	}
	require.NoError(t, l.AddTasks(t.Context(), tasks, "the end", true))
	return l
}

func next(t *testing.T, l *ledger.Ledger, states ...ledger.State) []ledger.Task {
	t.Helper()
	tasks, err := l.Next(t.Context(), 0, 1_000_000, states...)
	require.NoError(t, err)
	return tasks
}

func all(t *testing.T, l *ledger.Ledger) []ledger.Task {
	t.Helper()
	var tasks []ledger.Task
	for task, err := range l.Tasks(t.Context()) {
		require.NoError(t, err)
		tasks = append(tasks, task)
	}
	return tasks
}

func allTokens(t *testing.T, l *ledger.Ledger) []ledger.Access {
	t.Helper()
	var tokens []ledger.Access
	for token, err := range l.Tokens(t.Context()) {
		require.NoError(t, err)
		tokens = append(tokens, token)
	}
	return tokens
}

func counts(t *testing.T, l *ledger.Ledger) ledger.Counts {
	t.Helper()
	c, err := l.Counts(t.Context())
	require.NoError(t, err)
	return c
}

// scan counts what a ledger holds, one by one.
func scan(tasks []ledger.Task, tokens []ledger.Access) ledger.Counts {
	c := ledger.Counts{
		Tasks:   map[ledger.TaskKind]map[ledger.State]int{},
		Classes: map[string]int{}, Revoked: map[string]int{}, Tokens: len(tokens),
	}
	for _, task := range tasks {
		if task.State == ledger.Same {
			c.Duplicates++
			continue
		}
		if c.Tasks[task.Kind] == nil {
			c.Tasks[task.Kind] = map[ledger.State]int{}
		}
		c.Tasks[task.Kind][task.State]++
		if task.ID == "" {
			c.Unresolved++
		}
		if task.State == ledger.Failed || task.State == ledger.Left || (task.State == ledger.Done && task.Class != "") {
			c.Classes[task.Class]++
		}
		if task.Tries > 1 {
			c.Again++
		}
		for _, a := range task.Found {
			switch a.Kind {
			case ledger.Grant:
				c.Grants++
				if a.NotJudged() {
					c.NotJudged++
				}
			case ledger.Token:
				c.Tokens++
			case ledger.Client:
			}
		}
		for _, r := range task.Revoked {
			c.Revoked[strings.ReplaceAll(r.What, "\x00", "\ufffd")]++
		}
	}
	return c
}

// assertCounts asserts that the counters say what a scan says.
func assertCounts(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	assert.Equal(t, scan(all(t, l), allTokens(t, l)), counts(t, l))
}

// execute runs a statement on the database of a ledger, as another program.
func execute(t *testing.T, target, statement string) {
	t.Helper()
	driver, name := "sqlite", target
	if url, _, ok := strings.Cut(target, "#"); ok {
		driver, name = "pgx", url
	}
	db, err := sql.Open(driver, name)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

func newerVersion(target string) string {
	if strings.Contains(target, "#") {
		return "UPDATE ledger_migrations SET version = 3 WHERE version = 2"
	}
	return "PRAGMA user_version = 3"
}

// lockSQLite writes a file as another program does, until unlock is called.
func lockSQLite(t *testing.T, path string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_txlock=immediate")
	require.NoError(t, err)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	return func() {
		require.NoError(t, tx.Rollback())
		require.NoError(t, db.Close())
	}
}

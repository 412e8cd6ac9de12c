package cli

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"

	"github.com/grantkit/okta/oktagrants/internal/demo"
	"github.com/grantkit/okta/oktagrants/internal/pgtest"
)

// noAccount is a machine with no configuration.
func noAccount(t *testing.T) *machine {
	t.Helper()
	m := newMachine(t)
	m.config = okta.Config{}
	return m
}

func TestDemoReview(t *testing.T) {
	t.Parallel()
	m := noAccount(t)
	o := m.run("demo", "review", "--demo-users", "40")
	o.succeeds(t)
	lines := strings.Split(strings.TrimSpace(o.out), "\n")
	page := lines[len(lines)-1]
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(filepath.Dir(page))) })
	assert.Equal(t, "review.html", filepath.Base(page), "the last line is the path of the report")
	assert.FileExists(t, page)
	assert.Contains(t, o.out, "  Users   40 done\n")
}

func TestDemoAgain(t *testing.T) {
	t.Parallel()
	m := noAccount(t)
	args := strings.Fields("demo revoke-app 0oafreepdf --demo-users 40 --yes --json --run " + m.path("run.db"))
	result := m.run(args...).object(t)
	assert.Equal(t, m.path("run.html"), result["report"])
	m.run(args...).succeeds(t)
	m.run("status", m.path("run.db")).succeeds(t)
}

func TestDemoHints(t *testing.T) {
	t.Parallel()
	m := noAccount(t)
	m.run("demo", "offboard").fails(t, 2, "such as ada.archer@acme.example, ben.baker@acme.example")
	m.run("demo", "revoke-app").fails(t, 2, "such as 0oacalendar")
	for _, limit := range []string{"600", "0/1s", "600/1ms", "x/1s", "600/x"} {
		m.run("demo", "doctor", "--demo-limit", limit).fails(t, 2, "--demo-limit")
	}
	m.run("demo", "doctor", "--demo-users", "0").fails(t, 2, "--demo-users")
}

func TestDemoDoctor(t *testing.T) {
	t.Parallel()
	o := noAccount(t).run("demo", "doctor", "--demo-users", "1", "--demo-limit", "60/1m")
	o.succeeds(t)
	assert.Contains(t, o.out, "60 calls a window")
}

// Every example of every command works: those of the demo as they are, the others on the demo's org.
func TestExamples(t *testing.T) {
	t.Parallel()
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, command := range cmd.Commands() {
			visit(command)
		}
		if cmd.Name() == "completion" || cmd.Parent() != nil && cmd.Parent().Name() == "completion" || cmd.Name() == "help" {
			return
		}
		examples := strings.Split(strings.TrimSpace(cmd.Example), "\n")
		assert.NotEmpty(t, examples[0], "%s has no example", cmd.CommandPath())
		for _, example := range examples {
			t.Run(strings.TrimSpace(example), func(t *testing.T) {
				t.Parallel()
				runExample(t, strings.TrimSpace(example))
			})
		}
	}
	visit((&cli{}).root())
}

func runExample(t *testing.T, example string) {
	t.Helper()
	m := newMachine(t)
	org := demo.Start(demo.Options{Users: 30, Limit: 100_000, Window: time.Minute, Now: time.Now()})
	t.Cleanup(org.Close)
	m.config = org.Config()
	m.write("leavers.csv", "login\nada.archer@acme.example\n")
	m.write("users.csv", "00u00000000000000001\n")
	if strings.Contains(example, "postgres://") {
		runInPostgres(t, words(t, example)[1:])
		return
	}
	args := words(t, example)
	require.Equal(t, "oktagrants", args[0], example)
	args = args[1:]
	if args[0] == "demo" {
		args = append(args, "--demo-users", "30")
	}
	if args[0] == "status" || args[0] == "report" {
		m.run("review", "--run", m.path("review.db")).succeeds(t)
	}
	for i, arg := range args {
		if slices.Contains([]string{".db", ".csv", ".html", ".json"}, filepath.Ext(arg)) || arg == "man1" {
			args[i] = m.path(arg)
		}
	}
	o := m.run(args...)
	o.succeeds(t)
	if report, ok := strings.CutPrefix(o.out[strings.LastIndex(strings.TrimSpace(o.out), "\n")+1:], os.TempDir()); ok {
		t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(os.TempDir() + strings.TrimSpace(report))) })
	}
}

// runInPostgres runs an example in a database of its own. What would go on until it is interrupted is interrupted.
func runInPostgres(t *testing.T, args []string) {
	t.Helper()
	m, database := newMachine(t), pgtest.Database(t)
	m.write("orgs.txt", "acme.yaml\n")
	m.write("acme.yaml", "okta:\n  client:\n    orgUrl: "+m.org.URL+"\n    token: "+secret+"\n")
	for i, arg := range args {
		switch {
		case strings.HasPrefix(arg, "postgres://"):
			args[i] = strings.Replace(arg, "postgres://oktagrants@db.example/oktagrants", database, 1)
		case arg == "orgs.txt":
			args[i] = m.path(arg)
		case arg == ":9090":
			args[i] = "127.0.0.1:0"
		}
	}
	if args[0] == "cancel" {
		begun(t, m, args[1])
	}
	ctx, interrupt := context.WithTimeout(t.Context(), 2*time.Second)
	defer interrupt()
	m.runIn(ctx, args...).succeeds(t)
}

// words splits a line as a shell does, as far as the examples need it.
func words(t *testing.T, line string) []string {
	t.Helper()
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 0 {
			words = append(words, strings.Fields(part)...)
			continue
		}
		words = append(words, part)
	}
	return words
}

func TestMan(t *testing.T) {
	t.Parallel()
	m := noAccount(t)
	m.run("man", m.path("man1")).succeeds(t)
	page, err := os.ReadFile(m.path("man1/oktagrants-offboard.1"))
	require.NoError(t, err)
	assert.Contains(t, string(page), "keep-sessions")
	m.run("man", m.write("file", "")).fails(t, 2)
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	o := noAccount(t).run("completion", "bash")
	o.succeeds(t)
	assert.Contains(t, o.out, "__start_oktagrants")
	o = noAccount(t).run("__complete", "revoke-app", "--users", "")
	assert.Contains(t, o.out, "assigned\nall\n")
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"version"}, {"--version"}} {
		o := noAccount(t).run(args...)
		o.succeeds(t)
		assert.True(t, strings.HasPrefix(o.out, "oktagrants "), o.out)
		assert.Contains(t, o.out, ", okta ")
	}
}

func TestHelpNeedsNoConfiguration(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"--help"}, {"grants"}, {"grants", "list", "--help"}, {"help", "review"}} {
		o := noAccount(t).run(args...)
		o.succeeds(t)
		assert.Contains(t, o.out, "Usage:")
	}
}

// The report of the demo would stand in the place of its ledger.
func TestDemoReportInPlaceOfRun(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.run("demo", "review", "--demo-users", "5", "--run", m.path("x.html")).fails(t, 2, "is the run itself")
	assert.NoFileExists(t, m.path("x.html"))
	require.NoError(t, os.Mkdir(m.path("y.html"), 0o700))
	m.run("demo", "review", "--demo-users", "5", "--run", m.path("y.db")).fails(t, 2, "is not a file")
	assert.NoFileExists(t, m.path("y.db"))
}

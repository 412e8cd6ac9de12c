package cli

import (
	"encoding/csv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func (m *machine) read(name string) string {
	m.t.Helper()
	text, err := os.ReadFile(m.path(name))
	require.NoError(m.t, err)
	return string(text)
}

func reviewed(t *testing.T) *machine {
	t.Helper()
	m := newMachine(t)
	m.run("review", "--run", m.path("review.db"), "--tokens").succeeds(t)
	return m
}

func TestReportNextToRun(t *testing.T) {
	t.Parallel()
	m := reviewed(t)
	o := m.run("report", m.path("review.db"))
	o.succeeds(t)
	assert.Equal(t, m.path("review.html")+"\n", o.out)
	page := m.read("review.html")
	assert.Contains(t, page, "Calendar")
	assert.Contains(t, page, "API scopes that an administrator granted", "what the run cannot see")
}

func TestReportFiles(t *testing.T) {
	t.Parallel()
	m := reviewed(t)
	m.write("a.html", "an older report")
	o := m.run("report", m.path("review.db"),
		"--html", m.path("a.html"), "--csv", m.path("a.csv"), "--json", m.path("a.json"))
	o.succeeds(t)
	assert.Equal(t, m.path("a.html")+"\n"+m.path("a.csv")+"\n"+m.path("a.json")+"\n", o.out)
	assert.Contains(t, m.read("a.html"), "<html")
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(m.read("a.csv"), "\ufeff"))).ReadAll()
	require.NoError(t, err)
	assert.Greater(t, len(rows), 49)
	assert.NotEmpty(t, decode(t, m.read("a.json")))
	assert.NoFileExists(t, m.path("review.html"))
	for _, name := range []string{"a.html", "a.csv", "a.json"} {
		info, err := os.Stat(m.path(name))
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), name)
	}
	m.hasNoLeftovers(t)
}

// hasNoLeftovers requires that no unfinished file is left.
func (m *machine) hasNoLeftovers(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(m.path(".*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestReportsThatAreRefused(t *testing.T) {
	t.Parallel()
	m := reviewed(t)
	before := m.read("review.db")
	require.NoError(t, os.Symlink(m.path("review.db"), m.path("link")))
	for name, args := range map[string][]string{
		"the run":        {"--html", m.path("review.db")},
		"a link to it":   {"--csv", m.path("link")},
		"its lock":       {"--json", m.path("review.db.lock")},
		"one file twice": {"--html", m.path("same"), "--csv", m.path("same")},
		"one new file":   {"--html", m.path("new"), "--csv", m.folder + "/./new"},
		"a folder":       {"--html", m.folder},
		"the last one":   {"--html", m.path("first.html"), "--csv", m.path("first.csv"), "--json", m.folder},
		"no such folder": {"--html", m.path("none/a.html")},
	} {
		o := m.run(append([]string{"report", m.path("review.db")}, args...)...)
		assert.Equal(t, 2, o.code, "%s: %s", name, o.err)
	}
	assert.Equal(t, before, m.read("review.db"))
	for _, name := range []string{"same", "new", "first.html", "first.csv"} {
		assert.NoFileExists(t, m.path(name), "nothing is written")
	}
	m.hasNoLeftovers(t)
}

func TestReportOfNothing(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.run("report", m.path("none.db")).fails(t, 2, "none.db")
	m.run("report").fails(t, 2, "expected FILE")
	assert.NoFileExists(t, m.path("none.html"))
}

// A report that cannot be written whole leaves the one before as it was.
func TestReportThatFails(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("a.html", "an older report")
	err := writeFile(m.path("a.html"), func(io.Writer) error { return fs.ErrInvalid })
	require.ErrorIs(t, err, fs.ErrInvalid)
	assert.Equal(t, "an older report", m.read("a.html"))
	m.hasNoLeftovers(t)
}

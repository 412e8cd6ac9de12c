package cli

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The JSON of each command is that of its file in testdata, but for times, addresses and paths.
func TestJSONWords(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	runs := []struct {
		name string
		args []string
	}{
		{"plan", []string{"offboard", "--run", m.path("run.db"), "ann@example.com", "--json", "--dry-run"}},
		{"result", []string{"offboard", "--run", m.path("run.db"), "ann@example.com", "--json", "--yes"}},
		{"status", []string{"status", m.path("run.db"), "--json"}},
		{"report", []string{"report", m.path("run.db"), "--json", m.path("report.json")}},
		{"revocation-plan", []string{"tokens", "revoke", "bob@example.com", calendar, "oarbob1", "--json", "--dry-run"}},
		{"error", []string{"status", m.path("none.db"), "--json"}},
		{"doctor", []string{"doctor", "--json"}},
	}
	for _, c := range runs {
		o := m.run(c.args...)
		text := o.out
		switch c.name {
		case "error":
			text = o.err
		case "report":
			text = m.read("report.json")
		}
		require.NotEmpty(t, decode(t, text), "%s: %s", c.name, o.err)
		golden := filepath.Join("testdata", c.name+".json")
		text = m.neutral(text)
		if *update {
			require.NoError(t, os.WriteFile(golden, []byte(text), 0o600))
		}
		want, err := os.ReadFile(golden) //nolint:gosec // a file of the test
		require.NoError(t, err)
		assert.Equal(t, string(want), text, "%s; -update writes the golden files anew", c.name)
	}
}

// neutral is JSON without what differs from run to run.
func (m *machine) neutral(text string) string {
	text = strings.NewReplacer(m.folder, "FOLDER", m.host(), "ORG").Replace(text)
	text = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[^"]*"`).ReplaceAllString(text, `"TIME"`)
	text = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d UTC`).ReplaceAllString(text, "TIME")
	return regexp.MustCompile(`"(seconds|remaining)":[0-9.e-]+`).ReplaceAllString(text, `"$1":0`)
}

// Under --json an error is one object, on standard error: standard output has results only.
func TestErrorsAsJSON(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args  []string
		class string
		code  float64
	}{
		"command line":  {[]string{"grants", "list", "--json"}, "usage", 2},
		"unknown flag":  {[]string{"grants", "list", "--jsn", "a", "--json"}, "usage", 2},
		"not found":     {[]string{"grants", "list", "00unone", "--json"}, "not_found", 1},
		"missing run":   {[]string{"review", "--json"}, "usage", 2},
		"two formats":   {[]string{"grants", "list", "a", "--json", "--csv"}, "usage", 2},
		"broken server": {[]string{"grants", "list", "00ubroken", "--json"}, "server", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			if name == "broken server" {
				m.org.Next(oktatest.Reply(500, nil, ""))
			}
			o := m.run(c.args...)
			assert.Empty(t, o.out)
			errs := decode(t, o.err)
			require.Len(t, errs, 1, o.err)
			assert.Equal(t, "error", errs[0]["type"])
			assert.Equal(t, c.class, errs[0]["class"], o.err)
			assert.InDelta(t, c.code, errs[0]["exitCode"], 0)
			assert.EqualValues(t, o.code, errs[0]["exitCode"])
			assert.NotEmpty(t, errs[0]["error"])
		})
	}
	for _, args := range [][]string{
		{"grants", "list"}, {"grants", "list", "--json=false"}, {"grants", "list", "--", "--json", "a"}, {"report", "none.db", "--json", "a"},
	} {
		o := newMachine(t).run(args...)
		assert.True(t, strings.HasPrefix(o.err, "oktagrants: "), "%v: %s", args, o.err)
	}
}

// The class of what stopped a run is kept, and an address in an error has no password.
func TestErrorObjectOfAStoppedRun(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.org.Next(oktatest.Reply(401, nil, ""))
	o := m.run("review", "--run", m.path("run.db"), "--json", "--quiet")
	assert.Equal(t, "authentication", decode(t, o.err)[0]["class"], o.err)

	o = m.run("status", "postgres://ann:hunter2@127.0.0.1:1/x#y", "--json")
	assert.NotContains(t, o.err, "hunter2")
	c := &cli{args: []string{"postgres://ann:hunter2@db/x"}, out: io.Discard}
	assert.NotContains(t, c.newErrorObject(errors.New("at postgres://ann:hunter2@db/x")).Error, "hunter2")
}

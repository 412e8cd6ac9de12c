package cli

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var revokeAll = []string{"grants", "revoke-all", "ann@example.com"}

func TestPlanAlone(t *testing.T) {
	t.Parallel()
	want := func(m *machine) string {
		return "Would revoke all grants of the user ann@example.com (00uann) in " + m.host() + ".\n"
	}
	for name, c := range map[string]struct {
		args []string
		code int
	}{"not a terminal": {revokeAll, 2}, "dry run": {append(revokeAll, "--dry-run"), 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			o := m.run(c.args...)
			o.fails(t, c.code)
			assert.Equal(t, want(m), o.out)
			assert.Contains(t, o.err, "nothing was revoked")
			assert.Contains(t, o.err, "--yes")
			assert.Equal(t, 1, lineCount(o.err))
			assert.Zero(t, m.count(http.MethodDelete))
		})
	}
	t.Run("dry run on a terminal", func(t *testing.T) {
		t.Parallel()
		m := newMachine(t)
		m.onTerminal(m.host() + "\n").run(append(revokeAll, "--dry-run")...).succeeds(t)
		assert.Zero(t, m.count(http.MethodDelete))
	})
	t.Run("half a terminal", func(t *testing.T) {
		t.Parallel()
		m := newMachine(t)
		m.onTerminal(m.host() + "\n").env.TerminalErr = false
		m.run(revokeAll...).fails(t, 2, "not a terminal")
		assert.Zero(t, m.count(http.MethodDelete), "nobody has seen the question")
	})
}

func TestPlanAsJSON(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	o := m.run("tokens", "revoke", "ann@example.com", calendar, "oarann1", "--json", "--dry-run")
	o.succeeds(t)
	want := map[string]any{
		"org": m.host(), "what": "the refresh token oarann1", "user": ann, "login": "ann@example.com",
		"client": calendar, "token": "oarann1", "type": "revocation-plan", "version": 1.0,
	}
	assert.Equal(t, []map[string]any{want}, decode(t, o.out))

	o = m.run("tokens", "revoke", "ann@example.com", calendar, "oarann1", "--json", "--yes")
	o.succeeds(t)
	want["type"] = "revocation"
	assert.Equal(t, []map[string]any{want}, decode(t, o.out))
}

func TestYes(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	o := m.run(append(revokeAll, "--yes")...)
	o.succeeds(t)
	assert.Contains(t, o.err, "This revokes all grants of the user ann@example.com", "the plan comes first")
	assert.Contains(t, o.out, "Revoked all grants of the user ann@example.com")
	assert.Equal(t, 1, m.count(http.MethodDelete))
}

func TestTypedName(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	o := m.onTerminal(m.host() + "\r\n").run(revokeAll...)
	o.succeeds(t)
	assert.Contains(t, o.err, "Type "+m.host()+" to revoke this: ")
	assert.Equal(t, 1, m.count(http.MethodDelete))
}

func TestTypedSomethingElse(t *testing.T) {
	t.Parallel()
	for typed, says := range map[string]string{
		"yes\n":               `"yes" was typed`,
		"\n":                  `"" was typed`,
		"":                    `"" was typed`,
		"other.okta.example":  "other.okta.example",
		"\x1b[A\u202e.okta\n": "was typed",
	} {
		m := newMachine(t)
		o := m.onTerminal(typed).run(revokeAll...)
		assert.Equal(t, 3, o.code)
		assert.Contains(t, o.err, "oktagrants: nothing was revoked: ")
		assert.Contains(t, o.err, says)
		assert.NotContains(t, o.err, "\x1b[A")
		assert.Zero(t, m.count(http.MethodDelete))
	}
}

// neverTyped is a terminal at which nobody types.
type neverTyped struct{ asked chan struct{} }

func (n neverTyped) Read([]byte) (int, error) {
	close(n.asked)
	select {}
}

var _ io.Reader = neverTyped{}

func TestInterruptAtTheQuestion(t *testing.T) {
	t.Parallel()
	m := newMachine(t).onTerminal("")
	asked := make(chan struct{})
	m.stdin = neverTyped{asked}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	m.runIn(ctx, revokeAll...).fails(t, 3, "oktagrants: interrupted; nothing was revoked")
	assert.Zero(t, m.count(http.MethodDelete))
}

func TestYesAndDryRun(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.run(append(revokeAll, "--yes", "--dry-run")...).fails(t, 2, "dry-run", "yes")
	assert.Empty(t, m.requests())
}

func TestEmptyClientIsNotAllClients(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.run(append(revokeAll, "--client", "", "--yes")...).fails(t, 2, "--client is empty")
	assert.Empty(t, m.requests())
}

// A revoke that cannot be shown must not look like one that failed.
func TestRevokeThatCannotBeShown(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	broken, writer := io.Pipe()
	require.NoError(t, broken.Close())
	var stderr lockedBuffer
	code := Main(t.Context(), append(revokeAll, "--yes"), m.stdin, writer, &stderr, m.env)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr.String(), "it was revoked, but that cannot be shown")
	assert.Equal(t, 1, m.count(http.MethodDelete))
}

// An empty variable of a script must not make a command one for all.
func TestEmptyFlags(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	run := m.path("run.db")
	for flag, args := range map[string][]string{
		"search": {"review", "--run", run},
		"group":  {"review", "--run", run},
		"from":   {"review", "--run", run},
		"client": {"grants", "list", ann},
		"scope":  {"grants", "list", ann},
	} {
		m.run(append(args, "--"+flag, "")...).fails(t, 2, "--"+flag+" is empty")
	}
	m.run("offboard", "--run", run, ann, "--from", "", "--yes").fails(t, 2, "--from is empty")
	assert.Empty(t, m.requests())
	assert.NoFileExists(t, run)
}

func TestRevokeThatFails(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	o := m.run("grants", "revoke", ann, "oagnone", "--yes")
	o.fails(t, 1, "404")
	assert.NotContains(t, o.out, "Revoked")
	assert.True(t, strings.HasPrefix(o.err, "This revokes the grant oagnone"), o.err)
}

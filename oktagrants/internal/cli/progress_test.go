package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/run"
)

var working = run.Progress{
	Phase: ledger.Working, Done: 1234, Total: 20_000, Failed: 3, Left: 1, Calls: 5000, PerMinute: 35_400, Share: 0.594,
	Remaining: 80*time.Second + time.Millisecond,
}

func TestProgressText(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "working: 1,234 of 20,000 (6%), 35,400 calls a minute, 59% of the limit, 3 failed, 1 not verified, "+
		"1m20s left", progressText(working))
	assert.Equal(t, "listing: 400 so far, 60 calls a minute", progressText(run.Progress{
		Phase: ledger.Listing, Done: 400, PerMinute: 60,
	}))
	assert.Equal(t, "beginning", progressText(run.Progress{}))
}

// shown is what a progress has written after some ticks.
func shown(ticks int, width func() int) string {
	var out lockedBuffer
	p := &progress{
		out: &out, width: width, current: func() run.Progress { return working },
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	tick := make(chan time.Time)
	go func() {
		p.show(tick)
		close(p.stopped)
	}()
	for range ticks {
		tick <- time.Time{}
	}
	p.end()
	return out.String()
}

func TestProgressOnTerminal(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "\rworking: 1,234 of 2\x1b[K\rworking: 1,234 of 2\x1b[K\r\x1b[K", shown(2, func() int { return 20 }),
		"one line, which is as wide as the terminal at most, and is cleared")
	assert.Contains(t, shown(1, func() int { return 0 }), "1m20s left", "a terminal of unknown width")
}

func TestProgressWithoutTerminal(t *testing.T) {
	t.Parallel()
	line := progressText(working) + "\n"
	assert.Equal(t, line+line, shown(2, nil))
	assert.Empty(t, shown(0, nil))
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "less than a second", time.Second: "1 second", 59 * time.Second: "59 seconds", 90 * time.Second: "2 minutes",
		34 * time.Minute: "34 minutes", 28 * time.Hour: "28.0 hours",
	} {
		assert.Equal(t, want, duration(d))
	}
}

func TestShellQuoted(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"a.db": "a.db", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "ann@example.com": "ann@example.com",
	} {
		assert.Equal(t, want, shellQuoted(word))
	}
}

func TestShownTarget(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a.db", shownTarget("a.db"))
	assert.Equal(t, "postgres://user:xxxxx@host/db#run", shownTarget("postgres://user:secret@host/db#run"))
	assert.Equal(t, "postgres://host/db?password=xxxxx&sslmode=disable&sslpassword=xxxxx",
		shownTarget("postgres://host/db?sslmode=disable&pass%77ord=secret&sslpassword=secret"))
	assert.Equal(t, "the database", shownTarget("postgres://user:secret@host:port/%zz"))
}

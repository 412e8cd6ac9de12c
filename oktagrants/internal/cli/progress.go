package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/report"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

const (
	redraw = 200 * time.Millisecond // of the line on a terminal
	repeat = 30 * time.Second       // of a line elsewhere
)

// progress shows how far a run is.
type progress struct {
	out     io.Writer
	width   func() int // of the terminal; nil where there is none
	current func() run.Progress
	stop    chan struct{}
	stopped chan struct{}
}

// follow shows the progress of a run until its stop method is called.
func (c *cli) follow(quiet bool, current func() run.Progress) *progress {
	p := &progress{out: c.err, current: current, stop: make(chan struct{}), stopped: make(chan struct{})}
	every := repeat
	if c.env.TerminalErr {
		p.width, every = c.env.Width, redraw
	}
	if quiet {
		p.out = io.Discard
	}
	ticker := time.NewTicker(every)
	go func() {
		defer close(p.stopped)
		defer ticker.Stop()
		p.show(ticker.C)
	}()
	return p
}

// end stops showing progress.
func (p *progress) end() {
	close(p.stop)
	<-p.stopped
}

func (p *progress) show(ticks <-chan time.Time) {
	for {
		select {
		case <-ticks:
			p.line()
		case <-p.stop:
			if p.width != nil {
				_, _ = io.WriteString(p.out, "\r\x1b[K")
			}
			return
		}
	}
}

func (p *progress) line() {
	text := progressText(p.current())
	if p.width == nil {
		_, _ = fmt.Fprintln(p.out, text)
		return
	}
	if most := p.width() - 1; most > 0 && len(text) > most {
		text = text[:most]
	}
	_, _ = io.WriteString(p.out, "\r"+text+"\x1b[K")
}

// sayOutage says that a run waits for Okta, and that it goes on: once for each outage, even without progress.
func (c *cli) sayOutage() func(steps.Outage) {
	var said time.Time
	return func(outage steps.Outage) {
		switch {
		case outage.Over:
			c.say("Okta responds again, after %s: going on", duration(time.Since(outage.Since)))
		case !said.Equal(outage.Since):
			said = outage.Since
			c.say("paused: Okta does not respond (%s); it is tried again at least each minute, for up to %.0f hours, and "+
				"nothing is lost; interrupt to stop", report.Visible(outage.Err.Error()), steps.MaxOutage.Hours())
		}
	}
}

// progressText is one line in ASCII.
func progressText(p run.Progress) string {
	if p.Phase == "" {
		return "beginning"
	}
	parts := []string{fmt.Sprintf("%s: %s", p.Phase, count(p.Done))}
	if p.Total > 0 {
		parts[0] += fmt.Sprintf(" of %s (%d%%)", count(p.Total), 100*p.Done/p.Total)
	}
	if p.Phase == ledger.Listing {
		parts[0] += " so far"
	}
	if !p.Paused.IsZero() {
		parts = append(parts, "paused since "+p.Paused.UTC().Format("15:04 MST")+": Okta does not respond")
	}
	parts = append(parts, count(int(p.PerMinute))+" calls a minute")
	if p.Share > 0 {
		parts = append(parts, fmt.Sprintf("%.0f%% of the limit", 100*p.Share))
	}
	if p.Failed > 0 {
		parts = append(parts, count(p.Failed)+" failed")
	}
	if p.Left > 0 {
		parts = append(parts, count(p.Left)+" not verified")
	}
	if p.Remaining > 0 {
		parts = append(parts, p.Remaining.Round(time.Second).String()+" left")
	}
	return strings.Join(parts, ", ")
}

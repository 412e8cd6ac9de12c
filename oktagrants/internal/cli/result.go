package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/report"
)

// result is what came of a run so far, as --json writes it.
type result struct {
	Kind       ledger.Kind               `json:"kind"`
	Org        string                    `json:"org"`
	Ledger     string                    `json:"run"`
	Phase      ledger.Phase              `json:"phase"`
	Stop       string                    `json:"stop,omitempty"` // why the last process stopped before the end
	Began      time.Time                 `json:"began"`
	Ended      time.Time                 `json:"ended,omitzero"`
	Tasks      map[string]map[string]int `json:"tasks"` // by kind and state
	Duplicates int                       `json:"duplicates"`
	Again      int                       `json:"again"`   // tasks that were begun more than once
	Classes    map[string]int            `json:"classes"` // of errors
	Grants     int                       `json:"grants"`  // found
	Tokens     int                       `json:"tokens"`  // found
	Revoked    map[string]int            `json:"revoked"`
	Calls      int                       `json:"calls,omitempty"`   // by this process
	Seconds    float64                   `json:"seconds,omitempty"` // of this process
	Paused     float64                   `json:"paused,omitempty"`  // of these, how many it has waited for Okta
	Blind      []string                  `json:"blind"`             // what the run cannot see
	Report     string                    `json:"report,omitempty"`
}

var stateNames = map[ledger.State]string{
	ledger.Pending:  "pending",
	ledger.Started:  "started",
	ledger.Done:     "done",
	ledger.Failed:   "failed",
	ledger.Verified: "verified",
	ledger.Left:     "left",
	ledger.Gone:     "gone",
}

func newResult(path string, r ledger.Run, counts ledger.Counts) *result {
	tasks := map[string]map[string]int{}
	for kind, states := range counts.Tasks {
		named := map[string]int{}
		for state, n := range states {
			if n > 0 {
				named[stateNames[state]] = n
			}
		}
		tasks[string(kind)] = named
	}
	return &result{
		Kind: r.Kind, Org: r.Org, Ledger: shownTarget(path), Phase: r.Phase, Stop: r.Stop, Began: r.Created, Ended: r.Ended,
		Tasks: tasks, Duplicates: counts.Duplicates, Again: counts.Again, Classes: orEmpty(counts.Classes),
		Grants: counts.Grants, Tokens: counts.Tokens, Revoked: orEmpty(counts.Revoked),
	}
}

// orEmpty makes JSON have {} for none.
func orEmpty(counts map[string]int) map[string]int {
	if counts == nil {
		return map[string]int{}
	}
	return counts
}

func (r *result) write(out io.Writer, asJSON bool) error {
	if asJSON {
		return writeJSON(out, r)
	}
	title := fmt.Sprintf("%s in %s: %s", r.Kind, r.Org, r.Phase)
	if r.Phase != ledger.Ended {
		title += ", incomplete"
	}
	if err := writeFacts(out, title, r.facts()); err != nil {
		return err
	}
	var text strings.Builder
	text.WriteString("Not seen or not revoked:\n")
	for _, sentence := range r.Blind {
		text.WriteString("  - " + report.Visible(sentence) + "\n")
	}
	if r.Report != "" {
		text.WriteString("Report:\n" + r.Report + "\n")
	} else {
		text.WriteString("Report: oktagrants report " + shellQuoted(r.Ledger) + "\n")
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func (r *result) facts() []fact {
	var facts []fact
	for _, kind := range []ledger.TaskKind{ledger.User, ledger.App, ledger.Server} {
		if states := r.Tasks[string(kind)]; len(states) > 0 {
			facts = append(facts, fact{kindNames[kind], numbers(forPeople(states))})
		}
	}
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, fact{name, value})
		}
	}
	if r.Kind == ledger.Review {
		add("Found", plural(r.Grants, "grant")+", "+plural(r.Tokens, "refresh token"))
	}
	add("Revoked", times(r.Revoked))
	add("Errors", numbers(r.Classes))
	if r.Duplicates > 0 {
		add("Duplicates", plural(r.Duplicates, "user")+" given more than once")
	}
	if r.Again > 0 {
		add("Again", plural(r.Again, "task")+" begun more than once")
	}
	add("Stopped", r.Stop)
	if r.Seconds > 0 {
		took := time.Duration(r.Seconds * float64(time.Second))
		add("Calls", fmt.Sprintf("%s in %s", count(r.Calls), duration(took)))
	}
	if paused := time.Duration(r.Paused * float64(time.Second)); paused > 0 {
		add("Paused", duration(paused)+", while Okta did not respond")
	}
	add("Began", r.Began.UTC().Format(minute))
	if !r.Ended.IsZero() {
		add("Ended", r.Ended.UTC().Format(minute))
	}
	add("Ledger", r.Ledger)
	return facts
}

// forPeople gives states names that say more.
func forPeople(states map[string]int) map[string]int {
	named := map[string]int{}
	for state, n := range states {
		switch state {
		case stateNames[ledger.Pending]:
			state = "not begun"
		case stateNames[ledger.Started]:
			state = "with unknown outcome"
		case stateNames[ledger.Gone]:
			state = "gone (deleted meanwhile)"
		}
		named[state] = n
	}
	return named
}

var kindNames = map[ledger.TaskKind]string{ledger.User: "Users", ledger.App: "Apps", ledger.Server: "Servers"}

// times writes counts as "grants (69 times), tokens (1 time)".
func times(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s (%s)", name, plural(counts[name], "time")))
	}
	return strings.Join(parts, ", ")
}

// numbers writes counts as "3 done, 2 failed".
func numbers(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if counts[name] > 0 {
			parts = append(parts, count(counts[name])+" "+name)
		}
	}
	return strings.Join(parts, ", ")
}

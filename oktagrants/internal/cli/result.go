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
	object

	Kind        ledger.Kind               `json:"job"`
	Org         string                    `json:"org"`
	Ledger      string                    `json:"run"`
	Phase       ledger.Phase              `json:"phase"`
	Stop        string                    `json:"stop,omitempty"` // why the last process stopped before the end
	Created     time.Time                 `json:"created"`
	Ended       time.Time                 `json:"ended,omitzero"`
	Tasks       map[string]map[string]int `json:"tasks"` // by kind and state
	Duplicates  int                       `json:"duplicates"`
	Again       int                       `json:"again"`     // tasks that were begun more than once
	Classes     map[string]int            `json:"classes"`   // of errors
	NotRead     map[string]int            `json:"notRead"`   // tasks of a review that are not read, by kind
	Grants      *int                      `json:"grants"`    // found; null if none were read
	Tokens      *int                      `json:"tokens"`    // found; null if none were read
	NotJudged   int                       `json:"notJudged"` // of the grants: the name of their scope is not known
	Revoked     map[string]int            `json:"revoked"`
	Calls       int                       `json:"calls,omitempty"`          // by this process
	Seconds     float64                   `json:"seconds,omitempty"`        // of this process
	Paused      float64                   `json:"paused,omitempty"`         // of these, how many it has waited for Okta
	Limitations []string                  `json:"limitations"`              // what the run cannot see or revoke
	Ignored     []string                  `json:"ignoredColumns,omitempty"` // of the list of users
	Report      string                    `json:"report,omitempty"`
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
	found := foundIn(r, counts)
	return &result{
		object: newObject("result"),
		Kind:   r.Kind, Org: r.Org, Ledger: shownTarget(path), Phase: r.Phase, Stop: r.Stop, Created: r.Created, Ended: r.Ended,
		Tasks: tasks, Duplicates: counts.Duplicates, Again: counts.Again, Classes: orEmpty(counts.Classes),
		NotRead: found.notRead, Grants: found.grants, Tokens: found.tokens, NotJudged: counts.NotJudged, Revoked: orEmpty(counts.Revoked),
	}
}

// found is what a run has read. Its numbers are nil if nothing of their kind was read.
type found struct {
	notRead        map[string]int
	grants, tokens *int
}

func foundIn(r ledger.Run, counts ledger.Counts) found {
	f := found{notRead: map[string]int{}}
	if r.Kind != ledger.Review {
		return f
	}
	read := map[ledger.TaskKind]bool{}
	for kind, states := range counts.Tasks {
		for state, n := range states {
			switch {
			case n == 0:
			case state == ledger.Done:
				read[kind] = true
			default:
				f.notRead[string(kind)] += n
			}
		}
	}
	if read[ledger.User] {
		f.grants = &counts.Grants
	}
	if read[ledger.App] || read[ledger.Server] {
		f.tokens = &counts.Tokens
	}
	return f
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
	text.WriteString("Limitations:\n")
	for _, sentence := range r.Limitations {
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
			facts = append(facts, fact{kindNames[kind], numbers(forPeople(r.Kind, states))})
		} else if kind == ledger.User && r.Phase != ledger.Listing {
			facts = append(facts, fact{kindNames[kind], "0: there are none to deal with"})
		}
	}
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, fact{name, value})
		}
	}
	if r.Kind == ledger.Review {
		add("Found", quantity(r.Grants, "grant")+", "+quantity(r.Tokens, "refresh token"))
		add("Not read", kinds(r.NotRead))
	}
	if r.NotJudged > 0 {
		add("Not judged", plural(r.NotJudged, "grant")+": the names of their scopes are not known, which takes the scope "+
			"okta.authorizationServers.read")
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
	add("Began", r.Created.UTC().Format(minute))
	if !r.Ended.IsZero() {
		add("Ended", r.Ended.UTC().Format(minute))
	}
	add("Ledger", r.Ledger)
	return facts
}

// kinds writes numbers of tasks as "2 users, 1 app".
func kinds(counts map[string]int) string {
	var parts []string
	for _, kind := range []ledger.TaskKind{ledger.User, ledger.App, ledger.Server} {
		if n := counts[string(kind)]; n > 0 {
			parts = append(parts, plural(n, string(kind)))
		}
	}
	return strings.Join(parts, ", ")
}

// quantity is a number of what was found. Nil stands for what was not read.
func quantity(n *int, noun string) string {
	if n == nil {
		return noun + "s not read"
	}
	return plural(*n, noun)
}

// forPeople gives states names that say more.
func forPeople(kind ledger.Kind, states map[string]int) map[string]int {
	named := map[string]int{}
	for state, n := range states {
		switch state {
		case stateNames[ledger.Pending]:
			state = "not begun"
		case stateNames[ledger.Started]:
			state = "with unknown outcome"
		case stateNames[ledger.Done]:
			if kind != ledger.Review {
				state = "done and not verified yet"
			}
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

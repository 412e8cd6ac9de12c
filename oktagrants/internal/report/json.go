package report

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// JSONVersion is the version of the words in the JSON of the command. It grows when one of them changes its meaning.
const JSONVersion = 1

// The lines of the JSON, each with its type.
type runLine struct {
	Type      string          `json:"type"` // run
	Version   int             `json:"version"`
	Name      string          `json:"name"`
	Job       ledger.Kind     `json:"job"`
	Org       string          `json:"org"`
	Arguments json.RawMessage `json:"arguments"`
	Phase     ledger.Phase    `json:"phase"`
	Created   time.Time       `json:"created,omitzero"`
	Ended     time.Time       `json:"ended,omitzero"`
	Stop      string          `json:"stop,omitempty"`
}

type taskLine struct {
	Type     string           `json:"type"` // task
	Version  int              `json:"version"`
	Seq      int64            `json:"seq"`
	Kind     ledger.TaskKind  `json:"kind"`
	ID       string           `json:"id,omitempty"`
	Given    string           `json:"given,omitempty"`
	Login    string           `json:"login,omitempty"`
	Client   string           `json:"client,omitempty"` // the client ID of an app
	Name     string           `json:"name,omitempty"`
	Status   string           `json:"status,omitempty"`
	State    string           `json:"state"`
	Tries    int              `json:"tries"`
	Found    []ledger.Access  `json:"found,omitempty"`
	Revoked  []ledger.Revoked `json:"revoked,omitempty"`
	Class    string           `json:"class,omitempty"`
	Error    string           `json:"error,omitempty"`
	Began    time.Time        `json:"began,omitzero"`
	Finished time.Time        `json:"finished,omitzero"`
	Checked  time.Time        `json:"checked,omitzero"`
}

type tokenLine struct {
	Type    string `json:"type"` // token
	Version int    `json:"version"`
	ledger.Access
}

type endLine struct {
	Type       string                             `json:"type"` // end
	Version    int                                `json:"version"`
	Tasks      int                                `json:"tasks"`      // lines
	Tokens     *int                               `json:"tokens"`     // lines; null if they were not read
	States     map[ledger.TaskKind]map[string]int `json:"states"`     // tasks, as the ledger counts them
	Duplicates int                                `json:"duplicates"` // tasks that are not in States
	Classes    map[string]int                     `json:"classes"`    // tasks that failed or are left
	Again      int                                `json:"again"`      // tasks that began more than once
	Grants     *int                               `json:"grants"`     // found; null if they were not read
	NotJudged  int                                `json:"notJudged"`  // grants whose scope has no known name
	Revoked    map[string]int                     `json:"revoked"`
}

// JSON writes a run as JSON lines: one for the run, one for each task and refresh token, and one of type end, which has
// the counts. A file without that line was cut.
func JSON(ctx context.Context, w io.Writer, source Source) error {
	run, err := source.Run(ctx)
	if err != nil {
		return fmt.Errorf("read the run: %w", err)
	}
	buffered := bufio.NewWriter(w)
	if err := writeLines(ctx, buffered, run, source); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write the JSON: %w", err)
	}
	return nil
}

func writeLines(ctx context.Context, lines io.Writer, run ledger.Run, source Source) error {
	if err := writeLine(lines, newRunLine(run)); err != nil {
		return err
	}
	end, tokens := endLine{Type: "end", Version: JSONVersion}, 0
	for task, err := range source.Tasks(ctx) {
		if err != nil {
			return fmt.Errorf("read the tasks: %w", err)
		}
		if err := writeLine(lines, newTaskLine(task)); err != nil {
			return err
		}
		end.Tasks++
	}
	for token, err := range source.Tokens(ctx) {
		if err != nil {
			return fmt.Errorf("read the tokens: %w", err)
		}
		if err := writeLine(lines, tokenLine{"token", JSONVersion, token}); err != nil {
			return err
		}
		tokens++
	}
	counts, err := source.Counts(ctx)
	if err != nil {
		return fmt.Errorf("read the counts: %w", err)
	}
	args, err := parseArguments(run)
	if err != nil {
		return fmt.Errorf("read the arguments of the run: %w", err)
	}
	end.Tokens = read(tokens, run.Kind == ledger.Review && args.Tokens)
	end.Grants = read(counts.Grants, run.Kind == ledger.Review)
	return writeLine(lines, end.with(counts))
}

// read is a number of what was found, and nil for what the run does not read.
func read(n int, asked bool) *int {
	if n == 0 && !asked {
		return nil
	}
	return &n
}

func writeLine(lines io.Writer, line any) error {
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("write the JSON: %w", err)
	}
	if _, err := lines.Write(append(EscapedJSON(text), '\n')); err != nil {
		return fmt.Errorf("write the JSON: %w", err)
	}
	return nil
}

func newRunLine(run ledger.Run) runLine {
	return runLine{
		Type: "run", Version: JSONVersion, Name: runName(run), Job: run.Kind, Org: run.Org,
		Arguments: json.RawMessage(cmp.Or(run.Arguments, "{}")),
		Phase:     run.Phase, Created: run.Created, Ended: run.Ended, Stop: run.Stop,
	}
}

func newTaskLine(task ledger.Task) taskLine {
	line := taskLine{
		Type: "task", Version: JSONVersion, Seq: task.Seq, Kind: task.Kind, ID: task.ID, Given: task.Given, Login: task.Login, Name: task.Name,
		Status: task.Status, State: stateNames[task.State], Tries: task.Tries, Found: task.Found, Revoked: task.Revoked,
		Class: task.Class, Error: task.Error, Began: task.Began, Finished: task.Finished, Checked: task.Checked,
	}
	if task.Kind == ledger.App {
		line.Login, line.Client = "", task.ClientID()
	}
	return line
}

// with adds what the ledger counts.
func (end endLine) with(counts ledger.Counts) endLine {
	end.States = map[ledger.TaskKind]map[string]int{}
	for kind, states := range counts.Tasks {
		end.States[kind] = map[string]int{}
		for state, n := range states {
			end.States[kind][stateNames[state]] = n
		}
	}
	end.Duplicates, end.Again, end.NotJudged = counts.Duplicates, counts.Again, counts.NotJudged
	end.Classes, end.Revoked = counts.Classes, counts.Revoked
	return end
}

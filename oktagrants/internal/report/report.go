// Package report writes what the ledger has of a run: [HTML] for people, [CSV] for spreadsheets, [JSON] for programs.
//
// Names of users, apps and scopes are hostile: anyone who may register an app chooses some of them. They are shown, and
// never run.
package report

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"strconv"
	"time"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// Source is the part of a ledger that a report reads. Tasks and Tokens may be read more than once.
type Source interface {
	Run(ctx context.Context) (ledger.Run, error)
	Counts(ctx context.Context) (ledger.Counts, error)
	Tasks(ctx context.Context, states ...ledger.State) iter.Seq2[ledger.Task, error]
	Tokens(ctx context.Context) iter.Seq2[ledger.Access, error]
}

var stateNames = map[ledger.State]string{
	ledger.Pending:  "pending",
	ledger.Started:  "started",
	ledger.Done:     "done",
	ledger.Failed:   "failed",
	ledger.Verified: "verified",
	ledger.Left:     "left",
	ledger.Gone:     "gone",
	ledger.Same:     "same",
}

// unfinished reports whether a task has no outcome yet.
func unfinished(task ledger.Task) bool {
	return task.State == ledger.Pending || task.State == ledger.Started
}

// failed reports whether a task ended with a problem.
func failed(task ledger.Task) bool {
	unverified := task.State == ledger.Done && task.Error != ""
	return unverified || task.State == ledger.Failed || task.State == ledger.Left
}

// runName is the name of a run, or its number in a file, where runs have none.
func runName(run ledger.Run) string {
	return cmp.Or(run.Name, strconv.FormatInt(run.ID, 10))
}

// arguments are those of a run that change what its report says.
type arguments struct {
	Tokens     bool   `json:"tokens"`     // a review reads refresh tokens, too
	Client     string `json:"client"`     // the app of a revoke-app
	Deactivate bool   `json:"deactivate"` // a revoke-app deactivates the app
}

func parseArguments(run ledger.Run) (arguments, error) {
	var parsed arguments
	err := json.Unmarshal([]byte(cmp.Or(run.Arguments, "{}")), &parsed)
	return parsed, err
}

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// Package ledger keeps the record of runs: what each is to do, for whom, what it found, what it revoked, and what
// went wrong. A record survives the death of the process that writes it.
package ledger

import (
	"cmp"
	"time"
)

// Kind is what a run does.
type Kind string

// The kinds.
const (
	Review    Kind = "review"
	Offboard  Kind = "offboard"
	RevokeApp Kind = "revoke-app"
)

// Phase is how far a run is.
type Phase string

// The phases, in their order. A run that revokes nothing goes from Working to Ended.
const (
	Listing   Phase = "listing"   // its tasks are being read from the org or from a file
	Planned   Phase = "planned"   // its tasks are fixed, and nothing has been done
	Working   Phase = "working"   // its tasks are being done
	Verifying Phase = "verifying" // what was done is being verified
	Ended     Phase = "ended"     // nothing is left to do, but for tasks that failed
)

// Run is one run of a job.
type Run struct {
	ID        int64
	Name      string // empty in a file, which has one run
	Kind      Kind
	Org       string // the org's URL
	Arguments string // a JSON object: what the caller asked for, as far as it decides what is done
	Phase     Phase
	Cursor    string // where the list of its tasks is read on; its meaning is the job's
	Listed    bool   // the list of its tasks is complete
	Created   time.Time
	Ended     time.Time // zero before
	Stop      string    // why the last process stopped before the end, empty for none

	Replaced *MismatchError // of [Ledger.Begin]: how the run differs from the one whose list it has replaced; nil for none
}

// TaskKind is what a task is about.
type TaskKind string

// The kinds of tasks.
const (
	User   TaskKind = "user"
	App    TaskKind = "app"
	Server TaskKind = "server" // a custom authorization server
)

// State is the state of a task.
type State int

// The states. A task that failed, or was Started by a process that died, is done again by the next one.
const (
	Pending  State = iota // nothing was done
	Started               // the intent to revoke is on record, the outcome is not
	Done                  // its step succeeded; if it has an Error, the read that was to verify it failed
	Failed                // its step failed: Error and Class say why
	Verified              // it was done, and a read afterwards found nothing left
	Left                  // it was done, but a read afterwards found something left: it is done again
	Gone                  // the user, app or authorization server was deleted meanwhile: nothing is left to do
	Same                  // its login turned out to be the user of another task: it is no work, and has no ID
)

// Task is what is to be done for one user, app or authorization server, and what was done.
type Task struct {
	Seq      int64 // its place in the run's list, from 1, with gaps where a task was skipped
	Kind     TaskKind
	ID       string // Okta's; empty while a login is not resolved
	Given    string // as the caller gave it, an ID or a login; empty if it was read from the org
	Login    string // Login, Name and Status as far as they are known; of an app, see Task.ClientID
	Name     string
	Status   string
	State    State
	Tries    int       // how often its step began; above 1, parts of it may have been done twice
	Found    []Access  // what a read found
	Revoked  []Revoked // what was revoked
	Error    string
	Class    string    // the class of Error, see steps.Class
	Began    time.Time // the last time
	Finished time.Time
	Checked  time.Time // when it was verified
}

// ClientID is the client ID of a task's app. It is what the app authenticates with, and kept as its Login. The client ID
// of an app is its ID unless another one was set when the app was made.
func (t *Task) ClientID() string { return cmp.Or(t.Login, t.ID) }

// AccessKind is a kind of access.
type AccessKind string

// The kinds of access.
const (
	Grant  AccessKind = "grant"
	Token  AccessKind = "token"
	Client AccessKind = "client" // an app that has grants or tokens of a user
)

// Access is one grant or refresh token, or an app that has some.
type Access struct {
	Kind       AccessKind `json:"kind"`
	ID         string     `json:"id,omitempty"`
	ClientID   string     `json:"client"`
	ClientName string     `json:"clientName,omitempty"`
	UserID     string     `json:"user,omitempty"` // of tokens; a grant stands with its user's task
	Issuer     string     `json:"issuer,omitempty"`
	Status     string     `json:"status,omitempty"`
	Source     string     `json:"source,omitempty"`
	Scopes     []string   `json:"scopes,omitempty"`     // their names; none if that of a grant's scope is not known
	ScopeID    string     `json:"scopeId,omitempty"`    // of a grant, if it is not the name
	ScopeTitle string     `json:"scopeTitle,omitempty"` // of a grant: what people read in place of the name
	Created    time.Time  `json:"created,omitzero"`
	Updated    time.Time  `json:"updated,omitzero"`
	Expires    time.Time  `json:"expires,omitzero"`
}

// NotJudged reports whether the access is a grant whose scope has no known name: what it permits cannot be judged.
func (a *Access) NotJudged() bool { return a.Kind == Grant && len(a.Scopes) == 0 }

// Labels are what to call the scopes: by name, or else by title, or else by ID.
func (a *Access) Labels() []string {
	if label := cmp.Or(a.ScopeTitle, a.ScopeID); len(a.Scopes) == 0 && label != "" {
		return []string{label}
	}
	return a.Scopes
}

// Revoked is one revoke that succeeded.
type Revoked struct {
	What     string    `json:"what"` // sessions, tokens, grants or app (deactivated)
	ClientID string    `json:"client,omitempty"`
	ServerID string    `json:"server,omitempty"`
	At       time.Time `json:"at"`
}

// Counts says how many tasks of each kind are in each state, and what they found and revoked.
type Counts struct {
	Tasks      map[TaskKind]map[State]int
	Duplicates int            // tasks in the state Same; not in Tasks
	Unresolved int            // tasks in Tasks whose login is not resolved to an ID
	Classes    map[string]int // tasks that failed, are left or could not be verified, by class
	Again      int            // tasks whose step began more than once
	Grants     int            // found
	Tokens     int            // found, see Ledger.AddTokens
	NotJudged  int            // grants found whose scope has no known name, see Access.NotJudged
	Revoked    map[string]int // by Revoked.What
}

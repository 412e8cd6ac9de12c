// Package steps knows what each job does: which tasks it has, what it does for one of them, and how it verifies that.
// Every step may run twice: the second time it finds nothing to do, or reads the same again.
package steps

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/grantkit/okta"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// Arguments are what the caller asked for, as far as it decides what is done. They are the JSON in ledger.Run, whose
// members have the names of the command's flags: the ledger names those that differ.
type Arguments struct {
	Search string   `json:"search,omitempty"` // review: an expression for listUsers
	Group  string   `json:"group,omitempty"`  // review: the ID of a group
	From   string   `json:"from,omitempty"`   // review, offboard: the SHA-256 of the content of a list of users
	Users  []string `json:"user,omitempty"`   // offboard: IDs or logins

	Tokens       bool `json:"tokens,omitempty"`       // review: of refresh tokens, too
	KeepSessions bool `json:"keepSessions,omitempty"` // offboard: without ending the sessions
	Deactivate   bool `json:"deactivate,omitempty"`   // revoke-app: the app, first

	Client  string `json:"client,omitempty"` // revoke-app: the ID of the app, or its client ID
	UsersOf string `json:"users,omitempty"`  // revoke-app: whose consents, default Assigned
	Review  string `json:"review,omitempty"` // revoke-app: the ledger of a review, for Reviewed

	Reviewed time.Time `json:"reviewed,omitzero"` // revoke-app: when that review was begun, see ReadReview
}

// listed reports whether the caller gives the users.
func (a Arguments) listed() bool { return a.From != "" || len(a.Users) > 0 }

// The values of Arguments.UsersOf.
const (
	Assigned = "assigned" // the users who are assigned to the app
	All      = "all"      // all users of the org
	Reviewed = "review"   // the users for whom a review found a consent to the app
)

// Job is what one run does. Its methods may be called concurrently.
type Job struct {
	client *okta.Client
	org    string
	kind   ledger.Kind
	args   Arguments
	input  iter.Seq2[string, error]
	scopes *Scopes
	found  appOnce

	outages *outages
}

// New returns the job of a kind. org is the org's URL. input yields the users of Arguments.From or Users, each an ID or
// a login; it may be read several times, and is nil for the jobs that read their users from the org. An error says
// which argument is wrong.
func New(
	client *okta.Client, org string, kind ledger.Kind, args Arguments, input iter.Seq2[string, error],
) (*Job, error) {
	j := &Job{client: client, org: org, kind: kind, args: args, input: input, outages: newOutages()}
	j.scopes = NewScopes(client)
	j.scopes.call = j.Call
	if kind == ledger.RevokeApp {
		j.args.UsersOf = cmp.Or(args.UsersOf, Assigned)
	}
	if reason := j.wrong(); reason != "" {
		return nil, &fault{ClassInvalid, fmt.Errorf("%s: %s", kind, reason)}
	}
	return j, nil
}

// wrong says what is wrong with the arguments, and nothing if they are right.
func (j *Job) wrong() string {
	args := j.args
	listed := args.listed()
	revokeApp := args.Client != "" || args.UsersOf != "" || args.Review != "" || args.Deactivate
	switch {
	case j.client == nil:
		return "there is no client"
	case listed && j.input == nil:
		return "the list of users is missing"
	case !listed && j.input != nil:
		return "a list of users is given that the arguments do not name"
	case args.From != "" && len(args.Users) > 0:
		return "users are given both by name and in a list: give one of them"
	case j.kind != ledger.RevokeApp && revokeApp:
		return "only revoke-app takes an app"
	case j.kind != ledger.Review && (args.Search != "" || args.Group != "" || args.Tokens):
		return "only review takes a search, a group or tokens"
	case j.kind != ledger.Offboard && args.KeepSessions:
		return "only offboard can keep sessions"
	}
	switch j.kind {
	case ledger.Review:
		return j.wrongReview(listed)
	case ledger.Offboard:
		if !listed {
			return "no users are given"
		}
		return ""
	case ledger.RevokeApp:
		return j.wrongRevokeApp(listed)
	default:
		return "there is no such job"
	}
}

func (j *Job) wrongReview(listed bool) string {
	given := 0
	for _, is := range []bool{j.args.Search != "", j.args.Group != "", listed} {
		if is {
			given++
		}
	}
	if given > 1 {
		return "the users are given more than once: by a search, a group or a list"
	}
	return ""
}

func (j *Job) wrongRevokeApp(listed bool) string {
	usersOf := j.args.UsersOf
	switch {
	case j.args.Client == "":
		return "the ID of the app is missing"
	case listed:
		return "it takes no list of users"
	case usersOf != Assigned && usersOf != All && usersOf != Reviewed:
		return fmt.Sprintf("users of %q: must be %s, %s or %s", usersOf, Assigned, All, Reviewed)
	case (usersOf == Reviewed) != (j.args.Review != ""):
		return "the ledger of a review goes with users of a review, and only with these"
	}
	return ""
}

// Revokes reports whether the job revokes anything. One that does not is not verified either.
func (j *Job) Revokes() bool { return j.kind != ledger.Review }

// Resolves reports whether the job's users are given by the caller, so that they may be logins.
func (j *Job) Resolves() bool { return j.input != nil }

// Tokens takes refresh tokens that a review found: there may be too many of them for one task.
type Tokens func(context.Context, []ledger.Access) error

// Work does what the job does for one task, whose ID must be known. It sets Found, and adds to Revoked what it has
// revoked, even if it fails later on.
func (j *Job) Work(ctx context.Context, task *ledger.Task, tokens Tokens) error {
	switch {
	case task.ID == "":
		return &fault{ClassInvalid, fmt.Errorf("the ID of %q is not known", task.Given)}
	case j.kind == ledger.Review && task.Kind == ledger.User:
		return j.reviewUser(ctx, task)
	case j.kind == ledger.Review && task.Kind == ledger.App:
		return j.reviewApp(ctx, task, tokens)
	case j.kind == ledger.Review && task.Kind == ledger.Server:
		return j.reviewServer(ctx, task, tokens)
	case j.kind == ledger.Offboard && task.Kind == ledger.User:
		return j.offboard(ctx, task)
	case j.kind == ledger.RevokeApp && task.Kind == ledger.App:
		return j.revokeTokens(ctx, task)
	case j.kind == ledger.RevokeApp && task.Kind == ledger.User:
		return j.revokeConsents(ctx, task)
	}
	return j.noSuchTask(task)
}

// Verify reads whether something is left of what the job has revoked for a task. If so, the error matches [ErrLeft].
func (j *Job) Verify(ctx context.Context, task *ledger.Task) error {
	switch {
	case task.ID == "":
		return &fault{ClassInvalid, fmt.Errorf("the ID of %q is not known", task.Given)}
	case j.kind == ledger.Offboard && task.Kind == ledger.User:
		return j.verifyOffboarded(ctx, task)
	case j.kind == ledger.RevokeApp && task.Kind == ledger.App:
		return j.verifyApp(ctx, task)
	case j.kind == ledger.RevokeApp && task.Kind == ledger.User:
		return j.verifyConsents(ctx, task)
	}
	return j.noSuchTask(task)
}

func (j *Job) noSuchTask(task *ledger.Task) error {
	return &fault{ClassInvalid, fmt.Errorf("%s: there is nothing to do for a task of the kind %q", j.kind, task.Kind)}
}

package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// planned is what a run is going to do, as --json writes it.
type planned struct {
	object

	Kind        ledger.Kind    `json:"job"`
	Org         string         `json:"org"`
	Ledger      string         `json:"run"`
	App         string         `json:"app,omitempty"`
	AppName     string         `json:"appName,omitempty"`
	Ignored     []string       `json:"ignoredColumns,omitempty"` // of the list of users
	Client      string         `json:"client,omitempty"`         // the client ID of the app
	Users       int            `json:"users"`
	Unknown     int            `json:"unknown"` // users who do not exist
	Again       int            `json:"again"`   // of these, those who are looked up again
	Revokes     []string       `json:"revokes"` // of each user, but for an app's tokens
	WorkCalls   int            `json:"workCalls"`
	VerifyCalls int            `json:"verifyCalls"`
	Limits      map[string]int `json:"limits,omitempty"`  // calls in a window, by rate limit bucket
	Seconds     float64        `json:"seconds,omitempty"` // that it takes at least
	Listed      time.Time      `json:"listed"`            // when the list of users was begun, or the review that it is taken from
	UsersOf     string         `json:"usersOf,omitempty"` // of an app: assigned, all or review
}

// showPlan shows what a run is going to revoke, and reports whether it may.
func (c *cli) showPlan(ctx context.Context, t *target, j *job, plan *run.Plan) (bool, error) {
	p := newPlanned(t, j, plan)
	var err error
	switch {
	case j.consent.yes:
		_ = p.write(c.err, t.window) // nobody needs to read it
	case c.asks(j.consent):
		err = p.write(c.err, t.window)
	case j.json:
		err = writeJSON(c.out, p)
	default:
		err = p.write(c.out, t.window)
	}
	if err != nil {
		return false, fmt.Errorf("write the plan: %w", err)
	}
	return c.goesAhead(ctx, j.consent, t.host)
}

func newPlanned(t *target, j *job, plan *run.Plan) *planned {
	p := &planned{
		object: newObject("plan"),
		Kind:   j.kind, Org: t.host, Ledger: shownTarget(j.run), Users: plan.Users(), Unknown: plan.Unknown(), Again: plan.Again,
		Revokes: revokes(j.kind, j.args), WorkCalls: plan.Work.Total(), VerifyCalls: plan.Verify.Total(),
		Limits: plan.Limits, Seconds: plan.Duration.Seconds(), Listed: plan.Run.Created, Ignored: j.ignored,
	}
	if j.kind == ledger.RevokeApp {
		p.UsersOf = j.args.UsersOf
	}
	if j.args.UsersOf == steps.Reviewed {
		p.Listed = j.args.Reviewed
	}
	if plan.App != nil {
		p.App, p.AppName, p.Client = plan.App.ID, plan.App.Name, plan.App.ClientID()
	}
	return p
}

// revokes says what a job revokes.
func revokes(kind ledger.Kind, args steps.Arguments) []string {
	switch {
	case kind == ledger.RevokeApp && args.Deactivate:
		return []string{"the app itself (deactivated)", "all refresh tokens of the app", "each user's grants for the app"}
	case kind == ledger.RevokeApp:
		return []string{"all refresh tokens of the app", "each user's grants for the app"}
	case args.KeepSessions:
		return []string{"each user's refresh tokens", "each user's grants"}
	}
	return []string{"each user's sessions", "each user's refresh tokens and access tokens", "each user's grants"}
}

func (p *planned) write(out io.Writer, window time.Duration) error {
	users := plural(p.Users, "user")
	switch {
	case p.Again > 0:
		users += fmt.Sprintf(", and %s who could not be found: they are looked up again, and dealt with if they exist",
			count(p.Again))
	case p.Unknown > 0:
		users += fmt.Sprintf(", and %s who cannot be found", count(p.Unknown))
	}
	if p.Kind == ledger.RevokeApp && p.Users+p.Unknown == 0 {
		users += ": only the refresh tokens of the app are revoked"
	}
	facts := []fact{{"Users", users}}
	if len(p.Ignored) > 0 {
		facts = append(facts, fact{"Ignored", "columns of the list: " + quotedList(p.Ignored)})
	}
	if p.App != "" {
		facts = append(facts, fact{"App", p.app()})
	}
	facts = append(facts,
		fact{"Revokes", strings.Join(p.Revokes, ", ")},
		fact{"How many", "all that there are: they are not counted before, which would take as many calls again"},
		fact{"Calls", p.calls()},
		fact{"Time", p.time(window)},
		fact{"List", p.list()},
	)
	if old := p.old(); old != "" {
		facts = append(facts, fact{"Old list", old})
	}
	facts = append(facts, fact{"Ledger", p.Ledger})
	return writeFacts(out, fmt.Sprintf("Plan: %s in %s", p.Kind, p.Org), facts)
}

// app names the app, and its client ID where that is another one.
func (p *planned) app() string {
	if p.Client == p.App {
		return fmt.Sprintf("%s (%s)", p.AppName, p.App)
	}
	return fmt.Sprintf("%s (%s, client ID %s)", p.AppName, p.App, p.Client)
}

// calls says how many calls are made.
func (p *planned) calls() string {
	text := fmt.Sprintf("%s to revoke and %s to verify, at least", count(p.WorkCalls), count(p.VerifyCalls))
	if p.Kind == ledger.RevokeApp {
		text += "; one or two more for each custom authorization server, and as many to verify"
	}
	return text
}

func (p *planned) time(window time.Duration) string {
	if p.Seconds == 0 {
		return "not known: Okta names no rate limit"
	}
	each := "minute"
	if window > 0 {
		each = window.String()
	}
	var limits []string
	for _, bucket := range slices.Sorted(maps.Keys(p.Limits)) {
		limits = append(limits, fmt.Sprintf("%s: %s each %s", bucket, count(p.Limits[bucket]), each))
	}
	took := duration(max(time.Second, time.Duration(p.Seconds*float64(time.Second))))
	return fmt.Sprintf("at least %s at the org's limits (%s)", took, strings.Join(limits, ", "))
}

// list says of what age the list of users is.
func (p *planned) list() string {
	if p.UsersOf == steps.Reviewed {
		return "of a review, begun at " + p.Listed.UTC().Format(minute)
	}
	return "of users, begun at " + p.Listed.UTC().Format(minute)
}

// old says what an old list of an app's users lacks; nothing if it is not old.
func (p *planned) old() string {
	days := int(time.Since(p.Listed).Hours() / 24)
	switch {
	case p.Kind != ledger.RevokeApp || days == 0:
		return ""
	case p.UsersOf == steps.Reviewed:
		return "The review was begun " + plural(days, "day") +
			" ago: users who have consented since are not in it; another review finds them"
	}
	return "The list of users was read " + plural(days, "day") +
		" ago: users assigned since are not in it; another --run reads it anew"
}

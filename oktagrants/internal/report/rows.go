package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

const (
	maxApps     = 300       // in the table of apps
	firstScopes = 5         // of an app, before a click
	maxScopes   = 24        // of an app
	maxData     = 4_000_000 // bytes of the table of users
)

// An appRow is a row of the table of apps.
type appRow struct {
	ID, Name                  string
	Users, Reach, Powerful    int
	Grants, Tokens, Old       int
	NotJudged                 int // grants
	Revokes                   int
	FirstGranted, LastUpdated time.Time
	First, More               []scopeCount // scopes: those in the row, and those behind a click
	Rest                      int          // scopes that are not shown
}

func appRows(apps []reach) []appRow {
	var all []appRow
	for _, a := range apps[:min(len(apps), maxApps)] {
		scopes := a.scopes[:min(len(a.scopes), maxScopes)]
		first := min(len(scopes), firstScopes)
		all = append(all, appRow{
			ID: a.id, Name: a.name,
			Users: a.userCount, Reach: a.reach, Powerful: a.powerful,
			Grants: a.grants.all, Tokens: a.tokens.all, Old: a.grants.old + a.tokens.old, NotJudged: a.notJudged,
			Revokes:      a.revokes,
			FirstGranted: a.first, LastUpdated: a.last,
			First: scopes[:first], More: scopes[first:], Rest: len(a.scopes) - len(scopes),
		})
	}
	return all
}

// rows is the table of users, which the page's script draws.
type rows struct {
	Columns []column
	Filters []filter
	Data    data
	Users   int // shown
	Of      int
}

type column struct{ Title, Kind string }

type filter struct {
	Label string
	Flag  int
}

// The flags of rows, for filters.
const (
	flagPowerful = 1 << iota
	flagOld
	flagTrouble
	flagNotJudged
)

// data is the rows, with numbers for what stands in many of them. Each row has a number for each column, and its flags.
type data struct {
	Users  []json.RawMessage `json:"users"`  // [ID, login, name]
	Apps   []json.RawMessage `json:"apps"`   // [ID, name]
	Scopes []json.RawMessage `json:"scopes"` // [name, whether it is powerful, whether it is not judged]
	Sets   []json.RawMessage `json:"sets"`   // of scopes
	Texts  []json.RawMessage `json:"texts"`
	Rows   []json.RawMessage `json:"rows"`

	size   int // bytes
	places map[string]int
}

func reviewColumns(s *summary) []column {
	return []column{
		{"User", "user"}, {"Status", "text"}, {"App", "app"}, {"Scopes", "set"}, {"Grants", "number"}, {"Tokens", "number"},
		{s.oldTitle(), "number"}, {"First granted", "day"}, {"Last updated", "day"},
	}
}

// oldTitle is the title of a column that counts what is old.
func (s *summary) oldTitle() string { return "Over " + plural(s.older, "day") }

// notRead stands for a number in the data, and is shown as text.
const notRead = -1

var revokeColumns = []column{
	{"User", "user"}, {"Status", "text"}, {"Outcome", "text"}, {"Revoked", "text"}, {"Revoked at", "time"},
	{"Verified at", "time"}, {"Tries", "number"},
}

// newRows makes the rows of the users that are shown, as many as fit.
func newRows(s *summary) rows {
	r := rows{
		Columns: revokeColumns,
		Filters: []filter{{"Not verified only", flagTrouble}},
		Data:    newData(),
		Of:      s.taskCount(),
	}
	if s.run.Kind == ledger.Review {
		r.Columns, r.Of = reviewColumns(s), s.withAccess
		r.Filters = []filter{
			{"Powerful only", flagPowerful}, {fmt.Sprintf("More than %s old only", plural(s.older, "day")), flagOld},
		}
		if s.notJudged > 0 {
			r.Filters = append(r.Filters, filter{"Not judged only", flagNotJudged})
		}
	}
	for _, user := range s.shown {
		if r.Data.size > maxData {
			break
		}
		r.Users++
		r.Data.addUser(s, user)
	}
	return r
}

// newData has lists that are empty in JSON too, not null.
func newData() data {
	none := []json.RawMessage{}
	return data{
		Users: none, Apps: none, Scopes: none, Sets: none, Texts: none, Rows: none, places: map[string]int{},
	}
}

func (d *data) addUser(s *summary, user *shownUser) {
	task := user.task
	place := len(d.Users)
	d.add(&d.Users, []string{Shown(task.ID), Shown(task.Login), Shown(task.Name)})
	if s.run.Kind != ledger.Review {
		d.addTask(place, task)
		return
	}
	for _, p := range user.pairs {
		set, flags := d.set(p.scopes)
		if p.old > 0 {
			flags |= flagOld
		}
		tokens := int64(p.tokens)
		if !s.args.Tokens && tokens == 0 {
			tokens = notRead
		}
		d.add(&d.Rows, []int64{int64(place), d.status(task), d.app(p.app), set, int64(p.grants), tokens,
			int64(p.old), days(p.first), days(p.last), flags})
	}
}

func (d *data) addTask(place int, task ledger.Task) {
	var what []string
	var at time.Time
	for _, revoked := range task.Revoked {
		if !slices.Contains(what, revoked.What) {
			what = append(what, revoked.What)
		}
		at = later(at, revoked.At)
	}
	flags := int64(flagTrouble)
	if task.State == ledger.Verified || task.State == ledger.Gone {
		flags = 0
	}
	d.add(&d.Rows, []int64{int64(place), d.status(task), d.text(outcomes[task.State]),
		d.text(strings.Join(what, ", ")), unix(at), unix(task.Checked), int64(task.Tries), flags})
}

// status is that of a task's user or app. That of a user whom the caller gave by ID was not read.
func (d *data) status(task ledger.Task) int64 { return d.text(cmp.Or(task.Status, "not read")) }

func (d *data) text(text string) int64 {
	return d.place(&d.Texts, "text "+text, func() any { return Shown(text) })
}

func (d *data) app(a *app) int64 {
	return d.place(&d.Apps, "app "+a.id, func() any { return []string{Shown(a.id), Shown(a.name)} })
}

func (d *data) scope(scope scope) int64 {
	return d.place(&d.Scopes, "scope "+scope.key(), func() any {
		return []any{Shown(scope.label), scope.powerful(), scope.notJudged}
	})
}

// key tells a name from a title that is spelled the same.
func (s scope) key() string { return strconv.FormatBool(s.notJudged) + " " + s.label }

// set returns the place of a set of scopes, powerful ones first, and the flags of its rows.
func (d *data) set(scopes []scope) (place, flags int64) {
	sorted := slices.SortedFunc(slices.Values(scopes), func(a, b scope) int { return byPowerAndUsers(a.count(), b.count()) })
	places, keys := make([]int64, 0, len(sorted)), make([]string, 0, len(sorted))
	for _, scope := range sorted {
		if scope.powerful() {
			flags |= flagPowerful
		}
		if scope.notJudged {
			flags |= flagNotJudged
		}
		places = append(places, d.scope(scope))
		keys = append(keys, scope.key())
	}
	return d.place(&d.Sets, "set "+strings.Join(keys, "\x00"), func() any { return places }), flags
}

// place returns the number of a value in a list, to which it adds the value if its key is new.
func (d *data) place(list *[]json.RawMessage, key string, value func() any) int64 {
	place, ok := d.places[key]
	if !ok {
		place = len(*list)
		d.places[key] = place
		d.add(list, value())
	}
	return int64(place)
}

// add appends a value of strings, numbers and booleans, which always have a JSON form.
func (d *data) add(list *[]json.RawMessage, value any) {
	raw, _ := json.Marshal(value) //nolint:errchkjson // no value of these types fails
	d.size += len(raw) + 1
	*list = append(*list, raw)
}

// days counts from 1970, 0 for an unknown time.
func days(t time.Time) int64 { return unix(t) / 86400 }

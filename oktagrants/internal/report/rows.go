package report

import (
	"encoding/json"
	"slices"
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
	Grants, Tokens, Stale     int
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
			Grants: a.grants.all, Tokens: a.tokens.all, Stale: a.grants.stale + a.tokens.stale,
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
	flagStale
	flagTrouble
)

// data is the rows, with numbers for what stands in many of them. Each row has a number for each column, and its flags.
type data struct {
	Users  []json.RawMessage `json:"users"`  // [ID, login, name]
	Apps   []json.RawMessage `json:"apps"`   // [ID, name]
	Scopes []json.RawMessage `json:"scopes"` // [name, whether it is powerful]
	Sets   []json.RawMessage `json:"sets"`   // of scopes
	Texts  []json.RawMessage `json:"texts"`
	Rows   []json.RawMessage `json:"rows"`

	size   int // bytes
	places map[string]int
}

var reviewColumns = []column{
	{"User", "user"}, {"Status", "text"}, {"App", "app"}, {"Scopes", "set"}, {"Grants", "number"}, {"Tokens", "number"},
	{"Stale", "number"}, {"First granted", "day"}, {"Last updated", "day"},
}

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
		r.Columns, r.Of = reviewColumns, s.withAccess
		r.Filters = []filter{{"Powerful only", flagPowerful}, {"Stale only", flagStale}}
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
		if p.stale > 0 {
			flags |= flagStale
		}
		d.add(&d.Rows, []int64{int64(place), d.text(task.Status), d.app(p.app), set, int64(p.grants), int64(p.tokens),
			int64(p.stale), days(p.first), days(p.last), flags})
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
	d.add(&d.Rows, []int64{int64(place), d.text(task.Status), d.text(outcomes[task.State]),
		d.text(strings.Join(what, ", ")), unix(at), unix(task.Checked), int64(task.Tries), flags})
}

func (d *data) text(text string) int64 {
	return d.place(&d.Texts, "text "+text, func() any { return Shown(text) })
}

func (d *data) app(a *app) int64 {
	return d.place(&d.Apps, "app "+a.id, func() any { return []string{Shown(a.id), Shown(a.name)} })
}

func (d *data) scope(scope string) int64 {
	return d.place(&d.Scopes, "scope "+scope, func() any { return []any{Shown(scope), powerful(scope)} })
}

// set returns the place of a set of scopes, powerful ones first, and the flags of its rows.
func (d *data) set(scopes []string) (place, flags int64) {
	sorted := slices.SortedFunc(slices.Values(scopes), func(a, b string) int {
		return byPowerAndUsers(scopeCount{Name: a, Powerful: powerful(a)}, scopeCount{Name: b, Powerful: powerful(b)})
	})
	places := make([]int64, 0, len(sorted))
	for _, scope := range sorted {
		if powerful(scope) {
			flags = flagPowerful
		}
		places = append(places, d.scope(scope))
	}
	key := "set " + strings.Join(sorted, "\x00")
	return d.place(&d.Sets, key, func() any { return places }), flags
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

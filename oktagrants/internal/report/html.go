package report

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

//go:embed page.html
var pageText string

//go:embed style.css
var style template.CSS

//go:embed script.js
var script template.JS

var pageTemplate = template.Must(template.New("page").
	Funcs(template.FuncMap{
		"shown": Shown, "visible": Visible, "scope": shownScope, "count": count, "day": day, "minute": minute, "unix": unix,
		"outcome": func(state ledger.State) string { return outcomes[state] },
	}).
	Parse(pageText))

// policy lets the browser run the page's own style and script, and fetch nothing.
var policy = fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'; "+
	"trusted-types 'none'; require-trusted-types-for 'script'", hashOf(string(style)), hashOf(string(script)))

func hashOf(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Options are what a page says that is not in the ledger.
type Options struct {
	Blind []string  // what the run cannot see, in sentences
	Now   time.Time // when the page is made; zero: now
}

// HTML writes a run as one web page that fetches nothing. It reads the source twice where that has tokens, and writes
// nothing before all is read. The page of a large run shows a part of the users, says so, and counts all.
func HTML(ctx context.Context, w io.Writer, source Source, options Options) error {
	s, err := summarize(ctx, source)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(w)
	if err := pageTemplate.Execute(buffered, newPage(s, options)); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// A page is what page.html shows. Names of users, apps and scopes go through shown before or in the template.
type page struct {
	Policy string
	Style  template.CSS
	Script template.JS

	Title, Org, Run    string
	Review             bool
	Began, Ended, Made time.Time
	Badge              badge
	Banner             string // why this is not the whole; empty if it is
	Headline           string
	Tiles              []tile
	Trouble            trouble
	Blind              []string
	Charts             []chart
	Apps               []appRow
	AppCount           int
	Rows               rows
	Rules              []string
	Asked              []asked
}

type badge struct{ Class, Text string }

type tile struct{ Class, Label, Value, Note string }

// trouble is what could not be read, failed or is left.
type trouble struct {
	Title   string
	None    string // what to say if there is none
	Count   int    // tasks
	Failed  int    // of these, those that ended with an error
	Classes []class
	Notes   []class
	Tasks   []ledger.Task
}

type class struct {
	Name, Meaning string
	Count         int
}

type chart struct {
	Title  string
	Legend string // of powerful bars
	Bars   []bar
	Rest   int // bars that are not shown
}

type bar struct {
	Label    string
	Value    int
	Width    float64 // percent of the longest
	Powerful bool
}

type asked struct{ Name, Value string }

const (
	maxBars  = 8
	minWidth = 0.7 // percent: what can be seen
)

func newPage(s *summary, options Options) page {
	apps := s.reaches()
	scopes, exposed := s.scopes()
	p := page{
		Policy:   policy,
		Style:    style,
		Script:   script,
		Title:    title(s),
		Org:      strings.TrimPrefix(s.run.Org, "https://"),
		Run:      s.run.Name,
		Review:   s.run.Kind == ledger.Review,
		Began:    s.run.Created,
		Ended:    s.run.Ended,
		Made:     options.Now,
		Badge:    status(s),
		Banner:   banner(s),
		Trouble:  newTrouble(s),
		Blind:    options.Blind,
		Apps:     appRows(apps),
		AppCount: len(apps),
		Rows:     newRows(s),
		Rules:    rules(s),
		Asked:    askedFor(s.run),
	}
	if p.Made.IsZero() {
		p.Made = time.Now()
	}
	if p.Review {
		p.Headline = reviewHeadline(s, apps, exposed)
		p.Tiles = reviewTiles(s, apps, scopes, exposed)
		p.Charts = []chart{appChart(apps), scopeChart(scopes)}
	} else {
		p.Headline = revokeHeadline(s)
		p.Tiles = revokeTiles(s)
		p.Charts = []chart{outcomeChart(s), revokedChart(s)}
	}
	return p
}

func title(s *summary) string {
	switch s.run.Kind {
	case ledger.Review:
		return "Access review"
	case ledger.Offboard:
		return "Off-boarding"
	case ledger.RevokeApp:
		return "App revocation: " + Shown(s.appName())
	}
	return string(s.run.Kind)
}

// appName is the name of a revoke-app's app, or its client ID.
func (s *summary) appName() string {
	if a := s.apps[s.args.Client]; a != nil {
		return cmp.Or(a.name, a.id)
	}
	return cmp.Or(s.args.Client, "an app")
}

func status(s *summary) badge {
	switch {
	case !s.complete():
		return badge{"bad", "Not finished"}
	case s.troubles() > 0 && s.run.Kind == ledger.Review:
		return badge{"warn", "Finished, not all was read"}
	case s.troubles() > 0:
		return badge{"warn", "Finished, not all was revoked"}
	case s.run.Kind == ledger.Review:
		return badge{"good", "Finished, all was read"}
	}
	return badge{"good", "Finished and verified"}
}

// troubles counts the tasks of an ended run that are not as they should be.
func (s *summary) troubles() int {
	return s.countAll(ledger.Failed, ledger.Left, ledger.Pending, ledger.Started) + s.unverified()
}

// unverified counts the tasks that revoked something and were not verified.
func (s *summary) unverified() int {
	if s.run.Kind == ledger.Review {
		return 0
	}
	return s.countAll(ledger.Done)
}

// repeated counts the tasks that may have revoked something twice.
func (s *summary) repeated() int {
	if s.run.Kind == ledger.Review {
		return 0
	}
	return s.again
}

func banner(s *summary) string {
	if s.complete() {
		return ""
	}
	text := map[ledger.Phase]string{
		ledger.Listing:   "Its list of users is complete, and their logins are being looked up.",
		ledger.Planned:   "It is planned, and nothing has been done.",
		ledger.Verifying: "What it revoked is being verified.",
	}[s.run.Phase]
	if !s.run.Listed {
		text = "Its list of users is still being read."
	}
	if open := s.countAll(ledger.Pending, ledger.Started); open > 0 && s.run.Listed {
		text += fmt.Sprintf(" %s of %s are not done.", count(open), plural(s.taskCount(), "task"))
	}
	if s.run.Stop != "" {
		text += " It stopped: " + Shown(strings.TrimRight(s.run.Stop, ".")) + "."
	}
	return strings.TrimSpace(text) + " What follows is a part of the whole. The same command with the same --run goes on."
}

func (s *summary) taskCount() int {
	return s.countAll(ledger.Pending, ledger.Started, ledger.Done, ledger.Failed, ledger.Verified, ledger.Left, ledger.Gone)
}

func reviewHeadline(s *summary, apps []reach, exposed int) string {
	text := fmt.Sprintf("%s of %s gave %s access.",
		count(s.withAccess), plural(s.users, "user"), plural(len(apps), "app"))
	if len(apps) == 0 {
		text = fmt.Sprintf("No grant or refresh token was found for %s.", plural(s.users, "user"))
	}
	if exposed > 0 {
		text += fmt.Sprintf(" %s granted powerful scopes to %s.", plural(exposed, "user"), plural(powerfulApps(apps), "app"))
	}
	if unread := s.unread(); unread > 0 {
		text += fmt.Sprintf(" Not read: %s.", plural(unread, "user"))
	}
	return soFar(s) + text
}

// unread counts the users whose grants are not known.
func (s *summary) unread() int {
	return s.users - s.count(ledger.User, ledger.Done, ledger.Verified, ledger.Gone)
}

func soFar(s *summary) string {
	if s.complete() {
		return ""
	}
	return "So far: "
}

func powerfulApps(apps []reach) int {
	n := 0
	for _, a := range apps {
		if a.powerful > 0 {
			n++
		}
	}
	return n
}

func reviewTiles(s *summary, apps []reach, scopes []scopeCount, exposed int) []tile {
	unread := s.unread()
	powerfulScopes := 0
	for _, scope := range scopes {
		if scope.Powerful {
			powerfulScopes++
		}
	}
	tiles := []tile{
		{Label: "Users", Value: count(s.users), Note: note(unread, "not read"), Class: warn(unread)},
		{Label: "With access", Value: count(s.withAccess), Note: note(s.inactive, "suspended or deprovisioned"),
			Class: warn(s.inactive)},
		{Label: "Apps", Value: count(len(apps)), Note: note(powerfulApps(apps), "with powerful scopes")},
		{Label: "Grants", Value: count(s.grants.all), Note: note(s.grants.stale, "stale")},
		{Label: "Refresh tokens", Value: count(s.tokens.all), Note: note(s.tokens.stale, "stale")},
		{Label: "Powerful scopes", Value: count(powerfulScopes), Note: note(exposed, "users granted some"),
			Class: warn(powerfulScopes)},
		{Label: "Stale", Value: count(s.grants.stale + s.tokens.stale),
			Note: fmt.Sprintf("not updated for %d days", staleDays)},
	}
	if !s.args.Tokens {
		tiles[4].Value, tiles[4].Note = "not read", "not asked for"
	}
	return tiles
}

func note(n int, text string) string {
	if n == 0 {
		return ""
	}
	return count(n) + " " + text
}

func warn(n int) string {
	if n == 0 {
		return ""
	}
	return "warn"
}

func revokeHeadline(s *summary) string {
	what := "Access"
	if s.run.Kind == ledger.RevokeApp {
		what = "The access of " + Shown(s.appName())
	}
	text := fmt.Sprintf("%s was revoked, and verified, for %s of %s.",
		what, count(s.count(ledger.User, ledger.Verified)), plural(s.users, "user"))
	if n := s.countAll(ledger.Failed, ledger.Left); n > 0 {
		text += fmt.Sprintf(" %s failed or left something.", plural(n, "task"))
	}
	return soFar(s) + text
}

func revokeTiles(s *summary) []tile {
	troubled := s.countAll(ledger.Failed, ledger.Left)
	open := s.countAll(ledger.Pending, ledger.Started)
	tiles := []tile{
		{Label: "Users", Value: count(s.users), Note: note(s.duplicates, "more were duplicates")},
		{Label: "Verified", Value: count(s.count(ledger.User, ledger.Verified)), Note: "nothing was left",
			Class: "good"},
		{Label: "Not verified", Value: count(s.unverified()), Class: warn(s.unverified())},
		{Label: "Failed or left", Value: count(troubled), Class: warn(troubled)},
		{Label: "Not done", Value: count(open), Class: warn(open)},
	}
	if len(s.states[ledger.App]) > 0 {
		tiles = append(tiles, appTile(s))
	}
	if until := s.revokedUntil(); !until.IsZero() {
		tiles = append(tiles, tile{Label: "Access tokens live on until", Value: minute(until.Add(time.Hour)),
			Note: "UTC, by default an hour; 24 hours at most", Class: "wide"})
	}
	return tiles
}

// appTile says what became of the app's own task.
func appTile(s *summary) tile {
	t := tile{Label: "The app's tokens", Class: "warn"}
	for state, text := range outcomes {
		if s.states[ledger.App][state] > 0 {
			t.Value = text
		}
	}
	return t
}

// outcomes names the states of tasks that revoke.
var outcomes = map[ledger.State]string{
	ledger.Pending:  "Not done",
	ledger.Started:  "Begun, outcome unknown",
	ledger.Done:     "Done, not verified",
	ledger.Failed:   "Failed",
	ledger.Verified: "Verified",
	ledger.Left:     "Left",
	ledger.Gone:     "Deleted meanwhile",
	ledger.Same:     "Another entry of the same user",
}

// classMeanings explains the classes of errors.
var classMeanings = map[string]string{
	"authentication": "Okta did not accept the credentials",
	"scope":          "the credentials lack an OAuth scope",
	"forbidden":      "the credentials do not permit it",
	"not_found":      "does not exist in the org",
	"rate_limited":   "a rate limit was exhausted for too long",
	"server":         "Okta, or something before it, failed",
	"network":        "no response came",
	"invalid":        "the request was not valid",
	"storage":        "the ledger could not be read or written",
	"canceled":       "the run was stopped",
	"left":           "something was left after the revoke",
	"intercepted":    "a proxy, a captive portal or a certificate prevents all calls",
}

func newTrouble(s *summary) trouble {
	t := trouble{
		Title:  "What failed or is left",
		None:   "Nothing: each task was done and verified.",
		Count:  s.troubles(),
		Failed: s.countAll(ledger.Failed, ledger.Left),
		Tasks:  s.problems,
	}
	if s.run.Kind == ledger.Review {
		t.Title, t.None = "What could not be read", "Nothing: all that the run asked for was read."
	}
	for _, name := range slices.Sorted(maps.Keys(s.classes)) {
		t.Classes = append(t.Classes, class{cmp.Or(name, "other"), classMeanings[name], s.classes[name]})
	}
	slices.SortStableFunc(t.Classes, func(a, b class) int { return cmp.Compare(b.Count, a.Count) })
	for _, note := range []class{
		{"not done", "nothing is known of these tasks", s.countAll(ledger.Pending, ledger.Started)},
		{"not verified", "these tasks are done, and were not verified", s.unverified()},
		{"gone", "what these tasks are about was deleted meanwhile: nothing is left to do",
			s.countAll(ledger.Gone)},
		{"repeated", "these tasks began more than once: parts of them may have been done twice", s.repeated()},
		{"duplicates", "these entries of the list name a user who stands in it before", s.duplicates},
		{"outside", "these users have refresh tokens and are not in the list: apps count them, users do not", s.strangers},
		{"ended", "these grants and tokens are revoked or have expired: they do not count as access", s.over},
	} {
		if note.Count > 0 {
			t.Notes = append(t.Notes, note)
		}
	}
	return t
}

func appChart(apps []reach) chart {
	byUserCount := slices.Clone(apps)
	slices.SortStableFunc(byUserCount, func(a, b reach) int { return cmp.Compare(b.userCount, a.userCount) })
	bars := make([]bar, 0, len(apps))
	for _, a := range byUserCount {
		bars = append(bars, bar{Label: cmp.Or(a.name, a.id), Value: a.userCount, Powerful: a.powerful > 0})
	}
	return newChart("Apps by users", "with powerful scopes", bars)
}

func scopeChart(scopes []scopeCount) chart {
	bars := make([]bar, 0, len(scopes))
	for _, scope := range scopes {
		bars = append(bars, bar{Label: scope.Name, Value: scope.Users, Powerful: scope.Powerful})
	}
	return newChart("Scopes by users", "powerful", bars)
}

func outcomeChart(s *summary) chart {
	var bars []bar
	for _, state := range []ledger.State{
		ledger.Verified, ledger.Done, ledger.Left, ledger.Failed, ledger.Started, ledger.Pending, ledger.Gone,
	} {
		if n := s.count(ledger.User, state); n > 0 {
			powerful := state != ledger.Verified && state != ledger.Gone
			bars = append(bars, bar{Label: outcomes[state], Value: n, Powerful: powerful})
		}
	}
	return newChart("Users by outcome", "not verified", bars)
}

func revokedChart(s *summary) chart {
	var bars []bar
	for _, what := range slices.Sorted(maps.Keys(s.revoked)) {
		bars = append(bars, bar{Label: what, Value: s.revoked[what]})
	}
	return newChart("Revokes that succeeded", "", bars)
}

// newChart keeps the first bars, and measures them by the longest.
func newChart(title, legend string, bars []bar) chart {
	c := chart{Title: title, Legend: legend, Bars: bars[:min(len(bars), maxBars)]}
	c.Rest = len(bars) - len(c.Bars)
	longest := 1
	for _, b := range c.Bars {
		longest = max(longest, b.Value)
	}
	for i := range c.Bars {
		c.Bars[i].Width = max(minWidth, 100*float64(c.Bars[i].Value)/float64(longest))
	}
	return c
}

func rules(s *summary) []string {
	all := []string{"Characters that are invisible or that change the direction of text are written as ⟨U+202E⟩. " +
		"Long names are cut."}
	if s.run.Kind != ledger.Review {
		return all
	}
	return append([]string{
		powerfulRule(),
		"Reach is users x powerful scopes: each user counts once for each powerful scope that it granted to the app.",
		fmt.Sprintf("A grant or token is stale if it was not updated for %d days when the run began.", staleDays),
	}, all...)
}

// askedFor is the arguments of a run.
func askedFor(run ledger.Run) []asked {
	var args map[string]any
	if json.Unmarshal([]byte(run.Arguments), &args) != nil {
		return nil
	}
	var all []asked
	for _, name := range slices.Sorted(maps.Keys(args)) {
		all = append(all, asked{name, fmt.Sprint(args[name])})
	}
	return all
}

func day(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02")
}

func minute(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// unix is what a time is sorted by.
func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

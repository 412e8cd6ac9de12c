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
	Blind     []string  // what the run cannot see, in sentences
	Now       time.Time // when the page is made; zero: now
	OlderThan int       // days: what was granted longer before the run counts as old; 0: OlderThan
}

// OlderThan is the default of [Options].OlderThan.
const OlderThan = 90

// HTML writes a run as one web page that fetches nothing. It reads the source twice where that has tokens, and writes
// nothing before all is read. The page of a large run shows a part of the users, says so, and counts all.
func HTML(ctx context.Context, w io.Writer, source Source, options Options) error {
	s, err := summarize(ctx, source, options.OlderThan)
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
	Review, Tokens     bool // the run is a review; it has read refresh tokens
	OldTitle           string
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
	Note   string
	Bars   []bar
	Rest   int // bars that are not shown
}

type bar struct {
	Label    string
	Value    int
	Width    float64 // percent of the longest
	Powerful bool

	NotJudged bool
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
		Tokens:   s.args.Tokens,
		OldTitle: s.oldTitle(),
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
	if s.theApp != nil {
		return cmp.Or(s.theApp.name, s.theApp.id)
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
		return badge{"warn", "Finished, not all was revoked or verified"}
	case s.users == 0 && s.run.Kind != ledger.RevokeApp:
		return badge{"warn", "Finished, no users were listed"}
	case s.notJudged > 0:
		return badge{"warn", "Finished, not all was judged"}
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
	switch {
	case s.users == 0:
		text = "No users were listed: this says nothing of anybody."
	case len(apps) == 0:
		text = fmt.Sprintf("No %s was found for %s.", s.sought(), plural(s.users-s.unread(), "user"))
	}
	if exposed > 0 {
		text += fmt.Sprintf(" %s granted powerful scopes to %s.", plural(exposed, "user"), plural(powerfulApps(apps), "app"))
	}
	if s.notJudged > 0 {
		text += fmt.Sprintf(" Not judged: %s.", plural(s.notJudged, "grant"))
	}
	if unread := s.unread(); unread > 0 {
		text += fmt.Sprintf(" Not read: %s.", plural(unread, "user"))
	}
	return soFar(s) + text
}

// sought is what the review has looked for.
func (s *summary) sought() string {
	if s.args.Tokens {
		return "grant or refresh token"
	}
	return "grant"
}

// unread counts the users whose grants are not known.
func (s *summary) unread() int {
	return s.users - s.count(ledger.User, ledger.Done, ledger.Verified, ledger.Gone)
}

// unreadHolders counts the apps and authorization servers whose refresh tokens are not known, of all.
func (s *summary) unreadHolders() (unread, all int) {
	for _, kind := range []ledger.TaskKind{ledger.App, ledger.Server} {
		for state, n := range s.states[kind] {
			if all += n; state != ledger.Done {
				unread += n
			}
		}
	}
	return unread, all
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
		{Label: "With access", Value: s.ofUsers(s.withAccess), Class: warn(s.inactive),
			Note: notes(note(s.inactive, "suspended or deprovisioned"), note(s.unknown, "whose status was not read"))},
		{Label: "Apps", Value: s.ofUsers(len(apps)), Note: note(powerfulApps(apps), "with powerful scopes")},
		{Label: "Grants", Value: s.ofUsers(s.grants.all), Note: s.ages(s.grants)},
		s.tokensTile(),
		{Label: "Powerful scopes", Value: s.ofUsers(powerfulScopes), Class: warn(powerfulScopes + s.notJudged),
			Note: notes(note(exposed, "users granted some"), note(s.notJudged, "grants were not judged"))},
		{Label: "Granted more than " + plural(s.older, "day") + " ago", Value: s.ofUsers(s.grants.old + s.tokens.old),
			Note: notes(note(s.grants.undated+s.tokens.undated, "without a date"), s.only("grants only"))},
	}
	return tiles
}

// ofUsers is a number of what was read of users, unless none of them could be read.
func (s *summary) ofUsers(n int) string {
	if n == 0 && s.unread() == s.users {
		return "not read"
	}
	return count(n)
}

// only is a text for a review that has read no refresh tokens.
func (s *summary) only(text string) string {
	if s.args.Tokens {
		return ""
	}
	return text
}

func (s *summary) tokensTile() tile {
	unread, all := s.unreadHolders()
	t := tile{Label: "Refresh tokens", Value: count(s.tokens.all), Class: warn(unread)}
	t.Note = notes(s.ages(s.tokens), note(unread, "apps and servers were not read"))
	switch {
	case !s.args.Tokens:
		t.Value, t.Note = "not read", "not asked for"
	case s.tokens.all == 0 && all > 0 && unread == all:
		t.Value = "not read"
	}
	return t
}

// ages says how many grants or tokens are old, or of unknown age.
func (s *summary) ages(t tally) string {
	return notes(note(t.old, "over "+plural(s.older, "day")), note(t.undated, "without a date"))
}

func note(n int, text string) string {
	if n == 0 {
		return ""
	}
	return count(n) + " " + text
}

// notes joins those that say something.
func notes(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(text string) bool { return text == "" }), "; ")
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
		text += fmt.Sprintf(" %s failed, left something or could not be verified.", plural(n, "task"))
	}
	if n := s.unverified(); n > 0 {
		text += fmt.Sprintf(" %s done, and not verified.", tasksAre(n))
	}
	return soFar(s) + text
}

func tasksAre(n int) string {
	if n == 1 {
		return "1 task is"
	}
	return count(n) + " tasks are"
}

func revokeTiles(s *summary) []tile {
	troubled := s.countAll(ledger.Failed, ledger.Left)
	open := s.countAll(ledger.Pending, ledger.Started)
	tiles := []tile{
		{Label: "Users", Value: count(s.users), Note: note(s.duplicates, "more were duplicates")},
		verifiedTile(s.count(ledger.User, ledger.Verified)),
		{Label: "Not verified", Value: count(s.unverified()), Class: warn(s.unverified())},
		{Label: "Failed or left", Value: count(troubled), Class: warn(troubled)},
		{Label: "Not done", Value: count(open), Class: warn(open)},
	}
	if len(s.states[ledger.App]) > 0 {
		tiles = append(tiles, appTile(s))
	}
	if s.args.Deactivate {
		tiles = append(tiles, deactivatedTile(s))
	}
	if until := s.revokedUntil(); !until.IsZero() {
		tiles = append(tiles, tile{Label: "Access tokens live on until", Value: minute(until.Add(time.Hour)),
			Note: "UTC, by default an hour; 24 hours at most", Class: "wide"})
	}
	return tiles
}

func verifiedTile(n int) tile {
	if n == 0 {
		return tile{Label: "Verified", Value: "0"}
	}
	return tile{Label: "Verified", Value: count(n), Note: "nothing was left", Class: "good"}
}

// deactivatedTile says in which state the app was when it was read last.
func deactivatedTile(s *summary) tile {
	t := tile{Label: "The app", Value: cmp.Or(Shown(s.appStatus), "not read"), Note: "it was to be deactivated"}
	if s.appStatus != "INACTIVE" {
		t.Class = "warn"
	}
	return t
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
	if s.users == 0 && s.run.Kind != ledger.RevokeApp {
		t.None = "No users were listed: nothing was done."
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
		{"not judged", "these grants name their scope by title or ID alone: what it permits is not known. Its name could not " +
			"be read from the authorization server, which takes the scope okta.authorizationServers.read", s.notJudged},
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
		bars = append(bars, bar{Label: scope.Name, NotJudged: scope.NotJudged, Value: scope.Users, Powerful: scope.Powerful})
	}
	c := newChart("Scopes by users", "powerful", bars)
	if slices.ContainsFunc(scopes, func(scope scopeCount) bool { return scope.NotJudged }) {
		c.Note = "A ? stands at scopes that are not judged."
	}
	return c
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
		fmt.Sprintf("%s counts the grants and tokens that were granted or issued more than %s before the run began. Okta "+
			"keeps no time of their last use: that they are old does not say that they are unused, and the time of the last "+
			"update is none of use.", s.oldTitle(), plural(s.older, "day")),
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

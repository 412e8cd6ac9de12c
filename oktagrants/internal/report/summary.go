package report

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// What the page shows of a large run. The rest is counted, and said to be left out.
const (
	maxUsers    = 20_000
	maxPairs    = 200_000
	maxProblems = 500
)

// A summary is what the page says of a run. It is made while tasks and tokens stream by, so that a million users take
// little memory: a number for each user, app and scope.
type summary struct {
	run   ledger.Run
	args  arguments
	older int // days before the run, after which a grant or token counts as old
	seed  maphash.Seed

	states     map[ledger.TaskKind]map[ledger.State]int
	classes    map[string]int // of tasks that failed or are left
	users      int
	duplicates int
	again      int
	withAccess int    // users in the list who have a grant or token
	inactive   int    // of these, suspended or deprovisioned
	strangers  int    // users who have a token and are not in the list
	unknown    int    // users with access whose status is not known
	theApp     *app   // of a revoke-app; nil before it was met
	appStatus  string // of a revoke-app's app, as it was read last
	problems   []ledger.Task

	apps      map[string]*app
	grants    tally
	tokens    tally
	notJudged int // grants that are not judged: their scope's name is not known
	over      int // grants and tokens that are revoked or have expired: no access

	revoked    map[string]int // by ledger.Revoked.What
	lastRevoke time.Time

	shown    []*shownUser
	pairs    int
	shownIDs map[string]*shownUser
	holders  map[uint64]bool // hashes of users who have a token and were not met in the list yet
}

// A tally counts grants or tokens.
type tally struct {
	all     int
	old     int // see summary.old
	undated int // whose age is not known
}

// An app is what was found and revoked for one client ID.
type app struct {
	id, name    string
	users       map[scope][]uint64 // hashes of users by scope; noScope holds those of access without one
	grants      tally
	tokens      tally
	notJudged   int // grants
	revokes     int
	first, last time.Time
}

// A shownUser is a row, or several, of the page's table of users.
type shownUser struct {
	task  ledger.Task // without what was found
	pairs []*pair
}

// A pair is what one app may do for one user.
type pair struct {
	app                 *app
	scopes              []scope
	grants, tokens, old int
	first, last         time.Time
}

func summarize(ctx context.Context, source Source, older int) (*summary, error) {
	run, err := source.Run(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the run: %w", err)
	}
	args, err := parseArguments(run)
	if err != nil {
		return nil, fmt.Errorf("read the arguments of the run: %w", err)
	}
	s := &summary{
		run:      run,
		args:     args,
		older:    cmp.Or(older, OlderThan),
		seed:     maphash.MakeSeed(),
		states:   map[ledger.TaskKind]map[ledger.State]int{},
		classes:  map[string]int{},
		apps:     map[string]*app{},
		revoked:  map[string]int{},
		shownIDs: map[string]*shownUser{},
		holders:  map[uint64]bool{},
	}
	return s, s.read(ctx, source)
}

// read reads the tokens twice: users who have tokens only are met among the tasks, after which the tokens of those who
// are shown can be kept.
func (s *summary) read(ctx context.Context, source Source) error {
	for token, err := range source.Tokens(ctx) {
		if err != nil {
			return fmt.Errorf("read the tokens: %w", err)
		}
		s.addToken(token)
	}
	for task, err := range source.Tasks(ctx) {
		if err != nil {
			return fmt.Errorf("read the tasks: %w", err)
		}
		s.addTask(task)
	}
	s.strangers = len(s.holders)
	if s.tokens.all == 0 {
		return nil
	}
	for token, err := range source.Tokens(ctx) {
		if err != nil {
			return fmt.Errorf("read the tokens: %w", err)
		}
		s.showToken(token)
	}
	return nil
}

// hash stands for a user. Two of a million users have the same with a chance of 1 in 30 million, and count as one then.
func (s *summary) hash(userID string) uint64 { return maphash.String(s.seed, userID) }

func (s *summary) addToken(token ledger.Access) {
	if !s.live(token) {
		s.over++
		return
	}
	user := s.hash(token.UserID)
	s.holders[user] = true
	s.addAccess(user, token)
}

func (s *summary) addTask(task ledger.Task) {
	if task.State == ledger.Same {
		s.duplicates++
		return
	}
	if s.states[task.Kind] == nil {
		s.states[task.Kind] = map[ledger.State]int{}
	}
	s.states[task.Kind][task.State]++
	if task.Tries > 1 {
		s.again++
	}
	s.addProblem(task)
	s.addRevoked(task)
	switch task.Kind {
	case ledger.User:
		s.addUser(task)
	case ledger.App:
		s.nameApp(task)
	}
	if s.run.Kind != ledger.Review {
		s.show(task)
	}
}

func (s *summary) addProblem(task ledger.Task) {
	if !failed(task) {
		return
	}
	s.classes[task.Class]++
	if len(s.problems) < maxProblems {
		s.problems = append(s.problems, withoutLists(task))
	}
}

func (s *summary) addRevoked(task ledger.Task) {
	user := s.hash(task.ID)
	for _, revoked := range task.Revoked {
		s.revoked[revoked.What]++
		s.lastRevoke = later(s.lastRevoke, revoked.At)
		if revoked.ClientID == "" {
			continue
		}
		a := s.app(revoked.ClientID, "")
		a.revokes++
		if task.Kind == ledger.User {
			a.users[noScope] = append(a.users[noScope], user)
		}
	}
}

func (s *summary) addUser(task ledger.Task) {
	s.users++
	user := s.hash(task.ID)
	found := s.liveOf(task.Found)
	s.over += len(task.Found) - len(found)
	for _, access := range found {
		s.addAccess(user, access)
	}
	if len(found) == 0 && !s.holders[user] {
		return
	}
	delete(s.holders, user)
	s.withAccess++
	switch task.Status {
	case "SUSPENDED", "DEPROVISIONED":
		s.inactive++
	case "":
		s.unknown++
	}
	if s.run.Kind == ledger.Review {
		s.show(task)
		s.showFound(task.ID, found)
	}
}

// nameApp names an app whose grants and tokens do not. These have its client ID.
func (s *summary) nameApp(task ledger.Task) {
	if s.run.Kind == ledger.RevokeApp {
		s.theApp, s.appStatus = s.app(task.ClientID(), task.Name), task.Status
	} else if s.apps[task.ClientID()] != nil {
		s.app(task.ClientID(), task.Name)
	}
}

func (s *summary) app(id, name string) *app {
	a := s.apps[id]
	if a == nil {
		a = &app{id: id, users: map[scope][]uint64{}}
		s.apps[id] = a
	}
	a.name = cmp.Or(a.name, name)
	return a
}

func (s *summary) addAccess(user uint64, access ledger.Access) {
	a := s.app(access.ClientID, access.ClientName)
	switch access.Kind {
	case ledger.Grant:
		s.grants.add(access, s.old(access))
		a.grants.add(access, s.old(access))
	case ledger.Token:
		s.tokens.add(access, s.old(access))
		a.tokens.add(access, s.old(access))
	}
	if access.NotJudged() {
		s.notJudged++
		a.notJudged++
	}
	a.first = earlier(a.first, access.Created)
	a.last = later(a.last, changed(access))
	for _, scope := range scopesOf(access) {
		a.users[scope] = append(a.users[scope], user)
	}
}

// live reports whether a grant or token gave access when the run was made.
func (s *summary) live(access ledger.Access) bool {
	expired := !access.Expires.IsZero() && access.Expires.Before(s.run.Created)
	return !expired && !strings.EqualFold(access.Status, "REVOKED")
}

func (s *summary) liveOf(found []ledger.Access) []ledger.Access {
	var live []ledger.Access
	for _, access := range found {
		if s.live(access) {
			live = append(live, access)
		}
	}
	return live
}

// old reports whether a grant or token had been granted or issued long before the run was made. Okta tells nothing of
// its use.
func (s *summary) old(access ledger.Access) bool {
	return !access.Created.IsZero() && access.Created.Before(s.run.Created.AddDate(0, 0, -s.older))
}

func (s *summary) show(task ledger.Task) {
	if len(s.shown) == maxUsers || s.pairs >= maxPairs {
		return
	}
	user := &shownUser{task: withoutLists(task)}
	user.task.Revoked = task.Revoked
	s.shown = append(s.shown, user)
	s.shownIDs[task.ID] = user
}

func (s *summary) showFound(userID string, found []ledger.Access) {
	user := s.shownIDs[userID]
	if user == nil {
		return
	}
	for _, access := range found {
		s.addPair(user, access)
	}
}

func (s *summary) showToken(token ledger.Access) {
	if user := s.shownIDs[token.UserID]; user != nil && s.live(token) {
		s.addPair(user, token)
	}
}

func (s *summary) addPair(user *shownUser, access ledger.Access) {
	at := slices.IndexFunc(user.pairs, func(p *pair) bool { return p.app.id == access.ClientID })
	if at < 0 {
		at = len(user.pairs)
		user.pairs = append(user.pairs, &pair{app: s.app(access.ClientID, access.ClientName)})
		s.pairs++
	}
	p := user.pairs[at]
	switch access.Kind {
	case ledger.Grant:
		p.grants++
	case ledger.Token:
		p.tokens++
	}
	if s.old(access) {
		p.old++
	}
	p.first = earlier(p.first, access.Created)
	p.last = later(p.last, changed(access))
	for _, scope := range scopesOf(access) {
		if scope.label != "" && !slices.Contains(p.scopes, scope) {
			p.scopes = append(p.scopes, scope)
		}
	}
}

// count counts the tasks of a kind in the states.
func (s *summary) count(kind ledger.TaskKind, states ...ledger.State) int {
	n := 0
	for _, state := range states {
		n += s.states[kind][state]
	}
	return n
}

// countAll counts the tasks of all kinds in the states.
func (s *summary) countAll(states ...ledger.State) int {
	n := 0
	for kind := range s.states {
		n += s.count(kind, states...)
	}
	return n
}

func (s *summary) complete() bool { return s.run.Phase == ledger.Ended }

// revokedUntil is when the run revoked something last, or ended; zero if it revoked nothing.
func (s *summary) revokedUntil() time.Time {
	if s.lastRevoke.IsZero() {
		return time.Time{}
	}
	return later(s.lastRevoke, s.run.Ended)
}

// reach is an app's users by scope, counted.
type reach struct {
	*app

	userCount int
	scopes    []scopeCount // powerful ones first, then by users
	powerful  int          // scopes
	reach     int          // users x powerful scopes: each user counts once for each powerful scope that it granted
}

type scopeCount struct {
	Name      string
	Users     int
	Powerful  bool
	NotJudged bool
}

func (s scope) count(users ...[]uint64) scopeCount {
	return scopeCount{s.label, distinct(users...), s.powerful(), s.notJudged}
}

// reaches returns the apps in order of reach.
func (s *summary) reaches() []reach {
	reaches := make([]reach, 0, len(s.apps))
	for _, a := range s.apps {
		r := reach{app: a, userCount: distinct(slices.Collect(maps.Values(a.users))...)}
		for scope, users := range a.users {
			if scope.label != "" {
				r.scopes = append(r.scopes, scope.count(users))
			}
		}
		for _, scope := range r.scopes {
			if scope.Powerful {
				r.powerful++
				r.reach += scope.Users
			}
		}
		slices.SortFunc(r.scopes, byPowerAndUsers)
		reaches = append(reaches, r)
	}
	slices.SortFunc(reaches, func(a, b reach) int {
		return cmp.Or(
			cmp.Compare(b.reach, a.reach),
			cmp.Compare(b.notJudged, a.notJudged),
			cmp.Compare(b.userCount, a.userCount),
			cmp.Compare(b.revokes, a.revokes),
			cmp.Compare(a.name, b.name),
			cmp.Compare(a.id, b.id))
	})
	return reaches
}

// byPowerAndUsers puts powerful scopes first, and those that are not judged before the rest.
func byPowerAndUsers(a, b scopeCount) int {
	return cmp.Or(first(a.Powerful, b.Powerful), first(a.NotJudged, b.NotJudged), byUsers(a, b))
}

// first compares so that what is true comes first.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func byUsers(a, b scopeCount) int {
	return cmp.Or(cmp.Compare(b.Users, a.Users), cmp.Compare(a.Name, b.Name))
}

// scopes returns all scopes by the number of users who granted them, and how many users granted a powerful one.
func (s *summary) scopes() (scopes []scopeCount, exposed int) {
	lists := map[scope][][]uint64{}
	var exposing [][]uint64
	for _, a := range s.apps {
		for scope, users := range a.users {
			if scope.label == "" {
				continue
			}
			lists[scope] = append(lists[scope], users)
			if scope.powerful() {
				exposing = append(exposing, users)
			}
		}
	}
	for scope, users := range lists {
		scopes = append(scopes, scope.count(users...))
	}
	slices.SortFunc(scopes, byUsers)
	return scopes, distinct(exposing...)
}

// distinct counts the different users of lists.
func distinct(lists ...[]uint64) int {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return len(slices.Compact(all))
}

func (t *tally) add(access ledger.Access, old bool) {
	t.all++
	switch {
	case old:
		t.old++
	case access.Created.IsZero():
		t.undated++
	}
}

// withoutLists is a task without what it found and revoked, which may be long. An app is called by its name: what is kept
// as its login is its client ID.
func withoutLists(task ledger.Task) ledger.Task {
	task.Found, task.Revoked = nil, nil
	if task.Kind == ledger.App {
		task.Login = ""
	}
	return task
}

func changed(access ledger.Access) time.Time { return later(access.Created, access.Updated) }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// earlier ignores unknown times.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

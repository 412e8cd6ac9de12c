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

const staleDays = 90

// What the page shows of a large run. The rest is counted, and said to be left out.
const (
	maxUsers    = 20_000
	maxPairs    = 200_000
	maxProblems = 500
)

// A summary is what the page says of a run. It is made while tasks and tokens stream by, so that a million users take
// little memory: a number for each user, app and scope.
type summary struct {
	run  ledger.Run
	args arguments
	seed maphash.Seed

	states     map[ledger.TaskKind]map[ledger.State]int
	classes    map[string]int // of tasks that failed or are left
	users      int
	duplicates int
	again      int
	withAccess int // users in the list who have a grant or token
	inactive   int // of these, suspended or deprovisioned
	strangers  int // users who have a token and are not in the list
	problems   []ledger.Task

	apps   map[string]*app
	grants tally
	tokens tally
	over   int // grants and tokens that are revoked or have expired: no access

	revoked    map[string]int // by ledger.Revoked.What
	lastRevoke time.Time

	shown    []*shownUser
	pairs    int
	shownIDs map[string]*shownUser
	holders  map[uint64]bool // hashes of users who have a token and were not met in the list yet
}

type tally struct{ all, stale int }

// An app is what was found and revoked for one client ID.
type app struct {
	id, name    string
	users       map[string][]uint64 // hashes of users by scope; "" holds those of access without a scope
	grants      tally
	tokens      tally
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
	app                   *app
	scopes                []string
	grants, tokens, stale int
	first, last           time.Time
}

func summarize(ctx context.Context, source Source) (*summary, error) {
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
			a.users[""] = append(a.users[""], user)
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
	if task.Status == "SUSPENDED" || task.Status == "DEPROVISIONED" {
		s.inactive++
	}
	if s.run.Kind == ledger.Review {
		s.show(task)
		s.showFound(task.ID, found)
	}
}

// nameApp names an app whose grants and tokens do not.
func (s *summary) nameApp(task ledger.Task) {
	if s.run.Kind == ledger.RevokeApp || s.apps[task.ID] != nil {
		s.app(task.ID, task.Name)
	}
}

func (s *summary) app(id, name string) *app {
	a := s.apps[id]
	if a == nil {
		a = &app{id: id, users: map[string][]uint64{}}
		s.apps[id] = a
	}
	a.name = cmp.Or(a.name, name)
	return a
}

func (s *summary) addAccess(user uint64, access ledger.Access) {
	a := s.app(access.ClientID, access.ClientName)
	stale := s.stale(access)
	switch access.Kind {
	case ledger.Grant:
		s.grants.add(stale)
		a.grants.add(stale)
	case ledger.Token:
		s.tokens.add(stale)
		a.tokens.add(stale)
	}
	a.first = earlier(a.first, access.Created)
	a.last = later(a.last, changed(access))
	if len(access.Scopes) == 0 {
		a.users[""] = append(a.users[""], user)
	}
	for _, scope := range access.Scopes {
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

// stale reports whether a grant or token had not been updated for long when the run was made.
func (s *summary) stale(access ledger.Access) bool {
	last := changed(access)
	return !last.IsZero() && last.Before(s.run.Created.AddDate(0, 0, -staleDays))
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
	if s.stale(access) {
		p.stale++
	}
	p.first = earlier(p.first, access.Created)
	p.last = later(p.last, changed(access))
	for _, scope := range access.Scopes {
		if !slices.Contains(p.scopes, scope) {
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
	Name     string
	Users    int
	Powerful bool
}

// reaches returns the apps in order of reach.
func (s *summary) reaches() []reach {
	reaches := make([]reach, 0, len(s.apps))
	for _, a := range s.apps {
		r := reach{app: a, userCount: distinct(slices.Collect(maps.Values(a.users))...)}
		for scope, users := range a.users {
			if scope != "" {
				r.scopes = append(r.scopes, scopeCount{scope, distinct(users), powerful(scope)})
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
			cmp.Compare(b.userCount, a.userCount),
			cmp.Compare(b.revokes, a.revokes),
			cmp.Compare(a.name, b.name),
			cmp.Compare(a.id, b.id))
	})
	return reaches
}

func byPowerAndUsers(a, b scopeCount) int {
	if a.Powerful != b.Powerful {
		if a.Powerful {
			return -1
		}
		return 1
	}
	return byUsers(a, b)
}

func byUsers(a, b scopeCount) int {
	return cmp.Or(cmp.Compare(b.Users, a.Users), cmp.Compare(a.Name, b.Name))
}

// scopes returns all scopes by the number of users who granted them, and how many users granted a powerful one.
func (s *summary) scopes() (scopes []scopeCount, exposed int) {
	lists := map[string][][]uint64{}
	var exposing [][]uint64
	for _, a := range s.apps {
		for scope, users := range a.users {
			if scope == "" {
				continue
			}
			lists[scope] = append(lists[scope], users)
			if powerful(scope) {
				exposing = append(exposing, users)
			}
		}
	}
	for scope, users := range lists {
		scopes = append(scopes, scopeCount{scope, distinct(users...), powerful(scope)})
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

func (t *tally) add(stale bool) {
	t.all++
	if stale {
		t.stale++
	}
}

// withoutLists is a task without what it found and revoked, which may be long.
func withoutLists(task ledger.Task) ledger.Task {
	task.Found, task.Revoked = nil, nil
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

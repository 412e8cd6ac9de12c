package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// grantsByUser are the users who have grants, as the org itself counts them.
func (m *machine) grantsByUser() map[string]int {
	left := map[string]int{}
	for _, grant := range m.org.Grants() {
		left[grant.UserID]++
	}
	return left
}

// crowded has an org of users 00u00 to 00u(n-1), each with one grant.
func crowded(t *testing.T, n int) *machine {
	t.Helper()
	m := newMachine(t)
	org := oktatest.New(oktatest.Options{})
	t.Cleanup(org.Close)
	org.AcceptAPIToken(secret)
	org.AddClient(oktatest.Client{ID: calendar})
	for i := range n {
		id := crowdID(i)
		org.AddUser(oktatest.User{ID: id, Login: fmt.Sprintf("user%d@example.com", i)})
		org.AddGrant(oktatest.Grant{UserID: id, ClientID: calendar})
	}
	m.org, m.config.OrgURL = org, org.URL
	return m
}

func crowdID(i int) string { return fmt.Sprintf("00u%05d", i) }

// crowd is a list of the users from one to another.
func crowd(from, to int) string {
	var text strings.Builder
	for i := from; i < to; i++ {
		text.WriteString(crowdID(i) + "\n")
	}
	return text.String()
}

// The list changes after the plan, and its content is restored: nobody outside of it is touched, and everybody in it is
// off-boarded, with a person having seen the plan that is carried out.
func TestListThatChangesBetweenPlanAndYes(t *testing.T) {
	t.Parallel()
	m := crowded(t, 40)
	list := m.write("list.txt", crowd(0, 20))
	args := []string{"offboard", "--run", m.path("run.db"), "--from", list}
	m.run(append(args, "--dry-run")...).succeeds(t)

	m.write("list.txt", crowd(10, 30))
	for range 3 { // as a job that nobody watches repeats it
		o := m.run(append(args, "--yes")...)
		assert.Equal(t, 2, o.code, o.err)
		assert.Contains(t, o.err, "the run was begun for something else")
		assert.Contains(t, o.err, "the content of --from (its SHA-256)")
		assert.Contains(t, o.err, "a plan of which nothing was revoked is replaced with --dry-run, never with --yes")
	}
	assert.Zero(t, m.count(http.MethodDelete))

	m.write("list.txt", crowd(0, 20))
	m.run(append(args, "--yes")...).succeeds(t)
	assert.Len(t, m.grantsByUser(), 20)
	for i := 20; i < 40; i++ {
		assert.Contains(t, m.grantsByUser(), crowdID(i))
	}
}

// The list changes while a run is stopped: it does not go on before the list is the old one, whether it was overwritten
// in place or replaced by another file.
func TestListThatChangesBetweenKillAndResume(t *testing.T) {
	t.Parallel()
	m := crowded(t, 40)
	list := m.write("list.txt", crowd(0, 20))
	args := []string{"offboard", "--run", m.path("run.db"), "--from", list, "--workers", "1", "--yes"}
	ctx, cancel := context.WithCancel(t.Context())
	m.onCall = func(req *http.Request) {
		if req.Method == http.MethodDelete && strings.Contains(req.URL.Path, crowdID(5)) {
			cancel()
		}
	}
	m.runIn(ctx, args...).fails(t, 3, "interrupted")
	m.onCall = nil
	left := m.grantsByUser()
	require.NotContains(t, left, crowdID(0), "some was done")
	require.Contains(t, left, crowdID(19), "some was not")

	m.write("list.txt", strings.Replace(crowd(0, 20), crowdID(19), crowdID(30), 1))
	m.run(args...).fails(t, 2, "the content of --from (its SHA-256) was")
	require.NoError(t, os.Rename(m.write("other.txt", crowd(20, 40)), list))
	m.run(args...).fails(t, 2, "the content of --from (its SHA-256) was")
	assert.Equal(t, left, m.grantsByUser(), "nothing was revoked")

	m.write("list.txt", crowd(0, 20))
	m.run(args...).succeeds(t)
	assert.Len(t, m.grantsByUser(), 20)
	assert.NotContains(t, m.grantsByUser(), crowdID(19))
	assert.Contains(t, m.grantsByUser(), crowdID(30))
}

// While 60,000 users are listed, lines of the file are overwritten in place, over and over: a run has the users of one
// content or the other, never some of both.
func TestListThatChangesWhileItIsRead(t *testing.T) {
	t.Parallel()
	users := 60_000
	if testing.Short() {
		users = 6_000
	}
	m := newMachine(t)
	one := crowd(0, users)
	line := len(crowdID(0)) + 1
	other := crowd(users, users+10) + one[10*line:]
	list := m.write("list.txt", one)
	file, err := os.OpenFile(list, os.O_WRONLY, 0) //nolint:gosec // a file of the test
	require.NoError(t, err)
	defer file.Close() //nolint:errcheck // the test is over
	var ended atomic.Bool
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; !ended.Load(); i++ {
			_, _ = file.WriteAt([]byte([]string{one, other}[i%2][:10*line]), 0)
		}
	}()
	for i := range 3 {
		run := m.path(fmt.Sprintf("run%d.db", i))
		o := m.run("offboard", "--run", run, "--from", list, "--dry-run")
		if o.code != 0 {
			o.fails(t, 2, "has changed while it was read")
			assert.NoFileExists(t, run)
			continue
		}
		listed := usersIn(t, run)
		assert.Len(t, listed, users)
		assert.True(t, listed[crowdID(0)] == listed[crowdID(9)] && listed[crowdID(0)] != listed[crowdID(users)], "some of both")
	}
	ended.Store(true)
	<-stopped
	require.NoError(t, os.WriteFile(list, []byte(one), 0o600))
	run := m.path("run.db")
	m.run("offboard", "--run", run, "--from", list, "--dry-run").succeeds(t)
	assert.Len(t, usersIn(t, run), users)
}

func usersIn(t *testing.T, run string) map[string]bool {
	t.Helper()
	l, err := ledger.Open(t.Context(), run, ledger.Read)
	require.NoError(t, err)
	defer l.Close() //nolint:errcheck // nothing is written to it
	users := map[string]bool{}
	for task, err := range l.Tasks(t.Context()) {
		require.NoError(t, err)
		users[task.ID] = true
	}
	return users
}

// What is written while the list is read may be half of one user and half of another.
func TestListThatIsNotTheCopyAnyMore(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	path := m.write("list.txt", crowd(0, 10))
	file, err := os.Open(path) //nolint:gosec // a file of the test
	require.NoError(t, err)
	defer file.Close() //nolint:errcheck // nothing is written to it
	list, err := newUserList(path, file)
	require.NoError(t, err)
	require.NoError(t, list.unchanged(file))
	m.write("list.txt", crowd(5, 15))
	require.ErrorContains(t, list.unchanged(file), "has changed while it was read")
	require.NoError(t, list.check())
	assert.Equal(t, strings.Fields(crowd(0, 10)), read(t, list), "the copy is what its hash is of")
}

func TestListOfAMillion(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes a second or two")
	}
	const users = 1_000_000
	text := crowd(0, users)
	list, err := open(t, text)
	require.NoError(t, err)
	n := 0
	for _, err := range list.users() {
		require.NoError(t, err)
		n++
	}
	assert.Equal(t, users, n)
	assert.LessOrEqual(t, cap(list.text), 2*len(text), "the list is in memory as it is in the file")
}

// A file that says of which app, grant or decision its rows are must not end all access of its users.
func TestListsThatLimitAccess(t *testing.T) {
	t.Parallel()
	for _, column := range []string{
		"app", "App ID", "app_id", "APPID", "appName", "application", "client", "client_id", "clientId", "ClientID",
		"OAuth Client", "oauth2_client_id", "grant", "Grant ID", "grant_id", "consent", "scope", "Scopes", "scope-id",
		"token", "token_id", "refreshToken", "\u200bapp", "decision", "Decision ", "verdict", "action", "revoke?", "issuer",
	} {
		m := newMachine(t)
		list := m.write("list.csv", "\ufefflogin,"+column+"\nann@example.com,x\n")
		o := m.run("offboard", "--run", m.path("run.db"), "--from", list, "--yes")
		o.fails(t, 2, "list.csv, line 1: offboard ends all access of each user", "revoke-app CLIENT", "grants revoke USER GRANT")
		assert.Contains(t, o.err, strings.TrimSpace(strings.TrimPrefix(column, "\u200b")))
		assert.Empty(t, m.requests(), column)
		assert.NoFileExists(t, m.path("run.db"), column)
	}
	m := newMachine(t)
	list := m.write("list.csv", "\n\nlogin,app\nann@example.com,x\n")
	m.run("offboard", "--run", m.path("run.db"), "--from", list, "--yes").fails(t, 2, "list.csv, line 3")
}

// The file that a report writes of a review is no list of users to off-board.
func TestReportIsNoListToOffboard(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.run("review", "--run", m.path("review.db")).succeeds(t)
	m.run("report", m.path("review.db"), "--csv", m.path("access.csv")).succeeds(t)
	m.run("offboard", "--run", m.path("run.db"), "--from", m.path("access.csv"), "--yes").fails(t, 2)
	assert.Zero(t, m.count(http.MethodDelete))
}

func TestColumnsThatAreIgnoredStandInThePlan(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	list := m.write("list.csv", "login,Happened,Approved by,,Mapping\nann@example.com,x,y,z,\n")
	args := []string{"offboard", "--run", m.path("run.db"), "--from", list, "--dry-run"}
	o := m.run(args...)
	o.succeeds(t)
	assert.Contains(t, o.out, `  Ignored   columns of the list: "Happened", "Approved by", "column 4", "Mapping"`+"\n")
	plan := m.run(append(args, "--json")...).object(t)
	assert.Equal(t, []any{"Happened", "Approved by", "column 4", "Mapping"}, plan["ignoredColumns"])
}

// A review only reads: it takes the list, and says what it ignores.
func TestReviewOfAListWithColumns(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	list := m.write("list.csv", "login,client_id,decision\nann@example.com,0oacalendar,revoke\n")
	o := m.run("review", "--run", m.path("run.db"), "--from", list, "--json")
	o.succeeds(t)
	assert.Contains(t, o.err, `ignored columns of the list: "client_id", "decision"; all access of its users is read`)
	assert.Equal(t, []any{"client_id", "decision"}, o.object(t)["ignoredColumns"])
	assert.Zero(t, m.count(http.MethodDelete))
}

// A review of some users says nothing of the others, who would keep their consents to an app that is "verified".
func TestRevokeAppOfAReviewOfSome(t *testing.T) {
	t.Parallel()
	m := crowded(t, 20)
	group := m.org.AddGroup(oktatest.Group{UserIDs: []string{crowdID(0), crowdID(1)}})
	for says, args := range map[string][]string{
		`is a review of the group "` + group.ID + `" alone`:      {"--group", group.ID},
		`is a review of the search "profile.login sw \"user1\""`: {"--search", `profile.login sw "user1"`},
		"is a review of a list of users alone":                   {"--from", m.write("list", crowd(0, 2))},
	} {
		review := m.path(fmt.Sprintf("review%d.db", len(says)))
		m.run(append([]string{"review", "--run", review}, args...)...).succeeds(t)
		run := m.path("run.db")
		m.run("revoke-app", calendar, "--run", run, "--users", "review:"+review, "--yes").fails(t, 2, says, "--users all")
		assert.NoFileExists(t, run, "the same file takes the right review")
	}
	assert.Len(t, m.grantsByUser(), 20)
	m.run("review", "--run", m.path("all.db")).succeeds(t)
	args := []string{"revoke-app", calendar, "--run", m.path("run.db"), "--users", "review:" + m.path("all.db"), "--yes"}
	m.run(args...).succeeds(t)
	assert.Empty(t, m.grantsByUser())
}

// The plan has the age of the review, however new the run is, and a run is never that of another review.
func TestAgeOfAReview(t *testing.T) {
	t.Parallel()
	m := crowded(t, 3)
	review := m.path("review.db")
	m.run("review", "--run", review).succeeds(t)
	began := time.Now().Add(-40 * 24 * time.Hour).Truncate(time.Millisecond).UTC()
	age(t, review, began)
	args := []string{"revoke-app", calendar, "--run", m.path("run.db"), "--users", "review:" + review}
	o := m.run(append(args, "--dry-run")...)
	o.succeeds(t)
	assert.Contains(t, o.out, "  List      of a review, begun at "+began.Format(minute)+"\n")
	assert.Contains(t, o.out, "  Old list  The review was begun 40 days ago: users who have consented since are not in it")
	plan := m.run(append(args, "--dry-run", "--json")...).object(t)
	assert.Equal(t, began.Format(time.RFC3339Nano), plan["listed"])
	assert.Equal(t, "review", plan["usersOf"])

	age(t, review, began.Add(time.Hour))
	o = m.run(append(args, "--yes")...)
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.err, "when that review was begun was")
	assert.Len(t, m.grantsByUser(), 3)

	require.NoError(t, os.Remove(review))
	m.run(append(args, "--yes")...).succeeds(t)
	assert.Empty(t, m.grantsByUser(), "the plan has all that is needed of the review")
}

// age sets when a run was begun, in the file of its ledger.
func age(t *testing.T, path string, began time.Time) {
	t.Helper()
	text, err := json.Marshal(began.UnixMilli())
	require.NoError(t, err)
	execute(t, path, "UPDATE ledger_runs SET created = "+string(text))
}

// A plan of which nothing was revoked can be corrected with the same --run.
func TestPlanThatIsCorrected(t *testing.T) {
	t.Parallel()
	m := crowded(t, 4)
	m.run("review", "--run", m.path("review.db")).succeeds(t)
	args := []string{"revoke-app", calendar, "--run", m.path("run.db")}
	m.run(append(args, "--users", "review:"+m.path("reviw.db"), "--yes")...).fails(t, 2, "reviw.db")
	m.run(append(args, "--users", "review:"+m.path("review.db"), "--dry-run")...).succeeds(t)

	corrected := slices.Concat(args, []string{"--users", "review:" + m.path("review.db"), "--deactivate"})
	o := m.run(append(corrected, "--dry-run")...)
	o.succeeds(t)
	assert.Contains(t, o.err, "the list and the plan in "+m.path("run.db")+" are replaced, for nothing of it was revoked: "+
		"--deactivate was not given, is true")
	assert.Contains(t, o.out, "the app itself (deactivated)")
	m.run(append(corrected, "--yes")...).succeeds(t)
	assert.Empty(t, m.grantsByUser())

	m.run(append(args, "--users", "all", "--yes")...).fails(t, 2, "the run was begun for something else")
}

// Once the intent to revoke is on record, another list never takes the place of the run's.
func TestPlanIsNotCorrectedOnceItIsCarriedOut(t *testing.T) {
	t.Parallel()
	m := crowded(t, 4)
	ctx, cancel := context.WithCancel(t.Context())
	m.onCall = func(req *http.Request) {
		if req.Method == http.MethodDelete {
			cancel()
		}
	}
	args := []string{"offboard", "--run", m.path("run.db"), "--workers", "1", "--yes"}
	m.runIn(ctx, append(args, crowdID(0), crowdID(1))...).fails(t, 3, "interrupted")
	m.onCall = nil
	m.run(append(args, crowdID(0), crowdID(2))...).fails(t, 2, "the run was begun for something else: the users was")
	assert.Contains(t, m.grantsByUser(), crowdID(2))
	m.run(append(args, crowdID(0), crowdID(1))...).succeeds(t)
	assert.Len(t, m.grantsByUser(), 2)
}

// withoutRole has credentials that may see no users: the org then lists none, with status 200.
func (m *machine) withoutRole() (giveRole func()) {
	var role atomic.Bool
	watch := m.config.WrapTransport
	m.config.WrapTransport = func(next http.RoundTripper) http.RoundTripper {
		return watch(roundTripper(func(req *http.Request) (*http.Response, error) {
			if role.Load() || !strings.HasSuffix(req.URL.Path, "/users") {
				return next.RoundTrip(req)
			}
			return &http.Response{
				StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
				Body: io.NopCloser(strings.NewReader("[]")), Request: req,
			}, nil
		}))
	}
	return func() { role.Store(true) }
}

// An org that lists no users is no org without users.
func TestOrgThatListsNoUsers(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"review":             {"review"},
		"review with tokens": {"review", "--tokens"},
		"search":             {"review", "--search", `profile.login sw "user"`},
		"revoke-app":         {"revoke-app", calendar, "--users", "all", "--yes"},
		"assigned users":     {"revoke-app", calendar, "--yes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := crowded(t, 3)
			m.org.AssignUsers(calendar, crowdID(0), crowdID(1), crowdID(2))
			giveRole := m.withoutRole()
			args = append(args, "--run", m.path("run.db"))
			for range 2 {
				o := m.run(args...)
				o.fails(t, 2, "lists no users at all", "administrator role")
				assert.NotContains(t, o.out, "ended")
			}
			assert.Zero(t, m.count(http.MethodDelete))
			assert.Len(t, m.grantsByUser(), 3)
			giveRole()
			m.run(args...).succeeds(t)
			assert.Len(t, usersOf(t, m.path("run.db")), 3)
		})
	}
}

func usersOf(t *testing.T, run string) []string {
	t.Helper()
	var users []string
	for id := range usersIn(t, run) {
		if strings.HasPrefix(id, "00u") {
			users = append(users, id)
		}
	}
	return users
}

// A group without members and a search that finds nobody are done, with a clear zero.
func TestNobodyToReview(t *testing.T) {
	t.Parallel()
	m := crowded(t, 3)
	group := m.org.AddGroup(oktatest.Group{})
	for i, args := range [][]string{{"--group", group.ID}, {"--search", `profile.login sw "nobody"`}} {
		o := m.run(append([]string{"review", "--run", m.path(fmt.Sprintf("run%d.db", i))}, args...)...)
		o.succeeds(t)
		assert.Contains(t, o.out, "  Users   0: there are none to deal with\n")
	}
	m.withoutRole()
	m.run("review", "--run", m.path("run.db"), "--group", group.ID).fails(t, 2, "lists no users at all")
}

// An app to which nobody is assigned may still have tokens.
func TestAppWithoutAssignedUsers(t *testing.T) {
	t.Parallel()
	m := crowded(t, 1)
	m.org.AddRefreshToken(oktatest.RefreshToken{UserID: crowdID(0), ClientID: calendar})
	args := []string{"revoke-app", calendar, "--run", m.path("run.db")}
	plan := m.run(append(args, "--dry-run")...)
	plan.succeeds(t)
	assert.Contains(t, plan.out, "  Users     0 users: only the refresh tokens of the app are revoked\n")
	o := m.run(append(args, "--yes")...)
	o.succeeds(t)
	assert.Contains(t, o.out, "  Users    0: there are none to deal with\n")
	assert.Contains(t, o.out, "Only consents of users who were assigned to the app when they were listed are revoked")
	assert.Empty(t, m.org.RefreshTokens())
}

// A cron job without --yes must not report success: nothing was revoked.
func TestNobodyCanBeAsked(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for i, command := range []string{
		"offboard " + ann, "revoke-app " + calendar,
		"grants revoke 00uann oagann01", "grants revoke-all 00uann", "tokens revoke 00uann 0oanotes oarann4",
		"tokens revoke-all 00uann 0oanotes", "server-tokens revoke default 0oanotes oarann4",
		"server-tokens revoke-all default 0oanotes",
	} {
		args := strings.Fields(command)
		if i < 2 {
			args = append(args, "--run", m.path(fmt.Sprintf("run%d.db", i)))
		}
		o := m.run(args...)
		assert.Equal(t, 2, o.code, command)
		assert.Contains(t, o.err, "nothing was revoked: not a terminal: pass --yes to revoke")
		assert.NotEmpty(t, o.out, "the plan")
		m.run(append(args, "--dry-run")...).succeeds(t)
	}
	assert.Zero(t, m.count(http.MethodDelete))
}

// With --yes nobody needs to read the plan, so that standard error may be full.
func TestYesWithoutStandardError(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"offboard 00uann --run ", "grants revoke-all 00uann"} {
		m := newMachine(t)
		args := strings.Fields(command + " --yes")
		if strings.Contains(command, "--run") {
			args = strings.Fields(command + m.path("run.db") + " --yes")
		}
		var out lockedBuffer
		assert.Zero(t, Main(t.Context(), args, m.stdin, &out, full{}, m.env))
		assert.NotContains(t, m.grantsByUser(), ann)
		assert.NotEmpty(t, out.String())
	}
}

// full is a file on a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

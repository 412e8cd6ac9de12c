package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// object is the one JSON object that a command wrote.
func (o outcome) object(t *testing.T) map[string]any {
	t.Helper()
	objects := decode(t, o.out)
	require.Len(t, objects, 1, o.out)
	return objects[0]
}

// states are the tasks of a kind in a result, by state.
func states(t *testing.T, result map[string]any, kind string) map[string]any {
	t.Helper()
	tasks, ok := result["tasks"].(map[string]any)
	require.True(t, ok)
	named, _ := tasks[kind].(map[string]any)
	return named
}

func TestReview(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	o := m.run("review", "--run", m.path("review.db"))
	o.succeeds(t)
	for _, line := range []string{
		"review in " + m.org.URL + ": ended\n",
		"  Users   4 done\n",
		"  Found   51 grants, refresh tokens not read\n",
		"  Calls   6 in ",
		"Report: oktagrants report " + m.path("review.db") + "\n",
	} {
		assert.Contains(t, o.out, line)
	}
	assert.Empty(t, o.err)
	assert.Zero(t, m.count(http.MethodDelete))
	info, err := os.Stat(m.path("review.db"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestReviewAsJSON(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	result := m.run("review", "--run", m.path("review.db"), "--tokens", "--json").object(t)
	assert.Equal(t, "review", result["job"])
	assert.Equal(t, m.org.URL, result["org"])
	assert.Equal(t, "ended", result["phase"])
	assert.Equal(t, map[string]any{"done": 4.0}, states(t, result, "user"))
	assert.Equal(t, map[string]any{"done": 4.0}, states(t, result, "app"))
	assert.Equal(t, map[string]any{"done": 2.0}, states(t, result, "server"))
	assert.InDelta(t, 51, result["grants"], 0)
	assert.InDelta(t, 8, result["tokens"], 0)
	assert.NotEmpty(t, result["limitations"])
	assert.Equal(t, map[string]any{}, result["revoked"])
}

func TestReviewOfSome(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want float64
	}{
		"search": {[]string{"--search", `profile.login sw "b"`}, 1},
		"group":  {[]string{"--group", oktatest.DemoGroupID}, 4},
		"list":   {[]string{"--from", "-"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			m.stdin = strings.NewReader("login\nann@example.com\nbob@example.com\nann@example.com\n")
			o := m.run(append([]string{"review", "--run", m.path("review.db"), "--json"}, c.args...)...)
			o.succeeds(t)
			assert.Equal(t, map[string]any{"done": c.want}, states(t, o.object(t), "user"))
		})
	}
}

func TestReviewOfSomeTwice(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	o := m.run("review", "--run", m.path("review.db"), "--search", "x", "--group", "00g")
	o.fails(t, 2, "--search and --group are mutually exclusive")
	assert.Empty(t, m.requests())
}

func TestJobWithoutRun(t *testing.T) {
	t.Parallel()
	newMachine(t).run("review").fails(t, 2, "--run is missing")
}

func TestOffboardPlan(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.org.LimitRate(oktatest.BucketUsers, 600, time.Minute)
	args := []string{"offboard", "--run", m.path("run.db"), "ann@example.com", bob}
	o := m.run(args...)
	o.fails(t, 2, "nothing was revoked", "not a terminal", "--yes", "--dry-run")
	for _, line := range []string{
		"Plan: offboard in " + m.host() + "\n",
		"  Users     2 users\n",
		"  Revokes   each user's sessions, each user's refresh tokens and access tokens, each user's grants\n",
		"  Calls     4 to revoke and 2 to verify, at least\n",
		"  Time      at least 1 second at the org's limits (/api/v1/users: 600 each minute)\n",
	} {
		assert.Contains(t, o.out, line)
	}
	assert.Zero(t, m.count(http.MethodDelete))

	plan := m.run(append(args, "--json", "--dry-run")...).object(t)
	assert.Equal(t, "offboard", plan["job"])
	assert.InDelta(t, 2, plan["users"], 0)
	assert.InDelta(t, 4, plan["workCalls"], 0)
	assert.NotContains(t, plan, "revoked", "a plan has revoked nothing")
	assert.Zero(t, m.count(http.MethodDelete))
}

func TestOffboard(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	args := []string{"offboard", "--run", m.path("run.db"), "ann@example.com", bob, "--yes", "--json"}
	o := m.run(args...)
	o.succeeds(t)
	assert.Contains(t, o.err, "Plan: offboard", "the plan comes first")
	assert.Equal(t, map[string]any{"verified": 2.0}, states(t, o.object(t), "user"))
	assert.Equal(t, 4, m.count(http.MethodDelete))
	assert.Len(t, m.org.Grants(), 3, "those of somebody else")
	assert.Len(t, m.org.RefreshTokens(), 1, "that of somebody else")

	again := m.run(args...)
	again.succeeds(t)
	assert.Equal(t, 4, m.count(http.MethodDelete), "nothing is left to do")
	assert.Contains(t, again.err, "resuming the run started")
}

func TestOffboardOnTerminal(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	args := []string{"offboard", "--run", m.path("run.db"), "ann@example.com"}
	o := m.onTerminal("wrong\n").run(args...)
	assert.Equal(t, 3, o.code)
	assert.Empty(t, o.out, "the plan is part of the question")
	assert.Zero(t, m.count(http.MethodDelete))

	o = m.onTerminal(m.host() + "\n").run(args...)
	o.succeeds(t)
	assert.Equal(t, 2, m.count(http.MethodDelete))
	assert.Contains(t, o.out, "offboard in "+m.org.URL+": ended\n  Users    1 verified\n")
}

// Who gives the list on standard input cannot be asked there.
func TestOffboardFromStandardInputOnTerminal(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	o := m.onTerminal("ann@example.com\n").run("offboard", "--run", m.path("run.db"), "--from", "-")
	assert.Equal(t, 2, o.code, o.err)
	assert.Contains(t, o.err, "not a terminal: pass --yes to revoke")
	assert.Contains(t, o.out, "Plan: offboard")
	assert.Zero(t, m.count(http.MethodDelete))
}

func TestOffboardUnknownUsers(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	list := m.write("leavers.csv", "login\nann@example.com\neve@example.com\n00unone\n")
	args := []string{"offboard", "--run", m.path("run.db"), "--from", list, "--yes"}
	o := m.run(args...)
	o.fails(t, 1, "2 not_found")
	assert.Contains(t, o.out, "  Users    2 failed, 1 verified\n")
	assert.Contains(t, o.out, "  Errors   2 not_found\n")
	assert.Len(t, m.org.Grants(), 6, "those of the others")

	o = m.run(args...)
	o.fails(t, 1, "2 not_found")
	assert.Contains(t, o.err, "1 user, and 1 who could not be found: they are looked up again, and dealt with if they exist")
}

func TestOffboardNobody(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.run("offboard", "--run", m.path("run.db"), "--yes").fails(t, 2, "no users are given")
	m.run("offboard", "--run", m.path("run.db"), "", "--yes").fails(t, 2, "empty")
	m.run("offboard", "--run", m.path("run.db"), ann, "--from", m.write("l", bob), "--yes").fails(t, 2, "give one of them")
	assert.Zero(t, m.count(http.MethodDelete))
}

func TestOffboardKeepingSessions(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.run("offboard", "--run", m.path("run.db"), ann, "--keep-sessions", "--yes").succeeds(t)
	assert.NotContains(t, strings.Join(m.requests(), "\n"), "sessions")
	assert.Len(t, m.org.RefreshTokens(), 3, "those of Bob and Cid")
}

func TestRevokeApp(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	o := m.run("revoke-app", "--run", m.path("run.db"), calendar, "--yes", "--deactivate")
	o.succeeds(t)
	assert.Contains(t, o.err, "  App       Calendar (0oacalendar)\n")
	assert.Contains(t, o.err, "the app itself (deactivated)")
	assert.Contains(t, o.out, "  Users    2 verified\n  Apps     1 verified\n"+
		"  Revoked  app (1 time), grants (2 times), tokens (")
	for _, grant := range m.org.Grants() {
		assert.NotEqual(t, calendar, grant.ClientID)
	}
	for _, token := range m.org.RefreshTokens() {
		assert.NotEqual(t, calendar, token.ClientID)
	}
}

func TestRevokeAppOfAllUsers(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	o := m.run("revoke-app", "--run", m.path("run.db"), calendar, "--users", "all", "--yes", "--json")
	o.succeeds(t)
	assert.Equal(t, map[string]any{"verified": 4.0}, states(t, o.object(t), "user"))
}

func TestRevokeAppOfReview(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.run("review", "--run", m.path("review.db")).succeeds(t)
	users := "review:" + m.path("review.db")
	o := m.run("revoke-app", "--run", m.path("run.db"), "0oareports", "--users", users, "--yes", "--json")
	o.succeeds(t)
	assert.Equal(t, map[string]any{"verified": 2.0}, states(t, o.object(t), "user"))
}

func TestRevokeAppUsers(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	revoke := func(users string) outcome {
		return m.run("revoke-app", "--run", m.path("run.db"), calendar, "--users", users, "--yes")
	}
	revoke("some").fails(t, 2, `--users is "some"`)
	revoke("review:").fails(t, 2, "review:")
	revoke("review:"+m.path("run.db")).fails(t, 2, "name the same file")
	revoke("review:"+m.path("none.db")).fails(t, 2, "none.db")
	assert.Zero(t, m.count(http.MethodDelete))
}

// An app that does not exist must not look like one that has no access.
func TestRevokeUnknownApp(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	o := m.run("revoke-app", "--run", m.path("run.db"), "0oacalender", "--yes")
	o.fails(t, 2, `the app "0oacalender" does not exist`)
	assert.Empty(t, o.out)
	m.run("revoke-app", "--run", m.path("run.db"), calendar, "--yes").succeeds(t) // the same file does
	m.run("revoke-app", "--run", m.path("run2.db"), "--yes").fails(t, 2, "expected the ID or client ID of one app")
	m.run("revoke-app", "--run", m.path("run2.db"), calendar, "0oanotes", "--yes").fails(t, 2, "one app")
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	ctx, cancel := context.WithCancel(t.Context())
	m.onCall = func(req *http.Request) {
		if req.Method == http.MethodDelete {
			cancel()
		}
	}
	args := strings.Fields("offboard ann@example.com bob@example.com --workers 1 --yes --run " + m.path("run.db"))
	o := m.runIn(ctx, args...)
	again := "oktagrants " + strings.Join(args, " ")
	o.fails(t, 3, "interrupted; nothing is lost: go on with: "+again)
	assert.Contains(t, o.err, "interrupt again to stop at once")
	assert.Contains(t, o.out, ": working, incomplete\n", "what was done so far")

	m.onCall = nil
	m.run(args...).succeeds(t)
	assert.Len(t, m.org.RefreshTokens(), 1, "that of somebody else")
	assert.Len(t, m.org.Grants(), 3)
}

func TestInterruptWhileListing(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	ctx, cancel := context.WithCancel(t.Context())
	m.onCall = func(*http.Request) { cancel() }
	m.runIn(ctx, "review", "--run", m.path("a file.db")).fails(t, 3, "--run '"+m.path("a file.db")+"'")
	m.onCall = nil
	m.run("review", "--run", m.path("a file.db")).succeeds(t)
}

func TestOtherArguments(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.run("offboard", "--run", m.path("run.db"), ann, "--yes").succeeds(t)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"offboard", bob, "--yes"}, `the users was ["00uann"], is ["00ubob"]`},
		{[]string{"offboard", ann, "--keep-sessions", "--yes"}, "--keep-sessions was not given, is true"},
		{[]string{"review"}, "kind was offboard, is review"},
		{[]string{"offboard", "--from", m.write("list", bob), "--yes"}, "--from"},
	} {
		m.run(append(c.args, "--run", m.path("run.db"))...).fails(t, 2, "run.db", c.says, "another file to --run")
	}
	m.org.Close()
	other := newMachine(t)
	other.folder = m.folder
	other.run("offboard", "--run", m.path("run.db"), ann, "--yes").fails(t, 2, "org was "+m.org.URL)
	assert.Zero(t, other.count(http.MethodDelete))
}

func TestLedgersThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for name, path := range map[string]string{
		"a text":         m.write("text.db", strings.Repeat("no ledger ", 100)),
		"a folder":       m.folder,
		"no such folder": m.path("none/run.db"),
		"no database":    "postgres://user:hunter2@127.0.0.1:1/none",
	} {
		o := m.run("review", "--run", path)
		o.fails(t, 2)
		assert.NotContains(t, o.err, "hunter2", name)
		assert.NotContains(t, o.err, "make room", name)
		assert.NotContains(t, o.err, "check the org's URL", name)
	}
	held, err := ledger.Open(t.Context(), m.path("held.db"), ledger.Write)
	require.NoError(t, err)
	defer held.Close() //nolint:errcheck // nothing is written to it
	o := m.run("review", "--run", m.path("held.db"))
	o.fails(t, 2, "in use", "wait until it ends")
	assert.NotContains(t, o.err, "make room")
	assert.Empty(t, m.requests())
}

func TestPasswordsOfDatabases(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	const database = "postgres://user:hunter2@127.0.0.1:1/none?password=hunter3"
	for _, args := range [][]string{
		{"review", "--run", database},
		{"review", "--run=" + database, "--from", database},
		{"revoke-app", calendar, "--run", m.path("run.db"), "--users", "review:" + database},
		{"revoke-app", calendar, "--run", m.path("run.db"), "--users=review:" + database + "&sslmode=disable"},
		{"revoke-app", calendar, "--run", database, "--users", "review:" + database},
		{"status", database},
		{"report", database},
	} {
		o := m.run(args...)
		assert.NotZero(t, o.code)
		assert.NotContains(t, o.out+o.err, "hunter", args)
	}
	for _, name := range []string{"run.db", "run.db-wal"} {
		content, err := os.ReadFile(m.path(name))
		if !errors.Is(err, fs.ErrNotExist) {
			require.NoError(t, err)
		}
		assert.NotContains(t, string(content), "hunter", name)
	}
}

func TestCredentialsThatAreRefused(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.config.Credentials = okta.APIToken("00other-secret")
	for _, args := range [][]string{
		{"grants", "list", ann},
		{"review", "--run", m.path("review.db")},
		{"offboard", "--run", m.path("run.db"), "ann@example.com", "--yes"},
		{"doctor"},
	} {
		o := m.run(args...)
		o.fails(t, 2, "401", "OKTA_CLIENT_TOKEN")
		assert.NotContains(t, o.err, "00other-secret")
	}
}

// A credential that is refused in the middle stops the run, which can be resumed.
func TestCredentialsThatExpire(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	refused := oktatest.Reply(http.StatusUnauthorized, http.Header{"Content-Type": {"application/json"}},
		`{"errorCode":"E0000011","errorSummary":"Invalid token provided"}`)
	pass := func(w http.ResponseWriter, r *http.Request, org http.Handler) { org.ServeHTTP(w, r) }
	m.org.Next(pass, pass, refused)
	args := []string{"review", "--run", m.path("review.db"), "--workers", "1"}
	o := m.run(args...)
	o.fails(t, 2, "E0000011", "OKTA_CLIENT_TOKEN", "then go on with: oktagrants review")
	rest := m.run(args...)
	rest.succeeds(t)
	assert.Contains(t, rest.out, "Users   4 done")
}

func TestMissingScope(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.org.AcceptBearerToken("bearer-secret", "okta.users.read")
	m.config.Credentials = okta.BearerToken("bearer-secret")
	m.run("grants", "revoke-all", ann, "--yes").fails(t, 2, "grant okta.users.manage to the service app")
	m.run("offboard", "--run", m.path("run.db"), ann, "--yes").fails(t, 2, "grant okta.users.manage")
	m.run("server-clients", "list", "default").fails(t, 2, "okta.authorizationServers.read")
	m.run("revoke-app", "--run", m.path("app.db"), calendar, "--yes").fails(t, 2, "okta.apps.read")
}

func TestForbidden(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.org.Handle("GET /api/v1/users/{id}/grants", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"errorCode":"E0000006","errorSummary":"You do not have permission"}`))
	}))
	m.run("grants", "list", ann).fails(t, 2, "E0000006", "administrator role")
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	none := newMachine(t)
	none.config = okta.Config{}
	o := none.run("review", "--run", none.path("r.db"))
	o.fails(t, 2, "OKTA_CLIENT_ORGURL", "OKTA_CLIENT_TOKEN", "OKTA_CLIENT_PRIVATEKEY", "okta.yaml",
		"oktagrants demo review")
	assert.NoFileExists(t, none.path("r.db"))

	half := newMachine(t)
	half.config = okta.Config{OrgURL: "https://acme.okta.com"}
	half.run("doctor").fails(t, 2, "Credentials is missing")

	broken := newMachine(t)
	broken.env.LoadConfig = func() (okta.Config, error) {
		return okta.Config{}, errors.New("okta.yaml:3: orgUrl is wrong")
	}
	broken.run("doctor").fails(t, 2, "okta.yaml:3")

	for _, share := range []string{"-1", "0", "0.0", "1.5", "x", ""} {
		newMachine(t).run("doctor", "--max-use", share).fails(t, 2, "max-use")
	}
	for _, workers := range []string{"-1", "0"} {
		newMachine(t).run("review", "--run", "x.db", "--workers", workers).fails(t, 2, "--workers is "+workers)
	}
}

func TestUserAgent(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.run("grants", "list", ann).succeeds(t)
	for _, request := range m.org.Requests() {
		assert.True(t, strings.HasPrefix(request.Header.Get("User-Agent"), "oktagrants"), request.Header)
	}
}

// Half of a window of ten is five: the others have to wait for the next one.
func TestMaxUse(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.org.LimitRate(oktatest.BucketUsers, 100, time.Minute)
	plan := func(share string) float64 {
		args := strings.Fields("offboard 00uann 00ubob --json --dry-run --max-use " + share)
		args = append(args, "--run", m.path("run"+share+".db"))
		seconds, _ := m.run(args...).object(t)["seconds"].(float64)
		return seconds
	}
	assert.InDelta(t, 2*plan("1"), plan("0.5"), 0.01)
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for command, says := range map[string]string{
		"grant":                         `there is no command "grant": did you mean grants`,
		"grants lst":                    `there is no command "lst"`,
		"grants list":                   "grants list: expected USER, got 0 arguments",
		"grants get a":                  "expected USER GRANT, got 1 argument",
		"grants list 00uann --klient x": "unknown flag: --klient",
		"grants list 00uann --limit x":  "--limit",
		"grants list 00uann --limit -1": "Limit is -1",
		"review x":                      `expected no arguments, got "x"`,
		"reviw":                         "did you mean review?",
		"review --max-use NaN":          "--max-use",
		"grants list 00uann --client a --scope b": "--client and --scope are mutually exclusive",
		"review --search a --group b":             "--search and --group are mutually exclusive",
		"review --search a --from b":              "--search and --from are mutually exclusive",
		"review --group a --from b":               "--group and --from are mutually exclusive",
		"completion bash x":                       "unknown command",
	} {
		o := newMachine(t).run(strings.Fields(command)...)
		o.fails(t, 2, says)
		assert.Equal(t, 1, strings.Count(o.err, "oktagrants: "), o.err)
		assert.Empty(t, o.out)
	}
	newMachine(t).run("grants", "get", "", "x").fails(t, 2, "USER is empty")
}

func TestProgressOfJobOnTerminal(t *testing.T) {
	t.Parallel()
	m := newMachine(t).onTerminal("")
	o := m.run("review", "--run", m.path("review.db"))
	o.succeeds(t)
	assert.True(t, strings.HasSuffix(o.err, "\r\x1b[K"), "nothing is left of the line: %q", o.err)
	assert.NotContains(t, o.err, "\n", "it stays on one line")
	o = m.run("review", "--run", m.path("quiet.db"), "--quiet")
	o.succeeds(t)
	assert.Empty(t, o.err)
}

func TestStatus(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.run("offboard", "--run", m.path("run.db"), "ann@example.com", "--dry-run").succeeds(t)
	o := m.run("status", m.path("run.db"))
	o.succeeds(t)
	assert.Contains(t, o.out, "offboard in "+m.org.URL+": planned, incomplete\n  Users   1 not begun\n")

	m.run("offboard", "--run", m.path("run.db"), "ann@example.com", "--yes").succeeds(t)
	result := m.run("status", m.path("run.db"), "--json").object(t)
	assert.Equal(t, "ended", result["phase"])
	assert.Equal(t, map[string]any{"verified": 1.0}, states(t, result, "user"))
	assert.Equal(t, map[string]any{"sessions": 1.0, "tokens": 1.0, "grants": 1.0}, result["revoked"])
	blind, err := json.Marshal(result["limitations"])
	require.NoError(t, err)
	assert.Contains(t, string(blind), "live on until they expire, by default at 2", "the latest time until which")

	m.run("status", m.path("none.db")).fails(t, 2, "none.db", "FILE is what --run")
	m.run("status", m.write("text", "no ledger")).fails(t, 2, "text")
	m.run("status", m.folder).fails(t, 2, "folder")
}

// What a run cannot see must not claim what the run has not done.
func TestStatusOfRunThatDidNothing(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.run("revoke-app", "--run", m.path("app.db"), calendar, "--dry-run").succeeds(t)
	m.org.Next(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(http.StatusForbidden) })
	m.run("review", "--run", m.path("review.db")).fails(t, 2)
	for _, run := range []string{"app.db", "review.db"} {
		o := m.run("status", m.path(run))
		o.succeeds(t)
		assert.NotContains(t, o.out, "were revoked for", run)
		assert.NotContains(t, o.out, "All users were reviewed", run)
	}
}

// Status works while a run goes on: here, while another process has the ledger.
func TestStatusOfRunningRun(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.run("review", "--run", m.path("review.db")).succeeds(t)
	held, err := ledger.Open(t.Context(), m.path("review.db"), ledger.Write)
	require.NoError(t, err)
	defer held.Close() //nolint:errcheck // nothing is written to it
	m.run("status", m.path("review.db")).succeeds(t)
	m.run("report", m.path("review.db")).succeeds(t)
}

// The calls are those of the whole process, so the time has to be, too, but for that of a question.
func TestTimeOfCalls(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	var out lockedBuffer
	c := &cli{env: m.env, out: &out, err: io.Discard}
	org, err := c.connect()
	require.NoError(t, err)
	work, err := steps.New(org.client, m.org.URL, ledger.Review, steps.Arguments{}, nil)
	require.NoError(t, err)
	began := time.Now()
	summary := &run.Summary{Calls: 86, Began: began, Ended: began.Add(5 * time.Second)}
	require.NoError(t, c.showResult(t.Context(), &job{run: "x.db", prepared: 30 * time.Second}, &run.Runner{Job: work}, summary))
	assert.Contains(t, out.String(), "  Calls   86 in 35 seconds\n")

	j := &job{kind: ledger.Review, run: m.path("run.db"), quiet: true}
	require.NoError(t, c.carryOut(t.Context(), j))
	assert.Positive(t, j.prepared)
}

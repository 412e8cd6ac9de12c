package report_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/report"
)

var tags = regexp.MustCompile(`(?s)<script.*?</script>|<style.*?</style>|<[^>]*>`)

// text is what a reader of a page sees, without the table that its script draws.
func text(page string) string {
	words := strings.Fields(html.UnescapeString(tags.ReplaceAllString(page, " ")))
	return strings.Join(words, " ")
}

type tableOfUsers struct {
	Users  [][]string `json:"users"`
	Apps   [][]string `json:"apps"`
	Scopes [][]any    `json:"scopes"`
	Sets   [][]int    `json:"sets"`
	Texts  []string   `json:"texts"`
	Rows   [][]int64  `json:"rows"`
}

// rowsOf are the rows of the table of users, as the page's script gets them.
func rowsOf(t *testing.T, page string) (rows tableOfUsers) {
	t.Helper()
	_, after, found := strings.Cut(page, `<script type="application/json" id="data">`)
	require.True(t, found)
	data, _, _ := strings.Cut(after, "</script>")
	require.NoError(t, json.Unmarshal([]byte(data), &rows))
	return rows
}

func TestReviewOnThePage(t *testing.T) {
	t.Parallel()
	s := ended(
		ledger.Review, `{"tokens":true,"search":"profile.department eq \"Sales\""}`,
		user(1, grant("0oaWiki", "Wiki", "openid"), grant("0oaWiki", "Wiki", "email")),
		user(2, grant("0oaWiki", "Wiki", "openid"), grant("0oaAdmin", "Toolbox", "okta.users.manage")),
		user(3),
		user(4),
	)
	s.tokens = func(yield func(ledger.Access) bool) {
		_ = yield(token(3, "0oaAdmin", "okta.users.manage", "offline_access")) && yield(token(9, "0oaWiki", "openid"))
	}
	got := text(page(t, s, "Access tokens are not seen."))
	for _, want := range []string{
		"Access review acme.okta.com · 2026-11-20 09:30 to 2026-11-20 10:06 UTC Finished, all was read",
		"3 of 4 users gave 2 apps access. 2 users granted powerful scopes to 1 app.",
		"Users 4 With access 3 Apps 2 1 with powerful scopes Grants 4 Refresh tokens 2 Powerful scopes 2",
		"Nothing: all that the run asked for was read.",
		"1 outside: these users have refresh tokens and are not in the list",
		"What this run cannot see Access tokens are not seen.",
		"Apps by users with powerful scopes Wiki 3 Toolbox 2",
		"Scopes by users powerful openid 3 okta.users.manage 2 email 1 offline_access 1",
		// users, reach, scopes with users, grants, tokens, old ones, dates
		"Toolbox 0oaAdmin 2 3 okta.users.manage 2 offline_access 1 1 1 0 2026-10-31 2026-11-10 " +
			"Wiki 0oaWiki 3 0 openid 3 email 1 3 1 0 2026-10-31 2026-11-10",
		`search = profile.department eq "Sales" , tokens = true .`,
		"A scope is powerful if",
		"Over 90 days counts the grants and tokens that were granted or issued more than 90 days before the run began.",
		"Okta keeps no time of their last use",
		"Made by oktagrants at 2026-11-21 09:30 UTC",
	} {
		assert.Contains(t, got, want)
	}
}

func TestTableOfUsers(t *testing.T) {
	t.Parallel()
	s := ended(
		ledger.Review, `{"tokens":true}`,
		user(1, grant("0oaWiki", "Wiki", "openid"), grant("0oaWiki", "Wiki", "repo.write")),
		user(2),
	)
	s.tokens = func(yield func(ledger.Access) bool) {
		_ = yield(token(1, "0oaWiki", "openid")) && yield(token(2, "0oaWiki", "openid"))
	}
	rows := rowsOf(t, page(t, s))
	require.Equal(t, [][]string{
		{userID(1), "user1@acme.example", "User 1"},
		{userID(2), "user2@acme.example", "User 2"},
	}, rows.Users)
	require.Equal(t, [][]string{{"0oaWiki", "Wiki"}}, rows.Apps)
	require.Equal(t, [][]any{{"repo.write", true, false}, {"openid", false, false}}, rows.Scopes)
	require.Equal(t, [][]int{{0, 1}, {1}}, rows.Sets, "powerful scopes stand first")
	first, last := began.AddDate(0, 0, -20).Unix()/86400, began.AddDate(0, 0, -10).Unix()/86400
	require.Equal(t, [][]int64{
		{0, 0, 0, 0, 2, 1, 0, first, last, 1}, // user, status, app, set, grants, tokens, old ones, dates, powerful
		{1, 0, 0, 1, 0, 1, 0, first, last, 0},
	}, rows.Rows)
}

func TestReachOrdersApps(t *testing.T) {
	t.Parallel()
	many := grant("0oaMany", "Many users", "openid")
	one := grant("0oaOne", "One powerful scope", "a.manage")
	two := grant("0oaTwo", "Two powerful scopes", "a.manage", "b.manage", "openid")
	got := text(page(t, ended(ledger.Review, "{}", user(1, many, one, two), user(2, many, one), user(3, many))))
	_, apps, _ := strings.Cut(got, "Apps in order of reach")
	oneAt, twoAt := strings.Index(apps, "One powerful"), strings.Index(apps, "Two powerful")
	require.Less(t, oneAt, twoAt, "the same reach, and more users")
	require.Less(t, twoAt, strings.Index(apps, "Many users"))
	require.Contains(t, apps, "Two powerful scopes 0oaTwo 1 2 a.manage 1 b.manage 1 openid 1")
}

// Okta keeps no time of the last use, and the last update is none: age is all that can be said.
func TestGrantedLongAgo(t *testing.T) {
	t.Parallel()
	for _, days := range []int{0, 30} {
		limit := cmp.Or(days, 90)
		for age, old := range map[int]int{limit - 1: 0, limit: 0, limit + 1: 1} {
			access := grant("0oa1", "Wiki", "openid")
			access.Created, access.Updated = began.AddDate(0, 0, -age), began
			var b strings.Builder
			s := ended(ledger.Review, `{"tokens":true}`, user(1, access))
			require.NoError(t, report.HTML(t.Context(), &b, s, report.Options{OlderThan: days}))
			want := fmt.Sprintf("Granted more than %d days ago %d", limit, old)
			assert.Contains(t, text(b.String()), want, "%d days old", age)
		}
	}
	unknown := ledger.Access{Kind: ledger.Grant, ClientID: "0oa1", Scopes: []string{"openid"}}
	got := text(page(t, ended(ledger.Review, "{}", user(1, unknown))))
	assert.Contains(t, got, "Granted more than 90 days ago 0 1 without a date; grants only")
}

// What could be judged by a title or an ID only is never shown as harmless.
func TestScopesWithoutANameAreNotJudged(t *testing.T) {
	t.Parallel()
	titled, nameless := grant("0oaVets", "Benefits"), grant("0oaVets", "Benefits")
	titled.ScopeID, titled.ScopeTitle = "scp2bvhy20aJcLgHy2p7", "Disability Rating"
	nameless.ScopeID = "scp2bvhy3jLMtDLif2p7"
	named := grant("0oaWiki", "Wiki", "files.write")
	named.ScopeID, named.ScopeTitle = "scp1", "Look at files"
	s := ended(ledger.Review, "{}", user(1, titled, nameless, named), user(2, titled))
	s.counts.NotJudged = 3
	markup := page(t, s)
	got := text(markup)
	for _, want := range []string{
		"Finished, not all was judged",
		"1 user granted powerful scopes to 1 app. Not judged: 3 grants.",
		"Powerful scopes 1 1 users granted some; 3 grants were not judged",
		"3 not judged: these grants name their scope by title or ID alone",
		"Scopes by users powerful Disability Rating ? 2 files.write 1 scp2bvhy3jLMtDLif2p7 ? 1 A ? stands at scopes",
		"Benefits 0oaVets 2 at least 0 Disability Rating ? 2 scp2bvhy3jLMtDLif2p7 ? 1 3 not judged 3",
		"Wiki 0oaWiki 1 1 files.write 1 1",
		"Not judged only",
	} {
		assert.Contains(t, got, want)
	}
	assert.NotContains(t, got, "Look at files", "the name is known")
	rows := rowsOf(t, markup)
	assert.Contains(t, rows.Scopes, []any{"Disability Rating", false, true})
	assert.Contains(t, rows.Scopes, []any{"files.write", true, false})
	assert.Equal(t, int64(8), rows.Rows[0][9], "the flag of the filter")

	var judged []string
	for _, row := range csvRows(t, s) {
		judged = append(judged, strings.Join([]string{row["scopes"], row["scope_id"], row["scope_title"], row["powerful"]}, "|"))
	}
	assert.Equal(t, []string{
		"Disability Rating|scp2bvhy20aJcLgHy2p7|Disability Rating|not judged",
		"scp2bvhy3jLMtDLif2p7|scp2bvhy3jLMtDLif2p7||not judged",
		"files.write|scp1|Look at files|yes",
		"Disability Rating|scp2bvhy20aJcLgHy2p7|Disability Rating|not judged",
	}, judged[:4])

	lines := jsonLines(t, s)
	assert.Equal(t, map[string]any{
		"kind": "grant", "id": "oag1", "client": "0oaVets", "clientName": "Benefits", "issuer": "https://acme.okta.com",
		"status": "ACTIVE", "source": "END_USER", "scopeId": "scp2bvhy20aJcLgHy2p7", "scopeTitle": "Disability Rating",
		"created": "2026-10-31T09:30:00Z", "updated": "2026-11-10T09:30:00Z",
	}, lines[1]["found"].([]any)[0]) //nolint:forcetypeassert // it fails the test
	assert.InDelta(t, 3, lines[len(lines)-1]["notJudged"], 0)
}

// A title that is spelled like a name is not the scope of that name.
func TestTitleIsNoName(t *testing.T) {
	t.Parallel()
	titled := grant("0oa1", "Wiki")
	titled.ScopeID, titled.ScopeTitle = "scp1", "openid"
	rows := rowsOf(t, page(t, ended(ledger.Review, "{}", user(1, titled, grant("0oa1", "Wiki", "openid")))))
	assert.Equal(t, [][]any{{"openid", false, true}, {"openid", false, false}}, rows.Scopes)
}

// A number of what was not read is no 0.
func TestWhatWasNotReadIsNotZero(t *testing.T) {
	t.Parallel()
	failed := func(kind ledger.TaskKind, id string) ledger.Task {
		return ledger.Task{Kind: kind, ID: id, State: ledger.Failed, Class: "forbidden", Error: "403"}
	}
	nobody := ended(ledger.Review, `{"tokens":true}`, failed(ledger.User, "00u1"), failed(ledger.App, "0oa1"))
	got := text(page(t, nobody))
	assert.Contains(t, got, "Users 1 1 not read With access not read Apps not read Grants not read "+
		"Refresh tokens not read 1 apps and servers were not read Powerful scopes not read "+
		"Granted more than 90 days ago not read")

	some := ended(ledger.Review, `{"tokens":true}`, user(1, grant("0oa1", "Wiki", "a")), failed(ledger.User, "00u9"),
		failed(ledger.Server, "aus1"), ledger.Task{Kind: ledger.App, ID: "0oa1", State: ledger.Done})
	assert.Contains(t, text(page(t, some)), "Refresh tokens 0 1 apps and servers were not read")

	unasked := ended(ledger.Review, "{}", user(1, grant("0oa1", "Wiki", "a")))
	assert.Contains(t, text(page(t, unasked)), "Wiki 0oa1 1 0 a 1 1 not read 0 2026-10-31", "an app's tokens")
	assert.Equal(t, int64(-1), rowsOf(t, page(t, unasked)).Rows[0][5], "a user's tokens, which the script shows so")
	end := jsonLines(t, unasked)[2]
	assert.Contains(t, end, "tokens")
	assert.Nil(t, end["tokens"])
	rows := csvRows(t, unasked)
	assert.Equal(t, "not_read", rows[1]["kind"])
	assert.Equal(t, "refresh tokens were not read", rows[1]["error"])

	given := user(1, grant("0oa1", "Wiki", "a"))
	given.Status = "" // a list named the ID
	markup := page(t, ended(ledger.Review, "{}", given))
	assert.Contains(t, text(markup), "With access 1 1 whose status was not read")
	assert.Equal(t, []string{"not read"}, rowsOf(t, markup).Texts)
}

func TestNoUsersIsNotAllClear(t *testing.T) {
	t.Parallel()
	got := text(page(t, ended(ledger.Review, "{}")))
	assert.Contains(t, got, "Finished, no users were listed No users were listed: this says nothing of anybody.")
	assert.NotContains(t, got, "all was read")
	assert.NotContains(t, got, "all that the run asked for was read")
}

// A task that was done and not verified is never shown as verified.
func TestDoneIsNotVerified(t *testing.T) {
	t.Parallel()
	got := text(page(t, ended(ledger.Offboard, "{}", user(1))))
	assert.Contains(t, got, "Finished, not all was revoked or verified Access was revoked, and verified, for 0 of 1 user. "+
		"1 task is done, and not verified. Users 1 Verified 0 Not verified 1")
	assert.NotContains(t, got, "nothing was left")
}

// The state of an app that was to be deactivated is the one that was read last.
func TestStateOfADeactivatedApp(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{"INACTIVE": "INACTIVE", "ACTIVE": "ACTIVE", "": "not read"} {
		app := ledger.Task{Kind: ledger.App, ID: "0oa1", Name: "Wiki", Status: status, State: ledger.Verified}
		got := text(page(t, ended(ledger.RevokeApp, `{"client":"0oa1","deactivate":true}`, app)))
		assert.Contains(t, got, "The app "+want+" it was to be deactivated")
	}
}

// Grants and tokens have an app's client ID, which need not be its ID.
func TestAppWithAnotherClientID(t *testing.T) {
	t.Parallel()
	app := ledger.Task{Kind: ledger.App, ID: "0oa1", Login: "wiki-client", Name: "Wiki", State: ledger.Done}
	s := ended(ledger.Review, `{"tokens":true}`, user(1), app)
	s.tokens = func(yield func(ledger.Access) bool) { yield(token(1, "wiki-client", "openid")) }
	assert.Contains(t, text(page(t, s)), "Wiki wiki-client 1")
	lines := jsonLines(t, s)
	assert.Equal(t, "wiki-client", lines[2]["client"])
	assert.NotContains(t, lines[2], "login")

	app.State = ledger.Failed
	for _, given := range []string{"0oa1", "wiki-client"} {
		markup := page(t, ended(ledger.RevokeApp, `{"client":"`+given+`"}`, app))
		assert.Contains(t, text(markup), "App revocation: Wiki")
		assert.Contains(t, text(markup), "Wiki app 0oa1 Failed", "its name, not its client ID")
	}
}

func TestEndedAccessIsNoAccess(t *testing.T) {
	t.Parallel()
	revoked, expired, lasting := grant("0oa1", "Gone", "a"), grant("0oa2", "Expired", "b"), grant("0oa3", "Wiki", "c")
	revoked.Status = "REVOKED"
	expired.Expires = began.Add(-time.Second)
	lasting.Expires = began.Add(time.Second)
	got := text(page(t, ended(ledger.Review, "{}", user(1, revoked, expired, lasting), user(2, revoked))))
	require.Contains(t, got, "1 of 2 users gave 1 app access.")
	require.Contains(t, got, "3 ended: these grants and tokens are revoked or have expired")
	require.NotContains(t, got, "Gone")
	require.NotContains(t, got, "Expired")
}

func TestAccessOfInactiveUsers(t *testing.T) {
	t.Parallel()
	suspended, deprovisioned, none := user(1, grant("0oa1", "Wiki", "a")), user(2, grant("0oa1", "Wiki", "a")), user(3)
	suspended.Status, deprovisioned.Status, none.Status = "SUSPENDED", "DEPROVISIONED", "SUSPENDED"
	got := text(page(t, ended(ledger.Review, "{}", suspended, deprovisioned, none, user(4, grant("0oa1", "Wiki", "a")))))
	require.Contains(t, got, "With access 3 2 suspended or deprovisioned")
}

func TestTokensThatWereNotAskedForAreNotNone(t *testing.T) {
	t.Parallel()
	got := text(page(t, ended(ledger.Review, "{}", user(1, grant("0oa1", "Wiki", "a")))))
	require.Contains(t, got, "Refresh tokens not read not asked for")
	got = text(page(t, ended(ledger.Review, `{"tokens":true}`, user(1, grant("0oa1", "Wiki", "a")))))
	require.Contains(t, got, "Refresh tokens 0")
}

func TestNamesOfApps(t *testing.T) {
	t.Parallel()
	s := ended(ledger.Review, `{"tokens":true}`, user(1), ledger.Task{
		Kind: ledger.App, ID: "0oa1", Name: "Named by its task", State: ledger.Done,
	})
	s.tokens = func(yield func(ledger.Access) bool) {
		_ = yield(token(1, "0oa1", "openid")) && yield(token(1, "0oa2", "openid"))
	}
	got := text(page(t, s))
	require.Contains(t, got, "Named by its task 0oa1")
	require.Contains(t, got, "no name 0oa2")
}

func TestFailuresOfAReview(t *testing.T) {
	t.Parallel()
	gone := ledger.Task{
		Kind: ledger.User, Given: "gone@acme.example", State: ledger.Failed, Tries: 3,
		Class: "not_found", Error: "no such user",
	}
	app := ledger.Task{
		Kind: ledger.App, ID: "0oaX", Name: "Secret", State: ledger.Failed, Tries: 1,
		Class: "forbidden", Error: "no permission",
	}
	twice := ledger.Task{Kind: ledger.User, ID: userID(1), State: ledger.Same}
	got := text(page(t, ended(ledger.Review, `{"tokens":true}`, user(1), gone, app, twice)))
	for _, want := range []string{
		"Finished, not all was read",
		"Not read: 1 user.",
		"Users 2 1 not read",
		"2 of the run's tasks. See each of them.",
		"1 forbidden : the credentials do not permit it 1 not_found : does not exist in the org",
		"1 duplicates: these entries of the list name a user who stands in it before",
		"gone@acme.example user Failed not_found no such user 3",
		"Secret app 0oaX Failed forbidden no permission 1",
	} {
		assert.Contains(t, got, want)
	}
}

func TestUnfinishedRunSaysSo(t *testing.T) {
	t.Parallel()
	for phase, want := range map[ledger.Phase]string{
		ledger.Listing:   "Its list of users is complete, and their logins are being looked up. 1 of 3 tasks are not done.",
		ledger.Planned:   "It is planned, and nothing has been done. 1 of 3 tasks are not done.",
		ledger.Working:   "1 of 3 tasks are not done. It stopped: 500 from Okta.",
		ledger.Verifying: "What it revoked is being verified.",
	} {
		for _, kind := range []ledger.Kind{ledger.Review, ledger.Offboard, ledger.RevokeApp} {
			pending := user(3)
			pending.State = ledger.Pending
			s := ended(kind, "{}", user(1), user(2), pending)
			s.run.Phase, s.run.Ended, s.run.Stop = phase, time.Time{}, "500 from Okta."
			got := text(page(t, s))
			assert.Contains(t, got, "Not finished This run is not finished. "+want, "%s, %s", kind, phase)
			assert.Contains(t, got, "What follows is a part of the whole.", "%s, %s", kind, phase)
			assert.Contains(t, got, "So far: ", "%s, %s", kind, phase)
			assert.Contains(t, got, "1 not done: nothing is known of these tasks", "%s, %s", kind, phase)
			assert.NotContains(t, got, "Nothing: ", "%s, %s", kind, phase)
		}
	}
}

func TestUnfinishedListSaysSo(t *testing.T) {
	t.Parallel()
	s := ended(ledger.Review, "{}", user(1))
	s.run.Phase, s.run.Listed, s.run.Ended = ledger.Listing, false, time.Time{}
	require.Contains(t, text(page(t, s)),
		"This run is not finished. Its list of users is still being read. What follows is a part of the whole.")
}

func TestOffboardOnThePage(t *testing.T) {
	t.Parallel()
	revoked := func(task ledger.Task, state ledger.State) ledger.Task {
		at := began.Add(10 * time.Minute)
		task.State, task.Checked = state, began.Add(20*time.Minute)
		task.Revoked = []ledger.Revoked{
			{What: "sessions", At: at}, {What: "tokens", At: at}, {What: "grants", At: at.Add(5 * time.Second)},
		}
		return task
	}
	left := revoked(user(2), ledger.Left)
	left.Class, left.Error = "left", "not all was revoked: grants or tokens of the clients 0oa1"
	again := revoked(user(3), ledger.Done)
	again.Tries = 2
	failed := user(4)
	failed.State, failed.Class, failed.Error = ledger.Failed, "not_found", "no such user"
	markup := page(t, ended(ledger.Offboard, "{}", revoked(user(1), ledger.Verified), left, again, failed))
	got := text(markup)
	for _, want := range []string{
		"Off-boarding acme.okta.com",
		"Finished, not all was revoked",
		"Access was revoked, and verified, for 1 of 4 users. 2 tasks failed, left something or could not be verified. " +
			"1 task is done, and not verified.",
		"Users 4 Verified 1 nothing was left Not verified 1 Failed or left 2 Not done 0",
		"Access tokens live on until 2026-11-20 11:06", // an hour after the end
		"3 of the run's tasks.",
		"1 left : something was left after the revoke 1 not_found : does not exist in the org",
		"1 repeated: these tasks began more than once",
		"Users by outcome not verified Verified 1 Done, not verified 1 Left 1 Failed 1",
		"Revokes that succeeded grants 3 sessions 3 tokens 3",
		"user2@acme.example user " +
			userID(2) + " Left left not all was revoked: grants or tokens of the clients 0oa1 1",
	} {
		assert.Contains(t, got, want)
	}
	rows := rowsOf(t, markup)
	require.Len(t, rows.Rows, 4)
	require.Equal(t, []string{"ACTIVE", "Verified", "sessions, tokens, grants"}, rows.Texts[:3])
	require.Equal(t, []int64{
		0, 0, 1, 2, began.Add(605 * time.Second).Unix(), began.Add(20 * time.Minute).Unix(), 1, 0,
	}, rows.Rows[0])
	require.Equal(t, int64(4), rows.Rows[1][7], "what is left has the flag of the filter")
}

func TestRevokeAppOnThePage(t *testing.T) {
	t.Parallel()
	app := ledger.Task{
		Kind: ledger.App, ID: "0oa1", Name: "Data Exporter", State: ledger.Verified, Tries: 1, Revoked: []ledger.Revoked{
			{What: "app", ClientID: "0oa1", At: began}, {What: "tokens", ClientID: "0oa1", At: began},
			{What: "tokens", ClientID: "0oa1", ServerID: "aus1", At: began.Add(time.Minute)},
		},
	}
	consents := user(1)
	consents.State, consents.Revoked = ledger.Verified, []ledger.Revoked{{What: "grants", ClientID: "0oa1", At: began}}
	s := ended(ledger.RevokeApp, `{"client":"0oa1","usersOf":"assigned"}`, app, consents)
	got := text(page(t, s))
	for _, want := range []string{
		"App revocation: Data Exporter acme.okta.com",
		"Finished and verified",
		"The access of Data Exporter was revoked, and verified, for 1 of 1 user.",
		"The app's tokens Verified",
		"Access tokens live on until 2026-11-20 11:06",
		"Nothing: each task was done and verified.",
		"app 1 grants 1 tokens 2",
		"Data Exporter 0oa1 1 4",
	} {
		assert.Contains(t, got, want)
	}
	app.State = ledger.Left
	s.tasks = and(demo(0).tasks, app, consents)
	require.Contains(t, text(page(t, s)), "The app's tokens Left")
}

// The policy names the style and the script by their hashes, so the page works with them and with nothing else.
func TestContentSecurityPolicy(t *testing.T) {
	t.Parallel()
	markup := page(t, demo(3))
	match := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(markup)
	require.NotNil(t, match)
	policy := html.UnescapeString(match[1])
	require.Contains(t, policy, "default-src 'none'")
	require.NotContains(t, policy, "unsafe")
	for directive, element := range map[string]string{"style-src": "style", "script-src": "script"} {
		_, after, found := strings.Cut(markup, "<"+element+">")
		require.True(t, found)
		source, _, _ := strings.Cut(after, "</"+element+">")
		sum := sha256.Sum256([]byte(source))
		require.Contains(t, policy, directive+" 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	for _, tag := range regexp.MustCompile(`<\w[^>]*>`).FindAllString(markup, -1) {
		require.NotRegexp(t, `(?i)\s(style|on\w+)=`, tag, "inline styles and handlers do not work")
	}
	require.NotRegexp(t, `(?i)(src|href)="[^#]|url\(|@import`, markup, "the page fetches nothing")
}

func TestSizeOfAPage(t *testing.T) {
	t.Parallel()
	s := demo(20_000)
	s.tokens = demoTokens(20_000)
	markup := page(t, s)
	require.LessOrEqual(t, len(markup), 5_000_000)
	require.Len(t, rowsOf(t, markup).Users, 20_000)
	require.NotContains(t, text(markup), "are shown here")
}

func TestLargeRunIsCutAndSaysSo(t *testing.T) {
	t.Parallel()
	markup := page(t, demo(21_000))
	require.LessOrEqual(t, len(markup), 5_000_000)
	require.Len(t, rowsOf(t, markup).Users, 20_000)
	require.Contains(t, text(markup), "Users 21,000 With access 21,000")
	require.Contains(t, text(markup), "The first 20,000 of 21,000 users with access are shown here. "+
		"The totals above count all, and the CSV has all.")
}

func TestLongNamesDoNotMakeALargePage(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("<\u202e", 5_000)
	s := ended(ledger.Review, `{"tokens":true}`)
	s.tasks = func(yield func(ledger.Task) bool) {
		for n := range 1_200 {
			task := user(n, grant(fmt.Sprintf("0oa%d", n), long, fmt.Sprint(n, long)))
			if n%2 == 0 {
				task.State, task.Class, task.Error = ledger.Failed, "server", long
			}
			task.Login, task.Name = long, long
			if !yield(task) {
				return
			}
		}
	}
	markup := page(t, s)
	require.LessOrEqual(t, len(markup), 10_000_000)
	got := text(markup)
	require.Regexp(t, `The first [\d,]+ of 1,200 users with access are shown here\.`, got)
	require.Contains(t, got, "The first 300 of 1,200 apps are shown.")
	require.Contains(t, got, "The first 500 of 600 are shown here.")
}

func TestManyScopesOfAnApp(t *testing.T) {
	t.Parallel()
	var scopes []string
	for n := range 40 {
		scopes = append(scopes, fmt.Sprintf("scope%02d", n))
	}
	got := text(page(t, ended(ledger.Review, "{}", user(1, grant("0oa1", "Wiki", scopes...)))))
	require.Contains(t, got, "19 more")
	require.Contains(t, got, "scope23 1 and 16 more, which the CSV has")
}

var tag = regexp.MustCompile(`<[/!a-zA-Z][^\s>]*`)

// FuzzHTML looks for names that get out of the places where they are shown.
func FuzzHTML(f *testing.F) {
	for _, name := range hostile {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		count := func(name string) (n int) {
			u := user(1, grant("0oa"+name, name, "manage"+name), grant("wiki", "Wiki", "openid"))
			u.Login, u.Name, u.Status = "l"+name, name, "s"+name
			bad := ledger.Task{
				Kind: ledger.User, ID: "00u2", Given: name, State: ledger.Failed, Class: "c" + name, Error: "e" + name,
			}
			s := ended(ledger.Review, "{}", u, bad)
			s.run.Name, s.run.Org, s.run.Stop, s.run.Phase = "r"+name, "o"+name, "s"+name, ledger.Working
			markup := page(t, s)
			rowsOf(t, markup)
			return len(tag.FindAllString(markup, -1))
		}
		if name != "" {
			require.Equal(t, count("plain"), count(name), "the name changes the elements of the page")
		}
	})
}

var hostile = []string{
	"<img src=x onerror=\"window.pwned=1\">",
	"</script><script>window.pwned=1</script>",
	"</title><script>window.pwned=1</script>",
	"\"><svg onload=window.pwned=1>",
	"' onmouseover='window.pwned=1",
	"<!--", "-->", "]]>", "{{.Script}}", "${window.pwned=1}", "javascript:window.pwned=1",
	"=HYPERLINK(\"http://evil.example\")",
	"Pay\u202emoc.live\u202c\u2066", "zero\u200bwidth\u2060\ufeff", "line\u2028break\u2029", "a\x00\x07\x1b[31m\r\n\tred",
	"z" + strings.Repeat("\u0315", 60) + "algo", "\xff\xfe", "\u3164\u00ad\U000e0041",
	"👩‍👩‍👧‍👦 Family 🎉 ❤️", "شركة التقنية",
	strings.Repeat("W", 10_000),
}

// BenchmarkHTML is the report of a million users: run it with -benchtime 1x, and look at the memory of the process.
func BenchmarkHTML(b *testing.B) {
	for b.Loop() {
		if err := report.HTML(b.Context(), io.Discard, demo(1_000_000), report.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

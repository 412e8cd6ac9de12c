package oktatest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

const logsPath = "/api/v1/logs"

// event is what the tests read of an event.
type event struct {
	UUID      string `json:"uuid"`
	EventType string `json:"eventType"`
	Published string `json:"published"`
	Outcome   struct {
		Result string `json:"result"`
		Reason string `json:"reason"`
	} `json:"outcome"`
	Actor struct {
		ID          string `json:"id"`
		Type        string `json:"type"`
		AlternateID string `json:"alternateId"`
	} `json:"actor"`
	Target []struct {
		ID          string            `json:"id"`
		Type        string            `json:"type"`
		DisplayName string            `json:"displayName"`
		DetailEntry map[string]string `json:"detailEntry"`
	} `json:"target"`
}

func (r response) events(t *testing.T) []event {
	t.Helper()
	require.Equal(t, http.StatusOK, r.status, r.body)
	var events []event
	require.NoError(t, json.Unmarshal([]byte(r.body), &events))
	return events
}

func (r response) eventIDs(t *testing.T) []string {
	t.Helper()
	ids := []string{}
	for _, e := range r.events(t) {
		ids = append(ids, e.UUID)
	}
	return ids
}

// newLog returns an org with a clock, and a function that adds an event and lets a second pass.
func newLog(t *testing.T, opts oktatest.SystemLogOptions) (*oktatest.Org, *clock, func(uuid string)) {
	t.Helper()
	c := newClock(time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC))
	org := start(t, oktatest.Options{Now: c.Now, SystemLog: opts})
	return org, c, func(uuid string) {
		org.AddLogEvent(oktatest.LogEvent{UUID: uuid, EventType: "user.session.start"})
		c.advance(time.Second)
	}
}

func logQuery(pairs ...string) string {
	query := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		query.Set(pair[0], pair[1])
	}
	return logsPath + "?" + query.Encode()
}

// Polling has a next link on every page. The last one is empty, and leads to itself until something happens.
func TestPollingTheLog(t *testing.T) {
	t.Parallel()
	org, _, add := newLog(t, oktatest.SystemLogOptions{})
	for _, uuid := range []string{"1", "2", "3"} {
		add(uuid)
	}
	first := get(t, org, logQuery("limit", "2", "since", "2026-03-10T00:00:00.000Z"))
	assert.Equal(t, []string{"1", "2"}, first.eventIDs(t))
	next := first.links(t)["next"].Query()
	assert.Equal(t, "2", next.Get("limit"))
	assert.Equal(t, "2026-03-10T00:00:00.000Z", next.Get("since"), "the link repeats the query")
	second := get(t, org, first.next(t))
	assert.Equal(t, []string{"3"}, second.eventIDs(t))
	last := get(t, org, second.next(t))
	assert.Empty(t, last.eventIDs(t))
	assert.Equal(t, second.links(t)["next"].Query().Get("after"), last.links(t)["next"].Query().Get("after"))
	add("4")
	assert.Equal(t, []string{"4"}, get(t, org, last.next(t)).eventIDs(t))
}

func TestPollingAnEmptyLog(t *testing.T) {
	t.Parallel()
	org, _, add := newLog(t, oktatest.SystemLogOptions{})
	empty := get(t, org, logsPath)
	assert.Empty(t, empty.eventIDs(t))
	require.NotEmpty(t, empty.next(t))
	add("1")
	assert.Equal(t, []string{"1"}, get(t, org, empty.next(t)).eventIDs(t))
}

// A bounded list ends.
func TestBoundedLists(t *testing.T) {
	t.Parallel()
	org, _, add := newLog(t, oktatest.SystemLogOptions{})
	for _, uuid := range []string{"1", "2", "3", "4"} {
		add(uuid)
	}
	bounded := logQuery("since", "2026-03-10T12:00:01Z", "until", "2026-03-10T12:00:03Z", "limit", "1")
	page := get(t, org, bounded)
	assert.Equal(t, []string{"2"}, page.eventIDs(t))
	page = get(t, org, page.next(t))
	assert.Equal(t, []string{"3"}, page.eventIDs(t), "until is exclusive")
	assert.Empty(t, page.next(t))

	newest := get(t, org, logQuery("sortOrder", "DESCENDING", "limit", "3"))
	assert.Equal(t, []string{"4", "3", "2"}, newest.eventIDs(t))
	rest := get(t, org, newest.next(t))
	assert.Equal(t, []string{"1"}, rest.eventIDs(t))
	assert.Empty(t, rest.next(t))
}

// Late events are stored after what was published later: polling finds them, a bounded list may have ended before.
func TestLateEvents(t *testing.T) {
	t.Parallel()
	org, clock, add := newLog(t, oktatest.SystemLogOptions{})
	org.DelayLogEvents(time.Minute)
	add("late")
	org.DelayLogEvents(0)
	add("1")
	polled := get(t, org, logsPath)
	assert.Equal(t, []string{"1"}, polled.eventIDs(t))
	bounded := logQuery("since", "2026-03-10T11:00:00Z", "until", "2026-03-10T13:00:00Z")
	assert.Equal(t, []string{"1"}, get(t, org, bounded).eventIDs(t))

	clock.advance(time.Minute)
	assert.Equal(t, []string{"late"}, get(t, org, polled.next(t)).eventIDs(t))
	assert.Equal(t, []string{"late", "1"}, get(t, org, bounded).eventIDs(t), "by the time of publication")
	assert.Equal(t, []string{"1", "late"}, get(t, org, logsPath).eventIDs(t), "by the time of storage")
}

func TestAgeOfEvents(t *testing.T) {
	t.Parallel()
	org, clock, add := newLog(t, oktatest.SystemLogOptions{})
	add("1")
	clock.advance(8 * 24 * time.Hour)
	assert.Empty(t, get(t, org, logsPath).eventIDs(t), "since is 7 days ago by default")
	assert.Equal(t, []string{"1"}, get(t, org, logQuery("since", "2026-03-01T00:00:00Z")).eventIDs(t))
	clock.advance(85 * 24 * time.Hour)
	assert.Empty(t, get(t, org, logQuery("since", "2026-03-01T00:00:00Z")).eventIDs(t), "kept for 90 days")
	org.AddLogEvent(oktatest.LogEvent{EventType: "x", Published: time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)})
	assert.Len(t, org.LogEvents(), 1)

	clock.advance(90 * 24 * time.Hour)
	refused := get(t, org, logQuery("since", "2026-03-01T00:00:00Z"))
	assert.Equal(t, http.StatusBadRequest, refused.status)
	assert.Contains(t, refused.body, `"errorCode":"E0000053"`)
}

func TestInvalidLogQueries(t *testing.T) {
	t.Parallel()
	org, _, add := newLog(t, oktatest.SystemLogOptions{})
	add("1")
	for _, query := range [][]string{
		{"limit", "1001"}, {"limit", "x"}, {"since", "yesterday"}, {"until", "1"}, {"sortOrder", "asc"},
		{"after", "1608761686074_1"}, {"after", "x"}, {"q", strings.Repeat("x", 41)}, {"q", strings.Repeat("x ", 11)},
		{"filter", `published gt "2026-01-01T00:00:00Z"`}, {"filter", "eventType"}, {"filter", `eventType is "x"`},
		{"filter", `eventType eq "x" and`}, {"filter", `(eventType eq "x"`}, {"filter", `eventType[type eq "x"]`},
	} {
		assert.Equal(t, http.StatusBadRequest, get(t, org, logQuery(query...)).status, query)
	}
	get(t, org, logQuery("after", "x")).assertError(t, 400, "E0000029", "Invalid paging request.")
}

func TestLogFilters(t *testing.T) {
	t.Parallel()
	org, _, _ := newLog(t, oktatest.SystemLogOptions{})
	org.AddLogEvent(oktatest.LogEvent{
		UUID: "1", EventType: "application.lifecycle.update", ClientID: "0oa1", Message: "Update Application",
		Targets:   []oktatest.LogTarget{{ID: "00u1", Type: "User"}, {ID: "0oa9", Type: "AppInstance"}},
		DebugData: map[string]string{"requestUri": "/admin/app/oidc_client/_new_"},
	})
	org.AddLogEvent(oktatest.LogEvent{UUID: "2", EventType: "user.session.start", Outcome: "FAILURE", Reason: "LOCKED"})
	for filter, want := range map[string]string{
		`eventType eq "application.lifecycle.update" and debugContext.debugData.requestUri ew "_new_"`: "1",
		`eventType sw "user." or eventType sw "application."`:                                          "12",
		`target.id eq "0oa9"`:       "1",
		`target.id ne "0oa9"`:       "2",
		`not (target.id eq "0oa9")`: "2",
		`target.id pr`:              "1",
		`outcome.reason pr`:         "2",
		`outcome.result co "FAIL" and not (actor.id eq "nope")`: "2",
		`client.id eq "0oa1"`:         "1",
		`uuid ge "1" and uuid le "2"`: "12",
		`uuid gt "1"`:                 "2",
	} {
		assert.Equal(t, want, strings.Join(get(t, org, logQuery("filter", filter)).eventIDs(t), ""), filter)
	}
	assert.Equal(t, []string{"1"}, get(t, org, logQuery("q", "update APPLICATION")).eventIDs(t))
	assert.Empty(t, get(t, org, logQuery("q", "update start")).eventIDs(t), "all keywords must match")
}

// An event without an actor of its own is Okta's: there is no user in it.
func TestActorOfTheSystem(t *testing.T) {
	t.Parallel()
	org, _, add := newLog(t, oktatest.SystemLogOptions{})
	add("1")
	actor := get(t, org, logsPath).events(t)[0].Actor
	assert.Equal(t, "system@okta.com", actor.AlternateID)
	assert.NotEqual(t, "User", actor.Type)
}

func TestDroppedEvents(t *testing.T) {
	t.Parallel()
	org, _, add := newLog(t, oktatest.SystemLogOptions{})
	org.DropLogEvents("user.session.start")
	add("1")
	org.AddLogEvent(oktatest.LogEvent{UUID: "2", EventType: "user.session.end"})
	assert.Equal(t, []string{"2"}, get(t, org, logsPath).eventIDs(t))
}

// The clock of the log may differ from that of the org.
func TestClockOfTheLog(t *testing.T) {
	t.Parallel()
	behind := newClock(time.Date(2026, time.March, 10, 11, 0, 0, 0, time.UTC))
	org, _, add := newLog(t, oktatest.SystemLogOptions{Now: behind.Now})
	add("1")
	got := get(t, org, logsPath)
	assert.Equal(t, "2026-03-10T11:00:00.000Z", got.events(t)[0].Published)
	assert.Equal(t, "Tue, 10 Mar 2026 12:00:01 GMT", got.header.Get("Date"))
}

func TestCursorsExpire(t *testing.T) {
	t.Parallel()
	org, clock, add := newLog(t, oktatest.SystemLogOptions{CursorLifetime: time.Hour})
	add("1")
	next := get(t, org, logsPath).next(t)
	clock.advance(time.Hour)
	get(t, org, next).eventIDs(t)
	clock.advance(time.Hour + time.Second)
	get(t, org, next).assertError(t, 400, "E0000029", "Invalid paging request.")

	next = get(t, org, logsPath).next(t)
	get(t, org, next).eventIDs(t)
	org.ExpireCursors()
	get(t, org, next).assertError(t, 400, "E0000029", "Invalid paging request.")
}

func TestScopeOfTheLog(t *testing.T) {
	t.Parallel()
	org, _, _ := newLog(t, oktatest.SystemLogOptions{})
	org.AcceptBearerToken("reader", "okta.logs.read")
	org.AcceptBearerToken("other", "okta.users.read")
	for bearer, want := range map[string]int{"reader": 200, "other": 403} {
		got, err := send(t, org, http.MethodGet, logsPath, http.Header{"Authorization": {"Bearer " + bearer}})
		require.NoError(t, err)
		assert.Equal(t, want, got.status)
	}
}

func TestEventNeedsAType(t *testing.T) {
	t.Parallel()
	org, _, _ := newLog(t, oktatest.SystemLogOptions{})
	assert.Panics(t, func() { org.AddLogEvent(oktatest.LogEvent{}) })
	assert.Panics(t, func() { org.RevokeConsent("x") })
	assert.Panics(t, func() { org.RevokeRefreshToken("x") })
}

// newLoggedOrg returns an org with a user, an app, and a grant and a token at both kinds of servers.
func newLoggedOrg(t *testing.T, opts oktatest.SystemLogOptions) *oktatest.Org {
	t.Helper()
	org, _, _ := newLog(t, opts)
	org.AddAuthorizationServer(oktatest.AuthorizationServer{ID: "aus1", Name: "Partners"})
	org.AddScope(oktatest.Scope{ID: "scp1", AuthorizationServerID: "aus1", Name: "reports.read"})
	org.AddUser(oktatest.User{ID: "00u1", Login: "ann@example.com"})
	org.AddClient(oktatest.Client{ID: "0oa1", Name: "Calendar"})
	org.AddGrant(oktatest.Grant{ID: "oagown", UserID: "00u1", ClientID: "0oa1", ScopeID: "okta.users.read"})
	org.AddGrant(oktatest.Grant{
		ID: "oagcustom", UserID: "00u1", ClientID: "0oa1", ScopeID: "scp1", Issuer: org.URL + "/oauth2/aus1",
	})
	org.AddRefreshToken(oktatest.RefreshToken{
		ID: "oar1", UserID: "00u1", ClientID: "0oa1", AuthorizationServerID: "aus1",
	})
	return org
}

// types returns the types of the events with the IDs of their first targets.
func types(org *oktatest.Org) []string {
	var names []string
	for _, e := range org.LogEvents() {
		names = append(names, e.EventType+" "+e.Targets[0].ID)
	}
	return names
}

var granted = []string{
	"app.oauth2.consent.grant oagown", "app.oauth2.as.consent.grant oagcustom",
	"app.oauth2.as.token.grant.refresh_token oar1",
}

// A consent is logged with all that a review needs, as it was recorded.
func TestGrantsAndTokensAreLogged(t *testing.T) {
	t.Parallel()
	org := newLoggedOrg(t, oktatest.SystemLogOptions{})
	assert.Equal(t, granted, types(org))
	consent := get(t, org, logQuery("filter", `eventType eq "app.oauth2.as.consent.grant"`)).events(t)[0]
	assert.Equal(t, "00u1", consent.Actor.ID)
	assert.Equal(t, "User", consent.Actor.Type)
	assert.Equal(t, "ann@example.com", consent.Actor.AlternateID)
	require.Len(t, consent.Target, 1)
	assert.Equal(t, "ConsentGrant", consent.Target[0].Type)
	assert.Equal(t, "reports.read", consent.Target[0].DisplayName, "the technical name of the scope")
	assert.Equal(t, map[string]string{"user": "00u1", "publicclientapp": "0oa1", "authorizationserver": "aus1"},
		consent.Target[0].DetailEntry)
}

// What a user or a client revokes is logged as documented: a consent of a custom server, and a token.
func TestRevocationsByUsersAndClientsAreLogged(t *testing.T) {
	t.Parallel()
	org := newLoggedOrg(t, oktatest.SystemLogOptions{})
	org.RevokeConsent("oagown")
	org.RevokeConsent("oagcustom")
	org.RevokeRefreshToken("oar1")
	assert.Empty(t, org.Grants())
	assert.Empty(t, org.RefreshTokens())
	assert.Equal(t, slices.Concat(granted, []string{
		"app.oauth2.as.consent.revoke oagcustom", "app.oauth2.as.token.revoke oar1",
	}), types(org))
}

// Whether an administrator's revocations are logged is not documented: by default they are not.
func TestRevocationsByAdministrators(t *testing.T) {
	t.Parallel()
	for _, request := range [][]string{
		{"DELETE", "/api/v1/users/00u1/grants", "app.oauth2.as.consent.revoke oagcustom"},
		{"DELETE", "/api/v1/users/00u1/grants/oagcustom", "app.oauth2.as.consent.revoke oagcustom"},
		{"DELETE", "/api/v1/users/00u1/grants/oagown"},
		{"DELETE", "/api/v1/users/00u1/clients/0oa1/grants", "app.oauth2.as.consent.revoke oagcustom"},
		{"DELETE", "/api/v1/users/00u1/clients/0oa1/tokens/oar1", "app.oauth2.as.token.revoke oar1"},
		{"DELETE", "/api/v1/users/00u1/clients/0oa1/tokens", "app.oauth2.as.token.revoke oar1"},
		{"DELETE", "/api/v1/apps/0oa1/tokens", "app.oauth2.as.token.revoke oar1"},
		{"DELETE", "/api/v1/authorizationServers/aus1/clients/0oa1/tokens", "app.oauth2.as.token.revoke oar1"},
		{"DELETE", "/api/v1/users/00u1/sessions?oauthTokens=true", "app.oauth2.as.token.revoke oar1"},
		{
			"POST", "/api/v1/apps/0oa1/lifecycle/deactivate",
			"app.oauth2.as.consent.revoke oagcustom", "app.oauth2.as.token.revoke oar1",
		},
	} {
		for _, logged := range []bool{false, true} {
			org := newLoggedOrg(t, oktatest.SystemLogOptions{Revocations: logged})
			require.Less(t, do(t, org, request[0], request[1]).status, 300, request)
			want := granted
			if logged {
				want = slices.Concat(granted, request[2:])
			}
			assert.Equal(t, want, types(org), request)
		}
	}
}

func TestAppGrants(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	org.AddClient(oktatest.Client{ID: "0oa1"})
	org.AddClient(oktatest.Client{ID: "0oa2"})
	org.AddAppGrant(oktatest.AppGrant{ID: "oag1", AppID: "0oa1", ScopeID: "okta.apps.read", CreatedBy: "00uadmin"})
	org.AddAppGrant(oktatest.AppGrant{ID: "oag2", AppID: "0oa1"})
	got := get(t, org, "/api/v1/apps/0oa1/grants")
	assert.Equal(t, []string{"oag1", "oag2"}, got.ids(t))
	assert.NotContains(t, got.body, "userId")
	assert.NotContains(t, got.body, "_embedded")
	assert.Contains(t, get(t, org, "/api/v1/apps/0oa1/grants?expand=scope").body, `"_embedded":{"scope":{"id":"okta.apps.read"}}`)
	assert.Empty(t, get(t, org, "/api/v1/apps/0oa2/grants").ids(t))
	get(t, org, "/api/v1/apps/x/grants").assertError(t, 404, "E0000007", "Not found: Resource not found: x (AppInstance)")
	assert.Panics(t, func() { org.AddAppGrant(oktatest.AppGrant{AppID: "x"}) })
}

package oktatest_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grantkit/okta/oktatest"
)

// seedUsers adds a user of each of some statuses, a day apart.
func seedUsers(org *oktatest.Org) {
	day := time.Date(2026, time.May, 4, 0, 0, 0, 0, time.UTC)
	for i, user := range []oktatest.User{
		{ID: "00u1", Login: "ann@example.com", Name: "Ann Archer"},
		{ID: "00u2", Login: "Bob@example.com", Name: "Bob Baker", Status: "SUSPENDED"},
		{ID: "00u3", Login: "cid@example.com", Name: "Cid", Status: "DEPROVISIONED"},
		{ID: "00u4", Login: "dee", Name: "Dee de la Cruz", Status: "STAGED"},
		{ID: "00u5", Login: "ann@example.org", Name: `An "A" Other`},
	} {
		user.Created = day.AddDate(0, 0, i)
		org.AddUser(user)
	}
}

func TestGetUser(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{PublicURL: "https://acme.okta.com"})
	seedUsers(org)
	const dee = `{
		"id": "00u4",
		"status": "STAGED",
		"created": "2026-05-07T00:00:00.000Z",
		"activated": null,
		"statusChanged": null,
		"lastLogin": null,
		"lastUpdated": "2026-05-07T00:00:00.000Z",
		"passwordChanged": null,
		"type": {"id": "otydefault"},
		"profile": {
			"firstName": "Dee", "lastName": "de la Cruz", "mobilePhone": null, "secondEmail": null,
			"login": "dee", "email": "dee@example.com"
		},
		"credentials": {"provider": {"type": "OKTA", "name": "OKTA"}},
		"_links": {"self": {"href": "https://acme.okta.com/api/v1/users/00u4"}}
	}`
	assert.JSONEq(t, dee, get(t, org, "/api/v1/users/00u4").body)

	for name, want := range map[string]string{
		"dee":               "00u4",
		"ann@example.com":   "00u1",
		"ann%40example.org": "00u5",
		"Bob":               "00u2",
		"00u3":              "00u3",
		"00u1;00u2":         "00u1",
	} {
		assert.Equal(t, want, get(t, org, "/api/v1/users/"+name).object(t)["id"], name)
	}
	for _, name := range []string{"ann", "bob", "me", "00u9", "ann@example"} {
		get(t, org, "/api/v1/users/"+name).
			assertError(t, 404, "E0000007", "Not found: Resource not found: "+name+" (User)")
	}
}

// Okta documents IDs for these routes, so a login is not found unless an option says so.
func TestLoginsAsUserIDs(t *testing.T) {
	t.Parallel()
	strict, lenient := start(t, oktatest.Options{}), start(t, oktatest.Options{LoginsAsUserIDs: true})
	twoOfEach(strict)
	twoOfEach(lenient)
	for _, test := range []struct{ method, path string }{
		{"GET", "/clients"},
		{"GET", "/grants"},
		{"GET", "/grants/g-u1c1"},
		{"GET", "/clients/c1/grants"},
		{"GET", "/clients/c1/tokens"},
		{"GET", "/clients/c1/tokens/t-u1c1s1"},
		{"DELETE", "/grants/g-u1c1"},
		{"DELETE", "/clients/c1/grants"},
		{"DELETE", "/clients/c1/tokens/t-u1c1s1"},
		{"DELETE", "/clients/c1/tokens"},
		{"DELETE", "/sessions?oauthTokens=true"},
		{"DELETE", "/grants"},
	} {
		do(t, strict, test.method, "/api/v1/users/login1"+test.path).
			assertError(t, 404, "E0000007", "Not found: Resource not found: login1 (User)")
		assert.Less(t, do(t, lenient, test.method, "/api/v1/users/login1"+test.path).status, 300, test)
	}
	assert.Len(t, strict.Grants(), 4)
	assert.Len(t, strict.RefreshTokens(), 8)
	assert.Len(t, lenient.Grants(), 2)
	assert.Len(t, lenient.RefreshTokens(), 4)
}

// No maximum is documented for the limit of users, and some programs send 1000.
func TestListUsersWithALargeLimit(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	for range 1001 {
		org.AddUser(oktatest.User{})
	}
	assert.Len(t, get(t, org, "/api/v1/users").ids(t), 200)
	pages := walk(t, org, "/api/v1/users?limit=1000&search=status%20pr")
	assert.Equal(t, []int{1000, 1}, []int{len(pages[0]), len(pages[1])})
	get(t, org, "/api/v1/users?limit=0").assertError(t, 400, "E0000001", "Api validation failed: limit")
}

func TestOrgThatListsNoUsers(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{ListsNoUsers: true})
	seedUsers(org)
	for _, query := range []string{"", "?limit=1", "?search=status%20pr", "?filter=status%20eq%20%22ACTIVE%22"} {
		assert.Empty(t, get(t, org, "/api/v1/users"+query).ids(t), query)
	}
	assert.Equal(t, "00u1", get(t, org, "/api/v1/users/00u1").object(t)["id"])
}

func TestListUsers(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	seedUsers(org)
	for _, test := range []struct {
		parameter, expression string
		want                  []string
	}{
		{"", "", []string{"00u1", "00u2", "00u4", "00u5"}},
		{"search", `status eq "DEPROVISIONED"`, []string{"00u3"}},
		{"search", `status eq "deprovisioned"`, []string{"00u3"}},
		{"search", `status EQ "ACTIVE" OR status Eq "STAGED"`, []string{"00u1", "00u4", "00u5"}},
		{"search", `status lt "STAGED" or status gt "STAGED"`, []string{"00u1", "00u2", "00u3", "00u5"}},
		{"search", `profile.login eq "bob@EXAMPLE.com"`, []string{"00u2"}},
		{"search", `profile.login sw "ann@"`, []string{"00u1", "00u5"}},
		{"search", `profile.login sw "ann@" and (profile.lastName eq "archer" or id eq "00u9")`, []string{"00u1"}},
		{"search", `id eq "00u1" or id eq "00u2" and status eq "ACTIVE"`, []string{"00u1"}},
		{"search", `(id eq "00u1" or id eq "00u2") and status eq "SUSPENDED"`, []string{"00u2"}},
		{"search", `profile.lastName eq "\"A\" Other"`, []string{"00u5"}},
		{"search", `profile.firstName eq "Cid"`, []string{"00u3"}},
		{"search", `profile.email eq "dee@example.com"`, []string{"00u4"}},
		{"search", `created ge "2026-05-06T01:00:00.000+01:00"`, []string{"00u3", "00u4", "00u5"}},
		{"search", `lastUpdated le "2026-05-05T00:00:00Z" and created gt "2026-05-04T00:00:00Z"`, []string{"00u2"}},
		{"search", `id eq "00u9"`, []string{}},
		{"search", "status pr", []string{"00u1", "00u2", "00u3", "00u4", "00u5"}},
		{"search", `(profile.lastName pr) and status eq "ACTIVE"`, []string{"00u1", "00u5"}},
		{"filter", `status eq "DEPROVISIONED"`, []string{"00u3"}},
		{"filter", `status eq "deprovisioned"`, []string{}},
		{"filter", `profile.login eq "Bob@example.com" or profile.login eq "cid@example.com"`, []string{"00u2", "00u3"}},
		{"filter", `lastUpdated gt "2026-05-07T00:00:00Z"`, []string{"00u5"}},
	} {
		t.Run(test.parameter+test.expression, func(t *testing.T) {
			t.Parallel()
			query := url.Values{test.parameter: {test.expression}}.Encode()
			assert.Equal(t, test.want, get(t, org, "/api/v1/users?"+query).ids(t))
			pages := walk(t, org, "/api/v1/users?limit=1&"+query)
			assert.Len(t, pages, max(len(test.want), 1), "the next link repeats the expression")
		})
	}
	both := url.Values{"search": {`status eq "ACTIVE"`}, "filter": {`profile.lastName eq "Archer"`}}
	assert.Equal(t, []string{"00u1"}, get(t, org, "/api/v1/users?"+both.Encode()).ids(t))
}

func TestInvalidSearches(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	seedUsers(org)
	for _, parameter := range []string{"search", "filter"} {
		for _, expression := range []string{
			" ", "status", `status eq`, `status eq ACTIVE`, `status ne "ACTIVE"`, `Status eq "ACTIVE"`, `status eq "ACTIVE`,
			`status eq "ACTIVE" and`, `status eq "ACTIVE" or or status eq "STAGED"`, `(status eq "ACTIVE"`,
			`(status eq "ACTIVE" "`, `status eq "ACTIVE" or`,
			`status eq "ACTIVE")`, `status eq "ACTIVE" status eq "STAGED"`, `not (status eq "ACTIVE")`, `()`,
			`profile.city eq "Vienna"`, `lastUpdated gt "yesterday"`, `status eq "\x"`,
		} {
			path := "/api/v1/users?" + url.Values{parameter: {expression}}.Encode()
			get(t, org, path).assertError(t, 400, "E0000031", "Invalid search criteria.")
		}
	}
	for _, expression := range []string{`status sw "A"`, `profile.login gt "a"`, `created gt "2026-05-07T00:00:00Z"`} {
		path := "/api/v1/users?" + url.Values{"filter": {expression}}.Encode()
		get(t, org, path).assertError(t, 400, "E0000031", "Invalid search criteria.")
	}
}

// To ignore a documented parameter would give another result than Okta does.
func TestParametersThatAreNotImplemented(t *testing.T) {
	t.Parallel()
	org := startDemo(t)
	for path, parameters := range map[string][]string{
		"/api/v1/users":                                    {"q", "sortBy", "fields", "expand"},
		"/api/v1/users/" + oktatest.DemoUserID:             {"expand"},
		"/api/v1/apps":                                     {"expand"},
		"/api/v1/apps/" + oktatest.DemoClientID:            {"expand"},
		"/api/v1/apps/" + oktatest.DemoClientID + "/users": {"q"},
		"/api/v1/authorizationServers":                     {"q"},
	} {
		for _, parameter := range parameters {
			get(t, org, path+"?"+parameter+"=x").assertError(t, 400, "E0000001", "Api validation failed: "+parameter)
		}
		assert.Equal(t, http.StatusOK, get(t, org, path).status)
	}
}

func TestRevokeUserSessions(t *testing.T) {
	t.Parallel()
	for query, wantTokens := range map[string]int{
		"": 8, "?oauthTokens=false": 8, "?oauthTokens=true": 4, "?oauthTokens=true&forgetDevices=false": 4,
		"?forgetDevices=true": 8,
	} {
		org := start(t, oktatest.Options{})
		twoOfEach(org)
		got := do(t, org, http.MethodDelete, "/api/v1/users/u1/sessions"+query)
		assert.Equal(t, http.StatusNoContent, got.status, query)
		assert.Len(t, org.RefreshTokens(), wantTokens, query)
		assert.Len(t, org.Grants(), 4, "sessions and tokens are no consents")
		for _, token := range org.RefreshTokens() {
			assert.True(t, wantTokens == 8 || token.UserID == "u2")
		}
	}
	org := start(t, oktatest.Options{})
	twoOfEach(org)
	for _, name := range []string{"oauthTokens", "forgetDevices"} {
		do(t, org, http.MethodDelete, "/api/v1/users/u1/sessions?"+name+"=yes").
			assertError(t, 400, "E0000001", "Api validation failed: "+name)
	}
	assert.Len(t, org.RefreshTokens(), 8)
}

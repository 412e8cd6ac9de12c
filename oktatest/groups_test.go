package oktatest_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grantkit/okta/oktatest"
)

func TestGroups(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{PublicURL: "https://acme.okta.com"})
	day := time.Date(2026, time.May, 4, 0, 0, 0, 0, time.UTC)
	for i, name := range []string{"Everyone", "Finance", "Engineering"} {
		org.AddGroup(oktatest.Group{
			ID: "00g" + name, Name: name, Type: []string{"BUILT_IN", "", "APP_GROUP"}[i], Created: day.AddDate(0, 0, i),
		})
	}
	everyone, finance, engineering := "00gEveryone", "00gFinance", "00gEngineering"
	for query, want := range map[string][]string{
		"":                            {everyone, finance, engineering},
		`search=type eq "OKTA_GROUP"`: {finance},
		`search=profile.name sw "e"`:  {everyone, engineering},
		`search=lastMembershipUpdated gt "2026-05-04T00:00:00Z" and id pr`: {finance, engineering},
		`filter=type eq "BUILT_IN"`:                                        {everyone},
	} {
		name, value, _ := strings.Cut(query, "=")
		path := "/api/v1/groups?limit=1&" + url.Values{name: {value}}.Encode()
		got := []string{}
		for _, page := range walk(t, org, path) {
			got = append(got, page...)
		}
		assert.Equal(t, want, got, query)
	}
	assert.JSONEq(t, `{
		"id": "00gFinance",
		"created": "2026-05-05T00:00:00.000Z",
		"lastUpdated": "2026-05-05T00:00:00.000Z",
		"lastMembershipUpdated": "2026-05-05T00:00:00.000Z",
		"objectClass": ["okta:user_group"],
		"type": "OKTA_GROUP",
		"profile": {"name": "Finance", "description": null},
		"_links": {
			"users": {"href": "https://acme.okta.com/api/v1/groups/00gFinance/users"},
			"apps": {"href": "https://acme.okta.com/api/v1/groups/00gFinance/apps"}
		}
	}`, get(t, org, "/api/v1/groups/00gFinance").body)
	get(t, org, "/api/v1/groups/x").assertError(t, 404, "E0000007", "Not found: Resource not found: x (UserGroup)")
	get(t, org, "/api/v1/groups?limit=10001").assertError(t, 400, "E0000001", "Api validation failed: limit")
	get(t, org, "/api/v1/groups?q=Fin").assertError(t, 400, "E0000001", "Api validation failed: q")
	get(t, org, "/api/v1/groups?search=profile.name").assertError(t, 400, "E0000031", "Invalid search criteria.")
}

func TestGroupsOfAUser(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	seedUsers(org)
	org.AddClient(oktatest.Client{ID: "0oa1"})
	org.AddGroup(oktatest.Group{ID: "g1", UserIDs: []string{"00u1", "00u2"}})
	org.AssignUsers("0oa1", "00u1")
	org.AddGroup(oktatest.Group{ID: "g2", UserIDs: []string{"00u1"}})

	assert.Equal(t, []string{"g1", "g2"}, get(t, org, "/api/v1/users/00u1/groups").ids(t))
	assert.Equal(t, []string{"g1"}, get(t, org, "/api/v1/users/Bob/groups").ids(t))
	assert.Empty(t, get(t, org, "/api/v1/users/00u3/groups").ids(t))
	get(t, org, "/api/v1/users/x/groups").assertError(t, 404, "E0000007", "Not found: Resource not found: x (User)")
}

func TestGroupUsers(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	seedUsers(org)
	ids := []string{"00u2", "00u3", "00u2", "00u1"}
	group := org.AddGroup(oktatest.Group{UserIDs: ids})
	org.AddGroup(oktatest.Group{ID: "other", UserIDs: []string{"00u4"}})
	ids[0], group.UserIDs[1] = "x", "x"

	path := "/api/v1/groups/" + group.ID + "/users"
	assert.Equal(t, [][]string{{"00u2", "00u3"}, {"00u1"}}, walk(t, org, path+"?limit=2"))
	assert.JSONEq(t, "["+get(t, org, "/api/v1/users/00u2").body+"]", get(t, org, path+"?limit=1").body)
	get(t, org, "/api/v1/groups/x/users").
		assertError(t, 404, "E0000007", "Not found: Resource not found: x (UserGroup)")
}

package oktatest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

// A client that lets an ID with a semicolon out reaches another user, grant or token than the ID names.
func TestSegmentsAreCutAtSemicolons(t *testing.T) {
	t.Parallel()
	for _, semicolon := range []string{";", "%3B", "%3b", ";;"} {
		org := start(t, oktatest.Options{BasePath: "/base"})
		twoOfEach(org)
		list := get(t, org, "/api/v1/users/u1"+semicolon+"x/grants"+semicolon+"y?limit=1")
		assert.Equal(t, []string{"g-u1c1"}, list.ids(t))
		assert.Equal(t, []string{"g-u1c2"}, get(t, org, strings.TrimPrefix(list.next(t), "/base")).ids(t))

		assert.Equal(t, 204, do(t, org, http.MethodDelete, "/api/v1/users/u1/grants/g-u1c1"+semicolon+"x").status)
		assert.Equal(t, []string{"g-u1c2", "g-u2c1", "g-u2c2"}, grantIDs(org))
		assert.Equal(t, 204, do(t, org, http.MethodDelete, "/api/v1/users/u1"+semicolon+"x/grants").status)
		assert.Equal(t, []string{"g-u2c1", "g-u2c2"}, grantIDs(org))
		assert.Equal(t, 404, do(t, org, http.MethodDelete, "/api/v1/users/u2/grants/"+semicolon+"x").status)
		assert.Equal(t, 404, do(t, org, http.MethodDelete, "/api/v1/users/"+semicolon+"u2/grants").status)
		assert.Len(t, org.Grants(), 2)
	}
}

func TestBackslashes(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)
	org.LimitRate(oktatest.BucketUsers, 10, time.Minute)
	for _, id := range []string{"u1%5Cx", "u1%5c", `u1\x`} {
		path := "/api/v1/users/" + id + "/grants"
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			got := do(t, org, method, path)
			assert.Equal(t, http.StatusBadRequest, got.status)
			assert.Equal(t, "text/html;charset=utf-8", got.header.Get("Content-Type"))
			assert.True(t, strings.HasPrefix(got.body, "<!doctype html>"), got.body)
			assert.NotContains(t, got.header, "X-Rate-Limit-Limit", "the API does not see the request")
		}
	}
	assert.Len(t, org.Grants(), 4)
}

func TestEscapedSlashes(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	org.AddUser(oktatest.User{ID: "a/b", Login: "a/b@example.com"})
	for _, path := range []string{
		"/api/v1/users/a%2Fb/grants", "/api/v1/users/a%2fb", "/api/v1/users/a%2Fb@example.com", "/api%2Fv1/users",
	} {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			do(t, org, method, path).
				assertError(t, 405, "E0000022", "The endpoint does not support the provided HTTP method")
		}
	}
}

func TestHandle(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{BasePath: "/base", Now: fixedClock})
	org.AcceptBearerToken("scopeless")
	org.LimitRate(oktatest.BucketAPI, 3, time.Hour)
	var got string
	org.Handle("/api/v1/devices/{deviceId}/users/{userId}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		org.AddUser(oktatest.User{ID: r.PathValue("userId")})
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		w.WriteHeader(http.StatusCreated)
		got = r.Method + " " + r.PathValue("deviceId") + " " + string(body)
	}))

	target := org.URL + "/api/v1/devices/d%201/users/u1;x"
	for _, test := range []struct {
		authorization string
		status        int
	}{
		{"SSWS wrong", 401},
		{"Bearer scopeless", 201},
		{"SSWS " + token, 429},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader("a=b"))
		require.NoError(t, err)
		req.Header.Set("Authorization", test.authorization)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if test.status == 429 {
			get(t, org, "/api/v1/authorizationServers")
		}
		response := read(t, req)
		assert.Equal(t, test.status, response.status, test.authorization)
		assert.NotEmpty(t, response.header.Get("X-Okta-Request-Id"))
		assert.Equal(t, "3", response.header.Get("X-Rate-Limit-Limit"))
	}
	assert.Equal(t, "POST d 1 a=b", got)
	assert.Equal(t, "u1", org.Users()[0].ID, "the handler ran once")
	assert.Len(t, org.Users(), 1)
	assert.Equal(t, http.StatusCreated, org.Requests()[1].Status)
}

func TestNewestRouteServes(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)
	respond := func(body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	}
	org.Handle("GET /api/v1/users/{userId}/grants", respond("older"))
	org.Handle("GET /api/v1/users/{userId}/grants", respond("newer"))
	org.Handle("GET /api/v1/users/u2/grants", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))

	assert.Equal(t, "newer", get(t, org, usersPath).body)
	assert.Equal(t, 204, do(t, org, http.MethodDelete, usersPath).status, "the pattern is for another method")
	assert.Equal(t, 200, get(t, org, "/api/v1/users/u2/grants").status)
	assert.Equal(t, 200, org.Requests()[2].Status)
	assert.Equal(t, 405, do(t, org, http.MethodPost, usersPath).status)
}

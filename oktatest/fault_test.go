package oktatest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

func TestFaultsTakeTurns(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)
	org.Next(nil, oktatest.Reply(503, nil, "a"))
	org.Next(oktatest.Reply(504, nil, "b"))

	statuses := []int{}
	for range 4 {
		statuses = append(statuses, get(t, org, usersPath).status)
	}
	assert.Equal(t, []int{200, 503, 504, 200}, statuses)
}

func TestReply(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)
	header := http.Header{"Content-Type": {"text/html"}, "Retry-After": {"3"}, "X-Okta-Request-Id": nil, "Date": nil}
	org.Next(oktatest.Reply(502, header, "<html>"))
	header.Set("Retry-After", "4")

	got := do(t, org, http.MethodDelete, usersPath)
	assert.Equal(t, 502, got.status)
	assert.Equal(t, "<html>", got.body)
	assert.Equal(t, "text/html", got.header.Get("Content-Type"))
	assert.Equal(t, "3", got.header.Get("Retry-After"))
	assert.NotContains(t, got.header, "X-Okta-Request-Id")
	assert.NotContains(t, got.header, "Date")
	assert.Len(t, org.Grants(), 4, "nothing is carried out")
}

func TestDrop(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)
	org.Next(oktatest.Drop(), oktatest.DropResponse())

	_, err := send(t, org, http.MethodDelete, usersPath, nil)
	require.ErrorIs(t, err, io.EOF)
	assert.Len(t, org.Grants(), 4)

	_, err = send(t, org, http.MethodDelete, usersPath, nil)
	require.ErrorIs(t, err, io.EOF)
	assert.Len(t, org.Grants(), 2)

	requests := org.Requests()
	require.Len(t, requests, 2)
	assert.Zero(t, requests[0].Status)
	assert.Zero(t, requests[1].Status)
}

func TestCutBody(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	seedMany(org, 45)
	path := "/api/v1/users/u/grants"
	whole := get(t, org, path)

	for _, n := range []int{-1, 0, 1, 5000, len(whole.body) - 1} {
		org.Next(oktatest.CutBody(n))
		got, err := send(t, org, http.MethodGet, path, nil)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		assert.Equal(t, http.StatusOK, got.status)
		assert.Equal(t, whole.body[:max(n, 0)], got.body)
		assert.Equal(t, strconv.Itoa(len(whole.body)), got.header.Get("Content-Length"))
		assert.Equal(t, whole.header.Values("Link"), got.header.Values("Link"))
	}

	org.Next(oktatest.CutBody(len(whole.body) + 1))
	got := get(t, org, path)
	assert.Equal(t, whole.body, got.body)

	org.Next(oktatest.CutBody(3))
	assert.Equal(t, http.StatusNoContent, do(t, org, http.MethodDelete, path).status)
	assert.Empty(t, org.Grants())
	for _, request := range org.Requests() {
		assert.NotZero(t, request.Status, "the status had arrived")
	}
}

// A fault can change the org's response, and the request ID stays the one in the log.
func TestCustomFault(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)
	org.LimitRate(oktatest.BucketUsers, 5, time.Minute)
	org.Next(
		func(w http.ResponseWriter, r *http.Request, org http.Handler) {
			recorder := httptest.NewRecorder()
			org.ServeHTTP(recorder, r)
			maps.Copy(w.Header(), recorder.Header())
			w.Header().Add("X-Rate-Limit-Remaining", "1")
			w.WriteHeader(recorder.Code)
			_, _ = recorder.Body.WriteTo(w)
		},
		func(http.ResponseWriter, *http.Request, http.Handler) {},
		func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusEarlyHints)
			_, _ = io.WriteString(w, "written without a status")
		},
		func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			org.AddUser(oktatest.User{ID: "late"})
			next.ServeHTTP(w, r)
		},
	)

	got := get(t, org, usersPath)
	assert.Equal(t, []string{"g-u1c1", "g-u1c2"}, got.ids(t))
	assert.Equal(t, []string{"4", "1"}, got.header.Values("X-Rate-Limit-Remaining"))
	assert.Equal(t, org.Requests()[0].RequestID, got.header.Get("X-Okta-Request-Id"))
	assert.Len(t, got.header.Values("X-Okta-Request-Id"), 1)

	assert.Equal(t, http.StatusOK, get(t, org, usersPath).status)
	assert.Equal(t, "written without a status", get(t, org, usersPath).body)
	assert.Empty(t, get(t, org, "/api/v1/users/late/grants").ids(t))
	for _, request := range org.Requests() {
		assert.Equal(t, http.StatusOK, request.Status)
	}
}

// A fault may leave a client without a response for as long as the client waits.
func TestFaultWithoutResponse(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	ctx, giveUp := context.WithCancel(t.Context())
	done := make(chan struct{})
	org.Next(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		defer close(done)
		giveUp()
		<-r.Context().Done()
	})

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, org.URL+usersPath, http.NoBody)
	require.NoError(t, err)
	_, err = freshConnection().RoundTrip(req) //nolint:bodyclose // there is no response
	require.ErrorIs(t, err, context.Canceled)
	<-done
	org.Close()
	assert.Zero(t, org.Requests()[0].Status)
}

func TestRequests(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{BasePath: "/base"})
	twoOfEach(org)
	assert.Empty(t, org.Requests())

	first, err := send(t, org, http.MethodGet, "/api/v1/users/a%2Fb/../grants?limit=1&after=x%20y&after=z",
		http.Header{"X-Test": {"1", "2"}})
	require.NoError(t, err)
	second := do(t, org, http.MethodDelete, usersPath)

	requests := org.Requests()
	require.Len(t, requests, 2)
	assert.Equal(t, "GET", requests[0].Method)
	assert.Equal(t, "/base/api/v1/users/a%2Fb/../grants", requests[0].Path)
	assert.Equal(t, "limit=1&after=x%20y&after=z", requests[0].RawQuery)
	assert.Equal(t, map[string][]string{"limit": {"1"}, "after": {"x y", "z"}}, map[string][]string(requests[0].Query))
	assert.Equal(t, []string{"1", "2"}, requests[0].Header.Values("X-Test"))
	assert.Equal(t, 405, requests[0].Status)
	assert.Equal(t, first.header.Get("X-Okta-Request-Id"), requests[0].RequestID)
	assert.Equal(t, "DELETE", requests[1].Method)
	assert.Equal(t, 204, requests[1].Status)
	assert.Equal(t, second.header.Get("X-Okta-Request-Id"), requests[1].RequestID)

	requests[0].Header.Set("X-Test", "changed")
	requests[0].Query.Set("limit", "changed")
	assert.Equal(t, "1", org.Requests()[0].Header.Get("X-Test"))
	assert.Equal(t, "1", org.Requests()[0].Query.Get("limit"))

	org.ClearRequests()
	assert.Empty(t, org.Requests())
	assert.NotEqual(t, requests[1].RequestID, get(t, org, usersPath).header.Get("X-Okta-Request-Id"))
	assert.Len(t, org.Requests(), 1)
}

func TestLogSize(t *testing.T) {
	t.Parallel()
	all := []string{"/1", "/2", "/3", "/4", "/5"}
	for size, want := range map[int][]string{0: all, 5: all, 2: {"/4", "/5"}, -1: {}} {
		org := start(t, oktatest.Options{LogSize: size})
		for i := range 5 {
			assert.Equal(t, 404, get(t, org, fmt.Sprintf("/%d", i+1)).status)
		}
		paths := []string{}
		for _, request := range org.Requests() {
			paths = append(paths, request.Path)
			assert.Equal(t, 404, request.Status)
		}
		assert.Equal(t, want, paths)
	}
}

// An org works without its server, by the clock of a bubble.
func TestWithoutSockets(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	seedMany(org, 3)
	org.LimitRate(oktatest.BucketUsers, 1, time.Minute)

	synctest.Test(t, func(t *testing.T) {
		serve := func() *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/users/u/grants", http.NoBody)
			r.Header.Set("Authorization", "SSWS "+token)
			w := httptest.NewRecorder()
			org.ServeHTTP(w, r)
			return w
		}
		assert.Equal(t, http.StatusOK, serve().Code)
		assert.Equal(t, http.StatusTooManyRequests, serve().Code)
		time.Sleep(time.Minute) //nolint:forbidigo // no time passes outside the bubble
		again := serve()
		assert.Equal(t, http.StatusOK, again.Code)
		assert.Equal(t, time.Now().UTC().Format(http.TimeFormat), again.Header().Get("Date"))

		org.Next(oktatest.Drop(), oktatest.CutBody(1))
		assert.PanicsWithValue(t, http.ErrAbortHandler, func() { serve() })
		assert.PanicsWithValue(t, http.ErrAbortHandler, func() { serve() })
	})

	statuses := []int{}
	for _, request := range org.Requests() {
		statuses = append(statuses, request.Status)
	}
	assert.Equal(t, []int{200, 429, 200, 0, 429}, statuses)
}

// A page of a long list costs no more than one of a short list.
func TestLongList(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	seedMany(org, 0)
	const grants = 20_000
	for i := range grants {
		org.AddGrant(oktatest.Grant{ID: fmt.Sprintf("g%05d", i), UserID: "u", ClientID: "c"})
	}

	seen := []string{}
	path := "/api/v1/users/u/grants?limit=200"
	for path != "" {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
		r.Header.Set("Authorization", "SSWS "+token)
		w := httptest.NewRecorder()
		org.ServeHTTP(w, r)
		var page []struct {
			ID string `json:"id"`
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
		for _, grant := range page {
			seen = append(seen, grant.ID)
		}
		path = response{header: w.Header()}.next(t)
	}
	require.Len(t, seen, grants)
	assert.Equal(t, grantIDs(org), seen)
	assert.True(t, strings.HasSuffix(seen[grants-1], "19999"))
}

func TestFaultsOfARoute(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{BasePath: "/base"})
	twoOfEach(org)
	org.NextTo("GET /api/v1/users/{userId}/grants", nil, oktatest.Reply(503, nil, "a"))
	org.NextTo("/api/v1/users/u1/grants", oktatest.Reply(504, nil, "b"))
	org.Next(nil, nil)

	statuses := []int{}
	for _, path := range []string{
		usersPath, usersPath, // These take the faults of Next.
		"/api/v1/users/u1", usersPath, "/api/v1/users/u2/grants", usersPath, usersPath,
	} {
		statuses = append(statuses, get(t, org, path).status)
	}
	assert.Equal(t, []int{200, 200, 200, 200, 503, 504, 200}, statuses)
	assert.PanicsWithValue(t, `oktatest: the pattern "GET" has no path`, func() { org.NextTo("GET") })
}

func TestOutage(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)
	org.Always(oktatest.Reply(503, nil, ""))
	org.NextTo("GET "+usersPath, oktatest.Reply(502, nil, ""))
	org.Next(nil)

	statuses := []int{}
	for range 4 {
		statuses = append(statuses, get(t, org, usersPath).status)
	}
	org.Always(nil)
	statuses = append(statuses, get(t, org, usersPath).status)
	assert.Equal(t, []int{200, 502, 503, 503, 200}, statuses)
}

// The user is listed, and gone when the grants are read.
func TestUserIsRemovedAtAGivenCall(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)
	org.AddGroup(oktatest.Group{ID: "g", UserIDs: []string{"u1", "u2"}})
	org.AssignUsers("c1", "u1", "u2")
	org.NextTo("GET "+usersPath, func(w http.ResponseWriter, r *http.Request, served http.Handler) {
		org.RemoveUser("u1")
		served.ServeHTTP(w, r)
	})

	assert.Equal(t, []string{"u1", "u2"}, get(t, org, "/api/v1/users").ids(t))
	get(t, org, usersPath).assertError(t, 404, "E0000007", "Not found: Resource not found: u1 (User)")
	for _, path := range []string{"/api/v1/users", "/api/v1/groups/g/users", "/api/v1/apps/c1/users"} {
		assert.Equal(t, []string{"u2"}, get(t, org, path).ids(t), path)
	}
	assert.Equal(t, []string{"g-u2c1", "g-u2c2"}, grantIDs(org))
	assert.Equal(t, []string{"t-u2c1s1", "t-u2c1s2", "t-u2c2s1", "t-u2c2s2"}, tokenIDs(org))
	assert.Equal(t, 404, get(t, org, "/api/v1/users/login1").status)
	org.AddUser(oktatest.User{ID: "u1", Login: "login1"})
	assert.PanicsWithValue(t, `oktatest: there is no user with the ID "u3"`, func() { org.RemoveUser("u3") })
}

// An app may stay active although its deactivation was a success.
func TestDeactivationWithoutEffect(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	twoOfEach(org)
	path := "/api/v1/apps/c1/lifecycle/deactivate"
	org.NextTo("POST "+path, oktatest.Reply(200, nil, "{}"))

	assert.Equal(t, 200, do(t, org, http.MethodPost, path).status)
	assert.Equal(t, "ACTIVE", get(t, org, "/api/v1/apps/c1").object(t)["status"])
	assert.Equal(t, 200, do(t, org, http.MethodPost, path).status)
	assert.Equal(t, "INACTIVE", get(t, org, "/api/v1/apps/c1").object(t)["status"])
}

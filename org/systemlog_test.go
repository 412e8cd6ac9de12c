package org_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/org"
)

// logPage is one response of a System Log: its events, and the cursor of its next link, if there is one.
type logPage struct {
	body   string
	cursor string
	status int // 200 if 0
}

// logServer responds with one page after the other, without a socket, and keeps the queries.
type logServer struct {
	pages   []logPage
	queries []url.Values
	times   []time.Time
}

func (s *logServer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Context().Err() != nil {
		return nil, req.Context().Err()
	}
	s.queries = append(s.queries, req.URL.Query())
	s.times = append(s.times, time.Now())
	page := s.pages[0]
	if len(s.pages) > 1 {
		s.pages = s.pages[1:]
	}
	w := httptest.NewRecorder()
	w.Header().Set("X-Okta-Request-Id", "req1")
	if page.cursor != "" {
		query := req.URL.Query()
		query.Set("after", page.cursor)
		w.Header().Add("Link", "<https://acme.okta.com/api/v1/logs?"+query.Encode()+`>; rel="next"`)
	}
	if page.status != 0 {
		w.WriteHeader(page.status)
	}
	_, _ = w.WriteString(page.body)
	response := w.Result()
	response.Request = req
	return response, nil
}

func (s *logServer) client(t *testing.T) *okta.Client {
	t.Helper()
	client, err := okta.NewClient(okta.Config{
		OrgURL: "https://acme.okta.com", Credentials: okta.APIToken("00x"), HTTPClient: &http.Client{Transport: s},
		Retry: okta.RetryOptions{MaxRetries: -1},
	})
	require.NoError(t, err)
	return client
}

// afters are the cursors that the requests had.
func (s *logServer) afters() []string {
	var cursors []string
	for _, query := range s.queries {
		cursors = append(cursors, query.Get("after"))
	}
	return cursors
}

func uuids(page *okta.Page[org.LogEvent]) []string {
	var ids []string
	for _, event := range page.Items {
		ids = append(ids, event.UUID)
	}
	return ids
}

// A poll reads what there is at once, waits after an empty page, and finds what came meanwhile. Nothing is read twice.
func TestPollReadsWhatComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &logServer{pages: []logPage{
			{body: `[{"uuid":"1"},{"uuid":"2"}]`, cursor: "a"},
			{body: `[{"uuid":"3"}]`, cursor: "b"},
			{body: `[]`, cursor: "b"},
			{body: `[]`, cursor: "b"},
			{body: `[{"uuid":"4"}]`, cursor: "c"},
			{body: `[]`, cursor: "c"},
		}}
		opts := &org.PollLogEventsOptions{
			Since: date(1), Filter: `eventType eq "x"`, Keywords: "k", Limit: 2, Interval: time.Minute,
		}
		var read, cursors []string
		for page, err := range org.PollLogEvents(t.Context(), server.client(t), opts) {
			require.NoError(t, err)
			read, cursors = append(read, uuids(page)...), append(cursors, page.Cursor())
			if len(cursors) == 6 {
				break
			}
		}
		assert.Equal(t, []string{"1", "2", "3", "4"}, read)
		assert.Equal(t, []string{"a", "b", "b", "b", "c", "c"}, cursors)
		assert.Equal(t, []string{"", "a", "b", "b", "b", "c"}, server.afters())
		var waits []time.Duration
		for i := 1; i < len(server.times); i++ {
			waits = append(waits, server.times[i].Sub(server.times[i-1]).Truncate(time.Minute))
		}
		assert.Equal(t, []time.Duration{0, 0, time.Minute, time.Minute, 0}, waits, "after empty pages alone")
		for _, query := range server.queries {
			query.Del("after")
			assert.Equal(t, url.Values{
				"since": {"2026-03-01T01:02:03.678Z"}, "filter": {`eventType eq "x"`}, "q": {"k"}, "limit": {"2"},
			}, query, "no until: it would bound the list")
		}
	})
}

func (s *logServer) sinces(t *testing.T) []time.Time {
	t.Helper()
	var sinces []time.Time
	for _, query := range s.queries {
		since, err := time.Parse(time.RFC3339, query.Get("since"))
		require.NoError(t, err)
		sinces = append(sinces, since.UTC())
	}
	return sinces
}

// A poll that resumes reads on at its cursor, however old that is: without since, Okta would begin seven days ago.
func TestPollResumesAtACursor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &logServer{pages: []logPage{
			{body: `[{"uuid":"9"}]`, cursor: "z"}, {body: `[]`, cursor: "z"}, {body: `[{"uuid":"10"}]`, cursor: "zz"},
		}}
		begun := time.Now().UTC()
		var read []string
		for page, err := range org.PollLogEvents(t.Context(), server.client(t), &org.PollLogEventsOptions{After: "y"}) {
			require.NoError(t, err)
			if read = append(read, uuids(page)...); len(read) == 2 {
				break
			}
		}
		assert.Equal(t, []string{"9", "10"}, read)
		assert.Equal(t, []string{"y", "z", "z"}, server.afters())
		kept := begun.AddDate(0, 0, -90)
		assert.Equal(t, []time.Time{kept, kept, kept}, server.sinces(t))
	})
}

// All requests of a poll have the same since, as Okta's next links have, until it is so old that Okta would refuse it.
func TestPollKeepsItsSince(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		server := &logServer{pages: []logPage{{body: `[]`, cursor: "a"}}}
		begun := time.Now().UTC()
		for _, err := range org.PollLogEvents(t.Context(), server.client(t), &org.PollLogEventsOptions{Interval: 10 * day}) {
			require.NoError(t, err)
			if len(server.queries) == 40 {
				break
			}
		}
		sinces := server.sinces(t)
		assert.Equal(t, begun.Add(-7*day), sinces[0])
		for i, since := range sinces {
			assert.Less(t, server.times[i].Sub(since), 180*day)
			assert.False(t, since.After(server.times[max(i-1, 0)].Add(-7*day)), "not after the cursor")
		}
		slices.SortFunc(sinces, time.Time.Compare)
		assert.LessOrEqual(t, len(slices.Compact(sinces)), 6, "in 400 days")
	})
}

// A context that ends while a poll waits ends it at once, with the context's error.
func TestPollEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &logServer{pages: []logPage{{body: `[]`, cursor: "a"}}}
		ctx, cancel := context.WithTimeout(t.Context(), 70*time.Second)
		defer cancel()
		begun := time.Now()
		var errs []error
		pages := 0
		for _, err := range org.PollLogEvents(ctx, server.client(t), nil) {
			if err != nil {
				errs = append(errs, err)
				continue
			}
			pages++
		}
		require.Len(t, errs, 1)
		require.ErrorIs(t, errs[0], context.DeadlineExceeded)
		assert.Equal(t, 3, pages, "at 0, 30 and 60 s")
		assert.Equal(t, 70*time.Second, time.Since(begun))
	})
}

// An error ends a poll after the pages before it: whoever polls resumes at the last cursor.
func TestPollEndsWithAnError(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]logPage{
		"refused cursor": {status: http.StatusBadRequest, body: `{"errorCode":"E0000029"}`},
		"no next link":   {body: `[{"uuid":"2"}]`},
		"a loop":         {body: `[{"uuid":"2"}]`, cursor: "a"},
	} {
		server := &logServer{pages: []logPage{{body: `[{"uuid":"1"}]`, cursor: "a"}, last}}
		var errs []error
		var read []string
		for page, err := range org.PollLogEvents(t.Context(), server.client(t), nil) {
			if err != nil {
				errs = append(errs, err)
				continue
			}
			read = append(read, uuids(page)...)
		}
		require.Len(t, errs, 1, name)
		assert.Contains(t, errs[0].Error(), "GET /api/v1/logs", name)
		assert.Equal(t, "1", read[0], name)
		assert.Len(t, server.queries, 2, name)
	}
}

func TestPollRefusesInvalidOptions(t *testing.T) {
	t.Parallel()
	server := &logServer{}
	for _, opts := range []*org.PollLogEventsOptions{{Interval: -1}, {Limit: 1001}, {Limit: -1}} {
		var errs []error
		for _, err := range org.PollLogEvents(t.Context(), server.client(t), opts) {
			errs = append(errs, err)
		}
		require.Len(t, errs, 1)
		require.ErrorIs(t, errs[0], okta.ErrInvalidArgument)
	}
	for _, err := range org.PollLogEvents(t.Context(), nil, nil) {
		require.ErrorIs(t, err, okta.ErrInvalidArgument)
	}
	assert.Empty(t, server.queries)
}

// The last page of the log leads to itself: All ends there, and the cursor goes on.
func TestLogEventsAreReadToTheEnd(t *testing.T) {
	t.Parallel()
	server := &logServer{pages: []logPage{{body: `[{"uuid":"1"}]`, cursor: "a"}, {body: `[]`, cursor: "a"}}}
	page, err := org.ListLogEvents(t.Context(), server.client(t), nil)
	require.NoError(t, err)
	events, err := page.Collect(t.Context())
	require.NoError(t, err)
	assert.Len(t, events, 1)
	assert.Equal(t, []string{"", "a"}, server.afters())
}

func TestDetailOfATarget(t *testing.T) {
	t.Parallel()
	target := org.LogTarget{DetailEntry: map[string]any{"user": "00u1", "n": 7.0}}
	got := []string{target.Detail("user"), target.Detail("n"), target.Detail("x"), org.LogTarget{}.Detail("user")}
	assert.True(t, slices.Equal([]string{"00u1", "", "", ""}, got), got)
}

package okta_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

func TestDo(t *testing.T) {
	t.Parallel()
	server := play(reply(201, `{"id":"00u1","profile":{"login":"joe@acme.com"},"more":1}`))
	client := newClient(t, server)
	var user struct {
		ID      string `json:"id"`
		Profile struct {
			Login string `json:"login"`
		} `json:"profile"`
	}
	err := client.Do(t.Context(), okta.Request{
		Method: http.MethodPost,
		Path:   []string{"api", "v1", "users", "joe@acme.com", "a b"},
		Query:  url.Values{"activate": {"true"}},
		Body:   map[string]any{"x": 1},
	}, &user)
	require.NoError(t, err)
	assert.Equal(t, "joe@acme.com", user.Profile.Login)
	sent := server.requests()[0]
	assert.Equal(t, "POST", sent.Method)
	assert.Equal(t, orgURL+"/api/v1/users/joe@acme.com/a%20b?activate=true", sent.URL.String())
	assert.Equal(t, "application/json", sent.Header.Get("Content-Type"))
	body, err := io.ReadAll(sent.Body)
	require.NoError(t, err)
	assert.JSONEq(t, `{"x":1}`, string(body))
	assert.EqualValues(t, len(body), sent.ContentLength)
}

func TestDoWithoutAnythingToDecode(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201, 202, 204} {
		server := play(reply(status, "whatever"))
		require.NoError(t, newClient(t, server).Do(t.Context(), okta.Request{Path: []string{"api"}}, nil))
		assert.Equal(t, http.MethodGet, server.requests()[0].Method)
	}
}

func TestDoFailures(t *testing.T) {
	t.Parallel()
	var out map[string]any
	for _, s := range []responder{reply(206, `{}`), reply(204, ""), reply(200, "[]"), reply(302, "{}"), reply(404, notFoundJSON)} {
		err := newClient(t, play(s), noRetries).Do(t.Context(), okta.Request{Path: []string{"api"}}, &out)
		assert.Equal(t, "/api", requireError(t, err).Path)
	}
	client := newClient(t, refuse(t))
	var none *struct{}
	for _, unusable := range []any{struct{}{}, none, map[string]any{}, 7} {
		require.ErrorIs(t, client.Do(t.Context(), okta.Request{Path: []string{"api"}}, unusable), okta.ErrInvalidArgument)
	}
	for name, req := range map[string]okta.Request{
		"a path in one piece": {Path: []string{"/api/v1/users"}}, "without a slash": {Path: []string{"api/v1/users"}},
		"no path": {}, "empty segment": {Path: []string{"api", ""}}, "dots": {Path: []string{"..", "api"}},
		"lower case": {Method: "get", Path: []string{"api"}}, "odd method": {Method: "GET /x HTTP/1.1\r\n", Path: []string{"api"}},
		"no JSON": {Method: "POST", Path: []string{"api"}, Body: math.NaN()}, "channel": {Method: "POST", Path: []string{"api"}, Body: make(chan int)},
	} {
		require.ErrorIs(t, client.Do(t.Context(), req, nil), okta.ErrInvalidArgument, name)
	}
}

func TestDoIsRetriedLikeAnyCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := play(reply(503, ""), reply(404, notFoundJSON))
		err := newClient(t, server).Do(t.Context(), okta.Request{Method: http.MethodDelete, Path: []string{"api", "v1", "x"}}, nil)
		require.ErrorIs(t, err, okta.ErrNotFound, "what Do deletes may be a collection")
		assert.Len(t, server.requests(), 2)
	})
}

func TestListOfAnyRoute(t *testing.T) {
	t.Parallel()
	server := play(
		reply(200, `[{"client_id":"1"}]`, `Link: <https://x/y?after=2>; rel="next"`),
		reply(200, `[{"client_id":"2"}]`),
	)
	client := newClient(t, server)
	query := url.Values{"limit": {"1"}}
	page, err := okta.List[okta.OAuth2Client](t.Context(), client, okta.Request{Path: []string{"api", "v1", "users", "a b", "clients"}, Query: query})
	require.NoError(t, err)
	var got []string
	for c, err := range page.All(t.Context()) {
		require.NoError(t, err)
		got = append(got, c.ClientID)
	}
	assert.Equal(t, []string{"1", "2"}, got)
	assert.Equal(t, orgURL+"/api/v1/users/a%20b/clients?after=2&limit=1", server.requests()[1].URL.String())
	assert.Equal(t, url.Values{"limit": {"1"}}, query, "the caller's query is left alone")

	_, err = okta.List[okta.OAuth2Client](t.Context(), newClient(t, refuse(t)), okta.Request{})
	require.ErrorIs(t, err, okta.ErrInvalidArgument)
	page, err = okta.List[okta.OAuth2Client](t.Context(), newClient(t, play(
		reply(200, `[]`, `Link: <?after=2>; rel="next"`), reply(200, `[]`))), okta.Request{Path: []string{"api"}})
	require.NoError(t, err)
	_, err = page.Next(t.Context())
	require.NoError(t, err)
}

func TestModelsCanBeExtended(t *testing.T) {
	t.Parallel()
	type extended struct {
		okta.OAuth2RefreshToken
		Extra string `json:"extra"`
	}
	page, err := okta.List[extended](t.Context(), newClient(t, play(reply(200, `[{"id":"1","extra":"x"}]`))), okta.Request{Path: []string{"api"}})
	require.NoError(t, err)
	assert.Equal(t, "1", page.Items[0].ID)
	assert.Equal(t, "x", page.Items[0].Extra)
}

func TestNilContextIsRefused(t *testing.T) {
	t.Parallel()
	var nothing interface {
		Deadline() (time.Time, bool)
		Done() <-chan struct{}
		Err() error
		Value(any) any
	}
	require.ErrorIs(t, revoke(nothing, newClient(t, refuse(t))), okta.ErrInvalidArgument)
}

func TestOnAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got []okta.Attempt
		slow := func(s responder) responder {
			return func(req *http.Request) (*http.Response, error) {
				time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
				return s(req)
			}
		}
		server := play(
			slow(reply(503, "", "X-Okta-Request-Id: r1", "X-Rate-Limit-Limit: 600", "X-Rate-Limit-Remaining: 599", "X-Rate-Limit-Reset: 1780315242")),
			slow(lose(errReset)), slow(reply(200, `[]`, "X-Okta-Request-Id: r3")),
		)
		client := newClient(t, server, func(c *okta.Config) { c.OnAttempt = func(_ context.Context, r okta.Attempt) { got = append(got, r) } })
		_, err := client.UserGrants.List(t.Context(), "a b", &okta.ListUserGrantsOptions{After: "CURSOR"})
		require.NoError(t, err)
		require.Len(t, got, 3)
		for i, r := range got {
			assert.Equal(t, "GET", r.Method)
			assert.Equal(t, "/api/v1/users/a%20b/grants", r.Path)
			assert.Equal(t, "/api/v1/users/{userId}/grants", r.Route)
			assert.Equal(t, "listUserGrants", r.Operation)
			assert.Equal(t, i+1, r.Number)
			assert.Equal(t, time.Second, r.Duration)
			assert.NotContains(t, sprint("%+v", r), "CURSOR")
		}
		waits := server.waits()
		assert.Equal(t, []int{503, 0, 200}, []int{got[0].StatusCode, got[1].StatusCode, got[2].StatusCode})
		assert.Equal(t, []string{"r1", "", "r3"}, []string{got[0].RequestID, got[1].RequestID, got[2].RequestID})
		assert.Equal(t, []time.Duration{waits[0] - time.Second, waits[1] - time.Second, 0}, []time.Duration{got[0].Wait, got[1].Wait, got[2].Wait})
		assert.Equal(t, 503, requireError(t, got[0].Err).StatusCode)
		require.ErrorIs(t, got[1].Err, errReset)
		require.NoError(t, got[2].Err)
		assert.Equal(t, okta.RateLimit{Limit: 600, Remaining: 599, Reset: time.Unix(1780315242, 0).UTC()}, got[0].RateLimit)
	})
}

func TestLogger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		client := newClient(t, play(reply(429, limitedJSON, "X-Okta-Request-Id: r1"), reply(200, `[{"id":"BODY"}]`)), func(c *okta.Config) {
			c.Logger = slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		_, err := client.UserGrants.List(t.Context(), "u", &okta.ListUserGrantsOptions{After: "CURSOR"})
		require.NoError(t, err)
		text := logged.String()
		for _, hidden := range []string{apiToken, "CURSOR", "BODY", "limit=", "?"} {
			assert.NotContains(t, text, hidden)
		}
		var levels []string
		for line := range strings.Lines(text) {
			var entry struct {
				Level     string        `json:"level"`
				Method    string        `json:"method"`
				Path      string        `json:"path"`
				Status    int           `json:"status"`
				Attempt   int           `json:"attempt"`
				RequestID string        `json:"request_id"`
				Wait      time.Duration `json:"wait"`
			}
			require.NoError(t, json.Unmarshal([]byte(line), &entry))
			assert.Equal(t, "GET", entry.Method)
			assert.Equal(t, "/api/v1/users/u/grants", entry.Path)
			assert.Equal(t, entry.Level == "WARN", entry.Wait > 0)
			levels = append(levels, sprint("%s %d %d %s", entry.Level, entry.Attempt, entry.Status, entry.RequestID))
		}
		assert.Equal(t, []string{"DEBUG 1 429 r1", "WARN 1 429 r1", "DEBUG 2 200 "}, levels)
	})
}

func TestModelsAreWrittenBackAsOktaSpellsThem(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		if op.want == nil || strings.HasPrefix(op.response, "[") {
			continue
		}
		written, err := json.Marshal(op.want)
		require.NoError(t, err)
		var got, want map[string]any
		require.NoError(t, json.Unmarshal(written, &got))
		require.NoError(t, json.Unmarshal([]byte(strings.NewReplacer("client_id", "clientId", ".000Z", "Z").Replace(op.response)), &want))
		delete(want, "addedNextYear")
		assert.Equal(t, want, got, op.id)
	}
	for _, empty := range []any{okta.OAuth2ScopeConsentGrant{}, okta.OAuth2RefreshToken{}, okta.OAuth2Client{}} {
		written, err := json.Marshal(empty)
		require.NoError(t, err)
		assert.Equal(t, "{}", string(written))
	}
}

func TestOneClientServesManyGoroutines(t *testing.T) {
	t.Parallel()
	echo := func(req *http.Request) (*http.Response, error) {
		id := strings.Split(req.URL.Path, "/")[4]
		return reply(200, `{"userId":"`+id+`"}`)(req)
	}
	client := newClient(t, play(echo))
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			user := sprint("user%d", i)
			for range 20 {
				grant, err := client.UserGrants.Get(t.Context(), user, "g", nil)
				if assert.NoError(t, err) {
					assert.Equal(t, user, grant.UserID)
				}
			}
		})
	}
	all.Wait()
}

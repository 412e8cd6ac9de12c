package okta_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

func TestOnAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got []okta.Attempt
		slow := func(respond responder) responder {
			return func(req *http.Request) (*http.Response, error) {
				time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
				return respond(req)
			}
		}
		server := play(
			slow(reply(503, "", "X-Okta-Request-Id: r1",
				"X-Rate-Limit-Limit: 600", "X-Rate-Limit-Remaining: 599", "X-Rate-Limit-Reset: "+in42s)),
			slow(lose(errReset)),
			slow(reply(200, `[]`, "X-Okta-Request-Id: r3")),
		)
		client := newClient(t, server, observe(&got))
		_, err := client.UserGrants.List(t.Context(), "a b", &okta.ListUserGrantsOptions{After: "CURSOR"})
		require.NoError(t, err)
		require.Len(t, got, 3)
		waits := append(server.waits(), time.Second)
		for i, a := range got {
			assert.Equal(t, "GET", a.Method)
			assert.Equal(t, "/api/v1/users/a%20b/grants", a.Path)
			assert.Equal(t, "/api/v1/users/{userId}/grants", a.Route)
			assert.Equal(t, "listUserGrants", a.Operation)
			assert.Equal(t, i+1, a.Number)
			assert.Equal(t, time.Second, a.Duration)
			assert.Equal(t, waits[i]-time.Second, a.Wait)
			assert.NotContains(t, sprint("%+v", a), "CURSOR")
		}
		assert.Equal(t, []int{503, 0, 200}, []int{got[0].StatusCode, got[1].StatusCode, got[2].StatusCode})
		assert.Equal(t, []string{"r1", "", "r3"}, []string{got[0].RequestID, got[1].RequestID, got[2].RequestID})
		assert.Equal(t, 503, requireError(t, got[0].Err).StatusCode)
		require.ErrorIs(t, got[1].Err, errReset)
		require.NoError(t, got[2].Err)
		assert.Equal(t, okta.RateLimit{Limit: 600, Remaining: 599, Reset: time.Unix(1780315242, 0).UTC()}, got[0].RateLimit)
	})
}

func TestAttemptsNameTheirOperationAndRoute(t *testing.T) {
	t.Parallel()
	var seen okta.Attempt
	client := newClient(t, play(reply(404, notFoundJSON)), func(c *okta.Config) {
		c.OnAttempt = func(_ context.Context, a okta.Attempt) { seen = a }
	})
	for _, op := range operations {
		_, err := op.call(t.Context(), client, "ID1", "ID2", "ID3")
		require.ErrorIs(t, err, okta.ErrNotFound)
		assert.Equal(t, op.id, seen.Operation)
		assert.Equal(t, "/api/v1/"+op.route, seen.Route)
		assert.Equal(t, op.path("ID1", "ID2", "ID3"), seen.Path)
		assert.Contains(t, client.RateLimits(), seen.Bucket, op.id)
	}
	for route, path := range map[string][]string{
		"/api/v1/users/{userId}/grants":                    {"api", "v1", "users", "ID", "grants"},
		"/api/v1/apps/{appId}/tokens/{tokenId}":            {"api", "v1", "apps", "ID", "tokens", "ID"},
		"/api/v1/apps/{appId}/lifecycle/deactivate":        {"api", "v1", "apps", "ID", "lifecycle", "deactivate"},
		"/api/v1/policies/{id}/rules/{id}":                 {"api", "v1", "policies", "ID", "rules", "ID"},
		"/api/v1/authorizationServers/{authServerId}/keys": {"api", "v1", "authorizationServers", "ID", "keys"},
	} {
		_ = client.Do(t.Context(), okta.Request{Path: path}, nil)
		assert.Empty(t, seen.Operation)
		assert.Equal(t, route, seen.Route)
		_, _ = okta.List[struct{}](t.Context(), client, okta.Request{Path: path})
		assert.Empty(t, seen.Operation)
		assert.Equal(t, route, seen.Route)
	}
}

func TestAttemptsAtTheTokenEndpointNameARouteWithoutIDs(t *testing.T) {
	t.Parallel()
	key := okta.PrivateKeyFromSigner(keys()["P-256"])
	app := okta.ServiceApp{ClientID: "0oa1", PrivateKey: key, Scopes: []string{usersRead}}
	for path, route := range map[string]string{
		"/oauth2/v1/token":        "/oauth2/v1/token",
		"/oauth2/aus1a2/v1/token": "/oauth2/{id}/v1/token",
	} {
		var seen []okta.Attempt
		app.TokenURL = orgURL + path
		client := newClient(t, play(reply(401, `{}`)), observe(&seen), func(c *okta.Config) { c.Credentials = app })
		require.ErrorIs(t, getGrant(t.Context(), client), okta.ErrAuthentication)
		assert.Equal(t, route, seen[0].Route)
		assert.Equal(t, path, seen[0].Path)
		assert.Equal(t, "POST "+route, seen[0].Bucket)
		assert.True(t, seen[0].TokenRequest)
	}
}

// The context of the call hands the request ID of a revoke to its caller.
func TestOnAttemptGetsTheContextOfTheCall(t *testing.T) {
	t.Parallel()
	type key struct{}
	client := newClient(t, play(reply(204, "", "X-Okta-Request-Id: r1")), func(c *okta.Config) {
		c.OnAttempt = func(ctx context.Context, a okta.Attempt) { *ctx.Value(key{}).(*string) = a.RequestID }
	})
	var id string
	require.NoError(t, revoke(context.WithValue(t.Context(), key{}, &id), client))
	assert.Equal(t, "r1", id)
}

func TestOnAttemptNamesTheThrottleReason(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	synctest.Test(t, func(t *testing.T) {
		org.LimitRate(oktatest.BucketUsers, 1, time.Minute)
		var seen []okta.Attempt
		client := newClient(t, inProcess(org), observe(&seen))
		require.NoError(t, getGrant(t.Context(), client))
		require.NoError(t, getGrant(t.Context(), client))
		assert.Zero(t, seen[0].Throttled)
		assert.Equal(t, time.Minute, seen[1].Throttled)
		assert.Equal(t, okta.ThrottleWindow, seen[1].ThrottleReason)
	})
}

// A callback that does not return must not block later calls.
func TestOnAttemptThatDoesNotReturn(t *testing.T) {
	t.Parallel()
	for name, misbehave := range map[string]func(){
		"ends its goroutine": runtime.Goexit,
		"panics":             func() { panic("in a callback") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var once sync.Once
			client := newClient(t, nil, newApp(t, nil).configure, func(c *okta.Config) {
				c.OnAttempt = func(_ context.Context, a okta.Attempt) {
					if a.Method == http.MethodPost {
						once.Do(misbehave)
					}
				}
			})
			require.ErrorContains(t, getGrant(t.Context(), client), "fetch")
			require.NoError(t, getGrant(t.Context(), client))
		})
	}
}

func TestLogger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		server := play(reply(429, limitedJSON, "X-Okta-Request-Id: r1"), reply(200, `[{"id":"BODY"}]`))
		client := newClient(t, server, func(c *okta.Config) {
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

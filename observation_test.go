package okta_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

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

// The request ID of a revoke reaches the code that asked for it by the call's context.
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

func TestWrapTransportKeepsThePool(t *testing.T) {
	t.Parallel()
	var connections, traced atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := newClient(t, nil, atURL(server.URL), func(c *okta.Config) {
		c.WrapTransport = func(next http.RoundTripper) http.RoundTripper {
			return responder(func(req *http.Request) (*http.Response, error) {
				traced.Add(1)
				return next.RoundTrip(req)
			})
		}
	})
	const workers, rounds = 16, 20
	for range rounds {
		var calls sync.WaitGroup
		for range workers {
			calls.Go(func() { assert.NoError(t, revoke(t.Context(), client)) })
		}
		calls.Wait()
	}
	assert.EqualValues(t, workers*rounds, traced.Load())
	assert.LessOrEqual(t, connections.Load(), int32(2*workers), "net/http's own default keeps two")
}

func TestWrapTransportGetsTheTransportOfHTTPClient(t *testing.T) {
	t.Parallel()
	own := play(reply(204, ""))
	var given http.RoundTripper
	client := newClient(t, own, func(c *okta.Config) {
		c.WrapTransport = func(next http.RoundTripper) http.RoundTripper { given = next; return next }
	})
	require.NoError(t, revoke(t.Context(), client))
	assert.Same(t, own, given)
}

func TestWrapTransportThatReturnsNil(t *testing.T) {
	t.Parallel()
	_, err := okta.NewClient(okta.Config{
		OrgURL: orgURL, Credentials: okta.APIToken(apiToken),
		WrapTransport: func(http.RoundTripper) http.RoundTripper { return nil },
	})
	require.ErrorIs(t, err, okta.ErrInvalidArgument)
	require.ErrorContains(t, err, "WrapTransport")
}

func TestRateLimitErrorSaysWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := play(reply(200, `[]`, "X-Rate-Limit-Limit: 1", "X-Rate-Limit-Remaining: 0", "X-Rate-Limit-Reset: 1780315242",
			"Date: Mon, 01 Jun 2026 12:00:00 GMT"))
		client := newClient(t, server)
		_, err := client.UserGrants.List(t.Context(), "u", nil)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, err = client.UserGrants.List(ctx, "u", nil)
		require.ErrorIs(t, err, okta.ErrRateLimited)
		var limited *okta.RateLimitError
		require.ErrorAs(t, err, &limited)
		assert.Equal(t, "/api/v1/users", limited.Bucket)
		assert.Equal(t, okta.ThrottleWindow, limited.Reason)
		assert.Equal(t, start.Add(42*time.Second), limited.RetryAt)
		assert.Zero(t, time.Since(start), "it is known at once")
		assert.Len(t, server.requests(), 1)
	})
}

// A request that fails must not keep its place among those in flight: with room for one, nothing could be sent after it.
func TestFailedAttemptsLeaveRoomForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		narrow := []string{
			"X-Rate-Limit-Limit: 2", "X-Rate-Limit-Remaining: 1", "X-Rate-Limit-Reset: 1780315242", "Date: Mon, 01 Jun 2026 12:00:00 GMT",
		}
		server := play(reply(200, `[]`, narrow...), lose(errRefused), reply(200, `[]`, narrow...))
		client := newClient(t, server, noRetries)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := client.UserGrants.List(ctx, "u", nil)
		require.NoError(t, err)
		_, err = client.UserGrants.List(ctx, "u", nil)
		require.ErrorIs(t, err, errRefused)
		_, err = client.UserGrants.List(ctx, "u", nil)
		require.NoError(t, err)
		assert.Zero(t, client.RateLimits()["/api/v1/users"].InFlight)
	})
}

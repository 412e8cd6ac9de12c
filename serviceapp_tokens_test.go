package okta_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

func TestFirstCallsFetchOneToken(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]func(*oktatest.ServiceApp){"bearer": nil, "DPoP": requireDPoP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, option, func(t *testing.T, app *bubbleApp, client *okta.Client) {
				app.latency = time.Second
				var calls sync.WaitGroup
				for i := range 1000 {
					calls.Go(func() {
						if i%2 == 1 {
							<-time.After(time.Duration(i) * time.Millisecond)
						}
						assert.NoError(t, getGrant(t.Context(), client))
					})
				}
				calls.Wait()
				good := 0
				for _, s := range app.tokenRequests() {
					if s.status == 200 {
						good++
					}
				}
				assert.Equal(t, 1, good)
				assert.Len(t, app.apiRequests(), 1000)
				app.requireNoReuse(t)
			})
		})
	}
}

func TestFirstCallsFetchOneTokenOverConnections(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	pool := &http.Transport{MaxConnsPerHost: 20, MaxIdleConnsPerHost: 20}
	t.Cleanup(pool.CloseIdleConnections)
	network := record(pool)
	client := newClient(t, network, app.configure)
	var calls sync.WaitGroup
	for range 1000 {
		calls.Go(func() { assert.NoError(t, getGrant(t.Context(), client)) })
	}
	calls.Wait()
	assert.Len(t, network.tokenRequests(), 1)
	assert.Len(t, network.apiRequests(), 1000)
}

func TestFailedFetchFailsForAllWaitingCalls(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]func(*okta.Config){
		"rate limiter": func(*okta.Config) {}, "no rate limiter": noRateLimiter,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, nil, func(t *testing.T, app *bubbleApp, _ *okta.Client) {
				client := newClient(t, app, app.configure, defaultRetries, option)
				app.latency = time.Second
				app.replaceTokens(reply(401, `{"error":"invalid_client"}`))
				start := time.Now()
				var calls sync.WaitGroup
				for range 1000 {
					calls.Go(func() { assert.ErrorIs(t, getGrant(t.Context(), client), okta.ErrUnauthorized) })
				}
				calls.Wait()
				assert.Equal(t, time.Second, time.Since(start))
				assert.Len(t, app.tokenRequests(), 1)
				assert.Empty(t, app.apiRequests())
				app.restoreTokens()
				require.NoError(t, getGrant(t.Context(), client))
			})
		})
	}
}

func TestWaitingCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(t *testing.T, app *bubbleApp, client *okta.Client) {
		app.latency = 10 * time.Second
		start := time.Now()
		// The first call began the fetch, which goes on without it.
		first, cancel := context.WithCancelCause(t.Context())
		second, stop := context.WithTimeout(t.Context(), 2*time.Second)
		defer stop()
		var calls sync.WaitGroup
		calls.Go(func() {
			err := getGrant(first, client)
			assert.Equal(t, time.Second, time.Since(start))
			if assert.ErrorIs(t, err, context.Canceled) {
				assert.ErrorContains(t, err, "shutting down", "the cause")
			}
		})
		synctest.Wait()
		calls.Go(func() {
			err := getGrant(second, client)
			assert.Equal(t, 2*time.Second, time.Since(start))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
		for range 10 {
			calls.Go(func() {
				err := getGrant(t.Context(), client)
				assert.Equal(t, 10*time.Second, time.Since(start))
				assert.NoError(t, err)
			})
		}
		time.AfterFunc(time.Second, func() { cancel(errors.New("shutting down")) })
		calls.Wait()
		assert.Len(t, app.tokenRequests(), 1)
		assert.Len(t, app.apiRequests(), 10)
	})
}

// A loop of calls authenticates even if the token endpoint is slower than the deadline of each.
func TestFetchOutlivesTheDeadlinesOfItsCalls(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(t *testing.T, app *bubbleApp, client *okta.Client) {
		app.replaceTokens(func(req *http.Request) (*http.Response, error) {
			<-time.After(4500 * time.Millisecond)
			return inProcess(app.org).RoundTrip(req)
		})
		failed := 0
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			err := getGrant(ctx, client)
			cancel()
			if err == nil {
				break
			}
			require.ErrorIs(t, err, context.DeadlineExceeded)
			failed++
		}
		assert.Equal(t, 4, failed)
		assert.Len(t, app.tokenRequests(), 1)
		assert.Len(t, app.apiRequests(), 1)
	})
}

func TestFetchWithoutCallsEndsInTime(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(t *testing.T, app *bubbleApp, client *okta.Client) {
		app.replaceTokens(hang)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, getGrant(ctx, client), context.DeadlineExceeded)
		require.NoError(t, pause(t.Context(), 90*time.Second))
		app.restoreTokens()
		require.NoError(t, getGrant(t.Context(), client))
	})
}

func TestFetchIsBounded(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(t *testing.T, app *bubbleApp, client *okta.Client) {
		start := time.Now()
		app.replaceTokens(hang)
		err := getGrant(t.Context(), client)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NotErrorIs(t, err, context.DeadlineExceeded, "the caller's context has not ended")
		require.NotErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "no access token within 1m30s")
		assert.Equal(t, 90*time.Second, time.Since(start))
	})
}

func TestFetchThatIsCutOffKeepsTheLastResponse(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(t *testing.T, app *bubbleApp, client *okta.Client) {
		first := true
		app.replaceTokens(func(req *http.Request) (*http.Response, error) {
			if first {
				first = false
				return reply(503, "", "X-Okta-Request-Id: req-1")(req)
			}
			return hang(req)
		})
		err := getGrant(t.Context(), client)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		apiErr := requireError(t, err)
		assert.Equal(t, "req-1", apiErr.RequestID)
		assert.Equal(t, 503, apiErr.StatusCode)
	})
}

func TestExpiredTokensAreNotSent(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]func(*oktatest.ServiceApp){
		"bearer": tokensLive(2 * time.Second),
		"DPoP":   func(app *oktatest.ServiceApp) { app.DPoP, app.TokenLifetime = true, 2*time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, option, func(t *testing.T, app *bubbleApp, client *okta.Client) {
				app.latency = 50 * time.Millisecond
				var calls sync.WaitGroup
				for i := range 5 {
					calls.Go(func() {
						for range 400 { // a minute
							assert.NoError(t, getGrant(t.Context(), client))
							assert.NoError(t, pause(t.Context(), time.Duration(130+10*i)*time.Millisecond))
						}
					})
				}
				calls.Wait()
				for _, s := range app.apiRequests() {
					require.Equal(t, 200, s.status, "no expired token is sent")
				}
				assert.InDelta(t, 60/1.6, len(app.tokenRequests()), 15)
				app.requireNoReuse(t)
			})
		})
	}
}

func TestTokenIsRefreshedBeforeItExpires(t *testing.T) {
	t.Parallel()
	bubble(t, tokensLive(1000*time.Second), func(t *testing.T, app *bubbleApp, client *okta.Client) {
		for start := time.Now(); time.Since(start) < 6*time.Hour; {
			require.NoError(t, getGrant(t.Context(), client))
			require.NoError(t, pause(t.Context(), time.Second))
		}
		seen := map[time.Duration]bool{}
		lowest, highest := time.Hour, time.Duration(0)
		for i, s := range app.tokenRequests()[1:] {
			life := s.at.Sub(app.tokenRequests()[i].at)
			seen[life] = true
			lowest, highest = min(lowest, life), max(highest, life)
		}
		assert.GreaterOrEqual(t, len(app.tokenRequests()), 25)
		assert.GreaterOrEqual(t, lowest, 700*time.Second)
		assert.LessOrEqual(t, highest, 901*time.Second)
		assert.Greater(t, highest-lowest, 50*time.Second)
		assert.Greater(t, len(seen), 12)
		for _, s := range app.apiRequests() {
			require.Equal(t, 200, s.status)
		}
	})
}

func TestTokenIsSentWhileItsRefreshFails(t *testing.T) {
	t.Parallel()
	for name, failing := range map[string]responder{
		"503": reply(503, "", "X-Okta-Request-Id: req-1"), "401": reply(401, `{"error":"invalid_client"}`),
		"lost": lose(errReset),
		"HTML": reply(200, "<html>"), "429": reply(429, limitedJSON, "Retry-After: 60"), "silence": hang,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, tokensLive(1000*time.Second), func(t *testing.T, app *bubbleApp, client *okta.Client) {
				start := time.Now()
				require.NoError(t, getGrant(t.Context(), client))
				app.replaceTokens(failing)
				for time.Since(start) < 998*time.Second {
					before := time.Now()
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					require.NoError(t, getGrant(ctx, client), "after %v", time.Since(start))
					cancel()
					require.Less(t, time.Since(before), 100*time.Millisecond, "no call waits for the refresh")
					require.NoError(t, pause(t.Context(), time.Second))
				}
				requests := len(app.tokenRequests())
				assert.Greater(t, requests, 3, "it is retried")
				assert.Less(t, requests, 120, "but not with every call")

				require.NoError(t, pause(t.Context(), 200*time.Second))
				err := getGrant(t.Context(), client)
				require.Error(t, err, "an expired token is not sent")
				if apiErr, ok := errors.AsType[*okta.Error](err); ok {
					assert.Equal(t, tokenPath, apiErr.Path)
				}
				assert.Equal(t, name != "lost" && name != "silence", errors.As(err, new(*okta.Error)))

				app.restoreTokens()
				require.NoError(t, getGrant(t.Context(), client))
			})
		})
	}
}

func TestExpiredTokenWaitsForItsRefresh(t *testing.T) {
	t.Parallel()
	bubble(t, tokensLive(100*time.Second), func(t *testing.T, app *bubbleApp, client *okta.Client) {
		require.NoError(t, getGrant(t.Context(), client))
		require.NoError(t, pause(t.Context(), 95*time.Second))
		app.latency = 20 * time.Second
		start := time.Now()
		require.NoError(t, getGrant(t.Context(), client), "the old token")
		assert.Equal(t, start, time.Now())
		require.NoError(t, pause(t.Context(), 10*time.Second))
		require.NoError(t, getGrant(t.Context(), client), "the new one")
		assert.Equal(t, 20*time.Second, time.Since(start))
		assert.Len(t, app.tokenRequests(), 2)
		assert.NotEqual(t, app.apiRequests()[1].Header, app.apiRequests()[2].Header)
	})
}

func TestTokenLifetimeBeginsWithItsAttempt(t *testing.T) {
	t.Parallel()
	bubble(t, tokensLive(30*time.Second), func(t *testing.T, app *bubbleApp, client *okta.Client) {
		app.org.Next(oktatest.Reply(429, http.Header{"Retry-After": {"60"}}, limitedJSON))
		require.NoError(t, getGrant(t.Context(), client))
		for range 5 {
			require.NoError(t, getGrant(t.Context(), client))
		}
		assert.Len(t, app.tokenRequests(), 2)
	})
}

func TestTokenLifetimeIncludesItsRequest(t *testing.T) {
	t.Parallel()
	bubble(t, tokensLive(30*time.Second), func(t *testing.T, app *bubbleApp, client *okta.Client) {
		app.latency = 20 * time.Second
		require.NoError(t, getGrant(t.Context(), client))
		require.NoError(t, pause(t.Context(), 11*time.Second))
		require.NoError(t, getGrant(t.Context(), client))
		assert.Len(t, app.tokenRequests(), 2)
		assert.NotEqual(t, app.apiRequests()[0].Header.Get("Authorization"), app.apiRequests()[1].Header.Get("Authorization"))
	})
}

// While a call is throttled, its bound token expires, and the next one is not bound.
func TestBearerTokenAfterADPoPToken(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	synctest.Test(t, func(t *testing.T) {
		bound := true
		server := record(responder(func(req *http.Request) (*http.Response, error) {
			switch {
			case req.URL.Path != tokenPath:
				return reply(200, grantJSON, limits("2", in42s)...)(req)
			case req.Header.Get("DPoP") == "":
				return reply(400, `{"error":"invalid_dpop_proof"}`)(req)
			case bound:
				bound = false
				return reply(200, `{"access_token":"abcdefgh-1","token_type":"DPoP","expires_in":30}`)(req)
			}
			return reply(200, bearerJSON(2))(req)
		}))
		client := newClient(t, server, app.configure)
		require.NoError(t, get(t.Context(), client))
		require.NoError(t, get(t.Context(), client))
		assert.Equal(t, "DPoP abcdefgh-1", server.apiRequests()[0].Header.Get("Authorization"))
		last := server.last().Header
		assert.Equal(t, "Bearer abcdefgh-2", last.Get("Authorization"))
		assert.Empty(t, last.Values("DPoP"))
	})
}

func TestExpiresIn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		`"other":1`: 5 * time.Minute, `"expires_in":null`: 5 * time.Minute, `"expires_in":0`: 5 * time.Minute,
		`"expires_in":-3600`: 5 * time.Minute, `"expires_in":"soon"`: 5 * time.Minute, `"expires_in":""`: 5 * time.Minute,
		`"expires_in":"NaN"`: 5 * time.Minute, `"expires_in":"-Inf"`: 5 * time.Minute, `"expires_in":{}`: 5 * time.Minute,
		`"expires_in":true`: 5 * time.Minute, `"expires_in":"7200"`: 2 * time.Hour, `"expires_in":7200.5`: 2 * time.Hour,
		`"expires_in":9e18`: 24 * time.Hour, `"expires_in":1e300`: 24 * time.Hour, `"expires_in":"Inf"`: 24 * time.Hour,
		`"expires_in":"99999999999999999999"`: 24 * time.Hour, `"expires_in":3600`: time.Hour,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			bubble(t, nil, func(t *testing.T, app *bubbleApp, client *okta.Client) {
				app.replaceTokens(reply(200, `{"access_token":"abcdefgh-1","token_type":"Bearer",`+text+`}`))
				app.org.AcceptBearerToken("abcdefgh-1", usersRead)
				start := time.Now()
				for len(app.tokenRequests()) < 2 {
					require.NoError(t, getGrant(t.Context(), client))
					require.NoError(t, pause(t.Context(), want/100))
				}
				refreshed := app.tokenRequests()[1].at.Sub(start)
				assert.GreaterOrEqual(t, refreshed, want*7/10)
				assert.LessOrEqual(t, refreshed, want*92/100)
			})
		})
	}
}

func TestExpiredTokenIsRefreshedByTheNextCall(t *testing.T) {
	t.Parallel()
	bubble(t, tokensLive(10*time.Second), func(t *testing.T, app *bubbleApp, client *okta.Client) {
		require.NoError(t, getGrant(t.Context(), client))
		require.NoError(t, pause(t.Context(), 24*time.Hour))
		assert.Len(t, app.tokenRequests(), 1, "no refresh without a call")
		require.NoError(t, getGrant(t.Context(), client))
		assert.Len(t, app.tokenRequests(), 2)
	})
}

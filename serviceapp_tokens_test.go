package okta_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
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

func bearerJSON(n int) string {
	return sprint(`{"access_token":"abcdefgh-%d","token_type":"Bearer","expires_in":3600}`, n)
}

func TestRevokedTokenIsRefreshed(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]func(*oktatest.ServiceApp){"bearer": nil, "DPoP": requireDPoP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := newApp(t, option)
			network := overNetwork(t)
			client := newClient(t, network, app.configure)
			require.NoError(t, getGrant(t.Context(), client))
			before := len(network.tokenRequests())
			for i, call := range []func() error{
				func() error { return getGrant(t.Context(), client) },
				func() error { return client.UserGrants.Revoke(t.Context(), ann, oktatest.DemoGrantID) },
				func() error { return client.UserGrants.RevokeAll(t.Context(), ann) },
				func() error { // a POST, which is retried after a 401 and a 429 only
					err := client.Do(t.Context(), okta.Request{Method: http.MethodPost, Path: []string{"api", "v1", "users"}}, nil)
					require.NotErrorIs(t, err, okta.ErrUnauthorized)
					return nil
				},
			} {
				app.org.RevokeAccessTokens()
				require.NoError(t, call())
				if i < 3 {
					assert.Len(t, network.tokenRequests(), before+i+1)
					assert.Equal(t, 401, network.apiRequests()[1+2*i].status)
				}
			}
			network.requireNoReuse(t)
		})
	}
}

func TestPostIsRetriedWithItsBodyAfterA401(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	var bodies []string
	n := 0
	server := play(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == tokenPath {
			n++
			return reply(200, bearerJSON(n))(req)
		}
		body, err := io.ReadAll(req.Body)
		bodies = append(bodies, req.Header.Get("Authorization")+" "+string(body))
		if len(bodies) == 1 {
			return reply(401, "")(req)
		}
		require.NoError(t, err)
		return reply(200, "{}")(req)
	})
	post := okta.Request{Method: http.MethodPost, Path: []string{"x"}, Body: 1}
	require.NoError(t, newClient(t, server, app.configure).Do(t.Context(), post, nil))
	assert.Equal(t, []string{"Bearer abcdefgh-1 1", "Bearer abcdefgh-2 1"}, bodies)
}

func TestPermanent401IsRefreshedOnce(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]func(*oktatest.ServiceApp){"bearer": nil, "DPoP": requireDPoP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, option, func(t *testing.T, app *bubbleApp, client *okta.Client) {
				require.NoError(t, getGrant(t.Context(), client))
				before := len(app.tokenRequests())
				app.org.Next(slices.Repeat([]oktatest.Fault{onlyAPI(oktatest.Reply(401, nil, invalidTokenJSON))}, 4)...)
				err := getGrant(t.Context(), client)
				require.ErrorIs(t, err, okta.ErrUnauthorized)
				apiErr := requireError(t, err)
				assert.Equal(t, okta.CodeInvalidToken, apiErr.Code)
				assert.Equal(t, 2, apiErr.Attempts)
				assert.Len(t, app.tokenRequests(), before+1)
				assert.Equal(t, []int{200, 401, 401}, statuses(app.apiRequests()))
				app.requireNoReuse(t)
			})
		})
	}
}

func Test401BetweenOtherFailures(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(t *testing.T, app *bubbleApp, client *okta.Client) {
		app.org.Next(nil, oktatest.Reply(503, nil, ""), oktatest.Reply(401, nil, ""), nil, oktatest.Reply(503, nil, ""), nil)
		require.NoError(t, getGrant(t.Context(), client))
		assert.Equal(t, []int{503, 401, 503, 200}, statuses(app.apiRequests()))
		assert.Len(t, app.tokenRequests(), 2)
	})
}

func TestConcurrent401sFetchOneToken(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(t *testing.T, app *bubbleApp, client *okta.Client) {
		require.NoError(t, getGrant(t.Context(), client))
		app.org.RevokeAccessTokens()
		app.latency = time.Second
		var calls sync.WaitGroup
		for range 200 {
			calls.Go(func() { assert.NoError(t, getGrant(t.Context(), client)) })
		}
		calls.Wait()
		assert.Len(t, app.tokenRequests(), 2)
	})
}

// A call whose token was refused late must not drop the token that was fetched meanwhile.
func TestLate401KeepsTheNewToken(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(t *testing.T, app *bubbleApp, client *okta.Client) {
		require.NoError(t, getGrant(t.Context(), client))
		app.org.RevokeAccessTokens()
		late := func(w http.ResponseWriter, r *http.Request, org http.Handler) {
			<-time.After(10 * time.Second)
			org.ServeHTTP(w, r)
		}
		app.org.Next(late)
		var calls sync.WaitGroup
		calls.Go(func() { assert.NoError(t, getGrant(t.Context(), client)) })
		synctest.Wait()
		require.NoError(t, getGrant(t.Context(), client))
		assert.Len(t, app.tokenRequests(), 2)
		calls.Wait()
		assert.Len(t, app.tokenRequests(), 2)
	})
}

func TestFailedRefreshAfterA401KeepsTheResponse(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(t *testing.T, app *bubbleApp, client *okta.Client) {
		require.NoError(t, getGrant(t.Context(), client))
		app.org.RevokeAccessTokens()
		app.replaceTokens(reply(400, `{"error":"invalid_scope","error_description":"not granted"}`))
		err := getGrant(t.Context(), client)
		require.ErrorContains(t, err, "POST /oauth2/v1/token: 400 invalid_scope: not granted")
		require.ErrorContains(t, err, "; before: okta: GET ")
		require.ErrorIs(t, err, okta.ErrAuthentication)
		require.NotErrorIs(t, err, okta.ErrUnauthorized, "the 401 was routine")
		assert.Equal(t, tokenPath, requireError(t, err).Path)
	})
}

// A service app that was just deactivated gets tokens that the API refuses.
func TestRefreshesBackOffWhileNewTokensAreRefused(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	synctest.Test(t, func(t *testing.T) {
		fetched, deactivated, overloaded := 0, true, 0
		client := newClient(t, responder(func(req *http.Request) (*http.Response, error) {
			switch {
			case req.URL.Path == tokenPath:
				fetched++
				return reply(200, bearerJSON(fetched))(req)
			case overloaded != 0:
				return reply(overloaded, "")(req)
			case deactivated, req.Header.Get("Authorization") == "Bearer abcdefgh-3":
				return reply(401, invalidTokenJSON)(req)
			}
			return reply(200, grantJSON)(req)
		}), app.configure, noRetries, noRateLimiter)
		for range 1000 {
			err := get(t.Context(), client)
			require.ErrorIs(t, err, okta.ErrUnauthorized)
			assert.Equal(t, okta.CodeInvalidToken, requireError(t, err).Code, "the response of the API")
		}
		assert.Equal(t, 2, fetched)
		for _, overloaded = range []int{503, 429} {
			require.Error(t, get(t.Context(), client))
			status := overloaded
			overloaded = 0
			require.ErrorIs(t, get(t.Context(), client), okta.ErrUnauthorized)
			assert.Equal(t, 2, fetched, "a %d says nothing about the token", status)
		}

		deactivated = false
		require.NoError(t, get(t.Context(), client), "the app was activated again")
		deactivated = true
		require.ErrorIs(t, get(t.Context(), client), okta.ErrUnauthorized)
		assert.Equal(t, 3, fetched, "a token that was accepted is replaced at once")
		require.ErrorIs(t, get(t.Context(), client), okta.ErrUnauthorized)
		assert.Equal(t, 3, fetched)
		deactivated = false
		require.ErrorIs(t, get(t.Context(), client), okta.ErrUnauthorized, "the third token stays refused")
		require.NoError(t, pause(t.Context(), time.Minute))
		require.NoError(t, get(t.Context(), client), "after a while, another one is fetched")
		assert.Equal(t, 4, fetched)
	})
}

// One resource refuses good tokens, such as one that the org has no license for.
func TestResourceThatRefusesGoodTokens(t *testing.T) {
	t.Parallel()
	for code, most := range map[string]int{
		`{"errorCode":"E0000015","errorSummary":"You do not have permission to access the feature"}`: 1,
		invalidTokenJSON: 2,
	} {
		app := newApp(t, nil)
		synctest.Test(t, func(t *testing.T) {
			fetched := 0
			good := ""
			client := newClient(t, responder(func(req *http.Request) (*http.Response, error) {
				switch {
				case req.URL.Path == tokenPath:
					fetched++
					good = sprint("Bearer abcdefgh-%d", fetched)
					return reply(200, bearerJSON(fetched))(req)
				case req.URL.Path == "/api/v1/features", req.Header.Get("Authorization") != good:
					return reply(401, code)(req)
				}
				return reply(200, grantJSON)(req)
			}), app.configure, noRetries, noRateLimiter)
			for range 50 {
				require.NoError(t, get(t.Context(), client))
				err := client.Do(t.Context(), okta.Request{Path: []string{"api", "v1", "features"}}, nil)
				assert.Equal(t, 401, requireError(t, err).StatusCode)
			}
			assert.Equal(t, most, fetched)
			if most > 1 {
				good = "none but the next one"
				require.NoError(t, get(t.Context(), client), "a token that was revoked meanwhile is replaced at once")
				assert.Equal(t, most+1, fetched)
			}
		})
	}
}

// A resource that is slow to refuse leaves time for further tokens.
func TestRenewalsOfACallAreBounded(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	synctest.Test(t, func(t *testing.T) {
		fetched, refused := 0, 0
		client := newClient(t, responder(func(req *http.Request) (*http.Response, error) {
			if req.URL.Path == tokenPath {
				fetched++
				return reply(200, bearerJSON(fetched))(req)
			}
			refused++
			<-time.After(20 * time.Second)
			return reply(401, invalidTokenJSON)(req)
		}), app.configure)
		require.ErrorIs(t, get(t.Context(), client), okta.ErrUnauthorized)
		assert.Equal(t, []int{3, 3}, []int{fetched, refused})
	})
}

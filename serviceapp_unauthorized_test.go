package okta_test

import (
	"io"
	"net/http"
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
		require.ErrorIs(t, err, okta.ErrUnauthorized)
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

package okta_test

import (
	"context"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

func TestListsAreCompleteWhateverThePageSize(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	client := newClient(t, nil, atURL(org.URL))
	for _, limit := range []int{0, 1, 7, 20, 44, 45, 46, 200} {
		org.ClearRequests()
		page, err := client.UserGrants.List(t.Context(), ann, &okta.ListUserGrantsOptions{Limit: limit})
		require.NoError(t, err)
		got := ids(t, page)
		require.Len(t, got, 45)
		assert.True(t, slices.IsSorted(got))
		size := limit
		if limit == 0 {
			size = 200
		}
		assert.Len(t, org.Requests(), (45+size-1)/size)
	}
}

func TestReadingTheDemoOrg(t *testing.T) {
	t.Parallel()
	client := newClient(t, nil, atURL(newOrg(t).URL))
	ctx := t.Context()

	grant, err := client.UserGrants.Get(ctx, ann, oktatest.DemoGrantID, &okta.GetOptions{Expand: okta.ExpandScope})
	require.NoError(t, err)
	assert.Equal(t, "openid", grant.Embedded.Scope.ID)
	assert.Equal(t, calendar, grant.ClientID)
	assert.Equal(t, okta.SourceEndUser, grant.Source)
	self, ok := grant.Links.Get("self")
	assert.True(t, ok)
	assert.NotEmpty(t, self.Href)

	grant, err = client.UserGrants.Get(ctx, ann, oktatest.DemoGrantID, nil)
	require.NoError(t, err)
	assert.Empty(t, grant.Embedded)

	filtered, err := client.UserGrants.List(ctx, ann, &okta.ListUserGrantsOptions{ScopeID: "email", Limit: 1})
	require.NoError(t, err)
	assert.Len(t, ids(t, filtered), 3, "the filter holds on every page")

	forClient, err := client.UserGrants.ListForClient(ctx, ann, calendar, nil)
	require.NoError(t, err)
	assert.Len(t, forClient.Items, 15)

	token, err := client.UserOAuth.GetRefreshToken(ctx, ann, calendar, oktatest.DemoRefreshTokenID, &okta.GetOptions{Expand: okta.ExpandScope})
	require.NoError(t, err)
	assert.Equal(t, calendar, token.ClientID)
	assert.NotEmpty(t, token.Embedded.Scopes)

	same, err := client.AuthorizationServerClients.GetRefreshToken(ctx, oktatest.DemoAuthorizationServerID, calendar, oktatest.DemoRefreshTokenID, nil)
	require.NoError(t, err)
	assert.Equal(t, calendar, same.ClientID, "client_id is read where clientId is meant")
	assert.Equal(t, token.UserID, same.UserID)

	clients, err := client.AuthorizationServerClients.List(ctx, oktatest.DemoAuthorizationServerID)
	require.NoError(t, err)
	assert.Len(t, clients.Items, 2)
}

func TestRevokingTakesAwayWhatWasNamedAndNothingElse(t *testing.T) {
	t.Parallel()
	const server = oktatest.DemoAuthorizationServerID
	for name, c := range map[string]struct {
		call                   func(context.Context, *okta.Client) error
		grants, tokens, status int
	}{
		"one grant": {func(ctx context.Context, c *okta.Client) error {
			return c.UserGrants.Revoke(ctx, ann, oktatest.DemoGrantID)
		}, 1, 0, 204},
		"a client's grants": {func(ctx context.Context, c *okta.Client) error {
			return c.UserGrants.RevokeAllForClient(ctx, ann, calendar)
		}, 15, 0, 204},
		"all grants": {func(ctx context.Context, c *okta.Client) error { return c.UserGrants.RevokeAll(ctx, ann) }, 45, 0, 204},
		"one token": {func(ctx context.Context, c *okta.Client) error {
			return c.UserOAuth.RevokeRefreshToken(ctx, ann, calendar, "oarann1")
		}, 0, 1, 204},
		"a client's tokens": {func(ctx context.Context, c *okta.Client) error {
			return c.UserOAuth.RevokeAllRefreshTokens(ctx, ann, calendar)
		}, 0, 3, 204},
		"one token of a server": {func(ctx context.Context, c *okta.Client) error {
			return c.AuthorizationServerClients.RevokeRefreshToken(ctx, server, calendar, "oarann1")
		}, 0, 1, 204},
		"a server's tokens of a client": {func(ctx context.Context, c *okta.Client) error {
			return c.AuthorizationServerClients.RevokeAllRefreshTokens(ctx, server, calendar)
		}, 0, 3, 204},
		"unknown grant": {func(ctx context.Context, c *okta.Client) error { return c.UserGrants.Revoke(ctx, ann, "oagbob1") }, 0, 0, 404},
		"unknown user":  {func(ctx context.Context, c *okta.Client) error { return c.UserGrants.RevokeAll(ctx, "00uxyz") }, 0, 0, 404},
		"another client's token": {func(ctx context.Context, c *okta.Client) error {
			return c.UserOAuth.RevokeRefreshToken(ctx, ann, calendar, "oarann4")
		}, 0, 0, 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t)
			client := newClient(t, nil, atURL(org.URL))
			grants, tokens := len(org.Grants()), len(org.RefreshTokens())
			err := c.call(t.Context(), client)
			if c.status == http.StatusNotFound {
				require.ErrorIs(t, err, okta.ErrNotFound)
				assert.Equal(t, okta.CodeNotFound, requireError(t, err).Code)
			} else {
				require.NoError(t, err)
			}
			assert.Len(t, org.Grants(), grants-c.grants)
			assert.Len(t, org.RefreshTokens(), tokens-c.tokens)
			assert.Len(t, org.Requests(), 1)
		})
	}
}

func TestEveryOperationIsKnownToTheOrg(t *testing.T) {
	t.Parallel()
	client := newClient(t, nil, atURL(newOrg(t).URL))
	for _, op := range operations {
		_, err := op.call(t.Context(), client, "a..b", "c%2Fd", "e?f")
		apiErr := requireError(t, err)
		assert.Equal(t, okta.CodeNotFound, apiErr.Code, op.id)
		assert.NotEmpty(t, apiErr.RequestID, op.id)
		assert.Contains(t, apiErr.Summary, "a..b", op.id)
	}
}

func TestEveryOperationNeedsItsScope(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	scopes := []string{usersRead, usersManage, serversRead, serversManage}
	for _, op := range operations {
		others := slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return s == op.scope })
		org.AcceptBearerToken("narrow", others...)
		org.AcceptBearerToken("right", op.scope)

		narrow := newClient(t, nil, atURL(org.URL), func(c *okta.Config) { c.Credentials = okta.BearerToken("narrow") })
		_, err := op.call(t.Context(), narrow, "a", "b", "c")
		require.ErrorIs(t, err, okta.ErrForbidden, op.id)
		require.ErrorContains(t, err, "needs the scope "+op.scope, op.id)
		assert.Equal(t, op.scope, requireError(t, err).OAuth.Scope)

		right := newClient(t, nil, atURL(org.URL), func(c *okta.Config) { c.Credentials = okta.BearerToken("right") })
		_, err = op.call(t.Context(), right, "a", "b", "c")
		require.ErrorIs(t, err, okta.ErrNotFound, op.id)
	}
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	for _, credentials := range []okta.Credentials{okta.APIToken("wrong"), okta.BearerToken(oktatest.DemoToken)} {
		client := newClient(t, nil, atURL(org.URL), func(c *okta.Config) { c.Credentials = credentials })
		_, err := client.UserGrants.List(t.Context(), ann, nil)
		require.ErrorIs(t, err, okta.ErrUnauthorized)
	}
	assert.Len(t, org.Requests(), 2)
}

func TestOrgBehindAPortABasePathAndAnotherName(t *testing.T) {
	t.Parallel()
	org := oktatest.New(oktatest.Options{BasePath: "/gateway/okta", PublicURL: "https://login.acme.example"})
	t.Cleanup(org.Close)
	org.AcceptAPIToken(apiToken)
	user := org.AddUser(oktatest.User{})
	app := org.AddClient(oktatest.Client{})
	for range 5 {
		org.AddGrant(oktatest.Grant{UserID: user.ID, ClientID: app.ID})
	}
	page, err := newClient(t, nil, atURL(org.URL)).UserGrants.List(t.Context(), user.ID, &okta.ListUserGrantsOptions{Limit: 2})
	require.NoError(t, err)
	assert.Len(t, ids(t, page), 5)
	for _, req := range org.Requests() {
		assert.Equal(t, "/gateway/okta/api/v1/users/"+user.ID+"/grants", req.Path)
		assert.Equal(t, http.StatusOK, req.Status)
	}
}

func TestRevokesSurviveLostAnswers(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	client := newClient(t, nil, atURL(org.URL))
	org.Next(oktatest.DropResponse())
	require.NoError(t, client.UserGrants.Revoke(t.Context(), ann, oktatest.DemoGrantID))
	assert.Equal(t, 44, grantsOf(org, ann))
	require.Len(t, org.Requests(), 2)
	assert.Equal(t, http.StatusNotFound, org.Requests()[1].Status)

	org.Next(oktatest.DropResponse())
	require.NoError(t, client.UserGrants.RevokeAll(t.Context(), ann))
	assert.Zero(t, grantsOf(org, ann))
}

func TestListsSurviveFaultsInTheirMiddle(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	client := newClient(t, nil, atURL(org.URL))
	org.Next(nil, oktatest.CutBody(100), oktatest.Reply(502, nil, "<html>"), nil, oktatest.Drop())
	page, err := client.UserGrants.List(t.Context(), ann, &okta.ListUserGrantsOptions{Limit: 20})
	require.NoError(t, err)
	assert.Len(t, ids(t, page), 45)
}

func TestAFullWindowIsWaitedOut(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]bool{"with the governor": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t)
			synctest.Test(t, func(t *testing.T) {
				client := newClient(t, inProcess(org), func(c *okta.Config) { c.RateLimiter.Disabled = off })
				org.LimitRate(oktatest.BucketUsers, 2, time.Minute)
				time.Sleep(20 * time.Second) //nolint:forbidigo // the bubble's clock
				start := time.Now()
				for range 4 {
					require.NoError(t, getGrant(t.Context(), client))
				}
				assert.InDelta(t, 40, time.Since(start).Seconds(), 1.1, "seconds until the next window")
				refused := map[bool]int{false: 0, true: 1}[off]
				assert.Len(t, org.Requests(), 4+refused)
			})
		})
	}
}

func TestTheConcurrencyLimitIsNotWaitedOutLikeAWindow(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	synctest.Test(t, func(t *testing.T) {
		org.LimitRate(oktatest.BucketUsers, 0, time.Hour)
		start := time.Now()
		err := getGrant(t.Context(), newClient(t, inProcess(org)))
		require.ErrorIs(t, err, okta.ErrRateLimited)
		assert.Equal(t, 5, requireError(t, err).Attempts)
		assert.Less(t, time.Since(start), 16*time.Second)
	})
}

// bulk makes calls with workers, and returns how long that took and how many requests were refused.
func bulk(t *testing.T, org *oktatest.Org, calls, workers int, clients ...*okta.Client) (time.Duration, int) {
	t.Helper()
	start := time.Now()
	jobs := make(chan *okta.Client, calls)
	for i := range calls {
		jobs <- clients[i%len(clients)]
	}
	close(jobs)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for client := range jobs {
				assert.NoError(t, getGrant(t.Context(), client))
			}
		})
	}
	all.Wait()
	refused := 0
	for _, req := range org.Requests() {
		if req.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	return time.Since(start), refused
}

func TestABulkUsesEachWindowAndNoMore(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 16, 128} {
		t.Run(sprint("%d workers", workers), func(t *testing.T) {
			t.Parallel()
			org := newOrg(t)
			synctest.Test(t, func(t *testing.T) {
				org.LimitRate(oktatest.BucketUsers, 100, 5*time.Second)
				took, refused := bulk(t, org, 300, workers, newClient(t, inProcess(org)))
				assert.Zero(t, refused)
				assert.InDelta(t, 10, took.Seconds(), 0.1, "two windows to wait for")
			})
		})
	}
}

func TestMaxUseLeavesTheRestOfEachWindow(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	synctest.Test(t, func(t *testing.T) {
		org.LimitRate(oktatest.BucketUsers, 100, time.Minute)
		client := newClient(t, inProcess(org), func(c *okta.Config) { c.RateLimiter.MaxUse = 0.5 })
		took, refused := bulk(t, org, 120, 16, client)
		assert.Zero(t, refused)
		assert.InDelta(t, 120, took.Seconds(), 1, "fifty in each of three windows")
		state := client.RateLimits()["/api/v1/users"]
		assert.Equal(t, 20, state.Used)
		assert.Equal(t, 80, state.Remaining)
		assert.Equal(t, 100, state.Limit)
		assert.Zero(t, state.InFlight+state.Waiting)
	})
}

func TestACallThatTheLimitHoldsPastItsDeadlineFailsAtOnce(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	synctest.Test(t, func(t *testing.T) {
		org.LimitRate(oktatest.BucketUsers, 1, time.Minute)
		client := newClient(t, inProcess(org))
		require.NoError(t, getGrant(t.Context(), client))
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		err := getGrant(ctx, client)
		require.ErrorIs(t, err, okta.ErrRateLimited)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "/api/v1/users")
		assert.Zero(t, time.Since(start))
		assert.Len(t, org.Requests(), 1)

		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		err = getGrant(ctx, client)
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, time.Second, time.Since(start))
	})
}

func TestObserversSeeWhyACallWasHeld(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	synctest.Test(t, func(t *testing.T) {
		org.LimitRate(oktatest.BucketUsers, 1, time.Minute)
		var seen []okta.Attempt
		client := newClient(t, inProcess(org), func(c *okta.Config) { c.OnAttempt = func(_ context.Context, r okta.Attempt) { seen = append(seen, r) } })
		require.NoError(t, getGrant(t.Context(), client))
		require.NoError(t, getGrant(t.Context(), client))
		assert.Zero(t, seen[0].Throttled)
		assert.Equal(t, time.Minute, seen[1].Throttled)
		assert.Equal(t, okta.ThrottleWindow, seen[1].ThrottleReason)
	})
}

func TestBucketsOfOtherRoutesDoNotMix(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		used := map[string]int{}
		server := play(func(req *http.Request) (*http.Response, error) {
			reset := map[bool]string{true: in42s, false: in60s}[strings.HasSuffix(req.URL.Path, "/grants")]
			used[req.URL.Path]++
			headers := append(limits("100", reset), "X-Okta-Request-Id: r")
			headers[2] = sprint("X-Rate-Limit-Remaining: %d", 100-used[req.URL.Path])
			return reply(200, `[]`, headers...)(req)
		})
		client := newClient(t, server, func(c *okta.Config) { c.RateLimiter.MaxUse = 0.1 })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 30 {
			_, _ = client.UserGrants.List(ctx, "u", nil)
			_, _ = okta.List[struct{}](ctx, client, okta.Request{Path: []string{"api", "v1", "users", "u"}})
		}
		assert.Equal(t, map[string]int{"/api/v1/users/u/grants": 10, "/api/v1/users/u": 10}, used)
	})
}

// A callback that does not return must not keep the calls that come after it waiting.
func TestCallbacksThatDoNotReturn(t *testing.T) {
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

func TestATokenSourceThatPanicsHoldsNoTicket(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	synctest.Test(t, func(t *testing.T) {
		org.LimitRate(oktatest.BucketUsers, 1, time.Minute)
		asked := 0
		client := newClient(t, inProcess(org), func(c *okta.Config) {
			c.Credentials = okta.TokenSource(tokenFunc(func() (*oauth2.Token, error) {
				if asked++; asked == 3 { // the second time for the second call, once it has been held
					panic("in the token source")
				}
				return &oauth2.Token{AccessToken: "bearer"}, nil
			}))
		})
		org.AcceptBearerToken("bearer", usersRead)
		require.NoError(t, getGrant(t.Context(), client))
		assert.Panics(t, func() { _ = getGrant(t.Context(), client) })
		assert.Zero(t, client.RateLimits()["/api/v1/users"].InFlight)
		require.NoError(t, getGrant(t.Context(), client))
	})
}

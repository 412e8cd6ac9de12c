package okta_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

func TestFullWindowIsWaitedOut(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]bool{"with the rate limiter": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t)
			synctest.Test(t, func(t *testing.T) {
				client := newClient(t, inProcess(org), func(c *okta.Config) { c.RateLimiter.Disabled = off })
				org.LimitRate(oktatest.BucketUsers, 2, time.Minute)
				require.NoError(t, getGrant(t.Context(), client)) // the window begins
				time.Sleep(20 * time.Second)                      //nolint:forbidigo // the bubble's clock
				start := time.Now()
				for range 3 {
					require.NoError(t, getGrant(t.Context(), client))
				}
				assert.InDelta(t, 40, time.Since(start).Seconds(), 1.1, "the rest of the window")
				refused := map[bool]int{false: 0, true: 1}[off]
				assert.Len(t, org.Requests(), 4+refused)
			})
		})
	}
}

func TestConcurrencyLimitIsNoWindow(t *testing.T) {
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

func TestBulkUsesEachWindow(t *testing.T) {
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

func TestCallThrottledPastItsDeadlineFailsAtOnce(t *testing.T) {
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

func TestRateLimitError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, play(reply(200, grantJSON, limits("1", in42s)...)))
		require.NoError(t, get(t.Context(), client))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		limited, ok := errors.AsType[*okta.RateLimitError](get(ctx, client))
		require.True(t, ok)
		assert.Equal(t, "/api/v1/users", limited.Bucket)
		assert.Equal(t, okta.ThrottleWindow, limited.Reason)
		assert.Equal(t, time.Now().Add(42*time.Second), limited.RetryAt, "by the client's clock")
	})
}

// With room for one request in flight, nothing could be sent after one that counts forever.
func TestFailedAttemptIsNoLongerInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		narrow := []string{
			serverDate, "X-Rate-Limit-Limit: 2", "X-Rate-Limit-Remaining: 1", "X-Rate-Limit-Reset: " + in42s,
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

func TestBucketsAreApart(t *testing.T) {
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

// always429 refuses requests whose path contains "poison", as a bucket does that is used up, and serves the others.
func always429(refused *atomic.Int32) http.RoundTripper {
	return responder(func(req *http.Request) (*http.Response, error) {
		now := time.Now()
		headers := []string{
			"Date: " + now.UTC().Format(http.TimeFormat), "X-Rate-Limit-Limit: 100",
			sprint("X-Rate-Limit-Reset: %d", now.Truncate(time.Minute).Add(time.Minute).Unix()),
		}
		if strings.Contains(req.URL.Path, "poison") {
			refused.Add(1)
			return reply(429, limitedJSON, append(headers, "X-Rate-Limit-Remaining: 0")...)(req)
		}
		return reply(200, `[]`, append(headers, "X-Rate-Limit-Remaining: 99")...)(req)
	})
}

// A call that is refused again and again ends, although its bucket serves others, and does not keep them from being served.
func TestCallThatIsRefusedForEverEndsAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var refused atomic.Int32
		client := newClient(t, always429(&refused))
		ended := make(chan struct{})
		var calls sync.WaitGroup
		calls.Go(func() {
			defer close(ended)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
			defer cancel()
			err := client.Do(ctx, okta.Request{
				Method: http.MethodPost, Path: []string{"api", "v1", "users", "poison", "sessions"},
			}, nil)
			assert.ErrorIs(t, err, okta.ErrRateLimited)
		})
		var served atomic.Int32
		for range 5 {
			calls.Go(func() {
				for open := true; open; {
					if _, err := client.UserGrants.List(t.Context(), "u", nil); assert.NoError(t, err) {
						served.Add(1)
					}
					select {
					case <-ended:
						open = false
					case <-time.After(time.Second):
					}
				}
			})
		}
		calls.Wait()
		assert.LessOrEqual(t, refused.Load(), int32(1+16+4))
		assert.Greater(t, served.Load(), refused.Load(), "the others are served in between")
	})
}

var buckets = []string{
	okta.BucketUsers, okta.BucketUser, okta.BucketApps, okta.BucketApp, okta.BucketGroups, okta.BucketGroup,
	okta.BucketLogs, okta.BucketAPI,
}

func TestWaitForRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, play(reply(200, grantJSON, limits("1", in42s)...)))
		start := time.Now()
		for _, bucket := range buckets {
			require.NoError(t, client.WaitForRateLimit(t.Context(), bucket), "nothing is known of it")
		}
		assert.Zero(t, time.Since(start))
		assert.Empty(t, client.RateLimits(), "no bucket is made")
		require.NoError(t, get(t.Context(), client))

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		limited, ok := errors.AsType[*okta.RateLimitError](client.WaitForRateLimit(ctx, okta.BucketUsers))
		require.True(t, ok)
		assert.Equal(t, okta.RateLimitError{
			Bucket: okta.BucketUsers, Reason: okta.ThrottleWindow, RetryAt: start.Add(42 * time.Second),
		}, *limited)
		assert.Zero(t, time.Since(start))
		require.NoError(t, client.WaitForRateLimit(t.Context(), okta.BucketUsers))
		assert.Equal(t, 42*time.Second, time.Since(start))
		require.NoError(t, client.WaitForRateLimit(t.Context(), okta.BucketApps))
		assert.Len(t, client.RateLimits(), 1)
		require.ErrorIs(t, client.WaitForRateLimit(ctx, okta.BucketUsers), context.DeadlineExceeded)
	})
}

func TestWaitForABucketThatIsNone(t *testing.T) {
	t.Parallel()
	client := newClient(t, play(reply(200, `{}`)))
	own := "GET /api/v1/policies/{id}"
	for _, bucket := range []string{"", "users", "/api/v1/user", "/api/v1/users/", "/api/v1/users/00u1", own} {
		err := client.WaitForRateLimit(t.Context(), bucket)
		require.ErrorIs(t, err, okta.ErrInvalidArgument, bucket)
		require.ErrorContains(t, err, sprint("%q", bucket))
	}
	assert.Empty(t, client.RateLimits())
	require.NoError(t, client.Do(t.Context(), okta.Request{Path: []string{"api", "v1", "policies", "00p1"}}, nil))
	require.NoError(t, client.WaitForRateLimit(t.Context(), own), "the client has used it")

	var none *okta.Client
	require.ErrorIs(t, none.WaitForRateLimit(t.Context(), okta.BucketUsers), okta.ErrInvalidArgument)
	require.ErrorIs(t, client.WaitForRateLimit(nil, okta.BucketUsers), okta.ErrInvalidArgument) //nolint:staticcheck // that is the case
	off := newClient(t, nil, noRateLimiter)
	require.NoError(t, off.WaitForRateLimit(t.Context(), own), "nothing is throttled")
}

// A route whose bucket is not known has one that is named by the attempt's method and route.
func TestBucketsJoinWithRoutes(t *testing.T) {
	t.Parallel()
	var got []okta.Attempt
	client := newClient(t, play(reply(200, `{}`)), observe(&got))
	for _, path := range [][]string{
		{"api", "v1", "policies", "00p1", "rules", "0pr1"}, {"oauth2", "v1", "clients", "0oa1"}, {"oauth2", "aus1x", "v1", "keys"},
	} {
		require.NoError(t, client.Do(t.Context(), okta.Request{Path: path}, nil))
	}
	names := map[string]bool{}
	for _, a := range got {
		names[a.Method+" "+a.Route] = true
	}
	require.Len(t, names, 3)
	for name := range client.RateLimits() {
		assert.Contains(t, names, name)
	}
	assert.Len(t, client.RateLimits(), 3)
}

func TestHeadersOfALimitOfNoneAreIgnored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		senseless := []string{serverDate, "X-Rate-Limit-Limit: 0", "X-Rate-Limit-Remaining: 50", "X-Rate-Limit-Reset: " + in42s}
		client := newClient(t, play(reply(200, grantJSON, senseless...)))
		start := time.Now()
		for range 20 {
			require.NoError(t, get(t.Context(), client))
		}
		assert.Zero(t, time.Since(start))
		assert.Zero(t, client.RateLimits()[okta.BucketUsers].RateLimit)
	})
}

package oktatest_test

import (
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grantkit/okta/oktatest"
)

// clock is a clock that moves when it is told to.
type clock struct{ nanoseconds atomic.Int64 }

func newClock(start time.Time) *clock {
	c := &clock{}
	c.nanoseconds.Store(start.UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.nanoseconds.Load()) }
func (c *clock) advance(d time.Duration) { c.nanoseconds.Add(int64(d)) }

func (r response) assertLimit(t *testing.T, status int, limit, remaining, reset string) {
	t.Helper()
	assert.Equal(t, status, r.status)
	assert.Equal(t, []string{limit}, r.header.Values("X-Rate-Limit-Limit"))
	assert.Equal(t, []string{remaining}, r.header.Values("X-Rate-Limit-Remaining"))
	assert.Equal(t, []string{reset}, r.header.Values("X-Rate-Limit-Reset"))
}

const (
	usersPath   = "/api/v1/users/u1/grants"
	serversPath = "/api/v1/authorizationServers/s1/clients"
)

func TestRateLimitWindows(t *testing.T) {
	t.Parallel()
	clock := newClock(time.Unix(1_700_000_000, 500_000_000))
	org := start(t, oktatest.Options{Now: clock.Now})
	twoOfEach(org)
	org.LimitRate(oktatest.BucketUsers, 2, time.Minute)

	get(t, org, usersPath).assertLimit(t, 200, "2", "1", "1700000060") // The window begins here.
	clock.advance(time.Second)
	get(t, org, usersPath+"/x").assertLimit(t, 404, "2", "0", "1700000060")
	clock.advance(58 * time.Second)
	refused := get(t, org, usersPath)
	refused.assertLimit(t, 429, "2", "0", "1700000060")
	refused.assertError(t, 429, "E0000047", "API call exceeded rate limit due to too many requests.")
	assert.Equal(t, 429, do(t, org, "DELETE", usersPath).status)
	assert.Len(t, org.Grants(), 4, "a refused request is not carried out")

	clock.advance(30 * time.Second) // Until 1_700_000_089.5, as nobody asks for a while.
	get(t, org, usersPath).assertLimit(t, 200, "2", "1", "1700000149")
	clock.advance(59*time.Second + 499*time.Millisecond)
	get(t, org, usersPath).assertLimit(t, 200, "2", "0", "1700000149")
	get(t, org, usersPath).assertLimit(t, 429, "2", "0", "1700000149")
	clock.advance(time.Millisecond)
	get(t, org, usersPath).assertLimit(t, 200, "2", "1", "1700000209")
}

func TestRateLimitBuckets(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{Now: fixedClock, BasePath: "/base"})
	twoOfEach(org)
	org.LimitRate(oktatest.BucketUsers, 1, time.Minute)

	assert.Equal(t, 200, get(t, org, usersPath).status)
	assert.Equal(t, 429, get(t, org, usersPath).status)
	assert.Equal(t, 429, get(t, org, "/api/v1/users").status)
	for _, path := range []string{serversPath, "/api/v1/usersx", "/api", "/oauth2/v1/token"} {
		got := get(t, org, path)
		assert.NotEqual(t, 429, got.status, path)
		assert.NotContains(t, got.header, "X-Rate-Limit-Limit", path)
	}

	org.LimitRate(oktatest.BucketAPI, 1, time.Minute)
	assert.Equal(t, 200, get(t, org, serversPath).status)
	assert.Equal(t, 429, get(t, org, "/api/v1").status)

	org.LimitRate(oktatest.BucketUsers, 1, time.Minute)
	assert.Equal(t, 200, get(t, org, usersPath).status, "a new limit starts anew")

	org.LimitRate(oktatest.BucketUsers, -1, time.Minute)
	unlimited := get(t, org, usersPath)
	assert.Equal(t, 200, unlimited.status)
	assert.NotContains(t, unlimited.header, "X-Rate-Limit-Limit")
}

func TestBucketOfEachRoute(t *testing.T) {
	t.Parallel()
	org := startDemo(t)
	names := oktatest.Buckets()
	for i, bucket := range names {
		org.LimitRate(bucket, 100+i, time.Hour) // The limit tells the buckets apart.
	}
	for _, test := range []struct{ method, path, bucket string }{
		{"GET", "/api/v1/users/00uann", oktatest.BucketUser},
		{"GET", "/api/v1/users/nobody", oktatest.BucketUser},
		{"DELETE", "/api/v1/users/00uann", oktatest.BucketUsers},
		{"GET", "/api/v1/users", oktatest.BucketUsers},
		{"GET", "/api/v1/users/00uann/clients", oktatest.BucketUsers},
		{"DELETE", "/api/v1/users/00uann/sessions", oktatest.BucketUsers},
		{"GET", "/api/v1/users/00uann%2F/grants", oktatest.BucketUsers},
		{"GET", "/api/v1/apps", oktatest.BucketApps},
		{"GET", "/api/v1/apps/0oanotes", oktatest.BucketApp},
		{"POST", "/api/v1/apps/0oanotes", oktatest.BucketApps},
		{"GET", "/api/v1/apps/0oanotes/features", oktatest.BucketApps},
		{"GET", "/api/v1/groups", oktatest.BucketGroups},
		{"GET", "/api/v1/groups/00geveryone", oktatest.BucketGroup},
		{"GET", "/api/v1/authorizationServers/default", oktatest.BucketAPI},
		{"GET", "/api/v1/authorizationServers/default/scopes", oktatest.BucketAPI},
		{"GET", "/api/v1/apps/0oanotes/users", oktatest.BucketApps},
		{"GET", "/api/v1/apps/0oanotes/tokens", oktatest.BucketApps},
		{"POST", "/api/v1/apps/0oanotes/lifecycle/deactivate", oktatest.BucketApps},
		{"GET", "/api/v1/groups/00geveryone/users", oktatest.BucketGroups},
		{"GET", "/api/v1/authorizationServers", oktatest.BucketAPI},
		{"GET", "/api/v1/authorizationServers/default/clients", oktatest.BucketAPI},
		{"GET", "/api/v1/logs", oktatest.BucketLogs},
		{"GET", "/api/v1/devices", oktatest.BucketAPI},
	} {
		want := strconv.Itoa(100 + slices.Index(names, test.bucket))
		assert.Equal(t, want, do(t, org, test.method, test.path).header.Get("X-Rate-Limit-Limit"), test)
	}
}

func TestRateLimitOfNone(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{Now: newClock(time.Unix(1000, 0)).Now})
	org.LimitRate(oktatest.BucketUsers, 0, 500*time.Millisecond)

	// The window ends at second 1000.5, which must not be announced too early.
	get(t, org, usersPath).assertLimit(t, 429, "0", "0", "1001")
}

package oktatest

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// The rate limit buckets of the operations that an org serves. Those of users, apps and authorization servers are as
// recorded, and so is the one of groups. Okta documents some of them.
const (
	// BucketUser counts the requests GET /api/v1/users/{id}.
	BucketUser = "/api/v1/users/{id}"

	// BucketUsers counts all other requests to /api/v1/users and below.
	BucketUsers = "/api/v1/users"

	// BucketApp counts the requests GET /api/v1/apps/{id}.
	BucketApp = "/api/v1/apps/{id}"

	// BucketApps counts all other requests to /api/v1/apps and below.
	BucketApps = "/api/v1/apps"

	// BucketGroup counts the requests GET /api/v1/groups/{id}.
	BucketGroup = "/api/v1/groups/{id}"

	// BucketGroups counts all other requests to /api/v1/groups and below.
	BucketGroups = "/api/v1/groups"

	// BucketLogs counts the requests to /api/v1/logs. Okta allows 50 to 120 a minute.
	BucketLogs = "/api/v1/logs"

	// BucketAPI counts all other requests below /api/v1.
	BucketAPI = "/api/v1"
)

var buckets = []string{BucketUser, BucketUsers, BucketApp, BucketApps, BucketGroup, BucketGroups, BucketLogs, BucketAPI}

// Buckets returns all buckets.
func Buckets() []string { return slices.Clone(buckets) }

// rateLimit counts the requests to a bucket in the current window.
type rateLimit struct {
	requests int
	window   time.Duration
	start    time.Time
	used     int
}

// LimitRate limits a bucket to so many requests in each window of the org's clock; the response to the others is 429.
// All responses of the bucket then carry the X-Rate-Limit headers. Requests count whether they succeed or not, and
// even with invalid credentials; those that a [Fault] serves by itself do not.
//
// A window begins with the first request that no window counts yet; one of a minute, at the second of that request. A
// call of LimitRate ends the current one. With a limit of 0, every response is a 429 whose limit and remaining are both 0, which
// is how Okta reports its limit on concurrent requests. A negative number removes the limit.
//
// LimitRate panics when the bucket is unknown or the window is not positive.
func (o *Org) LimitRate(bucket string, requests int, window time.Duration) {
	if !slices.Contains(buckets, bucket) {
		mistake("there is no bucket %q", bucket)
	}
	if window <= 0 {
		mistake("a window of %v is not positive", window)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if requests < 0 {
		delete(o.limits, bucket)
		return
	}
	o.limits[bucket] = &rateLimit{requests: requests, window: window}
}

// bucketOf returns the bucket of a method and a path's segments, and "" for a path outside the API.
func bucketOf(method string, segments []string) string {
	if len(segments) < 2 || !slices.Equal(segments[:2], []string{"api", "v1"}) {
		return ""
	}
	if len(segments) == 2 {
		return BucketAPI
	}
	one := method == http.MethodGet && len(segments) == 4
	switch segments[2] {
	case "users":
		return either(one, BucketUser, BucketUsers)
	case "apps":
		return either(one, BucketApp, BucketApps)
	case "groups":
		return either(one, BucketGroup, BucketGroups)
	case "logs":
		return BucketLogs
	default:
		return BucketAPI
	}
}

func either(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}

// spend counts a request to a bucket, sets the rate limit headers, and returns a problem when the window has no
// requests left.
func (o *Org) spend(bucket string, now time.Time, header http.Header) *problem {
	limit, limited := o.limits[bucket]
	if !limited {
		return nil
	}
	allowed := limit.take(now)
	header.Set("X-Rate-Limit-Limit", strconv.Itoa(limit.requests))
	header.Set("X-Rate-Limit-Remaining", strconv.Itoa(limit.requests-limit.used))
	header.Set("X-Rate-Limit-Reset", strconv.FormatInt(limit.reset(), 10))
	if allowed {
		return nil
	}
	return &problem{
		status:  http.StatusTooManyRequests,
		code:    "E0000047",
		summary: "API call exceeded rate limit due to too many requests.",
	}
}

func (l *rateLimit) take(now time.Time) bool {
	if l.start.IsZero() || !now.Before(l.start.Add(l.window)) {
		l.start, l.used = now.Truncate(l.window/60), 0
	}
	if l.used == l.requests {
		return false
	}
	l.used++
	return true
}

// reset returns the end of the window in Unix seconds, rounded up.
func (l *rateLimit) reset() int64 {
	return l.start.Add(l.window + time.Second - 1).Unix()
}

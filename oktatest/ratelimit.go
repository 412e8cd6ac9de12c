package oktatest

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// The rate limit buckets of the operations that an org serves.
const (
	// BucketUsers counts the requests to /api/v1/users and below.
	BucketUsers = "/api/v1/users"

	// BucketAPI counts all other requests below /api/v1.
	BucketAPI = "/api/v1"
)

// rateLimit counts the requests to a bucket in the current window.
type rateLimit struct {
	requests int
	window   time.Duration
	start    time.Time
	used     int
}

// LimitRate lets so many requests to a bucket through in each window of the org's clock, and answers 429 to the rest.
// The answers of the bucket then carry the X-Rate-Limit headers. Requests count whether they succeed or not, and even
// with bad credentials; those that a [Fault] answers by itself do not.
//
// Windows begin at multiples of their length: those of a minute begin when the clock's seconds are 0. A call starts
// the count anew. With no requests at all, every answer is a 429 whose limit and remaining are both 0, which is how
// Okta reports its limit on concurrent requests. A negative number takes the limit away.
//
// LimitRate panics when the bucket is unknown or the window is not positive.
func (o *Org) LimitRate(bucket string, requests int, window time.Duration) {
	if bucket != BucketUsers && bucket != BucketAPI {
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

// bucketOf returns the bucket of a path's segments, and "" for a path outside the API.
func bucketOf(segments []string) string {
	if len(segments) < 2 || !slices.Equal(segments[:2], []string{"api", "v1"}) {
		return ""
	}
	if len(segments) > 2 && segments[2] == "users" {
		return BucketUsers
	}
	return BucketAPI
}

// spend counts a request to a bucket, sets the headers that say so, and returns a problem when the window has no
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
	if start := now.Truncate(l.window); !start.Equal(l.start) {
		l.start, l.used = start, 0
	}
	if l.used == l.requests {
		return false
	}
	l.used++
	return true
}

// reset returns the end of the window in seconds since 1970, rounded up.
func (l *rateLimit) reset() int64 {
	return l.start.Add(l.window + time.Second - 1).Unix()
}

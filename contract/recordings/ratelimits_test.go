package recordings_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

// roundTripper responds with an exchange, without a socket.
type roundTripper func(*http.Request) exchange

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	f(req).serve(w)
	response := w.Result()
	response.Request = req
	return response, nil
}

func newBubbleClient(t *testing.T, f roundTripper, onAttempt ...func(context.Context, okta.Attempt)) *okta.Client {
	t.Helper()
	config := okta.Config{
		OrgURL:      "https://acme.okta.com",
		Credentials: okta.APIToken("00replay"),
		HTTPClient:  &http.Client{Transport: f},
		Retry:       okta.RetryOptions{MaxRetries: -1, MaxWait: time.Hour},
	}
	if len(onAttempt) > 0 {
		config.OnAttempt = onAttempt[0]
	}
	client, err := okta.NewClient(config)
	require.NoError(t, err)
	return client
}

// recordedFiles returns the rows by the file in which they were recorded, in their order. One file is one client of one
// org.
func recordedFiles(t *testing.T) map[string][]exchange {
	t.Helper()
	files := map[string][]exchange{}
	for _, row := range readRateLimits(t) {
		files[row.File] = append(files[row.File], row)
	}
	return files
}

func (e exchange) date(t *testing.T) time.Time {
	t.Helper()
	at, err := http.ParseTime(e.header().Get("Date"))
	require.NoError(t, err, e)
	return at
}

// bucketOf returns the bucket in which the SDK counts the request.
func bucketOf(t *testing.T, e exchange) string {
	t.Helper()
	client := newBubbleClient(t, func(*http.Request) exchange { return exchange{Status: http.StatusNoContent} })
	require.NoError(t, client.Do(t.Context(), e.request(t), nil))
	return slices.Collect(maps.Keys(client.RateLimits()))[0]
}

// knownApart reports whether the SDK counts a request in a bucket although recordings show another one. No method of the
// SDK sends it: the deactivation of a user, which was counted with DELETE users/{id} in 2020.
func knownApart(e exchange) bool {
	return strings.HasPrefix(e.Path, "/api/v1/users/") && strings.HasSuffix(e.Path, "/lifecycle/deactivate")
}

// Requests that the SDK counts in one bucket were counted in one by Okta: at one time they are in one window, and in one
// window they have one limit and never the same number remaining.
func TestBucketsAreThoseOfOkta(t *testing.T) {
	t.Parallel()
	type key struct{ file, bucket string }
	inBucket := map[key][]exchange{}
	buckets := map[string]bool{}
	for file, rows := range recordedFiles(t) {
		for _, row := range rows {
			counts.rows.Add(1)
			k := key{file, bucketOf(t, row)}
			inBucket[k] = append(inBucket[k], row)
			buckets[k.bucket] = true
		}
	}
	counts.buckets.Store(int64(len(buckets)))
	var wrong []string
	for k, rows := range inBucket {
		for i, row := range rows {
			for _, other := range rows[:i] {
				if why := apart(t, other, row); why != "" && !knownApart(row) && !knownApart(other) {
					wrong = append(wrong, fmt.Sprintf("%s: %v and %v: %s", k.bucket, other, row, why))
				}
			}
		}
	}
	slices.Sort(wrong)
	assert.Empty(t, wrong, "%d pairs of rows were not in one bucket:\n%s", len(wrong), strings.Join(wrong, "\n"))
}

// apart returns why two responses cannot be of one bucket, and "" if they can. The later row was recorded later.
func apart(t *testing.T, earlier, later exchange) string {
	t.Helper()
	const rounding = time.Second
	was, is := rateLimitOf(earlier.header()), rateLimitOf(later.header())
	sameWindow := was.Reset.Sub(is.Reset).Abs() <= rounding
	switch {
	case sameWindow && was.Limit != is.Limit:
		return fmt.Sprintf("limits of %d and %d", was.Limit, is.Limit)
	case sameWindow && was.Remaining == is.Remaining && is.Remaining > 0:
		return fmt.Sprintf("%d remaining after both", is.Remaining)
	case !sameWindow && later.date(t).Before(was.Reset.Add(-rounding)):
		return fmt.Sprintf("windows that end at %v and %v at one time", was.Reset, is.Reset)
	}
	return ""
}

// A client that sends the recorded requests at the recorded times, and those between them that the headers show and the
// recordings leave out, is never throttled: Okta served all of them. It is the only client of its org, so nothing is
// spread.
func TestSoleClientIsNotThrottled(t *testing.T) {
	t.Parallel()
	var served, filled int
	var held []string
	for _, rows := range recordedFiles(t) {
		synctest.Test(t, func(t *testing.T) {
			var sent exchange
			client := newBubbleClient(t, func(*http.Request) exchange { return sent },
				func(_ context.Context, a okta.Attempt) {
					if a.Throttled > 0 {
						held = append(held, fmt.Sprintf("%v in %s: %v for %v", sent, a.Bucket, a.ThrottleReason, a.Throttled))
					}
				})
			begun, first := time.Now(), rows[0].date(t)
			var before []okta.RateLimit
			for _, row := range rows {
				if row.Status == http.StatusTooManyRequests || knownApart(row) {
					continue
				}
				<-time.After(row.date(t).Sub(first) - time.Since(begun))
				for left := leftOut(rateLimitOf(row.header()), before); left > 0; left-- {
					sent = row.withRemaining(left)
					_ = client.Do(t.Context(), row.request(t), nil)
					filled++
				}
				sent = row
				_ = client.Do(t.Context(), row.request(t), nil)
				served++
				before = append(before, rateLimitOf(row.header()))
			}
		})
	}
	slices.Sort(held)
	t.Logf("of %d requests that Okta served, and %d that were left out, %d are throttled", served, filled, len(held))
	assert.Empty(t, held, strings.Join(held, "\n"))
}

// leftOut returns how many requests were counted in the window of a response, before it and after the responses before.
// Windows are told apart by their headers, not by the buckets of the SDK.
func leftOut(response okta.RateLimit, before []okta.RateLimit) int {
	left := response.Limit
	for _, earlier := range before {
		if earlier.Limit == response.Limit && earlier.Reset.Sub(response.Reset).Abs() <= time.Second &&
			earlier.Remaining > response.Remaining {
			left = min(left, earlier.Remaining)
		}
	}
	return left - response.Remaining - 1
}

// withRemaining returns the exchange as it would have been so many requests earlier.
func (e exchange) withRemaining(more int) exchange {
	e.Headers = maps.Clone(e.Headers)
	e.Headers["x-rate-limit-remaining"] = []string{strconv.Itoa(rateLimitOf(e.header()).Remaining + more)}
	return e
}

// Without those left out, they look like requests of other clients, and the client spreads its part: in buckets where
// the headers show such requests, for a window at most, and less than half of its own. It waits for nothing else. After
// a request that was spread, responses come later than they were recorded, and so does the end of their window: in that
// minute, waits are not judged.
func TestRecordedTrafficIsSpreadAtMost(t *testing.T) {
	t.Parallel()
	const onTime = time.Second
	var served, spread int
	var longest time.Duration
	var held []string
	for _, rows := range recordedFiles(t) {
		synctest.Test(t, func(t *testing.T) {
			var row exchange
			begun, first := time.Now(), rows[0].date(t)
			var judged time.Time // from then on
			var before []okta.RateLimit
			others := map[string]bool{}
			client := newBubbleClient(t, func(*http.Request) exchange { return row },
				func(_ context.Context, a okta.Attempt) {
					switch {
					case a.Throttled == 0:
					case a.ThrottleReason == okta.ThrottleFairShare && others[a.Bucket]:
						spread++
						longest = max(longest, a.Throttled)
						if a.Throttled > onTime {
							judged = time.Now().Add(time.Minute)
						}
					case time.Now().After(judged):
						held = append(held, fmt.Sprintf("%v: %v for %v", row, a.ThrottleReason, a.Throttled))
					}
				})
			for _, row = range rows {
				if row.Status == http.StatusTooManyRequests { // a client that waits would not have sent it
					continue
				}
				<-time.After(row.date(t).Sub(first) - time.Since(begun))
				_ = client.Do(t.Context(), row.request(t), nil)
				served++
				limit := rateLimitOf(row.header())
				bucket := bucketOf(t, row)
				others[bucket] = others[bucket] || leftOut(limit, before) > 0
				before = append(before, limit)
			}
		})
	}
	slices.Sort(held)
	t.Logf("of %d requests, %d are spread, for %v at most", served, spread, longest)
	assert.Empty(t, held, strings.Join(held, "\n"))
	assert.Less(t, spread, served/2)
	assert.LessOrEqual(t, longest, time.Minute+onTime)
}

package recordings_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
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

// A client that sends the recorded requests at the recorded times waits for no window where Okta served them. Where the
// headers show that others use the bucket as well, it spreads its own part; the recordings leave out some of the requests
// that were sent between those that they have. After a request that was spread, responses come later than they were
// recorded, and so does the end of their window: it is not judged.
func TestRecordedTrafficIsNotThrottled(t *testing.T) {
	t.Parallel()
	const onTime = time.Second
	var served, spread int
	var held []string
	for _, rows := range recordedFiles(t) {
		synctest.Test(t, func(t *testing.T) {
			var row exchange
			begun, first := time.Now(), rows[0].date(t)
			var judged time.Time // from then on
			client := newBubbleClient(t, func(*http.Request) exchange { return row },
				func(_ context.Context, a okta.Attempt) {
					switch {
					case a.Throttled == 0:
					case a.ThrottleReason == okta.ThrottleFairShare || time.Now().Before(judged):
						spread++
						if a.Throttled > onTime {
							judged = time.Now().Add(time.Minute)
						}
					default:
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
			}
		})
	}
	slices.Sort(held)
	t.Logf("of %d requests that Okta served, %d wait for a window, and %d are spread", served, len(held), spread)
	assert.Empty(t, held, strings.Join(held, "\n"))
}

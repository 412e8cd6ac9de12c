package retry_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/internal/retry"
)

var policy = retry.Policy{MaxRetries: 4, MinWait: time.Second, MaxWait: time.Minute}

func TestWaitSaysWhetherToRetry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attempt retry.Attempt
		want    bool
	}{
		"429":               {retry.Attempt{Status: 429}, true},
		"503":               {retry.Attempt{Status: 503}, true},
		"501":               {retry.Attempt{Status: 501}, false},
		"404":               {retry.Attempt{Status: 404}, false},
		"lost":              {retry.Attempt{Err: io.EOF}, true},
		"cut body":          {retry.Attempt{Status: 200, Err: io.ErrUnexpectedEOF}, true},
		"final":             {retry.Attempt{Status: 503, Err: fmt.Errorf("wrapped: %w", &retry.Final{Err: io.EOF})}, false},
		"certificate":       {retry.Attempt{Err: &tls.CertificateVerificationError{Err: io.EOF}}, false},
		"unknown authority": {retry.Attempt{Err: x509.UnknownAuthorityError{}}, false},
		"wrong name":        {retry.Attempt{Err: x509.HostnameError{Certificate: &x509.Certificate{}}}, false},
		"expired":           {retry.Attempt{Err: x509.CertificateInvalidError{Reason: x509.Expired}}, false},
	} {
		_, again := policy.Wait(t.Context(), 1, c.attempt)
		assert.Equal(t, c.want, again, name)
	}
	_, again := policy.Wait(t.Context(), 4, retry.Attempt{Status: 503})
	assert.True(t, again)
	_, again = policy.Wait(t.Context(), 5, retry.Attempt{Status: 503})
	assert.False(t, again)
}

func TestWaitStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	for _, p := range []retry.Policy{
		policy, {MinWait: 1, MaxWait: 1}, {MinWait: time.Minute, MaxWait: time.Minute}, {MinWait: 1, MaxWait: math.MaxInt64},
		{MinWait: math.MaxInt64, MaxWait: math.MaxInt64},
	} {
		p.MaxRetries = math.MaxInt
		for _, n := range []int{1, 2, 3, 31, 32, 33, 62, 63, 64, 65, math.MaxInt} {
			wait, again := p.Wait(t.Context(), n, retry.Attempt{Err: io.EOF})
			require.True(t, again)
			assert.GreaterOrEqual(t, wait, p.MinWait, "%+v, retry %d", p, n)
			assert.LessOrEqual(t, wait, p.MaxWait, "%+v, retry %d", p, n)
		}
		wait, again := p.Wait(t.Context(), 1, retry.Attempt{Status: 429, Header: http.Header{"Retry-After": {"99999999999"}}})
		require.True(t, again)
		assert.LessOrEqual(t, wait, p.MaxWait)
	}
}

// waits are the shortest and the longest of many waits.
func waits(ctx context.Context, t *testing.T, p retry.Policy, n int, a retry.Attempt) (least, most time.Duration) {
	t.Helper()
	least = math.MaxInt64
	for range 1000 {
		wait, again := p.Wait(ctx, n, a)
		require.True(t, again)
		least, most = min(least, wait), max(most, wait)
	}
	return least, most
}

func TestWaitIsWhatTheServerAsksForAndJitter(t *testing.T) {
	t.Parallel()
	const date = "Sat, 01 Aug 2026 12:00:00 GMT"
	header := func(after string) http.Header { return http.Header{"Retry-After": {after}, "Date": {date}} }
	for name, c := range map[string]struct {
		attempt           retry.Attempt
		shortest, longest time.Duration
	}{
		"backoff":                    {retry.Attempt{Status: 503}, time.Second, 2 * time.Second},
		"the window's end":           {retry.Attempt{Status: 429, Reset: 9 * time.Second}, 9 * time.Second, 11 * time.Second},
		"a window at MaxWait":        {retry.Attempt{Status: 429, Reset: time.Minute}, time.Minute, time.Minute},
		"a window of another status": {retry.Attempt{Status: 503, Reset: 9 * time.Second}, time.Second, 2 * time.Second},
		"seconds":                    {retry.Attempt{Status: 503, Header: header("7")}, 7 * time.Second, 9 * time.Second},
		"no seconds":                 {retry.Attempt{Status: 503, Header: header("0")}, 0, 2 * time.Second},
		"the later of two": {
			retry.Attempt{Status: 429, Reset: 5 * time.Second, Header: header("8")}, 8 * time.Second, 10 * time.Second,
		},
		"a date": {
			retry.Attempt{Status: 503, Header: header("Sat, 01 Aug 2026 12:00:20 GMT")}, 20 * time.Second, 22 * time.Second,
		},
		"a past date": {retry.Attempt{Status: 503, Header: header("Sat, 01 Aug 2026 11:00:00 GMT")}, 0, 2 * time.Second},
		"a date without the server's own": {
			retry.Attempt{Status: 503, Header: http.Header{"Retry-After": {date}}}, time.Second, 2 * time.Second,
		},
		"neither":             {retry.Attempt{Status: 503, Header: header("soon")}, time.Second, 2 * time.Second},
		"more than MaxWait":   {retry.Attempt{Status: 503, Header: header("3600")}, time.Minute, time.Minute},
		"more than an uint64": {retry.Attempt{Status: 503, Header: header("99999999999999999999")}, time.Minute, time.Minute},
	} {
		shortest, longest := waits(t.Context(), t, policy, 1, c.attempt)
		assert.GreaterOrEqual(t, shortest, c.shortest, name)
		assert.LessOrEqual(t, longest, c.longest, name)
		assert.InDelta(t, c.longest-c.shortest, longest-shortest, float64(c.longest-c.shortest)/10, "%s: jitter", name)
	}
}

func TestWaitThatIsTooLongIsNotBegun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		window := retry.Attempt{Status: 429, Reset: 30 * time.Second}
		_, again := policy.Wait(t.Context(), 1, retry.Attempt{Status: 429, Reset: time.Minute + 1})
		assert.False(t, again, "beyond MaxWait")

		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, again = policy.Wait(ctx, 1, window)
		assert.False(t, again, "up to the deadline")

		ctx, cancel = context.WithTimeout(t.Context(), 31*time.Second)
		defer cancel()
		shortest, longest := waits(ctx, t, policy, 1, window)
		assert.GreaterOrEqual(t, shortest, 30*time.Second)
		assert.Less(t, longest, 31*time.Second, "jitter does not reach the deadline")

		cancel()
		_, again = policy.Wait(ctx, 1, retry.Attempt{Status: 503, Stale: true})
		assert.False(t, again, "behind the end of the context")
	})
}

func TestStaleConnectionIsRetriedAtOnce(t *testing.T) {
	t.Parallel()
	stale := retry.Attempt{Err: io.EOF, Stale: true}
	shortest, longest := waits(t.Context(), t, policy, 1, stale)
	assert.Zero(t, shortest)
	assert.Zero(t, longest)
	shortest, _ = waits(t.Context(), t, policy, 2, stale)
	assert.GreaterOrEqual(t, shortest, policy.MinWait, "the second retry is one like any other")

	_, again := retry.Policy{MaxWait: time.Minute}.Wait(t.Context(), 1, stale)
	assert.False(t, again, "without retries")
	_, again = policy.Wait(t.Context(), 1, retry.Attempt{Err: &retry.Final{Err: io.EOF}, Stale: true})
	assert.False(t, again, "a final error")
}

func TestCutShortensWaits(t *testing.T) {
	t.Parallel()
	p := policy
	p.Cut = 10 * time.Second
	for name, c := range map[string]struct {
		attempt           retry.Attempt
		n                 int
		shortest, longest time.Duration
	}{
		"a longer window":       {retry.Attempt{Status: 429, Reset: 30 * time.Second}, 1, 10 * time.Second, 10 * time.Second},
		"one beyond MaxWait":    {retry.Attempt{Status: 429, Reset: time.Hour}, 1, 10 * time.Second, 10 * time.Second},
		"jitter across the cut": {retry.Attempt{Status: 429, Reset: 9 * time.Second}, 1, 9 * time.Second, 10 * time.Second},
		"jitter below the cut":  {retry.Attempt{Status: 429, Reset: 7 * time.Second}, 1, 7 * time.Second, 9 * time.Second},
		"backoff":               {retry.Attempt{Status: 503}, 4, 8 * time.Second, 10 * time.Second},
	} {
		shortest, longest := waits(t.Context(), t, p, c.n, c.attempt)
		assert.GreaterOrEqual(t, shortest, c.shortest, name)
		assert.LessOrEqual(t, longest, c.longest, name)
		assert.InDelta(t, c.longest-c.shortest, longest-shortest, float64(c.longest-c.shortest)/10, "%s: jitter", name)
	}
	p.Cut = policy.MaxWait + 1
	_, again := p.Wait(t.Context(), 1, retry.Attempt{Status: 429, Reset: time.Hour})
	assert.False(t, again, "a cut wait is no longer than MaxWait either")
}

func TestFinalIsTheErrorItMarks(t *testing.T) {
	t.Parallel()
	err := &retry.Final{Err: io.EOF}
	require.EqualError(t, err, "EOF")
	require.ErrorIs(t, err, io.EOF)
}

// steps is a transport that fails so many times.
type steps struct{ failures, made int }

func (s *steps) RoundTrip(*http.Request) (*http.Response, error) {
	if s.made++; s.made <= s.failures {
		return nil, io.EOF
	}
	return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
}

func TestRun(t *testing.T) {
	t.Parallel()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://acme.okta.com", http.NoBody)
	require.NoError(t, err)
	for _, most := range []int{1, 2, 4} {
		transport := &steps{failures: 3}
		try := func(r *http.Request) (int, *http.Response, error) {
			resp, _ := transport.RoundTrip(r)
			return transport.made, resp, nil
		}
		last, err := retry.Run(http.Client{}, req, try, func(n int) (time.Duration, bool) {
			assert.Equal(t, transport.made, n, "next gets the attempt that try made")
			return time.Nanosecond, n < most
		})
		require.NoError(t, err, "a failed attempt tells of itself")
		assert.Equal(t, most, last)
	}
}

func TestRunThatIsCutShortInAWait(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://acme.okta.com", http.NoBody)
	require.NoError(t, err)
	try := func(*http.Request) (string, *http.Response, error) { return "first", nil, nil }
	last, err := retry.Run(http.Client{}, req, try, func(string) (time.Duration, bool) {
		cancel()
		return time.Hour, true
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, "first", last)
}

func TestRunThatCannotBegin(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*http.Request){
		"the body cannot be read": func(req *http.Request) { req.Body = io.NopCloser(failing{}) },
		"net/http refuses it":     func(req *http.Request) { req.RequestURI = "/" },
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://acme.okta.com", http.NoBody)
		require.NoError(t, err)
		spoil(req)
		try := func(*http.Request) (string, *http.Response, error) { return "made", nil, nil }
		last, err := retry.Run(http.Client{}, req, try, func(string) (time.Duration, bool) {
			assert.Fail(t, "there is no attempt to decide about", name)
			return 0, false
		})
		require.Error(t, err, name)
		assert.Empty(t, last, name)
	}
}

func TestRunThatCannotGoOn(t *testing.T) {
	t.Parallel()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://acme.okta.com", http.NoBody)
	require.NoError(t, err)
	try := func(*http.Request) (string, *http.Response, error) {
		req.RequestURI = "/" // net/http refuses it the next time
		return "first", nil, nil
	}
	decided := 0
	last, err := retry.Run(http.Client{}, req, try, func(string) (time.Duration, bool) { decided++; return 0, true })
	require.ErrorContains(t, err, "RequestURI")
	assert.Equal(t, "first", last)
	assert.Equal(t, 1, decided, "one decision for each attempt")
}

func TestRunWithoutAnAttempt(t *testing.T) {
	t.Parallel()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://acme.okta.com", http.NoBody)
	require.NoError(t, err)
	for made := range 2 {
		tries := 0
		try := func(*http.Request) (int, *http.Response, error) {
			if tries++; tries > made {
				return 7, nil, io.EOF
			}
			return tries, nil, nil
		}
		decided := 0
		last, err := retry.Run(http.Client{}, req, try, func(int) (time.Duration, bool) { decided++; return 0, true })
		assert.Equal(t, io.EOF, err, "as try returns it")
		assert.Equal(t, made, last, "the attempt before")
		assert.Equal(t, made, decided)
	}
}

// cookies is a jar that keeps what it is given.
type cookies struct{ kept []*http.Cookie }

func (c *cookies) SetCookies(_ *url.URL, set []*http.Cookie) { c.kept = append(c.kept, set...) }

func (c *cookies) Cookies(*url.URL) []*http.Cookie { return c.kept }

func TestRunSendsEachAttemptAfresh(t *testing.T) {
	t.Parallel()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://acme.okta.com", strings.NewReader("body"))
	require.NoError(t, err)
	req.Header.Set("Accept", "text/plain")
	var sent []string
	try := func(r *http.Request) (int, *http.Response, error) {
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		sent = append(sent, fmt.Sprintf("%s %s %q", body, r.Header.Get("Accept"), r.Header["Cookie"]))
		r.Header.Set("Accept", "what an attempt sets is not for the next one")
		set := http.Header{"Set-Cookie": {fmt.Sprintf("c%d=1", len(sent))}}
		return len(sent), &http.Response{StatusCode: 503, Header: set, Body: http.NoBody}, nil
	}
	last, err := retry.Run(http.Client{Jar: &cookies{}}, req, try, func(n int) (time.Duration, bool) { return 0, n < 3 })
	require.NoError(t, err)
	assert.Equal(t, 3, last)
	assert.Equal(t, []string{`body text/plain []`, `body text/plain ["c1=1"]`, `body text/plain ["c1=1; c2=1"]`}, sent)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken") }

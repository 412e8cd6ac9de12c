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
	"testing"
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
			resp, err := transport.RoundTrip(r) //nolint:bodyclose // it has none
			return transport.made, resp, err
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
	try := func(*http.Request) (string, *http.Response, error) { return "first", nil, io.EOF }
	last, err := retry.Run(http.Client{}, req, try, func(string) (time.Duration, bool) { cancel(); return time.Hour, true })
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, "first", last)
}

func TestRunThatCannotBegin(t *testing.T) {
	t.Parallel()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://acme.okta.com", http.NoBody)
	require.NoError(t, err)
	req.Body = io.NopCloser(failing{})
	try := func(*http.Request) (string, *http.Response, error) { return "made", nil, nil }
	last, err := retry.Run(http.Client{}, req, try, func(string) (time.Duration, bool) { return 0, false })
	require.Error(t, err)
	assert.Empty(t, last)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken") }

package ratelimit_test

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/internal/ratelimit"
)

// Whatever the headers say, what is read of them is sane, and reading it again says the same. A bucket that has room
// by them lets the next request go, and no response closes one for longer than a window lasts.
func FuzzRead(f *testing.F) {
	const date = "Mon, 01 Jun 2026 12:00:00 GMT"
	for _, seed := range [][4]string{
		{"600", "599", "1780315242", date},
		{"600", "0", "1780315242", date},
		{"0", "0", "1780315242", date},
		{"600, 500", "7,8", "1780315242,1780315260", date},
		{"600", "599", "32503680000", date},
		{"600", "599", "253402300800", date},
		{"600", "599", "-1", date},
		{"600", "599", "1780315242", "Thu, 01 Jan 1970 00:00:00 GMT"},
		{"600", "599", "0", ""},
		{"9223372036854775807", "9223372036854775807", "1780315242", date},
		{"9223372036854775000", "600", "1780315242", date},
		{"4294967297", "4294967297", "1780315242", date},
		{"1", "600", "1780315242", date},
		{" 600 ", "\t5", "1780315242 ", "Monday, 01-Jun-26 12:00:00 GMT"},
		{"6e2", "0x5", "soon", "yesterday"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], 200)
		f.Add(seed[0], seed[1], seed[2], seed[3], 429)
	}
	f.Fuzz(func(t *testing.T, limit, remaining, reset, date string, status int) {
		given := http.Header{
			"X-Rate-Limit-Limit": {limit}, "X-Rate-Limit-Remaining": {remaining}, "X-Rate-Limit-Reset": {reset}, "Date": {date},
		}
		before := given.Clone()
		h, ok := ratelimit.Read(given)
		require.Equal(t, before, given, "reading changes nothing")
		if !ok {
			require.Zero(t, h)
		} else {
			requireSane(t, h)
		}
		synctest.Test(t, func(t *testing.T) { requireGoing(t, ratelimit.Response{Status: status, Header: h, HasHeader: ok}) })
	})
}

func requireSane(t *testing.T, h ratelimit.Header) {
	t.Helper()
	assert.GreaterOrEqual(t, h.Limit, 0)
	assert.GreaterOrEqual(t, h.Remaining, 0)
	_, err := h.Reset.MarshalJSON()
	require.NoError(t, err)
	if wait, credible := h.UntilReset(); credible {
		assert.Positive(t, wait)
		assert.LessOrEqual(t, wait, time.Hour)
	}
	again := http.Header{}
	again.Set("X-Rate-Limit-Limit", strconv.Itoa(h.Limit))
	again.Set("X-Rate-Limit-Remaining", strconv.Itoa(h.Remaining))
	again.Set("X-Rate-Limit-Reset", strconv.FormatInt(h.Reset.Unix(), 10))
	if !h.Date.IsZero() {
		again.Set("Date", h.Date.UTC().Format(http.TimeFormat))
	}
	same, ok := ratelimit.Read(again)
	require.True(t, ok)
	require.True(t, h.Date.Equal(same.Date), "%v %v", h.Date, same.Date)
	h.Date = same.Date
	require.Equal(t, h, same)
}

// requireGoing gives a bucket one response and asks it for more.
func requireGoing(t *testing.T, a ratelimit.Response) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	g := ratelimit.New(1)
	first, err := g.Acquire(ctx, "b", "b", time.Now())
	require.NoError(t, err)
	first.Done(a)
	second, err := g.Acquire(ctx, "b", "b", time.Now())
	require.NoError(t, err, "closed for longer than two windows")
	if a.HasHeader && a.Status == http.StatusOK && a.Header.Remaining > 0 && a.Header.Limit > 1 && a.Header.Limit-a.Header.Remaining <= 1 {
		require.Zero(t, second.Throttled, "%+v", a.Header)
	}
	second.Cancel()
	require.Zero(t, g.States()["b"].InFlight)
}

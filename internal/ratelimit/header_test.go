package ratelimit_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grantkit/okta/internal/ratelimit"
)

func headers(limit, remaining, reset []string) http.Header {
	return http.Header{
		"Date":                   {"Mon, 01 Jun 2026 12:00:00 GMT"},
		"X-Rate-Limit-Limit":     limit,
		"X-Rate-Limit-Remaining": remaining,
		"X-Rate-Limit-Reset":     reset,
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	got, ok := ratelimit.Read(headers([]string{"600", "500"}, []string{" 7 , 8"}, []string{"1780315242", "1780315260"}))
	assert.True(t, ok)
	date := time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)
	assert.Equal(t, ratelimit.Header{Limit: 500, Remaining: 7, Reset: date.Add(42 * time.Second), Date: date}, got)
	assert.False(t, got.Concurrency())
	wait, ok := got.UntilReset()
	assert.True(t, ok)
	assert.Equal(t, 42*time.Second, wait)
}

func TestReadRefusesNonsense(t *testing.T) {
	t.Parallel()
	good := []string{"1"}
	for _, bad := range [][]string{nil, {""}, {"x"}, {"-1"}, {"1", "x"}, {"1.5"}, {"99999999999999999999"}, {"1,"}} {
		for _, h := range []http.Header{headers(good, good, []string{"1780315242000"}), headers(bad, good, good), headers(good, bad, good), headers(good, good, bad)} {
			got, ok := ratelimit.Read(h)
			assert.False(t, ok, "%v", h)
			assert.Zero(t, got)
		}
	}
	got, ok := ratelimit.Read(headers([]string{"0"}, []string{"50"}, good))
	assert.False(t, ok, "a limit of none, and requests left")
	assert.Zero(t, got)
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	got, ok := ratelimit.Read(headers([]string{"0"}, []string{"0"}, []string{"1780315242"}))
	assert.True(t, ok)
	assert.True(t, got.Concurrency())
}

func TestUntilResetThatIsNotCredible(t *testing.T) {
	t.Parallel()
	for _, reset := range []string{"0", "1780315200", "1780315199", "1780318801", "32503680000"} {
		got, _ := ratelimit.Read(headers([]string{"1"}, []string{"0"}, []string{reset}))
		_, ok := got.UntilReset()
		assert.False(t, ok, reset)
	}
	noDate := headers([]string{"1"}, []string{"0"}, []string{"1780315242"})
	noDate.Del("Date")
	got, _ := ratelimit.Read(noDate)
	_, ok := got.UntilReset()
	assert.False(t, ok)
}

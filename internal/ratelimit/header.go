package ratelimit

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Header has the rate limit headers of a response.
type Header struct {
	Limit     int       // requests in a window
	Remaining int       // requests left in this window
	Reset     time.Time // when the window ends, by the server's clock
	Date      time.Time // of the response, by the server's clock; zero if missing
}

// Read reads X-Rate-Limit-Limit, -Remaining and -Reset. It returns false if one of them is missing or makes no sense,
// such as a limit of 0 with requests remaining. Where one of them stands more than once, the smallest counts.
func Read(h http.Header) (Header, bool) {
	limit, okLimit := smallest(h.Values("X-Rate-Limit-Limit"))
	remaining, okRemaining := smallest(h.Values("X-Rate-Limit-Remaining"))
	reset, okReset := smallest(h.Values("X-Rate-Limit-Reset"))
	if !okLimit || !okRemaining || !okReset || reset > lastSecond || limit == 0 && remaining > 0 {
		return Header{}, false
	}
	date, _ := http.ParseTime(h.Get("Date"))
	limit, remaining = min(limit, math.MaxInt32), min(remaining, math.MaxInt32)
	return Header{Limit: int(limit), Remaining: int(remaining), Reset: time.Unix(reset, 0).UTC(), Date: date}, true
}

// lastSecond is the end of the year 9999: later times cannot be written as JSON.
const lastSecond = 253402300799

// Concurrency reports whether Okta refused too many requests at once. Reset is a guess then.
func (h Header) Concurrency() bool { return h.Limit == 0 && h.Remaining == 0 }

// counted returns how many requests of all clients Okta has counted in the window.
func (h Header) counted() int { return h.Limit - h.Remaining }

// maxReset is the longest time until Reset that is believed: Okta's windows last a minute.
const maxReset = time.Hour

// UntilReset returns how long the window still lasts by the server's clock, and false if that is unknown or not
// credible.
func (h Header) UntilReset() (time.Duration, bool) {
	if h.Date.IsZero() {
		return 0, false
	}
	wait := h.Reset.Sub(h.Date)
	return wait, wait > 0 && wait <= maxReset
}

// smallest returns the smallest number in the values of a header. A proxy may have joined several into one line.
func smallest(values []string) (int64, bool) {
	var least int64
	found := false
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			n, err := strconv.ParseInt(strings.TrimSpace(part), 10, 64)
			if err != nil || n < 0 {
				return 0, false
			}
			if !found || n < least {
				least, found = n, true
			}
		}
	}
	return least, found
}

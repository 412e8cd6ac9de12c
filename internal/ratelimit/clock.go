package ratelimit

import "time"

// clock relates the server's clock to the local one: the server's showed date between early and late.
type clock struct{ date, early, late time.Time }

// end returns when a header's window ends by the local clock, and false if that is a guess. sent is when the request of
// the header's response was sent, and length that of a window, from which a missing Date is derived.
func (c *clock) end(h Header, length time.Duration, sent, now time.Time) (time.Time, bool) {
	date, precision := h.Date, time.Second
	if wait, ok := h.UntilReset(); !ok {
		switch {
		case date.IsZero() && length > 0:
			date, precision = h.Reset.Add(-length), length
		case !date.IsZero() && wait <= 0:
			return now.Add(time.Second), false // it is just ending
		default:
			return now.Add(maxWindow), false
		}
	}
	c.learn(date, sent.Add(-precision), now)
	return soonest(c.late.Add(h.Reset.Sub(c.date)), now.Add(maxWindow)), true
}

func (c *clock) learn(date, early, late time.Time) {
	shift := c.date.Sub(date)
	wasSet := late.Add(shift).Before(c.early) || early.Add(shift).After(c.late) // one of the clocks
	if c.date.IsZero() || wasSet {
		*c = clock{date: date, early: early, late: late}
		return
	}
	if early = early.Add(shift); early.After(c.early) {
		c.early = early
	}
	c.late = soonest(c.late, late.Add(shift))
}

// doubt returns the length of the span in which a window ends.
func (c *clock) doubt() time.Duration { return c.late.Sub(c.early) }

// age widens the span, since clocks drift.
func (c *clock) age(d time.Duration) {
	c.early, c.late = c.early.Add(-d>>10), c.late.Add(d>>10)
}

func soonest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

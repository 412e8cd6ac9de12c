package ratelimit

// concurrencyLimit is how many requests may be in flight. It is
//
//	0          Okta has not refused any for being too many at once: there is no limit
//	1 or more  the limit
//
// A refusal lowers it by one, and to the number of the other requests in flight if that is less. It rises by one after
// eight times as many requests were served while it was reached.
type concurrencyLimit float64

func (c concurrencyLimit) reached(inFlight int) bool { return c > 0 && inFlight >= int(c) }

// refuse notes a refusal while other requests are in flight, and reports whether not even one is served.
func (c *concurrencyLimit) refuse(inFlight int) (none bool) {
	served := concurrencyLimit(inFlight)
	if *c == 0 || *c > served+1 {
		*c = served + 1
	}
	*c--
	none = *c < 1
	*c = max(*c, 1)
	return none
}

// serve notes that a request was served while others are in flight.
func (c *concurrencyLimit) serve(inFlight int) {
	if c.reached(inFlight + 1) {
		*c += 1 / (8 * *c)
	}
}

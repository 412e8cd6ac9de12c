package ratelimit

// concurrencyLimit bounds the requests in flight.
//
//	0    there is no limit, since Okta has not refused to serve as many at once
//	n    so many may be in flight, at least one
//
// Each refusal takes one off, until only as many are left as are served; each n times eight served ones add one.
type concurrencyLimit float64

func (c concurrencyLimit) reached(inFlight int) bool { return c > 0 && inFlight >= int(c) }

// refuse takes over a refusal while others are in flight, and reports whether not even one request is served.
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

// serve takes over that a request was served while others are in flight.
func (c *concurrencyLimit) serve(inFlight int) {
	if c.reached(inFlight + 1) {
		*c += 1 / (8 * *c)
	}
}

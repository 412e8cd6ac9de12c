package oktatest

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// pageLimits bound how many items a page has.
type pageLimits struct {
	byDefault int
	max       int    // No maximum when zero.
	unset     string // A limit that counts as none.
}

var (
	defaultLimits     = pageLimits{byDefault: 20, max: 200}
	negativeLimits    = pageLimits{byDefault: 20, max: 200, unset: "-1"}
	userLimits        = pageLimits{byDefault: 200} // No maximum is documented, and programs send 1000.
	appUserLimits     = pageLimits{byDefault: 50, max: 500}
	groupUserLimits   = pageLimits{byDefault: 1000, max: 1000}
	groupLimits       = pageLimits{byDefault: 10000, max: 10000}
	authServersLimits = pageLimits{byDefault: 200, max: 200}
)

// The query parameters that a link to a page repeats.
var repeatedInLinks = []string{"expand", "filter", "includeNonDeleted", "limit", "q", "scopeId", "search"}

// listing is what a page is cut from. A nil keep keeps all.
type listing[T, J any] struct {
	of     *collection[T]
	key    listKey
	keep   func(T) bool
	limits pageLimits
	expand string // The one valid value of expand, if there is one.
	render func(T, bool) J
}

// list returns the page that a call asks for.
func list[T, J any](c *call, from listing[T, J]) (any, *problem) {
	expand, failure := c.expand(from.expand)
	if failure != nil {
		return nil, failure
	}
	limit, failure := c.limit(from.limits)
	if failure != nil {
		return nil, failure
	}
	last, failure := from.position(c)
	if failure != nil {
		return nil, failure
	}

	c.linkSelf(limit)
	page := []J{}
	for item := range from.of.after(from.key, last) {
		if from.keep != nil && !from.keep(item.value) {
			continue
		}
		if len(page) == limit {
			c.linkNext(c.newCursor(from.of.prefix, last), limit)
			break
		}
		page = append(page, from.render(item.value, expand))
		last = item.seq
	}
	return page, nil
}

// ExpireCursors ends all cursors that the org has issued, those of the System Log as well: a request with one is a 400 with the code E0000029, as was
// recorded for a bad cursor. Okta does not document how long a cursor lives.
func (o *Org) ExpireCursors() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cursors++
	clear(o.systemLog.cursors)
}

// newCursor returns the cursor of the place after an item.
func (c *call) newCursor(prefix string, seq int) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s%d.%d", prefix, c.cursors, seq))
}

// position returns the sequence number in a cursor that was issued for this kind of item, and 0 for no cursor.
func (l listing[T, J]) position(c *call) (int, *problem) {
	after := c.query.Get("after")
	if after == "" {
		return 0, nil
	}
	text, _ := base64.RawURLEncoding.DecodeString(after)
	_, number, _ := strings.Cut(string(text), ".")
	seq, _ := strconv.Atoi(number)
	if seq < 1 || seq > l.of.lastSeq || c.newCursor(l.of.prefix, seq) != after {
		return 0, invalidCursor()
	}
	return seq, nil
}

// expand reports whether a call asks for the one thing that can be expanded.
func (c *call) expand(valid string) (bool, *problem) {
	value := c.query.Get("expand")
	if value == "" || value == valid {
		return value != "", nil
	}
	if valid == "" {
		return false, c.refuse("expand")
	}
	return false, invalid("expand", "the one valid value is "+valid)
}

// refuse returns a problem when a call uses one of the documented parameters that oktatest does not implement: to
// ignore it would give another result than Okta does.
func (c *call) refuse(parameters ...string) *problem {
	for _, name := range parameters {
		if c.query.Get(name) != "" {
			return invalid(name, "oktatest does not implement it")
		}
	}
	return nil
}

func (c *call) limit(limits pageLimits) (int, *problem) {
	text := c.query.Get("limit")
	if text == "" || text == limits.unset {
		return limits.byDefault, nil
	}
	limit, err := strconv.Atoi(text)
	switch {
	case err != nil || limit < 1:
		return 0, invalid("limit", "must be a positive number")
	case limits.max > 0 && limit > limits.max:
		return 0, invalid("limit", fmt.Sprintf("must be at most %d", limits.max))
	}
	return limit, nil
}

// link adds a Link header for the call's own path with a query.
func (c *call) link(rel string, query url.Values) {
	target := c.publicURL + c.path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	c.links = append(c.links, fmt.Sprintf("<%s>; rel=%q", target, rel))
}

// linkSelf adds the Link header for the page itself.
func (c *call) linkSelf(limit int) { c.linkPage("self", c.query.Get("after"), limit) }

// linkNext adds the Link header for the page after a cursor.
func (c *call) linkNext(after string, limit int) { c.linkPage("next", after, limit) }

// linkPage adds the Link header for a page. It has the limit even where the request has none, and none of the
// parameters that do not matter to the list.
func (c *call) linkPage(rel, after string, limit int) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if after != "" {
		query.Set("after", after)
	}
	for _, name := range repeatedInLinks {
		if c.query.Get(name) != "" {
			query[name] = c.query[name]
		}
	}
	c.link(rel, query)
}

package oktatest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

var logLimits = pageLimits{byDefault: 100, max: 1000}

// logQuery is a request for events. A polling one has no until and ascends: it reads events in the order in which they
// were stored, and never ends. Any other is bounded: it reads them in the order in which they were published.
type logQuery struct {
	since, until time.Time
	polling      bool
	descending   bool
	limit        int
	filter       func(tree any) bool // Nil keeps all.
	keywords     []string            // In lower case.
	after        logPosition
}

// logPosition is a place in the log: after the event with this time and number. The zero position is the beginning.
type logPosition struct {
	at     int64 // In milliseconds.
	number int
}

func (p logPosition) cursor() string { return fmt.Sprintf("%d_%d", p.at, p.number) }

func (p logPosition) compare(other logPosition) int {
	return cmp.Or(cmp.Compare(p.at, other.at), cmp.Compare(p.number, other.number))
}

func (o *Org) listLogEvents(c *call) (any, *problem) {
	now := c.logNow
	q, failure := o.logQuery(c, now)
	if failure != nil {
		return nil, failure
	}
	c.link("self", c.query)
	found := o.systemLog.find(q, now)
	page := []logEventJSON{}
	last := q.after
	for _, event := range found[:min(len(found), q.limit)] {
		page = append(page, logJSON(event.LogEvent))
		last = q.place(event)
	}
	if last == (logPosition{}) { // Nothing was read: what is stored from now on comes next.
		last = logPosition{at: now.UnixMilli(), number: len(o.systemLog.events)}
	}
	if q.polling || len(found) > q.limit {
		o.linkNextEvents(c, last.cursor(), now)
	}
	return page, nil
}

// linkNextEvents adds the next link: the request's own query with the cursor.
func (o *Org) linkNextEvents(c *call, cursor string, now time.Time) {
	o.systemLog.cursors[cursor] = now
	query := maps.Clone(c.query)
	query.Set("after", cursor)
	c.link("next", query)
}

// find returns the events that a query asks for, after its cursor and in its order.
func (l *systemLog) find(q logQuery, now time.Time) []storedEvent {
	var found []storedEvent
	for _, event := range l.events {
		if event.stored.After(now) || event.Published.Before(now.Add(-logRetention)) {
			continue
		}
		if q.keeps(event) {
			found = append(found, event)
		}
	}
	slices.SortStableFunc(found, q.order)
	return found
}

func (q logQuery) keeps(event storedEvent) bool {
	at := event.Published
	if q.polling {
		at = event.stored
	}
	switch {
	case at.Before(q.since), !q.polling && !at.Before(q.until):
		return false
	case q.after != (logPosition{}) && q.compare(q.place(event), q.after) <= 0:
		return false
	case q.filter != nil && !q.filter(event.tree):
		return false
	}
	return q.hasKeywords(event.tree)
}

func (q logQuery) hasKeywords(tree any) bool {
	if len(q.keywords) == 0 {
		return true
	}
	text, _ := json.Marshal(tree) //nolint:errchkjson // encoding/json made the tree
	lower := strings.ToLower(string(text))
	return !slices.ContainsFunc(q.keywords, func(word string) bool { return !strings.Contains(lower, word) })
}

func (q logQuery) order(a, b storedEvent) int { return q.compare(q.place(a), q.place(b)) }

func (q logQuery) compare(a, b logPosition) int {
	if q.descending {
		a, b = b, a
	}
	return a.compare(b)
}

func (q logQuery) place(event storedEvent) logPosition {
	at := event.Published
	if q.polling {
		at = event.stored
	}
	return logPosition{at: at.UnixMilli(), number: event.number}
}

// logQuery reads the parameters of a request.
func (o *Org) logQuery(c *call, now time.Time) (logQuery, *problem) {
	q := logQuery{descending: c.query.Get("sortOrder") == "DESCENDING", until: now}
	if order := c.query.Get("sortOrder"); order != "" && order != "ASCENDING" && order != "DESCENDING" {
		return q, invalid("sortOrder", "must be ASCENDING or DESCENDING")
	}
	q.polling = c.query.Get("until") == "" && !q.descending
	var failure *problem
	if q.limit, failure = c.limit(logLimits); failure != nil {
		return q, failure
	}
	if failure := q.readTimes(c.query, now); failure != nil {
		return q, failure
	}
	if q.filter, failure = logFilter(c.query.Get("filter")); failure != nil {
		return q, failure
	}
	if q.keywords, failure = logKeywords(c.query.Get("q")); failure != nil {
		return q, failure
	}
	q.after, failure = o.logCursor(c.query.Get("after"), now)
	return q, failure
}

func (q *logQuery) readTimes(query url.Values, now time.Time) *problem {
	for name, at := range map[string]*time.Time{"since": &q.since, "until": &q.until} {
		text := query.Get(name)
		if text == "" {
			continue
		}
		read, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return invalidDate()
		}
		*at = read
	}
	if query.Get("since") == "" {
		q.since = q.until.Add(-defaultSince)
	}
	if q.since.Before(now.Add(-oldestSince)) {
		return invalidDate()
	}
	return nil
}

// invalidDate has the summary of Okta's list of errors.
func invalidDate() *problem {
	return &problem{
		status: http.StatusBadRequest,
		code:   "E0000053",
		summary: "Invalid date. Dates must be of the form yyyy-MM-dd'T'HH:mm:ss.SSSZZ, " +
			"e.g. 2013-01-01T12:00:00.000-07:00.",
	}
}

// logKeywords returns the keywords of q. Okta takes ten of them, of 40 characters each.
func logKeywords(text string) ([]string, *problem) {
	words := strings.Fields(strings.ToLower(text))
	if len(words) > 10 || slices.ContainsFunc(words, func(word string) bool { return len([]rune(word)) > 40 }) {
		return nil, invalid("q", "must be at most 10 keywords of at most 40 characters")
	}
	return words, nil
}

// logCursor returns the position of a cursor that the org sent. Okta forbids others: "do not build after by hand".
func (o *Org) logCursor(after string, now time.Time) (logPosition, *problem) {
	if after == "" {
		return logPosition{}, nil
	}
	sent, known := o.systemLog.cursors[after]
	lifetime := o.systemLog.options.CursorLifetime
	if !known || lifetime > 0 && now.After(sent.Add(lifetime)) {
		return logPosition{}, invalidCursor()
	}
	var p logPosition
	_, _ = fmt.Sscanf(after, "%d_%d", &p.at, &p.number)
	return p, nil
}

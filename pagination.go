package okta

import (
	"context"
	"errors"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/grantkit/okta/internal/linkheader"
	"github.com/grantkit/okta/internal/wire"
)

// Page is one page of a list, and the way to those that follow. It never changes; Next returns another.
type Page[T any] struct {
	Items     []T       // may be empty although more pages follow
	RequestID string    // X-Okta-Request-Id of the answer
	RateLimit RateLimit // what the answer said of its bucket

	list   *pageList[T]
	next   *request // nil on the last page
	number int      // counted from 1
}

// pageList is what the pages of a list share.
type pageList[T any] struct {
	client  *Client
	decoder func([]byte) ([]T, error)
	query   url.Values // of the first request
	trail   trail
}

// List reads the first page of a list at a route for which there is no method here. The request is a GET without a body; its
// query is sent as it is: a list whose pages are to be large needs a limit in it. The response must be a JSON array of
// objects; members match the fields of T by their exact names.
func List[T any](ctx context.Context, c *Client, req Request) (*Page[T], error) {
	if req.Method != "" && req.Method != http.MethodGet || req.Body != nil {
		return nil, invalid("a list is read with GET and without a body")
	}
	return first(ctx, c, wire.Array[T], req.Query, req.Path)
}

// list reads the first page of a list below /api/v1.
func list[T any](ctx context.Context, c *Client, decoder func([]byte) ([]T, error), opts options, segments ...string) (*Page[T], error) {
	query, err := opts.query()
	if err != nil {
		return nil, err
	}
	return first(ctx, c, decoder, query, api(segments))
}

func first[T any](ctx context.Context, c *Client, decoder func([]byte) ([]T, error), query url.Values, segments []string) (*Page[T], error) {
	path, err := join(segments)
	if err != nil {
		return nil, err
	}
	l := &pageList[T]{client: c, decoder: decoder, query: maps.Clone(query)}
	l.trail.visit(query.Get("after"), 1)
	return l.fetch(ctx, request{method: http.MethodGet, url: c.root + path, query: l.query, accepts: http.StatusOK}, 1)
}

// fetch reads the page with the given number.
func (l *pageList[T]) fetch(ctx context.Context, r request, number int) (*Page[T], error) {
	a, err := l.client.send(ctx, r)
	if err != nil {
		return nil, err
	}
	items, err := decode(a, l.decoder)
	if err != nil {
		return nil, err
	}
	next, err := l.following(r, a.header.Values("Link"))
	if err != nil {
		return nil, newError(a, err)
	}
	if next != nil && !l.trail.visit(next.query.Get("after"), number+1) {
		return nil, newError(a, errors.New("the next link leads back to a page that was read before"))
	}
	a.recycle()
	return &Page[T]{Items: items, RequestID: a.requestID, RateLimit: a.rateLimit, list: l, next: next, number: number}, nil
}

// following returns the request for the next page, or nil if there is none: the same request, with what the next link adds to
// the query. What the caller asked for stays as it was, but for the cursor. What else the link says is not followed: its
// host may be that of a proxy's other side.
func (l *pageList[T]) following(r request, links []string) (*request, error) {
	target, found, err := linkheader.Find(links, "next")
	if err != nil || !found {
		return nil, err
	}
	_, rawQuery, _ := strings.Cut(target, "?")
	rawQuery, _, _ = strings.Cut(rawQuery, "#")
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, errors.New("the query of the next link cannot be read")
	}
	cursor := query.Get("after")
	if cursor == "" {
		return nil, errors.New("the next link has no cursor")
	}
	maps.Copy(query, l.query)
	query.Set("after", cursor)
	r.query = query
	return &r, nil
}

// HasNext reports whether another page follows.
func (p *Page[T]) HasNext() bool { return p.next != nil }

// Cursor returns the value of After with which the list can be carried on after this page, later or elsewhere, and "" if
// it ends here. It goes with the same filters.
func (p *Page[T]) Cursor() string {
	if p.next == nil {
		return ""
	}
	return p.next.query.Get("after")
}

// Next reads the page that follows. After an error it may be called again. On the last page, the error matches
// ErrInvalidArgument.
func (p *Page[T]) Next(ctx context.Context) (*Page[T], error) {
	if p.next == nil {
		return nil, invalid("there is no page after the last one")
	}
	return p.list.fetch(ctx, *p.next, p.number+1)
}

// Pages returns this page and all that follow, each read when it is asked for. It ends after the last page or after one
// error.
func (p *Page[T]) Pages(ctx context.Context) iter.Seq2[*Page[T], error] {
	return func(yield func(*Page[T], error) bool) {
		page := p
		for yield(page, nil) && page.HasNext() {
			next, err := page.Next(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			page = next
		}
	}
}

// All returns the items of this page and of all that follow. It ends after the last item or after one error. A list was
// read to its end only if no error came.
func (p *Page[T]) All(ctx context.Context) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for page, err := range p.Pages(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range page.Items {
				if !yield(&page.Items[i], nil) {
					return
				}
			}
		}
	}
}

// Collect reads this page and all that follow, and returns all of their items, or none and an error.
func (p *Page[T]) Collect(ctx context.Context) ([]T, error) {
	var items []T
	for page, err := range p.Pages(ctx) {
		if err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
	}
	return items, nil
}

// trail remembers which cursor led to which page of a list, for all its pages: a server that sends a cursor again would
// keep its readers for ever.
type trail struct {
	mu    sync.Mutex
	pages map[string]int
}

// visit reports whether cursor may lead to the page with the given number: it must not lead to another one already.
func (t *trail) visit(cursor string, number int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.pages[cursor]; ok {
		return known == number
	}
	if t.pages == nil {
		t.pages = map[string]int{}
	}
	t.pages[cursor] = number
	return true
}

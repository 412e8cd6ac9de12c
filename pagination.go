package okta

import (
	"context"
	"errors"
	"hash/maphash"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/grantkit/okta/internal/linkheader"
	"github.com/grantkit/okta/internal/wire"
)

// Page is one page of a list. It is immutable; [Page.Next] reads the next one. A Page made with Items alone is a last
// page.
type Page[T any] struct {
	Items     []T       // may be empty although more pages follow
	RequestID string    // X-Okta-Request-Id of the response
	RateLimit RateLimit // of the response

	cursor string
	next   func(context.Context) (*Page[T], error) // nil on the last page
}

// NewPage makes a page for the tests of code that reads lists. cursor is what Cursor returns. next is called by Next,
// Pages, All and Collect; without it, the page is the last one.
func NewPage[T any](items []T, cursor string, next func(context.Context) (*Page[T], error)) *Page[T] {
	return &Page[T]{Items: items, cursor: cursor, next: next}
}

// List reads the first page of a list at a route for which there is no method here. The request is a GET without a
// body; its query is sent as it is: set limit in it for larger pages. The response must be a
// JSON array of objects; members match the fields of T by their exact names.
func List[T any](ctx context.Context, c *Client, req Request) (*Page[T], error) {
	if req.Method != "" && req.Method != http.MethodGet || req.Body != nil {
		return nil, invalid("a list is read with GET and without a body")
	}
	l := &lister[T]{client: c, decoder: wire.Array[T], segments: slices.Clone(req.Path), query: clone(req.Query)}
	return l.page(ctx, l.query, nil)
}

func clone(query url.Values) url.Values {
	copied := maps.Clone(query)
	for name, values := range copied {
		copied[name] = slices.Clone(values)
	}
	return copied
}

// list reads the first page of a list below /api/v1.
func list[T any](
	ctx context.Context, c *Client, decoder func([]byte) ([]T, error), opts options, segments ...string,
) (*Page[T], error) {
	query, err := opts.query()
	if err != nil {
		return nil, err
	}
	l := &lister[T]{client: c, decoder: decoder, segments: slices.Concat(api, segments), query: query, named: true}
	return l.page(ctx, l.query, nil)
}

// lister reads the pages of a list.
type lister[T any] struct {
	client   *Client
	decoder  func([]byte) ([]T, error)
	segments []string
	query    url.Values // of the first page
	named    bool       // it is one of the documented operations
}

// page reads the page to which query leads. before are the pages that led to it.
func (l *lister[T]) page(ctx context.Context, query url.Values, before *trail) (*Page[T], error) {
	a, err := l.client.send(ctx, request{
		method: http.MethodGet, segments: l.segments, query: query, accepts: http.StatusOK, named: l.named,
	})
	if err != nil {
		return nil, err
	}
	items, err := decode(a, l.decoder)
	if err != nil {
		return nil, err
	}
	page := &Page[T]{Items: items, RequestID: a.requestID(), RateLimit: rateLimit(a.response.Header)}
	target, found, err := linkheader.Find(a.response.Header.Values("Link"), "next")
	if err == nil && found {
		err = l.lead(page, target, &trail{hash(query.Get("after")), before})
	}
	if err != nil {
		return nil, a.newError(err)
	}
	a.recycle()
	return page, nil
}

// lead leads page to its successor: to the same request, with the query of the next link laid below the list's own,
// but for the cursor. What else the link says is not followed: its host may be that of the other side of a proxy.
func (l *lister[T]) lead(page *Page[T], target string, t *trail) error {
	query := linkheader.Query(target)
	cursor := query.Get("after")
	if cursor == "" {
		return errors.New("the next link has no cursor")
	}
	page.cursor = cursor
	here := hash(cursor)
	if len(page.Items) == 0 && here == t.cursor {
		return nil // so the System Log ends: nothing has happened after this cursor yet
	}
	for seen := t; seen != nil; seen = seen.before {
		if seen.cursor == here {
			return errors.New("the next link leads back to a page that was read before")
		}
	}
	maps.Copy(query, l.query)
	query.Set("after", cursor)
	page.next = func(ctx context.Context) (*Page[T], error) { return l.page(ctx, query, t) }
	return nil
}

// trail is the chain of cursors that led to a page, by their hashes: a server that sends a cursor again would keep its
// readers for ever. Each page has its own: a list may be read twice, with another result.
type trail struct {
	cursor uint64
	before *trail
}

var trailSeed = maphash.MakeSeed()

func hash(cursor string) uint64 { return maphash.String(trailSeed, cursor) }

// HasNext reports whether another page follows. None follows an empty page whose next link leads to that page itself.
func (p *Page[T]) HasNext() bool { return p != nil && p.next != nil }

// Cursor returns the value of After with which the list can be resumed after this page, later or elsewhere, with the
// same filters. It is "" if the response has no next link: such a list ends here for good. The last page of a list that
// grows, such as the System Log, is empty and has a cursor although HasNext is false: the list continues there.
func (p *Page[T]) Cursor() string {
	if p == nil {
		return ""
	}
	return p.cursor
}

// Next reads the next page. After an error it may be called again. On the last page, the error matches
// ErrInvalidArgument.
func (p *Page[T]) Next(ctx context.Context) (*Page[T], error) {
	if !p.HasNext() {
		return nil, invalid("there is no page after the last one")
	}
	next, err := p.next(ctx)
	if err == nil && next == nil {
		return nil, invalid("the function next of NewPage returned neither a page nor an error")
	}
	return next, err
}

// Pages returns this page and all that follow, each read when it is asked for. It ends after the last page or after
// one error.
func (p *Page[T]) Pages(ctx context.Context) iter.Seq2[*Page[T], error] {
	return func(yield func(*Page[T], error) bool) {
		if p == nil {
			yield(nil, invalid("the page is nil"))
			return
		}
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

// All returns the items of this page and of all that follow. It ends after the last item or after one error. A list
// was read to its end only if no error came.
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

package okta

import (
	"cmp"
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
//
// Each further page is requested with the same query and the cursor of the next link, after. Of the link's other
// parameters, only since is sent, if the request does not set it: by default, the System Log begins seven days ago, and
// the pages of one list must begin at the same time.
func List[T any](ctx context.Context, c *Client, req Request) (*Page[T], error) {
	if req.Method != "" && req.Method != http.MethodGet || req.Body != nil {
		return nil, invalid("a list is read with GET and without a body")
	}
	r, err := req.prepare()
	if err != nil {
		return nil, err
	}
	r.success = cmp.Or(r.success, http.StatusOK)
	r.query = clone(r.query)
	l := &lister[T]{service: &service{c}, request: r, decoder: wire.Array[T], since: true}
	return l.page(ctx, r.query, nil)
}

func clone(query url.Values) url.Values {
	copied := maps.Clone(query)
	for name, values := range copied {
		copied[name] = slices.Clone(values)
	}
	return copied
}

// list reads the first page of a list.
func list[T any](
	ctx context.Context, s *service, op operation, decoder func([]byte) ([]T, error), opts options, ids ...string,
) (*Page[T], error) {
	r, err := op.request(opts, ids)
	if err != nil {
		return nil, err
	}
	l := &lister[T]{service: s, request: r, decoder: decoder}
	return l.page(ctx, r.query, nil)
}

// lister reads the pages of a list.
type lister[T any] struct {
	service *service
	request request // for the first page
	decoder func([]byte) ([]T, error)
	since   bool // the parameter since of a next link is needed
}

// page reads the page to which query leads. before are the pages that led to it.
func (l *lister[T]) page(ctx context.Context, query url.Values, before *trail) (*Page[T], error) {
	r := l.request
	r.query = query
	a, err := l.service.send(ctx, r)
	if err != nil {
		return nil, err
	}
	items, err := l.decoder(a.body.Bytes())
	if err != nil {
		return nil, a.newError(err)
	}
	page := &Page[T]{Items: items, RequestID: a.requestID(), RateLimit: rateLimit(a.response.Header)}
	target, found, err := linkheader.Find(a.response.Header.Values("Link"), "next")
	if found {
		err = l.lead(page, target, &trail{maphash.String(trailSeed, query.Get("after")), before})
	}
	if err != nil {
		return nil, a.newError(err)
	}
	a.recycle()
	return page, nil
}

// lead leads page to its successor: to the first page's request with the cursor of the next link, whose target is
// given. What else the link says is not followed: its host may be that of the other side of a proxy, and another
// parameter might make a part of the list look like the whole.
func (l *lister[T]) lead(page *Page[T], target string, t *trail) error {
	linked := linkheader.Query(target)
	if page.cursor = linked.Get("after"); page.cursor == "" {
		return errors.New("the next link has no cursor")
	}
	here := maphash.String(trailSeed, page.cursor)
	if len(page.Items) == 0 && here == t.cursor {
		return nil // so the System Log ends: nothing has happened after this cursor yet
	}
	for seen := t; seen != nil; seen = seen.before {
		if seen.cursor == here {
			return errors.New("the next link leads back to a page that was read before")
		}
	}
	query := url.Values{}
	if l.since && linked.Has("since") {
		query.Set("since", linked.Get("since"))
	}
	maps.Copy(query, l.request.query)
	query.Set("after", page.cursor)
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

// Pages returns this page and all that follow, each read when it is asked for. The list is complete only if iteration
// ends without an error; after an error, it ends.
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

// All returns the items of this page and of all that follow. The list is complete only if iteration ends without an
// error; after an error, it ends.
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

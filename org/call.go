package org

import (
	"context"
	"net/url"
	"strings"

	"github.com/grantkit/okta"
)

// operation is one of Okta's operations, declared beside its function.
type operation struct {
	id      string // operationId
	method  string
	route   string // template of the path
	success int    // the status that means success
	single  bool   // it revokes a single token
}

// request returns a request for the operation, with IDs in place of the parameters of its route.
func (o operation) request(query url.Values, ids ...string) okta.Request {
	path := strings.Split(strings.TrimPrefix(o.route, "/"), "/")
	for i, segment := range path {
		if strings.HasPrefix(segment, "{") {
			path[i], ids = ids[0], ids[1:]
		}
	}
	return okta.Request{
		Method: o.method, Path: path, Query: query,
		Operation: o.id, Route: o.route, Success: o.success, Single: o.single,
	}
}

// list reads the first page of a list.
func list[T any](
	ctx context.Context, c *okta.Client, op operation, opts options, ids ...string,
) (*okta.Page[T], error) {
	query, err := opts.query()
	if err != nil {
		return nil, err
	}
	return okta.List[T](ctx, c, op.request(query, ids...))
}

// get reads one object.
func get[T any](ctx context.Context, c *okta.Client, op operation, opts options, ids ...string) (*T, error) {
	query, err := opts.query()
	if err != nil {
		return nil, err
	}
	object := new(T)
	if err := c.Do(ctx, op.request(query, ids...), object); err != nil {
		return nil, err
	}
	return object, nil
}

// do makes a request in whose response nothing is of interest.
func do(ctx context.Context, c *okta.Client, op operation, query url.Values, ids ...string) error {
	return c.Do(ctx, op.request(query, ids...), nil)
}

// tokenPage makes a page of tokens from one as Okta sends it, and so on for the pages that follow.
func tokenPage(page *okta.Page[tokenOnWire]) *okta.Page[okta.OAuth2RefreshToken] {
	tokens := make([]okta.OAuth2RefreshToken, len(page.Items))
	for i, token := range page.Items {
		tokens[i] = token.model()
	}
	var next func(context.Context) (*okta.Page[okta.OAuth2RefreshToken], error)
	if page.HasNext() {
		next = func(ctx context.Context) (*okta.Page[okta.OAuth2RefreshToken], error) {
			following, err := page.Next(ctx)
			if err != nil {
				return nil, err
			}
			return tokenPage(following), nil
		}
	}
	made := okta.NewPage(tokens, page.Cursor(), next)
	made.RequestID, made.RateLimit = page.RequestID, page.RateLimit
	return made
}

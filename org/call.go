package org

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/grantkit/okta"
)

// path is a path below /api/v1.
func path(segments ...string) []string { return slices.Concat([]string{"api", "v1"}, segments) }

// list reads the first page of a list below /api/v1.
func list[T any](ctx context.Context, c *okta.Client, opts options, segments ...string) (*okta.Page[T], error) {
	query, err := opts.query()
	if err != nil {
		return nil, err
	}
	return okta.List[T](ctx, c, okta.Request{Path: path(segments...), Query: query})
}

// get reads one object below /api/v1.
func get[T any](ctx context.Context, c *okta.Client, opts options, segments ...string) (*T, error) {
	query, err := opts.query()
	if err != nil {
		return nil, err
	}
	object := new(T)
	if err := c.Do(ctx, okta.Request{Path: path(segments...), Query: query}, object); err != nil {
		return nil, err
	}
	return object, nil
}

// revoke deletes what a path below /api/v1 names. Only a 204 counts as revoked: another 2xx may be the page of a
// gateway. [okta.Client.Do] takes every 2xx unless it has an object to decode, so revoke gives it one: a 204 is then
// the error of a response without a body.
func revoke(ctx context.Context, c *okta.Client, opts options, segments ...string) error {
	query, err := opts.query()
	if err != nil {
		return err
	}
	req := okta.Request{Method: http.MethodDelete, Path: path(segments...), Query: query}
	var object struct{}
	err = c.Do(ctx, req, &object)
	if response, ok := errors.AsType[*okta.Error](err); ok && response.StatusCode == http.StatusNoContent {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("okta: DELETE /%s: found an object in the response: only a 204 means revoked",
			strings.Join(req.Path, "/"))
	}
	return err
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

package org

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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
// gateway.
func revoke(ctx context.Context, c *okta.Client, query url.Values, segments ...string) error {
	req := okta.Request{Method: http.MethodDelete, Path: path(segments...), Query: query}
	err := c.Do(ctx, req, &struct{}{})
	if isEmpty(err, http.StatusNoContent) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("okta: DELETE /%s: found an object in the response: only a 204 means revoked",
			strings.Join(req.Path, "/"))
	}
	return err
}

// isEmpty reports whether err is that of a response with a status and without a body. Without an object to decode,
// [okta.Client.Do] accepts every 2xx, whatever its body is; with one, an empty body is an error that tells the status.
func isEmpty(err error, status int) bool {
	response, ok := errors.AsType[*okta.Error](err)
	return ok && response.StatusCode == status && len(response.Body) == 0
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

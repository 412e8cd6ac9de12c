package steps

import (
	"context"
	"errors"
	"iter"
	"net/http"

	"github.com/grantkit/okta"
)

// maxRestarts is how often a list is read from its beginning without getting further than before.
const maxRestarts = 3

// first reads the page of a list behind a cursor, or the first one.
type first[T any] func(after string) (*okta.Page[T], error)

// pages reads a list page by page, from the page behind a cursor on, each page by a call that is repeated if it must be.
// If Okta no longer knows the cursor, the list is read again from its beginning: then items come twice. An error ends it.
func pages[T any](
	ctx context.Context, j *Job, bucket string, from first[T], after string,
) iter.Seq2[*okta.Page[T], error] {
	return func(yield func(*okta.Page[T], error) bool) {
		var page *okta.Page[T]
		read, furthest, restarts := 0, 0, 0
		for {
			next, err := nextPage(ctx, j, bucket, from, after, page)
			switch {
			case isStale(err) && (page != nil || after != "") && restarts < maxRestarts:
				if read > furthest {
					furthest, restarts = read, 0
				}
				page, after, read = nil, "", 0
				restarts++
				continue
			case err != nil:
				yield(nil, err)
				return
			}
			read++
			if page = next; !yield(page, nil) || !page.HasNext() {
				return
			}
		}
	}
}

func nextPage[T any](
	ctx context.Context, j *Job, bucket string, from first[T], after string, page *okta.Page[T],
) (next *okta.Page[T], err error) {
	err = j.Call(ctx, bucket, func() (err error) {
		if page == nil {
			next, err = from(after)
			return err
		}
		next, err = page.Next(ctx)
		return err
	})
	return next, err
}

// items reads a list item by item, each once, told apart by a key. An error ends it.
func items[T any](
	ctx context.Context, j *Job, bucket string, from first[T], key func(*T) string,
) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		seen := map[string]bool{}
		for page, err := range pages(ctx, j, bucket, from, "") {
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range page.Items {
				id := key(&page.Items[i])
				if id != "" && seen[id] {
					continue
				}
				seen[id] = true
				if !yield(&page.Items[i], nil) {
					return
				}
			}
		}
	}
}

// isStale reports whether a request failed because of what it asked for: its cursor may have expired.
func isStale(err error) bool {
	response, ok := errors.AsType[*okta.Error](err)
	if !ok {
		return false
	}
	switch response.StatusCode {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusGone:
		return true
	}
	return false
}

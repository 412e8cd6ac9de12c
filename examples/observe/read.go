package main

import (
	"context"
	"strings"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/observe/traces"
)

// access is how much lets apps act for a user.
type access struct{ grants, tokens int }

// read reads all of a user's access in one trace.
func (o *observed) read(ctx context.Context, user string) (found access, err error) {
	ctx, span := o.tracer.Tracer.Start(ctx, "read access")
	defer span.End()
	userID, err := o.userID(ctx, user)
	if err != nil {
		return access{}, err
	}
	grants, err := list(ctx, o.tracer, func(ctx context.Context) (*okta.Page[okta.OAuth2ScopeConsentGrant], error) {
		return o.client.UserGrants.List(ctx, userID, &okta.ListUserGrantsOptions{Limit: 20})
	})
	if err != nil {
		return access{}, err
	}
	clients, err := list(ctx, o.tracer, func(ctx context.Context) (*okta.Page[okta.OAuth2Client], error) {
		path := []string{"api", "v1", "users", userID, "clients"}
		return okta.List[okta.OAuth2Client](ctx, o.client, okta.Request{Path: path})
	})
	if err != nil {
		return access{}, err
	}
	found.grants = len(grants)
	for _, client := range clients {
		tokens, err := list(ctx, o.tracer, func(ctx context.Context) (*okta.Page[okta.OAuth2RefreshToken], error) {
			return o.client.UserOAuth.ListRefreshTokens(ctx, userID, client.ClientID, nil)
		})
		if err != nil {
			return access{}, err
		}
		found.tokens += len(tokens)
	}
	return found, nil
}

// userID returns the ID of a user who is named by ID or login.
func (o *observed) userID(ctx context.Context, user string) (string, error) {
	if strings.HasPrefix(user, "00u") && !strings.Contains(user, "@") {
		return user, nil
	}
	var found struct {
		ID string `json:"id"`
	}
	err := o.tracer.Call(ctx, func(ctx context.Context) error {
		return o.client.Do(ctx, okta.Request{Path: []string{"api", "v1", "users", user}}, &found)
	})
	return found.ID, err
}

// list reads all pages of a list, each in a span of its own. After an error it returns nothing: a part would look like
// all.
func list[T any](
	ctx context.Context, tracer traces.Tracer, next func(context.Context) (*okta.Page[T], error),
) ([]T, error) {
	var items []T
	for {
		var page *okta.Page[T]
		err := tracer.Call(ctx, func(ctx context.Context) (err error) {
			page, err = next(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
		if !page.HasNext() {
			return items, nil
		}
		next = page.Next
	}
}

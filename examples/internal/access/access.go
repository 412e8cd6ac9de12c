// Package access reads what lets OAuth clients act for a user.
package access

import (
	"context"
	"strings"

	"github.com/grantkit/okta"
)

// Access is what lets apps act for a user.
type Access struct {
	Grants []okta.OAuth2ScopeConsentGrant
	Apps   []okta.OAuth2Client // those with grants or tokens
	Tokens []okta.OAuth2RefreshToken
}

// UserID returns the ID of a user who is named by ID or login. Below users/{userId}, Okta documents IDs only.
func UserID(ctx context.Context, client *okta.Client, user string) (string, error) {
	if !strings.Contains(user, "@") {
		return user, nil
	}
	var found struct {
		ID string `json:"id"`
	}
	err := client.Do(ctx, okta.Request{Path: []string{"api", "v1", "users", user}}, &found)
	return found.ID, err
}

// Read returns all of a user's access or, after an error, nothing: a part of it would look like all.
func Read(ctx context.Context, client *okta.Client, user string) (*Access, error) {
	user, err := UserID(ctx, client, user)
	if err != nil {
		return nil, err
	}
	var a Access
	grants, err := client.UserGrants.List(ctx, user, nil)
	if err != nil {
		return nil, err
	}
	if a.Grants, err = grants.Collect(ctx); err != nil {
		return nil, err
	}
	apps, err := okta.List[okta.OAuth2Client](ctx, client, okta.Request{Path: []string{"api", "v1", "users", user, "clients"}})
	if err != nil {
		return nil, err
	}
	if a.Apps, err = apps.Collect(ctx); err != nil {
		return nil, err
	}
	for _, app := range a.Apps {
		page, err := client.UserOAuth.ListRefreshTokens(ctx, user, app.ClientID, nil)
		if err != nil {
			return nil, err
		}
		tokens, err := page.Collect(ctx)
		if err != nil {
			return nil, err
		}
		a.Tokens = append(a.Tokens, tokens...)
	}
	return &a, nil
}

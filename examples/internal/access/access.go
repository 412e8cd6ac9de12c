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

// UserID returns the ID of a user who is named by ID or login. Okta documents the routes of grants and tokens for IDs
// only.
func UserID(ctx context.Context, client *okta.Client, user string) (string, error) {
	if strings.HasPrefix(user, "00u") && !strings.Contains(user, "@") { // as every ID of a user
		return user, nil
	}
	var found struct {
		ID string `json:"id"`
	}
	err := client.Do(ctx, okta.Request{Path: []string{"api", "v1", "users", user}}, &found)
	return found.ID, err
}

// Read returns all of a user's access or, after an error, nothing: a part of it would look like all.
func Read(ctx context.Context, client *okta.Client, userID string) (*Access, error) {
	var a Access
	grants, err := client.UserGrants.List(ctx, userID, nil)
	if err != nil {
		return nil, err
	}
	if a.Grants, err = grants.Collect(ctx); err != nil {
		return nil, err
	}
	clients := okta.Request{Path: []string{"api", "v1", "users", userID, "clients"}}
	apps, err := okta.List[okta.OAuth2Client](ctx, client, clients)
	if err != nil {
		return nil, err
	}
	if a.Apps, err = apps.Collect(ctx); err != nil {
		return nil, err
	}
	for _, app := range a.Apps {
		page, err := client.UserOAuth.ListRefreshTokens(ctx, userID, app.ClientID, nil)
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

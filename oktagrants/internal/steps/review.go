package steps

import (
	"context"
	"errors"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/org"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// reviewUser reads the consents of a user. Found is all of them, or is left as it is.
func (j *Job) reviewUser(ctx context.Context, task *ledger.Task) error {
	list := func(after string) (*okta.Page[okta.OAuth2ScopeConsentGrant], error) {
		return j.client.UserGrants.List(ctx, task.ID, &okta.ListUserGrantsOptions{After: after})
	}
	var found []ledger.Access
	for grant, err := range items(ctx, j, BucketUsers, list, grantID) {
		if err != nil {
			return err
		}
		found = append(found, consent(grant))
	}
	task.Found = found
	return nil
}

func grantID(grant *okta.OAuth2ScopeConsentGrant) string { return grant.ID }

func consent(grant *okta.OAuth2ScopeConsentGrant) ledger.Access {
	return ledger.Access{
		Kind:       ledger.Grant,
		ID:         grant.ID,
		ClientID:   grant.ClientID,
		ClientName: clientName(grant.Links),
		Issuer:     grant.Issuer,
		Status:     string(grant.Status),
		Source:     string(grant.Source),
		Scopes:     []string{grant.ScopeID},
		Created:    grant.Created,
		Updated:    grant.LastUpdated,
	}
}

// clientName is the name of the app to which a grant or token belongs, as its links have it.
func clientName(links okta.Links) string {
	for _, relation := range []string{"client", "app"} {
		if link, ok := links.Get(relation); ok && link.Title != "" {
			return link.Title
		}
	}
	return ""
}

// reviewApp reads the refresh tokens of an app.
func (j *Job) reviewApp(ctx context.Context, task *ledger.Task, tokens Tokens) error {
	return handOn(ctx, j, BucketApps, j.appTokens(ctx, task.ID), tokens)
}

func (j *Job) appTokens(ctx context.Context, appID string) first[okta.OAuth2RefreshToken] {
	return func(after string) (*okta.Page[okta.OAuth2RefreshToken], error) {
		return org.ListApplicationTokens(ctx, j.client, appID, &okta.ListOptions{After: after})
	}
}

func (j *Job) serverClients(ctx context.Context, serverID string) first[okta.OAuth2Client] {
	return func(string) (*okta.Page[okta.OAuth2Client], error) {
		return j.client.AuthorizationServerClients.List(ctx, serverID)
	}
}

func (j *Job) serverTokens(ctx context.Context, serverID, clientID string) first[okta.OAuth2RefreshToken] {
	return func(after string) (*okta.Page[okta.OAuth2RefreshToken], error) {
		opts := okta.ListOptions{After: after}
		return j.client.AuthorizationServerClients.ListRefreshTokens(ctx, serverID, clientID, &opts)
	}
}

// reviewServer reads the refresh tokens that a custom authorization server has issued, client by client.
func (j *Job) reviewServer(ctx context.Context, task *ledger.Task, tokens Tokens) error {
	for client, err := range items(ctx, j, BucketAPI, j.serverClients(ctx, task.ID), clientID) {
		if err != nil {
			return err
		}
		if err := handOn(ctx, j, BucketAPI, j.serverTokens(ctx, task.ID, client.ClientID), tokens); err != nil {
			return err
		}
	}
	return nil
}

// handOn hands all tokens on, page by page. One may come twice.
func handOn(
	ctx context.Context, j *Job, bucket string, list first[okta.OAuth2RefreshToken], tokens Tokens,
) error {
	for page, err := range pages(ctx, j, bucket, list, "") {
		if err != nil {
			return err
		}
		found := make([]ledger.Access, len(page.Items))
		for i := range page.Items {
			if found[i] = refreshToken(&page.Items[i]); found[i].ID == "" {
				return &fault{ClassServer, errors.New("the org listed a refresh token without an ID")}
			}
		}
		if err := tokens(ctx, found); err != nil {
			return &fault{ClassStorage, err}
		}
	}
	return nil
}

func refreshToken(token *okta.OAuth2RefreshToken) ledger.Access {
	return ledger.Access{
		Kind:       ledger.Token,
		ID:         token.ID,
		ClientID:   token.ClientID,
		ClientName: clientName(token.Links),
		UserID:     token.UserID,
		Issuer:     token.Issuer,
		Status:     string(token.Status),
		Scopes:     token.Scopes,
		Created:    token.Created,
		Updated:    token.LastUpdated,
		Expires:    token.ExpiresAt,
	}
}

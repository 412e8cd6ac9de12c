package steps

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/org"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// reviewUser reads the consents of a user. Found is all of them, or is left as it is.
func (j *Job) reviewUser(ctx context.Context, task *ledger.Task) error {
	var found []ledger.Access
	for grant, err := range items(ctx, j, BucketUsers, j.grantsOf(ctx, task.ID), grantID) {
		if err != nil {
			return err
		}
		access, err := j.scopes.Consent(ctx, grant)
		if err != nil {
			return fmt.Errorf("read the names of its scopes: %w", err)
		}
		found = append(found, access)
	}
	task.Found = found
	return nil
}

// The lists of grants and tokens, and what tells their items apart.

func (j *Job) grantsOf(ctx context.Context, userID string) first[okta.OAuth2ScopeConsentGrant] {
	return func(after string) (*okta.Page[okta.OAuth2ScopeConsentGrant], error) {
		return j.client.UserGrants.List(ctx, userID, &okta.ListUserGrantsOptions{After: after})
	}
}

func (j *Job) appTokens(ctx context.Context, appID string) first[okta.OAuth2RefreshToken] {
	return func(after string) (*okta.Page[okta.OAuth2RefreshToken], error) {
		return org.ListApplicationTokens(ctx, j.client, appID, &okta.ListOptions{After: after})
	}
}

func (j *Job) serverClients(ctx context.Context, serverID string) first[okta.OAuth2Client] {
	return func(string) (*okta.Page[okta.OAuth2Client], error) {
		return j.client.AuthorizationServerClients.List(ctx, serverID, nil)
	}
}

func (j *Job) serverTokens(ctx context.Context, serverID, clientID string) first[okta.OAuth2RefreshToken] {
	return func(after string) (*okta.Page[okta.OAuth2RefreshToken], error) {
		opts := okta.ListOptions{After: after}
		return j.client.AuthorizationServerClients.ListRefreshTokens(ctx, serverID, clientID, &opts)
	}
}

func grantID(grant *okta.OAuth2ScopeConsentGrant) string { return grant.ID }

func tokenID(token *okta.OAuth2RefreshToken) string { return token.ID }

func idOfClient(client *okta.OAuth2Client) string { return client.ClientID }

// Unnamed returns a grant as the ledger keeps it, without the name of its scope.
func Unnamed(grant *okta.OAuth2ScopeConsentGrant) ledger.Access {
	scope, _ := grant.Links.Get("scope")
	return ledger.Access{
		Kind:       ledger.Grant,
		ID:         grant.ID,
		ClientID:   grant.ClientID,
		ClientName: clientName(grant.Links),
		Issuer:     grant.Issuer,
		Status:     string(grant.Status),
		Source:     string(grant.Source),
		ScopeID:    grant.ScopeID,
		ScopeTitle: scope.Title,
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
	return handOn(ctx, j, BucketApps, j.appTokens(ctx, task.ID), task.ClientID(), tokens)
}

// reviewServer reads the refresh tokens that a custom authorization server has issued, client by client.
func (j *Job) reviewServer(ctx context.Context, task *ledger.Task, tokens Tokens) error {
	for client, err := range items(ctx, j, BucketAPI, j.serverClients(ctx, task.ID), idOfClient) {
		if err != nil {
			return err
		}
		list := j.serverTokens(ctx, task.ID, client.ClientID)
		if err := handOn(ctx, j, BucketAPI, list, client.ClientID, tokens); err != nil {
			return err
		}
	}
	return nil
}

// handOn hands all tokens of a client on, page by page. One may come twice.
func handOn(
	ctx context.Context, j *Job, bucket string, list first[okta.OAuth2RefreshToken], clientID string, tokens Tokens,
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
			found[i].ClientID = cmp.Or(found[i].ClientID, clientID)
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

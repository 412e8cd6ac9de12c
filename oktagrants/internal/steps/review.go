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
	page, err := j.client.UserGrants.List(ctx, task.ID, nil)
	if err != nil {
		return err
	}
	var found []ledger.Access
	for grant, err := range page.All(ctx) {
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
	page, err := org.ListApplicationTokens(ctx, j.client, task.ID, nil)
	if err != nil {
		return err
	}
	return handOn(ctx, page, task.ClientID(), tokens)
}

// reviewServer reads the refresh tokens that a custom authorization server has issued, client by client.
func (j *Job) reviewServer(ctx context.Context, task *ledger.Task, tokens Tokens) error {
	clients, err := j.client.AuthorizationServerClients.List(ctx, task.ID, nil)
	if err != nil {
		return err
	}
	for client, err := range clients.All(ctx) {
		if err != nil {
			return err
		}
		page, err := j.client.AuthorizationServerClients.ListRefreshTokens(ctx, task.ID, client.ClientID, nil)
		if err != nil {
			return err
		}
		if err := handOn(ctx, page, client.ClientID, tokens); err != nil {
			return err
		}
	}
	return nil
}

// handOn hands all tokens of a client on, page by page.
func handOn(
	ctx context.Context, first *okta.Page[okta.OAuth2RefreshToken], clientID string, tokens Tokens,
) error {
	for page, err := range first.Pages(ctx) {
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

package steps

import (
	"context"
	"errors"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/org"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// revokeTokens revokes the refresh tokens of the app: those that its own route reaches, and those on each custom
// authorization server. If asked to, it deactivates the app first, so that it gets no others meanwhile. What can be
// revoked is revoked, although something else fails.
func (j *Job) revokeTokens(ctx context.Context, task *ledger.Task) error {
	var failed error
	for _, step := range []func(context.Context, *ledger.Task) error{
		j.deactivate, j.revokeAppTokens, j.revokeServerTokens,
	} {
		err := step(ctx, task)
		failed = errors.Join(failed, err)
		if Stops(err) {
			break
		}
	}
	return failed
}

// deactivate deactivates the app unless it is inactive. It asks first: Okta documents it for active apps only.
func (j *Job) deactivate(ctx context.Context, task *ledger.Task) error {
	if !j.args.Deactivate {
		return nil
	}
	var app *org.Application
	err := j.Call(ctx, BucketApps, func() (err error) {
		app, err = org.GetApplication(ctx, j.client, task.ID)
		return err
	})
	if err != nil {
		return err
	}
	if task.Status = string(app.Status); app.Status == org.StatusInactive {
		return nil
	}
	err = j.Call(ctx, BucketApps, func() error { return org.DeactivateApplication(ctx, j.client, task.ID) })
	if err != nil {
		return err
	}
	task.Status = string(org.StatusInactive)
	revoked(task, ledger.Revoked{What: App, ClientID: task.ID})
	return nil
}

func (j *Job) revokeAppTokens(ctx context.Context, task *ledger.Task) error {
	err := j.Call(ctx, BucketApps, func() error { return org.RevokeApplicationTokens(ctx, j.client, task.ID) })
	if err != nil {
		return err
	}
	revoked(task, ledger.Revoked{What: RefreshTokens, ClientID: task.ID})
	return nil
}

// revokeServerTokens revokes the app's tokens on the custom authorization servers that have some.
func (j *Job) revokeServerTokens(ctx context.Context, task *ledger.Task) error {
	return j.eachServer(ctx, func(serverID string) error {
		has, err := j.hasTokens(ctx, serverID, task.ID)
		if err != nil || !has {
			return err
		}
		err = j.Call(ctx, BucketAPI, func() error {
			return j.client.AuthorizationServerClients.RevokeAllRefreshTokens(ctx, serverID, task.ID)
		})
		if err != nil {
			return err
		}
		revoked(task, ledger.Revoked{What: RefreshTokens, ClientID: task.ID, ServerID: serverID})
		return nil
	})
}

// eachServer calls do for each custom authorization server, although it fails for some.
func (j *Job) eachServer(ctx context.Context, do func(serverID string) error) error {
	list := func(after string) (*okta.Page[org.AuthorizationServer], error) { return j.servers(ctx, after) }
	var failed error
	for server, err := range items(ctx, j, BucketAPI, list, func(s *org.AuthorizationServer) string { return s.ID }) {
		if err != nil {
			return errors.Join(failed, err)
		}
		err := do(server.ID)
		failed = errors.Join(failed, err)
		if Stops(err) {
			break
		}
	}
	return failed
}

// hasTokens reports whether an app is among those that have tokens on an authorization server.
func (j *Job) hasTokens(ctx context.Context, serverID, appID string) (bool, error) {
	for client, err := range items(ctx, j, BucketAPI, j.serverClients(ctx, serverID), clientID) {
		if err != nil {
			return false, err
		}
		if client.ClientID == appID {
			return true, nil
		}
	}
	return false, nil
}

// revokeConsents revokes the consents of one user to the app.
func (j *Job) revokeConsents(ctx context.Context, task *ledger.Task) error {
	err := j.userCall(ctx, func() error {
		return j.client.UserGrants.RevokeAllForClient(ctx, task.ID, j.args.Client)
	})
	if err != nil {
		return err
	}
	revoked(task, ledger.Revoked{What: Grants, ClientID: j.args.Client})
	return nil
}

// verifyTokens reads whether the app still has refresh tokens.
func (j *Job) verifyTokens(ctx context.Context) error {
	has, err := hasLive(ctx, j, BucketApps, j.appTokens(ctx, j.args.Client), tokenStatus)
	if err != nil {
		return err
	}
	var where []string
	if has {
		where = append(where, "itself")
	}
	err = j.eachServer(ctx, func(serverID string) error {
		has, err := hasLive(ctx, j, BucketAPI, j.serverTokens(ctx, serverID, j.args.Client), tokenStatus)
		if has {
			where = append(where, "on the authorization server "+serverID)
		}
		return err
	})
	return errors.Join(err, left("tokens of the app "+j.args.Client, where))
}

func tokenStatus(token *okta.OAuth2RefreshToken) okta.Status { return token.Status }

// verifyConsents reads whether a user still has consents to the app.
func (j *Job) verifyConsents(ctx context.Context, task *ledger.Task) error {
	list := func(after string) (*okta.Page[okta.OAuth2ScopeConsentGrant], error) {
		return j.client.UserGrants.ListForClient(ctx, task.ID, j.args.Client, &okta.ListOptions{After: after})
	}
	has, err := hasLive(ctx, j, BucketUsers, list, func(g *okta.OAuth2ScopeConsentGrant) okta.Status { return g.Status })
	if err != nil || !has {
		return err
	}
	return left("consents to the app", []string{j.args.Client})
}

// hasLive reports whether a list has an item that is not revoked.
func hasLive[T any](
	ctx context.Context, j *Job, bucket string, list first[T], status func(*T) okta.Status,
) (bool, error) {
	for page, err := range pages(ctx, j, bucket, list, "") {
		if err != nil {
			return false, err
		}
		for i := range page.Items {
			if status(&page.Items[i]) != okta.StatusRevoked {
				return true, nil
			}
		}
	}
	return false, nil
}

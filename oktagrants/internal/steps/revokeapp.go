package steps

import (
	"context"
	"errors"
	"fmt"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/org"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// revokeTokens revokes the refresh tokens of the app: those that its own route reaches, and those on each custom
// authorization server. If asked to, it deactivates the app first, so that it gets no others meanwhile. What can be
// revoked is revoked, although something else fails.
func (j *Job) revokeTokens(ctx context.Context, task *ledger.Task) error {
	app, err := j.appOf(ctx, task)
	if err != nil {
		return err
	}
	var failed error
	for _, step := range []func(context.Context, *ledger.Task, *org.Application) error{
		j.deactivate, j.revokeAppTokens, j.revokeServerTokens,
	} {
		err := step(ctx, task, app)
		failed = errors.Join(failed, err)
		if Stops(err) {
			break
		}
	}
	return failed
}

// deactivate deactivates the app unless it is inactive. It asks first: Okta documents it for active apps only.
func (j *Job) deactivate(ctx context.Context, task *ledger.Task, app *org.Application) error {
	if !j.args.Deactivate {
		return nil
	}
	inactive, err := j.isInactive(ctx, task)
	if err != nil || inactive {
		return err
	}
	err = j.Call(ctx, BucketApps, func() error { return org.DeactivateApplication(ctx, j.client, app.ID) })
	if err != nil {
		return err
	}
	revoked(task, ledger.Revoked{What: App, ClientID: app.ClientID()})
	return nil
}

// isInactive reads the state of the app, which the task keeps.
func (j *Job) isInactive(ctx context.Context, task *ledger.Task) (bool, error) {
	var app *org.Application
	err := j.Call(ctx, bucketApp, func() (err error) {
		app, err = org.GetApplication(ctx, j.client, task.ID)
		return err
	})
	if err != nil {
		return false, err
	}
	if app.ID != task.ID {
		return false, &fault{ClassServer, fmt.Errorf("for the app %q, Okta returned another one: %q", task.ID, app.ID)}
	}
	task.Status = string(app.Status)
	return app.Status == org.StatusInactive, nil
}

func (j *Job) revokeAppTokens(ctx context.Context, task *ledger.Task, app *org.Application) error {
	err := j.Call(ctx, BucketApps, func() error { return org.RevokeApplicationTokens(ctx, j.client, app.ID) })
	if err != nil {
		return err
	}
	revoked(task, ledger.Revoked{What: RefreshTokens, ClientID: app.ClientID()})
	return nil
}

// revokeServerTokens revokes the app's tokens on the custom authorization servers that have some.
func (j *Job) revokeServerTokens(ctx context.Context, task *ledger.Task, app *org.Application) error {
	return j.eachServer(ctx, func(serverID string) error {
		has, err := j.hasTokens(ctx, serverID, app.ClientID())
		if err != nil || !has {
			return err
		}
		err = j.Call(ctx, BucketAPI, func() error {
			return j.client.AuthorizationServerClients.RevokeAllRefreshTokens(ctx, serverID, app.ClientID())
		})
		if err != nil {
			return err
		}
		revoked(task, ledger.Revoked{What: RefreshTokens, ClientID: app.ClientID(), ServerID: serverID})
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

// hasTokens reports whether a client is among those that have tokens on an authorization server.
func (j *Job) hasTokens(ctx context.Context, serverID, clientID string) (bool, error) {
	for client, err := range items(ctx, j, BucketAPI, j.serverClients(ctx, serverID), idOfClient) {
		if err != nil {
			return false, err
		}
		if client.ClientID == clientID {
			return true, nil
		}
	}
	return false, nil
}

// revokeConsents revokes the consents of one user to the app.
func (j *Job) revokeConsents(ctx context.Context, task *ledger.Task) error {
	app, err := j.app(ctx)
	if err != nil {
		return err
	}
	err = j.userCall(ctx, func() error {
		return j.client.UserGrants.RevokeAllForClient(ctx, task.ID, app.ClientID())
	})
	if err != nil {
		return err
	}
	revoked(task, ledger.Revoked{What: Grants, ClientID: app.ClientID()})
	return nil
}

// verifyApp reads whether the app still has refresh tokens, and whether it is inactive if that was asked for.
func (j *Job) verifyApp(ctx context.Context, task *ledger.Task) error {
	app, err := j.appOf(ctx, task)
	if err != nil {
		return err
	}
	inactive := j.verifyInactive(ctx, task)
	if Stops(inactive) {
		return inactive
	}
	return errors.Join(inactive, j.verifyTokens(ctx, app))
}

func (j *Job) verifyInactive(ctx context.Context, task *ledger.Task) error {
	if !j.args.Deactivate {
		return nil
	}
	inactive, err := j.isInactive(ctx, task)
	if err != nil || inactive {
		return err
	}
	return fmt.Errorf("%w: the app %s is not inactive: its status is %q", ErrLeft, task.ID, task.Status)
}

// verifyTokens reads whether the app still has refresh tokens. An org may return none for a client that it does not know,
// so that a list for one client proves nothing: what is read are the tokens of the app, which exists, and for each custom
// authorization server the list of its clients.
func (j *Job) verifyTokens(ctx context.Context, app *org.Application) error {
	has, err := hasLive(ctx, j, BucketApps, j.appTokens(ctx, app.ID))
	if err != nil {
		return err
	}
	var where []string
	if has {
		where = append(where, "itself")
	}
	err = j.eachServer(ctx, func(serverID string) error {
		has, err := j.hasLiveTokens(ctx, serverID, app.ClientID())
		if has {
			where = append(where, "on the authorization server "+serverID)
		}
		return err
	})
	return errors.Join(err, left("tokens of the app "+app.ID, where))
}

// hasLiveTokens reports whether a client is among those that have tokens on an authorization server, and has one that is
// not revoked.
func (j *Job) hasLiveTokens(ctx context.Context, serverID, clientID string) (bool, error) {
	has, err := j.hasTokens(ctx, serverID, clientID)
	if err != nil || !has {
		return false, err
	}
	return hasLive(ctx, j, BucketAPI, j.serverTokens(ctx, serverID, clientID))
}

// verifyConsents reads whether a user still has consents to the app. It reads all consents of the user: an org may return
// none for a client that it does not know.
func (j *Job) verifyConsents(ctx context.Context, task *ledger.Task) error {
	app, err := j.app(ctx)
	if err != nil {
		return err
	}
	for grant, err := range items(ctx, j, BucketUsers, j.grantsOf(ctx, task.ID), grantID) {
		if err != nil {
			return err
		}
		if grant.Status != okta.StatusRevoked && isOf(grant, app) {
			return left("consents to the app", []string{app.ID})
		}
	}
	return nil
}

// isOf reports whether a grant is a consent to an app: by its client ID, or by its link to the app.
func isOf(grant *okta.OAuth2ScopeConsentGrant, app *org.Application) bool {
	link, _ := grant.Links.Get("app")
	return grant.ClientID == app.ClientID() || segmentAfter(link.Href, "apps") == app.ID
}

// hasLive reports whether a list has a token that is not revoked.
func hasLive(
	ctx context.Context, j *Job, bucket string, list first[okta.OAuth2RefreshToken],
) (bool, error) {
	for token, err := range items(ctx, j, bucket, list, tokenID) {
		if err != nil {
			return false, err
		}
		if token.Status != okta.StatusRevoked {
			return true, nil
		}
	}
	return false, nil
}

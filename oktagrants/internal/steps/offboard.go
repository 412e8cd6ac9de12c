package steps

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/org"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// What was revoked, in ledger.Revoked.
const (
	Sessions      = "sessions"
	RefreshTokens = "tokens"
	Grants        = "grants"
	App           = "app" // deactivated
)

// revoked notes on a task that something was revoked.
func revoked(task *ledger.Task, what ledger.Revoked) {
	what.At = time.Now()
	task.Revoked = append(task.Revoked, what)
}

// offboard ends the sessions of a user with the tokens, or the tokens of each client if sessions are kept, and revokes
// the consents. What can be revoked is revoked, although something else fails.
func (j *Job) offboard(ctx context.Context, task *ledger.Task) error {
	end := j.endSessions
	if j.args.KeepSessions {
		end = j.endTokens
	}
	err := end(ctx, task)
	if hasNoUser(err) || Stops(err) {
		return err
	}
	return errors.Join(err, j.endConsents(ctx, task))
}

func (j *Job) endSessions(ctx context.Context, task *ledger.Task) error {
	opts := org.RevokeUserSessionsOptions{OAuthTokens: true}
	err := j.userCall(ctx, func() error { return org.RevokeUserSessions(ctx, j.client, task.ID, &opts) })
	if err != nil {
		return err
	}
	revoked(task, ledger.Revoked{What: Sessions})
	revoked(task, ledger.Revoked{What: RefreshTokens})
	return nil
}

// endTokens revokes the refresh tokens of each client that has some of the user, or consents.
func (j *Job) endTokens(ctx context.Context, task *ledger.Task) error {
	clients, err := j.clientsOf(ctx, task.ID)
	if err != nil {
		return err
	}
	task.Found = clients
	var failed []error
	for _, client := range clients {
		err := j.userCall(ctx, func() error {
			return j.client.UserOAuth.RevokeAllRefreshTokens(ctx, task.ID, client.ClientID)
		})
		if Stops(err) {
			return err
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		revoked(task, ledger.Revoked{What: RefreshTokens, ClientID: client.ClientID})
	}
	return errors.Join(failed...)
}

func (j *Job) endConsents(ctx context.Context, task *ledger.Task) error {
	err := j.userCall(ctx, func() error { return j.client.UserGrants.RevokeAll(ctx, task.ID) })
	if err != nil {
		return err
	}
	revoked(task, ledger.Revoked{What: Grants})
	return nil
}

// clientsOf lists the clients that have consents or tokens of a user.
func (j *Job) clientsOf(ctx context.Context, userID string) ([]ledger.Access, error) {
	list := func(string) (*okta.Page[okta.OAuth2Client], error) { return org.ListUserClients(ctx, j.client, userID) }
	var clients []ledger.Access
	for client, err := range items(ctx, j, BucketUsers, list, idOfClient) {
		if err != nil {
			return nil, err
		}
		clients = append(clients, ledger.Access{
			Kind: ledger.Client, ClientID: client.ClientID, ClientName: client.ClientName,
		})
	}
	return clients, nil
}

// verifyOffboarded reads whether a client still has consents or tokens of a user.
func (j *Job) verifyOffboarded(ctx context.Context, task *ledger.Task) error {
	clients, err := j.clientsOf(ctx, task.ID)
	if err != nil {
		return err
	}
	ids := make([]string, len(clients))
	for i, client := range clients {
		ids[i] = client.ClientID
	}
	return left("grants or tokens of the clients", ids)
}

// maxNamed is how many IDs the error of something left names.
const maxNamed = 10

// left is the error for things that are left, and nil if there are none.
func left(what string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	named := strings.Join(ids[:min(len(ids), maxNamed)], ", ")
	if len(ids) > maxNamed {
		named += fmt.Sprintf(" and %d more", len(ids)-maxNamed)
	}
	return fmt.Errorf("%w: %s %s", ErrLeft, what, named)
}

package steps

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/org"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// FindApp finds the app with an ID, or else the one with a client ID: that of an app need not be its ID. The first takes
// one call, the second one for each 200 apps more. It is an error if several apps have the client ID, and matches
// [okta.ErrNotFound] if none has.
func FindApp(ctx context.Context, client *okta.Client, given string) (*org.Application, error) {
	app, err := org.GetApplication(ctx, client, given)
	switch {
	case errors.Is(err, okta.ErrNotFound):
		return findByClientID(ctx, client, given, err)
	case err != nil:
		return nil, err
	case app.ID == "" || app.ID != given && app.ClientID() != given:
		return nil, &fault{ClassServer, fmt.Errorf("for the app %q, Okta returned another one: %q", given, app.ID)}
	}
	return app, nil
}

func findByClientID(
	ctx context.Context, client *okta.Client, clientID string, missing error,
) (found *org.Application, err error) {
	page, err := org.ListApplications(ctx, client, &org.ListApplicationsOptions{IncludeNonDeleted: true})
	if err != nil {
		return nil, err
	}
	for app, err := range page.All(ctx) {
		switch {
		case err != nil:
			return nil, err
		case app.ID == "" || app.ClientID() != clientID:
		case found != nil:
			return nil, &fault{ClassInvalid, fmt.Errorf("the apps %q and %q have the client ID %q: name one by its ID",
				found.ID, app.ID, clientID)}
		default:
			found = app
		}
	}
	if found == nil {
		return nil, missing
	}
	return found, nil
}

// appOnce finds the app of a revoke-app, and keeps it.
type appOnce struct {
	mu  sync.Mutex
	app *org.Application
}

// appOf returns the app of its task.
func (j *Job) appOf(ctx context.Context, task *ledger.Task) (*org.Application, error) {
	if task.Login == "" { // a task of an older version
		return j.app(ctx)
	}
	app := org.Application{ID: task.ID}
	app.Credentials.OAuthClient.ClientID = task.ClientID()
	return &app, nil
}

// app returns the app of a revoke-app. The first who asks reads it.
func (j *Job) app(ctx context.Context) (*org.Application, error) {
	j.found.mu.Lock()
	defer j.found.mu.Unlock()
	if j.found.app != nil {
		return j.found.app, nil
	}
	var app *org.Application
	err := j.Call(ctx, bucketApp, func() (err error) {
		app, err = FindApp(ctx, j.client, j.args.Client)
		return err
	})
	if errors.Is(err, okta.ErrNotFound) {
		return nil, &fault{ClassNotFound, fmt.Errorf(
			"the app %q does not exist in %s, neither by ID nor by client ID, or these credentials cannot see it: %w", j.args.Client, j.org, err)}
	}
	if err != nil {
		return nil, err
	}
	j.found.app = app
	return app, nil
}

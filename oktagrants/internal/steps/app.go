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
// one call, the second one for each 200 apps more; so does an app whose client ID is not its ID, for that may be the
// client ID of another. It is an error if several apps are meant, and matches [okta.ErrNotFound] if none is.
func FindApp(ctx context.Context, client *okta.Client, given string) (*org.Application, error) {
	app, err := org.GetApplication(ctx, client, given)
	switch {
	case errors.Is(err, okta.ErrNotFound):
		return findByClientID(ctx, client, given, err)
	case err != nil:
		return nil, err
	case app.ID == "" || app.ID != given && app.ClientID() != given:
		return nil, &fault{ClassServer, fmt.Errorf("for the app %q, Okta returned another one: %q", given, app.ID)}
	case app.ClientID() != given:
		if err := noOtherClient(ctx, client, app); err != nil {
			return nil, err
		}
	}
	return app, nil
}

// noOtherClient is an error if the ID of an app is the client ID of another one.
func noOtherClient(ctx context.Context, client *okta.Client, app *org.Application) error {
	other, err := findByClientID(ctx, client, app.ID, nil)
	if err != nil || other == nil {
		return err
	}
	return &fault{ClassInvalid, fmt.Errorf("%q is the ID of one app and the client ID of another: "+
		"for the first (%s) give its client ID, %q, for the other (%s) its ID, %q",
		app.ID, app.Label, app.ClientID(), other.Label, other.ID)}
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
	mu       sync.Mutex
	app      *org.Application
	recorded *ledger.Task // that of the app in the ledger, if there is one
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

// NeedsApp reports whether [Job.KeepApp] has something to keep: the job is about an app that it has not found yet.
func (j *Job) NeedsApp() bool {
	j.found.mu.Lock()
	defer j.found.mu.Unlock()
	return j.kind == ledger.RevokeApp && j.found.app == nil && j.found.recorded == nil
}

// KeepApp makes the app that a run has recorded that of the job. What the caller gave may name another app by now: the
// client ID of an app that was deleted can be given to another one.
func (j *Job) KeepApp(task *ledger.Task) {
	j.found.mu.Lock()
	defer j.found.mu.Unlock()
	if task.Login != "" { // as it is in a task of an older version
		j.found.recorded = task
	}
}

// recordedApp is the app that the run has recorded, if it still has its client ID, or if nobody has.
func (j *Job) recordedApp(ctx context.Context) (*org.Application, error) {
	task := j.found.recorded
	app, err := org.GetApplication(ctx, j.client, task.ID)
	if errors.Is(err, okta.ErrNotFound) {
		app, err = findByClientID(ctx, j.client, task.ClientID(), err)
		if errors.Is(err, okta.ErrNotFound) {
			return j.appOf(ctx, task)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case app.ID != task.ID || app.ClientID() != task.ClientID():
		return nil, &fault{ClassInvalid, fmt.Errorf("the run is about the app %q with the client ID %q, but now the app %q has "+
			"the client ID %q: begin another run", task.ID, task.ClientID(), app.ID, app.ClientID())}
	}
	return app, nil
}

// app returns the app of a revoke-app. The first who asks reads it, unless the run has recorded it.
func (j *Job) app(ctx context.Context) (*org.Application, error) {
	j.found.mu.Lock()
	defer j.found.mu.Unlock()
	if j.found.app != nil {
		return j.found.app, nil
	}
	var app *org.Application
	err := j.Call(ctx, bucketApp, func() (err error) {
		if j.found.recorded != nil {
			app, err = j.recordedApp(ctx)
			return err
		}
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

package steps

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/org"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// userID matches the IDs that Okta gives to users.
var userID = regexp.MustCompile(`^00u[0-9A-Za-z]+$`)

// Resolve finds the user whom a task names by login, and sets the task's ID, Login, Name and Status. What looks like an
// ID is taken for one, with no call. It is an error if Okta returns another user than the one who was asked for.
func (j *Job) Resolve(ctx context.Context, task *ledger.Task) error {
	if task.ID != "" {
		return nil
	}
	if userID.MatchString(task.Given) {
		task.ID = task.Given
		return nil
	}
	user, err := j.find(ctx, task.Given)
	if err != nil {
		return err
	}
	if user.ID == "" || !names(task.Given, user) {
		return &fault{ClassInvalid, fmt.Errorf("for %q, Okta returned another user: %q (%s)",
			task.Given, user.Profile.Login, user.ID)}
	}
	task.ID, task.Login, task.Name, task.Status = user.ID, user.Profile.Login, user.DisplayName(), string(user.Status)
	return nil
}

// find reads the user with a login. One that cannot be a segment of a path is searched for.
func (j *Job) find(ctx context.Context, login string) (*org.User, error) {
	if !strings.ContainsAny(login, `/\;`) {
		var user *org.User
		err := j.userCall(ctx, func() (err error) {
			user, err = org.GetUser(ctx, j.client, login)
			return err
		})
		return user, err
	}
	filter := "profile.login eq " + quote(login)
	list := func(after string) (*okta.Page[org.User], error) {
		return org.ListUsers(ctx, j.client, &org.ListUsersOptions{Filter: filter, After: after})
	}
	var found *org.User
	for user, err := range items(ctx, j, BucketUsers, list, userKey) {
		if err != nil {
			return nil, err
		}
		if found != nil {
			return nil, &fault{ClassInvalid, fmt.Errorf("several users have the login %q", login)}
		}
		found = user
	}
	if found == nil {
		return nil, fmt.Errorf("no user has the login %q: %w", login, okta.ErrNotFound)
	}
	return found, nil
}

func userKey(user *org.User) string { return user.ID }

// quote writes a string as a filter expression has it.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// names reports whether a user is the one who was given by ID, login or the login's short name.
func names(given string, user *org.User) bool {
	short, _, _ := strings.Cut(user.Profile.Login, "@")
	return given == user.ID || strings.EqualFold(given, user.Profile.Login) || strings.EqualFold(given, short)
}

// hasNoUser reports whether a request failed because its user does not exist, or may not.
func hasNoUser(err error) bool {
	return Class(err) == ClassNotFound && (missing(err) == "" || missing(err) == resources[ledger.User])
}

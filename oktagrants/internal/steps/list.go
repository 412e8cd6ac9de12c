package steps

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/org"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// Add takes tasks of a job, the cursor behind them, and whether they are the last.
type Add func(tasks []ledger.Task, cursor string, last bool) error

// source is one list of which a job's tasks are made. read goes on behind after, which is empty at the beginning; with
// the last tasks it passes on no next place.
type source struct {
	name string
	read func(ctx context.Context, after string, add func(tasks []ledger.Task, next string) error) error
}

// complete is the cursor behind the last task.
const complete = "end"

// batch is how many tasks from a file or a ledger are added at once.
const batch = 500

// List lists the job's tasks, from a cursor that it passed to add before, or from the beginning if that is empty. A
// cursor names the source and a place in it, such as "users:abc". If Okta no longer knows the place, that source is
// read from its beginning: add must skip tasks that it has.
func (j *Job) List(ctx context.Context, cursor string, add Add) error {
	if cursor == complete {
		return nil
	}
	sources := j.sources()
	at := 0
	name, after, _ := strings.Cut(cursor, ":")
	if cursor != "" {
		at = slices.IndexFunc(sources, func(s source) bool { return s.name == name })
	}
	if at < 0 {
		return &fault{ClassInvalid, fmt.Errorf("the list cannot be resumed: this job has no source %q", name)}
	}
	for i := at; i < len(sources); i++ {
		behind := complete
		if i+1 < len(sources) {
			behind = sources[i+1].name + ":"
		}
		err := sources[i].read(ctx, after, func(tasks []ledger.Task, next string) error {
			if next == "" {
				return add(tasks, behind, behind == complete)
			}
			return add(tasks, sources[i].name+":"+next, false)
		})
		if err != nil {
			return err
		}
		after = ""
	}
	return nil
}

// sources are the lists of the job's tasks, in their order.
func (j *Job) sources() []source {
	switch {
	case j.kind == ledger.Review && j.args.Tokens:
		return []source{j.users(), {"apps", j.listApps}, {"servers", j.listServers}}
	case j.kind == ledger.RevokeApp && j.args.UsersOf == Assigned:
		return []source{{"app", j.listApp}, {"assigned", j.listAssigned}}
	case j.kind == ledger.RevokeApp && j.args.UsersOf == Reviewed:
		return []source{{"app", j.listApp}, {"review", j.listReviewed}}
	case j.kind == ledger.RevokeApp:
		return []source{{"app", j.listApp}, j.users()}
	}
	return []source{j.users()}
}

func (j *Job) users() source {
	switch {
	case j.input != nil:
		return source{"input", j.listInput}
	case j.args.Group != "":
		return source{"group", j.listGroup}
	}
	return source{"users", j.listUsers}
}

// everyone matches all users. Without a filter, Okta leaves out those who are deprovisioned; with one that names
// statuses, it would leave out those in a status that is not documented.
const everyone = `lastUpdated ge "1970-01-01T00:00:00.000Z"`

func (j *Job) listUsers(ctx context.Context, after string, add func([]ledger.Task, string) error) error {
	opts := org.ListUsersOptions{Search: j.args.Search}
	if opts.Search == "" {
		opts.Filter = everyone
	}
	first := func(after string) (*okta.Page[org.User], error) {
		opts.After = after
		return org.ListUsers(ctx, j.client, &opts)
	}
	return addAll(ctx, j, BucketUsers, first, after, userTask, j.unlessNone(ctx, after, add))
}

func (j *Job) listGroup(ctx context.Context, after string, add func([]ledger.Task, string) error) error {
	first := func(after string) (*okta.Page[org.User], error) {
		return org.ListGroupUsers(ctx, j.client, j.args.Group, &org.ListGroupUsersOptions{After: after})
	}
	return addAll(ctx, j, bucketGroups, first, after, userTask, j.unlessNone(ctx, after, add))
}

// unlessNone is add for a list of users that must not be taken for empty if the org shows no users at all. A cursor is
// passed on once there was a user before it, so that a list that is resumed is not empty.
func (j *Job) unlessNone(
	ctx context.Context, after string, add func([]ledger.Task, string) error,
) func([]ledger.Task, string) error {
	found := after != ""
	return func(tasks []ledger.Task, next string) error {
		found = found || len(tasks) > 0
		if found {
			return add(tasks, next)
		}
		if next != "" {
			return nil
		}
		if err := j.showsUsers(ctx); err != nil {
			return err
		}
		return add(tasks, next)
	}
}

// showsUsers is an error if the org lists no users: it returns an empty list, not an error, to a service app without an
// administrator role.
func (j *Job) showsUsers(ctx context.Context) error {
	list := func(after string) (*okta.Page[org.User], error) {
		return org.ListUsers(ctx, j.client, &org.ListUsersOptions{Limit: 1, Filter: everyone, After: after})
	}
	for page, err := range pages(ctx, j, BucketUsers, list, "") {
		if err != nil || len(page.Items) > 0 {
			return err
		}
	}
	return &fault{ClassForbidden, fmt.Errorf("%s lists no users at all, as it does for credentials that may see none", j.org)}
}

func userTask(user *org.User) (ledger.Task, bool) {
	return ledger.Task{
		Kind: ledger.User, ID: user.ID, Login: user.Profile.Login, Name: user.DisplayName(), Status: string(user.Status),
	}, true
}

func (j *Job) listAssigned(ctx context.Context, after string, add func([]ledger.Task, string) error) error {
	first := func(after string) (*okta.Page[org.ApplicationUser], error) {
		app, err := j.app(ctx)
		if err != nil {
			return nil, err
		}
		return org.ListApplicationUsers(ctx, j.client, app.ID, &org.ListApplicationUsersOptions{After: after})
	}
	return addAll(ctx, j, BucketApps, first, after, assignedTask, j.unlessNone(ctx, after, add))
}

// assignedTask takes the name that the app has for the user for a name only: it need not be the login.
func assignedTask(user *org.ApplicationUser) (ledger.Task, bool) {
	return ledger.Task{Kind: ledger.User, ID: user.ID, Name: user.Credentials.UserName}, true
}

func (j *Job) listApps(ctx context.Context, after string, add func([]ledger.Task, string) error) error {
	first := func(after string) (*okta.Page[org.Application], error) {
		opts := org.ListApplicationsOptions{After: after, IncludeNonDeleted: true}
		return org.ListApplications(ctx, j.client, &opts)
	}
	return addAll(ctx, j, BucketApps, first, after, appTask, add)
}

func appTask(app *org.Application) (ledger.Task, bool) {
	return ledger.Task{
		Kind: ledger.App, ID: app.ID, Login: app.ClientID(), Name: app.Label, Status: string(app.Status),
	}, isOAuthClient(app)
}

// isOAuthClient reports whether an app can have refresh tokens and consents. An app that says nothing of how its users
// sign on may be one.
func isOAuthClient(app *org.Application) bool {
	return app.SignOnMode == "" || app.SignOnMode == "OPENID_CONNECT"
}

func (j *Job) listServers(ctx context.Context, after string, add func([]ledger.Task, string) error) error {
	first := func(after string) (*okta.Page[org.AuthorizationServer], error) { return j.servers(ctx, after) }
	return addAll(ctx, j, BucketAPI, first, after, serverTask, add)
}

func serverTask(server *org.AuthorizationServer) (ledger.Task, bool) {
	return ledger.Task{Kind: ledger.Server, ID: server.ID, Name: server.Name, Status: string(server.Status)}, true
}

// servers lists the custom authorization servers. An org that does not have the feature has none.
func (j *Job) servers(ctx context.Context, after string) (*okta.Page[org.AuthorizationServer], error) {
	page, err := org.ListAuthorizationServers(ctx, j.client, &org.ListAuthorizationServersOptions{After: after})
	if featureNotEnabled(err) {
		return &okta.Page[org.AuthorizationServer]{}, nil
	}
	return page, err
}

// addAll adds the tasks of the items of a list that are any, from the page behind a cursor on.
func addAll[T any](
	ctx context.Context, j *Job, bucket string, from first[T], after string,
	task func(*T) (ledger.Task, bool), add func([]ledger.Task, string) error,
) error {
	for page, err := range pages(ctx, j, bucket, from, after) {
		if err != nil {
			return err
		}
		tasks := make([]ledger.Task, 0, len(page.Items))
		for i := range page.Items {
			made, ok := task(&page.Items[i])
			if ok && made.ID == "" {
				return &fault{ClassServer, fmt.Errorf("the org listed one without an ID (%s)", made.Kind)}
			}
			if ok {
				tasks = append(tasks, made)
			}
		}
		next := ""
		if page.HasNext() {
			next = page.Cursor()
		}
		if err := add(tasks, next); err != nil {
			return err
		}
	}
	return nil
}

// listInput lists the users whom the caller gave. A place is the number of those who were read.
func (j *Job) listInput(ctx context.Context, after string, add func([]ledger.Task, string) error) error {
	skip, err := strconv.Atoi("0" + after)
	if err != nil {
		return &fault{ClassInvalid, fmt.Errorf("the list of users cannot be resumed at %q", after)}
	}
	read := 0
	var tasks []ledger.Task
	for given, err := range j.input {
		if err != nil {
			return &fault{ClassInvalid, fmt.Errorf("the list of users cannot be read: %w", err)}
		}
		if given == "" {
			return &fault{ClassInvalid, fmt.Errorf("user %d of the list is empty", read+1)}
		}
		if read++; read <= skip {
			continue
		}
		tasks = append(tasks, givenTask(given))
		if len(tasks) < batch {
			continue
		}
		if err := errors.Join(ctx.Err(), add(tasks, strconv.Itoa(read))); err != nil {
			return err
		}
		tasks = nil
	}
	if read == 0 {
		return &fault{ClassInvalid, errors.New("the list of users is empty")}
	}
	return add(tasks, "")
}

func givenTask(given string) ledger.Task {
	task := ledger.Task{Kind: ledger.User, Given: given}
	if userID.MatchString(given) {
		task.ID = given
	}
	return task
}

// listApp reads the app whose access is to be revoked. One that does not exist must not look like one that has none.
func (j *Job) listApp(ctx context.Context, _ string, add func([]ledger.Task, string) error) error {
	app, err := j.app(ctx)
	switch {
	case err != nil:
		return err
	case !isOAuthClient(app):
		return &fault{ClassInvalid, fmt.Errorf("the app %q (%s) is no OAuth client: its users sign on with %s",
			app.ID, app.Label, app.SignOnMode)}
	}
	task, _ := appTask(app)
	return add([]ledger.Task{task}, "")
}

// listReviewed lists the users for whom a review found a consent to the app, and those whom it could not read.
func (j *Job) listReviewed(ctx context.Context, _ string, add func([]ledger.Task, string) error) error {
	review, began, err := openReview(ctx, j.args.Review, j.org)
	if err != nil {
		return err
	}
	defer review.Close() //nolint:errcheck // nothing is written to it
	if !j.args.Reviewed.IsZero() && !began.Equal(j.args.Reviewed) {
		return &fault{ClassInvalid, fmt.Errorf("%s has become another review since the run was begun", review.Target())}
	}
	app, err := j.app(ctx)
	if err != nil {
		return err
	}
	var tasks []ledger.Task
	for task, err := range review.Tasks(ctx) {
		if err != nil {
			return err
		}
		if task.Kind != ledger.User || !mayHaveConsent(&task, app.ClientID()) {
			continue
		}
		tasks = append(tasks, ledger.Task{
			Kind: ledger.User, ID: task.ID, Login: task.Login, Name: task.Name, Status: task.Status,
		})
		if len(tasks) < batch {
			continue
		}
		if err := add(tasks, "more"); err != nil {
			return err
		}
		tasks = nil
	}
	return add(tasks, "")
}

// ReadReview returns when a review was begun. It is an error unless that is an ended review of all users of the org.
func ReadReview(ctx context.Context, target, org string) (began time.Time, err error) {
	review, began, err := openReview(ctx, target, org)
	if err != nil {
		return time.Time{}, err
	}
	return began, review.Close()
}

// openReview opens a review of all users of an org that has ended.
func openReview(ctx context.Context, target, org string) (*ledger.Ledger, time.Time, error) {
	review, err := ledger.Open(ctx, target, ledger.Read)
	if err != nil {
		return nil, time.Time{}, &fault{ClassInvalid, fmt.Errorf("the review cannot be read: %w", err)}
	}
	run, err := review.Run(ctx)
	if err == nil {
		err = checkReview(review.Target(), run, org)
	} else {
		err = fmt.Errorf("the review cannot be read: %w", err)
	}
	if err != nil {
		return nil, time.Time{}, &fault{ClassInvalid, errors.Join(err, review.Close())}
	}
	return review, run.Created, nil
}

func checkReview(target string, run ledger.Run, org string) error {
	var args Arguments
	if err := json.Unmarshal([]byte(cmp.Or(run.Arguments, "{}")), &args); err != nil {
		return fmt.Errorf("the arguments of the review %s: %w", target, err)
	}
	switch {
	case run.Kind != ledger.Review:
		return fmt.Errorf("%s is no review: it is of the kind %s", target, run.Kind)
	case ledger.NormalOrg(run.Org) != ledger.NormalOrg(org):
		return fmt.Errorf("%s is of another org: of %s, not %s", target, run.Org, org)
	case run.Phase != ledger.Ended:
		return fmt.Errorf("%s has not ended: it is %s; run it again to its end", target, run.Phase)
	case args.bound() != "":
		return fmt.Errorf("%s is a review of %s alone: it does not say who else has consented to the app; "+
			"give a review of all users, or --users all or assigned", target, args.bound())
	}
	return nil
}

// bound says to whom a review is limited; nothing for one of all users.
func (a Arguments) bound() string {
	switch {
	case a.Group != "":
		return fmt.Sprintf("the group %q", a.Group)
	case a.Search != "":
		return fmt.Sprintf("the search %q", a.Search)
	case a.listed():
		return "a list of users"
	}
	return ""
}

// mayHaveConsent reports whether a review found a consent to a client, or does not know.
func mayHaveConsent(task *ledger.Task, clientID string) bool {
	switch task.State {
	case ledger.Gone, ledger.Same:
		return false
	case ledger.Done:
	default:
		return true
	}
	return slices.ContainsFunc(task.Found, func(a ledger.Access) bool { return a.ClientID == clientID })
}

package steps

import (
	"context"
	"errors"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/org"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// maxLimited is how often a call that finds a rate limit exhausted is repeated. Each time it waits for a window.
const maxLimited = 5

// Call makes one call, and repeats it, and it alone, while a rate limit is exhausted or Okta is away: see [Outage].
func (j *Job) Call(ctx context.Context, bucket string, send func() error) error {
	waiting, stop := waits(ctx)
	defer stop()
	for limited, failed := 0, 0; ; {
		if err := j.outages.wait(waiting); err != nil {
			return err
		}
		at := j.outages.sends()
		err := sent(ctx, send())
		switch {
		case Class(err) == ClassRateLimited && limited < maxLimited:
			limited++
			if waited := j.client.WaitForRateLimit(ctx, bucketOf(err, bucket)); waited != nil {
				return errors.Join(err, waited)
			}
		case Class(err) == ClassCanceled:
			return err
		case !mayBeOutage(err):
			j.outages.responded(at)
			return err
		default:
			failed++
			again, judged := j.outages.judge(waiting, err, failed, j.probe)
			if !again {
				return judged
			}
		}
	}
}

// sent is the error of a call. A timeout that is not that of ctx is one of the network.
func sent(ctx context.Context, err error) error {
	if ctx.Err() == nil && Class(err) == ClassCanceled {
		return &fault{ClassNetwork, errors.New(err.Error())}
	}
	return err
}

// bucketOf is the bucket of a rate limit that is exhausted.
func bucketOf(err error, bucket string) string {
	if limited, ok := errors.AsType[*okta.RateLimitError](err); ok {
		return limited.Bucket
	}
	return bucket
}

// probe makes a call that Okta answers quickly if it answers at all.
func (j *Job) probe(ctx context.Context) error {
	_, err := org.ListUsers(ctx, j.client, &org.ListUsersOptions{Limit: 1})
	return sent(ctx, err)
}

// userCall is Call for the routes of users.
func (j *Job) userCall(ctx context.Context, send func() error) error {
	return j.Call(ctx, BucketUsers, send)
}

type stopKey struct{}

// StopWaiting returns a context for calls that may go on when stop has ended, while those that wait for Okta are given up.
func StopWaiting(ctx, stop context.Context) context.Context {
	return context.WithValue(ctx, stopKey{}, stop)
}

// waits is the context in which a call waits.
func waits(ctx context.Context) (context.Context, context.CancelFunc) {
	waiting, cancel := context.WithCancelCause(ctx)
	stop, ok := ctx.Value(stopKey{}).(context.Context)
	if !ok {
		return waiting, func() { cancel(nil) }
	}
	if stop.Err() != nil {
		cancel(context.Cause(stop))
	}
	unhook := context.AfterFunc(stop, func() { cancel(context.Cause(stop)) })
	return waiting, func() {
		unhook()
		cancel(nil)
	}
}

// Gone reports whether a step failed because what its task is about was deleted after the run had found it. A user whom
// the caller named by ID may never have existed, unless something was revoked: that is no such case. It makes a call
// where the error does not say what is missing.
func (j *Job) Gone(ctx context.Context, task *ledger.Task, err error) bool {
	existed := task.Given == "" || task.Login != "" || len(task.Revoked) > 0
	if Class(err) != ClassNotFound || task.ID == "" || !existed {
		return false
	}
	switch names := missing(err); {
	case names == resources[task.Kind]:
		return true
	case names != "":
		return false
	}
	return j.isDeleted(ctx, task)
}

// resources are the types that Okta says are not found.
var resources = map[ledger.TaskKind]string{
	ledger.User: "User", ledger.App: "AppInstance", ledger.Server: "AuthorizationServer",
}

// missing is the type of what a call did not find, empty if it says none.
func missing(err error) string {
	if response, ok := errors.AsType[*okta.Error](err); ok {
		return response.Resource
	}
	return ""
}

// isDeleted reads a user or an app, and reports whether Okta says that there is none.
func (j *Job) isDeleted(ctx context.Context, task *ledger.Task) bool {
	err := j.Call(ctx, Bucket(task.Kind), func() (err error) {
		switch task.Kind {
		case ledger.User:
			_, err = org.GetUser(ctx, j.client, task.ID)
		case ledger.App:
			_, err = org.GetApplication(ctx, j.client, task.ID)
		}
		return err
	})
	response, ok := errors.AsType[*okta.Error](err)
	return ok && response.Code == okta.CodeNotFound && errors.Is(err, okta.ErrNotFound)
}

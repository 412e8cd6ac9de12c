package steps_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// expire has each cursor of a list expire once, or always, after some pages.
func expire(org *oktatest.Org, suffix string, fault oktatest.Fault, times int) *atomic.Int64 {
	var expired atomic.Int64
	org.Next(slices.Repeat([]oktatest.Fault{func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		cursor := r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, suffix) && r.URL.Query().Has("after")
		if cursor && expired.Load() < int64(times) {
			expired.Add(1)
			fault(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}}, 500)...)
	return &expired
}

// expirations are what Okta responds to a cursor that it no longer knows.
var expirations = map[string]oktatest.Fault{
	"400 E0000029": oktaError(400, "E0000029"),
	"410":          oktaError(410, "E0000028"),
}

// A cursor that expires while a list is read has it read on from the beginning: nothing is lost, nothing is there twice.
func TestCursorExpiresWhileAListIsRead(t *testing.T) {
	t.Parallel()
	for name, fault := range expirations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := newDemo(t)
			addUsers(org, 596)
			expired := expire(org, "/users", fault, 2)
			l := list(t, newJob(t, org, ledger.Review, steps.Arguments{}), "")
			assert.Equal(t, int64(2), expired.Load())
			ids := l.ids()
			slices.Sort(ids)
			assert.Len(t, slices.Compact(ids), 600, "the ledger skips those that it has")
			assert.Equal(t, []bool{true}, slices.DeleteFunc(slices.Clone(l.last), func(last bool) bool { return !last }))
		})
	}
}

func TestCursorExpiresWhileGrantsAreRead(t *testing.T) {
	t.Parallel()
	for name, fault := range expirations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := newDemo(t)
			for i := range 450 {
				org.AddGrant(oktatest.Grant{UserID: "00udee", ClientID: "0oanotes", ScopeID: fmt.Sprint("scope", i)})
			}
			expired := expire(org, "/grants", fault, 2)
			task := &ledger.Task{Kind: ledger.User, ID: "00udee"}
			require.NoError(t, newJob(t, org, ledger.Review, steps.Arguments{}).Work(t.Context(), task, nil))
			assert.Equal(t, int64(2), expired.Load())
			assert.Len(t, task.Found, 450)
			assert.Len(t, grantIDs(task.Found), 450)
		})
	}
}

func grantIDs(found []ledger.Access) map[string]bool {
	ids := map[string]bool{}
	for _, access := range found {
		ids[access.ID] = true
	}
	return ids
}

func TestCursorExpiresWhileTokensAreRead(t *testing.T) {
	t.Parallel()
	for name, fault := range expirations {
		for _, task := range []*ledger.Task{
			{Kind: ledger.App, ID: "0oamany"}, {Kind: ledger.Server, ID: "auspartners"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				org := oktatest.New(oktatest.Options{})
				t.Cleanup(org.Close)
				org.AcceptAPIToken(apiToken)
				org.AddClient(oktatest.Client{ID: "0oamany"})
				org.AddAuthorizationServer(oktatest.AuthorizationServer{ID: "auspartners"})
				for i := range 450 {
					id := org.AddUser(oktatest.User{ID: fmt.Sprintf("00umany%d", i), Login: fmt.Sprintf("m%d@x.example", i)}).ID
					org.AddRefreshToken(oktatest.RefreshToken{
						UserID: id, ClientID: "0oamany", AuthorizationServerID: "auspartners",
					})
				}
				expired := expire(org, "/tokens", fault, 1)
				var tokens []ledger.Access
				job := newJob(t, org, ledger.Review, steps.Arguments{Tokens: true})
				require.NoError(t, job.Work(t.Context(), task, found(&tokens)))
				assert.Equal(t, int64(1), expired.Load())
				assert.Len(t, grantIDs(tokens), 450, "the ledger keeps each once")
			})
		}
	}
}

// A list that never gets further is an error, and no loop.
func TestCursorThatAlwaysExpires(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	addUsers(org, 596)
	expired := expire(org, "/users", oktaError(400, "E0000029"), 1000)
	var l listing
	err := newJob(t, org, ledger.Review, steps.Arguments{}).List(t.Context(), "", l.add)
	assert.Equal(t, steps.ClassInvalid, steps.Class(err))
	assert.Less(t, expired.Load(), int64(10))
}

// A rate limit in the middle of a list has the page repeated, not the list.
func TestRateLimitInTheMiddleOfAList(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	for i := range 450 {
		org.AddGrant(oktatest.Grant{UserID: "00udee", ClientID: "0oanotes", ScopeID: fmt.Sprint("scope", i)})
	}
	client, err := okta.NewClient(okta.Config{
		OrgURL: org.URL, Credentials: okta.APIToken(apiToken),
		Retry: okta.RetryOptions{MaxRetries: -1}, RateLimiter: okta.RateLimiterOptions{Disabled: true},
	})
	require.NoError(t, err)
	job, err := steps.New(client, org.URL, ledger.Review, steps.Arguments{}, nil)
	require.NoError(t, err)
	limited := expire(org, "/grants", oktaError(429, "E0000047"), 5)
	task := &ledger.Task{Kind: ledger.User, ID: "00udee"}
	require.NoError(t, job.Work(t.Context(), task, nil))
	assert.Equal(t, int64(5), limited.Load())
	assert.Len(t, task.Found, 450)
	first := 0
	for _, r := range org.Requests() {
		if !r.Query.Has("after") {
			first++
		}
	}
	assert.Equal(t, 1, first)
}

// A timeout of the network is no end of the run.
func TestTimeoutOfADialIsNoInterruption(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	job := newJob(t, org, ledger.Review, steps.Arguments{})
	job.Clock(time.Now, func(context.Context, time.Duration) error { return nil })
	err := job.Call(t.Context(), steps.BucketUsers, func() error {
		return fmt.Errorf("dial tcp: i/o timeout: %w", context.DeadlineExceeded)
	})
	assert.Equal(t, steps.ClassNetwork, steps.Class(err))
	assert.False(t, steps.Stops(err))
}

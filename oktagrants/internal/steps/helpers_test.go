package steps_test

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

const apiToken = "00test-api-token"

// newDemo starts an org with the users Ann, Bob, Cid and Dee, as oktatest documents it.
func newDemo(t *testing.T) *oktatest.Org {
	t.Helper()
	org := oktatest.NewDemo()
	t.Cleanup(org.Close)
	org.AcceptAPIToken(apiToken)
	return org
}

func newClient(t *testing.T, org *oktatest.Org) *okta.Client {
	t.Helper()
	client, err := okta.NewClient(okta.Config{
		OrgURL:      org.URL,
		Credentials: okta.APIToken(apiToken),
		Retry:       okta.RetryOptions{MinWait: time.Millisecond, MaxWait: time.Second},
	})
	require.NoError(t, err)
	return client
}

func newJob(
	t *testing.T, org *oktatest.Org, kind ledger.Kind, args steps.Arguments, users ...string,
) *steps.Job {
	t.Helper()
	var input iter.Seq2[string, error]
	if users != nil {
		args.Users, input = users, given(users)
	}
	job, err := steps.New(newClient(t, org), org.URL, kind, args, input)
	require.NoError(t, err)
	return job
}

func given(users []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, user := range users {
			if !yield(user, nil) {
				return
			}
		}
	}
}

// listing is what a job added.
type listing struct {
	tasks   []ledger.Task
	cursors []string
	last    []bool
}

func (l *listing) add(tasks []ledger.Task, cursor string, last bool) error {
	l.tasks = append(l.tasks, tasks...)
	l.cursors = append(l.cursors, cursor)
	l.last = append(l.last, last)
	return nil
}

func (l *listing) ids() []string {
	ids := make([]string, len(l.tasks))
	for i, task := range l.tasks {
		ids[i] = task.ID
	}
	return ids
}

func list(t *testing.T, job *steps.Job, cursor string) *listing {
	t.Helper()
	var l listing
	require.NoError(t, job.List(t.Context(), cursor, l.add))
	return &l
}

// calls are the requests that an org got, without the host, the base of the API and page sizes.
func calls(org *oktatest.Org) []string {
	var calls []string
	for _, r := range org.Requests() {
		query := r.Query
		query.Del("limit")
		call := r.Method + " " + strings.TrimPrefix(r.Path, "/api/v1/")
		if len(query) > 0 {
			call += "?" + query.Encode()
		}
		calls = append(calls, call)
	}
	return calls
}

// found hands tokens to a list.
func found(to *[]ledger.Access) steps.Tokens {
	return func(_ context.Context, tokens []ledger.Access) error {
		*to = append(*to, tokens...)
		return nil
	}
}

// whats names what was revoked, without the times.
func whats(revoked []ledger.Revoked) []string {
	var whats []string
	for _, r := range revoked {
		whats = append(whats, strings.TrimSpace(strings.Join([]string{r.What, r.ClientID, r.ServerID}, " ")))
	}
	return whats
}

func grantsOf(org *oktatest.Org, userID string) int {
	return len(slices.DeleteFunc(org.Grants(), func(g oktatest.Grant) bool { return g.UserID != userID }))
}

func tokensOf(org *oktatest.Org, userID string) int {
	return len(slices.DeleteFunc(org.RefreshTokens(), func(r oktatest.RefreshToken) bool { return r.UserID != userID }))
}

// oktaError responds as Okta does for an error.
func oktaError(status int, code string) oktatest.Fault {
	header := http.Header{"Content-Type": {"application/json"}}
	return oktatest.Reply(status, header, `{"errorCode":"`+code+`","errorSummary":"no"}`)
}

// respond is a handler of canned JSON.
func respond(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	})
}

package run_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

const apiToken = "00test-api-token"

var clients = []string{"0oacalendar", "0oanotes"}

// newOrg starts an org of users who each have two grants and a refresh token for both clients, on two authorization
// servers.
func newOrg(t *testing.T, users int) *oktatest.Org {
	t.Helper()
	org := oktatest.New(oktatest.Options{})
	t.Cleanup(org.Close)
	org.AcceptAPIToken(apiToken)
	org.AddAuthorizationServer(oktatest.AuthorizationServer{ID: "auspartners"})
	for _, client := range clients {
		org.AddClient(oktatest.Client{ID: client, Name: strings.TrimPrefix(client, "0oa")})
	}
	for i := range users {
		addUser(org, userID(i))
	}
	return org
}

func addUser(org *oktatest.Org, id string) {
	org.AddUser(oktatest.User{ID: id, Login: strings.TrimPrefix(id, "00u") + "@example.com"})
	for _, client := range clients {
		org.AddGrant(oktatest.Grant{UserID: id, ClientID: client, ScopeID: "openid"})
		org.AddGrant(oktatest.Grant{UserID: id, ClientID: client, ScopeID: "profile"})
		org.AddRefreshToken(oktatest.RefreshToken{UserID: id, ClientID: client, AuthorizationServerID: "auspartners"})
		org.AssignUsers(client, id)
	}
}

func userID(i int) string { return fmt.Sprintf("00uuser%04d", i) }

func userIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = userID(i)
	}
	return ids
}

func logins(n int) []string {
	logins := make([]string, n)
	for i := range logins {
		logins[i] = fmt.Sprintf("user%04d@example.com", i)
	}
	return logins
}

// command is a command that can be given several times, each time by another process.
type command struct {
	org     *oktatest.Org
	path    string // of the ledger
	kind    ledger.Kind
	args    steps.Arguments
	users   []string
	workers int
	change  func(*okta.Config)
	clock   *clock // by which the run waits for Okta
}

// clock is one whose time passes only while somebody waits.
type clock struct {
	mu      sync.Mutex
	passed  time.Duration
	waits   int
	waiting func(context.Context) // called at each wait; or nil
}

var clockBegan = time.Date(2026, time.March, 1, 3, 10, 0, 0, time.UTC)

func (c *clock) now() time.Time { return clockBegan.Add(c.elapsed()) }

func (c *clock) elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.passed
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	c.passed += d
	c.waits++
	c.mu.Unlock()
	if c.waiting != nil {
		c.waiting(ctx)
	}
	return ctx.Err()
}

// outage has an org fail after so many requests, for a time of the clock. A request that fails does not reach the org.
type outage struct {
	clock *clock
	after int64
	lasts time.Duration
	fails func(*http.Request) *failure // nil for a request that does not fail
	seen  atomic.Int64
	sent  atomic.Int64 // that failed

	once  sync.Once
	began time.Duration
}

func (o *outage) apply(config *okta.Config) {
	config.WrapTransport = func(base http.RoundTripper) http.RoundTripper {
		return transport(func(req *http.Request) (*http.Response, error) {
			if o.seen.Add(1) > o.after {
				o.once.Do(func() { o.began = o.clock.elapsed() })
				if o.clock.elapsed() < o.began+o.lasts {
					if failure := o.fails(req); failure != nil {
						o.sent.Add(1)
						return failure.respond(req)
					}
				}
			}
			return base.RoundTrip(req)
		})
	}
}

// failure is a response that something on the way to the org makes, or an error of the network.
type failure struct {
	status            int
	contentType, body string
	err               error
}

func (f *failure) respond(req *http.Request) (*http.Response, error) {
	if f.err != nil {
		return nil, f.err
	}
	return &http.Response{
		StatusCode: f.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req, ContentLength: int64(len(f.body)),
		Header: http.Header{"Content-Type": {f.contentType}}, Body: io.NopCloser(strings.NewReader(f.body)),
	}, nil
}

func answers(status int, contentType, body string) func(*http.Request) *failure {
	return func(*http.Request) *failure { return &failure{status: status, contentType: contentType, body: body} }
}

func breaks(err error) func(*http.Request) *failure {
	return func(*http.Request) *failure { return &failure{err: err} }
}

func unavailable(*http.Request) *failure {
	return &failure{status: 503, contentType: "text/html", body: "<html>503 Service Temporarily Unavailable</html>"}
}

func newCommand(t *testing.T, org *oktatest.Org, kind ledger.Kind, args steps.Arguments, users ...string) *command {
	t.Helper()
	args.Users = users
	return &command{
		org: org, path: filepath.Join(t.TempDir(), "run.db"), kind: kind, args: args, users: users, clock: &clock{},
	}
}

// process is one process that carries out a command.
type process struct {
	*run.Runner
	t *testing.T
}

// start starts a process. Stop it before the next one.
func (c *command) start(ctx context.Context, t *testing.T) *process {
	t.Helper()
	meter := &run.Meter{}
	config := okta.Config{
		OrgURL:      c.org.URL,
		Credentials: okta.APIToken(apiToken),
		Retry:       okta.RetryOptions{MinWait: time.Millisecond, MaxRetries: 1},
		OnAttempt:   meter.OnAttempt,
	}
	if c.change != nil {
		c.change(&config)
	}
	client, err := okta.NewClient(config)
	require.NoError(t, err)
	var input iter.Seq2[string, error]
	if len(c.users) > 0 {
		input = given(c.users)
	}
	job, err := steps.New(client, c.org.URL, c.kind, c.args, input)
	require.NoError(t, err)
	job.Clock(c.clock.now, c.clock.sleep)
	l, err := ledger.Open(ctx, c.path, ledger.Write)
	require.NoError(t, err)
	arguments, err := json.Marshal(c.args)
	require.NoError(t, err)
	_, _, err = l.Begin(ctx, ledger.Spec{Kind: c.kind, Org: c.org.URL, Arguments: string(arguments)})
	require.NoError(t, err)
	p := &process{&run.Runner{Ledger: l, Job: job, Client: client, Meter: meter, Workers: c.workers}, t}
	t.Cleanup(p.stop)
	return p
}

func (p *process) stop() {
	if p.Ledger == nil {
		return
	}
	require.NoError(p.t, p.Ledger.Close())
	p.Ledger = nil
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

// run carries the command out in a process of its own, to its end.
func (c *command) run(t *testing.T) run.Summary {
	t.Helper()
	summary, err := c.try(t.Context(), t)
	require.NoError(t, err)
	return summary
}

// exit is the exit code of such a process.
func (c *command) exit(t *testing.T) int {
	t.Helper()
	summary := c.run(t)
	return summary.ExitCode()
}

// try carries the command out in a process of its own.
func (c *command) try(ctx context.Context, t *testing.T) (run.Summary, error) {
	t.Helper()
	p := c.start(ctx, t)
	defer p.stop()
	if _, err := p.Prepare(ctx); err != nil {
		return run.Summary{Err: err}, err
	}
	return p.Run(ctx)
}

// tasks are the tasks in the ledger.
func (c *command) tasks(t *testing.T) []ledger.Task {
	t.Helper()
	l, err := ledger.Open(t.Context(), c.path, ledger.Read)
	require.NoError(t, err)
	defer l.Close() //nolint:errcheck // read only
	var tasks []ledger.Task
	for task, err := range l.Tasks(t.Context()) {
		require.NoError(t, err)
		tasks = append(tasks, task)
	}
	return tasks
}

func (c *command) task(t *testing.T, id string) ledger.Task {
	t.Helper()
	tasks := c.tasks(t)
	i := slices.IndexFunc(tasks, func(task ledger.Task) bool { return task.ID == id || task.Given == id })
	require.GreaterOrEqual(t, i, 0, "no task for %s", id)
	return tasks[i]
}

// states counts the tasks in each state.
func (c *command) states(t *testing.T) map[ledger.State]int {
	t.Helper()
	states := map[ledger.State]int{}
	for _, task := range c.tasks(t) {
		states[task.State]++
	}
	return states
}

// count counts the requests that an org got, by method and route.
func count(org *oktatest.Org) map[string]int {
	counts := map[string]int{}
	for _, r := range org.Requests() {
		counts[r.Method+" "+route(r.Path)]++
	}
	return counts
}

// route is a path with an x for each ID.
func route(path string) string {
	segments := strings.Split(strings.TrimPrefix(path, "/api/v1/"), "/")
	for i := 1; i < len(segments); i += 2 {
		segments[i] = "x"
	}
	return strings.Join(segments, "/")
}

// paths counts the requests with a method to each path.
func paths(org *oktatest.Org, method string) map[string]int {
	counts := map[string]int{}
	for _, r := range org.Requests() {
		if r.Method == method {
			counts[strings.TrimPrefix(r.Path, "/api/v1/")]++
		}
	}
	return counts
}

func total(counts map[string]int) int {
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}

// oktaError responds as Okta does for an error.
func oktaError(status int, code string) oktatest.Fault {
	header := http.Header{"Content-Type": {"application/json"}}
	return oktatest.Reply(status, header, `{"errorCode":"`+code+`","errorSummary":"no"}`)
}

func handle(fault oktatest.Fault) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fault(w, r, nil) })
}

// repeat is a fault several times.
func repeat(fault oktatest.Fault, n int) []oktatest.Fault {
	faults := make([]oktatest.Fault, n)
	for i := range faults {
		faults[i] = fault
	}
	return faults
}

// failsByItself is a call of a process with one worker that fails with a fault each time, while Okta responds to others:
// each time, a probe succeeds.
func failsByItself(fault oktatest.Fault) []oktatest.Fault {
	return slices.Repeat([]oktatest.Fault{fault, fault, nil}, 3)
}

// transport is a function that carries requests.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// refuseAfter has Okta refuse the credentials after so many requests.
func refuseAfter(n int64) func(*okta.Config) {
	var seen atomic.Int64
	return func(config *okta.Config) {
		config.WrapTransport = func(base http.RoundTripper) http.RoundTripper {
			return transport(func(req *http.Request) (*http.Response, error) {
				if seen.Add(1) > n {
					req.Header.Set("Authorization", "SSWS 00revoked")
				}
				return base.RoundTrip(req)
			})
		}
	}
}

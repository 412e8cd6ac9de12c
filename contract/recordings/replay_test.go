package recordings_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/org"
)

// replay serves recorded exchanges, one for each request, and keeps the requests and the attempts.
type replay struct {
	t         *testing.T
	exchanges []exchange
	requests  []*http.Request
	attempts  []okta.Attempt
	lock      sync.Mutex
}

func (r *replay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.lock.Lock()
	defer r.lock.Unlock()
	if len(r.requests) == len(r.exchanges) {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	e := r.exchanges[len(r.requests)]
	r.requests = append(r.requests, req)
	e.serve(w)
}

// newReplay returns a client of a server that serves the exchanges.
func newReplay(t *testing.T, exchanges ...exchange) (*replay, *okta.Client) {
	t.Helper()
	r := &replay{t: t, exchanges: exchanges}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	client, err := okta.NewClient(okta.Config{
		OrgURL:      server.URL,
		Credentials: okta.APIToken("00replay"),
		Retry:       okta.RetryOptions{MaxRetries: -1},
		OnAttempt: func(_ context.Context, a okta.Attempt) {
			r.lock.Lock()
			defer r.lock.Unlock()
			r.attempts = append(r.attempts, a)
		},
	})
	require.NoError(t, err)
	return r, client
}

// got is what a call returned: the objects of one page, or one object.
type got struct {
	objects []any
	list    bool
	page    page
}

// page is what all pages have.
type page interface {
	HasNext() bool
	Cursor() string
	response() (requestID string, limit okta.RateLimit)
	next(ctx context.Context) (got, error)
}

// typedPage reads the page after it, of whatever type.
type typedPage[T any] struct{ *okta.Page[T] }

func (p typedPage[T]) next(ctx context.Context) (got, error) { return many(p.Next(ctx)) }

func (p typedPage[T]) response() (string, okta.RateLimit) { return p.RequestID, p.RateLimit }

func one[T any](object *T, err error) (got, error) {
	if err != nil {
		return got{}, err
	}
	return got{objects: []any{*object}}, nil
}

func many[T any](p *okta.Page[T], err error) (got, error) {
	if err != nil {
		return got{}, err
	}
	g := got{list: true, page: typedPage[T]{p}, objects: []any{}}
	for _, item := range p.Items {
		g.objects = append(g.objects, item)
	}
	return g, nil
}

func none(err error) (got, error) { return got{}, err }

// request is an exchange's request for okta.Do and okta.List.
func (e exchange) request(t *testing.T) okta.Request {
	t.Helper()
	req := okta.Request{
		Method: e.Method,
		Path:   strings.Split(strings.TrimPrefix(e.Path, "/"), "/"),
		Query:  e.query(t),
	}
	if e.Method == http.MethodPost || e.Method == http.MethodPut {
		req.Body = map[string]any{}
	}
	return req
}

func do[T any](ctx context.Context, t *testing.T, c *okta.Client, e exchange) (got, error) {
	t.Helper()
	object := new(T)
	err := c.Do(ctx, e.request(t), object)
	return one(object, err)
}

// options are those of a recorded query that a method can send. The other parameters are not its own.
type options struct{ url.Values }

func (o options) limit() int {
	limit, _ := strconv.Atoi(o.Get("limit"))
	return limit
}

func (o options) list() *okta.ListOptions {
	return &okta.ListOptions{Expand: okta.Expand(o.Get("expand")), After: o.Get("after"), Limit: o.limit()}
}

func (o options) time(name string) time.Time {
	at, _ := time.Parse(time.RFC3339, o.Get(name))
	return at
}

// methods call the method that stands for a recorded operation, with the IDs and options of the request.
var methods = map[string]func(context.Context, *testing.T, *okta.Client, exchange, options) (got, error){
	"AuthorizationServerClients.GetRefreshToken": func(
		ctx context.Context, _ *testing.T, c *okta.Client, e exchange, _ options,
	) (got, error) {
		return one(c.AuthorizationServerClients.GetRefreshToken(ctx, e.Args[0], e.Args[1], e.Args[2], nil))
	},
	"AuthorizationServerClients.List": func(
		ctx context.Context, _ *testing.T, c *okta.Client, e exchange, _ options,
	) (got, error) {
		return many(c.AuthorizationServerClients.List(ctx, e.Args[0], nil))
	},
	"AuthorizationServerClients.ListRefreshTokens": func(
		ctx context.Context, _ *testing.T, c *okta.Client, e exchange, o options,
	) (got, error) {
		return many(c.AuthorizationServerClients.ListRefreshTokens(ctx, e.Args[0], e.Args[1], o.list()))
	},
	"AuthorizationServerClients.RevokeAllRefreshTokens": func(
		ctx context.Context, _ *testing.T, c *okta.Client, e exchange, _ options,
	) (got, error) {
		return none(c.AuthorizationServerClients.RevokeAllRefreshTokens(ctx, e.Args[0], e.Args[1]))
	},
	"UserGrants.List": func(ctx context.Context, _ *testing.T, c *okta.Client, e exchange, o options) (got, error) {
		return many(c.UserGrants.List(ctx, e.Args[0], &okta.ListUserGrantsOptions{Limit: o.limit()}))
	},
	"UserGrants.Revoke": func(ctx context.Context, _ *testing.T, c *okta.Client, e exchange, _ options) (got, error) {
		return none(c.UserGrants.Revoke(ctx, e.Args[0], e.Args[1]))
	},
	"UserGrants.RevokeAll": func(ctx context.Context, _ *testing.T, c *okta.Client, e exchange, _ options) (got, error) {
		return none(c.UserGrants.RevokeAll(ctx, e.Args[0]))
	},
	"ListUsers": func(ctx context.Context, _ *testing.T, c *okta.Client, _ exchange, o options) (got, error) {
		return many(org.ListUsers(ctx, c, &org.ListUsersOptions{
			Search: o.Get("search"), Filter: o.Get("filter"), After: o.Get("after"), Limit: o.limit(),
		}))
	},
	"GetUser": func(ctx context.Context, _ *testing.T, c *okta.Client, e exchange, _ options) (got, error) {
		return one(org.GetUser(ctx, c, e.Args[0]))
	},
	"ListUserClients": func(ctx context.Context, _ *testing.T, c *okta.Client, e exchange, _ options) (got, error) {
		return many(org.ListUserClients(ctx, c, e.Args[0]))
	},
	"RevokeUserSessions": func(ctx context.Context, _ *testing.T, c *okta.Client, e exchange, o options) (got, error) {
		return none(org.RevokeUserSessions(ctx, c, e.Args[0], &org.RevokeUserSessionsOptions{
			OAuthTokens: strings.EqualFold(o.Get("oauthTokens"), "true"), ForgetDevices: true,
		}))
	},
	"ListGroupUsers": func(ctx context.Context, _ *testing.T, c *okta.Client, e exchange, o options) (got, error) {
		return many(org.ListGroupUsers(ctx, c, e.Args[0], &org.ListGroupUsersOptions{Limit: o.limit()}))
	},
	"GetGroup": func(ctx context.Context, _ *testing.T, c *okta.Client, e exchange, _ options) (got, error) {
		return one(org.GetGroup(ctx, c, e.Args[0]))
	},
	"ListApplications": func(ctx context.Context, _ *testing.T, c *okta.Client, _ exchange, o options) (got, error) {
		return many(org.ListApplications(ctx, c, &org.ListApplicationsOptions{
			Filter: o.Get("filter"), After: o.Get("after"), Limit: o.limit(),
		}))
	},
	"GetApplication": func(ctx context.Context, _ *testing.T, c *okta.Client, e exchange, _ options) (got, error) {
		return one(org.GetApplication(ctx, c, e.Args[0]))
	},
	"ListApplicationUsers": func(
		ctx context.Context, _ *testing.T, c *okta.Client, e exchange, o options,
	) (got, error) {
		return many(org.ListApplicationUsers(ctx, c, e.Args[0], &org.ListApplicationUsersOptions{Limit: o.limit()}))
	},
	"ListApplicationGrants": func(
		ctx context.Context, _ *testing.T, c *okta.Client, e exchange, _ options,
	) (got, error) {
		return many(org.ListApplicationGrants(ctx, c, e.Args[0], nil))
	},
	"ListApplicationTokens": func(
		ctx context.Context, _ *testing.T, c *okta.Client, e exchange, o options,
	) (got, error) {
		return many(org.ListApplicationTokens(ctx, c, e.Args[0], o.list()))
	},
	"GetApplicationToken": func(ctx context.Context, _ *testing.T, c *okta.Client, e exchange, _ options) (got, error) {
		return one(org.GetApplicationToken(ctx, c, e.Args[0], e.Args[1], nil))
	},
	"RevokeApplicationToken": func(
		ctx context.Context, _ *testing.T, c *okta.Client, e exchange, _ options,
	) (got, error) {
		return none(org.RevokeApplicationToken(ctx, c, e.Args[0], e.Args[1]))
	},
	"RevokeApplicationTokens": func(
		ctx context.Context, _ *testing.T, c *okta.Client, e exchange, _ options,
	) (got, error) {
		return none(org.RevokeApplicationTokens(ctx, c, e.Args[0]))
	},
	"DeactivateApplication": func(
		ctx context.Context, _ *testing.T, c *okta.Client, e exchange, _ options,
	) (got, error) {
		return none(org.DeactivateApplication(ctx, c, e.Args[0]))
	},
	"ListAuthorizationServers": func(
		ctx context.Context, _ *testing.T, c *okta.Client, _ exchange, o options,
	) (got, error) {
		return many(org.ListAuthorizationServers(ctx, c, &org.ListAuthorizationServersOptions{Limit: o.limit()}))
	},
	"ListLogEvents": func(ctx context.Context, _ *testing.T, c *okta.Client, _ exchange, o options) (got, error) {
		return many(org.ListLogEvents(ctx, c, &org.ListLogEventsOptions{
			Since: o.time("since"), Until: o.time("until"), Filter: o.Get("filter"), After: o.Get("after"),
			Limit: o.limit(),
		}))
	},
	"GetApplicationUser as Do": func(
		ctx context.Context, t *testing.T, c *okta.Client, e exchange, _ options,
	) (got, error) {
		return do[org.ApplicationUser](ctx, t, c, e)
	},
	"GetAuthorizationServer": func(
		ctx context.Context, _ *testing.T, c *okta.Client, e exchange, _ options,
	) (got, error) {
		return one(org.GetAuthorizationServer(ctx, c, e.Args[0]))
	},
	"ListScopes": func(ctx context.Context, _ *testing.T, c *okta.Client, e exchange, _ options) (got, error) {
		return many(org.ListScopes(ctx, c, e.Args[0], nil))
	},
	"grant as Do(OAuth2ScopeConsentGrant)": func(
		ctx context.Context, t *testing.T, c *okta.Client, e exchange, _ options,
	) (got, error) {
		return do[okta.OAuth2ScopeConsentGrant](ctx, t, c, e)
	},
	"Do(map)": func(ctx context.Context, t *testing.T, c *okta.Client, e exchange, _ options) (got, error) {
		t.Helper()
		return do[map[string]any](ctx, t, c, e)
	},
	"error of Do": func(ctx context.Context, t *testing.T, c *okta.Client, e exchange, _ options) (got, error) {
		t.Helper()
		return none(c.Do(ctx, e.request(t), nil))
	},
	"List[map]": func(ctx context.Context, t *testing.T, c *okta.Client, e exchange, _ options) (got, error) {
		t.Helper()
		return many(okta.List[map[string]any](ctx, c, e.request(t)))
	},
}

// routes name the method for exchanges that were recorded before there was one.
var routes = []struct {
	op, method string
	path       *regexp.Regexp
	called     string
}{
	{"grants as List[OAuth2ScopeConsentGrant]", http.MethodGet, regexp.MustCompile(`.`), "ListApplicationGrants"},
	{"", http.MethodGet, regexp.MustCompile(`^/api/v1/logs$`), "ListLogEvents"},
	{"", http.MethodGet, regexp.MustCompile(`^/api/v1/authorizationServers/([^/]+)$`), "GetAuthorizationServer"},
	{"", http.MethodGet, regexp.MustCompile(`^/api/v1/authorizationServers/([^/]+)/scopes$`), "ListScopes"},
	{"", http.MethodGet, regexp.MustCompile(`^/api/v1/groups/([^/]+)$`), "GetGroup"},
	{"", http.MethodGet, regexp.MustCompile(`^/api/v1/users/([^/]+)/grants$`), "UserGrants.List"},
	{"", http.MethodDelete, regexp.MustCompile(`^/api/v1/users/([^/]+)/grants/([^/]+)$`), "UserGrants.Revoke"},
	{"", http.MethodDelete, regexp.MustCompile(`^/api/v1/users/([^/]+)/sessions$`), "RevokeUserSessions"},
}

// method returns the name of the method that stands for the exchange, and completes its IDs.
func (e *exchange) method() string {
	if _, known := methods[e.Op]; known && !strings.Contains(e.Op, "Do") && !strings.Contains(e.Op, "List[") {
		return e.Op
	}
	for _, route := range routes {
		found := route.path.FindStringSubmatch(e.Path)
		if found == nil || route.method != e.Method || route.op != "" && route.op != e.Op {
			continue
		}
		if len(found) > 1 {
			e.Args = found[1:]
		}
		return route.called
	}
	return e.Op
}

// Each recorded response, served as it was, is read by the method that stands for its operation: nothing that a model
// promises is lost, the next link leads on, and rate limits, request IDs and errors are those of the response.
func TestExchanges(t *testing.T) {
	t.Parallel()
	exchanges := append(readExchanges(t), theGrantsAndLog(t)...)
	exchanges = append(exchanges, readLogs(t)...)
	operations := map[string]bool{}
	for i, e := range exchanges {
		called := e.method()
		call, known := methods[called]
		require.True(t, known, "no method for %q of %v", e.Op, e)
		operations[called] = true
		counts.exchanges.Add(1)
		t.Run(strconv.Itoa(i)+" "+called, func(t *testing.T) {
			t.Parallel()
			last := exchange{Status: http.StatusOK, Body: "[]"}
			r, client := newReplay(t, e, last)
			result, err := call(t.Context(), t, client, e, options{e.query(t)})
			require.Len(t, r.requests, 1)
			assert.Equal(t, e.Method+" "+e.Path, r.requests[0].Method+" "+r.requests[0].URL.Path)
			checkAttempt(t, e, r.attempts)
			if e.Status >= http.StatusBadRequest {
				checkError(t, e, err)
				return
			}
			require.NoError(t, err)
			checkObjects(t, e, result)
			checkNext(t, e, r, result)
		})
	}
	counts.operations.Add(int64(len(operations)))
}

func checkAttempt(t *testing.T, e exchange, attempts []okta.Attempt) {
	t.Helper()
	require.Len(t, attempts, 1)
	a := attempts[0]
	header := e.header()
	assert.Equal(t, e.Status, a.StatusCode)
	assert.Equal(t, header.Get("X-Okta-Request-Id"), a.RequestID)
	assert.Equal(t, rateLimitOf(header), a.RateLimit)
}

// rateLimitOf reads the headers as they were recorded: once each, and whole numbers.
func rateLimitOf(header http.Header) okta.RateLimit {
	if header.Get("X-Rate-Limit-Limit") == "" {
		return okta.RateLimit{}
	}
	number := func(name string) int {
		n, _ := strconv.Atoi(header.Get(name))
		return n
	}
	return okta.RateLimit{
		Limit:     number("X-Rate-Limit-Limit"),
		Remaining: number("X-Rate-Limit-Remaining"),
		Reset:     time.Unix(int64(number("X-Rate-Limit-Reset")), 0).UTC(),
	}
}

// oktaError is the body of an error, decoded apart from the SDK.
type oktaError struct {
	Code    string `json:"errorCode"`
	Summary string `json:"errorSummary"`
	Link    string `json:"errorLink"`
	ID      string `json:"errorId"`
	Causes  []struct {
		Summary string `json:"errorSummary"`
	} `json:"errorCauses"`
}

var (
	kindOfNotFound = regexp.MustCompile(`\((\w+)\)$`)
	sentinels      = map[int]error{
		401: okta.ErrUnauthorized, 403: okta.ErrForbidden, 404: okta.ErrNotFound, 429: okta.ErrRateLimited,
	}
)

func checkError(t *testing.T, e exchange, err error) {
	t.Helper()
	counts.errors.Add(1)
	response, ok := errors.AsType[*okta.Error](err)
	require.True(t, ok, "%v", err)
	var body oktaError
	require.NoError(t, json.Unmarshal([]byte(e.Body), &body))
	assert.Equal(t, e.Status, response.StatusCode)
	assert.Equal(t, body.Code, string(response.Code))
	assert.Equal(t, body.Summary, response.Summary)
	assert.Equal(t, body.Link, response.Link)
	assert.Equal(t, body.ID, response.ID)
	var causes []string
	for _, cause := range body.Causes {
		causes = append(causes, cause.Summary)
	}
	var read []string
	for _, cause := range response.Causes {
		read = append(read, cause.Summary)
	}
	assert.Equal(t, causes, read)
	if body.Code == "E0000007" {
		assert.Equal(t, kindOfNotFound.FindStringSubmatch(body.Summary)[1], response.Resource)
	}
	assert.Equal(t, e.header().Get("X-Okta-Request-Id"), response.RequestID)
	assert.Equal(t, rateLimitOf(e.header()), response.RateLimit)
	assert.Equal(t, e.Body, string(response.Body))
	matched := e.Status
	if body.Code == "E0000015" { // the org does not have the feature: the credentials are good
		matched = http.StatusForbidden
	}
	for status, sentinel := range sentinels {
		assert.Equal(t, status == matched, errors.Is(err, sentinel), "%v: %v", err, sentinel)
	}
	assert.Contains(t, err.Error(), body.Code)
}

func checkObjects(t *testing.T, e exchange, result got) {
	t.Helper()
	if e.Status == http.StatusNoContent || result.objects == nil {
		return
	}
	recorded := []any{e.json(t)}
	if result.list {
		recorded = e.json(t).([]any)
	}
	require.Len(t, result.objects, len(recorded))
	for i, object := range result.objects {
		if m, ok := object.(map[string]any); ok {
			assert.Equal(t, recorded[i], any(m))
			counts.members.Add(int64(len(m)))
			continue
		}
		promises, known := promised[reflect.TypeOf(object)]
		require.True(t, known, "%T has no list of promised members", object)
		missing, compared := lost(recorded[i], object, parseMembers(promises))
		assert.Empty(t, missing)
		assert.Positive(t, compared)
		counts.members.Add(int64(compared))
	}
}

// checkNext reads the page after the recorded one, of which the link is known alone: an empty last page is served.
func checkNext(t *testing.T, e exchange, r *replay, result got) {
	t.Helper()
	if result.page == nil {
		return
	}
	requestID, limit := result.page.response()
	assert.Equal(t, e.header().Get("X-Okta-Request-Id"), requestID)
	assert.Equal(t, rateLimitOf(e.header()), limit)
	target, more := e.next(t)
	if !more {
		assert.False(t, result.page.HasNext(), "the response has no next link")
		assert.Empty(t, result.page.Cursor())
		return
	}
	counts.nexts.Add(1)
	after := target.Query().Get("after")
	require.NotEmpty(t, after)
	assert.Equal(t, after, result.page.Cursor())
	itself := len(result.objects) == 0 && after == e.query(t).Get("after")
	require.Equal(t, !itself, result.page.HasNext(), "the end is an empty page that leads to itself")
	if itself {
		return
	}
	following, err := result.page.next(t.Context())
	require.NoError(t, err)
	assert.Empty(t, following.objects)
	assert.False(t, following.page.HasNext())
	require.Len(t, r.requests, 2)
	assert.Equal(t, e.Path, r.requests[1].URL.Path)
	first, second := r.requests[0].URL.Query(), r.requests[1].URL.Query()
	assert.Equal(t, after, second.Get("after"))
	for name := range first {
		if name != "after" {
			assert.Equal(t, first[name], second[name], "the filters of the first page are kept")
		}
	}
}

package contract_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

// checkRequest compares a request with its operation. The IDs are the arguments of the call.
func checkRequest(ctx context.Context, op operation, req *http.Request, ids []string) findings {
	var found findings
	where := fmt.Sprintf("%s: %s %s", op.id, req.Method, req.URL.RequestURI())
	if req.Method != op.method {
		found.addf("%s: the document has %s", where, op.method)
	}
	params, ok := matchPath(op.path, req.URL.EscapedPath())
	if !ok {
		found.addf("%s: the path is not %s", where, op.path)
		return found
	}
	var sent []string
	for _, name := range op.pathParameters() {
		sent = append(sent, params[name])
	}
	if !slices.Equal(sent, ids) {
		found.addf("%s: the IDs are %q instead of %q", where, sent, ids)
	}
	for name, values := range req.URL.Query() {
		if !op.takes(name) || len(values) != 1 {
			found.addf("%s: sends %q %d times, which the document does not have", where, name, len(values))
		}
	}
	if op.RequestBody == nil && hasBody(req) {
		found.addf("%s: sends a body, which the document does not have", where)
	}
	err := openapi3filter.ValidateRequest(ctx, &openapi3filter.RequestValidationInput{
		Request:    req,
		PathParams: params,
		Route: &routers.Route{
			Spec: op.doc, Path: op.path, PathItem: op.item, Method: op.method, Operation: op.Operation,
		},
		Options: &openapi3filter.Options{
			MultiError:                        true,
			SkipSettingDefaults:               true,
			RejectWhenRequestBodyNotSpecified: true,
			AuthenticationFunc:                checkAuthorization,
		},
	})
	if err != nil {
		found.addf("%s: %v", where, err)
	}
	return found
}

func hasBody(req *http.Request) bool {
	if req.ContentLength != 0 || len(req.TransferEncoding) > 0 {
		return true
	}
	if req.Body == nil {
		return false
	}
	body, err := io.ReadAll(req.Body)
	return err != nil || len(body) > 0
}

// checkAuthorization accepts the credentials that Okta documents for a security scheme. One of several schemes is
// enough.
func checkAuthorization(_ context.Context, input *openapi3filter.AuthenticationInput) error {
	prefix := map[string]string{"apiKey": "SSWS ", "oauth2": "Bearer "}[input.SecurityScheme.Type]
	sent := input.RequestValidationInput.Request.Header.Values("Authorization")
	if prefix == "" || len(sent) != 1 || !strings.HasPrefix(sent[0], prefix) {
		return input.NewError(fmt.Errorf("no %s credentials", input.SecuritySchemeName))
	}
	return nil
}

// matchPath returns the parameters of an escaped path, and whether it matches the template.
func matchPath(template, escaped string) (map[string]string, bool) {
	wanted, sent := strings.Split(template, "/"), strings.Split(escaped, "/")
	if len(wanted) != len(sent) {
		return nil, false
	}
	params := map[string]string{}
	for i, segment := range wanted {
		name, isParameter := parameter(segment)
		text, err := url.PathUnescape(sent[i])
		if err != nil || !isParameter && text != segment {
			return nil, false
		}
		if isParameter {
			params[name] = text
		}
	}
	return params, true
}

// recorder sends the smallest response that the operation allows, and keeps the requests.
type recorder struct {
	op       operation
	requests []*http.Request
}

func (r *recorder) respond(req *http.Request) *http.Response {
	r.requests = append(r.requests, req)
	status, schema := r.op.success()
	if schema == nil {
		return reply(status, "")
	}
	if _, _, list := r.op.object(); !list {
		return reply(status, "{}")
	}
	resp := reply(status, "[]")
	query := req.URL.Query()
	if r.op.takes("after") && query.Get("after") != "last" {
		query.Set("after", "last")
		link := fmt.Sprintf(`<%s%s?%s>; rel="next"`, orgURL, req.URL.EscapedPath(), query.Encode())
		resp.Header.Set("Link", link)
	}
	return resp
}

// send makes a call, reads all pages, and returns the requests.
func send(t *testing.T, p pair, credentials okta.Credentials, ids []string, options reflect.Value) []*http.Request {
	t.Helper()
	r := &recorder{op: p.op}
	page, err := p.call(t.Context(), newClient(t, credentials, r.respond), ids, options)
	require.NoError(t, err, "%v%q", p.method, ids)
	for more := true; more; {
		page, more, err = page.next(t.Context())
		require.NoError(t, err, "%v%q", p.method, ids)
	}
	require.NotEmpty(t, r.requests)
	return r.requests
}

// checkRequests calls a method with plain IDs and every combination of options and credentials, and with odd IDs and
// no options or all of them. It returns the number of requests that were sent.
func checkRequests(t *testing.T, p pair) (int, findings) {
	t.Helper()
	var found findings
	count, sent := 0, map[string]bool{}
	check := func(credentials okta.Credentials, ids []string, options reflect.Value) {
		for _, req := range send(t, p, credentials, ids, options) {
			count++
			found = append(found, checkRequest(t.Context(), p.op, req, ids)...)
			for name := range req.URL.Query() {
				sent[name] = true
			}
		}
	}
	sets := optionSets(p.options)
	for _, options := range sets {
		check(apiToken, plainIDs(p.ids), options)
		check(bearerToken, plainIDs(p.ids), options)
	}
	for _, ids := range idSets(p.ids) {
		check(apiToken, ids, sets[0])
		check(apiToken, ids, sets[len(sets)-1])
	}
	for _, name := range sortedKeys(p.op.queryParameters()) {
		if !sent[name] {
			found.addf("%s: no call of %v sends the query parameter %s", p.op.id, p.method, name)
		}
	}
	return count, found
}

func TestRequestsAreValid(t *testing.T) {
	t.Parallel()
	for _, p := range pairs(t, theDocument(t)) {
		t.Run(p.op.id, func(t *testing.T) {
			t.Parallel()
			count, found := checkRequests(t, p)
			assert.Empty(t, found)
			counts.requests.Add(int64(count))
			t.Logf("%d requests checked", count)
		})
	}
}

func TestOptionSetsAreComplete(t *testing.T) {
	t.Parallel()
	sizes := map[string]int{}
	for _, m := range sdkMethods() {
		if m.options != nil {
			sizes[m.options.Elem().Name()] = len(optionSets(m.options))
		}
	}
	want := map[string]int{"GetOptions": 1 + 2, "ListOptions": 1 + 2*3*4, "ListUserGrantsOptions": 1 + 3*2*3*4,
		"ListClientsOptions": 1 + 1}
	assert.Equal(t, want, sizes)
}

func TestBadRequestsAreFound(t *testing.T) {
	t.Parallel()
	op, ok := theDocument(t).operations["listUserGrants"]
	require.True(t, ok)
	for name, bad := range map[string]struct{ method, target, body, want string }{
		"method":      {"PUT", "/api/v1/users/u/grants", "", "the document has GET"},
		"path":        {"GET", "/api/v1/users/u/grants/g", "", "the path is not /api/v1/users/{userId}/grants"},
		"ID":          {"GET", "/api/v1/users/other/grants", "", `the IDs are ["other"] instead of ["u"]`},
		"unknown":     {"GET", "/api/v1/users/u/grants?cursor=1", "", `sends "cursor"`},
		"twice":       {"GET", "/api/v1/users/u/grants?limit=1&limit=2", "", `sends "limit" 2 times`},
		"limit":       {"GET", "/api/v1/users/u/grants?limit=201", "", `"limit"`},
		"no number":   {"GET", "/api/v1/users/u/grants?limit=x", "", `"limit"`},
		"body":        {"GET", "/api/v1/users/u/grants", "{}", "sends a body"},
		"credentials": {"GET", "/api/v1/users/u/grants", "anonymous", "credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := strings.NewReader(bad.body)
			req, err := http.NewRequestWithContext(t.Context(), bad.method, orgURL+bad.target, body)
			require.NoError(t, err)
			if bad.body != "anonymous" {
				req.Header.Set("Authorization", "SSWS x")
			}
			found := checkRequest(t.Context(), op, req, []string{"u"})
			assert.Contains(t, strings.Join(found, "\n"), bad.want)
		})
	}
}

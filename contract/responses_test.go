package contract_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

// exceptions are the known departures from the document, and how often each was met. One that is never met is no
// longer needed.
type exceptions struct {
	mu  sync.Mutex
	met map[string]int
}

func newExceptions(known ...string) *exceptions {
	e := &exceptions{met: map[string]int{}}
	for _, name := range known {
		e.met[name] = 0
	}
	return e
}

// meet reports whether a departure is a known one.
func (e *exceptions) meet(name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, known := e.met[name]
	if known {
		e.met[name]++
	}
	return known
}

func (e *exceptions) unmet() findings {
	e.mu.Lock()
	defer e.mu.Unlock()
	var found findings
	for _, name := range sortedKeys(e.met) {
		if e.met[name] == 0 {
			found.addf("the exception %q is no longer needed", name)
		}
	}
	return found
}

// The known departures of responses from the document, those of oktatest and those of Okta.
const (
	// A token without the scope gets a header and no body; the document has the schema Error for each 403.
	emptyForbidden = "403 without a body, but with WWW-Authenticate"
	// The document does not list 401 at all.
	emptyUnauthorized = "401 without a body, but with WWW-Authenticate"
	// The document says string. Okta's example response means null ("client_uri: null,"), and Okta sends null.
	nullClientURI = "OAuth2Client.client_uri is null"
	nullLogoURI   = "OAuth2Client.logo_uri is null"
	// The document says string, and Okta was recorded to send null.
	nullDescription = "OAuth2Scope.description is null"
	// The same for this one.
	nullExternalID = "AppUser.externalId is null"
	nullProfile    = "Group.profile.description is null"
	// The document has no nulls in events, and recorded ones are full of them, as are Okta's examples.
	nullsOfEvents = "members of a LogEvent are null"
	// The document allows any member of detailEntry, and these were recorded.
	detailOfTargets = "LogEvent.target.detailEntry has members"
	// The document has no body for a deactivation, and Okta was recorded to send this one.
	emptyObject = "a deactivation responds with {}"
	// Members that the document does not have, and Okta's example responses do.
	clientLink  = "OAuth2Client._links.client is not documented"
	tokensHints = "OAuth2Client._links.tokens.hints is not documented"
	// The same for the other link of a client, which no example shows.
	grantsHints = "OAuth2Client._links.grants.hints is not documented"
)

// response is one response of an org.
type response struct {
	status int
	header http.Header
	body   []byte
	url    *url.URL
	method string
}

func (resp response) String() string {
	return fmt.Sprintf("%s %s: %d", resp.method, resp.url.RequestURI(), resp.status)
}

// fetch sends a request without the SDK.
func fetch(t *testing.T, method, target, authorization string) response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, nil)
	require.NoError(t, err)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { assert.NoError(t, resp.Body.Close()) }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return response{resp.StatusCode, resp.Header, body, req.URL, method}
}

// next returns the next link.
func (resp response) next() (string, bool) {
	for _, link := range resp.header.Values("Link") {
		if target, ok := strings.CutSuffix(link, `>; rel="next"`); ok {
			return strings.TrimPrefix(target, "<"), true
		}
	}
	return "", false
}

// responseCheck compares responses with the document.
type responseCheck struct {
	doc   *document
	known *exceptions
}

// check compares a response with its operation. An unlisted status must be an error in Okta's form.
func (c responseCheck) check(op operation, resp response) findings {
	if op.Responses.Status(resp.status) == nil {
		return c.checkError(resp)
	}
	media := op.media(resp.status)
	if media == nil {
		if resp.method == http.MethodPost && string(resp.body) == "{}" && c.known.meet(emptyObject) {
			return nil
		}
		return checkEmpty(resp)
	}
	if resp.status == http.StatusForbidden && c.challenged(resp, emptyForbidden) {
		return nil
	}
	return c.checkBody(media.Schema, resp)
}

// checkError compares a response with the schema of errors.
func (c responseCheck) checkError(resp response) findings {
	if !isError(resp.status) {
		return findings{resp.String() + ": the document does not have this status"}
	}
	if resp.status == http.StatusUnauthorized && c.challenged(resp, emptyUnauthorized) {
		return nil
	}
	return c.checkBody(c.doc.schema("Error"), resp)
}

// challenged reports whether a response has the error in its header only, as a known exception.
func (c responseCheck) challenged(resp response, exception string) bool {
	challenge := resp.header.Get("WWW-Authenticate")
	if len(resp.body) > 0 || !strings.HasPrefix(challenge, "Bearer ") || !strings.Contains(challenge, "error=") {
		return false
	}
	return c.known.meet(exception)
}

func checkEmpty(resp response) findings {
	if len(resp.body) > 0 {
		return findings{resp.String() + ": has a body, which the document does not have"}
	}
	return nil
}

func (c responseCheck) checkBody(ref *openapi3.SchemaRef, resp response) findings {
	var found findings
	if got := resp.header.Get("Content-Type"); got != "application/json" {
		found.addf("%v: the Content-Type is %q", resp, got)
	}
	var body any
	if err := json.Unmarshal(resp.body, &body); err != nil {
		found.addf("%v: %v", resp, err)
		return found
	}
	for _, name := range undocumented(shapeOf(ref), schemaName(ref), body) {
		if strings.HasPrefix(name, "LogEvent.target.detailEntry.") && c.known.meet(detailOfTargets) {
			continue
		}
		if !c.known.meet(name + " is not documented") {
			found.addf("%v: %s is not documented", resp, name)
		}
	}
	body = c.dropNulls(ref, body)
	if err := validate(ref, body); err != nil {
		found.addf("%v: %v", resp, err)
	}
	return found
}

// validate compares a JSON value with a schema.
func validate(ref *openapi3.SchemaRef, value any) error {
	return ref.Value.VisitJSON(value, openapi3.VisitAsResponse(), openapi3.EnableFormatValidation(),
		openapi3.MultiErrors(), openapi3.SetSchemaErrorMessageCustomizer(oneLine))
}

// oneLine leaves the schema and the value out of an error.
func oneLine(err *openapi3.SchemaError) string {
	return fmt.Sprintf("/%s: %s", strings.Join(err.JSONPointer(), "/"), err.Reason)
}

// dropNulls returns a body without the nulls that are known exceptions, where it is not valid with them.
func (c responseCheck) dropNulls(ref *openapi3.SchemaRef, body any) any {
	if validate(ref, body) == nil {
		return body
	}
	c.dropNullsIn(schemaName(ref), body)
	return body
}

func (c responseCheck) dropNullsIn(path string, value any) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			c.dropNullsIn(path, item)
		}
	case map[string]any:
		maps.DeleteFunc(value, func(name string, member any) bool {
			if member != nil {
				c.dropNullsIn(path+"."+name, member)
				return false
			}
			return strings.HasPrefix(path, "LogEvent") && c.known.meet(nullsOfEvents) ||
				c.known.meet(path+"."+name+" is null")
		})
	}
}

// undocumented returns the names of the members that a value has beyond its schema, each once.
func undocumented(s *shape, path string, value any) []string {
	var names []string
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			if property, ok := s.properties[name]; ok {
				names = append(names, undocumented(property, path+"."+name, member)...)
			} else if s.kind == "object" {
				names = append(names, path+"."+name)
			}
		}
	case []any:
		for _, item := range value {
			if s.items != nil {
				names = append(names, undocumented(s.items, path, item)...)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// newOrg starts an org with the demo's content and with cases that the demo does not have.
func newOrg(t *testing.T) *oktatest.Org {
	t.Helper()
	org := oktatest.NewDemo()
	t.Cleanup(org.Close)
	odd := org.AddClient(oktatest.Client{
		ID: "odd client?", Name: `<"Odd"> ü`, LogoURI: "https://odd.example.com/logo",
	})
	when := time.Date(2026, 2, 3, 4, 5, 6, 7_008_009, time.FixedZone("", 3600))
	org.AddGrant(oktatest.Grant{
		ID: "oagrevoked", UserID: oktatest.DemoUserID, ClientID: odd.ID, ScopeID: "odd scope",
		Status: "REVOKED", Source: "ADMIN", Created: when,
	})
	for _, server := range []string{oktatest.DemoAuthorizationServerID, "auspartners"} {
		org.AddRefreshToken(oktatest.RefreshToken{
			ID: "oarrevoked" + server, UserID: oktatest.DemoUserID, ClientID: odd.ID, AuthorizationServerID: server,
			Status: "REVOKED", Created: when, Scopes: []string{"odd scope", "openid"},
		})
	}
	return org
}

// candidates returns the IDs of an org for each path parameter, and an unknown one.
func candidates(org *oktatest.Org) map[string][]string {
	found := map[string][]string{
		"userId":       {"unknown", oktatest.DemoLogin},
		"clientId":     {"unknown"},
		"grantId":      {"unknown"},
		"tokenId":      {"unknown"},
		"authServerId": {"unknown", oktatest.DemoAuthorizationServerID, "auspartners"},
	}
	add := func(parameter, id string) { found[parameter] = append(found[parameter], id) }
	for _, user := range org.Users() {
		add("userId", user.ID)
	}
	for _, client := range org.Clients() {
		add("clientId", client.ID)
	}
	for _, grant := range org.Grants() {
		add("grantId", grant.ID)
	}
	for _, token := range org.RefreshTokens() {
		add("tokenId", token.ID)
	}
	return found
}

// paths returns the operation's path with every combination of candidates.
func (o operation) paths(candidates map[string][]string) []string {
	paths := []string{o.path}
	for _, name := range o.pathParameters() {
		var filled []string
		for _, path := range paths {
			for _, id := range candidates[name] {
				filled = append(filled, strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(id)))
			}
		}
		paths = filled
	}
	return paths
}

// queries returns combinations of the query parameters that the operation has.
func (o operation) queries() []string {
	queries := []string{""}
	parameters := []struct {
		name   string
		values []string
	}{
		{"expand", []string{"scope"}},
		{"limit", []string{"1", "7", "200"}},
		{"scopeId", []string{"openid", "odd scope"}},
	}
	for _, parameter := range parameters {
		if !o.takes(parameter.name) {
			continue
		}
		for _, query := range queries {
			for _, value := range parameter.values {
				queries = append(queries, query+"&"+parameter.name+"="+url.QueryEscape(value))
			}
		}
	}
	return queries
}

const sswsDemo = "SSWS " + oktatest.DemoToken

// tally counts responses, successes, and the pages after a first one.
type tally struct{ all, successes, pages int }

func (c *tally) add(resp response) {
	c.all++
	if isSuccess(resp.status) {
		c.successes++
	}
}

// readAll checks the responses to all requests of an operation that reads.
func (c responseCheck) readAll(t *testing.T, org *oktatest.Org, op operation) (tally, findings) {
	t.Helper()
	var count tally
	var found findings
	for _, path := range op.paths(candidates(org)) {
		for _, query := range op.queries() {
			resp := fetch(t, op.method, org.URL+path+"?"+strings.TrimPrefix(query, "&"), sswsDemo)
			for {
				count.add(resp)
				found = append(found, c.check(op, resp)...)
				found = append(found, checkExpanded(op, resp)...)
				target, more := resp.next()
				if !more {
					break
				}
				count.pages++
				found = append(found, checkTarget(op, resp, target)...)
				resp = fetch(t, op.method, target, sswsDemo)
			}
			if !isSuccess(resp.status) {
				break
			}
		}
	}
	return count, found
}

// checkTarget compares the next link of a response with the operation.
func checkTarget(op operation, resp response, target string) findings {
	to, err := url.Parse(target)
	if err != nil || to.EscapedPath() != resp.url.EscapedPath() || !op.takes(sortedKeys(to.Query())...) {
		return findings{fmt.Sprintf("%v: the document does not have the next link %s", resp, target)}
	}
	return nil
}

// checkExpanded compares the embedded objects of a response with the query.
func checkExpanded(op operation, resp response) findings {
	if !op.takes("expand") || !isSuccess(resp.status) {
		return nil
	}
	want := resp.url.Query().Has("expand")
	objects := bytes.Count(resp.body, []byte(`"_links":{"app"`))
	embedded := bytes.Count(resp.body, []byte(`"_embedded":`))
	if want && embedded != objects || !want && embedded != 0 {
		return findings{fmt.Sprintf("%v: %d of %d objects have _embedded", resp, embedded, objects)}
	}
	return nil
}

// revokeAll checks the responses to all requests of an operation that revokes.
func (c responseCheck) revokeAll(t *testing.T, org *oktatest.Org, op operation) (tally, findings) {
	t.Helper()
	var count tally
	var found findings
	for _, path := range op.paths(candidates(org)) {
		resp := fetch(t, op.method, org.URL+path, sswsDemo)
		count.add(resp)
		found = append(found, c.check(op, resp)...)
	}
	return count, found
}

// refusals are requests whose response is an error.
var refusals = []struct {
	name          string
	status        int
	method, query string // the operation's method and no query by default
	authorization string
	limited       bool
	needs         string // the query parameter without which there is no such error
}{
	{name: "no credentials", status: 401},
	{name: "wrong API token", status: 401, authorization: "SSWS wrong"},
	{name: "wrong access token", status: 401, authorization: "Bearer wrong"},
	{name: "missing scope", status: 403, authorization: "Bearer scopeless"},
	{name: "wrong method", status: 405, method: "PATCH", authorization: sswsDemo},
	{name: "rate limit", status: 429, authorization: sswsDemo, limited: true},
	{name: "wrong expand", status: 400, query: "?expand=grants", authorization: sswsDemo, needs: "expand"},
	{name: "limit too small", status: 400, query: "?limit=0", authorization: sswsDemo, needs: "limit"},
	{name: "limit too large", status: 400, query: "?limit=201", authorization: sswsDemo, needs: "limit"},
	{name: "limit no number", status: 400, query: "?limit=x", authorization: sswsDemo, needs: "limit"},
	{name: "wrong cursor", status: 400, query: "?after=x", authorization: sswsDemo, needs: "after"},
}

// known are IDs of the demo org that belong together.
var known = map[string][]string{
	"userId": {oktatest.DemoUserID}, "clientId": {oktatest.DemoClientID}, "grantId": {oktatest.DemoGrantID},
	"tokenId": {oktatest.DemoRefreshTokenID}, "authServerId": {oktatest.DemoAuthorizationServerID},
}

// refuseAll checks the responses to invalid requests.
func (c responseCheck) refuseAll(t *testing.T, op operation) (tally, findings) {
	t.Helper()
	org, limited := newOrg(t), newOrg(t)
	org.AcceptBearerToken("scopeless")
	for _, bucket := range []string{oktatest.BucketUsers, oktatest.BucketAPI} {
		limited.LimitRate(bucket, 0, time.Minute)
	}
	var count tally
	var found findings
	path := op.paths(known)[0]
	for _, r := range refusals {
		if r.needs != "" && !op.takes(r.needs) {
			continue
		}
		root, method := org.URL, op.method
		if r.limited {
			root = limited.URL
		}
		if r.method != "" {
			method = r.method
		}
		resp := fetch(t, method, root+path+r.query, r.authorization)
		count.add(resp)
		assert.Equal(t, r.status, resp.status, r.name)
		found = append(found, c.check(op, resp)...)
	}
	return count, found
}

// checkResponses checks all responses of oktatest to one operation.
func (c responseCheck) checkResponses(t *testing.T, op operation) (tally, findings) {
	t.Helper()
	check := c.readAll
	if op.method == http.MethodDelete {
		check = c.revokeAll
	}
	count, found := check(t, newOrg(t), op)
	assert.Positive(t, count.successes, "no response was a success")
	if op.takes("limit", "after") {
		assert.Positive(t, count.pages, "no list had several pages")
	}
	refused, errors := c.refuseAll(t, op)
	count.all += refused.all
	return count, append(found, errors...)
}

func TestResponsesAreValid(t *testing.T) {
	t.Parallel()
	doc := theDocument(t)
	c := responseCheck{doc, newExceptions(emptyForbidden, emptyUnauthorized, nullClientURI, nullLogoURI,
		clientLink, tokensHints, grantsHints)}
	t.Run("operations", func(t *testing.T) {
		t.Parallel()
		t.Cleanup(func() { assert.Empty(t, c.known.unmet()) })
		t.Run("others", func(t *testing.T) {
			t.Parallel()
			count, found := c.checkOthers(t)
			report(t, count, found)
		})
		for _, p := range pairs(t, doc) {
			t.Run(p.op.id, func(t *testing.T) {
				t.Parallel()
				count, found := c.checkResponses(t, p.op)
				report(t, count, found)
			})
		}
	})
}

func report(t *testing.T, count tally, found findings) {
	t.Helper()
	assert.Empty(t, found)
	counts.responses.Add(int64(count.all))
	t.Logf("%d responses checked, %d of them successes, %d on a page after the first",
		count.all, count.successes, count.pages)
}

// checkOthers checks the responses to requests of none of the operations: for paths that do not exist, and for the
// clients of a user, whose operation is not in every document.
func (c responseCheck) checkOthers(t *testing.T) (tally, findings) {
	t.Helper()
	org := newOrg(t)
	var count tally
	var found findings
	missing := []string{"/", "/api/v1", "/api/v1/users/", "/api/v1/users//grants", "/api/v1/users/u/grants/g/x"}
	for _, path := range missing {
		resp := fetch(t, http.MethodGet, org.URL+path, sswsDemo)
		count.add(resp)
		assert.Equal(t, http.StatusNotFound, resp.status, path)
		found = append(found, c.checkError(resp)...)
	}
	clients := openapi3.NewArraySchema()
	clients.Items = c.doc.schema("OAuth2Client")
	for _, user := range org.Users() {
		resp := fetch(t, http.MethodGet, org.URL+"/api/v1/users/"+user.ID+"/clients", sswsDemo)
		count.add(resp)
		require.Equal(t, http.StatusOK, resp.status)
		found = append(found, c.checkBody(openapi3.NewSchemaRef("", clients), resp)...)
	}
	return count, found
}

func TestBadResponsesAreFound(t *testing.T) {
	t.Parallel()
	doc := mutated(t, func(d *document) { // one form of the document has no enums
		d.properties("OAuth2ScopeConsentGrant")["status"].Value.Enum = []any{"ACTIVE"}
	})
	get, list := doc.operations["getUserGrant"], doc.operations["listUserGrants"]
	revoke := doc.operations["revokeUserGrant"]
	for name, bad := range map[string]struct {
		op     operation
		status int
		body   string
		want   string
	}{
		"required":   {get, 200, `{"issuer":"i"}`, `"scopeId" is missing`},
		"type":       {get, 200, `{"issuer":"i","scopeId":1}`, "must be a string"},
		"enum":       {get, 200, `{"issuer":"i","scopeId":"s","status":"active"}`, "one of the allowed values"},
		"time":       {get, 200, `{"issuer":"i","scopeId":"s","created":"yesterday"}`, "date-time"},
		"unknown":    {get, 200, `{"issuer":"i","scopeId":"s","_links":{"foo":{}}}`, "_links.foo is not documented"},
		"list":       {list, 200, `{}`, "must be an array"},
		"item":       {list, 200, `[{"issuer":"i"}]`, `"scopeId" is missing`},
		"no JSON":    {list, 200, `[`, "unexpected end"},
		"body":       {revoke, 204, `{}`, "has a body"},
		"error":      {revoke, 404, `{"errorCode":7}`, "must be a string"},
		"unlisted":   {revoke, 400, `{"error":"x"}`, "Error.error is not documented"},
		"status":     {revoke, 202, ``, "does not have this status"},
		"no body":    {get, 403, ``, "unexpected end"},
		"empty":      {get, 404, ``, "unexpected end"},
		"no members": {get, 200, `null`, "not nullable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{"Content-Type": {"application/json"}}
			resp := response{bad.status, header, []byte(bad.body), &url.URL{Path: bad.op.path}, bad.op.method}
			found := responseCheck{doc, newExceptions()}.check(bad.op, resp)
			assert.Contains(t, strings.Join(found, "\n"), bad.want)
		})
	}
}

func TestUnneededExceptionIsFound(t *testing.T) {
	t.Parallel()
	e := newExceptions("met", "unmet")
	assert.True(t, e.meet("met"))
	assert.False(t, e.meet("unknown"))
	assert.Equal(t, findings{`the exception "unmet" is no longer needed`}, e.unmet())
}

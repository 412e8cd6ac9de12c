package contract_test

import (
	"context"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/org"
)

// orgFunctions are the functions of package org by their names.
var orgFunctions = map[string]any{
	"ListUsers":                org.ListUsers,
	"GetUser":                  org.GetUser,
	"ListUserClients":          org.ListUserClients,
	"RevokeUserSessions":       org.RevokeUserSessions,
	"ListGroupUsers":           org.ListGroupUsers,
	"ListApplications":         org.ListApplications,
	"GetApplication":           org.GetApplication,
	"ListApplicationUsers":     org.ListApplicationUsers,
	"ListApplicationTokens":    org.ListApplicationTokens,
	"GetApplicationToken":      org.GetApplicationToken,
	"RevokeApplicationToken":   org.RevokeApplicationToken,
	"RevokeApplicationTokens":  org.RevokeApplicationTokens,
	"DeactivateApplication":    org.DeactivateApplication,
	"ListAuthorizationServers": org.ListAuthorizationServers,
	"GetAuthorizationServer":   org.GetAuthorizationServer,
	"ListScopes":               org.ListScopes,
}

// notSent are the documented query parameters that package org has no option for.
var notSent = map[string][]string{
	"listUsers":                {"expand", "fields", "q", "sortBy", "sortOrder"},
	"getUser":                  {"expand"},
	"listApplications":         {"alwaysIncludeVpnSettings", "expand", "q", "useOptimization"},
	"getApplication":           {"expand"},
	"listApplicationUsers":     {"expand", "q"},
	"listAuthorizationServers": {"q"},
	"listOAuth2Scopes":         {"filter", "q"},
}

// orgFunction is a function of package org with its operation.
type orgFunction struct {
	method
	function reflect.Value
	marker   marker
	op       operation
}

func (f orgFunction) call(
	ctx context.Context, client *okta.Client, ids []string, options reflect.Value,
) (result, error) {
	args := []reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(client)}
	for _, id := range ids {
		args = append(args, reflect.ValueOf(id))
	}
	if f.options != nil && !options.IsValid() {
		options = reflect.Zero(f.options)
	}
	if f.options != nil {
		args = append(args, options)
	}
	return unpack(f.function.Call(args))
}

// respond calls the function without options, and its operation responds with a body.
func (f orgFunction) respond(t *testing.T, status int, body any) (result, error) {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	client := newClient(t, apiToken, func(*http.Request) *http.Response { return reply(status, string(text)) })
	return f.call(t.Context(), client, plainIDs(f.ids), reflect.Value{})
}

// theOrg returns the document and the functions of package org, by their names.
func theOrg(t *testing.T) (*document, []orgFunction) {
	t.Helper()
	doc, err := orgDocument()
	skipIfAbsent(t, err)
	require.NoError(t, err)
	skipIfPart(t, doc)
	markers := readOrgMarkers(t)
	var functions []orgFunction
	for _, name := range sortedKeys(orgFunctions) {
		f := orgFunction{function: reflect.ValueOf(orgFunctions[name]), marker: markers[name]}
		f.method = newMethod("org", reflect.Method{Name: name, Type: f.function.Type()})
		if f.options == reflect.TypeFor[*okta.Client]() {
			f.options = nil
		}
		f.op = doc.operations[f.marker.operation]
		require.NotNil(t, f.op.Operation, "%s: the document does not have %q", name, f.marker.operation)
		functions = append(functions, f)
	}
	return doc, functions
}

// readOrgMarkers reads the markers of the exported functions from the sources of package org.
func readOrgMarkers(t *testing.T) map[string]marker {
	t.Helper()
	paths, err := filepath.Glob("../org/*.go")
	require.NoError(t, err)
	markers := map[string]marker{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, declaration := range file.Decls {
			f, ok := declaration.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !f.Name.IsExported() {
				continue
			}
			m, ok := readMarker(f.Name.Name, f)
			assert.True(t, ok, "the doc comment of %s does not name one operation with its route and scope", f.Name.Name)
			markers[f.Name.Name] = m
		}
	}
	return markers
}

// Each operation that oktatest serves beyond those of the services is one function of package org.
func TestOperationsAreFunctionsOfOrg(t *testing.T) {
	t.Parallel()
	_, functions := theOrg(t)
	assert.Equal(t, sortedKeys(orgFunctions), sortedKeys(readOrgMarkers(t)), "a function is not tested here")
	var named []string
	for _, f := range functions {
		m := f.marker
		named = append(named, f.op.id)
		assert.Equal(t, f.op.method, m.verb, f.name)
		assert.Equal(t, f.op.path, m.route, f.name)
		assert.Equal(t, strings.Join(f.op.scopes(), " "), m.scope, f.name)
		ids, parameters := strings.Join(m.ids, ", "), strings.Join(f.op.pathParameters(), ", ")
		if f.name == "GetUser" {
			ids = strings.TrimSuffix(ids, "OrLogin")
		}
		assert.True(t, strings.EqualFold(ids, parameters), "%s: %s are %s in the document", f.name, ids, parameters)
	}
	assert.ElementsMatch(t, sortedKeys(orgRequests), named)
	counts.operations.Add(int64(len(functions)))
}

// orgOptionSets returns nil options, all fields set, none, and each alone.
func orgOptionSets(pointer reflect.Type) []reflect.Value {
	sets := []reflect.Value{{}}
	if pointer == nil {
		return sets
	}
	none, all := reflect.New(pointer.Elem()), reflect.New(pointer.Elem())
	for i := range pointer.Elem().NumField() {
		var set reflect.Value
		switch field := pointer.Elem().Field(i).Type; {
		case field == reflect.TypeFor[okta.Expand]():
			set = reflect.ValueOf(okta.ExpandScope)
		case field.Kind() == reflect.String:
			set = reflect.ValueOf("a&b=c d+e%2F/?#ü;,\"")
		case field.Kind() == reflect.Int:
			set = reflect.ValueOf(7)
		case field.Kind() == reflect.Bool:
			set = reflect.ValueOf(true)
		}
		all.Elem().Field(i).Set(set)
		sets = append(sets, with(none, i, set))
	}
	return append(sets, none, all)
}

func TestRequestsOfOrgAreValid(t *testing.T) {
	t.Parallel()
	_, functions := theOrg(t)
	for _, f := range functions {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			sent := map[string]bool{}
			check := func(credentials okta.Credentials, ids []string, options reflect.Value) {
				for _, req := range f.send(t, credentials, ids, options) {
					counts.requests.Add(1)
					assert.Empty(t, checkRequest(t.Context(), f.op, req, ids))
					for name := range req.URL.Query() {
						sent[name] = true
					}
				}
			}
			for _, options := range orgOptionSets(f.options) {
				check(apiToken, plainIDs(f.ids), options)
				check(bearerToken, plainIDs(f.ids), options)
			}
			for _, ids := range idSets(f.ids) {
				check(apiToken, ids, reflect.Value{})
			}
			for _, name := range notSent[f.op.id] {
				assert.False(t, sent[name], name)
				sent[name] = true
			}
			assert.Equal(t, sortedKeys(f.op.queryParameters()), slices.Sorted(maps.Keys(sent)))
		})
	}
}

// send makes a call, reads all pages, and returns the requests.
func (f orgFunction) send(
	t *testing.T, credentials okta.Credentials, ids []string, options reflect.Value,
) []*http.Request {
	t.Helper()
	r := &recorder{op: f.op}
	page, err := f.call(t.Context(), newClient(t, credentials, r.respond), ids, options)
	require.NoError(t, err, "%s%q", f.name, ids)
	for more := true; more; {
		page, more, err = page.next(t.Context())
		require.NoError(t, err, "%s%q", f.name, ids)
	}
	require.NotEmpty(t, r.requests)
	return r.requests
}

// Without a Limit, a list asks for the largest page that the document has.
func TestDefaultLimitsOfOrg(t *testing.T) {
	t.Parallel()
	_, functions := theOrg(t)
	for _, f := range functions {
		limit := f.op.queryParameters()["limit"]
		if limit == nil {
			continue
		}
		want := "200"
		if most := limit.Schema.Value.Max; most != nil {
			want = strconv.Itoa(int(*most))
		}
		requests := f.send(t, apiToken, plainIDs(f.ids), reflect.Value{})
		assert.Equal(t, want, requests[0].URL.Query().Get("limit"), f.name)
	}
}

// Every field of a model is a documented property of the same kind. A model leaves out what nobody needs here.
func TestModelsOfOrgAreDocumented(t *testing.T) {
	t.Parallel()
	_, functions := theOrg(t)
	for _, f := range functions {
		ref, _, list := f.op.object()
		require.Equal(t, ref != nil, f.object != nil, f.name)
		if ref == nil {
			continue
		}
		assert.Equal(t, list, f.list, f.name)
		assert.Empty(t, checkModel(f.object.Name(), shapeOf(ref), f.object))
	}
}

func checkModel(path string, s *shape, t reflect.Type) findings {
	if got := kindOfType(t); got != s.kind {
		return findings{path + " is of kind " + s.kind + " in the document, its field of kind " + got}
	}
	if s.kind == "array" {
		return checkModel(path+"[]", s.items, t.Elem())
	}
	if t.Kind() != reflect.Struct || s.kind != "object" {
		counts.properties.Add(1)
		return nil
	}
	var found findings
	for name, field := range fieldsOf(t) {
		property := s.properties[name]
		if property == nil {
			found.addf("%s.%s is a field that the document does not have", path, name)
			continue
		}
		found = append(found, checkModel(path+"."+name, property, field)...)
	}
	return found
}

func TestStatusesOfOrgAreDocumented(t *testing.T) {
	t.Parallel()
	doc, _ := theOrg(t)
	documented := map[string]bool{}
	for _, schema := range []string{"UserStatus", "ApplicationLifecycleStatus", "LifecycleStatus"} {
		for _, value := range shapeOf(doc.schema(schema)).enum {
			documented[value] = true
		}
	}
	var known []string
	for _, status := range []org.Status{
		org.StatusActive, org.StatusInactive, org.StatusDeleted, org.StatusStaged, org.StatusProvisioned,
		org.StatusRecovery, org.StatusPasswordExpired, org.StatusLockedOut, org.StatusSuspended,
		org.StatusDeprovisioned,
	} {
		known = append(known, string(status))
	}
	assert.ElementsMatch(t, sortedKeys(documented), known)
}

// part returns the part of a shape that a model has.
func (s *shape) part(t reflect.Type) *shape {
	kept := *s
	switch {
	case s.kind == "array":
		kept.items = s.items.part(t.Elem())
	case s.kind == "object" && t.Kind() == reflect.Struct:
		kept.properties = map[string]*shape{}
		for name, field := range fieldsOf(t) {
			kept.properties[name] = s.properties[name].part(field)
		}
	}
	return &kept
}

func TestValuesOfOrgRoundTrip(t *testing.T) {
	t.Parallel()
	_, functions := theOrg(t)
	for _, f := range functions {
		if f.object == nil {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			ref, _, _ := f.op.object()
			s := shapeOf(ref).part(f.object)
			variants := s.variants(f.object.Name())
			values := make([]any, len(variants))
			for i, v := range variants {
				values[i] = v.value
			}
			for i, got := range f.read(t, values) {
				assert.Empty(t, s.compare(f.object.Name(), values[i], got), variants[i].name)
			}
			counts.values.Add(int64(len(values)))
		})
	}
}

// read has the function read objects, one by one or as one list, and returns them as encoding/json writes them.
func (f orgFunction) read(t *testing.T, objects []any) []any {
	t.Helper()
	bodies := objects
	if f.list {
		bodies = []any{objects}
	}
	var got []any
	for _, body := range bodies {
		page, err := f.respond(t, http.StatusOK, body)
		require.NoError(t, err)
		for _, object := range page.objects() {
			encoded, err := asJSON(object)
			require.NoError(t, err)
			got = append(got, encoded)
		}
	}
	require.Len(t, got, len(objects))
	return got
}

func TestExamplesOfOrgRoundTrip(t *testing.T) {
	t.Parallel()
	_, functions := theOrg(t)
	for _, f := range functions {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			examples := f.op.examples(t, newExceptions())
			require.NotEmpty(t, examples)
			for _, e := range examples {
				if isError(e.status) {
					f.checkError(t, e)
				} else {
					f.checkExample(t, e)
				}
				counts.values.Add(1)
			}
		})
	}
}

func (f orgFunction) checkError(t *testing.T, e example) {
	t.Helper()
	_, err := f.respond(t, e.status, e.sent)
	response, ok := errors.AsType[*okta.Error](err)
	require.True(t, ok, "%v", err)
	assert.Equal(t, e.status, response.StatusCode)
	assert.Equal(t, e.sent.(map[string]any)["errorCode"], string(response.Code))
}

func (f orgFunction) checkExample(t *testing.T, e example) {
	t.Helper()
	objects := []any{e.sent}
	if f.list {
		objects = e.sent.([]any)
	}
	require.NotEmpty(t, objects, e.name)
	ref, _, _ := f.op.object()
	s := shapeOf(ref).part(f.object)
	for i, got := range f.read(t, objects) {
		for _, difference := range s.compare(f.object.Name(), objects[i], got) {
			assert.Fail(t, difference, e.name)
		}
	}
}

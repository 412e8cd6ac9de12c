package contract_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/contract/internal/material"
)

// findings are what a check found wrong in the SDK, oktatest or the document, one line each.
type findings []string

func (f *findings) addf(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// readDocument reads the document's text.
var readDocument = sync.OnceValues(func() ([]byte, error) {
	return material.Read("spec", "okta-grants.openapi.yaml")
})

// document is Okta's OpenAPI document with its operations by operationId.
type document struct {
	*openapi3.T
	operations map[string]operation
}

// operation is one operation of the document, with its place in it.
type operation struct {
	*openapi3.Operation
	id     string
	method string
	path   string
	item   *openapi3.PathItem
	doc    *openapi3.T
}

var sharedDocument = sync.OnceValues(func() (*document, error) {
	text, err := readDocument()
	if err != nil {
		return nil, err
	}
	return parse(text)
})

func parse(text []byte) (*document, error) {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	d := &document{T: doc}
	d.index()
	return d, nil
}

func (d *document) index() {
	d.operations = map[string]operation{}
	for path, item := range d.Paths.Map() {
		for method, op := range item.Operations() {
			d.operations[op.OperationID] = operation{op, op.OperationID, method, path, item, d.T}
		}
	}
}

// theDocument returns the document that all tests share. It must not be changed.
func theDocument(t *testing.T) *document {
	t.Helper()
	doc, err := sharedDocument()
	skipIfAbsent(t, err)
	require.NoError(t, err)
	return doc
}

// mutated returns a copy of the document with a change.
func mutated(t *testing.T, change func(*document)) *document {
	t.Helper()
	text, err := trimmedText()
	skipIfAbsent(t, err)
	require.NoError(t, err)
	doc, err := parse(text)
	require.NoError(t, err)
	change(doc)
	doc.index()
	return doc
}

// trimmedText is the document reduced to the operations of the SDK and what they refer to. The whole document has
// hundreds of operations and takes too long to parse for each mutation.
var trimmedText = sync.OnceValues(func() ([]byte, error) {
	text, err := readDocument()
	if err != nil {
		return nil, err
	}
	doc, err := parse(text)
	if err != nil {
		return nil, err
	}
	for path, item := range doc.Paths.Map() {
		if !doc.serves(item) {
			doc.Paths.Delete(path)
		}
	}
	tree, err := asJSON(doc.T)
	if err != nil {
		return nil, err
	}
	trim(tree.(map[string]any))
	return json.Marshal(tree)
})

func (d *document) serves(item *openapi3.PathItem) bool {
	for _, op := range item.Operations() {
		if _, ok := d.operations[op.OperationID].service(tags); ok {
			return true
		}
	}
	return false
}

// trim deletes the components that nothing refers to.
func trim(doc map[string]any) {
	components := doc["components"].(map[string]any)
	used := map[string]bool{}
	follow(components, doc["paths"], used)
	for kind, all := range components {
		if kind == "securitySchemes" { // these are named, not referred to
			continue
		}
		maps.DeleteFunc(all.(map[string]any), func(name string, _ any) bool { return !used[kind+"/"+name] })
	}
}

// follow marks the components that a part of the document refers to, directly or not, as used.
func follow(components map[string]any, part any, used map[string]bool) {
	switch part := part.(type) {
	case []any:
		for _, item := range part {
			follow(components, item, used)
		}
	case map[string]any:
		ref, _ := part["$ref"].(string)
		name, ok := strings.CutPrefix(ref, "#/components/")
		if kind, key, _ := strings.Cut(name, "/"); ok && !used[name] {
			used[name] = true
			follow(components, components[kind].(map[string]any)[key], used)
		}
		for _, member := range part {
			follow(components, member, used)
		}
	}
}

func skipIfAbsent(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, material.ErrAbsent) {
		t.Skip(err)
	}
}

// schema returns a reference to a schema by its name. The document must have it.
func (d *document) schema(name string) *openapi3.SchemaRef {
	return openapi3.NewSchemaRef("#/components/schemas/"+name, d.Components.Schemas[name].Value)
}

// ofTags returns the operations that carry one of the tags, in the order of their IDs.
func (d *document) ofTags(tags map[string]string) []operation {
	var found []operation
	for _, op := range d.operations {
		if _, ok := op.service(tags); ok {
			found = append(found, op)
		}
	}
	return slices.SortedFunc(slices.Values(found), func(a, b operation) int { return cmp.Compare(a.id, b.id) })
}

// service returns the service that implements the operation's tag.
func (o operation) service(tags map[string]string) (string, bool) {
	for _, tag := range o.Tags {
		if service, ok := tags[tag]; ok {
			return service, true
		}
	}
	return "", false
}

// scopes returns the OAuth scopes that the operation needs.
func (o operation) scopes() []string {
	security := o.doc.Security
	if o.Security != nil {
		security = *o.Security
	}
	var scopes []string
	for _, requirement := range security {
		for name, wanted := range requirement {
			if scheme := o.doc.Components.SecuritySchemes[name]; scheme != nil && scheme.Value.Type == "oauth2" {
				scopes = append(scopes, wanted...)
			}
		}
	}
	return scopes
}

// pathParameters returns the names of the parameters in the path, in their order.
func (o operation) pathParameters() []string {
	var names []string
	for segment := range strings.SplitSeq(o.path, "/") {
		if name, ok := parameter(segment); ok {
			names = append(names, name)
		}
	}
	return names
}

// parameter returns the name of a path parameter, and whether a segment of a template is one.
func parameter(segment string) (string, bool) {
	name, opens := strings.CutPrefix(segment, "{")
	name, closes := strings.CutSuffix(name, "}")
	return name, opens && closes
}

// queryParameters returns the query parameters by their names.
func (o operation) queryParameters() map[string]*openapi3.Parameter {
	found := map[string]*openapi3.Parameter{}
	for _, parameters := range []openapi3.Parameters{o.item.Parameters, o.Parameters} {
		for _, ref := range parameters {
			if ref.Value.In == openapi3.ParameterInQuery {
				found[ref.Value.Name] = ref.Value
			}
		}
	}
	return found
}

// takes reports whether the operation has all these query parameters.
func (o operation) takes(names ...string) bool {
	known := o.queryParameters()
	return !slices.ContainsFunc(names, func(name string) bool { return known[name] == nil })
}

// statuses returns the documented statuses that fit, in their order.
func (o operation) statuses(fits func(int) bool) []int {
	var found []int
	for code := range o.Responses.Map() {
		if status, err := strconv.Atoi(code); err == nil && fits(status) {
			found = append(found, status)
		}
	}
	slices.Sort(found)
	return found
}

func isSuccess(status int) bool { return status >= 200 && status < 300 }
func isError(status int) bool   { return status >= 400 }

// media returns the documented media type of a JSON response, or nil if there is none.
func (o operation) media(status int) *openapi3.MediaType {
	resp := o.Responses.Status(status)
	if resp == nil {
		return nil
	}
	return resp.Value.Content["application/json"]
}

// success returns the documented success status, and the schema of its body if there is one.
func (o operation) success() (int, *openapi3.SchemaRef) {
	statuses := o.statuses(isSuccess)
	if len(statuses) == 0 {
		return 0, nil
	}
	if media := o.media(statuses[0]); media != nil {
		return statuses[0], media.Schema
	}
	return statuses[0], nil
}

// object returns the schema of the object that the operation returns, its name, and whether it returns a list of them.
func (o operation) object() (schema *openapi3.SchemaRef, name string, list bool) {
	_, schema = o.success()
	if schema == nil {
		return nil, "", false
	}
	if schema.Value.Type.Is(openapi3.TypeArray) {
		schema, list = schema.Value.Items, true
	}
	return schema, schema.Ref[strings.LastIndex(schema.Ref, "/")+1:], list
}

// sortedKeys returns the keys of a map in their order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

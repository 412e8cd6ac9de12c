package contract_test

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

const orgURL = "https://acme.okta.com"

// method is one method of one of the SDK's services. Methods are found by reflection: a new one, or a new field of
// its options, is tested without a change here.
type method struct {
	service, name string
	ids           int          // how many IDs it takes
	options       reflect.Type // a pointer to a struct; nil if there are none
	object        reflect.Type // the object that it returns, or returns a list of; nil if it revokes
	list          bool
}

func (m method) String() string { return m.service + "." + m.name }

// sdkMethods returns the methods of all services, by "Service.Method".
func sdkMethods() map[string]method {
	methods := map[string]method{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[okta.Client]()) {
		if !field.IsExported() {
			continue
		}
		for found := range field.Type.Methods() {
			m := newMethod(field.Name, found)
			methods[m.String()] = m
		}
	}
	return methods
}

func newMethod(service string, from reflect.Method) method {
	m := method{service: service, name: from.Name}
	for i := 1; i < from.Type.NumIn(); i++ { // 0 is the receiver
		switch in := from.Type.In(i); in.Kind() {
		case reflect.String:
			m.ids++
		case reflect.Pointer:
			m.options = in
		}
	}
	if from.Type.NumOut() < 2 {
		return m
	}
	m.object = from.Type.Out(0).Elem()
	if items, ok := m.object.FieldByName("Items"); ok {
		m.object, m.list = items.Type.Elem(), true
	}
	return m
}

// result is the value that a call returned.
type result struct{ value reflect.Value }

// call calls the method. An invalid reflect.Value of options means nil.
func (m method) call(ctx context.Context, client *okta.Client, ids []string, options reflect.Value) (result, error) {
	args := []reflect.Value{reflect.ValueOf(ctx)}
	for _, id := range ids {
		args = append(args, reflect.ValueOf(id))
	}
	if m.options != nil && !options.IsValid() {
		options = reflect.Zero(m.options)
	}
	if m.options != nil {
		args = append(args, options)
	}
	service := reflect.ValueOf(client).Elem().FieldByName(m.service)
	return unpack(service.MethodByName(m.name).Call(args))
}

func unpack(out []reflect.Value) (result, error) {
	err, _ := reflect.TypeAssert[error](out[len(out)-1])
	if len(out) == 1 {
		return result{}, err
	}
	return result{out[0]}, err
}

// next reads the next page, and reports whether there is one.
func (r result) next(ctx context.Context) (result, bool, error) {
	if !r.value.IsValid() || !r.value.MethodByName("HasNext").IsValid() {
		return result{}, false, nil
	}
	if !r.value.MethodByName("HasNext").Call(nil)[0].Bool() {
		return result{}, false, nil
	}
	page, err := unpack(r.value.MethodByName("Next").Call([]reflect.Value{reflect.ValueOf(ctx)}))
	return page, true, err
}

// objects returns the objects of the result.
func (r result) objects() []any {
	items := r.value.Elem().FieldByName("Items")
	if !items.IsValid() {
		return []any{r.value.Interface()}
	}
	objects := make([]any, items.Len())
	for i := range objects {
		objects[i] = items.Index(i).Interface()
	}
	return objects
}

// optionSets returns every combination of values in an options struct, and nil options first.
func optionSets(pointer reflect.Type) []reflect.Value {
	sets := []reflect.Value{{}}
	if pointer == nil {
		return sets
	}
	combinations := []reflect.Value{reflect.New(pointer.Elem())}
	for i := range pointer.Elem().NumField() {
		var extended []reflect.Value
		for _, set := range combinations {
			for _, value := range optionValues(pointer.Elem().Field(i).Type) {
				extended = append(extended, with(set, i, value))
			}
		}
		combinations = extended
	}
	return append(sets, combinations...)
}

// with returns a copy of a struct behind a pointer, with one field set.
func with(pointer reflect.Value, field int, value reflect.Value) reflect.Value {
	changed := reflect.New(pointer.Type().Elem())
	changed.Elem().Set(pointer.Elem())
	changed.Elem().Field(field).Set(value)
	return changed
}

// optionValues returns the tested values of a field of options. An unknown kind has none: no request is sent then, and
// the tests fail.
func optionValues(t reflect.Type) []reflect.Value {
	if t == reflect.TypeFor[okta.Expand]() {
		return valuesOf(okta.Expand(""), okta.ExpandScope)
	}
	switch t.Kind() {
	case reflect.String:
		return valuesOf("", "okta.users.read", "a&b=c d+e%2F/?#ü;,\"")
	case reflect.Int:
		return valuesOf(0, 1, 20, 200)
	}
	return nil
}

func valuesOf[T any](values ...T) []reflect.Value {
	reflected := make([]reflect.Value, len(values))
	for i, value := range values {
		reflected[i] = reflect.ValueOf(value)
	}
	return reflected
}

// plainIDs returns n different IDs.
func plainIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = "id" + strconv.Itoa(i+1)
	}
	return ids
}

// oddIDs must be escaped. IDs that the SDK refuses to send are tested in package okta.
var oddIDs = []string{
	"a%2Fb", "joe@acme.com", "a?b", "a#b", "a b", "a%3Bb", "%2e%2e", "...", "ü", "a+b", "a:b", "o'hara", "(a)*!",
	"me", "{x}", "grants", "tokens", "a&b=c", "a,b", `"`, "😀", strings.Repeat("x", 500),
}

// idSets returns a set of plain IDs, and all sets with one odd ID.
func idSets(n int) [][]string {
	sets := [][]string{plainIDs(n)}
	for place := range n {
		for _, odd := range oddIDs {
			ids := slices.Clone(sets[0])
			ids[place] = odd
			sets = append(sets, ids)
		}
	}
	return sets
}

// transport is a http.RoundTripper that responds in place of Okta.
type transport func(*http.Request) *http.Response

func (f transport) RoundTrip(req *http.Request) (*http.Response, error) { return f(req), nil }

// reply returns a response with the headers of Okta.
func reply(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"application/json"}, "X-Okta-Request-Id": {"req1"}},
		Body:   io.NopCloser(strings.NewReader(body)),
	}
}

var (
	apiToken    = okta.APIToken("00secret")
	bearerToken = okta.BearerToken("eySecret")
)

// newClient returns a client that sends through f and never retries.
func newClient(t *testing.T, credentials okta.Credentials, f transport) *okta.Client {
	t.Helper()
	client, err := okta.NewClient(okta.Config{
		OrgURL:      orgURL,
		Credentials: credentials,
		HTTPClient:  &http.Client{Transport: f},
		Retry:       okta.RetryOptions{MaxRetries: -1},
	})
	require.NoError(t, err)
	return client
}

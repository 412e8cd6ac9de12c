package contract_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

// compare says where got, which the SDK encodes after reading a response, differs from what was sent. Timestamps
// are instants, what is absent is zero, and members that the document does not have may be left out, but none may
// be added.
func (s *shape) compare(path string, sent, got any) findings {
	if isZero(sent) && isZero(got) {
		return nil
	}
	switch {
	case strings.HasSuffix(path, "._links"):
		return s.compareLinks(path, sent, got)
	case s.kind == "object":
		return s.compareObjects(path, sent, got)
	case s.kind == "array":
		return s.compareArrays(path, sent, got)
	case s.kind == "date-time":
		if sameInstant(sent, got) {
			return nil
		}
	}
	return compareScalars(path, sent, got)
}

func compareScalars(path string, sent, got any) findings {
	switch {
	case reflect.DeepEqual(sent, got):
		return nil
	case isZero(got):
		return findings{path + " is lost"}
	case isZero(sent):
		return findings{fmt.Sprintf("%s is added: %v", path, got)}
	}
	return findings{fmt.Sprintf("%s was %v and became %v", path, sent, got)}
}

func (s *shape) compareObjects(path string, sent, got any) findings {
	from, isObject := sent.(map[string]any)
	to, isObjectToo := got.(map[string]any)
	if sent != nil && !isObject || got != nil && !isObjectToo {
		return compareScalars(path, sent, got)
	}
	var found findings
	for _, name := range sortedKeys(s.properties) {
		found = append(found, s.properties[name].compare(path+"."+name, from[name], to[name])...)
	}
	for _, name := range sortedKeys(to) {
		if s.properties[name] == nil && !reflect.DeepEqual(from[name], to[name]) {
			found.addf("%s.%s is added", path, name)
		}
	}
	return found
}

// compareLinks wants the links as they were sent, and each documented one that has an address read by Links.
func (s *shape) compareLinks(path string, sent, got any) findings {
	if !reflect.DeepEqual(sent, got) {
		return findings{fmt.Sprintf("%s was %v and became %v", path, sent, got)}
	}
	links, err := linksOf(got)
	if err != nil {
		return findings{fmt.Sprintf("%s: %v", path, err)}
	}
	var found findings
	from, _ := sent.(map[string]any)
	for _, relation := range sortedKeys(s.properties) {
		property := s.properties[relation]
		found = append(found, property.compareLink(path+"."+relation, from[relation], links, relation)...)
	}
	return found
}

func (s *shape) compareLink(path string, sent any, links okta.Links, relation string) findings {
	members, isObject := sent.(map[string]any)
	if sent == nil || isObject && isZero(members["href"]) {
		return nil
	}
	link, ok := links.Get(relation)
	if !ok {
		return findings{path + " cannot be read"}
	}
	got, err := asJSON(link)
	if err != nil {
		return findings{fmt.Sprintf("%s: %v", path, err)}
	}
	return s.compare(path, sent, got)
}

func linksOf(value any) (okta.Links, error) {
	var links okta.Links
	text, err := json.Marshal(value)
	if err != nil {
		return links, err
	}
	return links, json.Unmarshal(text, &links)
}

func (s *shape) compareArrays(path string, sent, got any) findings {
	from, _ := sent.([]any)
	to, _ := got.([]any)
	if len(from) != len(to) || s.items == nil {
		return compareScalars(path, sent, got)
	}
	var found findings
	for i := range from {
		found = append(found, s.items.compare(fmt.Sprintf("%s[%d]", path, i), from[i], to[i])...)
	}
	return found
}

// isZero reports whether a JSON value means the same as its absence.
func isZero(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		for _, member := range value {
			if !isZero(member) {
				return false
			}
		}
		return true
	case []any:
		return len(value) == 0
	}
	return value == nil || value == "" || value == false || value == float64(0)
}

// withoutZeros returns a value without the members that are zero.
func withoutZeros(value any) any {
	object, ok := value.(map[string]any)
	if !ok {
		return value
	}
	kept := map[string]any{}
	for name, member := range object {
		if !isZero(member) {
			kept[name] = withoutZeros(member)
		}
	}
	return kept
}

func sameInstant(sent, got any) bool {
	from, _ := sent.(string)
	to, _ := got.(string)
	first, err := time.Parse(time.RFC3339Nano, from)
	second, errToo := time.Parse(time.RFC3339Nano, to)
	return err == nil && errToo == nil && first.Equal(second)
}

// asJSON returns a value encoded as JSON and decoded.
func asJSON(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var decoded any
	err = json.Unmarshal(text, &decoded)
	return decoded, err
}

// exchange calls the method, and its operation responds with a body.
func (p pair) exchange(t *testing.T, status int, body any) (result, error) {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	client := newClient(t, apiToken, func(*http.Request) *http.Response { return reply(status, string(text)) })
	return p.call(t.Context(), client, plainIDs(p.ids), reflect.Value{})
}

// readObjects calls a method that reads objects, one by one or as one list, and returns them as the SDK encodes them.
func (p pair) readObjects(t *testing.T, sent []any) ([]any, error) {
	t.Helper()
	status, _ := p.op.success()
	bodies := sent
	if p.list {
		bodies = []any{sent}
	}
	var got []any
	for _, body := range bodies {
		page, err := p.exchange(t, status, body)
		if err != nil {
			return nil, err
		}
		for _, object := range page.objects() {
			encoded, err := asJSON(object)
			if err != nil {
				return nil, err
			}
			got = append(got, encoded)
		}
	}
	return got, nil
}

// checkValues calls a method with every variant of what its operation returns, and compares it with what the SDK
// encodes. rename changes what is sent, not what is expected. It returns the number of values.
func (p pair) checkValues(t *testing.T, rename func(any) any) (int, findings) {
	t.Helper()
	ref, name, _ := p.op.object()
	s := shapeOf(ref)
	variants := s.variants(name)
	var found findings
	if err := validate(ref, variants[0].value); err != nil {
		found.addf("the generator's own %s is not valid: %v", variants[0].name, err)
	}
	sent := make([]any, len(variants))
	for i, v := range variants {
		sent[i] = rename(v.value)
	}
	got, err := p.readObjects(t, sent)
	if err != nil {
		found.addf("%s: %v", p.op.id, err)
		return len(sent), found
	}
	for i, v := range variants {
		for _, difference := range s.compare(name, v.value, got[i]) {
			found.addf("%s, where %s: %s", p.op.id, v.name, difference)
		}
		found = append(found, checkEncoded(ref, v, got[i])...)
	}
	return len(sent), found
}

// checkEncoded says whether a value that was valid no longer is. What is zero may be absent. Links are encoded as
// they were sent, zeros included.
func checkEncoded(ref *openapi3.SchemaRef, v variant, got any) findings {
	if validate(ref, withoutZeros(v.value)) != nil {
		return nil
	}
	got = edit(got, func(name string, value any) (string, any) {
		if name == "_links" {
			value = withoutZeros(value)
		}
		return name, value
	})
	if err := validate(ref, got); err != nil {
		return findings{fmt.Sprintf("where %s, what the SDK encodes is not valid: %v", v.name, err)}
	}
	return nil
}

func asDocumented(value any) any { return value }

// withSnakeClientID returns an object as Okta's example responses have it: with client_id in place of clientId.
func withSnakeClientID(value any) any { return renamed(value, "clientId", "client_id") }

// renamed returns a copy of an object with one member under another name.
func renamed(value any, from, to string) any {
	object, ok := value.(map[string]any)
	if !ok || object[from] == nil {
		return value
	}
	changed := map[string]any{to: object[from]}
	for name, member := range object {
		if name != from {
			changed[name] = member
		}
	}
	return changed
}

func TestValuesRoundTrip(t *testing.T) {
	t.Parallel()
	renames := map[string]func(any) any{"as documented": asDocumented, "with client_id": withSnakeClientID}
	for _, p := range pairs(t, theDocument(t)) {
		if p.object == nil {
			continue
		}
		for how, rename := range renames {
			if how == "with client_id" && p.object != reflect.TypeFor[okta.OAuth2RefreshToken]() {
				continue
			}
			t.Run(p.op.id+" "+how, func(t *testing.T) {
				t.Parallel()
				count, found := p.checkValues(t, rename)
				assert.Empty(t, found)
				counts.values.Add(int64(count))
				t.Logf("%d values checked", count)
			})
		}
	}
}

// encodeError returns an error of the SDK as Okta spells its members, by the names in errorFields and causeFields.
func encodeError(err error) (any, bool) {
	apiErr, ok := errors.AsType[*okta.Error](err)
	if !ok {
		return nil, false
	}
	causes := make([]any, len(apiErr.Causes))
	for i, cause := range apiErr.Causes {
		causes[i] = encodeFields(reflect.ValueOf(cause), causeFields)
	}
	encoded := encodeFields(reflect.ValueOf(*apiErr), errorFields)
	encoded["errorCauses"] = causes
	return encoded, true
}

func encodeFields(from reflect.Value, fields map[string]string) map[string]any {
	encoded := map[string]any{}
	for name, field := range fields {
		if value := from.FieldByName(field); value.Kind() == reflect.String {
			encoded[name] = value.String()
		}
	}
	return encoded
}

// checkErrors calls a method with every variant of each error that its operation lists.
func (p pair) checkErrors(t *testing.T) (int, findings) {
	t.Helper()
	var found findings
	count := 0
	for _, status := range p.op.statuses(isError) {
		media := p.op.media(status)
		if media == nil {
			continue
		}
		s := shapeOf(media.Schema)
		for _, v := range s.variants(s.name) {
			count++
			for _, difference := range p.checkError(t, s, status, v.value) {
				found.addf("%s, %d, where %s: %s", p.op.id, status, v.name, difference)
			}
		}
	}
	return count, found
}

func (p pair) checkError(t *testing.T, s *shape, status int, sent any) findings {
	t.Helper()
	_, err := p.exchange(t, status, sent)
	got, ok := encodeError(err)
	if !ok {
		return findings{fmt.Sprintf("the error is not an *okta.Error, but %v", err)}
	}
	return s.compare(s.name, sent, got)
}

func TestErrorsRoundTrip(t *testing.T) {
	t.Parallel()
	for _, p := range pairs(t, theDocument(t)) {
		t.Run(p.op.id, func(t *testing.T) {
			t.Parallel()
			count, found := p.checkErrors(t)
			assert.Empty(t, found)
			assert.Positive(t, count)
			counts.values.Add(int64(count))
			t.Logf("%d errors checked", count)
		})
	}
}

func TestCompareFindsDifferences(t *testing.T) {
	t.Parallel()
	text := &shape{kind: "string"}
	s := &shape{kind: "object", properties: map[string]*shape{
		"a": text, "at": {kind: "date-time"}, "list": {kind: "array", items: text},
		"_links": {kind: "object", properties: map[string]*shape{"b": {kind: "object", properties: map[string]*shape{
			"href": text, "new": text,
		}}}},
		"in": {kind: "object", properties: map[string]*shape{"b": text}},
	}}
	for name, c := range map[string]struct {
		sent, got string
		want      findings
	}{
		"same":        {`{"a":"x","x":1}`, `{"a":"x"}`, nil},
		"zero":        {`{"a":"","list":[],"in":{"b":null}}`, `{}`, nil},
		"instant":     {`{"at":"2026-01-02T03:04:05.600Z"}`, `{"at":"2026-01-02T04:04:05.6+01:00"}`, nil},
		"lost":        {`{"a":"x"}`, `{}`, findings{"X.a is lost"}},
		"lost inside": {`{"in":{"b":"x"}}`, `{}`, findings{"X.in.b is lost"}},
		"changed":     {`{"a":"x"}`, `{"a":"y"}`, findings{"X.a was x and became y"}},
		"later": {
			`{"at":"2026-01-02T03:04:05.600Z"}`, `{"at":"2026-01-02T03:04:05Z"}`,
			findings{"X.at was 2026-01-02T03:04:05.600Z and became 2026-01-02T03:04:05Z"},
		},
		"shorter":    {`{"list":["x","y"]}`, `{"list":["x"]}`, findings{"X.list was [x y] and became [x]"}},
		"item":       {`{"list":["x","y"]}`, `{"list":["x","z"]}`, findings{"X.list[1] was y and became z"}},
		"added":      {`{}`, `{"a":"x","c":1}`, findings{"X.a is added: x", "X.c is added"}},
		"links":      {`{"_links":{"b":{"href":"x"},"c":{}}}`, `{"_links":{"b":{"href":"x"},"c":{}}}`, nil},
		"no address": {`{"_links":{"b":{"href":"","new":"x"}}}`, `{"_links":{"b":{"href":"","new":"x"}}}`, nil},
		"link lost": {
			`{"_links":{"b":{"href":"x"},"c":{}}}`, `{"_links":{"b":{"href":"x"}}}`,
			findings{"X._links was map[b:map[href:x] c:map[]] and became map[b:map[href:x]]"},
		},
		"no link": {`{"_links":{"b":"x"}}`, `{"_links":{"b":"x"}}`, findings{"X._links.b cannot be read"}},
		"member lost": {
			`{"_links":{"b":{"href":"x","new":"y"}}}`, `{"_links":{"b":{"href":"x","new":"y"}}}`,
			findings{"X._links.b.new is lost"},
		},
		"other kind": {`{"in":{"b":"x"}}`, `{"in":"x"}`, findings{"X.in was map[b:x] and became x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent, got any
			require.NoError(t, json.Unmarshal([]byte(c.sent), &sent))
			require.NoError(t, json.Unmarshal([]byte(c.got), &got))
			assert.Equal(t, c.want, s.compare("X", sent, got))
		})
	}
}

func TestVariantsDifferInOnePlace(t *testing.T) {
	t.Parallel()
	s := &shape{kind: "object", properties: map[string]*shape{
		"on": {kind: "boolean"}, "status": {kind: "string", enum: []string{"A", "B"}, nullable: true},
	}}
	var names []string
	for _, v := range s.variants("X") {
		names = append(names, v.name)
	}
	slices.Sort(names)
	assert.Equal(t, []string{
		"X is complete", "X is empty", "X.on is absent", "X.on is false", "X.status is B", "X.status is absent",
		"X.status is null",
	}, names)
}

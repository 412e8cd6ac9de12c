package contract_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grantkit/okta"
)

// The fields of the SDK's errors have no JSON tags. These are the fields of the documented members.
var (
	errorFields = map[string]string{
		"errorCode": "Code", "errorSummary": "Summary", "errorLink": "Link", "errorId": "ID", "errorCauses": "Causes",
	}
	causeFields = map[string]string{"errorSummary": "Summary"}
)

// fieldCheck compares the SDK's types with schemas.
type fieldCheck struct {
	found      findings
	properties map[string]bool                  // by path
	types      map[reflect.Type]map[string]bool // members of each struct that some schema has
}

// checkFields compares the types of all objects that the methods read, and of errors, with their schemas. A field is
// documented if any schema of its type has it: Link is the type of all links and has the members of each. Links has no
// fields; each documented relation is compared with Link.
func checkFields(doc *document, all []pair) (int, findings) {
	c := &fieldCheck{properties: map[string]bool{}, types: map[reflect.Type]map[string]bool{}}
	for _, p := range all {
		if ref, name, list := p.op.object(); ref != nil && p.object != nil {
			c.object(name, shapeOf(ref), p.object)
			if list != p.list {
				c.found.addf("%s: one of %v and the document has a list, the other one object", p.op.id, p.method)
			}
		}
	}
	c.named("Error", shapeOf(doc.schema("Error")), errorFields)
	c.named("ErrorCause", shapeOf(doc.schema("ErrorCause")), causeFields)
	for t, documented := range c.types {
		for _, name := range sortedKeys(fieldsOf(t)) {
			if !documented[name] {
				c.found.addf("%s.%s is a field that the document does not have", t.Name(), name)
			}
		}
	}
	return len(c.properties), unique(c.found)
}

// unique returns the findings without duplicates.
func unique(all findings) findings {
	seen := map[string]bool{}
	var once findings
	for _, f := range all {
		if !seen[f] {
			once = append(once, f)
		}
		seen[f] = true
	}
	return once
}

// fieldsOf returns the fields of a struct by the names of their JSON members.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = field.Type
		}
	}
	return fields
}

func (c *fieldCheck) object(path string, s *shape, t reflect.Type) {
	fields := fieldsOf(t)
	if c.types[t] == nil {
		c.types[t] = map[string]bool{}
	}
	for _, name := range sortedKeys(s.properties) {
		at := path + "." + name
		c.properties[at] = true
		c.types[t][name] = true
		field, ok := fields[name]
		if !ok {
			c.found.addf("%s has no field", at)
			continue
		}
		c.value(at, s.properties[name], field)
	}
}

func (c *fieldCheck) value(path string, s *shape, t reflect.Type) {
	if got := kindOfType(t); got != s.kind {
		c.found.addf("%s is of kind %q in the document, its field of kind %q", path, s.kind, got)
		return
	}
	switch {
	case t == reflect.TypeFor[okta.Links]():
		c.links(path, s)
	case s.kind == "object":
		c.object(path, s, t)
	case s.kind == "array":
		c.value(path+"[]", s.items, t.Elem())
	}
}

func (c *fieldCheck) links(path string, s *shape) {
	for _, relation := range sortedKeys(s.properties) {
		at := path + "." + relation
		c.properties[at] = true
		c.value(at, s.properties[relation], reflect.TypeFor[okta.Link]())
	}
}

// kindOfType returns the kind of schema that a type corresponds to.
func kindOfType(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Time]():
		return "date-time"
	case reflect.TypeFor[okta.Links]():
		return "object"
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Slice:
		return "array"
	case reflect.Struct, reflect.Map:
		return "object"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "integer"
	case reflect.Float64:
		return "number"
	}
	return t.String()
}

// named compares a schema with the fields of its members.
func (c *fieldCheck) named(path string, s *shape, fields map[string]string) {
	for _, name := range sortedKeys(s.properties) {
		c.properties[path+"."+name] = true
		if _, ok := fields[name]; !ok {
			c.found.addf("%s.%s has no field", path, name)
		}
	}
	for _, name := range sortedKeys(fields) {
		if s.properties[name] == nil {
			c.found.addf("%s.%s is a field that the document does not have", path, name)
		}
	}
}

func TestPropertiesHaveFields(t *testing.T) {
	t.Parallel()
	doc := theDocument(t)
	count, found := checkFields(doc, pairs(t, doc))
	assert.Empty(t, found)
	counts.properties.Add(int64(count))
	t.Logf("%d properties checked", count)
}

func TestErrorFieldsExist(t *testing.T) {
	t.Parallel()
	for _, field := range errorFields {
		_, ok := reflect.TypeFor[okta.Error]().FieldByName(field)
		assert.True(t, ok, field)
	}
	for _, field := range causeFields {
		_, ok := reflect.TypeFor[okta.ErrorCause]().FieldByName(field)
		assert.True(t, ok, field)
	}
}

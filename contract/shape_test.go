package contract_test

import (
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// shape is a schema merged with its parts: those of allOf, oneOf and anyOf.
type shape struct {
	kind       string // object, array, string, date-time, boolean, integer, number, or empty for any
	properties map[string]*shape
	items      *shape
	enum       []string // empty for any value
	nullable   bool
	name       string // of the schema, if it has one
}

// deepest bounds how deep a schema that contains itself is followed.
const deepest = 12

func shapeOf(ref *openapi3.SchemaRef) *shape {
	s := &shape{name: schemaName(ref)}
	s.merge(ref, deepest)
	return s
}

// schemaName returns the name of a schema, or of that of its items.
func schemaName(ref *openapi3.SchemaRef) string {
	if ref.Ref == "" && ref.Value.Items != nil {
		ref = ref.Value.Items
	}
	return ref.Ref[strings.LastIndex(ref.Ref, "/")+1:]
}

// merge adds a schema to the shape.
func (s *shape) merge(ref *openapi3.SchemaRef, depth int) {
	if ref == nil || ref.Value == nil || depth == 0 {
		return
	}
	schema := ref.Value
	s.nullable = s.nullable || schema.Nullable
	for _, parts := range []openapi3.SchemaRefs{schema.AllOf, schema.OneOf, schema.AnyOf} {
		for _, part := range parts {
			s.merge(part, depth-1)
		}
	}
	if kind := kindOf(schema); kind != "" {
		s.kind = kind
	}
	s.mergeEnum(schema.Enum)
	if schema.Items != nil {
		if s.items == nil {
			s.items = &shape{}
		}
		s.items.merge(schema.Items, depth-1)
	}
	for name, property := range schema.Properties {
		if s.properties == nil {
			s.properties = map[string]*shape{}
		}
		if s.properties[name] == nil {
			s.properties[name] = &shape{}
		}
		s.properties[name].merge(property, depth-1)
	}
}

// mergeEnum keeps the values that all parts allow.
func (s *shape) mergeEnum(values []any) {
	if len(values) == 0 {
		return
	}
	var texts []string
	for _, value := range values {
		if text, ok := value.(string); ok && (len(s.enum) == 0 || slices.Contains(s.enum, text)) {
			texts = append(texts, text)
		}
	}
	s.enum = texts
}

// kindOf returns the kind that a schema has by itself. A part of allOf may have none.
func kindOf(schema *openapi3.Schema) string {
	switch {
	case schema.Format == "date-time":
		return "date-time"
	case schema.Type != nil && len(*schema.Type) > 0:
		return (*schema.Type)[0]
	case len(schema.Properties) > 0:
		return "object"
	case schema.Items != nil:
		return "array"
	case len(schema.Enum) > 0:
		return "string"
	}
	return ""
}

// variant is a value of a schema, named by what is special about it.
type variant struct {
	name  string
	value any
}

// variants returns values of a shape, the same ones each time. The first has all documented members; each of the
// others differs from it in one.
func (s *shape) variants(path string) []variant {
	var found []variant
	switch {
	case s.kind == "object":
		found = s.objects(path)
	case s.kind == "array":
		found = s.arrays(path)
	case len(s.enum) > 0:
		for _, value := range s.enum {
			found = append(found, variant{path + " is " + value, value})
		}
	default:
		found = s.scalars(path)
	}
	if s.nullable {
		found = append(found, variant{path + " is null", nil})
	}
	return found
}

func (s *shape) objects(path string) []variant {
	full := map[string]any{}
	others := []variant{{path + " is empty", map[string]any{}}}
	options := map[string][]variant{}
	for name, property := range s.properties {
		options[name] = property.variants(path + "." + name)
		full[name] = options[name][0].value
	}
	for _, name := range sortedKeys(options) {
		absent := maps.Clone(full)
		delete(absent, name)
		others = append(others, variant{path + "." + name + " is absent", absent})
		for _, option := range options[name][1:] {
			other := maps.Clone(full)
			other[name] = option.value
			others = append(others, variant{option.name, other})
		}
	}
	return append([]variant{{path + " is complete", full}}, others...)
}

func (s *shape) arrays(path string) []variant {
	items := s.items
	if items == nil {
		items = &shape{}
	}
	options := items.variants(path + "[]")
	full := options[0].value
	found := []variant{
		{path + " has one item", []any{full}},
		{path + " is empty", []any{}},
		{path + " has two items", []any{full, options[len(options)-1].value}},
	}
	for _, option := range options[1:] {
		found = append(found, variant{option.name, []any{option.value}})
	}
	return found
}

// scalars returns values that differ from path to path, so that a test finds swapped members.
func (s *shape) scalars(path string) []variant {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(path))
	number := hash.Sum32() % 10_000_000
	switch s.kind {
	case "date-time":
		const millis = "2006-01-02T15:04:05.000Z"
		india := time.FixedZone("", 5*3600+1800)
		instant := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC).Add(time.Duration(number) * time.Second)
		return []variant{
			{path + " has milliseconds", instant.Format(millis)},
			{path + " has no milliseconds", instant.Truncate(time.Second).Format(millis)},
			{path + " has one millisecond", instant.Truncate(time.Second).Add(time.Millisecond).Format(millis)},
			{path + " has no fraction", instant.Format("2006-01-02T15:04:05Z")},
			{path + " has an offset", instant.In(india).Format("2006-01-02T15:04:05.000Z07:00")},
		}
	case "boolean":
		return []variant{{path + " is true", true}, {path + " is false", false}}
	case "integer", "number":
		return []variant{{path + " is a number", float64(number)}, {path + " is zero", float64(0)}}
	}
	return []variant{
		{path + " is a text", "text of " + path},
		{path + " is an odd text", "odd \"text\" \\ / <b>&amp;\u2028\u0000\n ü 😀 of " + path},
		{path + " is an empty text", ""},
		{path + " is a long text", strings.Repeat("long ", 1000) + path},
	}
}

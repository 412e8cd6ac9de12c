// Package wire is the one place that knows which JSON decoder is in use: the module that becomes encoding/json/v2.
//
// It is strict about the shape of a response, so that no fragment passes for the whole, and lenient about its
// members: unknown ones are skipped, missing ones stay zero, and invalid UTF-8 in a name does not fail the list
// that it is in. A time that cannot be parsed stays zero. The Loose functions treat other members of the wrong
// JSON type in the same way.
package wire

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Object decodes data, which must be one JSON object and nothing else.
func Object[T any](data []byte) (*T, error) { return Loose[T]{unreadableTimes}.Object(data) }

// ObjectInto is Object for a value that the caller provides.
func ObjectInto(data []byte, v any) error {
	return decode(data, unreadableTimes, func(dec *jsontext.Decoder) error { return readObject(dec, v) })
}

// Array decodes data, which must be one JSON array of objects and nothing else.
func Array[T any](data []byte) ([]T, error) { return Loose[T]{unreadableTimes}.Array(data) }

// Loose decodes as Object and Array do, except that a member of the wrong JSON type stays zero unless it is
// essential. Whatever is inside a member goes by the name of that member.
type Loose[T any] struct{ ignored *json.Unmarshalers }

// AllBut returns the decoder for which the members with the given names are essential.
func AllBut[T any](essential ...string) Loose[T] { return Loose[T]{allBut(essential)} }

// Object is [Object] for this decoder.
func (l Loose[T]) Object(data []byte) (*T, error) {
	value := new(T)
	return value, decode(data, l.ignored, func(dec *jsontext.Decoder) error { return readObject(dec, value) })
}

// Array is [Array] for this decoder.
func (l Loose[T]) Array(data []byte) (items []T, err error) {
	err = decode(data, l.ignored, func(dec *jsontext.Decoder) error {
		items, err = readArray[T](dec, len(data))
		return err
	})
	return items, err
}

// Complete returns an error unless data is empty, or one JSON object or an array of them and nothing else. So a
// response that was cut off, or is not of the API, is noticed although nothing of it is used.
func Complete(data []byte) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), invalidUTF8, jsontext.AllowDuplicateNames(true))
	if dec.PeekKind() == jsontext.KindBeginArray {
		_, err := readArray[struct{}](dec, 0)
		return readable(err)
	}
	return readable(readObject(dec, &struct{}{}))
}

// Members decodes data, which must be one JSON object. Its members may be of any type. Duplicate names are
// allowed; the last one wins.
func Members(data []byte) (map[string]any, error) {
	var members map[string]any
	if err := stdjson.Unmarshal(data, &members); err != nil {
		return nil, err
	}
	if members == nil {
		return nil, errors.New("found null instead of a JSON object")
	}
	return members, nil
}

// Relations returns the members of text, a JSON object, in their order. If a member is an array, it returns each
// item under the member's name. It ends where text cannot be read. A value is valid until the next one is read.
func Relations(text string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		dec := jsontext.NewDecoder(bytes.NewBufferString(text), invalidUTF8, jsontext.AllowDuplicateNames(true))
		if begin, err := dec.ReadToken(); err != nil || begin.Kind() != jsontext.KindBeginObject {
			return
		}
		for dec.PeekKind() == jsontext.KindString {
			token, err := dec.ReadToken()
			if err != nil {
				return
			}
			name := token.String()
			value, err := dec.ReadValue()
			if err != nil {
				return
			}
			for _, item := range itemsOf(value) {
				if !yield(name, item) {
					return
				}
			}
		}
	}
}

// itemsOf returns the items of an array, and any other value as it is.
func itemsOf(value jsontext.Value) []jsontext.Value {
	if value.Kind() != jsontext.KindBeginArray {
		return []jsontext.Value{value}
	}
	var items []jsontext.Value
	_ = json.Unmarshal(value, &items, invalidUTF8) // value was read as JSON
	return items
}

var invalidUTF8 = jsontext.AllowInvalidUTF8(true)

// Bounds of what a text may hold, since an empty object can take over 200 bytes when decoded, and an empty string 16.
const (
	maxObjects = 400_000 // a page of Okta's has two thousand
	maxCommas  = 2 << 20 // a page of Okta's has six thousand
	maxArray   = 128 << 20
)

func checkSize(data []byte) error {
	if bytes.Count(data, []byte("{")) > maxObjects {
		return fmt.Errorf("it holds more than %d objects", maxObjects)
	}
	if bytes.Count(data, []byte(",")) > maxCommas {
		return fmt.Errorf("it holds more than %d values", maxCommas)
	}
	return nil
}

// decode calls read with a decoder of data. If a value does not fit its Go type, it calls read again with a
// decoder that skips what is ignored. So only a text with such a value pays for the tolerance.
func decode(data []byte, ignored *json.Unmarshalers, read func(*jsontext.Decoder) error) error {
	if err := checkSize(data); err != nil {
		return err
	}
	err := read(jsontext.NewDecoder(bytes.NewBuffer(data), invalidUTF8))
	if err == nil {
		return nil
	}
	if _, mismatch := errors.AsType[*json.SemanticError](err); mismatch {
		err = read(jsontext.NewDecoder(bytes.NewBuffer(data), invalidUTF8, json.WithUnmarshalers(ignored)))
	}
	return readable(err)
}

func readObject(dec *jsontext.Decoder, v any) error {
	if err := expect(dec, jsontext.KindBeginObject, "a JSON object"); err != nil {
		return err
	}
	if err := json.UnmarshalDecode(dec, v); err != nil {
		return err
	}
	return end(dec)
}

func readArray[T any](dec *jsontext.Decoder, size int) ([]T, error) {
	if err := expect(dec, jsontext.KindBeginArray, "a JSON array"); err != nil {
		return nil, err
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	items := make([]T, 0, min(size/512, 256))
	most := maxArray / max(int(reflect.TypeFor[T]().Size()), 128)
	for dec.PeekKind() != jsontext.KindEndArray {
		if err := expect(dec, jsontext.KindBeginObject, "a JSON object in the array"); err != nil {
			return nil, err
		}
		if len(items) == most {
			return nil, fmt.Errorf("the array has more than %d objects", most)
		}
		items = append(items, *new(T))
		if err := json.UnmarshalDecode(dec, &items[len(items)-1]); err != nil {
			return nil, err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	if err := end(dec); err != nil {
		return nil, err
	}
	return items, nil
}

// unreadableTimes skips times that cannot be parsed.
var unreadableTimes = json.UnmarshalFromFunc(func(dec *jsontext.Decoder, t *time.Time) error {
	value, err := dec.ReadValue()
	if err == nil && json.Unmarshal(value, t) != nil {
		*t = time.Time{}
	}
	return err
})

// allBut skips such times, and values of the wrong JSON type in members that are not essential.
func allBut(essential []string) *json.Unmarshalers {
	return json.JoinUnmarshalers(unreadableTimes, json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v any) error {
		if fits(dec.PeekKind(), v) || slices.Contains(essential, member(dec)) {
			return errors.ErrUnsupported // leaves it to the decoder
		}
		return dec.SkipValue()
	}))
}

// fits reports whether a value of a kind can be decoded into what v points to.
func fits(kind jsontext.Kind, v any) bool {
	if _, ok := v.(json.Unmarshaler); ok || kind == jsontext.KindNull {
		return true
	}
	switch reflect.TypeOf(v).Elem().Kind() {
	case reflect.String:
		return kind == jsontext.KindString
	case reflect.Bool:
		return kind == jsontext.KindTrue || kind == jsontext.KindFalse
	case reflect.Slice:
		return kind == jsontext.KindBeginArray
	case reflect.Struct:
		return kind == jsontext.KindBeginObject
	}
	return true
}

// member names the member that is being read of the outermost object, or of an object in the outermost array.
func member(dec *jsontext.Decoder) string {
	names := slices.Collect(dec.StackPointer().Tokens())
	if outermost, _ := dec.StackIndex(1); outermost == jsontext.KindBeginArray {
		return names[1]
	}
	return names[0]
}

// expect returns an error that names what is found where a value of kind want must be.
func expect(dec *jsontext.Decoder, want jsontext.Kind, name string) error {
	kind := dec.PeekKind()
	if kind == want {
		return nil
	}
	if kind == jsontext.KindInvalid {
		_, err := dec.ReadToken()
		return err
	}
	return fmt.Errorf("found %s instead of %s", kind, name)
}

func end(dec *jsontext.Decoder) error {
	_, err := dec.ReadToken()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return errors.New("more text follows the JSON value")
}

var unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")

// readable says where and why the decoder stopped. It does not quote the value there.
func readable(err error) error {
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		pointer := unescapePointer.Replace(string(semantic.JSONPointer)) // so that a secret in it is found
		return fmt.Errorf("%s at %q does not fit %v", semantic.JSONKind, pointer, semantic.GoType)
	}
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("not valid JSON at byte %d: %w", syntactic.ByteOffset, syntactic.Err)
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("no JSON at all: %w", io.ErrUnexpectedEOF)
	}
	return err
}

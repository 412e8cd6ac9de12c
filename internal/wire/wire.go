// Package wire is the one place that knows which JSON decoder is in use: the module that becomes encoding/json/v2.
//
// It is strict about the shape of an answer, so that no fragment passes for the whole, and lenient about its members:
// unknown ones are skipped, missing ones stay zero, and invalid UTF-8 in a name does not cost the list it stands in.
package wire

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var lenient = jsontext.AllowInvalidUTF8(true)

// Object decodes data, which must be one JSON object and nothing else.
func Object[T any](data []byte) (*T, error) {
	value := new(T)
	return value, ObjectInto(data, value)
}

// maxObjects bounds how many objects a text may hold: two bytes of it can become a thousand when decoded. A page of Okta's has
// two thousand.
const maxObjects = 400_000

func checkSize(data []byte) error {
	if bytes.Count(data, []byte("{")) > maxObjects {
		return fmt.Errorf("it holds more than %d objects", maxObjects)
	}
	return nil
}

// ObjectInto is Object for a value that the caller has made.
func ObjectInto(data []byte, v any) error {
	if err := checkSize(data); err != nil {
		return err
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), lenient)
	if err := expect(dec, jsontext.KindBeginObject, "a JSON object"); err != nil {
		return err
	}
	if err := json.UnmarshalDecode(dec, v); err != nil {
		return readable(err)
	}
	return end(dec)
}

// maxArray bounds what the items of an array may take when decoded, in bytes.
const maxArray = 128 << 20

// Array decodes data, which must be one JSON array of objects and nothing else.
func Array[T any](data []byte) ([]T, error) {
	if err := checkSize(data); err != nil {
		return nil, err
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), lenient)
	if err := expect(dec, jsontext.KindBeginArray, "a JSON array"); err != nil {
		return nil, err
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, readable(err)
	}
	items := make([]T, 0, min(len(data)/512, 256))
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
			return nil, readable(err)
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, readable(err)
	}
	if err := end(dec); err != nil {
		return nil, err
	}
	return items, nil
}

// Members decodes data, which must be one JSON object, whatever its members are, and be they given twice: for answers of
// which every readable part counts.
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

// CutShort reports whether data is the beginning of a JSON text that goes on.
func CutShort(data []byte) bool {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data), lenient)
	return errors.Is(dec.SkipValue(), io.ErrUnexpectedEOF)
}

// expect says what stands where a value of kind want belongs.
func expect(dec *jsontext.Decoder, want jsontext.Kind, name string) error {
	kind := dec.PeekKind()
	if kind == want {
		return nil
	}
	if kind == jsontext.KindInvalid {
		_, err := dec.ReadToken()
		return readable(err)
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

// readable says where and why the decoder stopped, without quoting the value that stands there.
func readable(err error) error {
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Errorf("%s at %q does not fit %v", semantic.JSONKind, semantic.JSONPointer, semantic.GoType)
	}
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("not valid JSON at byte %d: %w", syntactic.ByteOffset, syntactic.Err)
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("no JSON at all: %w", io.ErrUnexpectedEOF)
	}
	return err
}

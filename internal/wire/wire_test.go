package wire_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/internal/wire"
)

type thing struct {
	ID   string   `json:"id"`
	Tags []string `json:"tags"`
}

func TestObject(t *testing.T) {
	t.Parallel()
	got, err := wire.Object[thing]([]byte(" {\"id\":\"a\xff\",\"tags\":null,\"more\":{\"x\":[1]}}\n"))
	require.NoError(t, err)
	assert.Equal(t, thing{ID: "a\uFFFD"}, *got)
}

func TestArray(t *testing.T) {
	t.Parallel()
	got, err := wire.Array[thing]([]byte(` [ {"id":"a"} , {} ] `))
	require.NoError(t, err)
	assert.Equal(t, []thing{{ID: "a"}, {}}, got)

	got, err = wire.Array[thing]([]byte(`[]`))
	require.NoError(t, err)
	assert.NotNil(t, got)
	assert.Empty(t, got)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                     "no JSON at all",
		` `:                    "no JSON at all",
		`<html>`:               "not valid JSON at byte 0",
		`null`:                 "found null instead of a JSON",
		`"x"`:                  "found string instead of a JSON",
		`7`:                    "found number instead of a JSON",
		`true`:                 "found true instead of a JSON",
		`{"id":"a"`:            "not valid JSON at byte",
		`{"id":"a","id":"b"}`:  "not valid JSON at byte",
		`{"id":7}`:             `number at "/id" does not fit string`,
		`{"tags":[1]}`:         `number at "/tags/0" does not fit string`,
		`{"id":"a"} {}`:        "more text follows",
		`{"id":"a"}x`:          "more text follows",
		`{"id":"a",}`:          "not valid JSON at byte",
		`{"x":` + deep(20_000): "not valid JSON at byte",
	} {
		_, err := wire.Object[thing]([]byte(text))
		require.ErrorContains(t, err, want, "%.40s", text)

		_, err = wire.Array[thing]([]byte("[{}," + text + "]"))
		require.Error(t, err, "%.40s in an array", text)
	}
	for text, want := range map[string]string{
		`{}`: "found { instead of a JSON array", `[null]`: "found null instead of a JSON object in the array", `[{},7]`: "found number instead of",
		`[{"id":7}]`: `number at "/0/id"`, `[{}`: "not valid JSON", `[{}]]`: "more text follows", `[{} {}]`: "not valid JSON", `[`: "not valid JSON",
	} {
		got, err := wire.Array[thing]([]byte(text))
		require.ErrorContains(t, err, want, text)
		assert.Nil(t, got, text)
	}
}

func TestTextThatEndsTooEarlyIsAnUnexpectedEnd(t *testing.T) {
	t.Parallel()
	whole := `[{"id":"a","tags":["b"]}]`
	for n := range len(whole) {
		_, err := wire.Array[thing]([]byte(whole[:n]))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, whole[:n])
	}
}

func TestErrorsDoNotQuoteTheText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`[{"id":"x","id":"x","SECRET":1}]`, `[{"id":{"SECRET":"SECRET"}}]`, `[{"tags":["SECRET",7]}]`, `[{"id":"SECRET`} {
		_, err := wire.Array[thing]([]byte(text))
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "SECRET")
	}
}

func TestArrayIsBounded(t *testing.T) {
	t.Parallel()
	text := "[" + strings.Repeat("{},", 4<<20) + "{}]"
	_, err := wire.Array[thing]([]byte(text))
	require.ErrorContains(t, err, "it holds more than 400000 objects")
	_, err = wire.Object[thing]([]byte(`{"x":` + text + "}"))
	require.ErrorContains(t, err, "it holds more than 400000 objects")
	_, err = wire.Array[struct{ X [1 << 20]byte }]([]byte("[" + strings.Repeat("{},", 200) + "{}]"))
	require.ErrorContains(t, err, "the array has more than 128 objects")
}

func TestMembers(t *testing.T) {
	t.Parallel()
	got, err := wire.Members([]byte(`{"a":1,"a":"x","b":[null]}`))
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"a": "x", "b": []any{nil}}, got)
	for _, text := range []string{"", "[]", "7", "null", `{"a":1} {}`, `{"a":`} {
		_, err = wire.Members([]byte(text))
		require.Error(t, err, text)
	}
}

func deep(n int) string { return strings.Repeat("[", n) }

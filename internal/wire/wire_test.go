package wire_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

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
		`{}`: "found { instead of a JSON array", `[null]`: "found null instead of a JSON object in the array",
		`[{},7]`: "found number instead of", `[{"id":7}]`: `number at "/0/id"`, `[{}`: "not valid JSON",
		`[{}]]`: "more text follows", `[{} {}]`: "not valid JSON", `[`: "not valid JSON",
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
	for _, text := range []string{
		`[{"id":"x","id":"x","SECRET":1}]`, `[{"id":{"SECRET":"SECRET"}}]`, `[{"tags":["SECRET",7]}]`, `[{"id":"SECRET`,
	} {
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
	_, err = wire.Object[thing]([]byte(`{"x":[` + strings.Repeat("1,", 2<<20+1) + "1]}"))
	require.ErrorContains(t, err, "it holds more than 2097152 values")
	_, err = wire.Array[struct{ X [1 << 20]byte }]([]byte("[" + strings.Repeat("{},", 200) + "{}]"))
	require.ErrorContains(t, err, "the array has more than 128 objects")
}

type record struct {
	ID    string    `json:"id"`
	Names []string  `json:"names"`
	Note  string    `json:"note"`
	Flag  bool      `json:"flag"`
	Inner thing     `json:"inner"`
	At    time.Time `json:"at"`
}

var ids = []string{"id", "names"}

func TestUnreadableTimesStayZero(t *testing.T) {
	t.Parallel()
	for _, at := range []string{`""`, `"x"`, `7`, `{}`, `[{}]`, `false`, `null`, `"2026-01-02"`} {
		text := `{"id":"a","at":` + at + `,"note":"n"}`
		want := record{ID: "a", Note: "n"}
		one, err := wire.Object[record]([]byte(text))
		require.NoError(t, err, at)
		assert.Equal(t, want, *one, at)
		all, err := wire.Array[record]([]byte("[{}," + text + "]"))
		require.NoError(t, err, at)
		assert.Equal(t, []record{{}, want}, all, at)
	}
	got, err := wire.Array[record]([]byte(`[{"at":""},{"at":"2026-01-02T03:04:05.678\u005a"}]`))
	require.NoError(t, err)
	assert.Equal(t, time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC), got[1].At, "other times are read")

	filled := got[1]
	require.NoError(t, wire.ObjectInto([]byte(`{"at":""}`), &filled))
	assert.Zero(t, filled.At, "an earlier time is not kept")
}

func TestLooseLeavesOutWhatIsNotEssential(t *testing.T) {
	t.Parallel()
	for _, odd := range []string{
		`"note":7`, `"note":{}`, `"note":null`, `"flag":"yes"`, `"flag":0`, `"inner":"x"`, `"inner":[]`,
		`"inner":{"id":7}`, `"inner":{"tags":{}}`, `"at":""`, `"note":7,"inner":"x","at":[]`,
	} {
		text := `{"id":"a",` + odd + `,"names":["b"]}`
		want := record{ID: "a", Names: []string{"b"}}
		one, err := wire.AllBut[record](ids...).Object([]byte(text))
		require.NoError(t, err, odd)
		assert.Equal(t, want, *one, odd)
		all, err := wire.AllBut[record](ids...).Array([]byte("[" + text + ",{}]"))
		require.NoError(t, err, odd)
		assert.Equal(t, []record{want, {}}, all, odd)
	}
	for odd, where := range map[string]string{
		`"id":7`: "/id", `"id":{}`: "/id", `"names":"b"`: "/names", `"names":[7]`: "/names/0",
		`"names":["b",[]]`: "/names/1",
	} {
		text := `{"at":"","note":7,` + odd + `}`
		_, err := wire.AllBut[record](ids...).Object([]byte(text))
		require.ErrorContains(t, err, `at "`+where+`" does not fit`, odd)
		_, err = wire.AllBut[record](ids...).Array([]byte("[{}," + text + "]"))
		require.ErrorContains(t, err, `at "/1`+where+`" does not fit`, odd)
	}
	for _, odd := range []string{`"note":7`, `"flag":"yes"`, `"inner":"x"`, `"inner":{"id":7}`} {
		_, err := wire.Array[record]([]byte(`[{"at":"",` + odd + `}]`))
		require.ErrorContains(t, err, "does not fit", "Array is strict: %s", odd)
	}
	for _, text := range []string{
		`[{"at":""},`, `[{"note":7}]]`, `[{"note":7,"note":8}]`, `[{"note":7},null]`, `[{"note":[}]`,
	} {
		_, err := wire.AllBut[record](ids...).Array([]byte(text))
		require.Error(t, err, text)
	}
}

func TestRelations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a":{"x":1},"b":[1,{"y":[2]}],"c":[],"a":null}`: `a={"x":1} b=1 b={"y":[2]} a=null `,
		"{\"\\u0061\xff\":\"\xff\"}":                      "a\uFFFD=\"\xff\" ",
		`{}`:                                              "", `[]`: "", `[{"a":1}]`: "", `7`: "", ``: "", `x`: "",
		`{"a":1,"b`: "a=1 ", `{"a":1,"b":`: "a=1 ", `{"a":1,"b":[1,`: "a=1 ", `{"a":1]`: "a=1 ",
		`{"a":1 "b":2}`: "a=1 ",
	} {
		var got strings.Builder
		for name, value := range wire.Relations(text) {
			fmt.Fprintf(&got, "%s=%s ", name, value)
		}
		assert.Equal(t, want, got.String(), text)
	}
	for name := range wire.Relations(`{"a":[1,2],"b":3}`) {
		assert.Equal(t, "a", name)
		break
	}
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

func TestComplete(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " \n", "{}", ` {"a":[1,{"b":null}],"a":2} `, "[]", "[{},{\"a\":\"\xff\"}]"} {
		require.NoError(t, wire.Complete([]byte(text)), "%q", text)
	}
	for _, text := range []string{"{", "[", "{}{}", "[{}", "[{},]", "[1]", "[[]]", "null", "7", `"x"`, "<html>", `{"a":`} {
		require.Error(t, wire.Complete([]byte(text)), "%q", text)
	}
}

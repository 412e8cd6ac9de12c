package contract_test

import (
	"net/http"
	"reflect"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// quirk is an error in Okta's example responses that Okta's real responses do not have. A quirk that changes no
// example fails the tests.
type quirk struct {
	name    string
	example string        // its name in the document; empty for all
	fix     func(any) any // returns what is sent instead
	want    func(any) any // returns what is expected instead of what is sent
}

// quirks are applied in their order.
var quirks = []quirk{
	{
		name: "an operation that returns one object has a list of one", example: "RetrieveRefreshTokenClient",
		fix: func(value any) any {
			if list, ok := value.([]any); ok && len(list) == 1 {
				return list[0]
			}
			return value
		},
	},
	{
		name: `"client_uri: null," is the text "null," where null is meant`, example: "ListClients",
		fix: func(value any) any {
			return edit(value, func(name string, value any) (string, any) {
				if value == "null," {
					return name, nil
				}
				return name, value
			})
		},
	},
	{
		name: "the member title is called itle", example: "ListRefreshTokenClients",
		fix: func(value any) any {
			return edit(value, func(name string, value any) (string, any) {
				if name == "itle" {
					return "title", value
				}
				return name, value
			})
		},
	},
	{
		name: "placeholders in place of IDs and domains",
		fix: func(value any) any {
			return edit(value, func(name string, value any) (string, any) {
				if text, ok := value.(string); ok {
					return name, placeholder.ReplaceAllString(text, "some-$1")
				}
				return name, value
			})
		},
	},
	{
		name: "tokens have client_id, which the schema calls clientId",
		want: func(value any) any {
			return edit(value, func(name string, value any) (string, any) {
				return name, renamed(value, "client_id", "clientId")
			})
		},
	},
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// edit returns a copy of a JSON value with each member, and the value itself under no name, changed.
func edit(value any, change func(name string, value any) (string, any)) any {
	_, edited := editMember("", value, change)
	return edited
}

func editMember(name string, value any, change func(string, any) (string, any)) (string, any) {
	switch before := value.(type) {
	case map[string]any:
		after := map[string]any{}
		for member, inner := range before {
			member, inner = editMember(member, inner, change)
			after[member] = inner
		}
		value = after
	case []any:
		after := make([]any, len(before))
		for i, inner := range before {
			_, after[i] = editMember("", inner, change)
		}
		value = after
	}
	return change(name, value)
}

// example is one of Okta's example responses: as the server sends it, and as the SDK must return it.
type example struct {
	name       string
	status     int
	sent, want any
}

// examples returns the example responses of an operation, and records which quirks they have.
func (o operation) examples(t *testing.T, met *exceptions) []example {
	t.Helper()
	var found []example
	for _, status := range o.statuses(func(int) bool { return true }) {
		media := o.media(status)
		if media == nil {
			continue
		}
		for _, name := range sortedKeys(media.Examples) {
			value, err := asJSON(media.Examples[name].Value.Value)
			require.NoError(t, err)
			sent, want := o.fix(name, value, met)
			found = append(found, example{name, status, sent, want})
		}
	}
	return found
}

func (o operation) fix(name string, value any, met *exceptions) (sent, want any) {
	sent, want = value, value
	for _, q := range quirks {
		if q.example != "" && q.example != name || q.want != nil && !o.returnsTokens() {
			continue
		}
		before := want
		if q.fix != nil {
			sent, want = q.fix(sent), q.fix(want)
		}
		if q.want != nil {
			want = q.want(want)
		}
		if !reflect.DeepEqual(before, want) {
			met.meet(q.name)
		}
	}
	return sent, want
}

func (o operation) returnsTokens() bool {
	_, name, _ := o.object()
	return name == "OAuth2RefreshToken"
}

// checkExamples has each method read the example responses of its operation. It returns the number of examples.
func checkExamples(t *testing.T, all []pair) (int, findings) {
	t.Helper()
	met := newExceptions()
	for _, q := range quirks {
		met.met[q.name] = 0
	}
	var found findings
	count := 0
	for _, p := range all {
		for _, e := range p.op.examples(t, met) {
			count++
			for _, difference := range p.checkExample(t, e) {
				found.addf("%s, example %s: %s", p.op.id, e.name, difference)
			}
		}
	}
	return count, append(found, met.unmet()...)
}

func (p pair) checkExample(t *testing.T, e example) findings {
	t.Helper()
	if isError(e.status) {
		return p.checkError(t, shapeOf(p.op.media(e.status).Schema), e.status, e.sent)
	}
	sent, want := []any{e.sent}, []any{e.want}
	if p.list {
		sent, _ = e.sent.([]any)
		want, _ = e.want.([]any)
	}
	if len(sent) == 0 {
		return findings{"is an empty list, or no list"}
	}
	got, err := p.readObjects(t, sent)
	if err != nil {
		return findings{err.Error()}
	}
	ref, name, _ := p.op.object()
	var found findings
	for i := range want {
		found = append(found, shapeOf(ref).compare(name, want[i], got[i])...)
	}
	return found
}

func TestExamplesRoundTrip(t *testing.T) {
	t.Parallel()
	count, found := checkExamples(t, pairs(t, theDocument(t)))
	assert.Empty(t, found)
	assert.Positive(t, count)
	counts.values.Add(int64(count))
	t.Logf("%d example responses checked", count)
}

// The SDK refuses the example as it is, so that its quirk is needed.
func TestExampleOfOneObjectIsRefusedAsAList(t *testing.T) {
	t.Parallel()
	for _, p := range pairs(t, theDocument(t)) {
		if p.op.id != "getRefreshTokenForAuthorizationServerAndClient" {
			continue
		}
		value, err := asJSON(p.op.media(http.StatusOK).Examples["RetrieveRefreshTokenClient"].Value.Value)
		require.NoError(t, err)
		_, err = p.exchange(t, http.StatusOK, value)
		require.Error(t, err)
	}
}

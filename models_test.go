package okta_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/internal/wire"
)

// Objects with every documented member, as JSON and decoded.
var (
	grantJSON = `{
		"id": "oag1", "clientId": "0oa1", "userId": "00u1", "scopeId": "okta.users.read", "issuer": "https://acme.okta.com",
		"status": "ACTIVE", "source": "END_USER",
		"created": "2026-01-02T03:04:05.678Z", "lastUpdated": "2026-02-03T04:05:06.000Z",
		"createdBy": {"id": "00u1", "type": "User"}, "_embedded": {"scope": {"id": "okta.users.read"}},
		"_links": ` + grantLinksJSON + `, "addedNextYear": {"deep": [1, {"x": null}]}
	}`
	grant = okta.OAuth2ScopeConsentGrant{
		ID: "oag1", ClientID: "0oa1", UserID: "00u1", ScopeID: "okta.users.read", Issuer: "https://acme.okta.com",
		Status: okta.StatusActive, Source: okta.SourceEndUser,
		Created:     time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC),
		LastUpdated: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC),
		CreatedBy:   okta.OAuth2Actor{ID: "00u1", Type: "User"},
		Embedded:    okta.GrantEmbedded{Scope: okta.GrantScope{ID: "okta.users.read"}},
		Links:       grantLinksJSON,
	}
	refreshToken = okta.OAuth2RefreshToken{
		ID: "oar1", ClientID: "0oa1", UserID: "00u1", Issuer: "https://acme.okta.com/oauth2/aus1",
		Status:      okta.StatusRevoked,
		Scopes:      []string{"offline_access", "openid"},
		Created:     time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC),
		LastUpdated: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC),
		ExpiresAt:   time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
		Embedded: okta.RefreshTokenEmbedded{Scopes: []okta.OAuth2RefreshTokenScope{{
			ID: "scp1", Name: "openid", DisplayName: "OpenID", Description: "An OpenID request",
			Links: scopeLinksJSON,
		}}},
		Links: tokenLinksJSON,
	}
	clientJSON = `{
		"client_id": "0oa1", "client_name": "My App", "client_uri": "https://app.example.com", "logo_uri": null,
		"_links": ` + clientLinksJSON + `
	}`
	oauthClient = okta.OAuth2Client{
		ClientID: "0oa1", ClientName: "My App", ClientURI: "https://app.example.com",
		Links: clientLinksJSON,
	}
)

// The links of these objects.
const (
	grantLinksJSON = `{
		"self": {"href": "https://acme.okta.com/self", "hints": {"allow": ["GET", "DELETE"]}},
		"app": {"href": "https://acme.okta.com/app", "title": "My App"},
		"client": {"href": "https://acme.okta.com/client", "title": "My App"},
		"scope": {"href": "https://acme.okta.com/scope", "title": "okta.users.read"},
		"user": {"href": "https://acme.okta.com/user", "title": "Ann"},
		"authorizationServer": {
			"href": "https://acme.okta.com/as", "title": "org", "name": "n", "type": "t", "templated": true
		}
	}`
	scopeLinksJSON = `{"scope": {"href": "https://acme.okta.com/scope", "title": "openid"}}`
	tokenLinksJSON = `{
		"self": {"href": "https://acme.okta.com/self"}, "app": {"href": "https://acme.okta.com/app", "title": "My App"},
		"revoke": {"href": "https://acme.okta.com/revoke", "hints": {"allow": ["DELETE"]}},
		"client": {"href": "https://acme.okta.com/client", "title": "My App"},
		"user": {"href": "https://acme.okta.com/user", "title": "Ann"},
		"authorizationServer": {"href": "https://acme.okta.com/as", "title": "Server"}
	}`
	clientLinksJSON = `{
		"self": {"href": "https://acme.okta.com/self"},
		"client": {"href": "https://acme.okta.com/client", "title": "My App"},
		"grants": {"href": "https://acme.okta.com/grants"},
		"tokens": {"href": "https://acme.okta.com/tokens", "hints": {"allow": ["GET"]}}
	}`
)

// tokenJSON names its client as the schema does or as Okta's examples do.
func tokenJSON(clientMember string) string {
	return `{
		"id": "oar1", "` + clientMember + `": "0oa1", "userId": "00u1", "issuer": "https://acme.okta.com/oauth2/aus1",
		"status": "REVOKED", "scopes": ["offline_access", "openid"],
		"created": "2026-01-02T03:04:05.678Z", "lastUpdated": "2026-02-03T04:05:06.000Z",
		"expiresAt": "2026-03-04T05:06:07.000Z",
		"_embedded": {"scopes": [{
			"id": "scp1", "name": "openid", "displayName": "OpenID", "description": "An OpenID request",
			"_links": ` + scopeLinksJSON + `
		}]},
		"_links": ` + tokenLinksJSON + `
	}`
}

// grantOfPage is a grant with all that Okta documents, as one of a page: of 4 clients and 60 scopes.
const grantOfPage = `{"id":"oag%017[1]d","status":"ACTIVE","created":"2024-03-%02[2]dT10:%02[3]d:53.%03[1]dZ",` +
	`"createdBy":{"id":"00u5t60iloOHN9pBi0h7","type":"User"},"lastUpdated":"2025-06-%02[2]dT11:%02[3]d:07.%03[1]dZ",` +
	`"issuer":"https://acme.okta.com","clientId":"0oa%017[4]d","userId":"00u5t60iloOHN9pBi0h7",` +
	`"scopeId":"okta.scope%02[3]d.read","source":"END_USER",` +
	`"_embedded":{"scope":{"id":"okta.scope%02[3]d.read"}},"_links":{` +
	`"app":{"href":"https://acme.okta.com/api/v1/apps/0oa%017[4]d","title":"Calendar number %[4]d"},` +
	`"authorizationServer":{"href":"https://acme.okta.com/api/v1/authorizationServers/default","title":"default"},` +
	`"scope":{"href":"https://acme.okta.com/api/v1/authorizationServers/default/scopes/scp%017[3]d",` +
	`"title":"okta.scope%02[3]d.read"},` +
	`"self":{"href":"https://acme.okta.com/api/v1/users/00u5t60iloOHN9pBi0h7/grants/oag%017[1]d",` +
	`"hints":{"allow":["GET","DELETE"]}},` +
	`"client":{"href":"https://acme.okta.com/oauth2/v1/clients/0oa%017[4]d","title":"Calendar number %[4]d"},` +
	`"user":{"href":"https://acme.okta.com/api/v1/users/00u5t60iloOHN9pBi0h7","title":"Ann Example"}}}`

func pageOfGrants(n int) []byte {
	page := []byte("[")
	for i := range n {
		if i > 0 {
			page = append(page, ',')
		}
		page = fmt.Appendf(page, grantOfPage, i, i%28+1, i%60, i/60)
	}
	return append(page, ']')
}

func TestLinksGet(t *testing.T) {
	t.Parallel()
	all := okta.Links(`{
		"self": {
			"href": "https://a/self", "title": "T", "name": "N", "type": "text/html", "templated": true,
			"hints": {"allow": ["GET"]}
		},
		"app": [{"href": "https://a/app1"}, {"href": "https://a/app2"}],
		"a\u0070i": {"href": "https://a/api"},
		"odd": {"href": "https://a/odd", "title": 7, "templated": "yes", "hints": [], "deprecation": {}}
	}`)
	for relation, want := range map[string]okta.Link{
		"self": {
			Href: "https://a/self", Title: "T", Name: "N", Type: "text/html", Templated: true,
			Hints: okta.LinkHints{Allow: []string{http.MethodGet}},
		},
		"app": {Href: "https://a/app1"}, "api": {Href: "https://a/api"}, "odd": {Href: "https://a/odd"},
	} {
		got, ok := all.Get(relation)
		assert.True(t, ok, relation)
		assert.Equal(t, want, got, relation)
	}
	for _, relation := range []string{"", "Self", "href", "user"} {
		got, ok := all.Get(relation)
		assert.False(t, ok, relation)
		assert.Zero(t, got, relation)
	}
}

// listed returns the links as lines of relation and address.
func listed(links okta.Links) string {
	var lines strings.Builder
	for relation, link := range links.All() {
		fmt.Fprintln(&lines, relation, link.Href)
	}
	return lines.String()
}

func TestLinksAllKeepsOrderAndArrays(t *testing.T) {
	t.Parallel()
	all := okta.Links(`{
		"user": {"href": "1"}, "app": [{"href": "2"}, {"href": "3"}], "none": [],
		"client": {"href": "4"}, "app": {"href": "5"}
	}`)
	assert.Equal(t, "user 1\napp 2\napp 3\nclient 4\napp 5\n", listed(all))
	for relation := range all.All() {
		assert.Equal(t, "user", relation)
		break
	}
}

func TestInvalidLinksAreLeftOut(t *testing.T) {
	t.Parallel()
	for _, malformed := range []string{
		`"https://a"`, `7`, `null`, `true`, `{}`, `{"href":7}`, `{"href":""}`, `{"href":null}`, `{"title":"T"}`,
		`[]`, `[[{"href":"x"}]]`,
	} {
		all := okta.Links(`{"app":` + malformed + `,"self":{"href":"1"},"both":[` + malformed + `,{"href":"2"}]}`)
		assert.Equal(t, "self 1\nboth 2\n", listed(all), malformed)
		_, ok := all.Get("app")
		assert.False(t, ok, malformed)
		both, ok := all.Get("both")
		assert.True(t, ok, malformed)
		assert.Equal(t, "2", both.Href, malformed)
	}
	for _, text := range []okta.Links{
		`[]`, `"x"`, `7`, `null`, `[{"app":{"href":"1"}}]`, ``, `{`, `{"app`, `{"app":`, `{"app":{"href":"1"`, `{app}`,
		`}`,
	} {
		assert.Empty(t, listed(text), text)
	}
}

func TestLinksAreEncodedAsTheyCame(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"app":[{"href":"1","new":{"x":[1,2]}}],"self":{}}`, `{}`, `[]`, `"x"`} {
		var client okta.OAuth2Client
		require.NoError(t, json.Unmarshal([]byte(`{"_links":`+text+`}`), &client))
		assert.Equal(t, okta.Links(text), client.Links)
		assert.Equal(t, `{"_links":`+text+`}`, encode(t, client))
	}
	var client okta.OAuth2Client
	require.NoError(t, json.Unmarshal([]byte(`{"_links":null}`), &client))
	assert.Equal(t, "{}", encode(t, client))
	assert.Equal(t, "null", encode(t, client.Links))
	_, err := json.Marshal(okta.Links(`{"app":`))
	require.Error(t, err)

	page, err := readGrants(t, "[{\"_links\":{\"app\":{\"href\":\"a\xffb\"}}}]")
	require.NoError(t, err)
	encoded := encode(t, page.Items[0].Links)
	assert.True(t, utf8.ValidString(encoded))
	assert.JSONEq(t, `{"app":{"href":"a\uFFFDb"}}`, encoded)
}

// clientFor returns a client whose requests get a body.
func clientFor(t *testing.T, body string) *okta.Client {
	t.Helper()
	return newClient(t, play(reply(http.StatusOK, body)), noRetries)
}

func encode(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

func readGrants(t *testing.T, body string) (*okta.Page[okta.OAuth2ScopeConsentGrant], error) {
	t.Helper()
	return clientFor(t, body).UserGrants.List(t.Context(), "u", nil)
}

func TestInvalidMemberDoesNotFailThePage(t *testing.T) {
	t.Parallel()
	for member, values := range map[string][]string{
		"created":     {`""`, `"yesterday"`, `7`, `{}`, `[]`, `true`, `null`},
		"lastUpdated": {`"2026-13-45T00:00:00Z"`, `-1`},
		"createdBy":   {`"00u1"`, `[]`, `7`, `null`, `{"id":7,"type":[]}`},
		"_embedded":   {`[]`, `"scope"`, `null`, `{"scope":[]}`, `{"scope":{"id":7}}`},
		"_links":      {`null`},
		"new":         {`[{}]`, `""`},
	} {
		for _, value := range values {
			page, err := readGrants(t, `[{"id":"1","`+member+`":`+value+`,"scopeId":"openid"},`+grantJSON+`]`)
			require.NoError(t, err, "%s: %s", member, value)
			want := []okta.OAuth2ScopeConsentGrant{{ID: "1", ScopeID: "openid"}, grant}
			assert.Equal(t, want, page.Items, "%s: %s", member, value)
		}
	}
	page, err := readGrants(t, `[{"id":"1","_links":[7],"created":""}]`)
	require.NoError(t, err)
	assert.Equal(t, []okta.OAuth2ScopeConsentGrant{{ID: "1", Links: "[7]"}}, page.Items)
}

func TestInvalidMembersOfOtherModelsAreLeftOut(t *testing.T) {
	t.Parallel()
	grant, err := clientFor(t, `{"id":"1","created":"","createdBy":"00u1"}`).UserGrants.Get(t.Context(), "u", "g", nil)
	require.NoError(t, err)
	assert.Equal(t, okta.OAuth2ScopeConsentGrant{ID: "1"}, *grant)

	const tokenText = `{
		"client_id": "1", "expiresAt": "never", "scopes": ["a"],
		"_embedded": {"scopes": [{"id": 7, "name": "a", "description": {}, "_links": 7}]}
	}`
	token := okta.OAuth2RefreshToken{
		ClientID: "1", Scopes: []string{"a"},
		Embedded: okta.RefreshTokenEmbedded{Scopes: []okta.OAuth2RefreshTokenScope{{Name: "a", Links: "7"}}},
	}
	one, err := clientFor(t, tokenText).UserOAuth.GetRefreshToken(t.Context(), "u", "c", "t", nil)
	require.NoError(t, err)
	assert.Equal(t, token, *one)
	tokens, err := clientFor(t, "["+tokenText+"]").UserOAuth.ListRefreshTokens(t.Context(), "u", "c", nil)
	require.NoError(t, err)
	assert.Equal(t, []okta.OAuth2RefreshToken{token}, tokens.Items)

	clients, err := clientFor(t, `[{"client_id":"1","client_name":[],"client_uri":7,"logo_uri":{}}]`).
		AuthorizationServerClients.List(t.Context(), "a", nil)
	require.NoError(t, err)
	assert.Equal(t, []okta.OAuth2Client{{ClientID: "1"}}, clients.Items)
}

func TestEssentialMembersAreStrict(t *testing.T) {
	t.Parallel()
	for _, member := range []string{"id", "clientId", "userId", "scopeId", "issuer", "status", "source"} {
		for _, value := range []string{`7`, `{}`, `[]`, `["x"]`, `true`} {
			_, err := readGrants(t, `[{"id":"1"},{"created":"","`+member+`":`+value+`}]`)
			require.ErrorContains(t, err, `"/1/`+member+`" does not fit`, value)
		}
	}
	for member, values := range map[string][]string{
		"clientId": {`7`}, "client_id": {`7`}, "status": {`[]`},
		"scopes": {`"openid"`, `7`, `{}`, `[7]`, `["openid",7]`, `[["openid"]]`},
	} {
		for _, value := range values {
			body := `{"created":"","` + member + `":` + value + `}`
			_, err := clientFor(t, body).UserOAuth.GetRefreshToken(t.Context(), "u", "c", "t", nil)
			require.ErrorContains(t, err, `at "/`+member, value)
			_, err = clientFor(t, "["+body+"]").UserOAuth.ListRefreshTokens(t.Context(), "u", "c", nil)
			require.ErrorContains(t, err, `at "/0/`+member, value)
		}
	}
	_, err := clientFor(t, `[{"client_id":7}]`).AuthorizationServerClients.List(t.Context(), "a", nil)
	require.ErrorContains(t, err, `"/0/client_id"`)
}

// The SDK reuses the buffer of a page.
func TestDecodedGrantsDoNotShareTheBuffer(t *testing.T) {
	t.Parallel()
	buffer := []byte("[" + grantJSON + "]")
	grants, err := wire.Array[okta.OAuth2ScopeConsentGrant](buffer)
	require.NoError(t, err)
	for i := range buffer {
		buffer[i] = 'x'
	}
	assert.Equal(t, []okta.OAuth2ScopeConsentGrant{grant}, grants)
}

func TestListedGrantTakesAtMostFourAllocations(t *testing.T) { //nolint:paralleltest // it counts those of the process
	page := pageOfGrants(200)
	allocations := testing.AllocsPerRun(5, func() {
		_, err := wire.Array[okta.OAuth2ScopeConsentGrant](page)
		require.NoError(t, err)
	})
	assert.LessOrEqual(t, allocations/200, 4.0)
}

func TestExtendedModelKeepsLinksAndLeavesOutTimes(t *testing.T) {
	t.Parallel()
	type extended struct {
		okta.OAuth2ScopeConsentGrant

		Extra string    `json:"extra"`
		When  time.Time `json:"when"`
	}
	const text = `{"id":"1","created":"","when":"","_links":{"app":{"href":"https://a"}},"extra":"x"}`
	want := extended{Extra: "x"}
	want.ID, want.Links = "1", `{"app":{"href":"https://a"}}`
	page, err := okta.List[extended](t.Context(), clientFor(t, "["+text+"]"), okta.Request{Path: []string{"api"}})
	require.NoError(t, err)
	assert.Equal(t, []extended{want}, page.Items)

	var standard extended
	require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(text, `""`, "null")), &standard))
	assert.Equal(t, want, standard)
}

func BenchmarkDecodePageOfGrants(b *testing.B) {
	page := pageOfGrants(200)
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		grants, err := wire.Array[okta.OAuth2ScopeConsentGrant](page)
		require.NoError(b, err)
		require.Len(b, grants, 200)
	}
}

func TestModelsAreEncodedAsOktaSpellsThem(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		if op.want == nil || strings.HasPrefix(op.response, "[") {
			continue
		}
		var got, want map[string]any
		require.NoError(t, json.Unmarshal([]byte(encode(t, op.want)), &got))
		spelled := strings.NewReplacer("client_id", "clientId", ".000Z", "Z").Replace(op.response)
		require.NoError(t, json.Unmarshal([]byte(spelled), &want))
		delete(want, "addedNextYear")
		assert.Equal(t, want, got, op.id)
	}
	for _, empty := range []any{okta.OAuth2ScopeConsentGrant{}, okta.OAuth2RefreshToken{}, okta.OAuth2Client{}} {
		assert.Equal(t, "{}", encode(t, empty))
	}
}

func TestUnknownValuesAreKept(t *testing.T) {
	t.Parallel()
	page, err := readGrants(t, `[
		{},
		{"status":"PAUSED","source":"ROBOT","new":{"a":[1]},"created":null,"_links":null,"_embedded":null,"issuer":null},
		{"id":"1","createdBy":{"id":"x","type":"Robot","y":1},
			"_links":{"self":{"href":"h","hints":{"allow":["PATCH"],"z":0}},"more":{"href":"m"}}},
		{"id":"caf`+"\xe9"+`"}
	]`)
	require.NoError(t, err)
	require.Len(t, page.Items, 4)
	assert.Equal(t, okta.OAuth2ScopeConsentGrant{}, page.Items[0])
	assert.Equal(t, okta.OAuth2ScopeConsentGrant{Status: "PAUSED", Source: "ROBOT"}, page.Items[1])
	assert.Equal(t, "Robot", page.Items[2].CreatedBy.Type)
	assert.Equal(t, "caf\uFFFD", page.Items[3].ID)
}

func TestModelsCanBeExtended(t *testing.T) {
	t.Parallel()
	type extended struct {
		okta.OAuth2RefreshToken
		Extra string `json:"extra"`
	}
	client := clientFor(t, `[{"id":"1","extra":"x"}]`)
	page, err := okta.List[extended](t.Context(), client, okta.Request{Path: []string{"api"}})
	require.NoError(t, err)
	assert.Equal(t, "1", page.Items[0].ID)
	assert.Equal(t, "x", page.Items[0].Extra)
}

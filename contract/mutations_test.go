package contract_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The checks over all methods, as the mutations use them.

func allOperations(t *testing.T, doc *document) findings {
	t.Helper()
	markers, found := readMarkers(t)
	return append(found, checkOperations(doc, markers)...)
}

func allRequests(t *testing.T, doc *document) findings {
	t.Helper()
	var found findings
	for _, p := range pairs(t, doc) {
		_, more := checkRequests(t, p)
		found = append(found, more...)
	}
	return found
}

func allResponses(t *testing.T, doc *document) findings {
	t.Helper()
	c := responseCheck{doc, newExceptions(emptyForbidden, emptyUnauthorized, nullClientURI, nullLogoURI,
		clientLink, tokensHints, grantsHints)}
	var found findings
	for _, id := range []string{"getUserGrant", "listOAuth2ClientsForAuthorizationServer", "revokeUserGrants"} {
		_, more := c.checkResponses(t, doc.operations[id])
		found = append(found, more...)
	}
	return append(found, c.known.unmet()...)
}

func allValues(t *testing.T, doc *document) findings {
	t.Helper()
	var found findings
	for _, p := range pairs(t, doc) {
		if p.object == nil {
			continue
		}
		_, more := p.checkValues(t, asDocumented)
		found = append(found, more...)
	}
	return found
}

func allErrors(t *testing.T, doc *document) findings {
	t.Helper()
	_, found := pairs(t, doc)[0].checkErrors(t)
	return found
}

func allExamples(t *testing.T, doc *document) findings {
	t.Helper()
	_, found := checkExamples(t, pairs(t, doc))
	return found
}

func allFields(t *testing.T, doc *document) findings {
	t.Helper()
	_, found := checkFields(doc, pairs(t, doc))
	return found
}

// properties returns the properties of a schema, or of the one at a path below it. Of a schema with parts, it takes
// the last part that has properties.
func (d *document) properties(name string, path ...string) openapi3.Schemas {
	schema := d.schema(name).Value
	for _, step := range path {
		schema = schema.Properties[step].Value
		for i := len(schema.AllOf) - 1; i >= 0 && len(schema.Properties) == 0; i-- {
			if part := schema.AllOf[i].Value; len(part.Properties) > 0 {
				schema = part
			}
		}
	}
	return schema.Properties
}

func (d *document) item(id string) *openapi3.PathItem { return d.operations[id].item }

func text() *openapi3.SchemaRef { return openapi3.NewSchemaRef("", openapi3.NewStringSchema()) }

func (o operation) queryParameter(name string) *openapi3.Parameter { return o.queryParameters()[name] }

// setScopes replaces the OAuth scopes of an operation.
func (o operation) setScopes(scopes ...string) {
	o.Security = &openapi3.SecurityRequirements{{"apiToken": {}}, {"oauth2": scopes}}
}

// mutations are changes of the document, each with the check that must fail and its message.
var mutations = map[string]struct {
	change func(*document)
	check  func(*testing.T, *document) findings
	want   string
}{
	"new operation": {
		func(d *document) {
			op := *d.operations["listUserGrants"].Operation
			op.OperationID = "replaceUserGrants"
			d.item("listUserGrants").Put = &op
		},
		allOperations, "the operation replaceUserGrants (PUT /api/v1/users/{userId}/grants) has no method",
	},
	"operation removed": {
		func(d *document) { d.item("revokeUserGrant").Delete = nil },
		allOperations, "UserGrants.Revoke names the operation revokeUserGrant, which the document does not have",
	},
	"operation renamed": {
		func(d *document) { d.operations["getUserGrant"].OperationID = "readUserGrant" },
		allOperations, "the operation readUserGrant (GET /api/v1/users/{userId}/grants/{grantId}) has no method",
	},
	"operation at another method": {
		func(d *document) {
			item := d.item("revokeUserGrant")
			item.Post, item.Delete = item.Delete, nil
		},
		allOperations, "UserGrants.Revoke (revokeUserGrant): the HTTP method is DELETE, in the document POST",
	},
	"operation at another route": {
		func(d *document) {
			item := d.item("listUserGrants")
			d.Paths.Delete("/api/v1/users/{userId}/grants")
			d.Paths.Set("/api/v1/users/{userId}/consents", item)
		},
		allOperations, "the route is /api/v1/users/{userId}/grants, in the document /api/v1/users/{userId}/consents",
	},
	"path parameter renamed": {
		func(d *document) {
			item := d.item("getUserGrant")
			d.Paths.Delete("/api/v1/users/{userId}/grants/{grantId}")
			d.Paths.Set("/api/v1/users/{userId}/grants/{consentId}", item)
		},
		allOperations, "the order of IDs is userid, grantid, in the document userid, consentid",
	},
	"another scope": {
		func(d *document) { d.operations["listUserGrants"].setScopes("okta.grants.read") },
		allOperations,
		"UserGrants.List (listUserGrants): the scope is okta.users.read, in the document okta.grants.read",
	},
	"another tag": {
		func(d *document) { d.operations["listUserGrants"].Tags = []string{"UserOAuth"} },
		allOperations, "UserGrants.List (listUserGrants): the service is UserGrants, in the document UserOAuth",
	},
	"query parameter renamed": {
		func(d *document) { d.operations["listUserGrants"].queryParameter("after").Name = "cursor" },
		allRequests, "listUserGrants: no call of UserGrants.List sends the query parameter cursor",
	},
	"query parameter removed": {
		func(d *document) { d.operations["listUserGrants"].queryParameter("after").Name = "cursor" },
		allRequests, `sends "after" 1 times, which the document does not have`,
	},
	"smaller pages": {
		func(d *document) {
			most := 100.0
			d.operations["listGrantsForUserAndClient"].queryParameter("limit").Schema.Value.Max = &most
		},
		allRequests,
		`listGrantsForUserAndClient: GET /api/v1/users/id1/clients/id2/grants?limit=200: parameter "limit"`,
	},
	"query parameter required": {
		func(d *document) { d.operations["getUserGrant"].queryParameter("expand").Required = true },
		allRequests,
		`GET /api/v1/users/id1/grants/id2: parameter "expand" in query has an error: value is required`,
	},
	"another security scheme": {
		func(d *document) { d.Components.SecuritySchemes["apiToken"].Value.Type = "http" },
		allRequests, "getUserGrant: GET /api/v1/users/id1/grants/id2: security requirements failed",
	},
	"response of another type": {
		func(d *document) {
			d.properties("OAuth2ScopeConsentGrant")["userId"].Value.Type = &openapi3.Types{"integer"}
		},
		allResponses, "GET /api/v1/users/00uann/grants/oagann01?: 200: /userId: value must be an integer",
	},
	"response with another error": {
		func(d *document) { d.schema("Error").Value.Required = []string{"errorUuid"} },
		allResponses, `property "errorUuid" is missing`,
	},
	"null is documented": {
		func(d *document) {
			d.properties("OAuth2Client")["client_uri"].Value.Nullable = true
			d.properties("OAuth2Client")["logo_uri"].Value.Nullable = true
		},
		allResponses, `the exception "OAuth2Client.client_uri is null" is no longer needed`,
	},
	"new property": {
		func(d *document) { d.properties("OAuth2RefreshToken")["device"] = text() },
		allFields, "OAuth2RefreshToken.device has no field",
	},
	"link that is no object": {
		func(d *document) { d.properties("OAuth2RefreshToken", "_links")["foo"] = text() },
		allFields, `OAuth2RefreshToken._links.foo is of kind "string" in the document, its field of kind "object"`,
	},
	"link that is no object, by value": {
		func(d *document) { d.properties("OAuth2RefreshToken", "_links")["foo"] = text() },
		allValues, "OAuth2RefreshToken._links.foo cannot be read",
	},
	"new property, by value": {
		func(d *document) { d.properties("OAuth2ScopeConsentGrant")["device"] = text() },
		allValues, "where OAuth2ScopeConsentGrant is complete: OAuth2ScopeConsentGrant.device is lost",
	},
	"new property of all links": {
		func(d *document) { d.properties("HrefObject")["deprecation"] = text() },
		allFields, "OAuth2Client._links.self.deprecation has no field",
	},
	"new property of errors": {
		func(d *document) { d.properties("Error")["errorUuid"] = text() },
		allFields, "Error.errorUuid has no field",
	},
	"new property of errors, by value": {
		func(d *document) { d.properties("ErrorCause")["errorCode"] = text() },
		allErrors, "Error.errorCauses[0].errorCode is lost",
	},
	"property removed": {
		func(d *document) { delete(d.properties("OAuth2RefreshToken"), "expiresAt") },
		allFields, "OAuth2RefreshToken.expiresAt is a field that the document does not have",
	},
	"property removed from all links": {
		func(d *document) { delete(d.properties("HrefObject"), "templated") },
		allFields, "Link.templated is a field that the document does not have",
	},
	"property renamed": {
		func(d *document) {
			members := d.properties("OAuth2ScopeConsentGrant")
			members["scope"] = members["scopeId"]
			delete(members, "scopeId")
		},
		allFields, "OAuth2ScopeConsentGrant.scope has no field",
	},
	"property of another type": {
		func(d *document) {
			d.properties("OAuth2RefreshToken")["created"] = openapi3.NewSchemaRef("", openapi3.NewInt64Schema())
		},
		allFields, `OAuth2RefreshToken.created is of kind "integer" in the document, its field of kind "date-time"`,
	},
	"property of another type, by value": {
		func(d *document) {
			d.properties("OAuth2RefreshToken")["created"] = openapi3.NewSchemaRef("", openapi3.NewInt64Schema())
		},
		allValues, "where OAuth2RefreshToken is complete: OAuth2RefreshToken.created is lost",
	},
	"list of one": {
		func(d *document) {
			media := d.operations["getUserGrant"].media(http.StatusOK)
			list := openapi3.NewArraySchema()
			list.Items = media.Schema
			media.Schema = openapi3.NewSchemaRef("", list)
		},
		allFields, "getUserGrant: one of UserGrants.Get and the document has a list, the other one object",
	},
	"example is mended": {
		func(d *document) {
			op := d.operations["getRefreshTokenForAuthorizationServerAndClient"]
			mended := op.media(http.StatusOK).Examples["RetrieveRefreshTokenClient"].Value
			mended.Value = mended.Value.([]any)[0]
		},
		allExamples, `the exception "an operation that returns one object has a list of one" is no longer needed`,
	},
	"example with an unreadable time": {
		func(d *document) {
			op := d.operations["listRefreshTokensForAuthorizationServerAndClient"]
			list := op.media(http.StatusOK).Examples["ListRefreshTokenClients"].Value
			list.Value.([]any)[0].(map[string]any)["created"] = "yesterday"
		},
		allExamples, "AndClient, example ListRefreshTokenClients: OAuth2RefreshToken.created is lost",
	},
}

// Each check fails on its mutation, and its message names what is wrong.
func TestMutationsAreFound(t *testing.T) {
	t.Parallel()
	theDocument(t) // skips once instead of in each subtest
	for name, m := range mutations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := m.check(t, mutated(t, m.change))
			assert.Contains(t, strings.Join(found, "\n"), m.want)
		})
	}
}

// Okta may extend its API at any time: new values, properties and operations must not fail a check.
func TestExtensionsPass(t *testing.T) {
	t.Parallel()
	doc := mutated(t, func(d *document) {
		d.properties("OAuth2RefreshToken")["status"].Value.Enum = []any{"ACTIVE", "REVOKED", "SUSPENDED"}
		d.properties("OAuth2ScopeConsentGrant")["source"].Value.Nullable = true
		d.properties("OAuth2ScopeConsentGrant")["created"].Value.Nullable = true
		d.properties("OAuth2RefreshToken", "_links")["device"] = d.schema("AppResourceHrefObject")
		op := *d.operations["getUserGrant"].Operation
		op.OperationID, op.Tags = "getNewThing", []string{"NewThing"}
		d.Paths.Set("/api/v1/new", &openapi3.PathItem{Get: &op})
	})
	require.Contains(t, doc.operations, "getNewThing")
	assert.Empty(t, allOperations(t, doc))
	assert.Empty(t, allFields(t, doc))
	assert.Empty(t, allValues(t, doc))
}

package okta_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/internal/wire"
)

// grantOfPage is a grant with all that Okta documents, as one of a page: of 4 clients and 60 scopes.
const grantOfPage = `{"id":"oag%017[1]d","status":"ACTIVE","created":"2024-03-%02[2]dT10:%02[3]d:53.%03[1]dZ",` +
	`"createdBy":{"id":"00u5t60iloOHN9pBi0h7","type":"User"},"lastUpdated":"2025-06-%02[2]dT11:%02[3]d:07.%03[1]dZ",` +
	`"issuer":"https://acme.okta.com","clientId":"0oa%017[4]d","userId":"00u5t60iloOHN9pBi0h7",` +
	`"scopeId":"okta.scope%02[3]d.read","source":"END_USER","_embedded":{"scope":{"id":"okta.scope%02[3]d.read"}},"_links":{` +
	`"app":{"href":"https://acme.okta.com/api/v1/apps/0oa%017[4]d","title":"Calendar number %[4]d"},` +
	`"authorizationServer":{"href":"https://acme.okta.com/api/v1/authorizationServers/default","title":"default"},` +
	`"scope":{"href":"https://acme.okta.com/api/v1/authorizationServers/default/scopes/scp%017[3]d","title":"okta.scope%02[3]d.read"},` +
	`"self":{"href":"https://acme.okta.com/api/v1/users/00u5t60iloOHN9pBi0h7/grants/oag%017[1]d","hints":{"allow":["GET","DELETE"]}},` +
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

// links returns the links that a JSON text stands for.
func links(text string) okta.Links {
	var links okta.Links
	if err := json.Unmarshal([]byte(text), &links); err != nil {
		panic(err)
	}
	return links
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

package main

import "fmt"

// The IDs of an acme's users, apps and authorization servers are a prefix and a number.
const (
	userPrefix   = "00u"
	appPrefix    = "0oa"
	serverPrefix = "aus"
)

func userID(user int) string { return fmt.Sprintf(userPrefix+"%017d", user) }

func appID(app int) string { return fmt.Sprintf(appPrefix+"%017d", app) }

// What the routes of an org respond with, of about the size that Okta's documentation shows.
const (
	userTemplate = `{"id":"00u%017[1]d","status":"ACTIVE","created":"2023-06-24T16:39:18.000Z","activated":"2023-06-24T16:39:19.000Z",` +
		`"statusChanged":"2023-06-24T16:39:19.000Z","lastLogin":"2026-06-24T17:39:19.000Z","lastUpdated":"2026-01-02T16:39:19.000Z",` +
		`"passwordChanged":"2025-06-24T16:39:19.000Z","type":{"id":"otyfnjfba4ye7pgjB0g4"},"profile":{"firstName":"Ann","lastName":"Example %[1]d",` +
		`"email":"ann%[1]d@acme.example","login":"ann%[1]d@acme.example","mobilePhone":"555-415-1337","department":"Sales"},` +
		`"credentials":{"password":{},"provider":{"type":"OKTA","name":"OKTA"}},` +
		`"_links":{"self":{"href":"https://acme-corporation.okta.com/api/v1/users/00u%017[1]d"}}}`
	clientTemplate = `{"client_id":"0oa%017[1]d","client_name":"Calendar number %[1]d","client_uri":null,"logo_uri":null,` +
		`"_links":{"grants":{"href":"https://acme-corporation.okta.com/api/v1/users/me/clients/0oa%017[1]d/grants"},` +
		`"tokens":{"href":"https://acme-corporation.okta.com/api/v1/users/me/clients/0oa%017[1]d/tokens"}}}`
	consentTemplate = `{"id":"oag%011[1]d%06[2]d","status":"ACTIVE","created":"2024-03-%02[3]dT10:%02[4]d:53.000Z",` +
		`"createdBy":{"id":"00u%017[1]d","type":"User"},"lastUpdated":"2025-06-%02[3]dT11:%02[4]d:07.000Z",` +
		`"issuer":"https://acme-corporation.okta.com","clientId":"0oa%017[2]d","userId":"00u%017[1]d","scopeId":"okta.scope%02[4]d.read",` +
		`"source":"END_USER","_embedded":{"scope":{"id":"okta.scope%02[4]d.read"}},"_links":{` +
		`"app":{"href":"https://acme-corporation.okta.com/api/v1/apps/0oa%017[2]d","title":"Calendar number %[2]d"},` +
		`"scope":{"href":"https://acme-corporation.okta.com/api/v1/authorizationServers/default/scopes/scp%017[4]d","title":"okta.scope%02[4]d.read"},` +
		`"self":{"href":"https://acme-corporation.okta.com/api/v1/users/00u%017[1]d/grants/oag%011[1]d%06[2]d","hints":{"allow":["GET","DELETE"]}},` +
		`"client":{"href":"https://acme-corporation.okta.com/oauth2/v1/clients/0oa%017[2]d","title":"Calendar number %[2]d"},` +
		`"user":{"href":"https://acme-corporation.okta.com/api/v1/users/00u%017[1]d","title":"Ann Example %[1]d"}}}`
	appTemplate = `{"id":"0oa%017[1]d","name":"oidc_client","label":"Calendar number %[1]d","status":"ACTIVE","created":"2022-03-01T10:00:00.000Z",` +
		`"lastUpdated":"2025-03-01T10:00:00.000Z","signOnMode":"OPENID_CONNECT","features":[],"visibility":{"autoLaunch":false},` +
		`"_links":{"users":{"href":"https://acme-corporation.okta.com/api/v1/apps/0oa%017[1]d/users"}}}`
	appUserTemplate = `{"id":"00u%017[1]d","externalId":null,"created":"2024-03-01T10:00:00.000Z","lastUpdated":"2025-03-01T10:00:00.000Z",` +
		`"scope":"USER","status":"ACTIVE","syncState":"DISABLED","credentials":{"userName":"ann%[1]d@acme.example"},"profile":{},` +
		`"_links":{"user":{"href":"https://acme-corporation.okta.com/api/v1/users/00u%017[1]d"}}}`
	serverTemplate = `{"id":"aus%017[1]d","name":"Server %[1]d","description":"","audiences":["api://server%[1]d"],` +
		`"issuer":"https://acme-corporation.okta.com/oauth2/aus%017[1]d","status":"ACTIVE","created":"2022-03-01T10:00:00.000Z"}`
	tokenTemplate = `{"id":"oar%06[4]d%05[2]d%06[1]d","status":"ACTIVE","created":"2026-03-01T10:00:00.000Z","lastUpdated":"2026-10-01T10:00:00.000Z",` +
		`"expiresAt":"2027-01-01T10:00:00.000Z","issuer":"https://acme-corporation.okta.com%[3]s","clientId":"0oa%017[2]d","userId":"00u%017[1]d",` +
		`"scopes":["offline_access","okta.scope%02[2]d.read"],` +
		`"_links":{"app":{"href":"https://acme-corporation.okta.com/api/v1/apps/0oa%017[2]d","title":"Calendar number %[2]d"},` +
		`"self":{"href":"https://acme-corporation.okta.com/api/v1/apps/0oa%017[2]d/tokens/oar%06[4]d%05[2]d%06[1]d"}}}`
)

func appendUser(b []byte, user int) []byte { return fmt.Appendf(b, userTemplate, user) }

func appendClient(b []byte, app int) []byte { return fmt.Appendf(b, clientTemplate, app) }

func appendConsent(b []byte, user, app int) []byte {
	return fmt.Appendf(b, consentTemplate, user, app, user%28+1, app%60)
}

func appendApp(b []byte, app int) []byte { return fmt.Appendf(b, appTemplate, app) }

func appendAppUser(b []byte, user int) []byte { return fmt.Appendf(b, appUserTemplate, user) }

func appendServer(b []byte, server int) []byte { return fmt.Appendf(b, serverTemplate, server) }

// appendToken appends a token of the org's own authorization server.
func appendToken(b []byte, user, app int) []byte {
	return fmt.Appendf(b, tokenTemplate, user, app, "", 0)
}

func appendServerToken(b []byte, server, user, app int) []byte {
	return fmt.Appendf(b, tokenTemplate, user, app, fmt.Sprintf("/oauth2/aus%017d", server), server+1)
}

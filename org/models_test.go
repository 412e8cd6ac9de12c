package org_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
	"github.com/grantkit/okta/org"
)

// first returns the first item of a page.
func first[T any](page *okta.Page[T], err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return page.Items[0], nil
}

func value[T any](v *T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return *v, nil
}

func date(day int) time.Time { return time.Date(2026, time.March, day, 1, 2, 3, 678e6, time.UTC) }

const (
	userJSON = `{"id":"00u1","status":"LOCKED_OUT","created":"2026-03-01T01:02:03.678Z",` +
		`"activated":"2026-03-02T01:02:03.678Z","statusChanged":"2026-03-03T01:02:03.678Z",` +
		`"lastLogin":"2026-03-04T01:02:03.678Z","lastUpdated":"2026-03-05T01:02:03.678Z",` +
		`"profile":{"login":"ann@example.com","email":"a@example.com","firstName":"Ann","lastName":"Archer",` +
		`"displayName":"Annie"}}`
	applicationJSON = `{"id":"0oa1","name":"oidc_client","label":"Calendar","status":"ACTIVE",` +
		`"signOnMode":"OPENID_CONNECT","created":"2026-03-01T01:02:03.678Z","lastUpdated":"2026-03-02T01:02:03.678Z",` +
		`"credentials":{"oauthClient":{"client_id":"portal"}}}`
	applicationUserJSON = `{"id":"00u1","status":"PROVISIONED","scope":"GROUP","created":"2026-03-01T01:02:03.678Z",` +
		`"lastUpdated":"2026-03-02T01:02:03.678Z","credentials":{"userName":"ann"}}`
	serverJSON = `{"id":"aus1","name":"Partners","description":"For partners","audiences":["api://x"],` +
		`"issuer":"https://acme.okta.com/oauth2/aus1","status":"INACTIVE","created":"2026-03-01T01:02:03.678Z",` +
		`"lastUpdated":"2026-03-02T01:02:03.678Z"}`
	scopeJSON = `{"id":"scp1","name":"rating.read","displayName":"Credit rating","description":"Reads it",` +
		`"consent":"FLEXIBLE","system":true,"default":true,"optional":true}`
	tokenJSON = `{"id":"oar1","clientId":"0oa1","userId":"00u1","status":"ACTIVE","scopes":["openid"]}`
)

var (
	user = org.User{
		ID: "00u1", Status: org.StatusLockedOut, Created: date(1), Activated: date(2), StatusChanged: date(3),
		LastLogin: date(4), LastUpdated: date(5),
		Profile: org.UserProfile{
			Login: "ann@example.com", Email: "a@example.com", FirstName: "Ann", LastName: "Archer", DisplayName: "Annie",
		},
	}
	application = org.Application{
		ID: "0oa1", Name: "oidc_client", Label: "Calendar", Status: org.StatusActive, SignOnMode: "OPENID_CONNECT",
		Created: date(1), LastUpdated: date(2),
		Credentials: org.ApplicationCredentials{OAuthClient: org.ApplicationOAuthClient{ClientID: "portal"}},
	}
	applicationUser = org.ApplicationUser{
		ID: "00u1", Status: org.StatusProvisioned, Scope: "GROUP", Created: date(1), LastUpdated: date(2),
		Credentials: org.ApplicationUserCredentials{UserName: "ann"},
	}
	authorizationServer = org.AuthorizationServer{
		ID: "aus1", Name: "Partners", Description: "For partners", Audiences: []string{"api://x"},
		Issuer: "https://acme.okta.com/oauth2/aus1", Status: org.StatusInactive, Created: date(1), LastUpdated: date(2),
	}
	scope = org.OAuth2Scope{
		ID: "scp1", Name: "rating.read", DisplayName: "Credit rating", Description: "Reads it", Consent: "FLEXIBLE",
		System: true, Default: true, Optional: true,
	}
	refreshToken = okta.OAuth2RefreshToken{
		ID: "oar1", ClientID: "0oa1", UserID: "00u1", Status: okta.StatusActive, Scopes: []string{"openid"},
	}
)

// readers read one object from a response, each through one function.
var readers = map[string]struct {
	list bool
	json string
	want any
	read func(context.Context, *okta.Client) (any, error)
}{
	"ListUsers": {true, userJSON, user, func(ctx context.Context, c *okta.Client) (any, error) {
		return first(org.ListUsers(ctx, c, nil))
	}},
	"GetUser": {false, userJSON, user, func(ctx context.Context, c *okta.Client) (any, error) {
		return value(org.GetUser(ctx, c, "u"))
	}},
	"ListGroupUsers": {true, userJSON, user, func(ctx context.Context, c *okta.Client) (any, error) {
		return first(org.ListGroupUsers(ctx, c, "g", nil))
	}},
	"ListApplications": {true, applicationJSON, application, func(ctx context.Context, c *okta.Client) (any, error) {
		return first(org.ListApplications(ctx, c, nil))
	}},
	"GetApplication": {false, applicationJSON, application, func(ctx context.Context, c *okta.Client) (any, error) {
		return value(org.GetApplication(ctx, c, "a"))
	}},
	"ListApplicationUsers": {
		true, applicationUserJSON, applicationUser, func(ctx context.Context, c *okta.Client) (any, error) {
			return first(org.ListApplicationUsers(ctx, c, "a", nil))
		},
	},
	"ListAuthorizationServers": {
		true, serverJSON, authorizationServer, func(ctx context.Context, c *okta.Client) (any, error) {
			return first(org.ListAuthorizationServers(ctx, c, nil))
		},
	},
	"GetAuthorizationServer": {
		false, serverJSON, authorizationServer, func(ctx context.Context, c *okta.Client) (any, error) {
			return value(org.GetAuthorizationServer(ctx, c, "s"))
		},
	},
	"ListScopes": {true, scopeJSON, scope, func(ctx context.Context, c *okta.Client) (any, error) {
		return first(org.ListScopes(ctx, c, "s", nil))
	}},
	"ListApplicationTokens": {true, tokenJSON, refreshToken, func(ctx context.Context, c *okta.Client) (any, error) {
		return first(org.ListApplicationTokens(ctx, c, "a", nil))
	}},
	"GetApplicationToken": {false, tokenJSON, refreshToken, func(ctx context.Context, c *okta.Client) (any, error) {
		return value(org.GetApplicationToken(ctx, c, "a", "t", nil))
	}},
	"ListUserClients": {
		true, `{"client_id":"0oa1","client_name":"Calendar"}`,
		okta.OAuth2Client{ClientID: "0oa1", ClientName: "Calendar"},
		func(ctx context.Context, c *okta.Client) (any, error) { return first(org.ListUserClients(ctx, c, "u")) },
	},
}

func TestModelsRoundTrip(t *testing.T) {
	t.Parallel()
	for name, r := range readers {
		server, client := newOrg(t)
		server.Next(oktatest.Reply(http.StatusOK, nil, asList(r.list, r.json)))
		got, err := r.read(t.Context(), client)
		require.NoError(t, err, name)
		assert.Equal(t, r.want, got, name)
		text, err := json.Marshal(got)
		require.NoError(t, err)
		assert.JSONEq(t, r.json, string(text), name)
	}
}

// nullsJSON has every member of the models, and members that they do not have.
const nullsJSON = `{"id":null,"status":null,"created":null,"activated":null,"statusChanged":null,"lastLogin":null,` +
	`"lastUpdated":null,"profile":null,"name":null,"label":null,"signOnMode":null,"scope":null,"credentials":null,` +
	`"displayName":null,"consent":null,"system":null,"default":null,"optional":null,"description":null,"audiences":null,"issuer":null,"client_id":null,"clientId":null,"_links":null,"more":{"x":[1]}}`

func TestModelsWithoutMembers(t *testing.T) {
	t.Parallel()
	for name, r := range readers {
		for _, body := range []string{"{}", nullsJSON, `{"created":"soon","lastUpdated":"","credentials":{},"profile":{}}`} {
			server, client := newOrg(t)
			server.Next(oktatest.Reply(http.StatusOK, nil, asList(r.list, body)))
			got, err := r.read(t.Context(), client)
			require.NoError(t, err, "%s: %s", name, body)
			text, err := json.Marshal(got)
			require.NoError(t, err)
			assert.JSONEq(t, "{}", string(text), "%s: %s", name, body)
		}
	}
}

func TestWrongTypesAreErrors(t *testing.T) {
	t.Parallel()
	for name, r := range readers {
		server, client := newOrg(t)
		server.Next(oktatest.Reply(http.StatusOK, nil, asList(r.list, `{"id":7,"client_id":7}`)))
		_, err := r.read(t.Context(), client)
		require.ErrorContains(t, err, "does not fit string", name)
	}
}

func asList(list bool, object string) string {
	if list {
		return "[" + object + "]"
	}
	return object
}

// Okta's schema names the client of a token clientId, some of its examples client_id.
func TestClientOfATokenByEitherName(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"clientId":"a"}`: "a", `{"client_id":"b"}`: "b", `{"client_id":"b","clientId":"a"}`: "a",
	} {
		server, client := newOrg(t)
		server.Next(oktatest.Reply(http.StatusOK, nil, body), oktatest.Reply(http.StatusOK, nil, "["+body+"]"))
		token, err := org.GetApplicationToken(t.Context(), client, "a", "t", nil)
		require.NoError(t, err)
		assert.Equal(t, want, token.ClientID)
		page, err := org.ListApplicationTokens(t.Context(), client, "a", nil)
		require.NoError(t, err)
		assert.Equal(t, want, page.Items[0].ClientID)
	}
}

func TestClientIDOfAnApplication(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "portal", application.ClientID())
	assert.Equal(t, "0oa1", (&org.Application{ID: "0oa1"}).ClientID())
}

func TestDisplayName(t *testing.T) {
	t.Parallel()
	u := user
	assert.Equal(t, "Annie", u.DisplayName())
	u.Profile.DisplayName = ""
	assert.Equal(t, "Ann Archer", u.DisplayName())
	u.Profile.FirstName = ""
	assert.Equal(t, "Archer", u.DisplayName())
	u.Profile.LastName = ""
	assert.Equal(t, "ann@example.com", u.DisplayName())
	u.Profile.Login = ""
	assert.Equal(t, "00u1", u.DisplayName())
}

package oktatest_test

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

func TestAddFillsInWhatIsEmpty(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{Now: fixedClock, PublicURL: "https://acme.okta.com/"})
	now := time.Date(2026, time.March, 1, 13, 0, 30, 123_000_000, time.UTC)

	user := org.AddUser(oktatest.User{})
	assert.Equal(t, oktatest.User{
		ID:      "00u00000000000000001",
		Login:   "00u00000000000000001@example.com",
		Name:    "00u00000000000000001@example.com",
		Status:  "ACTIVE",
		Created: now,
	}, user)

	client := org.AddClient(oktatest.Client{})
	assert.Equal(t, oktatest.Client{
		ID: "0oa00000000000000001", ClientID: "0oa00000000000000001", Name: "App 0oa00000000000000001", Status: "ACTIVE",
		Created: now, LastUpdated: now,
	}, client)

	group := org.AddGroup(oktatest.Group{})
	assert.Equal(t, oktatest.Group{ID: "00g00000000000000001"}, group)

	server := org.AddAuthorizationServer(oktatest.AuthorizationServer{})
	assert.Equal(t, oktatest.AuthorizationServer{
		ID: "aus00000000000000002", Name: "aus00000000000000002", Created: now, LastUpdated: now,
	}, server)

	scope := org.AddScope(oktatest.Scope{})
	assert.Equal(t, oktatest.Scope{
		ID:                    "scp00000000000000001",
		AuthorizationServerID: oktatest.DefaultAuthorizationServerID,
		Name:                  "scp00000000000000001",
		Consent:               "REQUIRED",
	}, scope)

	grant := org.AddGrant(oktatest.Grant{UserID: user.ID, ClientID: client.ID})
	assert.Equal(t, oktatest.Grant{
		ID:          "oag00000000000000001",
		UserID:      user.ID,
		ClientID:    client.ID,
		ScopeID:     "openid",
		Issuer:      "https://acme.okta.com",
		Status:      "ACTIVE",
		Source:      "END_USER",
		CreatedBy:   user.ID,
		Created:     now,
		LastUpdated: now,
	}, grant)

	refreshToken := org.AddRefreshToken(oktatest.RefreshToken{UserID: user.ID, ClientID: client.ID})
	assert.Equal(t, oktatest.RefreshToken{
		ID:                    "oar00000000000000001",
		UserID:                user.ID,
		ClientID:              client.ID,
		AuthorizationServerID: oktatest.DefaultAuthorizationServerID,
		Status:                "ACTIVE",
		Scopes:                []string{"offline_access"},
		Created:               now,
		LastUpdated:           now,
		ExpiresAt:             now.AddDate(0, 0, 7),
	}, refreshToken)

	assert.Equal(t, []oktatest.User{user}, org.Users())
	assert.Equal(t, []oktatest.Client{client}, org.Clients())
	assert.Equal(t, []oktatest.Grant{grant}, org.Grants())
	assert.Equal(t, []oktatest.RefreshToken{refreshToken}, org.RefreshTokens())
}

func TestAddKeepsWhatIsGiven(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	day := time.Date(2026, time.May, 4, 0, 0, 0, 0, time.UTC)

	user := oktatest.User{ID: "u", Login: "u@example.com", Name: "U", Status: "SUSPENDED", Created: day}
	assert.Equal(t, user, org.AddUser(user))
	client := oktatest.Client{
		ID: "a", ClientID: "c", Name: "C", URI: "https://c.example.com", LogoURI: "https://c.example.com/c.png",
		Status: "INACTIVE", Created: day, LastUpdated: day.Add(time.Hour),
	}
	assert.Equal(t, client, org.AddClient(client))
	group := oktatest.Group{ID: "g", UserIDs: []string{"u"}}
	assert.Equal(t, group, org.AddGroup(group))
	server := oktatest.AuthorizationServer{ID: "s", Name: "S", Created: day, LastUpdated: day.Add(time.Hour)}
	assert.Equal(t, server, org.AddAuthorizationServer(server))
	scope := oktatest.Scope{
		ID: "scp", AuthorizationServerID: "s", Name: "n", DisplayName: "N", Description: "D", Consent: "IMPLICIT",
		System: true,
	}
	assert.Equal(t, scope, org.AddScope(scope))
	grant := oktatest.Grant{
		ID: "g", UserID: "u", ClientID: "c", ScopeID: "email", Issuer: "https://issuer.example.com", Status: "REVOKED",
		Source: "ADMIN", CreatedBy: "admin", Created: day, LastUpdated: day.Add(time.Hour),
	}
	assert.Equal(t, grant, org.AddGrant(grant))
	refreshToken := oktatest.RefreshToken{
		ID: "t", UserID: "u", ClientID: "c", AuthorizationServerID: "s", Status: "REVOKED", Scopes: []string{"a", "b"},
		Created: day, LastUpdated: day.Add(time.Hour), ExpiresAt: day.Add(2 * time.Hour),
	}
	assert.Equal(t, refreshToken, org.AddRefreshToken(refreshToken))
}

func TestDefaultIDsAreUnique(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	org.AddUser(oktatest.User{ID: "00u00000000000000002"})
	assert.Equal(t, "00u00000000000000003", org.AddUser(oktatest.User{}).ID)
	assert.Equal(t, "00u00000000000000004", org.AddUser(oktatest.User{}).ID)
}

func TestAddPanicsOnMistakes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		add  func(*oktatest.Org)
		want string
	}{
		"user's ID is taken": {
			func(o *oktatest.Org) { o.AddUser(oktatest.User{ID: "u"}) },
			`oktatest: the user ID "u" is taken`,
		},
		"login is taken": {
			func(o *oktatest.Org) { o.AddUser(oktatest.User{Login: "u@example.com"}) },
			`oktatest: the login "u@example.com" is taken`,
		},
		"client's ID is taken": {
			func(o *oktatest.Org) { o.AddClient(oktatest.Client{ID: "c"}) },
			`oktatest: the client ID "c" is taken`,
		},
		"OAuth client ID is taken": {
			func(o *oktatest.Org) { o.AddClient(oktatest.Client{ID: "a", ClientID: "c"}) },
			`oktatest: the OAuth client ID "c" is taken`,
		},
		"scope's ID is taken": {
			func(o *oktatest.Org) { o.AddScope(oktatest.Scope{ID: "scp"}) },
			`oktatest: the scope ID "scp" is taken`,
		},
		"scope's name is taken": {
			func(o *oktatest.Org) { o.AddScope(oktatest.Scope{Name: "n"}) },
			`oktatest: the authorization server "default" has a scope "n"`,
		},
		"scope of an unknown authorization server": {
			func(o *oktatest.Org) { o.AddScope(oktatest.Scope{AuthorizationServerID: "x"}) },
			`oktatest: there is no authorization server with the ID "x"`,
		},
		"grant of a scope that the issuer does not have": {
			func(o *oktatest.Org) {
				o.AddGrant(oktatest.Grant{UserID: "u", ClientID: "c", ScopeID: "n", Issuer: o.URL + "/oauth2/default"})
			},
			`oktatest: the authorization server "default" has no scope with the ID "n"`,
		},
		"authorization server's ID is taken": {
			func(o *oktatest.Org) { o.AddAuthorizationServer(oktatest.AuthorizationServer{ID: "default"}) },
			`oktatest: the authorization server ID "default" is taken`,
		},
		"grant's ID is taken": {
			func(o *oktatest.Org) { o.AddGrant(oktatest.Grant{ID: "g", UserID: "u", ClientID: "c"}) },
			`oktatest: the grant ID "g" is taken`,
		},
		"grant of an unknown user": {
			func(o *oktatest.Org) { o.AddGrant(oktatest.Grant{UserID: "x", ClientID: "c"}) },
			`oktatest: there is no user with the ID "x"`,
		},
		"grant of an unknown client": {
			func(o *oktatest.Org) { o.AddGrant(oktatest.Grant{UserID: "u"}) },
			`oktatest: there is no client with the ID ""`,
		},
		"refresh token of an unknown authorization server": {
			func(o *oktatest.Org) {
				o.AddRefreshToken(oktatest.RefreshToken{UserID: "u", ClientID: "c", AuthorizationServerID: "x"})
			},
			`oktatest: there is no authorization server with the ID "x"`,
		},
		"group's ID is taken": {
			func(o *oktatest.Org) { o.AddGroup(oktatest.Group{ID: "g"}) },
			`oktatest: the group ID "g" is taken`,
		},
		"group of an unknown user": {
			func(o *oktatest.Org) { o.AddGroup(oktatest.Group{UserIDs: []string{"u", "x"}}) },
			`oktatest: there is no user with the ID "x"`,
		},
		"assignment of an unknown user": {
			func(o *oktatest.Org) { o.AssignUsers("c", "u", "x") },
			`oktatest: there is no user with the ID "x"`,
		},
		"assignment to an unknown client": {
			func(o *oktatest.Org) { o.AssignUsers("x", "u") },
			`oktatest: there is no client with the ID "x"`,
		},
		"pattern without a path": {
			func(o *oktatest.Org) { o.Handle("GET logs", http.NotFoundHandler()) },
			`oktatest: the pattern "GET logs" has no path`,
		},
		"unknown bucket": {
			func(o *oktatest.Org) { o.LimitRate("/oauth2", 1, time.Minute) },
			`oktatest: there is no bucket "/oauth2"`,
		},
		"no window": {
			func(o *oktatest.Org) { o.LimitRate(oktatest.BucketAPI, 1, 0) },
			"oktatest: a window of 0s is not positive",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := start(t, oktatest.Options{})
			org.AddUser(oktatest.User{ID: "u", Login: "u@example.com"})
			org.AddClient(oktatest.Client{ID: "c"})
			org.AddScope(oktatest.Scope{ID: "scp", Name: "n"})
			org.AddGrant(oktatest.Grant{ID: "g", UserID: "u", ClientID: "c"})
			org.AddGroup(oktatest.Group{ID: "g"})

			assert.PanicsWithValue(t, test.want, func() { test.add(org) })
			assert.Len(t, org.Users(), 1, "the org can still be used")
		})
	}
}

func TestStateIsACopy(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	org.AddUser(oktatest.User{ID: "u"})
	org.AddClient(oktatest.Client{ID: "c"})
	scopes := []string{"openid"}
	added := org.AddRefreshToken(oktatest.RefreshToken{UserID: "u", ClientID: "c", Scopes: scopes})

	scopes[0], added.Scopes[0], org.RefreshTokens()[0].Scopes[0] = "x", "x", "x"
	require.Equal(t, []string{"openid"}, org.RefreshTokens()[0].Scopes)
}

func TestDemo(t *testing.T) {
	t.Parallel()
	org := startDemo(t)

	assert.Len(t, org.Users(), 4)
	assert.Len(t, org.Clients(), 4)
	got, err := send(t, org, "GET", "/api/v1/users/"+oktatest.DemoUserID+"/grants/"+oktatest.DemoGrantID,
		map[string][]string{"Authorization": {"SSWS " + oktatest.DemoToken}})
	require.NoError(t, err)
	assert.Equal(t, "2026-01-05T10:00:00.000Z", got.object(t)["created"])

	pages := [][]string{}
	for path := "/api/v1/users/" + oktatest.DemoUserID + "/grants"; path != ""; {
		page := get(t, org, path)
		pages = append(pages, page.ids(t))
		path = page.next(t)
	}
	require.Len(t, pages, 3)
	assert.Len(t, pages[2], 5)

	tokens := "/api/v1/users/" + oktatest.DemoUserID + "/clients/" + oktatest.DemoClientID + "/tokens"
	assert.Equal(t, []string{oktatest.DemoRefreshTokenID, "oarann2", "oarann3"}, get(t, org, tokens).ids(t))
	issued := "/api/v1/authorizationServers/" + oktatest.DemoAuthorizationServerID + "/clients/0oanotes/tokens"
	assert.Equal(t, []string{"oarann4", "oarann5"}, get(t, org, issued).ids(t))
	assert.Empty(t, get(t, org, "/api/v1/users/00udee/grants").ids(t))
	portal := "/clients/" + oktatest.DemoPartnerClientID
	assert.Equal(t, []string{"oagcid2", "oagcid3"}, get(t, org, "/api/v1/users/00ucid"+portal+"/grants").ids(t))
	assert.Equal(t, []string{"oarcid1"}, get(t, org, "/api/v1/apps/"+oktatest.DemoPartnerAppID+"/tokens").ids(t))
	scopes := get(t, org, "/api/v1/authorizationServers/"+oktatest.DemoPartnerServerID+"/scopes")
	assert.Contains(t, scopes.ids(t), oktatest.DemoScopeID)
}

func TestListener(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	org := start(t, oktatest.Options{Listener: listener, BasePath: "/base"})
	seedUsers(org)
	assert.Equal(t, "http://"+listener.Addr().String()+"/base", org.URL)
	assert.Equal(t, []string{"00u1"}, get(t, org, "/api/v1/users?limit=1").ids(t))

	org.Close()
	_, err = send(t, org, http.MethodGet, "/api/v1/users", nil)
	require.Error(t, err)
}

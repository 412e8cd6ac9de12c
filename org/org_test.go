package org_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
	"github.com/grantkit/okta/org"
)

// collect reads a list to its end and returns a part of each item.
func collect[T any](ctx context.Context, part func(T) string) func(page *okta.Page[T], err error) ([]string, error) {
	return func(page *okta.Page[T], err error) ([]string, error) {
		if err != nil {
			return nil, err
		}
		items, err := page.Collect(ctx)
		if err != nil {
			return nil, err
		}
		parts := make([]string, len(items))
		for i, item := range items {
			parts[i] = part(item)
		}
		return parts, nil
	}
}

func TestListsAreReadToTheLastPage(t *testing.T) {
	t.Parallel()
	server, client := newOrg(t)
	server.AddClient(oktatest.Client{ID: "0oaold", Status: "INACTIVE"})
	ctx := t.Context()
	users := collect(ctx, func(u org.User) string { return u.ID })
	apps := collect(ctx, func(a org.Application) string { return a.ID })
	assigned := collect(ctx, func(u org.ApplicationUser) string { return u.ID })
	tokens := collect(ctx, func(t okta.OAuth2RefreshToken) string { return t.ID })
	servers := collect(ctx, func(s org.AuthorizationServer) string { return s.ID })
	scopes := collect(ctx, func(s org.OAuth2Scope) string { return s.Name })
	clients := collect(ctx, func(c okta.OAuth2Client) string { return c.ClientID })
	everybody := []string{userID, "00ubob", "00ucid", "00udee"}
	for name, c := range map[string]struct {
		read     func() ([]string, error)
		want     []string
		requests int
	}{
		"users": {
			func() ([]string, error) { return users(org.ListUsers(ctx, client, &org.ListUsersOptions{Limit: 1})) },
			everybody, 4,
		},
		"members": {
			func() ([]string, error) {
				return users(org.ListGroupUsers(ctx, client, groupID, &org.ListGroupUsersOptions{Limit: 3}))
			},
			everybody, 2,
		},
		"apps": {
			func() ([]string, error) {
				return apps(org.ListApplications(ctx, client, &org.ListApplicationsOptions{Limit: 2}))
			},
			[]string{clientID, "0oanotes", "0oareports", oktatest.DemoPartnerAppID}, 2,
		},
		"apps that are not active": {
			func() ([]string, error) {
				return apps(org.ListApplications(ctx, client, &org.ListApplicationsOptions{
					Limit: 2, IncludeNonDeleted: true,
				}))
			},
			[]string{clientID, "0oanotes", "0oareports", oktatest.DemoPartnerAppID, "0oaold"}, 3,
		},
		"app users": {
			func() ([]string, error) {
				return assigned(org.ListApplicationUsers(ctx, client, clientID, &org.ListApplicationUsersOptions{Limit: 1}))
			},
			[]string{userID, "00ubob"}, 2,
		},
		"tokens": {
			func() ([]string, error) {
				return tokens(org.ListApplicationTokens(ctx, client, clientID, &okta.ListOptions{Limit: 1}))
			},
			[]string{tokenID, "oarann2", "oarann3", "oarbob1"}, 4,
		},
		"servers": {
			func() ([]string, error) {
				return servers(org.ListAuthorizationServers(ctx, client, &org.ListAuthorizationServersOptions{Limit: 1}))
			},
			[]string{"default", "auspartners"}, 2,
		},
		"scopes": {
			func() ([]string, error) {
				return scopes(org.ListScopes(ctx, client, "auspartners", &org.ListScopesOptions{Limit: 3}))
			},
			[]string{"openid", "offline_access", "invoices.read", "phone"}, 2,
		},
		"clients": {
			func() ([]string, error) { return clients(org.ListUserClients(ctx, client, userID)) },
			[]string{clientID, "0oanotes", "0oareports"}, 1,
		},
		"no clients": {
			func() ([]string, error) { return clients(org.ListUserClients(ctx, client, "00udee")) }, []string{}, 1,
		},
	} {
		server.ClearRequests()
		got, err := c.read()
		require.NoError(t, err, name)
		assert.Equal(t, c.want, got, name)
		assert.Len(t, server.Requests(), c.requests, name)
	}
}

func TestListUsersBySearchAndFilter(t *testing.T) {
	t.Parallel()
	server, client := newOrg(t)
	server.AddUser(oktatest.User{ID: "00ugone", Login: "gone@example.com", Status: "DEPROVISIONED"})
	users := collect(t.Context(), func(u org.User) string { return u.ID })
	for expression, want := range map[string][]string{
		`status eq "DEPROVISIONED"`:                   {"00ugone"},
		`profile.login eq "bob@example.com"`:          {"00ubob"},
		`status eq "ACTIVE" or id eq "00ugone"`:       {userID, "00ubob", "00ucid", "00udee", "00ugone"},
		`profile.lastName eq "Nobody & Co=#?+ \"q\""`: {},
	} {
		got, err := users(org.ListUsers(t.Context(), client, &org.ListUsersOptions{Search: expression, Limit: 2}))
		require.NoError(t, err)
		assert.Equal(t, want, got, expression)
		got, err = users(org.ListUsers(t.Context(), client, &org.ListUsersOptions{Filter: expression, Limit: 2}))
		require.NoError(t, err)
		assert.Equal(t, want, got, expression)
	}
	got, err := users(org.ListUsers(t.Context(), client, nil))
	require.NoError(t, err)
	assert.NotContains(t, got, "00ugone")

	_, err = org.ListUsers(t.Context(), client, &org.ListUsersOptions{Search: "status is ACTIVE"})
	var refusal *okta.Error
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, http.StatusBadRequest, refusal.StatusCode)
}

func TestListApplicationsByFilter(t *testing.T) {
	t.Parallel()
	server, client := newOrg(t)
	server.AddClient(oktatest.Client{ID: "0oaold", Status: "INACTIVE"})
	page, err := org.ListApplications(t.Context(), client, &org.ListApplicationsOptions{
		Filter: `status eq "INACTIVE"`, IncludeNonDeleted: true,
	})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	assert.Equal(t, "0oaold", page.Items[0].ID)
	assert.Equal(t, org.StatusInactive, page.Items[0].Status)
}

func TestGetUserByIDLoginOrShortname(t *testing.T) {
	t.Parallel()
	_, client := newOrg(t)
	for _, name := range []string{userID, oktatest.DemoLogin, "ann"} {
		user, err := org.GetUser(t.Context(), client, name)
		require.NoError(t, err, name)
		assert.Equal(t, userID, user.ID)
		assert.Equal(t, oktatest.DemoLogin, user.Profile.Login)
		assert.Equal(t, org.StatusActive, user.Status)
	}
}

func TestGetApplication(t *testing.T) {
	t.Parallel()
	_, client := newOrg(t)
	app, err := org.GetApplication(t.Context(), client, clientID)
	require.NoError(t, err)
	assert.Equal(t, &org.Application{
		ID: clientID, Name: "oidc_client", Label: "Calendar", Status: org.StatusActive, SignOnMode: "OPENID_CONNECT",
		Created:     time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC),
		LastUpdated: time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC),
		Credentials: org.ApplicationCredentials{OAuthClient: org.ApplicationOAuthClient{ClientID: clientID}},
	}, app)
}

// Consents and tokens name an app by its client ID, which need not be its ID.
func TestApplicationWithAClientIDOfItsOwn(t *testing.T) {
	t.Parallel()
	_, client := newOrg(t)
	app, err := org.GetApplication(t.Context(), client, oktatest.DemoPartnerAppID)
	require.NoError(t, err)
	assert.Equal(t, oktatest.DemoPartnerClientID, app.ClientID())
	page, err := client.UserGrants.ListForClient(t.Context(), "00ucid", app.ClientID(), nil)
	require.NoError(t, err)
	assert.Len(t, page.Items, 2)
	_, err = client.UserGrants.ListForClient(t.Context(), "00ucid", app.ID, nil)
	require.ErrorIs(t, err, okta.ErrNotFound)
}

// A consent to a custom authorization server names a scope by its ID, and the server's scopes have its name.
func TestScopesNameWhatConsentsGrant(t *testing.T) {
	t.Parallel()
	_, client := newOrg(t)
	server, err := org.GetAuthorizationServer(t.Context(), client, oktatest.DemoPartnerServerID)
	require.NoError(t, err)
	page, err := org.ListScopes(t.Context(), client, server.ID, &org.ListScopesOptions{Limit: 1})
	require.NoError(t, err)
	names := map[string]string{}
	for scope, err := range page.All(t.Context()) {
		require.NoError(t, err)
		names[scope.ID] = scope.Name + "=" + scope.DisplayName
	}
	grants, err := client.UserGrants.ListForClient(t.Context(), "00ucid", oktatest.DemoPartnerClientID, nil)
	require.NoError(t, err)
	var granted []string
	for _, grant := range grants.Items {
		assert.Equal(t, server.Issuer, grant.Issuer)
		granted = append(granted, names[grant.ScopeID])
	}
	assert.Equal(t, []string{"invoices.read=Supplier invoices", "phone="}, granted)
}

func TestRevokeUserSessions(t *testing.T) {
	t.Parallel()
	server, client := newOrg(t)
	require.NoError(t, org.RevokeUserSessions(t.Context(), client, userID, nil))
	assert.Len(t, server.RefreshTokens(), 8, "tokens are not asked for")

	err := org.RevokeUserSessions(t.Context(), client, userID, &org.RevokeUserSessionsOptions{OAuthTokens: true})
	require.NoError(t, err)
	assert.Len(t, server.RefreshTokens(), 3, "Bob's and Cid's")
	assert.Len(t, server.Grants(), 51, "consents stay")
	for _, request := range server.Requests() {
		assert.Equal(t, []string{"false"}, request.Query["forgetDevices"])
	}
}

func TestRevokeApplicationTokens(t *testing.T) {
	t.Parallel()
	server, client := newOrg(t)
	held := func() int {
		return len(slices.DeleteFunc(server.RefreshTokens(), func(t oktatest.RefreshToken) bool {
			return t.ClientID != clientID
		}))
	}
	before := len(server.RefreshTokens()) - held()

	require.NoError(t, org.RevokeApplicationToken(t.Context(), client, clientID, tokenID))
	assert.Equal(t, 3, held())
	require.NoError(t, org.RevokeApplicationTokens(t.Context(), client, clientID))
	assert.Equal(t, 0, held())
	require.NoError(t, org.RevokeApplicationTokens(t.Context(), client, clientID), "none are left")
	assert.Len(t, server.RefreshTokens(), before, "other apps keep theirs")
	assert.Len(t, server.Grants(), 51, "consents stay")
}

func TestDeactivateApplication(t *testing.T) {
	t.Parallel()
	_, client := newOrg(t)
	require.NoError(t, org.DeactivateApplication(t.Context(), client, clientID))
	app, err := org.GetApplication(t.Context(), client, clientID)
	require.NoError(t, err)
	assert.Equal(t, org.StatusInactive, app.Status)
}

func TestDeactivateApplicationWithoutABody(t *testing.T) {
	t.Parallel()
	server, client := newOrg(t)
	server.Next(oktatest.Reply(http.StatusOK, nil, ""), oktatest.Reply(http.StatusAccepted, nil, ""))
	require.NoError(t, org.DeactivateApplication(t.Context(), client, clientID))
	require.Error(t, org.DeactivateApplication(t.Context(), client, clientID))
}

func TestDeactivateApplicationIsNotRepeated(t *testing.T) {
	t.Parallel()
	server, client := newOrg(t)
	server.Next(oktatest.Reply(http.StatusServiceUnavailable, nil, ""))
	require.Error(t, org.DeactivateApplication(t.Context(), client, clientID))
	assert.Len(t, server.Requests(), 1)
}

func TestRevokesAreRetried(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		if op.method != http.MethodDelete {
			continue
		}
		server, client := newOrg(t)
		server.Next(oktatest.Reply(http.StatusServiceUnavailable, nil, ""), oktatest.Drop(), op.success())
		require.NoError(t, op.call(t.Context(), client, "a", "b"), op.function)
		assert.Len(t, server.Requests(), 3, op.function)
	}
}

// A token that an attempt with a lost response has revoked is not found by the next one. The error says so.
func TestRevokeApplicationTokenAfterALostResponse(t *testing.T) {
	t.Parallel()
	server, client := newOrg(t)
	server.Next(oktatest.DropResponse())
	err := org.RevokeApplicationToken(t.Context(), client, clientID, tokenID)
	require.ErrorIs(t, err, okta.ErrNotFound)
	var refusal *okta.Error
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, 2, refusal.Attempts)
	assert.Len(t, server.RefreshTokens(), 7)
}

// Pages of tokens are made from other pages: they must keep what those have.
func TestPagesOfTokens(t *testing.T) {
	t.Parallel()
	server, client := newOrg(t)
	server.LimitRate(oktatest.BucketApps, 100, time.Hour)
	ctx := t.Context()
	first, err := org.ListApplicationTokens(ctx, client, clientID, &okta.ListOptions{Limit: 3})
	require.NoError(t, err)
	assert.Equal(t, server.Requests()[0].RequestID, first.RequestID)
	assert.Equal(t, 100, first.RateLimit.Limit)
	assert.Equal(t, 99, first.RateLimit.Remaining)
	require.True(t, first.HasNext())

	server.Next(oktatest.Reply(http.StatusForbidden, nil, ""))
	next, err := first.Next(ctx)
	require.ErrorIs(t, err, okta.ErrForbidden)
	assert.Nil(t, next)

	for range 2 { // a page may be read twice
		next, err = first.Next(ctx)
		require.NoError(t, err)
		require.Len(t, next.Items, 1)
		assert.Equal(t, "oarbob1", next.Items[0].ID)
		assert.Equal(t, clientID, next.Items[0].ClientID)
		assert.False(t, next.HasNext())
		assert.Empty(t, next.Cursor())
	}

	resumed, err := org.ListApplicationTokens(ctx, client, clientID, &okta.ListOptions{After: first.Cursor()})
	require.NoError(t, err)
	assert.Equal(t, next.Items, resumed.Items)
}

func TestCursorResumesAList(t *testing.T) {
	t.Parallel()
	_, client := newOrg(t)
	first, err := org.ListUsers(t.Context(), client, &org.ListUsersOptions{Limit: 3})
	require.NoError(t, err)
	rest, err := org.ListUsers(t.Context(), client, &org.ListUsersOptions{After: first.Cursor()})
	require.NoError(t, err)
	require.Len(t, rest.Items, 1)
	assert.Equal(t, "00udee", rest.Items[0].ID)
	assert.False(t, rest.HasNext())
}

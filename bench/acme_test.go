package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

const acmeUsers = 1001

func newTestAcme(t *testing.T, spec orgSpec) (*acme, *okta.Client) {
	t.Helper()
	o := newAcme(spec)
	server := httptest.NewServer(o.mux)
	t.Cleanup(server.Close)
	client, err := okta.NewClient(okta.Config{OrgURL: server.URL, Credentials: okta.APIToken(token)})
	require.NoError(t, err)
	return o, client
}

// named is what all things of an org have.
type named struct {
	ID string `json:"id"`
}

func TestAcmeListsAllThings(t *testing.T) {
	t.Parallel()
	app, server := appID(0), "aus00000000000000000"
	for name, test := range map[string]struct {
		path         []string
		count, calls int
	}{
		"users":            {[]string{"users"}, acmeUsers, 6},
		"grants":           {[]string{"users", userID(7), "grants"}, appsOfUser, 1},
		"grants of an app": {[]string{"users", userID(7), "clients", app, "grants"}, 1, 1},
		"apps":             {[]string{"apps"}, acmeApps, 1},
		"users of an app":  {[]string{"apps", app, "users"}, acmeUsers, 3},
		"tokens of an app": {[]string{"apps", app, "tokens"}, acmeUsers, 6},
		"servers":          {[]string{"authorizationServers"}, len(acmeServers), 1},
		"server's tokens":  {[]string{"authorizationServers", server, "clients", app, "tokens"}, serverTokens, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, client := newTestAcme(t, orgSpec{Users: acmeUsers})
			page, err := okta.List[named](t.Context(), client, okta.Request{Path: append([]string{"api", "v1"}, test.path...)})
			require.NoError(t, err)
			ids := map[string]bool{}
			for thing, err := range page.All(t.Context()) {
				require.NoError(t, err)
				ids[thing.ID] = true
			}
			assert.Len(t, ids, test.count)
			assert.Equal(t, test.calls, o.log.Total)
			assert.Empty(t, o.log.Unknown)
		})
	}
}

func TestAcmeGrantsReadAsOktas(t *testing.T) {
	t.Parallel()
	_, client := newTestAcme(t, orgSpec{Users: acmeUsers})
	page, err := client.UserGrants.List(t.Context(), userID(7), nil)
	require.NoError(t, err)
	require.Len(t, page.Items, appsOfUser)
	for i, grant := range page.Items {
		assert.Equal(t, userID(7), grant.UserID)
		assert.Equal(t, appID(appsOf(7)[i]), grant.ClientID)
		assert.NotEmpty(t, grant.ScopeID)
		assert.False(t, grant.Created.IsZero())
	}
}

func TestAcmeLogsRevokesAndReadsAfterThem(t *testing.T) {
	t.Parallel()
	o, client := newTestAcme(t, orgSpec{Users: acmeUsers})
	ctx, user := t.Context(), userID(7)
	_, err := client.UserGrants.List(ctx, user, nil)
	require.NoError(t, err)
	require.NoError(t, client.UserGrants.RevokeAllForClient(ctx, user, appID(0)))
	require.NoError(t, client.UserGrants.RevokeAll(ctx, user))
	require.NoError(t, client.UserGrants.RevokeAll(ctx, user))
	page, err := client.UserGrants.List(ctx, user, nil)
	require.NoError(t, err)
	assert.Empty(t, page.Items)

	assert.Equal(t, map[string]int{
		grantsRoute: 2, revokeRoute: 2, "DELETE /api/v1/users/{userId}/clients/{clientId}/grants": 1,
	}, o.log.Calls)
	assert.Equal(t, 1, o.log.After)
	assert.Equal(t, 2, o.log.revokes(revokeRoute, 7))
	assert.Zero(t, o.log.revokes(revokeRoute, 8))
}

func TestAcmeRefusesWhatIsOverTheLimit(t *testing.T) {
	t.Parallel()
	o := newAcme(orgSpec{Users: 1, Limit: 2})
	now := time.Unix(1_800_000_000, 0)
	for _, want := range []struct {
		ok        bool
		remaining string
	}{{true, "1"}, {true, "0"}, {false, "0"}} {
		h := http.Header{}
		assert.Equal(t, want.ok, o.spend(h, "/api/v1/users", now))
		assert.Equal(t, want.remaining, h.Get("X-Rate-Limit-Remaining"))
		assert.Equal(t, "1800000001", h.Get("X-Rate-Limit-Reset"))
	}
	assert.True(t, o.spend(http.Header{}, "/api/v1/apps", now), "another bucket")
	assert.True(t, o.spend(http.Header{}, "/api/v1/users", now.Add(time.Second)), "the next window")
}

func TestAcmeNotesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	o, client := newTestAcme(t, orgSpec{Users: acmeUsers})
	_, err := okta.List[named](t.Context(), client, okta.Request{Path: []string{"api", "v1", "policies"}})
	require.ErrorIs(t, err, okta.ErrNotFound)
	_, err = client.UserGrants.List(t.Context(), userID(acmeUsers), nil)
	require.ErrorIs(t, err, okta.ErrNotFound)
	assert.Equal(t, []string{"GET /api/v1/policies"}, o.log.Unknown)
}

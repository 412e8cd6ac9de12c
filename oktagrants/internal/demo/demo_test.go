package demo_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktagrants/internal/demo"
	"github.com/grantkit/okta/org"
)

func start(t *testing.T, users int) (*demo.Org, *okta.Client) {
	t.Helper()
	o := demo.Start(demo.Options{Users: users, Limit: 100_000, Window: time.Minute, Now: time.Now()})
	t.Cleanup(o.Close)
	client, err := okta.NewClient(o.Config())
	require.NoError(t, err)
	return o, client
}

func TestExamplesOfTheOrgExist(t *testing.T) {
	t.Parallel()
	_, client := start(t, 1)
	ctx := t.Context()

	user, err := org.GetUser(ctx, client, demo.Login)
	require.NoError(t, err)
	assert.Equal(t, demo.UserID, user.ID)
	_, err = client.UserGrants.Get(ctx, demo.UserID, demo.GrantID, nil)
	require.NoError(t, err)
	_, err = client.UserOAuth.GetRefreshToken(ctx, demo.UserID, demo.ClientID, demo.TokenID, nil)
	require.NoError(t, err)
	_, err = client.AuthorizationServerClients.List(ctx, demo.ServerID, nil)
	require.NoError(t, err)
	_, err = org.ListGroupUsers(ctx, client, demo.GroupID, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{demo.Login, "ben.baker@acme.example"}, demo.Logins(2))
}

func TestDataIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	one, _ := start(t, 300)
	other, _ := start(t, 300)
	assert.Equal(t, one.Users(), other.Users())
	assert.Equal(t, one.Grants(), other.Grants())
	assert.Equal(t, one.RefreshTokens(), other.RefreshTokens())
}

func TestDataHasWhatAReviewLooksFor(t *testing.T) {
	t.Parallel()
	o, _ := start(t, 2000)
	logins, statuses, apps, old, opaque := map[string]bool{}, map[string]int{}, map[string]int{}, 0, 0
	for _, user := range o.Users() {
		logins[user.Login] = true
		statuses[user.Status]++
	}
	for _, grant := range o.Grants() {
		apps[grant.ClientID]++
		if time.Since(grant.Created) > 365*24*time.Hour {
			old++
		}
		if strings.HasPrefix(grant.ScopeID, "scp") && strings.HasPrefix(grant.Issuer, demo.URL+"/oauth2/") {
			opaque++
		}
	}
	servers := map[string]int{}
	for _, token := range o.RefreshTokens() {
		servers[token.AuthorizationServerID]++
	}
	assert.Len(t, logins, 2000, "each login is of one user")
	assert.Positive(t, statuses["SUSPENDED"])
	assert.Positive(t, statuses["DEPROVISIONED"])
	assert.Len(t, apps, 13, "all apps but the inactive one have consents")
	assert.Positive(t, apps["build-robot"], "an app whose client ID is not its ID")
	assert.Positive(t, old)
	assert.Less(t, old, len(o.Grants()))
	assert.Greater(t, opaque, len(o.Grants())/2, "scopes of custom authorization servers are the usual case")
	assert.Less(t, opaque, len(o.Grants()))
	assert.Len(t, servers, 2)
}

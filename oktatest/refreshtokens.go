package oktatest

import (
	"cmp"
	"slices"
	"time"
)

// How long a refresh token lives unless its ExpiresAt says otherwise.
const refreshTokenLifetime = 7 * 24 * time.Hour

// RefreshToken is an OAuth refresh token. Its issuer follows from its authorization server.
type RefreshToken struct {
	ID                    string    // By default oar and a number.
	UserID                string    // A known user's ID; has no default.
	ClientID              string    // A known client's ClientID; has no default.
	AuthorizationServerID string    // By default the authorization server "default".
	Status                string    // By default ACTIVE.
	Scopes                []string  // By default offline_access alone.
	Created               time.Time // By default now.
	LastUpdated           time.Time // By default Created.
	ExpiresAt             time.Time // By default a week after LastUpdated.
}

func tokenLists(t RefreshToken) []listKey {
	return []listKey{
		{user: t.UserID},
		{client: t.ClientID},
		{user: t.UserID, client: t.ClientID},
		{server: t.AuthorizationServerID, client: t.ClientID},
	}
}

// AddRefreshToken adds a refresh token and returns it with its empty fields filled in. It panics when the ID is taken,
// or when the user, the client or the authorization server is unknown.
func (o *Org) AddRefreshToken(token RefreshToken) RefreshToken {
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()

	o.users.require(token.UserID)
	o.requireClient(token.ClientID)
	token.AuthorizationServerID = cmp.Or(token.AuthorizationServerID, DefaultAuthorizationServerID)
	o.servers.require(token.AuthorizationServerID)
	token.ID = o.tokens.freeID(token.ID)
	token.Status = cmp.Or(token.Status, statusActive)
	token.Scopes = slices.Clone(token.Scopes)
	if len(token.Scopes) == 0 {
		token.Scopes = []string{"offline_access"}
	}
	token.Created = timestamp(token.Created, now)
	token.LastUpdated = timestamp(token.LastUpdated, token.Created)
	token.ExpiresAt = timestamp(token.ExpiresAt, token.LastUpdated.Add(refreshTokenLifetime))
	o.tokens.add(token.ID, token)
	return copyToken(token)
}

// RefreshTokens returns the refresh tokens that the org has now, in the order in which they were added.
func (o *Org) RefreshTokens() []RefreshToken {
	o.mu.Lock()
	defer o.mu.Unlock()
	tokens := o.tokens.all()
	for i, token := range tokens {
		tokens[i] = copyToken(token)
	}
	return tokens
}

func copyToken(token RefreshToken) RefreshToken {
	token.Scopes = slices.Clone(token.Scopes)
	return token
}

func (o *Org) listUserTokens(c *call) (any, *problem) {
	key, failure := o.userAndClient(c)
	if failure != nil {
		return nil, failure
	}
	return o.listTokens(c, key, defaultLimits, o.userTokenJSON)
}

func (o *Org) revokeUserTokens(c *call) (any, *problem) {
	key, failure := o.userAndClient(c)
	if failure != nil {
		return nil, failure
	}
	o.tokens.removeList(key)
	return nil, nil
}

func (o *Org) getUserToken(c *call) (any, *problem) {
	key, failure := o.userAndClient(c)
	if failure != nil {
		return nil, failure
	}
	return o.getToken(c, key, o.userTokenJSON)
}

func (o *Org) revokeUserToken(c *call) (any, *problem) {
	key, failure := o.userAndClient(c)
	if failure != nil {
		return nil, failure
	}
	return o.revokeToken(c, key)
}

// renderToken returns a token as one of the API's routes shows it.
type renderToken func(token RefreshToken, expand bool) tokenJSON

func (o *Org) listTokens(c *call, key listKey, limits pageLimits, render renderToken) (any, *problem) {
	return list(c, listing[RefreshToken, tokenJSON]{
		of: o.tokens, key: key, limits: limits, expand: "scope", render: render,
	})
}

func (o *Org) getToken(c *call, key listKey, render renderToken) (any, *problem) {
	token, failure := o.token(c, key)
	if failure != nil {
		return nil, failure
	}
	expand, failure := c.expand("scope")
	if failure != nil {
		return nil, failure
	}
	return render(token, expand), nil
}

func (o *Org) revokeToken(c *call, key listKey) (any, *problem) {
	token, failure := o.token(c, key)
	if failure != nil {
		return nil, failure
	}
	o.tokens.remove(token.ID)
	return nil, nil
}

// token returns the refresh token that a call names, if it is in a list.
func (o *Org) token(c *call, key listKey) (RefreshToken, *problem) {
	id := c.params["tokenId"]
	token := o.tokens.get(id)
	if !slices.Contains(tokenLists(token), key) {
		return RefreshToken{}, notFound("OAuth2RefreshToken", id)
	}
	return token, nil
}

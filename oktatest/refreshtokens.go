package oktatest

import (
	"cmp"
	"net/http"
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
	now, logNow := o.now(), o.systemLog.options.Now()
	o.mu.Lock()
	defer o.mu.Unlock()

	o.users.require(token.UserID)
	o.requireClient(token.ClientID)
	token.AuthorizationServerID = o.serverNamed(token.AuthorizationServerID)
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
	o.logTokenGranted(token, logNow)
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
	o.removeTokens(c, key)
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
	o.removeToken(c, token)
	return nil, nil
}

// token returns the refresh token that a call names, if it is in a list.
func (o *Org) token(c *call, key listKey) (RefreshToken, *problem) {
	id := c.params["tokenId"]
	token := o.tokens.get(id)
	if !slices.Contains(tokenLists(token), key) {
		holder := cmp.Or(c.params["appId"], c.params["clientId"])
		return RefreshToken{}, notFound("OAuth2RefreshTokenTx", holder+"."+id)
	}
	return token, nil
}

// tokenJSON names the client clientId on every route, as recorded. Some of Okta's examples have client_id.
type tokenJSON struct {
	ID          string         `json:"id"`
	Status      string         `json:"status"`
	Created     string         `json:"created"`
	LastUpdated string         `json:"lastUpdated"`
	ExpiresAt   string         `json:"expiresAt"`
	Issuer      string         `json:"issuer"`
	ClientID    string         `json:"clientId"`
	UserID      string         `json:"userId"`
	Scopes      []string       `json:"scopes"`
	Embedded    *tokenEmbedded `json:"_embedded,omitempty"`
	Links       tokenLinks     `json:"_links"`
}

type tokenEmbedded struct {
	Scopes []tokenScope `json:"scopes"`
}

type tokenScope struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	DisplayName string     `json:"displayName"`
	Description string     `json:"description"`
	Links       scopeLinks `json:"_links"`
}

type scopeLinks struct {
	Scope link `json:"scope"`
}

type tokenLinks struct {
	App                 link `json:"app"`
	AuthorizationServer link `json:"authorizationServer"`
	Self                link `json:"self"`
	Revoke              link `json:"revoke"`
	Client              link `json:"client"`
	User                link `json:"user"`
}

func (o *Org) userTokenJSON(token RefreshToken, expand bool) tokenJSON {
	self := o.href("api", "v1", "users", token.UserID, "clients", token.ClientID, "tokens", token.ID)
	return o.tokenJSON(token, self, expand)
}

func (o *Org) serverTokenJSON(token RefreshToken, expand bool) tokenJSON {
	self := o.href("api", "v1", "authorizationServers", o.serverName(token.AuthorizationServerID),
		"clients", token.ClientID, "tokens", token.ID)
	return o.tokenJSON(token, self, expand)
}

func (o *Org) tokenJSON(token RefreshToken, self string, expand bool) tokenJSON {
	wire := tokenJSON{
		ID:          token.ID,
		Status:      token.Status,
		Created:     token.Created.Format(timeFormat),
		LastUpdated: token.LastUpdated.Format(timeFormat),
		ExpiresAt:   token.ExpiresAt.Format(timeFormat),
		Issuer:      o.issuer(token.AuthorizationServerID),
		ClientID:    token.ClientID,
		UserID:      token.UserID,
		Scopes:      token.Scopes,
		Links: tokenLinks{
			App:                 o.appLink(token.ClientID),
			AuthorizationServer: o.serverLink(token.AuthorizationServerID),
			Self:                link{Href: self},
			Revoke:              link{Href: self, Hints: allow(http.MethodDelete)},
			Client:              o.clientLink(token.ClientID),
			User:                o.userLink(token.UserID),
		},
	}
	if expand {
		wire.Embedded = o.tokenEmbedded(token)
	}
	return wire
}

func (o *Org) tokenEmbedded(token RefreshToken) *tokenEmbedded {
	scopes := make([]tokenScope, len(token.Scopes))
	for i, name := range token.Scopes {
		scope := o.scopeCalled(token.AuthorizationServerID, name)
		scopes[i] = tokenScope{
			ID:          scope.ID,
			Name:        scope.Name,
			DisplayName: scope.DisplayName,
			Description: scope.Description,
			Links:       scopeLinks{Scope: o.scopeLink(scope)},
		}
	}
	return &tokenEmbedded{Scopes: scopes}
}

func (o *Org) appTokenJSON(token RefreshToken, expand bool) tokenJSON {
	app := o.client(token.ClientID)
	return o.tokenJSON(token, o.href("api", "v1", "apps", app.ID, "tokens", token.ID), expand)
}

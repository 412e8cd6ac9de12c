package oktatest

import (
	"net/http"
	"net/url"
	"strings"
)

const timeFormat = "2006-01-02T15:04:05.000Z"

type grantJSON struct {
	ID          string         `json:"id"`
	Status      string         `json:"status"`
	Created     string         `json:"created"`
	CreatedBy   actorJSON      `json:"createdBy"`
	LastUpdated string         `json:"lastUpdated"`
	Issuer      string         `json:"issuer"`
	ClientID    string         `json:"clientId"`
	UserID      string         `json:"userId"`
	ScopeID     string         `json:"scopeId"`
	Source      string         `json:"source"`
	Embedded    *grantEmbedded `json:"_embedded,omitempty"`
	Links       grantLinks     `json:"_links"`
}

type actorJSON struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

type grantEmbedded struct {
	Scope grantScope `json:"scope"`
}

type grantScope struct {
	ID string `json:"id"`
}

type grantLinks struct {
	App                 link `json:"app"`
	AuthorizationServer link `json:"authorizationServer"`
	Scope               link `json:"scope"`
	Self                link `json:"self"`
	Client              link `json:"client"`
	User                link `json:"user"`
}

// tokenJSON names the client in one of two ways: client_id in Okta's authorization servers API, clientId elsewhere.
type tokenJSON struct {
	ID             string         `json:"id"`
	Status         string         `json:"status"`
	Created        string         `json:"created"`
	LastUpdated    string         `json:"lastUpdated"`
	ExpiresAt      string         `json:"expiresAt"`
	Issuer         string         `json:"issuer"`
	ClientID       string         `json:"clientId,omitempty"`
	ServerClientID string         `json:"client_id,omitempty"`
	UserID         string         `json:"userId"`
	Scopes         []string       `json:"scopes"`
	Embedded       *tokenEmbedded `json:"_embedded,omitempty"`
	Links          tokenLinks     `json:"_links"`
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

type clientJSON struct {
	ID      string      `json:"client_id"`
	Name    string      `json:"client_name"`
	URI     *string     `json:"client_uri"`
	LogoURI *string     `json:"logo_uri"`
	Links   clientLinks `json:"_links"`
}

type clientLinks struct {
	Client link  `json:"client"`
	Grants *link `json:"grants,omitempty"`
	Tokens link  `json:"tokens"`
}

type link struct {
	Href  string     `json:"href"`
	Title string     `json:"title,omitempty"`
	Hints *linkHints `json:"hints,omitempty"`
}

type linkHints struct {
	Allow []string `json:"allow"`
}

type errorJSON struct {
	Code    string      `json:"errorCode"`
	Summary string      `json:"errorSummary"`
	Link    string      `json:"errorLink"`
	ID      string      `json:"errorId"`
	Causes  []causeJSON `json:"errorCauses"`
}

type causeJSON struct {
	Summary string `json:"errorSummary"`
}

// oauthErrorJSON is an error of the token endpoint.
type oauthErrorJSON struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// accessTokenJSON is the token endpoint's response.
type accessTokenJSON struct {
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"`
	Token     string `json:"access_token"`
	Scope     string `json:"scope"`
}

func (o *Org) grantJSON(grant Grant, expand bool) grantJSON {
	serverID := o.serverOf(grant)
	wire := grantJSON{
		ID:          grant.ID,
		Status:      grant.Status,
		Created:     grant.Created.Format(timeFormat),
		CreatedBy:   actorJSON{ID: grant.CreatedBy, Type: "User"},
		LastUpdated: grant.LastUpdated.Format(timeFormat),
		Issuer:      grant.Issuer,
		ClientID:    grant.ClientID,
		UserID:      grant.UserID,
		ScopeID:     grant.ScopeID,
		Source:      grant.Source,
		Links: grantLinks{
			App:                 o.appLink(grant.ClientID),
			AuthorizationServer: o.serverLink(serverID),
			Scope:               o.scopeLink(o.grantedScope(grant)),
			Self:                link{Href: o.href("api", "v1", "users", grant.UserID, "grants", grant.ID)},
			Client:              o.clientLink(grant.ClientID),
			User:                o.userLink(grant.UserID),
		},
	}
	if expand {
		wire.Embedded = &grantEmbedded{Scope: grantScope{ID: grant.ScopeID}}
	}
	return wire
}

// serverOf returns the ID of the authorization server that a grant's issuer names, or of the default one.
func (o *Org) serverOf(grant Grant) string {
	if id, custom := o.customServer(grant.Issuer); custom {
		return id
	}
	return DefaultAuthorizationServerID
}

func (o *Org) issuer(serverID string) string { return o.publicURL + "/oauth2/" + serverID }

func (o *Org) userTokenJSON(token RefreshToken, expand bool) tokenJSON {
	self := o.href("api", "v1", "users", token.UserID, "clients", token.ClientID, "tokens", token.ID)
	wire := o.tokenJSON(token, self, expand)
	wire.ClientID = token.ClientID
	return wire
}

func (o *Org) serverTokenJSON(token RefreshToken, expand bool) tokenJSON {
	self := o.href("api", "v1", "authorizationServers", token.AuthorizationServerID,
		"clients", token.ClientID, "tokens", token.ID)
	wire := o.tokenJSON(token, self, expand)
	wire.ServerClientID = token.ClientID
	return wire
}

func (o *Org) tokenJSON(token RefreshToken, self string, expand bool) tokenJSON {
	wire := tokenJSON{
		ID:          token.ID,
		Status:      token.Status,
		Created:     token.Created.Format(timeFormat),
		LastUpdated: token.LastUpdated.Format(timeFormat),
		ExpiresAt:   token.ExpiresAt.Format(timeFormat),
		Issuer:      o.issuer(token.AuthorizationServerID),
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

func (o *Org) userClientJSON(userID string, client Client) clientJSON {
	wire := o.clientJSON(client)
	wire.Links.Grants = &link{
		Href:  o.href("api", "v1", "users", userID, "clients", client.ClientID, "grants"),
		Hints: allow(http.MethodGet, http.MethodDelete),
	}
	wire.Links.Tokens.Href = o.href("api", "v1", "users", userID, "clients", client.ClientID, "tokens")
	return wire
}

func (o *Org) serverClientJSON(serverID string, client Client) clientJSON {
	wire := o.clientJSON(client)
	wire.Links.Tokens.Href = o.href("api", "v1", "authorizationServers", serverID, "clients", client.ClientID, "tokens")
	return wire
}

func (o *Org) clientJSON(client Client) clientJSON {
	return clientJSON{
		ID:      client.ClientID,
		Name:    client.Name,
		URI:     nullable(client.URI),
		LogoURI: nullable(client.LogoURI),
		Links: clientLinks{
			Client: o.clientLink(client.ClientID),
			Tokens: link{Hints: allow(http.MethodGet, http.MethodDelete)},
		},
	}
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (o *Org) appLink(clientID string) link {
	app := o.client(clientID)
	return link{Href: o.href("api", "v1", "apps", app.ID), Title: app.Name}
}

func (o *Org) clientLink(clientID string) link {
	return link{Href: o.href("oauth2", "v1", "clients", clientID), Title: o.client(clientID).Name}
}

func (o *Org) userLink(userID string) link {
	return link{Href: o.href("api", "v1", "users", userID), Title: o.users.get(userID).Name}
}

func (o *Org) serverLink(serverID string) link {
	return link{Href: o.href("api", "v1", "authorizationServers", serverID), Title: o.servers.get(serverID).Name}
}

func allow(methods ...string) *linkHints { return &linkHints{Allow: methods} }

// href returns the public URL of a path, given as its segments.
func (o *Org) href(segments ...string) string {
	var href strings.Builder
	href.WriteString(o.publicURL)
	for _, segment := range segments {
		href.WriteByte('/')
		href.WriteString(url.PathEscape(segment))
	}
	return href.String()
}

func (p *problem) json(requestID string) errorJSON {
	causes := make([]causeJSON, len(p.causes))
	for i, cause := range p.causes {
		causes[i].Summary = cause
	}
	return errorJSON{Code: p.code, Summary: p.summary, Link: p.code, ID: "oae" + requestID, Causes: causes}
}

package oktatest

import "net/http"

// appName is the name of every app that is an OAuth client.
const appName = "oidc_client"

type userJSON struct {
	ID              string      `json:"id"`
	Status          string      `json:"status"`
	Created         string      `json:"created"`
	Activated       *string     `json:"activated"` // What the org does not know is null, as Okta has it for some users.
	StatusChanged   *string     `json:"statusChanged"`
	LastLogin       *string     `json:"lastLogin"`
	LastUpdated     string      `json:"lastUpdated"`
	PasswordChanged *string     `json:"passwordChanged"`
	Profile         profileJSON `json:"profile"`
	Links           userLinks   `json:"_links"`
}

type profileJSON struct {
	FirstName string  `json:"firstName"`
	LastName  *string `json:"lastName"`
	Login     string  `json:"login"`
	Email     string  `json:"email"`
}

type userLinks struct {
	Self link `json:"self"`
}

type appJSON struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Label       string          `json:"label"`
	Status      string          `json:"status"`
	Created     string          `json:"created"`
	LastUpdated string          `json:"lastUpdated"`
	SignOnMode  string          `json:"signOnMode"`
	Credentials appCredentials  `json:"credentials"`
	Settings    appSettings     `json:"settings"`
	Links       map[string]link `json:"_links"`
}

type appCredentials struct {
	OAuthClient appClientID `json:"oauthClient"`
}

type appClientID struct {
	ID         string `json:"client_id"`
	AuthMethod string `json:"token_endpoint_auth_method"`
}

type appSettings struct {
	OAuthClient appClientSettings `json:"oauthClient"`
}

type appClientSettings struct {
	URI        string   `json:"client_uri,omitempty"`
	LogoURI    string   `json:"logo_uri,omitempty"`
	Type       string   `json:"application_type"`
	GrantTypes []string `json:"grant_types"`
}

type appUserJSON struct {
	ID          string             `json:"id"`
	Created     string             `json:"created"`
	LastUpdated string             `json:"lastUpdated"`
	Scope       string             `json:"scope"`
	Status      string             `json:"status"`
	SyncState   string             `json:"syncState"`
	Credentials appUserCredentials `json:"credentials"`
	Profile     struct{}           `json:"profile"`
	Embedded    *appUserEmbedded   `json:"_embedded,omitempty"`
	Links       appUserLinks       `json:"_links"`
}

type appUserCredentials struct {
	UserName string `json:"userName"`
}

type appUserEmbedded struct {
	User userJSON `json:"user"`
}

type appUserLinks struct {
	App  link `json:"app"`
	User link `json:"user"`
}

type serverJSON struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Audiences   []string        `json:"audiences"`
	Issuer      string          `json:"issuer"`
	Status      string          `json:"status"`
	Created     string          `json:"created"`
	LastUpdated string          `json:"lastUpdated"`
	Links       map[string]link `json:"_links"`
}

func (o *Org) userJSON(user User, _ bool) userJSON {
	created := user.Created.Format(timeFormat)
	return userJSON{
		ID:          user.ID,
		Status:      user.Status,
		Created:     created,
		LastUpdated: created,
		Profile: profileJSON{
			FirstName: user.attribute("profile.firstName"),
			LastName:  nullable(user.attribute("profile.lastName")),
			Login:     user.Login,
			Email:     user.email(),
		},
		Links: userLinks{Self: link{Href: o.href("api", "v1", "users", user.ID)}},
	}
}

func (o *Org) appJSON(app Client, _ bool) appJSON {
	wire := appJSON{
		ID:          app.ID,
		Name:        appName,
		Label:       app.Name,
		Status:      app.Status,
		Created:     app.Created.Format(timeFormat),
		LastUpdated: app.LastUpdated.Format(timeFormat),
		SignOnMode:  "OPENID_CONNECT",
		Credentials: appCredentials{OAuthClient: appClientID{ID: app.ClientID, AuthMethod: "client_secret_basic"}},
		Settings: appSettings{OAuthClient: appClientSettings{
			URI:        app.URI,
			LogoURI:    app.LogoURI,
			Type:       "web",
			GrantTypes: []string{"authorization_code", "refresh_token"},
		}},
		Links: map[string]link{
			"self":  {Href: o.href("api", "v1", "apps", app.ID)},
			"users": {Href: o.href("api", "v1", "apps", app.ID, "users")},
		},
	}
	if app.Status == statusActive {
		wire.Links["deactivate"] = link{
			Href:  o.href("api", "v1", "apps", app.ID, "lifecycle", "deactivate"),
			Hints: allow(http.MethodPost),
		}
	}
	return wire
}

func (o *Org) appUserJSON(m membership, expand bool) appUserJSON {
	user := o.users.get(m.userID)
	wire := appUserJSON{
		ID:          user.ID,
		Created:     m.since.Format(timeFormat),
		LastUpdated: m.since.Format(timeFormat),
		Scope:       "USER",
		Status:      statusActive,
		SyncState:   "DISABLED",
		Credentials: appUserCredentials{UserName: user.Login},
		Links: appUserLinks{
			App:  link{Href: o.href("api", "v1", "apps", m.list.app)},
			User: link{Href: o.href("api", "v1", "users", user.ID)},
		},
	}
	if expand {
		wire.Embedded = &appUserEmbedded{User: o.userJSON(user, false)}
	}
	return wire
}

func (o *Org) appTokenJSON(token RefreshToken, expand bool) tokenJSON {
	app := o.client(token.ClientID)
	wire := o.tokenJSON(token, o.href("api", "v1", "apps", app.ID, "tokens", token.ID), expand)
	wire.ClientID = token.ClientID
	return wire
}

func (o *Org) serverJSON(server AuthorizationServer, _ bool) serverJSON {
	return serverJSON{
		ID:          server.ID,
		Name:        server.Name,
		Audiences:   []string{"api://" + server.ID},
		Issuer:      o.issuer(server.ID),
		Status:      statusActive,
		Created:     server.Created.Format(timeFormat),
		LastUpdated: server.LastUpdated.Format(timeFormat),
		Links: map[string]link{
			"scopes": {
				Href:  o.href("api", "v1", "authorizationServers", server.ID, "scopes"),
				Hints: allow(http.MethodGet, http.MethodPost),
			},
			"self": {
				Href:  o.href("api", "v1", "authorizationServers", server.ID),
				Hints: allow(http.MethodGet, http.MethodDelete, http.MethodPut),
			},
		},
	}
}

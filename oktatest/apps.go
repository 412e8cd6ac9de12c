package oktatest

import (
	"cmp"
	"net/http"
	"strings"
	"time"
)

// Client is an OAuth client, that is, an app. Routes below apps/{appId} know it by its ID, grants and tokens and the
// routes below clients/{clientId} by its ClientID.
type Client struct {
	ID          string    // Of the app; by default 0oa and a number.
	ClientID    string    // Of the OAuth client; by default the ID. Okta lets whoever creates an app choose another.
	Name        string    // By default made from the ID.
	URI         string    // Null in the API when empty.
	LogoURI     string    // Null in the API when empty.
	Status      string    // ACTIVE or INACTIVE, by default ACTIVE.
	Created     time.Time // By default now.
	LastUpdated time.Time // By default Created. A deactivation changes it.
}

// AddClient adds a client and returns it with its empty fields filled in. It panics when the ID or the ClientID is
// taken.
func (o *Org) AddClient(client Client) Client {
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()

	client.ID = o.clients.freeID(client.ID)
	client.ClientID = cmp.Or(client.ClientID, client.ID)
	if _, taken := o.appIDs[client.ClientID]; taken {
		mistake("the OAuth client ID %q is taken", client.ClientID)
	}
	client.Name = cmp.Or(client.Name, "App "+client.ID)
	client.Status = cmp.Or(client.Status, statusActive)
	client.Created = timestamp(client.Created, now)
	client.LastUpdated = timestamp(client.LastUpdated, client.Created)
	o.appIDs[client.ClientID] = client.ID
	o.clients.add(client.ID, client)
	return client
}

// Clients returns the clients in the order in which they were added.
func (o *Org) Clients() []Client {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.clients.all()
}

// client returns the client with a client ID, and the zero value when there is none.
func (o *Org) client(clientID string) Client { return o.clients.get(o.appIDs[clientID]) }

// requireClient panics unless an app has the client ID.
func (o *Org) requireClient(clientID string) {
	if _, known := o.appIDs[clientID]; !known {
		mistake("there is no client with the ID %q", clientID)
	}
}

// AssignUsers assigns users to an app, which is what GET /api/v1/apps/{appId}/users lists. A user who is assigned
// already stays so. It panics when the app or a user is unknown.
func (o *Org) AssignUsers(appID string, userIDs ...string) {
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()

	o.clients.require(appID)
	o.addMembers(listKey{app: appID}, userIDs, now)
}

// app returns the app that a call below apps/{appId} is about.
func (o *Org) app(c *call) (Client, *problem) {
	id := c.params["appId"]
	if !o.clients.has(id) {
		return Client{}, notFound("AppInstance", id)
	}
	return o.clients.get(id), nil
}

// listApps lists the active apps, and with a filter or includeNonDeleted the inactive ones too. Labels and names
// that begin with q match it.
func (o *Org) listApps(c *call) (any, *problem) {
	all, failure := c.flag("includeNonDeleted", false)
	if failure != nil {
		return nil, failure
	}
	filter, failure := c.expression("filter", appFilter)
	if failure != nil {
		return nil, failure
	}
	q := c.query.Get("q")
	keep := func(app Client) bool {
		if !strings.HasPrefix(app.Name, q) && !strings.HasPrefix(appName, q) {
			return false
		}
		if filter != nil {
			return filter(app.attribute)
		}
		return all || app.Status == statusActive
	}
	return list(c, listing[Client, appJSON]{of: o.clients, keep: keep, limits: negativeLimits, render: o.appJSON})
}

func (a Client) attribute(name string) string {
	switch name {
	case "id":
		return a.ID
	case "status":
		return a.Status
	default: // name
		return appName
	}
}

func (o *Org) getApp(c *call) (any, *problem) {
	if failure := c.refuse("expand"); failure != nil {
		return nil, failure
	}
	app, failure := o.app(c)
	if failure != nil {
		return nil, failure
	}
	return o.appJSON(app, false), nil
}

// deactivateApp ends the app's consents and tokens too.
func (o *Org) deactivateApp(c *call) (any, *problem) {
	app, failure := o.app(c)
	if failure != nil {
		return nil, failure
	}
	app.Status = statusInactive
	app.LastUpdated = timestamp(c.now, c.now)
	o.clients.replace(app.ID, app)
	o.removeGrants(c, listKey{client: app.ClientID})
	o.removeTokens(c, listKey{client: app.ClientID})
	return struct{}{}, nil
}

func (o *Org) listAppUsers(c *call) (any, *problem) {
	app, failure := o.app(c)
	if failure != nil {
		return nil, failure
	}
	if failure := c.refuse("q"); failure != nil {
		return nil, failure
	}
	return list(c, listing[membership, appUserJSON]{
		of:     o.memberships,
		key:    listKey{app: app.ID},
		limits: appUserLimits,
		expand: "user",
		render: o.appUserJSON,
	})
}

func (o *Org) listAppTokens(c *call) (any, *problem) {
	app, failure := o.app(c)
	if failure != nil {
		return nil, failure
	}
	return o.listTokens(c, listKey{client: app.ClientID}, defaultLimits, o.appTokenJSON)
}

func (o *Org) revokeAppTokens(c *call) (any, *problem) {
	app, failure := o.app(c)
	if failure != nil {
		return nil, failure
	}
	o.removeTokens(c, listKey{client: app.ClientID})
	return nil, nil
}

func (o *Org) getAppToken(c *call) (any, *problem) {
	app, failure := o.app(c)
	if failure != nil {
		return nil, failure
	}
	return o.getToken(c, listKey{client: app.ClientID}, o.appTokenJSON)
}

func (o *Org) revokeAppToken(c *call) (any, *problem) {
	app, failure := o.app(c)
	if failure != nil {
		return nil, failure
	}
	return o.revokeToken(c, listKey{client: app.ClientID})
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
	wire.Links.Tokens.Href = o.href("api", "v1", "authorizationServers", o.serverName(serverID),
		"clients", client.ClientID, "tokens")
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

func (o *Org) appLink(clientID string) link {
	app := o.client(clientID)
	return link{Href: o.href("api", "v1", "apps", app.ID), Title: app.Name}
}

func (o *Org) clientLink(clientID string) link {
	return link{Href: o.href("oauth2", "v1", "clients", clientID), Title: o.client(clientID).Name}
}

// appName is the name of every app that is an OAuth client.
const appName = "oidc_client"

type appJSON struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Label       string         `json:"label"`
	Status      string         `json:"status"`
	Created     string         `json:"created"`
	LastUpdated string         `json:"lastUpdated"`
	SignOnMode  string         `json:"signOnMode"`
	Credentials appCredentials `json:"credentials"`
	Features    []string       `json:"features"`
	Settings    appSettings    `json:"settings"`
	Links       appLinks       `json:"_links"`
}

// appLinks have no self, as recorded.
type appLinks struct {
	AppLinks   []link `json:"appLinks"`
	Groups     link   `json:"groups"`
	Users      link   `json:"users"`
	Activate   *link  `json:"activate,omitempty"`
	Deactivate *link  `json:"deactivate,omitempty"`
}

type appCredentials struct {
	OAuthClient appClientID `json:"oauthClient"`
}

type appClientID struct {
	AutoKeyRotation bool   `json:"autoKeyRotation"`
	ID              string `json:"client_id"`
	AuthMethod      string `json:"token_endpoint_auth_method"`
}

type appSettings struct {
	OAuthClient appClientSettings `json:"oauthClient"`
}

type appClientSettings struct {
	URI           string   `json:"client_uri,omitempty"` // Real orgs send null, which the OpenAPI document forbids.
	LogoURI       string   `json:"logo_uri,omitempty"`
	ResponseTypes []string `json:"response_types"`
	GrantTypes    []string `json:"grant_types"`
	Type          string   `json:"application_type"`
	IssuerMode    string   `json:"issuer_mode"`
}

type appUserJSON struct {
	ID              string             `json:"id"`
	ExternalID      *string            `json:"externalId"`
	Created         string             `json:"created"`
	LastUpdated     string             `json:"lastUpdated"`
	Scope           string             `json:"scope"`
	Status          string             `json:"status"`
	StatusChanged   string             `json:"statusChanged"`
	PasswordChanged *string            `json:"passwordChanged"`
	SyncState       string             `json:"syncState"`
	Credentials     appUserCredentials `json:"credentials"`
	Profile         struct{}           `json:"profile"`
	Embedded        *appUserEmbedded   `json:"_embedded,omitempty"`
	Links           appUserLinks       `json:"_links"`
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

func (o *Org) appJSON(app Client, _ bool) appJSON {
	wire := appJSON{
		ID:          app.ID,
		Name:        appName,
		Label:       app.Name,
		Status:      app.Status,
		Created:     app.Created.Format(timeFormat),
		LastUpdated: app.LastUpdated.Format(timeFormat),
		SignOnMode:  "OPENID_CONNECT",
		Credentials: appCredentials{OAuthClient: appClientID{
			AutoKeyRotation: true, ID: app.ClientID, AuthMethod: "client_secret_basic",
		}},
		Features: []string{},
		Settings: appSettings{OAuthClient: appClientSettings{
			URI:           app.URI,
			LogoURI:       app.LogoURI,
			ResponseTypes: []string{"code"},
			GrantTypes:    []string{"authorization_code", "refresh_token"},
			Type:          "web",
			IssuerMode:    "ORG_URL",
		}},
		Links: appLinks{
			AppLinks: []link{},
			Groups:   link{Href: o.href("api", "v1", "apps", app.ID, "groups")},
			Users:    link{Href: o.href("api", "v1", "apps", app.ID, "users")},
		},
	}
	if app.Status == statusActive {
		wire.Links.Deactivate = &link{Href: o.href("api", "v1", "apps", app.ID, "lifecycle", "deactivate")}
	} else {
		wire.Links.Activate = &link{Href: o.href("api", "v1", "apps", app.ID, "lifecycle", "activate")}
	}
	return wire
}

func (o *Org) appUserJSON(m membership, expand bool) appUserJSON {
	user := o.users.get(m.userID)
	since := m.since.Format(timeFormat)
	wire := appUserJSON{
		ID:            user.ID,
		Created:       since,
		LastUpdated:   since,
		Scope:         "USER",
		Status:        statusActive,
		StatusChanged: since,
		SyncState:     "DISABLED",
		Credentials:   appUserCredentials{UserName: user.Login},
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

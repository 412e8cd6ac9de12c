package oktatest

import (
	"cmp"
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

// listApps lists the active apps, and with a filter or includeNonDeleted the inactive ones too.
func (o *Org) listApps(c *call) (any, *problem) {
	if failure := c.refuse("q"); failure != nil {
		return nil, failure
	}
	all, failure := c.flag("includeNonDeleted", false)
	if failure != nil {
		return nil, failure
	}
	filter, failure := c.expression("filter", appFilter)
	if failure != nil {
		return nil, failure
	}
	keep := func(app Client) bool {
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
	o.grants.removeList(listKey{client: app.ClientID})
	o.tokens.removeList(listKey{client: app.ClientID})
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
	o.tokens.removeList(listKey{client: app.ClientID})
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

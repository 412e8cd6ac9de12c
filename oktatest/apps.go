package oktatest

import "cmp"

// Client is an OAuth client, that is, an app.
type Client struct {
	ID      string // By default 0oa and a number.
	Name    string // By default made from the ID.
	URI     string // Null in the API when empty.
	LogoURI string // Null in the API when empty.
	Status  string // ACTIVE or INACTIVE, by default ACTIVE.
}

// AddClient adds a client and returns it with its empty fields filled in. It panics when the ID is taken.
func (o *Org) AddClient(client Client) Client {
	o.mu.Lock()
	defer o.mu.Unlock()

	client.ID = o.clients.freeID(client.ID)
	client.Name = cmp.Or(client.Name, "App "+client.ID)
	client.Status = cmp.Or(client.Status, statusActive)
	o.clients.add(client.ID, client)
	return client
}

// Clients returns the clients in the order in which they were added.
func (o *Org) Clients() []Client {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.clients.all()
}

// AssignUsers assigns users to a client, which is what GET /api/v1/apps/{appId}/users lists. A user who is assigned
// already stays so. It panics when the client or a user is unknown.
func (o *Org) AssignUsers(clientID string, userIDs ...string) {
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()

	o.clients.require(clientID)
	o.addMembers(listKey{client: clientID}, userIDs, now)
}

// appID returns the ID of the app that a call below apps/{appId} is about.
func (o *Org) appID(c *call) (string, *problem) {
	id := c.params["appId"]
	if !o.clients.has(id) {
		return "", notFound("AppInstance", id)
	}
	return id, nil
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
	id, failure := o.appID(c)
	if failure != nil {
		return nil, failure
	}
	return o.appJSON(o.clients.get(id), false), nil
}

// deactivateApp ends the app's consents and tokens too.
func (o *Org) deactivateApp(c *call) (any, *problem) {
	id, failure := o.appID(c)
	if failure != nil {
		return nil, failure
	}
	app := o.clients.get(id)
	app.Status = statusInactive
	o.clients.replace(id, app)
	o.grants.removeList(listKey{client: id})
	o.tokens.removeList(listKey{client: id})
	return noContent{}, nil
}

func (o *Org) listAppUsers(c *call) (any, *problem) {
	id, failure := o.appID(c)
	if failure != nil {
		return nil, failure
	}
	if failure := c.refuse("q"); failure != nil {
		return nil, failure
	}
	return list(c, listing[membership, appUserJSON]{
		of:     o.memberships,
		key:    listKey{client: id},
		limits: appUserLimits,
		expand: "user",
		render: o.appUserJSON,
	})
}

func (o *Org) listAppTokens(c *call) (any, *problem) {
	id, failure := o.appID(c)
	if failure != nil {
		return nil, failure
	}
	return o.listTokens(c, listKey{client: id}, defaultLimits, o.appTokenJSON)
}

func (o *Org) revokeAppTokens(c *call) (any, *problem) {
	id, failure := o.appID(c)
	if failure != nil {
		return nil, failure
	}
	o.tokens.removeList(listKey{client: id})
	return nil, nil
}

func (o *Org) getAppToken(c *call) (any, *problem) {
	id, failure := o.appID(c)
	if failure != nil {
		return nil, failure
	}
	return o.getToken(c, listKey{client: id}, o.appTokenJSON)
}

func (o *Org) revokeAppToken(c *call) (any, *problem) {
	id, failure := o.appID(c)
	if failure != nil {
		return nil, failure
	}
	return o.revokeToken(c, listKey{client: id})
}

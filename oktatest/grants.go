package oktatest

import (
	"cmp"
	"time"
)

// Grant is a user's consent to one scope of one client.
type Grant struct {
	ID          string    // By default oag and a number.
	UserID      string    // A known user's ID; has no default.
	ClientID    string    // A known client's ID; has no default.
	ScopeID     string    // By default openid.
	Issuer      string    // By default the org's public URL.
	Status      string    // By default ACTIVE.
	Source      string    // By default END_USER.
	CreatedBy   string    // The ID of a user, by default UserID.
	Created     time.Time // By default now.
	LastUpdated time.Time // By default Created.
}

func grantLists(g Grant) []listKey {
	return []listKey{{user: g.UserID}, {client: g.ClientID}, {user: g.UserID, client: g.ClientID}}
}

// AddGrant adds a grant and returns it with its empty fields filled in. It panics when the ID is taken, or when the
// user or the client is unknown.
func (o *Org) AddGrant(grant Grant) Grant {
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()

	o.users.require(grant.UserID)
	o.clients.require(grant.ClientID)
	grant.ID = o.grants.freeID(grant.ID)
	grant.ScopeID = cmp.Or(grant.ScopeID, "openid")
	grant.Issuer = cmp.Or(grant.Issuer, o.publicURL)
	grant.Status = cmp.Or(grant.Status, statusActive)
	grant.Source = cmp.Or(grant.Source, "END_USER")
	grant.CreatedBy = cmp.Or(grant.CreatedBy, grant.UserID)
	grant.Created = timestamp(grant.Created, now)
	grant.LastUpdated = timestamp(grant.LastUpdated, grant.Created)
	o.grants.add(grant.ID, grant)
	return grant
}

// Grants returns the grants that the org has now, in the order in which they were added.
func (o *Org) Grants() []Grant {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.grants.all()
}

func (o *Org) clientID(c *call) (string, *problem) {
	id := c.params["clientId"]
	if !o.clients.has(id) {
		return "", notFound("OAuth2Client", id)
	}
	return id, nil
}

func (o *Org) userAndClient(c *call) (listKey, *problem) {
	userID, failure := o.userID(c)
	if failure != nil {
		return listKey{}, failure
	}
	clientID, failure := o.clientID(c)
	return listKey{user: userID, client: clientID}, failure
}

func (o *Org) listUserClients(c *call) (any, *problem) {
	userID, failure := o.userID(c)
	if failure != nil {
		return nil, failure
	}
	c.link("self", c.query)
	clients := []clientJSON{}
	for _, client := range o.clients.all() {
		key := listKey{user: userID, client: client.ID}
		if o.grants.any(key) || o.tokens.any(key) {
			clients = append(clients, o.userClientJSON(userID, client))
		}
	}
	return clients, nil
}

func (o *Org) listUserGrants(c *call) (any, *problem) {
	userID, failure := o.userID(c)
	if failure != nil {
		return nil, failure
	}
	scope := c.query.Get("scopeId")
	keep := func(g Grant) bool { return scope == "" || g.ScopeID == scope }
	return o.listGrants(c, listKey{user: userID}, keep)
}

func (o *Org) listUserClientGrants(c *call) (any, *problem) {
	key, failure := o.userAndClient(c)
	if failure != nil {
		return nil, failure
	}
	return o.listGrants(c, key, nil)
}

func (o *Org) listGrants(c *call, key listKey, keep func(Grant) bool) (any, *problem) {
	return list(c, listing[Grant, grantJSON]{
		of: o.grants, key: key, keep: keep, limits: defaultLimits, expand: "scope", render: o.grantJSON,
	})
}

func (o *Org) revokeUserGrants(c *call) (any, *problem) {
	userID, failure := o.userID(c)
	if failure != nil {
		return nil, failure
	}
	o.grants.removeList(listKey{user: userID})
	return nil, nil
}

func (o *Org) revokeUserClientGrants(c *call) (any, *problem) {
	key, failure := o.userAndClient(c)
	if failure != nil {
		return nil, failure
	}
	o.grants.removeList(key)
	return nil, nil
}

func (o *Org) getUserGrant(c *call) (any, *problem) {
	grant, failure := o.grant(c)
	if failure != nil {
		return nil, failure
	}
	expand, failure := c.expand("scope")
	if failure != nil {
		return nil, failure
	}
	return o.grantJSON(grant, expand), nil
}

func (o *Org) revokeUserGrant(c *call) (any, *problem) {
	grant, failure := o.grant(c)
	if failure != nil {
		return nil, failure
	}
	o.grants.remove(grant.ID)
	return nil, nil
}

// grant returns the grant that a call names, if it is the user's.
func (o *Org) grant(c *call) (Grant, *problem) {
	userID, failure := o.userID(c)
	if failure != nil {
		return Grant{}, failure
	}
	id := c.params["grantId"]
	grant := o.grants.get(id)
	if grant.UserID != userID {
		return Grant{}, notFound("OAuth2ScopeConsentGrant", id)
	}
	return grant, nil
}

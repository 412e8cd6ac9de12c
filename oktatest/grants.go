package oktatest

import (
	"cmp"
	"strings"
	"time"
)

// Grant is a user's consent to one scope of one client. The org's own authorization server calls its scopes by their
// names, such as openid or okta.users.read, and a custom one by opaque IDs: see [Org.AddScope].
type Grant struct {
	ID          string    // By default oag and a number.
	UserID      string    // A known user's ID; has no default.
	ClientID    string    // A known client's ClientID; has no default.
	ScopeID     string    // By default openid. For a custom authorization server, the ID of one of its scopes.
	Issuer      string    // By default that of the scope's authorization server, or else the org's public URL.
	Status      string    // By default ACTIVE.
	Source      string    // By default END_USER.
	CreatedBy   string    // The ID of a user, by default UserID.
	Created     time.Time // By default now.
	LastUpdated time.Time // By default Created.
}

func grantLists(g Grant) []listKey {
	return []listKey{{user: g.UserID}, {client: g.ClientID}, {user: g.UserID, client: g.ClientID}}
}

// AddGrant adds a grant and returns it with its empty fields filled in. It panics when the ID is taken, when the user
// or the client is unknown, or when the issuer is a custom authorization server that does not have the scope.
func (o *Org) AddGrant(grant Grant) Grant {
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()

	o.users.require(grant.UserID)
	o.requireClient(grant.ClientID)
	grant.ID = o.grants.freeID(grant.ID)
	grant.ScopeID = cmp.Or(grant.ScopeID, "openid")
	grant.Issuer = cmp.Or(grant.Issuer, o.issuerOf(grant.ScopeID))
	if server, custom := o.customServer(grant.Issuer); custom && o.scopes.get(grant.ScopeID).AuthorizationServerID != server {
		mistake("the authorization server %q has no scope with the ID %q", server, grant.ScopeID)
	}
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

// issuerOf returns the issuer of grants to a scope.
func (o *Org) issuerOf(scopeID string) string {
	if o.scopes.has(scopeID) {
		return o.issuer(o.scopes.get(scopeID).AuthorizationServerID)
	}
	return o.publicURL
}

// customServer returns the ID of the custom authorization server that an issuer is.
func (o *Org) customServer(issuer string) (string, bool) {
	id, ok := strings.CutPrefix(issuer, o.issuer(""))
	return id, ok && o.servers.has(id)
}

func (o *Org) clientID(c *call) (string, *problem) {
	id := c.params["clientId"]
	if _, known := o.appIDs[id]; !known && !o.anyClient {
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
		key := listKey{user: userID, client: client.ClientID}
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

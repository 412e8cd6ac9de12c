package oktatest

import (
	"cmp"
	"time"
)

// DefaultAuthorizationServerID is the ID of the authorization server that every new org has.
const DefaultAuthorizationServerID = "default"

// AuthorizationServer is a custom authorization server, which issues refresh tokens and has scopes of its own:
// [Org.AddScope] adds them.
type AuthorizationServer struct {
	ID          string    // By default aus and a number.
	Name        string    // By default the ID.
	Created     time.Time // By default now.
	LastUpdated time.Time // By default Created.
}

// AddAuthorizationServer adds an authorization server and returns it with its empty fields filled in. It panics when
// the ID is taken.
func (o *Org) AddAuthorizationServer(server AuthorizationServer) AuthorizationServer {
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()

	server.ID = o.servers.freeID(server.ID)
	server.Name = cmp.Or(server.Name, server.ID)
	server.Created = timestamp(server.Created, now)
	server.LastUpdated = timestamp(server.LastUpdated, server.Created)
	o.servers.add(server.ID, server)
	return server
}

func (o *Org) serverID(c *call) (string, *problem) {
	id := c.params["authServerId"]
	if !o.servers.has(id) {
		return "", notFound("AuthorizationServer", id)
	}
	return id, nil
}

func (o *Org) serverAndClient(c *call) (listKey, *problem) {
	serverID, failure := o.serverID(c)
	if failure != nil {
		return listKey{}, failure
	}
	clientID, failure := o.clientID(c)
	return listKey{server: serverID, client: clientID}, failure
}

func (o *Org) getServer(c *call) (any, *problem) {
	id, failure := o.serverID(c)
	if failure != nil {
		return nil, failure
	}
	return o.serverJSON(o.servers.get(id), false), nil
}

func (o *Org) listServers(c *call) (any, *problem) {
	if failure := c.refuse("q"); failure != nil {
		return nil, failure
	}
	return list(c, listing[AuthorizationServer, serverJSON]{
		of:     o.servers,
		limits: authServersLimits,
		render: o.serverJSON,
	})
}

func (o *Org) listServerClients(c *call) (any, *problem) {
	serverID, failure := o.serverID(c)
	if failure != nil {
		return nil, failure
	}
	c.link("self", c.query)
	clients := []clientJSON{}
	for _, client := range o.clients.all() {
		if o.tokens.any(listKey{server: serverID, client: client.ClientID}) {
			clients = append(clients, o.serverClientJSON(serverID, client))
		}
	}
	return clients, nil
}

func (o *Org) listServerTokens(c *call) (any, *problem) {
	key, failure := o.serverAndClient(c)
	if failure != nil {
		return nil, failure
	}
	return o.listTokens(c, key, negativeLimits, o.serverTokenJSON)
}

func (o *Org) revokeServerTokens(c *call) (any, *problem) {
	key, failure := o.serverAndClient(c)
	if failure != nil {
		return nil, failure
	}
	o.tokens.removeList(key)
	return nil, nil
}

func (o *Org) getServerToken(c *call) (any, *problem) {
	key, failure := o.serverAndClient(c)
	if failure != nil {
		return nil, failure
	}
	return o.getToken(c, key, o.serverTokenJSON)
}

func (o *Org) revokeServerToken(c *call) (any, *problem) {
	key, failure := o.serverAndClient(c)
	if failure != nil {
		return nil, failure
	}
	return o.revokeToken(c, key)
}

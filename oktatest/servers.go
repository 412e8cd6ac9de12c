package oktatest

import (
	"cmp"
	"net/http"
	"time"
)

// DefaultAuthorizationServerID is the ID of the authorization server that every new org has, or its other name where
// [Options] give it another ID.
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

// serverNamed returns the ID of an authorization server by ID or as "default", which is also the one without a name.
func (o *Org) serverNamed(name string) string {
	if name == "" || name == DefaultAuthorizationServerID {
		return o.defaultID
	}
	return name
}

// serverName returns what issuers and links call an authorization server.
func (o *Org) serverName(id string) string {
	if id == o.defaultID {
		return DefaultAuthorizationServerID
	}
	return id
}

func (o *Org) serverID(c *call) (string, *problem) {
	name := c.params["authServerId"]
	id := o.serverNamed(name)
	if !o.servers.has(id) {
		return "", notFound("AuthorizationServer", name)
	}
	return id, nil
}

func (o *Org) serverAndClient(c *call) (listKey, *problem) {
	serverID, failure := o.serverID(c)
	if failure != nil {
		return listKey{}, failure
	}
	clientID, failure := o.clientID(c, "PublicClientApp")
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
	o.removeTokens(c, key)
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

func (o *Org) issuer(serverID string) string {
	return o.publicURL + "/oauth2/" + o.serverName(serverID)
}

func (o *Org) serverLink(serverID string) link {
	return link{
		Href:  o.href("api", "v1", "authorizationServers", o.serverName(serverID)),
		Title: o.servers.get(serverID).Name,
	}
}

type serverJSON struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Audiences   []string        `json:"audiences"`
	Issuer      string          `json:"issuer"`
	IssuerMode  string          `json:"issuerMode"`
	Status      string          `json:"status"`
	Created     string          `json:"created"`
	LastUpdated string          `json:"lastUpdated"`
	Links       map[string]link `json:"_links"`
}

func (o *Org) serverJSON(server AuthorizationServer, _ bool) serverJSON {
	name := o.serverName(server.ID)
	return serverJSON{
		ID:          server.ID,
		Name:        server.Name,
		Description: "The authorization server " + server.Name,
		Audiences:   []string{"api://" + server.ID},
		Issuer:      o.issuer(server.ID),
		IssuerMode:  "ORG_URL",
		Status:      statusActive,
		Created:     server.Created.Format(timeFormat),
		LastUpdated: server.LastUpdated.Format(timeFormat),
		Links: map[string]link{
			"scopes": {
				Href:  o.href("api", "v1", "authorizationServers", name, "scopes"),
				Hints: allow(http.MethodGet, http.MethodPost),
			},
			"self": {
				Href:  o.href("api", "v1", "authorizationServers", name),
				Hints: allow(http.MethodGet, http.MethodDelete, http.MethodPut),
			},
			"deactivate": {
				Href:  o.href("api", "v1", "authorizationServers", name, "lifecycle", "deactivate"),
				Hints: allow(http.MethodPost),
			},
		},
	}
}

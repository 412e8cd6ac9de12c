package oktatest

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"net/http"
)

// Scope is a scope of a custom authorization server. Its consents name it by its ID alone, as Okta's do: the readable
// names stand in the list of the server's scopes, and its title in the links of a grant.
type Scope struct {
	ID                    string // By default scp and a number.
	AuthorizationServerID string // By default the authorization server "default".
	Name                  string // The technical name, as an app requests it; by default the ID.
	DisplayName           string // What a consent dialog shows. It may be empty.
	Description           string // Null in the API when empty.
	Consent               string // REQUIRED, IMPLICIT or FLEXIBLE; by default REQUIRED.
	System                bool   // Whether Okta created the scope.
}

func scopeLists(s Scope) []listKey { return []listKey{{server: s.AuthorizationServerID}} }

// AddScope adds a scope to an authorization server and returns it with its empty fields filled in. A server begins
// without scopes. AddScope panics when the ID is taken, when the server is unknown, or when it has a scope of that name.
func (o *Org) AddScope(scope Scope) Scope {
	o.mu.Lock()
	defer o.mu.Unlock()

	scope.AuthorizationServerID = cmp.Or(scope.AuthorizationServerID, DefaultAuthorizationServerID)
	o.servers.require(scope.AuthorizationServerID)
	scope.ID = o.scopes.freeID(scope.ID)
	scope.Name = cmp.Or(scope.Name, scope.ID)
	scope.Consent = cmp.Or(scope.Consent, "REQUIRED")
	if _, taken := o.scopeNamed(scope.AuthorizationServerID, scope.Name); taken {
		mistake("the authorization server %q has a scope %q", scope.AuthorizationServerID, scope.Name)
	}
	o.scopes.add(scope.ID, scope)
	return scope
}

// scopeNamed returns the scope of an authorization server with a technical name.
func (o *Org) scopeNamed(serverID, name string) (Scope, bool) {
	for item := range o.scopes.after(listKey{server: serverID}, 0) {
		if item.value.Name == name {
			return item.value, true
		}
	}
	return Scope{}, false
}

// scopeCalled is scopeNamed for a name that need not be known: a refresh token names scopes that nobody added.
func (o *Org) scopeCalled(serverID, name string) Scope {
	if scope, known := o.scopeNamed(serverID, name); known {
		return scope
	}
	return unknownScope(serverID, name)
}

// grantedScope returns the scope of a grant. Those of the org's own server have no ID other than their name.
func (o *Org) grantedScope(grant Grant) Scope {
	if o.scopes.has(grant.ScopeID) {
		return o.scopes.get(grant.ScopeID)
	}
	return unknownScope(o.serverOf(grant), grant.ScopeID)
}

// unknownScope is what links and embedded scopes show of a name that no scope was added for, the same each time.
func unknownScope(serverID, name string) Scope {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name))
	return Scope{
		ID:                    fmt.Sprintf("scp%017x", hash.Sum64()),
		AuthorizationServerID: serverID,
		Name:                  name,
		DisplayName:           name,
		Description:           "The scope " + name,
	}
}

func (o *Org) listScopes(c *call) (any, *problem) {
	if failure := c.refuse("q", "filter"); failure != nil {
		return nil, failure
	}
	serverID, failure := o.serverID(c)
	if failure != nil {
		return nil, failure
	}
	return list(c, listing[Scope, scopeJSON]{
		of:     o.scopes,
		key:    listKey{server: serverID},
		limits: authServersLimits,
		render: o.scopeJSON,
	})
}

type scopeJSON struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	DisplayName string          `json:"displayName,omitempty"`
	Description *string         `json:"description"`
	System      bool            `json:"system"`
	Metadata    string          `json:"metadataPublish"`
	Consent     string          `json:"consent"`
	Default     bool            `json:"default"`
	Optional    bool            `json:"optional"`
	Links       map[string]link `json:"_links"`
}

func (o *Org) scopeJSON(scope Scope, _ bool) scopeJSON {
	metadata := "NO_CLIENTS"
	if scope.System {
		metadata = "ALL_CLIENTS"
	}
	return scopeJSON{
		ID:          scope.ID,
		Name:        scope.Name,
		DisplayName: scope.DisplayName,
		Description: nullable(scope.Description),
		System:      scope.System,
		Metadata:    metadata,
		Consent:     scope.Consent,
		Links: map[string]link{
			"self": {Href: o.scopeHref(scope), Hints: allow(http.MethodGet, http.MethodPut, http.MethodDelete)},
		},
	}
}

// scopeLink has the display name as its title, or the technical name where there is none.
func (o *Org) scopeLink(scope Scope) link {
	return link{Href: o.scopeHref(scope), Title: cmp.Or(scope.DisplayName, scope.Name)}
}

func (o *Org) scopeHref(scope Scope) string {
	return o.href("api", "v1", "authorizationServers", scope.AuthorizationServerID, "scopes", scope.ID)
}

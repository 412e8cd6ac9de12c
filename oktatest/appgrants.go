package oktatest

import (
	"cmp"
	"net/http"
	"time"
)

// AppGrant is an API scope, such as okta.users.read, that an administrator granted to an app itself. It is no consent
// of a user.
type AppGrant struct {
	ID        string    // By default oag and a number.
	AppID     string    // A known app's ID; has no default.
	ScopeID   string    // By default okta.users.read.
	CreatedBy string    // The ID of a user; has no default.
	Created   time.Time // By default now.
}

// AddAppGrant grants an API scope to an app and returns the grant with its empty fields filled in. It panics when the ID
// is taken or the app is unknown.
func (o *Org) AddAppGrant(grant AppGrant) AppGrant {
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()

	o.clients.require(grant.AppID)
	grant.ID = o.appGrants.freeID(grant.ID)
	grant.ScopeID = cmp.Or(grant.ScopeID, "okta.users.read")
	grant.Created = timestamp(grant.Created, now)
	o.appGrants.add(grant.ID, grant)
	return grant
}

func appGrantLists(g AppGrant) []listKey { return []listKey{{app: g.AppID}} }

// listAppGrants has one page, as no parameter of Okta's reads another one.
func (o *Org) listAppGrants(c *call) (any, *problem) {
	app, failure := o.app(c)
	if failure != nil {
		return nil, failure
	}
	expand, failure := c.expand("scope")
	if failure != nil {
		return nil, failure
	}
	grants := []appGrantJSON{}
	for item := range o.appGrants.after(listKey{app: app.ID}, 0) {
		grants = append(grants, o.appGrantJSON(item.value, expand))
	}
	return grants, nil
}

// appGrantJSON has the members of the recorded grants.
type appGrantJSON struct {
	ID          string         `json:"id"`
	Status      string         `json:"status"`
	Created     string         `json:"created"`
	CreatedBy   actorJSON      `json:"createdBy"`
	LastUpdated string         `json:"lastUpdated"`
	Issuer      string         `json:"issuer"`
	ClientID    string         `json:"clientId"`
	ScopeID     string         `json:"scopeId"`
	Source      string         `json:"source"`
	Embedded    *grantEmbedded `json:"_embedded,omitempty"`
	Links       appGrantLinks  `json:"_links"`
}

type appGrantLinks struct {
	App    link `json:"app"`
	Self   link `json:"self"`
	Client link `json:"client"`
}

func (o *Org) appGrantJSON(grant AppGrant, expand bool) appGrantJSON {
	app := o.clients.get(grant.AppID)
	created := grant.Created.Format(timeFormat)
	wire := appGrantJSON{
		ID:          grant.ID,
		Status:      statusActive,
		Created:     created,
		CreatedBy:   actorJSON{ID: grant.CreatedBy, Type: "User"},
		LastUpdated: created,
		Issuer:      o.publicURL,
		ClientID:    app.ClientID,
		ScopeID:     grant.ScopeID,
		Source:      "ADMIN",
		Links: appGrantLinks{
			App: link{Href: o.href("api", "v1", "apps", app.ID), Title: app.Name},
			Self: link{
				Href:  o.href("api", "v1", "apps", app.ID, "grants", grant.ID),
				Hints: allow(http.MethodGet, http.MethodDelete),
			},
			Client: link{Href: o.href("oauth2", "v1", "clients", app.ClientID), Title: app.Name},
		},
	}
	if expand {
		wire.Embedded = &grantEmbedded{Scope: grantScope{ID: grant.ScopeID}}
	}
	return wire
}

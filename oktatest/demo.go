package oktatest

import (
	"fmt"
	"time"
)

// The names of what an org of [NewDemo] has.
const (
	// DemoToken is the API token that the org accepts.
	DemoToken = "00demo-api-token" //nolint:gosec // valid for the demo org only

	// DemoUserID is the ID of Ann, who has 45 grants and five refresh tokens. Her login is DemoLogin.
	DemoUserID = "00uann"

	// DemoLogin is Ann's login.
	DemoLogin = "ann@example.com"

	// DemoClientID is the ID of the client "Calendar", for which Ann has 15 grants and three refresh tokens.
	DemoClientID = "0oacalendar"

	// DemoAuthorizationServerID is the ID of the authorization server that issued four of Ann's refresh tokens.
	DemoAuthorizationServerID = DefaultAuthorizationServerID

	// DemoGrantID is the ID of the first of Ann's grants: the scope openid for "Calendar".
	DemoGrantID = "oagann01"

	// DemoRefreshTokenID is the ID of the first of Ann's refresh tokens, issued by "default" to "Calendar".
	DemoRefreshTokenID = "oarann1"

	// DemoPartnerAppID is the ID of the app "Partner Portal", whose client ID is DemoPartnerClientID. Cid has two
	// grants and a refresh token for it, all from the authorization server "Partners".
	DemoPartnerAppID = "0oapartner"

	// DemoPartnerClientID is the client ID of "Partner Portal".
	DemoPartnerClientID = "partner-portal"

	// DemoPartnerServerID is the ID of the authorization server "Partners".
	DemoPartnerServerID = "auspartners"

	// DemoScopeID is the ID of the scope invoices.read of "Partners". Consents call it "Supplier invoices".
	DemoScopeID = "scp7qk3fWm1XtB8Ru5d7"

	// DemoGroupID is the ID of the group of all users.
	DemoGroupID = "00geveryone"
)

// NewDemo starts an org that accepts [DemoToken] and has four users:
//
//   - Ann, 00uann, with 45 grants, three pages at the default limit of 20: 15 for each of the clients 0oacalendar,
//     0oanotes and 0oareports. Every fifth grant comes from an admin. Her five refresh tokens belong to 0oacalendar
//     and 0oanotes; four were issued by the authorization server "default", one by auspartners.
//   - Bob, 00ubob, with three grants and two refresh tokens.
//   - Cid, 00ucid, the admin, with one grant for 0oareports. He also has two grants and a refresh token for the app
//     0oapartner, whose client ID is partner-portal: they are from auspartners, so their scopes are opaque IDs.
//   - Dee, 00udee, who has neither.
//
// Their logins are ann@example.com and so on. All of them are active and in the group 00geveryone, and assigned to the
// clients for which they have grants. IDs and times are the same in every such org.
func NewDemo() *Org {
	org := New(Options{})
	org.AcceptAPIToken(DemoToken)
	org.addDemoServer()
	org.AddUser(User{ID: DemoUserID, Login: DemoLogin, Name: "Ann Archer", Created: demoTime(0)})
	org.AddUser(User{ID: "00ubob", Login: "bob@example.com", Name: "Bob Baker", Created: demoTime(0)})
	org.AddUser(User{ID: "00ucid", Login: "cid@example.com", Name: "Cid Cooper", Created: demoTime(0)})
	org.AddUser(User{ID: "00udee", Login: "dee@example.com", Name: "Dee Draper", Created: demoTime(0)})
	org.AddGroup(Group{ID: DemoGroupID, UserIDs: []string{DemoUserID, "00ubob", "00ucid", "00udee"}})
	org.AddClient(Client{
		ID:      DemoClientID,
		Name:    "Calendar",
		URI:     "https://calendar.example.com",
		LogoURI: "https://calendar.example.com/logo.png",
		Created: demoTime(0),
	})
	org.AddClient(Client{ID: "0oanotes", Name: "Notes", Created: demoTime(0)})
	org.AddClient(Client{ID: "0oareports", Name: "Reports", URI: "https://reports.example.com", Created: demoTime(0)})
	org.AddClient(Client{
		ID: DemoPartnerAppID, ClientID: DemoPartnerClientID, Name: "Partner Portal", Created: demoTime(0),
	})
	org.AssignUsers(DemoClientID, DemoUserID, "00ubob")
	org.AssignUsers("0oanotes", DemoUserID, "00ubob")
	org.AssignUsers("0oareports", DemoUserID, "00ucid")
	org.AssignUsers(DemoPartnerAppID, "00ucid")
	org.addDemoGrants()
	org.addDemoRefreshTokens()
	return org
}

func (o *Org) addDemoServer() {
	o.AddAuthorizationServer(AuthorizationServer{ID: DemoPartnerServerID, Name: "Partners", Created: demoTime(0)})
	for _, scope := range []Scope{
		{ID: "scp2hn9vKc4LpE6Yz1d7", Name: "openid", System: true, Consent: "IMPLICIT"},
		{ID: "scp4ug8sDx0JmQ2Vb9d7", Name: "offline_access", System: true, Consent: "IMPLICIT"},
		{ID: DemoScopeID, Name: "invoices.read", DisplayName: "Supplier invoices"},
		{ID: "scp1ta6rGy5ZnH3Wk8d7", Name: "phone", System: true},
	} {
		scope.AuthorizationServerID = DemoPartnerServerID
		o.AddScope(scope)
	}
}

func (o *Org) addDemoGrants() {
	scopes := []string{
		"openid", "profile", "email", "phone", "address", "groups", "offline_access", "calendar.read",
		"calendar.write", "contacts.read", "contacts.write", "notes.read", "notes.write", "reports.read",
		"reports.write",
	}
	number := 0
	for _, client := range []string{DemoClientID, "0oanotes", "0oareports"} {
		for _, scope := range scopes {
			number++
			grant := Grant{ID: fmt.Sprintf("oagann%02d", number), UserID: DemoUserID, ClientID: client, ScopeID: scope}
			if number%5 == 0 {
				grant.Source, grant.CreatedBy = "ADMIN", "00ucid"
			}
			o.addDemoGrant(grant, number)
		}
	}
	o.addDemoGrant(Grant{ID: "oagbob1", UserID: "00ubob", ClientID: DemoClientID, ScopeID: "openid"}, 46)
	o.addDemoGrant(Grant{ID: "oagbob2", UserID: "00ubob", ClientID: DemoClientID, ScopeID: "calendar.read"}, 47)
	o.addDemoGrant(Grant{ID: "oagbob3", UserID: "00ubob", ClientID: "0oanotes", ScopeID: "openid"}, 48)
	o.addDemoGrant(Grant{ID: "oagcid1", UserID: "00ucid", ClientID: "0oareports", ScopeID: "reports.read"}, 49)
	portal := Grant{ID: "oagcid2", UserID: "00ucid", ClientID: DemoPartnerClientID, ScopeID: DemoScopeID}
	o.addDemoGrant(portal, 50)
	portal.ID, portal.ScopeID = "oagcid3", "scp1ta6rGy5ZnH3Wk8d7"
	o.addDemoGrant(portal, 50)
}

func (o *Org) addDemoGrant(grant Grant, hour int) {
	grant.Created = demoTime(hour)
	o.AddGrant(grant)
}

func (o *Org) addDemoRefreshTokens() {
	offline := []string{"openid", "offline_access"}
	calendar := []string{"openid", "calendar.read", "offline_access"}
	for hour, token := range []RefreshToken{
		{ID: DemoRefreshTokenID, UserID: DemoUserID, ClientID: DemoClientID, Scopes: calendar},
		{ID: "oarann2", UserID: DemoUserID, ClientID: DemoClientID, Scopes: calendar},
		{
			ID: "oarann3", UserID: DemoUserID, ClientID: DemoClientID, Scopes: offline,
			AuthorizationServerID: DemoPartnerServerID,
		},
		{ID: "oarann4", UserID: DemoUserID, ClientID: "0oanotes", Scopes: offline},
		{ID: "oarann5", UserID: DemoUserID, ClientID: "0oanotes", Scopes: offline},
		{ID: "oarbob1", UserID: "00ubob", ClientID: DemoClientID, Scopes: calendar},
		{ID: "oarbob2", UserID: "00ubob", ClientID: "0oanotes", Scopes: offline, AuthorizationServerID: DemoPartnerServerID},
		{
			ID: "oarcid1", UserID: "00ucid", ClientID: DemoPartnerClientID,
			Scopes: []string{"invoices.read", "offline_access"}, AuthorizationServerID: DemoPartnerServerID,
		},
	} {
		token.Created = demoTime(hour)
		token.LastUpdated = demoTime(hour + 24)
		o.AddRefreshToken(token)
	}
}

func demoTime(hour int) time.Time {
	return time.Date(2026, time.January, 5, 9+hour, 0, 0, 0, time.UTC)
}

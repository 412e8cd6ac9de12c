package demo

import (
	"cmp"
	"time"

	"github.com/grantkit/okta/oktatest"
)

// IDs and logins that every org has, for examples.
const (
	UserID   = "00u00000000000000001"
	Login    = "ada.archer@acme.example"
	ClientID = "0oafreepdf"
	GrantID  = "oagada1"
	TokenID  = "oarada1"
	ServerID = "auspartners"
	GroupID  = "00gfinance"
)

// Logins are those of the first users.
func Logins(n int) []string {
	logins := make([]string, n)
	for i := range logins {
		logins[i] = loginOf(i)
	}
	return logins
}

var firstNames = []string{
	"Ada", "Ben", "Chloe", "Dario", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Liam", "Mina", "Noor",
	"Olga", "Pavel", "Qing", "Rosa", "Sven", "Tara", "Umar", "Vera", "Wim", "Xenia", "Yusuf", "Zoe",
}

var lastNames = []string{
	"Archer", "Baker", "Castillo", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad", "Ivanova", "Jansen", "Kowalski",
	"Lindqvist", "Moreau", "Nakamura", "Okafor", "Petrov", "Quint", "Rossi", "Schmidt", "Tanaka", "Ueda", "Vargas",
	"Weber", "Xu", "Yilmaz",
}

// app is an app of the org.
type app struct {
	id, name string
	client   string // its client ID, if that is not its ID
	status   string
	server   string // the authorization server of its scopes and refresh tokens, by default the custom one "default"
	scopes   []string
	share    float64       // of the users who have consented
	age      time.Duration // of its oldest consents
	optional int           // how many of the scopes behind the first one not everybody has granted
}

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// apps are those of the org. Some names are hostile: anyone who may register an app chooses one.
var apps = []app{
	{
		id: "0oacalendar", name: "Calendar Bridge", share: 0.62, age: 3 * year, optional: 2,
		scopes: []string{"openid", "profile", "calendar.read", "calendar.write", "offline_access"},
	},
	{
		id: "0oamailroom", name: "Mailroom", share: 0.38, age: 2 * year, optional: 2,
		scopes: []string{"openid", "email", "mail.read", "mail.send", "offline_access"},
	},
	{
		id: "0oaslides", name: "Slide Studio", share: 0.33, age: year, optional: 1,
		scopes: []string{"openid", "profile", "files.read"},
	},
	{
		id: "0oanotes", name: "Meeting Notes AI", share: 0.29, age: 200 * day, optional: 1,
		scopes: []string{"openid", "calendar.read", "mail.read", "files.read", "offline_access"},
	},
	{
		id: "0oaexpenses", name: "Expense Snap", share: 0.26, age: 4 * year,
		scopes: []string{"openid", "email", "receipts.write"},
	},
	{
		id: "0oacrm", name: "CRM Connector", share: 0.18, age: 2 * year, server: ServerID, optional: 1,
		scopes: []string{"openid", "contacts.read", "contacts.write", "offline_access"},
	},
	{
		id: ClientID, name: "Free PDF Tools", share: 0.14, age: 90 * day,
		scopes: []string{"openid", "files.read", "files.write", "mail.send", "offline_access"},
	},
	{
		id: "0oabuilds", client: "build-robot", name: "Build Robot", share: 0.11, age: 3 * year, server: ServerID, optional: 1,
		scopes: []string{"openid", "repo.read", "repo.write", "offline_access"},
	},
	{
		id: "0oaintranet", name: "Old Intranet", status: "INACTIVE", share: 0,
		scopes: []string{"openid"},
	},
	{
		id: "0oapeople", name: "People Analytics", server: ownServer, share: 0.02, age: year,
		scopes: []string{"okta.users.read", "okta.groups.read", "okta.logs.read"},
	},
	{
		id: "0oaadmin", name: "Admin Helper", server: ownServer, share: 0.006, age: 2 * year,
		scopes: []string{"okta.users.manage", "okta.apps.manage", "offline_access"},
	},
	{
		id: "0oascript", name: `<script>alert("consent")</script>`, share: 0.01, age: 60 * day,
		scopes: []string{"openid", "files.read"},
	},
	{
		id: "0oaformula", name: `=HYPERLINK("https://evil.example","Payroll")`, share: 0.01, age: 60 * day,
		scopes: []string{"openid", "mail.read"},
	},
	{
		id: "0oareverse", name: "Invoice \u202Efdp.exe", share: 0.01, age: 60 * day,
		scopes: []string{"openid", "files.write", "offline_access"},
	},
}

// ownServer stands for the org's own authorization server, which calls scopes by their names. A custom one calls them by
// IDs, and consent dialogs by titles.
const ownServer = "own"

func (a *app) clientID() string { return cmp.Or(a.client, a.id) }

func (a *app) serverID() string { return cmp.Or(a.server, oktatest.DefaultAuthorizationServerID) }

// titles are those of scopes in consent dialogs. The others are called by their names there.
var titles = map[string]string{
	"openid":         "Sign in as you",
	"profile":        "Your profile",
	"email":          "Your email address",
	"offline_access": "Keep access while you are away",
	"calendar.read":  "Your calendar",
	"calendar.write": "Plan meetings for you",
	"contacts.write": "Your address book",
	"files.read":     "Look at your files",
	"files.write":    "Your files",
	"mail.read":      "Your mailbox",
	"mail.send":      "Your mailbox and outbox",
	"receipts.write": "Expense receipts",
}

// groups are those of the org, and the share of users who are in them.
var groups = []struct {
	id, name string
	share    float64
}{
	{"00geveryone", "Everyone", 1},
	{GroupID, "Finance", 0.05},
	{"00gengineering", "Engineering", 0.3},
}

// Apps are the IDs of apps that users have consented to.
func Apps(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = apps[i].id
	}
	return ids
}

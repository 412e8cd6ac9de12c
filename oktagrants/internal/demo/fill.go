package demo

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grantkit/okta/oktatest"
)

// filler adds data to an org. Its source of chance is seeded, so that the data is always the same.
type filler struct {
	org    *oktatest.Org
	users  int
	now    time.Time
	chance *rand.Rand
	scopes map[string]bool // IDs of those that were added
}

func newFiller(org *oktatest.Org, opts Options) *filler {
	return &filler{
		org:    org,
		users:  opts.Users,
		now:    opts.Now.UTC().Truncate(day),
		chance: rand.New(rand.NewPCG(20, 26)), //nolint:gosec // the same data each time
		scopes: map[string]bool{},
	}
}

func (f *filler) fill() {
	f.org.AddAuthorizationServer(oktatest.AuthorizationServer{ID: ServerID, Name: "Partners"})
	for _, app := range apps {
		f.org.AddClient(oktatest.Client{ID: app.id, ClientID: app.client, Name: app.name, Status: app.status})
		f.addScopes(app)
	}
	members := map[string][]string{}
	assigned := map[string][]string{}
	for i := range f.users {
		user := f.addUser(i)
		for _, group := range groups {
			if f.happens(group.share) {
				members[group.id] = append(members[group.id], user.ID)
			}
		}
		for _, app := range apps {
			if user.Status != deprovisioned && (i == 0 && app.id == ClientID || f.happens(app.share)) {
				assigned[app.id] = append(assigned[app.id], user.ID)
				f.consent(user.ID, app)
			}
		}
	}
	for _, group := range groups {
		f.org.AddGroup(oktatest.Group{ID: group.id, Name: group.name, UserIDs: members[group.id]})
	}
	for _, app := range apps {
		f.org.AssignUsers(app.id, assigned[app.id]...)
	}
}

// addScopes adds the scopes of an app to its authorization server.
func (f *filler) addScopes(app app) {
	for _, name := range app.scopes {
		id := app.scopeID(name)
		if app.server == ownServer || f.scopes[id] {
			continue
		}
		f.scopes[id] = true
		f.org.AddScope(oktatest.Scope{
			ID: id, AuthorizationServerID: app.serverID(), Name: name, DisplayName: titles[name],
		})
	}
}

// scopeID is what grants call a scope: at a custom authorization server an ID as Okta makes them.
func (a *app) scopeID(name string) string {
	if a.server == ownServer {
		return name
	}
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	id := []byte("scp")
	for _, b := range sha256.Sum256([]byte(a.serverID() + " " + name)) {
		id = append(id, alphabet[int(b)%len(alphabet)])
	}
	return string(id[:20])
}

const deprovisioned = "DEPROVISIONED"

func (f *filler) addUser(i int) oktatest.User {
	user := oktatest.User{
		ID:      fmt.Sprintf("00u%017d", i+1),
		Login:   loginOf(i),
		Name:    nameOf(i),
		Created: f.before(5 * year),
	}
	switch {
	case i == 0:
	case f.happens(0.04):
		user.Status = deprovisioned
	case f.happens(0.02):
		user.Status = "SUSPENDED"
	}
	return f.org.AddUser(user)
}

func nameOf(i int) string {
	first := firstNames[i%len(firstNames)]
	return first + " " + lastNames[(i+i/len(firstNames))%len(lastNames)]
}

// loginOf is the login of a user. From the second round of names on, it has a number.
func loginOf(i int) string {
	local := strings.ToLower(strings.ReplaceAll(nameOf(i), " ", "."))
	if round := i / (len(firstNames) * len(lastNames)); round > 0 {
		local += strconv.Itoa(round + 1)
	}
	return local + "@acme.example"
}

// consent adds what a user granted to an app, and the refresh token that came with it.
func (f *filler) consent(userID string, app app) {
	granted := f.before(app.age)
	scopes := slices.Clone(app.scopes)
	for range app.optional {
		if f.happens(0.4) {
			scopes = slices.Delete(scopes, 1, 2)
		}
	}
	ada := userID == UserID && app.id == ClientID
	for i, scope := range scopes {
		grant := oktatest.Grant{UserID: userID, ClientID: app.clientID(), ScopeID: app.scopeID(scope), Created: granted}
		if ada {
			grant.ID = fmt.Sprintf("oagada%d", i+1)
		}
		if f.happens(0.02) {
			grant.Source, grant.CreatedBy = "ADMIN", UserID
		}
		f.org.AddGrant(grant)
	}
	if !slices.Contains(scopes, "offline_access") {
		return
	}
	token := oktatest.RefreshToken{
		UserID: userID, ClientID: app.clientID(), AuthorizationServerID: app.tokenServer(), Scopes: scopes, Created: granted,
		LastUpdated: granted.Add(time.Duration(f.chance.Float64() * float64(f.now.Sub(granted)))),
		ExpiresAt:   f.now.Add(30 * day),
	}
	if ada {
		token.ID = TokenID
	}
	f.org.AddRefreshToken(token)
}

// tokenServer is the server of the app's refresh tokens: an org in memory has none of its own server.
func (a *app) tokenServer() string {
	if a.server == ownServer {
		return oktatest.DefaultAuthorizationServerID
	}
	return a.serverID()
}

func (f *filler) happens(share float64) bool { return f.chance.Float64() < share }

// before returns a time within the last age.
func (f *filler) before(age time.Duration) time.Time {
	return f.now.Add(-time.Duration(f.chance.Float64() * float64(age))).Truncate(time.Second)
}

package oktatest

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// DefaultAuthorizationServerID is the ID of the authorization server that every new org has.
const DefaultAuthorizationServerID = "default"

// How long a refresh token lives unless its ExpiresAt says otherwise.
const refreshTokenLifetime = 7 * 24 * time.Hour

// Options say how an [Org] is served. The zero value is an org at the root of its server, under the system's clock.
type Options struct {
	// BasePath is the path below which the org is served, such as "/gateway/okta". The rest of the server answers 404.
	BasePath string

	// PublicURL is what the org calls itself in Link headers, in _links and as an issuer: an origin, with a path if
	// there is one. By default it is the org's URL. An org behind a gateway or a custom domain names another host than
	// the one that a client calls.
	PublicURL string

	// Now is the org's clock, time.Now by default. It dates answers and whatever is seeded without a time of its own,
	// opens the windows of rate limits, and ends access tokens and what apps sign.
	Now func() time.Time
}

// User is a user of the org. The API finds a user by ID or by login.
type User struct {
	ID    string // By default 00u and a number.
	Login string // By default made from the ID.
	Name  string // By default the login.
}

// Client is an OAuth client, that is, an app.
type Client struct {
	ID      string // By default 0oa and a number.
	Name    string // By default made from the ID.
	URI     string // Sent as null when empty.
	LogoURI string // Sent as null when empty.
}

// AuthorizationServer issues refresh tokens.
type AuthorizationServer struct {
	ID   string // By default aus and a number.
	Name string // By default the ID.
}

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

// RefreshToken is an OAuth refresh token. Its issuer follows from its authorization server.
type RefreshToken struct {
	ID                    string    // By default oar and a number.
	UserID                string    // A known user's ID; has no default.
	ClientID              string    // A known client's ID; has no default.
	AuthorizationServerID string    // By default the authorization server "default".
	Status                string    // By default ACTIVE.
	Scopes                []string  // By default offline_access alone.
	Created               time.Time // By default now.
	LastUpdated           time.Time // By default Created.
	ExpiresAt             time.Time // By default a week after LastUpdated.
}

// Org is an Okta org in memory. All its methods may be called at any time and from any goroutine; each request, and
// each call, sees and leaves the org in a consistent state.
type Org struct {
	// URL is where the org is served, with the base path and without a slash at the end.
	URL string

	server    *httptest.Server
	basePath  string
	publicURL string
	now       func() time.Time

	mu            sync.Mutex
	users         *collection[User]
	logins        map[string]string // The ID of the user with a login.
	clients       *collection[Client]
	servers       *collection[AuthorizationServer]
	grants        *collection[Grant]
	tokens        *collection[RefreshToken]
	serviceApps   *collection[ServiceApp]
	apiTokens     map[string]bool
	accessTokens  map[string]accessToken
	usedJWTs      map[jwtID]bool
	nonce         string
	lastNonce     string // The one before nonce, if there was one.
	nonceRequired bool   // On API calls.
	limits        map[string]*rateLimit
	faults        []Fault
	log           []*Request
	requestCount  int
}

var _ http.Handler = (*Org)(nil)

// New starts an org on a port of the loopback interface. Call [Org.Close] when it is no longer needed.
func New(opts Options) *Org {
	org := &Org{
		now:          opts.Now,
		users:        newCollection("user", "00u", inNoList[User]),
		logins:       map[string]string{},
		clients:      newCollection("client", "0oa", inNoList[Client]),
		servers:      newCollection("authorization server", "aus", inNoList[AuthorizationServer]),
		grants:       newCollection("grant", "oag", grantLists),
		tokens:       newCollection("refresh token", "oar", tokenLists),
		serviceApps:  newCollection("service app", "0oasvc", inNoList[ServiceApp]),
		apiTokens:    map[string]bool{},
		accessTokens: map[string]accessToken{},
		usedJWTs:     map[jwtID]bool{},
		nonce:        rand.Text(),
		limits:       map[string]*rateLimit{},
	}
	if org.now == nil {
		org.now = time.Now
	}
	if path := strings.Trim(opts.BasePath, "/"); path != "" {
		org.basePath = "/" + path
	}
	org.server = httptest.NewUnstartedServer(org)
	org.URL = "http://" + org.server.Listener.Addr().String() + org.basePath
	org.publicURL = strings.TrimRight(cmp.Or(opts.PublicURL, org.URL), "/")
	org.AddAuthorizationServer(AuthorizationServer{ID: DefaultAuthorizationServerID})
	org.server.Start()
	return org
}

func grantLists(g Grant) []listKey {
	return []listKey{{user: g.UserID}, {user: g.UserID, client: g.ClientID}}
}

func tokenLists(t RefreshToken) []listKey {
	return []listKey{{user: t.UserID, client: t.ClientID}, {server: t.AuthorizationServerID, client: t.ClientID}}
}

// Close stops the server and waits for the requests that it is serving. The org's content can still be read.
func (o *Org) Close() { o.server.Close() }

// AddUser adds a user and returns it with its empty fields filled in. It panics when the ID or the login is taken.
func (o *Org) AddUser(user User) User {
	o.mu.Lock()
	defer o.mu.Unlock()

	user.ID = o.users.freeID(user.ID)
	user.Login = cmp.Or(user.Login, user.ID+"@example.com")
	user.Name = cmp.Or(user.Name, user.Login)
	if _, taken := o.logins[user.Login]; taken {
		mistake("the login %q is taken", user.Login)
	}
	o.logins[user.Login] = user.ID
	o.users.add(user.ID, user)
	return user
}

// AddClient adds a client and returns it with its ID and name filled in. It panics when the ID is taken.
func (o *Org) AddClient(client Client) Client {
	o.mu.Lock()
	defer o.mu.Unlock()

	client.ID = o.clients.freeID(client.ID)
	client.Name = cmp.Or(client.Name, "App "+client.ID)
	o.clients.add(client.ID, client)
	return client
}

// AddAuthorizationServer adds an authorization server and returns it with its empty fields filled in. It panics when
// the ID is taken.
func (o *Org) AddAuthorizationServer(server AuthorizationServer) AuthorizationServer {
	o.mu.Lock()
	defer o.mu.Unlock()

	server.ID = o.servers.freeID(server.ID)
	server.Name = cmp.Or(server.Name, server.ID)
	o.servers.add(server.ID, server)
	return server
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
	grant.Status = cmp.Or(grant.Status, "ACTIVE")
	grant.Source = cmp.Or(grant.Source, "END_USER")
	grant.CreatedBy = cmp.Or(grant.CreatedBy, grant.UserID)
	grant.Created = timestamp(grant.Created, now)
	grant.LastUpdated = timestamp(grant.LastUpdated, grant.Created)
	o.grants.add(grant.ID, grant)
	return grant
}

// AddRefreshToken adds a refresh token and returns it with its empty fields filled in. It panics when the ID is taken,
// or when the user, the client or the authorization server is unknown.
func (o *Org) AddRefreshToken(token RefreshToken) RefreshToken {
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()

	o.users.require(token.UserID)
	o.clients.require(token.ClientID)
	token.AuthorizationServerID = cmp.Or(token.AuthorizationServerID, DefaultAuthorizationServerID)
	o.servers.require(token.AuthorizationServerID)
	token.ID = o.tokens.freeID(token.ID)
	token.Status = cmp.Or(token.Status, "ACTIVE")
	token.Scopes = slices.Clone(token.Scopes)
	if len(token.Scopes) == 0 {
		token.Scopes = []string{"offline_access"}
	}
	token.Created = timestamp(token.Created, now)
	token.LastUpdated = timestamp(token.LastUpdated, token.Created)
	token.ExpiresAt = timestamp(token.ExpiresAt, token.LastUpdated.Add(refreshTokenLifetime))
	o.tokens.add(token.ID, token)
	return copyToken(token)
}

// Users returns the users in the order in which they were added.
func (o *Org) Users() []User {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.users.all()
}

// Clients returns the clients in the order in which they were added.
func (o *Org) Clients() []Client {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.clients.all()
}

// Grants returns the grants that the org has now, in the order in which they were added.
func (o *Org) Grants() []Grant {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.grants.all()
}

// RefreshTokens returns the refresh tokens that the org has now, in the order in which they were added.
func (o *Org) RefreshTokens() []RefreshToken {
	o.mu.Lock()
	defer o.mu.Unlock()
	tokens := o.tokens.all()
	for i, token := range tokens {
		tokens[i] = copyToken(token)
	}
	return tokens
}

func copyToken(token RefreshToken) RefreshToken {
	token.Scopes = slices.Clone(token.Scopes)
	return token
}

// timestamp returns a time as Okta keeps it, in UTC and in milliseconds, or byDefault when it is not set.
func timestamp(t, byDefault time.Time) time.Time {
	if t.IsZero() {
		t = byDefault
	}
	return t.UTC().Truncate(time.Millisecond)
}

// mistake reports a mistake in the test that uses the org, where an error would only be dropped.
func mistake(format string, args ...any) {
	panic(fmt.Sprintf("oktatest: "+format, args...))
}

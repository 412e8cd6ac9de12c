package oktatest

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// Options configure an [Org]. The zero value is an org at the root of a server on a free port of the loopback
// interface, under the system's clock.
type Options struct {
	// Listener is where the org is served, for an address of your own. [Org.Close] closes it. By default the org
	// listens on a free port of the loopback interface.
	Listener net.Listener

	// BasePath is the path below which the org is served, such as "/gateway/okta". Other paths of the server are not
	// found.
	BasePath string

	// PublicURL is the org's own URL in Link headers, in _links and as an issuer: an origin, with a path if there is
	// one. By default it is [Org.URL]. An org behind a gateway or a custom domain names another host than the one that
	// a client calls.
	PublicURL string

	// Now is the org's clock, time.Now by default. It dates responses and whatever is added without a time of its own,
	// and bounds rate limit windows, access tokens, assertions and proofs.
	Now func() time.Time

	// LoginsAsUserIDs lets the routes below /api/v1/users/{userId} take a login for an ID. Okta documents IDs only,
	// so by default a login is not found there. GET /api/v1/users/{id} always takes an ID, a login or a login's
	// shortname.
	LoginsAsUserIDs bool

	// UnknownClientsAreEmpty makes the lists below users/{userId}/clients/{clientId} and
	// authorizationServers/{authServerId}/clients/{clientId} empty for a client ID that no app has, and the responses
	// to their bulk revokes a 204. This is neither documented nor recorded: by default an unknown client is a 404, as
	// it was recorded for authorization servers and is documented for users.
	UnknownClientsAreEmpty bool

	// LogSize bounds the log of [Org.Requests]: each request beyond it drops the oldest one from the log. By default
	// the log keeps all requests; a negative size keeps none.
	LogSize int
}

// Org is an Okta org in memory. All its methods may be called at any time and from any goroutine; each request, and
// each call, sees and leaves the org in a consistent state.
type Org struct {
	// URL is where the org is served, with the base path and without a slash at the end.
	URL string

	server     *httptest.Server
	basePath   string
	publicURL  string
	now        func() time.Time
	takeLogins bool
	anyClient  bool
	logSize    int

	mu            sync.Mutex
	users         *collection[User]
	logins        map[string]string // User IDs by login.
	clients       *collection[Client]
	appIDs        map[string]string // By client ID.
	memberships   *collection[membership]
	groups        *collection[Group]
	servers       *collection[AuthorizationServer]
	scopes        *collection[Scope]
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
	handled       []operation // Of Handle, newest first.
	faults        []Fault
	routeFaults   []*routeFaults
	always        Fault
	log           []*Request
	requestCount  int
}

var _ http.Handler = (*Org)(nil)

// New starts an org. Call [Org.Close] when it is no longer needed.
func New(opts Options) *Org {
	org := &Org{
		now:          opts.Now,
		takeLogins:   opts.LoginsAsUserIDs,
		anyClient:    opts.UnknownClientsAreEmpty,
		logSize:      opts.LogSize,
		users:        newCollection("user", "00u", inOneList[User]),
		logins:       map[string]string{},
		clients:      newCollection("client", "0oa", inOneList[Client]),
		appIDs:       map[string]string{},
		memberships:  newCollection("membership", "mem", membershipLists),
		groups:       newCollection("group", "00g", inNoList[Group]),
		servers:      newCollection("authorization server", "aus", inOneList[AuthorizationServer]),
		scopes:       newCollection("scope", "scp", scopeLists),
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
	org.server = newServer(org, opts.Listener)
	org.URL = "http://" + org.server.Listener.Addr().String() + org.basePath
	org.publicURL = strings.TrimRight(cmp.Or(opts.PublicURL, org.URL), "/")
	org.AddAuthorizationServer(AuthorizationServer{ID: DefaultAuthorizationServerID})
	org.server.Start()
	return org
}

func newServer(handler http.Handler, listener net.Listener) *httptest.Server {
	if listener == nil {
		return httptest.NewUnstartedServer(handler)
	}
	return &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}} //nolint:gosec // as httptest does
}

// Close stops the server and waits for the requests that it is serving. The org's content can still be read.
func (o *Org) Close() { o.server.Close() }

// timestamp returns a time as Okta keeps it, in UTC and in milliseconds, or byDefault when it is not set.
func timestamp(t, byDefault time.Time) time.Time {
	if t.IsZero() {
		t = byDefault
	}
	return t.UTC().Truncate(time.Millisecond)
}

// mistake panics with a mistake of the test that uses the org: a returned error would only be dropped there.
func mistake(format string, args ...any) {
	panic(fmt.Sprintf("oktatest: "+format, args...))
}

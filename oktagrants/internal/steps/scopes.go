package steps

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/org"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// Scopes finds the names of the scopes that grants have. The org's own authorization server calls a scope by its name; a
// custom one by an opaque ID, beside a title for people. The scopes of a custom server are read once, when the first
// grant names the server: about one call.
type Scopes struct {
	client  *okta.Client
	call    func(ctx context.Context, bucket string, send func() error) error
	mu      sync.Mutex
	servers map[string]*serverScopes // by ID of the server
}

type serverScopes struct {
	mu    sync.Mutex
	read  bool
	names map[string]string // by ID of the scope; empty if they cannot be read
}

// NewScopes returns a Scopes that has read nothing.
func NewScopes(client *okta.Client) *Scopes {
	once := func(_ context.Context, _ string, send func() error) error { return send() }
	return &Scopes{client: client, call: once, servers: map[string]*serverScopes{}}
}

// opaqueID matches the IDs that Okta gives to scopes of custom authorization servers.
var opaqueID = regexp.MustCompile(`^scp[0-9A-Za-z]{17}$`)

// Consent returns a grant as the ledger keeps it. If the names of its server cannot be read, since the credentials do
// not permit it, or the org does not have the feature or the server, it has the title of its scope and no name. Other
// errors are returned.
func (s *Scopes) Consent(ctx context.Context, grant *okta.OAuth2ScopeConsentGrant) (ledger.Access, error) {
	access := Unnamed(grant)
	name, err := s.name(ctx, serverOf(grant), grant.ScopeID)
	if err != nil {
		return access, err
	}
	if name != "" {
		access.Scopes = []string{name}
	}
	if name == access.ScopeID {
		access.ScopeID = ""
	}
	if name == access.ScopeTitle {
		access.ScopeTitle = ""
	}
	return access, nil
}

// name returns the name of a scope, or nothing if it is not known.
func (s *Scopes) name(ctx context.Context, server, scopeID string) (string, error) {
	if server == "" {
		if opaqueID.MatchString(scopeID) {
			return "", nil
		}
		return scopeID, nil
	}
	names, err := s.of(server).list(func() (names map[string]string, err error) {
		err = s.call(ctx, BucketAPI, func() error {
			names, err = listScopes(ctx, s.client, server)
			return err
		})
		return names, err
	})
	if err != nil {
		return "", err
	}
	return names[scopeID], nil
}

func (s *Scopes) of(server string) *serverScopes {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.servers[server] == nil {
		s.servers[server] = &serverScopes{}
	}
	return s.servers[server]
}

// list reads the names, unless they were read before. Others who ask meanwhile wait.
func (s *serverScopes) list(read func() (map[string]string, error)) (map[string]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read {
		return s.names, nil
	}
	names, err := read()
	switch Class(err) {
	case ClassScope, ClassForbidden, ClassNotFound, ClassInvalid:
		names = nil
	default:
		if err != nil {
			return nil, err
		}
	}
	s.names, s.read = names, true
	return names, nil
}

// listScopes reads the names of a server's scopes by their IDs, and by the names themselves.
func listScopes(ctx context.Context, client *okta.Client, server string) (map[string]string, error) {
	page, err := org.ListScopes(ctx, client, server, nil)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for scope, err := range page.All(ctx) {
		if err != nil {
			return nil, err
		}
		names[scope.Name] = scope.Name
		names[scope.ID] = scope.Name
	}
	delete(names, "")
	return names, nil
}

// serverOf returns the ID of the custom authorization server that a grant is of, and nothing for the org's own.
func serverOf(grant *okta.OAuth2ScopeConsentGrant) string {
	if grant.Issuer != "" {
		return segmentAfter(grant.Issuer, "oauth2")
	}
	link, _ := grant.Links.Get("authorizationServer")
	return segmentAfter(link.Href, "authorizationServers")
}

// segmentAfter returns the segment of a URL's path that follows another one, and nothing if there is none.
func segmentAfter(address, segment string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	_, rest, found := strings.Cut(parsed.Path, "/"+segment+"/")
	if !found {
		return ""
	}
	id, _, _ := strings.Cut(rest, "/")
	return id
}

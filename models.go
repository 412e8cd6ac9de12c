package okta

import (
	"cmp"
	"iter"
	"strings"
	"time"

	"github.com/grantkit/okta/internal/wire"
)

// Status is the state of a grant or a refresh token. Okta may add values.
type Status string

// The documented states.
const (
	StatusActive  Status = "ACTIVE"
	StatusRevoked Status = "REVOKED"
)

// Source says who gave a consent. Okta may add values.
type Source string

// The documented sources.
const (
	SourceAdmin   Source = "ADMIN"    // an administrator
	SourceEndUser Source = "END_USER" // the user, for themselves
)

// OAuth2ScopeConsentGrant is a consent: the client ClientID may use the scope ScopeID on behalf of the user UserID.
// It outlives the tokens that were issued under it.
//
// ScopeID is a name, such as okta.users.read, where the org's own authorization server issued the consent. Where a
// custom authorization server did, it is opaque, such as scp2bvhy20aJcLgHy2p7: the title of the link "scope" is the
// scope's display name, and org.ListScopes returns its technical name.
//
// A member that Okta did not send, or sent as null, is zero. So is a time that cannot be parsed, and a member of the
// wrong JSON type: one of them must not fail a list. ID, ClientID, UserID, ScopeID, Issuer, Status and Source are
// strict, because callers decide by them: the wrong type is an error.
type OAuth2ScopeConsentGrant struct {
	ID          string        `json:"id,omitzero"`
	ClientID    string        `json:"clientId,omitzero"`
	UserID      string        `json:"userId,omitzero"` // who consented, when Source is SourceEndUser
	ScopeID     string        `json:"scopeId,omitzero"`
	Issuer      string        `json:"issuer,omitzero"` // URL of the authorization server
	Status      Status        `json:"status,omitzero"`
	Source      Source        `json:"source,omitzero"`
	Created     time.Time     `json:"created,omitzero"`
	CreatedBy   OAuth2Actor   `json:"createdBy,omitzero"`
	LastUpdated time.Time     `json:"lastUpdated,omitzero"`
	Embedded    GrantEmbedded `json:"_embedded,omitzero"` // filled by ExpandScope
	Links       Links         `json:"_links,omitzero"`
}

// OAuth2Actor is who created an object.
type OAuth2Actor struct {
	ID   string `json:"id,omitzero"`
	Type string `json:"type,omitzero"` // such as "User"
}

// GrantEmbedded is what ExpandScope adds to a grant.
type GrantEmbedded struct {
	Scope GrantScope `json:"scope,omitzero"`
}

// GrantScope names the scope of a grant, such as okta.users.read.
type GrantScope struct {
	ID string `json:"id,omitzero"`
}

// OAuth2RefreshToken describes a refresh token that the client ClientID holds for the user UserID. It never
// contains the token itself. Missing and wrong members are treated as those of [OAuth2ScopeConsentGrant]; the
// wrong type in Scopes is an error, too.
type OAuth2RefreshToken struct {
	ID          string               `json:"id,omitzero"`
	ClientID    string               `json:"clientId,omitzero"`
	UserID      string               `json:"userId,omitzero"`
	Issuer      string               `json:"issuer,omitzero"` // URL of the authorization server that issued it
	Status      Status               `json:"status,omitzero"`
	Scopes      []string             `json:"scopes,omitempty"` // names
	Created     time.Time            `json:"created,omitzero"`
	LastUpdated time.Time            `json:"lastUpdated,omitzero"`
	ExpiresAt   time.Time            `json:"expiresAt,omitzero"`
	Embedded    RefreshTokenEmbedded `json:"_embedded,omitzero"` // filled by ExpandScope
	Links       Links                `json:"_links,omitzero"`
}

// RefreshTokenEmbedded is what ExpandScope adds to a refresh token.
type RefreshTokenEmbedded struct {
	Scopes []OAuth2RefreshTokenScope `json:"scopes,omitempty"`
}

// OAuth2RefreshTokenScope is a scope that is attached to a refresh token.
type OAuth2RefreshTokenScope struct {
	ID          string `json:"id,omitzero"`
	Name        string `json:"name,omitzero"`
	DisplayName string `json:"displayName,omitzero"` // as a consent dialog shows it
	Description string `json:"description,omitzero"`
	Links       Links  `json:"_links,omitzero"`
}

// OAuth2Client is an app that holds tokens or grants. Missing and wrong members are treated as those of
// [OAuth2ScopeConsentGrant].
type OAuth2Client struct {
	ClientID   string `json:"client_id,omitzero"`
	ClientName string `json:"client_name,omitzero"`
	ClientURI  string `json:"client_uri,omitzero"`
	LogoURI    string `json:"logo_uri,omitzero"`
	Links      Links  `json:"_links,omitzero"`
}

// Links are the links of an object by relation, such as "self" or "app": the JSON text that Okta sent, empty if Okta
// sent none. [Links.Get] and [Links.All] decode it; encoding/json writes the same text. The SDK never follows a link.
type Links string

// Get returns the first link with a relation, and false if there is none. A link that cannot be read, or that has
// no Href, does not count.
func (l Links) Get(relation string) (Link, bool) {
	for name, text := range wire.Relations(string(l)) {
		if name != relation {
			continue
		}
		if link, ok := readLink(text); ok {
			return link, true
		}
	}
	return Link{}, false
}

// All returns the links with their relations, in the order of the text. A relation comes once for each of its
// links. Links that cannot be read, or that have no Href, are left out.
func (l Links) All() iter.Seq2[string, Link] {
	return func(yield func(string, Link) bool) {
		for relation, text := range wire.Relations(string(l)) {
			if link, ok := readLink(text); ok && !yield(relation, link) {
				return
			}
		}
	}
}

// MarshalJSON returns the text, with U+FFFD for invalid UTF-8, and null if it is empty.
func (l Links) MarshalJSON() ([]byte, error) {
	return []byte(strings.ToValidUTF8(string(cmp.Or(l, "null")), "\uFFFD")), nil
}

// UnmarshalJSON copies the text, whatever it holds: links that cannot be read must not fail the object that they
// are part of.
func (l *Links) UnmarshalJSON(text []byte) error {
	if *l = Links(text); *l == "null" {
		*l = ""
	}
	return nil
}

func readLink(text []byte) (Link, bool) {
	link, err := looseLink.Object(text)
	if err != nil || link.Href == "" {
		return Link{}, false
	}
	return *link, true
}

// Link is a link of the JSON Hypertext Application Language.
type Link struct {
	Href      string    `json:"href,omitzero"`
	Title     string    `json:"title,omitzero"`
	Name      string    `json:"name,omitzero"`
	Type      string    `json:"type,omitzero"` // media type; application/json when empty
	Templated bool      `json:"templated,omitzero"`
	Hints     LinkHints `json:"hints,omitzero"`
}

// LinkHints say what may be done with a link.
type LinkHints struct {
	Allow []string `json:"allow,omitempty"` // HTTP methods
}

// essential are the members by which callers decide. A value of the wrong JSON type is an error in these; any other
// member stays zero, and so does a time that cannot be parsed.
var essential = []string{"id", "clientId", "client_id", "userId", "scopeId", "scopes", "status", "source", "issuer"}

var (
	looseGrant        = wire.AllBut[OAuth2ScopeConsentGrant](essential...)
	looseRefreshToken = wire.AllBut[refreshTokenOnWire](essential...)
	looseClient       = wire.AllBut[OAuth2Client](essential...)
	looseLink         = wire.AllBut[Link]("href")
)

// refreshTokenOnWire is a refresh token as Okta sends it: the schema names its client clientId, the examples
// client_id.
type refreshTokenOnWire struct {
	OAuth2RefreshToken
	SnakeClientID string `json:"client_id"`
}

func (t refreshTokenOnWire) model() OAuth2RefreshToken {
	t.ClientID = cmp.Or(t.ClientID, t.SnakeClientID)
	return t.OAuth2RefreshToken
}

func decodeRefreshToken(data []byte) (*OAuth2RefreshToken, error) {
	token, err := looseRefreshToken.Object(data)
	if err != nil {
		return nil, err
	}
	model := token.model()
	return &model, nil
}

func decodeRefreshTokens(data []byte) ([]OAuth2RefreshToken, error) {
	tokens, err := looseRefreshToken.Array(data)
	if err != nil {
		return nil, err
	}
	models := make([]OAuth2RefreshToken, len(tokens))
	for i, token := range tokens {
		models[i] = token.model()
	}
	return models, nil
}

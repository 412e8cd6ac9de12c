package okta

import (
	"cmp"
	"time"

	"github.com/grantkit/okta/internal/wire"
)

// Status is the state of a grant or a refresh token. Okta may add values to those named here.
type Status string

// The documented states.
const (
	StatusActive  Status = "ACTIVE"
	StatusRevoked Status = "REVOKED"
)

// Source says who gave a consent. Okta may add values to those named here.
type Source string

// The documented sources.
const (
	SourceAdmin   Source = "ADMIN"    // an administrator, for the whole org
	SourceEndUser Source = "END_USER" // the user, for themselves
)

// OAuth2ScopeConsentGrant is a consent: the client ClientID may have the scope ScopeID on behalf of the user UserID.
// It outlasts the tokens that were issued under it. Members that Okta did not send are zero.
type OAuth2ScopeConsentGrant struct {
	ID          string        `json:"id,omitzero"`
	ClientID    string        `json:"clientId,omitzero"`
	UserID      string        `json:"userId,omitzero"` // who consented, when Source is SourceEndUser
	ScopeID     string        `json:"scopeId,omitzero"`
	Issuer      string        `json:"issuer,omitzero"` // URL of the org's authorization server
	Status      Status        `json:"status,omitzero"`
	Source      Source        `json:"source,omitzero"`
	Created     time.Time     `json:"created,omitzero"`
	CreatedBy   OAuth2Actor   `json:"createdBy,omitzero"`
	LastUpdated time.Time     `json:"lastUpdated,omitzero"`
	Embedded    GrantEmbedded `json:"_embedded,omitzero"` // filled by ExpandScope
	Links       GrantLinks    `json:"_links,omitzero"`
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

// GrantLinks are the resources around a grant.
type GrantLinks struct {
	Self                Link `json:"self,omitzero"`
	App                 Link `json:"app,omitzero"`
	Client              Link `json:"client,omitzero"`
	Scope               Link `json:"scope,omitzero"`
	User                Link `json:"user,omitzero"`
	AuthorizationServer Link `json:"authorizationServer,omitzero"`
}

// OAuth2RefreshToken describes a refresh token that the client ClientID holds for the user UserID. It never contains
// the token itself. Members that Okta did not send are zero.
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
	Links       RefreshTokenLinks    `json:"_links,omitzero"`
}

// refreshTokenOnWire is a refresh token as it arrives: Okta's schema names its client clientId, its example answers client_id.
type refreshTokenOnWire struct {
	OAuth2RefreshToken
	SnakeClientID string `json:"client_id"`
}

func (t refreshTokenOnWire) model() OAuth2RefreshToken {
	t.ClientID = cmp.Or(t.ClientID, t.SnakeClientID)
	return t.OAuth2RefreshToken
}

func decodeRefreshToken(data []byte) (*OAuth2RefreshToken, error) {
	token, err := wire.Object[refreshTokenOnWire](data)
	if err != nil {
		return nil, err
	}
	model := token.model()
	return &model, nil
}

func decodeRefreshTokens(data []byte) ([]OAuth2RefreshToken, error) {
	tokens, err := wire.Array[refreshTokenOnWire](data)
	if err != nil {
		return nil, err
	}
	models := make([]OAuth2RefreshToken, len(tokens))
	for i, token := range tokens {
		models[i] = token.model()
	}
	return models, nil
}

// RefreshTokenEmbedded is what ExpandScope adds to a refresh token.
type RefreshTokenEmbedded struct {
	Scopes []OAuth2RefreshTokenScope `json:"scopes,omitempty"`
}

// OAuth2RefreshTokenScope is a scope that is attached to a refresh token.
type OAuth2RefreshTokenScope struct {
	ID          string     `json:"id,omitzero"`
	Name        string     `json:"name,omitzero"`
	DisplayName string     `json:"displayName,omitzero"` // as a consent dialog shows it
	Description string     `json:"description,omitzero"`
	Links       ScopeLinks `json:"_links,omitzero"`
}

// ScopeLinks are the resources around a scope.
type ScopeLinks struct {
	Scope Link `json:"scope,omitzero"`
}

// RefreshTokenLinks are the resources around a refresh token.
type RefreshTokenLinks struct {
	Self                Link `json:"self,omitzero"`
	App                 Link `json:"app,omitzero"`
	Revoke              Link `json:"revoke,omitzero"`
	Client              Link `json:"client,omitzero"`
	User                Link `json:"user,omitzero"`
	AuthorizationServer Link `json:"authorizationServer,omitzero"`
}

// OAuth2Client is an app that holds tokens or grants. Members that Okta did not send, or sent as null, are zero.
type OAuth2Client struct {
	ClientID   string      `json:"client_id,omitzero"`
	ClientName string      `json:"client_name,omitzero"`
	ClientURI  string      `json:"client_uri,omitzero"`
	LogoURI    string      `json:"logo_uri,omitzero"`
	Links      ClientLinks `json:"_links,omitzero"`
}

// ClientLinks are the resources around a client.
type ClientLinks struct {
	Self   Link `json:"self,omitzero"`
	Client Link `json:"client,omitzero"`
	Grants Link `json:"grants,omitzero"`
	Tokens Link `json:"tokens,omitzero"`
}

// Link is a link of the JSON Hypertext Application Language. The SDK never follows one.
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

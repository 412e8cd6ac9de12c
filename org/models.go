package org

import (
	"cmp"
	"strings"
	"time"

	"github.com/grantkit/okta"
)

// Status is the state of a user, an app, an assignment or an authorization server. Okta may add values to those named
// here.
type Status string

// The documented states of users, apps and authorization servers. An assignment has more.
const (
	StatusActive          Status = "ACTIVE"
	StatusInactive        Status = "INACTIVE"         // an app or an authorization server
	StatusDeleted         Status = "DELETED"          // an app
	StatusStaged          Status = "STAGED"           // a user, not activated yet
	StatusProvisioned     Status = "PROVISIONED"      // a user who has not authenticated yet
	StatusRecovery        Status = "RECOVERY"         // a user who resets the password
	StatusPasswordExpired Status = "PASSWORD_EXPIRED" // a user
	StatusLockedOut       Status = "LOCKED_OUT"       // a user, after too many attempts to authenticate
	StatusSuspended       Status = "SUSPENDED"        // a user, until an administrator ends it
	StatusDeprovisioned   Status = "DEPROVISIONED"    // a deactivated user
)

// User is a user of the org. A member that Okta did not send, or sent as null, is zero, and so is a time that cannot
// be parsed.
type User struct {
	ID            string      `json:"id,omitzero"`
	Status        Status      `json:"status,omitzero"`
	Created       time.Time   `json:"created,omitzero"`
	Activated     time.Time   `json:"activated,omitzero"`
	StatusChanged time.Time   `json:"statusChanged,omitzero"`
	LastLogin     time.Time   `json:"lastLogin,omitzero"`
	LastUpdated   time.Time   `json:"lastUpdated,omitzero"`
	Profile       UserProfile `json:"profile,omitzero"`
}

// UserProfile is what a user is called. An org's own attributes are left out.
type UserProfile struct {
	Login       string `json:"login,omitzero"` // unique in the org
	Email       string `json:"email,omitzero"`
	FirstName   string `json:"firstName,omitzero"`
	LastName    string `json:"lastName,omitzero"`
	DisplayName string `json:"displayName,omitzero"` // often empty: see [User.DisplayName]
}

// DisplayName returns the first of these that is not empty: the profile's display name, first and last name, login,
// and ID. It may contain anything that an administrator or the user wrote: escape it before displaying it.
func (u *User) DisplayName() string {
	p := u.Profile
	return cmp.Or(p.DisplayName, strings.TrimSpace(p.FirstName+" "+p.LastName), p.Login, u.ID)
}

// Application is an app of the org. Missing members are treated as those of [User].
type Application struct {
	ID          string                 `json:"id,omitzero"`
	Name        string                 `json:"name,omitzero"`  // of the app's definition, such as oidc_client
	Label       string                 `json:"label,omitzero"` // what people call it
	Status      Status                 `json:"status,omitzero"`
	SignOnMode  string                 `json:"signOnMode,omitzero"` // such as OPENID_CONNECT
	Created     time.Time              `json:"created,omitzero"`
	LastUpdated time.Time              `json:"lastUpdated,omitzero"`
	Credentials ApplicationCredentials `json:"credentials,omitzero"`
}

// ClientID returns the ID of the app's OAuth client, which the methods of [okta.UserGrants], [okta.UserOAuth] and
// [okta.AuthorizationServerClients] take, and which grants and refresh tokens name. It is the app's ID, unless another
// one was chosen when the app was created. The functions of this package take the app's ID.
func (a *Application) ClientID() string { return cmp.Or(a.Credentials.OAuthClient.ClientID, a.ID) }

// ApplicationCredentials are the credentials of an app, without secrets.
type ApplicationCredentials struct {
	OAuthClient ApplicationOAuthClient `json:"oauthClient,omitzero"`
}

// ApplicationOAuthClient is the OAuth client that an app is, if it is one.
type ApplicationOAuthClient struct {
	ClientID string `json:"client_id,omitzero"`
}

// ApplicationUser is the assignment of a user to an app. Missing members are treated as those of [User].
type ApplicationUser struct {
	ID          string                     `json:"id,omitzero"`     // of the user
	Status      Status                     `json:"status,omitzero"` // of the assignment, not of the user
	Scope       string                     `json:"scope,omitzero"`  // USER if assigned directly, GROUP if by a group
	Created     time.Time                  `json:"created,omitzero"`
	LastUpdated time.Time                  `json:"lastUpdated,omitzero"`
	Credentials ApplicationUserCredentials `json:"credentials,omitzero"`
}

// ApplicationUserCredentials are what a user authenticates with at an app, without the password.
type ApplicationUserCredentials struct {
	UserName string `json:"userName,omitzero"` // often, but not always, the user's login
}

// AuthorizationServer is a custom authorization server. Missing members are treated as those of [User].
type AuthorizationServer struct {
	ID          string    `json:"id,omitzero"`
	Name        string    `json:"name,omitzero"`
	Description string    `json:"description,omitzero"`
	Audiences   []string  `json:"audiences,omitempty"`
	Issuer      string    `json:"issuer,omitzero"` // URL
	Status      Status    `json:"status,omitzero"`
	Created     time.Time `json:"created,omitzero"`
	LastUpdated time.Time `json:"lastUpdated,omitzero"`
}

// tokenOnWire is a refresh token as Okta sends it: the schema names its client clientId, some examples client_id.
type tokenOnWire struct {
	okta.OAuth2RefreshToken
	SnakeClientID string `json:"client_id"`
}

func (t tokenOnWire) model() okta.OAuth2RefreshToken {
	t.ClientID = cmp.Or(t.ClientID, t.SnakeClientID)
	return t.OAuth2RefreshToken
}

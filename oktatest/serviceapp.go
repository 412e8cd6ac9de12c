package oktatest

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// How long an access token lives unless its app's TokenLifetime says otherwise.
const accessTokenLifetime = time.Hour

// A token request is some thousand bytes long.
const maxFormBytes = 1 << 20

// ServiceApp is an app that authenticates as itself: it gets access tokens for an assertion that it signs with its
// private key. It is none of the org's clients, which act for users.
type ServiceApp struct {
	ClientID string          // By default 0oasvc and a number.
	Name     string          // By default made from the client ID.
	Keys     []ServiceAppKey // At least one.
	Scopes   []string        // The scopes that the app is granted, by default none.

	// DPoP binds the app's tokens to a key of the client, as Okta does for every new app: a token request without a
	// proof is refused. An app without DPoP gets bearer tokens, whether it sends a proof or not.
	DPoP bool

	TokenLifetime time.Duration // By default an hour.
}

// ServiceAppKey is a public key that a service app is registered with.
type ServiceAppKey struct {
	ID     string           // The kid of an assertion. By default the key's thumbprint.
	Public crypto.PublicKey // An *rsa.PublicKey, or an *ecdsa.PublicKey on P-256, P-384 or P-521.
}

// accessToken is what an org knows of an access token.
type accessToken struct {
	scopes  []string
	expires time.Time // Zero for a token of AcceptBearerToken, which does not expire.
	boundTo string    // The thumbprint of the key that DPoP binds the token to, if it does.
}

func (t accessToken) aliveAt(now time.Time) bool { return t.expires.IsZero() || now.Before(t.expires) }

// allows reports whether the token has a scope. Any token has the empty scope.
func (t accessToken) allows(scope string) bool {
	return scope == "" || slices.Contains(t.scopes, scope)
}

// AddServiceApp adds a service app and returns it with its empty fields filled in. From then on the app gets access
// tokens at /oauth2/v1/token. It panics when the ID is taken, when there is no key or one of an unknown kind, when two
// keys have the same ID, or when the lifetime is negative.
func (o *Org) AddServiceApp(app ServiceApp) ServiceApp {
	o.mu.Lock()
	defer o.mu.Unlock()

	app.ClientID = o.serviceApps.freeID(app.ClientID)
	app.Name = cmp.Or(app.Name, "App "+app.ClientID)
	app.Keys = registered(app.Keys)
	app.Scopes = slices.Clone(app.Scopes)
	app.TokenLifetime = cmp.Or(app.TokenLifetime, accessTokenLifetime)
	if app.TokenLifetime < 0 {
		mistake("a token lifetime of %v is not positive", app.TokenLifetime)
	}
	o.serviceApps.add(app.ClientID, app)
	app.Keys, app.Scopes = slices.Clone(app.Keys), slices.Clone(app.Scopes)
	return app
}

// registered returns keys with all their IDs.
func registered(keys []ServiceAppKey) []ServiceAppKey {
	if len(keys) == 0 {
		mistake("a service app needs a key")
	}
	keys = slices.Clone(keys)
	taken := map[string]bool{}
	for i, key := range keys {
		switch key.Public.(type) {
		case *rsa.PublicKey, *ecdsa.PublicKey:
		default:
			mistake("a %T is no public key that a service app can have", key.Public)
		}
		byDefault, err := thumbprint(jose.JSONWebKey{Key: key.Public})
		if err != nil {
			mistake("a service app's key is invalid: %v", err)
		}
		keys[i].ID = cmp.Or(key.ID, byDefault)
		if taken[keys[i].ID] {
			mistake("the key ID %q is taken", keys[i].ID)
		}
		taken[keys[i].ID] = true
	}
	return keys
}

// thumbprint returns the thumbprint of a public key (RFC 7638).
func thumbprint(key jose.JSONWebKey) (string, error) {
	hash, err := key.Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(hash), err
}

// RevokeAccessTokens revokes all access tokens that the org has issued so far. Those of [Org.AcceptBearerToken] stay
// valid.
func (o *Org) RevokeAccessTokens() {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.accessTokens, func(_ string, t accessToken) bool { return !t.expires.IsZero() })
}

// oauthProblem is an error of the token endpoint.
func oauthProblem(code, description string) *problem {
	status := http.StatusBadRequest
	if code == "invalid_client" {
		status = http.StatusUnauthorized
	}
	return &problem{status: status, oauthError: code, summary: description}
}

// readForm returns the form in a request's body, and nil when the body is not a form.
func readForm(r *http.Request) url.Values {
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType != "application/x-www-form-urlencoded" || r.Body == nil {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxFormBytes))
	if err != nil {
		return nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil
	}
	return form
}

// issueAccessToken is the token endpoint.
func (o *Org) issueAccessToken(c *call) (any, *problem) {
	if failure := checkTokenForm(c.form); failure != nil {
		return nil, failure
	}
	app, failure := o.authenticate(c)
	if failure != nil {
		return nil, failure
	}
	key, failure := o.keyToBindTo(c, app)
	if failure != nil {
		return nil, failure
	}
	scopes, failure := app.grant(c.form.Get("scope"))
	if failure != nil {
		return nil, failure
	}

	token, kind := rand.Text(), "Bearer"
	if key != "" {
		kind = "DPoP"
	}
	o.accessTokens[token] = accessToken{scopes: scopes, expires: c.now.Add(app.TokenLifetime), boundTo: key}
	c.header.Set("Cache-Control", "no-store")
	return accessTokenJSON{
		Type:      kind,
		ExpiresIn: int(app.TokenLifetime.Seconds()),
		Token:     token,
		Scope:     strings.Join(scopes, " "),
	}, nil
}

func checkTokenForm(form url.Values) *problem {
	if form == nil {
		return oauthProblem("invalid_request", "The request's body must be application/x-www-form-urlencoded.")
	}
	for name, values := range form {
		if len(values) > 1 {
			return oauthProblem("invalid_request", "The parameter '"+name+"' is given more than once.")
		}
	}
	switch form.Get("grant_type") {
	case "":
		return oauthProblem("invalid_request", "The parameter 'grant_type' is missing.")
	case "client_credentials":
		return nil
	default:
		return oauthProblem("unsupported_grant_type", "The one grant type that is supported is client_credentials.")
	}
}

// grant returns the requested scopes when the app is granted all of them.
func (a ServiceApp) grant(requested string) ([]string, *problem) {
	scopes := strings.Fields(requested)
	if len(scopes) == 0 {
		return nil, oauthProblem("invalid_scope", "There are no default scopes, 'scope' must be provided.")
	}
	for _, scope := range scopes {
		if !slices.Contains(a.Scopes, scope) {
			return nil, oauthProblem("invalid_scope", "One or more scopes are not granted to the app.")
		}
	}
	return scopes, nil
}

// accessTokenJSON is the token endpoint's response.
type accessTokenJSON struct {
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"`
	Token     string `json:"access_token"`
	Scope     string `json:"scope"`
}

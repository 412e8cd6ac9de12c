package oktatest

import (
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

	// How far in the future an assertion may expire.
	maxAssertionLifetime = time.Hour

	// How far a client's clock may be from the org's when it dates a JWT.
	clockSkew = 5 * time.Minute
)

var assertionAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512}

// jwtID is a JWT's jti with the client ID or the thumbprint of whoever signed it.
type jwtID struct{ signer, jti string }

// use reports whether a JWT is used for the first time.
func (o *Org) use(id jwtID) bool {
	first := !o.usedJWTs[id]
	o.usedJWTs[id] = true
	return first
}

// authenticate returns the app whose assertion is in a token request. It uses a valid assertion up, whatever else is
// wrong with the request.
func (o *Org) authenticate(c *call) (ServiceApp, *problem) {
	if c.form.Get("client_assertion_type") != assertionType {
		return ServiceApp{}, oauthProblem("invalid_client", "The client_assertion_type is invalid.")
	}
	var claims jwt.Claims
	assertion, err := jwt.ParseSigned(c.form.Get("client_assertion"), assertionAlgorithms)
	if err == nil {
		err = assertion.UnsafeClaimsWithoutVerification(&claims)
	}
	if err != nil {
		return ServiceApp{}, oauthProblem("invalid_client",
			"The client_assertion is not a JWT signed with RS256, ES256, ES384 or ES512.")
	}

	app := o.serviceApps.get(claims.Subject)
	why := app.checkSignature(assertion)
	if why == "" {
		why = app.checkClaims(c, claims)
	}
	if why == "" && !o.use(jwtID{signer: app.ClientID, jti: claims.ID}) {
		why = "The client_assertion token has already been used."
	}
	if why != "" {
		return ServiceApp{}, oauthProblem("invalid_client", why)
	}
	return app, nil
}

// checkSignature returns what is wrong with the key or the signature of an assertion, or "".
func (a ServiceApp) checkSignature(assertion *jwt.JSONWebToken) string {
	if a.ClientID == "" {
		return "The subject of the client_assertion is no known client."
	}
	id := assertion.Headers[0].KeyID
	at := slices.IndexFunc(a.Keys, func(key ServiceAppKey) bool { return key.ID == id })
	if id == "" && len(a.Keys) == 1 {
		at = 0
	}
	if at < 0 {
		return "The client_assertion JWT kid is invalid."
	}
	if assertion.Claims(a.Keys[at].Public) != nil {
		return "The client_assertion signature is invalid."
	}
	return ""
}

// checkClaims returns what is wrong with the claims of an assertion that the app has signed, or "".
func (a ServiceApp) checkClaims(c *call, claims jwt.Claims) string {
	clientID := c.form.Get("client_id")
	expiry := claims.Expiry.Time()
	switch {
	case claims.Issuer != a.ClientID:
		return "The issuer of the client_assertion must be its subject, the client ID."
	case clientID != "" && clientID != a.ClientID:
		return "The parameter 'client_id' is not the client of the client_assertion."
	case len(claims.Audience) != 1 || !slices.Contains(c.urls(), claims.Audience[0]):
		return "The audience claim for client_assertion must be the endpoint invoked for the request."
	case !c.now.Before(expiry):
		return "The client_assertion token is expired."
	case expiry.After(c.now.Add(maxAssertionLifetime)):
		return "The client_assertion token has an expiration too far into the future."
	case claims.IssuedAt.Time().After(c.now.Add(clockSkew)):
		return "The client_assertion token is issued in the future."
	case claims.ID == "":
		return "The client_assertion has no jti."
	}
	return ""
}

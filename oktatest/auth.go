package oktatest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The OAuth scopes of the operations.
const (
	scopeUsersRead     = "okta.users.read"
	scopeUsersManage   = "okta.users.manage"
	scopeAppsRead      = "okta.apps.read"
	scopeAppsManage    = "okta.apps.manage"
	scopeAppGrantsRead = "okta.appGrants.read"
	scopeGroupsRead    = "okta.groups.read"
	scopeLogsRead      = "okta.logs.read"
	scopeServersRead   = "okta.authorizationServers.read"
	scopeServersManage = "okta.authorizationServers.manage"
)

// The first words of a challenge.
const (
	bearerChallenge = `Bearer`
	dpopChallenge   = `DPoP algs="RS256 RS384 RS512 ES256 ES384 ES512",`
)

// AcceptAPIToken makes the org accept requests with "Authorization: SSWS " and the token. They may do anything.
func (o *Org) AcceptAPIToken(token string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.apiTokens[token] = true
}

// AcceptBearerToken makes the org accept requests with "Authorization: Bearer " and the token, for the operations of
// the scopes. No scope includes another: okta.users.manage does not allow reading. A second call with the same token
// replaces its scopes.
func (o *Org) AcceptBearerToken(token string, scopes ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.accessTokens[token] = accessToken{scopes: slices.Clone(scopes)}
}

// authorize returns nil when a call may carry out an operation of a scope, or one that takes any scope.
func (o *Org) authorize(c *call, scope string) *problem {
	scheme, token, _ := strings.Cut(c.request.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		return o.authorizeBearer(c, token, scope)
	case "dpop":
		return o.authorizeDPoP(c, token, scope)
	case "ssws":
		if o.apiTokens[token] {
			return nil
		}
	}
	return &problem{status: http.StatusUnauthorized, code: "E0000011", summary: "Invalid token provided"}
}

func (o *Org) authorizeBearer(c *call, token, scope string) *problem {
	access, known := o.accessTokens[token]
	switch {
	case !known || !access.aliveAt(c.now):
		return o.challenge(bearerChallenge, http.StatusUnauthorized, `error="invalid_token", `+
			`error_description="The access token is invalid or has expired."`)
	case access.boundTo != "":
		return o.refuseDPoP(c, scope, "invalid_token", "The access token is bound to a key and needs a DPoP proof.")
	case !access.allows(scope):
		return o.challenge(bearerChallenge, http.StatusForbidden, details(c, scope, "insufficient_scope",
			"The access token provided does not contain the required scopes."))
	}
	return nil
}

func (o *Org) authorizeDPoP(c *call, token, scope string) *problem {
	access, known := o.accessTokens[token]
	switch {
	case !known || !access.aliveAt(c.now):
		return o.refuseDPoP(c, scope, "invalid_token", "The access token is invalid or has expired.")
	case access.boundTo == "":
		return o.refuseDPoP(c, scope, "invalid_token", "The access token is not bound to a key.")
	}
	given, why := o.readProof(c, token)
	switch {
	case why != "":
		return o.refuseDPoP(c, scope, "invalid_dpop_proof", why)
	case given.key != access.boundTo:
		return o.refuseDPoP(c, scope, "invalid_token", "The access token is bound to another key.")
	case !o.acceptNonce(c, given.nonce, o.nonceRequired):
		return o.refuseDPoP(c, scope, "use_dpop_nonce", "Resource server requires nonce in DPoP proof.")
	case !access.allows(scope):
		return o.challenge(dpopChallenge, http.StatusForbidden, details(c, scope, "insufficient_scope",
			"The access token provided does not contain the required scopes."))
	}
	return nil
}

// refuseDPoP refuses a call without a valid token or a valid proof of its key. RFC 9449 responds with 401; Okta has
// been seen to respond with 400 and the same challenge.
func (o *Org) refuseDPoP(c *call, scope, code, description string) *problem {
	return o.challenge(dpopChallenge, http.StatusUnauthorized, details(c, scope, code, description))
}

func details(c *call, scope, code, description string) string {
	return fmt.Sprintf(`scope="%s", error="%s", error_description="%s", resource="%s"`, scope, code, description, c.path)
}

// challenge is the response to an access token that is refused: a header that says why, and no body.
func (o *Org) challenge(scheme string, status int, details string) *problem {
	return &problem{
		status: status,
		challenge: fmt.Sprintf(`%s authorization_uri="%s/oauth2/v1/authorize", realm="%s", %s`,
			scheme, o.publicURL, o.publicURL, details),
	}
}

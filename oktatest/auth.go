package oktatest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The OAuth scopes that the operations ask for.
const (
	scopeUsersRead     = "okta.users.read"
	scopeUsersManage   = "okta.users.manage"
	scopeServersRead   = "okta.authorizationServers.read"
	scopeServersManage = "okta.authorizationServers.manage"
)

// AcceptAPIToken makes the org accept requests with "Authorization: SSWS " and the token. They may do anything.
func (o *Org) AcceptAPIToken(token string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.apiTokens[token] = true
}

// AcceptBearerToken makes the org accept requests with "Authorization: Bearer " and the token, for the operations that
// ask for one of the scopes. No scope includes another: okta.users.manage does not allow reading. A second call with
// the same token replaces its scopes.
func (o *Org) AcceptBearerToken(token string, scopes ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bearerTokens[token] = slices.Clone(scopes)
}

// authorize says why a request with such an Authorization header may not carry out an operation of a scope on a path,
// or nil when it may.
func (o *Org) authorize(authorization, scope, path string) *problem {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return o.authorizeAPIToken(scheme, token)
	}
	scopes, known := o.bearerTokens[token]
	if !known {
		return o.challenge(http.StatusUnauthorized, `error="invalid_token", `+
			`error_description="The access token is invalid or has expired."`)
	}
	if !slices.Contains(scopes, scope) {
		return o.challenge(http.StatusForbidden, fmt.Sprintf(`scope="%s", error="insufficient_scope", `+
			`error_description="The access token provided does not contain the required scopes.", resource="%s"`,
			scope, path))
	}
	return nil
}

func (o *Org) authorizeAPIToken(scheme, token string) *problem {
	if strings.EqualFold(scheme, "SSWS") && o.apiTokens[token] {
		return nil
	}
	return &problem{status: http.StatusUnauthorized, code: "E0000011", summary: "Invalid token provided"}
}

// challenge is an answer to a bearer token: all that is known stands in its header, and its body is empty.
func (o *Org) challenge(status int, details string) *problem {
	return &problem{
		status: status,
		challenge: fmt.Sprintf(`Bearer authorization_uri="%s/oauth2/v1/authorize", realm="%s", %s`,
			o.publicURL, o.publicURL, details),
	}
}

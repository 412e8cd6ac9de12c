package oktatest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const tokenPath = "/oauth2/v1/token" //nolint:gosec // a path

// operation is one thing that an org does. A public one needs no credentials; one without a scope takes any that the
// org accepts. A handler returns the body of the response, nil for a 204, or a problem.
type operation struct {
	method  string // Any method when empty.
	pattern []string
	scope   string
	public  bool
	handle  func(*Org, *call) (any, *problem)
}

var operations = []operation{
	on("GET", "/api/v1/users", scopeUsersRead, (*Org).listUsers),
	on("GET", "/api/v1/users/{id}", scopeUsersRead, (*Org).getUser),
	on("DELETE", "/api/v1/users/{userId}/sessions", scopeUsersManage, (*Org).revokeUserSessions),

	on("GET", "/api/v1/users/{userId}/clients", scopeUsersRead, (*Org).listUserClients),
	on("GET", "/api/v1/users/{userId}/grants", scopeUsersRead, (*Org).listUserGrants),
	on("DELETE", "/api/v1/users/{userId}/grants", scopeUsersManage, (*Org).revokeUserGrants),
	on("GET", "/api/v1/users/{userId}/grants/{grantId}", scopeUsersRead, (*Org).getUserGrant),
	on("DELETE", "/api/v1/users/{userId}/grants/{grantId}", scopeUsersManage, (*Org).revokeUserGrant),
	on("GET", "/api/v1/users/{userId}/clients/{clientId}/grants", scopeUsersRead, (*Org).listUserClientGrants),
	on("DELETE", "/api/v1/users/{userId}/clients/{clientId}/grants", scopeUsersManage, (*Org).revokeUserClientGrants),
	on("GET", "/api/v1/users/{userId}/clients/{clientId}/tokens", scopeUsersRead, (*Org).listUserTokens),
	on("DELETE", "/api/v1/users/{userId}/clients/{clientId}/tokens", scopeUsersManage, (*Org).revokeUserTokens),
	on("GET", "/api/v1/users/{userId}/clients/{clientId}/tokens/{tokenId}", scopeUsersRead, (*Org).getUserToken),
	on("DELETE", "/api/v1/users/{userId}/clients/{clientId}/tokens/{tokenId}", scopeUsersManage,
		(*Org).revokeUserToken),

	on("GET", "/api/v1/apps", scopeAppsRead, (*Org).listApps),
	on("GET", "/api/v1/apps/{appId}", scopeAppsRead, (*Org).getApp),
	on("POST", "/api/v1/apps/{appId}/lifecycle/deactivate", scopeAppsManage, (*Org).deactivateApp),
	on("GET", "/api/v1/apps/{appId}/users", scopeAppsRead, (*Org).listAppUsers),
	on("GET", "/api/v1/apps/{appId}/tokens", scopeAppsRead, (*Org).listAppTokens),
	on("DELETE", "/api/v1/apps/{appId}/tokens", scopeAppsManage, (*Org).revokeAppTokens),
	on("GET", "/api/v1/apps/{appId}/tokens/{tokenId}", scopeAppsRead, (*Org).getAppToken),
	on("DELETE", "/api/v1/apps/{appId}/tokens/{tokenId}", scopeAppsManage, (*Org).revokeAppToken),

	on("GET", "/api/v1/groups/{groupId}/users", scopeGroupsRead, (*Org).listGroupUsers),

	on("GET", "/api/v1/authorizationServers", scopeServersRead, (*Org).listServers),
	on("GET", "/api/v1/authorizationServers/{authServerId}", scopeServersRead, (*Org).getServer),
	on("GET", "/api/v1/authorizationServers/{authServerId}/scopes", scopeServersRead, (*Org).listScopes),
	on("GET", "/api/v1/authorizationServers/{authServerId}/clients", scopeServersRead, (*Org).listServerClients),
	on("GET", "/api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens", scopeServersRead,
		(*Org).listServerTokens),
	on("DELETE", "/api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens", scopeServersManage,
		(*Org).revokeServerTokens),
	on("GET", "/api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens/{tokenId}", scopeServersRead,
		(*Org).getServerToken),
	on("DELETE", "/api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens/{tokenId}", scopeServersManage,
		(*Org).revokeServerToken),

	{method: "POST", pattern: segmentsOf(tokenPath), public: true, handle: (*Org).issueAccessToken},
}

func on(method, pattern, scope string, handle func(*Org, *call) (any, *problem)) operation {
	return operation{method: method, pattern: segmentsOf(pattern), scope: scope, handle: handle}
}

func segmentsOf(path string) []string { return strings.Split(path, "/")[1:] }

// Handle serves a route of your own behind the org's authentication and rate limits: the handler gets the requests
// that carry credentials that the org accepts, of any scope, while their bucket has requests left. [BucketAPI] is the
// bucket of the paths below /api/v1 that have none of their own.
//
// A pattern is a path below the base path, such as "/api/v1/devices/{deviceId}", or a method and a path, such as
// "GET /api/v1/logs". {name} matches one segment, which the handler finds with [http.Request.PathValue]. Where several
// routes match, the newest of yours serves the request, before the org's own.
//
// The headers Date and X-Okta-Request-Id and those of the rate limits are set before the handler runs. It may call all
// methods of the org. Handle panics when the pattern has no path.
func (o *Org) Handle(pattern string, handler http.Handler) {
	method, path := readPattern(pattern)
	serve := func(_ *Org, c *call) (any, *problem) { return withPathValues(handler, c.params), nil }
	o.mu.Lock()
	defer o.mu.Unlock()
	o.handled = slices.Insert(o.handled, 0, on(method, path, "", serve))
}

// readPattern reads "GET /path", or "/path" for any method.
func readPattern(pattern string) (method, path string) {
	method, path, found := strings.Cut(pattern, " ")
	if !found {
		method, path = "", pattern
	}
	if !strings.HasPrefix(path, "/") {
		mistake("the pattern %q has no path", pattern)
	}
	return method, path
}

func withPathValues(handler http.Handler, values map[string]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(r.Context()) // A copy: the request belongs to the caller.
		for name, value := range values {
			r.SetPathValue(name, value)
		}
		handler.ServeHTTP(w, r)
	})
}

// split returns the escaped path below the base path and its segments, unescaped and without what follows a semicolon.
// A path outside the base path has no segments.
func (o *Org) split(u *url.URL) (path string, segments []string) {
	path, inside := strings.CutPrefix(u.EscapedPath(), o.basePath+"/")
	if !inside {
		return "", nil
	}
	for segment := range strings.SplitSeq(path, "/") {
		unescaped, err := url.PathUnescape(segment)
		if err != nil {
			return "", nil
		}
		cut, _, _ := strings.Cut(unescaped, ";")
		segments = append(segments, cut)
	}
	return "/" + path, segments
}

func (o *Org) route(method string, segments []string) (operation, map[string]string, *problem) {
	if slices.ContainsFunc(segments, func(s string) bool { return strings.Contains(s, "/") }) {
		return operation{}, nil, methodNotAllowed()
	}
	failure := pathNotFound()
	for _, candidates := range [][]operation{o.handled, operations} {
		for _, candidate := range candidates {
			params, ok := match(candidate.pattern, segments)
			if !ok {
				continue
			}
			if candidate.method == method || candidate.method == "" {
				return candidate, params, nil
			}
			failure = methodNotAllowed()
		}
	}
	return operation{}, nil, failure
}

// match fills the parameters of a pattern, none of which may be empty.
func match(pattern, segments []string) (map[string]string, bool) {
	if len(pattern) != len(segments) {
		return nil, false
	}
	params := map[string]string{}
	for i, want := range pattern {
		name, isParam := strings.CutPrefix(want, "{")
		if isParam && segments[i] != "" {
			params[strings.TrimSuffix(name, "}")] = segments[i]
			continue
		}
		if segments[i] != want {
			return nil, false
		}
	}
	return params, true
}

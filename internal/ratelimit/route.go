package ratelimit

import "strings"

// BucketOf names the bucket in which Okta counts requests to a path, which begins below the org's root, and the
// path's route. A route whose bucket is not known has one of its own, for Okta counts lists, single objects, reads
// and writes apart. So has each token endpoint: a request that waits for a token may hold a ticket.
func BucketOf(method, path string) (bucket, route string) {
	s := strings.Split(strings.TrimPrefix(path, "/"), "/")
	switch {
	case s[0] != "api" && strings.HasSuffix(path, "/token"):
		return path, path
	case len(s) < 3 || s[0] != "api" || s[1] != "v1":
		return "/" + s[0], "/" + s[0]
	}
	template := s[2] + below(s[3:])
	route = method + " /api/v1/" + template
	if bucket, ok := buckets[template]; ok && (method == "GET" || len(s) > 4) {
		return bucket, route
	}
	return route, route
}

// buckets are those of the routes for which they are known, or assumed.
var buckets = map[string]string{ //nolint:gosec // paths, no credentials
	"users":                             "/api/v1/users",
	"users/{id}/clients":                "/api/v1/users",
	"users/{id}/grants":                 "/api/v1/users",
	"users/{id}/sessions":               "/api/v1/users",
	"apps":                              "/api/v1/apps",
	"apps/{id}":                         "/api/v1/apps",
	"apps/{id}/lifecycle":               "/api/v1/apps",
	"apps/{id}/tokens":                  "/api/v1/apps",
	"apps/{id}/users":                   "/api/v1/apps",
	"groups/{id}/users":                 "/api/v1/groups",
	"authorizationServers":              "/api/v1",
	"authorizationServers/{id}":         "/api/v1",
	"authorizationServers/{id}/clients": "/api/v1",
	"authorizationServers/{id}/scopes":  "/api/v1",
}

// below names what stands below a collection, without IDs: every other segment is one.
func below(segments []string) string {
	var route strings.Builder
	for i, segment := range segments[:min(len(segments), 2)] {
		if i == 0 {
			segment = "{id}"
		}
		route.WriteString("/" + segment)
	}
	return route.String()
}

package ratelimit

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// The buckets that Okta documents, or that recorded responses show. All others have the name of their only route.
const (
	BucketUsers  = "/api/v1/users"              // users, and what stands below one user
	BucketUser   = "GET /api/v1/users/{userId}" // one user
	BucketApps   = "/api/v1/apps"               // apps, and what stands below one app
	BucketApp    = "GET /api/v1/apps/{appId}"   // one app
	BucketGroups = "/api/v1/groups"             // groups, and what stands below one group
	BucketGroup  = "/api/v1/groups/{groupId}"   // one group
	BucketLogs   = "/api/v1/logs"               // the System Log
	BucketAPI    = "/api/v1"                    // authorization servers, and what stands below them

	bucketUserWrites = "/api/v1/users/{userId}" // changes and deletions of one user
	bucketAppWrites  = "/api/v1/apps/{appId}"   //nolint:gosec // changes and deletions of one app: no credentials
	bucketToken      = "POST /oauth2/v1/token"  //nolint:gosec // a route, no credential
)

// collection is one whose buckets were recorded: its own, in which the routes below its objects are counted as well,
// and those of reads of one object and of writes to one.
type collection struct {
	all, reads, writes string
	below              []string // the routes below an object that were recorded
}

var collections = map[string]*collection{
	"users": {BucketUsers, BucketUser, bucketUserWrites, []string{
		"appLinks", "blocks", "clients", "credentials", "factors", "grants", "groups", "idps", "lifecycle", "roles",
		"sessions", "subscriptions",
	}},
	"apps": {BucketApps, BucketApp, bucketAppWrites, []string{
		"connections", "credentials", "features", "federated-claims", "grants", "groups", "lifecycle", "policies",
		"tokens", "users",
	}},
	"groups": {BucketGroups, BucketGroup, BucketGroup, []string{"apps", "roles", "users"}},
}

// BucketOf names the bucket in which Okta counts requests to a route, which is a template such as
// /api/v1/users/{userId}/grants; the names of its parameters do not matter. A route whose bucket is neither documented
// nor recorded has one of its own, which is named by method and route: Okta counts lists, single objects, reads and
// writes apart. Token endpoints have their own as well, so that a request that holds a ticket can wait for a token.
func BucketOf(method, route string) string {
	own := method + " " + route
	path, ok := strings.CutPrefix(route, "/api/v1/")
	if !ok {
		return own
	}
	s := strings.Split(path, "/")
	switch c, ok := collections[s[0]]; {
	case path == "groups/rules" || strings.HasPrefix(path, "groups/rules/"):
		return BucketGroups
	case ok:
		return cmp.Or(c.bucketOf(method, s), own)
	case s[0] == "authorizationServers":
		return BucketAPI
	case path == "logs":
		return BucketLogs
	}
	return own
}

// bucketOf returns the bucket of a route's segments from the collection's name on, and "" if it was not recorded.
func (c *collection) bucketOf(method string, segments []string) string {
	switch {
	case len(segments) == 1:
		return c.all
	case len(segments) > 2 && slices.Contains(c.below, segments[2]):
		return c.all
	case len(segments) > 2:
		return ""
	case method == http.MethodGet:
		return c.reads
	}
	return c.writes
}

// documented are the buckets that exist, whether or not the client has used them.
var documented = []string{
	BucketUsers, BucketUser, bucketUserWrites, BucketApps, BucketApp, bucketAppWrites, BucketGroups, BucketGroup,
	BucketLogs, BucketAPI, bucketToken,
}

// Package urlpath builds URL paths of segments, so that a server gets exactly these.
package urlpath

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// Join escapes each segment and joins them to a path. It refuses segments that a server or a proxy might take for another
// path: DELETE .../grants/{grantId} with an empty ID would revoke all grants, and some servers cut a segment at ";".
func Join(segments []string) (string, error) {
	if len(segments) == 0 {
		return "", errors.New("the path has no segments")
	}
	var path strings.Builder
	for i, segment := range segments {
		if i == 0 && strings.Contains(segment, "/") {
			return "", fmt.Errorf("the path must be given segment by segment, not as %q", segment)
		}
		if reason := refuse(segment); reason != "" {
			return "", fmt.Errorf("the path segment %s %s", position(segments, i), reason)
		}
		path.WriteByte('/')
		escaped := url.PathEscape(segment)
		if escaped != segment {
			escaped = unescape.Replace(escaped)
		}
		path.WriteString(escaped)
	}
	return path.String(), nil
}

func refuse(segment string) string {
	switch {
	case segment == "":
		return "is empty"
	case segment == "." || segment == "..":
		return fmt.Sprintf("is %q", segment)
	case strings.ContainsFunc(segment, unicode.IsControl):
		return "contains a control character"
	}
	if i := strings.IndexAny(segment, `/\;`); i >= 0 {
		return fmt.Sprintf("contains %q", segment[i:i+1])
	}
	return ""
}

func position(segments []string, i int) string {
	if i == 0 {
		return "at the start"
	}
	return fmt.Sprintf("after %q", segments[i-1])
}

// unescape takes back what url.PathEscape escapes although RFC 3986 allows it in a segment as it is: a strict verifier of DPoP
// proofs would see another URL than the proof names.
var unescape = strings.NewReplacer("%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%2C", ",")

// ids names the parameter behind each of the collections that Okta documents.
var ids = map[string]string{
	"apps":                 "{appId}",
	"authorizationServers": "{authServerId}",
	"clients":              "{clientId}",
	"grants":               "{grantId}",
	"groups":               "{groupId}",
	"tokens":               "{tokenId}",
	"users":                "{userId}",
}

// Route returns the template of a path, such as /api/v1/users/{userId}/grants: what stands behind the name of a collection is
// an ID. Below /api/v1, names and IDs take turns; the names of lifecycle operations are kept.
func Route(segments []string) string {
	var route strings.Builder
	for i, segment := range segments {
		if i > 2 && i%2 == 1 && segments[i-1] != "lifecycle" {
			segment = id(segments[i-1])
		}
		route.WriteString("/" + segment)
	}
	return route.String()
}

func id(collection string) string {
	if name, ok := ids[collection]; ok {
		return name
	}
	return "{id}"
}

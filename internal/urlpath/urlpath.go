// Package urlpath builds URL paths from segments and templates, so that a server gets exactly these.
package urlpath

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Join escapes each segment and joins them to a path. It refuses segments that a server or a proxy might take for
// another path: DELETE .../grants/{grantId} with an empty ID would revoke all grants, and some servers cut a segment
// at ";".
func Join(segments []string) (string, error) {
	if len(segments) == 0 {
		return "", errors.New("the path has no segments")
	}
	var path strings.Builder
	for i, segment := range segments {
		if i == 0 && strings.Contains(segment, "/") {
			return "", errors.New("the path must be given segment by segment")
		}
		if reason := refuse(segment); reason != "" {
			return "", fmt.Errorf("the path segment %s %s", position(segments, i), reason)
		}
		path.WriteByte('/')
		path.WriteString(escape(segment))
	}
	return path.String(), nil
}

// Expand replaces the parameters of a template, such as /api/v1/users/{userId}/grants, with IDs, in their order. It
// escapes and refuses IDs as Join does segments. It panics if there are not as many IDs as parameters.
func Expand(template string, ids []string) (string, error) {
	var path strings.Builder
	for rest := template; ; ids = ids[1:] {
		literal, after, found := strings.Cut(rest, "{")
		path.WriteString(literal)
		if !found {
			return path.String(), nil
		}
		parameter, after, _ := strings.Cut(after, "}")
		if reason := refuse(ids[0]); reason != "" {
			return "", fmt.Errorf("%s %s", parameter, reason)
		}
		path.WriteString(escape(ids[0]))
		rest = after
	}
}

// Fits reports whether a path of segments is one of those that a template stands for.
func Fits(template string, segments []string) bool {
	parts := strings.Split(template, "/")
	if len(parts) != len(segments)+1 || parts[0] != "" {
		return false
	}
	for i, part := range parts[1:] {
		if part != segments[i] && !parameter.MatchString(part) {
			return false
		}
	}
	return true
}

var parameter = regexp.MustCompile(`^\{\w+\}$`)

func refuse(segment string) string {
	switch {
	case segment == "":
		return "is empty"
	case segment == "." || segment == "..":
		return fmt.Sprintf("is %q", segment)
	case strings.ContainsFunc(segment, unicode.IsControl):
		return "contains a control character"
	case !utf8.ValidString(segment): // a lenient server reads C0 AF as "/"
		return "is not valid UTF-8"
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

func escape(segment string) string {
	escaped := url.PathEscape(segment)
	if escaped == segment {
		return segment
	}
	return unescape.Replace(escaped)
}

// unescape reverts what url.PathEscape escapes although RFC 3986 allows it in a segment as it is: a strict verifier of
// DPoP proofs would see another URL than the proof names.
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

// Guess returns a template that fits a path of which nothing else is known. Behind the version, names and IDs take
// turns; the names of lifecycle operations are kept. What does not look like a name is taken for an ID wherever it is.
func Guess(segments []string) string {
	var route strings.Builder
	start := slices.Index(segments, "v1")
	if rules := segments[start+1:]; start >= 0 && len(rules) > 1 && rules[0] == "groups" && rules[1] == "rules" {
		start++ // the rules of all groups: rules is no group
	}
	for i, segment := range segments {
		turn := start >= 0 && i > start && (i-start)%2 == 0 && segments[i-1] != "lifecycle"
		if turn || !name.MatchString(segment) {
			segment = guessParameter(segments, i)
		}
		route.WriteByte('/')
		route.WriteString(segment)
	}
	return route.String()
}

// name matches the fixed segments of Okta's routes, such as v1, authorizationServers and .well-known.
var name = regexp.MustCompile(`^[.A-Za-z-]+[0-9]?$`)

func guessParameter(segments []string, i int) string {
	if i > 0 && ids[segments[i-1]] != "" {
		return ids[segments[i-1]]
	}
	return "{id}"
}

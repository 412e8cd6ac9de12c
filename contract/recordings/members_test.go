package recordings_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/org"
)

// promised are the members that each model promises to read, written here a second time: a field that a model loses is
// missed. A member with braces is an object, or an array of objects, with these members.
var promised = map[reflect.Type]string{
	reflect.TypeFor[okta.OAuth2ScopeConsentGrant](): "id clientId userId scopeId issuer status source created " +
		"lastUpdated createdBy{id type} _embedded{scope{id}} _links",
	reflect.TypeFor[okta.OAuth2RefreshToken](): "id clientId userId issuer status scopes created lastUpdated " +
		"expiresAt _embedded{scopes{id name displayName description _links}} _links",
	reflect.TypeFor[okta.OAuth2Client](): "client_id client_name client_uri logo_uri _links",
	reflect.TypeFor[org.User](): "id status created activated statusChanged lastLogin lastUpdated " +
		"profile{login email firstName lastName displayName}",
	reflect.TypeFor[org.Application](): "id name label status signOnMode created lastUpdated " +
		"credentials{oauthClient{client_id}}",
	reflect.TypeFor[org.OAuth2Scope]():     "id name displayName description consent system default optional",
	reflect.TypeFor[org.ApplicationUser](): "id status scope created lastUpdated credentials{userName}",
	reflect.TypeFor[org.AuthorizationServer](): "id name description audiences issuer status created " +
		"lastUpdated",
	reflect.TypeFor[org.Group](): "id type created lastUpdated lastMembershipUpdated profile{name description}",
	reflect.TypeFor[org.LogEvent](): "uuid eventType published displayMessage severity outcome{result reason} " +
		"actor{id type alternateId displayName detailEntry} client{id ipAddress} " +
		"target{id type alternateId displayName detailEntry} transaction{id type detail} debugContext{debugData}",
}

// members are the members of an object by their names; nil stands for a value that is compared as a whole.
type members map[string]members

func parseMembers(text string) members {
	parsed, _ := parseMembersUntilBrace(text)
	return parsed
}

func parseMembersUntilBrace(text string) (members, string) {
	found := members{}
	for {
		text = strings.TrimLeft(text, " ")
		end := strings.IndexAny(text+" ", " {}")
		name := text[:end]
		text = text[end:]
		switch {
		case strings.HasPrefix(text, "{"):
			found[name], text = parseMembersUntilBrace(text[1:])
		case name != "":
			found[name] = nil
		case strings.HasPrefix(text, "}"):
			return found, text[1:]
		default:
			return found, ""
		}
	}
}

// lost compares a recorded object with what the SDK made of it, and returns the promised members that differ and how
// many were compared. Absent, null, false and empty are the same, and so are two spellings of one time.
func lost(recorded, decoded any, promises members) ([]string, int) {
	text, err := json.Marshal(decoded)
	var got any
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil {
		return []string{err.Error()}, 0
	}
	return lostMembers("", recorded, got, promises)
}

func lostMembers(path string, recorded, got any, promises members) (lost []string, compared int) {
	if items, ok := recorded.([]any); ok && promises != nil {
		gotItems, _ := got.([]any)
		if len(items) != len(gotItems) {
			return []string{fmt.Sprintf("%s: %d of %d items", path, len(gotItems), len(items))}, 1
		}
		for i := range items {
			more, n := lostMembers(fmt.Sprintf("%s[%d]", path, i), items[i], gotItems[i], promises)
			lost, compared = append(lost, more...), compared+n
		}
		return lost, compared
	}
	if promises == nil {
		if !reflect.DeepEqual(plain(recorded), plain(got)) {
			lost = []string{fmt.Sprintf("%s: recorded %v, read %v", path, recorded, got)}
		}
		return lost, 1
	}
	object, _ := recorded.(map[string]any)
	gotObject, _ := got.(map[string]any)
	for name, inner := range promises {
		if plain(object[name]) == nil && plain(gotObject[name]) == nil {
			continue
		}
		more, n := lostMembers(path+"."+name, object[name], gotObject[name], inner)
		lost, compared = append(lost, more...), compared+n
	}
	slices.Sort(lost)
	return lost, compared
}

// plain returns a value for comparison: nil for an empty one, and a time in UTC.
func plain(value any) any {
	switch value := value.(type) {
	case string:
		if value == "" {
			return nil
		}
		if at, err := time.Parse(time.RFC3339, value); err == nil {
			return at.UTC().Format(time.RFC3339Nano)
		}
	case bool:
		if !value {
			return nil
		}
	case []any:
		if len(value) == 0 {
			return nil
		}
	case map[string]any:
		if len(value) == 0 {
			return nil
		}
	}
	return value
}

package report

import (
	"slices"
	"strings"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// A scope is one that was granted, as it is shown: by its name, or else its title, or else its ID.
type scope struct {
	label     string
	notJudged bool // its name is not known: a title or an ID tells what it may do at best by chance
}

// noScope stands for an access that names none.
var noScope = scope{}

func scopesOf(access ledger.Access) []scope {
	labels := access.Labels()
	if len(labels) == 0 {
		return []scope{{notJudged: access.NotJudged()}}
	}
	scopes := make([]scope, len(labels))
	for i, label := range labels {
		scopes[i] = scope{label, access.NotJudged()}
	}
	return scopes
}

// powerful reports whether a scope is powerful by what it is called. One that is not judged may be powerful as well.
func (s scope) powerful() bool { return powerful(s.label) }

// A scope is powerful if its name is one of powerfulNames or contains one of powerfulParts, in any case: its holder can
// change data, act as the user, or go on without the user. Names alone decide: a custom scope may do more than its name
// says.
var (
	powerfulNames = []string{
		"offline_access", // a refresh token: access goes on while the user is away
	}
	powerfulParts = []string{
		"manage", // okta.users.manage and all its kin
		"write",  // files.write, Mail.ReadWrite, write:packages
		"admin",
		"delete",
		"send", // Mail.Send
		"full_access",
		"full-access",
		"fullaccess",
		"impersonat", // user_impersonation, impersonate
		"*",
	}
)

func powerful(scope string) bool {
	scope = strings.ToLower(scope)
	return slices.Contains(powerfulNames, scope) ||
		slices.ContainsFunc(powerfulParts, func(part string) bool { return strings.Contains(scope, part) })
}

// judgment says whether an access has a powerful scope; nothing of an access that has none.
func judgment(access ledger.Access) string {
	switch {
	case access.NotJudged():
		return "not judged"
	case len(access.Scopes) == 0:
		return ""
	case slices.ContainsFunc(access.Scopes, powerful):
		return "yes"
	}
	return "no"
}

// powerfulRule explains the rule to the report's readers.
func powerfulRule() string {
	return "A scope is powerful if it is named " + strings.Join(powerfulNames, ", ") +
		" or its name contains one of: " + strings.Join(powerfulParts, ", ") +
		". Its holder can change data, act as the user, or go on without the user. " +
		"Only the name is judged: a custom scope may do more than its name says. A scope whose name is not known, " +
		"but only its title or ID, is not judged, and not taken for harmless."
}

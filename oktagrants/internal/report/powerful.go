package report

import (
	"slices"
	"strings"
)

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

// powerfulRule explains the rule to the report's readers.
func powerfulRule() string {
	return "A scope is powerful if it is named " + strings.Join(powerfulNames, ", ") +
		" or its name contains one of: " + strings.Join(powerfulParts, ", ") +
		". Its holder can change data, act as the user, or go on without the user. " +
		"Only the name is judged: a custom scope may do more than its name says."
}

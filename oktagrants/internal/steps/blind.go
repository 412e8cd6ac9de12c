package steps

import (
	"cmp"
	"fmt"
	"time"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// How long an access token lives: by default, and at most, where the access policy of a custom authorization server
// says so.
const (
	accessTokenLife    = time.Hour
	maxAccessTokenLife = 24 * time.Hour
)

// Blind says in sentences what the job cannot see or revoke. revoked is when it revoked something last; zero if it has
// not ended.
func (j *Job) Blind(revoked time.Time) []string { return Blind(j.kind, j.args, revoked) }

// Blind is [Job.Blind] for a run of which only the ledger is known.
func Blind(kind ledger.Kind, args Arguments, revoked time.Time) []string {
	switch kind {
	case ledger.Offboard:
		return args.blindOffboard(revoked)
	case ledger.RevokeApp:
		return args.blindRevokeApp(revoked)
	}
	return args.blindReview()
}

func (a Arguments) blindReview() []string {
	blind := []string{
		a.blindUsers(),
		"Okta keeps no time of the last use of a grant or refresh token: which of them are unused is not known.",
		"A scope of a custom authorization server is judged by its name, which takes okta.authorizationServers.read: " +
			"without it, or without that feature of the org, it is shown by its title and not judged.",
	}
	if a.Tokens {
		blind = append(blind,
			"Okta lists refresh tokens only: access tokens that were issued without one are not seen.",
			"Only apps that sign on with OpenID Connect were asked for refresh tokens: others are no OAuth clients.",
			"Custom authorization servers were not read if the org does not have that feature (E0000015).",
			"Okta does not document whether the list of an app's refresh tokens has those of the org's own authorization "+
				"server.")
	} else {
		blind = append(blind, "Refresh tokens were not read, consents only.")
	}
	return append(blind, "API scopes that an administrator granted to an app itself are no consents of users, "+
		"and were not read.")
}

func (a Arguments) blindUsers() string {
	switch {
	case a.listed():
		return "Only the users of the given list were reviewed."
	case a.Group != "":
		return "Only the users who were members of the group when it was listed were reviewed."
	case a.Search != "":
		return "Only the users whom the search found were reviewed; Okta's search may lag behind changes."
	}
	return "Users who were created after the list of all users was read were not reviewed; deprovisioned ones are in it."
}

func (a Arguments) blindOffboard(revoked time.Time) []string {
	blind := []string{
		"The users were not deactivated: those who can still authenticate can get new tokens and consents.",
		"Access tokens that an API validates by itself, without asking Okta, live on until they expire, " +
			until(revoked) + ".",
	}
	if a.KeepSessions {
		return append(blind,
			"Sessions at Okta were kept.",
			"Access tokens that were issued without a refresh token were not revoked.")
	}
	return append(blind,
		"Sessions that web and native apps keep themselves do not end.",
		"Okta does not document whether ending sessions reaches the tokens of custom authorization servers: "+
			"the verification lists each user's clients that still have tokens or consents.")
}

func (a Arguments) blindRevokeApp(revoked time.Time) []string {
	blind := []string{
		"Access tokens that were issued without a refresh token, or that an API validates by itself, live on until " +
			"they expire, " + until(revoked) + ".",
		map[string]string{
			Assigned: "Only consents of users who were assigned to the app when they were listed are revoked: " +
				"others, such as users who were assigned before, may still have some. Okta removes the assignments by " +
				"groups of an app that is deactivated, and ends its consents.",
			All: "Consents of users who were created after the list was read were not looked for.",
			Reviewed: "Only consents of users for whom the review found some, or whom it could not read, are revoked: " +
				"consents that are newer than the review are left.",
		}[cmp.Or(a.UsersOf, Assigned)],
		"Custom authorization servers were not read if the org does not have that feature (E0000015).",
		"Okta does not document whether the list of an app's refresh tokens, which the verification reads, has those of the " +
			"org's own authorization server.",
	}
	if a.Deactivate {
		return blind
	}
	return append(blind, "The app was not deactivated: users can consent again, and it can get new tokens.")
}

// until says until when access tokens live on that were issued before a time.
func until(revoked time.Time) string {
	if revoked.IsZero() {
		return "by default an hour after they were issued, and at most 24 hours where a custom authorization server " +
			"says so"
	}
	clock := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
	return fmt.Sprintf("by default at %s at the latest, and at %s where a custom authorization server lets them live "+
		"for 24 hours", clock(revoked.Add(accessTokenLife)), clock(revoked.Add(maxAccessTokenLife)))
}

package cli

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

func fromFlag(cmd *cobra.Command, from *string) {
	cmd.Flags().StringVar(from, "from", "",
		"take the users from this `file`, - for standard input: CSV with a column id or login, not both, or one a line")
}

// fromList makes a list of users the input of a job, if one is given.
func (c *cli) fromList(ctx context.Context, j *job, path string) error {
	if path == "" {
		return nil
	}
	if sameFile(path, j.run) {
		return wrong("--run and --from name the same file, %s", shownTarget(path))
	}
	list, err := c.openList(ctx, path)
	if err != nil {
		return err
	}
	if err := limited(j.kind, list); err != nil {
		return err
	}
	j.input, j.args.From, j.ignored = list.users(), list.hash, list.ignored
	j.consent.listOnStdin = path == "-"
	return nil
}

// limited refuses a list whose columns limit what is to be revoked, to an app, a grant or a decision: off-boarding ends
// all access of each user. A review only reads, so that it takes such a list.
func limited(kind ledger.Kind, list *userList) error {
	if kind != ledger.Offboard {
		return nil
	}
	at := slices.IndexFunc(list.ignored, limits)
	if at < 0 {
		return nil
	}
	return wrong("--from: %s, line %d: offboard ends all access of each user, whatever the column %q says. To do so, "+
		"give a list without that column; for one app, use revoke-app CLIENT; for one grant or token of a user, "+
		"grants revoke USER GRANT or tokens revoke USER CLIENT TOKEN", list.name, list.header, list.ignored[at])
}

// limiting are the words that, in the name of a column, stand for less than all access of a user.
var limiting = []string{
	"app", "application", "client", "grant", "consent", "scope", "token", "issuer", "server",
	"decision", "decide", "verdict", "action", "revoke", "keep",
}

// limits reports whether a column is named after something that is less than all access of a user: by a word of its
// own, as in "App ID", "client_id" and "grantId", or by one written together with others, as in "APPID".
func limits(column string) bool {
	words := columnWords(column)
	return slices.ContainsFunc(append(words, strings.Join(words, "")), limitingWord.MatchString)
}

var limitingWord = regexp.MustCompile(`^(oauth2?|okta|refresh)?(` + strings.Join(limiting, "|") + `)(s|ids?|names?)?$`)

// columnWords are the words in the name of a column, in lower case: "clientId" has two, as "Client ID" has.
func columnWords(column string) []string {
	var spaced strings.Builder
	var before rune
	for _, r := range column {
		if unicode.IsUpper(r) && unicode.IsLower(before) {
			spaced.WriteByte(' ')
		}
		spaced.WriteRune(r)
		before = r
	}
	return strings.FieldsFunc(strings.ToLower(spaced.String()), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// named yields the users whom the command line names.
func named(users []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, user := range users {
			if !yield(user, nil) {
				return
			}
		}
	}
}

// sameFile reports whether two paths name the same file, whether or not it exists.
func sameFile(a, b string) bool {
	return a == b || existsAs(a, b) || filepath.Base(a) == filepath.Base(b) && existsAs(filepath.Dir(a), filepath.Dir(b))
}

// existsAs reports whether two paths lead to one existing file or folder.
func existsAs(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

func (c *cli) revokeAppCommand() *cobra.Command {
	j := &job{kind: ledger.RevokeApp}
	var users string
	cmd := &cobra.Command{
		Use:   "revoke-app --run FILE APP",
		Short: "Revoke the refresh tokens of an app and the grants of its users",
		Long: `Revoke the refresh tokens of an app, also those of custom authorization servers, and the grants of its users.

APP is the ID or the client ID of the app, which need not be the same. A client ID that is no ID takes a call for each 200
apps to find.

It takes a call for all tokens, one or two for each custom authorization server, and one for each user; and as many to
verify, which reads all grants of each user, 200 a call. --users says whose grants are revoked: of the users who are
assigned to the app, of all, or of those for whom a review of all users has found some (review:FILE).`,
		Example: `  oktagrants revoke-app --run incident.db 0oafreepdf --dry-run
  oktagrants revoke-app --run incident.db 0oafreepdf --yes
  oktagrants revoke-app --run all.db 0oafreepdf --users all --deactivate --yes`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return wrong("revoke-app: expected the ID or client ID of one app%s", c.someApps())
			}
			j.args.Client = args[0]
			if err := setUsers(j, users); err != nil {
				return err
			}
			return c.carryOut(cmd.Context(), j)
		},
	}
	j.flags(cmd)
	j.consent.flags(cmd)
	cmd.Flags().StringVar(&users, "users", steps.Assigned,
		"revoke the grants of these `users`: assigned, all or review:FILE")
	// The flag exists, so that this cannot fail.
	_ = cmd.RegisterFlagCompletionFunc("users",
		cobra.FixedCompletions([]string{steps.Assigned, steps.All, "review:"}, cobra.ShellCompDirectiveNoSpace))
	cmd.Flags().BoolVar(&j.args.Deactivate, "deactivate", false, "deactivate the app first")
	return cmd
}

// setUsers sets whose grants a revoke-app revokes.
func setUsers(j *job, users string) error {
	review, isReview := strings.CutPrefix(users, "review:")
	switch {
	case isReview && review == "":
		return wrong("--users: review: is not followed by the file of a review")
	case isReview && ledger.CheckTarget(review) != nil:
		return wrong("--users: review: %w", ledger.CheckTarget(review))
	case isReview && sameFile(review, j.run):
		return wrong("--run and --users name the same file, %s", shownTarget(j.run))
	case isReview:
		j.args.UsersOf, j.args.Review = steps.Reviewed, review
	case users == steps.Assigned || users == steps.All:
		j.args.UsersOf = users
	default:
		return wrong("--users is %q: it must be assigned, all or review:FILE", users)
	}
	return nil
}

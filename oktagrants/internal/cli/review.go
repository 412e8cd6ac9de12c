package cli

import (
	"github.com/spf13/cobra"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

func (c *cli) reviewCommand() *cobra.Command {
	j := &job{kind: ledger.Review}
	var from string
	cmd := &cobra.Command{
		Use:   "review --run FILE",
		Short: "Read the grants of all users, or of some, for a report",
		Long: `Read the grants of all users, or of some, for a report, and with --tokens all refresh tokens.

It revokes nothing. It takes a call for each user and one for each 200 users, and about one for each custom authorization
server that grants name, to read the names of its scopes; with --tokens also one or more for each app and for each client
of each custom authorization server.`,
		Example: `  oktagrants review --run review.db
  oktagrants review --run finance.db --group 00gfinance
  oktagrants review --run suspended.db --search 'status eq "SUSPENDED"' --tokens --json
  oktagrants review --run some.db --from users.csv`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.fromList(cmd.Context(), j, from); err != nil {
				return err
			}
			return c.carryOut(cmd.Context(), j)
		},
	}
	j.flags(cmd)
	cmd.Flags().StringVar(&j.args.Search, "search", "", "review the users whom this `expression` of Okta's finds")
	cmd.Flags().StringVar(&j.args.Group, "group", "", "review the members of the group with this `ID`")
	cmd.Flags().BoolVar(&j.args.Tokens, "tokens", false, "read the refresh tokens of all apps, too")
	fromFlag(cmd, &from)
	filled(cmd, "search", "group", "from")
	exclusive(cmd, "search", "group")
	exclusive(cmd, "search", "from")
	exclusive(cmd, "group", "from")
	return cmd
}

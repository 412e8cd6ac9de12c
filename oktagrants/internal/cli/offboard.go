package cli

import (
	"github.com/spf13/cobra"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

func (c *cli) offboardCommand() *cobra.Command {
	j := &job{kind: ledger.Offboard}
	var from string
	cmd := &cobra.Command{
		Use:   "offboard --run FILE (USER... | --from FILE)",
		Short: "End the sessions of users, and revoke their refresh tokens and grants",
		Long: `End the sessions of users, revoke their refresh tokens and access tokens, and their grants.

It takes two calls for each user, and one to verify. With --keep-sessions it takes one call more for each app. It does not
deactivate the users. A list with a column for apps, grants or decisions is refused: all access of its users ends.`,
		Example: `  oktagrants offboard --run ada.db ada.archer@acme.example --dry-run
  oktagrants offboard --run january.db --from leavers.csv --yes
  oktagrants offboard --run kept.db ada.archer@acme.example ben.baker@acme.example --keep-sessions --yes`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && from == "" {
				return wrong("offboard: no users are given: name some by ID or login%s, or give --from FILE", c.someUsers())
			}
			if err := c.fromList(cmd.Context(), j, from); err != nil {
				return err
			}
			if j.args.Users = args; len(args) > 0 {
				j.input = named(args)
			}
			return c.carryOut(cmd.Context(), j)
		},
	}
	j.flags(cmd)
	j.consent.flags(cmd)
	fromFlag(cmd, &from)
	filled(cmd, "from")
	cmd.Flags().BoolVar(&j.args.KeepSessions, "keep-sessions", false,
		"revoke refresh tokens app by app, and end no sessions")
	return cmd
}

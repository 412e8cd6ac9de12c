package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/grantkit/okta"

	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// grantColumns are those of grants. About one call for each custom authorization server reads the names of scopes.
func grantColumns(ctx context.Context, t *target) []column[okta.OAuth2ScopeConsentGrant] {
	scope := scopeLabels(ctx, t)
	return []column[okta.OAuth2ScopeConsentGrant]{
		{"id", func(g *okta.OAuth2ScopeConsentGrant) string { return g.ID }},
		{"client", func(g *okta.OAuth2ScopeConsentGrant) string { return g.ClientID }},
		{"app", func(g *okta.OAuth2ScopeConsentGrant) string { return title(g.Links, "app", "client") }},
		{"scope", scope},
		{"scope_id", func(g *okta.OAuth2ScopeConsentGrant) string { return g.ScopeID }},
		{"status", func(g *okta.OAuth2ScopeConsentGrant) string { return string(g.Status) }},
		{"source", func(g *okta.OAuth2ScopeConsentGrant) string { return string(g.Source) }},
		{"created", func(g *okta.OAuth2ScopeConsentGrant) string { return timestamp(g.Created) }},
		{"updated", func(g *okta.OAuth2ScopeConsentGrant) string { return timestamp(g.LastUpdated) }},
	}
}

// scopeLabels returns what to call the scope of a grant: by name, or else by title, or else by ID. After an error it asks
// for no more names.
func scopeLabels(ctx context.Context, t *target) func(*okta.OAuth2ScopeConsentGrant) string {
	scopes, failed := steps.NewScopes(t.client), false
	return func(grant *okta.OAuth2ScopeConsentGrant) string {
		access := steps.Unnamed(grant)
		if !failed {
			named, err := scopes.Consent(ctx, grant)
			access, failed = named, err != nil
		}
		return strings.Join(access.Labels(), " ")
	}
}

// clientOf is the client ID of the app that --client gives; empty if it gives none.
func (c *cli) clientOf(ctx context.Context, t *target, given string) (string, error) {
	if given == "" {
		return "", nil
	}
	found, err := c.app(ctx, t, given)
	return found.client, err
}

// title is the first title that one of the links has.
func title(links okta.Links, relations ...string) string {
	for _, relation := range relations {
		if link, ok := links.Get(relation); ok && link.Title != "" {
			return link.Title
		}
	}
	return ""
}

func (c *cli) grantsCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "grants",
		Short: "List and revoke the consent grants of a user",
		Long:  "List and revoke the consent grants of a user: which app may do what on the user's behalf.",
		Example: `  oktagrants grants list ada.archer@acme.example
  oktagrants grants revoke-all ada.archer@acme.example --client 0oafreepdf --dry-run`,
	}, c.grantsList(), c.grantsGet(), c.grantsRevoke(), c.grantsRevokeAll())
}

func (c *cli) grantsList() *cobra.Command {
	var paging paging
	var clientID, scope string
	cmd := &cobra.Command{
		Use:   "list USER",
		Short: "List the grants of a user, all or those for one app",
		Example: `  oktagrants grants list ada.archer@acme.example
  oktagrants grants list ada.archer@acme.example --client 0oafreepdf --json
  oktagrants grants list 00u00000000000000001 --scope okta.users.read --csv`,
		Args: takes("USER"),
		RunE: c.forUser(func(ctx context.Context, target *target, user person, _ []string) error {
			client, err := c.clientOf(ctx, target, clientID)
			if err != nil {
				return err
			}
			page, err := listGrants(ctx, target, user.id, client, scope, paging)
			return printList(ctx, c, paging.format, grantColumns(ctx, target), page, err)
		}),
	}
	cmd.Flags().StringVar(&clientID, "client", "", "list only grants for the app with this `ID` or client ID")
	cmd.Flags().StringVar(&scope, "scope", "", "list only grants of the scope with this `ID`, which is its name at the org's own server")
	filled(cmd, "client", "scope")
	exclusive(cmd, "client", "scope")
	expandFlag(cmd, &paging.expand)
	paging.flags(cmd)
	return cmd
}

func listGrants(
	ctx context.Context, target *target, userID, clientID, scope string, paging paging,
) (*okta.Page[okta.OAuth2ScopeConsentGrant], error) {
	grants, opts := target.client.UserGrants, paging.options()
	if clientID != "" {
		return grants.ListForClient(ctx, userID, clientID, opts)
	}
	return grants.List(ctx, userID, &okta.ListUserGrantsOptions{
		ScopeID: scope, Expand: opts.Expand, After: opts.After, Limit: opts.Limit,
	})
}

func (c *cli) grantsGet() *cobra.Command {
	var format format
	var expand bool
	cmd := &cobra.Command{
		Use:     "get USER GRANT",
		Short:   "Show one grant of a user",
		Example: `  oktagrants grants get ada.archer@acme.example oagada1 --json`,
		Args:    takes("USER", "GRANT"),
		RunE: c.forUser(func(ctx context.Context, target *target, user person, args []string) error {
			grant, err := target.client.UserGrants.Get(ctx, user.id, args[1], &okta.GetOptions{Expand: expansion(expand)})
			return printOne(c, format, grantColumns(ctx, target), grant, err)
		}),
	}
	expandFlag(cmd, &expand)
	format.flags(cmd)
	return cmd
}

func (c *cli) grantsRevoke() *cobra.Command {
	var flags revoking
	cmd := &cobra.Command{
		Use:     "revoke USER GRANT",
		Short:   "Revoke one grant of a user; tokens that were issued under it stay valid",
		Example: `  oktagrants grants revoke ada.archer@acme.example oagada1 --yes`,
		Args:    takes("USER", "GRANT"),
		RunE: c.forUser(func(ctx context.Context, target *target, user person, args []string) error {
			plan := &revocation{
				Org: target.host, What: "the grant " + args[1], User: user.id, Login: user.login, Grant: args[1],
			}
			return c.revoke(ctx, flags, plan, func() error {
				return target.client.UserGrants.Revoke(ctx, user.id, args[1])
			})
		}),
	}
	flags.flags(cmd)
	return cmd
}

func (c *cli) grantsRevokeAll() *cobra.Command {
	var flags revoking
	var clientID string
	cmd := &cobra.Command{
		Use:   "revoke-all USER",
		Short: "Revoke all grants of a user, or those for one app; tokens that were issued under them stay valid",
		Example: `  oktagrants grants revoke-all ada.archer@acme.example --dry-run
  oktagrants grants revoke-all ada.archer@acme.example --client 0oafreepdf --yes`,
		Args: takes("USER"),
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("client") && clientID == "" {
				return wrong("grants revoke-all: --client is empty; without it, the grants for all apps are revoked")
			}
			return nil
		},
		RunE: c.forUser(func(ctx context.Context, target *target, user person, _ []string) error {
			client, err := c.clientOf(ctx, target, clientID)
			if err != nil {
				return err
			}
			plan := &revocation{
				Org: target.host, What: "all grants", User: user.id, Login: user.login, Client: client,
			}
			return c.revoke(ctx, flags, plan, func() error {
				if clientID != "" {
					return target.client.UserGrants.RevokeAllForClient(ctx, user.id, client)
				}
				return target.client.UserGrants.RevokeAll(ctx, user.id)
			})
		}),
	}
	cmd.Flags().StringVar(&clientID, "client", "", "revoke only grants for the app with this `ID` or client ID")
	flags.flags(cmd)
	return cmd
}

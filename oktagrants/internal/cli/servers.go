package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/grantkit/okta"
)

var clientColumns = []column[okta.OAuth2Client]{
	{"id", func(o *okta.OAuth2Client) string { return o.ClientID }},
	{"name", func(o *okta.OAuth2Client) string { return o.ClientName }},
	{"uri", func(o *okta.OAuth2Client) string { return o.ClientURI }},
}

func (c *cli) serverClientsCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "server-clients",
		Short:   "List the apps that have refresh tokens of a custom authorization server",
		Example: `  oktagrants server-clients list default`,
	}, c.serverClientsList())
}

func (c *cli) serverClientsList() *cobra.Command {
	var format format
	cmd := &cobra.Command{
		Use:     "list SERVER",
		Short:   "List the apps that have refresh tokens of a custom authorization server",
		Example: `  oktagrants server-clients list auspartners --json`,
		Args:    takes("SERVER"),
		RunE: c.forOrg(func(ctx context.Context, target *target, args []string) error {
			page, err := target.client.AuthorizationServerClients.List(ctx, args[0], nil)
			return printList(ctx, c, format, clientColumns, page, err)
		}),
	}
	format.flags(cmd)
	return cmd
}

func (c *cli) serverTokensCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "server-tokens",
		Short: "List and revoke the refresh tokens that an app has of a custom authorization server",
		Example: `  oktagrants server-tokens list default 0oafreepdf
  oktagrants server-tokens revoke-all default 0oafreepdf --dry-run`,
	}, c.serverTokensList(), c.serverTokensGet(), c.serverTokensRevoke(), c.serverTokensRevokeAll())
}

func (c *cli) serverTokensList() *cobra.Command {
	var paging paging
	cmd := &cobra.Command{
		Use:     "list SERVER CLIENT",
		Short:   "List the refresh tokens that an app has of an authorization server, for all users",
		Example: `  oktagrants server-tokens list auspartners 0oacrm --csv`,
		Args:    takes("SERVER", "CLIENT"),
		RunE: c.forApp(func(ctx context.Context, target *target, args []string) error {
			page, err := target.client.AuthorizationServerClients.ListRefreshTokens(ctx, args[0], args[1], paging.options())
			return printList(ctx, c, paging.format, tokenColumns, page, err)
		}),
	}
	expandFlag(cmd, &paging.expand)
	paging.flags(cmd)
	return cmd
}

func (c *cli) serverTokensGet() *cobra.Command {
	var format format
	var expand bool
	cmd := &cobra.Command{
		Use:     "get SERVER CLIENT TOKEN",
		Short:   "Show one refresh token that an app has of an authorization server",
		Example: `  oktagrants server-tokens get default 0oafreepdf oarada1`,
		Args:    takes("SERVER", "CLIENT", "TOKEN"),
		RunE: c.forApp(func(ctx context.Context, target *target, args []string) error {
			opts := &okta.GetOptions{Expand: expansion(expand)}
			token, err := target.client.AuthorizationServerClients.GetRefreshToken(ctx, args[0], args[1], args[2], opts)
			return printOne(c, format, tokenColumns, token, err)
		}),
	}
	expandFlag(cmd, &expand)
	format.flags(cmd)
	return cmd
}

func (c *cli) serverTokensRevoke() *cobra.Command {
	var flags revoking
	cmd := &cobra.Command{
		Use:     "revoke SERVER CLIENT TOKEN",
		Short:   "Revoke one refresh token that an app has of an authorization server; the grants stay",
		Example: `  oktagrants server-tokens revoke default 0oafreepdf oarada1 --yes`,
		Args:    takes("SERVER", "CLIENT", "TOKEN"),
		RunE: c.forApp(func(ctx context.Context, target *target, args []string) error {
			plan := &revocation{
				Org: target.host, What: "the refresh token " + args[2], Server: args[0], Client: args[1], Token: args[2],
			}
			return c.revoke(ctx, flags, plan, func() error {
				return target.client.AuthorizationServerClients.RevokeRefreshToken(ctx, args[0], args[1], args[2])
			})
		}),
	}
	flags.flags(cmd)
	return cmd
}

func (c *cli) serverTokensRevokeAll() *cobra.Command {
	var flags revoking
	cmd := &cobra.Command{
		Use:     "revoke-all SERVER CLIENT",
		Short:   "Revoke all refresh tokens that an app has of an authorization server, for all users; the grants stay",
		Example: `  oktagrants server-tokens revoke-all default 0oafreepdf --yes`,
		Args:    takes("SERVER", "CLIENT"),
		RunE: c.forApp(func(ctx context.Context, target *target, args []string) error {
			plan := &revocation{
				Org: target.host, What: "all refresh tokens of all users", Server: args[0], Client: args[1],
			}
			return c.revoke(ctx, flags, plan, func() error {
				return target.client.AuthorizationServerClients.RevokeAllRefreshTokens(ctx, args[0], args[1])
			})
		}),
	}
	flags.flags(cmd)
	return cmd
}

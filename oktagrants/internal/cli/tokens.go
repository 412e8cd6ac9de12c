package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/grantkit/okta"
)

var tokenColumns = []column[okta.OAuth2RefreshToken]{
	{"id", func(t *okta.OAuth2RefreshToken) string { return t.ID }},
	{"user", func(t *okta.OAuth2RefreshToken) string { return t.UserID }},
	{"client", func(t *okta.OAuth2RefreshToken) string { return t.ClientID }},
	{"issuer", func(t *okta.OAuth2RefreshToken) string { return t.Issuer }},
	{"status", func(t *okta.OAuth2RefreshToken) string { return string(t.Status) }},
	{"scopes", func(t *okta.OAuth2RefreshToken) string { return strings.Join(t.Scopes, " ") }},
	{"created", func(t *okta.OAuth2RefreshToken) string { return timestamp(t.Created) }},
	{"updated", func(t *okta.OAuth2RefreshToken) string { return timestamp(t.LastUpdated) }},
	{"expires", func(t *okta.OAuth2RefreshToken) string { return timestamp(t.ExpiresAt) }},
}

func (c *cli) tokensCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "tokens",
		Short: "List and revoke the refresh tokens that an app has for a user",
		Example: `  oktagrants tokens list ada.archer@acme.example 0oafreepdf
  oktagrants tokens revoke-all ada.archer@acme.example 0oafreepdf --dry-run`,
	}, c.tokensList(), c.tokensGet(), c.tokensRevoke(), c.tokensRevokeAll())
}

func (c *cli) tokensList() *cobra.Command {
	var paging paging
	cmd := &cobra.Command{
		Use:     "list USER CLIENT",
		Short:   "List the refresh tokens that an app has for a user",
		Example: `  oktagrants tokens list ada.archer@acme.example 0oafreepdf --json`,
		Args:    takes("USER", "CLIENT"),
		RunE: c.forUserAndApp(func(ctx context.Context, target *target, user person, args []string) error {
			page, err := target.client.UserOAuth.ListRefreshTokens(ctx, user.id, args[1], paging.options())
			return printList(ctx, c, paging.format, tokenColumns, page, err)
		}),
	}
	expandFlag(cmd, &paging.expand)
	paging.flags(cmd)
	return cmd
}

func (c *cli) tokensGet() *cobra.Command {
	var format format
	var expand bool
	cmd := &cobra.Command{
		Use:     "get USER CLIENT TOKEN",
		Short:   "Show one refresh token that an app has for a user",
		Example: `  oktagrants tokens get ada.archer@acme.example 0oafreepdf oarada1 --expand --json`,
		Args:    takes("USER", "CLIENT", "TOKEN"),
		RunE: c.forUserAndApp(func(ctx context.Context, target *target, user person, args []string) error {
			opts := &okta.GetOptions{Expand: expansion(expand)}
			token, err := target.client.UserOAuth.GetRefreshToken(ctx, user.id, args[1], args[2], opts)
			return printOne(c, format, tokenColumns, token, err)
		}),
	}
	expandFlag(cmd, &expand)
	format.flags(cmd)
	return cmd
}

func (c *cli) tokensRevoke() *cobra.Command {
	var flags revoking
	cmd := &cobra.Command{
		Use:     "revoke USER CLIENT TOKEN",
		Short:   "Revoke one refresh token and the access tokens issued with it; the grants stay",
		Example: `  oktagrants tokens revoke ada.archer@acme.example 0oafreepdf oarada1 --yes`,
		Args:    takes("USER", "CLIENT", "TOKEN"),
		RunE: c.forUserAndApp(func(ctx context.Context, target *target, user person, args []string) error {
			plan := &revocation{
				Org: target.host, What: "the refresh token " + args[2], User: user.id, Login: user.login,
				Client: args[1], Token: args[2],
			}
			return c.revoke(ctx, flags, plan, func() error {
				return target.client.UserOAuth.RevokeRefreshToken(ctx, user.id, args[1], args[2])
			})
		}),
	}
	flags.flags(cmd)
	return cmd
}

func (c *cli) tokensRevokeAll() *cobra.Command {
	var flags revoking
	cmd := &cobra.Command{
		Use:     "revoke-all USER CLIENT",
		Short:   "Revoke all refresh tokens that an app has for a user; the grants stay",
		Example: `  oktagrants tokens revoke-all ada.archer@acme.example 0oafreepdf --yes`,
		Args:    takes("USER", "CLIENT"),
		RunE: c.forUserAndApp(func(ctx context.Context, target *target, user person, args []string) error {
			plan := &revocation{
				Org: target.host, What: "all refresh tokens", User: user.id, Login: user.login, Client: args[1],
			}
			return c.revoke(ctx, flags, plan, func() error {
				return target.client.UserOAuth.RevokeAllRefreshTokens(ctx, user.id, args[1])
			})
		}),
	}
	flags.flags(cmd)
	return cmd
}

package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/grantkit/okta"

	"github.com/grantkit/okta/oktagrants/internal/report"
	"github.com/grantkit/okta/oktagrants/internal/run"
)

// paging are the flags of a command that lists.
type paging struct {
	after  string
	limit  int
	expand bool
	format format
}

func (p *paging) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.after, "after", "", "go on after this `cursor`, which an incomplete list names")
	cmd.Flags().IntVar(&p.limit, "limit", 0, "read `n` items a request, at most 200 (default 200)")
	p.format.flags(cmd)
}

func (p *paging) options() *okta.ListOptions {
	return &okta.ListOptions{Expand: expansion(p.expand), After: p.after, Limit: p.limit}
}

func expandFlag(cmd *cobra.Command, expand *bool) {
	cmd.Flags().BoolVar(expand, "expand", false, "ask for the details of the scopes, which --json shows")
}

func expansion(expand bool) okta.Expand {
	if expand {
		return okta.ExpandScope
	}
	return ""
}

// printList writes all pages of a list. If one cannot be read, the error says where to go on.
func printList[T any](
	ctx context.Context, c *cli, format format, columns []column[T], first *okta.Page[T], err error,
) error {
	if err != nil {
		return err
	}
	written, cursor := newList(c.out, format, columns), ""
	total := 0
	for page, err := range first.Pages(ctx) {
		if err != nil {
			return c.incomplete(format, total, cursor, err)
		}
		if err := written.page(page.Items); err != nil {
			return fmt.Errorf("write the list: %w", err)
		}
		total += len(page.Items)
		cursor = page.Cursor()
	}
	return nil
}

// incomplete is the error of a list of which only some pages could be read. A table says so itself, too: CSV and JSON
// have no place for it.
func (c *cli) incomplete(format format, total int, cursor string, err error) error {
	if !format.csv && !format.json {
		_, _ = io.WriteString(c.out, "INCOMPLETE: more follow\n")
	}
	return &failure{run.ExitIncomplete, fmt.Errorf("the list is incomplete: after %d items, %w; "+
		"go on with --after %s", total, err, shellQuoted(cursor))}
}

// printOne writes what a command has read.
func printOne[T any](c *cli, format format, columns []column[T], item *T, err error) error {
	if err != nil {
		return err
	}
	return newList(c.out, format, columns).page([]T{*item})
}

// revocation is what one call revokes: the plan before it, the result after it.
type revocation struct {
	object

	Org    string `json:"org"`
	What   string `json:"what"` // in words
	User   string `json:"user,omitempty"`
	Login  string `json:"login,omitempty"`
	Client string `json:"client,omitempty"`
	Server string `json:"server,omitempty"`
	Grant  string `json:"grant,omitempty"`
	Token  string `json:"token,omitempty"`
}

func (r *revocation) String() string {
	text := r.What
	if r.User != "" {
		text += " of the user " + person{r.User, r.Login}.String()
	}
	if r.Client != "" {
		text += " for the client " + r.Client
	}
	if r.Server != "" {
		text += " on the authorization server " + r.Server
	}
	return report.Visible(text + " in " + r.Org)
}

// revoking are the flags of a command that revokes by one call.
type revoking struct {
	consent consent
	json    bool
}

func (r *revoking) flags(cmd *cobra.Command) {
	r.consent.flags(cmd)
	cmd.Flags().BoolVar(&r.json, "json", false, "write the plan, or what was revoked, as JSON")
}

// revoke shows what a call revokes, and makes the call if it may.
func (c *cli) revoke(ctx context.Context, flags revoking, plan *revocation, call func() error) error {
	plan.object = newObject("revocation-plan")
	if flags.consent.yes || c.asks(flags.consent) {
		_, _ = fmt.Fprintf(c.err, "This revokes %s.\n", plan)
	} else if err := c.showRevocation(flags, "Would revoke", plan); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	goes, err := c.goesAhead(ctx, flags.consent, plan.Org)
	if err != nil || !goes {
		return err
	}
	if err := call(); err != nil {
		return err
	}
	plan.object = newObject("revocation")
	if err := c.showRevocation(flags, "Revoked", plan); err != nil {
		return fmt.Errorf("it was revoked, but that cannot be shown: %w", err)
	}
	return nil
}

func (c *cli) showRevocation(flags revoking, verb string, plan *revocation) error {
	if flags.json {
		return writeJSON(c.out, plan)
	}
	_, err := fmt.Fprintf(c.out, "%s %s.\n", verb, plan)
	return err
}

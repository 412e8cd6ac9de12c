// Offboard revokes the access of all OAuth clients to a user: their refresh tokens and the user's consent grants.
//
//	go run ./examples/offboard                            (a user of a demo org in memory)
//	go run ./examples/offboard -yes ann@example.com
//
// Without -yes, it only shows what it would revoke. It works on the org that the configuration of Okta's SDKs names
// (see okta.LoadConfig), with an API token or a service app that has the scopes okta.users.read and okta.users.manage.
// Deactivate the user there first: a user who can sign in can consent again. The exit code is 1 if a request failed or
// anything is left, and 2 if the arguments or the configuration are wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/examples/internal/access"
	"github.com/grantkit/okta/examples/internal/connect"
)

const usage = `usage: offboard [flags] [user ID or login]

Revokes the refresh tokens and consent grants of a user: of a demo org, or of the org that OKTA_CLIENT_ORGURL or an
okta.yaml file names.

flags, which go before the user:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], okta.LoadConfig, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, load func() (okta.Config, error), stdout, stderr io.Writer) int {
	out, problems := log.New(stdout, "", 0), log.New(stderr, "offboard: ", 0)
	flags := flag.NewFlagSet("offboard", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	yes := flags.Bool("yes", false, "revoke, and not only show what would be revoked")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		help(stdout, flags)
		return 0
	case err == nil && flags.NArg() > 1:
		err = errors.New("one user for each run, after the flags")
	case err == nil && slices.Contains(flags.Args(), ""):
		err = errors.New("the user is empty")
	}
	if err != nil {
		problems.Print(err)
		help(stderr, flags)
		return 2
	}
	org, err := connect.Open(load, flags.Args(), stderr)
	if err != nil {
		problems.Print(err)
		return 2
	}
	defer org.Close()
	user := org.Users[0]
	userID, err := access.UserID(ctx, org.Client, user)
	if err != nil {
		problems.Printf("nothing was revoked: %v", err)
		return 1
	}
	out.Printf("Org:  %s\nUser: %s\nID:   %s\n\n", org.Name, user, userID)
	j := &job{client: org.Client, userID: userID, out: out, problems: problems}
	return j.do(ctx, *yes)
}

func help(w io.Writer, flags *flag.FlagSet) {
	_, _ = io.WriteString(w, usage)
	flags.SetOutput(w)
	flags.PrintDefaults()
}

// job is the off-boarding of one user.
type job struct {
	client        *okta.Client
	userID        string
	out, problems *log.Logger
}

// do returns the exit code.
func (j *job) do(ctx context.Context, yes bool) int {
	found, err := j.list(ctx)
	switch {
	case err != nil:
		j.problems.Printf("nothing was revoked: %v", err)
		return 1
	case len(found.Grants)+len(found.Tokens) == 0:
		j.out.Print("There is nothing to revoke.")
		return 0
	}
	j.show(found)
	if !yes {
		j.out.Print("\nNothing was revoked. Run it again with -yes to revoke all of these.")
		return 0
	}
	j.out.Print()
	code := j.revoke(ctx, found.Apps)

	left, err := j.list(ctx)
	switch {
	case err != nil:
		j.problems.Printf("what is left is unknown: %v", err)
		return 1
	case len(left.Grants)+len(left.Tokens) > 0:
		j.problems.Print("not all is revoked")
		j.out.Print("\nThis is left:")
		j.show(left)
		return 1
	}
	j.out.Print("\nNothing is left.")
	return code
}

// revoke continues after a failure, to revoke as much as it can.
//
// It begins with the refresh tokens: each gives access now, and would outlast its consent if the run were interrupted.
// A consent only lets its client get new tokens; do lists everything again to find any that were issued in between.
func (j *job) revoke(ctx context.Context, apps []okta.OAuth2Client) (code int) {
	report := func(what string, err error) {
		if err != nil {
			j.problems.Printf("%s: %v", what, err)
			code = 1
			return
		}
		j.out.Print("Revoked: ", what)
	}
	for _, app := range apps {
		err := j.client.UserOAuth.RevokeAllRefreshTokens(ctx, j.userID, app.ClientID)
		report("refresh tokens of "+app.ClientID, err)
	}
	report("grants", j.client.UserGrants.RevokeAll(ctx, j.userID))
	return code
}

func (j *job) show(a *access.Access) {
	j.out.Printf("Refresh tokens: %d", len(a.Tokens))
	for _, t := range a.Tokens {
		j.out.Printf("  %-20s  %-20s  %s", t.ID, t.ClientID, strings.Join(t.Scopes, " "))
	}
	j.out.Printf("Grants: %d", len(a.Grants))
	for _, g := range a.Grants {
		j.out.Printf("  %-20s  %-20s  %s", g.ID, g.ClientID, g.ScopeID)
	}
}

// list returns the user's access, without the grants and tokens that are listed as revoked.
func (j *job) list(ctx context.Context) (*access.Access, error) {
	found, err := access.Read(ctx, j.client, j.userID)
	if err != nil {
		return nil, err
	}
	found.Grants = slices.DeleteFunc(found.Grants, func(g okta.OAuth2ScopeConsentGrant) bool {
		return g.Status == okta.StatusRevoked
	})
	found.Tokens = slices.DeleteFunc(found.Tokens, func(t okta.OAuth2RefreshToken) bool {
		return t.Status == okta.StatusRevoked
	})
	return found, nil
}

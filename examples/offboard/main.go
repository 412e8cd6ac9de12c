// Offboard takes the access of all OAuth clients to a user away: their refresh tokens and the user's consent grants.
//
//	go run ./examples/offboard                            (a user of a demo org in memory)
//	go run ./examples/offboard -yes ann@example.com
//
// It only shows what it would revoke unless -yes is given. With OKTA_CLIENT_ORGURL and OKTA_CLIENT_TOKEN set, it works on
// that org; there, deactivate the user first, as who can sign in can consent again. The exit code is 1 if anything failed
// or is left, and 2 if arguments or environment were wrong.
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

const usage = "usage: offboard [-yes] user-ID-or-login\n"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	out, problems := log.New(stdout, "", 0), log.New(stderr, "offboard: ", 0)
	flags := flag.NewFlagSet("offboard", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	yes := flags.Bool("yes", false, "")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		out.Print(usage)
		return 0
	case err == nil && flags.NArg() > 1:
		err = errors.New("one user for each run, after the flags")
	case err == nil && slices.Contains(flags.Args(), ""):
		err = errors.New("the user is empty")
	}
	if err != nil {
		problems.Printf("%v\n%s", err, usage)
		return 2
	}
	org, err := connect.FromEnv(getenv, flags.Args())
	if err != nil {
		problems.Printf("%v\n%s", err, usage)
		return 2
	}
	defer org.Close()
	j := &job{client: org.Client, user: org.Users[0], out: out, problems: problems}
	out.Printf("Org:  %s\nUser: %s\n\n", org.Name, j.user)
	return j.do(ctx, *yes)
}

// job is the off-boarding of one user.
type job struct {
	client        *okta.Client
	user          string
	out, problems *log.Logger
}

// do returns the exit code.
func (j *job) do(ctx context.Context, yes bool) int {
	var err error
	if j.user, err = access.UserID(ctx, j.client, j.user); err != nil {
		j.problems.Printf("nothing was revoked: %v", err)
		return 1
	}
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

// revoke carries on after a failure, to take away as much as it can.
//
// The refresh tokens go first: each gives access right now, and would outlive its consent if the run broke off. A consent
// only lets its client ask for new tokens; those given out before the consents are gone are found when all is listed again.
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
		report("refresh tokens of "+app.ClientID, j.client.UserOAuth.RevokeAllRefreshTokens(ctx, j.user, app.ClientID))
	}
	report("grants", j.client.UserGrants.RevokeAll(ctx, j.user))
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

// list returns all of the user's access. What is revoked but still listed gives none.
func (j *job) list(ctx context.Context) (*access.Access, error) {
	found, err := access.Read(ctx, j.client, j.user)
	if err != nil {
		return nil, err
	}
	found.Grants = slices.DeleteFunc(found.Grants, func(g okta.OAuth2ScopeConsentGrant) bool { return g.Status == okta.StatusRevoked })
	found.Tokens = slices.DeleteFunc(found.Tokens, func(t okta.OAuth2RefreshToken) bool { return t.Status == okta.StatusRevoked })
	return found, nil
}

// Oktatestd serves an Okta org in memory, for scripts and for programs in other languages.
//
//	oktatestd                                  (ten users at http://127.0.0.1:8080)
//	oktatestd -address 127.0.0.1:0 -users 5000 -limit 600 -token 00secret
//
// It prints the org's URL and the header that authenticates, then serves until it gets SIGINT or SIGTERM. Each user
// has grants for three apps and a refresh token for each of them. The app Partner Portal has a client
// ID other than its ID, and uses the custom authorization server auspartners, whose scopes have opaque IDs. The content
// is the same each time, and all changes are lost at the end. Package oktatest documents what the org does. The exit code is 1 if the address cannot be
// served, and 2 if the arguments are wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/grantkit/okta/oktatest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code) //nolint:forbidigo // a program ends with an exit code
}

// settings are the values of the flags.
type settings struct {
	address string
	users   int
	limit   int
	token   string
}

const usage = `Usage of oktatestd:
Oktatestd serves an Okta org in memory. Each user has grants and a refresh token for three apps:
  Calendar        0oacalendar: consents to the org's own authorization server, a token of "default"
  Notes           0oanotes: the same
  Partner Portal  0oapartner, whose client ID is partner-portal: a consent to and a token of the custom
                  authorization server auspartners, whose scopes have opaque IDs
All users are in the group 00geveryone.

`

// parse reads the flags. What is wrong with them is written to output.
func parse(args []string, output io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("oktatestd", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.Usage = func() {
		_, _ = io.WriteString(output, usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&s.address, "address", "127.0.0.1:8080", "host and `port` to serve; port 0 takes a free one")
	flags.IntVar(&s.users, "users", 10, "`number` of users")
	flags.IntVar(&s.limit, "limit", 0, "`requests` a minute to each rate limit bucket; 0 for no limit")
	flags.StringVar(&s.token, "token", oktatest.DemoToken, "the API `token` that the org accepts")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	var err error
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("unknown argument %q", flags.Arg(0))
	case s.users < 0 || s.limit < 0:
		err = errors.New("-users and -limit must not be negative")
	case s.token == "":
		err = errors.New("-token must not be empty")
	}
	if err != nil {
		_, _ = fmt.Fprintf(output, "oktatestd: %v\n", err)
		flags.Usage()
	}
	return s, err
}

// run serves an org until the context ends, and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.address)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "oktatestd: %v\n", err)
		return 1
	}
	org := oktatest.New(oktatest.Options{Listener: listener, LogSize: -1})
	defer org.Close()
	org.AcceptAPIToken(s.token)
	fill(org, s.users)
	limit(org, s.limit)

	_, _ = fmt.Fprintf(stdout, "URL:   %s\nUsers: %d\nSend the header \"Authorization: SSWS %s\", for example:\n"+
		"curl -H 'Authorization: SSWS %s' %s/api/v1/users\n", org.URL, s.users, s.token, s.token, org.URL)
	<-ctx.Done()
	return 0
}

// fill adds users, all of them in one group, with grants and refresh tokens.
func fill(org *oktatest.Org, users int) {
	apps := []oktatest.Client{
		org.AddClient(oktatest.Client{ID: "0oacalendar", Name: "Calendar"}),
		org.AddClient(oktatest.Client{ID: "0oanotes", Name: "Notes"}),
	}
	portal := org.AddClient(oktatest.Client{
		ID: oktatest.DemoPartnerAppID, ClientID: oktatest.DemoPartnerClientID, Name: "Partner Portal",
	})
	partners := addPartners(org)
	var ids []string
	for n := range users {
		user := org.AddUser(oktatest.User{Login: fmt.Sprintf("user%d@example.com", n+1)})
		ids = append(ids, user.ID)
		for _, app := range apps {
			org.AddGrant(oktatest.Grant{UserID: user.ID, ClientID: app.ID, ScopeID: "openid"})
			org.AddGrant(oktatest.Grant{UserID: user.ID, ClientID: app.ID, ScopeID: "offline_access"})
			org.AddRefreshToken(oktatest.RefreshToken{UserID: user.ID, ClientID: app.ID})
		}
		org.AddGrant(oktatest.Grant{UserID: user.ID, ClientID: portal.ClientID, ScopeID: oktatest.DemoScopeID})
		org.AddRefreshToken(oktatest.RefreshToken{
			UserID: user.ID, ClientID: portal.ClientID, AuthorizationServerID: partners.ID,
			Scopes: []string{"invoices.read", "offline_access"},
		})
	}
	for _, app := range append(apps, portal) {
		org.AssignUsers(app.ID, ids...)
	}
	org.AddGroup(oktatest.Group{ID: oktatest.DemoGroupID, UserIDs: ids})
}

// addPartners adds a custom authorization server with scopes.
func addPartners(org *oktatest.Org) oktatest.AuthorizationServer {
	partners := org.AddAuthorizationServer(oktatest.AuthorizationServer{
		ID: oktatest.DemoPartnerServerID, Name: "Partners",
	})
	for _, scope := range []oktatest.Scope{
		{ID: oktatest.DemoScopeID, Name: "invoices.read", DisplayName: "Supplier invoices"},
		{ID: "scp4ug8sDx0JmQ2Vb9d7", Name: "offline_access", System: true, Consent: "IMPLICIT"},
	} {
		scope.AuthorizationServerID = partners.ID
		org.AddScope(scope)
	}
	return partners
}

// limit limits each bucket to so many requests a minute.
func limit(org *oktatest.Org, requests int) {
	if requests == 0 {
		return
	}
	for _, bucket := range oktatest.Buckets() {
		org.LimitRate(bucket, requests, time.Minute)
	}
}

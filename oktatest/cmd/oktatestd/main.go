// Oktatestd serves an Okta org in memory, for scripts and for programs in other languages.
//
//	oktatestd                                  (ten users at http://127.0.0.1:8080)
//	oktatestd -address 127.0.0.1:0 -users 5000 -limit 600 -token 00secret
//
// It prints the org's URL and the header that authenticates, then serves until it gets SIGINT or SIGTERM. Each user
// has grants for two apps and a refresh token for each of them; the content is the same each time, and all changes
// are lost at the end. Package oktatest documents what the org does. The exit code is 1 if the address cannot be
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

// parse reads the flags. What is wrong with them is written to output.
func parse(args []string, output io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("oktatestd", flag.ContinueOnError)
	flags.SetOutput(output)
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
	var ids []string
	for n := range users {
		user := org.AddUser(oktatest.User{Login: fmt.Sprintf("user%d@example.com", n+1)})
		ids = append(ids, user.ID)
		for _, app := range apps {
			org.AddGrant(oktatest.Grant{UserID: user.ID, ClientID: app.ID, ScopeID: "openid"})
			org.AddGrant(oktatest.Grant{UserID: user.ID, ClientID: app.ID, ScopeID: "offline_access"})
			org.AddRefreshToken(oktatest.RefreshToken{UserID: user.ID, ClientID: app.ID})
		}
	}
	for _, app := range apps {
		org.AssignUsers(app.ID, ids...)
	}
	org.AddGroup(oktatest.Group{ID: oktatest.DemoGroupID, UserIDs: ids})
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

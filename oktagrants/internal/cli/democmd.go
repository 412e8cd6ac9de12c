package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/grantkit/okta"

	"github.com/grantkit/okta/oktagrants/internal/demo"
)

// demoOrg is the org in memory. It starts when it is first needed.
type demoOrg struct {
	users int
	limit string // requests in a window, such as 600/1s
	org   *demo.Org
}

func (c *cli) demoCommand() *cobra.Command {
	inDemo := *c
	inDemo.demo = &demoOrg{}
	c.atExit = inDemo.demo.stop
	commands := inDemo.orgCommands()
	for _, command := range commands {
		exampleInDemo(command)
	}
	cmd := group(&cobra.Command{
		Use:   "demo",
		Short: "Try the commands on an org in memory, with no account",
		Long: `Try the commands on an org in memory, with no account.

It has the same data each time, and what is revoked in it is there again the next time. Without --run, a run is kept in
a new temporary folder.`,
		Example: `  oktagrants demo review
  oktagrants demo offboard ada.archer@acme.example --yes
  oktagrants demo revoke-app 0oafreepdf --yes
  oktagrants demo grants list ada.archer@acme.example`,
	})
	cmd.AddGroup(jobGroup, callGroup)
	cmd.AddCommand(commands...)
	cmd.PersistentFlags().IntVar(&inDemo.demo.users, "demo-users", 2000, "make an org of `n` users")
	cmd.PersistentFlags().StringVar(&inDemo.demo.limit, "demo-limit", "600/1s",
		"allow so many `requests/window` in each of its rate limit buckets")
	return cmd
}

// exampleInDemo turns the examples of a command, and of those below it, into examples of the demo.
func exampleInDemo(cmd *cobra.Command) {
	cmd.Example = strings.ReplaceAll(cmd.Example, "  oktagrants ", "  oktagrants demo ")
	for _, command := range cmd.Commands() {
		exampleInDemo(command)
	}
}

// start starts the org, and returns its configuration and the window of its rate limits.
func (d *demoOrg) start() (okta.Config, time.Duration, error) {
	if d.users < 1 || d.users > maxDemoUsers {
		return okta.Config{}, 0, wrong("--demo-users is %d: it must be between 1 and %s", d.users, count(maxDemoUsers))
	}
	limit, window, err := parseLimit(d.limit)
	if err != nil {
		return okta.Config{}, 0, wrong("--demo-limit: %w", err)
	}
	d.org = demo.Start(demo.Options{Users: d.users, Limit: limit, Window: window, Now: time.Now()})
	return d.org.Config(), window, nil
}

// maxDemoUsers bounds the memory of the org: a user takes some 5 KB.
const maxDemoUsers = 1_000_000

func (d *demoOrg) stop() {
	if d.org != nil {
		d.org.Close()
	}
}

// parseLimit reads a rate limit such as 600/1s. A window is at least a second, as Okta's headers count in seconds.
func parseLimit(text string) (requests int, window time.Duration, err error) {
	number, span, found := strings.Cut(text, "/")
	requests, errNumber := strconv.Atoi(number)
	window, errSpan := time.ParseDuration(span)
	if !found || errNumber != nil || errSpan != nil || requests < 1 || window < time.Second {
		return 0, 0, fmt.Errorf("%q is no rate limit such as 600/1s, with a window of at least a second", text)
	}
	return requests, window, nil
}

// someUsers names users of the demo, for an error.
func (c *cli) someUsers() string {
	if c.demo == nil {
		return ""
	}
	return ", such as " + strings.Join(demo.Logins(3), ", ")
}

// someApps names apps of the demo, for an error.
func (c *cli) someApps() string {
	if c.demo == nil {
		return ""
	}
	return ", such as " + strings.Join(demo.Apps(3), ", ")
}

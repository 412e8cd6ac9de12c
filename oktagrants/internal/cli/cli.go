// Package cli is the command line of oktagrants.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/grantkit/okta"
)

// Env is what a command has of the machine around it, but for its streams.
type Env struct {
	LoadConfig  func() (okta.Config, error) // as okta.LoadConfig
	TerminalIn  bool                        // standard input is a terminal
	TerminalErr bool                        // standard error is a terminal
	Width       func() int                  // of the terminal, in characters
}

// System returns the Env of this process.
func System() Env {
	in, stderr := int(os.Stdin.Fd()), int(os.Stderr.Fd())
	return Env{
		LoadConfig:  okta.LoadConfig,
		TerminalIn:  term.IsTerminal(in),
		TerminalErr: term.IsTerminal(stderr),
		Width: func() int {
			width, _, err := term.GetSize(stderr)
			if err != nil {
				return 80
			}
			return width
		},
	}
}

// Main runs one command and returns its exit code: see the constants of package run. If ctx ends, the command stops,
// and a run can be resumed.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env Env) int {
	c := &cli{args: args, in: stdin, out: stdout, err: stderr, env: env}
	root := c.root() //nolint:contextcheck // cobra hands ctx on to the commands
	defer c.atExit()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	c.sayError(cmd, err)
	return exitCode(err)
}

// cli is what the commands share.
type cli struct {
	args []string
	in   io.Reader
	out  io.Writer
	err  io.Writer
	env  Env

	maxUse float64  // of each rate limit window; 0 for the configuration's
	demo   *demoOrg // in place of the configured org; nil for that
	atExit func()
}

// say writes one line for people to standard error, without the passwords of databases that the command line names.
func (c *cli) say(format string, args ...any) {
	_, _ = fmt.Fprintln(c.err, "oktagrants: "+c.withoutAddresses(fmt.Sprintf(format, args...)))
}

func (c *cli) root() *cobra.Command {
	root := group(&cobra.Command{
		Use:   "oktagrants",
		Short: "Review and revoke OAuth grants and refresh tokens of an Okta org",
		Long: `Review and revoke OAuth grants and refresh tokens of an Okta org.

The org and the credentials are those of Okta's SDKs: OKTA_CLIENT_ORGURL, OKTA_CLIENT_TOKEN and so on, or okta.yaml.
"oktagrants demo" runs the same commands on an org in memory, with no account.

Exit codes:
  0  all is done and was read again, or the plan was shown
  1  the run has ended: something failed, is left or could not be verified; the same command tries that again
  2  a person must help: the command, the configuration, the credentials or their rights are wrong, a proxy or a
     certificate prevents all calls, or the ledger is damaged, of another version, or must not be written
  3  the run was stopped by a signal, a full disk or an outage: the same command goes on

While Okta does not respond, a run pauses and says so. It tries one call again and again, at first after a second, then
each minute, for up to 12 hours, and fails nothing meanwhile. On several machines, each of them does so by itself.`,
		Example: `  oktagrants demo review
  oktagrants doctor`,
		Version:           version(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
	})
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(misused)
	root.AddGroup(jobGroup, callGroup)
	root.AddGroup(machineGroup)
	root.AddCommand(c.orgCommands()...)
	root.AddCommand(c.machineCommands()...)
	root.AddCommand(c.statusCommand(), c.reportCommand(), c.demoCommand(), c.manCommand(), c.versionCommand())
	withCodes(root)
	return root
}

// The groups of commands that work on an org.
var (
	jobGroup  = &cobra.Group{ID: "jobs", Title: "Jobs for many users:"}
	callGroup = &cobra.Group{ID: "calls", Title: "Single calls:"}

	machineGroup = &cobra.Group{ID: "machines", Title: "Several machines:"}
)

// orgCommands are the commands that work on an org.
func (c *cli) orgCommands() []*cobra.Command {
	jobs := []*cobra.Command{c.reviewCommand(), c.offboardCommand(), c.revokeAppCommand(), c.doctorCommand()}
	calls := []*cobra.Command{c.grantsCommand(), c.tokensCommand(), c.serverClientsCommand(), c.serverTokensCommand()}
	for _, command := range jobs {
		command.GroupID = jobGroup.ID
	}
	for _, command := range calls {
		command.GroupID = callGroup.ID
	}
	commands := slices.Concat(jobs, calls)
	for _, command := range commands {
		c.maxUseFlag(command)
	}
	return commands
}

func (c *cli) maxUseFlag(command *cobra.Command) {
	command.PersistentFlags().Var((*share)(&c.maxUse), "max-use", "use this `share` of the org's rate limits, such as 0.5")
}

// machineCommands are the commands for runs of several machines.
func (c *cli) machineCommands() []*cobra.Command {
	work := c.workCommand()
	c.maxUseFlag(work)
	commands := []*cobra.Command{work, c.cancelCommand(), c.migrateCommand()}
	for _, command := range commands {
		command.GroupID = machineGroup.ID
	}
	return commands
}

// group makes a command that only holds others: alone it shows its help.
func group(cmd *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return misused(cmd, fmt.Errorf("there is no command %q%s", args[0], suggestion(cmd, args[0])))
	}
	cmd.AddCommand(commands...)
	return cmd
}

func suggestion(cmd *cobra.Command, typed string) string {
	cmd.SuggestionsMinimumDistance = 2
	if names := cmd.SuggestionsFor(typed); len(names) > 0 {
		return ": did you mean " + strings.Join(names, " or ") + "?"
	}
	return ""
}

// takes is a check of a command's arguments, by the names that its usage line has for them.
func takes(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(names) == 0 && len(args) > 0 {
			return misused(cmd, fmt.Errorf("expected no arguments, got %q", args[0]))
		}
		if len(args) != len(names) {
			return misused(cmd, fmt.Errorf("expected %s, got %s", strings.Join(names, " "), plural(len(args), "argument")))
		}
		for i, arg := range args {
			if arg == "" {
				return misused(cmd, fmt.Errorf("%s is empty", names[i]))
			}
		}
		return nil
	}
}

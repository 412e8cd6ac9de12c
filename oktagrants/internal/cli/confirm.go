package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/grantkit/okta/oktagrants/internal/run"
)

// consent says how a command that revokes may go ahead.
type consent struct {
	dryRun, yes bool
	listOnStdin bool // standard input holds a list, so nobody can type there
}

func (f *consent) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "show the plan and revoke nothing")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "revoke without asking")
	exclusive(cmd, "dry-run", "yes")
}

// asks reports whether a person is asked.
func (c *cli) asks(given consent) bool {
	return !given.dryRun && !given.yes && !given.listOnStdin && c.env.TerminalIn && c.env.TerminalErr
}

// goesAhead reports whether a command that has shown its plan may revoke. On a terminal, a person has to type the org's
// name for it. It is an error if that person types something else, or if nobody was asked and nobody has said yes.
func (c *cli) goesAhead(ctx context.Context, given consent, host string) (bool, error) {
	switch {
	case given.yes:
		return true, nil
	case given.dryRun:
		c.say("nothing was revoked: this is the plan; --yes revokes")
		return false, nil
	case !c.asks(given):
		return false, wrong("nothing was revoked: not a terminal: pass --yes to revoke, --dry-run to see only the plan")
	}
	_, _ = fmt.Fprintf(c.err, "Type %s to revoke this: ", host)
	typed, err := unlessDone(ctx, func() (string, error) { return readLine(c.in) })
	if err != nil {
		_, _ = fmt.Fprintln(c.err)
		if errors.Is(err, context.Canceled) {
			return false, &failure{run.ExitIncomplete, errors.New("interrupted; nothing was revoked")}
		}
		return false, &failure{run.ExitIncomplete, fmt.Errorf("nothing was revoked: %w", err)}
	}
	if typed != host {
		return false, &failure{run.ExitIncomplete,
			fmt.Errorf("nothing was revoked: %q was typed, the org is %s", typed, host)}
	}
	return true, nil
}

// readLine reads one line. At the end of the input, it is what came before.
func readLine(in io.Reader) (string, error) {
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimSpace(line), nil
}

// unlessDone returns what a function reads, or the error of ctx if that ends before. The function may go on then.
func unlessDone[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	results := make(chan result, 1)
	go func() {
		value, err := read()
		results <- result{value, err}
	}()
	select {
	case r := <-results:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

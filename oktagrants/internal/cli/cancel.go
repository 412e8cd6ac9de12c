package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/grantkit/okta/oktagrants/internal/fleet"
	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/run"
)

// cancelPatience is how long cancel waits for workers. One that was cut off from the database stops within that time.
const cancelPatience = 30 * time.Second

var errRunInFile = errors.New("cancel: a run in a file has one process: interrupt its command")

func (c *cli) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel postgres://...#NAME",
		Short: "Stop a run on all machines",
		Long: `Stop a run on all machines, within seconds. Calls in flight are finished and recorded. The command that began the run
goes on with it.`,
		Example: `  oktagrants cancel postgres://oktagrants@db.example/oktagrants#january`,
		Args:    takes("RUN"),
		RunE:    func(cmd *cobra.Command, args []string) error { return c.cancel(cmd.Context(), args[0]) },
	}
}

func (c *cli) cancel(ctx context.Context, target string) error {
	if !ledger.IsPostgres(target) {
		return &failure{run.ExitUsage, errRunInFile}
	}
	limited, stop := context.WithTimeout(ctx, cancelPatience)
	defer stop()
	working, err := fleet.Cancel(limited, target)
	if err != nil {
		return wrong("%w", err)
	}
	if working > 0 {
		return &failure{run.ExitIncomplete, fmt.Errorf("the run is canceled, but workers that do not respond have %s of it: "+
			"they can begin nothing new", plural(working, "part"))}
	}
	c.say("the run is canceled: no worker is at it any more")
	return nil
}

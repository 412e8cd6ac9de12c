package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

func (c *cli) statusCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "status FILE",
		Short:   "Show how far a run is, also while it goes on",
		Example: `  oktagrants status review.db`,
		Args:    takes("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := openRun(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer l.Close() //nolint:errcheck // nothing is written to it
			r, err := status(cmd.Context(), l, args[0])
			if err != nil {
				return err
			}
			return r.write(c.out, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write one JSON object")
	return cmd
}

// openRun opens the ledger of a run for reading.
func openRun(ctx context.Context, path string) (*ledger.Ledger, error) {
	l, err := ledger.Open(ctx, path, ledger.Read)
	if err != nil {
		return nil, unreadable(err)
	}
	return l, nil
}

// unreadable is the failure of a ledger that cannot be read.
func unreadable(err error) error {
	return wrong("%w; FILE is what --run of a review, offboard or revoke-app named", err)
}

func status(ctx context.Context, l *ledger.Ledger, path string) (*result, error) {
	run, err := l.Run(ctx)
	if err != nil {
		return nil, unreadable(fmt.Errorf("%s: %w", shownTarget(path), err))
	}
	counts, err := l.Counts(ctx)
	if err != nil {
		return nil, err
	}
	r := newResult(path, run, counts)
	r.object = newObject("status")
	r.Limitations, err = limitations(run)
	return r, err
}

// limitations says what a run cannot see.
func limitations(run ledger.Run) ([]string, error) {
	var args steps.Arguments
	if err := json.Unmarshal([]byte(run.Arguments), &args); err != nil {
		return nil, fmt.Errorf("the arguments of the run: %w", err)
	}
	return steps.Blind(run.Kind, args, run.Ended), nil
}

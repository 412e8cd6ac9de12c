package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (c *cli) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "man FOLDER",
		Short:   "Write the man pages of all commands",
		Example: `  oktagrants man man1`,
		Args:    takes("FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:gosec // man pages are for everybody
				return wrong("the man pages: %w", err)
			}
			header := &doc.GenManHeader{Section: "1", Source: "oktagrants", Manual: "oktagrants"}
			if err := doc.GenManTree(cmd.Root(), header, args[0]); err != nil {
				return fmt.Errorf("the man pages: %w", err)
			}
			return nil
		},
	}
}

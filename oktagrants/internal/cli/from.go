package cli

import (
	"context"
	"iter"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func fromFlag(cmd *cobra.Command, from *string) {
	cmd.Flags().StringVar(from, "from", "",
		"take the users from this `file`, - for standard input: CSV with a column id or login, not both, or one a line")
}

// fromList makes a list of users the input of a job, if one is given.
func (c *cli) fromList(ctx context.Context, j *job, path string) (*userList, error) {
	if path == "" {
		return nil, nil
	}
	if sameFile(path, j.run) {
		return nil, wrong("--run and --from name the same file, %s", shownTarget(path))
	}
	list, err := c.openList(ctx, path)
	if err != nil {
		return nil, err
	}
	j.input, j.args.From = list.users(), list.hash
	j.consent.listOnStdin = path == "-"
	return list, nil
}

// done closes a list, if there is one.
func (l *userList) done() {
	if l != nil {
		_ = l.close()
	}
}

// named yields the users whom the command line names.
func named(users []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, user := range users {
			if !yield(user, nil) {
				return
			}
		}
	}
}

// sameFile reports whether two paths name the same file, whether or not it exists.
func sameFile(a, b string) bool {
	return a == b || existsAs(a, b) || filepath.Base(a) == filepath.Base(b) && existsAs(filepath.Dir(a), filepath.Dir(b))
}

// existsAs reports whether two paths lead to one existing file or folder.
func existsAs(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

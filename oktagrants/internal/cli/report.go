package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/report"
)

func (c *cli) reportCommand() *cobra.Command {
	var files reportFiles
	var olderThan string
	cmd := &cobra.Command{
		Use:   "report FILE",
		Short: "Write the report of a run: a web page, CSV or JSON",
		Long: `Write the report of a run: a web page for people, CSV for spreadsheets, JSON lines for programs.

Without a flag it writes the web page next to the run, review.html for review.db. It prints the paths of what it has
written. A report of a run that has not ended says so.`,
		Example: `  oktagrants report review.db
  oktagrants report review.db --html access.html --csv access.csv --json access.json
  oktagrants report review.db --older-than 365d`,
		Args: takes("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := ledger.CheckTarget(args[0]); err != nil {
				return unreadable(err)
			}
			var err error
			if files.olderThan, err = days(olderThan); err != nil {
				return err
			}
			if err := files.complete(args[0]); err != nil {
				return err
			}
			if err := checkOutputs(args[0], files.html, files.csv, files.json); err != nil {
				return err
			}
			l, err := openRun(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer l.Close() //nolint:errcheck // nothing is written to it
			return c.writeReports(cmd.Context(), l, args[0], files)
		},
	}
	cmd.Flags().StringVar(&files.html, "html", "", "write a web page to this `file`")
	cmd.Flags().StringVar(&files.csv, "csv", "", "write CSV to this `file`")
	cmd.Flags().StringVar(&files.json, "json", "", "write JSON lines to this `file`")
	cmd.Flags().StringVar(&olderThan, "older-than", strconv.Itoa(report.OlderThan)+"d",
		"on the page, count what was granted more than so many `days` before the run")
	return cmd
}

// reportFiles are the files of a report; empty for none.
type reportFiles struct {
	html, csv, json string

	olderThan int // days
}

var daysPattern = regexp.MustCompile(`^([1-9][0-9]{0,4})d$`)

// days is a number of days such as 90d.
func days(text string) (int, error) {
	match := daysPattern.FindStringSubmatch(text)
	if match == nil {
		return 0, wrong("--older-than is %q: it must be a number of days, such as 90d", text)
	}
	return strconv.Atoi(match[1])
}

// complete chooses a file if none is given.
func (f *reportFiles) complete(ledgerPath string) error {
	if f.html != "" || f.csv != "" || f.json != "" {
		return nil
	}
	if strings.Contains(ledgerPath, "://") {
		return wrong("report: name a file for the report of a database, such as --html report.html")
	}
	f.html = pageOf(ledgerPath)
	return nil
}

// pageOf is the web page next to a ledger.
func pageOf(ledgerPath string) string {
	return strings.TrimSuffix(ledgerPath, filepath.Ext(ledgerPath)) + ".html"
}

func (c *cli) writeReports(ctx context.Context, l *ledger.Ledger, ledgerPath string, files reportFiles) error {
	r, err := status(ctx, l, ledgerPath)
	if err != nil {
		return err
	}
	writers := []struct {
		path  string
		write func(io.Writer) error
	}{
		{files.html, func(w io.Writer) error {
			return report.HTML(ctx, w, l, report.Options{Blind: r.Limitations, OlderThan: files.olderThan})
		}},
		{files.csv, func(w io.Writer) error { return report.CSV(ctx, w, l) }},
		{files.json, func(w io.Writer) error { return report.JSON(ctx, w, l) }},
	}
	for _, w := range writers {
		if w.path == "" {
			continue
		}
		if err := writeFile(w.path, w.write); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(c.out, w.path); err != nil {
			return err
		}
	}
	return nil
}

// checkOutputs refuses paths to which reports of a run cannot be written: the ledger's, folders, the same path twice, and
// those in folders that take no files. An empty path stands for no report.
func checkOutputs(ledgerPath string, paths ...string) error {
	for i, path := range paths {
		if path == "" {
			continue
		}
		if slices.ContainsFunc(paths[:i], func(other string) bool { return other != "" && sameFile(other, path) }) {
			return wrong("report: two reports would be written to %s", path)
		}
		if err := checkOutput(ledgerPath, path); err != nil {
			return err
		}
	}
	return nil
}

func checkOutput(ledgerPath, path string) error {
	if ledger.IsAddress(path) {
		return wrong("the report cannot be written: its name looks like the address of a database")
	}
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		if sameFile(path, ledgerPath+suffix) {
			return wrong("%s is the run itself: the report needs another file", path)
		}
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return wrong("%s is not a file: name another one for the report", path)
	}
	file, err := createNextTo(path)
	if err != nil {
		return wrong("the report cannot be written: %w", err)
	}
	if err := errors.Join(file.Close(), os.Remove(file.Name())); err != nil {
		return wrong("the report cannot be written: %w", err)
	}
	return nil
}

// createNextTo creates a file of mode 0600 that may be renamed to path.
func createNextTo(path string) (*os.File, error) {
	return os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
}

// writeFile writes a file, all of it or nothing, in place of one that is there.
func writeFile(path string, write func(io.Writer) error) (err error) {
	file, err := createNextTo(path)
	if err != nil {
		return wrong("the report cannot be written: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("the report %s cannot be written: %w", path, err), os.Remove(file.Name()))
		}
	}()
	if err := write(file); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// Audit lists the consent grants and refresh tokens of users as a table, as CSV or as JSON.
//
//	go run ./examples/audit                                   (all users of a demo org in memory)
//	go run ./examples/audit -format csv ann@example.com 00ubob
//
// It reads the org that the configuration of Okta's SDKs names (see okta.LoadConfig), with an API token or a service
// app that has the scope okta.users.read. Each user is reported in full or not at all: a user who cannot be read is
// named on stderr, and the exit code is 1. It is 2 if the arguments or the configuration are wrong.
package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/examples/internal/access"
	"github.com/grantkit/okta/examples/internal/connect"
)

const usage = `usage: audit [flags] [user ID or login ...]

Lists the consent grants and refresh tokens of users: of a demo org, or of the org that OKTA_CLIENT_ORGURL or an
okta.yaml file names.

flags, which go before the users:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], okta.LoadConfig, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, load func() (okta.Config, error), stdout, stderr io.Writer) int {
	notes := log.New(stderr, "audit: ", 0)
	flags := flag.NewFlagSet("audit", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	format := flags.String("format", "table", "`form` of the report: table, csv or json")
	err := flags.Parse(args)
	write, users := formats[*format], flags.Args()
	switch {
	case errors.Is(err, flag.ErrHelp):
		help(stdout, flags)
		return 0
	case err == nil && write == nil:
		err = fmt.Errorf("there is no format %q", *format)
	case err == nil && slices.ContainsFunc(users, func(user string) bool { return strings.HasPrefix(user, "-") }):
		err = errors.New("flags go before the users")
	}
	if err != nil {
		notes.Print(err)
		help(stderr, flags)
		return 2
	}
	org, err := connect.Open(load, users, stderr)
	if err != nil {
		notes.Print(err)
		return 2
	}
	defer org.Close()
	notes.Printf("reading %s", org.Name)
	if err := audit(ctx, org, write, stdout, notes); err != nil {
		notes.Print(err)
		return 1
	}
	return 0
}

func help(w io.Writer, flags *flag.FlagSet) {
	_, _ = io.WriteString(w, usage)
	flags.SetOutput(w)
	flags.PrintDefaults()
}

// audit reports on all users who can be read. Its error says what is missing.
func audit(ctx context.Context, org *connect.Org, write format, stdout io.Writer, notes *log.Logger) error {
	report, missing := []entry{}, 0
	for _, user := range org.Users {
		found, err := read(ctx, org.Client, user)
		switch {
		case ctx.Err() != nil:
			return errors.New("interrupted, there is no report")
		case err != nil:
			notes.Printf("%s is not in the report: %v", user, err)
			missing++
		default:
			notes.Printf("%s: %d found", user, len(found.Grants)+len(found.Tokens))
			for _, g := range found.Grants {
				report = append(report,
					entry{user, "grant", g.ID, g.ClientID, []string{g.ScopeID}, g.Status, g.Created, time.Time{}})
			}
			for _, t := range found.Tokens {
				report = append(report,
					entry{user, "refresh token", t.ID, t.ClientID, t.Scopes, t.Status, t.Created, t.ExpiresAt})
			}
		}
	}
	if err := write(stdout, report); err != nil {
		return fmt.Errorf("the report is incomplete: %w", err)
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d users are not in the report", missing, len(org.Users))
	}
	return nil
}

func read(ctx context.Context, client *okta.Client, user string) (*access.Access, error) {
	userID, err := access.UserID(ctx, client, user)
	if err != nil {
		return nil, err
	}
	return access.Read(ctx, client, userID)
}

// entry is one grant or refresh token.
type entry struct {
	User    string      `json:"user"`
	Kind    string      `json:"kind"`
	ID      string      `json:"id"`
	Client  string      `json:"client"`
	Scopes  []string    `json:"scopes,omitempty"`
	Status  okta.Status `json:"status"`
	Created time.Time   `json:"created,omitzero"`
	Expires time.Time   `json:"expires,omitzero"`
}

type format func(io.Writer, []entry) error

var formats = map[string]format{"table": writeTable, "csv": writeCSV, "json": writeJSON}

func rows(report []entry) [][]string {
	rows := [][]string{{"user", "kind", "id", "client", "scopes", "status", "created", "expires"}}
	for _, e := range report {
		rows = append(rows, []string{e.User, e.Kind, e.ID, e.Client, strings.Join(e.Scopes, " "), string(e.Status),
			timestamp(e.Created), timestamp(e.Expires)})
	}
	return rows
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func writeTable(w io.Writer, report []entry) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, row := range rows(report) {
		line := strings.Join(row, "\t") + "\n"
		if i == 0 {
			line = strings.ToUpper(line)
		}
		if _, err := io.WriteString(table, line); err != nil {
			return err
		}
	}
	return table.Flush()
}

// formula is the beginning of what a spreadsheet would run.
var formula = regexp.MustCompile(`^[-=+@\t\r\n]`)

func writeCSV(w io.Writer, report []entry) error {
	rows := rows(report)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = formula.ReplaceAllString(cell, "'$0")
		}
	}
	return csv.NewWriter(w).WriteAll(rows)
}

func writeJSON(w io.Writer, report []entry) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

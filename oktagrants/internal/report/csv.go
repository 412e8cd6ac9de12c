package report

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// A record is a row of the CSV. Its kind says what it is about: grant, token, client, revoke, problem, unfinished,
// not_read or end.
type record struct {
	kind    string
	task    ledger.Task
	access  ledger.Access
	revoked ledger.Revoked
	class   string
	problem string
}

// csvWriter writes the records of a run.
type csvWriter struct {
	out   *csv.Writer
	run   ledger.Run
	rows  int
	users *people
}

// CSV writes a run with a row for each grant, token, revoke and problem. Its last row, of kind end, has the number of
// the others: a file without it was cut. Its texts are as [Cell] has them.
func CSV(ctx context.Context, w io.Writer, source Source) error {
	run, err := source.Run(ctx)
	if err != nil {
		return fmt.Errorf("read the run: %w", err)
	}
	c := &csvWriter{out: csv.NewWriter(w), run: run, users: newPeople()}
	if err := c.writeAll(ctx, source); err != nil {
		return err
	}
	c.out.Flush()
	if err := c.out.Error(); err != nil {
		return fmt.Errorf("write the CSV: %w", err)
	}
	return nil
}

// writeAll reads the tokens first, whose users' logins and names are kept while the tasks stream by.
func (c *csvWriter) writeAll(ctx context.Context, source Source) error {
	if err := c.writeHeader(); err != nil {
		return err
	}
	for token, err := range source.Tokens(ctx) {
		if err != nil {
			return fmt.Errorf("read the tokens: %w", err)
		}
		c.users.want(token.UserID)
	}
	for task, err := range source.Tasks(ctx) {
		if err != nil {
			return fmt.Errorf("read the tasks: %w", err)
		}
		if err := c.writeTask(task); err != nil {
			return err
		}
	}
	for token, err := range source.Tokens(ctx) {
		if err != nil {
			return fmt.Errorf("read the tokens: %w", err)
		}
		if err := c.writeToken(token); err != nil {
			return err
		}
	}
	if args, err := parseArguments(c.run); err != nil {
		return fmt.Errorf("read the arguments of the run: %w", err)
	} else if c.run.Kind == ledger.Review && !args.Tokens {
		if err := c.write(record{kind: "not_read", problem: "refresh tokens were not read"}); err != nil {
			return err
		}
	}
	return c.write(record{kind: "end", problem: plural(c.rows, "row") + " before this one"})
}

func (c *csvWriter) writeTask(task ledger.Task) error {
	c.users.meet(person{task.ID, task.Login, task.Name, task.Status})
	for _, access := range task.Found {
		if err := c.write(record{kind: string(access.Kind), task: task, access: access}); err != nil {
			return err
		}
	}
	for _, revoked := range task.Revoked {
		if err := c.write(record{kind: "revoke", task: task, revoked: revoked}); err != nil {
			return err
		}
	}
	switch {
	case failed(task):
		return c.write(record{kind: "problem", task: task, class: task.Class, problem: task.Error})
	case unfinished(task):
		return c.write(record{kind: "unfinished", task: task, problem: "no outcome is known"})
	}
	return nil
}

func (c *csvWriter) writeToken(token ledger.Access) error {
	user := c.users.find(token.UserID)
	return c.write(record{
		kind:   string(token.Kind),
		access: token,
		task:   ledger.Task{Kind: ledger.User, ID: user.id, Login: user.login, Name: user.name, Status: user.status},
	})
}

func (c *csvWriter) writeHeader() error {
	header := make([]string, len(columns))
	for i, column := range columns {
		header[i] = column.name
	}
	return c.writeRow(header)
}

func (c *csvWriter) write(r record) error {
	c.rows++
	row := make([]string, len(columns))
	for i, column := range columns {
		row[i] = Cell(column.value(c.run, r))
	}
	return c.writeRow(row)
}

func (c *csvWriter) writeRow(row []string) error {
	if err := c.out.Write(row); err != nil {
		return fmt.Errorf("write the CSV: %w", err)
	}
	return nil
}

// columns are those of the CSV.
var columns = []struct {
	name  string
	value func(ledger.Run, record) string
}{
	{"run", func(run ledger.Run, _ record) string { return runName(run) }},
	{"job", func(run ledger.Run, _ record) string { return string(run.Kind) }},
	{"org", func(run ledger.Run, _ record) string { return run.Org }},
	{"phase", func(run ledger.Run, _ record) string { return string(run.Phase) }},
	{"kind", func(_ ledger.Run, r record) string { return r.kind }},
	{"user_id", func(_ ledger.Run, r record) string { return r.of(ledger.User).ID }},
	{"login", func(_ ledger.Run, r record) string { return cmp.Or(r.of(ledger.User).Login, r.of(ledger.User).Given) }},
	{"name", func(_ ledger.Run, r record) string { return r.of(ledger.User).Name }},
	{"user_status", func(_ ledger.Run, r record) string { return r.of(ledger.User).Status }},
	{"app_id", func(_ ledger.Run, r record) string {
		return cmp.Or(r.access.ClientID, r.revoked.ClientID, r.app().ClientID())
	}},
	{"app_name", func(_ ledger.Run, r record) string { return cmp.Or(r.access.ClientName, r.of(ledger.App).Name) }},
	{"server_id", func(_ ledger.Run, r record) string { return cmp.Or(r.revoked.ServerID, r.of(ledger.Server).ID) }},
	{"id", func(_ ledger.Run, r record) string { return r.access.ID }},
	{"scopes", func(_ ledger.Run, r record) string { return strings.Join(r.access.Labels(), " ") }},
	{"scope_id", func(_ ledger.Run, r record) string { return r.access.ScopeID }},
	{"scope_title", func(_ ledger.Run, r record) string { return r.access.ScopeTitle }},
	{"powerful", func(_ ledger.Run, r record) string { return judgment(r.access) }},
	{"source", func(_ ledger.Run, r record) string { return r.access.Source }},
	{"status", func(_ ledger.Run, r record) string { return r.access.Status }},
	{"issuer", func(_ ledger.Run, r record) string { return r.access.Issuer }},
	{"created", func(_ ledger.Run, r record) string { return rfc3339(r.access.Created) }},
	{"updated", func(_ ledger.Run, r record) string { return rfc3339(r.access.Updated) }},
	{"expires", func(_ ledger.Run, r record) string { return rfc3339(r.access.Expires) }},
	{"revoked", func(_ ledger.Run, r record) string { return r.revoked.What }},
	{"revoked_at", func(_ ledger.Run, r record) string { return rfc3339(r.revoked.At) }},
	{"state", func(_ ledger.Run, r record) string { return r.state() }},
	{"error_class", func(_ ledger.Run, r record) string { return r.class }},
	{"error", func(_ ledger.Run, r record) string { return r.problem }},
}

// of is the record's task if it is of a kind.
func (r record) of(kind ledger.TaskKind) ledger.Task {
	if r.task.Kind != kind {
		return ledger.Task{}
	}
	return r.task
}

// app is the record's task if it is an app's.
func (r record) app() *ledger.Task {
	task := r.of(ledger.App)
	return &task
}

// state is that of the task, for rows that come from one of the ledger.
func (r record) state() string {
	if r.task.Seq == 0 {
		return ""
	}
	return stateNames[r.task.State]
}

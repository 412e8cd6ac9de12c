package report_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/report"
)

var began = time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)

// source is a ledger in memory. Its tasks may be made while they are read.
type source struct {
	run    ledger.Run
	tasks  iter.Seq[ledger.Task]
	tokens iter.Seq[ledger.Access]
	counts ledger.Counts
	broken error // ends the tasks
}

func (s *source) Run(context.Context) (ledger.Run, error)       { return s.run, nil }
func (s *source) Counts(context.Context) (ledger.Counts, error) { return s.counts, nil }

func (s *source) Tasks(context.Context, ...ledger.State) iter.Seq2[ledger.Task, error] {
	return func(yield func(ledger.Task, error) bool) {
		seq := int64(0)
		for task := range s.tasks {
			seq++
			task.Seq = seq
			if !yield(task, nil) {
				return
			}
		}
		if s.broken != nil {
			yield(ledger.Task{}, s.broken)
		}
	}
}

func (s *source) Tokens(context.Context) iter.Seq2[ledger.Access, error] {
	return func(yield func(ledger.Access, error) bool) {
		for token := range s.tokens {
			if !yield(token, nil) {
				return
			}
		}
	}
}

func ended(kind ledger.Kind, arguments string, tasks ...ledger.Task) *source {
	return &source{
		run: ledger.Run{
			ID: 1, Kind: kind, Org: "https://acme.okta.com", Arguments: arguments, Phase: ledger.Ended, Listed: true,
			Created: began, Ended: began.Add(36 * time.Minute),
		},
		tasks:  slices.Values(tasks),
		tokens: slices.Values[[]ledger.Access](nil),
	}
}

// user is a task of a user that is done.
func user(number int, found ...ledger.Access) ledger.Task {
	return ledger.Task{
		Kind: ledger.User, ID: userID(number), Login: fmt.Sprintf("user%d@acme.example", number),
		Name: fmt.Sprintf("User %d", number), Status: "ACTIVE", State: ledger.Done, Tries: 1, Found: found,
	}
}

func userID(number int) string { return fmt.Sprintf("00u%017d", number) }

func grant(client, name string, scopes ...string) ledger.Access {
	return ledger.Access{
		Kind: ledger.Grant, ID: "oag1", ClientID: client, ClientName: name, Issuer: "https://acme.okta.com",
		Status: "ACTIVE", Source: "END_USER", Scopes: scopes,
		Created: began.AddDate(0, 0, -20), Updated: began.AddDate(0, 0, -10),
	}
}

func token(number int, client string, scopes ...string) ledger.Access {
	access := grant(client, "", scopes...)
	access.Kind, access.ID, access.Source, access.UserID = ledger.Token, fmt.Sprintf("oar%d", number), "", userID(number)
	return access
}

// page is the HTML of a run.
func page(t *testing.T, s report.Source, blind ...string) string {
	t.Helper()
	var b strings.Builder
	options := report.Options{Blind: blind, Now: began.AddDate(0, 0, 1)}
	require.NoError(t, report.HTML(t.Context(), &b, s, options))
	return b.String()
}

var writers = map[string]func(context.Context, io.Writer, report.Source) error{
	"HTML": func(ctx context.Context, w io.Writer, s report.Source) error {
		return report.HTML(ctx, w, s, report.Options{})
	},
	"CSV":  report.CSV,
	"JSON": report.JSON,
}

func TestWriteErrors(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	for name, write := range writers {
		for _, room := range []int{0, 100} {
			err := write(t.Context(), &disk{room: room, full: full}, ended(ledger.Review, "{}", user(1)))
			require.ErrorIs(t, err, full, "%s, with room for %d bytes", name, room)
		}
	}
}

// disk is full after some bytes.
type disk struct {
	room int
	full error
}

func (d *disk) Write(p []byte) (int, error) {
	if len(p) > d.room {
		return 0, d.full
	}
	d.room -= len(p)
	return len(p), nil
}

func TestBrokenSource(t *testing.T) {
	t.Parallel()
	for name, write := range writers {
		var b strings.Builder
		s := ended(ledger.Review, "{}", user(1))
		s.broken = errors.New("disk I/O error")
		require.ErrorIs(t, write(t.Context(), &b, s), s.broken, name)
		require.NotContains(t, b.String(), `"end"`, "%s looks whole", name)
		require.NotContains(t, b.String(), ",end,", "%s looks whole", name)
		require.NotContains(t, b.String(), "<html", "%s looks whole", name)
	}
}

func TestReportOfALedger(t *testing.T) {
	t.Parallel()
	l, err := ledger.Open(t.Context(), filepath.Join(t.TempDir(), "review.db"), ledger.Write)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	spec := ledger.Spec{Kind: ledger.Review, Org: "https://acme.okta.com", Arguments: `{"tokens":true}`}
	_, _, err = l.Begin(t.Context(), spec)
	require.NoError(t, err)
	require.NoError(t, l.AddTasks(t.Context(), []ledger.Task{user(1), user(2), user(3)}, "", true))
	require.NoError(t, l.SetPhase(t.Context(), ledger.Listing, ledger.Planned))
	require.NoError(t, l.SetPhase(t.Context(), ledger.Planned, ledger.Working))
	tasks, err := l.Next(t.Context(), 0, 2)
	require.NoError(t, err)
	for _, task := range tasks {
		require.NoError(t, l.Start(t.Context(), &task))
		task.State, task.Found = ledger.Done, []ledger.Access{grant("0oa1", "Wiki", "openid")}
		require.NoError(t, l.Finish(t.Context(), &task))
	}
	require.NoError(t, l.AddTokens(t.Context(), []ledger.Access{token(2, "0oa1", "openid")}))

	got := text(page(t, l))
	require.Contains(t, got, "This run is not finished. 1 of 3 tasks are not done.")
	require.Contains(t, got, "So far: 2 of 3 users gave 1 app access. Not read: 1 user.")
	require.Contains(t, got, "Grants 2 Refresh tokens 1")

	var kinds []string
	for _, row := range csvRows(t, l) {
		kinds = append(kinds, row["kind"]+" "+row["login"])
	}
	require.Equal(t, []string{
		"grant user1@acme.example", "grant user2@acme.example", "unfinished user3@acme.example",
		"token user2@acme.example", "end ",
	}, kinds)

	lines := jsonLines(t, l)
	require.Len(t, lines, 6)
	require.Equal(t, map[string]any{"user": map[string]any{"pending": 1.0, "done": 2.0}}, lines[5]["states"])
}

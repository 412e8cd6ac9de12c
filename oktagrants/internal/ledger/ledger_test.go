package ledger_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

func TestBeginCreatesOnceAndResumes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l := open(t, target, ledger.Write)
		_, err := l.Run(t.Context())
		require.ErrorIs(t, err, ledger.ErrNoRun)
		_, err = l.Next(t.Context(), 0, 1)
		require.ErrorIs(t, err, ledger.ErrNoRun)

		made, resumed, err := l.Begin(t.Context(), spec)
		require.NoError(t, err)
		assert.False(t, resumed)
		assert.Equal(t, ledger.Listing, made.Phase)
		assert.Equal(t, spec.Org, made.Org)
		assert.WithinDuration(t, time.Now(), made.Created, time.Minute)

		// Members of an object have no order.
		again, resumed, err := l.Begin(t.Context(), ledger.Spec{
			Kind: spec.Kind, Org: spec.Org, Arguments: `{"keepSessions": true, "search": "a"}`,
		})
		require.NoError(t, err)
		assert.True(t, resumed)
		assert.Equal(t, made, again)
	})
}

func TestMismatchNamesEveryDifference(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l := open(t, target, ledger.Write)
		_, _, err := l.Begin(t.Context(), spec)
		require.NoError(t, err)
		require.NoError(t, l.AddTasks(t.Context(), nil, "page 2", false))
		_, _, err = l.Begin(t.Context(), ledger.Spec{
			Kind: ledger.Review, Org: "https://other.okta.com",
			Arguments: `{"search":"b","users":["` + strings.Repeat("x", 200) + `"]}`,
		})
		var mismatch *ledger.MismatchError
		require.ErrorAs(t, err, &mismatch)
		assert.Equal(t, []ledger.Difference{
			{Name: "kind", Was: "offboard", Is: "review"},
			{Name: "org", Was: "https://acme.okta.com", Is: "https://other.okta.com"},
			{Name: "--keep-sessions", Was: "true", Is: "not given"},
			{Name: "--search", Was: `"a"`, Is: `"b"`},
			{Name: "--users", Was: "not given", Is: `["` + strings.Repeat("x", 78) + "…"},
		}, mismatch.Differences)
		assert.ErrorContains(t, err, `--search was "a", is "b"`)
	})
}

func TestOrgIsTheSameHoweverItsURLIsWritten(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l := open(t, target, ledger.Write)
		first := spec
		first.Org = "https://Acme.okta.com/"
		run, _, err := l.Begin(t.Context(), first)
		require.NoError(t, err)
		assert.Equal(t, org, run.Org)
		require.NoError(t, l.AddTasks(t.Context(), nil, "page 2", false))
		for url, same := range map[string]bool{
			org: true, org + "/": true, "HTTPS://ACME.okta.com:443": true,
			"http://acme.okta.com": false, org + ":8443": false, org + "/base": false, "https://acme.okta.co": false,
		} {
			other := spec
			other.Org = url
			_, resumed, err := l.Begin(t.Context(), other)
			assert.Equal(t, same, err == nil && resumed, url)
		}
		execute(t, target, "UPDATE ledger_runs SET org = 'https://ACME.okta.com/'")
		_, resumed, err := l.Begin(t.Context(), spec)
		require.NoError(t, err)
		assert.True(t, resumed)
	})
}

// A command that was mistyped has done nothing: the right one takes its place.
func TestRunWithNothingListedIsBegunAnew(t *testing.T) {
	t.Parallel()
	other := ledger.Spec{Kind: ledger.RevokeApp, Org: "https://other.okta.com", Arguments: `{"client":"0oa1"}`}
	each(t, func(t *testing.T, target string) {
		t.Helper()
		ctx := t.Context()
		l := open(t, target, ledger.Write)
		_, _, err := l.Begin(ctx, spec)
		require.NoError(t, err)
		require.NoError(t, l.SetStop(ctx, "no such app"))
		run, resumed, err := l.Begin(ctx, other)
		require.NoError(t, err)
		assert.False(t, resumed)
		got := ledger.Spec{Kind: run.Kind, Org: run.Org, Arguments: run.Arguments}
		assert.Equal(t, other, got)
		assert.Empty(t, run.Stop)
		again, err := l.Run(ctx)
		require.NoError(t, err)
		assert.Equal(t, run, again)

		require.NoError(t, l.AddTasks(ctx, nil, "", true))
		_, _, err = l.Begin(ctx, spec)
		var mismatch *ledger.MismatchError
		require.ErrorAs(t, err, &mismatch, "its list is complete, and empty")
	})
}

func TestArgumentsMustBeAnObject(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l := open(t, target, ledger.Write)
		_, _, err := l.Begin(t.Context(), ledger.Spec{Kind: ledger.Review, Org: org, Arguments: `["a"]`})
		require.ErrorContains(t, err, "arguments of the run")
		_, err = l.Run(t.Context())
		require.ErrorIs(t, err, ledger.ErrNoRun)
	})
}

func TestTaskFromListToVerified(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		ctx := t.Context()
		l := open(t, target, ledger.Write)
		_, _, err := l.Begin(ctx, spec)
		require.NoError(t, err)
		require.NoError(t, l.AddTasks(ctx, []ledger.Task{{Kind: ledger.User, Given: "ada@example.com"}}, "2", false))
		require.NoError(t, l.AddTasks(ctx, []ledger.Task{{Kind: ledger.User, ID: "00u2"}}, "3", true))
		ada := ledger.Task{Seq: 1, ID: "00u1", Login: "ada@example.com", Name: "Ada", Status: "ACTIVE"}
		require.NoError(t, l.Resolve(ctx, ada))

		task := next(t, l, ledger.Pending)[0]
		assert.Equal(t, "00u1", task.ID)
		assert.Equal(t, "ada@example.com", task.Given)
		require.NoError(t, l.Start(ctx, &task))
		assert.Equal(t, []ledger.Task{task}, next(t, l, ledger.Started))
		assert.Equal(t, 1, task.Tries)

		task.State = ledger.Done
		task.Found = []ledger.Access{{
			Kind: ledger.Grant, ID: "oag1", ClientID: "0oa1", ClientName: "<b>App</b>", Issuer: org,
			Status: "ACTIVE", Source: "END_USER", Scopes: []string{"okta.users.read"},
			Created: time.UnixMilli(1).UTC(), Updated: time.UnixMilli(2).UTC(), Expires: time.UnixMilli(3).UTC(),
		}, {Kind: ledger.Client, ClientID: "0oa1"}}
		at := time.UnixMilli(5).UTC()
		task.Revoked = []ledger.Revoked{{What: "tokens", ClientID: "0oa1", ServerID: "aus1", At: at}}
		require.NoError(t, l.Finish(ctx, &task))
		assert.Equal(t, []ledger.Task{task}, next(t, l, ledger.Done))
		assert.False(t, task.Finished.IsZero())
		assert.True(t, task.Checked.IsZero())

		task.State, task.Class, task.Error = ledger.Left, "left", "a grant is left"
		require.NoError(t, l.Finish(ctx, &task))
		assert.Equal(t, []ledger.Task{task}, next(t, l, ledger.Left))
		assert.False(t, task.Checked.IsZero())

		// It is done again, and not verified yet.
		require.NoError(t, l.Start(ctx, &task))
		assert.Equal(t, 2, task.Tries)
		task.State, task.Class, task.Error = ledger.Done, "", ""
		require.NoError(t, l.Finish(ctx, &task))
		assert.Equal(t, []ledger.Task{task}, next(t, l, ledger.Done))
		assert.True(t, task.Checked.IsZero())

		run, err := l.Run(ctx)
		require.NoError(t, err)
		assert.Equal(t, "3", run.Cursor)
		assert.True(t, run.Listed)
		assert.Equal(t, ledger.Counts{
			Tasks:   map[ledger.TaskKind]map[ledger.State]int{ledger.User: {ledger.Pending: 1, ledger.Done: 1}},
			Classes: map[string]int{}, Again: 1, Grants: 1, Revoked: map[string]int{"tokens": 1},
		}, counts(t, l))
	})
}

func TestCompleteListTakesNoMore(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l := begin(t, target, 3)
		more := []ledger.Task{{Kind: ledger.User, ID: "00u1"}, {Kind: ledger.User, ID: "00u4"}}
		err := l.AddTasks(t.Context(), more, "later", true)
		require.ErrorContains(t, err, "the list of the run is complete")
		assert.Len(t, all(t, l), 3)
		assertCounts(t, l)

		// A page that is added again, since its commit was lost sight of, is no harm.
		require.NoError(t, l.AddTasks(t.Context(), []ledger.Task{{Kind: ledger.User, ID: "00u3"}}, "the end", true))
		run, err := l.Run(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "the end", run.Cursor)
	})
}

func TestEachUserIsListedOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l := open(t, target, ledger.Write)
		_, _, err := l.Begin(t.Context(), spec)
		require.NoError(t, err)
		var page []ledger.Task
		for i := range 1000 {
			page = append(page, ledger.Task{Kind: ledger.User, ID: strings.Repeat("x", 1+i%300)})
		}
		page = append(page, ledger.Task{Kind: ledger.App, ID: "x"})
		require.NoError(t, l.AddTasks(t.Context(), page, "", false))
		require.NoError(t, l.AddTasks(t.Context(), page, "", true))
		tasks := all(t, l)
		require.Len(t, tasks, 301)
		for i := range tasks[:300] {
			assert.EqualValues(t, i+1, tasks[i].Seq)
		}
		assertCounts(t, l)
	})
}

func TestBadTasksAreRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l := begin(t, target, 1)
		for want, task := range map[string]ledger.Task{
			"without a kind":           {ID: "00u1"},
			"of kind user without":     {Kind: ledger.User},
			"has more than 1000 bytes": {Kind: ledger.User, Given: strings.Repeat("x", 1001)},
		} {
			require.ErrorContains(t, l.AddTasks(t.Context(), []ledger.Task{task}, "", true), want)
		}
		require.ErrorContains(t, l.Resolve(t.Context(), ledger.Task{Seq: 1}), "resolve task 1: invalid ID")
		require.ErrorContains(t, l.AddTokens(t.Context(), []ledger.Access{{Kind: ledger.Token}}), "invalid ID")
		task := ledger.Task{Seq: 7}
		require.ErrorContains(t, l.Start(t.Context(), &task), "there is no task 7")
		require.ErrorContains(t, l.Finish(t.Context(), &task), "there is no task 7")
		assertCounts(t, l)
	})
}

func TestHostileTextIsKept(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		ctx := t.Context()
		const hostile = "a\x00b\xff\xfec'\"; DROP TABLE ledger_tasks; -- \u202e$1"
		const kept = "a\ufffdb\ufffd\ufffdc'\"; DROP TABLE ledger_tasks; -- \u202e$1"
		l := open(t, target, ledger.Write)
		_, _, err := l.Begin(ctx, spec)
		require.NoError(t, err)
		task := ledger.Task{Kind: ledger.User, Given: hostile, Login: hostile, Name: hostile, Status: hostile}
		require.NoError(t, l.AddTasks(ctx, []ledger.Task{task}, hostile, true))
		require.NoError(t, l.SetStop(ctx, hostile))
		task = next(t, l)[0]
		task.State, task.Error, task.Class = ledger.Failed, hostile, hostile
		task.Found = []ledger.Access{{Kind: ledger.Grant, ID: hostile, ClientName: hostile}}
		task.Revoked = []ledger.Revoked{{What: hostile}}
		require.NoError(t, l.Finish(ctx, &task))
		require.NoError(t, l.AddTokens(ctx, []ledger.Access{{Kind: ledger.Token, ID: hostile, ClientName: hostile}}))

		task = next(t, l)[0]
		for _, text := range []string{task.Given, task.Login, task.Name, task.Status, task.Error, task.Class} {
			assert.Equal(t, kept, text)
		}
		// JSON has an escape for NUL.
		const withNUL = "a\x00b\ufffd\ufffdc'\"; DROP TABLE ledger_tasks; -- \u202e$1"
		assert.Equal(t, withNUL, task.Found[0].ClientName)
		assert.Equal(t, withNUL, allTokens(t, l)[0].ClientName)
		assertCounts(t, l)
	})
}

func TestPhases(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		ctx := t.Context()
		l := begin(t, target, 1)
		require.NoError(t, l.SetPhase(ctx, ledger.Listing, ledger.Working))
		require.NoError(t, l.SetPhase(ctx, ledger.Listing, ledger.Working), "another process went there before")
		require.ErrorContains(t, l.SetPhase(ctx, ledger.Planned, ledger.Verifying), "the run is in phase working")
		require.NoError(t, l.SetPhase(ctx, ledger.Working, ledger.Ended))
		run, err := l.Run(ctx)
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now(), run.Ended, time.Minute)

		require.NoError(t, l.SetPhase(ctx, ledger.Ended, ledger.Working))
		require.NoError(t, l.SetStop(ctx, "the disk is full"))
		run, err = l.Run(ctx)
		require.NoError(t, err)
		assert.True(t, run.Ended.IsZero())
		assert.Equal(t, "the disk is full", run.Stop)
	})
}

func TestTokensAreKeptOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l := begin(t, target, 1)
		var page []ledger.Access
		for i := range 700 {
			page = append(page, ledger.Access{Kind: ledger.Token, ID: strings.Repeat("x", 1+i%600), UserID: "00u1"})
		}
		require.NoError(t, l.AddTokens(t.Context(), page))
		require.NoError(t, l.AddTokens(t.Context(), []ledger.Access{{Kind: ledger.Token, ID: "x", UserID: "00u2"}}))
		tokens := allTokens(t, l)
		assert.Len(t, tokens, 600)
		assert.Equal(t, "00u2", tokens[0].UserID)
		assert.Equal(t, 600, counts(t, l).Tokens)
	})
}

func TestAnotherProcessReadsWhileOneWrites(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l := begin(t, target, 2)
		reader := open(t, target, ledger.Read)
		run, err := reader.Run(t.Context())
		require.NoError(t, err)
		assert.True(t, run.Listed)
		task := next(t, reader)[0]
		task.State = ledger.Done
		task.Found = []ledger.Access{{Kind: ledger.Grant, ID: "oag1", ClientID: "0oa1"}}
		require.NoError(t, l.Finish(t.Context(), &task))
		assert.Equal(t, []ledger.Task{task}, next(t, reader, ledger.Done))
		assertCounts(t, reader)

		const want = "the ledger was opened to read"
		require.ErrorContains(t, reader.Start(t.Context(), &task), want)
		require.ErrorContains(t, reader.SetStop(t.Context(), "why"), want)
		_, _, err = reader.Begin(t.Context(), spec)
		require.ErrorContains(t, err, want)
	})
}

func TestReadNeedsARun(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		_, err := ledger.Open(t.Context(), target, ledger.Read)
		require.ErrorIs(t, err, ledger.ErrNoRun)
	})
}

func TestOtherVersionIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l, err := ledger.Open(t.Context(), target, ledger.Write)
		require.NoError(t, err)
		_, _, err = l.Begin(t.Context(), spec)
		require.NoError(t, err)
		execute(t, target, "UPDATE ledger_runs SET version = 0")
		_, _, err = l.Begin(t.Context(), spec)
		require.EqualError(t, err, "the run was begun for something else: version was 0, is 2")
		require.NoError(t, l.Close())

		execute(t, target, newerVersion(target))
		for _, mode := range []ledger.Mode{ledger.Read, ledger.Write} {
			_, err = ledger.Open(t.Context(), target, mode)
			require.ErrorIs(t, err, ledger.ErrVersion)
			require.ErrorContains(t, err, "its format is 3, and this program's is 2")
		}
	})
}

// A cut-off stream is never a whole one.
func TestStreamsEndWithTheError(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l := begin(t, target, 1200)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var read int
		var last error
		for _, err := range l.Tasks(ctx) {
			if last = err; err != nil {
				break
			}
			read++
			cancel()
		}
		require.ErrorIs(t, last, context.Canceled)
		require.NotErrorIs(t, last, ledger.ErrStorage)
		assert.Equal(t, 500, read)
	})
}

func TestEndedContextWritesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l := begin(t, target, 1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		task := next(t, l)[0]
		given := task
		require.ErrorIs(t, l.Start(ctx, &task), context.Canceled)
		require.ErrorIs(t, l.AddTokens(ctx, []ledger.Access{{Kind: ledger.Token, ID: "1"}}), context.Canceled)
		assert.Equal(t, given, task)
		assert.Equal(t, given, next(t, l)[0])
		assert.Empty(t, allTokens(t, l))
	})
}

func TestClosedLedgerSaysSo(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l, err := ledger.Open(t.Context(), target, ledger.Write)
		require.NoError(t, err)
		_, _, err = l.Begin(t.Context(), spec)
		require.NoError(t, err)
		require.NoError(t, l.AddTasks(t.Context(), []ledger.Task{{Kind: ledger.User, ID: "00u1"}}, "", true))
		require.NoError(t, l.Close())
		task := ledger.Task{Seq: 1}
		require.ErrorContains(t, l.Start(t.Context(), &task), "closed")
		_, err = l.Counts(t.Context())
		require.ErrorContains(t, err, "closed")
	})
}

// Times are data: a clock that jumps back loses nothing.
func TestClockThatJumps(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l := begin(t, target, 2)
		for _, year := range []int{2026, 1999, 2031, 1960} {
			at := time.Date(year, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
			l.SetClock(func() time.Time { return at })
			for _, task := range next(t, l) {
				require.NoError(t, l.Start(t.Context(), &task))
				assert.Equal(t, at, task.Began)
				task.State = ledger.Done
				require.NoError(t, l.Finish(t.Context(), &task))
			}
		}
		for _, task := range next(t, l) {
			assert.Equal(t, 4, task.Tries)
			assert.Equal(t, 1960, task.Finished.Year())
		}
		assertCounts(t, l)
	})
}

func TestMemoryOfTraitsIsBounded(t *testing.T) {
	t.Parallel()
	for _, n := range []int{ledger.MaxTraits + 1, 3*ledger.MaxTraits + 7} {
		held, err := ledger.TraitsAfter(n)
		require.NoError(t, err)
		assert.LessOrEqual(t, held, ledger.MaxTraits)
	}
}

func TestPlanIsReplaced(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		l := begin(t, target, 3)
		require.NoError(t, l.SetPhase(t.Context(), ledger.Listing, ledger.Planned))
		other := spec
		other.Arguments = `{"search":"b"}`

		elsewhere := other
		elsewhere.Kind = ledger.Review
		_, _, err := l.Begin(t.Context(), elsewhere)
		require.ErrorContains(t, err, "kind was offboard, is review", "the plan of another job")

		run, resumed, err := l.Begin(t.Context(), other)
		require.NoError(t, err)
		assert.False(t, resumed)
		require.NotNil(t, run.Replaced)
		assert.Equal(t, `--keep-sessions was true, is not given; --search was "a", is "b"`, run.Replaced.Changes())
		assert.Equal(t, ledger.Listing, run.Phase)
		assert.Empty(t, run.Cursor)
		assert.Empty(t, all(t, l))
		assertCounts(t, l)
		require.NoError(t, l.AddTasks(t.Context(), []ledger.Task{{Kind: ledger.User, ID: "00u1"}}, "", true))
		assert.Len(t, all(t, l), 1)

		run, resumed, err = l.Begin(t.Context(), other)
		require.NoError(t, err)
		assert.True(t, resumed)
		assert.Nil(t, run.Replaced)
	})
}

// Whatever phase it is in, a run with an intent to revoke on record is not replaced.
func TestIntentIsNotReplaced(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		l := begin(t, target, 3)
		require.NoError(t, l.SetPhase(t.Context(), ledger.Listing, ledger.Planned))
		task := next(t, l)[1]
		require.NoError(t, l.Start(t.Context(), &task))
		other := spec
		other.Arguments = `{"search":"b"}`
		_, _, err := l.Begin(t.Context(), other)
		require.ErrorContains(t, err, "the run was begun for something else")
		assert.Len(t, all(t, l), 3)
		assertCounts(t, l)
	})
}

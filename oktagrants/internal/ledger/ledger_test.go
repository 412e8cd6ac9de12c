package ledger_test

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

func TestRunFromListToEnd(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "run.db")
	l := open(t, path, ledger.Write)
	run, resumed, err := l.Begin(ctx, spec)
	require.NoError(t, err)
	assert.False(t, resumed)
	assert.Equal(t, ledger.Listing, run.Phase)
	require.NoError(t, l.AddTasks(ctx, []ledger.Task{{Kind: ledger.User, Given: "ada@example.com"}, {Kind: ledger.User, ID: "00u2"}}, "2", false))
	require.NoError(t, l.AddTasks(ctx, []ledger.Task{{Kind: ledger.User, ID: "00u2"}, {Kind: ledger.User, Given: "ada"}}, "", true))
	require.NoError(t, l.Resolve(ctx, ledger.Task{Seq: 1, ID: "00u1", Login: "ada@example.com", Name: "Ada", Status: "ACTIVE"}))
	require.NoError(t, l.Resolve(ctx, ledger.Task{Seq: 4, ID: "00u1", Login: "ada@example.com"}))
	require.NoError(t, l.SetPhase(ctx, ledger.Listing, ledger.Planned))

	tasks, err := l.Next(ctx, 0, 10, ledger.Pending, ledger.Done)
	require.NoError(t, err)
	require.Len(t, tasks, 2)
	task := &tasks[0]
	require.NoError(t, l.Start(ctx, task))
	assert.Equal(t, 1, task.Tries)
	task.State = ledger.Done
	task.Found = []ledger.Access{{Kind: ledger.Grant, ID: "oag1", ClientID: "0oa1", Scopes: []string{"okta.users.read"}}}
	task.Revoked = []ledger.Revoked{{What: "sessions", At: time.UnixMilli(5).UTC()}}
	require.NoError(t, l.Finish(ctx, task))
	require.NoError(t, l.AddTokens(ctx, []ledger.Access{{Kind: ledger.Token, ID: "oar1"}, {Kind: ledger.Token, ID: "oar1", UserID: "00u1"}}))

	reader := open(t, path, ledger.Read)
	counts, err := reader.Counts(ctx)
	require.NoError(t, err)
	assert.Equal(t, ledger.Counts{
		Tasks:      map[ledger.TaskKind]map[ledger.State]int{ledger.User: {ledger.Pending: 1, ledger.Done: 1}},
		Duplicates: 1,
		Classes:    map[string]int{},
		Grants:     1,
		Tokens:     1,
		Revoked:    map[string]int{"sessions": 1},
	}, counts)
	for got, err := range reader.Tasks(ctx, ledger.Done) {
		require.NoError(t, err)
		assert.Equal(t, *task, got)
		break
	}
	for token, err := range reader.Tokens(ctx) {
		require.NoError(t, err)
		assert.Equal(t, "00u1", token.UserID)
	}
}

func TestConcurrentCallersShareCommits(t *testing.T) {
	t.Parallel()
	l := begin(t, filepath.Join(t.TempDir(), "run.db"), 200)
	tasks, err := l.Next(t.Context(), 0, 1000, ledger.Pending)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range tasks {
		wg.Go(func() {
			assert.NoError(t, l.Start(t.Context(), &tasks[i]))
			tasks[i].State = ledger.Done
			assert.NoError(t, l.Finish(t.Context(), &tasks[i]))
		})
	}
	wg.Wait()
	counts, err := l.Counts(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[ledger.State]int{ledger.Done: 200}, counts.Tasks[ledger.User])
}

func TestOtherRunIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run.db")
	l := begin(t, path, 1)
	_, _, err := l.Begin(t.Context(), ledger.Spec{Kind: ledger.Review, Org: "https://b.okta.com", Arguments: `{"search":"b"}`})
	require.EqualError(t, err, `the run was begun for something else: kind was offboard, is review; `+
		`org was https://acme.okta.com, is https://b.okta.com; --keep-sessions was true, is not given; --search was "a", is "b"`)

	_, err = ledger.Open(t.Context(), path, ledger.Write)
	require.ErrorIs(t, err, ledger.ErrLocked)
}

package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// processes opens a target as often as it can be opened to write.
func processes(t *testing.T, target string) []*ledger.Ledger {
	t.Helper()
	if !strings.HasPrefix(target, "postgres:") {
		return []*ledger.Ledger{begin(t, target, 100)}
	}
	list := []*ledger.Ledger{begin(t, target, 100)}
	for range 3 {
		list = append(list, open(t, target, ledger.Write))
	}
	return list
}

func TestConcurrentChangesOfTheSameTasks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		list := processes(t, target)
		var wg sync.WaitGroup
		for i := range 16 {
			random := rand.New(rand.NewPCG(uint64(i), 0)) //nolint:gosec // not negative
			l := list[i%len(list)]
			wg.Go(func() { assert.NoError(t, changeAtRandom(t.Context(), l, random)) })
		}
		wg.Wait()
		for _, l := range list {
			assertCounts(t, l)
		}
		tries := 0
		for _, task := range all(t, list[0]) {
			tries += task.Tries
		}
		assert.Equal(t, 16*40, tries)
	})
}

func changeAtRandom(ctx context.Context, l *ledger.Ledger, random *rand.Rand) error {
	m := &model{random: random}
	for range 40 {
		task := ledger.Task{Seq: 1 + random.Int64N(100)}
		err := l.Start(ctx, &task)
		task.State = pick(random, ledger.Done, ledger.Failed, ledger.Left)
		task.Class = pick(random, "server", "network")
		task.Found = []ledger.Access{m.access()}
		token := m.access()
		token.Kind = ledger.Token
		err = errors.Join(err, l.Finish(ctx, &task), l.AddTokens(ctx, []ledger.Access{token}))
		if err != nil {
			return err
		}
	}
	return nil
}

// Several logins can be the same user's: one task does the work.
func TestConcurrentResolvesOfOneUser(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l := open(t, target, ledger.Write)
		_, _, err := l.Begin(t.Context(), spec)
		require.NoError(t, err)
		var tasks []ledger.Task
		for i := range 64 {
			tasks = append(tasks, ledger.Task{Kind: ledger.User, Given: fmt.Sprintf("login%d", i)})
		}
		require.NoError(t, l.AddTasks(t.Context(), tasks, "", true))
		list := []*ledger.Ledger{l}
		if strings.HasPrefix(target, "postgres:") {
			list = append(list, open(t, target, ledger.Write), open(t, target, ledger.Write))
		}
		var wg sync.WaitGroup
		for i := range tasks {
			wg.Go(func() {
				task := ledger.Task{Seq: int64(i + 1), ID: fmt.Sprintf("00u%d", i%4), Login: "ada"}
				assert.NoError(t, list[i%len(list)].Resolve(t.Context(), task))
			})
		}
		wg.Wait()
		assert.Len(t, next(t, l), 4)
		assert.Equal(t, 60, counts(t, l).Duplicates)
		assertCounts(t, l)
	})
}

func TestOneWrongChangeFailsAlone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l := begin(t, target, 200)
		var wg sync.WaitGroup
		for i := range int64(210) {
			wg.Go(func() {
				err := l.Start(t.Context(), &ledger.Task{Seq: 1 + i})
				if i < 200 {
					assert.NoError(t, err)
				} else {
					assert.ErrorContains(t, err, "there is no task")
				}
			})
		}
		wg.Wait()
		assert.Len(t, next(t, l, ledger.Started), 200)
		assertCounts(t, l)
	})
}

func TestCallersThatLeaveHarmNobody(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l := begin(t, target, 200)
		var wg sync.WaitGroup
		for _, task := range next(t, l) {
			ctx, cancel := context.WithCancel(t.Context())
			if task.Seq%2 == 0 {
				wg.Go(cancel)
			}
			wg.Go(func() {
				defer cancel()
				task.State = ledger.Done
				task.Found = []ledger.Access{{Kind: ledger.Grant, ID: "oag1"}}
				if err := l.Finish(ctx, &task); task.Seq%2 == 0 && err != nil {
					assert.ErrorIs(t, err, context.Canceled)
				} else {
					assert.NoError(t, err)
				}
			})
		}
		wg.Wait()
		require.NoError(t, l.Start(t.Context(), &ledger.Task{Seq: 1})) // behind all that were queued
		for _, task := range next(t, l) {
			assert.Equal(t, task.State == ledger.Pending, task.Found == nil, "task %d: whole or not at all", task.Seq)
		}
		assertCounts(t, l)
	})
}

func TestCloseWaitsForWritesThatBegan(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		l, err := ledger.Open(t.Context(), target, ledger.Write)
		require.NoError(t, err)
		_, _, err = l.Begin(t.Context(), spec)
		require.NoError(t, err)
		var tasks []ledger.Task
		for i := range 100 {
			tasks = append(tasks, ledger.Task{Kind: ledger.User, ID: strconv.Itoa(i)})
		}
		require.NoError(t, l.AddTasks(t.Context(), tasks, "", true))
		var kept sync.Map
		var wg sync.WaitGroup
		for i := range tasks {
			wg.Go(func() {
				task := ledger.Task{Seq: int64(i + 1), State: ledger.Done}
				if err := l.Finish(t.Context(), &task); err == nil {
					kept.Store(task.Seq, true)
				} else {
					assert.EqualError(t, err, "the ledger is closed")
				}
			})
		}
		require.NoError(t, l.Close())
		wg.Wait()
		reader := open(t, target, ledger.Read)
		for _, task := range next(t, reader) {
			_, ok := kept.Load(task.Seq)
			assert.Equal(t, ok, task.State == ledger.Done)
		}
		assertCounts(t, reader)
	})
}

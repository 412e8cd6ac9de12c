package ledger_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/pgtest"
)

func TestProcessesThatBeginOneRunShareIt(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	var mu sync.Mutex
	made := map[string]int{}
	ids := map[int64]string{}
	var wg sync.WaitGroup
	for i := range 24 {
		name := []string{"a", "b", "c"}[i%3]
		wg.Go(func() {
			l, err := ledger.Open(t.Context(), url+"#"+name, ledger.Write) // they migrate at once, too
			if !assert.NoError(t, err) {
				return
			}
			run, resumed, err := l.Begin(t.Context(), spec)
			assert.NoError(t, err)
			assert.NoError(t, l.Close())
			mu.Lock()
			defer mu.Unlock()
			ids[run.ID] = run.Name
			if !resumed {
				made[run.Name]++
			}
		})
	}
	wg.Wait()
	assert.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1}, made)
	assert.Len(t, ids, 3)
}

func TestRunsOfADatabaseAreApart(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	first, second := begin(t, url+"#first", 3), begin(t, url, 2)
	task := next(t, first)[0]
	task.State = ledger.Done
	task.Found = []ledger.Access{{Kind: ledger.Grant, ID: "oag1", ClientID: "0oa1"}}
	require.NoError(t, first.Finish(t.Context(), &task))
	require.NoError(t, first.AddTokens(t.Context(), []ledger.Access{{Kind: ledger.Token, ID: "oar1"}}))
	require.NoError(t, first.SetPhase(t.Context(), ledger.Listing, ledger.Working))

	run, err := second.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "default", run.Name)
	assert.Equal(t, ledger.Listing, run.Phase)
	assert.Len(t, next(t, second, ledger.Pending), 2)
	assert.Empty(t, allTokens(t, second))
	assert.Equal(t, 0, counts(t, second).Grants)
	assertCounts(t, first)
	assertCounts(t, second)
}

// Roles need to write the tables, or to read them. Only who makes them needs more.
func TestLeastRights(t *testing.T) {
	t.Parallel()
	cluster := pgtest.New(t)
	url := cluster.Database(t)
	l := begin(t, url, 1)
	pgtest.Exec(t, url, "CREATE ROLE worker LOGIN", "CREATE ROLE auditor LOGIN",
		"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO worker",
		"GRANT SELECT ON ALL TABLES IN SCHEMA public TO auditor")
	worker := open(t, strings.Replace(url, "postgres@", "worker@", 1), ledger.Write)
	_, resumed, err := worker.Begin(t.Context(), spec)
	require.NoError(t, err)
	assert.True(t, resumed)
	task := next(t, worker)[0]
	require.NoError(t, worker.Start(t.Context(), &task))
	task.State = ledger.Done
	task.Found = []ledger.Access{{Kind: ledger.Grant, ID: "oag1"}}
	require.NoError(t, worker.Finish(t.Context(), &task))
	require.NoError(t, worker.AddTokens(t.Context(), []ledger.Access{{Kind: ledger.Token, ID: "oar1"}}))
	require.NoError(t, worker.SetPhase(t.Context(), ledger.Listing, ledger.Planned))

	auditor := open(t, strings.Replace(url, "postgres@", "auditor@", 1), ledger.Read)
	assertCounts(t, auditor)
	require.NoError(t, l.SetStop(t.Context(), ""))

	other := open(t, strings.Replace(url, "postgres@", "auditor@", 1), ledger.Write)
	err = other.SetStop(t.Context(), "why")
	require.ErrorIs(t, err, ledger.ErrStorage)
	require.ErrorContains(t, err, "permission denied")
}

func TestPasswordIsInNoError(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t"
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := listener.Addr().String()
	require.NoError(t, listener.Close())
	for _, target := range []string{
		"postgres://ada:s3cr3t@" + closed + "/db",
		"postgres://ada:s3cr3t@" + closed + "/db#run",
		"postgres://ada@" + closed + "/db?password=s3cr3t",
		"postgres://ada:s3cr3t@" + closed + "/db?sslmode=wrong",
		"postgres://ada:s3cr3t@" + closed + "/db?sslmode=require&sslkey=/none&sslcert=/none",
		"postgres://ada:a/s3cr3t@" + closed + "/db",
		"postgres://ada:a#s3cr3t@" + closed + "/db",
		"postgres://ada:a?s3cr3t@" + closed + "/db",
		"postgres://ada:a:s3cr3t@" + closed + "/db",
		"postgres://ada:%zzs3cr3t@" + closed + "/db",
		"postgresql://ada:s3cr3t@host:port/db",
		"postgres://ada:s3cr3t@" + closed + "/db#two words",
	} {
		_, err := ledger.Open(t.Context(), target, ledger.Write)
		require.Error(t, err, target)
		assert.NotContains(t, err.Error(), secret)
	}
}

func TestServerThatIsNotThere(t *testing.T) {
	t.Parallel()
	_, err := ledger.Open(t.Context(), "postgres://ada@127.0.0.1:1/db#june", ledger.Write)
	require.ErrorIs(t, err, ledger.ErrStorage)
	require.ErrorContains(t, err, "postgres://127.0.0.1:1/db#june: open: ")
}

// A server behind a broken network takes connections and never responds.
func TestServerThatNeverResponds(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { assert.NoError(t, listener.Close()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = ledger.Open(ctx, "postgres://ada@"+listener.Addr().String()+"/db", ledger.Write)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

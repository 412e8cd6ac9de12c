package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
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
	var errs []error
	made := map[string]int{}
	ids := map[int64]string{}
	var wg sync.WaitGroup
	for i := range 24 {
		name := []string{"a", "b", "c"}[i%3]
		wg.Go(func() {
			run, resumed, err := openAndBegin(t.Context(), url+"#"+name)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
			ids[run.ID] = run.Name
			if !resumed {
				made[run.Name]++
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	assert.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1}, made)
	assert.Len(t, ids, 3)
}

// openAndBegin also makes the schema.
func openAndBegin(ctx context.Context, target string) (ledger.Run, bool, error) {
	l, err := ledger.Open(ctx, target, ledger.Write)
	if err != nil {
		return ledger.Run{}, false, err
	}
	run, resumed, err := l.Begin(ctx, spec)
	return run, resumed, errors.Join(err, l.Close())
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
		"postgres://ada:a@s3cr3t@" + closed + "/db",
		"postgres://ada:a@s3cr3t/@" + closed + "/db",
		"postgres://ada:a/b@s3cr3t@" + closed + "/db",
		"postgres://ada:a,s3cr3t@" + closed + "/db",
		"postgres://ada:a/s3cr3t,b@" + closed + "/db",
		"postgres://ada:a/s3cr3t",
		"postgres://127.0.0.1:1/s3cr3t@" + closed + "/db",
		"postgres://127.0.0.1:1?x=s3cr3t@" + closed + "/db",
		"postgres://ada@" + closed + "/db?passfile=/s3cr3t&password=s3cr3t&connect_timeout=s3cr3t",
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
	require.NotErrorIs(t, err, ledger.ErrStorage)
}

func TestServerThatStaysAway(t *testing.T) {
	t.Parallel()
	cluster := pgtest.New(t)
	l := begin(t, cluster.Database(t), 1)
	l.SetPatience(0, time.Minute)
	task := next(t, l)[0]
	cluster.Kill()
	require.ErrorIs(t, l.Start(t.Context(), &task), ledger.ErrStorage)
	_, err := l.Counts(t.Context())
	require.ErrorIs(t, err, ledger.ErrStorage)

	cluster.Restart(t)
	l.SetPatience(time.Minute, time.Minute)
	require.NoError(t, l.Start(t.Context(), &task))
	assertCounts(t, l)
}

// A network that loses all packets, and then works again: the ledger goes on.
func TestNetworkThatBreaks(t *testing.T) {
	t.Parallel()
	target, err := url.Parse(pgtest.Database(t))
	require.NoError(t, err)
	network := newNetwork(t, filepath.Join(target.Query().Get("host"), ".s.PGSQL.5432"))
	through := *target
	through.Host = network.address
	through.RawQuery = "sslmode=disable&idle_in_transaction_session_timeout=100"
	l := begin(t, through.String(), 1)
	l.SetPatience(time.Minute, 200*time.Millisecond)
	task := next(t, l)[0]

	network.broken.Store(true)
	result := make(chan error, 1)
	go func() { result <- l.Start(t.Context(), &task) }()
	<-network.refused // the connections there were, and a new one, do not get through
	network.broken.Store(false)
	require.NoError(t, <-result)
	assert.Equal(t, 1, task.Tries)
	assertCounts(t, l)
}

// network passes what is sent between TCP and a Unix socket, while it is not broken. What is sent then is lost.
type network struct {
	address string
	socket  string
	broken  atomic.Bool
	refused chan struct{} // of each connection that was made while it was broken
}

func newNetwork(t *testing.T, socket string) *network {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, listener.Close()) })
	n := &network{address: listener.Addr().String(), socket: socket, refused: make(chan struct{}, 100)}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go n.connect(t.Context(), conn)
		}
	}()
	return n
}

func (n *network) connect(ctx context.Context, conn net.Conn) {
	if n.broken.Load() {
		n.refused <- struct{}{}
		return
	}
	server, err := (&net.Dialer{}).DialContext(ctx, "unix", n.socket)
	if err != nil {
		return
	}
	go n.pass(server, conn)
	n.pass(conn, server)
}

func (n *network) pass(to, from net.Conn) {
	buffer := make([]byte, 1<<16)
	for {
		size, err := from.Read(buffer)
		if n.broken.Load() {
			return // and both ends stay open
		}
		if err == nil {
			_, err = to.Write(buffer[:size])
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}

// A process that still lists the run as it was must not add its users to the other one.
func TestRunBegunAnewIsNotTheOldOne(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	target := pgtest.Database(t) + "#january"
	first, second := open(t, target, ledger.Write), open(t, target, ledger.Write)
	_, _, err := first.Begin(ctx, spec)
	require.NoError(t, err)
	_, resumed, err := second.Begin(ctx, ledger.Spec{Kind: ledger.RevokeApp, Org: org})
	require.NoError(t, err)
	assert.False(t, resumed)

	const want = "another process has begun the run anew"
	_, err = first.Run(ctx)
	require.ErrorContains(t, err, want)
	require.ErrorContains(t, first.AddTasks(ctx, []ledger.Task{{Kind: ledger.User, ID: "00u1"}}, "", true), want)
	require.NoError(t, second.AddTasks(ctx, nil, "", true))
	require.NoError(t, second.SetPhase(ctx, ledger.Listing, ledger.Planned))
	require.ErrorContains(t, first.SetPhase(ctx, ledger.Listing, ledger.Planned), want)
	assert.Empty(t, all(t, second))
}

// Each may replace the list of another one, of which nothing was done. The run is always one of them, whole.
func TestRunIsBegunAnewByManyAtOnce(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	target := pgtest.Database(t) + "#january"
	_, _, err := open(t, target, ledger.Write).Begin(ctx, spec)
	require.NoError(t, err)
	var wait sync.WaitGroup
	var added atomic.Int64
	for i := range 8 {
		l := open(t, target, ledger.Write)
		wait.Go(func() {
			arguments := fmt.Sprintf(`{"client":"0oa%d"}`, i)
			_, _, err := l.Begin(ctx, ledger.Spec{Kind: ledger.RevokeApp, Org: org, Arguments: arguments})
			if err == nil && l.AddTasks(ctx, []ledger.Task{{Kind: ledger.App, ID: arguments}}, "", true) == nil {
				added.Add(1)
			}
		})
	}
	wait.Wait()
	assert.Positive(t, added.Load())
	l := open(t, target, ledger.Read)
	run, err := l.Run(ctx)
	require.NoError(t, err)
	tasks := all(t, l)
	require.Len(t, tasks, 1)
	assert.Equal(t, run.Arguments, tasks[0].ID)
}

// A database that the version before wrote is brought to the states of this one, with its counters.
func TestPostgresMigratesStates(t *testing.T) {
	t.Parallel()
	target := pgtest.Database(t) + "#old"
	l := begin(t, target, 4)
	require.NoError(t, l.Close())
	for _, statement := range []string{
		`UPDATE ledger_tasks SET state = 2, class = 'duplicate', id = '' WHERE seq = 1`,
		`UPDATE ledger_tasks SET state = 5, class = 'left' WHERE seq = 2`,
		`UPDATE ledger_tasks SET state = 5, class = 'server' WHERE seq = 3`,
		`UPDATE ledger_tasks SET id = '', given = 'ada@example.com' WHERE seq = 4`,
		`DELETE FROM ledger_counters`,
		`INSERT INTO ledger_counters SELECT run_id, 0, c.name, c.value FROM ledger_runs, (VALUES ('task user 0', 1),
			('task user 5', 2), ('class left', 1), ('class server', 1), ('duplicates', 1)) AS c (name, value)`,
		`UPDATE ledger_runs SET version = 1`,
		`DELETE FROM ledger_migrations WHERE version = 2`,
	} {
		execute(t, target, statement)
	}
	_, err := ledger.Open(t.Context(), target, ledger.Read)
	require.ErrorIs(t, err, ledger.ErrVersion)

	l = open(t, target, ledger.Write)
	assertCounts(t, l)
	c := counts(t, l)
	assert.Equal(t, map[ledger.State]int{ledger.Pending: 1, ledger.Left: 1, ledger.Done: 1}, c.Tasks[ledger.User])
	assert.Equal(t, 1, c.Duplicates)
	assert.Equal(t, 1, c.Unresolved)
}

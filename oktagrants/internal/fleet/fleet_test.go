package fleet_test

import (
	"context"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/fleet"
	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/pgtest"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

func TestCommandCarriesOutARun(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 230)
	target := pgtest.Database(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, userIDs(230))

	summary, err := c.Run(t.Context())

	require.NoError(t, err)
	assert.Equal(t, ledger.Ended, summary.Run.Phase)
	assert.Equal(t, map[ledger.State]int{ledger.Verified: 230}, summary.Counts.Tasks[ledger.User])
	assert.Empty(t, org.Grants())
	for path, n := range revokes(org) {
		assert.Equal(t, 1, n, path)
	}
}

// While a command asks whether it may go on, another process may plan for other users under the same name. What the
// command has shown is then not carried out, and what the other has planned neither.
func TestCommandCarriesOutItsOwnPlanOnly(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 20)
	target := pgtest.Database(t) + "#january"
	shown := plan(t, target, org, ledger.Offboard, userIDs(20)[:5])
	plan(t, target, org, ledger.Offboard, userIDs(20)[10:])

	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	_, err := shown.Run(ctx)

	require.ErrorContains(t, err, "another process has begun the run anew")
	assert.Len(t, org.Grants(), 20)
	assert.Empty(t, revokes(org))
}

func TestWorkersDoARunWhoseCommandIsGone(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 400)
	target := pgtest.Database(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, userIDs(400))
	require.NoError(t, fleet.Begin(t.Context(), target))
	startWorker(t, target, nil, org)
	startWorker(t, target, nil, org)

	counts := ended(t, c, 30*time.Second)

	assert.Equal(t, map[ledger.State]int{ledger.Verified: 400}, counts.Tasks[ledger.User])
	for path, n := range revokes(org) {
		assert.Equal(t, 1, n, path)
	}
}

func TestKilledWorkersLoseNothing(t *testing.T) {
	t.Parallel()
	const users, kills = 1500, 5
	org := newOrg(t, users)
	org.LimitRate("/api/v1/users", 300, time.Second)
	target := pgtest.Database(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, userIDs(users))
	require.NoError(t, fleet.Begin(t.Context(), target))
	startWorker(t, target, nil, org)
	victim := startWorker(t, target, nil, org)
	for range kills {
		before := len(org.Requests())
		require.Eventually(t, func() bool { return len(org.Requests()) > before+300 }, 30*time.Second, 10*time.Millisecond)
		victim.kill()
		victim = startWorker(t, target, nil, org)
	}

	counts := ended(t, c, 2*time.Minute)

	assert.Equal(t, map[ledger.State]int{ledger.Verified: users}, counts.Tasks[ledger.User])
	assert.Empty(t, org.Grants())
	assert.LessOrEqual(t, repeats(org), 2*kills*inFlight, "of calls that were in flight")
	assert.LessOrEqual(t, counts.Again, kills*inFlight, "of tasks that were in flight")
	t.Logf("calls repeated: %d, tasks: %d", repeats(org), counts.Again)
}

func TestRunGoesOnAfterPostgresRestarts(t *testing.T) {
	t.Parallel()
	const users = 1500
	org := newOrg(t, users)
	org.LimitRate("/api/v1/users", 300, time.Second)
	c := pgtest.New(t)
	target := c.Database(t) + "#january"
	command := plan(t, target, org, ledger.Offboard, userIDs(users))
	require.NoError(t, fleet.Begin(t.Context(), target))
	startWorker(t, target, nil, org)
	startWorker(t, target, nil, org)
	require.Eventually(t, func() bool { return len(org.Requests()) > 500 }, 30*time.Second, 10*time.Millisecond)

	c.Restart(t)

	counts := ended(t, command, time.Minute)
	assert.Equal(t, map[ledger.State]int{ledger.Verified: users}, counts.Tasks[ledger.User])
	assert.LessOrEqual(t, repeats(org), 2*2*inFlight, "of calls that were in flight")
	t.Logf("calls repeated: %d, tasks: %d", repeats(org), counts.Again)
}

func TestWorkerThatIsCutOffStops(t *testing.T) {
	t.Parallel()
	const users = 1500
	org := newOrg(t, users)
	org.LimitRate("/api/v1/users", 150, time.Second)
	database := pgtest.Database(t)
	proxy, proxied := newProxy(t, database)
	c := plan(t, database+"#january", org, ledger.Offboard, userIDs(users))
	require.NoError(t, fleet.Begin(t.Context(), database+"#january"))
	cut := startWorker(t, proxied, nil, org)
	require.Eventually(t, func() bool { return len(org.Requests()) > 300 }, 30*time.Second, 10*time.Millisecond)

	proxy.black.Store(true)
	startWorker(t, database, nil, org)
	counts := ended(t, c, time.Minute)
	proxy.black.Store(false)
	require.Eventually(t, func() bool {
		var workers int
		query(t, database, `SELECT count(*) FROM fleet_workers`, &workers)
		return workers == 2
	}, 30*time.Second, 50*time.Millisecond, "the worker takes part again")

	assert.True(t, cut.logged("cannot be reached"))
	assert.Equal(t, map[ledger.State]int{ledger.Verified: users}, counts.Tasks[ledger.User])
	after, err := c.Runner.Ledger.Counts(t.Context())
	require.NoError(t, err)
	assert.Equal(t, counts, after, "what the worker writes late")
	assert.LessOrEqual(t, repeats(org), 2*inFlight, "of calls that were in flight")
	assert.LessOrEqual(t, counts.Again, inFlight, "of tasks that were in flight")
}

func TestOrgsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	slow, fast := newOrg(t, 2000), newOrg(t, 300)
	slow.LimitRate("/api/v1/users", 20, time.Second)
	database := pgtest.Database(t)
	plan(t, database+"#slow", slow, ledger.Offboard, userIDs(2000))
	c := plan(t, database+"#fast", fast, ledger.Offboard, userIDs(300))
	startWorker(t, database, nil, slow, fast)
	require.NoError(t, fleet.Begin(t.Context(), database+"#slow"))
	require.Eventually(t, func() bool { return len(slow.Requests()) > 20 }, 30*time.Second, 10*time.Millisecond)

	require.NoError(t, fleet.Begin(t.Context(), database+"#fast"))

	counts := ended(t, c, 20*time.Second)
	assert.Equal(t, map[ledger.State]int{ledger.Verified: 300}, counts.Tasks[ledger.User])
}

func TestRefusedWorkerLeavesItsOrgToOthers(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 200)
	target := pgtest.Database(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, userIDs(200))
	require.NoError(t, fleet.Begin(t.Context(), target))
	refused := startWorker(t, target, []string{"FLEET_TOKEN=wrong"}, org)
	require.Eventually(t, func() bool { return refused.logged("left to other workers") }, 20*time.Second, 10*time.Millisecond)
	startWorker(t, target, nil, org)

	counts := ended(t, c, 20*time.Second)

	assert.Equal(t, map[ledger.State]int{ledger.Verified: 200}, counts.Tasks[ledger.User])
	assert.Empty(t, counts.Classes)
}

func TestRefusedCommandEnds(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 60)
	target := pgtest.Database(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, userIDs(60))
	c.Org = refusedOrg(t, org)

	summary, err := c.Run(t.Context())

	require.ErrorIs(t, err, okta.ErrUnauthorized)
	assert.Equal(t, run.ExitUsage, summary.ExitCode())
	assert.Equal(t, ledger.Working, summary.Run.Phase)
}

func TestKilledCommandLeavesItsRunGoing(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 800)
	org.LimitRate("/api/v1/users", 300, time.Second)
	target := pgtest.Database(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, userIDs(800))
	startWorker(t, target, nil, org)
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		assert.Eventually(t, func() bool { return len(org.Requests()) > 100 }, 30*time.Second, 10*time.Millisecond)
		interrupt()
	}()

	summary, err := c.Run(ctx)

	require.ErrorIs(t, err, run.ErrIncomplete)
	assert.Equal(t, run.ExitIncomplete, summary.ExitCode())
	counts := ended(t, c, 30*time.Second)
	assert.Equal(t, map[ledger.State]int{ledger.Verified: 800}, counts.Tasks[ledger.User])
	assert.Zero(t, counts.Again)
}

func TestFailedTasksAreDoneAgain(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 99)
	target := pgtest.Database(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, append(userIDs(99), "00uunknown"))
	summary, err := c.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, run.ExitFailed, summary.ExitCode())
	require.Equal(t, map[string]int{steps.ClassNotFound: 1}, summary.Counts.Classes)
	org.AddUser(oktatest.User{ID: "00uunknown"})
	before := len(org.Requests())

	summary, err = c.Run(t.Context())

	require.NoError(t, err)
	assert.Equal(t, run.ExitDone, summary.ExitCode())
	assert.Equal(t, map[ledger.State]int{ledger.Verified: 100}, summary.Counts.Tasks[ledger.User])
	assert.Len(t, org.Requests(), before+3, "calls for one user")
}

func TestReviewEndsWithoutVerifying(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 120)
	c := plan(t, pgtest.Database(t)+"#spring", org, ledger.Review, nil)

	summary, err := c.Run(t.Context())

	require.NoError(t, err)
	assert.Equal(t, map[ledger.State]int{ledger.Done: 120}, summary.Counts.Tasks[ledger.User])
	assert.Equal(t, 120, summary.Counts.Grants)
}

func TestCancelStopsAllWorkers(t *testing.T) {
	t.Parallel()
	const users = 2000
	org := newOrg(t, users)
	org.LimitRate("/api/v1/users", 300, time.Second)
	target := pgtest.Database(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, userIDs(users))
	require.NoError(t, fleet.Begin(t.Context(), target))
	startWorker(t, target, nil, org)
	startWorker(t, target, nil, org)
	require.Eventually(t, func() bool { return len(org.Requests()) > 500 }, 30*time.Second, 10*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()

	working, err := fleet.Cancel(ctx, target)

	require.NoError(t, err)
	assert.Zero(t, working)
	stopped := len(org.Requests())
	_, err = fleet.Cancel(ctx, target)
	require.NoError(t, err, "twice")
	assert.Len(t, org.Requests(), stopped, "requests after the run was canceled")
	row, err := c.Runner.Ledger.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, fleet.ErrCanceled.Error(), row.Stop)

	_, err = c.Run(t.Context())
	require.NoError(t, err)
	counts := ended(t, c, time.Minute)
	assert.Equal(t, map[ledger.State]int{ledger.Verified: users}, counts.Tasks[ledger.User])
	assert.Zero(t, counts.Again)
	_, err = fleet.Cancel(t.Context(), target)
	require.ErrorContains(t, err, "it has ended")
}

func TestCanceledRunIsResumedAtOnce(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 1000)
	org.LimitRate("/api/v1/users", 300, time.Second)
	target := pgtest.Database(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, userIDs(1000))
	startWorker(t, target, nil, org)
	for i := range 4 {
		require.NoError(t, fleet.Begin(t.Context(), target))
		require.Eventually(t, func() bool { return len(org.Requests()) > 300*i+100 }, 30*time.Second, 10*time.Millisecond)
		_, err := fleet.Cancel(t.Context(), target)
		require.NoError(t, err)
	}
	require.NoError(t, fleet.Begin(t.Context(), target))

	counts := ended(t, c, time.Minute)

	assert.Equal(t, map[ledger.State]int{ledger.Verified: 1000}, counts.Tasks[ledger.User])
}

func TestCancelEndsTheCommand(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 500)
	org.LimitRate("/api/v1/users", 100, time.Second)
	target := pgtest.Database(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, userIDs(500))
	go func() {
		assert.Eventually(t, func() bool { return len(org.Requests()) > 50 }, 30*time.Second, 10*time.Millisecond)
		_, err := fleet.Cancel(t.Context(), target)
		assert.NoError(t, err)
	}()

	summary, err := c.Run(t.Context())

	require.ErrorIs(t, err, fleet.ErrCanceled)
	assert.Equal(t, run.ExitIncomplete, summary.ExitCode())
}

// The role of a worker may only read and write the tables.
func TestWorkerWithLeastRights(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 120)
	database := pgtest.Database(t)
	role := "worker" + path.Base(strings.Split(database, "?")[0])
	pgtest.Exec(t, database, `CREATE ROLE `+role+` LOGIN`)
	as := strings.Replace(database, "postgres://postgres@", "postgres://"+role+"@", 1)
	require.ErrorContains(t, fleet.Migrate(t.Context(), as), "permission denied")
	require.NoError(t, fleet.Migrate(t.Context(), database))
	pgtest.Exec(t, database,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO `+role,
		`GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO `+role)
	c := plan(t, as+"#january", org, ledger.Offboard, userIDs(120))
	worker := startWorker(t, as, nil, org)

	summary, err := c.Run(t.Context())

	require.NoError(t, err)
	assert.Equal(t, map[ledger.State]int{ledger.Verified: 120}, summary.Counts.Tasks[ledger.User])
	assert.False(t, worker.logged("permission denied"))
}

func refusedOrg(t *testing.T, org *oktatest.Org) fleet.Org {
	t.Helper()
	refused, err := newFleetOrg(org.URL, "wrong")
	require.NoError(t, err)
	return refused
}

// inFlight is how many tasks one worker has in flight.
const inFlight = 20

// repeats counts revokes that were sent again.
func repeats(org *oktatest.Org) int {
	n := 0
	for _, sent := range revokes(org) {
		n += sent - 1
	}
	return n
}

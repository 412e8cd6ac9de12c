package fleet_test

import (
	"context"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/fleet"
	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/pgtest"
	"github.com/grantkit/okta/oktagrants/internal/run"
)

// The refusals of one run end its own command, and leave the workers to the other runs of the org.
func TestRefusalsBelongToARun(t *testing.T) {
	t.Parallel()
	const users = 200
	org := newOrg(t, 2*users)
	untouchable := map[string]bool{}
	for _, id := range userIDs(users) {
		untouchable[id] = true
	}
	intercept(org, func(r *http.Request) oktatest.Fault {
		if parts := strings.Split(r.URL.Path, "/"); r.Method == http.MethodDelete && untouchable[parts[4]] {
			return oktaError(403, "E0000006", "no")
		}
		return nil
	})
	database := pgtest.Database(t)
	refused := plan(t, database+"#refused", org, ledger.Offboard, userIDs(users))
	other := plan(t, database+"#other", org, ledger.Offboard, userIDs(2 * users)[users:])
	worker := startWorker(t, database, nil, org)
	require.NoError(t, fleet.Begin(t.Context(), database+"#refused"))
	require.Eventually(t, func() bool { return worker.logged("tasks of a run are refused") }, 30*time.Second, 10*time.Millisecond)

	summary, err := other.Run(t.Context())

	require.NoError(t, err)
	assert.Equal(t, map[ledger.State]int{ledger.Verified: users}, summary.Counts.Tasks[ledger.User])
	assert.False(t, worker.logged("credentials are refused"))
	summary, err = refused.Run(t.Context())
	require.ErrorIs(t, err, run.ErrRefused)
	assert.Equal(t, run.ExitUsage, summary.ExitCode())
	assert.Len(t, org.Grants(), users)
}

// A task that takes longer than a worker stays with a range is done once, to its end.
func TestLongTaskIsNotCutOff(t *testing.T) {
	t.Parallel()
	const users = 60
	org := newOrg(t, users)
	var reads atomic.Int64
	slow := "/api/v1/users/" + userID(3) + "/clients" // read to verify
	intercept(org, func(r *http.Request) oktatest.Fault {
		if r.URL.Path == slow {
			reads.Add(1)
			select {
			case <-time.After(2 * time.Second): // ten times the spell
			case <-r.Context().Done():
			}
		}
		return nil
	})
	target := pgtest.Database(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, userIDs(users))
	require.NoError(t, fleet.Begin(t.Context(), target))
	inProcess(t, target, org, func(w *fleet.Worker) { w.Spell(200 * time.Millisecond) })

	counts := ended(t, c, 30*time.Second)

	assert.Equal(t, map[ledger.State]int{ledger.Verified: users}, counts.Tasks[ledger.User])
	assert.Zero(t, counts.Again)
	assert.Equal(t, int64(1), reads.Load())
}

// inProcess has a worker in this process work until the test ends.
func inProcess(t *testing.T, target string, org *oktatest.Org, set func(*fleet.Worker)) {
	t.Helper()
	o, err := newFleetOrg(org.URL, apiToken)
	require.NoError(t, err)
	w := &fleet.Worker{Target: target, Orgs: []fleet.Org{o}, Log: discard}
	set(w)
	ctx, stop := context.WithCancel(context.Background())
	var working sync.WaitGroup
	working.Go(func() { assert.NoError(t, w.Work(ctx)) })
	t.Cleanup(func() {
		stop()
		working.Wait()
	})
}

// A machine whose clock is ahead inserts jobs that start at once. A trigger has its part.
func TestClockAheadDelaysNothing(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 60)
	database := pgtest.Database(t)
	c := plan(t, database+"#january", org, ledger.Offboard, userIDs(60))
	pgtest.Exec(t, database,
		`CREATE FUNCTION ahead() RETURNS trigger LANGUAGE plpgsql AS
			'BEGIN NEW.scheduled_at := NEW.scheduled_at + interval ''11 minutes''; RETURN NEW; END'`,
		`CREATE TRIGGER ahead BEFORE INSERT ON river_job FOR EACH ROW EXECUTE FUNCTION ahead()`)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	summary, err := c.Run(ctx)

	require.NoError(t, err)
	assert.Equal(t, map[ledger.State]int{ledger.Verified: 60}, summary.Counts.Tasks[ledger.User])
}

// A command whose role the database no longer accepts ends, and says so.
func TestCommandThatTheDatabaseRefusesEnds(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 400)
	org.LimitRate("/api/v1/users", 50, time.Second)
	database := pgtest.Database(t)
	role := "refused" + path.Base(strings.Split(database, "?")[0])
	require.NoError(t, fleet.Migrate(t.Context(), database))
	pgtest.Exec(t, database, `CREATE ROLE `+role+` LOGIN`,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO `+role,
		`GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO `+role)
	as := strings.Replace(database, "postgres://postgres@", "postgres://"+role+"@", 1)
	c := plan(t, as+"#january", org, ledger.Offboard, userIDs(400))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		assert.Eventually(t, func() bool { return len(revokes(org)) > 10 }, 30*time.Second, 10*time.Millisecond)
		pgtest.Exec(t, database, `ALTER ROLE `+role+` NOLOGIN`,
			`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '`+role+`'`)
	}()

	_, err := c.Run(ctx)

	require.ErrorIs(t, err, ledger.ErrStorage)
	require.ErrorContains(t, err, "not permitted to log in")
	require.NoError(t, ctx.Err())
}

// A worker of one task at a time has one call in flight.
func TestOneWorkerDoesOneTaskAtATime(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 230)
	var now, most atomic.Int64
	intercept(org, func(*http.Request) oktatest.Fault {
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			most.Store(max(most.Load(), now.Add(1)))
			next.ServeHTTP(w, r)
			now.Add(-1)
		}
	})
	target := pgtest.Database(t) + "#january"
	c := plan(t, target, org, ledger.Review, nil)
	most.Store(0)
	c.Runner.Workers = 1

	_, err := c.Run(t.Context())

	require.NoError(t, err)
	assert.Equal(t, int64(1), most.Load())
}

// The end of a run leaves no reason for which another command has stopped, such as a list that was complete already.
func TestEndedRunHasNoReasonToStop(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 60)
	target := pgtest.Database(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, userIDs(60))
	require.NoError(t, fleet.Begin(t.Context(), target))
	require.NoError(t, c.Runner.Ledger.SetStop(t.Context(), "the run is in phase working"))
	inProcess(t, target, org, (*fleet.Worker).Hurry)

	ended(t, c, 30*time.Second)

	row, err := c.Runner.Ledger.Run(t.Context())
	require.NoError(t, err)
	assert.Empty(t, row.Stop)
	assert.WithinDuration(t, time.Now(), row.Ended, time.Minute)
}

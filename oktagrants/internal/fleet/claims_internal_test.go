package fleet

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/pgtest"
)

const testOrg = "https://acme.okta.com"

// beginRun begins a run of ten users that nobody works on, and returns its target.
func beginRun(t *testing.T) string {
	t.Helper()
	target := pgtest.Database(t) + "#january"
	require.NoError(t, Migrate(t.Context(), target))
	l, err := ledger.Open(t.Context(), target, ledger.Write)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	_, _, err = l.Begin(t.Context(), ledger.Spec{Kind: ledger.Offboard, Org: testOrg, Arguments: `{"from":"many"}`})
	require.NoError(t, err)
	var tasks []ledger.Task
	for i := range 10 {
		tasks = append(tasks, ledger.Task{Kind: ledger.User, ID: "00u" + string(rune('A'+i%26)) + time.Duration(i).String()})
	}
	require.NoError(t, l.AddTasks(t.Context(), tasks, "", true))
	require.NoError(t, l.SetPhase(t.Context(), ledger.Listing, ledger.Planned))
	require.NoError(t, Begin(t.Context(), target))
	return target
}

// newTestSession is a worker that has joined, fetches nothing, and has no heartbeat of its own.
func newTestSession(t *testing.T, target string) *session {
	t.Helper()
	s := newSession(&Worker{Target: target}, Org{URL: testOrg}, slog.New(slog.DiscardHandler))
	s.done, s.end = context.WithCancelCause(t.Context())
	pool, err := connect(t.Context(), target)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	s.pool = pool
	_, err = pool.Exec(t.Context(), `INSERT INTO fleet_workers (id, seen) VALUES ($1, clock_timestamp())`, s.id)
	require.NoError(t, err)
	s.queue, err = s.newQueue()
	require.NoError(t, err)
	s.beaten = time.Now()
	return s
}

// fetch fetches a job that waits, as River does.
func (s *session) fetch(t *testing.T) *job {
	t.Helper()
	j := &job{JobRow: &rivertype.JobRow{State: rivertype.JobStateRunning}}
	var args []byte
	err := s.pool.QueryRow(t.Context(), `UPDATE river_job SET state = 'running', attempted_at = now(), attempted_by = ARRAY[$1]
		WHERE id = (SELECT min(id) FROM river_job WHERE state = 'available') RETURNING id, args, priority, queue`, s.id).
		Scan(&j.ID, &args, &j.Priority, &j.Queue)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(args, &j.Args))
	return j
}

func (s *session) count(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, s.pool.QueryRow(t.Context(), query, args...).Scan(&n))
	return n
}

func (s *session) claims(t *testing.T, j *job) bool {
	t.Helper()
	claimed, err := s.claim(t.Context(), j)
	require.NoError(t, err)
	return claimed
}

// silence has a worker be silent for an hour.
func (s *session) silence(t *testing.T) {
	t.Helper()
	_, err := s.pool.Exec(t.Context(), `UPDATE fleet_workers SET seen = now() - interval '1 hour' WHERE id = $1`, s.id)
	require.NoError(t, err)
}

const (
	waitingJobs = `SELECT count(*) FROM river_job WHERE state = 'available'`
	claimedBy   = `SELECT count(*) FROM fleet_ranges WHERE worker = $1`
	workerRows  = `SELECT count(*) FROM fleet_workers WHERE id = $1`
)

// A range belongs to the worker that has claimed it: nobody else finishes it or puts it back.
func TestRangeOfAnotherWorkerIsLeftAlone(t *testing.T) {
	t.Parallel()
	target := beginRun(t)
	a, b := newTestSession(t, target), newTestSession(t, target)
	j := a.fetch(t)
	require.True(t, a.claims(t, j))
	assert.True(t, a.claims(t, j), "it may be repeated")
	assert.False(t, b.claims(t, j))

	require.NoError(t, b.finish(t.Context(), j))
	require.NoError(t, b.putBack(t.Context(), j))

	assert.Equal(t, 1, a.count(t, claimedBy, a.id))
	assert.Zero(t, a.count(t, waitingJobs))

	a.silence(t)
	require.NoError(t, b.sweep(t.Context()))
	taken := b.fetch(t)
	require.True(t, b.claims(t, taken))
	require.NoError(t, a.finish(t.Context(), j), "late")
	assert.Equal(t, 1, b.count(t, claimedBy, b.id))
	assert.Equal(t, 1, b.count(t, `SELECT count(*) FROM ledger_runs WHERE phase = $1`, ledger.Working))
}

// A job that was fetched before its run was canceled claims nothing.
func TestCanceledRunIsNotClaimed(t *testing.T) {
	t.Parallel()
	target := beginRun(t)
	s := newTestSession(t, target)
	j := s.fetch(t)
	_, err := Cancel(t.Context(), target)
	require.NoError(t, err)
	assert.False(t, s.claims(t, j))
	assert.Zero(t, s.count(t, waitingJobs))
}

// While a write of a worker has not ended, the worker is not removed; afterwards it cannot write.
func TestWorkerIsNotRemovedDuringItsWrite(t *testing.T) {
	t.Parallel()
	target := beginRun(t)
	a, b := newTestSession(t, target), newTestSession(t, target)
	require.True(t, a.claims(t, a.fetch(t)))
	l, err := ledger.Open(t.Context(), target, ledger.Write)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	l.Guard(guard, a.id)
	a.silence(t)
	require.NoError(t, pgx.BeginFunc(t.Context(), a.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), guard, a.id); err != nil {
			return err
		}
		err := b.sweep(t.Context())
		assert.Equal(t, 1, b.count(t, claimedBy, a.id))
		assert.Equal(t, 1, b.count(t, workerRows, a.id))
		return err
	}))
	require.NoError(t, l.SetStop(t.Context(), ""), "it may still write")

	require.NoError(t, b.sweep(t.Context()))

	assert.Zero(t, b.count(t, workerRows, a.id))
	require.ErrorIs(t, l.SetStop(t.Context(), "late"), ledger.ErrGuarded)
	a.beat(time.Now())
	require.ErrorIs(t, context.Cause(a.done), errRemoved, "it notices")
}

// A job that a silent worker has fetched, without claiming its range, gets a new one.
func TestFetchedJobsAreTakenOver(t *testing.T) {
	t.Parallel()
	target := beginRun(t)
	a, b := newTestSession(t, target), newTestSession(t, target)
	a.fetch(t)
	require.Zero(t, b.count(t, waitingJobs))
	a.silence(t)
	require.NoError(t, b.sweep(t.Context()))
	j := b.fetch(t)
	assert.True(t, b.claims(t, j))
	assert.Equal(t, priorities[ledger.Offboard], j.Priority)
}

// After an outage of the database nobody is taken for dead before they had the time to come back.
func TestNobodyIsRemovedRightAfterAnOutage(t *testing.T) {
	t.Parallel()
	target := beginRun(t)
	a, b := newTestSession(t, target), newTestSession(t, target)
	a.silence(t)
	b.beat(time.Now()) // the first one that succeeds
	assert.Equal(t, 1, b.count(t, workerRows, a.id))
	b.healthy = time.Now().Add(-2 * b.pace.silence)
	b.beat(time.Now())
	assert.Zero(t, b.count(t, workerRows, a.id))
}

// The jobs of an incident go before those of a review.
func TestPriorities(t *testing.T) {
	t.Parallel()
	assert.Less(t, priorities[ledger.RevokeApp], priorities[ledger.Offboard])
	assert.Less(t, priorities[ledger.Offboard], priorities[ledger.Review])
	s := newTestSession(t, beginRun(t))
	assert.Equal(t, priorities[ledger.Offboard], s.fetch(t).Priority)
}

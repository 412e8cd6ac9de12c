package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// ErrCanceled means that somebody has canceled the run. The same command goes on with it.
var ErrCanceled = errors.New("the run was canceled")

// Begin puts the tasks of a run that is planned into the queue, or what is left of one that was canceled, or that has
// ended with tasks that failed. What is in the queue already stays there.
func Begin(ctx context.Context, target string) error {
	return connected(ctx, target, "begin the run", func(pool *pgxpool.Pool, queue *river.Client[pgx.Tx], id int64) error {
		cancels, err := readCancels(ctx, pool, id)
		if err != nil {
			return err
		}
		return beginUnlessCanceled(ctx, pool, queue, id, cancels)
	})
}

// beginUnlessCanceled begins a run, unless it was canceled more than cancels times: then the error is [ErrCanceled].
func beginUnlessCanceled(ctx context.Context, pool *pgxpool.Pool, queue *river.Client[pgx.Tx], id, cancels int64) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return begin(ctx, tx, queue, id, cancels) })
}

// readCancels returns how often a run was canceled.
func readCancels(ctx context.Context, db rowQuerier, id int64) (int64, error) {
	var cancels int64
	err := db.QueryRow(ctx, `SELECT cancels FROM fleet_runs WHERE run_id = $1`, id).Scan(&cancels)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return cancels, err
}

// enroll makes the row of a run that other workers can take part in, unless it is there, and locks it.
func enroll(ctx context.Context, tx pgx.Tx, id int64) (runRow, error) {
	var org string
	if err := tx.QueryRow(ctx, `SELECT org FROM ledger_runs WHERE run_id = $1`, id).Scan(&org); err != nil {
		return runRow{}, err
	}
	_, err := tx.Exec(ctx, `INSERT INTO fleet_runs (run_id, queue) VALUES ($1, $2) ON CONFLICT DO NOTHING`, id, queueOf(org))
	if err != nil {
		return runRow{}, err
	}
	return lockRun(ctx, tx, id)
}

func begin(ctx context.Context, tx pgx.Tx, queue *river.Client[pgx.Tx], id, cancels int64) error {
	r, err := enroll(ctx, tx, id)
	if err != nil {
		return err
	}
	if r.cancels != cancels {
		return ErrCanceled
	}
	if r.phase == ledger.Listing {
		return errors.New("its tasks are not listed yet")
	}
	if err := r.resume(ctx, tx, queue); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE ledger_runs SET stop = '' WHERE run_id = $1`, id)
	return err
}

// resume puts what is left of a run into the queue.
func (r *runRow) resume(ctx context.Context, tx pgx.Tx, queue *river.Client[pgx.Tx]) error {
	var open, unfinished bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM fleet_ranges WHERE run_id = $1),
		EXISTS (SELECT 1 FROM ledger_tasks WHERE run_id = $1 AND state = ANY($2))`,
		r.id, numbers(run.Open(r.kind))).Scan(&open, &unfinished)
	switch {
	case err != nil:
		return err
	case !open && !unfinished && r.phase == ledger.Ended:
		return nil
	case open && !r.canceled:
		return nil
	}
	if _, err := tx.Exec(ctx, `UPDATE fleet_runs SET canceled = false WHERE run_id = $1`, r.id); err != nil {
		return err
	}
	if !open {
		return r.enter(ctx, tx, queue, ledger.Working)
	}
	rows, err := tx.Query(ctx, `SELECT first, last FROM fleet_ranges WHERE run_id = $1 AND worker IS NULL`, r.id)
	if err != nil {
		return err
	}
	_, err = r.insertJobs(ctx, tx, queue, rows)
	return err
}

// Cancel cancels a run in any phase but the last. Commands that list it, and workers, stop within seconds; what they have
// in flight ends and is recorded. Cancel waits for the workers, and returns how many ranges are still being worked on
// when ctx ends.
func Cancel(ctx context.Context, target string) (int, error) {
	var working int
	err := connected(ctx, target, "cancel the run", func(pool *pgxpool.Pool, queue *river.Client[pgx.Tx], id int64) error {
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return cancel(ctx, tx, queue, id) })
		if err == nil {
			working, err = stopped(ctx, pool, id)
		}
		return err
	})
	return working, err
}

func cancel(ctx context.Context, tx pgx.Tx, queue *river.Client[pgx.Tx], id int64) error {
	r, err := enroll(ctx, tx, id)
	if err != nil {
		return err
	}
	if r.phase == ledger.Ended {
		return errors.New("it has ended")
	}
	if _, err := tx.Exec(ctx, `UPDATE fleet_runs SET canceled = true, cancels = cancels + 1 WHERE run_id = $1`, id); err != nil {
		return err
	}
	if _, err = tx.Exec(ctx, `UPDATE ledger_runs SET stop = $2 WHERE run_id = $1`, id, ErrCanceled.Error()); err != nil {
		return err
	}
	return dropJobs(ctx, tx, queue, id)
}

// stopped waits until nobody works on the run, and returns how many ranges still are when ctx ends.
func stopped(ctx context.Context, pool *pgxpool.Pool, id int64) (int, error) {
	for {
		var working int
		err := pool.QueryRow(context.WithoutCancel(ctx),
			`SELECT count(*) FROM fleet_ranges WHERE run_id = $1 AND worker IS NOT NULL`, id).Scan(&working)
		if err != nil || working == 0 || !wait(ctx, normal.beat/4) {
			return working, err
		}
	}
}

// dropJobs deletes the jobs of a canceled run that wait, so that those of other runs need not wait for them.
func dropJobs(ctx context.Context, tx pgx.Tx, queue *river.Client[pgx.Tx], id int64) error {
	for {
		deleted, err := queue.JobDeleteManyTx(ctx, tx, river.NewJobDeleteManyParams().First(dropAtATime).Kinds(jobArgs{}.Kind()).
			States(rivertype.JobStateAvailable, rivertype.JobStateRetryable, rivertype.JobStateScheduled).
			Where(`args ->> 'id' = @run`, river.NamedArgs{"run": strconv.FormatInt(id, 10)}))
		if err != nil || len(deleted.Jobs) < dropAtATime {
			return err
		}
	}
}

const dropAtATime = 5000

// connected connects to the database of target, and runs do with the ID of its run.
func connected(
	ctx context.Context, target, what string, do func(pool *pgxpool.Pool, queue *river.Client[pgx.Tx], id int64) error,
) error {
	pool, err := connect(ctx, target)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrate(ctx, target, pool); err != nil {
		return err
	}
	queue, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	var id int64
	err = pool.QueryRow(ctx, `SELECT run_id FROM ledger_runs WHERE name = $1`, runName(target)).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ledger.ErrNoRun
	}
	if err == nil {
		err = do(pool, queue, id)
	}
	if err != nil {
		return fmt.Errorf("%s %q: %w", what, runName(target), err)
	}
	return nil
}

// Command carries out one run, together with all workers of its org.
type Command struct {
	Target string
	Runner *run.Runner // whose run is planned
	Org    Org
	Log    *slog.Logger

	cancels  int64 // of the run when Prepare began
	prepared bool

	rate   rate
	waited atomic.Int64              // nanoseconds of the outages of this process that are over
	paused atomic.Pointer[time.Time] // since when calls of this process wait for Okta; nil if they do not
}

// Prepare lists the run, as [run.Runner.Prepare] does, until the run is canceled: the error then matches [ErrCanceled].
func (c *Command) Prepare(parent context.Context) (plan run.Plan, err error) {
	ctx, end := context.WithCancelCause(parent)
	defer end(nil)
	var failed error
	err = connected(parent, c.Target, "prepare the run", func(pool *pgxpool.Pool, _ *river.Client[pgx.Tx], id int64) error {
		if c.cancels, err = readCancels(ctx, pool, id); err != nil {
			return err
		}
		c.prepared = true
		go c.watchCancel(ctx, pool, id, end)
		plan, failed = c.Runner.Prepare(ctx)
		end(nil)
		return nil
	})
	switch {
	case err != nil:
		return plan, err
	case errors.Is(context.Cause(ctx), ErrCanceled):
		return plan, fmt.Errorf("%w: %w", run.ErrIncomplete, ErrCanceled)
	}
	return plan, failed
}

// watchCancel ends a context when the run is canceled. While the database is away, it goes on.
func (c *Command) watchCancel(ctx context.Context, pool *pgxpool.Pool, id int64, end context.CancelCauseFunc) {
	for wait(ctx, normal.beat) {
		if cancels, err := readCancels(ctx, pool, id); err == nil && cancels != c.cancels {
			end(ErrCanceled)
		}
	}
}

// begin begins the very run that the command has planned, unless it was canceled since: another process may have begun
// another run under its name.
func (c *Command) begin(ctx context.Context) error {
	planned, err := c.Runner.Ledger.Run(ctx)
	if err != nil {
		return err
	}
	err = connected(ctx, c.Target, "begin the run", func(pool *pgxpool.Pool, queue *river.Client[pgx.Tx], _ int64) error {
		cancels := c.cancels
		if !c.prepared {
			if cancels, err = readCancels(ctx, pool, planned.ID); err != nil {
				return err
			}
		}
		return beginUnlessCanceled(ctx, pool, queue, planned.ID, cancels)
	})
	c.prepared = false // to run it once more is a command of its own
	if errors.Is(err, ErrCanceled) {
		return fmt.Errorf("%w: %w", run.ErrIncomplete, err)
	}
	return err
}

// Run puts the run's tasks into the queue, takes part in the work, and returns when the run has ended. If ctx ends
// before, the run goes on with the other workers; the error then matches [run.ErrIncomplete].
func (c *Command) Run(ctx context.Context) (run.Summary, error) {
	began := time.Now()
	err := c.begin(ctx)
	if err == nil {
		err = c.takePart(ctx)
	}
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", run.ErrIncomplete, err)
	}
	summary, err := c.Runner.Summarize(context.WithoutCancel(ctx), began, err)
	summary.Paused = time.Duration(c.waited.Load())
	return summary, err
}

// takePart works for the run's org until the run has ended or was canceled.
func (c *Command) takePart(parent context.Context) error {
	ctx, end := context.WithCancelCause(parent)
	worker := &Worker{Target: c.Target, Workers: c.Runner.Workers, Log: c.Log, OnOutage: c.observe}
	var working sync.WaitGroup
	defer working.Wait()
	defer end(nil)
	worker.onRefused = func(id int64, err error) {
		if row, failed := c.Runner.Ledger.Run(ctx); failed == nil && row.ID == id {
			end(refused(err))
		}
	}
	working.Go(func() {
		if err := worker.once(ctx, c.Org); err != nil {
			end(err)
		}
	})
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		over, err := c.look(ctx)
		if over || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// observe notes an outage of this process.
func (c *Command) observe(outage steps.Outage) {
	if c.paused.Store(&outage.Since); outage.Over {
		c.paused.Store(nil)
		c.waited.Add(int64(time.Since(outage.Since)))
	}
	if c.Runner.OnOutage != nil {
		c.Runner.OnOutage(outage)
	}
}

// databaseRefuses reports whether a database does not accept a process, until a person helps: it responds, and refuses the
// role, its password or its rights, or does not exist.
func databaseRefuses(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (strings.HasPrefix(e.Code, "28") || e.Code == "42501" || e.Code == "3D000")
}

// look looks how far the run is, and reports whether it has ended. While the database is away, it has not; where it refuses
// the command, that is an error.
func (c *Command) look(ctx context.Context) (bool, error) {
	row, err := c.Runner.Ledger.Run(ctx)
	var counts ledger.Counts
	if err == nil {
		counts, err = c.Runner.Ledger.Counts(ctx)
	}
	switch {
	case err != nil && databaseRefuses(err):
		return false, err
	case err != nil && ctx.Err() == nil:
		c.Log.ErrorContext(ctx, "the database cannot be read: the run goes on when it can", "error", err)
		return false, nil
	case err != nil:
		return false, nil //nolint:nilerr // the command was interrupted
	}
	c.Runner.Observe(row.Phase, counts)
	work, verify := c.Runner.Job.Calls(counts)
	c.rate.add(time.Now(), work.Total()+verify.Total())
	switch {
	case row.Phase == ledger.Ended:
		return true, nil
	case row.Stop == ErrCanceled.Error():
		return true, fmt.Errorf("%w: %w", run.ErrIncomplete, ErrCanceled)
	}
	return false, nil
}

// Progress returns how far all workers together are. The calls are those of this process.
func (c *Command) Progress() run.Progress {
	p := c.Runner.Progress()
	p.PerMinute, p.Remaining = c.rate.read()
	if since := c.paused.Load(); since != nil {
		p.Paused = *since
	}
	return p
}

// rate is how fast the calls that are still to be done become fewer.
type rate struct {
	mu      sync.Mutex
	samples []sample // of the last minute, each second
}

type sample struct {
	at    time.Time
	ahead int
}

func (r *rate) add(at time.Time, ahead int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples = append(r.samples, sample{at, ahead})
	if len(r.samples) > 60 {
		r.samples = r.samples[1:]
	}
}

// read returns the calls in a minute, and how long the rest takes; zeros while that is unknown.
func (r *rate) read() (perMinute float64, remaining time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.samples) < 2 {
		return 0, 0
	}
	first, last := r.samples[0], r.samples[len(r.samples)-1]
	perMinute = max(0, float64(first.ahead-last.ahead)/last.at.Sub(first.at).Minutes())
	if perMinute > 0 {
		remaining = time.Duration(float64(last.ahead) / perMinute * float64(time.Minute))
	}
	return perMinute, remaining
}

package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/run"
)

// job is a job that a worker does.
type job = river.Job[jobArgs]

// runRow is what the database knows of a run.
type runRow struct {
	id       int64
	name     string
	kind     ledger.Kind
	phase    ledger.Phase
	queue    string
	canceled bool
	cancels  int64 // how often it was canceled
}

// lockRun reads a run, and lets nobody else change it before the transaction ends.
func lockRun(ctx context.Context, tx pgx.Tx, id int64) (runRow, error) {
	r := runRow{id: id}
	err := tx.QueryRow(ctx, `SELECT name, kind, phase, queue, canceled, cancels FROM ledger_runs JOIN fleet_runs USING (run_id)
		WHERE run_id = $1 FOR UPDATE OF fleet_runs`, id).Scan(&r.name, &r.kind, &r.phase, &r.queue, &r.canceled, &r.cancels)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, ledger.ErrNoRun
	}
	return r, err
}

// enter takes a run to a phase, or on to the first one after it that has something to do.
func (r *runRow) enter(ctx context.Context, tx pgx.Tx, queue *river.Client[pgx.Tx], phase ledger.Phase) error {
	for {
		r.phase = phase
		n, err := r.enqueue(ctx, tx, queue)
		if err != nil {
			return err
		}
		if n > 0 || phase == ledger.Ended {
			return r.keepPhase(ctx, tx)
		}
		phase = r.next()
	}
}

// next is the phase after the present one.
func (r *runRow) next() ledger.Phase {
	if r.phase == ledger.Working && r.kind != ledger.Review {
		return ledger.Verifying
	}
	return ledger.Ended
}

// enqueue cuts the tasks of the present phase into ranges and inserts a job for each. It returns their number.
func (r *runRow) enqueue(ctx context.Context, tx pgx.Tx, queue *river.Client[pgx.Tx]) (int, error) {
	rows, err := tx.Query(ctx, `INSERT INTO fleet_ranges (run_id, phase, first, last)
		SELECT $1, $2, min(seq), max(seq) FROM (
			SELECT seq, (row_number() OVER (ORDER BY seq) - 1) / $3 AS n FROM ledger_tasks
			WHERE run_id = $1 AND state = ANY($4)
		) AS numbered GROUP BY n RETURNING first, last`,
		r.id, r.phase, rangeTasks, numbers(run.States(r.phase)))
	if err != nil {
		return 0, err
	}
	return r.insertJobs(ctx, tx, queue, rows)
}

// numbers are states as the database has them.
func numbers(states []ledger.State) []int64 {
	var numbers []int64
	for _, state := range states {
		numbers = append(numbers, int64(state))
	}
	return numbers
}

// insertJobs inserts a job for each range of the present phase in rows, and returns their number.
func (r *runRow) insertJobs(ctx context.Context, tx pgx.Tx, queue *river.Client[pgx.Tx], rows pgx.Rows) (int, error) {
	jobs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (river.InsertManyParams, error) {
		args := jobArgs{Run: r.name, ID: r.id, Phase: r.phase}
		err := row.Scan(&args.First, &args.Last)
		return args.insertion(r.queue, priorities[r.kind]), err
	})
	if err != nil || len(jobs) == 0 {
		return 0, err
	}
	n, err := queue.InsertManyFastTx(ctx, tx, spread(jobs))
	if err != nil {
		return 0, err
	}
	return n, startNow(ctx, tx)
}

// startNow has jobs that wait start at once. River takes the time of a job from the machine that inserts it, whose clock may
// be ahead.
func startNow(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE river_job SET scheduled_at = now() WHERE state = 'available' AND kind = $1
		AND scheduled_at > now() AND NOT args ? 'later'`, jobArgs{}.Kind())
	return err
}

// spread puts jobs into an order in which the first ones are from all parts of the list, as run.Runner begins a list.
func spread(jobs []river.InsertManyParams) []river.InsertManyParams {
	stride := (len(jobs) + jobsAtATime - 1) / jobsAtATime
	order := make([]river.InsertManyParams, 0, len(jobs))
	for from := range stride {
		for i := from; i < len(jobs); i += stride {
			order = append(order, jobs[i])
		}
	}
	return order
}

func (r *runRow) keepPhase(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE ledger_runs SET phase = $1, ended = 0 WHERE run_id = $2`, r.phase, r.id)
	if err != nil || r.phase != ledger.Ended {
		return err
	}
	// What another command has met, such as a list that was complete already, is over.
	_, err = tx.Exec(ctx, `UPDATE ledger_runs SET ended = (extract(epoch FROM clock_timestamp()) * 1000)::bigint, stop = ''
		WHERE run_id = $1`, r.id)
	return err
}

// claim claims the range of a job for the worker. It is false if the range is done, another worker has it, or the run
// was canceled. It may be repeated.
func (s *session) claim(ctx context.Context, j *job) (bool, error) {
	tag, err := s.pool.Exec(ctx, `UPDATE fleet_ranges SET worker = $1, job = $2
		WHERE run_id = $3 AND phase = $4 AND first = $5 AND (worker IS NULL OR (worker = $1 AND job = $2))
		AND NOT (SELECT canceled FROM fleet_runs WHERE run_id = $3)`, s.id, j.ID, j.Args.ID, j.Args.Phase, j.Args.First)
	return tag.RowsAffected() == 1, err
}

// finish deletes the range of a job, completes the job, and begins the next phase if this was the last range. It may be
// repeated.
func (s *session) finish(ctx context.Context, j *job) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		r, err := lockRun(ctx, tx, j.Args.ID)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `DELETE FROM fleet_ranges WHERE run_id = $1 AND phase = $2 AND first = $3 AND worker = $4 AND job = $5`,
			j.Args.ID, j.Args.Phase, j.Args.First, s.id, j.ID)
		if err != nil || tag.RowsAffected() == 0 { // it was done before, or is another worker's now
			return err
		}
		if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, j); err != nil {
			return err
		}
		var open bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM fleet_ranges WHERE run_id = $1)`, r.id).Scan(&open); err != nil {
			return err
		}
		if open {
			return nil
		}
		return r.enter(ctx, tx, s.queue, r.next())
	})
}

// putBack gives up the range of a job, with a new job for it. It may be repeated.
func (s *session) putBack(ctx context.Context, j *job) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		r, err := lockRun(ctx, tx, j.Args.ID)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE fleet_ranges SET worker = NULL, job = NULL
			WHERE run_id = $1 AND phase = $2 AND first = $3 AND worker = $4 AND job = $5`,
			j.Args.ID, j.Args.Phase, j.Args.First, s.id, j.ID)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, j); err != nil {
			return err
		}
		_, err = s.queue.InsertManyTx(ctx, tx, []river.InsertManyParams{j.Args.insertion(r.queue, priorities[r.kind])})
		if err != nil {
			return err
		}
		return startNow(ctx, tx)
	})
}

// postpone completes a job, with a new one that waits a moment: other workers may do it, and this one does other runs
// meanwhile. It may be repeated.
func (s *session) postpone(ctx context.Context, j *job) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var running bool
		err := tx.QueryRow(ctx, `SELECT state = 'running' FROM river_job WHERE id = $1 FOR UPDATE`, j.ID).Scan(&running)
		if err != nil || !running {
			return err
		}
		if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, j); err != nil {
			return err
		}
		args := j.Args
		args.Later = true
		insertion := args.insertion(j.Queue, j.Priority)
		insertion.Args = args
		added, err := s.queue.InsertManyTx(ctx, tx, []river.InsertManyParams{insertion})
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE river_job SET scheduled_at = now() + $1::interval WHERE id = $2`,
			min(outageWait, s.pace.retry), added[0].Job.ID)
		return err
	})
}

// sweep removes the workers that are silent, with their claims.
func (s *session) sweep(ctx context.Context) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		// A row that is locked belongs to a write that has not ended. It is left to the next sweep.
		rows, err := tx.Query(ctx, `SELECT id FROM fleet_workers WHERE seen < now() - $1::interval FOR UPDATE SKIP LOCKED`, s.pace.silence)
		if err != nil {
			return err
		}
		dead, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(dead) == 0 {
			return err
		}
		s.log.WarnContext(ctx, "workers are silent: others take over what they were doing", "workers", dead)
		return s.remove(ctx, tx, dead)
	})
}

// leave removes the worker itself.
func (s *session) leave(ctx context.Context) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		return s.remove(ctx, tx, []string{s.id})
	})
}

// remove removes workers. Each range that one of them has claimed gets a new job, and so does each job that one of them
// has fetched from the queue without claiming its range.
func (s *session) remove(ctx context.Context, tx pgx.Tx, workers []string) error {
	if _, err := tx.Exec(ctx, `SELECT FROM fleet_workers WHERE id = ANY($1) FOR UPDATE`, workers); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `UPDATE fleet_ranges SET worker = NULL, job = NULL FROM ledger_runs AS runs, fleet_runs
		WHERE worker = ANY($1) AND runs.run_id = fleet_ranges.run_id AND fleet_runs.run_id = fleet_ranges.run_id
		RETURNING name, runs.run_id, fleet_ranges.phase, first, last, queue, kind`, workers)
	if err != nil {
		return err
	}
	jobs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (river.InsertManyParams, error) {
		var args jobArgs
		var queue string
		var kind ledger.Kind
		err := row.Scan(&args.Run, &args.ID, &args.Phase, &args.First, &args.Last, &queue, &kind)
		return args.insertion(queue, priorities[kind]), err
	})
	if err != nil {
		return err
	}
	fetched, err := s.fetched(ctx, tx, workers)
	if err != nil {
		return err
	}
	if jobs = append(jobs, fetched...); len(jobs) > 0 {
		if _, err := s.queue.InsertManyTx(ctx, tx, jobs); err != nil {
			return err
		}
	}
	if err := startNow(ctx, tx); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `DELETE FROM fleet_workers WHERE id = ANY($1)`, workers)
	return err
}

// fetched are copies of the jobs that are running on workers. Those whose range is done, or in another job, do nothing.
func (s *session) fetched(ctx context.Context, tx pgx.Tx, workers []string) ([]river.InsertManyParams, error) {
	running, err := s.queue.JobListTx(ctx, tx, river.NewJobListParams().First(maxFetched).Kinds(jobArgs{}.Kind()).
		States(rivertype.JobStateRunning).
		Where(`attempted_by[array_upper(attempted_by, 1)] = ANY(@workers)`, river.NamedArgs{"workers": workers}))
	if err != nil {
		return nil, err
	}
	var copies []river.InsertManyParams
	for _, row := range running.Jobs {
		var args jobArgs
		if err := json.Unmarshal(row.EncodedArgs, &args); err != nil {
			return nil, err
		}
		copies = append(copies, args.insertion(row.Queue, row.Priority))
	}
	return copies, nil
}

const maxFetched = 1000 // jobs of silent workers at a time

// beatOnce renews the worker's row. It is an error if another worker has removed it.
func (s *session) beatOnce(ctx context.Context) error {
	tag, err := s.pool.Exec(ctx, `UPDATE fleet_workers SET seen = clock_timestamp() WHERE id = $1`, s.id)
	if err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errRemoved
	}
	return nil
}

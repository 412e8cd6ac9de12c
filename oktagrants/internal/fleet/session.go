package fleet

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

const (
	jobsAtATime  = 4  // of one worker for one org, at most
	maxHost      = 60 // bytes of its name in a worker's ID
	leaveTimeout = 5 * time.Second
	stopTimeout  = 15 * time.Second

	transactionTimeout = 2 * time.Minute
)

// session is the life of a worker for one org, from its row in fleet_workers to the end of it. It ends when the worker
// is stopped, the database cannot be reached, or the credentials are refused.
type session struct {
	id      string
	worker  *Worker
	org     Org
	log     *slog.Logger
	pace    pace
	pool    *pgxpool.Pool
	queue   *river.Client[pgx.Tx]
	done    context.Context //nolint:containedctx // ends with the session; its cause says why
	end     context.CancelCauseFunc
	beaten  time.Time // when the last heartbeat that succeeded was begun
	healthy time.Time // since when all heartbeats have succeeded

	opening sync.Mutex
	mu      sync.Mutex // guards runs and refused
	runs    map[int64]*openRun
	refused map[int64]time.Time // when tasks of runs, by ID, were refused
}

func newSession(w *Worker, org Org, log *slog.Logger) *session {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	host = host[:min(len(host), maxHost)]
	return &session{id: host + "_" + rand.Text(), worker: w, org: org, log: log, pace: w.pacing(), runs: map[int64]*openRun{},
		refused: map[int64]time.Time{}}
}

// run works until ctx ends or the session does, and says why. Nothing of the session is left then.
func (s *session) run(ctx context.Context) error {
	s.done, s.end = context.WithCancelCause(context.WithoutCancel(ctx))
	defer s.end(nil)
	if err := s.join(ctx); err != nil {
		return err
	}
	go s.keepAlive(ctx)
	<-s.done.Done()
	s.quit(context.WithoutCancel(ctx))
	return context.Cause(s.done) //nolint:contextcheck // its cause says more than ctx
}

// join writes the worker's row, and begins to fetch jobs.
func (s *session) join(ctx context.Context) error {
	pool, err := connect(ctx, s.worker.Target)
	if err != nil {
		return err
	}
	s.pool = pool
	now := time.Now()
	if _, err = pool.Exec(ctx, `INSERT INTO fleet_workers (id, seen) VALUES ($1, clock_timestamp())`, s.id); err == nil {
		s.beaten, s.healthy = now, now
		s.queue, err = s.newQueue()
	}
	if err == nil {
		err = s.queue.Start(context.WithoutCancel(ctx))
	}
	if err != nil {
		go pool.Close()
	}
	return err
}

func (s *session) newQueue() (*river.Client[pgx.Tx], error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(s.handle))
	return river.NewClient(riverpgxv5.New(s.pool), &river.Config{
		ID:                          s.id,
		Logger:                      slog.New(&quiet{s.log.Handler()}),
		Queues:                      map[string]river.QueueConfig{queueOf(s.org.URL): {MaxWorkers: s.worker.jobs()}},
		Workers:                     workers,
		FetchCooldown:               10 * time.Millisecond,
		JobTimeout:                  jobTimeout,
		RescueStuckJobsAfter:        rescue,
		CompletedJobRetentionPeriod: -1,
		CancelledJobRetentionPeriod: -1,
		DiscardedJobRetentionPeriod: -1,
		ReindexerIndexNames:         []string{}, // that takes the owner of the tables
	})
}

// keepAlive sends heartbeats until the session ends, and ends it if it must.
func (s *session) keepAlive(ctx context.Context) {
	ticker := time.NewTicker(s.pace.beat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			s.end(errStopped)
			return
		case <-s.done.Done():
			return
		case now := <-ticker.C:
			s.beat(now) //nolint:contextcheck // it ends with the session
		}
	}
}

// beat does what a worker does each second.
func (s *session) beat(now time.Time) {
	ctx, cancel := context.WithDeadline(s.done, s.beaten.Add(s.pace.lapse))
	defer cancel()
	err := s.beatOnce(ctx)
	switch {
	case errors.Is(err, errRemoved):
		s.end(err)
		return
	case err != nil:
		s.healthy = time.Time{}
		if time.Since(s.beaten) >= s.pace.lapse {
			s.end(errors.Join(errLapsed, err))
		}
		return
	}
	s.beaten = now
	if s.healthy.IsZero() {
		s.healthy = now
	}
	// When the database was away, all were silent. Nobody is taken for dead before they had the time to come back.
	if now.Sub(s.healthy) > s.pace.silence {
		err = s.sweep(ctx)
	}
	if err = cmp.Or(err, s.watchRuns(ctx)); err != nil {
		s.log.WarnContext(ctx, "a look at the other workers and runs failed", "error", err)
	}
}

// quit stops fetching jobs, gives back what is left, and closes what is open. It does not wait for a database that is
// away: then the others find that this worker is silent.
func (s *session) quit(ctx context.Context) {
	stopping, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if err := s.queue.StopAndCancel(stopping); err != nil {
		s.log.WarnContext(ctx, "the queue is still stopping", "error", err)
	}
	leaving, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	if err := s.leave(leaving); err != nil {
		s.log.WarnContext(ctx, "the database cannot be told that the worker stops", "error", err)
	}
	for id, r := range s.opened() {
		s.retire(id, r)
	}
	go s.pool.Close()
}

// persist repeats a transaction until it succeeds. It is false if the session ends before.
func (s *session) persist(ctx context.Context, what string, transaction func(context.Context) error) bool {
	for {
		err := s.bounded(ctx, transaction)
		if err == nil {
			return true
		}
		if s.done.Err() != nil {
			return false
		}
		s.log.WarnContext(ctx, what+" failed and is tried again", "error", err)
		if !wait(s.done, s.pace.beat) { //nolint:contextcheck // it ends with the session
			return false
		}
	}
}

// bounded bounds the time of a transaction. The one that begins a phase of a million tasks takes some seconds.
func (s *session) bounded(ctx context.Context, transaction func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	unhook := context.AfterFunc(s.done, func() { time.AfterFunc(leaveTimeout, cancel) }) //nolint:contextcheck // it ends with the session
	defer unhook()
	return transaction(ctx)
}

// quiet leaves out what River reports for information.
type quiet struct{ slog.Handler }

func (q *quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

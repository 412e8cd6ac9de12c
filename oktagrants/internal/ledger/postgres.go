package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	attemptTime  = 20 * time.Second       // how long a transaction may take, for the server may never respond
	patience     = 2 * time.Minute        // how long a lost connection is retried
	firstBackoff = 100 * time.Millisecond // before the first retry; it doubles up to maxBackoff
	maxBackoff   = 2 * time.Second
	shards       = 64 // of counters: far more than processes that share a run, mostly
)

// errRace means that a transaction lost a race with one of another process: a repeat succeeds.
var errRace = errors.New("another process was faster")

// postgres is a ledger in a Postgres database.
type postgres struct {
	db          *sql.DB
	patience    time.Duration
	attemptTime time.Duration
}

func openPostgres(ctx context.Context, target string, mode Mode) (storage, string, error) {
	config, run, err := ParsePostgres(target)
	if err != nil {
		return storage{}, "", err
	}
	if mode == Read {
		config.RuntimeParams["default_transaction_read_only"] = "on"
	}
	p := &postgres{db: stdlib.OpenDB(*config), patience: patience, attemptTime: attemptTime}
	p.db.SetMaxOpenConns(8)
	p.db.SetMaxIdleConns(4)
	s := storage{
		database: p,
		target:   fmt.Sprintf("postgres://%s:%d/%s#%s", config.Host, config.Port, config.Database, run),
		dialect:  dialect{lock: " FOR UPDATE", rows: 200, shard: rand.Int64N(shards)}, //nolint:gosec // no secret
	}
	if err := p.prepare(ctx, mode); err != nil {
		return storage{}, "", errors.Join(s.failed("open", err), p.db.Close())
	}
	return s, run, nil
}

var runName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

// ParsePostgres returns how to connect to the database of a target, and the name of the run in it. Its errors show
// nothing of the target: where that is malformed, any part may be the password.
func ParsePostgres(target string) (*pgx.ConnConfig, string, error) {
	dsn, run, named := strings.Cut(target, "#")
	if !named {
		run = "default"
	}
	if !runName.MatchString(run) {
		return nil, "", errors.New("invalid Postgres URL: the name of the run, after #, has letters, digits, '.', " +
			"'_' and '-', at most 100 (a # in a password is written %23)")
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil || !separate(dsn) {
		return nil, "", errors.New("invalid Postgres URL: " +
			"want postgres://USER:PASSWORD@HOST:PORT/DATABASE?SETTINGS#RUN, with special characters in the password " +
			"as %XX, and settings and files that exist")
	}
	for name, value := range sessionDefaults {
		if _, ok := config.RuntimeParams[name]; !ok {
			config.RuntimeParams[name] = value
		}
	}
	return config, run, nil
}

// separate says whether it is clear where the password ends: at the only @, before the first / or ?. Otherwise a part
// of it could be taken for the host or the database, and shown. Without @ and /, what looks like HOST:PORT may be
// USER:PASSWORD, cut off at a # in the password.
func separate(dsn string) bool {
	_, rest, _ := strings.Cut(dsn, "://")
	path := strings.IndexAny(rest, "/?")
	at := strings.Index(rest, "@")
	if path < 0 {
		return strings.Count(rest, "@") == 1
	}
	return strings.Count(rest, "@") <= 1 && at < path
}

// sessionDefaults are settings of each connection, unless the URL has others.
var sessionDefaults = map[string]string{
	"application_name": "oktagrants",
	// A process that is cut off in a transaction must not hold its locks.
	"idle_in_transaction_session_timeout": "10s",
	// All is found by an index, in its order. Before Postgres has gathered statistics, as of a million tasks that
	// were just added, it would rather read and sort all of them for each page.
	"enable_seqscan":    "off",
	"enable_bitmapscan": "off",
	"enable_hashjoin":   "off",
	"enable_mergejoin":  "off",
}

// migrations are the steps from each version of the schema to the next.
var migrations = [][]string{schema, toVersion2}

// toVersion2 gives two cases states of their own: a task of the user of another task was Done (2), with the class
// duplicate, and is Same (7); a task that could not be verified was Left (5), and is Done.
var toVersion2 = []string{
	`UPDATE ledger_tasks SET state = 7, class = '' WHERE class = 'duplicate'`,
	`UPDATE ledger_tasks SET state = 2 WHERE state = 5 AND class <> 'left'`,
	`DELETE FROM ledger_counters WHERE name LIKE 'task %'`,
	`INSERT INTO ledger_counters (run_id, shard, name, value) SELECT run_id, 0, 'task ' || kind || ' ' || state, COUNT(*)
		FROM ledger_tasks WHERE state <> 7 GROUP BY run_id, kind, state`,
	`INSERT INTO ledger_counters (run_id, shard, name, value) SELECT run_id, 0, 'unresolved', COUNT(*)
		FROM ledger_tasks WHERE state <> 7 AND id = '' GROUP BY run_id`,
	`UPDATE ledger_runs SET version = 2`,
}

// prepare brings the schema to this program's version.
func (p *postgres) prepare(ctx context.Context, mode Mode) error {
	version, err := readVersion(ctx, p.db)
	if err != nil {
		return err
	}
	switch {
	case version == formatVersion:
		return nil
	case version > formatVersion || (mode == Read && version > 0):
		return fmt.Errorf("%w: its format is %d, and this program's is %d", ErrVersion, version, formatVersion)
	case mode == Read:
		return ErrNoRun
	}
	return p.attempt(ctx, func(ctx context.Context) error { return p.inTransaction(ctx, migrate) })
}

func migrate(ctx context.Context, q querier) error {
	// Others that migrate wait here until the transaction ends.
	if _, err := q.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, applicationID); err != nil {
		return err
	}
	_, err := q.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS ledger_migrations (version BIGINT NOT NULL PRIMARY KEY)`)
	if err != nil {
		return err
	}
	version, err := readVersion(ctx, q)
	if err != nil {
		return err
	}
	for ; version < formatVersion; version++ {
		for _, statement := range migrations[version] {
			if _, err := q.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		if _, err := q.ExecContext(ctx, `INSERT INTO ledger_migrations (version) VALUES ($1)`, version+1); err != nil {
			return err
		}
	}
	return nil
}

// readVersion returns the version of the schema, 0 if there is none.
func readVersion(ctx context.Context, q querier) (int, error) {
	var exists bool
	rows, err := q.QueryContext(ctx, `SELECT to_regclass('ledger_migrations') IS NOT NULL`)
	if err := scanOne(rows, err, &exists); err != nil || !exists {
		return 0, err
	}
	var version int
	rows, err = q.QueryContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM ledger_migrations`)
	return version, scanOne(rows, err, &version)
}

func (p *postgres) transact(ctx context.Context, do func(ctx context.Context, q querier) error) error {
	return p.retry(ctx, func(ctx context.Context) error { return p.inTransaction(ctx, do) })
}

func (p *postgres) query(ctx context.Context, do func(ctx context.Context, q querier) error) error {
	return p.retry(ctx, func(ctx context.Context) error { return do(ctx, p.db) })
}

func (p *postgres) inTransaction(ctx context.Context, do func(ctx context.Context, q querier) error) error {
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := do(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// retry repeats do while the connection is lost, as when the server restarts. If it was lost in a commit, do may have
// succeeded before.
func (p *postgres) retry(ctx context.Context, do func(ctx context.Context) error) error {
	end := time.Now().Add(p.patience)
	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		err := p.attempt(ctx, do)
		if err == nil || ctx.Err() != nil || !transient(err) || time.Now().After(end) {
			return err
		}
		jitter := time.Duration(rand.Int64N(int64(backoff))) //nolint:gosec // no secret
		select {
		case <-time.After(backoff/2 + jitter):
		case <-ctx.Done():
			return fmt.Errorf("%w, after: %w", ctx.Err(), err)
		}
	}
}

var errSlow = errors.New("no response in time")

// attempt bounds the time of do. Errors of a context are the caller's alone.
func (p *postgres) attempt(ctx context.Context, do func(ctx context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, p.attemptTime)
	defer cancel()
	err := do(bounded)
	if ctx.Err() == nil && isContextError(err) {
		return fmt.Errorf("%w: %s", errSlow, err.Error())
	}
	return err
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// transient says whether a repeat may succeed.
func transient(err error) bool {
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
		return transientState(e.Code)
	}
	if e := (*pgconn.ConnectError)(nil); errors.As(err, &e) {
		return true
	}
	if e := net.Error(nil); errors.As(err, &e) {
		return true
	}
	for _, known := range []error{
		errRace, errSlow, driver.ErrBadConn, pgconn.ErrConnClosed, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// transientState says it for the errors that the server reports.
func transientState(code string) bool {
	switch code {
	case "23505", // unique_violation: another process has just resolved a login to the same ID
		"25P03",                   // idle_in_transaction_session_timeout
		"40001", "40P01", "55P03", // a conflict with another transaction
		"53300",                   // too_many_connections
		"57P01", "57P02", "57P03": // the server shuts down, or starts
		return true
	}
	return strings.HasPrefix(code, "08") // the connection
}

func (p *postgres) reason(err error) error {
	if isContextError(err) {
		return err
	}
	e := (*pgconn.PgError)(nil)
	if errors.As(err, &e) && (strings.HasPrefix(e.Code, "22") || strings.HasPrefix(e.Code, "54")) {
		return err // what was to be written is wrong
	}
	if e != nil && e.Code == "42501" { // insufficient_privilege
		return fmt.Errorf("%w: %w: %w", ErrStorage, ErrDenied, err)
	}
	if e != nil && strings.HasPrefix(e.Code, "XX00") && e.Code != "XX000" { // data_corrupted, index_corrupted
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if e != nil || transient(err) {
		return fmt.Errorf("%w: %w", ErrStorage, err)
	}
	return err
}

func (p *postgres) settle(context.Context) error { return nil }

func (p *postgres) close() error { return p.db.Close() }

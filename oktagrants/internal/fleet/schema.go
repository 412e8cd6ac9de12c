package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// migrations are those of this package's own tables, in their order. One that was published never changes.
var migrations = []string{
	`CREATE TABLE fleet_workers (
		id   TEXT PRIMARY KEY,
		seen TIMESTAMPTZ NOT NULL
	);
	CREATE TABLE fleet_runs (
		run_id   BIGINT PRIMARY KEY,
		queue    TEXT NOT NULL,
		canceled BOOLEAN NOT NULL DEFAULT false
	);
	CREATE TABLE fleet_ranges (
		run_id BIGINT NOT NULL REFERENCES fleet_runs (run_id),
		phase  TEXT NOT NULL,
		first  BIGINT NOT NULL,
		last   BIGINT NOT NULL,
		worker TEXT REFERENCES fleet_workers (id),
		job    BIGINT,
		PRIMARY KEY (run_id, phase, first)
	);
	CREATE INDEX fleet_ranges_worker ON fleet_ranges (worker) WHERE worker IS NOT NULL;`,
	`ALTER TABLE fleet_runs ADD COLUMN cancels BIGINT NOT NULL DEFAULT 0`,
}

// migrationLock is the advisory lock that whoever migrates holds.
const migrationLock int64 = 0x6f6b746167726e74

// Migrate creates or updates the tables in the database of target: the ledger's, River's, and this package's. It needs
// a role that may create tables. If there is nothing to do, it changes nothing.
func Migrate(ctx context.Context, target string) error {
	pool, err := connect(ctx, target)
	if err != nil {
		return err
	}
	defer pool.Close()
	return migrate(ctx, target, pool)
}

func migrate(ctx context.Context, target string, pool *pgxpool.Pool) error {
	err := migrateLedger(ctx, target)
	if err == nil {
		err = migrateRest(ctx, pool)
	}
	if err != nil {
		return fmt.Errorf("migrate the database (oktagrants migrate, with a role that may create tables, does it): %w", err)
	}
	return nil
}

// migrateLedger makes the ledger's tables, as whoever opens it first does.
func migrateLedger(ctx context.Context, target string) error {
	l, err := ledger.Open(ctx, target, ledger.Write)
	if err != nil {
		return err
	}
	return l.Close()
}

func migrateRest(ctx context.Context, pool *pgxpool.Pool) error {
	done, err := migrated(ctx, pool)
	if err != nil || done {
		return err
	}
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, migrationLock); err != nil {
		return err
	}
	defer func() { _, _ = conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, migrationLock) }()
	migrator, err := riverMigrator(pool)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	return migrateOwn(ctx, pool)
}

func riverMigrator(pool *pgxpool.Pool) (*rivermigrate.Migrator[pgx.Tx], error) {
	return rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
}

func migrateOwn(ctx context.Context, pool *pgxpool.Pool) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS fleet_version (version BIGINT NOT NULL)`); err != nil {
			return err
		}
		version, err := ownVersion(ctx, tx)
		if err != nil {
			return err
		}
		for _, migration := range migrations[version:] {
			if _, err := tx.Exec(ctx, migration); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `DELETE FROM fleet_version`); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO fleet_version VALUES ($1)`, len(migrations))
		return err
	})
}

// migrated reports whether River's tables and those of this package are there, and of this version.
func migrated(ctx context.Context, pool *pgxpool.Pool) (bool, error) {
	migrator, err := riverMigrator(pool)
	if err != nil {
		return false, err
	}
	var there bool
	err = pool.QueryRow(ctx,
		`SELECT to_regclass('fleet_version') IS NOT NULL AND to_regclass('river_migration') IS NOT NULL`).Scan(&there)
	if err != nil || !there {
		return false, err
	}
	version, err := ownVersion(ctx, pool)
	if err != nil {
		return false, err
	}
	rivers, err := migrator.Validate(ctx, nil)
	if err != nil {
		return false, fmt.Errorf("the tables of River: %w", err)
	}
	return rivers.OK && version == len(migrations), nil
}

type rowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func ownVersion(ctx context.Context, db rowQuerier) (int, error) {
	var version int
	err := db.QueryRow(ctx, `SELECT version FROM fleet_version`).Scan(&version)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, nil
	case err != nil:
		return 0, err
	case version > len(migrations):
		return 0, fmt.Errorf("%w: a newer version of this program has made the tables", ledger.ErrVersion)
	}
	return version, nil
}

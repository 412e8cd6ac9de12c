package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

const (
	connectTimeout = 5 * time.Second
	maxConnections = 16 // of one worker for one org, besides those of its ledgers
)

// connect returns a pool of connections to the database of target. The name of a run in it does not matter.
func connect(ctx context.Context, target string) (*pgxpool.Pool, error) {
	if _, _, err := ledger.ParsePostgres(target); err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(database(target))
	if err != nil {
		return nil, errors.New("invalid Postgres URL: its settings for a pool are wrong")
	}
	config.MaxConns = maxConnections
	config.ConnConfig.ConnectTimeout = connectTimeout
	config.ConnConfig.RuntimeParams["application_name"] = "oktagrants"
	// The transaction of a worker that was cut off must not hold its locks.
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "10s"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err == nil {
		if err = pool.Ping(ctx); err != nil {
			pool.Close()
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("connect to the database: %w", ctx.Err())
	case err != nil:
		text := strings.Join(strings.Fields(err.Error()), " ") // in lines of their own, and indented
		return nil, fmt.Errorf("connect to the database: %w: %s", ledger.ErrStorage, text)
	}
	return pool, nil
}

// database is the database of target, without the name of a run.
func database(target string) string {
	url, _, _ := strings.Cut(target, "#")
	return url
}

// targetOf is the target of a run in the database of target.
func targetOf(target, run string) string { return database(target) + "#" + run }

// runName is the name of the run in target.
func runName(target string) string {
	if _, name, _ := strings.Cut(target, "#"); name != "" {
		return name
	}
	return "default"
}

package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib"
)

func openPostgres(ctx context.Context, target string, mode Mode) (*Ledger, error) {
	dsn, name, _ := strings.Cut(target, "#")
	if name == "" {
		name = "default"
	}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, err
	}
	if mode == Write {
		var there bool
		if err := db.QueryRowContext(ctx, `SELECT to_regclass('runs') IS NOT NULL`).Scan(&there); err != nil {
			return nil, fmt.Errorf("open: %w", err)
		}
		if !there {
			for _, statement := range schema {
				if _, err := db.ExecContext(ctx, statement); err != nil {
					return nil, err
				}
			}
		}
	}
	l := &Ledger{target: "postgres", name: name, reader: db, shard: rand.Int64(), lock: " FOR UPDATE",
		reason: func(err error) error { return err }, close: db.Close}
	if mode == Write {
		l.writer = db
	}
	return l, nil
}

package ledger

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// SetClock sets what the ledger takes for now.
func (l *Ledger) SetClock(now func() time.Time) { l.now = now }

// SetPatience sets how long a lost connection to Postgres is retried, and how long each attempt may take.
func (l *Ledger) SetPatience(patience, attempt time.Duration) {
	p := l.database.(*postgres)
	p.patience, p.attemptTime = patience, attempt
}

// Pragma is a setting of the connection that writes a file.
func (l *Ledger) Pragma(ctx context.Context, name string) (value string, err error) {
	err = l.database.(*sqliteFile).writer.conn.QueryRowContext(ctx, "PRAGMA "+name).Scan(&value)
	return value, err
}

// Limit lets a file grow by that many pages at most, as a full disk does. Without pages, it may grow again.
func (l *Ledger) Limit(ctx context.Context, pages int) error {
	text, err := l.Pragma(ctx, "page_count")
	if err != nil {
		return err
	}
	size, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	limit := size + pages
	if pages == 0 {
		limit = 1 << 30
	}
	_, err = l.Pragma(ctx, fmt.Sprintf("max_page_count = %d", limit))
	return err
}

// TraitsAfter is how many traits stay in memory of so many, and MaxTraits the bound.
func TraitsAfter(n int) (int, error) {
	var t traits
	for i := range n {
		if _, err := t.put(strconv.Itoa(i), "{}"); err != nil {
			return 0, err
		}
	}
	return len(t.byHash), nil
}

// MaxTraits bounds them.
const MaxTraits = maxTraits

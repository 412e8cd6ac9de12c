package ledger

import (
	"context"
	"strconv"
	"time"
)

// SetClock sets what the ledger takes for now.
func (l *Ledger) SetClock(now func() time.Time) { l.now = now }

// Limit lets a file grow by that many pages at most, as a full disk does. Without pages, it may grow again.
func (l *Ledger) Limit(ctx context.Context, pages int) error {
	conn := l.database.(*sqliteFile).writer.conn
	var size int
	if err := conn.QueryRowContext(ctx, "PRAGMA page_count").Scan(&size); err != nil {
		return err
	}
	limit := size + pages
	if pages == 0 {
		limit = 1 << 30
	}
	return conn.QueryRowContext(ctx, "PRAGMA max_page_count = "+strconv.Itoa(limit)).Scan(&size)
}

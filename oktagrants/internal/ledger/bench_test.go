package ledger_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/pgtest"
)

// BenchmarkRun takes b.N users with three grants each through a run: -benchtime 1000000x is a large org. Postgres
// syncs to the disk as it does by default.
func BenchmarkRun(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "run.db")
		benchmarkRun(b, path)
		info, err := os.Stat(path)
		require.NoError(b, err)
		b.ReportMetric(float64(info.Size())/1e6, "MB")
	})
	b.Run("Postgres", func(b *testing.B) {
		url := pgtest.New(b, "fsync=on", "shared_buffers=128MB").Database(b)
		benchmarkRun(b, url)
		db, err := sql.Open("pgx", url)
		require.NoError(b, err)
		defer func() { assert.NoError(b, db.Close()) }()
		var size float64
		require.NoError(b, db.QueryRowContext(b.Context(), "SELECT pg_database_size(current_database())").Scan(&size))
		b.ReportMetric(size/1e6, "MB")
	})
}

func benchmarkRun(b *testing.B, target string) {
	b.Helper()
	l, err := ledger.Open(b.Context(), target, ledger.Write)
	require.NoError(b, err)
	_, _, err = l.Begin(b.Context(), spec)
	require.NoError(b, err)

	measure(b, "listed/s", func() { list(b, l) })
	measure(b, "done/s", func() { finish(b, l, 32) })
	measure(b, "streamed/s", func() { require.Len(b, tasksOf(b, l), b.N) })
	measure(b, "skipped/s", func() { // as Next does when a run resumes at its end
		page, err := l.Next(b.Context(), 0, 1000, ledger.Pending)
		require.NoError(b, err)
		require.Empty(b, page)
	})
	began := time.Now()
	counts, err := l.Counts(b.Context())
	require.NoError(b, err)
	b.ReportMetric(float64(time.Since(began).Microseconds()), "µs/Counts")
	require.Equal(b, b.N, counts.Tasks[ledger.User][ledger.Done])
	require.NoError(b, l.Close())
	b.ReportMetric(peakMemory(b), "MB-RSS")
}

// measure reports how many users a second do takes.
func measure(b *testing.B, unit string, do func()) {
	b.Helper()
	began := time.Now()
	do()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), unit)
}

func list(b *testing.B, l *ledger.Ledger) {
	b.Helper()
	page := make([]ledger.Task, 0, 200)
	for i := range b.N {
		page = append(page, ledger.Task{
			Kind: ledger.User, ID: fmt.Sprintf("00u%09dAbCdEfGh", i*7919%1_000_003), Status: "ACTIVE",
			Login: fmt.Sprintf("user%d@example.com", i), Name: fmt.Sprintf("User Number %d", i),
		})
		if len(page) == cap(page) || i == b.N-1 {
			require.NoError(b, l.AddTasks(b.Context(), page, org+"/api/v1/users?after=200u", i == b.N-1))
			page = page[:0]
		}
	}
}

// finish starts and finishes all tasks, by so many callers at once.
func finish(b *testing.B, l *ledger.Ledger, callers int) {
	b.Helper()
	work := make(chan ledger.Task, 1000)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for task := range work {
				err := l.Start(b.Context(), &task)
				task.State = ledger.Done
				task.Found = threeGrants(task.Seq)
				assert.NoError(b, errors.Join(err, l.Finish(b.Context(), &task)))
			}
		})
	}
	var after int64
	for {
		page, err := l.Next(b.Context(), after, 1000, ledger.Pending)
		require.NoError(b, err)
		if len(page) == 0 {
			break
		}
		for _, task := range page {
			work <- task
		}
		after = page[len(page)-1].Seq
	}
	close(work)
	wg.Wait()
}

func threeGrants(user int64) []ledger.Access {
	at := time.UnixMilli(1_700_000_000_000 + user*1000).UTC()
	list := make([]ledger.Access, 3)
	for i := range list {
		list[i] = ledger.Access{
			Kind: ledger.Grant, ID: fmt.Sprintf("oag%08d%dAbCdEfGh", user, i), Status: "ACTIVE", Source: "END_USER",
			ClientID: fmt.Sprintf("0oa%d0000000AbCdEfGh", i), ClientName: fmt.Sprintf("Example App %d", i),
			Issuer: org, Scopes: []string{"okta.users.read"}, Created: at, Updated: at,
		}
	}
	return list
}

func tasksOf(b *testing.B, l *ledger.Ledger) (seqs []int64) {
	b.Helper()
	for task, err := range l.Tasks(b.Context()) {
		require.NoError(b, err)
		seqs = append(seqs, task.Seq)
	}
	return seqs
}

// peakMemory is the most memory that the process has had, in MB, where Linux says so.
func peakMemory(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	var kilobytes float64
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscan(after, &kilobytes)
	require.NoError(b, err)
	return kilobytes / 1e3
}

package ledger_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

const million = 1_000_000

func user(i int) ledger.Task {
	return ledger.Task{
		Kind: ledger.User, ID: fmt.Sprintf("00u%09dAbCdEfGh", (i*7919)%1000003), Login: fmt.Sprintf("user%d@example.com", i),
		Name: fmt.Sprintf("User Number %d", i), Status: "ACTIVE",
	}
}

func grants(i int) []ledger.Access {
	list := make([]ledger.Access, 3)
	for j := range list {
		at := time.UnixMilli(1_700_000_000_000 + int64(i)*1000).UTC()
		list[j] = ledger.Access{
			Kind: ledger.Grant, ID: fmt.Sprintf("oag%08d%dAbCdEfGh", i, j), ClientID: fmt.Sprintf("0oa%d0000000AbCdEfGh", j),
			ClientName: fmt.Sprintf("Example App %d", j), Issuer: org, Status: "ACTIVE", Source: "END_USER",
			Scopes: []string{"okta.users.read"}, Created: at, Updated: at,
		}
	}
	return list
}

func fill(b *testing.B, l *ledger.Ledger, n int) {
	b.Helper()
	_, _, err := l.Begin(b.Context(), spec)
	require.NoError(b, err)
	page := make([]ledger.Task, 0, 200)
	for i := range n {
		page = append(page, user(i))
		if len(page) == cap(page) || i == n-1 {
			require.NoError(b, l.AddTasks(b.Context(), page, fmt.Sprint(i), i == n-1))
			page = page[:0]
		}
	}
}

func finish(b *testing.B, l *ledger.Ledger, callers int) {
	b.Helper()
	work := make(chan ledger.Task, 1000)
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	for range callers {
		wg.Go(func() {
			for task := range work {
				err := l.Start(context.Background(), &task)
				task.State = ledger.Done
				task.Found = grants(int(task.Seq))
				if err == nil {
					err = l.Finish(context.Background(), &task)
				}
				if err != nil {
					failed.Store(&err)
				}
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
	require.Nil(b, failed.Load())
}

func rss() string {
	data, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "VmHWM") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func BenchmarkMillion(b *testing.B) {
	n := million
	if s := os.Getenv("N"); s != "" {
		fmt.Sscan(s, &n)
	}
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "run.db")
		l, err := ledger.Open(b.Context(), path, ledger.Write)
		require.NoError(b, err)
		at := time.Now()
		lap := func(what string) {
			info, _ := os.Stat(path)
			d := time.Since(at)
			b.Logf("%s: %v, %.0f a second, %d MB, %s", what, d, float64(n)/d.Seconds(), info.Size()>>20, rss())
			at = time.Now()
		}
		fill(b, l, n)
		lap("AddTasks")
		_, err = l.Counts(b.Context())
		require.NoError(b, err)
		lap("Counts")
		finish(b, l, 32)
		lap("Start and Finish")
		page, err := l.Next(b.Context(), 0, 1000, ledger.Pending)
		require.NoError(b, err)
		require.Empty(b, page)
		lap("Next over all")
		var count int
		for _, err := range l.Tasks(b.Context()) {
			require.NoError(b, err)
			count++
		}
		lap("Tasks")
		require.NoError(b, l.Close())
		lap("Close")
	}
}

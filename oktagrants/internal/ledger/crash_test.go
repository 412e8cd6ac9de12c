package ledger_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/pgtest"
)

const (
	childTarget = "OKTAGRANTS_TEST_CHILD" // the ledger that a child process writes
	childOpens  = "OKTAGRANTS_TEST_OPENS" // it only opens that ledger
	crashUsers  = 2000
	crashPage   = 20
)

// child does the work of a child process, if this is one: it lists users and works on them until it is killed, and
// writes a line for each thing that the ledger has said is durable.
func child() bool {
	target := os.Getenv(childTarget)
	if target == "" {
		return false
	}
	if os.Getenv(childOpens) != "" {
		sayWarnings(target)
		return true
	}
	var mu sync.Mutex
	say := func(what string, n int64) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintln(os.Stdout, what, n)
	}
	if err := work(context.Background(), target, say); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
	}
	return true
}

func sayWarnings(target string) {
	l, err := ledger.Open(context.Background(), target, ledger.Write)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, err)
		return
	}
	for _, warning := range l.Warnings() {
		_, _ = fmt.Fprintln(os.Stdout, "warning:", warning)
	}
	_ = l.Close()
}

func work(ctx context.Context, target string, say func(what string, n int64)) error {
	l, err := ledger.Open(ctx, target, ledger.Write)
	if err != nil {
		return err
	}
	run, _, err := l.Begin(ctx, spec)
	if err != nil {
		return err
	}
	listed, _ := strconv.Atoi(run.Cursor)
	for listed < crashUsers {
		page := make([]ledger.Task, crashPage)
		for i := range page {
			page[i] = ledger.Task{Kind: ledger.User, ID: fmt.Sprintf("00u%d", listed+i+1)}
		}
		listed += crashPage
		if err := l.AddTasks(ctx, page, strconv.Itoa(listed), listed == crashUsers); err != nil {
			return err
		}
		say("listed", int64(listed))
	}
	tasks, err := l.Next(ctx, 0, crashUsers, ledger.Pending, ledger.Started)
	if err != nil {
		return err
	}
	queue := make(chan ledger.Task)
	for range 16 {
		go func() {
			for task := range queue {
				if l.Start(ctx, &task) != nil {
					continue
				}
				say("started", task.Seq)
				task.State = ledger.Done
				task.Found = []ledger.Access{{Kind: ledger.Grant, ID: "oag1", ClientID: "0oa1"}}
				if l.Finish(ctx, &task) == nil {
					say("done", task.Seq)
				}
			}
		}()
	}
	for _, task := range tasks {
		queue <- task
	}
	return nil
}

// promises is what a child said.
type promises struct {
	listed  int64
	tries   map[int64]int
	done    map[int64]bool
	started map[int64]bool
}

func TestKilledProcessLosesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		p := &promises{tries: map[int64]int{}, done: map[int64]bool{}}
		for _, lines := range []int{1, 30, 120, 1, 77, 500, 333, 1001} {
			p.killAfter(t, target, lines)
			if !strings.HasPrefix(target, "postgres:") {
				p.check(t, open(t, target, ledger.Read)) // it works on what the dead process left
			}
			l, err := ledger.Open(t.Context(), target, ledger.Write)
			require.NoError(t, err)
			p.check(t, l)
			require.NoError(t, l.Close())
		}
	})
}

// killAfter runs a child and kills it when it has said so many lines.
func (p *promises) killAfter(t *testing.T, target string, lines int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this binary
	cmd.Env = append(os.Environ(), childTarget+"="+target)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	p.started = map[int64]bool{}
	scanner := bufio.NewScanner(stdout)
	for n := 0; scanner.Scan(); n++ {
		p.note(t, scanner.Text())
		if n == lines {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	require.ErrorContains(t, cmd.Wait(), "killed")
}

func (p *promises) note(t *testing.T, line string) {
	t.Helper()
	what, digits, _ := strings.Cut(line, " ")
	n, err := strconv.ParseInt(digits, 10, 64)
	require.NoError(t, err)
	switch what {
	case "listed":
		p.listed = n
	case "started":
		p.tries[n]++
	case "done":
		assert.False(t, p.done[n], "task %d was done before", n)
		p.done[n] = true
	}
}

func (p *promises) check(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	run, err := l.Run(t.Context())
	require.NoError(t, err)
	tasks := all(t, l)
	assert.Equal(t, run.Cursor, strconv.Itoa(len(tasks)), "the list is as long as its cursor says")
	assert.GreaterOrEqual(t, int64(len(tasks)), p.listed)
	for _, task := range tasks {
		assert.GreaterOrEqual(t, task.Tries, p.tries[task.Seq])
		if p.done[task.Seq] {
			assert.Equal(t, ledger.Done, task.State)
		}
		if task.State == ledger.Done {
			assert.Len(t, task.Found, 1, "an outcome is kept whole")
			p.done[task.Seq] = true // the process died before it could say so
		}
	}
	assertCounts(t, l)
}

func TestPostgresCrashIsWaitedFor(t *testing.T) {
	t.Parallel()
	cluster := pgtest.New(t)
	l := begin(t, cluster.Database(t), 400)
	work := make(chan ledger.Task)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for task := range work {
				err := l.Start(t.Context(), &task)
				task.State = ledger.Done
				assert.NoError(t, errors.Join(err, l.Finish(t.Context(), &task)))
			}
		})
	}
	for i, task := range next(t, l) {
		if i%100 == 50 {
			cluster.Restart(t)
			_, err := l.Counts(t.Context())
			require.NoError(t, err)
		}
		work <- task
	}
	close(work)
	wg.Wait()
	assert.Equal(t, map[ledger.State]int{ledger.Done: 400}, counts(t, l).Tasks[ledger.User])
	assertCounts(t, l)
}

// asNobody opens a ledger to write as another user, in a child process, and returns what that says.
func asNobody(t *testing.T, target string) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "ledger") //nolint:usetesting // the other user must be able to enter it
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(folder)) })
	require.NoError(t, os.Chmod(folder, 0o755)) //nolint:gosec // for the other user
	binary := filepath.Join(folder, "test")
	require.NoError(t, os.Link(os.Args[0], binary))
	cmd := exec.CommandContext(t.Context(), "setpriv", //nolint:gosec // this binary
		"--reuid", "65534", "--regid", "65534", "--clear-groups", binary)
	cmd.Env = []string{childTarget + "=" + target, childOpens + "=1"}
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return string(output)
}

// asOther runs a test in a child process of a user whom permissions bind, where this one is root's.
func asOther(t *testing.T) (inChild bool) {
	t.Helper()
	if os.Geteuid() != 0 {
		return true
	}
	folder, err := os.MkdirTemp("", "ledger") //nolint:usetesting // the other user must be able to enter it
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(folder)) })
	require.NoError(t, os.Chmod(folder, 0o777)) //nolint:gosec // for the other user
	binary := filepath.Join(folder, "test")
	require.NoError(t, os.Link(os.Args[0], binary))
	cmd := exec.CommandContext(t.Context(), "setpriv", //nolint:gosec // this binary
		"--reuid", "65534", "--regid", "65534", "--clear-groups", binary, "-test.v", "-test.run", "^"+t.Name()+"$")
	cmd.Env = []string{"TMPDIR=" + folder}
	cmd.Dir = folder
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Contains(t, string(output), "--- PASS: "+t.Name())
	return false
}

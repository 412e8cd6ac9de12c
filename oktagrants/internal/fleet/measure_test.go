package fleet_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/fleet"
	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/pgtest"
)

// The figures of README.md: go test ./internal/fleet -run TestMeasure -measure -v -timeout 1h.
var (
	measure      = flag.Bool("measure", false, "measure runs of several machines; takes minutes")
	measureUsers = flag.Int("measure-users", 20_000, "users of each run")
)

const measuredLimit = 600 // requests a second

// measurement is a run that several workers carry out, with Postgres as it is in production.
type measurement struct {
	t       *testing.T
	cluster *pgtest.Cluster
	target  string
	org     *oktatest.Org
	command *fleet.Command
	workers []*worker
	began   time.Time
}

func newMeasurement(t *testing.T, workers int) *measurement {
	t.Helper()
	if !*measure {
		t.Skip("only with -measure")
	}
	m := &measurement{t: t, cluster: pgtest.New(t, "fsync=on", "shared_buffers=128MB")}
	m.target = m.cluster.Database(t) + "#january"
	m.org, m.command = m.plan(m.target)
	for range workers {
		m.workers = append(m.workers, m.start(m.target, m.org))
	}
	for _, w := range m.workers {
		require.Eventually(t, func() bool { return m.joined() == workers }, time.Minute, 10*time.Millisecond, w)
	}
	return m
}

func (m *measurement) plan(target string) (*oktatest.Org, *fleet.Command) {
	org := newOrg(m.t, *measureUsers)
	command := plan(m.t, target, org, ledger.Offboard, userIDs(*measureUsers))
	org.ClearRequests()
	org.LimitRate("/api/v1/users", measuredLimit, time.Second)
	return org, command
}

func (m *measurement) start(target string, orgs ...*oktatest.Org) *worker {
	return startWorker(m.t, target, []string{"FLEET_PACE=normal"}, orgs...)
}

func (m *measurement) joined() int {
	var n int
	query(m.t, m.target, `SELECT count(*) FROM fleet_workers`, &n)
	return n
}

// begin begins the run.
func (m *measurement) begin() {
	m.began = time.Now()
	require.NoError(m.t, fleet.Begin(m.t.Context(), m.target))
}

// requests waits until the org got so many requests.
func (m *measurement) requests(n int) {
	m.t.Helper()
	require.Eventually(m.t, func() bool { return len(m.org.Requests()) >= n }, 10*time.Minute, 200*time.Millisecond)
}

// report waits for the end of the run, and prints what came of it.
func (m *measurement) report() {
	m.t.Helper()
	counts := ended(m.t, m.command, 20*time.Minute)
	wall := time.Since(m.began)
	calls, refused := 0, 0
	for _, r := range m.org.Requests() {
		if r.Status == 429 {
			refused++
		} else {
			calls++
		}
	}
	ideal := time.Duration(calls) * time.Second / measuredLimit
	m.t.Logf("users verified: %d of %d", counts.Tasks[ledger.User][ledger.Verified], *measureUsers)
	m.t.Logf("calls: %d, refused: %d (%.2f %%)", calls, refused, 100*float64(refused)/float64(calls))
	m.t.Logf("wall: %.1f s, ideal: %.1f s, ratio: %.3f", wall.Seconds(), ideal.Seconds(), wall.Seconds()/ideal.Seconds())
	m.t.Logf("calls repeated: %d, tasks done again: %d, grants left: %d", repeats(m.org), counts.Again, len(m.org.Grants()))
	for _, w := range m.workers {
		m.t.Logf("worker %d: calls %s, peak RSS %d MB", w.cmd.Process.Pid, w.calls(), w.peak()>>10)
	}
}

// calls is what the worker has said last of its calls.
func (w *worker) calls() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, line := range slices.Backward(w.lines) {
		if _, n, ok := strings.Cut(line, "calls="); ok {
			return n
		}
	}
	return "?"
}

// peak is the most memory that the worker had, in KB; 0 if it is gone.
func (w *worker) peak() int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kilobytes, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
	return kilobytes
}

func TestMeasureThreeWorkers(t *testing.T) { //nolint:paralleltest // one at a time, or the figures are wrong
	m := newMeasurement(t, 3)
	m.begin()
	m.report()
}

func TestMeasureKills(t *testing.T) { //nolint:paralleltest // one at a time, or the figures are wrong
	m := newMeasurement(t, 3)
	m.begin()
	var slowest time.Duration
	for i := range 10 {
		m.requests((i + 1) * 3 * *measureUsers / 12)
		victim := rand.IntN(3) //nolint:gosec // no secret
		m.workers[victim].kill()
		killed := time.Now()
		m.workers[victim] = m.start(m.target, m.org)
		rate := 0.0
		for rate < 0.9*measuredLimit && time.Since(killed) < 20*time.Second {
			rate = m.rate()
		}
		t.Logf("kill %d: %.0f requests a second after %.1f s", i+1, rate, time.Since(killed).Seconds())
		slowest = max(slowest, time.Since(killed))
	}
	m.report()
	t.Logf("9 of 10 of the limit again after at most %.1f s", slowest.Seconds())
}

// rate is how many requests a second the org got in the next two seconds.
func (m *measurement) rate() float64 {
	before, began := len(m.org.Requests()), time.Now()
	<-time.After(2 * time.Second)
	return float64(len(m.org.Requests())-before) / time.Since(began).Seconds()
}

func TestMeasureRestartOfPostgres(t *testing.T) { //nolint:paralleltest // one at a time, or the figures are wrong
	m := newMeasurement(t, 3)
	m.begin()
	m.requests(3 * *measureUsers / 3)
	m.cluster.Restart(t)
	m.report()
}

func TestMeasurePartition(t *testing.T) { //nolint:paralleltest // one at a time, or the figures are wrong
	m := newMeasurement(t, 2)
	proxy, proxied := newProxy(t, m.target)
	m.workers = append(m.workers, m.start(proxied, m.org))
	require.Eventually(t, func() bool { return m.joined() == 3 }, time.Minute, 10*time.Millisecond)
	m.begin()
	m.requests(3 * *measureUsers / 4)
	proxy.black.Store(true)
	<-time.After(time.Minute)
	proxy.black.Store(false)
	m.report()
}

func TestMeasureTwoOrgs(t *testing.T) { //nolint:paralleltest // one at a time, or the figures are wrong
	m := newMeasurement(t, 0)
	other := *m
	other.target = strings.TrimSuffix(m.target, "#january") + "#other"
	other.org, other.command = m.plan(other.target)
	for range 3 {
		w := m.start(m.target, m.org, other.org)
		m.workers = append(m.workers, w)
	}
	require.Eventually(t, func() bool { return m.joined() == 6 }, time.Minute, 10*time.Millisecond)
	m.begin()
	other.begin()
	m.report()
	other.report()
}

func TestMeasureAMillion(t *testing.T) { //nolint:paralleltest // one at a time, or the figures are wrong
	if !*measure {
		t.Skip("only with -measure")
	}
	cluster := pgtest.New(t, "fsync=on", "shared_buffers=128MB")
	target := cluster.Database(t) + "#million"
	require.NoError(t, fleet.Migrate(t.Context(), target))
	l, err := ledger.Open(t.Context(), target, ledger.Write)
	require.NoError(t, err)
	defer l.Close() //nolint:errcheck // only read below
	_, _, err = l.Begin(t.Context(), ledger.Spec{Kind: ledger.Review, Org: "https://acme.example", Arguments: "{}"})
	require.NoError(t, err)
	began := time.Now()
	const users, page = 1_000_000, 1000
	for first := 0; first < users; first += page {
		tasks := make([]ledger.Task, page)
		for i := range tasks {
			id := userID(first + i)
			tasks[i] = ledger.Task{Kind: ledger.User, ID: id, Login: id + "@example.com", Name: "User " + id, Status: "ACTIVE"}
		}
		require.NoError(t, l.AddTasks(t.Context(), tasks, id(first), first+page == users))
	}
	require.NoError(t, l.SetPhase(t.Context(), ledger.Listing, ledger.Planned))
	listed := time.Since(began)
	require.NoError(t, fleet.Begin(context.Background(), target))
	t.Logf("1,000,000 users: listed in %.1f s, enqueued in %.1f s", listed.Seconds(), (time.Since(began) - listed).Seconds())
	var jobs int
	query(t, target, `SELECT count(*) FROM river_job`, &jobs)
	t.Logf("jobs: %d", jobs)
}

func id(first int) string { return strconv.Itoa(first) }

package fleet_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/fleet"
	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/pgtest"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

const apiToken = "00test-api-token"

func TestMain(m *testing.M) {
	if os.Getenv("FLEET_WORKER") != "" {
		workerMain()
		return
	}
	m.Run()
	pgtest.Stop()
}

// workerMain is the process of a worker.
func workerMain() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	var orgs []fleet.Org
	for url := range strings.FieldsSeq(os.Getenv("FLEET_ORGS")) {
		org, err := newFleetOrg(url, os.Getenv("FLEET_TOKEN"))
		if err != nil {
			log.Error("client", "error", err)
			return
		}
		orgs = append(orgs, org)
	}
	go func() {
		for range time.Tick(time.Second) {
			log.Info("counted", "calls", orgs[0].Meter.Calls())
		}
	}()
	workers, _ := strconv.Atoi(os.Getenv("FLEET_WORKERS"))
	w := &fleet.Worker{Target: os.Getenv("FLEET_WORKER"), Orgs: orgs, Workers: workers, Log: log}
	if os.Getenv("FLEET_PACE") != "normal" {
		w.Hurry()
	}
	if err := w.Work(ctx); err != nil {
		log.Error("work", "error", err)
	}
}

func newFleetOrg(url, token string) (fleet.Org, error) {
	meter := &run.Meter{}
	client, err := okta.NewClient(okta.Config{OrgURL: url, Credentials: okta.APIToken(token), OnAttempt: meter.OnAttempt})
	return fleet.Org{URL: url, Client: client, Meter: meter}, err
}

// worker is a process that works.
type worker struct {
	cmd *exec.Cmd

	mu    sync.Mutex
	lines []string // that it has logged
}

// logged reports whether the worker has logged a line with text in it.
func (w *worker) logged(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.lines, func(line string) bool { return strings.Contains(line, text) })
}

func startWorker(t *testing.T, target string, env []string, orgs ...*oktatest.Org) *worker {
	t.Helper()
	var urls []string
	for _, org := range orgs {
		urls = append(urls, org.URL)
	}
	cmd := exec.Command(os.Args[0]) //nolint:gosec,noctx // this binary
	cmd.Env = append(append(os.Environ(), "FLEET_WORKER="+target, "FLEET_ORGS="+strings.Join(urls, " "),
		"FLEET_TOKEN="+apiToken), env...)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	w := &worker{cmd: cmd}
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			w.mu.Lock()
			w.lines = append(w.lines, lines.Text())
			w.mu.Unlock()
			if os.Getenv("FLEET_LOG") != "" {
				fmt.Fprintln(os.Stderr, "worker", cmd.Process.Pid, lines.Text())
			}
		}
	}()
	t.Cleanup(w.kill)
	return w
}

// kill kills the process, so that it can do nothing any more.
func (w *worker) kill() {
	_ = w.cmd.Process.Kill()
	_ = w.cmd.Wait()
}

// newOrg starts an org of users who each have a grant and a refresh token.
func newOrg(t *testing.T, users int) *oktatest.Org {
	t.Helper()
	org := oktatest.New(oktatest.Options{})
	t.Cleanup(org.Close)
	org.AcceptAPIToken(apiToken)
	org.AddClient(oktatest.Client{ID: "0oacalendar"})
	for i := range users {
		id := userID(i)
		org.AddUser(oktatest.User{ID: id, Login: id + "@example.com"})
		org.AddGrant(oktatest.Grant{UserID: id, ClientID: "0oacalendar", ScopeID: "openid"})
		org.AddRefreshToken(oktatest.RefreshToken{UserID: id, ClientID: "0oacalendar"})
	}
	return org
}

func userID(i int) string { return fmt.Sprintf("00uuser%07d", i) }

func userIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = userID(i)
	}
	return ids
}

// plan lists the tasks of a run, as a command does.
func plan(t *testing.T, target string, org *oktatest.Org, kind ledger.Kind, users []string) *fleet.Command {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, fleet.Migrate(ctx, target))
	o, err := newFleetOrg(org.URL, apiToken)
	require.NoError(t, err)
	args := steps.Arguments{Users: users}
	if kind == ledger.Review {
		args = steps.Arguments{}
	}
	if len(users) > 1000 {
		args = steps.Arguments{From: "many"}
	}
	var input iter.Seq2[string, error]
	if kind == ledger.Offboard {
		input = func(yield func(string, error) bool) {
			for user := range slices.Values(users) {
				if !yield(user, nil) {
					return
				}
			}
		}
	}
	job, err := steps.New(o.Client, org.URL, kind, args, input)
	require.NoError(t, err)
	l, err := ledger.Open(ctx, target, ledger.Write)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	arguments, err := json.Marshal(args)
	require.NoError(t, err)
	_, _, err = l.Begin(ctx, ledger.Spec{Kind: kind, Org: org.URL, Arguments: string(arguments)})
	require.NoError(t, err)
	runner := &run.Runner{Ledger: l, Job: job, Client: o.Client, Meter: o.Meter}
	_, err = runner.Prepare(ctx)
	require.NoError(t, err)
	return &fleet.Command{Target: target, Runner: runner, Org: o, Log: slog.New(slog.DiscardHandler)}
}

// ended waits until the run has ended.
func ended(t *testing.T, c *fleet.Command, within time.Duration) ledger.Counts {
	t.Helper()
	require.Eventually(t, func() bool {
		row, err := c.Runner.Ledger.Run(t.Context())
		return err == nil && row.Phase == ledger.Ended
	}, within, 50*time.Millisecond)
	counts, err := c.Runner.Ledger.Counts(t.Context())
	require.NoError(t, err)
	return counts
}

// revokes counts the requests that revoke something, by path. Those that were refused do not count.
func revokes(org *oktatest.Org) map[string]int {
	counts := map[string]int{}
	for _, r := range org.Requests() {
		if r.Method == http.MethodDelete && r.Status != http.StatusTooManyRequests {
			counts[r.Path]++
		}
	}
	return counts
}

var discard = slog.New(slog.DiscardHandler)

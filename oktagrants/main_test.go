//go:build unix

package main

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

// TestMain makes this binary the command, too.
func TestMain(m *testing.M) {
	if os.Getenv("OKTAGRANTS_TEST_COMMAND") != "" {
		main()
	}
	os.Exit(m.Run()) //nolint:forbidigo // a test
}

// A terminal that is closed stops a run as SIGTERM does, and the same command goes on. Under nohup, nothing stops it.
func TestHangup(t *testing.T) {
	t.Parallel()
	const users = 40
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // where these tests run under nohup, children would ignore it
	for name, c := range map[string]struct {
		shell string // that starts the command
		code  int
		left  bool // grants
	}{
		"terminal is closed": {`exec "$0" "$@"`, 3, true},
		"nohup":              {`trap "" HUP; exec "$0" "$@"`, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := oktatest.New(oktatest.Options{})
			t.Cleanup(org.Close)
			org.AcceptAPIToken("00test-api-token")
			org.AddClient(oktatest.Client{ID: "0oanotes"})
			org.LimitRate(oktatest.BucketUsers, 40, time.Second)
			args := []string{"-c", c.shell, os.Args[0], "offboard", "--run", filepath.Join(t.TempDir(), "run.db"), "--yes"}
			for range users {
				user := org.AddUser(oktatest.User{})
				org.AddGrant(oktatest.Grant{UserID: user.ID, ClientID: "0oanotes"})
				args = append(args, user.ID)
			}
			run := func(hangup bool) (int, string) {
				cmd := exec.CommandContext(t.Context(), "sh", args...) //nolint:gosec // this binary
				cmd.Env = append(os.Environ(), "OKTAGRANTS_TEST_COMMAND=1", "OKTA_CLIENT_ORGURL="+org.URL,
					"OKTA_CLIENT_TOKEN=00test-api-token", "HOME="+t.TempDir())
				var stderr strings.Builder
				cmd.Stderr = &stderr
				require.NoError(t, cmd.Start())
				if hangup {
					assert.Eventually(t, func() bool { return len(org.Requests()) > 10 }, 30*time.Second, time.Millisecond)
					require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
				}
				_ = cmd.Wait()
				return cmd.ProcessState.ExitCode(), stderr.String()
			}
			code, stderr := run(true)
			assert.Equal(t, c.code, code, stderr)
			assert.Equal(t, c.left, len(org.Grants()) > 0)
			if c.left {
				assert.Contains(t, stderr, "interrupted; nothing is lost: go on with: ")
				code, stderr = run(false)
				assert.Zero(t, code, stderr)
				assert.Empty(t, org.Grants())
			}
		})
	}
}

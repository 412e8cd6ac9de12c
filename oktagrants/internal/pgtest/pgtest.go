// Package pgtest runs a real Postgres for tests: a private cluster in a temporary folder, reached by a Unix socket.
//
// It finds the binaries on the PATH or where Debian's package postgresql has them, /usr/lib/postgresql/VERSION/bin.
// Where there are none, tests are skipped, or fail if the environment variable OKTAGRANTS_REQUIRE_POSTGRES is set.
package pgtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Required is the environment variable that makes tests fail where there is no Postgres.
const Required = "OKTAGRANTS_REQUIRE_POSTGRES"

// Cluster is a Postgres server with its data.
type Cluster struct {
	binaries string
	folder   string
	settings []string
	next     atomic.Int64 // number of the next database
	process  *exec.Cmd
	stdin    io.Closer
}

var (
	shared     *Cluster
	sharedErr  error
	sharedOnce sync.Once
)

// Database returns the URL of a new database in a cluster that all tests of the process share. A package that calls
// it has a TestMain that calls [Stop].
func Database(t testing.TB) string {
	t.Helper()
	sharedOnce.Do(func() { shared, sharedErr = start() })
	check(t, sharedErr)
	return shared.Database(t)
}

// Stop stops the cluster that tests share, if there is one, and removes its folder.
func Stop() {
	if shared != nil {
		shared.remove()
	}
}

// New starts a cluster for one test, with settings of its own such as "fsync=on".
func New(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	c, err := start(settings...)
	check(t, err)
	t.Cleanup(c.remove)
	return c
}

func check(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if errors.Is(err, errMissing) && os.Getenv(Required) == "" {
		t.Skipf("%v; set %s to make this a failure", err, Required)
	}
	t.Fatalf("start Postgres: %v", err)
}

// Database returns the URL of a new database.
func (c *Cluster) Database(t testing.TB) string {
	t.Helper()
	name := "test" + strconv.FormatInt(c.next.Add(1), 10)
	Exec(t, c.url("postgres"), "CREATE DATABASE "+name)
	return c.url(name)
}

// Exec runs statements on the database of a URL.
func Exec(t testing.TB, url string, statements ...string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// Restart kills the server, as a crash does, and starts it on its data again.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	c.Kill()
	if err := c.run(); err != nil {
		t.Fatalf("restart Postgres: %v", err)
	}
}

// Kill stops the server at once. Its data stay.
func (c *Cluster) Kill() {
	_ = c.stdin.Close()
	_ = c.process.Wait()
}

func (c *Cluster) url(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + database,
		RawQuery: url.Values{"host": {c.folder}, "port": {"5432"}}.Encode()}
	return u.String()
}

func (c *Cluster) remove() {
	c.Kill()
	_ = os.RemoveAll(c.folder)
}

var errMissing = errors.New("no Postgres: there is no initdb on the PATH or in /usr/lib/postgresql/*/bin " +
	"(Debian's package is postgresql)")

func start(settings ...string) (*Cluster, error) {
	binaries, err := find()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return nil, err
	}
	c := &Cluster{binaries: binaries, folder: folder, settings: settings}
	if err := c.init(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	if err := c.run(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return c, nil
}

// find returns the folder of the binaries, of the newest version.
func find() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	paths, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(paths) == 0 {
		return "", errMissing
	}
	version := func(path string) int {
		number, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		if err != nil {
			return 0
		}
		return number
	}
	newest := slices.MaxFunc(paths, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

func (c *Cluster) init() error {
	if err := c.give(); err != nil {
		return err
	}
	output, err := c.command(filepath.Join(c.binaries, "initdb"), "--pgdata", c.data(), "--username", "postgres",
		"--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, output)
	}
	return nil
}

// give gives the folder to the user that Postgres runs as.
func (c *Cluster) give() error {
	if os.Geteuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return err
	}
	return os.Chown(c.folder, uid, -1)
}

func (c *Cluster) data() string { return filepath.Join(c.folder, "data") }

// command is a command of Postgres, which refuses to run as root: it is run as user postgres then.
func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	args = append([]string{name}, args...)
	if os.Geteuid() == 0 {
		args = append([]string{"setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"}, args...)
	}
	cmd := exec.CommandContext(context.Background(), args[0], args[1:]...) //nolint:gosec // found above
	cmd.Dir = c.folder
	return cmd
}

// guard runs a server until its standard input ends, as it does when the process of the tests dies, too.
const guard = `"$@" </dev/null >>log 2>&1 & read -r line; kill -QUIT $!; wait $!`

func (c *Cluster) run() error {
	args := []string{"-c", guard, "sh", filepath.Join(c.binaries, "postgres"), "-D", c.data(), "-k", c.folder,
		"-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=32MB"}
	for _, setting := range c.settings {
		args = append(args, "-c", setting)
	}
	c.process = c.command("sh", args...)
	var err error
	if c.stdin, err = c.process.StdinPipe(); err != nil {
		return err
	}
	if err := c.process.Start(); err != nil {
		return err
	}
	if err := c.wait(); err != nil {
		log, _ := os.ReadFile(filepath.Join(c.folder, "log"))
		c.Kill()
		return fmt.Errorf("%w: %s", err, log)
	}
	return nil
}

// wait waits until the server takes connections.
func (c *Cluster) wait() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := sql.Open("pgx", c.url("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

package fleet_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// cluster is a Postgres cluster of a test's own, which it may restart.
type cluster struct {
	dir, port string
	databases atomic.Int64
}

var shared = sync.OnceValues(func() (*cluster, error) { return startCluster() })

func startCluster() (*cluster, error) {
	dir, err := os.MkdirTemp("", "fleet-pg-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	c := &cluster{dir: dir, port: port}
	if err := c.exec("initdb", "-D", c.data(), "-A", "trust", "-U", "postgres", "--no-sync"); err != nil {
		return nil, err
	}
	return c, c.start()
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *cluster) start() error {
	fsync := os.Getenv("FLEET_FSYNC")
	if fsync == "" {
		fsync = "off"
	}
	return c.exec("pg_ctl", "-D", c.data(), "-w", "-l", filepath.Join(c.dir, "log"), "-o",
		fmt.Sprintf("-c port=%s -c listen_addresses=127.0.0.1 -c unix_socket_directories=%s -c fsync=%s -c max_connections=300", c.port, c.dir, fsync), "start")
}

func (c *cluster) stop(how string) error {
	return c.exec("pg_ctl", "-D", c.data(), "-m", how, "-w", "stop")
}

func (c *cluster) remove() {
	_ = c.stop("immediate")
	_ = os.RemoveAll(c.dir)
}

func (c *cluster) exec(name string, args ...string) error {
	cmd := exec.Command("/usr/lib/postgresql/15/bin/"+name, args...)
	cmd.Dir = c.dir
	if os.Geteuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

func (c *cluster) url(database string) string {
	return "postgres://postgres@127.0.0.1:" + c.port + "/" + database + "?sslmode=disable"
}

// database makes an empty database.
func (c *cluster) database(t *testing.T) string {
	t.Helper()
	name := "t" + strconv.FormatInt(c.databases.Add(1), 10)
	conn, err := pgx.Connect(t.Context(), c.url("postgres"))
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	return c.url(name)
}

func newDatabase(t *testing.T) string {
	t.Helper()
	c, err := shared()
	require.NoError(t, err)
	return c.database(t)
}

func query(t *testing.T, url, sql string, into ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(into...))
}

// proxy forwards connections, until it is told to swallow what comes.
type proxy struct {
	listener net.Listener
	to       string
	black    atomic.Bool
}

func newProxy(t *testing.T, url string) (*proxy, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	host := strings.Split(strings.TrimPrefix(url, "postgres://postgres@"), "/")[0]
	p := &proxy{listener: l, to: host}
	t.Cleanup(func() { l.Close() })
	go p.serve()
	return p, strings.Replace(url, host, l.Addr().String(), 1)
}

func (p *proxy) serve() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			up, err := net.Dial("tcp", p.to)
			if err != nil {
				conn.Close()
				return
			}
			go p.copy(up, conn)
			p.copy(conn, up)
		}()
	}
}

// copy forwards; while the proxy is black, what comes waits, as it does on a network that drops packets.
func (p *proxy) copy(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		for p.black.Load() {
			time.Sleep(20 * time.Millisecond)
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

package fleet_test

import (
	"context"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func query(t *testing.T, database, sql string, into ...any) {
	t.Helper()
	database, _, _ = strings.Cut(database, "#")
	conn, err := pgx.Connect(t.Context(), database)
	require.NoError(t, err)
	defer conn.Close(context.Background()) //nolint:errcheck // the test is over
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(into...))
}

// proxy forwards connections, until it is told to swallow what comes.
type proxy struct {
	listener net.Listener
	to       string
	black    atomic.Bool
}

// newProxy starts a proxy to the database of a URL, and returns its URL, too.
func newProxy(t *testing.T, database string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	p := &proxy{listener: listener, to: filepath.Join(u.Query().Get("host"), ".s.PGSQL."+u.Query().Get("port"))}
	go p.serve()
	u.Host, u.RawQuery = listener.Addr().String(), "sslmode=disable"
	return p, u.String()
}

func (p *proxy) serve() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			up, err := (&net.Dialer{}).DialContext(context.Background(), "unix", p.to)
			if err != nil {
				_ = conn.Close()
				return
			}
			go p.copy(up, conn)
			p.copy(conn, up)
		}()
	}
}

// copy forwards; while the proxy is black, what comes waits, as it does on a network that drops packets.
func (p *proxy) copy(to, from net.Conn) {
	defer to.Close() //nolint:errcheck // the test goes on
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		for p.black.Load() {
			<-time.After(20 * time.Millisecond)
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

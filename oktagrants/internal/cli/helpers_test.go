package cli

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

const ann, bob, calendar = oktatest.DemoUserID, "00ubob", oktatest.DemoClientID

// secret is the API token of the tests' configuration. No output may contain it.
const secret = "00very-secret-api-token"

// machine is a machine on which commands run: an org in memory, its configuration, and a folder.
type machine struct {
	t      *testing.T
	org    *oktatest.Org
	config okta.Config
	folder string
	env    Env
	stdin  io.Reader
	onCall func(*http.Request) // sees each request before it is sent
}

// newMachine has the org of oktatest.NewDemo, without a terminal.
func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, org: oktatest.NewDemo(), folder: t.TempDir(), stdin: strings.NewReader("")}
	t.Cleanup(m.org.Close)
	m.org.AcceptAPIToken(secret)
	m.config = okta.Config{
		OrgURL:        m.org.URL,
		Credentials:   okta.APIToken(secret),
		Retry:         okta.RetryOptions{MaxRetries: -1},
		WrapTransport: m.watch,
	}
	m.env = Env{LoadConfig: func() (okta.Config, error) { return m.config, nil }, Width: func() int { return 120 }}
	return m
}

// onTerminal puts the machine's user at a terminal, where they type a text.
func (m *machine) onTerminal(typed string) *machine {
	m.env.TerminalIn, m.env.TerminalErr = true, true
	m.stdin = strings.NewReader(typed)
	return m
}

func (m *machine) host() string { return strings.TrimPrefix(m.org.URL, "http://") }

func (m *machine) watch(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		if m.onCall != nil {
			m.onCall(req)
		}
		return next.RoundTrip(req)
	})
}

// path is a file in the machine's folder.
func (m *machine) path(name string) string { return filepath.Join(m.folder, name) }

func (m *machine) write(name, text string) string {
	m.t.Helper()
	require.NoError(m.t, os.WriteFile(m.path(name), []byte(text), 0o600))
	return m.path(name)
}

// outcome is what a command did.
type outcome struct {
	code     int
	out, err string
}

func (m *machine) run(args ...string) outcome {
	m.t.Helper()
	return m.runIn(m.t.Context(), args...)
}

func (m *machine) runIn(ctx context.Context, args ...string) outcome {
	m.t.Helper()
	var out, stderr lockedBuffer
	code := Main(ctx, args, m.stdin, &out, &stderr, m.env)
	o := outcome{code, out.String(), stderr.String()}
	assert.NotContains(m.t, o.out+o.err, secret, "a secret was printed")
	return o
}

// lockedBuffer is a bytes.Buffer for several goroutines.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// fails requires that a command has failed with a code and one clear line on standard error.
func (o outcome) fails(t *testing.T, code int, words ...string) {
	t.Helper()
	assert.Equal(t, code, o.code, o.err)
	lines := strings.Split(strings.TrimSuffix(o.err, "\n"), "\n")
	last := lines[len(lines)-1]
	assert.True(t, strings.HasPrefix(last, "oktagrants: ") || strings.HasPrefix(last, `{"type":"error","version":1,`), last)
	for _, word := range words {
		assert.Contains(t, last, word)
	}
}

// succeeds requires that a command has succeeded.
func (o outcome) succeeds(t *testing.T) {
	t.Helper()
	require.Zero(t, o.code, o.err)
}

// decode decodes JSON lines.
func decode(t *testing.T, text string) []map[string]any {
	t.Helper()
	var objects []map[string]any
	decoder := json.NewDecoder(strings.NewReader(text))
	for {
		var object map[string]any
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		require.NoError(t, err, text)
		objects = append(objects, object)
	}
}

// requests are the requests that the org got, as method, path and query.
func (m *machine) requests() []string {
	var requests []string
	for _, r := range m.org.Requests() {
		request := r.Method + " " + strings.TrimPrefix(r.Path, "/api/v1/") + "?" + r.RawQuery
		requests = append(requests, strings.TrimSuffix(request, "?"))
	}
	return requests
}

// count counts the requests with a method.
func (m *machine) count(method string) int {
	n := 0
	for _, r := range m.org.Requests() {
		if r.Method == method {
			n++
		}
	}
	return n
}

func lineCount(text string) int { return strings.Count(text, "\n") }

// execute runs a statement on the file of a ledger, as another program.
func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

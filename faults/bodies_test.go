package faults_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

// TestResponseCutAtEveryByte cuts a small response at each of its bytes, for each way in which an HTTP/1 response is
// delimited. The call is retried and succeeds, or it fails; it never returns a part as the whole.
func TestResponseCutAtEveryByte(t *testing.T) {
	t.Parallel()
	framings := []struct {
		name string
		text func(response) string
	}{
		{"Content-Length", response.text}, {"chunks", response.chunked}, {"end of the connection", response.unframed},
	}
	ends := map[string]func(*exchange){"closed": func(*exchange) {}, "reset": func(x *exchange) { x.reset() }}
	var all sync.WaitGroup
	places := make(chan struct{}, 16)
	var calls, retried, failed atomic.Int64
	for _, s := range shapes {
		for _, framing := range framings {
			for end, finish := range ends {
				example := &request{target: s.path}
				if s.query {
					example.target += "?after=" + pageCursor
				}
				whole := framing.text(s.good(example))
				head := strings.Index(whole, "\r\n\r\n") + len("\r\n\r\n")
				for n := range len(whole) {
					if n < head && n%16 > 0 || framing.name == "chunks" && n%3 > 0 {
						continue // one of many alike
					}
					f := &fault{serve: func(x *exchange) { x.write(framing.text(x.good())[:n]); finish(x) }}
					places <- struct{}{}
					all.Go(func() {
						defer func() { <-places }()
						c := &cell{fault: f, shape: s, mode: once}
						got := c.run()
						where := fmt.Sprintf("%s, %s, %s after byte %d of %d",
							s.name, framing.name, end, n, len(whole))
						assert.Empty(t, c.broken, where)
						calls.Add(1)
						looksWhole := n >= head && framing.name == "end of the connection" && end == "closed"
						switch {
						case got == "ok/2":
							retried.Add(1)
						case looksWhole && s.method != http.MethodDelete:
							failed.Add(1) // the body is complete by its framing, but not valid JSON
							assert.Equal(t, "200+json/1", got, where)
						case got == "ok/1": // only the end of the last chunk is missing
							assert.Equal(t, "DELETE chunks", s.method+" "+framing.name, where)
						default:
							assert.Fail(t, got, where)
						}
					})
				}
			}
		}
	}
	all.Wait()
	t.Logf("%d cuts: %d calls retried, %d failed", calls.Load(), retried.Load(), failed.Load())
}

// bomb is a response with a small head and a large body.
type bomb struct {
	name   string
	status int
	head   []string
	body   func(*exchange)
	shape  string
	want   string
	most   uint64 // bytes that the call may allocate in total
}

// TestGrowingBodiesAreBounded sends bodies that grow while they are read. What a call allocates is bounded.
func TestGrowingBodiesAreBounded(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	zipped := gibibyte(t)
	const mib = 1 << 20
	bounds := func(x *exchange) { x.forever(" ") }
	for _, b := range []bomb{ //nolint:paralleltest // as above
		{
			name:   "1 GiB out of 1 MiB of gzip",
			status: 200, head: []string{"Content-Encoding: gzip"}, body: write(zipped), shape: "list",
			want: "200+long/1", most: 512 * mib,
		},
		{
			name:   "1 GiB out of 1 MiB of gzip",
			status: 200, head: []string{"Content-Encoding: gzip"}, body: write(zipped), shape: "token",
			want: "200+long/1", most: 512 * mib,
		},
		{
			name:   "500, 1 GiB out of 1 MiB of gzip",
			status: 500, head: []string{"Content-Encoding: gzip"}, body: write(zipped), shape: "one",
			want: "500+long/3", most: 128 * mib,
		},
		{name: "endless spaces", status: 200, body: bounds, shape: "get", want: "200+long/1", most: 512 * mib},
		{
			name:   "endless list",
			status: 200, body: func(x *exchange) { x.write("["); x.forever(`{"id":"a"},`) }, shape: "iterate",
			want: "200+long/1", most: 512 * mib,
		},
		{
			name:   "endless string",
			status: 200, body: func(x *exchange) { x.write(`{"id":"`); x.forever("a") }, shape: "token",
			want: "200+long/1", most: 512 * mib,
		},
		{
			name:   "endless error",
			status: 404, body: func(x *exchange) { x.write(`{"errorCode":"`); x.forever("a") }, shape: "all",
			want: "404+long/1", most: 128 * mib,
		},
		{
			name:   "Content-Length of 2^62",
			status: 200, head: []string{"Content-Length: 4611686018427387904"}, body: write("["), shape: "list",
			want: "200+lost/3", most: 128 * mib,
		},
		{
			name:   "16 MiB of empty objects in a token response",
			status: 200, body: write(`{"x":[` + strings.Repeat("{},", 16*mib/3) + "{}]}"), shape: "token",
			want: "200+long/1", most: 512 * mib,
		},
		{
			name:   "500 with 1 MiB of causes",
			status: 500, body: write(`{"errorCauses":[` + strings.Repeat("{},", mib/3-10) + "{}]}"), shape: "get",
			want: "500/3", most: 768 * mib,
		},
	} {
		t.Run(b.shape+", "+b.name, func(t *testing.T) {
			var s *shape
			for _, each := range shapes {
				if each.name == b.shape {
					s = each
				}
			}
			c := &cell{shape: s, mode: always, fault: &fault{serve: func(x *exchange) {
				if x.write(response{status: b.status}.head(b.head...)) {
					b.body(x)
				}
			}}}
			allocated := measure(func() { assert.Equal(t, b.want, c.run()) })
			assert.Empty(t, c.broken)
			assert.LessOrEqual(t, allocated, b.most)
			t.Logf("%s: %d MiB allocated in total", b.want, allocated/mib)
		})
	}
}

func write(text string) func(*exchange) { return func(x *exchange) { x.write(text) } }

// measure returns how many bytes were allocated while f ran, freed ones included.
func measure(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// gibibyte returns 1 GiB of spaces, compressed. The text of several gzip members is the concatenation of their texts.
func gibibyte(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	block := bytes.Repeat([]byte(" "), 1<<20)
	for range 16 {
		_, err := w.Write(block)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return strings.Repeat(b.String(), 64)
}

// TestMembersOfAnObjectAreBounded: the memory bound counts the members of an item, and not only the items.
func TestMembersOfAnObjectAreBounded(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	text := `{"_embedded":{"scopes":[` + strings.Repeat("{},", 8<<20/3) + "{}]}}"
	s, err := newServer(nil, func(x *exchange) {
		x.write(response{status: 200, body: text}.text())
	}, nil)
	require.NoError(t, err)
	defer s.stop()
	client, transport := plainClient(t, s)
	defer transport.CloseIdleConnections()
	allocated := measure(func() {
		_, err := client.UserOAuth.GetRefreshToken(t.Context(), "00u1", "0oa1", "oar1", nil)
		assert.Error(t, err)
	})
	assert.LessOrEqual(t, allocated, uint64(384<<20), "for 8 MiB of text")
}

// plainClient returns a client of s with an API token and short waits.
func plainClient(t *testing.T, s *server) (*okta.Client, *http.Transport) {
	t.Helper()
	transport := &http.Transport{}
	c := &cell{shape: shapes[0], fault: &fault{}, grown: make(chan struct{})}
	client, err := c.client(s, transport)
	require.NoError(t, err)
	return client, transport
}

// TestEndlessListEndsWithTheContext: a server that always sends another cursor keeps a reader busy until the context
// ends. The pages read until then are not returned as the list.
func TestEndlessListEndsWithTheContext(t *testing.T) {
	t.Parallel()
	var pages atomic.Int64
	s, err := newServer(nil, func(x *exchange) {
		n := pages.Add(1)
		if n > 100_000 {
			x.write(response{status: 200, body: "[]"}.text())
			return
		}
		link := fmt.Sprintf(`Link: </?after=cursor-%d>; rel="next"`, n)
		x.write(response{status: 200, header: []string{link}, body: `[{"id":"oag1"}]`}.text())
	}, nil)
	require.NoError(t, err)
	defer s.stop()
	client, transport := plainClient(t, s)
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	page, err := client.UserGrants.List(ctx, "00u1", nil)
	require.NoError(t, err)
	items, err := page.Collect(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Nil(t, items)
	assert.Less(t, time.Since(began), time.Second+slack)
	t.Logf("%d pages until the deadline", pages.Load())
}

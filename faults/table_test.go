package faults_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// fault is one way to fail, and the outcomes of each shape of call. README.md says how to add one.
type fault struct {
	name     string
	serve    func(*exchange)                 // writes the response
	then     func(*exchange)                 // writes the next response; nil for a good one
	host     string                          // in OrgURL; empty for the address of the server
	tls      bool                            // the client speaks TLS, the server does not
	identity func(*pki) tls.Certificate      // makes the server speak TLS
	stalls   bool                            // only a timeout ends an attempt
	value    func(s *shape, got string) bool // accepts another result than the shape's own
	after    func(*server) string            // a last check
	http2    bool                            // the server speaks HTTP/2
	frames   func(*stream)                   // writes the HTTP/2 response
	want     wants

	// dial replaces the connection to the server.
	dial func(ctx context.Context, network string) (net.Conn, error)
}

// outcomes are the expected outcomes of a call in each mode, with the number of attempts. An empty one is not tested.
type outcomes struct{ once, always, deadline string }

// wants are the outcomes by shape.
type wants map[string]outcomes

func every(once, always string) wants {
	w := wants{}
	for _, s := range shapes {
		w[s.name] = outcomes{once, always, ""}
	}
	return w
}

// but sets other outcomes for some shapes.
func (w wants) but(names, once, always string) wants {
	for name := range strings.FieldsSeq(names) {
		w[name] = outcomes{once, always, w[name].deadline}
	}
	return w
}

// late sets the outcomes for a context that ends.
func (w wants) late(names, want string) wants {
	for name := range strings.FieldsSeq(names) {
		o := w[name]
		o.deadline = want
		w[name] = o
	}
	return w
}

const (
	everyShape = "get list iterate one all token"
	reads      = "get list iterate"
	lists      = "list iterate"
	revokes    = "one all"
)

func send(text func(x *exchange) string) func(*exchange) {
	return func(x *exchange) { x.write(text(x)) }
}

// status sends a status, headers and a body.
func status(code int, body string, headers ...string) func(*exchange) {
	return send(func(*exchange) string { return response{status: code, header: headers, body: body}.text() })
}

// body sends the good response with another body.
func body(text string) func(*exchange) {
	return send(func(x *exchange) string { return x.with(text).text() })
}

// header sends the good response with more headers.
func header(lines ...string) func(*exchange) {
	return send(func(x *exchange) string {
		resp := x.good()
		resp.header = append(slices.Clip(resp.header), lines...)
		return resp.text()
	})
}

// head sends the head of the good response with more lines, and then rest.
func head(lines []string, rest string) func(*exchange) {
	return send(func(x *exchange) string { return x.good().head(lines...) + rest })
}

func compressed(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// zipped sends the good body compressed, and then changed.
func zipped(change func(string) string) func(*exchange) {
	return send(func(x *exchange) string {
		text := change(compressed(x.good().body))
		return x.good().head("Content-Encoding: gzip", "Content-Length: "+strconv.Itoa(len(text))) + text
	})
}

// limits are rate limit headers.
func limits(limit, remaining, reset, date string) []string {
	return []string{
		"X-Rate-Limit-Limit: " + limit, "X-Rate-Limit-Remaining: " + remaining, "X-Rate-Limit-Reset: " + reset,
		"Date: " + date,
	}
}

const (
	today    = "Mon, 01 Jun 2026 12:00:00 GMT"
	inAMin   = "1780315260" // a minute later
	in3000   = "32503680000"
	in1970   = "Thu, 01 Jan 1970 00:00:00 GMT"
	limited  = `{"errorCode":"E0000047","errorSummary":"API call exceeded rate limit due to too many requests."}`
	deepJSON = 1_000_000

	// closedPort is an address at which nothing listens: no test gets a port below 1024 from the system.
	closedPort = "127.0.0.1:1"
)

// TestFaultTable makes each shape of call meet each fault. A cell of the table is the outcome of the call and the
// number of its attempts, such as ok/2, 503/3, or 200+lost/3 for responses with status 200 whose body was lost.
//
// Each cell is also checked for: no panic, no wait beyond the deadline, no open connection, no more attempts than
// allowed, no request to another path, no secret in errors, logs and attempts, and no part of a list returned as the
// whole.
func TestFaultTable(t *testing.T) {
	t.Parallel()
	if _, err := authorities(); err != nil {
		t.Fatal(err)
	}
	faults := connectionFaults()
	faults = append(faults, framingFaults()...)
	faults = append(faults, headerFaults()...)
	faults = append(faults, statusFaults()...)
	faults = append(faults, bodyFaults()...)
	faults = append(faults, limitFaults()...)
	faults = append(faults, redirectFaults(t)...)
	faults = append(faults, http2Faults()...)
	cells := runCells(faults)

	var table strings.Builder
	fmt.Fprintf(&table, "%-52s", "fault")
	for _, s := range shapes {
		fmt.Fprintf(&table, " %-23s", s.name)
	}
	for _, f := range faults {
		fmt.Fprintf(&table, "\n%-52s", f.name)
		for _, s := range shapes {
			fmt.Fprintf(&table, " %-23s", report(t, cells[key{f, s}]))
		}
	}
	t.Logf("%d faults, %d cells; in each: the fault meets one request, all, all until the deadline\n%s",
		len(faults), count(cells), table.String())
}

type key struct {
	fault *fault
	shape *shape
}

type run struct {
	cell *cell
	want string
	got  string
}

func runCells(faults []*fault) map[key][]*run {
	cells := map[key][]*run{}
	var all sync.WaitGroup
	places := make(chan struct{}, 32)
	for _, f := range faults {
		for _, s := range shapes {
			want := f.want[s.name]
			for _, r := range []*run{
				{cell: &cell{fault: f, shape: s, mode: once}, want: want.once},
				{cell: &cell{fault: f, shape: s, mode: always}, want: want.always},
				{cell: &cell{fault: f, shape: s, mode: deadline}, want: want.deadline},
			} {
				cells[key{f, s}] = append(cells[key{f, s}], r)
				if r.want == "" {
					continue
				}
				places <- struct{}{}
				all.Go(func() {
					defer func() { <-places }()
					r.got = r.cell.run()
				})
			}
		}
	}
	all.Wait()
	return cells
}

func count(cells map[key][]*run) int {
	n := 0
	for _, runs := range cells {
		for _, r := range runs {
			if r.want != "" {
				n++
			}
		}
	}
	return n
}

// inOrder iterates over m in the order of its keys.
func inOrder[T any](m map[string]T) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if !yield(name, m[name]) {
				return
			}
		}
	}
}

// report asserts the runs of one place of the table, and returns its text. A mode that is not tested is "-".
func report(t *testing.T, runs []*run) string {
	t.Helper()
	got := make([]string, len(runs))
	for i, r := range runs {
		if r.want == "" {
			got[i] = "-"
			continue
		}
		got[i] = r.got
		where := fmt.Sprintf("%s, %s, %s", r.cell.fault.name, r.cell.shape.name, r.cell.mode)
		assert.Equal(t, r.want, r.got, where)
		assert.Empty(t, r.cell.broken, where)
	}
	return strings.TrimRight(strings.Join(got, " "), " -")
}

// connectionFaults are faults of the network and of TLS.
func connectionFaults() []*fault {
	stall := func(x *exchange) { x.stall() }
	reset := func(x *exchange) { x.reset() }
	refused := func(ctx context.Context, network string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, closedPort)
	}
	lookUp := func(ctx context.Context, network string) (net.Conn, error) {
		resolver := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("no route to the name server")
		}}
		return (&net.Dialer{Resolver: resolver}).DialContext(ctx, network, "org.invalid:80")
	}
	missing := status(404, notFound)
	return []*fault{
		{name: "connection refused", dial: refused, want: every("ok/2", "refused/3")},
		{name: "name not found", dial: lookUp, host: "org.invalid", want: every("ok/2", "no-name/3")},
		{name: "reset before the header", serve: reset, want: every("ok/2", "lost/3")},
		{name: "closed before the header", serve: func(*exchange) {}, want: every("ok/2", "lost/3")},
		{
			name: "closed before the header, then 404", serve: func(*exchange) {}, then: missing,
			want: every("404/2", "").but("one", "ok/2", ""),
		},
		{
			name:  "reset in the header",
			serve: func(x *exchange) { x.write("HTTP/1.1 200 OK\r\nContent-Length: "); x.reset() },
			want:  every("ok/2", "lost/3"),
		},
		{
			name:  "closed in the header",
			serve: send(func(*exchange) string { return "HTTP/1.1 200 OK\r\nContent-Length: " }),
			want:  every("ok/2", "lost/3"),
		},
		{
			name:  "reset after the header",
			serve: func(x *exchange) { x.write(x.good().head("Content-Length: 31")); x.reset() },
			want:  every("ok/2", "200+lost/3").but(revokes, "ok/1", "ok/1"),
		},
		{
			name: "reset after the response", serve: func(x *exchange) { x.write(x.good().text()); x.reset() },
			want: every("ok/1", "ok/1"),
		},
		{
			name:  "header stalls",
			serve: func(x *exchange) { x.write("HTTP/1.1 200 OK\r\nContent-Length: "); x.stall() }, stalls: true,
			want: every("ok/2", "timeout/3").late(everyShape, "deadline/1"),
		},
		{
			name: "no response", serve: stall, stalls: true,
			want: every("ok/2", "timeout/3").late(everyShape, "deadline/1"),
		},
		{
			name: "body stalls", serve: func(x *exchange) {
				x.write(x.good().head("Content-Length: 40") + `{"id":`)
				x.stall()
			}, stalls: true,
			want: every("ok/2", "200+timeout/3").but(revokes, "ok/1", "ok/1").
				late(reads, "200+deadline/1").late("token", "deadline/1"),
		},
		{
			name: "body of an error stalls", serve: func(x *exchange) {
				x.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 40\r\n\r\n{")
				x.stall()
			}, stalls: true,
			want: every("403+timeout/1", "403+timeout/1"),
		},
		{
			name: "TLS: unknown CA", identity: func(p *pki) tls.Certificate { return p.unknown },
			want: every("", "unknown-ca/1"),
		},
		{
			name: "TLS: wrong name", identity: func(p *pki) tls.Certificate { return p.wrongName },
			want: every("", "wrong-name/1"),
		},
		{
			name: "TLS: expired", identity: func(p *pki) tls.Certificate { return p.expired },
			want: every("", "expired/1"),
		},
		{name: "TLS: good", identity: func(p *pki) tls.Certificate { return p.good }, want: every("", "ok/1")},
		{
			name: "TLS: reset before the header", serve: reset,
			identity: func(p *pki) tls.Certificate { return p.good },
			want:     every("ok/2", "lost/3"),
		},
	}
}

// framingFaults are responses whose length or encoding is invalid, and unusual valid ones.
func framingFaults() []*fault {
	return []*fault{
		{
			name:  "Content-Length too large",
			serve: send(func(x *exchange) string { return x.good().head("Content-Length: 999") + x.good().body }),
			want:  every("ok/2", "200+lost/3").but(revokes, "ok/1", "ok/1"),
		},
		{
			name:  "Content-Length too small",
			serve: send(func(x *exchange) string { return x.good().head("Content-Length: 9") + x.good().body }),
			want:  every("200+json/1", "200+json/1").but(revokes, "ok/1", "ok/1"),
		},
		{
			name: "two Content-Lengths", serve: head([]string{"Content-Length: 3", "Content-Length: 4"}, "[]  "),
			want: every("ok/2", "malformed/3"),
		},
		{
			name: "Content-Length -1", serve: head([]string{"Content-Length: -1"}, "[]"),
			want: every("ok/2", "malformed/3"),
		},
		{
			name: "Content-Length 1e20", serve: head([]string{"Content-Length: 100000000000000000000"}, "[]"),
			want: every("ok/2", "malformed/3"),
		},
		{
			name: "chunk size invalid", serve: head([]string{"Transfer-Encoding: chunked"}, "ZZZ\r\n[]\r\n"),
			want: every("ok/2", "200+malformed/3").but(revokes, "ok/1", "ok/1"),
		},
		{
			name:  "chunk size of 2^64",
			serve: head([]string{"Transfer-Encoding: chunked"}, "10000000000000000\r\n[]\r\n"),
			want:  every("ok/2", "200+malformed/3").but(revokes, "ok/1", "ok/1"),
		},
		{
			name:  "chunks without an end",
			serve: send(func(x *exchange) string { return strings.TrimSuffix(x.good().chunked(), "0\r\n\r\n") }),
			want:  every("ok/2", "200+lost/3").but(revokes, "ok/1", "ok/1"),
		},
		{
			name: "unknown transfer encoding", serve: head([]string{"Transfer-Encoding: snappy"}, "[]"),
			want: every("ok/2", "malformed/3"),
		},
		{
			name: "good, in chunks of a byte", serve: send(func(x *exchange) string { return x.good().chunked() }),
			want: every("ok/1", "ok/1"),
		},
		{
			name:  "good, ended by the connection",
			serve: send(func(x *exchange) string { return x.good().unframed() }),
			want:  every("ok/1", "ok/1"),
		},
		{name: "good, gzip", serve: zipped(func(s string) string { return s }), want: every("ok/1", "ok/1")},
		{
			name: "gzip cut", serve: zipped(func(s string) string { return s[:len(s)/2] }),
			want: every("ok/2", "200+lost/3").but(revokes, "ok/1", "ok/1"),
		},
		{
			name:  "gzip checksum wrong",
			serve: zipped(func(s string) string { return s[:len(s)-8] + "\x00\x00\x00\x00" + s[len(s)-4:] }),
			want:  every("ok/2", "200+gzip/3").but(revokes, "ok/1", "ok/1"),
		},
		{
			name: "gzip invalid", serve: zipped(func(string) string { return "[]" + strings.Repeat(" ", 20) }),
			want: every("ok/2", "200+gzip/3").but(revokes, "ok/1", "ok/1"),
		},
		{
			name: "gzip of nothing", serve: zipped(func(string) string { return "" }),
			want: every("200+json/1", "200+json/1").but(revokes, "ok/1", "ok/1"),
		},
	}
}

// headerFaults are invalid, endless and very long headers.
func headerFaults() []*fault {
	long := strings.Repeat("x", 1<<20)
	echo := func(format string) func(*exchange) {
		return send(func(x *exchange) string {
			return fmt.Sprintf(format, strings.ReplaceAll(x.raw, "\r\n", " ")+x.body)
		})
	}
	ownLength := func(shapes string) func(*shape, string) bool {
		return func(s *shape, got string) bool {
			return strings.Contains(shapes, s.name) && strings.Contains(got, long)
		}
	}
	return []*fault{
		{
			name: "not HTTP", serve: send(func(*exchange) string { return "SSH-2.0-OpenSSH_9.6\r\n\r\n" }),
			want: every("ok/2", "malformed/3"),
		},
		{
			name:  "a body without a header",
			serve: send(func(x *exchange) string { return x.good().body + "\r\n\r\n" }),
			want:  every("ok/2", "malformed/3"),
		},
		{
			name: "TLS, where the server has none", tls: true,
			want: every("", "no-tls/3").but("iterate", "", "no-tls/3"),
		},
		{
			name: "malformed header that echoes the request", serve: echo("HTTP/1.1 200 OK\r\n%s\r\n\r\n"),
			want: every("ok/2", "malformed/3"),
		},
		{
			name: "malformed status that echoes the request", serve: echo("HTTP/1.1 %s\r\n\r\n"),
			want: every("ok/2", "malformed/3"),
		},
		{name: "error body that echoes the request", serve: send(func(x *exchange) string {
			return response{status: 400, body: fmt.Sprintf(`{"errorCode":"E0000001","errorSummary":%q}`, x.raw)}.text()
		}), want: every("400/1", "400/1")},
		{
			name:  "malformed header that shows a cursor",
			serve: head([]string{"Link <https://acme.okta.com/?after=" + lastCursor + `>; rel="next"`}, ""),
			want:  every("ok/2", "malformed/3"),
		},
		{
			name:  "header without an end",
			serve: func(x *exchange) { x.write("HTTP/1.1 200 OK\r\n"); x.forever("X-More: and more\r\n") },
			want:  every("ok/2", "big-header/3"),
		},
		{
			name:  "header line without an end",
			serve: func(x *exchange) { x.write("HTTP/1.1 200 OK\r\nX-More: "); x.forever("and more") },
			want:  every("ok/2", "big-header/3"),
		},
		{
			name:  "endless 103",
			serve: func(x *exchange) { x.forever("HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n") },
			want:  every("ok/2", "big-header/3"),
		},
		{name: "three 103, then the response", serve: send(func(x *exchange) string {
			return strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 3) + x.good().text()
		}), want: every("ok/1", "ok/1")},
		{
			name:  "1 MB of other links",
			serve: header("Link: " + strings.Repeat(`<https://a/b>; rel="self", `, 40_000)),
			want:  every("ok/1", "ok/1"),
		},
		{
			name: "1 MB of one link", serve: header("Link: <https://a/" + long + `>; rel="self"`),
			want: every("ok/1", "ok/1"),
		},
		{
			name: "1 MB of a link without an end", serve: header("Link: <https://a/" + long),
			want: every("ok/1", "ok/1").but(lists, "200+link/1", "200+link/1").but("list", "ok/1", "ok/1"),
		},
		{
			name: "1 MB of a cursor", serve: send(func(x *exchange) string {
				resp := x.with(goodRest)
				resp.header = []string{"Link: </?after=" + long + `>; rel="next"`}
				if x.cursorOf() == long {
					resp.header = nil
				}
				return resp.text()
			}),
			value: ownLength("list"),
			want:  wants{"list": {"ok/1", "ok/1", ""}},
		},
		{
			name:  "1 MB of WWW-Authenticate",
			serve: status(401, "", "WWW-Authenticate: "+strings.Repeat(`Bearer a="b", `, 80_000)),
			want:  every("401/1", "401/1"),
		},
		{
			name:  "WWW-Authenticate of quotes",
			serve: status(401, "", "WWW-Authenticate: "+strings.Repeat(`"\"`, 300_000)),
			want:  every("401/1", "401/1"),
		},
	}
}

// statusFaults are statuses other than the operation's own.
func statusFaults() []*fault {
	w := every("", "")
	faults := []*fault{
		{name: "204 with a body", serve: send(func(*exchange) string {
			return "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n[{}]\n"
		}), want: every("204+status/1", "204+status/1").but(revokes, "ok/1", "ok/1")},
		{name: "204 with a body without an end", serve: func(x *exchange) {
			x.write("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
			x.forever("[{}]\n")
		}, want: every("204+status/1", "204+status/1").but(revokes, "ok/1", "ok/1")},
		{
			name:  "status 000",
			serve: send(func(*exchange) string { return "HTTP/1.1 000 Weird\r\nContent-Length: 0\r\n\r\n" }),
			want:  every("ok/2", "status/3"),
		},
		{name: "101", serve: send(func(*exchange) string {
			return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
		}), want: every("ok/2", "status/3")},
		{name: "200 on DELETE", serve: status(200, "{}"), want: w.but(revokes, "200+status/1", "200+status/1")},
		{
			name:  "404 that is not Okta's, after a lost response",
			serve: func(*exchange) {}, then: status(404, "<html>"),
			want: every("404/2", ""),
		},
	}
	for _, code := range []int{201, 202, 206} {
		text := fmt.Sprintf("%d+status/1", code)
		faults = append(faults, &fault{name: strconv.Itoa(code), serve: func(x *exchange) {
			status(code, x.good().body)(x)
		}, want: every(text, text)})
	}
	for _, code := range []int{400, 401, 403, 404, 405, 408, 418, 501, 599, 999} {
		text := fmt.Sprintf("%d/1", code)
		want := every(text, text)
		faults = append(faults, &fault{name: strconv.Itoa(code), serve: status(code, "<html>"), want: want})
	}
	for _, code := range []int{500, 502, 503, 504} {
		want := every("ok/2", fmt.Sprintf("%d/3", code))
		faults = append(faults, &fault{name: strconv.Itoa(code), serve: status(code, "<html>"), want: want})
	}
	return faults
}

// bodyFaults are bodies that the operation does not document, and unusual ones that it allows.
func bodyFaults() []*fault {
	const bad = "200+json/1"
	deep := strings.Repeat("[", deepJSON)
	faults := []*fault{
		{name: "JSON: invalid UTF-8", serve: send(func(x *exchange) string {
			return x.with(strings.Replace(x.good().body, `{`, "{\"name\":\"\xff\xfe\",", 1)).text()
		}), want: every("ok/1", "ok/1")},
		{name: "JSON: duplicate keys", serve: send(func(x *exchange) string {
			return x.with(strings.Replace(x.good().body, `{`, `{"id":"oag9","access_token":"other-token",`, 1)).text()
		}), want: every(bad, bad).but("token", "ok/1", "ok/1").but(revokes, "ok/1", "ok/1")},
		{name: "JSON: huge number in an unknown member", serve: send(func(x *exchange) string {
			return x.with(strings.Replace(x.good().body, `{`, `{"new":1e999999999,`, 1)).text()
		}), want: every("ok/1", "ok/1").but("token", bad, bad)},
		{name: "JSON: 1e6 arrays in an unknown member", serve: send(func(x *exchange) string {
			member := `"new":` + deep + strings.Repeat("]", deepJSON) + `,`
			return x.with(strings.Replace(x.good().body, `{`, `{`+member, 1)).text()
		}), want: every(bad, bad).but("token", "200+long/1", "200+long/1").but(revokes, "ok/1", "ok/1")},
		{name: "500 with 1e6 arrays", serve: status(500, deep), want: every("ok/2", "500/3")},
		{
			name: "500 with a huge number", serve: status(500, `{"errorCode":"E0000009","x":1e999999}`),
			want: every("ok/2", "500/3"),
		},
		{
			name: "JSON: numbers where strings belong", serve: body(`[{"id":7,"access_token":7}]`),
			want: every(bad, bad).but(revokes, "ok/1", "ok/1"),
		},
		{
			name: "JSON: an array with a null", serve: body(`[{"id":"oag1"},null]`),
			want: every(bad, bad).but(revokes, "ok/1", "ok/1"),
		},
		{name: "JSON: cut, with a right length", serve: send(func(x *exchange) string {
			return x.with(strings.TrimRight(x.good().body, "]}")).text()
		}), want: every(bad, bad).but(revokes, "ok/1", "ok/1")},
	}
	for name, text := range inOrder(map[string]string{
		"nothing": "", "null": "null", "HTML": "<html>Sign in</html>", "a string": `"x"`,
		"a byte order mark": "\xef\xbb\xbf[]",
		"two values":        "[] []", "an error with status 200": `{"errorCode":"E0000009"} x`,
	}) {
		want := every(bad, bad).but(revokes, "ok/1", "ok/1")
		faults = append(faults, &fault{name: "JSON: " + name, serve: body(text), want: want})
	}
	return faults
}

// limitFaults are invalid and implausible rate limit headers.
func limitFaults() []*fault {
	faults := []*fault{
		{
			name: "429 until in a minute", serve: status(429, limited, limits("600", "0", inAMin, today)...),
			want: every("429/1", "429/1"),
		},
	}
	for name, lines := range inOrder(map[string][]string{
		"without headers":             nil,
		"until the year 3000":         limits("600", "0", in3000, today),
		"until before 1970":           limits("600", "0", "-5", today),
		"until no number":             limits("600", "0", "soon", today),
		"until 1e18":                  limits("600", "0", "1000000000000000000", today),
		"dated 1970":                  limits("600", "0", inAMin, in1970),
		"undated":                     limits("600", "0", inAMin, "yesterday"),
		"of a negative limit":         limits("-1", "-1", inAMin, today),
		"with Retry-After 1e18":       {"Retry-After: 1000000000000000000"},
		"with Retry-After 1e30":       {"Retry-After: 1" + strings.Repeat("0", 30)},
		"with Retry-After of no kind": {"Retry-After: tomorrow"},
	}) {
		serve := status(429, limited, lines...)
		faults = append(faults, &fault{name: "429 " + name, serve: serve, want: every("ok/2", "429/3")})
	}
	for name, lines := range inOrder(map[string][]string{
		"Retry-After 1e18": {"Retry-After: 1000000000000000000"},
		"Retry-After in the year 9999": {
			"Date: " + today, "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT",
		},
	}) {
		serve := status(503, "", lines...)
		faults = append(faults, &fault{name: "503 with " + name, serve: serve, want: every("ok/2", "503/3")})
	}
	contradictory := append(limits("600", "599", inAMin, today), limits("500", "7", "1780315255", today)...)
	for name, lines := range inOrder(map[string][]string{
		"contradictory":        contradictory,
		"until the year 3000":  limits("600", "599", in3000, today),
		"dated 1970":           limits("600", "599", inAMin, in1970),
		"of 2^63-1":            limits("9223372036854775807", "9223372036854775807", inAMin, today),
		"of zero":              limits("0", "0", inAMin, today),
		"of more than allowed": limits("1", "600", inAMin, today),
	}) {
		want := every("ok/1", "ok/1")
		faults = append(faults, &fault{name: "rate limits " + name, serve: header(lines...), want: want})
	}
	return faults
}

// redirectFaults are redirects. No request must reach their target.
func redirectFaults(t *testing.T) []*fault {
	t.Helper()
	trap, err := newServer(nil, func(*exchange) {}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(trap.stop)
	unvisited := func(*server) string {
		if len(trap.seen()) > 0 {
			return "the redirect was followed"
		}
		return ""
	}
	away := "Location: http://" + trap.address + "/x"
	var faults []*fault
	for _, code := range []int{301, 302, 303, 307, 308} {
		want := fmt.Sprintf("%d+redirect/1", code)
		faults = append(
			faults,
			&fault{
				name: fmt.Sprintf("%d to another origin", code), serve: status(code, "", away), after: unvisited,
				want: every(want, want),
			},
			&fault{
				name: fmt.Sprintf("%d to itself", code),
				serve: send(func(x *exchange) string {
					return response{status: code, header: []string{"Location: " + x.target}}.text()
				}),
				want: every(want, want),
			},
			&fault{
				name: fmt.Sprintf("%d from https to http", code), serve: status(code, "", away), after: unvisited,
				identity: func(p *pki) tls.Certificate { return p.good },
				want:     every(want, want),
			},
		)
	}
	for _, code := range []int{300, 304} {
		want := fmt.Sprintf("%d+redirect/1", code)
		faults = append(faults, &fault{name: strconv.Itoa(code), serve: status(code, ""), want: every(want, want)})
	}
	return faults
}

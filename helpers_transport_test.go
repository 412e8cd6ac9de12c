package okta_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// responder is a transport that is one function.
type responder func(*http.Request) (*http.Response, error)

func (r responder) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }

// reply responds with a status, a body, and headers given as "Name: value".
func reply(status int, body string, headers ...string) responder {
	return func(req *http.Request) (*http.Response, error) {
		return response(req, status, io.NopCloser(strings.NewReader(body)), headers...), nil
	}
}

// replyCut responds with a status and a body that breaks off.
func replyCut(status int, body string) responder {
	return func(req *http.Request) (*http.Response, error) {
		broken := io.NopCloser(io.MultiReader(strings.NewReader(body), failingReader{}))
		return response(req, status, broken), nil
	}
}

// replyEndless responds with a status and a body that does not end.
func replyEndless(status int, headers ...string) responder {
	return func(req *http.Request) (*http.Response, error) {
		return response(req, status, io.NopCloser(endless{}), headers...), nil
	}
}

// lose loses the connection with an error.
func lose(err error) responder {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// hang does not respond until the request's context ends. Then it returns what net/http does, the context's cause.
func hang(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, context.Cause(req.Context())
}

// stall responds at once with a body that does not come until the request's context ends.
func stall(req *http.Request) (*http.Response, error) {
	return response(req, http.StatusOK, io.NopCloser(stalled{req.Context()})), nil
}

// refuse is a transport for calls that must not send anything.
func refuse(t testing.TB) http.RoundTripper {
	return responder(func(req *http.Request) (*http.Response, error) {
		t.Errorf("sent %s %s", req.Method, req.URL)
		return nil, io.ErrClosedPipe
	})
}

func response(req *http.Request, status int, body io.ReadCloser, headers ...string) *http.Response {
	resp := &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: body, ContentLength: -1, Request: req,
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		resp.Header.Add(name, value)
	}
	return resp
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// endless is a body of blanks that has no end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

type stalled struct{ context.Context }

func (s stalled) Read([]byte) (int, error) {
	<-s.Done()
	return 0, context.Cause(s)
}

// sent is a request as a transport got it. Its body can be read.
type sent struct {
	*http.Request

	form   url.Values // of a token request
	status int        // of the response, 0 without one
	at     time.Time
}

// recorder is a transport that keeps what it sends. It works within a synctest bubble if next does.
type recorder struct {
	next http.RoundTripper

	mu   sync.Mutex
	sent []sent
}

func record(next http.RoundTripper) *recorder { return &recorder{next: next} }

// play records requests and responds to one after the other with a responder, the last of which repeats.
func play(responders ...responder) *recorder {
	var played atomic.Int32
	return record(responder(func(req *http.Request) (*http.Response, error) {
		n := int(played.Add(1)) - 1
		return responders[min(n, len(responders)-1)](req)
	}))
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	copied := sent{Request: req.Clone(req.Context()), at: time.Now()}
	if req.Body != nil && req.Body != http.NoBody {
		body, _ := io.ReadAll(req.Body)
		_ = req.Body.Close()
		req = req.WithContext(req.Context())
		req.Body, copied.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
		copied.form, _ = url.ParseQuery(string(body))
	}
	r.mu.Lock()
	n := len(r.sent)
	r.sent = append(r.sent, copied)
	r.mu.Unlock()
	resp, err := r.next.RoundTrip(req)
	if err == nil && resp != nil {
		r.mu.Lock()
		r.sent[n].status = resp.StatusCode
		r.mu.Unlock()
	}
	return resp, err
}

func (r *recorder) requests() []sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sent)
}

func (r *recorder) last() sent {
	requests := r.requests()
	return requests[len(requests)-1]
}

// waits returns the time that passed between the requests.
func (r *recorder) waits() []time.Duration {
	var waits []time.Duration
	requests := r.requests()
	for i := 1; i < len(requests); i++ {
		waits = append(waits, requests[i].at.Sub(requests[i-1].at))
	}
	return waits
}

func statuses(requests []sent) []int {
	list := []int{}
	for _, s := range requests {
		list = append(list, s.status)
	}
	return list
}

// rawServer calls serve for each connection, which is number n, and returns its URL.
func rawServer(t *testing.T, serve func(n int, conn net.Conn, request string)) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for n := 1; ; n++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				serve(n, conn, readHead(conn))
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

// readHead reads a request up to the empty line.
func readHead(conn net.Conn) string {
	var head strings.Builder
	for reader := bufio.NewReader(conn); ; {
		line, err := reader.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String()
		}
	}
}

// The server's clock, which differs from that of the client by decades, and ends of its rate limit windows.
const (
	serverDate = "Date: Mon, 01 Jun 2026 12:00:00 GMT"
	in42s      = "1780315242"
	in60s      = "1780315260"
	in5m       = "1780315500"
)

// limits returns the headers of a response whose window is used up until reset.
func limits(limit, reset string) []string {
	return []string{
		serverDate, "X-Rate-Limit-Limit: " + limit, "X-Rate-Limit-Remaining: 0", "X-Rate-Limit-Reset: " + reset,
	}
}

package okta_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

const (
	orgURL   = "https://acme.okta.com"
	apiToken = "00secret-token-value"
)

// newClient returns a client of orgURL that sends through transport. The options change its configuration.
func newClient(t testing.TB, transport http.RoundTripper, options ...func(*okta.Config)) *okta.Client {
	t.Helper()
	config := okta.Config{
		OrgURL:      orgURL,
		Credentials: okta.APIToken(apiToken),
		HTTPClient:  &http.Client{Transport: transport},
	}
	for _, option := range options {
		option(&config)
	}
	client, err := okta.NewClient(config)
	require.NoError(t, err)
	return client
}

func noRetries(c *okta.Config) { c.Retry.MaxRetries = -1 }

// quickRetries keeps the waits of tests over real connections short.
func quickRetries(c *okta.Config) {
	c.Retry.MinWait, c.Retry.MaxWait = time.Millisecond, 10*time.Millisecond
}

// step answers one request of a script.
type step func(*http.Request) (*http.Response, error)

// script is a transport that answers request after request with its steps, the last of which repeats. It works within a
// synctest bubble, where no socket does.
type script struct {
	steps []step

	mu       sync.Mutex
	requests []*http.Request
	times    []time.Time
}

func play(steps ...step) *script { return &script{steps: steps} }

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	n := len(s.requests)
	s.requests = append(s.requests, req)
	s.times = append(s.times, time.Now())
	s.mu.Unlock()
	return s.steps[min(n, len(s.steps)-1)](req)
}

// waits returns the time that passed between the requests.
func (s *script) waits() []time.Duration {
	var waits []time.Duration
	for i := 1; i < len(s.times); i++ {
		waits = append(waits, s.times[i].Sub(s.times[i-1]))
	}
	return waits
}

// reply answers with a status, a body, and headers given as "Name: value".
func reply(status int, body string, headers ...string) step {
	return func(req *http.Request) (*http.Response, error) {
		return response(req, status, io.NopCloser(strings.NewReader(body)), headers...), nil
	}
}

// replyCut answers with a status and a body that breaks off.
func replyCut(status int, body string) step {
	return func(req *http.Request) (*http.Response, error) {
		broken := io.NopCloser(io.MultiReader(strings.NewReader(body), failingReader{}))
		return response(req, status, broken), nil
	}
}

// lose loses the connection with an error.
func lose(err error) step {
	return func(*http.Request) (*http.Response, error) { return nil, err }
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

// refuse is a transport for calls that must not be made.
func refuse(t testing.TB) http.RoundTripper {
	return play(func(req *http.Request) (*http.Response, error) {
		t.Errorf("sent %s %s", req.Method, req.URL)
		return nil, io.ErrClosedPipe
	})
}

func sprint(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// replyEndless answers with a status and a body that does not end.
func replyEndless(status int) step {
	return func(req *http.Request) (*http.Response, error) {
		return response(req, status, io.NopCloser(endless{})), nil
	}
}

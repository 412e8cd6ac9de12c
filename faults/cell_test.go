package faults_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/grantkit/okta"
)

const (
	apiToken    = "00secret-api-token-value"
	accessToken = "secret-access-token-value"
	pageCursor  = "secret-cursor-of-page-2"
	lastCursor  = "secret-cursor-of-page-3"

	grantsPath = "/api/v1/users/00u1/grants"
	grantPath  = grantsPath + "/oag1"
	tokenPath  = "/oauth2/v1/token"

	goodGrant = `{"id":"oag1","status":"ACTIVE"}`
	goodList  = `[{"id":"oag1"},{"id":"oag2"}]`
	goodRest  = `[{"id":"oag3"}]`
	goodToken = `{"token_type":"Bearer","expires_in":3600,"access_token":"` + accessToken + `"}`
	notFound  = `{"errorCode":"E0000007","errorSummary":"Not found: Resource not found: oag1 (OAuth2Grant)"}`
)

// shape is a kind of call: one that reacts to faults in a way of its own.
type shape struct {
	name   string
	method string
	path   string
	query  bool // the faulty request is that of the second page
	good   func(*request) response
	want   string // what a successful call returns
	call   func(context.Context, *okta.Client) (string, error)
}

func fixed(resp response) func(*request) response { return func(*request) response { return resp } }

func pages(r *request) response {
	if r.cursorOf() == "" {
		link := `Link: <https://elsewhere.example/?after=` + pageCursor + `>; rel="next"`
		return response{status: 200, header: []string{link}, body: goodList}
	}
	return response{status: 200, body: goodRest}
}

var shapes = []*shape{
	{
		name: "get", method: "GET", path: grantPath, want: "oag1",
		good: fixed(response{status: 200, body: goodGrant}), call: get,
	},
	{
		name: "list", method: "GET", path: grantsPath, want: "oag1 oag2 " + pageCursor,
		good: pages,
		call: func(ctx context.Context, c *okta.Client) (string, error) {
			page, err := c.UserGrants.List(ctx, "00u1", nil)
			if err != nil {
				return partial(page), err
			}
			return strings.TrimSpace(idsOf(page.Items) + " " + page.Cursor()), nil
		},
	},
	{
		name: "iterate", method: "GET", path: grantsPath, query: true, want: "oag1 oag2 oag3",
		good: pages,
		call: func(ctx context.Context, c *okta.Client) (string, error) {
			page, err := c.UserGrants.List(ctx, "00u1", nil)
			if err != nil {
				return partial(page), err
			}
			items, err := page.Collect(ctx)
			if err != nil && items != nil {
				return "a part of the list", err
			}
			return idsOf(items), err
		},
	},
	{
		name: "one", method: "DELETE", path: grantPath,
		good: fixed(response{status: 204}),
		call: func(ctx context.Context, c *okta.Client) (string, error) {
			return "", c.UserGrants.Revoke(ctx, "00u1", "oag1")
		},
	},
	{
		name: "all", method: "DELETE", path: grantsPath,
		good: fixed(response{status: 204}),
		call: func(ctx context.Context, c *okta.Client) (string, error) {
			return "", c.UserGrants.RevokeAll(ctx, "00u1")
		},
	},
	{
		name: "token", method: "POST", path: tokenPath, want: "oag1",
		good: fixed(response{status: 200, body: goodToken}), call: get,
	},
}

func get(ctx context.Context, c *okta.Client) (string, error) {
	grant, err := c.UserGrants.Get(ctx, "00u1", "oag1", nil)
	if err != nil {
		if grant != nil {
			return "a grant", err
		}
		return "", err
	}
	return grant.ID, nil
}

// partial is what a call returned together with an error. It must be empty.
func partial[T any](page *okta.Page[T]) string {
	if page != nil {
		return "a page"
	}
	return ""
}

func idsOf(grants []okta.OAuth2ScopeConsentGrant) string {
	ids := make([]string, len(grants))
	for i, g := range grants {
		ids[i] = g.ID
	}
	return strings.Join(ids, " ")
}

// aimedAt reports whether r is the request that meets the fault.
func (s *shape) aimedAt(r *request) bool {
	return r.method == s.method && r.path == s.path && s.query == (s.query && r.cursorOf() != "")
}

// serviceKey signs the service app's assertions.
var serviceKey = sync.OnceValues(func() (*ecdsa.PrivateKey, error) {
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
})

// Bounds of the cells' calls.
const (
	maxRetries   = 2
	shortAttempt = 2 * time.Second  // AttemptTimeout where the server stalls
	longCall     = time.Minute      // deadline of a call that must end before it
	shortCall    = time.Second      // deadline of a call that must end with it
	slack        = 8 * time.Second  // for a busy machine under the race detector
	work         = longCall + slack // bound of a call that transfers megabytes
)

// mode is how long a fault lasts.
type mode string

const (
	once     mode = "once"     // the first request meets it, later ones are served
	always   mode = "always"   // every request meets it
	deadline mode = "deadline" // every request meets it, and the context ends before AttemptTimeout
)

// cell is one call of a shape that meets a fault.
type cell struct {
	fault *fault
	shape *shape
	mode  mode

	mu            sync.Mutex
	faulty        int // requests, or dials, that met the fault
	observed      []okta.Attempt
	grown         chan struct{} // closed and replaced when observed grows
	logged        bytes.Buffer
	broken        []string // violated invariants
	authenticated bool     // over HTTP/2, a token has been served
	begun         bool     // the first page of the list that the fault is in has been served
}

// Write implements io.Writer for the log of the client.
func (c *cell) Write(text []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.logged.Write(text)
}

func (c *cell) observe(_ context.Context, r okta.Attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observed = append(c.observed, r)
	close(c.grown)
	c.grown = make(chan struct{})
}

func (c *cell) violated(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = append(c.broken, fmt.Sprintf(format, args...))
}

// meets counts a request or a dial, and reports whether it meets the fault.
func (c *cell) meets() (int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faulty++
	return c.faulty, c.mode != once || c.faulty == 1
}

func (c *cell) handle(x *exchange) {
	x.shape = c.shape
	switch {
	case c.shape.name == "token" && x.path != tokenPath:
		x.write(response{status: 200, body: goodGrant}.text())
	case !c.shape.aimedAt(x.request):
		c.mu.Lock()
		c.begun = c.shape.query
		c.mu.Unlock()
		x.write(x.good().text())
	case c.fault.serve == nil:
		x.write(x.good().text())
	default:
		c.respond(x)
	}
}

func (c *cell) respond(x *exchange) {
	var meets bool
	if x.number, meets = c.meets(); meets {
		c.fault.serve(x)
		return
	}
	if c.fault.then != nil {
		c.fault.then(x)
		return
	}
	x.write(x.good().text())
}

// dial connects to the server, or meets the fault.
func (c *cell) dial(s *server) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		if c.fault.dial != nil && (!c.shape.query || len(s.seen()) > 0) {
			if _, meets := c.meets(); meets {
				return c.fault.dial(ctx, network)
			}
		}
		return (&net.Dialer{}).DialContext(ctx, network, s.address)
	}
}

// run makes the call. It returns the outcome and the number of attempts, such as ok/2.
func (c *cell) run() (got string) {
	defer func() {
		if r := recover(); r != nil {
			got = fmt.Sprintf("panic: %v", r)
		}
	}()
	c.grown = make(chan struct{})
	s, err := c.start()
	if err != nil {
		return "set-up: " + err.Error()
	}
	defer s.stop()
	transport := &http.Transport{DialContext: c.dial(s), MaxResponseHeaderBytes: 5 << 18}
	client, err := c.client(s, transport)
	if err != nil {
		return "set-up: " + err.Error()
	}
	limit := longCall
	if c.mode == deadline {
		limit = shortCall
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	began := time.Now()
	value, err := c.shape.call(ctx, client)
	c.checkTime(time.Since(began))
	c.checkConnections(s, transport)
	c.awaitFetch(s)
	c.checkRequests(s.seen(), err)
	c.checkSecrets(s.seen(), err)
	c.checkValue(value, err)
	if c.fault.after != nil {
		if complaint := c.fault.after(s); complaint != "" {
			c.violated("%s", complaint)
		}
	}
	return fmt.Sprintf("%s/%d", outcome(err), c.attempts())
}

func (c *cell) start() (*server, error) {
	if c.fault.http2 {
		return c.startHTTP2()
	}
	if c.fault.identity == nil {
		return newServer(nil, c.handle, nil)
	}
	p, err := authorities()
	if err != nil {
		return nil, err
	}
	identity := c.fault.identity(p)
	return newServer(&identity, c.handle, nil)
}

func (c *cell) client(s *server, transport *http.Transport) (*okta.Client, error) {
	config := okta.Config{
		OrgURL:      "http://" + s.address,
		Credentials: okta.APIToken(apiToken),
		HTTPClient:  &http.Client{Transport: transport},
		Retry: okta.RetryOptions{
			MaxRetries: maxRetries, MinWait: time.Millisecond, MaxWait: 50 * time.Millisecond,
		},
		Logger:            slog.New(slog.NewTextHandler(c, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnAttempt:         c.observe,
		AllowInsecureHTTP: c.fault.host != "",
	}
	if c.fault.host != "" {
		config.OrgURL = "http://" + c.fault.host
	}
	if c.fault.tls || c.fault.http2 || c.fault.identity != nil {
		p, err := authorities()
		if err != nil {
			return nil, err
		}
		config.OrgURL = "https://" + s.address
		transport.TLSClientConfig = &tls.Config{RootCAs: p.trusted, MinVersion: tls.VersionTLS12}
	}
	transport.ForceAttemptHTTP2 = c.fault.http2
	if c.fault.stalls && c.mode != deadline {
		config.AttemptTimeout = shortAttempt
	}
	if c.shape.name == "token" && c.mode == deadline { // the fetch goes on when the call has ended
		config.AttemptTimeout, config.Retry.MaxRetries = 2*shortCall, -1
	}
	if c.shape.name == "token" {
		key, err := serviceKey()
		if err != nil {
			return nil, err
		}
		config.Credentials = okta.ServiceApp{
			ClientID: "0oa1", PrivateKey: okta.PrivateKeyFromSigner(key), Scopes: []string{"okta.users.read"},
		}
	}
	return okta.NewClient(config)
}

// attempts returns how many attempts of the faulty request OnAttempt has reported.
func (c *cell) attempts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, r := range c.observed {
		if r.Method == c.shape.method && r.Path == c.shape.path {
			n++
		}
	}
	if c.begun {
		n-- // the first page
	}
	return n
}

// awaitFetch waits until OnAttempt has reported each request. A token request may end a little later than the call
// that waited for it.
func (c *cell) awaitFetch(s *server) {
	aimed := 0
	for _, r := range s.seen() {
		// Over HTTP/2, the transport retries some by itself.
		if c.shape.aimedAt(r) && (aimed == 0 || c.fault.frames == nil) {
			aimed++
		}
	}
	late := time.After(slack)
	for {
		c.mu.Lock()
		grown := c.grown
		c.mu.Unlock()
		if c.attempts() >= aimed {
			return
		}
		select {
		case <-grown:
		case <-late:
			return
		}
	}
}

func (c *cell) checkTime(took time.Duration) {
	bound := work
	switch {
	case c.mode == deadline:
		bound = shortCall + slack
	case c.fault.stalls:
		bound = (1+maxRetries)*shortAttempt + slack
	}
	if took > bound {
		c.violated("returned after %v, which is later than %v", took, bound)
	}
}

// checkConnections checks that only idle connections are left, which can be closed.
func (c *cell) checkConnections(s *server, transport *http.Transport) {
	for began := time.Now(); time.Since(began) < work; {
		transport.CloseIdleConnections() // over HTTP/2, a connection becomes idle a little after its last request
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		idle := s.idle(ctx)
		cancel()
		if idle {
			return
		}
	}
	c.violated("a connection is still open")
}

func (c *cell) checkRequests(seen []*request, err error) {
	aimed, api := 0, 0
	for _, r := range seen {
		switch {
		case c.shape.aimedAt(r):
			aimed++
		case c.shape.name == "token" && r.method == "GET" && r.path == grantPath:
			api++
		case c.shape.query && r.method == "GET" && r.path == grantsPath:
		default:
			c.violated("sent %s %s", r.method, r.target)
		}
	}
	if n := c.attempts(); n > 1+maxRetries || aimed > n && c.fault.frames == nil {
		c.violated("%d attempts, and %d requests", n, aimed)
	}
	wantAPI := 0
	if c.shape.name == "token" && err == nil {
		wantAPI = 1
	}
	if api != wantAPI {
		c.violated("%d API requests, wanted %d", api, wantAPI)
	}
	c.checkAPIAttempts(wantAPI)
}

// checkAPIAttempts checks that a failed token request does not count as an attempt of the call.
func (c *cell) checkAPIAttempts(want int) {
	if c.shape.name != "token" {
		return
	}
	c.mu.Lock()
	got := 0
	for _, r := range c.observed {
		if r.Method == http.MethodGet {
			got++
		}
	}
	c.mu.Unlock()
	if got != want {
		c.violated("%d API attempts, wanted %d", got, want)
	}
}

// checkSecrets looks for secrets in errors, logs and attempts.
func (c *cell) checkSecrets(seen []*request, err error) {
	secrets := []string{apiToken, accessToken, pageCursor, lastCursor}
	for _, r := range seen {
		if form, ferr := url.ParseQuery(r.body); ferr == nil && form.Has("client_assertion") {
			secrets = append(secrets, form.Get("client_assertion"))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	shown := map[string]string{"log": c.logged.String()}
	if err != nil {
		shown["error"] = err.Error()
		if failure, ok := errors.AsType[*okta.Error](err); ok {
			shown["error's fields"] = fmt.Sprintf("%+v %s", *failure, failure.Body)
		}
	}
	for _, r := range c.observed {
		shown["OnAttempt"] += fmt.Sprintf("%+v\n", r)
	}
	for where, text := range shown {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				c.broken = append(c.broken, fmt.Sprintf("the %s shows a secret: %.300s", where, text))
			}
		}
	}
}

// checkValue checks that a success returns the whole, and an error returns nothing.
func (c *cell) checkValue(value string, err error) {
	want := c.shape.want
	if err != nil {
		want = ""
	}
	if value != want && (err != nil || c.fault.value == nil || !c.fault.value(c.shape, value)) {
		c.violated("returned %.80q, wanted %.80q", value, want)
	}
}

// outcome returns the status of an error and, where the status does not explain it, the reason. README.md explains
// the words.
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	failure, ok := errors.AsType[*okta.Error](err)
	if !ok {
		return reason(err)
	}
	text := strconv.Itoa(failure.StatusCode)
	if cause := errors.Unwrap(failure); cause != nil {
		text += "+" + reason(cause)
	}
	own := fmt.Sprintf("okta: %s %s: %d", failure.Method, failure.Path, failure.StatusCode)
	if !strings.HasPrefix(err.Error(), own) && failure.Method != http.MethodPost {
		text += ">" + reason(err) // the response belongs to an earlier attempt
	}
	return text
}

var reasons = []struct {
	name string
	is   func(error) bool
}{
	{"deadline", is(context.DeadlineExceeded)},
	{"timeout", is(os.ErrDeadlineExceeded)},
	{"limited", is(okta.ErrRateLimited)},
	{"unknown-ca", isType[x509.UnknownAuthorityError]},
	{"wrong-name", isType[x509.HostnameError]},
	{"expired", isType[x509.CertificateInvalidError]},
	{"no-name", isType[*net.DNSError]},
	{"refused", is(syscall.ECONNREFUSED)},
	{"no-tls", contains("HTTP response to HTTPS client", "does not look like a TLS handshake")},
	{"malformed", contains("malformed HTTP", "malformed MIME")},
	{"gzip", contains("gzip: ", "flate: ")},
	{"json", contains("JSON", "does not fit", "no access_token")},
	{"long", contains("longer than", "more than")},
	{"status", contains("with this status", "has the status")},
	{"redirect", contains("redirects are not followed")},
	{"link", contains("link")},
	{"big-header", contains("headers exceeded", "header longer than")},
	{"malformed", contains("malformed", "invalid", "chunk length", "bad Content-Length", "multiple Content-Length")},
	{"malformed", contains("unsupported transfer encoding", "too many transfer encodings")},
	{"lost", is(io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE)},
	{"lost", contains("server closed idle connection", "connection broken")},
	{"lost", contains("http2: ", "stream error: ", "connection error: ")},
}

func is(targets ...error) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
	}
}

func isType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func contains(words ...string) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(err.Error(), word) })
	}
}

func reason(err error) string {
	for _, r := range reasons {
		if r.is(err) {
			return r.name
		}
	}
	return fmt.Sprintf("other: %v", err)
}

package faults_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// server serves one request on each connection, with the bytes that its handler writes.
type server struct {
	address string
	handle  func(*exchange)
	frames  func(*stream) // serves HTTP/2

	listener net.Listener
	tls      *tls.Config // nil for plain text
	stopped  chan struct{}
	handlers sync.WaitGroup

	mu       sync.Mutex
	open     map[net.Conn]bool
	changed  chan struct{} // closed and replaced when a connection is closed
	requests []*request
}

// request is a received request. Its target is that of the request line.
type request struct {
	method, target string
	path           string
	header         http.Header
	body           string
	raw            string
}

// exchange is one request and its connection.
type exchange struct {
	*request
	server *server
	shape  *shape
	number int // among the faulty requests, counted from 1
	conn   net.Conn
}

func newServer(identity *tls.Certificate, handle func(*exchange), frames func(*stream)) (*server, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{
		address: listener.Addr().String(), handle: handle, frames: frames, listener: listener,
		stopped: make(chan struct{}), open: map[net.Conn]bool{}, changed: make(chan struct{}),
	}
	if identity != nil {
		s.tls = &tls.Config{Certificates: []tls.Certificate{*identity}, MinVersion: tls.VersionTLS12}
		if frames != nil {
			s.tls.NextProtos = []string{"h2"}
		}
	}
	s.handlers.Go(s.accept)
	return s, nil
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open[conn] = true
		s.mu.Unlock()
		s.handlers.Go(func() {
			defer s.closed(conn)
			s.serve(conn)
		})
	}
}

func (s *server) closed(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *server) serve(conn net.Conn) {
	if s.tls != nil {
		conn = tls.Server(conn, s.tls)
	}
	if s.tls != nil && len(s.tls.NextProtos) > 0 {
		s.serveHTTP2(conn)
		return
	}
	r, err := readRequest(conn)
	if err != nil {
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, r)
	s.mu.Unlock()
	s.handle(&exchange{request: r, server: s, conn: conn})
	if secure, ok := conn.(*tls.Conn); ok {
		_ = secure.CloseWrite()
	}
}

// readRequest reads one request and keeps its bytes.
func readRequest(conn io.Reader) (*request, error) {
	var raw bytes.Buffer
	req, err := http.ReadRequest(bufio.NewReader(io.TeeReader(conn, &raw)))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	path, _, _ := strings.Cut(req.RequestURI, "?")
	return &request{
		method: req.Method, target: req.RequestURI, path: path, header: req.Header,
		body: string(body), raw: raw.String(),
	}, nil
}

// seen returns the received requests.
func (s *server) seen() []*request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// idle waits until no connection is open. It reports false if ctx ends first.
func (s *server) idle(ctx context.Context) bool {
	for {
		s.mu.Lock()
		open, changed := len(s.open), s.changed
		s.mu.Unlock()
		if open == 0 {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

func (s *server) stop() {
	close(s.stopped)
	_ = s.listener.Close()
	s.mu.Lock()
	for conn := range s.open {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.handlers.Wait()
}

func (x *exchange) write(text string) bool {
	_, err := io.WriteString(x.conn, text)
	return err == nil
}

// forever writes text until the client closes the connection.
func (x *exchange) forever(text string) {
	block := strings.Repeat(text, max(1, (64<<10)/len(text)))
	for x.write(block) {
	}
}

// stall sends nothing until the client closes the connection.
func (x *exchange) stall() {
	_, _ = io.Copy(io.Discard, x.conn)
}

// reset ends the connection with a TCP reset.
func (x *exchange) reset() {
	conn := x.conn
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if plain, ok := conn.(*net.TCPConn); ok {
		_ = plain.SetLinger(0)
	}
	_ = conn.Close()
}

// response is a valid HTTP response.
type response struct {
	status int
	header []string
	body   string
}

// head is the status line and the header, with more lines.
func (resp response) head(further ...string) string {
	status := "HTTP/1.1 " + strconv.Itoa(resp.status) + " " + http.StatusText(resp.status)
	lines := append([]string{status}, resp.header...)
	lines = append(lines, "Connection: close", "X-Okta-Request-Id: req1")
	return strings.Join(append(lines, further...), "\r\n") + "\r\n\r\n"
}

// text is the whole response.
func (resp response) text() string {
	if resp.status == http.StatusNoContent {
		return resp.head()
	}
	return resp.head("Content-Length: "+strconv.Itoa(len(resp.body))) + resp.body
}

// chunked is the whole response in chunks of one byte.
func (resp response) chunked() string {
	var b strings.Builder
	b.WriteString(resp.head("Transfer-Encoding: chunked"))
	for i := range len(resp.body) {
		b.WriteString("1\r\n" + resp.body[i:i+1] + "\r\n")
	}
	b.WriteString("0\r\n\r\n")
	return b.String()
}

// unframed is the whole response, delimited by the end of the connection.
func (resp response) unframed() string { return resp.head() + resp.body }

// good is the response that an org sends.
func (x *exchange) good() response { return x.shape.good(x.request) }

// with is the good response with another body.
func (x *exchange) with(body string) response {
	resp := x.good()
	resp.body = body
	return resp
}

// pki is a certificate authority that the clients trust, with certificates of this one and of an unknown one.
type pki struct {
	trusted *x509.CertPool
	good, wrongName, expired,
	unknown tls.Certificate
}

var authorities = sync.OnceValues(newPKI)

func newPKI() (*pki, error) {
	p := &pki{trusted: x509.NewCertPool()}
	known, err := newAuthority("Known")
	if err != nil {
		return nil, err
	}
	unknown, err := newAuthority("Unknown")
	if err != nil {
		return nil, err
	}
	p.trusted.AddCert(known.cert)
	year := 365 * 24 * time.Hour
	for _, c := range []struct {
		into   *tls.Certificate
		by     *authority
		ip     string
		expiry time.Duration
	}{
		{&p.good, known, "127.0.0.1", year},
		{&p.wrongName, known, "192.0.2.1", year},
		{&p.expired, known, "127.0.0.1", -time.Hour},
		{&p.unknown, unknown, "127.0.0.1", year},
	} {
		if *c.into, err = c.by.issue(c.ip, c.expiry); err != nil {
			return nil, err
		}
	}
	return p, nil
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert, key}, err
}

func (a *authority) issue(ip string, expiry time.Duration) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "org"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(expiry),
		IPAddresses: []net.IP{net.ParseIP(ip)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// cursorOf returns the cursor of a list's request.
func (r *request) cursorOf() string {
	_, query, _ := strings.Cut(r.target, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return ""
	}
	return values.Get("after")
}

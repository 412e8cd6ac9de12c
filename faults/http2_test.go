package faults_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
)

// Types and flags of HTTP/2 frames (RFC 9113), and error codes.
const (
	frameData, frameHeaders, frameReset, frameSettings, framePing, frameGoAway byte = 0, 1, 3, 4, 6, 7

	endStream, ack, endHeaders byte = 1, 1, 4

	noError, internalError, refusedStream uint32 = 0, 2, 7
)

// stream is one complete HTTP/2 request. Its header is not decoded: the order of the requests identifies it.
type stream struct {
	server *server
	conn   net.Conn
	id     uint32
	body   bytes.Buffer
}

func (s *server) serveHTTP2(conn net.Conn) {
	if _, err := io.CopyN(io.Discard, conn, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return
	}
	writeFrame(conn, frameSettings, 0, 0, nil)
	open := &stream{server: s, conn: conn}
	for {
		kind, flags, id, payload, err := readFrame(conn)
		if err != nil {
			return
		}
		switch {
		case kind == frameSettings && flags&ack == 0:
			writeFrame(conn, frameSettings, ack, 0, nil)
		case kind == framePing && flags&ack == 0:
			writeFrame(conn, framePing, ack, 0, payload)
		case kind == frameHeaders:
			open = &stream{server: s, conn: conn, id: id}
		case kind == frameData:
			open.body.Write(payload)
		}
		if (kind == frameHeaders || kind == frameData) && flags&endStream != 0 {
			s.frames(open)
		}
	}
}

func readFrame(r io.Reader) (kind, flags byte, id uint32, payload []byte, err error) {
	var head [9]byte
	if _, err = io.ReadFull(r, head[:]); err != nil {
		return 0, 0, 0, nil, err
	}
	payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	_, err = io.ReadFull(r, payload)
	return head[3], head[4], binary.BigEndian.Uint32(head[5:]), payload, err
}

func writeFrame(w io.Writer, kind, flags byte, id uint32, payload []byte) {
	length := binary.BigEndian.AppendUint32(nil, uint32(len(payload))) //nolint:gosec // a few bytes
	frame := slices.Concat(length[1:], []byte{kind, flags})
	frame = binary.BigEndian.AppendUint32(frame, id)
	_, _ = w.Write(append(frame, payload...))
}

// header sends the header of a response: a status from HPACK's table, and the header lines uncompressed.
func (x *stream) header(resp response, end bool) {
	block := []byte{map[int]byte{200: 0x88, 204: 0x89}[resp.status]}
	for _, line := range resp.header {
		name, value, _ := strings.Cut(line, ": ")
		block = append(block, 0)
		for _, text := range []string{strings.ToLower(name), value} {
			block = append(block, byte(len(text))) //nolint:gosec // shorter than 127
			block = append(block, text...)
		}
	}
	flags := endHeaders
	if end {
		flags |= endStream
	}
	writeFrame(x.conn, frameHeaders, flags, x.id, block)
}

func (x *stream) respond(resp response) {
	x.header(resp, resp.body == "")
	if resp.body != "" {
		writeFrame(x.conn, frameData, endStream, x.id, []byte(resp.body))
	}
}

func (x *stream) reset(code uint32) {
	writeFrame(x.conn, frameReset, 0, x.id, binary.BigEndian.AppendUint32(nil, code))
}

// goAway tells the client that no stream after last was or will be served, and why.
func (x *stream) goAway(last, code uint32) {
	payload := binary.BigEndian.AppendUint32(nil, last)
	writeFrame(x.conn, frameGoAway, 0, 0, binary.BigEndian.AppendUint32(payload, code))
	_ = x.conn.Close()
}

func (c *cell) startHTTP2() (*server, error) {
	p, err := authorities()
	if err != nil {
		return nil, err
	}
	identity := p.good
	return newServer(&identity, c.handle, c.serveStream)
}

// serveStream serves the faulty request and the others, which it tells apart by their order.
func (c *cell) serveStream(x *stream) {
	r := &request{method: c.shape.method, path: c.shape.path, target: c.shape.path, body: x.body.String()}
	c.mu.Lock()
	first := c.shape.query && !c.begun
	c.begun = c.begun || first
	api := c.authenticated
	c.mu.Unlock()
	switch {
	case first:
	case api:
		r = &request{method: "GET", path: grantPath, target: grantPath}
	case c.shape.query:
		r.target += "?after=" + pageCursor
	}
	x.server.mu.Lock()
	x.server.requests = append(x.server.requests, r)
	x.server.mu.Unlock()
	if api {
		x.respond(response{status: 200, body: goodGrant})
		return
	}
	if !first {
		if _, meets := c.meets(); meets && c.fault.frames != nil {
			c.fault.frames(x)
			return
		}
		c.mu.Lock()
		c.authenticated = c.shape.name == "token"
		c.mu.Unlock()
	}
	x.respond(c.shape.good(r))
}

// http2Faults are faults that HTTP/1 does not have. A request that the transport retries by itself, because the server
// has not processed it, is not an attempt.
func http2Faults() []*fault {
	faults := []*fault{
		{name: "HTTP/2: none", want: every("ok/1", "ok/1")},
		{
			name: "HTTP/2: GOAWAY, not served", frames: func(x *stream) { x.goAway(0, noError) },
			want: every("ok/1", ""),
		},
		{
			name: "HTTP/2: GOAWAY, perhaps served", frames: func(x *stream) { x.goAway(x.id, internalError) },
			want: every("ok/2", "lost/3"),
		},
		{
			name: "HTTP/2: REFUSED_STREAM", frames: func(x *stream) { x.reset(refusedStream) }, stalls: true,
			want: every("ok/1", "timeout/3").late(everyShape, "deadline/1"),
		},
		{
			name: "HTTP/2: INTERNAL_ERROR", frames: func(x *stream) { x.reset(internalError) },
			want: every("ok/2", "lost/3"),
		},
		{name: "HTTP/2: closed", frames: func(x *stream) { _ = x.conn.Close() }, want: every("ok/2", "lost/3")},
		{
			name: "HTTP/2: stream stalls", frames: func(*stream) {}, stalls: true,
			want: every("ok/2", "timeout/3").late(everyShape, "deadline/1"),
		},
		{name: "HTTP/2: body is reset", frames: func(x *stream) {
			x.header(response{status: 200}, false)
			writeFrame(x.conn, frameData, 0, x.id, []byte("["))
			x.reset(internalError)
		}, want: every("ok/2", "200+lost/3").but(revokes, "200+status/1", "200+status/1")},
		{name: "HTTP/2: body longer than Content-Length", frames: func(x *stream) {
			x.header(response{status: 200, header: []string{"Content-Length: 1"}}, false)
			writeFrame(x.conn, frameData, endStream, x.id, []byte(goodList))
		}, want: every("ok/2", "200+long/3").but(revokes, "200+status/1", "200+status/1")},
		{name: "HTTP/2: invalid frame", frames: func(x *stream) {
			writeFrame(x.conn, frameHeaders, endHeaders|endStream, x.id, []byte("\xff\xff\xff\xff\xff\xff"))
		}, want: every("ok/2", "lost/3")},
	}
	for _, f := range faults {
		f.http2 = true
	}
	return faults
}

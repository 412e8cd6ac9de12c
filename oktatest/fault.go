package oktatest

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
)

// Fault answers one request in place of the org. It may have org answer as it would have done, into w or elsewhere, and
// make of that what it likes. The headers Date and X-Okta-Request-Id are set on w before a fault is called.
//
// A fault that panics with [http.ErrAbortHandler] drops the connection. One that waits until r.Context() is done, which
// is when the client gives up, does not answer at all; of a request with a body, it has to read the body before, or the
// server does not see that the client has gone.
type Fault func(w http.ResponseWriter, r *http.Request, org http.Handler)

// Next has faults answer the requests to come, one request each, in the order in which they arrive. A nil Fault lets
// the org answer, so Next(nil, f) fails the second request. Faults that are still waiting go first.
func (o *Org) Next(faults ...Fault) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.faults = append(o.faults, faults...)
}

// Reply answers with a status, headers and a body of your own; nothing is carried out. A header without values takes
// away one that the answer would have had: http.Header{"X-Okta-Request-Id": nil} makes it the answer of a proxy.
func Reply(status int, header http.Header, body string) Fault {
	header = header.Clone()
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Drop loses the connection before the request is carried out.
//
// [http.Transport] sends a GET again by itself when it is lost on a connection that had served before: with
// connections kept alive, such a request takes the next fault, too.
func Drop() Fault {
	return func(http.ResponseWriter, *http.Request, http.Handler) {
		panic(http.ErrAbortHandler)
	}
}

// DropAnswer carries the request out and loses the connection before any part of the answer arrives. What [Drop] says
// of a GET holds here as well.
func DropAnswer() Fault {
	return func(_ http.ResponseWriter, r *http.Request, org http.Handler) {
		org.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
}

// CutBody carries the request out and loses the connection after the first n bytes of the answer's body. The answer's
// Content-Length is that of the whole body.
func CutBody(n int) Fault {
	return func(w http.ResponseWriter, r *http.Request, org http.Handler) {
		answer := httptest.NewRecorder()
		org.ServeHTTP(answer, r)
		body := answer.Body.Bytes()
		maps.Copy(w.Header(), answer.Header())
		if len(body) > 0 {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(body[:min(max(n, 0), len(body))])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

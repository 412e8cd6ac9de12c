package oktatest

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
)

// Fault serves one request in place of the org. It may have org serve the request, into w or elsewhere, and change the
// response. The headers Date and X-Okta-Request-Id are set on w before a fault is called.
//
// A fault that panics with [http.ErrAbortHandler] drops the connection. One that waits until r.Context() is done,
// which is when the client gives up, sends no response at all; it must read the body of a request first if there is
// one, or the server does not notice that the client has disconnected.
type Fault func(w http.ResponseWriter, r *http.Request, org http.Handler)

// Next has faults serve the next requests, one request each, in the order in which they arrive. A nil Fault lets the
// org serve its request, so Next(nil, f) fails the second one. Faults of earlier calls that are left come first.
func (o *Org) Next(faults ...Fault) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.faults = append(o.faults, faults...)
}

// NextTo is [Org.Next] for one route: the faults serve the next requests to it, and no other requests. The pattern is
// one of [Org.Handle]. So a test changes the org at a given call of a program, here before the second list of grants:
//
//	org.NextTo("GET /api/v1/users/{userId}/grants", nil, func(w http.ResponseWriter, r *http.Request, h http.Handler) {
//		org.RemoveUser("00uann")
//		h.ServeHTTP(w, r)
//	})
//
// A request that a fault of Next serves takes none of these. NextTo panics when the pattern has no path.
func (o *Org) NextTo(pattern string, faults ...Fault) {
	method, path := readPattern(pattern)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.routeFaults = append(o.routeFaults, &routeFaults{method, segmentsOf(path), faults})
}

// Always has a fault serve every request that no fault of [Org.Next] or [Org.NextTo] serves, until the next call of
// Always. With nil, the org serves them again.
func (o *Org) Always(fault Fault) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.always = fault
}

// routeFaults are the faults of one call of NextTo that are left.
type routeFaults struct {
	method  string // Any method when empty.
	pattern []string
	faults  []Fault
}

// takeFault takes the fault that is to serve a request. It is nil when the org is to serve it.
func (o *Org) takeFault(method string, segments []string) Fault {
	if len(o.faults) > 0 {
		return takeFirst(&o.faults)
	}
	for _, route := range o.routeFaults {
		if len(route.faults) == 0 || route.method != "" && route.method != method {
			continue
		}
		if _, ok := match(route.pattern, segments); ok {
			return takeFirst(&route.faults)
		}
	}
	return o.always
}

func takeFirst(faults *[]Fault) Fault {
	first := (*faults)[0]
	*faults = (*faults)[1:]
	return first
}

// Reply responds with a status, headers and a body of your own; nothing is carried out. A header without values
// removes one that the org sets: http.Header{"X-Okta-Request-Id": nil} makes it the response of a proxy.
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
// [http.Transport] repeats a GET by itself when it is lost on a connection that has served before: with keep-alive
// connections, such a request takes the next fault too.
func Drop() Fault {
	return func(http.ResponseWriter, *http.Request, http.Handler) {
		panic(http.ErrAbortHandler)
	}
}

// DropResponse carries the request out and loses the connection before any part of the response arrives. See [Drop]
// for a GET that is lost.
func DropResponse() Fault {
	return func(_ http.ResponseWriter, r *http.Request, org http.Handler) {
		org.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
}

// CutBody carries the request out and loses the connection after the first n bytes of the response's body. The
// Content-Length is that of the whole body.
func CutBody(n int) Fault {
	return func(w http.ResponseWriter, r *http.Request, org http.Handler) {
		response := httptest.NewRecorder()
		org.ServeHTTP(response, r)
		body := response.Body.Bytes()
		maps.Copy(w.Header(), response.Header())
		if len(body) > 0 {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		}
		w.WriteHeader(response.Code)
		_, _ = w.Write(body[:min(max(n, 0), len(body))])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

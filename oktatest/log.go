package oktatest

import (
	"fmt"
	"net/http"
	"net/url"
)

// Request is a request in the log of an org.
type Request struct {
	Method    string
	Path      string // As it was sent: escaped, with the base path, without the query.
	RawQuery  string
	Query     url.Values
	Header    http.Header
	Status    int    // The status of the response, or 0 when the connection was lost before it.
	RequestID string // The X-Okta-Request-Id of the response.
}

// Requests returns the requests since the org began, or since [Org.ClearRequests], in the order in which they arrived;
// of more than [Options].LogSize, the newest. A request that is being served is among them, with a Status of 0 until
// its response begins.
func (o *Org) Requests() []Request {
	o.mu.Lock()
	defer o.mu.Unlock()
	requests := make([]Request, len(o.log))
	for i, entry := range o.log {
		requests[i] = *entry
		requests[i].Query, _ = url.ParseQuery(entry.RawQuery)
		requests[i].Header = entry.Header.Clone()
	}
	return requests
}

// ClearRequests empties the log.
func (o *Org) ClearRequests() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.log = nil
}

// receive logs a request and takes the fault that is to serve it, if there is one.
func (o *Org) receive(r *http.Request) (*Request, Fault) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.requestCount++
	entry := &Request{
		Method:    r.Method,
		Path:      r.URL.EscapedPath(),
		RawQuery:  r.URL.RawQuery,
		Header:    r.Header.Clone(),
		RequestID: fmt.Sprintf("req%017d", o.requestCount),
	}
	o.keep(entry)
	_, segments := o.split(r.URL)
	return entry, o.takeFault(r.Method, segments)
}

// keep adds a request to the log and drops the oldest one when the log is full.
func (o *Org) keep(entry *Request) {
	if o.logSize < 0 {
		return
	}
	if o.logSize > 0 && len(o.log) == o.logSize {
		o.log[0] = nil
		o.log = o.log[1:]
	}
	o.log = append(o.log, entry)
}

// notedWriter notes the status of a response before any of it is sent, so that whoever has the response finds the
// status in the log.
type notedWriter struct {
	http.ResponseWriter
	org   *Org
	entry *Request
}

func (w *notedWriter) WriteHeader(status int) {
	w.note(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *notedWriter) Write(body []byte) (int, error) {
	w.note(http.StatusOK)
	return w.ResponseWriter.Write(body)
}

// Unwrap lets [http.ResponseController] reach the server's own writer.
func (w *notedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// note notes the first status that is not an informational one.
func (w *notedWriter) note(status int) {
	w.org.mu.Lock()
	defer w.org.mu.Unlock()
	if w.entry.Status == 0 && status >= http.StatusOK {
		w.entry.Status = status
	}
}

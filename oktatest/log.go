package oktatest

import (
	"fmt"
	"net/http"
	"net/url"
)

// Request is what an org has noted of a request.
type Request struct {
	Method    string
	Path      string // As it was sent: escaped, with the base path, without the query.
	RawQuery  string
	Query     url.Values
	Header    http.Header
	Status    int    // The answer's status, or 0 when the connection was lost before any answer.
	RequestID string // The answer's X-Okta-Request-Id.
}

// Requests returns the requests since the org began, or since [Org.ClearRequests], in the order in which they arrived.
// One that is being answered is among them, with a Status of 0 until the answer begins.
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

// ClearRequests makes the org forget the requests so far.
func (o *Org) ClearRequests() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.log = nil
}

// receive notes a request and takes the fault that is to answer it, if there is one.
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
	o.log = append(o.log, entry)
	if len(o.faults) == 0 {
		return entry, nil
	}
	fault := o.faults[0]
	o.faults = o.faults[1:]
	return entry, fault
}

// answerWriter notes an answer's status before any of the answer is sent, so that whoever has the answer finds the
// status in the log.
type answerWriter struct {
	http.ResponseWriter
	org   *Org
	entry *Request
}

func (w *answerWriter) WriteHeader(status int) {
	w.note(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *answerWriter) Write(body []byte) (int, error) {
	w.note(http.StatusOK)
	return w.ResponseWriter.Write(body)
}

// Unwrap lets [http.ResponseController] reach the server's own writer.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// note keeps the first status that is not an informational one.
func (w *answerWriter) note(status int) {
	w.org.mu.Lock()
	defer w.org.mu.Unlock()
	if w.entry.Status == 0 && status >= http.StatusOK {
		w.entry.Status = status
	}
}

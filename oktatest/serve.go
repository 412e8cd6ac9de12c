package oktatest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// call is a request for an operation, and the headers of its response.
type call struct {
	request   *http.Request
	now       time.Time
	publicURL string
	basePath  string
	path      string // Escaped and below the base path.
	params    map[string]string
	query     url.Values
	form      url.Values // Nil unless the body is a form for the token endpoint.
	header    http.Header
	links     []string
}

// ServeHTTP serves a request as the org's server does.
func (o *Org) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	entry, fault := o.receive(r)
	noted := &notedWriter{ResponseWriter: w, org: o, entry: entry}
	org := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { o.respond(w, r, entry.RequestID) })
	if fault == nil {
		org(noted, r)
	} else {
		o.setHeaders(w.Header(), entry.RequestID)
		fault(noted, r, org)
	}
	if r.Context().Err() == nil {
		noted.note(http.StatusOK)
	}
}

func (o *Org) setHeaders(header http.Header, requestID string) {
	header.Set("Date", o.now().UTC().Format(http.TimeFormat))
	header.Set("X-Okta-Request-Id", requestID)
}

func (o *Org) respond(w http.ResponseWriter, r *http.Request, requestID string) {
	o.setHeaders(w.Header(), requestID)
	body, failure := o.carryOut(r, w.Header())
	if failure != nil {
		failure.write(w, requestID)
		return
	}
	switch body := body.(type) {
	case nil:
		w.WriteHeader(http.StatusNoContent)
	case http.Handler:
		body.ServeHTTP(w, r)
	default:
		writeJSON(w, http.StatusOK, body)
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// carryOut carries a request out, all of it at one moment, and returns the body of the response.
func (o *Org) carryOut(r *http.Request, header http.Header) (any, *problem) {
	path, segments := o.split(r.URL)
	if slices.ContainsFunc(segments, func(s string) bool { return strings.Contains(s, `\`) }) {
		return nil, refusedByFrontEnd()
	}
	var form url.Values
	if path == tokenPath {
		form = readForm(r) // Before the lock, as a client may be slow.
	}
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()

	if failure := o.spend(bucketOf(r.Method, segments), now, header); failure != nil {
		return nil, failure
	}
	found, params, failure := o.route(r.Method, segments)
	if failure != nil {
		return nil, failure
	}
	c := &call{
		request:   r,
		now:       now,
		publicURL: o.publicURL,
		basePath:  o.basePath,
		path:      path,
		params:    params,
		query:     r.URL.Query(),
		form:      form,
		header:    header,
	}
	if !found.public {
		if failure := o.authorize(c, found.scope); failure != nil {
			return nil, failure
		}
	}
	body, failure := found.handle(o, c)
	if failure != nil {
		return nil, failure
	}
	for _, link := range c.links {
		header.Add("Link", link)
	}
	return body, nil
}

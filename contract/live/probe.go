package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/grantkit/okta"
)

// probe records the last attempt of one call.
type probe struct {
	rewrite func(path string) string // changes the escaped path to one that the SDK refuses to send, unless nil
	scheme  string                   // of the request's Authorization
	status  int
	header  http.Header
}

type probeKey struct{}

func (p *probe) with(ctx context.Context) context.Context {
	return context.WithValue(ctx, probeKey{}, p)
}

// probing is a transport that fills in the probe of a request's context.
type probing struct{ next http.RoundTripper }

func (t probing) RoundTrip(req *http.Request) (*http.Response, error) {
	p, ok := req.Context().Value(probeKey{}).(*probe)
	if !ok || !strings.Contains(req.URL.Path, "/api/v1/") { // a token request may share the context
		return t.next.RoundTrip(req)
	}
	p.scheme, _, _ = strings.Cut(req.Header.Get("Authorization"), " ")
	if p.rewrite != nil {
		var err error
		if req, err = rewritten(req, p.rewrite); err != nil {
			return nil, err
		}
	}
	resp, err := t.next.RoundTrip(req)
	if err == nil {
		p.status, p.header = resp.StatusCode, resp.Header
	}
	return resp, err
}

// rewritten returns a copy of a GET with another path.
func rewritten(req *http.Request, rewrite func(string) string) (*http.Request, error) {
	if req.Method != http.MethodGet {
		return nil, errors.New("only a GET may be sent to another path")
	}
	raw := rewrite(req.URL.EscapedPath())
	path, err := url.PathUnescape(raw)
	if err != nil {
		return nil, err
	}
	req = req.Clone(req.Context())
	req.URL.Path, req.URL.RawPath = path, raw
	return req, nil
}

// object has the members of users, grants, clients and tokens that are read.
type object struct {
	ID       string `json:"id"`
	ClientID string `json:"client_id"` // of an OAuth2Client, which has no id
	Profile  struct {
		Login string `json:"login"`
	} `json:"profile"`
}

func (o object) id() string {
	if o.ID != "" {
		return o.ID
	}
	return o.ClientID
}

// list reads a page of a list below /api/v1.
func (l *live) list(ctx context.Context, query url.Values, segments ...string) (*okta.Page[object], error) {
	return okta.List[object](ctx, l.client, okta.Request{Path: api(segments), Query: query})
}

func api(segments []string) []string { return append([]string{"api", "v1"}, segments...) }

func limit(n int) url.Values { return url.Values{"limit": {strconv.Itoa(n)}} }

// outcome describes the outcome of a call by its status, Okta's code and the missing scope, without private data.
func outcome(p *probe, err error) string {
	if err == nil {
		return strconv.Itoa(p.status)
	}
	if failure, ok := errors.AsType[*okta.Error](err); ok {
		return describe(failure)
	}
	if errors.Is(err, okta.ErrInvalidArgument) {
		return "refused by the SDK"
	}
	return "no response"
}

func describe(e *okta.Error) string {
	text := strconv.Itoa(e.StatusCode)
	if e.Code == "" && e.OAuth == nil {
		text += ", not an error of Okta's"
	}
	if e.Code != "" {
		text += " " + string(e.Code)
	}
	if e.Resource != "" {
		text += " (" + e.Resource + ")"
	}
	if e.OAuth != nil && e.OAuth.Code != "" {
		text += " " + e.OAuth.Code
	}
	if e.OAuth != nil && e.OAuth.Scope != "" {
		text += ", needs " + e.OAuth.Scope
	}
	return text
}

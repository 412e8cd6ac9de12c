package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/grantkit/okta"
)

// probe is one call, and the last response to it.
type probe struct {
	rewrite func(path string) string // of the escaped path, for what the SDK refuses to send; nil for none
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

// object is what is read of users, grants, clients and tokens.
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

// resource is the type of object that Okta names at the end of an E0000007.
var resource = regexp.MustCompile(`\((\w+)\)$`)

// outcome says what came of a call: a status, Okta's code and the scope that is missing, and nothing that names
// somebody.
func outcome(p *probe, err error) string {
	if err == nil {
		return strconv.Itoa(p.status)
	}
	var failure *okta.Error
	switch {
	case errors.As(err, &failure):
		return describe(failure)
	case errors.Is(err, okta.ErrInvalidArgument):
		return "refused by the SDK"
	}
	return "no response"
}

func describe(e *okta.Error) string {
	text := strconv.Itoa(e.StatusCode)
	if e.Code == "" && e.OAuth == nil {
		text += ", no error of Okta's"
	}
	if e.Code != "" {
		text += " " + string(e.Code)
	}
	if named := resource.FindStringSubmatch(e.Summary); named != nil {
		text += " (" + named[1] + ")"
	}
	if e.OAuth != nil && e.OAuth.Code != "" {
		text += " " + e.OAuth.Code
	}
	if e.OAuth != nil && e.OAuth.Scope != "" {
		text += ", needs " + e.OAuth.Scope
	}
	return text
}

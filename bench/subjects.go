package main

import (
	"bytes"
	"context"
	stdjson "encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/grantkit/okta"
)

// subject is one way to talk to Okta.
type subject struct {
	list func(ctx context.Context, user string) (int, error) // reads all grants of a user and counts them
	get  func(ctx context.Context, user, grant string) error
}

// The names of the subjects.
const (
	ours      = "ours"
	v6        = "v6"
	v6Tuned   = "v6, tuned"
	bare      = "net/http"
	floor     = "go-retryablehttp"
	floorJSON = "go-retryablehttp and encoding/json"
	floorV2   = "go-retryablehttp and go-json-experiment"
)

func newSubject(name, url string, maxUse float64) (subject, error) {
	switch name {
	case ours:
		return newOurs(url, maxUse)
	case v6, v6Tuned:
		return newV6(url, name == v6Tuned)
	}
	decode := map[string]func([]byte) (int, error){
		bare:      countGrants,
		floor:     countGrants,
		floorJSON: counting(stdjson.Unmarshal),
		floorV2:   counting(func(data []byte, v any) error { return json.Unmarshal(data, v) }),
	}[name]
	if decode == nil {
		return subject{}, fmt.Errorf("there is no subject %q", name)
	}
	return newPlain(url, name != bare, decode), nil
}

// newTransport is http.DefaultTransport with as many idle connections to one host as to all: what the SDK uses by
// default.
func newTransport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone() // nothing replaces it here
	transport.MaxIdleConnsPerHost = transport.MaxIdleConns
	return transport
}

func newOurs(url string, maxUse float64) (subject, error) {
	client, err := okta.NewClient(okta.Config{
		OrgURL: url, Credentials: okta.APIToken(token), RateLimiter: okta.RateLimiterOptions{MaxUse: maxUse},
	})
	if err != nil {
		return subject{}, err
	}
	list := func(ctx context.Context, user string) (int, error) {
		page, err := client.UserGrants.List(ctx, user, nil)
		if err != nil {
			return 0, err
		}
		n := 0
		for _, err := range page.All(ctx) {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}
	get := func(ctx context.Context, user, grant string) error {
		_, err := client.UserGrants.Get(ctx, user, grant, nil)
		return err
	}
	return subject{list: list, get: get}, nil
}

// plain reads responses whole, and does no more with them than it must.
type plain struct {
	url   string
	http  *http.Client
	retry *retryablehttp.Client // nil for net/http alone
	count func(body []byte) (int, error)
}

func newPlain(url string, retry bool, count func([]byte) (int, error)) subject {
	p := &plain{url: url, http: &http.Client{Transport: newTransport()}, count: count}
	if retry {
		p.retry = retryablehttp.NewClient() // at its defaults, but silent
		p.retry.HTTPClient, p.retry.Logger = p.http, nil
	}
	return subject{list: p.list, get: p.get}
}

func (p *plain) do(req *http.Request) (*http.Response, error) {
	if p.retry == nil {
		return p.http.Do(req)
	}
	retryable, err := retryablehttp.FromRequest(req)
	if err != nil {
		return nil, err
	}
	return p.retry.Do(retryable)
}

// countGrants counts without decoding.
func countGrants(body []byte) (int, error) { return bytes.Count(body, []byte(`"scopeId"`)), nil }

func counting(decode func([]byte, any) error) func([]byte) (int, error) {
	return func(body []byte) (int, error) {
		var grants []okta.OAuth2ScopeConsentGrant
		err := decode(body, &grants)
		return len(grants), err
	}
}

func (p *plain) list(ctx context.Context, user string) (int, error) {
	total := 0
	for address := p.url + "/api/v1/users/" + user + "/grants?limit=200"; address != ""; {
		header, body, err := p.read(ctx, address)
		if err != nil {
			return total, err
		}
		n, err := p.count(body)
		if err != nil {
			return total, err
		}
		total += n
		address = nextPage(header)
	}
	return total, nil
}

func (p *plain) get(ctx context.Context, user, grant string) error {
	_, _, err := p.read(ctx, p.url+"/api/v1/users/"+user+"/grants/"+grant)
	return err
}

func (p *plain) read(ctx context.Context, address string) (http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Authorization", "SSWS "+token)
	resp, err := p.do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing is written to it
	body, err := io.ReadAll(resp.Body)
	return resp.Header, body, err
}

// nextPage reads the one form of a next link that the servers here send.
func nextPage(header http.Header) string {
	for _, link := range header.Values("Link") {
		if address, ok := strings.CutSuffix(link, `>; rel="next"`); ok {
			return strings.TrimPrefix(address, "<")
		}
	}
	return ""
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	pageSize = 200
	pages    = 50 // that differ; longer lists repeat them
	token    = "00secret"
	grantID  = "oag00000000000000000"
)

// prepared responses list and get requests for grants with bytes that are made beforehand, so that the server costs
// little. The user u<n> has n grants.
type prepared struct {
	pages       [][]byte
	one         []byte
	connections *atomic.Int64 // of the server, told at connectionsPath
}

const connectionsPath = "/connections"

func newPrepared() *prepared {
	p := &prepared{one: appendGrant(nil, 0)}
	for page := range pages {
		body := []byte{'['}
		for i := range pageSize {
			if i > 0 {
				body = append(body, ',')
			}
			body = appendGrant(body, page*pageSize+i)
		}
		p.pages = append(p.pages, append(body, ']'))
	}
	return p
}

func (p *prepared) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == connectionsPath {
		_, _ = fmt.Fprint(w, p.connections.Load())
		return
	}
	user, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/v1/users/"), "/")
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Okta-Request-Id", "ZR2abcdefghijklmnopqrstuvw")
	h.Set("X-Rate-Limit-Limit", "1000000")
	h.Set("X-Rate-Limit-Remaining", "999999")
	h.Set("X-Rate-Limit-Reset", strconv.FormatInt(time.Now().Unix()/60*60+60, 10))
	if rest != "grants" {
		_, _ = w.Write(p.one)
		return
	}
	total, _ := strconv.Atoi(strings.TrimPrefix(user, "u"))
	after, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Query().Get("after"), "oag"))
	address := "http://" + r.Host + r.URL.Path
	h.Add("Link", "<"+address+"?limit=200>; rel=\"self\"")
	if (after+1)*pageSize < total {
		h.Add("Link", fmt.Sprintf("<%s?after=oag%017d&limit=200>; rel=\"next\"", address, after+1))
	}
	_, _ = w.Write(p.pages[after%pages])
}

// grantTemplate is a grant with all that Okta documents.
const grantTemplate = `{"id":"oag%017[1]d","status":"ACTIVE","created":"2024-03-%02[2]dT10:%02[3]d:53.%03[4]dZ",` +
	`"createdBy":{"id":"00u5t60iloOHN9pBi0h7","type":"User"},"lastUpdated":"2025-06-%02[2]dT11:%02[3]d:07.%03[4]dZ",` +
	`"issuer":"https://acme-corporation.okta.com","clientId":"0oa%017[5]d","userId":"00u5t60iloOHN9pBi0h7",` +
	`"scopeId":"okta.scope%02[3]d.read","source":"END_USER","_embedded":{"scope":{"id":"okta.scope%02[3]d.read"}},"_links":{` +
	`"app":{"href":"https://acme-corporation.okta.com/api/v1/apps/0oa%017[5]d","title":"Calendar number %[5]d"},` +
	`"authorizationServer":{"href":"https://acme-corporation.okta.com/api/v1/authorizationServers/default","title":"default"},` +
	`"scope":{"href":"https://acme-corporation.okta.com/api/v1/authorizationServers/default/scopes/scp%017[3]d","title":"okta.scope%02[3]d.read"},` +
	`"self":{"href":"https://acme-corporation.okta.com/api/v1/users/00u5t60iloOHN9pBi0h7/grants/oag%017[1]d","hints":{"allow":["GET","DELETE"]}},` +
	`"client":{"href":"https://acme-corporation.okta.com/oauth2/v1/clients/0oa%017[5]d","title":"Calendar number %[5]d"},` +
	`"user":{"href":"https://acme-corporation.okta.com/api/v1/users/00u5t60iloOHN9pBi0h7","title":"Ann Example"}}}`

// appendGrant appends the grant with a number: one of 60 scopes for one of 200 clients.
func appendGrant(b []byte, n int) []byte {
	return fmt.Appendf(b, grantTemplate, n, n%28+1, n%60, n%1000, n/60%200)
}

// counted serves a handler on a loopback port and counts its connections.
type counted struct {
	http.Server
	url         string
	connections atomic.Int64
}

func serve(handler http.Handler) (*counted, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is there at once
	if err != nil {
		return nil, err
	}
	c := &counted{url: "http://" + listener.Addr().String()}
	c.Handler = handler
	c.ReadHeaderTimeout = time.Minute
	c.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			c.connections.Add(1)
		}
	}
	go func() {
		if err := c.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			fail(err)
		}
	}()
	return c, nil
}

// check makes sure that the prepared responses are what they are taken for.
func (p *prepared) check() error {
	if size := len(p.one); size < 1100 || size > 1500 {
		return fmt.Errorf("a grant has %d bytes", size)
	}
	for _, page := range p.pages {
		if !json.Valid(page) || bytes.Count(page, []byte(`"scopeId"`)) != pageSize {
			return errors.New("a page is not what it should be")
		}
	}
	return nil
}

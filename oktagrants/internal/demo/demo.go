// Package demo makes an Okta org in memory, so that every command can be tried with no account. Its data is realistic,
// and the same in every org with as many users, but for the dates, which end today.
package demo

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

// URL is the org's URL. It is always the same, so that a run can be resumed, although each org listens on another port
// of the loopback interface.
const URL = "http://acme.okta.example"

// token is the API token that the org accepts.
const token = "00demo"

// Options configure an org.
type Options struct {
	Users  int           // at least 1
	Limit  int           // requests in each window of each rate limit bucket
	Window time.Duration // of the rate limits
	Now    time.Time     // where the dates end
}

// Org is an Okta org in memory.
type Org struct {
	*oktatest.Org
}

// Start starts an org. Call its Close method when it is no longer needed.
func Start(opts Options) *Org {
	org := &Org{oktatest.New(oktatest.Options{PublicURL: URL, LogSize: -1})}
	org.AcceptAPIToken(token)
	newFiller(org.Org, opts).fill()
	for _, bucket := range oktatest.Buckets() {
		org.LimitRate(bucket, opts.Limit, opts.Window)
	}
	return org
}

// Config returns the configuration of a client for the org.
func (o *Org) Config() okta.Config {
	address := strings.TrimPrefix(o.URL, "http://")
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	return okta.Config{
		OrgURL:            URL,
		Credentials:       okta.APIToken(token),
		AllowInsecureHTTP: true, // it stays on the loopback interface
		HTTPClient:        &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 100}},
	}
}

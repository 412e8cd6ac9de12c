package okta_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/internal/dpop"
)

// TestMain signs a JWT before the tests. go-jose encodes its first value of each type behind a WaitGroup, which may not
// be shared between a test in a synctest bubble and one outside.
func TestMain(m *testing.M) {
	p := &dpop.Prover{}
	req := &http.Request{Method: http.MethodGet, URL: &url.URL{}, Header: http.Header{}}
	err := p.Bind()
	if err == nil {
		_, err = p.Prove(req, dpop.API, p.Key(), "token")
	}
	if err != nil {
		panic(err)
	}
	m.Run()
}

const (
	orgURL   = "https://acme.okta.com"
	apiToken = "00secret-token-value"

	deniedJSON = `{"errorCode":"E0000006","errorSummary":"You do not have permission to perform the requested action",` +
		`"errorLink":"E0000006","errorId":"sampleNUSD_8fdkFd8fs8SDBK",` +
		`"errorCauses":[{"errorSummary":"not an admin"},{"errorSummary":"nor a reader"}]}`
	notFoundJSON = `{"errorCode":"E0000007",` +
		`"errorSummary":"Not found: Resource not found: oag1 (OAuth2ScopeConsentGrant)"}`
	invalidTokenJSON = `{"errorCode":"E0000011","errorSummary":"Invalid token provided"}`
	readOnlyJSON     = `{"errorCode":"E0000010","errorSummary":"Read-only mode"}`
	limitedJSON      = `{"errorCode":"E0000047","errorSummary":"API call exceeded rate limit due to too many requests."}`
)

var (
	errReset   = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
)

// newClient returns a client of orgURL that sends through transport, or over the network where transport is nil.
// The options change its configuration.
func newClient(t testing.TB, transport http.RoundTripper, options ...func(*okta.Config)) *okta.Client {
	t.Helper()
	config := okta.Config{OrgURL: orgURL, Credentials: okta.APIToken(apiToken)}
	if transport != nil {
		config.HTTPClient = &http.Client{Transport: transport}
	}
	for _, option := range options {
		option(&config)
	}
	client, err := okta.NewClient(config)
	require.NoError(t, err)
	return client
}

// atURL is for servers that the network leads to.
func atURL(address string) func(*okta.Config) {
	return func(c *okta.Config) {
		c.OrgURL = address
		quickRetries(c)
	}
}

// quickRetries keeps waits short where the clock is real.
func quickRetries(c *okta.Config) {
	c.Retry.MinWait, c.Retry.MaxWait = time.Millisecond, 10*time.Millisecond
}

func defaultRetries(c *okta.Config) { c.Retry = okta.RetryOptions{} }

func noRetries(c *okta.Config) { c.Retry.MaxRetries = -1 }

func withCredentials(credentials okta.Credentials) func(*okta.Config) {
	return func(c *okta.Config) { c.Credentials = credentials }
}

// observe appends the attempts of a client to seen.
func observe(seen *[]okta.Attempt) func(*okta.Config) {
	return func(c *okta.Config) {
		c.OnAttempt = func(_ context.Context, a okta.Attempt) { *seen = append(*seen, a) }
	}
}

func noRateLimiter(c *okta.Config) { c.RateLimiter.Disabled = true }

func get(ctx context.Context, c *okta.Client) error {
	_, err := c.UserGrants.Get(ctx, "u", "g", nil)
	return err
}

func revoke(ctx context.Context, c *okta.Client) error { return c.UserGrants.Revoke(ctx, "u", "g") }

func revokeAll(ctx context.Context, c *okta.Client) error { return c.UserGrants.RevokeAll(ctx, "u") }

func requireError(t *testing.T, err error) *okta.Error {
	t.Helper()
	apiErr, ok := errors.AsType[*okta.Error](err)
	require.True(t, ok, "%v is no *okta.Error", err)
	return apiErr
}

func sprint(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// failure collects what a failed assertion prints, which looks into unexported fields and behind pointers.
type failure string

func (f *failure) Errorf(format string, args ...any) { *f += failure(sprint(format, args...)) }

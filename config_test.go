package okta_test

import (
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

func TestNewClientRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*okta.Config)
		field  string
	}{
		"no org URL":             {func(c *okta.Config) { c.OrgURL = "" }, "OrgURL"},
		"no scheme":              {func(c *okta.Config) { c.OrgURL = "acme.okta.com" }, "OrgURL"},
		"host and port only":     {func(c *okta.Config) { c.OrgURL = "acme.okta.com:443" }, "OrgURL"},
		"no host":                {func(c *okta.Config) { c.OrgURL = "https://" }, "OrgURL"},
		"no host but a path":     {func(c *okta.Config) { c.OrgURL = "https:///api" }, "OrgURL"},
		"no host but a port":     {func(c *okta.Config) { c.OrgURL = "https://:443" }, "OrgURL"},
		"opaque":                 {func(c *okta.Config) { c.OrgURL = "https:acme.okta.com" }, "OrgURL"},
		"http":                   {func(c *okta.Config) { c.OrgURL = "http://acme.okta.com" }, "OrgURL"},
		"http to a private host": {func(c *okta.Config) { c.OrgURL = "http://10.0.0.1" }, "OrgURL"},
		"looks like loopback":    {func(c *okta.Config) { c.OrgURL = "http://localhost.evil.example" }, "OrgURL"},
		"other scheme":           {func(c *okta.Config) { c.OrgURL = "ftp://acme.okta.com" }, "OrgURL"},
		"user name":              {func(c *okta.Config) { c.OrgURL = "https://joe@acme.okta.com" }, "OrgURL"},
		"password":               {func(c *okta.Config) { c.OrgURL = "https://joe:p4ss/w0rd@acme.okta.com" }, "OrgURL"},
		"query":                  {func(c *okta.Config) { c.OrgURL = "https://acme.okta.com?x=1" }, "OrgURL"},
		"empty query":            {func(c *okta.Config) { c.OrgURL = "https://acme.okta.com/?" }, "OrgURL"},
		"fragment":               {func(c *okta.Config) { c.OrgURL = "https://acme.okta.com#x" }, "OrgURL"},
		"empty fragment":         {func(c *okta.Config) { c.OrgURL = "https://acme.okta.com#" }, "OrgURL"},
		"template":               {func(c *okta.Config) { c.OrgURL = "https://{yourOktaDomain}" }, "OrgURL"},
		"template in part":       {func(c *okta.Config) { c.OrgURL = "https://{yourOktaDomain}.okta.com" }, "OrgURL"},
		"malformed":              {func(c *okta.Config) { c.OrgURL = "https://acme okta.com" }, "OrgURL"},
		"with the API's path":    {func(c *okta.Config) { c.OrgURL = "https://acme.okta.com/api/v1/" }, "OrgURL"},
		"admin console":          {func(c *okta.Config) { c.OrgURL = "https://acme-admin.okta.com" }, "OrgURL"},
		"line end":               {func(c *okta.Config) { c.OrgURL = "https://acme.okta.com\n" }, "OrgURL"},
		"bad port":               {func(c *okta.Config) { c.OrgURL = "https://acme.okta.com:99999" }, "OrgURL"},
		"quotes":                 {func(c *okta.Config) { c.OrgURL = `"https://acme.okta.com"` }, "OrgURL"},
		"authorization server":   {func(c *okta.Config) { c.OrgURL = "https://acme.okta.com/oauth2/default" }, "OrgURL"},
		"quotes of a token":      {func(c *okta.Config) { c.Credentials = okta.APIToken(`"00secret"`) }, "Credentials"},
		"negative MaxBackoff":    {func(c *okta.Config) { c.Retry.MaxBackoff = -1 }, "Retry.MaxBackoff"},
		"no credentials":         {func(c *okta.Config) { c.Credentials = nil }, "Credentials"},
		"nil service app":        {func(c *okta.Config) { c.Credentials = (*okta.ServiceApp)(nil) }, "Credentials"},
		"empty API token":        {func(c *okta.Config) { c.Credentials = okta.APIToken("") }, "Credentials"},
		"empty bearer token":     {func(c *okta.Config) { c.Credentials = okta.BearerToken("") }, "Credentials"},
		"line end in the token":  {func(c *okta.Config) { c.Credentials = okta.APIToken("secret\n") }, "Credentials"},
		"NUL in the token":       {func(c *okta.Config) { c.Credentials = okta.BearerToken("sec\x00ret") }, "Credentials"},
		"scheme in the token":    {func(c *okta.Config) { c.Credentials = okta.APIToken("SSWS secret") }, "Credentials"},
		"nil token source":       {func(c *okta.Config) { c.Credentials = okta.TokenSource(nil) }, "Credentials"},
		"negative MinWait":       {func(c *okta.Config) { c.Retry.MinWait = -1 }, "Retry.MinWait"},
		"negative MaxWait":       {func(c *okta.Config) { c.Retry.MaxWait = -1 }, "Retry.MaxWait"},
		"negative MaxUse":        {func(c *okta.Config) { c.RateLimiter.MaxUse = -0.1 }, "RateLimiter.MaxUse"},
		"MaxUse over 1":          {func(c *okta.Config) { c.RateLimiter.MaxUse = 1.1 }, "RateLimiter.MaxUse"},
		"MaxUse not a number":    {func(c *okta.Config) { c.RateLimiter.MaxUse = math.NaN() }, "RateLimiter.MaxUse"},
		"MinWait over MaxWait":   {func(c *okta.Config) { c.Retry.MinWait, c.Retry.MaxWait = 2, 1 }, "Retry.MinWait"},
		"line end in User-Agent": {func(c *okta.Config) { c.UserAgent = "a\r\nX: y" }, "UserAgent"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := okta.Config{OrgURL: orgURL, Credentials: okta.APIToken(apiToken)}
			c.change(&config)
			client, err := okta.NewClient(config)
			assert.Nil(t, client)
			require.ErrorIs(t, err, okta.ErrInvalidArgument)
			require.ErrorContains(t, err, "Config."+c.field)
			for _, secret := range []string{"secret", "p4ss", "w0rd"} {
				assert.NotContains(t, err.Error(), secret)
			}
		})
	}
}

func TestNewClientAccepts(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://acme.okta.com":             "https://acme.okta.com",
		"https://acme.okta.com/":            "https://acme.okta.com",
		"HTTPS://acme.okta.com//":           "https://acme.okta.com",
		"https://acme.okta.com:8443":        "https://acme.okta.com:8443",
		"https://gw.example/okta/acme/":     "https://gw.example/okta/acme",
		"https://gw.example:444/a%2Fb":      "https://gw.example:444/a%2Fb",
		"http://localhost:8080":             "http://localhost:8080",
		"http://LOCALHOST:8080":             "http://localhost:8080",
		"https://ACME.Okta.com":             "https://acme.okta.com",
		"https://acme.okta.com:":            "https://acme.okta.com",
		"https://acme.okta.com:443":         "https://acme.okta.com",
		"http://127.0.0.1:80/base":          "http://127.0.0.1/base",
		"https://Bücher.example:":           "https://xn--bcher-kva.example",
		"https://bücher.example:8443/Base":  "https://xn--bcher-kva.example:8443/Base",
		"https://[FE80::1%25Eth0]:8443":     "https://[fe80::1%25Eth0]:8443",
		"https://[fe80::1%25eth0]:8443":     "https://[fe80::1%25eth0]:8443",
		"http://127.0.0.1:8080/base":        "http://127.0.0.1:8080/base",
		"http://[::1]:8080":                 "http://[::1]:8080",
		"https://[2001:db8::1]:8443/x/y/z/": "https://[2001:db8::1]:8443/x/y/z",
	} {
		server := play(reply(200, grantJSON))
		client := newClient(t, server, func(c *okta.Config) { c.OrgURL = address })
		require.NoError(t, get(t.Context(), client), address)
		assert.Equal(t, want+"/api/v1/users/u/grants/g", server.requests()[0].URL.String())
	}
	server := play(reply(200, grantJSON))
	client := newClient(t, server, func(c *okta.Config) { c.OrgURL, c.AllowInsecureHTTP = "http://okta.internal", true })
	require.NoError(t, get(t.Context(), client))
}

func TestOneRetryWaitMovesTheDefaultOfTheOther(t *testing.T) {
	t.Parallel()
	for _, retry := range []okta.RetryOptions{{MaxWait: time.Millisecond}, {MinWait: time.Hour}} {
		_, err := okta.NewClient(okta.Config{OrgURL: orgURL, Credentials: okta.APIToken(apiToken), Retry: retry})
		require.NoError(t, err)
	}
}

func TestNewClientCopiesItsConfig(t *testing.T) {
	t.Parallel()
	server := play(reply(200, grantJSON))
	other := refuse(t)
	follow := func(*http.Request, []*http.Request) error { return nil }
	given := &http.Client{Transport: server, CheckRedirect: follow}
	config := okta.Config{OrgURL: orgURL, Credentials: okta.APIToken(apiToken), HTTPClient: given}
	client, err := okta.NewClient(config)
	require.NoError(t, err)
	assert.Equal(t, http.RoundTripper(server), given.Transport)
	assert.NotNil(t, given.CheckRedirect)

	config.OrgURL, config.Credentials = "https://evil.example", okta.APIToken("other")
	given.Transport = other
	require.NoError(t, get(t.Context(), client))
	assert.Equal(t, "acme.okta.com", server.requests()[0].URL.Host)
	assert.Equal(t, "SSWS "+apiToken, server.requests()[0].Header.Get("Authorization"))
}

func TestHTTPClientsJarIsUsed(t *testing.T) {
	t.Parallel()
	jar := &jar{}
	client := newClient(t, play(reply(200, grantJSON)), func(c *okta.Config) { c.HTTPClient.Jar = jar })
	require.NoError(t, get(t.Context(), client))
	assert.Equal(t, 1, jar.read)
}

type jar struct{ read int }

func (j *jar) SetCookies(*url.URL, []*http.Cookie) {}

func (j *jar) Cookies(*url.URL) []*http.Cookie {
	j.read++
	return nil
}

func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]*http.Client{"without a client": nil, "without a transport": {}} {
		// net/http drops a connection whose request it has not seen written within 50 ms, as on a busy machine: one of
		// several tries has to do with one connection.
		tries := []int{connectionsOf20Calls(t, own), connectionsOf20Calls(t, own), connectionsOf20Calls(t, own)}
		assert.Contains(t, tries, 1, name)
	}
}

func connectionsOf20Calls(t *testing.T, own *http.Client) int {
	t.Helper()
	connections := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connections[r.RemoteAddr] = true
		_, _ = w.Write([]byte(grantJSON))
	}))
	t.Cleanup(server.Close)
	client := newClient(t, nil, atURL(server.URL), func(c *okta.Config) { c.HTTPClient = own })
	for range 20 {
		require.NoError(t, get(t.Context(), client))
	}
	return len(connections)
}

func TestWrapTransportKeepsThePool(t *testing.T) {
	t.Parallel()
	var connections, traced atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := newClient(t, nil, atURL(server.URL), func(c *okta.Config) {
		c.WrapTransport = func(next http.RoundTripper) http.RoundTripper {
			return responder(func(req *http.Request) (*http.Response, error) {
				traced.Add(1)
				return next.RoundTrip(req)
			})
		}
	})
	const workers, rounds = 16, 20
	for range rounds {
		var calls sync.WaitGroup
		for range workers {
			calls.Go(func() { assert.NoError(t, revoke(t.Context(), client)) })
		}
		calls.Wait()
	}
	assert.EqualValues(t, workers*rounds, traced.Load())
	assert.LessOrEqual(t, connections.Load(), int32(2*workers), "net/http's own default keeps two")
}

func TestWrapTransportGetsTheTransportOfHTTPClient(t *testing.T) {
	t.Parallel()
	own := play(reply(204, ""))
	var given http.RoundTripper
	client := newClient(t, own, func(c *okta.Config) {
		c.WrapTransport = func(next http.RoundTripper) http.RoundTripper { given = next; return next }
	})
	require.NoError(t, revoke(t.Context(), client))
	assert.Same(t, own, given)
}

func TestWrapTransportThatReturnsNil(t *testing.T) {
	t.Parallel()
	_, err := okta.NewClient(okta.Config{
		OrgURL: orgURL, Credentials: okta.APIToken(apiToken),
		WrapTransport: func(http.RoundTripper) http.RoundTripper { return nil },
	})
	require.ErrorIs(t, err, okta.ErrInvalidArgument)
	require.ErrorContains(t, err, "WrapTransport")
}

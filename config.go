package okta

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/grantkit/okta/internal/retry"
)

// Config configures a [Client]. OrgURL and Credentials are required; the zero value of every other field is the
// default that its comment names.
type Config struct {
	// OrgURL is where the org's API lives, such as https://acme.okta.com. A port and a base path are kept; userinfo,
	// a query and a fragment are refused. It must be https, except for loopback addresses or with AllowInsecureHTTP.
	OrgURL string

	// Credentials authenticate the requests: APIToken, BearerToken, TokenSource or ServiceApp.
	Credentials Credentials

	// HTTPClient carries the requests; its Transport, Jar and Timeout (of one attempt) are used, and it is never
	// changed. Redirects are not followed, whatever its CheckRedirect says. Default: a connection pool that all such
	// clients share and that honours HTTPS_PROXY and NO_PROXY.
	//
	// On an idle HTTP/1 connection, net/http writes whatever the server sends to the standard logger of package log, and
	// no client can prevent that. A server that echoes requests could bring a credential into a log that way. It does
	// not happen with HTTP/2, nor with a Transport that sets DisableKeepAlives. Token requests of a ServiceApp do not
	// keep their connections.
	HTTPClient *http.Client `json:"-"`

	// WrapTransport wraps the transport that carries the requests, for example with otelhttp.NewTransport, once for
	// each client. It gets the transport of HTTPClient, or else the shared connection pool, which a transport of its
	// own would lose. Default: none.
	WrapTransport func(http.RoundTripper) http.RoundTripper `json:"-"`

	// UserAgent stands before the SDK's own name in the User-Agent header, such as "acme-offboarding/1.2".
	UserAgent string

	// AttemptTimeout bounds one attempt, including the reading of its response. Default: 30 s; negative: no bound. The
	// context bounds the whole call, except for the Token method of a TokenSource.
	AttemptTimeout time.Duration

	// Retry says how often, and after which waits, a GET or DELETE is retried.
	Retry RetryOptions

	// RateLimiter says how much of Okta's rate limits the client may use.
	RateLimiter RateLimiterOptions

	// Logger gets a debug line for each attempt, a warning for each retry (debug for those that belong to DPoP), and
	// the warnings of LoadConfig from NewClient; never a query, a body or a secret. Default: no logging.
	Logger *slog.Logger `json:"-"`

	// OnAttempt is called after each attempt that was sent, including those at the token endpoint, with the context of
	// its call: a value in that context can lead a request ID back to the call. It must be safe for concurrent use, and
	// should not make calls with the same client: during a token request of a ServiceApp, such a call may wait for the
	// very token, up to 90 s, and then fails. Default: none.
	OnAttempt func(context.Context, Attempt) `json:"-"`

	// AllowInsecureHTTP permits an http OrgURL that is not a loopback address. The credentials then travel in the
	// clear.
	AllowInsecureHTTP bool

	warnings []string // of LoadConfig, for Logger
}

// RetryOptions configures the retries of a GET, a DELETE or a token request: after a lost connection, a response that
// is cut short, and the statuses 429, 500, 502, 503 and 504. Any other method is retried after a 429 only.
//
// Waits double from MinWait on, with jitter. After a 429, the wait lasts until the window ends by the server's clock.
// A Retry-After that is longer than MaxWait is shortened to it. If a wait would be longer than MaxWait otherwise, or
// end after the context's deadline, the call returns its error at once. The first retry does not wait if a DELETE
// found that the server had closed an idle connection.
type RetryOptions struct {
	// MaxRetries is how many retries a call makes. Default: 4; negative: none. Up to 16 429s do not count while
	// Config.RateLimiter knows when the window ends and the bucket serves other requests: the call only waits for its
	// turn.
	MaxRetries int

	MinWait time.Duration // shortest wait. Default: 500 ms
	MaxWait time.Duration // longest wait. Default: 70 s, which is a rate limit window and some slack

	// MaxBackoff shortens longer waits, also those for the end of a rate limit window, and the retry then comes early,
	// as with rateLimit.maxBackoff of Okta's SDKs. Default: none.
	MaxBackoff time.Duration
}

const (
	defaultAttemptTimeout = 30 * time.Second
	defaultMaxRetries     = 4
	defaultMinWait        = 500 * time.Millisecond
	defaultMaxWait        = 70 * time.Second
)

// engine checks c and makes what the calls of a client share.
func (c Config) engine() (*engine, error) {
	root, reason := checkOrgURL(c.OrgURL, c.AllowInsecureHTTP)
	if reason != "" {
		return nil, invalid("Config.OrgURL %s", reason)
	}
	if err := c.checkUserAgent(); err != nil {
		return nil, err
	}
	e := &engine{
		root:           root,
		allowHTTP:      c.AllowInsecureHTTP,
		userAgent:      userAgent(c.UserAgent),
		attemptTimeout: c.attemptTimeout(),
		logger:         c.Logger,
		onAttempt:      c.OnAttempt,
	}
	if e.logger == nil {
		e.logger = slog.New(slog.DiscardHandler)
	}
	var err error
	if e.http, err = c.httpClient(); err != nil {
		return nil, err
	}
	if e.retry, err = c.retryPolicy(); err != nil {
		return nil, err
	}
	if e.limiter, err = c.RateLimiter.limiter(); err != nil {
		return nil, err
	}
	e.credentials, err = c.authenticator(e)
	return e, err
}

func (c Config) authenticator(e *engine) (authenticator, error) {
	if v := reflect.ValueOf(c.Credentials); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, invalid("Config.Credentials is missing: use APIToken, BearerToken, TokenSource or ServiceApp")
	}
	a, err := c.Credentials.authenticator(e)
	if err != nil {
		return nil, invalid("Config.Credentials: %v", err)
	}
	return a, nil
}

// httpClient copies HTTPClient, or makes one. It follows no redirect: a credential would go where a server says, and
// a DELETE might become a GET.
func (c Config) httpClient() (http.Client, error) {
	client := http.Client{Transport: http.DefaultTransport}
	if c.HTTPClient != nil {
		client = *c.HTTPClient
	} else if _, ok := client.Transport.(*http.Transport); ok { // otherwise it was replaced, as httpmock does
		client.Transport = sharedPool()
	}
	if client.Transport == nil {
		client.Transport = http.DefaultTransport
	}
	if c.WrapTransport != nil {
		client.Transport = c.WrapTransport(client.Transport)
	}
	if client.Transport == nil {
		return http.Client{}, invalid("Config.WrapTransport returned nil")
	}
	client.Timeout = 0 // it is a part of attemptTimeout
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client, nil
}

// sharedPool is the transport of all clients that bring none.
var sharedPool = sync.OnceValue(newPool)

// maxIdleConns is for the workers of a bulk: each needs a connection, and a client talks to one host.
const maxIdleConns = 512

// newPool is like http.DefaultTransport, but with room for more idle connections.
func newPool() *http.Transport {
	pool := &http.Transport{}
	if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		pool = standard.Clone()
	}
	pool.MaxIdleConns, pool.MaxIdleConnsPerHost = maxIdleConns, maxIdleConns
	return pool
}

func userAgent(product string) string {
	own := fmt.Sprintf("grantkit-okta/%s (%s; %s/%s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return strings.TrimSpace(product + " " + own)
}

// attemptTimeout is the shorter of AttemptTimeout and HTTPClient.Timeout, and negative if there is none.
func (c Config) attemptTimeout() time.Duration {
	timeout := c.AttemptTimeout
	if timeout == 0 {
		timeout = defaultAttemptTimeout
	}
	if c.HTTPClient == nil || c.HTTPClient.Timeout <= 0 {
		return timeout
	}
	if timeout < 0 {
		return c.HTTPClient.Timeout
	}
	return min(timeout, c.HTTPClient.Timeout)
}

// retryPolicy checks Retry and fills in the defaults.
func (c Config) retryPolicy() (retry.Policy, error) {
	r := c.Retry
	if r.MinWait < 0 {
		return retry.Policy{}, invalid("Config.Retry.MinWait is negative")
	}
	if r.MaxWait < 0 {
		return retry.Policy{}, invalid("Config.Retry.MaxWait is negative")
	}
	if r.MaxBackoff < 0 {
		return retry.Policy{}, invalid("Config.Retry.MaxBackoff is negative")
	}
	if r.MinWait > 0 && r.MaxWait > 0 && r.MinWait > r.MaxWait {
		return retry.Policy{}, invalid("Config.Retry.MinWait is longer than MaxWait")
	}
	p := retry.Policy{
		MaxRetries: cmp.Or(r.MaxRetries, defaultMaxRetries), MinWait: r.MinWait, MaxWait: r.MaxWait, Cut: r.MaxBackoff,
	}
	if p.MaxWait == 0 {
		p.MaxWait = max(defaultMaxWait, p.MinWait, p.Cut)
	}
	if p.MinWait == 0 {
		p.MinWait = min(defaultMinWait, p.MaxWait)
	}
	return p, nil
}

// checkOrgURL is checkURL with the checks that only the address of an org needs.
func checkOrgURL(address string, allowHTTP bool) (root, reason string) {
	if address == "" {
		return "", "is missing: it is the org's address, such as https://acme.okta.com"
	}
	if strings.ContainsAny(address, "{}") {
		return "", "is a template: put the org's own domain where the braces are"
	}
	root, reason = checkURL(address, allowHTTP)
	switch {
	case reason != "":
		return "", reason
	case strings.HasSuffix(root, "/api/v1"):
		return "", "ends with /api/v1, which the client adds by itself"
	case authorizationServer.MatchString(root):
		return "", "is that of an authorization server: leave out /oauth2 and all behind it"
	case isAdminConsole(root):
		return "", "is that of the admin console: leave out -admin"
	}
	return root, ""
}

// authorizationServer matches the issuers of tokens, such as https://acme.okta.com/oauth2/default.
var authorizationServer = regexp.MustCompile(`/oauth2(/[^/]+)?$`)

// oktaDomains are the domains under which Okta serves orgs, each with its admin console at <org>-admin.
var oktaDomains = []string{"okta.com", "oktapreview.com", "okta-emea.com", "okta-gov.com", "okta.mil", "trexcloud.com"}

func isAdminConsole(root string) bool {
	u, err := url.Parse(root)
	if err != nil {
		return false
	}
	org, domain, _ := strings.Cut(strings.ToLower(u.Hostname()), ".")
	return strings.HasSuffix(org, "-admin") && slices.Contains(oktaDomains, domain)
}

// checkURL returns address in its normal spelling, without a trailing slash, or why credentials must not be sent there.
func checkURL(address string, allowHTTP bool) (normal, reason string) {
	if reason := misquoted(address); reason != "" {
		return "", reason
	}
	u, err := url.Parse(address)
	if err != nil { // not quoted: what looks like a port may be a part of a password
		return "", "is not a URL"
	}
	if reason := refuseURL(u, address, allowHTTP); reason != "" {
		return "", reason
	}
	host, err := normalHost(u)
	if err != nil {
		return "", "has a host that is no domain name"
	}
	base := url.URL{Scheme: u.Scheme, Host: host}
	return base.String() + strings.TrimRight(u.EscapedPath(), "/"), ""
}

// misquoted says what the syntax of some file has left in a value: Docker, for one, takes the quotes of an env file for
// a part of the value. Any such text is refused elsewhere, too, but not with this reason.
func misquoted(text string) string {
	switch {
	case text == "":
		return ""
	case strings.ContainsAny(text[:1]+text[len(text)-1:], "\"'`"):
		return "begins or ends with a quotation mark, which is no part of it"
	case strings.ContainsAny(text, "\r\n"):
		return "contains a line end (CR or LF), as that of a Windows file"
	case strings.TrimSpace(text) != text:
		return "begins or ends with a space"
	}
	return ""
}

func refuseURL(u *url.URL, address string, allowHTTP bool) string {
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return "must begin with https://"
	case u.Hostname() == "":
		return "has no host"
	case !validPort(u.Port()):
		return "has a port that is not between 1 and 65535"
	case u.User != nil:
		return "contains a user name or password: authenticate with Config.Credentials"
	case strings.Contains(address, " "):
		return "contains a space"
	case strings.Contains(address, "?"):
		return "contains a query"
	case strings.Contains(address, "#"):
		return "contains a fragment"
	case u.Scheme == "http" && !allowHTTP && !isLoopback(u.Hostname()):
		return "is http, which would show the credentials to the network: use https"
	}
	return ""
}

// normalHost returns host and port as they are compared, and signed: in lower case, an internationalized name as
// net/http sends it (in Punycode), without an empty port or the scheme's own.
func normalHost(u *url.URL) (string, error) {
	host, err := asciiHost(u.Host)
	if err != nil {
		return "", err
	}
	if address, zone, zoned := strings.Cut(host, "%"); zoned { // of an IPv6 address: the zone's case counts
		return strings.ToLower(address) + "%" + zone, nil
	}
	name := strings.ToLower(host)
	switch port := u.Port(); {
	case port == "", port == "443" && u.Scheme == "https", port == "80" && u.Scheme == "http":
		return strings.TrimSuffix(name, ":"+port), nil
	}
	return name, nil
}

// asciiHost lets net/http write an internationalized host, so that both agree on it.
func asciiHost(host string) (string, error) {
	if !strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII }) {
		return host, nil
	}
	var head bytes.Buffer
	sent := http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: host}}
	if err := sent.Write(&head); err != nil {
		return "", err
	}
	received, err := http.ReadRequest(bufio.NewReader(&head))
	if err != nil {
		return "", err
	}
	return received.Host, nil
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

func isLoopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

func (c Config) checkUserAgent() error {
	for _, b := range []byte(c.UserAgent) {
		if b < ' ' || b > '~' {
			return invalid("Config.UserAgent contains a control character or a character beyond ASCII")
		}
	}
	return nil
}

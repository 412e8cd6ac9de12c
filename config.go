package okta

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/grantkit/okta/internal/ratelimit"
	"github.com/grantkit/okta/internal/retry"
)

// Config is what NewClient makes a Client of. OrgURL and Credentials are required; the zero value of every other field is
// the default that its comment names.
type Config struct {
	// OrgURL is where the org's API lives, such as https://acme.okta.com. A port and a base path are kept; userinfo, a query
	// and a fragment are refused. It has to be https, but for loopback addresses and AllowInsecureHTTP.
	OrgURL string

	// Credentials sign the requests in: APIToken, BearerToken, TokenSource or ServiceApp.
	Credentials Credentials

	// HTTPClient carries the requests; its Transport, Jar and Timeout (of one attempt) are used, and it is never changed.
	// Redirects are not followed, whatever its CheckRedirect says. Default: a connection pool that all such clients share
	// and that honours HTTPS_PROXY and NO_PROXY.
	HTTPClient *http.Client `json:"-"`

	// UserAgent stands before the SDK's own name in the User-Agent header, such as "acme-offboarding/1.2".
	UserAgent string

	// AttemptTimeout bounds one attempt, the reading of its answer included. Default: 30 s; negative: no bound. The
	// context bounds the whole call, but for the Token method of a TokenSource.
	AttemptTimeout time.Duration

	// Retry says how often, and after which waits, a GET or DELETE is tried again.
	Retry Retry

	// RateLimiter says how much of Okta's rate limits the client may use.
	RateLimiter RateLimiter

	// Logger gets a debug line for each attempt and a warning for each retry: never a query, a body or a secret. Default:
	// no logging.
	Logger *slog.Logger `json:"-"`

	// OnAttempt is called once for each attempt, those at the token endpoint included, with the context of its call. It must
	// be safe for concurrent use.
	// Default: none.
	OnAttempt func(context.Context, Attempt) `json:"-"`

	// AllowInsecureHTTP permits an http OrgURL that is not a loopback address. The credentials then travel in the clear.
	AllowInsecureHTTP bool

	warnings []string // of LoadConfig, for Logger
}

// Retry bounds the retries of a GET or DELETE: after a lost connection, an answer cut short, and the statuses 429, 500,
// 502, 503 and 504. Waits double from MinWait on, with jitter; a 429 waits until its window ends by the server's
// clock; Retry-After counts up to MaxWait. A wait that would be longer than MaxWait or end after the context's deadline is
// not begun: the call returns its error at once. Waits are silent unless Config.Logger or Config.OnAttempt tells of them.
type Retry struct {
	MaxRetries int           // attempts after the first; default 4, negative: none
	MinWait    time.Duration // default 500 ms
	MaxWait    time.Duration // default 70 s: one rate limit window of a minute, and some slack
}

// RateLimiter holds requests back, first come, first served, while Okta has no room for them, so that they are not refused: it
// follows the rate limit headers of each bucket by Okta's clock. A request that could not go before its context's deadline
// fails at once with an error that matches ErrRateLimited.
//
// The reasons for which it holds a request back are: "window", which has no room left; "share", which is used up; "probe": nothing
// is known of the window, and another request is finding out; "concurrency": Okta refused to serve so many at once;
// "refusal": Okta refused a request and did not say until when.
type RateLimiter struct {
	// MaxUse is the share of each window that the client may use, such as 0.5 for half of it: the rest is left to sign-ins
	// and other tools of the org, which share its limits. Default: 1, all of it.
	MaxUse float64

	// Disabled lets every request go at once.
	Disabled bool
}

// limiter checks g and makes what it describes, or nil if that is off.
func (g RateLimiter) limiter() (*ratelimit.Limiter, error) {
	if !(g.MaxUse >= 0 && g.MaxUse <= 1) {
		return nil, invalid("Config.RateLimiter.MaxUse is not between 0 and 1")
	}
	if g.Disabled {
		return nil, nil //nolint:nilnil // there is none
	}
	return ratelimit.New(cmp.Or(g.MaxUse, 1)), nil
}

const (
	defaultAttemptTimeout = 30 * time.Second
	defaultMaxRetries     = 4
	defaultMinWait        = 500 * time.Millisecond
	defaultMaxWait        = 70 * time.Second
)

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

// policy checks r and fills in the defaults.
func (r Retry) policy() (retry.Policy, error) {
	if r.MinWait < 0 {
		return retry.Policy{}, invalid("Config.Retry.MinWait is negative")
	}
	if r.MaxWait < 0 {
		return retry.Policy{}, invalid("Config.Retry.MaxWait is negative")
	}
	if r.MinWait > 0 && r.MaxWait > 0 && r.MinWait > r.MaxWait {
		return retry.Policy{}, invalid("Config.Retry.MinWait is longer than MaxWait")
	}
	p := retry.Policy{MaxRetries: r.MaxRetries, MinWait: r.MinWait, MaxWait: r.MaxWait}
	if p.MaxRetries == 0 {
		p.MaxRetries = defaultMaxRetries
	}
	if p.MaxWait == 0 {
		p.MaxWait = max(defaultMaxWait, p.MinWait)
	}
	if p.MinWait == 0 {
		p.MinWait = min(defaultMinWait, p.MaxWait)
	}
	return p, nil
}

// root returns OrgURL without a trailing slash, once it is known to be one that credentials may be sent to.
func (c Config) root() (string, error) {
	root, reason := checkOrgURL(c.OrgURL, c.AllowInsecureHTTP)
	if reason != "" {
		return "", invalid("Config.OrgURL %s", reason)
	}
	return root, nil
}

// checkOrgURL is checkURL, with what goes wrong with the addresses of orgs.
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
	case strings.Contains(root, "-admin.okta"):
		return "", "is that of the admin console: leave out -admin"
	}
	return root, ""
}

// checkURL returns address without a trailing slash, or why credentials must not be sent there.
func checkURL(address string, allowHTTP bool) (checked, reason string) {
	u, err := url.Parse(address)
	if err != nil { // not quoted: what looks like a port may be a part of a password
		return "", "is not a URL"
	}
	if reason := refuseURL(u, address, allowHTTP); reason != "" {
		return "", reason
	}
	base := url.URL{Scheme: u.Scheme, Host: u.Host}
	return base.String() + strings.TrimRight(u.EscapedPath(), "/"), ""
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
		return "holds a user name or password: sign in with Config.Credentials"
	case strings.Contains(address, "?"):
		return "holds a query"
	case strings.Contains(address, "#"):
		return "holds a fragment"
	case u.Scheme == "http" && !allowHTTP && !isLoopback(u.Hostname()):
		return "is http, which would show the credentials to the network: use https"
	}
	return ""
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

func (c Config) session(client *Client) (session, error) {
	if v := reflect.ValueOf(c.Credentials); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, invalid("Config.Credentials is missing: use APIToken, BearerToken, TokenSource or ServiceApp")
	}
	s, err := c.Credentials.session(client)
	if err != nil {
		return nil, invalid("Config.Credentials: %v", err)
	}
	return s, nil
}

func (c Config) checkUserAgent() error {
	for _, b := range []byte(c.UserAgent) {
		if b < ' ' || b > '~' {
			return invalid("Config.UserAgent holds a control character or a character beyond ASCII")
		}
	}
	return nil
}

// invalid is the error for what the caller got wrong. It matches ErrInvalidArgument.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalidArgument, fmt.Sprintf(format, args...))
}

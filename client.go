package okta

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/grantkit/okta/internal/ratelimit"
	"github.com/grantkit/okta/internal/retry"
	"github.com/grantkit/okta/internal/wire"
)

// version of the SDK, as the User-Agent header names it.
const version = "0.1.0"

// Client calls the API of one org. NewClient makes it, and nothing changes it afterwards: share one among all goroutines.
type Client struct {
	UserGrants                 *UserGrants
	UserOAuth                  *UserOAuth
	AuthorizationServerClients *AuthorizationServerClients

	root           string // scheme, host and base path of the org, without a trailing slash
	session        session
	http           http.Client
	allowHTTP      bool
	userAgent      string
	attemptTimeout time.Duration // none if negative
	retry          retry.Policy
	limiter        *ratelimit.Limiter // nil if off
	logger         *slog.Logger
	onAttempt      func(context.Context, Attempt)
}

// NewClient checks config, copies it and returns a client for it. It does no I/O. An error names the field that is wrong
// and matches ErrInvalidArgument.
func NewClient(config Config) (*Client, error) {
	root, err := config.root()
	if err != nil {
		return nil, err
	}
	if err := config.checkUserAgent(); err != nil {
		return nil, err
	}
	policy, err := config.Retry.policy()
	if err != nil {
		return nil, err
	}
	limiter, err := config.RateLimiter.limiter()
	if err != nil {
		return nil, err
	}
	c := &Client{
		root:           root,
		http:           httpClient(config.HTTPClient),
		allowHTTP:      config.AllowInsecureHTTP,
		userAgent:      userAgent(config.UserAgent),
		attemptTimeout: config.attemptTimeout(),
		retry:          policy,
		limiter:        limiter,
		logger:         config.Logger,
		onAttempt:      config.OnAttempt,
	}
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	}
	if c.session, err = config.session(c); err != nil {
		return nil, err
	}
	for _, warning := range config.warnings {
		c.logger.Warn(warning)
	}
	c.UserGrants = &UserGrants{c}
	c.UserOAuth = &UserOAuth{c}
	c.AuthorizationServerClients = &AuthorizationServerClients{c}
	return c, nil
}

// httpClient copies the caller's client, or makes one. It follows no redirect: a credential would go where a server
// says, and a DELETE might become a GET.
func httpClient(given *http.Client) http.Client {
	client := http.Client{Transport: http.DefaultTransport}
	if given != nil {
		client = *given
	} else if _, ok := client.Transport.(*http.Transport); ok { // otherwise it is somebody's on purpose, such as httpmock's
		client.Transport = sharedPool()
	}
	if client.Transport == nil {
		client.Transport = http.DefaultTransport
	}
	client.Timeout = 0 // NewClient makes it part of attemptTimeout
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client
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

// BucketState is what a client knows of one of Okta's rate limit buckets.
type BucketState struct {
	RateLimit                // of the latest window; zero if none is known
	Used      int            // requests of this client in that window
	InFlight  int            // requests that are sent and not answered yet
	Waiting   int            // requests that are held back
	Reason    ThrottleReason // why they are
}

// RateLimits returns what the client knows of each bucket, by the bucket's name, such as /api/v1/users. A route whose bucket is not
// documented has one of its own, such as "GET /api/v1/apps/{id}". It is empty when Config.RateLimiter is off.
func (c *Client) RateLimits() map[string]BucketState {
	states := map[string]BucketState{}
	if c.limiter == nil {
		return states
	}
	for name, s := range c.limiter.States() {
		states[name] = BucketState{
			RateLimit: rateLimit(s.Header), Used: s.Used, InFlight: s.InFlight, Waiting: s.Waiting, Reason: ThrottleReason(s.Reason),
		}
	}
	return states
}

// Format prints the org, and nothing else of the client, under every fmt verb.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.name()) }

// LogValue implements slog.LogValuer in the same way.
func (c *Client) LogValue() slog.Value { return slog.StringValue(c.name()) }

// MarshalJSON implements json.Marshaler in the same way.
func (c *Client) MarshalJSON() ([]byte, error) { return json.Marshal(c.name()) }

func (c *Client) name() string {
	if c == nil {
		return "okta.Client(nil)"
	}
	return "okta.Client(" + c.root + ")"
}

// Request is a request to a route of Okta for which there is no method here.
type Request struct {
	Method string     // http.MethodGet if empty
	Path   []string   // segments from the org's root, such as "api", "v1", "users", userID; each is escaped by itself
	Query  url.Values // may be nil
	Body   any        // sent as encoding/json writes it; nil for none
}

// Do sends one request with everything that the services have: sign-in, retries (of GET and DELETE), limits, errors and
// observation. Where out is not nil, the answer must be one JSON object, which is decoded into it: members match by their
// exact names. Every status but 2xx, and 206, is an *Error. For lists that go over several pages, use List.
//
// A path segment that is empty, ".", ".." or holds a control character is refused with ErrInvalidArgument.
func (c *Client) Do(ctx context.Context, req Request, out any) error {
	if v := reflect.ValueOf(out); out != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		return invalid("out is %T: it must be a pointer that is not nil", out)
	}
	r, err := req.prepare(c)
	if err != nil {
		return err
	}
	a, err := c.send(ctx, r)
	if err != nil || out == nil {
		return err
	}
	_, err = decode(a, func(body []byte) (any, error) { return out, wire.ObjectInto(body, out) })
	return err
}

func (r Request) prepare(c *Client) (request, error) {
	path, err := join(r.Path)
	if err != nil {
		return request{}, err
	}
	prepared := request{method: r.Method, url: c.root + path, query: r.Query, accepts: anySuccess}
	if prepared.method == "" {
		prepared.method = http.MethodGet
	}
	if !slices.Contains(methods, prepared.method) {
		return request{}, invalid("the method %q is not one of %s", r.Method, strings.Join(methods, ", "))
	}
	if r.Body == nil {
		return prepared, nil
	}
	if prepared.body, err = json.Marshal(r.Body); err != nil {
		return request{}, invalid("the body cannot be written as JSON: %v", err)
	}
	return prepared, nil
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// get reads one object below /api/v1.
func get[T any](ctx context.Context, c *Client, decoder func([]byte) (*T, error), opts options, segments ...string) (*T, error) {
	query, err := opts.query()
	if err != nil {
		return nil, err
	}
	path, err := join(api(segments))
	if err != nil {
		return nil, err
	}
	a, err := c.send(ctx, request{method: http.MethodGet, url: c.root + path, query: query, accepts: http.StatusOK})
	if err != nil {
		return nil, err
	}
	value, err := decode(a, decoder)
	if err == nil {
		a.recycle()
	}
	return value, err
}

// reach is how much a DELETE takes away.
type reach bool

const (
	one reach = true  // one thing: when it is found gone after an attempt whose outcome is unknown, it has been revoked
	all reach = false // a collection: that it is not found always means that the caller named the wrong one
)

// delete revokes what stands below /api/v1. Nothing but 204 is taken for success.
func (c *Client) delete(ctx context.Context, what reach, segments ...string) error {
	path, err := join(api(segments))
	if err != nil {
		return err
	}
	_, err = c.send(ctx, request{method: http.MethodDelete, url: c.root + path, accepts: http.StatusNoContent, what: what})
	return err
}

func api(segments []string) []string { return append([]string{"api", "v1"}, segments...) }

// join makes a path of segments, each escaped so that the server gets exactly these. It refuses those that a server or a
// proxy would take for another path: DELETE .../grants/{grantId} with an empty ID would revoke all grants.
func join(segments []string) (string, error) {
	if len(segments) == 0 {
		return "", invalid("the path has no segments")
	}
	var path strings.Builder
	for i, segment := range segments {
		if i == 0 && strings.Contains(segment, "/") {
			return "", invalid("the path is to be given segment by segment, not as %q", segment)
		}
		if reason := refuse(segment); reason != "" {
			return "", invalid("the path segment %s %s", position(segments, i), reason)
		}
		path.WriteByte('/')
		path.WriteString(url.PathEscape(segment))
	}
	return path.String(), nil
}

func refuse(segment string) string {
	switch {
	case segment == "":
		return "is empty"
	case segment == "." || segment == "..":
		return fmt.Sprintf("is %q", segment)
	case strings.ContainsFunc(segment, unicode.IsControl):
		return "holds a control character"
	}
	return ""
}

func position(segments []string, i int) string {
	if i == 0 {
		return "at the start"
	}
	return fmt.Sprintf("after %q", segments[i-1])
}

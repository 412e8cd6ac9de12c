package okta

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/grantkit/okta/internal/urlpath"
	"github.com/grantkit/okta/internal/wire"
)

// version of the SDK, as the User-Agent header names it.
const version = "0.1.0"

// Client calls the API of one org. NewClient makes it, and nothing changes it afterwards: share one among all
// goroutines.
type Client struct {
	UserGrants                 *UserGrants
	UserOAuth                  *UserOAuth
	AuthorizationServerClients *AuthorizationServerClients

	engine *engine
}

// NewClient checks config, copies it and returns a client for it. It does no I/O. An error names the field that is
// wrong and matches ErrInvalidArgument.
func NewClient(config Config) (*Client, error) {
	e, err := config.engine()
	if err != nil {
		return nil, err
	}
	for _, warning := range config.warnings {
		e.logger.Warn(warning)
	}
	c := &Client{engine: e}
	c.UserGrants, c.UserOAuth = &UserGrants{c}, &UserOAuth{c}
	c.AuthorizationServerClients = &AuthorizationServerClients{c}
	return c, nil
}

// RateLimits returns what the client knows of each bucket, by the bucket's name, such as /api/v1/users. A route whose
// bucket is not documented has one of its own, such as "GET /api/v1/apps/{id}". The map is empty when
// Config.RateLimiter is disabled.
func (c *Client) RateLimits() map[string]BucketState {
	states := map[string]BucketState{}
	if c == nil || c.engine == nil || c.engine.limiter == nil {
		return states
	}
	for name, s := range c.engine.limiter.States() {
		states[name] = BucketState{
			RateLimit: RateLimit{Limit: s.Limit, Remaining: s.Remaining, Reset: s.Reset},
			Used:      s.Used, InFlight: s.InFlight, Waiting: s.Waiting, Reason: ThrottleReason(s.Reason),
		}
	}
	return states
}

// Wait waits until a rate limit bucket would let a request through without throttling it. It sends nothing and
// reserves nothing. bucket is a name as in [Client.RateLimits], such as /api/v1/users for grants and tokens. For a
// bucket of which nothing is known yet, or if Config.RateLimiter is disabled, Wait returns at once. A batch whose
// items have deadlines shorter than a window (a minute) should call it before each of these begins. If no requests
// are left in the bucket before the deadline of ctx, the error is a [*RateLimitError].
func (c *Client) Wait(ctx context.Context, bucket string) error {
	switch {
	case c == nil || c.engine == nil:
		return errNoClient
	case ctx == nil:
		return invalid("the context is nil")
	case ctx.Err() != nil:
		return ended(ctx)
	case c.engine.limiter == nil:
		return nil
	}
	if err := c.engine.limiter.Wait(ctx, bucket); err != nil {
		return fmt.Errorf("okta: %w", rateLimitError(ctx, err, 0))
	}
	return nil
}

// service is what the services are: a way to the client. A service that is nil or zero has none, and its calls fail.
type service struct{ owner *Client }

// Format prints the org, and nothing else of the client, under every fmt verb.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.name()) }

// LogValue implements slog.LogValuer in the same way.
func (c *Client) LogValue() slog.Value { return slog.StringValue(c.name()) }

// MarshalJSON implements json.Marshaler in the same way.
func (c *Client) MarshalJSON() ([]byte, error) { return json.Marshal(c.name()) }

func (c *Client) name() string {
	if c == nil || c.engine == nil {
		return "okta.Client(nil)"
	}
	return "okta.Client(" + c.engine.root + ")"
}

// Request is a request to a route of Okta for which there is no method here.
type Request struct {
	Method string     // http.MethodGet if empty
	Path   []string   // segments from the org's root, such as "api", "v1", "users", userID; each is escaped by itself
	Query  url.Values // may be nil
	Body   any        // written by encoding/json; nil for none
}

// Do sends one request with everything that the services have: authentication, retries, rate limiting, errors and
// observation. A status that is not 2xx is an [*Error], and so is 206. If out is not nil, the body must be one JSON
// object, which is decoded into it: members match by their exact names. For a response without a body, such as 204,
// pass nil. For lists of several pages, use [List].
//
// GET and DELETE are retried as [RetryOptions] says. A POST, PUT or PATCH is sent again only after a 429, or with
// another token or DPoP proof after Okta refused the one before: these responses say that it was not done.
//
// A path segment that is empty, ".", "..", or contains "/", "\", ";", a control character or invalid UTF-8 is
// refused with ErrInvalidArgument.
func (c *Client) Do(ctx context.Context, req Request, out any) error {
	if v := reflect.ValueOf(out); out != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		return invalid("out is %T: it must be a pointer that is not nil", out)
	}
	r, err := req.prepare()
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

func (r Request) prepare() (request, error) {
	method := cmp.Or(r.Method, http.MethodGet)
	prepared := request{method: method, segments: r.Path, query: r.Query, accepts: anySuccess}
	if !slices.Contains(methods, method) {
		return request{}, invalid("the method %q is not one of %s", r.Method, strings.Join(methods, ", "))
	}
	if r.Body == nil {
		return prepared, nil
	}
	var err error
	if prepared.body, err = json.Marshal(r.Body); err != nil {
		return request{}, invalid("the body cannot be written as JSON: %v", err)
	}
	return prepared, nil
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

var errNoClient = invalid("the client is nil or zero: NewClient makes one")

// send sends a request to a path below the org's root.
func (c *Client) send(ctx context.Context, r request) (*attempt, error) {
	if c == nil || c.engine == nil {
		return nil, errNoClient
	}
	path, err := urlpath.Join(r.segments)
	if err != nil {
		return nil, invalid("%v", err)
	}
	r.url = c.engine.root + path
	return c.engine.send(ctx, r)
}

// get reads one object below /api/v1.
func get[T any](
	ctx context.Context, c *Client, decoder func([]byte) (*T, error), opts options, segments ...string,
) (*T, error) {
	query, err := opts.query()
	if err != nil {
		return nil, err
	}
	a, err := c.send(ctx, request{
		method:   http.MethodGet,
		segments: slices.Concat(api, segments),
		query:    query,
		accepts:  http.StatusOK,
		named:    true,
	})
	if err != nil {
		return nil, err
	}
	value, err := decode(a, decoder)
	if err == nil {
		a.recycle()
	}
	return value, err
}

// revokeOne revokes the one grant or token below /api/v1 that the path names. If a retry does not find it after an
// attempt whose outcome is unknown, it has been revoked.
func (c *Client) revokeOne(ctx context.Context, segments ...string) error {
	return c.delete(ctx, request{segments: slices.Concat(api, segments), single: true})
}

// revokeAll revokes a collection below /api/v1. A 404 always means that the path names something that does not exist.
func (c *Client) revokeAll(ctx context.Context, segments ...string) error {
	return c.delete(ctx, request{segments: slices.Concat(api, segments)})
}

func (c *Client) delete(ctx context.Context, r request) error {
	r.method, r.accepts, r.named = http.MethodDelete, http.StatusNoContent, true
	a, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	a.recycle()
	return nil
}

// api is where the paths of the operations begin.
var api = []string{"api", "v1"}

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

// Client calls the API of one org. A Client is immutable and safe for concurrent use. Use [NewClient] to make one.
type Client struct {
	UserGrants                 *UserGrants
	UserOAuth                  *UserOAuth
	AuthorizationServerClients *AuthorizationServerClients

	engine *engine
}

// NewClient returns a client for a copy of config. It does no I/O. If config is invalid, the error names the field and
// matches ErrInvalidArgument.
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

	// Operation is Okta's operationId, such as deactivateApplication, for [Attempt] and logs. It may be empty.
	Operation string

	// Route is the template of Path, such as /api/v1/apps/{appId}/tokens/{tokenId}, for [Attempt] and the rate limit
	// bucket. It must fit Path. If it is empty, the client guesses it from Path.
	Route string

	// Success is the one status that means success. If it is 0, that is every 2xx but 206.
	Success int

	// Single says that a DELETE revokes a single grant or token. If a retry of it finds that the grant or token does not
	// exist, after an attempt whose response was lost or was a 5xx, the call succeeds: an earlier attempt has revoked it.
	Single bool
}

// Do sends one request with everything that the services have: authentication, retries, rate limiting, errors and
// observation. A status that does not mean success is an [*Error]. If out is not nil, the body must be one JSON object,
// which is decoded into it: members match by their exact names. If out is nil, the body is ignored, but it must be
// empty, one JSON object, or an array of objects: anything else is no complete response of Okta's API. For lists of
// several pages, use [List].
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
	if r.single && out != nil {
		return invalid("a request with Single has no object in its response: out must be nil")
	}
	a, err := (&service{c}).send(ctx, r)
	if err != nil {
		return err
	}
	_, err = decode(a, func(body []byte) (any, error) {
		if out == nil {
			return nil, wire.Complete(body)
		}
		return nil, wire.ObjectInto(body, out)
	})
	return err
}

// prepare checks a request.
func (r Request) prepare() (request, error) {
	method := cmp.Or(r.Method, http.MethodGet)
	path, err := urlpath.Join(r.Path)
	switch {
	case !slices.Contains(methods, method):
		return request{}, invalid("the method %q is not one of %s", r.Method, strings.Join(methods, ", "))
	case err != nil:
		return request{}, invalid("%v", err)
	case r.Route != "" && !urlpath.Fits(r.Route, r.Path):
		return request{}, invalid("the route %q does not fit the path", r.Route)
	case r.Success != anySuccess && (r.Success < 200 || r.Success > 299 || r.Success == http.StatusPartialContent):
		return request{}, invalid("Success is %d: it must be a 2xx that is not 206", r.Success)
	case r.Single && method != http.MethodDelete:
		return request{}, invalid("Single is for DELETE, not for %s", method)
	}
	op := operation{id: r.Operation, method: method, route: r.Route, success: r.Success, single: r.Single}
	prepared := request{operation: op, path: path, query: r.Query}
	if r.Body == nil {
		return prepared, nil
	}
	if prepared.body, err = json.Marshal(r.Body); err != nil {
		return request{}, invalid("the body cannot be written as JSON: %v", err)
	}
	return prepared, nil
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// service is what the services are: a way to the client. A service that is nil or zero has none, and its calls fail.
type service struct{ client *Client }

var errNoClient = invalid("the client is nil or zero: NewClient makes one")

func (s *service) send(ctx context.Context, r request) (*attempt, error) {
	if s == nil || s.client == nil || s.client.engine == nil {
		return nil, errNoClient
	}
	return s.client.engine.send(ctx, r)
}

// get reads one object.
func get[T any](
	ctx context.Context, s *service, op operation, decoder func([]byte) (*T, error), opts options, ids ...string,
) (*T, error) {
	r, err := op.request(opts, ids)
	if err != nil {
		return nil, err
	}
	a, err := s.send(ctx, r)
	if err != nil {
		return nil, err
	}
	value, err := decode(a, decoder)
	if err == nil {
		a.recycle()
	}
	return value, err
}

// revoke revokes what the operation's route names.
func revoke(ctx context.Context, s *service, op operation, ids ...string) error {
	r, err := op.request(noOptions{}, ids)
	if err != nil {
		return err
	}
	a, err := s.send(ctx, r)
	if err != nil {
		return err
	}
	a.recycle()
	return nil
}

package okta_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

// operation is one of Okta's documented operations, and the method that stands for it.
type operation struct {
	id       string // operationId
	method   string
	route    string // below /api/v1
	scope    string
	query    string // of a call with every option
	response string // of Okta
	want     any    // result of the method

	service, name string
	call          func(ctx context.Context, c *okta.Client, ids ...string) (any, error)
}

// path returns the operation's path with ids, which are escaped, in place of its parameters.
func (o operation) path(ids ...string) string {
	segments := strings.Split(o.route, "/")
	n := 0
	for i, segment := range segments {
		if strings.HasPrefix(segment, "{") {
			segments[i] = ids[n]
			n++
		}
	}
	return "/api/v1/" + strings.Join(segments, "/")
}

// parameters returns the number of IDs in the path.
func (o operation) parameters() int { return strings.Count(o.route, "{") }

const (
	usersRead     = "okta.users.read"
	usersManage   = "okta.users.manage"
	serversRead   = "okta.authorizationServers.read"
	serversManage = "okta.authorizationServers.manage"
)

var (
	getOptions  = &okta.GetOptions{Expand: okta.ExpandScope}
	listOptions = &okta.ListOptions{Expand: okta.ExpandScope, After: "c&1", Limit: 7}
)

const listQuery = "after=c%261&expand=scope&limit=7"

// items returns the items of a page, without their type.
func items[T any](page *okta.Page[T], err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return page.Items, nil
}

// value returns the result of a method, without its type.
func value[T any](v *T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return *v, nil
}

var operations = []operation{
	{
		id: "getUserGrant", method: http.MethodGet, route: "users/{userId}/grants/{grantId}", scope: usersRead,
		query: "expand=scope", response: grantJSON, want: grant,
		service: "UserGrants", name: "Get",
		call: func(ctx context.Context, c *okta.Client, ids ...string) (any, error) {
			return value(c.UserGrants.Get(ctx, ids[0], ids[1], getOptions))
		},
	},
	{
		id: "listUserGrants", method: http.MethodGet, route: "users/{userId}/grants", scope: usersRead,
		query: listQuery + "&scopeId=okta.users.read", response: "[" + grantJSON + "]",
		want:    []okta.OAuth2ScopeConsentGrant{grant},
		service: "UserGrants", name: "List",
		call: func(ctx context.Context, c *okta.Client, ids ...string) (any, error) {
			return items(c.UserGrants.List(ctx, ids[0], &okta.ListUserGrantsOptions{
				ScopeID: "okta.users.read", Expand: okta.ExpandScope, After: "c&1", Limit: 7,
			}))
		},
	},
	{
		id: "listGrantsForUserAndClient", method: http.MethodGet, route: "users/{userId}/clients/{clientId}/grants",
		scope: usersRead,
		query: listQuery, response: "[" + grantJSON + "]", want: []okta.OAuth2ScopeConsentGrant{grant},
		service: "UserGrants", name: "ListForClient",
		call: func(ctx context.Context, c *okta.Client, ids ...string) (any, error) {
			return items(c.UserGrants.ListForClient(ctx, ids[0], ids[1], listOptions))
		},
	},
	{
		id: "revokeUserGrant", method: http.MethodDelete, route: "users/{userId}/grants/{grantId}", scope: usersManage,
		service: "UserGrants", name: "Revoke",
		call: func(ctx context.Context, c *okta.Client, ids ...string) (any, error) {
			return nil, c.UserGrants.Revoke(ctx, ids[0], ids[1])
		},
	},
	{
		id: "revokeUserGrants", method: http.MethodDelete, route: "users/{userId}/grants", scope: usersManage,
		service: "UserGrants", name: "RevokeAll",
		call: func(ctx context.Context, c *okta.Client, ids ...string) (any, error) {
			return nil, c.UserGrants.RevokeAll(ctx, ids[0])
		},
	},
	{
		id: "revokeGrantsForUserAndClient", method: http.MethodDelete, route: "users/{userId}/clients/{clientId}/grants",
		scope:   usersManage,
		service: "UserGrants", name: "RevokeAllForClient",
		call: func(ctx context.Context, c *okta.Client, ids ...string) (any, error) {
			return nil, c.UserGrants.RevokeAllForClient(ctx, ids[0], ids[1])
		},
	},
	{
		id: "getRefreshTokenForUserAndClient", method: http.MethodGet,
		route: "users/{userId}/clients/{clientId}/tokens/{tokenId}", scope: usersRead,
		query: "expand=scope", response: tokenJSON("clientId"), want: refreshToken,
		service: "UserOAuth", name: "GetRefreshToken",
		call: func(ctx context.Context, c *okta.Client, ids ...string) (any, error) {
			return value(c.UserOAuth.GetRefreshToken(ctx, ids[0], ids[1], ids[2], getOptions))
		},
	},
	{
		id: "listRefreshTokensForUserAndClient", method: http.MethodGet, route: "users/{userId}/clients/{clientId}/tokens",
		scope: usersRead,
		query: listQuery, response: "[" + tokenJSON("clientId") + "]", want: []okta.OAuth2RefreshToken{refreshToken},
		service: "UserOAuth", name: "ListRefreshTokens",
		call: func(ctx context.Context, c *okta.Client, ids ...string) (any, error) {
			return items(c.UserOAuth.ListRefreshTokens(ctx, ids[0], ids[1], listOptions))
		},
	},
	{
		id: "revokeTokenForUserAndClient", method: http.MethodDelete,
		route: "users/{userId}/clients/{clientId}/tokens/{tokenId}", scope: usersManage,
		service: "UserOAuth", name: "RevokeRefreshToken",
		call: func(ctx context.Context, c *okta.Client, ids ...string) (any, error) {
			return nil, c.UserOAuth.RevokeRefreshToken(ctx, ids[0], ids[1], ids[2])
		},
	},
	{
		id: "revokeTokensForUserAndClient", method: http.MethodDelete, route: "users/{userId}/clients/{clientId}/tokens",
		scope:   usersManage,
		service: "UserOAuth", name: "RevokeAllRefreshTokens",
		call: func(ctx context.Context, c *okta.Client, ids ...string) (any, error) {
			return nil, c.UserOAuth.RevokeAllRefreshTokens(ctx, ids[0], ids[1])
		},
	},
	{
		id: "listOAuth2ClientsForAuthorizationServer", method: http.MethodGet,
		route: "authorizationServers/{authServerId}/clients", scope: serversRead,
		response: "[" + clientJSON + "]", want: []okta.OAuth2Client{oauthClient},
		service: "AuthorizationServerClients", name: "List",
		call: func(ctx context.Context, c *okta.Client, ids ...string) (any, error) {
			return items(c.AuthorizationServerClients.List(ctx, ids[0], nil))
		},
	},
	{
		id: "getRefreshTokenForAuthorizationServerAndClient", method: http.MethodGet,
		route: "authorizationServers/{authServerId}/clients/{clientId}/tokens/{tokenId}", scope: serversRead,
		query: "expand=scope", response: tokenJSON("client_id"), want: refreshToken,
		service: "AuthorizationServerClients", name: "GetRefreshToken",
		call: func(ctx context.Context, c *okta.Client, ids ...string) (any, error) {
			return value(c.AuthorizationServerClients.GetRefreshToken(ctx, ids[0], ids[1], ids[2], getOptions))
		},
	},
	{
		id: "listRefreshTokensForAuthorizationServerAndClient", method: http.MethodGet,
		route: "authorizationServers/{authServerId}/clients/{clientId}/tokens", scope: serversRead,
		query: listQuery, response: "[" + tokenJSON("client_id") + "]", want: []okta.OAuth2RefreshToken{refreshToken},
		service: "AuthorizationServerClients", name: "ListRefreshTokens",
		call: func(ctx context.Context, c *okta.Client, ids ...string) (any, error) {
			return items(c.AuthorizationServerClients.ListRefreshTokens(ctx, ids[0], ids[1], listOptions))
		},
	},
	{
		id: "revokeRefreshTokenForAuthorizationServerAndClient", method: http.MethodDelete,
		route: "authorizationServers/{authServerId}/clients/{clientId}/tokens/{tokenId}", scope: serversManage,
		service: "AuthorizationServerClients", name: "RevokeRefreshToken",
		call: func(ctx context.Context, c *okta.Client, ids ...string) (any, error) {
			return nil, c.AuthorizationServerClients.RevokeRefreshToken(ctx, ids[0], ids[1], ids[2])
		},
	},
	{
		id: "revokeRefreshTokensForAuthorizationServerAndClient", method: http.MethodDelete,
		route: "authorizationServers/{authServerId}/clients/{clientId}/tokens", scope: serversManage,
		service: "AuthorizationServerClients", name: "RevokeAllRefreshTokens",
		call: func(ctx context.Context, c *okta.Client, ids ...string) (any, error) {
			return nil, c.AuthorizationServerClients.RevokeAllRefreshTokens(ctx, ids[0], ids[1])
		},
	},
}

func TestOperations(t *testing.T) {
	t.Parallel()
	require.Len(t, operations, 15)
	for _, op := range operations {
		t.Run(op.id, func(t *testing.T) {
			t.Parallel()
			ids := []string{"id-1", "id-2", "id-3"}[:op.parameters()]
			mock := httpmock.NewMockTransport()
			var sent *http.Request
			mock.RegisterResponder(op.method, orgURL+op.path(ids...), func(req *http.Request) (*http.Response, error) {
				sent = req
				if op.response == "" {
					return httpmock.NewStringResponse(http.StatusNoContent, ""), nil
				}
				return httpmock.NewStringResponse(http.StatusOK, op.response), nil
			})
			client := newClient(t, mock, noRetries, func(c *okta.Config) { c.UserAgent = "acme/1.0" })

			got, err := op.call(t.Context(), client, ids...)

			require.NoError(t, err)
			assert.Equal(t, op.want, got)
			assert.Equal(t, 1, mock.GetTotalCallCount())
			assert.Equal(t, op.query, sent.URL.RawQuery)
			assert.Equal(t, "SSWS "+apiToken, sent.Header.Get("Authorization"))
			assert.Equal(t, "application/json", sent.Header.Get("Accept"))
			assert.Regexp(t, `^acme/1\.0 grantkit-okta/\d+\.\d+\.\d+ \(go`, sent.Header.Get("User-Agent"))
			assert.Nil(t, sent.Body)
			assert.Empty(t, sent.Header.Get("X-Okta-Retry-Count"))
		})
	}
}

func TestOperationsDefaults(t *testing.T) {
	t.Parallel()
	mock := play(reply(http.StatusOK, "[]"))
	client := newClient(t, mock)
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"user grants":   func() error { _, err := client.UserGrants.List(ctx, "u", nil); return err },
		"client grants": func() error { _, err := client.UserGrants.ListForClient(ctx, "u", "c", nil); return err },
		"user tokens": func() error {
			_, err := client.UserOAuth.ListRefreshTokens(ctx, "u", "c", &okta.ListOptions{})
			return err
		},
		"server tokens": func() error {
			_, err := client.AuthorizationServerClients.ListRefreshTokens(ctx, "a", "c", nil)
			return err
		},
	} {
		require.NoError(t, call(), name)
		last := mock.last()
		assert.Equal(t, "limit=200", last.URL.RawQuery, name)
	}
}

func TestInvalidOptionsAreRefused(t *testing.T) {
	t.Parallel()
	client := newClient(t, refuse(t))
	ctx := t.Context()
	lists := map[string]func(limit int, expand okta.Expand) error{
		"user grants": func(limit int, expand okta.Expand) error {
			_, err := client.UserGrants.List(ctx, "u", &okta.ListUserGrantsOptions{Limit: limit, Expand: expand})
			return err
		},
		"client grants": func(limit int, expand okta.Expand) error {
			_, err := client.UserGrants.ListForClient(ctx, "u", "c", &okta.ListOptions{Limit: limit, Expand: expand})
			return err
		},
		"user tokens": func(limit int, expand okta.Expand) error {
			_, err := client.UserOAuth.ListRefreshTokens(ctx, "u", "c", &okta.ListOptions{Limit: limit, Expand: expand})
			return err
		},
		"server tokens": func(limit int, expand okta.Expand) error {
			options := &okta.ListOptions{Limit: limit, Expand: expand}
			_, err := client.AuthorizationServerClients.ListRefreshTokens(ctx, "a", "c", options)
			return err
		},
	}
	for name, list := range lists {
		for _, limit := range []int{-1, 201, math.MaxInt} {
			err := list(limit, "")
			require.ErrorIs(t, err, okta.ErrInvalidArgument, name)
			require.ErrorContains(t, err, "Limit", name)
		}
		require.ErrorIs(t, list(1, "scopes"), okta.ErrInvalidArgument, name)
	}
	unknown := &okta.GetOptions{Expand: "grants"}
	_, err := client.UserGrants.Get(ctx, "u", "g", unknown)
	require.ErrorIs(t, err, okta.ErrInvalidArgument)
	_, err = client.UserOAuth.GetRefreshToken(ctx, "u", "c", "t", unknown)
	require.ErrorIs(t, err, okta.ErrInvalidArgument)
	_, err = client.AuthorizationServerClients.GetRefreshToken(ctx, "a", "c", "t", unknown)
	require.ErrorIs(t, err, okta.ErrInvalidArgument)
}

func TestHostileIDsAreRefused(t *testing.T) {
	t.Parallel()
	client := newClient(t, refuse(t))
	hostile := []string{
		"", ".", "..", "a\nb", "\x00", "a\tb", "a\x7fb", "\u0085", "\r\nHost: evil", "a/b", "//evil.example", "/",
		`a\b`, `\`, "a;b", "..;", ";", "\xff", "\xc0\xaf",
	}
	for _, op := range operations {
		for position := range op.parameters() {
			for _, id := range hostile {
				ids := []string{"a", "b", "c"}
				ids[position] = id
				_, err := op.call(t.Context(), client, ids...)
				require.ErrorIs(t, err, okta.ErrInvalidArgument, "%s, parameter %d: %q", op.id, position, id)
				_, isError := err.(*okta.Error) //nolint:errorlint // not even wrapped
				assert.False(t, isError)
			}
		}
	}
}

func TestUnusualIDsAreEscaped(t *testing.T) {
	t.Parallel()
	odd := map[string]string{
		"a%2Fb": "a%252Fb", "joe@acme.com": "joe@acme.com", "a?b": "a%3Fb", "a#b": "a%23b", "a b": "a%20b",
		"%2e%2e": "%252e%252e", "...": "...", "ü": "%C3%BC", "a+b": "a+b", "o'hara": "o'hara", "a,b": "a,b",
		"a%3Bb":    "a%253Bb",
		"(a)*!$&=": "(a)*!$&=", `"a"`: "%22a%22", "a|b": "a%7Cb", "a:b": "a:b", "me": "me", "{x}": "%7Bx%7D",
		"grants": "grants",
	}
	var arrived string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived = r.Method + " " + strings.SplitN(r.RequestURI, "?", 2)[0]
		w.WriteHeader(http.StatusTeapot)
	}))
	t.Cleanup(server.Close)
	client := newClient(t, nil, func(c *okta.Config) { c.OrgURL = server.URL })
	for _, op := range operations {
		for position := range op.parameters() {
			for id, escaped := range odd {
				ids := []string{"a", "b", "c"}[:op.parameters()]
				want := slices.Clone(ids)
				ids[position], want[position] = id, escaped
				_, err := op.call(t.Context(), client, ids...)

				apiErr, ok := err.(*okta.Error) //nolint:errorlint // as it is returned
				require.True(t, ok, "%s with %q: %v", op.id, id, err)
				assert.Equal(t, op.method+" "+op.path(want...), arrived)
				assert.Equal(t, op.path(want...), apiErr.Path)
			}
		}
	}
}

// The doc comment of each method names its route, operationId and scope, and no operation is named twice.
func TestOperationsAreDocumented(t *testing.T) {
	t.Parallel()
	docs := map[string]string{}
	for _, name := range []string{"usergrants.go", "useroauth.go", "authserverclients.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			method, ok := decl.(*ast.FuncDecl)
			if !ok || method.Recv == nil || !method.Name.IsExported() {
				continue
			}
			receiver := method.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name
			docs[receiver+"."+method.Name.Name] = strings.Join(strings.Fields(method.Doc.Text()), " ")
		}
	}
	require.Len(t, docs, len(operations))
	everything := strings.Join(slices.Collect(maps.Values(docs)), "\n")
	for _, op := range operations {
		doc := docs[op.service+"."+op.name]
		assert.Contains(t, doc, op.method+" /api/v1/"+op.route+" ("+op.id+"). Scope: "+op.scope+".", op.id)
		assert.Equal(t, 1, strings.Count(everything, "("+op.id+")"), op.id)
		assert.Contains(t, doc, "ErrNotFound", op.id)
	}
}

package okta_test

import (
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

func TestDo(t *testing.T) {
	t.Parallel()
	server := play(reply(201, `{"id":"00u1","profile":{"login":"joe@acme.com"},"more":1}`))
	client := newClient(t, server)
	var user struct {
		ID      string `json:"id"`
		Profile struct {
			Login string `json:"login"`
		} `json:"profile"`
	}
	err := client.Do(t.Context(), okta.Request{
		Method: http.MethodPost,
		Path:   []string{"api", "v1", "users", "joe@acme.com", "a b"},
		Query:  url.Values{"activate": {"true"}},
		Body:   map[string]any{"x": 1},
	}, &user)
	require.NoError(t, err)
	assert.Equal(t, "joe@acme.com", user.Profile.Login)
	sent := server.requests()[0]
	assert.Equal(t, "POST", sent.Method)
	assert.Equal(t, orgURL+"/api/v1/users/joe@acme.com/a%20b?activate=true", sent.URL.String())
	assert.Equal(t, "application/json", sent.Header.Get("Content-Type"))
	body, err := io.ReadAll(sent.Body)
	require.NoError(t, err)
	assert.JSONEq(t, `{"x":1}`, string(body))
	assert.EqualValues(t, len(body), sent.ContentLength)
}

func TestDoWithoutAnythingToDecode(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201, 202, 204} {
		for _, body := range []string{"", " \n", "{}", `[{"id":"1"},{}]`, `[]`} {
			server := play(reply(status, body))
			require.NoError(t, newClient(t, server).Do(t.Context(), okta.Request{Path: []string{"api"}}, nil), body)
			assert.Equal(t, http.MethodGet, server.requests()[0].Method)
		}
	}
}

// A body that is not used must be whole all the same: otherwise the response may be another one.
func TestDoNoticesAnUnfinishedBody(t *testing.T) {
	t.Parallel()
	for name, respond := range map[string]responder{
		"cut": replyCut(200, ""), "cut in the middle": replyCut(200, "{"), "silent": stall,
		"unfinished": reply(200, "{"), "page of a gateway": reply(200, "<html>"), "two values": reply(200, "{}{}"), "null": reply(200, "null"), "array of numbers": reply(200, "[1]"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
					server := play(respond)
					req := okta.Request{Method: method, Path: []string{"api"}}
					err := newClient(t, server, noRetries).Do(t.Context(), req, nil)
					assert.Equal(t, 200, requireError(t, err).StatusCode)
					require.ErrorContains(t, err, "unusable response")
					assert.Len(t, server.requests(), 1)
				}
				require.NoError(t, newClient(t, play(replyCut(200, "{"), reply(200, "{}"))).
					Do(t.Context(), okta.Request{Path: []string{"api"}}, nil), "a GET is retried")
			})
		})
	}
}

func TestDoFailures(t *testing.T) {
	t.Parallel()
	var out map[string]any
	for _, respond := range []responder{
		reply(206, `{}`), reply(204, ""), reply(200, "[]"), reply(302, "{}"), reply(404, notFoundJSON),
	} {
		err := newClient(t, play(respond), noRetries).Do(t.Context(), okta.Request{Path: []string{"api"}}, &out)
		assert.Equal(t, "/api", requireError(t, err).Path)
	}
	client := newClient(t, refuse(t))
	var none *struct{}
	for _, unusable := range []any{struct{}{}, none, map[string]any{}, 7} {
		require.ErrorIs(t, client.Do(t.Context(), okta.Request{Path: []string{"api"}}, unusable), okta.ErrInvalidArgument)
	}
	for name, req := range map[string]okta.Request{
		"a path in one piece": {Path: []string{"/api/v1/users"}}, "without a slash": {Path: []string{"api/v1/users"}},
		"no path": {}, "empty segment": {Path: []string{"api", ""}}, "dots": {Path: []string{"..", "api"}},
		"lower case": {Method: "get", Path: []string{"api"}},
		"odd method": {Method: "GET /x HTTP/1.1\r\n", Path: []string{"api"}},
		"no JSON":    {Method: "POST", Path: []string{"api"}, Body: math.NaN()},
		"channel":    {Method: "POST", Path: []string{"api"}, Body: make(chan int)},
	} {
		require.ErrorIs(t, client.Do(t.Context(), req, nil), okta.ErrInvalidArgument, name)
	}
}

func TestRequestThatDescribesItsOperation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen []okta.Attempt
		req := okta.Request{
			Method: http.MethodDelete, Path: []string{"api", "v1", "apps", "0oa1", "tokens", "oar1"},
			Operation: "revokeOAuth2TokenForApplication", Route: "/api/v1/apps/{appId}/tokens/{tokenId}",
			Success: http.StatusNoContent, Single: true,
		}
		gone := reply(404, `{"errorCode":"E0000007",`+
			`"errorSummary":"Not found: Resource not found: 0oa1.oar1 (OAuth2RefreshTokenTx)"}`)
		require.NoError(t, newClient(t, play(reply(503, ""), gone), observe(&seen)).Do(t.Context(), req, nil))
		require.Len(t, seen, 2)
		for _, a := range seen {
			assert.Equal(t, req.Operation, a.Operation)
			assert.Equal(t, req.Route, a.Route)
			assert.Equal(t, "/api/v1/apps", a.Bucket)
			assert.False(t, a.TokenRequest)
		}
		require.ErrorIs(t, newClient(t, play(gone)).Do(t.Context(), req, nil), okta.ErrNotFound)
		for _, status := range []int{200, 202} {
			err := newClient(t, play(reply(status, "{}"))).Do(t.Context(), req, nil)
			assert.Equal(t, status, requireError(t, err).StatusCode, "only a 204 is success")
		}
		req.Single = false
		require.ErrorIs(t, newClient(t, play(reply(503, ""), gone)).Do(t.Context(), req, nil), okta.ErrNotFound)
	})
}

func TestRequestThatContradictsItself(t *testing.T) {
	t.Parallel()
	client := newClient(t, refuse(t))
	path := []string{"api", "v1", "apps", "0oa1"}
	for name, req := range map[string]okta.Request{
		"route of another path": {Path: path, Route: "/api/v1/users/{userId}"},
		"shorter route":         {Path: path, Route: "/api/v1/apps"},
		"route with a query":    {Path: path, Route: "/api/v1/apps/{appId}?x"},
		"failure as success":    {Path: path, Success: 404},
		"part as success":       {Path: path, Success: 206},
		"single read":           {Path: path, Single: true},
		"single POST":           {Method: http.MethodPost, Path: path, Single: true},
	} {
		require.ErrorIs(t, client.Do(t.Context(), req, nil), okta.ErrInvalidArgument, name)
		_, err := okta.List[struct{}](t.Context(), client, req)
		require.ErrorIs(t, err, okta.ErrInvalidArgument, name)
	}
	single := okta.Request{Method: http.MethodDelete, Path: path, Single: true}
	require.ErrorIs(t, client.Do(t.Context(), single, &struct{}{}), okta.ErrInvalidArgument)
}

func TestDoIsRetriedLikeAnyCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := play(reply(503, ""), reply(404, notFoundJSON))
		req := okta.Request{Method: http.MethodDelete, Path: []string{"api", "v1", "x"}}
		err := newClient(t, server).Do(t.Context(), req, nil)
		require.ErrorIs(t, err, okta.ErrNotFound, "Do may delete a collection")
		assert.Len(t, server.requests(), 2)
	})
}

func TestListOfAnyRoute(t *testing.T) {
	t.Parallel()
	server := play(
		reply(200, `[{"client_id":"1"}]`, `Link: <https://x/y?after=2>; rel="next"`),
		reply(200, `[{"client_id":"2"}]`),
	)
	client := newClient(t, server)
	query := url.Values{"limit": {"1"}}
	req := okta.Request{Path: []string{"api", "v1", "users", "a b", "clients"}, Query: query}
	page, err := okta.List[okta.OAuth2Client](t.Context(), client, req)
	require.NoError(t, err)
	var got []string
	for c, err := range page.All(t.Context()) {
		require.NoError(t, err)
		got = append(got, c.ClientID)
	}
	assert.Equal(t, []string{"1", "2"}, got)
	assert.Equal(t, orgURL+"/api/v1/users/a%20b/clients?after=2&limit=1", server.requests()[1].URL.String())
	assert.Equal(t, url.Values{"limit": {"1"}}, query, "the caller's query is left alone")

	_, err = okta.List[okta.OAuth2Client](t.Context(), newClient(t, refuse(t)), okta.Request{})
	require.ErrorIs(t, err, okta.ErrInvalidArgument)
	page, err = okta.List[okta.OAuth2Client](t.Context(), newClient(t, play(
		reply(200, `[]`, `Link: <?after=2>; rel="next"`), reply(200, `[]`))), okta.Request{Path: []string{"api"}})
	require.NoError(t, err)
	_, err = page.Next(t.Context())
	require.NoError(t, err)
}

func TestNilAndZeroClientsReturnErrors(t *testing.T) {
	t.Parallel()
	var none *okta.Client
	for name, client := range map[string]*okta.Client{
		"zero client": {},
		"zero services": {
			UserGrants: &okta.UserGrants{}, UserOAuth: &okta.UserOAuth{},
			AuthorizationServerClients: &okta.AuthorizationServerClients{},
		},
	} {
		for _, op := range operations {
			_, err := op.call(t.Context(), client, "a", "b", "c")
			require.ErrorIs(t, err, okta.ErrInvalidArgument, "%s: %s", name, op.id)
		}
	}
	for _, client := range []*okta.Client{none, {}} {
		require.ErrorIs(t, client.Do(t.Context(), okta.Request{Path: []string{"api"}}, nil), okta.ErrInvalidArgument)
		_, err := okta.List[struct{}](t.Context(), client, okta.Request{Path: []string{"api"}})
		require.ErrorIs(t, err, okta.ErrInvalidArgument)
		assert.Empty(t, client.RateLimits())
		assert.Equal(t, "okta.Client(nil)", sprint("%v", client))
	}
}

func TestOneClientServesManyGoroutines(t *testing.T) {
	t.Parallel()
	echo := func(req *http.Request) (*http.Response, error) {
		id := strings.Split(req.URL.Path, "/")[4]
		return reply(200, `{"userId":"`+id+`"}`)(req)
	}
	client := newClient(t, play(echo))
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			user := sprint("user%d", i)
			for range 20 {
				grant, err := client.UserGrants.Get(t.Context(), user, "g", nil)
				if assert.NoError(t, err) {
					assert.Equal(t, user, grant.UserID)
				}
			}
		})
	}
	all.Wait()
}

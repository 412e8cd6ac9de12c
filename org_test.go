package okta_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

const (
	ann        = oktatest.DemoUserID
	calendar   = oktatest.DemoClientID
	demoServer = oktatest.DemoAuthorizationServerID
	tokenPath  = "/oauth2/v1/token"
)

// newOrg starts a demo org that accepts apiToken.
func newOrg(t testing.TB) *oktatest.Org {
	t.Helper()
	org := oktatest.NewDemo()
	t.Cleanup(org.Close)
	org.AcceptAPIToken(apiToken)
	return org
}

func grantsOf(org *oktatest.Org, userID string) int {
	return len(slices.DeleteFunc(org.Grants(), func(g oktatest.Grant) bool { return g.UserID != userID }))
}

// getGrant gets the grant of a demo org.
func getGrant(ctx context.Context, c *okta.Client) error {
	_, err := c.UserGrants.Get(ctx, ann, oktatest.DemoGrantID, nil)
	return err
}

// overNetwork records requests over connections that are not reused, since net/http repeats a GET on those that are.
func overNetwork(t testing.TB) *recorder {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return record(transport)
}

// inProcess sends requests to an org without a socket, which would keep the clock of a bubble from moving.
func inProcess(org http.Handler) responder {
	return func(req *http.Request) (resp *http.Response, err error) {
		defer func() {
			if recover() != nil { // how a handler loses a connection
				resp, err = nil, io.ErrUnexpectedEOF
			}
		}()
		recorded := httptest.NewRecorder()
		org.ServeHTTP(recorded, req)
		return recorded.Result(), nil
	}
}

// serviceApp is an app of an org, as the client's configuration has it.
type serviceApp struct {
	org    *oktatest.Org
	config okta.ServiceApp
}

// newApp adds an app to a demo org of its own. The option may be nil.
func newApp(t testing.TB, option func(*oktatest.ServiceApp)) serviceApp {
	t.Helper()
	return addApp(newOrg(t), option)
}

// addApp adds an app with the P-256 key, which the option changes.
func addApp(org *oktatest.Org, option func(*oktatest.ServiceApp)) serviceApp {
	app := oktatest.ServiceApp{
		Keys:   []oktatest.ServiceAppKey{{Public: keys()["P-256"].Public()}},
		Scopes: []string{usersRead, usersManage},
	}
	if option != nil {
		option(&app)
	}
	return serviceApp{org, okta.ServiceApp{
		ClientID:   org.AddServiceApp(app).ClientID,
		PrivateKey: okta.PrivateKeyFromSigner(keys()["P-256"]),
		Scopes:     []string{usersRead, usersManage},
	}}
}

func requireDPoP(app *oktatest.ServiceApp) { app.DPoP = true }

func tokensLive(d time.Duration) func(*oktatest.ServiceApp) {
	return func(app *oktatest.ServiceApp) { app.TokenLifetime = d }
}

// configure makes a client authenticate as the app.
func (app serviceApp) configure(c *okta.Config) {
	atURL(app.org.URL)(c)
	c.Credentials = app.config
}

// bubbleApp is an app whose org runs in process, for tests in a synctest bubble. It records requests.
type bubbleApp struct {
	serviceApp
	*recorder

	latency time.Duration             // of token requests
	tokens  atomic.Pointer[responder] // responds to token requests in place of the org
}

// bubble runs a test with a new app, which cannot be made within the bubble.
func bubble(
	t *testing.T, option func(*oktatest.ServiceApp), run func(t *testing.T, app *bubbleApp, client *okta.Client),
) {
	t.Helper()
	app := &bubbleApp{serviceApp: newApp(t, option)}
	app.recorder = record(responder(app.send))
	synctest.Test(t, func(t *testing.T) {
		run(t, app, newClient(t, app, app.configure, defaultRetries, noRateLimiter))
	})
}

func (app *bubbleApp) send(req *http.Request) (*http.Response, error) {
	if req.URL.Path != tokenPath {
		return inProcess(app.org)(req)
	}
	if err := pause(req.Context(), app.latency); err != nil {
		return nil, err
	}
	if respond := app.tokens.Load(); respond != nil {
		return (*respond)(req)
	}
	return inProcess(app.org)(req)
}

// replaceTokens makes respond respond to token requests. The org itself does after restoreTokens.
func (app *bubbleApp) replaceTokens(respond responder) { app.tokens.Store(&respond) }

func (app *bubbleApp) restoreTokens() { app.tokens.Store(nil) }

// onlyAPI makes a fault of the API, and leaves token requests alone.
func onlyAPI(fault oktatest.Fault) oktatest.Fault {
	return func(w http.ResponseWriter, r *http.Request, org http.Handler) {
		if strings.HasSuffix(r.URL.Path, tokenPath) {
			org.ServeHTTP(w, r)
			return
		}
		fault(w, r, org)
	}
}

// pause waits by the clock of the bubble.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s sent) isToken() bool { return strings.HasSuffix(s.URL.Path, tokenPath) }

func (r *recorder) tokenRequests() []sent {
	return slices.DeleteFunc(r.requests(), func(s sent) bool { return !s.isToken() })
}

func (r *recorder) apiRequests() []sent { return slices.DeleteFunc(r.requests(), sent.isToken) }

// requireNoReuse checks that no assertion and no proof was sent twice, and no bound token as a bearer token.
func (r *recorder) requireNoReuse(t testing.TB) {
	t.Helper()
	used := map[any]bool{}
	requireNew := func(text string) {
		_, claims := decodeJWT(t, text)
		require.NotEmpty(t, claims["jti"])
		require.False(t, used[claims["jti"]], "a jti is used twice")
		used[claims["jti"]] = true
	}
	for _, s := range r.requests() {
		scheme, _, _ := strings.Cut(s.Header.Get("Authorization"), " ")
		if s.isToken() {
			require.Empty(t, s.Header.Values("Authorization"))
			requireNew(s.form.Get("client_assertion"))
		}
		require.LessOrEqual(t, len(s.Header.Values("DPoP")), 1)
		if proof := s.Header.Get("DPoP"); proof != "" {
			requireNew(proof)
			require.NotEqual(t, "Bearer", scheme)
		} else {
			require.NotEqual(t, "DPoP", scheme)
		}
	}
}

// decodeJWT returns the header and the claims of a JWT.
func decodeJWT(t testing.TB, text string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(text, ".")
	require.Len(t, parts, 3, "%q is no JWT", text)
	for i, into := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, into))
	}
	return header, claims
}

func TestListIsCompleteForEachPageSize(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	client := newClient(t, nil, atURL(org.URL))
	for _, limit := range []int{0, 1, 7, 20, 44, 45, 46, 200} {
		org.ClearRequests()
		page, err := client.UserGrants.List(t.Context(), ann, &okta.ListUserGrantsOptions{Limit: limit})
		require.NoError(t, err)
		got := ids(t, page)
		require.Len(t, got, 45)
		assert.True(t, slices.IsSorted(got))
		size := limit
		if limit == 0 {
			size = 200
		}
		assert.Len(t, org.Requests(), (45+size-1)/size)
	}
}

func TestReads(t *testing.T) {
	t.Parallel()
	client := newClient(t, nil, atURL(newOrg(t).URL))
	ctx := t.Context()

	grant, err := client.UserGrants.Get(ctx, ann, oktatest.DemoGrantID, getOptions)
	require.NoError(t, err)
	assert.Equal(t, "openid", grant.Embedded.Scope.ID)
	assert.Equal(t, calendar, grant.ClientID)
	assert.Equal(t, okta.SourceEndUser, grant.Source)
	self, ok := grant.Links.Get("self")
	assert.True(t, ok)
	assert.NotEmpty(t, self.Href)

	grant, err = client.UserGrants.Get(ctx, ann, oktatest.DemoGrantID, nil)
	require.NoError(t, err)
	assert.Empty(t, grant.Embedded)

	filtered, err := client.UserGrants.List(ctx, ann, &okta.ListUserGrantsOptions{ScopeID: "email", Limit: 1})
	require.NoError(t, err)
	assert.Len(t, ids(t, filtered), 3, "the filter holds on every page")

	forClient, err := client.UserGrants.ListForClient(ctx, ann, calendar, nil)
	require.NoError(t, err)
	assert.Len(t, forClient.Items, 15)

	token, err := client.UserOAuth.GetRefreshToken(ctx, ann, calendar, oktatest.DemoRefreshTokenID, getOptions)
	require.NoError(t, err)
	assert.Equal(t, calendar, token.ClientID)
	assert.NotEmpty(t, token.Embedded.Scopes)

	servers := client.AuthorizationServerClients
	same, err := servers.GetRefreshToken(ctx, demoServer, calendar, oktatest.DemoRefreshTokenID, nil)
	require.NoError(t, err)
	assert.Equal(t, calendar, same.ClientID, "client_id is read where clientId is meant")
	assert.Equal(t, token.UserID, same.UserID)

	clients, err := servers.List(ctx, demoServer, nil)
	require.NoError(t, err)
	assert.Len(t, clients.Items, 2)
}

func TestRevokesOnlyWhatIsNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		call                   func(context.Context, *okta.Client) error
		grants, tokens, status int
	}{
		"one grant": {func(ctx context.Context, c *okta.Client) error {
			return c.UserGrants.Revoke(ctx, ann, oktatest.DemoGrantID)
		}, 1, 0, 204},
		"a client's grants": {func(ctx context.Context, c *okta.Client) error {
			return c.UserGrants.RevokeAllForClient(ctx, ann, calendar)
		}, 15, 0, 204},
		"all grants": {func(ctx context.Context, c *okta.Client) error {
			return c.UserGrants.RevokeAll(ctx, ann)
		}, 45, 0, 204},
		"one token": {func(ctx context.Context, c *okta.Client) error {
			return c.UserOAuth.RevokeRefreshToken(ctx, ann, calendar, "oarann1")
		}, 0, 1, 204},
		"a client's tokens": {func(ctx context.Context, c *okta.Client) error {
			return c.UserOAuth.RevokeAllRefreshTokens(ctx, ann, calendar)
		}, 0, 3, 204},
		"one token of a server": {func(ctx context.Context, c *okta.Client) error {
			return c.AuthorizationServerClients.RevokeRefreshToken(ctx, demoServer, calendar, "oarann1")
		}, 0, 1, 204},
		"a server's tokens of a client": {func(ctx context.Context, c *okta.Client) error {
			return c.AuthorizationServerClients.RevokeAllRefreshTokens(ctx, demoServer, calendar)
		}, 0, 3, 204},
		"unknown grant": {func(ctx context.Context, c *okta.Client) error {
			return c.UserGrants.Revoke(ctx, ann, "oagbob1")
		}, 0, 0, 404},
		"unknown user": {func(ctx context.Context, c *okta.Client) error {
			return c.UserGrants.RevokeAll(ctx, "00uxyz")
		}, 0, 0, 404},
		"another client's token": {func(ctx context.Context, c *okta.Client) error {
			return c.UserOAuth.RevokeRefreshToken(ctx, ann, calendar, "oarann4")
		}, 0, 0, 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := newOrg(t)
			client := newClient(t, nil, atURL(org.URL))
			grants, tokens := len(org.Grants()), len(org.RefreshTokens())
			err := c.call(t.Context(), client)
			if c.status == http.StatusNotFound {
				require.ErrorIs(t, err, okta.ErrNotFound)
				assert.Equal(t, okta.CodeNotFound, requireError(t, err).Code)
			} else {
				require.NoError(t, err)
			}
			assert.Len(t, org.Grants(), grants-c.grants)
			assert.Len(t, org.RefreshTokens(), tokens-c.tokens)
			assert.Len(t, org.Requests(), 1)
		})
	}
}

func TestOperationsOnUnknownIDs(t *testing.T) {
	t.Parallel()
	client := newClient(t, nil, atURL(newOrg(t).URL))
	for _, op := range operations {
		_, err := op.call(t.Context(), client, "a..b", "c%2Fd", "e?f")
		apiErr := requireError(t, err)
		assert.Equal(t, okta.CodeNotFound, apiErr.Code, op.id)
		assert.NotEmpty(t, apiErr.RequestID, op.id)
		assert.Contains(t, apiErr.Summary, "a..b", op.id)
	}
}

func TestOperationsNeedTheirScope(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	scopes := []string{usersRead, usersManage, serversRead, serversManage}
	for _, op := range operations {
		others := slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return s == op.scope })
		org.AcceptBearerToken("narrow", others...)
		org.AcceptBearerToken("right", op.scope)

		narrow := newClient(t, nil, atURL(org.URL), withCredentials(okta.BearerToken("narrow")))
		_, err := op.call(t.Context(), narrow, "a", "b", "c")
		require.ErrorIs(t, err, okta.ErrForbidden, op.id)
		require.ErrorContains(t, err, "needs the scope "+op.scope, op.id)
		assert.Equal(t, op.scope, requireError(t, err).OAuth.Scope)

		right := newClient(t, nil, atURL(org.URL), withCredentials(okta.BearerToken("right")))
		_, err = op.call(t.Context(), right, "a", "b", "c")
		require.ErrorIs(t, err, okta.ErrNotFound, op.id)
	}
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	for _, credentials := range []okta.Credentials{okta.APIToken("wrong"), okta.BearerToken(oktatest.DemoToken)} {
		client := newClient(t, nil, atURL(org.URL), withCredentials(credentials))
		_, err := client.UserGrants.List(t.Context(), ann, nil)
		require.ErrorIs(t, err, okta.ErrUnauthorized)
	}
	assert.Len(t, org.Requests(), 2)
}

func TestBasePathAndOtherName(t *testing.T) {
	t.Parallel()
	org := oktatest.New(oktatest.Options{BasePath: "/gateway/okta", PublicURL: "https://login.acme.example"})
	t.Cleanup(org.Close)
	org.AcceptAPIToken(apiToken)
	user := org.AddUser(oktatest.User{})
	app := org.AddClient(oktatest.Client{})
	for range 5 {
		org.AddGrant(oktatest.Grant{UserID: user.ID, ClientID: app.ID})
	}
	client := newClient(t, nil, atURL(org.URL))
	page, err := client.UserGrants.List(t.Context(), user.ID, &okta.ListUserGrantsOptions{Limit: 2})
	require.NoError(t, err)
	assert.Len(t, ids(t, page), 5)
	for _, req := range org.Requests() {
		assert.Equal(t, "/gateway/okta/api/v1/users/"+user.ID+"/grants", req.Path)
		assert.Equal(t, http.StatusOK, req.Status)
	}
}

func TestRevokesSurviveLostResponses(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	client := newClient(t, nil, atURL(org.URL))
	org.Next(oktatest.DropResponse())
	require.NoError(t, client.UserGrants.Revoke(t.Context(), ann, oktatest.DemoGrantID))
	assert.Equal(t, 44, grantsOf(org, ann))
	require.Len(t, org.Requests(), 2)
	assert.Equal(t, http.StatusNotFound, org.Requests()[1].Status)

	org.Next(oktatest.DropResponse())
	require.NoError(t, client.UserGrants.RevokeAll(t.Context(), ann))
	assert.Zero(t, grantsOf(org, ann))
}

func TestListSurvivesFaults(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	client := newClient(t, nil, atURL(org.URL))
	org.Next(nil, oktatest.CutBody(100), oktatest.Reply(502, nil, "<html>"), nil, oktatest.Drop())
	page, err := client.UserGrants.List(t.Context(), ann, &okta.ListUserGrantsOptions{Limit: 20})
	require.NoError(t, err)
	assert.Len(t, ids(t, page), 45)
}

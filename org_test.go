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

	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

const (
	ann       = oktatest.DemoUserID
	calendar  = oktatest.DemoClientID
	tokenPath = "/oauth2/v1/token"
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

// overNetwork records what goes over connections, none of which is used twice: net/http repeats a GET by itself on those.
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
		PrivateKey: okta.Signer(keys()["P-256"]),
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
		run(t, app, newClient(t, app.recorder, app.configure, defaultRetries, noRateLimiter))
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

// requireNoReuse checks that no assertion and no proof was sent twice, and that a bound token was never sent as Bearer.
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

package okta_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

func TestTokenRequest(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	network := overNetwork(t)
	before := time.Now().Unix()
	client := newClient(t, network, app.configure, func(c *okta.Config) { c.UserAgent = "acme/1" })
	require.NoError(t, getGrant(t.Context(), client))
	require.Len(t, network.requests(), 2)

	s := network.requests()[0]
	assert.Equal(t, http.MethodPost, s.Method)
	assert.Equal(t, app.org.URL+tokenPath, s.URL.String())
	assertion := s.form.Get("client_assertion")
	assert.Equal(t, url.Values{
		"grant_type":            {"client_credentials"},
		"scope":                 {"okta.users.read okta.users.manage"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
	}, s.form)
	assert.Regexp(t, "^acme/1 grantkit-okta/", s.Header.Get("User-Agent"))
	s.Header.Del("User-Agent")
	assert.Equal(t, http.Header{
		"Accept": {"application/json"}, "Content-Type": {"application/x-www-form-urlencoded"},
	}, s.Header)

	header, claims := decodeJWT(t, assertion)
	assert.Equal(t, map[string]any{"alg": "ES256", "typ": "JWT"}, header)
	issued, ok := claims["iat"].(float64)
	require.True(t, ok)
	assert.InDelta(t, before, issued, 5)
	expires, ok := claims["exp"].(float64)
	require.True(t, ok)
	assert.Greater(t, expires, issued)
	assert.LessOrEqual(t, expires, issued+3600)
	assert.Equal(t, map[string]any{
		"iss": app.config.ClientID, "sub": app.config.ClientID, "aud": app.org.URL + tokenPath,
		"iat": issued, "exp": expires, "jti": claims["jti"],
	}, claims)

	api := network.requests()[1]
	assert.Regexp(t, "^Bearer [A-Z0-9]+$", api.Header.Get("Authorization"))
	assert.Empty(t, api.Header.Values("DPoP"))
	assert.Empty(t, api.form)
}

func TestTokenAttemptsHaveTheirOwnAssertionAndProof(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	network := overNetwork(t)
	app.org.Next(
		oktatest.Reply(503, nil, ""), nil, oktatest.Reply(429, nil, limitedJSON), oktatest.Drop(), nil,
		oktatest.DropResponse(), oktatest.CutBody(20),
	)
	client := newClient(t, network, app.configure, noRateLimiter, func(c *okta.Config) { c.Retry.MaxRetries = 9 })
	require.NoError(t, getGrant(t.Context(), client))
	assert.Equal(t, []int{503, 400, 429, 0, 400, 0, 200, 200}, statuses(network.tokenRequests()))
	network.requireNoReuse(t)
	for i, s := range network.tokenRequests() {
		assert.Equal(t, i >= 2, s.Header.Get("DPoP") != "", "attempt %d", i+1)
	}
}

func TestTokenURLOfAnotherOrigin(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	login := oktatest.New(oktatest.Options{BasePath: "/login"})
	t.Cleanup(login.Close)
	other := addApp(login, requireDPoP)
	app.config.ClientID = other.config.ClientID
	app.config.TokenURL = login.URL + tokenPath + "/"
	network := overNetwork(t)
	client := newClient(t, network, app.configure)
	err := getGrant(t.Context(), client)
	require.ErrorIs(t, err, okta.ErrUnauthorized, "a token of the other org")

	assert.NotEmpty(t, network.tokenRequests())
	for _, s := range network.tokenRequests() {
		assert.Equal(t, login.URL+tokenPath, s.URL.String())
		_, claims := decodeJWT(t, s.form.Get("client_assertion"))
		assert.Equal(t, login.URL+tokenPath, claims["aud"])
	}
	assert.Len(t, network.apiRequests(), 2)
	for _, s := range network.apiRequests() {
		assert.True(t, strings.HasPrefix(s.URL.String(), app.org.URL+"/api/v1/"))
		_, claims := decodeJWT(t, s.Header.Get("DPoP"))
		assert.Empty(t, claims["nonce"], "the nonce of another server")
	}
	network.requireNoReuse(t)
	for _, r := range login.Requests() {
		assert.Empty(t, r.Header.Get("Authorization"))
		assert.Equal(t, "/login"+tokenPath, r.Path)
	}
}

// A program may change its values afterwards.
func TestServiceAppIsCopied(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	config := app.config
	config.Scopes = slices.Clone(config.Scopes)
	client := newClient(t, overNetwork(t), app.configure, withCredentials(&config))
	config.ClientID, config.Scopes[0], config.PrivateKey = "", "", okta.PrivateKey{}
	require.NoError(t, getGrant(t.Context(), client))
}

// A fetch that takes longer than AttemptTimeout must not end an attempt, which would then count as sent.
func TestAttemptBeginsAfterTheFetch(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(t *testing.T, app *bubbleApp, _ *okta.Client) {
		client := newClient(t, responder(func(req *http.Request) (*http.Response, error) {
			if err := req.Context().Err(); err != nil {
				return nil, err
			}
			return app.RoundTrip(req)
		}), app.configure, defaultRetries)
		app.org.Next(oktatest.Reply(429, http.Header{"Retry-After": {"40"}}, limitedJSON))
		err := client.UserGrants.Revoke(t.Context(), ann, "unknown")
		require.ErrorIs(t, err, okta.ErrNotFound, "no earlier attempt was sent")
		assert.Equal(t, 1, requireError(t, err).Attempts)
	})
}

func TestInvalidCallsFetchNoToken(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	client := newClient(t, refuse(t), app.configure)
	_, err := client.UserGrants.Get(t.Context(), "", "g", nil)
	require.ErrorIs(t, err, okta.ErrInvalidArgument)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, get(ctx, client), context.Canceled)
}

// Traces need the values of a context.
func TestFetchHasTheContextValuesOfItsFirstCall(t *testing.T) {
	t.Parallel()
	type key struct{}
	bubble(t, nil, func(t *testing.T, app *bubbleApp, client *okta.Client) {
		var got any
		app.replaceTokens(func(req *http.Request) (*http.Response, error) {
			got = req.Context().Value(key{})
			return inProcess(app.org).RoundTrip(req)
		})
		require.NoError(t, getGrant(context.WithValue(t.Context(), key{}, "trace"), client))
		assert.Equal(t, "trace", got)
	})
}

func TestFetchIsObserved(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	var attempts []okta.Attempt
	require.NoError(t, getGrant(t.Context(), newClient(t, overNetwork(t), app.configure, observe(&attempts))))
	var seen []string
	for _, a := range attempts {
		seen = append(seen, sprint("%s %s %d %d %v", a.Method, a.Path, a.StatusCode, a.Number, a.RequestID != ""))
	}
	assert.Equal(t, []string{
		"POST /oauth2/v1/token 400 1 true", "POST /oauth2/v1/token 400 2 true", "POST /oauth2/v1/token 200 3 true",
		"GET /api/v1/users/00uann/grants/oagann01 200 1 true",
	}, seen)
}

func TestFetchIsLogged(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	var logged bytes.Buffer
	client := newClient(t, overNetwork(t), app.configure, func(c *okta.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	app.org.Next(oktatest.Reply(503, nil, ""))
	require.NoError(t, getGrant(t.Context(), client))
	assert.Equal(t, 2, strings.Count(logged.String(), `msg="okta: attempt" method=POST path=/oauth2/v1/token`))
	retry := `level=WARN msg="okta: retry" method=POST path=/oauth2/v1/token status=503`
	assert.Equal(t, 1, strings.Count(logged.String(), retry))
}

func TestTokenRequestsAreRetried(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failure   oktatest.Fault
		low, high float64
	}{
		"429 with Retry-After": {oktatest.Reply(429, http.Header{"Retry-After": {"7"}}, limitedJSON), 7, 8},
		"503":                  {oktatest.Reply(503, nil, ""), 0.5, 1},
		"lost":                 {oktatest.Drop(), 0.5, 1},
		"response lost":        {oktatest.DropResponse(), 0.5, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := newApp(t, nil)
			synctest.Test(t, func(t *testing.T) {
				inside := record(inProcess(app.org))
				app.org.Next(c.failure)
				start := time.Now()
				require.NoError(t, getGrant(t.Context(), newClient(t, inside, app.configure, defaultRetries)))
				assert.GreaterOrEqual(t, time.Since(start).Seconds(), c.low)
				assert.LessOrEqual(t, time.Since(start).Seconds(), c.high)
				assert.Len(t, inside.tokenRequests(), 2)
				inside.requireNoReuse(t)
			})
		})
	}
}

func TestWindowOfTheTokenEndpointIsWaitedOut(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	synctest.Test(t, func(t *testing.T) {
		date := time.Now().UTC()
		limited := oktatest.Reply(429, http.Header{
			"Date": {date.Format(http.TimeFormat)}, "X-Rate-Limit-Limit": {"4"}, "X-Rate-Limit-Remaining": {"0"},
			"X-Rate-Limit-Reset": {strconv.FormatInt(date.Unix()+42, 10)},
		}, limitedJSON)
		app.org.Next(limited)
		start := time.Now()
		require.NoError(t, getGrant(t.Context(), newClient(t, record(inProcess(app.org)), app.configure, defaultRetries)))
		assert.InDelta(t, 42.5, time.Since(start).Seconds(), 0.6)

		app.org.Next(oktatest.Reply(429, nil, limitedJSON))
		err := getGrant(t.Context(), newClient(t, record(inProcess(app.org)), app.configure, noRetries))
		require.ErrorIs(t, err, okta.ErrRateLimited)
		require.ErrorContains(t, err, "POST /oauth2/v1/token: 429 E0000047: API call exceeded rate limit")
	})
}

func TestLostConnectionToTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(t *testing.T, app *bubbleApp, client *okta.Client) {
		app.replaceTokens(lose(errReset))
		err := getGrant(t.Context(), client)
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.ErrorContains(t, err, "POST /oauth2/v1/token: read tcp: connection reset by peer [5 attempts]")
		assert.Len(t, app.tokenRequests(), 5, "not multiplied by the retries of the API call")
	})
}

func TestRefusalsOfTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	const prefix = "okta: GET /api/v1/users/00uann/grants/oagann01: POST /oauth2/v1/token: "
	for name, c := range map[string]struct {
		change      func(*okta.ServiceApp)
		status      int
		code        string
		description string
	}{
		"unknown key": {
			func(a *okta.ServiceApp) { a.PrivateKey = okta.PrivateKeyFromSigner(keys()["P-384"]) },
			401, "invalid_client", "The client_assertion signature is invalid.",
		},
		"unknown key ID": {
			func(a *okta.ServiceApp) { a.KeyID = "other" },
			401, "invalid_client", "The client_assertion JWT kid is invalid.",
		},
		"wrong client ID": {
			func(a *okta.ServiceApp) { a.ClientID = "0oaother" },
			401, "invalid_client", "The subject of the client_assertion is no known client.",
		},
		"scope not granted": {
			func(a *okta.ServiceApp) { a.Scopes = []string{usersRead, "okta.apps.manage"} },
			400, "invalid_scope", "One or more scopes are not granted to the app.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused := app
			c.change(&refused.config)
			network := overNetwork(t)
			client := newClient(t, network, refused.configure)
			err := getGrant(t.Context(), client)
			require.ErrorContains(t, err, sprint("%s%d %s: %s [request ", prefix, c.status, c.code, c.description))
			apiErr := requireError(t, err)
			assert.Equal(t, c.status, apiErr.StatusCode)
			assert.Equal(t, c.code, apiErr.OAuth.Code)
			assert.NotEmpty(t, apiErr.RequestID)
			assert.Equal(t, http.MethodPost, apiErr.Method)
			assert.Equal(t, tokenPath, apiErr.Path)
			assert.Equal(t, c.status == 401, errors.Is(err, okta.ErrUnauthorized))
			assert.Len(t, network.requests(), 1, "not retried")
			require.Error(t, getGrant(t.Context(), client))
			assert.Len(t, network.requests(), 2, "until the next call")
		})
	}
}

func TestTokenEndpointThatIsNotFoundIsNoMissingGrant(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"Okta's": notFoundJSON, "no such path": `{"errorCode":"E0000008"}`, "HTML": "<html>", "nothing": "",
	} {
		app := newApp(t, nil)
		for _, call := range []func(context.Context, *okta.Client) error{get, revoke, revokeAll} {
			server := play(reply(404, body, "X-Okta-Request-Id: req-1"))
			err := call(t.Context(), newClient(t, server, app.configure))
			require.NotErrorIs(t, err, okta.ErrNotFound, name)
			apiErr := requireError(t, err)
			assert.Equal(t, 404, apiErr.StatusCode)
			assert.Equal(t, "req-1", apiErr.RequestID)
			assert.Len(t, server.requests(), 1)
		}
		// It is none either after an attempt of the revoke whose outcome is unknown.
		app.org.Next(nil, oktatest.Reply(401, nil, ""), oktatest.Reply(404, nil, body))
		err := newClient(t, overNetwork(t), app.configure).UserGrants.Revoke(t.Context(), ann, oktatest.DemoGrantID)
		require.NotErrorIs(t, err, okta.ErrNotFound)
		require.NotErrorIs(t, err, okta.ErrUnauthorized, "the 401 was routine")
		require.ErrorContains(t, err, "; before: okta: DELETE ", "the last response of the API")
		require.ErrorContains(t, err, "POST /oauth2/v1/token: 404")
	}
}

func TestResponsesToTokenRequestsThatAreNotOAuth(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	fetch := func(respond responder) error {
		server := play(respond)
		err := getGrant(t.Context(), newClient(t, server, app.configure, noRetries))
		assert.Len(t, server.requests(), 1)
		return err
	}
	err := fetch(reply(403, "<html>blocked by the firewall</html>"))
	require.ErrorIs(t, err, okta.ErrForbidden)
	require.ErrorContains(t, err, "POST /oauth2/v1/token: 403 Forbidden [no request ID]")
	assert.Equal(t, "<html>blocked by the firewall</html>", string(requireError(t, err).Body))

	err = fetch(reply(204, ""))
	require.ErrorContains(t, err, "POST does not respond with this status")

	err = fetch(reply(401, invalidTokenJSON))
	require.ErrorContains(t, err, "401 E0000011: Invalid token provided")

	for _, status := range []int{301, 302, 303, 307, 308} {
		err = fetch(reply(status, "", "Location: https://evil.example/oauth2/v1/token?secret=1"))
		require.ErrorContains(t, err, "redirects are not followed, this one leads to https://evil.example")
		assert.NotContains(t, err.Error(), "secret=1")
	}
}

func TestMalformedTokenResponses(t *testing.T) {
	t.Parallel()
	const (
		token     = `{"access_token":"eyJhbGciOi.hidden-token.value`
		notObject = "it is not a JSON object"
		noToken   = "it contains no access_token"
		badToken  = "its access_token contains a character that no token has"
		badType   = "its token_type was not requested"
	)
	app := newApp(t, nil)
	for name, c := range map[string]struct {
		body, text string
		dpop       bool
	}{
		"HTML":                  {body: "<html>" + token, text: notObject},
		"empty":                 {body: "", text: notObject},
		"null":                  {body: "null", text: notObject},
		"array":                 {body: "[" + token + `"}]`, text: notObject},
		"cut":                   {body: token + `"`, text: notObject},
		"two objects":           {body: token + `"}{}`, text: notObject},
		"NaN":                   {body: token + `","token_type":"Bearer","expires_in":NaN}`, text: notObject},
		"number too large":      {body: token + `","token_type":"Bearer","expires_in":1e999}`, text: notObject},
		"no token":              {body: `{"token_type":"Bearer","expires_in":3600}`, text: noToken},
		"empty token":           {body: `{"access_token":"","token_type":"Bearer"}`, text: noToken},
		"token is a number":     {body: `{"access_token":12345678,"token_type":"Bearer"}`, text: noToken},
		"another spelling":      {body: strings.ToUpper(token) + `","token_type":"Bearer"}`, text: noToken},
		"token with a line end": {body: token + `\r\nX: y","token_type":"Bearer"}`, text: badToken},
		"token with a space":    {body: token + ` b","token_type":"Bearer"}`, text: badToken},
		"token beyond ASCII":    {body: token + `é","token_type":"Bearer"}`, text: badToken},
		"no type":               {body: token + `","expires_in":3600}`, text: badType},
		"unknown type":          {body: token + `","token_type":"mac"}`, text: badType},
		"type is a number":      {body: token + `","token_type":1}`, text: badType},
		"DPoP without a proof":  {body: token + `","token_type":"DPoP"}`, text: badType},
		"Bearer with ServiceApp.DPoP": {
			body: token + `","token_type":"Bearer"}`, dpop: true,
			text: "its token is not bound, which ServiceApp.DPoP requires",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := app
			app.config.DPoP = c.dpop
			var logged bytes.Buffer
			var seen []okta.Attempt
			logger := slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
			server := play(reply(200, c.body, "X-Okta-Request-Id: req-1"))
			client := newClient(t, server, app.configure, noRetries, observe(&seen), func(c *okta.Config) { c.Logger = logger })
			err := getGrant(t.Context(), client)
			require.ErrorContains(t, err, "POST /oauth2/v1/token: 200 OK: unusable response: "+c.text+" [request req-1]")
			apiErr := requireError(t, err)
			assert.Equal(t, 200, apiErr.StatusCode)
			assert.Len(t, server.requests(), 1)

			logger.Info("x", "error", err, "response", apiErr)
			var failed failure
			assert.Equal(&failed, []any{"other"}, []any{err})
			shown := logged.String() + string(failed) + string(apiErr.Body) + sprint("%+v %#v", seen, seen) +
				sprint("%v %+v %#v %s %q", err, err, err, err, err) + sprint("%v %+v %#v", apiErr, apiErr, *apiErr)
			assert.NotContains(t, strings.ToLower(shown), "hidden")
			assert.NotContains(t, shown, sprint("%x", "hidden"))
		})
	}
}

func TestTokenTypeInAnyCase(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	for kind, scheme := range map[string]string{
		"bearer": "Bearer", "BEARER": "Bearer", "Bearer": "Bearer", "dpop": "DPoP", "DPOP": "DPoP", "DPoP": "DPoP",
	} {
		app.config.DPoP = scheme == "DPoP"
		body := `{"access_token":"abcdefghij","token_type":"` + kind + `","unknown":[{}]}`
		server := play(reply(200, body), reply(200, grantJSON))
		require.NoError(t, get(t.Context(), newClient(t, server, app.configure)))
		assert.Equal(t, scheme+" abcdefghij", server.last().Header.Get("Authorization"))
	}
}

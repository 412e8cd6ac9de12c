package okta_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

func TestRefusalsOfTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	const prefix = "okta: GET /api/v1/users/00uann/grants/oagann01: POST /oauth2/v1/token: "
	for name, c := range map[string]struct {
		change func(*okta.ServiceApp)
		is     error
		status int
		code   string
		text   string
	}{
		"unknown key": {
			func(a *okta.ServiceApp) { a.PrivateKey = okta.Signer(keys()["P-384"]) }, okta.ErrUnauthorized, 401,
			"invalid_client",
			"401 invalid_client: The client_assertion signature is invalid. [request ",
		},
		"unknown key ID": {
			func(a *okta.ServiceApp) { a.KeyID = "other" }, okta.ErrUnauthorized, 401, "invalid_client",
			"401 invalid_client: The client_assertion JWT kid is invalid. [request ",
		},
		"wrong client ID": {
			func(a *okta.ServiceApp) { a.ClientID = "0oaother" }, okta.ErrUnauthorized, 401, "invalid_client",
			"401 invalid_client: The subject of the client_assertion is no known client. [request ",
		},
		"scope not granted": {
			func(a *okta.ServiceApp) { a.Scopes = []string{usersRead, "okta.apps.manage"} }, nil, 400, "invalid_scope",
			"400 invalid_scope: One or more scopes are not granted to the app. [request ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused := app
			c.change(&refused.config)
			network := overNetwork(t)
			client := newClient(t, network, refused.configure)
			err := getGrant(t.Context(), client)
			require.ErrorContains(t, err, prefix+c.text)
			apiErr := requireError(t, err)
			assert.Equal(t, c.status, apiErr.StatusCode)
			assert.Equal(t, c.code, apiErr.OAuth.Code)
			assert.NotEmpty(t, apiErr.RequestID)
			assert.Equal(t, http.MethodPost, apiErr.Method)
			assert.Equal(t, tokenPath, apiErr.Path)
			assert.Equal(t, c.is != nil, errors.Is(err, okta.ErrUnauthorized))
			assert.Len(t, network.requests(), 1, "not tried again")
			require.Error(t, getGrant(t.Context(), client))
			assert.Len(t, network.requests(), 2, "but by the next call")
		})
	}
}

func TestTokenEndpointThatIsNotFoundIsNoMissingGrant(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"Okta's": notFoundJSON, "no such path": `{"errorCode":"E0000008"}`, "HTML": "<html>", "nothing": ""} {
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
		// Nor is it when an attempt of the revoke may have been carried out.
		app.org.Next(nil, oktatest.Reply(401, nil, ""), oktatest.Reply(404, nil, body))
		err := newClient(t, overNetwork(t), app.configure).UserGrants.Revoke(t.Context(), ann, oktatest.DemoGrantID)
		require.NotErrorIs(t, err, okta.ErrNotFound)
		require.ErrorIs(t, err, okta.ErrUnauthorized, "the answer of the API before")
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

	err = fetch(reply(401, `{"errorCode":"E0000011","errorSummary":"Invalid token provided"}`))
	require.ErrorContains(t, err, "401 E0000011: Invalid token provided")

	for _, status := range []int{301, 302, 303, 307, 308} {
		err = fetch(reply(status, "", "Location: https://evil.example/oauth2/v1/token?secret=1"))
		require.ErrorContains(t, err, "redirects are not followed, this one leads to https://evil.example")
		assert.NotContains(t, err.Error(), "secret=1")
	}
}

const hiddenToken = "eyJhbGciOi.hidden-token.value"

func TestMalformedTokenResponses(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	demands := app
	demands.config.DPoP = true
	for name, c := range map[string]struct {
		app        serviceApp
		body, text string
	}{
		"HTML":                   {app, "<html>" + hiddenToken, "it is not a JSON object"},
		"empty":                  {app, "", "it is not a JSON object"},
		"null":                   {app, "null", "it is not a JSON object"},
		"array":                  {app, `[{"access_token":"` + hiddenToken + `"}]`, "it is not a JSON object"},
		"cut":                    {app, `{"access_token":"` + hiddenToken + `"`, "it is not a JSON object"},
		"two objects":            {app, `{"access_token":"` + hiddenToken + `"}{}`, "it is not a JSON object"},
		"NaN":                    {app, `{"access_token":"` + hiddenToken + `","token_type":"Bearer","expires_in":NaN}`, "it is not a JSON object"},
		"no token":               {app, `{"token_type":"Bearer","expires_in":3600}`, "it contains no access_token"},
		"empty token":            {app, `{"access_token":"","token_type":"Bearer"}`, "it contains no access_token"},
		"token is a number":      {app, `{"access_token":12345678,"token_type":"Bearer"}`, "it contains no access_token"},
		"another spelling":       {app, `{"ACCESS_TOKEN":"` + hiddenToken + `","token_type":"Bearer"}`, "it contains no access_token"},
		"token with a line end":  {app, `{"access_token":"` + hiddenToken + `\r\nX: y","token_type":"Bearer"}`, "its access_token contains a character that no token has"},
		"token with a space":     {app, `{"access_token":"` + hiddenToken + ` b","token_type":"Bearer"}`, "its access_token contains a character that no token has"},
		"token beyond ASCII":     {app, `{"access_token":"` + hiddenToken + `é","token_type":"Bearer"}`, "its access_token contains a character that no token has"},
		"no type":                {app, `{"access_token":"` + hiddenToken + `","expires_in":3600}`, "its token_type is not one that was asked for"},
		"unknown type":           {app, `{"access_token":"` + hiddenToken + `","token_type":"mac"}`, "its token_type is not one that was asked for"},
		"type is a number":       {app, `{"access_token":"` + hiddenToken + `","token_type":1}`, "its token_type is not one that was asked for"},
		"DPoP without a proof":   {app, `{"access_token":"` + hiddenToken + `","token_type":"DPoP"}`, "its token_type is not one that was asked for"},
		"Bearer though demanded": {demands, `{"access_token":"` + hiddenToken + `","token_type":"Bearer"}`, "its token is not bound, which ServiceApp.DPoP requires"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var logged bytes.Buffer
			server := play(reply(200, c.body, "X-Okta-Request-Id: req-1"))
			logger := slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
			var observed []okta.Attempt
			err := getGrant(t.Context(), newClient(t, server, c.app.configure, noRetries, func(c *okta.Config) {
				c.Logger, c.OnAttempt = logger, func(_ context.Context, r okta.Attempt) { observed = append(observed, r) }
			}))
			require.ErrorContains(t, err, "POST /oauth2/v1/token: 200 OK: unusable response: "+c.text+" [request req-1]")
			apiErr := requireError(t, err)
			assert.Equal(t, 200, apiErr.StatusCode)
			assert.Len(t, server.requests(), 1)
			logger.Info("x", "error", err, "answer", apiErr)
			var failed failure
			assert.Equal(&failed, []any{"other"}, []any{err})
			all := logged.String() + string(failed) + string(apiErr.Body) + sprint("%v %+v %#v %s %q", err, err, err, err, err) +
				sprint("%v %+v %#v", apiErr, apiErr, *apiErr) + sprint("%+v %#v", observed, observed)
			assert.NotContains(t, all, "hidden")
			assert.NotContains(t, all, sprint("%x", "hidden"))
		})
	}
}

func TestTokenTypeIsReadInAnyCase(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	for _, kind := range []string{"bearer", "BEARER", "Bearer"} {
		server := play(reply(200, `{"access_token":"abcdefghij","token_type":"`+kind+`","unknown":[{}]}`), reply(200, grantJSON))
		require.NoError(t, get(t.Context(), newClient(t, server, app.configure)))
		assert.Equal(t, "Bearer abcdefghij", server.requests()[1].Header.Get("Authorization"))
	}
	app.config.DPoP = true
	for _, kind := range []string{"dpop", "DPOP", "DPoP"} {
		server := play(reply(200, `{"access_token":"abcdefghij","token_type":"`+kind+`"}`), reply(200, grantJSON))
		require.NoError(t, get(t.Context(), newClient(t, server, app.configure)))
		assert.Equal(t, "DPoP abcdefghij", server.requests()[1].Header.Get("Authorization"))
	}
}

func TestExpiresInBeyondAllNumbers(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	server := play(reply(200, `{"access_token":"`+hiddenToken+`","token_type":"Bearer","expires_in":1e999}`), reply(200, grantJSON))
	err := get(t.Context(), newClient(t, server, app.configure, noRetries))
	if err != nil {
		require.ErrorContains(t, err, "unusable response")
		assert.NotContains(t, sprint("%v %#v", err, requireError(t, err)), "hidden")
	}
}

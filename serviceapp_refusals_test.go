package okta_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
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
		change      func(*okta.ServiceApp)
		status      int
		code        string
		description string
	}{
		"unknown key": {
			func(a *okta.ServiceApp) { a.PrivateKey = okta.Signer(keys()["P-384"]) },
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

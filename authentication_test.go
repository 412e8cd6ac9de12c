package okta_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/grantkit/okta"
)

// A service app that was just deactivated gets tokens that the API refuses. Fetching one for each call helps nobody.
func TestRefreshesBackOffWhereFreshTokensAreRefused(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	synctest.Test(t, func(t *testing.T) {
		fetched, deactivated := 0, true
		client := newClient(t, responder(func(req *http.Request) (*http.Response, error) {
			switch {
			case req.URL.Path == tokenPath:
				fetched++
				return reply(200, sprint(`{"access_token":"abcdefgh-%d","token_type":"Bearer","expires_in":3600}`, fetched))(req)
			case deactivated, req.Header.Get("Authorization") == "Bearer abcdefgh-3":
				return reply(401, `{"errorCode":"E0000011","errorSummary":"Invalid token provided"}`)(req)
			}
			return reply(200, grantJSON)(req)
		}), app.configure)
		for range 1000 {
			err := get(t.Context(), client)
			require.ErrorIs(t, err, okta.ErrUnauthorized)
			assert.Equal(t, okta.CodeInvalidToken, requireError(t, err).Code, "what the API said is not lost")
		}
		assert.Equal(t, 2, fetched)

		deactivated = false
		require.NoError(t, get(t.Context(), client), "the app was activated again")
		deactivated = true
		require.ErrorIs(t, get(t.Context(), client), okta.ErrUnauthorized)
		assert.Equal(t, 3, fetched, "a token that was accepted is replaced at once")
		require.ErrorIs(t, get(t.Context(), client), okta.ErrUnauthorized)
		assert.Equal(t, 3, fetched)
		deactivated = false
		require.ErrorIs(t, get(t.Context(), client), okta.ErrUnauthorized, "the third token stays refused")
		require.NoError(t, pause(t.Context(), time.Minute))
		require.NoError(t, get(t.Context(), client), "after a while, another one is fetched")
		assert.Equal(t, 4, fetched)
	})
}

// A server that asks for one nonce after the other says nothing against the token.
func TestTokenIsKeptWhereOnlyNoncesAreRefused(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	network := overNetwork(t)
	client := newClient(t, network, app.configure)
	require.NoError(t, getGrant(t.Context(), client))
	tokens := len(network.tokenRequests())
	for i := range 4 {
		app.org.Next(useNonce(401, "n"+strconv.Itoa(i)))
	}
	apiErr := requireError(t, getGrant(t.Context(), client))
	assert.Equal(t, "use_dpop_nonce", apiErr.OAuth.Code)
	assert.Equal(t, 4, apiErr.Attempts)
	require.NoError(t, getGrant(t.Context(), client))
	assert.Len(t, network.tokenRequests(), tokens)
}

// An app that requires DPoP is the normal case: nothing about its first token is worth a warning.
func TestDPoPHandshakeLogsNoWarning(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	app := newApp(t, requireDPoP)
	app.org.RequireDPoPNonce(true)
	network := overNetwork(t)
	client := newClient(t, network, app.configure, func(c *okta.Config) { c.Logger = slog.New(slog.NewTextHandler(&logged, nil)) })
	require.NoError(t, getGrant(t.Context(), client))
	assert.Len(t, network.requests(), 5, "three token requests, two API requests")
	assert.Empty(t, logged.String())
	app.org.RevokeAccessTokens()
	require.NoError(t, getGrant(t.Context(), client))
	assert.Contains(t, logged.String(), "level=WARN", "a token that was refused is")
}

// A strict verifier compares the htu of a proof with the URL of the request, byte by byte.
func TestProofNamesTheURLAsItIsSent(t *testing.T) {
	t.Parallel()
	app := newApp(t, requireDPoP)
	network := overNetwork(t)
	client := newClient(t, network, app.configure)
	for _, id := range []string{"o'hara", "a,b", "(x)*!$&=+", "joe@acme.com", "a:b", "~-._"} {
		require.ErrorIs(t, client.UserGrants.Revoke(t.Context(), "00uann", id), okta.ErrNotFound)
		last := network.last()
		_, claims := decodeJWT(t, last.Header.Get("DPoP"))
		assert.Equal(t, last.URL.String(), claims["htu"])
		assert.Contains(t, last.URL.String(), "/"+id)
	}
}

func TestTokenSourceOfAPITokens(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{"": "Bearer t", "bearer": "Bearer t", "SSWS": "SSWS t", "ssws": "SSWS t"} {
		server := play(reply(200, grantJSON))
		client := newClient(t, server, func(c *okta.Config) {
			c.Credentials = okta.TokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "t", TokenType: kind}))
		})
		require.NoError(t, get(t.Context(), client))
		assert.Equal(t, want, server.requests()[0].Header.Get("Authorization"))
	}
}

// A batch stops at ErrAuthentication, and at nothing that passes or concerns one item only.
func TestErrAuthentication(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	for _, c := range []struct {
		status  int
		body    string
		matches bool
	}{
		{400, `{"error":"invalid_scope"}`, true}, {401, `{"error":"invalid_client"}`, true}, {403, "<html>", true}, {404, "", true},
		{200, `{"token_type":"Bearer"}`, true}, {429, "", false}, {500, "", false}, {503, "", false},
	} {
		err := get(t.Context(), newClient(t, play(reply(c.status, c.body)), app.configure, noRetries))
		assert.Equal(t, c.matches, errors.Is(err, okta.ErrAuthentication), "%v", err)
	}
	for _, source := range []func() (*oauth2.Token, error){
		func() (*oauth2.Token, error) { return nil, errors.New("vault is sealed") },
		func() (*oauth2.Token, error) { return nil, nil }, //nolint:nilnil // as bad sources do
		func() (*oauth2.Token, error) { return &oauth2.Token{}, nil },
		func() (*oauth2.Token, error) { return &oauth2.Token{AccessToken: "t", TokenType: "mac"}, nil },
	} {
		client := newClient(t, refuse(t), func(c *okta.Config) { c.Credentials = okta.TokenSource(tokenFunc(source)) })
		require.ErrorIs(t, get(t.Context(), client), okta.ErrAuthentication)
	}
	require.NotErrorIs(t, get(t.Context(), newClient(t, play(reply(401, "")))), okta.ErrAuthentication, "the API's own")
	require.NotErrorIs(t, get(t.Context(), newClient(t, play(lose(errReset)), app.configure, noRetries)), okta.ErrAuthentication)
}

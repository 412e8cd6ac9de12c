package okta_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

func TestBearerToken(t *testing.T) {
	t.Parallel()
	server := play(reply(200, grantJSON))
	require.NoError(t, get(t.Context(), newClient(t, server, func(c *okta.Config) { c.Credentials = okta.BearerToken("abc") })))
	assert.Equal(t, "Bearer abc", server.requests()[0].Header.Get("Authorization"))
}

func TestTokenSource(t *testing.T) {
	t.Parallel()
	server := play(reply(200, grantJSON))
	tokens := []string{"one", "two"}
	client := newClient(t, server, func(c *okta.Config) {
		c.Credentials = okta.TokenSource(tokenFunc(func() (*oauth2.Token, error) {
			next := tokens[0]
			tokens = tokens[1:]
			return &oauth2.Token{AccessToken: next}, nil
		}))
	})
	require.NoError(t, get(t.Context(), client))
	require.NoError(t, get(t.Context(), client))
	assert.Equal(t, "Bearer one", server.requests()[0].Header.Get("Authorization"))
	assert.Equal(t, "Bearer two", server.requests()[1].Header.Get("Authorization"))
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

func TestTokenSourceThatFails(t *testing.T) {
	t.Parallel()
	errSource := errors.New("the vault is sealed")
	for name, source := range map[string]tokenFunc{
		"error":        func() (*oauth2.Token, error) { return nil, errSource },
		"nothing":      func() (*oauth2.Token, error) { return nil, nil },
		"no token":     func() (*oauth2.Token, error) { return &oauth2.Token{}, nil },
		"control":      func() (*oauth2.Token, error) { return &oauth2.Token{AccessToken: "secret\n"}, nil },
		"another type": func() (*oauth2.Token, error) { return &oauth2.Token{AccessToken: "secret", TokenType: "DPoP"}, nil },
	} {
		err := get(t.Context(), newClient(t, refuse(t), func(c *okta.Config) { c.Credentials = okta.TokenSource(source) }))
		require.ErrorContains(t, err, "token source", name)
		assert.NotContains(t, err.Error(), "secret", name)
		assert.Equal(t, name == "error", errors.Is(err, errSource))
	}
}

func TestTokenSourceErrorsAreOneLine(t *testing.T) {
	t.Parallel()
	client := newClient(t, refuse(t), func(c *okta.Config) {
		c.Credentials = okta.TokenSource(tokenFunc(func() (*oauth2.Token, error) {
			return nil, errors.New("oauth2: cannot fetch token: 503\nResponse: <html>\x1b[31m")
		}))
	})
	err := get(t.Context(), client)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "\n")
	assert.NotContains(t, err.Error(), "\x1b")
}

func TestTokenSourceThatFailsOnARetryKeepsTheResponse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := play(reply(503, "", "X-Okta-Request-Id: req-1"))
		asked := 0
		err := get(t.Context(), newClient(t, server, func(c *okta.Config) {
			c.Credentials = okta.TokenSource(tokenFunc(func() (*oauth2.Token, error) {
				if asked++; asked > 1 {
					return nil, errors.New("the vault is sealed")
				}
				return &oauth2.Token{AccessToken: "abc"}, nil
			}))
		}))
		require.ErrorContains(t, err, "the vault is sealed")
		assert.Equal(t, "req-1", requireError(t, err).RequestID)
		assert.Len(t, server.requests(), 1)
	})
}

func TestTokenSourceThatPanicsLeavesNothingInFlight(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	synctest.Test(t, func(t *testing.T) {
		org.LimitRate(oktatest.BucketUsers, 1, time.Minute)
		asked := 0
		client := newClient(t, inProcess(org), func(c *okta.Config) {
			c.Credentials = okta.TokenSource(tokenFunc(func() (*oauth2.Token, error) {
				if asked++; asked == 3 { // the second time for the second call, once it has been held
					panic("in the token source")
				}
				return &oauth2.Token{AccessToken: "bearer"}, nil
			}))
		})
		org.AcceptBearerToken("bearer", usersRead)
		require.NoError(t, getGrant(t.Context(), client))
		assert.Panics(t, func() { _ = getGrant(t.Context(), client) })
		assert.Zero(t, client.RateLimits()["/api/v1/users"].InFlight)
		require.NoError(t, getGrant(t.Context(), client))
	})
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

func TestCredentialsGoToTheOrgAlone(t *testing.T) {
	t.Parallel()
	server := play(
		reply(http.StatusOK, `[]`, `Link: <https://evil.example/api/v1/users/u/grants?after=1>; rel="next"`),
		reply(http.StatusFound, "", "Location: https://evil.example/"),
	)
	client := newClient(t, server, func(c *okta.Config) {
		c.HTTPClient.CheckRedirect = func(*http.Request, []*http.Request) error { return nil }
	})
	page, err := client.UserGrants.List(t.Context(), "u", nil)
	require.NoError(t, err)
	_, err = page.Next(t.Context())
	require.Error(t, err)
	require.Len(t, server.requests(), 2)
	for _, req := range server.requests() {
		assert.Equal(t, "acme.okta.com", req.URL.Host)
	}
}

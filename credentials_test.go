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

func TestAuthorizationHeader(t *testing.T) {
	t.Parallel()
	source := func(kind string) okta.Credentials {
		return okta.TokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "t", TokenType: kind}))
	}
	for _, c := range []struct {
		credentials okta.Credentials
		want        string
	}{
		{okta.APIToken("t"), "SSWS t"}, {okta.BearerToken("t"), "Bearer t"},
		{source(""), "Bearer t"}, {source("bearer"), "Bearer t"}, {source("SSWS"), "SSWS t"}, {source("ssws"), "SSWS t"},
	} {
		server := play(reply(200, grantJSON))
		require.NoError(t, get(t.Context(), newClient(t, server, withCredentials(c.credentials))))
		assert.Equal(t, c.want, server.last().Header.Get("Authorization"))
	}
}

func TestTokenSourceIsUsedForEachCall(t *testing.T) {
	t.Parallel()
	server := play(reply(200, grantJSON))
	fetched := 0
	client := newClient(t, server, withCredentials(okta.TokenSource(tokenFunc(func() (*oauth2.Token, error) {
		fetched++
		return &oauth2.Token{AccessToken: sprint("t%d", fetched)}, nil
	}))))
	for _, want := range []string{"Bearer t1", "Bearer t2"} {
		require.NoError(t, get(t.Context(), client))
		assert.Equal(t, want, server.last().Header.Get("Authorization"))
	}
}

func TestTokenSourceThatFails(t *testing.T) {
	t.Parallel()
	errSource := errors.New("the vault is sealed: 503\nResponse: <html>\x1b[31m")
	for name, source := range map[string]tokenFunc{
		"error":    func() (*oauth2.Token, error) { return nil, errSource },
		"nothing":  func() (*oauth2.Token, error) { return nil, nil },
		"no token": func() (*oauth2.Token, error) { return &oauth2.Token{}, nil },
		"control":  func() (*oauth2.Token, error) { return &oauth2.Token{AccessToken: "secret\n"}, nil },
		"another type": func() (*oauth2.Token, error) {
			return &oauth2.Token{AccessToken: "secret", TokenType: "DPoP"}, nil
		},
	} {
		err := get(t.Context(), newClient(t, refuse(t), withCredentials(okta.TokenSource(source))))
		require.ErrorIs(t, err, okta.ErrAuthentication, name)
		require.ErrorContains(t, err, "token source", name)
		for _, hidden := range []string{"secret", "\n", "\x1b"} {
			assert.NotContains(t, err.Error(), hidden, name)
		}
		assert.Equal(t, name == "error", errors.Is(err, errSource))
	}
}

func TestTokenSourceThatFailsOnARetryKeepsTheResponse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := play(reply(503, "", "X-Okta-Request-Id: req-1"))
		fetched := 0
		err := get(t.Context(), newClient(t, server, func(c *okta.Config) {
			c.Credentials = okta.TokenSource(tokenFunc(func() (*oauth2.Token, error) {
				if fetched++; fetched > 1 {
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
		fetched := 0
		client := newClient(t, inProcess(org), func(c *okta.Config) {
			c.Credentials = okta.TokenSource(tokenFunc(func() (*oauth2.Token, error) {
				if fetched++; fetched == 3 { // for the second call, after it was throttled
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

// A batch stops at ErrAuthentication, so it matches nothing that is temporary or concerns one item.
func TestErrAuthentication(t *testing.T) {
	t.Parallel()
	app := newApp(t, nil)
	for _, c := range []struct {
		status  int
		body    string
		matches bool
	}{
		{200, `{"token_type":"Bearer"}`, true}, {400, `{"error":"invalid_scope"}`, true},
		{401, `{"error":"invalid_client"}`, true}, {403, "<html>", true}, {404, "", true},
		{429, "", false}, {500, "", false}, {503, "", false},
	} {
		err := get(t.Context(), newClient(t, play(reply(c.status, c.body)), app.configure, noRetries))
		assert.Equal(t, c.matches, errors.Is(err, okta.ErrAuthentication), "%v", err)
	}
	err := get(t.Context(), newClient(t, play(lose(errReset)), app.configure, noRetries))
	require.NotErrorIs(t, err, okta.ErrAuthentication)
	err = get(t.Context(), newClient(t, play(reply(401, ""))))
	require.NotErrorIs(t, err, okta.ErrAuthentication, "a response of the API")
}

func TestCredentialsAreSentToTheOrgOnly(t *testing.T) {
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

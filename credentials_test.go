package okta_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/grantkit/okta"
)

type jar struct{ asked int }

func (j *jar) SetCookies(*url.URL, []*http.Cookie) {}

func (j *jar) Cookies(*url.URL) []*http.Cookie {
	j.asked++
	return nil
}

func TestBearerToken(t *testing.T) {
	t.Parallel()
	server := play(reply(200, grantJSON))
	require.NoError(t, get(t.Context(), newClient(t, server, func(c *okta.Config) { c.Credentials = okta.BearerToken("abc") })))
	assert.Equal(t, "Bearer abc", server.requests()[0].Header.Get("Authorization"))
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

func TestTokenSourceThatFailsOnARetryKeepsTheAnswer(t *testing.T) {
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

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	for name, credentials := range map[string]okta.Credentials{
		"API token":    okta.APIToken(secret),
		"bearer token": okta.BearerToken(secret),
		"token source": okta.TokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: secret})),
	} {
		config := okta.Config{OrgURL: orgURL, Credentials: credentials, HTTPClient: &http.Client{Transport: &http.Transport{}}, Logger: slog.New(slog.DiscardHandler)}
		client, err := okta.NewClient(config)
		require.NoError(t, err)
		hidden := struct {
			credentials okta.Credentials
			config      okta.Config
			client      *okta.Client
		}{credentials, config, client}
		values := []any{credentials, &credentials, config, &config, client, *client, client.UserGrants, hidden, &hidden, []any{config}}
		for _, value := range values {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T", "%08.3f"} {
				text := sprint(verb, value)
				assert.NotContains(t, text, secret, "%s of %s", verb, name)
				assert.NotContains(t, text, sprint("%x", secret), "%s of %s", verb, name)
				assert.NotContains(t, text, sprint("%d", []byte(secret)), "%s of %s", verb, name)
			}
			var logged bytes.Buffer
			slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "value", value)
			slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "value", value)
			assert.NotContains(t, logged.String(), secret, name)
			var failed failure
			assert.Equal(&failed, []any{value, "other"}, value)
			assert.Contains(t, string(failed), "Not equal")
			assert.NotContains(t, string(failed), secret, "what testify prints, %s", name)
		}
		assert.Equal(t, "[redacted]", sprint("%v", credentials))
		assert.Equal(t, "okta.Client(https://acme.okta.com)", sprint("%v", client))
		for _, value := range []any{credentials, config, client} {
			text, err := json.Marshal(value)
			require.NoError(t, err)
			assert.NotContains(t, string(text), secret)
		}
	}
	var none *okta.Client
	assert.Equal(t, "okta.Client(nil)", sprint("%v", none))
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

package faults_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

// serviceApp returns an org, and a client that authenticates as a service app.
func serviceApp(t *testing.T, options ...func(*okta.Config)) (*oktatest.Org, *okta.Client) {
	t.Helper()
	org := oktatest.NewDemo()
	t.Cleanup(org.Close)
	key, err := serviceKey()
	require.NoError(t, err)
	app := org.AddServiceApp(oktatest.ServiceApp{
		Keys: []oktatest.ServiceAppKey{{Public: key.Public()}}, Scopes: []string{"okta.users.read"},
	})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	config := okta.Config{
		OrgURL:      org.URL,
		Credentials: okta.ServiceApp{ClientID: app.ClientID, PrivateKey: okta.PrivateKeyFromSigner(key), Scopes: app.Scopes},
		HTTPClient:  &http.Client{Transport: transport},
		Retry:       okta.RetryOptions{MinWait: time.Millisecond, MaxWait: 50 * time.Millisecond},
	}
	for _, option := range options {
		option(&config)
	}
	client, err := okta.NewClient(config)
	require.NoError(t, err)
	return org, client
}

func demoGrant(t *testing.T, client *okta.Client) (*okta.OAuth2ScopeConsentGrant, error) {
	t.Helper()
	return client.UserGrants.Get(t.Context(), oktatest.DemoUserID, oktatest.DemoGrantID, nil)
}

// TestSlowTokenRequestDoesNotShortenTheAttempt: AttemptTimeout bounds each HTTP exchange by itself. The call is a
// POST, which is not retried and so would fail.
func TestSlowTokenRequestDoesNotShortenTheAttempt(t *testing.T) {
	t.Parallel()
	org, client := serviceApp(t, func(c *okta.Config) { c.AttemptTimeout = shortAttempt })
	org.Next(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server see a closed connection
		<-r.Context().Done()
	})
	err := client.Do(t.Context(), okta.Request{Method: http.MethodPost, Path: []string{"api", "v1", "policies"}}, nil)
	require.ErrorIs(t, err, okta.ErrNotFound, "the response of the org, which has no such route")
	requests := org.Requests()
	assert.Equal(t, "/api/v1/policies", requests[len(requests)-1].Path)
}

// TestRefusedTokenOfAnotherCallIsReplaced: a call whose token is refused uses the token that another call has fetched
// in the meantime. If that is refused, too, the call may still fetch one itself.
func TestRefusedTokenOfAnotherCallIsReplaced(t *testing.T) {
	t.Parallel()
	org, client := serviceApp(t)
	ctx := t.Context()
	_, err := demoGrant(t, client)
	require.NoError(t, err)
	inFlight, proceed := make(chan struct{}), make(chan struct{})
	org.Next(func(w http.ResponseWriter, r *http.Request, o http.Handler) {
		close(inFlight)
		<-proceed
		o.ServeHTTP(w, r)
	})
	slow := make(chan error)
	go func() {
		_, err := client.UserGrants.Get(ctx, oktatest.DemoUserID, oktatest.DemoGrantID, nil)
		slow <- err
	}()
	<-inFlight
	org.RevokeAccessTokens()
	_, err = demoGrant(t, client) // fetches the second token
	require.NoError(t, err)
	org.RevokeAccessTokens()
	close(proceed)
	require.NoError(t, <-slow)
}

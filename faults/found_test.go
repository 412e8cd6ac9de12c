package faults_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

// serviceApp is an org, and a client of it that signs in as a service app.
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
		Credentials: okta.ServiceApp{ClientID: app.ClientID, PrivateKey: okta.Signer(key), Scopes: app.Scopes},
		HTTPClient:  &http.Client{Transport: transport},
		Retry:       okta.Retry{MinWait: time.Millisecond, MaxWait: 50 * time.Millisecond},
	}
	for _, option := range options {
		option(&config)
	}
	client, err := okta.NewClient(config)
	require.NoError(t, err)
	return org, client
}

// TestSlowSignInLeavesTheAttemptItsTime: AttemptTimeout is for one exchange, and the fetch of a token is another. A POST is
// not tried again, so it would fail.
func TestSlowSignInLeavesTheAttemptItsTime(t *testing.T) {
	t.Parallel()
	org, client := serviceApp(t, func(c *okta.Config) { c.AttemptTimeout = shortAttempt })
	org.Next(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body) // until then, the server does not see that the client has gone
		<-r.Context().Done()
	})
	err := client.Do(t.Context(), okta.Request{Method: http.MethodPost, Path: []string{"api", "v1", "logs"}}, nil)
	require.ErrorIs(t, err, okta.ErrNotFound, "what the org says of this route: the request has arrived")
	requests := org.Requests()
	assert.Equal(t, "/api/v1/logs", requests[len(requests)-1].Path)
}

// TestATokenThatWasRefusedUnusedIsReplacedOnceMore: a call that is told that its token is bad gets the one that other calls have
// fetched meanwhile. When that one is bad, too, the call has not asked for a new one yet.
func TestATokenThatWasRefusedUnusedIsReplacedOnceMore(t *testing.T) {
	t.Parallel()
	org, client := serviceApp(t)
	ctx := t.Context()
	_, err := demoGrant(t, client)
	require.NoError(t, err)
	inFlight, carryOn := make(chan struct{}), make(chan struct{})
	org.Next(func(w http.ResponseWriter, r *http.Request, o http.Handler) {
		close(inFlight)
		<-carryOn
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
	close(carryOn)
	require.NoError(t, <-slow)
}

func demoGrant(t *testing.T, client *okta.Client) (*okta.OAuth2ScopeConsentGrant, error) {
	t.Helper()
	return client.UserGrants.Get(t.Context(), oktatest.DemoUserID, oktatest.DemoGrantID, nil)
}

// TestEscapedEchoesInBodiesThatCannotBeRead: a credential is blotted out of an error's body in JSON's spellings, too, when that
// body is not whole.
func TestEscapedEchoesInBodiesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	const token, escaped = "abc/def+ghi=jkl", `abc\/def+ghi=jkl`
	for _, text := range []string{
		`{"errorSummary":"Invalid token ` + escaped + `","x":1e999}`,
		`{"errorSummary":"Invalid token ` + escaped + `"`,
		`{"errorSummary":"Invalid token ` + escaped + `"} x`,
	} {
		s, err := newServer(nil, func(x *exchange) { x.write(answer{status: 403, body: text}.text()) }, nil)
		require.NoError(t, err)
		transport := &http.Transport{}
		client, err := okta.NewClient(okta.Config{
			OrgURL: "http://" + s.address, Credentials: okta.BearerToken(token), HTTPClient: &http.Client{Transport: transport},
		})
		require.NoError(t, err)
		_, err = get(t.Context(), client)
		var failure *okta.Error
		require.ErrorAs(t, err, &failure)
		assert.NotContains(t, strings.ReplaceAll(string(failure.Body), `\/`, "/"), token)
		transport.CloseIdleConnections()
		s.stop()
	}
}

// TestRevokeThatFindsACut404: the retry of a revoke whose answer was lost is told that the grant is not there, in an answer that
// is cut short. It has to ask again, or to believe it; an error would stay although the grant is revoked.
func TestRevokeThatFindsACut404(t *testing.T) {
	t.Parallel()
	org := oktatest.NewDemo()
	t.Cleanup(org.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := okta.NewClient(okta.Config{
		OrgURL: org.URL, Credentials: okta.APIToken(oktatest.DemoToken), HTTPClient: &http.Client{Transport: transport},
		Retry: okta.Retry{MinWait: time.Millisecond, MaxWait: 50 * time.Millisecond},
	})
	require.NoError(t, err)
	org.Next(oktatest.DropResponse(), oktatest.CutBody(20))
	require.NoError(t, client.UserGrants.Revoke(t.Context(), oktatest.DemoUserID, oktatest.DemoGrantID))
}

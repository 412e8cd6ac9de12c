package recordings_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

// handshake are the recorded responses to the token requests of one client, until it has a token.
type handshake []exchange

// recordedHandshakes returns the handshakes, and the responses that were recorded apart from one: the refusal of a
// request without a proof, and a token for a request with a nonce that was known.
func recordedHandshakes(t *testing.T) (complete []handshake, refusals, renewals []exchange) {
	t.Helper()
	responses := readTokens(t)
	for i := 0; i < len(responses); i++ {
		e := responses[i]
		following := i+1 < len(responses) && responses[i+1].File == e.File && responses[i+1].Status == http.StatusOK
		switch {
		case e.Status == http.StatusOK:
			renewals = append(renewals, e)
		case strings.Contains(e.Body, "use_dpop_nonce") && following:
			complete = append(complete, handshake{e, responses[i+1]})
			i++
		default:
			refusals = append(refusals, e)
		}
	}
	return complete, refusals, renewals
}

// tokenServer responds to token requests with recorded responses, and keeps all requests. The API refuses the access
// token in the first request if revoked is set.
type tokenServer struct {
	lock      sync.Mutex
	responses []exchange
	revoked   bool
	token     []*http.Request
	api       []*http.Request
}

func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if !strings.HasSuffix(r.URL.Path, "/token") {
		s.api = append(s.api, r)
		if s.revoked && len(s.api) == 1 {
			w.Header().Set("WWW-Authenticate", `DPoP error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte("{}"))
		return
	}
	s.token = append(s.token, r)
	if len(s.token) > len(s.responses) {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	s.responses[len(s.token)-1].serve(w)
}

// call makes one API call as a service app.
func (s *tokenServer) call(t *testing.T, dpop bool) error {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	client, err := okta.NewClient(okta.Config{
		OrgURL: server.URL,
		Credentials: okta.ServiceApp{
			ClientID: "0oaservice", PrivateKey: okta.PrivateKeyFromSigner(key), Scopes: []string{"okta.users.read"}, DPoP: dpop,
		},
		Retry: okta.RetryOptions{MaxRetries: -1},
	})
	require.NoError(t, err)
	return client.Do(t.Context(), okta.Request{Path: []string{"api", "v1", "users", "me"}}, nil)
}

// proof returns the claims of a request's DPoP proof, and nil if it has none.
func proof(t *testing.T, r *http.Request) map[string]any {
	t.Helper()
	parts := strings.Split(r.Header.Get("DPoP"), ".")
	if len(parts) != 3 {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, json.Unmarshal(text, &claims))
	return claims
}

func accessToken(t *testing.T, e exchange) string {
	t.Helper()
	token, _ := e.json(t).(map[string]any)["access_token"].(string)
	require.NotEmpty(t, token)
	return token
}

// requireBound checks that a request carries a token that is bound to the key of its proof.
func requireBound(t *testing.T, r *http.Request, token string) {
	t.Helper()
	require.Equal(t, "DPoP "+token, r.Header.Get("Authorization"))
	hash := sha256.Sum256([]byte(token))
	require.Equal(t, base64.RawURLEncoding.EncodeToString(hash[:]), proof(t, r)["ath"])
}

// Each recorded handshake leads to a token that is bound to the client's key: the first proof has no nonce, the second
// the one of the response.
func TestHandshakesLeadToABoundToken(t *testing.T) {
	t.Parallel()
	complete, _, _ := recordedHandshakes(t)
	for _, h := range complete {
		s := &tokenServer{responses: h}
		require.NoError(t, s.call(t, true))
		require.Len(t, s.token, len(h))
		require.NotNil(t, proof(t, s.token[0]))
		assert.Nil(t, proof(t, s.token[0])["nonce"])
		assert.Equal(t, h[0].header().Get("DPoP-Nonce"), proof(t, s.token[1])["nonce"])
		require.Len(t, s.api, 1)
		requireBound(t, s.api[0], accessToken(t, h[1]))
		counts.tokens.Add(int64(len(h)))
	}
	assert.GreaterOrEqual(t, len(complete), 19)
}

// The recorded refusal of a request without a proof makes a client that was not configured for DPoP begin a handshake.
func TestRefusalWithoutAProofBeginsAHandshake(t *testing.T) {
	t.Parallel()
	complete, refusals, _ := recordedHandshakes(t)
	require.NotEmpty(t, refusals)
	for _, refusal := range refusals {
		s := &tokenServer{responses: append([]exchange{refusal}, complete[0]...)}
		require.NoError(t, s.call(t, false))
		require.Len(t, s.token, 3)
		assert.Nil(t, proof(t, s.token[0]), "as it was recorded")
		requireBound(t, s.api[0], accessToken(t, complete[0][1]))
		counts.tokens.Add(1)
	}
}

// A token that was recorded without a handshake before it is one for a nonce that was known: it renews a token.
func TestRenewalNeedsNoHandshake(t *testing.T) {
	t.Parallel()
	complete, _, renewals := recordedHandshakes(t)
	require.NotEmpty(t, renewals)
	for _, renewal := range renewals {
		h := complete[len(complete)-1]
		s := &tokenServer{responses: append(append(handshake{}, h...), renewal), revoked: true}
		require.NoError(t, s.call(t, true))
		require.Len(t, s.token, 3)
		assert.Equal(t, h[1].header().Get("DPoP-Nonce"), proof(t, s.token[2])["nonce"], "the nonce of the last response")
		require.Len(t, s.api, 2)
		requireBound(t, s.api[1], accessToken(t, renewal))
		counts.tokens.Add(1)
	}
}

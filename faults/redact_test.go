package faults_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

// TestEscapedCredentialInInvalidJSONIsRedacted: a credential is redacted in an error's body in the spellings of JSON,
// too, where the body is no valid JSON.
func TestEscapedCredentialInInvalidJSONIsRedacted(t *testing.T) {
	t.Parallel()
	const token, escaped = "abc/def+ghi=jkl", `abc\/def+ghi=jkl`
	for _, text := range []string{
		`{"errorSummary":"Invalid token ` + escaped + `","x":1e999}`,
		`{"errorSummary":"Invalid token ` + escaped + `"`,
		`{"errorSummary":"Invalid token ` + escaped + `"} x`,
	} {
		s, err := newServer(nil, func(x *exchange) { x.write(response{status: 403, body: text}.text()) }, nil)
		require.NoError(t, err)
		transport := &http.Transport{}
		client, err := okta.NewClient(okta.Config{
			OrgURL:      "http://" + s.address,
			Credentials: okta.BearerToken(token),
			HTTPClient:  &http.Client{Transport: transport},
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

// TestNothingSecretReachesTheStandardLogger: net/http logs the bytes that follow a response on a kept connection. They
// are the rest of an access token when the token endpoint's Content-Length is too small.
func TestNothingSecretReachesTheStandardLogger(t *testing.T) {
	t.Parallel()
	c := &cell{shape: shapes[5], mode: always, fault: &fault{serve: func(x *exchange) {
		x.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" + goodToken)
		x.stall()
	}}}
	assert.Equal(t, "200+json/1", c.run())
	assert.Empty(t, c.broken)
	assert.NotContains(t, transportLog.String(), accessToken)
}

package connect

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

// environ loads a configuration from variables, given as "NAME=value".
func environ(variables ...string) func() (okta.Config, error) {
	return func() (okta.Config, error) { return okta.LoadConfigFrom(okta.ConfigSources{Environ: variables}) }
}

func TestDemoOrg(t *testing.T) {
	t.Parallel()
	// Settings without an org apply to the demo org, except for the proxy, which cannot reach it.
	org, err := Open(environ("OKTA_CLIENT_PROXY_HOST=proxy.invalid"), nil, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, "the demo org (in memory)", org.Name)
	assert.Equal(t, []string{"00uann", "00ubob", "00ucid", "00udee"}, org.Users)
	_, err = org.Client.UserGrants.Get(t.Context(), oktatest.DemoUserID, oktatest.DemoGrantID, nil)
	require.NoError(t, err)
	org.Close()
}

func TestConfiguredOrg(t *testing.T) {
	t.Parallel()
	served := oktatest.NewDemo()
	t.Cleanup(served.Close)
	load := environ("OKTA_CLIENT_ORGURL="+served.URL, "OKTA_CLIENT_TOKEN="+oktatest.DemoToken)
	org, err := Open(load, []string{"00ubob"}, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, served.URL, org.Name)
	assert.Equal(t, []string{"00ubob"}, org.Users)
	_, err = org.Client.UserGrants.Get(t.Context(), oktatest.DemoUserID, oktatest.DemoGrantID, nil)
	require.NoError(t, err)
	org.Close()
	assert.Len(t, served.Requests(), 1)
}

// A configuration that is incomplete or wrong never leads to the demo org.
func TestWrongConfiguration(t *testing.T) {
	t.Parallel()
	const url, token = "OKTA_CLIENT_ORGURL=https://acme.okta.com", "OKTA_CLIENT_TOKEN=00token"
	for name, load := range map[string]func() (okta.Config, error){
		"no token":    environ(url),
		"no URL":      environ(token),
		"wrong URL":   environ("OKTA_CLIENT_ORGURL=http://acme.okta.com", token),
		"wrong token": environ(url, "OKTA_CLIENT_TOKEN=00token 1"),
		"wrong mode":  environ("OKTA_CLIENT_AUTHORIZATIONMODE=00token"),
		"password":    environ("OKTA_CLIENT_ORGURL=https://ann:00token@acme.okta.com", token),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org, err := Open(load, []string{"00ubob"}, io.Discard)
			assert.Nil(t, org)
			require.ErrorIs(t, err, okta.ErrInvalidArgument)
			assert.NotContains(t, err.Error(), "00token")
		})
	}
}

func TestWarningsAreShown(t *testing.T) {
	t.Parallel()
	var logs bytes.Buffer
	org, err := Open(environ("OKTA_CLIENT_ORG_URL=https://acme.okta.com"), nil, &logs)
	require.NoError(t, err)
	org.Close()
	assert.Contains(t, logs.String(), "OKTA_CLIENT_ORG_URL is not known")
}

func TestUsers(t *testing.T) {
	t.Parallel()
	org, err := Open(environ(), []string{"00ubob"}, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, []string{"00ubob"}, org.Users)
	org.Close()

	_, err = Open(environ("OKTA_CLIENT_ORGURL=https://acme.okta.com", "OKTA_CLIENT_TOKEN=00token"), nil, io.Discard)
	require.EqualError(t, err, "name a user of https://acme.okta.com")
}

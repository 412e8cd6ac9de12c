package connect

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

func env(url, token string) func(string) string {
	values := map[string]string{"OKTA_CLIENT_ORGURL": url, "OKTA_CLIENT_TOKEN": token}
	return func(name string) string { return values[name] }
}

func TestDemoOrg(t *testing.T) {
	t.Parallel()
	org, err := FromEnv(env("", ""), nil)
	require.NoError(t, err)
	assert.Equal(t, "the demo org (in memory)", org.Name)
	assert.Equal(t, []string{"ann@example.com", "bob@example.com", "cid@example.com", "dee@example.com"}, org.Users)
	_, err = org.Client.UserGrants.Get(t.Context(), oktatest.DemoUserID, oktatest.DemoGrantID, nil)
	require.NoError(t, err)
	org.Close()
}

func TestOrgOfTheEnvironment(t *testing.T) {
	t.Parallel()
	served := oktatest.NewDemo()
	t.Cleanup(served.Close)
	org, err := FromEnv(env(served.URL, oktatest.DemoToken), []string{"00ubob"})
	require.NoError(t, err)
	assert.Equal(t, served.URL, org.Name)
	assert.Equal(t, []string{"00ubob"}, org.Users)
	_, err = org.Client.UserGrants.Get(t.Context(), oktatest.DemoUserID, oktatest.DemoGrantID, nil)
	require.NoError(t, err)
	org.Close()
	assert.Len(t, served.Requests(), 1)
}

// A token without its org, or with a wrong one, is never answered with the demo org.
func TestWrongEnvironment(t *testing.T) {
	t.Parallel()
	const url, token = "https://acme.okta.com", "00token"
	for name, getenv := range map[string]func(string) string{
		"no token":    env(url, ""),
		"no URL":      env("", token),
		"wrong URL":   env("http://acme.okta.com", token),
		"wrong token": env(url, "00token 1"),
		"password":    env("https://ann:00token@acme.okta.com", token),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org, err := FromEnv(getenv, []string{"00ubob"})
			assert.Nil(t, org)
			require.ErrorContains(t, err, "OKTA_CLIENT_ORGURL")
			assert.NotContains(t, err.Error(), token)
		})
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	org, err := FromEnv(env("", ""), []string{"00ubob"})
	require.NoError(t, err)
	assert.Equal(t, []string{"00ubob"}, org.Users)
	org.Close()

	_, err = FromEnv(env("https://acme.okta.com", "00token"), nil)
	require.EqualError(t, err, "name a user of https://acme.okta.com")
}

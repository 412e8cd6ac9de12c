package settings_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/internal/settings"
)

func TestFromYAML(t *testing.T) {
	t.Parallel()
	got, err := settings.FromYAML("okta.yaml", []byte(`
okta:
  client:
    orgUrl: https://acme.okta.com
    scopes: [okta.users.read, "okta.users.manage"]
    privateKey: |
      -----BEGIN PRIVATE KEY-----
      abc
    token: 00123
    requestTimeout: 45
    rateLimit: {maxRetries: 4, maxBackoff: ~}
    proxy:
      host: &host proxy.local
      username: *host
    cache: {enabled: true, anything: [1]}
    clientId:
  testing: {disableHttpsCheck: true}
other: 1
`))
	require.NoError(t, err)
	assert.Equal(t, settings.Settings{
		settings.OrgURL:         {Values: []string{"https://acme.okta.com"}, Place: "okta.yaml:4"},
		settings.Scopes:         {Values: []string{"okta.users.read", "okta.users.manage"}, Place: "okta.yaml:5"},
		settings.PrivateKey:     {Values: []string{"-----BEGIN PRIVATE KEY-----\nabc\n"}, Place: "okta.yaml:6"},
		settings.Token:          {Values: []string{"00123"}, Place: "okta.yaml:9"},
		settings.RequestTimeout: {Values: []string{"45"}, Place: "okta.yaml:10"},
		settings.MaxRetries:     {Values: []string{"4"}, Place: "okta.yaml:11"},
		settings.ProxyHost:      {Values: []string{"proxy.local"}, Place: "okta.yaml:13"},
		settings.ProxyUsername:  {Values: []string{"proxy.local"}, Place: "okta.yaml:14"},
	}, got)
}

func TestFromYAMLWithoutSettings(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing", "---\n", "okta:\n", "okta: {client: }", "okta: {client: {}}", "x: 1"} {
		got, err := settings.FromYAML("f", []byte(text))
		require.NoError(t, err, text)
		assert.Empty(t, got, text)
	}
}

func TestFromYAMLRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"okta:\n\tclient: {}":               "f:2: not valid YAML",
		"okta:\n  client: {token: *SECRET}": "f:2: not valid YAML",
		"okta: {client: {token: \"SECRET}}": "f:1: not valid YAML",
		"[1]":                               "f:1: the file is not a mapping",
		"okta: 7":                           "f:1: okta is not a mapping",
		"okta:\n  client: [SECRET]":         "f:2: okta.client is not a mapping",
		"okta:\n  client:\n    token: a\n    token: SECRET":         "f:4: a key of okta.client stands twice",
		"okta:\n  client:\n    tokn: SECRET":                        "f:3: there is no key okta.client.tokn; is okta.client.token meant?",
		"okta:\n  client:\n    org_url: SECRET":                     "f:3: there is no key okta.client.org_url; is okta.client.orgUrl meant?",
		"okta:\n  client:\n    clientID: SECRET":                    "f:3: there is no key okta.client.clientID; is okta.client.clientId meant?",
		"okta:\n  client:\n    color: SECRET":                       "f:3: there is no key okta.client.color",
		"okta:\n  client:\n    rateLimit:\n      maxRetry: 1":       "f:4: there is no key okta.client.rateLimit.maxRetry",
		"okta:\n  client:\n    rateLimit:\n      maxRetrys: 1":      "f:4: there is no key okta.client.rateLimit.maxRetrys; is okta.client.rateLimit.maxRetries meant?",
		"okta:\n  client:\n    proxy: SECRET":                       "f:3: okta.client.proxy is not a mapping",
		"okta:\n  client:\n    token: [SECRET]":                     "f:3: okta.client.token is not a single value",
		"okta:\n  client:\n    token: {a: SECRET}":                  "f:3: okta.client.token is not a single value",
		"okta:\n  client:\n    scopes: {a: SECRET}":                 "f:3: okta.client.scopes is neither a list nor a single value",
		"okta:\n  client:\n    scopes: [a, [SECRET]]":               "f:3: okta.client.scopes holds something that is not a value",
		"okta:\n  client:\n    scopes: [a, ~]":                      "f:3: okta.client.scopes holds something that is not a value",
		"okta:\n  client:\n    <<: {token: SECRET}":                 "f:3: there is no key okta.client.<<",
		"a: &a [" + strings.Repeat("x,", 9) + "]\nokta: *a":         "f:1: okta is not a mapping",
		"okta: &o {client: *o}":                                     "f:1: there is no key okta.client.client",
		"okta:\n  client:\n    rateLimit: {proxy: {host: SECRET}}":  "f:3: there is no key okta.client.rateLimit.proxy",
		"okta:\n  client:\n    proxy: {cache: SECRET, port: [1]}\n": "f:3:",
	} {
		got, err := settings.FromYAML("f", []byte(text))
		require.ErrorContains(t, err, want, text)
		assert.NotContains(t, err.Error(), "SECRET")
		_ = got
	}
}

func TestFromEnvironment(t *testing.T) {
	t.Parallel()
	environment := map[string]string{
		"OKTA_CLIENT_ORGURL": "https://acme.okta.com", "OKTA_CLIENT_SCOPES": "a,b", "OKTA_CLIENT_TOKEN": "",
		"OKTA_CLIENT_REQUEST_TIMEOUT": "7", "OKTA_CLIENT_RATELIMIT_MAXRETRIES": "3", "OKTA_CLIENT_RATE_LIMIT_MAX_RETRIES": "3",
	}
	got, err := settings.FromEnvironment(func(name string) string { return environment[name] })
	require.NoError(t, err)
	assert.Len(t, got, 4)
	assert.Equal(t, settings.Setting{Values: []string{"a,b"}, Place: "OKTA_CLIENT_SCOPES"}, got[settings.Scopes])
	assert.Equal(t, "OKTA_CLIENT_REQUEST_TIMEOUT", got[settings.RequestTimeout].Place)
	assert.Equal(t, "3", got[settings.MaxRetries].Text())

	environment["OKTA_CLIENT_RATE_LIMIT_MAX_RETRIES"] = "5"
	_, err = settings.FromEnvironment(func(name string) string { return environment[name] })
	require.EqualError(t, err, "OKTA_CLIENT_RATELIMIT_MAXRETRIES and OKTA_CLIENT_RATE_LIMIT_MAX_RETRIES say different things")
}

// Whatever a file holds, it is read or refused with its name, and what is read is what stands in it.
func FuzzFromYAML(f *testing.F) {
	f.Add("okta: {client: {token: abc, scopes: [a, b]}}")
	f.Add("okta:\n  client:\n    privateKey: |\n      x\n    proxy: {host: *h}")
	f.Add("a: &a [*a]\nokta: *a")
	f.Add("okta: {client: {tokn: \"\\x\"}}\n---\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := settings.FromYAML("name-of-file", []byte(text))
		if err != nil {
			require.ErrorContains(t, err, "name-of-file")
			return
		}
		for key, setting := range got {
			assert.NotEmpty(t, key)
			assert.True(t, strings.HasPrefix(setting.Place, "name-of-file:"))
		}
	})
}

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
	got, warnings, err := settings.FromYAML("okta.yaml", []byte(`
okta:
  client:
    orgUrl: https://acme.okta.com
    scopes: [okta.users.read, "okta.users.manage"]
    privateKey: |
      -----BEGIN PRIVATE KEY-----
      abc
    token: 00123
    requestTimeout: 45
    rateLimit: {maxRetries: 4, maxBackoff: ~, maxUse: 0.5}
    proxy:
      host: &host proxy.local
      username: *host
    dpop: true
    clientId:
  testing: {disableHttpsCheck: true}
other: 1
`))
	require.NoError(t, err)
	assert.Empty(t, warnings)
	assert.Equal(t, settings.Settings{
		settings.OrgURL:         {Text: "https://acme.okta.com", Place: "okta.yaml:4"},
		settings.Scopes:         {Text: "okta.users.read,okta.users.manage", Place: "okta.yaml:5"},
		settings.PrivateKey:     {Text: "-----BEGIN PRIVATE KEY-----\nabc\n", Place: "okta.yaml:6"},
		settings.Token:          {Text: "00123", Place: "okta.yaml:9"},
		settings.RequestTimeout: {Text: "45", Place: "okta.yaml:10"},
		settings.MaxRetries:     {Text: "4", Place: "okta.yaml:11"},
		settings.MaxUse:         {Text: "0.5", Place: "okta.yaml:11"},
		settings.ProxyHost:      {Text: "proxy.local", Place: "okta.yaml:13"},
		settings.ProxyUsername:  {Text: "proxy.local", Place: "okta.yaml:14"},
		settings.DPoP:           {Text: "true", Place: "okta.yaml:15"},
	}, got)
}

func TestFromYAMLWithoutSettings(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing", "---\n", "okta:\n", "okta: {client: }", "okta: {client: {}}"} {
		got, warnings, err := settings.FromYAML("f", []byte(text))
		require.NoError(t, err, text)
		assert.Empty(t, got, text)
		assert.Empty(t, warnings, text)
	}
}

func TestFromYAMLRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"okta:\n\tclient: {}", "f:2: not valid YAML"},
		{"okta:\n  client: {token: *SECRET}", "f:2: not valid YAML"},
		{"okta: {client: {token: \"SECRET}}", "f:1: not valid YAML"},
		{"[1]", "f:1: the file is not a mapping"},
		{"okta: 7", "f:1: okta is not a mapping"},
		{"okta:\n  client: [SECRET]", "f:2: okta.client is not a mapping"},
		{"okta:\n  client:\n    token: a\n    token: SECRET", "f:4: okta.client has a key twice"},
		{"okta:\n  client:\n    proxy: SECRET", "f:3: okta.client.proxy is not a mapping"},
		{"okta:\n  client:\n    token: [SECRET]", "f:3: okta.client.token does not have the form"},
		{"okta:\n  client:\n    token: {a: SECRET}", "f:3: okta.client.token does not have the form"},
		{"okta:\n  client:\n    scopes: {a: SECRET}", "f:3: okta.client.scopes does not have the form"},
		{"okta:\n  client:\n    scopes: [a, [SECRET]]", "f:3: okta.client.scopes holds something that is not a single"},
		{"okta:\n  client:\n    scopes: [a, ~]", "f:3: okta.client.scopes holds something that is not a single"},
		{"okta:\n  client:\n    proxy: {port: [1]}\n", "f:3: okta.client.proxy.port does not have the form"},
		{"okta:\n  client:\n    jwk: &a {x: *a}", "f:3: okta.client.jwk is not a JSON Web Key"},
		{"okta:\n  client:\n    jwk: {d: {1: SECRET}}", "f:3: okta.client.jwk is not a JSON Web Key"},
		{"okta:\n  client:\n    <<: SECRET", "or a merge key that does not work"},
		{"okta:\n  client: &c\n    <<: *c\n    token: SECRET", "or a merge key that does not work"},
		{"a: &a [x, y]\nokta: *a", "f:2: okta is not a mapping"},
		{"okta:\n  client:\n    keyId: SECRET1\n    kid: SECRET2", "f:3 and f:4 say different things"},
		{"okta: {client: {privateKeyId: SECRET1,\n kid: SECRET2}}", "f:2 and f:1 say different things"},
		{"a: &a {keyId: SECRET1}\nokta: {client: {<<: *a, kid: x}}\n", "f:1 and f:2 say different things"},
	} {
		_, _, err := settings.FromYAML("f", []byte(c.text))
		require.ErrorContains(t, err, c.want, c.text)
		assert.NotContains(t, err.Error(), "SECRET")
	}
}

// One file serves several SDKs: a key that only another one knows must not stop this one.
func TestUnknownKeyIsAWarning(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"okta:\n  client:\n    tokn: SECRET", "f:3: okta.client.tokn"},
		{"okta:\n  client:\n    clientID: SECRET", "f:3: okta.client.clientID"},
		{"okta:\n  client:\n    color: [SECRET]", "f:3: okta.client.color"},
		{"okta:\n  client:\n    rateLimit:\n      maxRetry: SECRET", "f:4: okta.client.rateLimit.maxRetry"},
		{"okta:\n  client:\n    rateLimit: {proxy: {host: SECRET}}", "f:3: okta.client.rateLimit.proxy"},
		{"okta:\n  client:\n    proxy: {cache: SECRET, keyId: x}\n", "f:3: okta.client.proxy.cache"},
		{"okta: &o {client: *o}", "f:1: okta.client.client"},
		{"okta:\n  client:\n    \"<<\": {token: SECRET}\n    kid: ~", "f:3: a key below okta.client"},
		{"okta:\n  client: {a.SECRET: x}", "f:2: a key below okta.client"},
		{"okta:\n  client: {SECRET99: x}", "f:2: a key below okta.client"},
		{"okta:\n  client: {tokn:00SECRET}", "f:2: a key below okta.client"},
		{"okta:\n  client: {proxy: {SECRET 1: x}}", "f:2: a key below okta.client"},
	} {
		got, warnings, err := settings.FromYAML("f", []byte(c.text))
		require.NoError(t, err, c.text)
		assert.Empty(t, got)
		require.NotEmpty(t, warnings, c.text)
		assert.Equal(t, c.want+" is not known and has no effect", warnings[0])
	}
}

func TestKeyWithoutASpaceAfterItsColon(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"okta: {client: {token:00SECRET}}":                       "f:1: okta.client.token has no space",
		"okta:\n  client:\n    kid: x\n    token:00SECRET : x":   "f:4: okta.client.token has no space",
		"okta: {client: {proxy: {password:00SECRET}}}":           "f:1: okta.client.proxy.password has no space",
		"okta: {client: {privateKey:-----BEGIN PRIVATE SECRET}}": "f:1: okta.client.privateKey has no space",
	} {
		_, warnings, err := settings.FromYAML("f", []byte(text))
		require.NoError(t, err, text)
		require.Len(t, warnings, 1, text)
		assert.Contains(t, warnings[0], want)
		assert.NotContains(t, warnings[0], "SECRET")
	}
	_, warnings, err := settings.FromEnvironment([]string{"OKTA_CLIENT_TOKEN:00SECRET=x"})
	require.NoError(t, err)
	assert.Equal(t, []string{"a variable that begins with OKTA_CLIENT_ is not known and has no effect"}, warnings)
}

func TestKeysOfOtherSDKsAreSkipped(t *testing.T) {
	t.Parallel()
	got, warnings, err := settings.FromYAML("f", []byte(`
okta:
  client:
    cache: {enabled: true, defaultTtl: [1]}
    logging: {enabled: true}
    rateLimit: {enable: true}
    userAgent: x
    raiseException: true
    encryptionType: RSA
    clientSecret: x
    authenticationScheme: SSWS
`))
	require.NoError(t, err)
	assert.Empty(t, got)
	assert.Empty(t, warnings)

	got, warnings, err = settings.FromEnvironment([]string{
		"OKTA_CLIENT_CACHE_ENABLED=1", "OKTA_CLIENT_CACHE_DEFAULT_TTL=1", "OKTA_CLIENT_RATE_LIMIT_ENABLE=1",
		"OKTA_CLIENT_RATELIMIT_ENABLE=1", "OKTA_CLIENT_ENCRYPTION_TYPE=RSA", "OKTA_CLIENT_USERAGENT=x",
		"OKTA_CLIENT_CLIENTSECRET=x", "OKTA_TESTING_DISABLE_HTTPS_CHECK=1",
	})
	require.NoError(t, err)
	assert.Empty(t, got)
	assert.Empty(t, warnings)
}

func TestNamesOfTheKeyID(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"privateKeyId", "keyId", "kid"} {
		got, warnings, err := settings.FromYAML("f", []byte("okta: {client: {"+name+": kid1}}"))
		require.NoError(t, err)
		assert.Empty(t, warnings)
		assert.Equal(t, settings.Settings{settings.PrivateKeyID: {Text: "kid1", Place: "f:1"}}, got)

		variable := "OKTA_CLIENT_" + strings.ToUpper(name)
		got, warnings, err = settings.FromEnvironment([]string{variable + "=kid1"})
		require.NoError(t, err)
		assert.Empty(t, warnings)
		assert.Equal(t, settings.Settings{settings.PrivateKeyID: {Text: "kid1", Place: variable}}, got)
	}
	_, _, err := settings.FromYAML("f", []byte("okta: {client: {keyId: same, kid: same}}"))
	require.NoError(t, err)
}

func TestMergeKeys(t *testing.T) {
	t.Parallel()
	got, warnings, err := settings.FromYAML("f", []byte(`
base: &base
  orgUrl: https://base.okta.com
  token: base
  rateLimit: &limits {maxRetries: 1, maxBackoff: 9}
more: &more {token: more, clientId: more}
okta:
  client:
    <<: [*base, *more]
    orgUrl: https://own.okta.com
    rateLimit: {<<: *limits, maxRetries: 2}
`))
	require.NoError(t, err)
	assert.Empty(t, warnings)
	assert.Equal(t, settings.Settings{
		settings.OrgURL:     {Text: "https://own.okta.com", Place: "f:10"},
		settings.Token:      {Text: "base", Place: "f:4"},
		settings.ClientID:   {Text: "more", Place: "f:6"},
		settings.MaxRetries: {Text: "2", Place: "f:11"},
		settings.MaxBackoff: {Text: "9", Place: "f:5"},
	}, got)
}

// The SDK for Node.js takes a JWK that is written as a mapping.
func TestKeyAsAMapping(t *testing.T) {
	t.Parallel()
	for _, key := range []string{settings.PrivateKey, settings.JWK} {
		got, _, err := settings.FromYAML("f", []byte("okta: {client: {"+key+`: {"kty":"EC","key_ops":["sign"],d: x}}}`))
		require.NoError(t, err)
		assert.JSONEq(t, `{"kty":"EC","key_ops":["sign"],"d":"x"}`, got[key].Text)
	}
}

func TestFromEnvironment(t *testing.T) {
	t.Parallel()
	environ := []string{
		"OKTA_CLIENT_ORGURL=https://acme.okta.com", "OKTA_CLIENT_SCOPES=a,b", "OKTA_CLIENT_TOKEN=",
		"OKTA_CLIENT_CLIENTID=a=b", "OKTA_CLIENT_REQUEST_TIMEOUT=7", "OKTA_CLIENT_RATELIMIT_MAXRETRIES=3",
		"OKTA_CLIENT_RATE_LIMIT_MAX_RETRIES=3",
		"OKTA_CLIENT_MAXUSE=0.5", "OKTA_CLIENT_DPOP=true", "PATH=/bin", "MY_OKTA_CLIENT_TOKEN=x", "",
	}
	got, warnings, err := settings.FromEnvironment(environ)
	require.NoError(t, err)
	assert.Empty(t, warnings)
	assert.Equal(t, settings.Settings{
		settings.OrgURL:         {Text: "https://acme.okta.com", Place: "OKTA_CLIENT_ORGURL"},
		settings.Scopes:         {Text: "a,b", Place: "OKTA_CLIENT_SCOPES"},
		settings.ClientID:       {Text: "a=b", Place: "OKTA_CLIENT_CLIENTID"},
		settings.RequestTimeout: {Text: "7", Place: "OKTA_CLIENT_REQUEST_TIMEOUT"},
		settings.MaxRetries:     {Text: "3", Place: "OKTA_CLIENT_RATE_LIMIT_MAX_RETRIES"},
		settings.MaxUse:         {Text: "0.5", Place: "OKTA_CLIENT_MAXUSE"},
		settings.DPoP:           {Text: "true", Place: "OKTA_CLIENT_DPOP"},
	}, got)

	_, _, err = settings.FromEnvironment(append(environ, "OKTA_CLIENT_RATELIMIT_MAXRETRIES=5"))
	require.EqualError(t, err,
		"OKTA_CLIENT_RATE_LIMIT_MAX_RETRIES and OKTA_CLIENT_RATELIMIT_MAXRETRIES say different things")
}

func TestUnknownVariableIsAWarning(t *testing.T) {
	t.Parallel()
	got, warnings, err := settings.FromEnvironment([]string{
		"OKTA_CLIENT_ORG_URL=SECRET", "OKTA_CLIENT_EMPTY=", "OKTA_CLIENT_TOKEN=x",
	})
	require.NoError(t, err)
	assert.Len(t, got, 1)
	assert.Equal(t, []string{"OKTA_CLIENT_ORG_URL is not known and has no effect"}, warnings)
}

// Every text is read, or refused with an error that names the file.
func FuzzFromYAML(f *testing.F) {
	f.Add("okta: {client: {token: abc, scopes: [a, b]}}")
	f.Add("okta:\n  client:\n    privateKey: |\n      x\n    proxy: {host: *h}")
	f.Add("a: &a [*a]\nokta: *a")
	f.Add("okta: {client: {tokn: \"\\x\"}}\n---\n")
	f.Add("a: &a {<<: *a}\nb: &b {<<: [*a, *b]}\nokta: {client: {<<: *b, jwk: *b, proxy: {<<: *a}}}")
	f.Fuzz(func(t *testing.T, text string) {
		got, warnings, err := settings.FromYAML("name-of-file", []byte(text))
		if err != nil {
			require.ErrorContains(t, err, "name-of-file")
			return
		}
		for key, setting := range got {
			assert.NotEmpty(t, key)
			assert.True(t, strings.HasPrefix(setting.Place, "name-of-file:"))
		}
		for _, warning := range warnings {
			assert.True(t, strings.HasPrefix(warning, "name-of-file:"))
		}
	})
}

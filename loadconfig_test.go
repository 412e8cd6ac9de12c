package okta_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

// load loads a configuration from files, weakest first, and an environment given as "NAME=value".
func load(t *testing.T, files []string, environment ...string) (okta.Config, error) {
	t.Helper()
	sources := okta.ConfigSources{Getenv: getenv(environment)}
	for _, text := range files {
		sources.Files = append(sources.Files, write(t, text, 0o600))
	}
	return okta.LoadConfigFrom(sources)
}

func getenv(environment []string) func(string) string {
	return func(name string) string {
		for _, variable := range environment {
			if value, ok := strings.CutPrefix(variable, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

func write(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "okta.yaml")
	require.NoError(t, os.WriteFile(name, []byte(text), mode))
	require.NoError(t, os.Chmod(name, mode))
	return name
}

// keyTexts returns a new private key as PEM and as JWK.
func keyTexts(t *testing.T) (key *ecdsa.PrivateKey, pemText, jwkText string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	jwk, err := jose.JSONWebKey{Key: key, KeyID: "kid1"}.MarshalJSON()
	require.NoError(t, err)
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), string(jwk)
}

// authorization returns what a client of config sends as its credentials.
func authorization(t *testing.T, config okta.Config) string {
	t.Helper()
	server := play(reply(200, grantJSON))
	config.HTTPClient = &http.Client{Transport: server}
	client, err := okta.NewClient(config)
	require.NoError(t, err)
	require.NoError(t, get(t.Context(), client))
	return server.requests[0].Header.Get("Authorization")
}

func TestLoadConfigPrecedence(t *testing.T) {
	t.Parallel()
	weak := "okta: {client: {orgUrl: https://weak.okta.com, token: weak, requestTimeout: 1, rateLimit: {maxRetries: 1, maxBackoff: 11}}}"
	strong := "okta: {client: {orgUrl: https://strong.okta.com, requestTimeout: 2, rateLimit: {maxBackoff: 12}}}"
	config, err := load(t, []string{weak, strong}, "OKTA_CLIENT_REQUESTTIMEOUT=3", "OKTA_CLIENT_TOKEN=strongest")
	require.NoError(t, err)
	assert.Equal(t, "https://strong.okta.com", config.OrgURL)
	assert.Equal(t, 3*time.Second, config.AttemptTimeout)
	assert.Equal(t, okta.Retry{MaxRetries: 1, MaxWait: 12 * time.Second}, config.Retry)
	assert.Equal(t, "SSWS strongest", authorization(t, config))
	assert.Nil(t, config.HTTPClient)

	config.OrgURL = "https://program.okta.com"
	client, err := okta.NewClient(config)
	require.NoError(t, err)
	assert.Equal(t, "okta.Client(https://program.okta.com)", sprint("%v", client))
}

// A folder in which somebody has put a file must not get a credential that is meant for another org.
func TestLoadConfigKeepsACredentialForItsOrg(t *testing.T) {
	t.Parallel()
	const (
		home   = "okta: {client: {orgUrl: https://acme.okta.com, token: SECRETTOKEN}}"
		nobody = "okta: {client: {token: SECRETTOKEN}}"
		other  = "okta: {client: {orgUrl: https://evil.example}}"
		same   = "okta: {client: {orgUrl: https://acme.okta.com, requestTimeout: 5}}"
		own    = "okta: {client: {orgUrl: https://evil.example, token: its-own}}"
	)
	for _, files := range [][]string{{home, other}, {nobody, other}, {home, same, other}} {
		_, err := load(t, files)
		require.ErrorIs(t, err, okta.ErrInvalidArgument)
		require.ErrorContains(t, err, "is not the org for which token (")
		assert.NotContains(t, err.Error(), "SECRET")
	}
	for _, files := range [][]string{{home}, {home, same}, {home, own}, {other, home}, {other, nobody}} {
		_, err := load(t, files)
		require.NoError(t, err, "%v", files)
	}
	_, err := load(t, []string{home}, "OKTA_CLIENT_ORGURL=https://other.okta.com")
	require.NoError(t, err, "the environment is the user's own")
}

func TestLoadConfigSkipsWhatOnlyOtherSDKsKnow(t *testing.T) {
	t.Parallel()
	_, err := load(t, []string{"okta: {client: {cache: {enabled: true}, logging: {enabled: true}, rateLimit: {enable: true}, encryptionType: x}}"})
	require.NoError(t, err)
	_, err = load(t, []string{"okta: {client: {clientAssertion: SECRET}}"})
	require.ErrorContains(t, err, "okta.client.clientAssertion is not supported")
}

func TestLoadConfigWithoutAnything(t *testing.T) {
	t.Parallel()
	for _, sources := range []okta.ConfigSources{
		{}, {Files: []string{filepath.Join(t.TempDir(), "missing.yaml")}}, {Files: []string{write(t, "", 0o600)}, Getenv: getenv(nil)},
	} {
		config, err := okta.LoadConfigFrom(sources)
		require.NoError(t, err)
		assert.Equal(t, okta.Config{}, config)
	}
}

func TestLoadConfigReadsItsPlaces(t *testing.T) {
	home, work := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home) // the same on Windows
	t.Chdir(work)
	t.Setenv("OKTA_CLIENT_CLIENTID", "0oa1")
	require.NoError(t, os.Mkdir(filepath.Join(home, ".okta"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(home, ".okta", "okta.yaml"), []byte("okta: {client: {orgUrl: https://home.okta.com, token: home}}"), 0o600))
	config, err := okta.LoadConfig()
	require.NoError(t, err)
	assert.Equal(t, "https://home.okta.com", config.OrgURL)

	require.NoError(t, os.WriteFile(".okta.yaml", []byte("okta: {client: {orgUrl: https://work.okta.com}}"), 0o600))
	t.Setenv("OKTA_CLIENT_TOKEN", "environment")
	config, err = okta.LoadConfig()
	require.NoError(t, err)
	assert.Equal(t, "https://work.okta.com", config.OrgURL)
	assert.Equal(t, "SSWS environment", authorization(t, config))
}

func TestLoadConfigModes(t *testing.T) {
	t.Parallel()
	_, pemText, jwkText := keyTexts(t)
	escaped := strings.ReplaceAll(pemText, "\n", `\n`)
	path := write(t, pemText, 0o600)
	for name, c := range map[string]struct {
		environment []string
		want        string
	}{
		"SSWS":               {[]string{"OKTA_CLIENT_TOKEN=abc", "OKTA_CLIENT_AUTHORIZATIONMODE=SSWS"}, "SSWS abc"},
		"SSWS inferred":      {[]string{"OKTA_CLIENT_TOKEN=abc"}, "SSWS abc"},
		"Bearer":             {[]string{"OKTA_CLIENT_TOKEN=abc", "OKTA_CLIENT_AUTHORIZATIONMODE=bearer"}, "Bearer abc"},
		"SSWS beside a key":  {[]string{"OKTA_CLIENT_TOKEN=abc", "OKTA_CLIENT_AUTHORIZATIONMODE=SSWS", "OKTA_CLIENT_PRIVATEKEY=x"}, "SSWS abc"},
		"PEM":                {[]string{"OKTA_CLIENT_PRIVATEKEY=" + pemText, "OKTA_CLIENT_AUTHORIZATIONMODE=PrivateKey"}, ""},
		"PEM inferred":       {[]string{"OKTA_CLIENT_PRIVATEKEY=" + pemText, "OKTA_CLIENT_PRIVATEKEYID=kid2"}, ""},
		"PEM with escapes":   {[]string{"OKTA_CLIENT_PRIVATEKEY=" + escaped}, ""},
		"PEM of a file":      {[]string{"OKTA_CLIENT_PRIVATEKEY=" + path}, ""},
		"JWK":                {[]string{"OKTA_CLIENT_JWK=" + jwkText}, ""},
		"key beside a token": {[]string{"OKTA_CLIENT_TOKEN=abc", "OKTA_CLIENT_AUTHORIZATIONMODE=PrivateKey", "OKTA_CLIENT_JWK=" + jwkText}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, err := load(t, nil, append(c.environment, "OKTA_CLIENT_ORGURL="+orgURL,
				"OKTA_CLIENT_CLIENTID=0oa1", "OKTA_CLIENT_SCOPES=okta.users.read, okta.users.manage")...)
			require.NoError(t, err)
			if c.want != "" {
				assert.Equal(t, c.want, authorization(t, config))
				return
			}
			app, ok := config.Credentials.(okta.ServiceApp)
			require.True(t, ok)
			assert.Equal(t, "0oa1", app.ClientID)
			assert.Equal(t, []string{"okta.users.read", "okta.users.manage"}, app.Scopes)
			_, err = okta.NewClient(config)
			require.NoError(t, err)
		})
	}
}

func TestLoadConfigSignsInAsAServiceApp(t *testing.T) {
	t.Parallel()
	key, pemText, _ := keyTexts(t)
	org := oktatest.NewDemo()
	t.Cleanup(org.Close)
	app := org.AddServiceApp(oktatest.ServiceApp{
		Keys: []oktatest.ServiceAppKey{{ID: "kid1", Public: key.Public()}}, Scopes: []string{usersRead}, DPoP: true,
	})
	config, err := load(t, []string{`
okta:
  client:
    orgUrl: ` + org.URL + `
    authorizationMode: PrivateKey
    clientId: ` + app.ClientID + `
    scopes: [` + usersRead + `]
    privateKeyId: kid1
    privateKey: |
      ` + strings.ReplaceAll(pemText, "\n", "\n      ")})
	require.NoError(t, err)
	client, err := okta.NewClient(config)
	require.NoError(t, err)
	page, err := client.UserGrants.List(t.Context(), ann, nil)
	require.NoError(t, err)
	assert.Len(t, page.Items, 45)
}

func TestLoadConfigRefuses(t *testing.T) {
	t.Parallel()
	_, pemText, jwkText := keyTexts(t)
	app := func(more ...string) []string {
		return append(more, "OKTA_CLIENT_CLIENTID=0oa1", "OKTA_CLIENT_SCOPES=a")
	}
	for want, environment := range map[string][]string{
		"orgUrl (OKTA_CLIENT_ORGURL) must begin with https://":               {"OKTA_CLIENT_ORGURL=SECRET.okta.com"},
		"orgUrl (OKTA_CLIENT_ORGURL) is a template":                          {"OKTA_CLIENT_ORGURL=https://{yourOktaDomain}"},
		"orgUrl (OKTA_CLIENT_ORGURL) holds a user name":                      {"OKTA_CLIENT_ORGURL=https://u:SECRET@acme.okta.com"},
		"authorizationMode (OKTA_CLIENT_AUTHORIZATIONMODE) is not SSWS":      {"OKTA_CLIENT_AUTHORIZATIONMODE=SECRET"},
		"authorizationMode is missing: there is a token and a private key":   {"OKTA_CLIENT_TOKEN=SECRET", "OKTA_CLIENT_JWK=SECRET"},
		"token (OKTA_CLIENT_TOKEN) is not a token":                           {"OKTA_CLIENT_TOKEN=SECRET SECRET"},
		"token is not a token: the token is empty":                           {"OKTA_CLIENT_AUTHORIZATIONMODE=Bearer"},
		"requestTimeout (OKTA_CLIENT_REQUEST_TIMEOUT) is not a number":       {"OKTA_CLIENT_REQUEST_TIMEOUT=30s"},
		"connectionTimeout (OKTA_CLIENT_CONNECTIONTIMEOUT) is not a number":  {"OKTA_CLIENT_CONNECTIONTIMEOUT=-1"},
		"rateLimit.maxRetries (OKTA_CLIENT_RATELIMIT_MAXRETRIES) is not a":   {"OKTA_CLIENT_RATELIMIT_MAXRETRIES=99999999999999999999"},
		"rateLimit.maxBackoff (OKTA_CLIENT_RATE_LIMIT_MAX_BACKOFF) is not a": {"OKTA_CLIENT_RATE_LIMIT_MAX_BACKOFF=1.5"},
		"say different things": {"OKTA_CLIENT_REQUEST_TIMEOUT=1", "OKTA_CLIENT_REQUESTTIMEOUT=2"},
		"proxy.password (OKTA_CLIENT_PROXY_PASSWORD) is given without": {"OKTA_CLIENT_PROXY_PASSWORD=SECRET"},
		"proxy.host (OKTA_CLIENT_PROXY_HOST) is not a host":            {"OKTA_CLIENT_PROXY_HOST=u:SECRET@proxy"},
		"proxy.port (OKTA_CLIENT_PROXY_PORT) is not a number":          {"OKTA_CLIENT_PROXY_HOST=proxy", "OKTA_CLIENT_PROXY_PORT=70000"},
		"clientId is missing":   {"OKTA_CLIENT_PRIVATEKEY=" + pemText},
		"scopes is missing":     {"OKTA_CLIENT_CLIENTID=0oa1", "OKTA_CLIENT_PRIVATEKEY=" + pemText},
		"privateKey is missing": app("OKTA_CLIENT_AUTHORIZATIONMODE=PrivateKey"),
		"privateKey (OKTA_CLIENT_PRIVATEKEY) is neither PEM nor a file": app("OKTA_CLIENT_PRIVATEKEY=MIISECRET"),
		"privateKey (OKTA_CLIENT_PRIVATEKEY) cannot be used: ":          app("OKTA_CLIENT_PRIVATEKEY=-----BEGIN PRIVATE KEY-----SECRET"),
		"jwk (OKTA_CLIENT_JWK) cannot be used: the JWK cannot be read":  app("OKTA_CLIENT_JWK={\"SECRET\""),
		"jwk (OKTA_CLIENT_JWK) is given, and privateKey too":            app("OKTA_CLIENT_JWK="+jwkText, "OKTA_CLIENT_PRIVATEKEY="+pemText),
	} {
		config, err := load(t, nil, environment...)
		require.ErrorIs(t, err, okta.ErrInvalidArgument, want)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "SECRET")
		assert.NotContains(t, err.Error(), "\n")
		assert.Equal(t, okta.Config{}, config)
	}
}

func TestLoadConfigNamesFileAndLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"okta:\n  client:\n    tokn: SECRET":              "okta.yaml:3: there is no key okta.client.tokn; is okta.client.token meant?",
		"okta:\n  client:\n\ttoken: SECRET":               "okta.yaml:3: not valid YAML",
		"okta:\n  client:\n    requestTimeout: SECRET":    "okta.yaml:3) is not a number",
		"okta:\n  client:\n\n\n    orgUrl: ftp://SECRET/": "okta.yaml:5) must begin with https://",
	} {
		_, err := load(t, []string{text})
		require.ErrorIs(t, err, okta.ErrInvalidArgument)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "SECRET")
	}
}

func TestLoadConfigThatCannotRead(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	_, err := okta.LoadConfigFrom(okta.ConfigSources{Files: []string{folder}})
	require.ErrorContains(t, err, folder)
	long := write(t, "# "+strings.Repeat("x", 1<<20), 0o600)
	_, err = okta.LoadConfigFrom(okta.ConfigSources{Files: []string{long}})
	require.ErrorContains(t, err, long+" is longer than")
}

func TestLoadConfigZeros(t *testing.T) {
	t.Parallel()
	config, err := load(t, []string{"okta: {client: {requestTimeout: 0, connectionTimeout: 0, rateLimit: {maxRetries: 0, maxBackoff: 0}}}"})
	require.NoError(t, err)
	assert.Equal(t, okta.Config{Retry: okta.Retry{MaxRetries: -1}}, config, "no retries; everything else by default")
}

func TestLoadConfigWarnsOnceOfFilesThatOthersCanRead(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
	}
	_, pemText, _ := keyTexts(t)
	secret := write(t, "okta: {client: {orgUrl: "+orgURL+", token: abcdefgh}}", 0o644)
	harmless := write(t, "okta: {client: {requestTimeout: 9}}", 0o644)
	key := write(t, pemText, 0o640)
	for _, c := range []struct {
		sources okta.ConfigSources
		want    string
	}{
		{okta.ConfigSources{Files: []string{secret, harmless}}, secret},
		{okta.ConfigSources{Getenv: getenv([]string{
			"OKTA_CLIENT_ORGURL=" + orgURL, "OKTA_CLIENT_PRIVATEKEY=" + key, "OKTA_CLIENT_CLIENTID=0oa1", "OKTA_CLIENT_SCOPES=a",
		})}, key},
	} {
		config, err := okta.LoadConfigFrom(c.sources)
		require.NoError(t, err)
		var logged bytes.Buffer
		config.Logger = slog.New(slog.NewTextHandler(&logged, nil))
		_, err = okta.NewClient(config)
		require.NoError(t, err)
		assert.Equal(t, 1, strings.Count(logged.String(), "level=WARN"))
		assert.Equal(t, 1, strings.Count(logged.String(), c.want))
		assert.NotContains(t, logged.String(), "abcdefgh")
	}
}

func TestLoadConfigProxy(t *testing.T) {
	t.Parallel()
	proxy := rawServer(t, func(_ int, conn net.Conn, request string) {
		target, _, _ := strings.Cut(request, " HTTP/1.1")
		ok := strings.Contains(request, "Proxy-Authorization: Basic dTpw\r\n") && target == "GET http://okta.internal/api/v1/users/u/grants/g"
		status := map[bool]string{true: "200 OK", false: "400 Bad Request"}[ok]
		_, _ = io.WriteString(conn, "HTTP/1.1 "+status+"\r\nConnection: close\r\n\r\n"+grantJSON)
	})
	host, port, err := net.SplitHostPort(strings.TrimPrefix(proxy, "http://"))
	require.NoError(t, err)
	config, err := load(t, []string{"okta: {client: {orgUrl: http://okta.internal, token: abc, connectionTimeout: 5, " +
		"proxy: {host: " + host + ", port: " + port + ", username: u, password: p}}}"})
	require.NoError(t, err)
	config.AllowInsecureHTTP = true
	client, err := okta.NewClient(config)
	require.NoError(t, err)
	require.NoError(t, get(t.Context(), client))
	assert.NotContains(t, sprint("%+v %#v", config, config), "u:p")
}

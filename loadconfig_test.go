package okta_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

// load loads a configuration from files, weakest first, and an environment given as "NAME=value".
func load(t *testing.T, files []string, environ ...string) (okta.Config, error) {
	t.Helper()
	sources := okta.ConfigSources{Environ: environ}
	for _, text := range files {
		sources.Files = append(sources.Files, write(t, text, 0o600))
	}
	return okta.LoadConfigFrom(sources)
}

func write(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "okta.yaml")
	require.NoError(t, os.WriteFile(name, []byte(text), mode))
	require.NoError(t, os.Chmod(name, mode))
	return name
}

// authorization returns the Authorization header that a client of config sends.
func authorization(t *testing.T, config okta.Config) string {
	t.Helper()
	server := play(reply(200, grantJSON))
	config.HTTPClient = &http.Client{Transport: server}
	client, err := okta.NewClient(config)
	require.NoError(t, err)
	require.NoError(t, get(t.Context(), client))
	return server.requests()[0].Header.Get("Authorization")
}

func TestLoadConfigPrecedence(t *testing.T) {
	t.Parallel()
	weak := "okta: {client: {orgUrl: https://weak.okta.com, token: weak, requestTimeout: 1," +
		" rateLimit: {maxRetries: 1, maxBackoff: 11}}}"
	strong := "okta: {client: {orgUrl: https://strong.okta.com, requestTimeout: 2," +
		" rateLimit: {maxBackoff: 12, maxUse: 0.5}}}"
	config, err := load(t, []string{weak, strong}, "OKTA_CLIENT_REQUESTTIMEOUT=3", "OKTA_CLIENT_TOKEN=strongest",
		"OKTA_CLIENT_ORGURL=https://strongest.okta.com")
	require.NoError(t, err)
	assert.Equal(t, "https://strongest.okta.com", config.OrgURL)
	assert.Equal(t, 3*time.Second, config.AttemptTimeout)
	assert.Equal(t, okta.RetryOptions{MaxRetries: 1, MaxBackoff: 12 * time.Second}, config.Retry)
	assert.Equal(t, okta.RateLimiterOptions{MaxUse: 0.5}, config.RateLimiter)
	assert.Equal(t, "SSWS strongest", authorization(t, config))
	assert.Nil(t, config.HTTPClient)

	config.OrgURL = "https://program.okta.com"
	client, err := okta.NewClient(config)
	require.NoError(t, err)
	assert.Equal(t, "okta.Client(https://program.okta.com)", sprint("%v", client))
}

// A file that somebody else has put into the working folder must not get a credential that is meant for another org.
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
		require.ErrorContains(t, err, "is not the one for which token (")
		assert.NotContains(t, err.Error(), "SECRET")
	}
	for _, files := range [][]string{{home}, {home, same}, {home, own}, {other, home}, {other, nobody}} {
		_, err := load(t, files)
		require.NoError(t, err, "%v", files)
	}
	_, err := load(t, []string{home, "okta: {client: {orgUrl: 'HTTPS://ACME.okta.com:443/'}}"})
	require.NoError(t, err, "the same org in another spelling")
	_, err = load(t, []string{home, "okta: {client: {token: ANOTHER-SECRET}}", other}) // in the middle file alone
	require.ErrorContains(t, err, "is not the one for which token (")
	_, err = load(t, []string{home}, "OKTA_CLIENT_ORGURL=https://other.okta.com")
	require.NoError(t, err, "the environment is the user's own")

	token := "OKTA_CLIENT_TOKEN=SECRETTOKEN"
	_, err = load(t, []string{same, other}, token)
	require.ErrorIs(t, err, okta.ErrInvalidArgument)
	require.ErrorContains(t, err, "with OKTA_CLIENT_TOKEN, it belongs in the environment")
	assert.NotContains(t, err.Error(), "SECRET")
	for _, files := range [][]string{{same}, {same, same}, {other}} {
		_, err := load(t, files, token)
		require.NoError(t, err, "%v", files)
	}
	_, err = load(t, []string{same, other}, token, "OKTA_CLIENT_ORGURL=https://acme.okta.com")
	require.NoError(t, err)
}

func TestLoadConfigKeepsAPasswordForItsProxy(t *testing.T) {
	t.Parallel()
	const (
		home  = "okta: {client: {proxy: {host: proxy.local, username: u, password: SECRET}}}"
		other = "okta: {client: {proxy: {host: evil.example}}}"
		own   = "okta: {client: {proxy: {host: evil.example, password: its-own}}}"
	)
	_, err := load(t, []string{home, other})
	require.ErrorIs(t, err, okta.ErrInvalidArgument)
	require.ErrorContains(t, err, "is not the one for which proxy.password (")
	assert.NotContains(t, err.Error(), "SECRET")
	_, err = load(t, []string{home, own})
	require.NoError(t, err)
	_, err = load(t, []string{home, own}, "OKTA_CLIENT_PROXY_PASSWORD=SECRET")
	require.ErrorIs(t, err, okta.ErrInvalidArgument)
	assert.NotContains(t, err.Error(), "SECRET")
}

func TestLoadConfigRefusesAClientAssertion(t *testing.T) {
	t.Parallel()
	_, err := load(t, []string{"okta: {client: {clientAssertion: SECRET, token: abc}}"})
	require.ErrorIs(t, err, okta.ErrInvalidArgument)
	require.ErrorContains(t, err, "okta.yaml:1) is not supported")
	assert.NotContains(t, err.Error(), "SECRET")
}

func TestLoadConfigWarnsOfUnknownNames(t *testing.T) {
	t.Parallel()
	config, err := load(t, []string{"okta:\n  client:\n    orgUrl: " + orgURL + "\n    tokn: SECRET\n    cache: {}"},
		"OKTA_CLIENT_ORG_URL=SECRET", "OKTA_CLIENT_CACHE_ENABLED=1", "OKTA_CLIENT_TOKEN=abc")
	require.NoError(t, err)
	var logged bytes.Buffer
	config.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	_, err = okta.NewClient(config)
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(logged.String(), "level=WARN"))
	assert.Contains(t, logged.String(), "okta.yaml:4: okta.client.tokn is not known")
	assert.Contains(t, logged.String(), "OKTA_CLIENT_ORG_URL is not known")
	assert.NotContains(t, logged.String(), "SECRET")
}

func TestLoadConfigWithoutAnything(t *testing.T) {
	t.Parallel()
	for _, sources := range []okta.ConfigSources{
		{}, {Files: []string{filepath.Join(t.TempDir(), "missing.yaml")}}, {Files: []string{write(t, "", 0o600)}},
		{Environ: []string{"PATH=/bin"}},
	} {
		config, err := okta.LoadConfigFrom(sources)
		require.NoError(t, err)
		assert.Equal(t, okta.Config{}, config)
	}
}

func TestLoadConfigReadsTheDefaultFiles(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home) // the same on Windows
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir(filepath.Join(home, ".okta"), 0o700))
	for _, file := range []string{filepath.Join(home, ".okta", "okta.yaml"), "okta.yaml", ".okta.yaml"} {
		url := "https://" + filepath.Base(file) + ".example.com"
		require.NoError(t, os.WriteFile(file, []byte("okta: {client: {orgUrl: "+url+", token: "+file+"}}"), 0o600))
		config, err := okta.LoadConfig()
		require.NoError(t, err)
		assert.Equal(t, url, config.OrgURL)
		assert.Equal(t, "SSWS "+file, authorization(t, config))
	}
	t.Setenv("OKTA_CLIENT_TOKEN", "environment")
	t.Setenv("OKTA_CLIENT_ORGURL", "https://environment.example.com")
	config, err := okta.LoadConfig()
	require.NoError(t, err)
	assert.Equal(t, "https://environment.example.com", config.OrgURL)
	assert.Equal(t, "SSWS environment", authorization(t, config))
}

func TestLoadConfigModes(t *testing.T) {
	t.Parallel()
	pemText, jwkText := pkcs8(t, keys()["P-256"]), jwk(t, keys()["P-256"], "kid1")
	const token, key, set = "OKTA_CLIENT_TOKEN=abc", "OKTA_CLIENT_PRIVATEKEY=", "OKTA_CLIENT_JWK="
	const mode = "OKTA_CLIENT_AUTHORIZATIONMODE="
	for name, c := range map[string]struct {
		environ []string
		want    string
	}{
		"SSWS":                    {[]string{token, mode + "SSWS"}, "SSWS abc"},
		"SSWS by default":         {[]string{token}, "SSWS abc"},
		"Bearer":                  {[]string{token, mode + "bearer"}, "Bearer abc"},
		"SSWS beside a key":       {[]string{token, mode + "SSWS", key + "x"}, "SSWS abc"},
		"token before a key":      {[]string{token, key + pemText}, "SSWS abc"},
		"token before a JWK":      {[]string{token, set + jwkText}, "SSWS abc"},
		"key beside a token":      {[]string{token, mode + "PrivateKey", key + pemText}, ""},
		"JWK beside a token":      {[]string{token, mode + "jwk", set + jwkText}, ""},
		"PrivateKey beside a JWK": {[]string{mode + "PrivateKey", key + pemText, set + "x"}, ""},
		"JWK beside a PrivateKey": {[]string{mode + "JWK", key + "x", set + jwkText}, ""},
		"JWK in the other mode":   {[]string{mode + "PrivateKey", set + jwkText}, ""},
		"PEM in the other mode":   {[]string{mode + "JWK", key + pemText}, ""},
		"key without a mode":      {[]string{key + pemText}, ""},
		"JWK without a mode":      {[]string{set + jwkText}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, err := load(t, nil, append(c.environ, "OKTA_CLIENT_ORGURL="+orgURL,
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
			assert.False(t, app.DPoP)
			_, err = okta.NewClient(config)
			require.NoError(t, err)
		})
	}
}

// Okta's users have the key of an app in any of these forms.
func TestLoadConfigKeys(t *testing.T) {
	t.Parallel()
	key := keys()["P-256"]
	pemText, jwkText := pkcs8(t, key), jwk(t, key, "kid1")
	org := newOrg(t)
	app := org.AddServiceApp(oktatest.ServiceApp{
		Keys: []oktatest.ServiceAppKey{{ID: "kid1", Public: key.Public()}}, Scopes: []string{usersRead}, DPoP: true,
	})
	set := `{"keys": [` + jwk(t, keys()["P-384"], "other") + `, ` + jwkText + `]}`
	indented := strings.ReplaceAll(pemText, "\n", "\n      ")
	for name, lines := range map[string]string{
		"PEM":                   "privateKeyId: kid1\n    privateKey: |\n      " + indented,
		"PEM without line ends": "keyId: kid1\n    privateKey: '" + strings.ReplaceAll(pemText, "\n", `\n`) + "'",
		"PEM file":              "kid: kid1\n    privateKey: " + write(t, pemText, 0o600),
		"PEM with quotes": `privateKeyId: kid1
    privateKey: '"` + strings.ReplaceAll(pemText, "\n", `\r\n`) + `"'`,
		"PEM in base64":       "kid: kid1\n    privateKey: " + base64.StdEncoding.EncodeToString([]byte(pemText)),
		"PEM file with a BOM": "kid: kid1\n    privateKey: " + write(t, "\uFEFF"+pemText, 0o600),
		"JWK in base64":       "jwk: " + base64.RawURLEncoding.EncodeToString([]byte(jwkText)),
		"JWK with quotes":     `jwk: '"` + jwkText + `"'`,
		"JWK file with a BOM": "privateKey: " + write(t, "\uFEFF"+jwkText, 0o600),
		"JWK":                 "jwk: '" + jwkText + "'",
		"JWK as a mapping":    "jwk: " + jwkText,
		"JWK in privateKey":   "privateKey: '" + jwkText + "'",
		"JWK file":            "privateKey: " + write(t, jwkText, 0o600),
		"set of one":          `jwk: '{"keys": [` + jwkText + `]}'`,
		"set":                 "kid: kid1\n    jwk: '" + set + "'",
		"set as a mapping":    "kid: kid1\n    jwk: " + set,
		"set file":            "kid: kid1\n    privateKey: " + write(t, set, 0o600),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, err := load(t, []string{`
okta:
  client:
    orgUrl: ` + org.URL + `
    clientId: ` + app.ClientID + `
    scopes: [` + usersRead + `]
    ` + lines})
			require.NoError(t, err)
			client, err := okta.NewClient(config)
			require.NoError(t, err)
			page, err := client.UserGrants.List(t.Context(), ann, nil)
			require.NoError(t, err)
			assert.Len(t, page.Items, 45)
		})
	}
}

func TestLoadConfigDPoP(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"true": true, "True": true, "false": false, "": false} {
		config, err := load(t, nil, "OKTA_CLIENT_DPOP="+value, "OKTA_CLIENT_JWK="+jwk(t, keys()["P-384"], ""),
			"OKTA_CLIENT_CLIENTID=0oa1", "OKTA_CLIENT_SCOPES=a")
		require.NoError(t, err)
		assert.Equal(t, want, config.Credentials.(okta.ServiceApp).DPoP)
	}
}

func TestLoadConfigAdminConsole(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"https://acme-admin.okta.com", "https://acme-admin.oktapreview.com/", "https://ACME-ADMIN.OKTA-EMEA.COM:443",
		"https://acme-admin.okta.mil", "https://acme-admin.okta-gov.com", "https://acme-admin.trexcloud.com",
	} {
		_, err := load(t, nil, "OKTA_CLIENT_ORGURL="+url)
		require.ErrorContains(t, err, "is that of the admin console", url)
	}
	for _, url := range []string{
		"https://x-admin.okta-lab.example.com", "https://x-admin.oktapreview.example.com", "https://admin.okta.com",
		"https://gateway.example.com/acme-admin.okta.com", "https://acme-admin.example.com",
	} {
		_, err := load(t, nil, "OKTA_CLIENT_ORGURL="+url)
		require.NoError(t, err, url)
	}
}

func TestLoadConfigRefuses(t *testing.T) {
	t.Parallel()
	pemText, jwkText := pkcs8(t, keys()["P-256"]), jwk(t, keys()["P-256"], "kid1")
	other, sameID := jwk(t, keys()["P-384"], ""), jwk(t, keys()["P-384"], "kid1")
	set := func(keys ...string) string { return `JWK={"keys": [` + strings.Join(keys, ", ") + "]}" }
	app := func(more ...string) []string { return append(more, "CLIENTID=0oa1", "SCOPES=a") }
	for _, c := range []struct {
		want    string
		environ []string // without OKTA_CLIENT_
	}{
		{"orgUrl (OKTA_CLIENT_ORGURL) must begin with https://", []string{"ORGURL=SECRET.okta.com"}},
		{"orgUrl (OKTA_CLIENT_ORGURL) begins or ends with a quotation mark", []string{`ORGURL="https://SECRET.okta.com"`}},
		{"orgUrl (OKTA_CLIENT_ORGURL) begins or ends with a quotation mark", []string{`ORGURL='https://SECRET.okta.com'`}},
		{"orgUrl (OKTA_CLIENT_ORGURL) contains a line end (CR or LF)", []string{"ORGURL=https://SECRET.okta.com\r"}},
		{"orgUrl (OKTA_CLIENT_ORGURL) begins or ends with a space", []string{"ORGURL=https://SECRET.okta.com "}},
		{"orgUrl (OKTA_CLIENT_ORGURL) is that of an authorization server", []string{"ORGURL=https://SECRET.io/oauth2/default"}},
		{"token (OKTA_CLIENT_TOKEN) is not a token: the token begins or ends with a quotation", []string{`TOKEN="00SECRET"`}},
		{"token (OKTA_CLIENT_TOKEN) is not a token: the token contains a line end", []string{"TOKEN=00SECRET\r"}},
		{"orgUrl (OKTA_CLIENT_ORGURL) is a template", []string{"ORGURL=https://{yourOktaDomain}"}},
		{"orgUrl (OKTA_CLIENT_ORGURL) contains a user name", []string{"ORGURL=https://u:SECRET@acme.okta.com"}},
		{"(OKTA_CLIENT_AUTHORIZATIONMODE) is not SSWS, Bearer, ", []string{"AUTHORIZATIONMODE=SECRET"}},
		{"(OKTA_CLIENT_AUTHORIZATIONMODE) is JWT, a client assertion", []string{"AUTHORIZATIONMODE=jwt"}},
		{"(OKTA_CLIENT_CLIENTASSERTION) is not supported", []string{"CLIENTASSERTION=SECRET", "TOKEN=abc"}},
		{"authorizationMode is missing: privateKey and jwk are both given", app("JWK="+jwkText, "PRIVATEKEY="+pemText)},
		{"KEYID and OKTA_CLIENT_PRIVATEKEYID say different", []string{"KEYID=SECRET", "PRIVATEKEYID=SECRET2"}},
		{"rateLimit.maxUse (OKTA_CLIENT_MAXUSE) is not a number above 0", []string{"MAXUSE=0"}},
		{"(OKTA_CLIENT_MAXUSE) is not a number above 0 and up to 1", []string{"MAXUSE=1.5"}},
		{"(OKTA_CLIENT_MAXUSE) is not a number", []string{"MAXUSE=NaN"}},
		{"(OKTA_CLIENT_MAXUSE) is not a number", []string{"MAXUSE=50%"}},
		{"dpop (OKTA_CLIENT_DPOP) is neither true nor false", []string{"DPOP=SECRET", "TOKEN=abc"}},
		{"token (OKTA_CLIENT_TOKEN) is not a token", []string{"TOKEN=SECRET SECRET"}},
		{"token is not a token: the token is empty", []string{"AUTHORIZATIONMODE=Bearer"}},
		{"requestTimeout (OKTA_CLIENT_REQUEST_TIMEOUT) is not a number", []string{"REQUEST_TIMEOUT=30s"}},
		{"connectionTimeout (OKTA_CLIENT_CONNECTIONTIMEOUT) is not a number", []string{"CONNECTIONTIMEOUT=-1"}},
		{"rateLimit.maxRetries (OKTA_CLIENT_RATELIMIT_MAXRETRIES) is", []string{"RATELIMIT_MAXRETRIES=9999999999"}},
		{"rateLimit.maxBackoff (OKTA_CLIENT_RATE_LIMIT_MAX_BACKOFF) is not", []string{"RATE_LIMIT_MAX_BACKOFF=1.5"}},
		{"say different things", []string{"REQUEST_TIMEOUT=1", "REQUESTTIMEOUT=2"}},
		{"proxy.password (OKTA_CLIENT_PROXY_PASSWORD) is given without", []string{"PROXY_PASSWORD=SECRET"}},
		{"proxy.host (OKTA_CLIENT_PROXY_HOST) is not a host", []string{"PROXY_HOST=u:SECRET@proxy"}},
		{"proxy.port (OKTA_CLIENT_PROXY_PORT) is not a number", []string{"PROXY_HOST=proxy", "PROXY_PORT=70000"}},
		{"clientId is missing", []string{"PRIVATEKEY=" + pemText}},
		{"scopes is missing", []string{"CLIENTID=0oa1", "PRIVATEKEY=" + pemText}},
		{"privateKey is missing", app("AUTHORIZATIONMODE=PrivateKey")},
		{"jwk is missing", app("AUTHORIZATIONMODE=JWK")},
		{"privateKey (OKTA_CLIENT_PRIVATEKEY) is neither PEM, nor a JWK", app("PRIVATEKEY=MIISECRET")},
		{"privateKey (OKTA_CLIENT_PRIVATEKEY) is a key without its BEGIN", app("PRIVATEKEY=" + bareDER(pemText))},
		{"privateKey (OKTA_CLIENT_PRIVATEKEY) cannot be used: ", app("PRIVATEKEY=-----BEGIN PRIVATE KEY-----SECRET")},
		{"jwk (OKTA_CLIENT_JWK) cannot be used: the JWK cannot be read", app(`JWK={"SECRET"`)},
		{"jwk (OKTA_CLIENT_JWK) is a set of 2 keys: privateKeyId must name one of them", app(set(jwkText, other))},
		{"jwk (OKTA_CLIENT_JWK) is a set of 2 keys", app(set(jwkText, sameID), "KID=kid1")},
		{"jwk (OKTA_CLIENT_JWK) is a set of 2 keys", app(set(jwkText, other), "KID=SECRET")},
		{"jwk (OKTA_CLIENT_JWK) is a set of 0 keys", app(set())},
	} {
		for i, variable := range c.environ {
			c.environ[i] = "OKTA_CLIENT_" + variable
		}
		config, err := load(t, nil, c.environ...)
		require.ErrorIs(t, err, okta.ErrInvalidArgument, c.want)
		require.ErrorContains(t, err, c.want)
		assert.NotContains(t, err.Error(), "SECRET")
		assert.NotContains(t, err.Error(), "\n")
		assert.Equal(t, okta.Config{}, config)
	}
}

// bareDER returns what stands within a PEM block.
func bareDER(pemText string) string {
	lines := strings.Split(strings.TrimSpace(pemText), "\n")
	return strings.Join(lines[1:len(lines)-1], "")
}

func TestLoadConfigKeyInTheHomeFolder(t *testing.T) {
	file := write(t, pkcs8(t, keys()["P-256"]), 0o600)
	t.Setenv("HOME", filepath.Dir(file))
	t.Setenv("USERPROFILE", filepath.Dir(file)) // the same on Windows
	path := "OKTA_CLIENT_PRIVATEKEY=~/" + filepath.Base(file)
	_, err := load(t, nil, path, "OKTA_CLIENT_CLIENTID=0oa1", "OKTA_CLIENT_SCOPES=a")
	require.NoError(t, err)
}

func TestLoadConfigNamesFileAndLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
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

func TestLoadConfigUnreadableFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	_, err := okta.LoadConfigFrom(okta.ConfigSources{Files: []string{folder}})
	require.ErrorContains(t, err, folder)
	long := write(t, "# "+strings.Repeat("x", 1<<20), 0o600)
	_, err = okta.LoadConfigFrom(okta.ConfigSources{Files: []string{long}})
	require.ErrorContains(t, err, long+" is longer than")
}

// A folder that cannot exist contains no file.
func TestLoadConfigFileThatCannotExist(t *testing.T) {
	t.Parallel()
	file := write(t, "", 0o600)
	for _, home := range []string{os.DevNull, file, filepath.Join(file, "x"), strings.Repeat("x", 5000), "/missing"} {
		config, err := okta.LoadConfigFrom(okta.ConfigSources{Files: []string{filepath.Join(home, ".okta", "okta.yaml")}})
		require.NoError(t, err, home)
		assert.Equal(t, okta.Config{}, config)
	}
}

// In a container, the home folder may be that of another user, and a bind mount of a missing file makes a folder.
func TestLoadConfigUnreadableFileBesideTheEnvironment(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	loop := filepath.Join(folder, "loop")
	require.NoError(t, os.Symlink("loop", loop))
	closed := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.Mkdir(closed, 0))
	files := map[string]string{
		folder: "it is not a regular file",
		loop:   "too many",
		filepath.Join(write(t, "", 0o600), "okta.yaml"): "not a directory",
	}
	if os.Getuid() > 0 { // root may read everything
		files[filepath.Join(closed, ".okta", "okta.yaml")] = "permission denied"
	}
	for file, reason := range files {
		environ := []string{"OKTA_CLIENT_ORGURL=" + orgURL, "OKTA_CLIENT_TOKEN=abc"}
		config, err := okta.LoadConfigFrom(okta.ConfigSources{Files: []string{file}, Environ: environ})
		require.NoError(t, err, file)
		assert.Equal(t, "SSWS abc", authorization(t, config))
		var logged bytes.Buffer
		config.Logger = slog.New(slog.NewTextHandler(&logged, nil))
		_, err = okta.NewClient(config)
		require.NoError(t, err)
		assert.Equal(t, 1, strings.Count(logged.String(), "level=WARN"))
		assert.Contains(t, logged.String(), file+" cannot be read: ")

		for _, incomplete := range [][]string{nil, environ[:1], environ[1:]} {
			_, err := okta.LoadConfigFrom(okta.ConfigSources{Files: []string{file}, Environ: incomplete})
			require.ErrorIs(t, err, okta.ErrInvalidArgument)
			require.ErrorContains(t, err, file+" cannot be read: ")
			require.ErrorContains(t, err, reason)
		}
	}
}

func TestLoadConfigZeroIsTheDefaultButForRetries(t *testing.T) {
	t.Parallel()
	config, err := load(t, []string{
		"okta: {client: {requestTimeout: 0, connectionTimeout: 0, rateLimit: {maxRetries: 0, maxBackoff: 0}}}",
	})
	require.NoError(t, err)
	assert.Equal(t, okta.Config{Retry: okta.RetryOptions{MaxRetries: -1}}, config, "no retries, and the defaults")
}

func TestLoadConfigWarnsOnceOfFilesThatOthersCanRead(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
	}
	secret := write(t, "okta: {client: {orgUrl: "+orgURL+", token: abcdefgh}}", 0o644)
	harmless := write(t, "okta: {client: {requestTimeout: 9}}", 0o644)
	key := write(t, pkcs8(t, keys()["P-256"]), 0o640)
	for _, c := range []struct {
		sources okta.ConfigSources
		want    string
	}{
		{okta.ConfigSources{Files: []string{secret, harmless}}, secret},
		{okta.ConfigSources{Environ: []string{
			"OKTA_CLIENT_ORGURL=" + orgURL, "OKTA_CLIENT_PRIVATEKEY=" + key, "OKTA_CLIENT_CLIENTID=0oa1",
			"OKTA_CLIENT_SCOPES=a",
		}}, key},
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
		ok := strings.Contains(request, "Proxy-Authorization: Basic dTpw\r\n") &&
			target == "GET http://okta.internal/api/v1/users/u/grants/g"
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

// As in okta-sdk-golang v6, rateLimit.maxBackoff shortens a wait. It does not make a 429 final.
func TestMaxBackoffCutsAWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config, err := okta.LoadConfigFrom(okta.ConfigSources{Environ: []string{
			"OKTA_CLIENT_ORGURL=" + orgURL, "OKTA_CLIENT_TOKEN=" + apiToken, "OKTA_CLIENT_RATELIMIT_MAXBACKOFF=5",
		}})
		require.NoError(t, err)
		server := play(reply(429, limitedJSON, limits("600", in5m)...), reply(200, grantJSON))
		config.HTTPClient = &http.Client{Transport: server}
		config.RateLimiter.Disabled = true
		client, err := okta.NewClient(config)
		require.NoError(t, err)
		require.NoError(t, get(t.Context(), client))
		assert.Equal(t, []time.Duration{5 * time.Second}, server.waits())
	})
}

package okta

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grantkit/okta/internal/settings"
)

// ConfigSources says where LoadConfigFrom looks.
type ConfigSources struct {
	Files  []string                 // okta.yaml files, weakest first; one that is not there is skipped
	Getenv func(name string) string // looks up the environment; nil for none
}

// LoadConfig reads the configuration of Okta's SDKs by its names, weakest first: ~/.okta/okta.yaml, .okta.yaml in the working
// folder, and the environment variables OKTA_CLIENT_ORGURL, OKTA_CLIENT_TOKEN and so on. The program may change what it
// returns before it calls NewClient. Nothing reads these places unless it is called.
//
// An error names the file and line, or the variable, and never shows a value. A key under okta.client that is not known is
// an error, and so is a credential of one file for an org that a stronger file names. Credentials follow authorizationMode (SSWS, Bearer or PrivateKey), which may be left out where only one is
// possible; without any, Config.Credentials is nil. Timeouts are in seconds.
func LoadConfig() (Config, error) {
	sources := ConfigSources{Getenv: os.Getenv}
	if home, err := os.UserHomeDir(); err == nil {
		sources.Files = append(sources.Files, filepath.Join(home, ".okta", "okta.yaml"))
	}
	sources.Files = append(sources.Files, ".okta.yaml")
	return LoadConfigFrom(sources)
}

// LoadConfigFrom is LoadConfig for other places.
func LoadConfigFrom(sources ConfigSources) (Config, error) {
	l := loader{settings: settings.Settings{}}
	for _, name := range sources.Files {
		if err := l.readFile(name); err != nil {
			return Config{}, err
		}
	}
	if sources.Getenv != nil {
		environment, err := settings.FromEnvironment(sources.Getenv)
		if err != nil {
			return Config{}, invalid("configuration: %v", err)
		}
		maps.Copy(l.settings, environment)
	}
	return l.config()
}

// loader makes a Config of settings.
type loader struct {
	files    []settings.Settings // weakest first
	settings settings.Settings   // of all, the strongest of each
	warnings []string
}

func (l *loader) readFile(name string) error {
	text, warning, err := readConfigFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("okta: configuration: %w", err)
	}
	found, err := settings.FromYAML(name, text)
	if err != nil {
		return invalid("configuration: %v", err)
	}
	l.files = append(l.files, found)
	maps.Copy(l.settings, found)
	isFound := func(key string) bool { _, ok := found[key]; return ok }
	if warning != "" && slices.ContainsFunc(settings.Secrets(), isFound) {
		l.warnings = append(l.warnings, warning)
	}
	return nil
}

const maxConfigFile = 1 << 20

// readConfigFile reads a file that may hold a secret, and warns if others may read it too.
func readConfigFile(name string) (text []byte, warning string, err error) {
	file, err := os.Open(name) //nolint:gosec // the caller's choice
	if err != nil {
		return nil, "", err
	}
	defer file.Close() //nolint:errcheck // nothing is written to it
	info, err := file.Stat()
	if err != nil {
		return nil, "", err
	}
	if text, err = io.ReadAll(io.LimitReader(file, maxConfigFile+1)); err != nil {
		return nil, "", err
	}
	if len(text) > maxConfigFile {
		return nil, "", fmt.Errorf("%s is longer than %d bytes", name, maxConfigFile)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o044 != 0 {
		warning = fmt.Sprintf("okta: %s holds a secret and can be read by others (mode %04o)", name, info.Mode().Perm())
	}
	return text, warning, nil
}

func (l *loader) config() (Config, error) {
	var c Config
	for _, step := range []func(*Config) error{l.checkOrigin, l.setOrg, l.setTimes, l.setTransport, l.setCredentials} {
		if err := step(&c); err != nil {
			return Config{}, err
		}
	}
	c.warnings = l.warnings
	return c, nil
}

// wrong is the error for a setting whose value cannot be right.
func (l *loader) wrong(key, reason string) error {
	if place := l.settings[key].Place; place != "" {
		return invalid("configuration: %s (%s) %s", key, place, reason)
	}
	return invalid("configuration: %s %s", key, reason)
}

// checkOrigin refuses a credential of one file for the org that a stronger file names: a folder to which somebody else has
// added a file must not get what was meant for another org.
func (l *loader) checkOrigin(*Config) error {
	org := l.settings[settings.OrgURL]
	for i, file := range l.files {
		own := file[settings.OrgURL]
		if own.Place == org.Place || own.Text() == org.Text() || !l.isFromFileAfter(i, org) {
			continue
		}
		for _, key := range []string{settings.Token, settings.PrivateKey, settings.JWK} {
			if secret, ok := file[key]; ok && secret.Place == l.settings[key].Place {
				return l.wrong(settings.OrgURL, fmt.Sprintf("is not the org for which %s (%s) is given: both belong in one file", key, secret.Place))
			}
		}
	}
	return nil
}

func (l *loader) isFromFileAfter(i int, s settings.Setting) bool {
	return s.Place != "" && slices.ContainsFunc(l.files[i+1:], func(f settings.Settings) bool {
		return f[settings.OrgURL].Place == s.Place
	})
}

func (l *loader) text(key string) string { return l.settings[key].Text() }

func (l *loader) setOrg(c *Config) error {
	c.OrgURL = l.text(settings.OrgURL)
	if c.OrgURL == "" {
		return nil
	}
	if _, reason := checkOrgURL(c.OrgURL, true); reason != "" { // whether http is allowed, NewClient knows
		return l.wrong(settings.OrgURL, reason)
	}
	return nil
}

func (l *loader) setTimes(c *Config) error {
	var err error
	if c.AttemptTimeout, err = l.seconds(settings.RequestTimeout); err != nil {
		return err
	}
	if c.Retry.MaxWait, err = l.seconds(settings.MaxBackoff); err != nil {
		return err
	}
	retries, given, err := l.number(settings.MaxRetries, 1000)
	if given && retries == 0 {
		retries = -1 // none, as Okta's SDKs understand it
	}
	c.Retry.MaxRetries = retries
	return err
}

// seconds reads a timeout. 0 stands for the default, as it does in Config.
func (l *loader) seconds(key string) (time.Duration, error) {
	const day = 24 * 60 * 60
	n, _, err := l.number(key, day)
	return time.Duration(n) * time.Second, err
}

func (l *loader) number(key string, most int) (n int, given bool, err error) {
	text := l.text(key)
	if text == "" {
		return 0, false, nil
	}
	n, err = strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, true, l.wrong(key, fmt.Sprintf("is not a number from 0 to %d", most))
	}
	return n, true, nil
}

// setTransport makes a client of its own where a proxy or the time to connect is configured.
func (l *loader) setTransport(c *Config) error {
	connect, err := l.seconds(settings.ConnectionTimeout)
	if err != nil {
		return err
	}
	proxy, err := l.proxy()
	if err != nil || connect == 0 && proxy == nil {
		return err
	}
	transport := newPool()
	if connect > 0 {
		transport.DialContext = (&net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second}).DialContext
		transport.TLSHandshakeTimeout = connect
	}
	if proxy != nil {
		transport.Proxy = http.ProxyURL(proxy)
	}
	c.HTTPClient = &http.Client{Transport: transport}
	return nil
}

func (l *loader) proxy() (*url.URL, error) {
	host := l.text(settings.ProxyHost)
	if host == "" {
		for _, key := range []string{settings.ProxyPort, settings.ProxyUsername, settings.ProxyPassword} {
			if l.text(key) != "" {
				return nil, l.wrong(key, "is given without proxy.host")
			}
		}
		return nil, nil //nolint:nilnil // there is none
	}
	if !strings.Contains(host, "://") {
		host = "http://" + host
	}
	proxy, err := url.Parse(host)
	if err != nil || proxy.Hostname() == "" || proxy.User != nil || strings.Trim(proxy.Path, "/") != "" || proxy.RawQuery != "" {
		return nil, l.wrong(settings.ProxyHost, "is not a host, such as proxy.local or https://proxy.local")
	}
	port, given, err := l.number(settings.ProxyPort, 65535)
	if err != nil {
		return nil, err
	}
	if given {
		proxy.Host = net.JoinHostPort(proxy.Hostname(), strconv.Itoa(port))
	}
	if user := l.text(settings.ProxyUsername); user != "" {
		proxy.User = url.UserPassword(user, l.text(settings.ProxyPassword))
	}
	return proxy, nil
}

func (l *loader) setCredentials(c *Config) error {
	mode, err := l.mode()
	if err != nil {
		return err
	}
	switch mode {
	case modeSSWS, modeBearer:
		token := l.text(settings.Token)
		if err := checkToken(token); err != nil {
			return l.wrong(settings.Token, "is not a token: "+err.Error())
		}
		c.Credentials = APIToken(token)
		if mode == modeBearer {
			c.Credentials = BearerToken(token)
		}
	case modePrivateKey:
		app, err := l.serviceApp()
		if err != nil {
			return err
		}
		c.Credentials = app
	}
	return nil
}

// The values of authorizationMode.
const (
	modeNone       = ""
	modeSSWS       = "SSWS"
	modeBearer     = "Bearer"
	modePrivateKey = "PrivateKey"
)

// mode is what authorizationMode says, or the one mode that is possible.
func (l *loader) mode() (string, error) {
	text := l.text(settings.AuthorizationMode)
	for _, mode := range []string{modeSSWS, modeBearer, modePrivateKey} {
		if strings.EqualFold(text, mode) {
			return mode, nil
		}
	}
	if text != "" {
		return "", l.wrong(settings.AuthorizationMode, "is not SSWS, Bearer or PrivateKey")
	}
	hasToken := l.text(settings.Token) != ""
	hasKey := l.text(settings.PrivateKey) != "" || l.text(settings.JWK) != ""
	switch {
	case hasToken && hasKey:
		return "", l.wrong(settings.AuthorizationMode, "is missing: there is a token and a private key")
	case hasToken:
		return modeSSWS, nil
	case hasKey:
		return modePrivateKey, nil
	}
	return modeNone, nil
}

func (l *loader) serviceApp() (ServiceApp, error) {
	app := ServiceApp{ClientID: l.text(settings.ClientID), KeyID: l.text(settings.PrivateKeyID)}
	if checkToken(app.ClientID) != nil {
		return ServiceApp{}, l.wrong(settings.ClientID, "is missing or is no client ID, which the mode PrivateKey needs")
	}
	app.Scopes = strings.FieldsFunc(l.text(settings.Scopes), func(r rune) bool { return r == ',' || r == ' ' })
	if app.checkScopes() != nil {
		return ServiceApp{}, l.wrong(settings.Scopes, "is missing or holds what is no scope, which the mode PrivateKey needs")
	}
	key := settings.PrivateKey
	if l.text(settings.JWK) != "" {
		if l.text(settings.PrivateKey) != "" {
			return ServiceApp{}, l.wrong(settings.JWK, "is given, and privateKey too")
		}
		key, app.PrivateKey = settings.JWK, JWK(l.text(settings.JWK))
	} else {
		text, err := l.privateKey()
		if err != nil {
			return ServiceApp{}, err
		}
		app.PrivateKey = PEM(text)
	}
	if _, err := app.key(); err != nil {
		return ServiceApp{}, l.wrong(key, "cannot be used: "+strings.TrimPrefix(err.Error(), "ServiceApp.PrivateKey: "))
	}
	return app, nil
}

// privateKey is the PEM text of the key, or of the file that the setting names.
func (l *loader) privateKey() (string, error) {
	value := l.text(settings.PrivateKey)
	if value == "" {
		return "", l.wrong(settings.PrivateKey, "is missing, and jwk too: the mode PrivateKey needs one of them")
	}
	if strings.Contains(value, "-----BEGIN") {
		return value, nil
	}
	text, warning, err := readConfigFile(value)
	if err != nil { // not quoted: what is taken for a path may be a key
		return "", l.wrong(settings.PrivateKey, "is neither PEM nor a file that can be read")
	}
	if warning != "" {
		l.warnings = append(l.warnings, warning)
	}
	return string(text), nil
}

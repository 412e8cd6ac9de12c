package okta

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/grantkit/okta/internal/settings"
)

// ConfigSources says where [LoadConfigFrom] looks.
type ConfigSources struct {
	Files   []string // okta.yaml files, weakest first; a missing file is skipped
	Environ []string // environment variables as "NAME=value", such as os.Environ(); nil for none
}

// LoadConfig reads the configuration that Okta's own SDKs use, weakest first: ~/.okta/okta.yaml, then okta.yaml and
// .okta.yaml in the working folder, then the environment variables OKTA_CLIENT_ORGURL, OKTA_CLIENT_TOKEN and so on.
// The program may change the result before it calls [NewClient]. Nothing reads these places unless LoadConfig is
// called.
//
// An invalid value is an error that names the file and line, or the variable, and never shows the value. A credential
// of one file for an org that a stronger file names is an error, too, and so is one of the environment for an org
// about which two files differ. An unknown key or variable is a warning that NewClient logs to Config.Logger. So is a
// file that cannot be read, if the environment has an org and its credentials; otherwise, it is an error.
//
// Credentials follow authorizationMode: SSWS, Bearer, PrivateKey or JWK. Without it, a token is an API token, and a
// private key counts only if there is no token; without either, Config.Credentials is nil. Timeouts are in seconds.
func LoadConfig() (Config, error) {
	sources := ConfigSources{Environ: os.Environ()}
	if home, err := os.UserHomeDir(); err == nil {
		sources.Files = append(sources.Files, filepath.Join(home, ".okta", "okta.yaml"))
	}
	sources.Files = append(sources.Files, "okta.yaml", ".okta.yaml")
	return LoadConfigFrom(sources)
}

// LoadConfigFrom is [LoadConfig] with other sources.
func LoadConfigFrom(sources ConfigSources) (Config, error) {
	l := loader{settings: settings.Settings{}}
	for _, name := range sources.Files {
		file, warnings, err := settings.FromFile(name)
		if unreadable, ok := errors.AsType[*settings.UnreadableError](err); ok {
			l.unreadable = append(l.unreadable, unreadable.Error())
			continue
		}
		if err != nil {
			return Config{}, fmt.Errorf("%w: configuration: %w", ErrInvalidArgument, err)
		}
		l.files = append(l.files, file)
		l.add(file, warnings)
	}
	environment, warnings, err := settings.FromEnvironment(sources.Environ)
	if err != nil {
		return Config{}, invalid("configuration: %v", err)
	}
	l.add(environment, warnings)
	if err := l.checkUnreadable(environment); err != nil {
		return Config{}, err
	}
	return l.config()
}

// loader turns settings into a Config.
type loader struct {
	files    []settings.Settings // weakest first
	settings settings.Settings   // the strongest value of each key
	warnings []string
	err      error // the first one

	unreadable []string // files, and why
}

// add adds the settings of a stronger source.
func (l *loader) add(stronger settings.Settings, warnings []string) {
	maps.Copy(l.settings, stronger)
	l.warn(warnings)
}

func (l *loader) warn(warnings []string) {
	for _, warning := range warnings {
		l.warnings = append(l.warnings, "okta: configuration: "+warning)
	}
}

// checkUnreadable makes a warning of each file that cannot be read if the environment has an org and its credentials:
// in a container, the home folder is often that of another user. Otherwise, it is an error, since what is missing may
// stand in the file.
func (l *loader) checkUnreadable(environment settings.Settings) error {
	if len(l.unreadable) == 0 {
		return nil
	}
	has := func(key string) bool { return environment[key].Text != "" }
	complete := has(settings.OrgURL) && (has(settings.Token) || has(settings.PrivateKey) || has(settings.JWK))
	if !complete {
		return invalid("configuration: %s", strings.Join(l.unreadable, "; "))
	}
	l.warn(l.unreadable)
	return nil
}

func (l *loader) config() (Config, error) {
	l.checkOwners()
	c := Config{
		OrgURL:         l.orgURL(),
		AttemptTimeout: l.seconds(settings.RequestTimeout),
		Retry:          RetryOptions{MaxRetries: l.maxRetries(), MaxBackoff: l.seconds(settings.MaxBackoff)},
		RateLimiter:    RateLimiterOptions{MaxUse: l.maxUse()},
		HTTPClient:     l.httpClient(),
		Credentials:    l.credentials(),
	}
	c.warnings = l.warnings
	if l.err != nil {
		return Config{}, l.err
	}
	return c, nil
}

// checkOwners refuses a secret of one file where a stronger file names another org, or another proxy, to send it to: a
// folder to which somebody else has added a file must not redirect it.
func (l *loader) checkOwners() {
	for _, key := range settings.Secrets() {
		owner := settings.OrgURL
		if key == settings.ProxyPassword {
			owner = settings.ProxyHost
		}
		target := l.settings[owner]
		named := slices.IndexFunc(l.files, func(f settings.Settings) bool { return f[owner].Place == target.Place })
		secret := l.settings[key]
		fromEnvironment := strings.HasPrefix(secret.Place, "OKTA_CLIENT_")
		for _, file := range l.files[:max(named, 0)] {
			switch other := file[owner].Text; {
			case sameOwner(owner, other, target.Text):
			case fromEnvironment && other != "":
				l.fail(owner, "is not the one of a weaker file: with "+secret.Place+", it belongs in the environment")
			case secret.Place != "" && file[key].Place == secret.Place:
				l.fail(owner, "is not the one for which "+key+" ("+secret.Place+") is given: both belong in one file")
			}
		}
	}
}

// sameOwner reports whether two values name the same org, or the same proxy.
func sameOwner(owner, a, b string) bool {
	if a == b || owner != settings.OrgURL {
		return a == b
	}
	a, invalid := checkURL(a, true)
	b, alsoInvalid := checkURL(b, true)
	return invalid == "" && alsoInvalid == "" && a == b
}

func (l *loader) text(key string) string { return l.settings[key].Text }

// fail notes that the value of a setting is invalid.
func (l *loader) fail(key, reason string) {
	if l.err != nil {
		return
	}
	if place := l.settings[key].Place; place != "" {
		key += " (" + place + ")"
	}
	l.err = invalid("configuration: %s %s", key, reason)
}

func (l *loader) orgURL() string {
	address := l.text(settings.OrgURL)
	if address == "" {
		return ""
	}
	if _, reason := checkOrgURL(address, true); reason != "" { // NewClient knows whether http is allowed
		l.fail(settings.OrgURL, reason)
	}
	return address
}

// maxRetries takes 0 as Okta's SDKs do: no retries.
func (l *loader) maxRetries() int {
	if retries, given := l.number(settings.MaxRetries, 1000); !given || retries > 0 {
		return retries
	}
	return -1
}

// maxUse refuses 0, which Config takes for the default.
func (l *loader) maxUse() float64 {
	text := l.text(settings.MaxUse)
	if text == "" {
		return 0
	}
	use, err := strconv.ParseFloat(text, 64)
	if err != nil || !(use > 0 && use <= 1) {
		l.fail(settings.MaxUse, "is not a number above 0 and up to 1")
	}
	return use
}

// seconds reads a duration. 0 is the default, as in Config.
func (l *loader) seconds(key string) time.Duration {
	const day = 24 * 60 * 60
	n, _ := l.number(key, day)
	return time.Duration(n) * time.Second
}

func (l *loader) number(key string, most int) (n int, given bool) {
	text := l.text(key)
	if text == "" {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		l.fail(key, fmt.Sprintf("is not a number from 0 to %d", most))
	}
	return n, true
}

// httpClient returns a client of its own where a proxy or the time to connect is configured, and nil otherwise.
func (l *loader) httpClient() *http.Client {
	connect, proxy := l.seconds(settings.ConnectionTimeout), l.proxy()
	if connect == 0 && proxy == nil {
		return nil
	}
	transport := newPool()
	if connect > 0 {
		transport.DialContext = (&net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second}).DialContext
		transport.TLSHandshakeTimeout = connect
	}
	if proxy != nil {
		transport.Proxy = http.ProxyURL(proxy)
	}
	return &http.Client{Transport: transport}
}

func (l *loader) proxy() *url.URL {
	host := l.text(settings.ProxyHost)
	if host == "" {
		for _, key := range []string{settings.ProxyPort, settings.ProxyUsername, settings.ProxyPassword} {
			if l.text(key) != "" {
				l.fail(key, "is given without proxy.host")
			}
		}
		return nil
	}
	if !strings.Contains(host, "://") {
		host = "http://" + host
	}
	proxy, err := url.Parse(host)
	if err != nil || proxy.Hostname() == "" || proxy.User != nil || proxy.RawQuery != "" ||
		strings.Trim(proxy.Path, "/") != "" {
		l.fail(settings.ProxyHost, "is not a host, such as proxy.local or https://proxy.local")
		return nil
	}
	if port, given := l.number(settings.ProxyPort, 65535); given {
		proxy.Host = net.JoinHostPort(proxy.Hostname(), strconv.Itoa(port))
	}
	if user := l.text(settings.ProxyUsername); user != "" {
		proxy.User = url.UserPassword(user, l.text(settings.ProxyPassword))
	}
	return proxy
}

func (l *loader) credentials() Credentials {
	bound := l.bound()
	if l.text(settings.ClientAssertion) != "" {
		l.fail(settings.ClientAssertion, "is not supported, because an assertion expires: give the private key")
	}
	switch strings.ToLower(l.text(settings.AuthorizationMode)) {
	case "ssws":
		return APIToken(l.token())
	case "bearer":
		return BearerToken(l.token())
	case "privatekey":
		return l.serviceApp(bound, settings.PrivateKey, settings.JWK)
	case "jwk":
		return l.serviceApp(bound, settings.JWK, settings.PrivateKey)
	case "jwt":
		l.fail(settings.AuthorizationMode, "is JWT, a client assertion, which is not supported: use PrivateKey or JWK")
	case "":
		return l.credentialsWithoutMode(bound)
	default:
		l.fail(settings.AuthorizationMode, "is not SSWS, Bearer, PrivateKey or JWK")
	}
	return nil
}

func (l *loader) credentialsWithoutMode(bound bool) Credentials {
	hasKey, hasJWK := l.text(settings.PrivateKey) != "", l.text(settings.JWK) != ""
	switch {
	case l.text(settings.Token) != "": // a key beside it has no effect: Okta's SDKs take SSWS for the default
		return APIToken(l.token())
	case hasKey && hasJWK:
		l.fail(settings.AuthorizationMode, "is missing: privateKey and jwk are both given, for PrivateKey and JWK")
	case hasKey || hasJWK:
		return l.serviceApp(bound, settings.PrivateKey, settings.JWK)
	}
	return nil
}

func (l *loader) token() string {
	token := l.text(settings.Token)
	if err := checkToken(token); err != nil {
		l.fail(settings.Token, "is not a token: "+err.Error())
	}
	return token
}

// bound reports whether access tokens must be bound by DPoP.
func (l *loader) bound() bool {
	switch strings.ToLower(l.text(settings.DPoP)) {
	case "true":
		return true
	case "", "false":
	default:
		l.fail(settings.DPoP, "is neither true nor false")
	}
	return false
}

// serviceApp uses the key of one setting or, if that is missing, of the other.
func (l *loader) serviceApp(bound bool, setting, other string) ServiceApp {
	if l.text(setting) == "" && l.text(other) != "" {
		setting = other
	}
	app := ServiceApp{ClientID: l.text(settings.ClientID), KeyID: l.text(settings.PrivateKeyID), DPoP: bound}
	if checkToken(app.ClientID) != nil {
		l.fail(settings.ClientID, "is missing or is no client ID: a service app needs one")
	}
	separates := func(r rune) bool { return r == ',' || unicode.IsSpace(r) }
	app.Scopes = strings.FieldsFunc(l.text(settings.Scopes), separates)
	if app.checkScopes() != nil {
		l.fail(settings.Scopes, "is missing or holds what is no scope: a service app needs scopes")
	}
	app.PrivateKey = l.privateKey(setting, app.KeyID)
	if _, err := app.key(); err != nil {
		l.fail(setting, "cannot be used: "+strings.TrimPrefix(err.Error(), "ServiceApp.PrivateKey: "))
	}
	return app
}

func (l *loader) privateKey(setting, id string) PrivateKey {
	value := l.text(setting)
	if value == "" {
		l.fail(setting, "is missing: a service app needs a private key")
		return PrivateKey{}
	}
	key, warnings, err := settings.Key(value, id)
	if err != nil {
		l.fail(setting, err.Error())
	}
	l.warn(warnings)
	if settings.IsPEM(key) {
		return PrivateKeyFromPEM(key)
	}
	return PrivateKeyFromJWK(key)
}

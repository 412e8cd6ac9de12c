// Package settings reads the configuration that Okta's SDKs share: okta.yaml files and OKTA_CLIENT_ environment
// variables. It knows the names and the place of each value; the caller knows what the values mean. No error and no
// warning shows a value, which may be a secret.
package settings

import (
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// Setting is a value, and where it was found.
type Setting struct {
	Text  string // the items of a list are separated by commas
	Place string // such as "okta.yaml:7" or "OKTA_CLIENT_TOKEN"
}

// Settings are values by their keys below okta.client, such as "orgUrl" and "rateLimit.maxRetries".
type Settings map[string]Setting

// The keys of Settings.
const (
	OrgURL            = "orgUrl"
	AuthorizationMode = "authorizationMode"
	Token             = "token"
	ClientID          = "clientId"
	ClientAssertion   = "clientAssertion"
	Scopes            = "scopes"
	PrivateKey        = "privateKey"
	PrivateKeyID      = "privateKeyId"
	JWK               = "jwk"
	DPoP              = "dpop"
	ConnectionTimeout = "connectionTimeout"
	RequestTimeout    = "requestTimeout"
	MaxRetries        = "rateLimit.maxRetries"
	MaxBackoff        = "rateLimit.maxBackoff"
	MaxUse            = "rateLimit.maxUse"
	ProxyHost         = "proxy.host"
	ProxyPort         = "proxy.port"
	ProxyUsername     = "proxy.username"
	ProxyPassword     = "proxy.password"
)

// variables are the environment variables, and the key that each sets.
var variables = map[string]string{
	"OKTA_CLIENT_ORGURL":                 OrgURL,
	"OKTA_CLIENT_AUTHORIZATIONMODE":      AuthorizationMode,
	"OKTA_CLIENT_TOKEN":                  Token,
	"OKTA_CLIENT_CLIENTID":               ClientID,
	"OKTA_CLIENT_CLIENTASSERTION":        ClientAssertion,
	"OKTA_CLIENT_SCOPES":                 Scopes,
	"OKTA_CLIENT_PRIVATEKEY":             PrivateKey,
	"OKTA_CLIENT_PRIVATEKEYID":           PrivateKeyID,
	"OKTA_CLIENT_KEYID":                  PrivateKeyID,
	"OKTA_CLIENT_KID":                    PrivateKeyID,
	"OKTA_CLIENT_JWK":                    JWK,
	"OKTA_CLIENT_DPOP":                   DPoP,
	"OKTA_CLIENT_CONNECTIONTIMEOUT":      ConnectionTimeout,
	"OKTA_CLIENT_CONNECTION_TIMEOUT":     ConnectionTimeout,
	"OKTA_CLIENT_REQUESTTIMEOUT":         RequestTimeout,
	"OKTA_CLIENT_REQUEST_TIMEOUT":        RequestTimeout,
	"OKTA_CLIENT_RATELIMIT_MAXRETRIES":   MaxRetries,
	"OKTA_CLIENT_RATE_LIMIT_MAX_RETRIES": MaxRetries,
	"OKTA_CLIENT_RATELIMIT_MAXBACKOFF":   MaxBackoff,
	"OKTA_CLIENT_RATE_LIMIT_MAX_BACKOFF": MaxBackoff,
	"OKTA_CLIENT_MAXUSE":                 MaxUse,
	"OKTA_CLIENT_PROXY_HOST":             ProxyHost,
	"OKTA_CLIENT_PROXY_PORT":             ProxyPort,
	"OKTA_CLIENT_PROXY_USERNAME":         ProxyUsername,
	"OKTA_CLIENT_PROXY_PASSWORD":         ProxyPassword,
}

// aliases are names of keys in the files of Okta's SDKs for Node.js and Java.
var aliases = map[string]string{"keyId": PrivateKeyID, "kid": PrivateKeyID}

// ignored are keys of Okta's other SDKs that mean nothing here, with all below them.
var ignored = []string{
	"authenticationScheme", "cache", "clientSecret", "encryptionType", "logging", "raiseException", "rateLimit.enable",
	"userAgent",
}

// Secrets are the keys whose values must not be read by others.
func Secrets() []string { return []string{Token, PrivateKey, JWK, ProxyPassword} }

// FromEnvironment reads the OKTA_CLIENT_ variables that have a value. Each variable is given as "NAME=value".
func FromEnvironment(environ []string) (settings Settings, warnings []string, err error) {
	settings = Settings{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if runtime.GOOS == "windows" {
			name = strings.ToUpper(name)
		}
		rest, ours := strings.CutPrefix(name, "OKTA_CLIENT_")
		if !ours || value == "" || isIgnoredVariable(rest) {
			continue
		}
		key, known := variables[name]
		if !known {
			if !variable.MatchString(name) {
				name = "a variable that begins with OKTA_CLIENT_"
			}
			warnings = append(warnings, name+" is not known and has no effect")
			continue
		}
		if err := settings.add(key, Setting{Text: value, Place: name}); err != nil {
			return nil, nil, err
		}
	}
	return settings, warnings, nil
}

// variable matches the name of a variable that is no secret.
var variable = regexp.MustCompile(`^[A-Z_]{1,60}$`)

// isIgnoredVariable compares without underscores, which Okta's SDKs use in different ways.
func isIgnoredVariable(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, "_", ""))
	return slices.ContainsFunc(ignored, func(key string) bool {
		return strings.HasPrefix(name, strings.ToLower(strings.ReplaceAll(key, ".", "")))
	})
}

func isKnown(key string) bool {
	for known := range maps.Values(variables) {
		if known == key {
			return true
		}
	}
	return false
}

// add refuses a second value for a key that has several names in one source.
func (s Settings) add(key string, setting Setting) error {
	if other, ok := s[key]; ok && other.Text != setting.Text {
		return fmt.Errorf("%s and %s say different things", other.Place, setting.Place)
	}
	s[key] = setting
	return nil
}

// Package settings reads the configuration that Okta's SDKs share: okta.yaml files and OKTA_CLIENT_ environment variables. It
// knows the names and where each value stands; what the values mean is the caller's business. None of its errors shows a
// value, which may be a secret.
package settings

import (
	"fmt"
	"slices"
	"strings"
)

// Setting is a value, and where it was found.
type Setting struct {
	Values []string // one, but for lists
	Place  string   // such as "okta.yaml:7" or "OKTA_CLIENT_TOKEN"
}

// Text is the value of a setting that is no list.
func (s Setting) Text() string { return strings.Join(s.Values, ",") }

// Settings are values by their keys below okta.client, such as "orgUrl" and "rateLimit.maxRetries".
type Settings map[string]Setting

// The keys of settings, and the environment variables that stand for each.
const (
	OrgURL            = "orgUrl"
	AuthorizationMode = "authorizationMode"
	Token             = "token"
	ClientID          = "clientId"
	Scopes            = "scopes"
	PrivateKey        = "privateKey"
	PrivateKeyID      = "privateKeyId"
	JWK               = "jwk"
	ConnectionTimeout = "connectionTimeout"
	RequestTimeout    = "requestTimeout"
	MaxRetries        = "rateLimit.maxRetries"
	MaxBackoff        = "rateLimit.maxBackoff"
	ProxyHost         = "proxy.host"
	ProxyPort         = "proxy.port"
	ProxyUsername     = "proxy.username"
	ProxyPassword     = "proxy.password"
)

var variables = map[string][]string{
	OrgURL:            {"OKTA_CLIENT_ORGURL"},
	AuthorizationMode: {"OKTA_CLIENT_AUTHORIZATIONMODE"},
	Token:             {"OKTA_CLIENT_TOKEN"},
	ClientID:          {"OKTA_CLIENT_CLIENTID"},
	Scopes:            {"OKTA_CLIENT_SCOPES"},
	PrivateKey:        {"OKTA_CLIENT_PRIVATEKEY"},
	PrivateKeyID:      {"OKTA_CLIENT_PRIVATEKEYID"},
	JWK:               {"OKTA_CLIENT_JWK"},
	ConnectionTimeout: {"OKTA_CLIENT_CONNECTIONTIMEOUT", "OKTA_CLIENT_CONNECTION_TIMEOUT"},
	RequestTimeout:    {"OKTA_CLIENT_REQUESTTIMEOUT", "OKTA_CLIENT_REQUEST_TIMEOUT"},
	MaxRetries:        {"OKTA_CLIENT_RATELIMIT_MAXRETRIES", "OKTA_CLIENT_RATE_LIMIT_MAX_RETRIES"},
	MaxBackoff:        {"OKTA_CLIENT_RATELIMIT_MAXBACKOFF", "OKTA_CLIENT_RATE_LIMIT_MAX_BACKOFF"},
	ProxyHost:         {"OKTA_CLIENT_PROXY_HOST"},
	ProxyPort:         {"OKTA_CLIENT_PROXY_PORT"},
	ProxyUsername:     {"OKTA_CLIENT_PROXY_USERNAME"},
	ProxyPassword:     {"OKTA_CLIENT_PROXY_PASSWORD"},
}

// Secrets are the keys whose values must not be read by others.
func Secrets() []string { return []string{Token, PrivateKey, JWK, ProxyPassword} }

// FromEnvironment reads the variables that have a value.
func FromEnvironment(getenv func(string) string) (Settings, error) {
	settings := Settings{}
	for key, names := range variables {
		for _, name := range names {
			value := getenv(name)
			if value == "" {
				continue
			}
			if other, ok := settings[key]; ok && other.Text() != value {
				return nil, fmt.Errorf("%s and %s say different things", other.Place, name)
			}
			settings[key] = Setting{Values: []string{value}, Place: name}
		}
	}
	return settings, nil
}

// unknown is the error for a key that there is not, with a hint if another one is spelled much like it.
func unknown(place, key string) error {
	name := key[strings.LastIndexByte(key, '.')+1:]
	for _, known := range slices.Sorted(keys()) {
		if strings.Contains(known, ".") == strings.Contains(key, ".") && alike(name, known[strings.LastIndexByte(known, '.')+1:]) {
			return fmt.Errorf("%s: there is no key okta.client.%s; is okta.client.%s meant?", place, key, known)
		}
	}
	return fmt.Errorf("%s: there is no key okta.client.%s", place, key)
}

func keys() func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for key := range variables {
			if !yield(key) {
				return
			}
		}
	}
}

// alike reports whether two names differ by case, separators and at most two edits.
func alike(a, b string) bool {
	plain := strings.NewReplacer("_", "", "-", "")
	return distance(strings.ToLower(plain.Replace(a)), strings.ToLower(plain.Replace(b))) <= 2
}

// distance is the number of bytes to insert, delete or replace to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

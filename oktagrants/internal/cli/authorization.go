package cli

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
)

// authorization watches how requests are authenticated. It keeps no credentials.
type authorization struct {
	mu     sync.Mutex
	scheme string
	scopes []string // of the access token, if it says
}

// seen returns the scheme of the last request, and the scopes that its access token names; nil if it names none.
func (a *authorization) seen() (scheme string, scopes []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.scheme, a.scopes
}

func (a *authorization) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		scheme, token, found := strings.Cut(req.Header.Get("Authorization"), " ")
		if found {
			a.mu.Lock()
			a.scheme, a.scopes = scheme, scopesOf(token)
			a.mu.Unlock()
		}
		return next.RoundTrip(req)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// scopesOf returns the scopes that an access token of Okta names: it is a JWT. Nothing hangs on its signature here.
func scopesOf(token string) []string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	var claims struct {
		Scopes []string `json:"scp"`
	}
	if json.Unmarshal(text, &claims) != nil {
		return nil
	}
	return claims.Scopes
}

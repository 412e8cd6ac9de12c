package ledger

import (
	"net/url"
	"strings"
)

// NormalOrg returns the one way to write an org's URL: scheme and host in lower case, without the scheme's default
// port, and without a slash at the end.
func NormalOrg(org string) string {
	u, err := url.Parse(strings.TrimRight(org, "/"))
	if err != nil || u.Host == "" {
		return org
	}
	u.Host = strings.ToLower(u.Host)
	switch u.Scheme { // which Parse has lowered
	case "https":
		u.Host = strings.TrimSuffix(u.Host, ":443")
	case "http":
		u.Host = strings.TrimSuffix(u.Host, ":80")
	}
	return u.String()
}

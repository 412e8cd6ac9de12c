package urlpath_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/internal/urlpath"
)

func TestJoin(t *testing.T) {
	t.Parallel()
	for segment, want := range map[string]string{
		"00u1": "/00u1", "a b": "/a%20b", "50%": "/50%25", "%2F": "/%252F", "%2e%2e": "/%252e%252e", "%21": "/%2521",
		"...": "/...", ".a": "/.a", "?a#b": "/%3Fa%23b", "é": "/%C3%A9", "-._~!$&'()*+,=:@": "/-._~!$&'()*+,=:@",
	} {
		path, err := urlpath.Join([]string{segment})
		require.NoError(t, err, "%q", segment)
		assert.Equal(t, want, path)
	}
	path, err := urlpath.Join([]string{"api", "v1", "users", "a@b"})
	require.NoError(t, err)
	assert.Equal(t, "/api/v1/users/a@b", path)
}

func TestJoinRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		segments []string
		want     string
	}{
		{nil, "the path has no segments"},
		{[]string{"/api/v1/users?after=secret"}, "the path must be given segment by segment"},
		{[]string{"api", "v1", ""}, `the path segment after "v1" is empty`},
		{[]string{".", "v1"}, `the path segment at the start is "."`},
		{[]string{"users", ".."}, `the path segment after "users" is ".."`},
		{[]string{"users", "a/b"}, `the path segment after "users" contains "/"`},
		{[]string{"users", `a\b`}, `the path segment after "users" contains "\\"`},
		{[]string{"users", "a;b"}, `the path segment after "users" contains ";"`},
		{[]string{"users", "a\nb"}, `the path segment after "users" contains a control character`},
		{[]string{"users", "\x7f"}, `the path segment after "users" contains a control character`},
		{[]string{"users", "\u0085"}, `the path segment after "users" contains a control character`},
	} {
		path, err := urlpath.Join(c.segments)
		require.EqualError(t, err, c.want)
		assert.Empty(t, path)
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		"/api/v1/users":                                 "/api/v1/users",
		"/api/v1/users/{userId}/grants":                 "/api/v1/users/a%20b/grants",
		"/api/v1/users/{userId}/clients/{clientId}/x/y": "/api/v1/users/a%20b/clients/%7Bc%7D/x/y",
	} {
		ids := []string{"a b", "{c}"}[:strings.Count(template, "{")]
		path, err := urlpath.Expand(template, ids)
		require.NoError(t, err)
		assert.Equal(t, want, path)
		assert.True(t, urlpath.Fits(template, split(t, path)), template)
	}
	assert.Panics(t, func() { _, _ = urlpath.Expand("/users/{userId}/grants/{grantId}", []string{"u"}) })
}

func split(t *testing.T, path string) []string {
	t.Helper()
	segments := strings.Split(path, "/")[1:]
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		require.NoError(t, err)
		segments[i] = plain
	}
	return segments
}

func TestExpandRefuses(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"": "grantId is empty", "..": `grantId is ".."`, "a/b": `grantId contains "/"`, "a;b": `grantId contains ";"`,
		"a\nb": "grantId contains a control character", "\xc0\xaf": "grantId is not valid UTF-8",
	} {
		path, err := urlpath.Expand("/users/{userId}/grants/{grantId}", []string{"u", id})
		require.EqualError(t, err, want)
		assert.Empty(t, path)
	}
}

func TestFits(t *testing.T) {
	t.Parallel()
	path := []string{"api", "v1", "apps", "0oa1", "tokens", "oar1"}
	for template, want := range map[string]bool{
		"/api/v1/apps/{appId}/tokens/{tokenId}":   true,
		"/api/v1/apps/0oa1/tokens/{tokenId}":      true,
		"/api/v1/{kind}/{appId}/tokens/{id}":      true,
		"api/v1/apps/{appId}/tokens/{tokenId}":    false,
		"/api/v1/apps/{appId}/tokens":             false,
		"/api/v1/apps/{appId}/tokens/{tokenId}/":  false,
		"/api/v1/users/{userId}/tokens/{tokenId}": false,
		"/api/v1/apps/{appId}/tokens/{}":          false,
		"/api/v1/apps/{appId}/tokens/x{tokenId}":  false,
		"/":                                       false,
		"":                                        false,
	} {
		assert.Equal(t, want, urlpath.Fits(template, path), template)
	}
}

// FuzzJoin: a path reaches a server as the segments that it was made of, or it is refused for a documented reason.
func FuzzJoin(f *testing.F) {
	for _, segment := range []string{"", ".", "..", "...", "a/b", `\`, ";", "\x00", "\u009f", "%2F", "ü\xff", "?#"} {
		f.Add("users", segment)
		f.Add(segment, "grants")
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		segments := []string{first, second}
		path, err := urlpath.Join(segments)
		if isRefused(first) || isRefused(second) {
			require.Error(t, err)
			require.Empty(t, path)
			return
		}
		require.NoError(t, err)
		arrived := strings.Split(strings.TrimPrefix(path, "/"), "/")
		require.Len(t, arrived, len(segments))
		for i, segment := range arrived {
			plain, err := url.PathUnescape(segment)
			require.NoError(t, err)
			require.Equal(t, segments[i], plain)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://acme.okta.com"+path, http.NoBody)
		require.NoError(t, err)
		require.Equal(t, path, req.URL.RequestURI(), "net/http sends it as it is")
		require.Equal(t, "/"+first+"/"+second, req.URL.Path)
		require.Equal(t, "acme.okta.com", req.URL.Host)
	})
}

// isRefused says once more, in other words, which segments the documentation excludes.
func isRefused(segment string) bool {
	if segment == "" || segment == "." || segment == ".." || !utf8.ValidString(segment) {
		return true
	}
	for _, r := range segment {
		if r == '/' || r == '\\' || r == ';' || unicode.Is(unicode.Cc, r) {
			return true
		}
	}
	return false
}

func TestGuess(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"api/v1/users":                                       "/api/v1/users",
		"api/v1/users/00u1/grants/oag1":                      "/api/v1/users/{userId}/grants/{grantId}",
		"api/v1/users/me/clients/0oa1/tokens/oar1":           "/api/v1/users/{userId}/clients/{clientId}/tokens/{tokenId}",
		"api/v1/authorizationServers/default/clients":        "/api/v1/authorizationServers/{authServerId}/clients",
		"api/v1/apps/0oa1/groups/00g1":                       "/api/v1/apps/{appId}/groups/{groupId}",
		"api/v1/apps/0oa1/lifecycle/deactivate":              "/api/v1/apps/{appId}/lifecycle/deactivate",
		"api/v1/users/lifecycle/factors/mfa1":                "/api/v1/users/{userId}/factors/{id}",
		"api/v1/apps/0oa1/credentials/keys/SIMcCQNY3uwXoW3y": "/api/v1/apps/{appId}/credentials/{id}/{id}",
		"api/v1/apps/0oa1/logo/ann@acme.com/x":               "/api/v1/apps/{appId}/logo/{id}/x",
		"api/v1/groups/00g1/users":                           "/api/v1/groups/{groupId}/users",
		"api/v1/groups/rules":                                "/api/v1/groups/rules",
		"api/v1/groups/rules/0pr1":                           "/api/v1/groups/rules/{id}",
		"api/v1/groups/rules/0pr1/lifecycle/activate":        "/api/v1/groups/rules/{id}/lifecycle/activate",
		"api/v1/users/rules/groups":                          "/api/v1/users/{userId}/groups",
		"groups/rules":                                       "/groups/rules",
		"oauth2/aus1a2b3/v1/clients/0oa1":                    "/oauth2/{id}/v1/clients/{clientId}",
		"oauth2/v1/clients/0oa1":                             "/oauth2/v1/clients/{clientId}",
		".well-known/okta-organization":                      "/.well-known/okta-organization",
		"":                                                   "",
	} {
		segments := strings.Split(path, "/")
		if path == "" {
			segments = nil
		}
		assert.Equal(t, want, urlpath.Guess(segments), path)
	}
}

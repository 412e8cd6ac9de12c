package okta_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

// Whatever the IDs are, a server gets exactly these, or nothing.
func FuzzPath(f *testing.F) {
	f.Add("00u1", "oag1")
	f.Add("joe@acme.com", "a/b")
	f.Add("..", "%2e%2e")
	f.Add("", "?limit=1#x")
	f.Add("a;b,c", "\xff\u0085")
	f.Fuzz(func(t *testing.T, userID, grantID string) {
		server := play(reply(http.StatusNoContent, ""))
		err := newClient(t, server, noRetries).UserGrants.Revoke(t.Context(), userID, grantID)
		if err != nil {
			require.ErrorIs(t, err, okta.ErrInvalidArgument)
			assert.Empty(t, server.requests())
			return
		}
		target := server.requests()[0].URL.RequestURI()
		assert.NotContains(t, target, "?")
		var segments []string
		for segment := range strings.SplitSeq(target, "/") {
			segment, err := url.PathUnescape(segment)
			require.NoError(t, err)
			segments = append(segments, segment)
		}
		assert.Equal(t, []string{"", "api", "v1", "users", userID, "grants", grantID}, segments)
	})
}

// Whatever an error response holds, it becomes one line of printable text, and nothing of it is lost.
func FuzzError(f *testing.F) {
	f.Add(403, deniedJSON, "", "req-1")
	f.Add(403, "", `Bearer scope="okta.users.read", error="insufficient_scope", error_description="a \"b\""`, "")
	f.Add(401, `{"error":"invalid_client","error_description":7}`, "DPoP error=x, Basic", "\x7f")
	f.Add(502, "<html>", `Bearer error="`, "é")
	f.Add(302, `{"errorCode":{},"errorCauses":[[]]}`, ",,,", " ")
	f.Fuzz(func(t *testing.T, status int, body, wwwAuthenticate, requestID string) {
		if status < 205 || status > 999 {
			return
		}
		server := play(reply(status, body, "WWW-Authenticate: "+wwwAuthenticate, "X-Okta-Request-Id: "+requestID))
		err := get(t.Context(), newClient(t, server, noRetries))
		apiErr := requireError(t, err)
		assert.Equal(t, status, apiErr.StatusCode)
		assert.Equal(t, strings.ReplaceAll(body, apiToken, "[redacted]"), string(apiErr.Body))
		assert.NotContains(t, err.Error(), apiToken)
		for _, r := range err.Error() {
			require.True(t, unicode.IsPrint(r), "%q", r)
		}
	})
}

// A page is either what the JSON says, all of it, or an error.
func FuzzPage(f *testing.F) {
	f.Add("["+grantJSON+"]", `<https://acme.okta.com/x?after=1>; rel="next"`)
	f.Add(`[{"id":"1"},{"id":null}]`, "")
	f.Add(`[{"id":"1"}] x`, `<?after=>; rel=next`)
	f.Add(`null`, `<`)
	f.Add("[{\"id\":\"\xff\"}]", `<a>; rel="self", <?limit=5&after=%2F>; rel="last next"`)
	f.Fuzz(func(t *testing.T, body, link string) {
		client := newClient(t, play(reply(http.StatusOK, body, "Link: "+link)), noRetries)
		page, err := client.UserGrants.List(t.Context(), "u", nil)
		if err != nil {
			require.Nil(t, page)
			return
		}
		var want []map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &want))
		require.Len(t, page.Items, len(want))
		for i, item := range page.Items {
			id, _ := want[i]["id"].(string)
			require.Equal(t, id, item.ID)
		}
		assert.Equal(t, page.HasNext(), page.Cursor() != "")
	})
}

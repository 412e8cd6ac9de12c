package okta_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

func TestVersionIsTheNewestOfTheChangelog(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("CHANGELOG.md")
	require.NoError(t, err)
	newest := regexp.MustCompile(`(?m)^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$`).FindSubmatch(text)
	require.NotNil(t, newest, "CHANGELOG.md has no heading with a version and a date")

	var userAgent string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		userAgent = r.UserAgent()
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	client, err := okta.NewClient(okta.Config{OrgURL: server.URL, Credentials: okta.APIToken("00secret")})
	require.NoError(t, err)
	require.NoError(t, client.UserGrants.Revoke(t.Context(), "u", "g"))
	assert.Contains(t, userAgent, "grantkit-okta/"+string(newest[1])+" ")
}

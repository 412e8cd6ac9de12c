package cli

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A proxy quotes the credential in an error, which the ledger and the reports have.
func TestSecretIsInNoFile(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.config.WrapTransport = func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "/"+bob+"/grants") {
				return nil, errors.New("the proxy refuses " + req.Header.Get("Authorization"))
			}
			return next.RoundTrip(req)
		})
	}
	assert.Equal(t, 1, m.run("offboard", "--run", m.path("run.db"), ann, bob, "--yes").code)
	m.run("report", m.path("run.db"),
		"--html", m.path("run.html"), "--csv", m.path("run.csv"), "--json", m.path("run.json")).succeeds(t)

	quoted := 0
	entries, err := os.ReadDir(m.folder)
	require.NoError(t, err)
	for _, entry := range entries {
		text, err := os.ReadFile(m.path(entry.Name()))
		require.NoError(t, err)
		assert.NotContains(t, string(text), secret, entry.Name())
		if strings.Contains(string(text), "the proxy refuses") {
			quoted++
		}
	}
	assert.GreaterOrEqual(t, quoted, 4, "the ledger and each report have the error")
}

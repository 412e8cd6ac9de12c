package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// Each failure has its exit code and its own advice. A script repeats 3, and no other code.
func TestAdviceAndExitCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		code   int
		advice string
	}{
		{fmt.Errorf("%w: disk full", ledger.ErrStorage), run.ExitIncomplete, "make room on the disk"},
		{fmt.Errorf("%w: %w: permission denied", ledger.ErrStorage, ledger.ErrDenied), run.ExitUsage, "let this user write the file"},
		{fmt.Errorf("%w: malformed", ledger.ErrCorrupt), run.ExitUsage, "begin again with another --run"},
		{fmt.Errorf("%w: format 9", ledger.ErrVersion), run.ExitUsage, "the version of oktagrants that wrote it"},
		{ledger.ErrGone, run.ExitIncomplete, ""},
		{okta.ErrUnauthorized, run.ExitUsage, "check the credentials"},
		{fmt.Errorf("%w: %w", run.ErrRefused, okta.ErrForbidden), run.ExitUsage, "needs an administrator role"},
		{x509.UnknownAuthorityError{}, run.ExitUsage, "the certificate is not trusted"},
		{&okta.Error{StatusCode: http.StatusProxyAuthRequired}, run.ExitUsage, "the proxy demands credentials"},
		{errors.New("Get: Proxy Authentication Required"), run.ExitUsage, "the proxy demands credentials"},
		{steps.ErrAway, run.ExitIncomplete, ""},
		{run.ErrIncomplete, run.ExitIncomplete, ""},
	} {
		assert.Equal(t, c.code, run.ExitCode(c.err), "%v", c.err)
		if c.advice == "" {
			assert.NotContains(t, advice(c.err), "disk", "%v", c.err)
			continue
		}
		assert.Contains(t, advice(c.err), c.advice, "%v", c.err)
	}
}

func TestExitCodesStandInTheHelp(t *testing.T) {
	t.Parallel()
	o := newMachine(t).run("--help")
	o.succeeds(t)
	for _, want := range []string{
		"  0  all is done and was read again", "  1  the run has ended: something failed", "  2  a person must help",
		"  3  the run was stopped", fmt.Sprintf("for up to %.0f hours", steps.MaxOutage.Hours()),
	} {
		assert.Contains(t, o.out, want)
	}
}

// A pause is said on standard error even where no progress is shown, and stands in the result.
func TestOutageIsSaid(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	away := oktatest.Reply(503, nil, "")
	m.org.Next(nil, nil, away, away)
	o := m.run("review", "--run", m.path("run.db"), "--json", "--quiet", "--workers", "1")
	o.succeeds(t)
	assert.Contains(t, o.err, "oktagrants: paused: Okta does not respond (")
	assert.Contains(t, o.err, "interrupt to stop\n")
	assert.Contains(t, o.err, "oktagrants: Okta responds again, after 1 second: going on\n")
	assert.GreaterOrEqual(t, decode(t, o.out)[0]["paused"], 1.0)
}

// A captive portal is named, and ends a loop.
func TestPortalIsNamed(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	page := oktatest.Reply(200, http.Header{"Content-Type": {"text/html"}}, "<html>Welcome to the hotel</html>")
	m.org.Handle("GET /api/v1/users", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { page(w, r, nil) }))
	o := m.run("review", "--run", m.path("run.db"))
	o.fails(t, run.ExitUsage, "captive portal", "then go on with: oktagrants review")
}

// Users who are gone stand in the result, the page and the JSON, and are no failure.
func TestGoneIsShown(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.org.Handle("GET /api/v1/users/00uann/grants", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		oktatest.Reply(404, http.Header{"Content-Type": {"application/json"}},
			`{"errorCode":"E0000007","errorSummary":"Not found: Resource not found: 00uann (User)"}`)(w, r, nil)
	}))
	o := m.run("review", "--run", m.path("run.db"))
	o.succeeds(t)
	assert.Contains(t, o.out, "1 gone (deleted meanwhile)")
	o = m.run("status", m.path("run.db"), "--json")
	o.succeeds(t)
	tasks, ok := decode(t, o.out)[0]["tasks"].(map[string]any)
	require.True(t, ok)
	assert.EqualValues(t, 1, tasks["user"].(map[string]any)["gone"]) //nolint:forcetypeassert // a test
	m.run("report", m.path("run.db"), "--html", m.path("page.html"), "--json", m.path("run.jsonl")).succeeds(t)
	for name, want := range map[string]string{
		"page.html": "was deleted meanwhile: nothing is left to do", "run.jsonl": `"state":"gone"`,
	} {
		data, err := os.ReadFile(m.path(name))
		require.NoError(t, err)
		assert.Contains(t, string(data), want)
	}
}

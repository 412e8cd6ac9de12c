package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/fleet"
	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/pgtest"
	"github.com/grantkit/okta/oktagrants/internal/run"
)

func TestMain(m *testing.M) {
	m.Run()
	pgtest.Stop()
}

func TestJobsInPostgres(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	database := pgtest.Database(t)

	o := m.run("offboard", "--run", database+"#ann", ann, "--yes")
	require.Equal(t, run.ExitDone, o.code, o.err)
	assert.Contains(t, m.run("status", database+"#ann").out, "ended")
	assert.Equal(t, run.ExitDone, m.run("review", "--run", database+"#spring").code)
	m.run("report", database+"#spring", "--csv", m.path("spring.csv"))
	assert.FileExists(t, m.path("spring.csv"))

	m.run("cancel", database+"#ann").fails(t, run.ExitUsage, "it has ended")
	m.run("cancel", database+"#june").fails(t, run.ExitUsage, "there is no run")
}

func TestWorkDoesARunAndServesMetrics(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	database := pgtest.Database(t)
	begun(t, m, database+"#ann")
	config := m.write("acme.yaml", fmt.Sprintf("okta:\n  client:\n    orgUrl: %s\n    token: %s\n", m.org.URL, secret))
	orgs := m.write("orgs.txt", "# the orgs\n\nacme.yaml\n")
	require.NotEmpty(t, config)
	address := freeAddress(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan outcome)
	go func() { done <- m.runIn(ctx, "work", "--run", database, "--orgs", orgs, "--metrics", address) }()

	assert.Eventually(t, func() bool {
		return strings.Contains(m.run("status", database+"#ann").out, "ended")
	}, 30*time.Second, 50*time.Millisecond)
	assert.Contains(t, get(t, "http://"+address+"/metrics"),
		`okta_calls_total{method="DELETE",org="`+m.host()+`",route="/api/v1/users/{userId}/grants"} 1`)

	stop()
	assert.Equal(t, run.ExitDone, (<-done).code)
}

// begun begins the run of an off-boarding, as a command that is killed does.
func begun(t *testing.T, m *machine, target string) {
	t.Helper()
	require.NoError(t, fleet.Migrate(t.Context(), target))
	o := m.run("offboard", "--run", target, ann, "--dry-run")
	require.Equal(t, run.ExitDone, o.code, o.err)
	require.NoError(t, fleet.Begin(t.Context(), target))
}

func TestCancelStopsARun(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	target := pgtest.Database(t) + "#ann"
	begun(t, m, target)

	o := m.run("cancel", target)

	require.Equal(t, run.ExitDone, o.code, o.err)
	assert.Contains(t, o.err, "is canceled")
	assert.Contains(t, m.run("status", target).out, fleet.ErrCanceled.Error())
	assert.Equal(t, run.ExitDone, m.run("offboard", "--run", target, ann, "--yes").code)
	assert.Empty(t, grantsOf(m.org, ann))
}

func grantsOf(org *oktatest.Org, user string) (ids []string) {
	for _, grant := range org.Grants() {
		if grant.UserID == user {
			ids = append(ids, grant.ID)
		}
	}
	return ids
}

func TestBadInputOfWork(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	lacking := m.write("lacking.txt", "nothing.yaml\n")
	empty := m.write("empty.txt", "# none\n")
	m.write("bare.yaml", "okta:\n  client:\n    orgUrl: https://acme.okta.com\n")
	bare := m.write("bare.txt", "bare.yaml\n")
	m.write("one.yaml", "okta:\n  client:\n    orgUrl: https://acme.okta.com\n    token: "+secret+"\n")
	twice := m.write("twice.txt", "one.yaml\none.yaml\n")
	const database = "postgres://nobody:" + secret + "@127.0.0.1:1/none"
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a file":               {[]string{"--run", "run.db"}, "must be the URL of a Postgres database"},
		"a run":                {[]string{"--run", database + "#may"}, "must name no run"},
		"no workers":           {[]string{"--run", database, "--workers", "0"}, "--workers is 0"},
		"no orgs":              {[]string{"--run", database, "--orgs", m.path("none")}, "no such file"},
		"no such org":          {[]string{"--run", database, "--orgs", lacking}, "nothing.yaml"},
		"no paths":             {[]string{"--run", database, "--orgs", empty}, "there is no path"},
		"no credentials":       {[]string{"--run", database, "--orgs", bare}, "credentials are missing"},
		"an org twice":         {[]string{"--run", database, "--orgs", twice}, "is there twice"},
		"no such address":      {[]string{"--run", database, "--metrics", "nowhere"}, "--metrics"},
		"a # in the password":  {[]string{"--run", "postgres://u:" + secret + "#" + secret + "@127.0.0.1:1/none"}, "must name no run"},
		"an @ in the password": {[]string{"--run", "postgres://u:p@" + secret + "@127.0.0.1:1/none"}, "special characters in the password"},
		"no database":          {[]string{"--run", database}, "connect to the database"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m.run(append([]string{"work"}, c.args...)...).fails(t, run.ExitUsage, c.want)
		})
	}
	m.run("cancel", "postgres://u:p@"+secret+"@127.0.0.1:1/none#may").fails(t, run.ExitUsage, "special characters")
	m.run("cancel", "run.db").fails(t, run.ExitUsage, "interrupt its command")
	m.run("migrate", "--run", "run.db").fails(t, run.ExitUsage, "must be the URL of a Postgres database")
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	database := pgtest.Database(t)
	require.Equal(t, run.ExitDone, m.run("migrate", "--run", database).code)
	require.Equal(t, run.ExitDone, m.run("migrate", "--run", database).code, "again")
	l, err := ledger.Open(t.Context(), database, ledger.Read)
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

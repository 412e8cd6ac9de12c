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

// addresses are what people write for a database. Each has a password that nobody may see.
var addresses = []string{
	"POSTGRES://ada:hunter2@db.example/grants",
	"Postgresql://ada:hunter2@db.example/grants#run",
	"postgresql+asyncpg://ada:hunter2@db.example/grants",
	"postgre://ada:hunter2@db.example/grants",
	"postgres:/ada:hunter2@db.example/grants",
	"postgres:ada:hunter2@db.example/grants",
	"jdbc:postgresql://db.example/grants?user=ada&password=hunter2",
	"mysql://ada:hunter2@db.example/grants",
	"https://ada:hunter2@db.example/grants",
	"ada:hunter2@db.example/grants",
	" postgres://ada:hunter2@db.example/grants",
	"'postgres://ada:hunter2@db.example/grants'",
	"postgres://ada:12#hunter2",
	"postgres://ada:12#hunter2@db.example/grants",
	"postgres://ada:12/hunter2@db.example/grants",
	"postgres://ada:hunter2",
	"host=db.example user=ada password=hunter2 dbname=grants",
	"password='hunter2' host=db.example",
	"PASSWORD = hunter2",
	"Server=db.example;Database=grants;User Id=ada;Pwd=hunter2",
	"dbname=grants passfile=/hunter2",
	"postgres://ada:hunter2@[::1/grants",
	"postgres://ada:%zzhunter2@db.example/grants",
}

func TestAddressesOfDatabasesAreNotShown(t *testing.T) {
	t.Parallel()
	for _, address := range addresses {
		m := newMachine(t)
		m.run("review", "--run", m.path("review.db")).succeeds(t)
		list := m.write("list", ann)
		run := m.path("run.db")
		for _, args := range [][]string{
			{"review", "--run", address},
			{"review", "--run=" + address},
			{"review", address, "--run", run},
			{"review", "--from", address, "--run", run},
			{"offboard", ann, "--run", address, "--yes"},
			{"offboard", "--from", list, "--run", address, "--yes"},
			{"revoke-app", calendar, "--run", run, "--users", "review:" + address, "--yes"},
			{"revoke-app", calendar, "--run", run, "--users=review:" + address, "--dry-run"},
			{"revoke-app", calendar, "--run", run, "--users", address},
			{"status", address},
			{"report", address},
			{"report", m.path("review.db"), "--html", address},
			{"work", "--run", address},
			{"cancel", address},
			{"migrate", "--run", address},
			{"doctor", address},
			{"grants", address},
			{address},
			{"review", "--workers", address},
			{"demo", "review", "--demo-users", "3", "--run", address},
		} {
			o := m.run(args...)
			assert.Equal(t, 2, o.code, "%q: %s", args, o.err)
			assert.NotContains(t, o.out+o.err, "hunter2", args)
		}
		assert.Zero(t, m.count(http.MethodDelete))
		m.assertNoFileHas(t, "hunter2")
		for _, folder := range []string{".", m.folder} {
			entries, err := os.ReadDir(folder)
			require.NoError(t, err)
			for _, entry := range entries {
				assert.NotContains(t, entry.Name(), "hunter2")
			}
		}
	}
}

func (m *machine) assertNoFileHas(t *testing.T, text string) {
	t.Helper()
	entries, err := os.ReadDir(m.folder)
	require.NoError(t, err)
	for _, entry := range entries {
		content, err := os.ReadFile(m.path(entry.Name()))
		require.NoError(t, err)
		assert.NotContains(t, string(content), text, entry.Name())
	}
}

// Names of files may have colons and equals signs.
func TestFilesThatAreNoAddresses(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"10:30.db", "run-2026-01-01T10:30:00Z.db", "a=b.db", "team@acme.db", "review: all.db"} {
		m := newMachine(t)
		m.run("review", "--run", m.path(name)).succeeds(t)
		assert.FileExists(t, m.path(name))
	}
}

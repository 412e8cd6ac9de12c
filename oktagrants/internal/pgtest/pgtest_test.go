package pgtest_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/pgtest"
)

func TestMain(m *testing.M) {
	defer pgtest.Stop()
	m.Run()
}

func TestEachDatabaseIsNew(t *testing.T) {
	t.Parallel()
	first, second := pgtest.Database(t), pgtest.Database(t)
	assert.NotEqual(t, first, second)
	pgtest.Exec(t, first, "CREATE TABLE a (n INT)")
	pgtest.Exec(t, second, "CREATE TABLE a (n INT)")
}

func TestDataSurviveARestart(t *testing.T) {
	t.Parallel()
	cluster := pgtest.New(t)
	url := cluster.Database(t)
	pgtest.Exec(t, url, "CREATE TABLE a (n INT)", "INSERT INTO a VALUES (7)")
	cluster.Restart(t)

	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	defer func() { assert.NoError(t, db.Close()) }()
	var n int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT n FROM a").Scan(&n))
	assert.Equal(t, 7, n)
}

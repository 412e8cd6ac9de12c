package fleet_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/fleet"
	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

func TestCommandCarriesOutARun(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 230)
	target := newDatabase(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, userIDs(230))

	summary, err := c.Run(t.Context())

	require.NoError(t, err)
	assert.Equal(t, ledger.Ended, summary.Run.Phase)
	assert.Equal(t, map[ledger.State]int{ledger.Verified: 230}, summary.Counts.Tasks[ledger.User])
	assert.Empty(t, org.Grants())
	for path, n := range revokes(org) {
		assert.Equal(t, 1, n, path)
	}
}

func TestWorkersDoARunWhoseCommandIsGone(t *testing.T) {
	t.Parallel()
	org := newOrg(t, 400)
	target := newDatabase(t) + "#january"
	c := plan(t, target, org, ledger.Offboard, userIDs(400))
	require.NoError(t, fleet.Begin(t.Context(), target))
	startWorker(t, target, nil, org)
	startWorker(t, target, nil, org)

	counts := ended(t, c, 30*time.Second)

	assert.Equal(t, map[ledger.State]int{ledger.Verified: 400}, counts.Tasks[ledger.User])
	for path, n := range revokes(org) {
		assert.Equal(t, 1, n, path)
	}
}

package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

func TestPlanOfOldList(t *testing.T) {
	t.Parallel()
	plan := func(kind ledger.Kind, age time.Duration) string {
		var text strings.Builder
		p := &planned{Kind: kind, Listed: time.Now().Add(-age)}
		require.NoError(t, p.write(&text, 0))
		return text.String()
	}
	assert.Contains(t, plan(ledger.RevokeApp, 75*time.Hour), "The list of users was read 3 days ago: "+
		"users assigned since are not in it; another --run reads it anew\n")
	assert.Contains(t, plan(ledger.RevokeApp, 25*time.Hour), "1 day ago")
	assert.NotContains(t, plan(ledger.RevokeApp, 23*time.Hour), "ago")
	assert.NotContains(t, plan(ledger.Offboard, 75*time.Hour), "ago", "the caller gave the list")
}

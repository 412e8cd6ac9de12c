package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCallsOfTheJobs(t *testing.T) {
	t.Parallel()
	calls := map[string][2]int{}
	for _, c := range jobCases(20_000) {
		calls[c.name] = [2]int{c.work, c.verify}
	}
	assert.Equal(t, map[string][2]int{
		"review":                   {100 + 20_000, 0},
		"review --tokens":          {100 + 20_000 + 1 + 100 + 40*5 + 1 + 2 + 4*2, 0},
		"offboard":                 {40_000, 20_000},
		"offboard --keep-sessions": {100_000, 20_000},
		"revoke-app":               {1 + 1 + 1 + 2 + 1 + 40 + 20_000, 1 + 1 + 2 + 20_000},
	}, calls)
}

func TestLedgerAgainstLog(t *testing.T) {
	t.Parallel()
	log := orgLog{Revokes: map[string][]byte{sessionsRoute: {1, 2, 1, 1}, revokeRoute: {1, 1, 0, 1}}}
	lost, again := log.lostAndAgain(4)
	assert.Equal(t, 1, lost)
	assert.Equal(t, 1, again)

	const (
		both   = `"revoked":[{"what":"sessions"},{"what":"grants"}]}`
		normal = `"state":"verified","tries":1,` + both
	)
	for name, test := range map[string]struct {
		second string
		wrong  int // with the third user, whose grants are not revoked
	}{
		"same":            {`"state":"verified","tries":2,` + both, 1},
		"not tried again": {normal, 2},
		"not verified":    {`"state":"done","tries":2,` + both, 2},
		"revoked less":    {`"state":"verified","tries":2,"revoked":[{"what":"sessions"}]}`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), jsonFile)
			text := []byte(`{"type":"run","arguments":{}}`)
			for user, rest := range []string{normal, test.second, normal, normal} {
				text = fmt.Appendf(text, "\n"+`{"type":"task","kind":"user","id":"%s",%s`, userID(user), rest)
			}
			require.NoError(t, os.WriteFile(path, text, 0o600))
			_, err := readLedger(path)
			require.ErrorContains(t, err, "has no end")

			text = append(text, "\n"+`{"type":"end","revoked":{"sessions":4}}`...)
			require.NoError(t, os.WriteFile(path, text, 0o600))
			ledger, err := readLedger(path)
			require.NoError(t, err)
			assert.Equal(t, test.wrong, log.differs(ledger, 4))
		})
	}
}

func TestKillTimesRepeat(t *testing.T) {
	t.Parallel()
	times := killTimes(7, 30_000)
	assert.Len(t, times, kills)
	assert.Equal(t, times, killTimes(7, 30_000))
	assert.NotEqual(t, times, killTimes(8, 30_000))
	assert.Less(t, times[kills-1].calls, 24_000)
}

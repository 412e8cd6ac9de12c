package report_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/report"
)

func jsonLines(t *testing.T, s report.Source) []map[string]any {
	t.Helper()
	var b strings.Builder
	require.NoError(t, report.JSON(t.Context(), &b, s))
	var lines []map[string]any
	for line := range strings.Lines(b.String()) {
		var object map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &object))
		lines = append(lines, object)
	}
	return lines
}

// A terminal that shows the file shows nothing odd, and a program reads the same text.
func TestJSONEscapesWhatIsInvisible(t *testing.T) {
	t.Parallel()
	odd := "a\u202eb\u200bc\u2028d\u009be\x7ff\x1b[2Jg\U000e0041h\u3164i \u00e9 \u65e5 \U0001f600"
	task := user(1)
	task.Name = odd
	s := ended(ledger.Review, `{"search":"`+"x\u202ey"+`"}`, task)
	var b strings.Builder
	require.NoError(t, report.JSON(t.Context(), &b, s))
	require.Contains(t, b.String(), `a\u202eb\u200bc\u2028d\u009be\u007ff\u001b[2Jg\udb40\udc41h\u3164i é 日 😀`)
	require.NotContains(t, b.String(), "\u202e")
	lines := jsonLines(t, s)
	require.Equal(t, odd, lines[1]["name"])
	require.Equal(t, map[string]any{"search": "x\u202ey"}, lines[0]["arguments"])
}

func TestJSON(t *testing.T) {
	t.Parallel()
	task := user(1, grant("0oa1", "<Wiki> & =1", "openid"))
	task.Class, task.Error, task.State = "server", "500", ledger.Failed
	task.Began, task.Finished = began, began.Add(time.Second)
	task.Revoked = []ledger.Revoked{{What: "grants", ClientID: "0oa1", At: began}}
	s := ended(ledger.Offboard, `{"users":["a"]}`, task)
	s.run.Name, s.run.Stop = "leavers", "stopped"
	s.tokens = func(yield func(ledger.Access) bool) { yield(token(1, "0oa1", "openid")) }
	s.counts = ledger.Counts{
		Tasks:   map[ledger.TaskKind]map[ledger.State]int{ledger.User: {ledger.Failed: 1}},
		Classes: map[string]int{"server": 1}, Duplicates: 4, Again: 2, Grants: 3, Tokens: 1,
		Revoked: map[string]int{"grants": 1},
	}
	grantObject := map[string]any{
		"kind": "grant", "id": "oag1", "client": "0oa1", "clientName": "<Wiki> & =1", "issuer": "https://acme.okta.com",
		"status": "ACTIVE", "source": "END_USER", "scopes": []any{"openid"},
		"created": "2026-10-31T09:30:00Z", "updated": "2026-11-10T09:30:00Z",
	}
	require.Equal(t, []map[string]any{
		{
			"type": "run", "version": 1.0, "name": "leavers", "job": "offboard", "org": "https://acme.okta.com",
			"arguments": map[string]any{"users": []any{"a"}}, "phase": "ended",
			"created": "2026-11-20T09:30:00Z", "ended": "2026-11-20T10:06:00Z", "stop": "stopped",
		},
		{
			"type": "task", "version": 1.0, "seq": 1.0, "kind": "user", "id": userID(1), "login": "user1@acme.example", "name": "User 1",
			"status": "ACTIVE", "state": "failed", "tries": 1.0, "found": []any{grantObject},
			"revoked": []any{map[string]any{"what": "grants", "client": "0oa1", "at": "2026-11-20T09:30:00Z"}},
			"class":   "server", "error": "500", "began": "2026-11-20T09:30:00Z", "finished": "2026-11-20T09:30:01Z",
		},
		{
			"type": "token", "version": 1.0, "kind": "token", "id": "oar1", "client": "0oa1", "user": userID(1),
			"issuer": "https://acme.okta.com", "status": "ACTIVE", "scopes": []any{"openid"},
			"created": "2026-10-31T09:30:00Z", "updated": "2026-11-10T09:30:00Z",
		},
		{
			"type": "end", "version": 1.0, "tasks": 1.0, "tokens": 1.0, "states": map[string]any{"user": map[string]any{"failed": 1.0}},
			"duplicates": 4.0, "classes": map[string]any{"server": 1.0}, "again": 2.0, "grants": 3.0, "notJudged": 0.0,
			"revoked": map[string]any{"grants": 1.0},
		},
	}, jsonLines(t, s))
}

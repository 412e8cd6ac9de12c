package report_test

import (
	"encoding/csv"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/report"
)

// csvRows reads a CSV into maps by column, and leaves out empty fields.
func csvRows(t *testing.T, s report.Source) []map[string]string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, report.CSV(t.Context(), &b, s))
	records, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	require.NoError(t, err)
	var rows []map[string]string
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, field := range record {
			if field != "" {
				row[records[0][i]] = field
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func TestCSVOfAReview(t *testing.T) {
	t.Parallel()
	failed := ledger.Task{
		Kind: ledger.User, Given: "gone@acme.example", State: ledger.Failed, Class: "not_found", Error: "no such user",
	}
	secret := ledger.Task{
		Kind: ledger.App, ID: "0oaX", Name: "Secret", State: ledger.Failed, Class: "forbidden", Error: "no permission",
	}
	server := ledger.Task{Kind: ledger.Server, ID: "aus1", Name: "API", State: ledger.Pending}
	refresh := token(1, "0oa1", "openid", "offline_access")
	refresh.Expires = began.AddDate(0, 1, 0)
	s := ended(ledger.Review, `{"tokens":true}`, user(1, grant("0oa1", "Wiki", "openid")), user(2), failed, secret, server)
	s.run.Phase = ledger.Working
	s.tokens = func(yield func(ledger.Access) bool) {
		_ = yield(refresh) && yield(token(9, "0oa1", "openid"))
	}
	with := func(more map[string]string) map[string]string {
		row := map[string]string{"run": "1", "job": "review", "org": "https://acme.okta.com", "phase": "working"}
		maps.Copy(row, more)
		return row
	}
	require.Equal(t, []map[string]string{
		with(map[string]string{
			"kind": "grant", "user_id": userID(1), "login": "user1@acme.example", "name": "User 1", "user_status": "ACTIVE",
			"app_id": "0oa1", "app_name": "Wiki", "id": "oag1", "scopes": "openid", "powerful": "no", "source": "END_USER", "status": "ACTIVE",
			"issuer": "https://acme.okta.com", "created": "2026-10-31T09:30:00.000Z", "updated": "2026-11-10T09:30:00.000Z",
			"state": "done",
		}),
		with(map[string]string{
			"kind": "problem", "login": "gone@acme.example", "state": "failed", "error_class": "not_found",
			"error": "no such user",
		}),
		with(map[string]string{
			"kind": "problem", "app_id": "0oaX", "app_name": "Secret", "state": "failed", "error_class": "forbidden",
			"error": "no permission",
		}),
		with(map[string]string{
			"kind": "unfinished", "server_id": "aus1", "state": "pending", "error": "no outcome is known",
		}),
		with(map[string]string{
			"kind": "token", "user_id": userID(1), "login": "user1@acme.example", "name": "User 1", "user_status": "ACTIVE",
			"app_id": "0oa1", "id": "oar1", "scopes": "openid offline_access", "powerful": "yes", "status": "ACTIVE",
			"issuer": "https://acme.okta.com", "created": "2026-10-31T09:30:00.000Z", "updated": "2026-11-10T09:30:00.000Z",
			"expires": "2026-12-20T09:30:00.000Z",
		}),
		with(map[string]string{
			"kind": "token", "user_id": userID(9), "app_id": "0oa1", "id": "oar9", "scopes": "openid", "powerful": "no", "status": "ACTIVE",
			"issuer": "https://acme.okta.com", "created": "2026-10-31T09:30:00.000Z", "updated": "2026-11-10T09:30:00.000Z",
		}),
		with(map[string]string{"kind": "end", "error": "6 rows before this one"}),
	}, csvRows(t, s))
}

func TestCSVOfRevokes(t *testing.T) {
	t.Parallel()
	left := user(1, ledger.Access{Kind: ledger.Client, ClientID: "0oa1", ClientName: "Wiki"})
	left.State, left.Class, left.Error = ledger.Left, "left", "not all was revoked"
	left.Revoked = []ledger.Revoked{{What: "tokens", ClientID: "0oa1", ServerID: "aus1", At: began}}
	rows := csvRows(t, ended(ledger.Offboard, "{}", left))
	require.Len(t, rows, 4)
	assert.Equal(t, "client", rows[0]["kind"])
	assert.Equal(t, "Wiki", rows[0]["app_name"])
	assert.Equal(t, "revoke", rows[1]["kind"])
	assert.Equal(t, userID(1), rows[1]["user_id"])
	assert.Equal(t, "tokens", rows[1]["revoked"])
	assert.Equal(t, "2026-11-20T09:30:00.000Z", rows[1]["revoked_at"])
	assert.Equal(t, "0oa1", rows[1]["app_id"])
	assert.Equal(t, "aus1", rows[1]["server_id"])
	assert.Equal(t, "problem", rows[2]["kind"])
	assert.Equal(t, "left", rows[2]["error_class"])
}

func TestCSVEscapesFormulas(t *testing.T) {
	t.Parallel()
	formula := "=HYPERLINK(\"http://evil.example\",\"x\")"
	task := user(1, grant(formula, formula, formula))
	task.Login, task.Name, task.Status = formula, "  "+formula, "\t"+formula
	task.State, task.Class, task.Error = ledger.Failed, formula, "＝1"
	for _, row := range csvRows(t, ended(ledger.Review, "{}", task)) {
		for column, field := range row {
			assert.NotContains(t, "=＝+-@\t\r", strings.TrimSpace(field)[:1], column)
		}
	}
	grantRow := csvRows(t, ended(ledger.Review, "{}", task))[0]
	require.Equal(t, "'"+formula, grantRow["app_name"], "nothing but the apostrophe is added")
}

func TestCSVShowsWhatIsInvisible(t *testing.T) {
	t.Parallel()
	task := user(1, grant("0oa1", "a\u202egnp.exe\x1b[2J\nb", "openid"))
	row := csvRows(t, ended(ledger.Review, "{}", task))[0]
	require.Equal(t, "a⟨U+202E⟩gnp.exe⟨U+001B⟩[2J⟨U+000A⟩b", row["app_name"])
}

func TestTokenWithoutUser(t *testing.T) {
	t.Parallel()
	lone := token(1, "0oa1", "openid")
	lone.UserID = ""
	s := ended(ledger.Review, `{"tokens":true}`, user(1))
	s.tokens = func(yield func(ledger.Access) bool) { _ = yield(token(1, "0oa1", "openid")) && yield(lone) }
	rows := csvRows(t, s)
	require.Equal(t, "user1@acme.example", rows[0]["login"])
	require.Empty(t, rows[1]["login"])
}

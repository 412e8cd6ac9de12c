package cli

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

// Each of the fifteen operations has its command, and the command makes that one request; if it names an app, another one
// before reads the app's client ID.
func TestOperations(t *testing.T) {
	t.Parallel()
	for command, request := range map[string]string{
		"grants get 00uann oagann01":                       "GET users/00uann/grants/oagann01",
		"grants get 00uann oagann01 --expand":              "GET users/00uann/grants/oagann01?expand=scope",
		"grants list 00uann":                               "GET users/00uann/grants?limit=200",
		"grants list 00uann --scope openid":                "GET users/00uann/grants?limit=200&scopeId=openid",
		"grants list 00uann --client 0oanotes":             "GET users/00uann/clients/0oanotes/grants?limit=200",
		"grants list 00uann --client 0oanotes --expand":    "GET users/00uann/clients/0oanotes/grants?expand=scope&limit=200",
		"grants revoke 00uann oagann01 --yes":              "DELETE users/00uann/grants/oagann01",
		"grants revoke-all 00uann --yes":                   "DELETE users/00uann/grants",
		"grants revoke-all 00uann --client 0oanotes --yes": "DELETE users/00uann/clients/0oanotes/grants",
		"tokens get 00uann 0oanotes oarann4":               "GET users/00uann/clients/0oanotes/tokens/oarann4",
		"tokens get 00uann 0oanotes oarann4 --expand":      "GET users/00uann/clients/0oanotes/tokens/oarann4?expand=scope",
		"tokens list 00uann 0oanotes --limit 7":            "GET users/00uann/clients/0oanotes/tokens?limit=7",
		"tokens list 00uann 0oanotes --expand":             "GET users/00uann/clients/0oanotes/tokens?expand=scope&limit=200",
		"tokens revoke 00uann 0oanotes oarann4 --yes":      "DELETE users/00uann/clients/0oanotes/tokens/oarann4",
		"tokens revoke-all 00uann 0oanotes --yes":          "DELETE users/00uann/clients/0oanotes/tokens",
		"server-clients list default":                      "GET authorizationServers/default/clients",
		"server-tokens get default 0oanotes oarann4": "GET authorizationServers/default/clients/0oanotes/tokens" +
			"/oarann4",
		"server-tokens list default 0oanotes": "GET authorizationServers/default/clients/0oanotes/tokens" +
			"?limit=200",
		"server-tokens revoke default 0oanotes oarann4 --yes": "DELETE " +
			"authorizationServers/default/clients/0oanotes/tokens/oarann4",
		"server-tokens revoke-all default 0oanotes --yes": "DELETE authorizationServers/default/clients/0oanotes/tokens",
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			m.run(strings.Fields(command)...).succeeds(t)
			want := []string{request}
			if strings.Contains(command, "0oanotes") {
				want = []string{"GET apps/0oanotes", request}
			}
			assert.Equal(t, want, m.requests())
		})
	}
}

func TestUserByLogin(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	o := m.run("grants", "list", "ann@example.com", "--json")
	o.succeeds(t)
	assert.Len(t, decode(t, o.out), 45)
	assert.Equal(t, []string{"GET users/ann@example.com", "GET users/00uann/grants?limit=200"}, m.requests())
}

func TestUnknownUser(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.run("grants", "revoke-all", "eve@example.com", "--yes").fails(t, 1, `there is no user "eve@example.com"`)
	assert.Zero(t, m.count(http.MethodDelete))
}

// A login that Okta takes for somebody else must not reach that user.
func TestUserWhoIsAnother(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.org.Handle("GET /api/v1/users/me", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"id":"00uann","profile":{"login":"ann@example.com"}}`))
	}))
	m.run("grants", "revoke-all", "me", "--yes").fails(t, 2, "another user")
	assert.Zero(t, m.count(http.MethodDelete))
}

func TestFormats(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	table := m.run("tokens", "list", ann, calendar)
	table.succeeds(t)
	lines := strings.Split(table.out, "\n")
	require.Len(t, lines, 5, "a header, three tokens and the end")
	assert.True(t, strings.HasPrefix(lines[0], "ID       USER    CLIENT       ISSUER"), lines[0])
	assert.True(t, strings.HasPrefix(lines[1], "oarann1  00uann  0oacalendar  http"), lines[1])
	assert.Contains(t, lines[1], "openid calendar.read offline_access")

	text := m.run("tokens", "list", ann, calendar, "--csv")
	text.succeeds(t)
	rows, err := csv.NewReader(strings.NewReader(text.out)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 4)
	header := strings.Fields("id user client issuer status scopes created updated expires")
	assert.Equal(t, header, rows[0])
	assert.Equal(t, []string{"oarann1", ann, calendar}, rows[1][:3])

	objects := m.run("tokens", "list", ann, calendar, "--json")
	objects.succeeds(t)
	assert.Equal(t, 3, lineCount(objects.out))
	for _, object := range decode(t, objects.out) {
		assert.Equal(t, ann, object["userId"], "as Okta spells it")
		assert.NotEmpty(t, object["scopes"])
	}
}

func TestJSONAndCSV(t *testing.T) {
	t.Parallel()
	newMachine(t).run("grants", "list", ann, "--json", "--csv").fails(t, 2, "json", "csv")
}

func TestPages(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"--json", "--csv", "--quiet"} {
		m := newMachine(t)
		args := []string{"grants", "list", ann, "--limit", "10"}
		if format != "--quiet" {
			args = append(args, format)
		}
		o := m.run(args...)
		o.succeeds(t)
		assert.Len(t, m.requests(), 5, "45 grants in pages of ten")
		want := 45
		if format != "--json" {
			want++ // one header
		}
		assert.Equal(t, want, lineCount(o.out))
	}
}

func TestListThatBreaksOff(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	fault := oktatest.Reply(http.StatusInternalServerError, nil, "oops")
	pass := func(w http.ResponseWriter, r *http.Request, org http.Handler) { org.ServeHTTP(w, r) }
	m.org.Next(pass, pass, fault)
	broken := m.run("grants", "list", ann, "--limit", "10", "--json")
	broken.fails(t, 3, "the list is incomplete: after 20 items", "500", "go on with --after ")
	assert.Len(t, decode(t, broken.out), 20)

	text, ok := decode(t, broken.err)[0]["error"].(string)
	require.True(t, ok)
	_, cursor, _ := strings.Cut(text, "--after ")
	rest := m.run("grants", "list", ann, "--limit", "10", "--json", "--after", cursor)
	rest.succeeds(t)
	ids := map[any]bool{}
	for _, grant := range decode(t, broken.out+rest.out) {
		ids[grant["id"]] = true
	}
	assert.Len(t, ids, 45, "both parts are the whole list")

	m.org.Next(pass, fault)
	table := m.run("grants", "list", ann, "--limit", "10")
	assert.Equal(t, 3, table.code)
	assert.True(t, strings.HasSuffix(table.out, "INCOMPLETE: more follow\n"), "the table says so itself")
}

func TestFirstPageFails(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.org.Next(oktatest.Drop(), oktatest.Drop())
	o := m.run("grants", "list", ann)
	o.fails(t, 1, "check the org's URL and the network")
	assert.Empty(t, o.out, "not even a header: it would look like an empty list")
}

func TestEmptyList(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for _, format := range []string{"--json", "--csv"} {
		o := m.run("grants", "list", "00udee", format)
		o.succeeds(t)
		assert.LessOrEqual(t, lineCount(o.out), 1)
	}
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for _, name := range []string{"=1+1", "\x1b[2Jgone", "exe.\u202efdp", "<script>", "\u009b31mred", "a\nb"} {
		client := m.org.AddClient(oktatest.Client{Name: name})
		m.org.AddRefreshToken(oktatest.RefreshToken{UserID: ann, ClientID: client.ID, AuthorizationServerID: "auspartners"})
	}
	outputs := map[string]string{}
	for _, format := range []string{"", "--json", "--csv"} {
		o := m.run(strings.Fields("server-clients list auspartners " + format)...)
		o.succeeds(t)
		outputs[format] = o.out
	}
	for _, output := range outputs {
		for _, hostile := range []string{"\x1b", "\u202e", "\u009b"} {
			assert.NotContains(t, output, hostile, "it would change what the terminal shows")
		}
	}
	assert.Equal(t, 10, lineCount(outputs[""]), "a name cannot begin a line")
	assert.Contains(t, outputs[""], "exe.⟨U+202E⟩fdp")
	names := map[any]bool{}
	for _, client := range decode(t, outputs["--json"]) {
		names[client["client_name"]] = true
	}
	assert.True(t, names["exe.\u202efdp"], "JSON has the name as it is: %v", names)
	assert.Contains(t, outputs["--csv"], "'=1+1")
	assert.Contains(t, outputs["--csv"], "exe.⟨U+202E⟩fdp")
	assert.Contains(t, outputs["--csv"], "a⟨U+000A⟩b")
}

func TestHostileIDs(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"..", "a/b", "00uann;x", "\x1b[2J", ".."} {
		m := newMachine(t)
		o := m.run("tokens", "revoke-all", ann, id, "--yes")
		o.fails(t, 2)
		assert.NotContains(t, o.out+o.err, "\x1b")
		assert.Empty(t, m.requests())
	}
}

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/csv"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

func startDemo(t *testing.T) *oktatest.Org {
	t.Helper()
	org := oktatest.NewDemo()
	t.Cleanup(org.Close)
	return org
}

// loader loads a configuration.
type loader = func() (okta.Config, error)

func env(url, token string) loader {
	environ := []string{"OKTA_CLIENT_ORGURL=" + url, "OKTA_CLIENT_TOKEN=" + token}
	return func() (okta.Config, error) { return okta.LoadConfigFrom(okta.ConfigSources{Environ: environ}) }
}

func envOf(org *oktatest.Org) loader { return env(org.URL, oktatest.DemoToken) }

func runWith(ctx context.Context, load loader, args ...string) (code int, stdout, stderr string) {
	var out, notes bytes.Buffer
	code = run(ctx, args, load, &out, &notes)
	return code, out.String(), notes.String()
}

func TestTable(t *testing.T) {
	t.Parallel()
	org := startDemo(t)
	code, stdout, stderr := runWith(t.Context(), envOf(org), "bob@example.com", "00ucid")

	assert.Zero(t, code)
	want := `
USER             KIND           ID       CLIENT          SCOPES                               STATUS  CREATED               EXPIRES
bob@example.com  grant          oagbob1  0oacalendar     openid                               ACTIVE  2026-01-07T07:00:00Z
bob@example.com  grant          oagbob2  0oacalendar     calendar.read                        ACTIVE  2026-01-07T08:00:00Z
bob@example.com  grant          oagbob3  0oanotes        openid                               ACTIVE  2026-01-07T09:00:00Z
bob@example.com  refresh token  oarbob1  0oacalendar     openid calendar.read offline_access  ACTIVE  2026-01-05T14:00:00Z  2026-01-13T14:00:00Z
bob@example.com  refresh token  oarbob2  0oanotes        openid offline_access                ACTIVE  2026-01-05T15:00:00Z  2026-01-13T15:00:00Z
00ucid           grant          oagcid1  0oareports      reports.read                         ACTIVE  2026-01-07T10:00:00Z
00ucid           grant          oagcid2  partner-portal  scp7qk3fWm1XtB8Ru5d7                 ACTIVE  2026-01-07T11:00:00Z
00ucid           grant          oagcid3  partner-portal  scp1ta6rGy5ZnH3Wk8d7                 ACTIVE  2026-01-07T11:00:00Z
00ucid           refresh token  oarcid1  partner-portal  invoices.read offline_access         ACTIVE  2026-01-05T16:00:00Z  2026-01-13T16:00:00Z
`
	assert.Equal(t, want, "\n"+strings.ReplaceAll(stdout, "  \n", "\n"))
	assert.Equal(t, "audit: reading "+org.URL+"\naudit: bob@example.com: 5 found\naudit: 00ucid: 4 found\n", stderr)
}

func TestCSV(t *testing.T) {
	t.Parallel()
	code, stdout, _ := runWith(t.Context(), envOf(startDemo(t)), "-format", "csv", "00ubob", "00ucid")

	assert.Zero(t, code)
	want := `
user,kind,id,client,scopes,status,created,expires
00ubob,grant,oagbob1,0oacalendar,openid,ACTIVE,2026-01-07T07:00:00Z,
00ubob,grant,oagbob2,0oacalendar,calendar.read,ACTIVE,2026-01-07T08:00:00Z,
00ubob,grant,oagbob3,0oanotes,openid,ACTIVE,2026-01-07T09:00:00Z,
00ubob,refresh token,oarbob1,0oacalendar,openid calendar.read offline_access,ACTIVE,2026-01-05T14:00:00Z,2026-01-13T14:00:00Z
00ubob,refresh token,oarbob2,0oanotes,openid offline_access,ACTIVE,2026-01-05T15:00:00Z,2026-01-13T15:00:00Z
00ucid,grant,oagcid1,0oareports,reports.read,ACTIVE,2026-01-07T10:00:00Z,
00ucid,grant,oagcid2,partner-portal,scp7qk3fWm1XtB8Ru5d7,ACTIVE,2026-01-07T11:00:00Z,
00ucid,grant,oagcid3,partner-portal,scp1ta6rGy5ZnH3Wk8d7,ACTIVE,2026-01-07T11:00:00Z,
00ucid,refresh token,oarcid1,partner-portal,invoices.read offline_access,ACTIVE,2026-01-05T16:00:00Z,2026-01-13T16:00:00Z
`
	assert.Equal(t, want, "\n"+stdout)
}

func TestJSON(t *testing.T) {
	t.Parallel()
	code, stdout, _ := runWith(t.Context(), envOf(startDemo(t)), "-format", "json", "00ubob", "00ucid")

	assert.Zero(t, code)
	var report []map[string]any
	require.NoError(t, json.Unmarshal([]byte(stdout), &report))
	require.Len(t, report, 9)
	assert.Equal(t, map[string]any{
		"user": "00ubob", "kind": "grant", "id": "oagbob1", "client": "0oacalendar",
		"scopes": []any{"openid"}, "status": "ACTIVE", "created": "2026-01-07T07:00:00Z",
	}, report[0])
	assert.Equal(t, map[string]any{
		"user": "00ubob", "kind": "refresh token", "id": "oarbob2", "client": "0oanotes",
		"scopes": []any{"openid", "offline_access"}, "status": "ACTIVE",
		"created": "2026-01-05T15:00:00Z", "expires": "2026-01-13T15:00:00Z",
	}, report[4])
}

func TestDemoOrgHasAllUsersByDefault(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := runWith(t.Context(), env("", ""), "-format", "csv")

	assert.Zero(t, code)
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	require.NoError(t, err)
	counts := map[string]int{}
	for _, row := range rows[1:] {
		counts[row[0]+" "+row[1]]++
	}
	assert.Equal(t, map[string]int{
		"00uann grant": 45, "00uann refresh token": 5,
		"00ubob grant": 3, "00ubob refresh token": 2,
		"00ucid grant": 3, "00ucid refresh token": 1,
	}, counts)
	assert.Contains(t, stderr, "reading the demo org")
	assert.Contains(t, stderr, "00udee: 0 found")
}

func TestUserWithoutAnything(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"table": "USER  KIND  ID  CLIENT  SCOPES  STATUS  CREATED  EXPIRES\n",
		"csv":   "user,kind,id,client,scopes,status,created,expires\n",
		"json":  "[]\n",
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := runWith(t.Context(), envOf(startDemo(t)), "-format", format, "00udee")
			assert.Zero(t, code)
			assert.Equal(t, want, stdout)
			assert.Contains(t, stderr, "00udee: 0 found")
		})
	}
}

func TestCSVEscapesFormulas(t *testing.T) {
	t.Parallel()
	org := startDemo(t)
	org.AddUser(oktatest.User{ID: "00ueve", Login: `=HYPERLINK("x","y")`})
	org.AddClient(oktatest.Client{ID: "@client"})
	org.AddGrant(oktatest.Grant{
		ID: "-grant", UserID: "00ueve", ClientID: "@client", ScopeID: "+1, or\r\n\"=2\"", Status: "\t=3",
	})
	code, stdout, _ := runWith(t.Context(), envOf(org), "-format", "csv", `=HYPERLINK("x","y")`)

	assert.Zero(t, code)
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2)
	assert.Equal(t, []string{
		`'=HYPERLINK("x","y")`, "grant", "'-grant", "'@client", "'+1, or\n\"=2\"", "'\t=3",
	}, rows[1][:6])
}

// The users API takes a login, the grants API an ID.
func TestLoginIsResolved(t *testing.T) {
	t.Parallel()
	for login, id := range map[string]string{
		"dee@example.com": "00udee", "dee": "00udee", "00ueve@example.com": "00uodd",
	} {
		t.Run(login, func(t *testing.T) {
			t.Parallel()
			org := startDemo(t)
			org.AddUser(oktatest.User{ID: "00uodd", Login: "00ueve@example.com"})
			code, _, stderr := runWith(t.Context(), envOf(org), login)

			assert.Zero(t, code)
			assert.Contains(t, stderr, login+": 0 found")
			var paths []string
			for _, request := range org.Requests() {
				paths = append(paths, request.Path)
			}
			assert.Equal(t, []string{
				"/api/v1/users/" + login, "/api/v1/users/" + id + "/grants", "/api/v1/users/" + id + "/clients",
			}, paths)
		})
	}
}

func TestUnresolvedLoginIsNotInTheReport(t *testing.T) {
	t.Parallel()
	for name, response := range map[string]oktatest.Fault{
		"unknown": oktatest.Reply(http.StatusNotFound, nil, `{"errorCode":"E0000007","errorSummary":"Not found"}`),
		"no ID":   oktatest.Reply(http.StatusOK, nil, `{}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := startDemo(t)
			org.Next(response)
			code, stdout, stderr := runWith(t.Context(), envOf(org), "dee@example.com", "00ucid")
			assert.Equal(t, 1, code)
			assert.NotContains(t, stdout, "dee")
			assert.Contains(t, stdout, "oagcid1")
			assert.Contains(t, stderr, "dee@example.com is not in the report: okta: ")
		})
	}
}

func TestServiceApp(t *testing.T) {
	t.Parallel()
	org := startDemo(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	app := org.AddServiceApp(oktatest.ServiceApp{
		Keys: []oktatest.ServiceAppKey{{Public: key.Public()}}, Scopes: []string{"okta.users.read"}, DPoP: true,
	})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	environ := []string{
		"OKTA_CLIENT_ORGURL=" + org.URL, "OKTA_CLIENT_CLIENTID=" + app.ClientID, "OKTA_CLIENT_SCOPES=okta.users.read",
		"OKTA_CLIENT_PRIVATEKEY=" + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	}
	load := func() (okta.Config, error) { return okta.LoadConfigFrom(okta.ConfigSources{Environ: environ}) }
	code, stdout, _ := runWith(t.Context(), load, "00ucid")
	assert.Zero(t, code)
	assert.Contains(t, stdout, "oagcid1")
}

func TestUnknownUserDoesNotHideOthers(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"table", "csv", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			org := startDemo(t)
			users := []string{"00ubob", "00unobody", "00ucid", ""}
			code, stdout, stderr := runWith(t.Context(), envOf(org), append([]string{"-format", format}, users...)...)
			assert.Equal(t, 1, code)
			assert.Contains(t, stdout, "oarbob2")
			assert.Contains(t, stdout, "oagcid1")
			assert.NotContains(t, stdout, "nobody")
			const failure = "okta: GET /api/v1/users/00unobody/grants: 404 "
			assert.Contains(t, stderr, "00unobody is not in the report: "+failure)
			assert.Contains(t, stderr, "[request "+org.Requests()[4].RequestID+"]")
			assert.Contains(t, stderr, "invalid argument")
			assert.Contains(t, stderr, "2 of 4 users are not in the report")
		})
	}
}

// The user has two pages of grants, one of clients, and two of tokens, read by five requests.
func TestBrokenListIsNotReported(t *testing.T) {
	t.Parallel()
	brokenLink := http.Header{"Link": {`<https://x/y?after=>; rel="next"`}}
	faults := map[string]oktatest.Fault{
		"forbidden":        oktatest.Reply(http.StatusForbidden, nil, ""),
		"not found":        oktatest.Reply(http.StatusNotFound, nil, ""),
		"no body":          oktatest.Reply(http.StatusOK, nil, ""),
		"not a list":       oktatest.Reply(http.StatusOK, nil, "{}"),
		"list cut short":   oktatest.Reply(http.StatusOK, nil, `[{"id":"oag1"},`),
		"next link broken": oktatest.Reply(http.StatusOK, brokenLink, "[]"),
	}
	for request := range 5 {
		for name, fault := range faults {
			t.Run(fmt.Sprintf("%s in request %d", name, request+1), func(t *testing.T) {
				t.Parallel()
				org := startDemo(t)
				addCrowded(org)
				org.Next(make([]oktatest.Fault, request)...)
				org.Next(fault)
				code, stdout, stderr := runWith(t.Context(), envOf(org), "-format", "csv", "00ucrowded", "00ucid")
				assert.Equal(t, 1, code)
				assert.NotContains(t, stdout, "00ucrowded")
				assert.Contains(t, stdout, "oagcid1")
				assert.Contains(t, stderr, "00ucrowded is not in the report: okta: GET /api/v1/users/00ucrowded/")
			})
		}
	}
}

func TestAllPagesAreRead(t *testing.T) {
	t.Parallel()
	org := startDemo(t)
	addCrowded(org)
	code, stdout, stderr := runWith(t.Context(), envOf(org), "-format", "csv", "00ucrowded")

	assert.Zero(t, code)
	assert.Equal(t, 201, strings.Count(stdout, ",grant,"))
	assert.Equal(t, 201, strings.Count(stdout, ",refresh token,"))
	assert.Contains(t, stderr, "00ucrowded: 402 found")
	assert.Len(t, org.Requests(), 5)
}

func addCrowded(org *oktatest.Org) {
	org.AddUser(oktatest.User{ID: "00ucrowded"})
	for range 201 {
		org.AddGrant(oktatest.Grant{UserID: "00ucrowded", ClientID: oktatest.DemoClientID})
		org.AddRefreshToken(oktatest.RefreshToken{UserID: "00ucrowded", ClientID: oktatest.DemoClientID})
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	org := startDemo(t)
	ctx, cancel := context.WithCancel(t.Context())
	org.Next(make([]oktatest.Fault, 5)...) // 00ucid is read by four requests
	org.Next(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		cancel()
		<-r.Context().Done()
	})
	code, stdout, stderr := runWith(ctx, envOf(org), "00ucid", "00ubob", "00uann")

	assert.Equal(t, 1, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "audit: 00ucid: 4 found\naudit: interrupted, there is no report\n")
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestReportThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"table", "csv", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			code := run(t.Context(), []string{"-format", format, "00ubob"}, envOf(startDemo(t)), fullDisk{}, &stderr)
			assert.Equal(t, 1, code)
			assert.Contains(t, stderr.String(), "the report is incomplete: no space left")
		})
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	const url, token = "https://acme.okta.com", "00token"
	for name, test := range map[string]struct {
		load loader
		args []string
		want string
	}{
		"format":        {env("", ""), []string{"-format", "xml"}, `there is no format "xml"`},
		"flag":          {env("", ""), []string{"-x"}, "not defined: -x"},
		"flag too late": {env("", ""), []string{"00uann", "-format", "csv"}, "flags go before the users"},
		"no user":       {env(url, token), nil, "name a user of " + url},
		"no token":      {env(url, ""), []string{"00uann"}, "Config.Credentials is missing"},
		"no URL":        {env("", token), []string{"00uann"}, "Config.OrgURL is missing"},
		"wrong URL":     {env("http://acme.okta.com", token), []string{"00uann"}, "Config.OrgURL is http"},
		"wrong token":   {env(url, "00 token"), []string{"00uann"}, "token (OKTA_CLIENT_TOKEN) is not a token: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := runWith(t.Context(), test.load, test.args...)
			assert.Equal(t, 2, code)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, test.want)
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := runWith(t.Context(), env("", ""), "-h")
	assert.Zero(t, code)
	assert.True(t, strings.HasPrefix(stdout, "usage: audit [flags] [user ID or login ...]\n"))
	assert.Contains(t, stdout, "-format form\n    \tform of the report: table, csv or json (default \"table\")\n")
	assert.Empty(t, stderr)
}

// A time that Okta did not send is empty, not the year 1.
func TestMissingTimes(t *testing.T) {
	t.Parallel()
	report := []entry{{User: "u", Kind: "grant", ID: "g", Client: "c", Created: time.Time{}}}
	for name, write := range map[string]func(io.Writer, []entry) error{
		"table": writeTable, "csv": writeCSV, "json": writeJSON,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			require.NoError(t, write(&out, report))
			assert.NotContains(t, out.String(), "0001")
		})
	}
}

package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

// withGroups lets the org list its groups.
func (m *machine) withGroups() *machine {
	m.org.Handle("GET /api/v1/groups", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`[{"id":"00geveryone"}]`))
	}))
	return m
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	m := newMachine(t).withGroups()
	m.org.LimitRate(oktatest.BucketUsers, 600, time.Minute)
	o := m.run("doctor")
	o.succeeds(t)
	for _, line := range []string{
		m.org.URL + "\n  Credentials  API token: it may do what its owner may do\n",
		"  listUserGrants                           ok\n",
		"  listOAuth2TokensForApplication           ok\n",
		"  listGroupUsers                           ok\n",
		"  listOAuth2Scopes                         ok\n",
		"  /api/v1/users  600 calls a window, 597 left\n",
		"  review           yes\n",
		"  offboard         as far as reads can show; it also needs an administrator role that may revoke\n",
	} {
		assert.Contains(t, o.out, line)
	}
	assert.Len(t, m.requests(), 11, "a read of each kind")
	assert.Zero(t, m.count(http.MethodDelete)+m.count(http.MethodPost))
}

func TestDoctorFindsMissingScopes(t *testing.T) {
	t.Parallel()
	m := newMachine(t).withGroups()
	m.org.AcceptBearerToken("bearer-secret", "okta.users.read")
	m.config.Credentials = okta.BearerToken("bearer-secret")
	o := m.run("doctor", "--json")
	o.fails(t, 1, "these credentials cannot do: review --tokens, review --group, revoke-app")
	d := o.object(t)
	assert.Equal(t, "OAuth access token", d["credentials"])
	jobs := map[string]any{}
	for _, job := range d["jobs"].([]any) {
		job := job.(map[string]any)
		jobs[job["job"].(string)] = job["missing"]
	}
	assert.Nil(t, jobs["review"])
	assert.Contains(t, o.out, `"job":"review","ok":true,"notJudged":"scopes of custom authorization servers, `+
		`without the scope okta.authorizationServers.read"`)
	assert.Equal(t, []any{"the scope okta.apps.read", "the scope okta.authorizationServers.read"}, jobs["review --tokens"])
	assert.Nil(t, jobs["offboard"], "its scope for revoking cannot be known")
}

// Without a group to try it with, nobody knows whether the members of one can be read.
func TestDoctorCannotListGroups(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.org.Handle("GET /api/v1/groups", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="okta.groups.read"`)
		w.WriteHeader(http.StatusForbidden)
	}))
	m.run("doctor").fails(t, 1, "these credentials cannot do: review --group")
}

func TestDoctorDoesNotTakeUntriedForYes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status              int
		body                string
		code                int
		read, members, jobs string
	}{
		"not found": {404, `{"errorCode":"E0000007"}`, 1, "failed: ", "not tried: nothing", "no: listGroups failed\n"},
		"server":    {500, `{"errorCode":"E0000009"}`, 1, "failed: ", "not tried: nothing", "no: listGroups failed\n"},
		"forbidden": {
			403, `{"errorCode":"E0000006"}`, 1, "missing: an administrator role", "not tried: nothing",
			"no: an administrator role that permits listGroups\n",
		},
		"none": {200, `[]`, 0, "ok, but there are no groups", "not tried: nothing", "not tried: listGroupUsers\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			m.org.Handle("GET /api/v1/groups", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			o := m.run("doctor")
			assert.Equal(t, c.code, o.code, o.err)
			assert.Contains(t, o.out, "  listGroups                               "+c.read)
			assert.Contains(t, o.out, "  listGroupUsers                           "+c.members)
			assert.Contains(t, o.out, "  review --group   "+c.jobs)
			assert.Contains(t, o.out, "  review           yes\n")
		})
	}
}

func TestDoctorReadsScopesOfAccessToken(t *testing.T) {
	t.Parallel()
	m := newMachine(t).withGroups()
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"scp":["okta.users.read"],"exp":1}`))
	token := "header." + claims + ".signature"
	m.org.AcceptBearerToken(token, "okta.users.read")
	m.config.Credentials = okta.BearerToken(token)
	o := m.run("doctor")
	o.fails(t, 1, "offboard")
	assert.Contains(t, o.out, "  Scopes       okta.users.read\n")
	assert.Contains(t, o.out, "  offboard         no: the scope okta.users.manage\n")
	assert.NotContains(t, o.out, claims)
}

func TestDoctorOfServiceApp(t *testing.T) {
	t.Parallel()
	m := newMachine(t).withGroups()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	scopes := []string{readUsers, readApps, readServers, readGroups, manageUsers}
	app := m.org.AddServiceApp(oktatest.ServiceApp{
		Keys: []oktatest.ServiceAppKey{{Public: key.Public()}}, Scopes: scopes, DPoP: true,
	})
	m.config.Credentials = okta.ServiceApp{
		ClientID: app.ClientID, Scopes: scopes,
		PrivateKey: okta.PrivateKeyFromPEM(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))),
	}
	o := m.run("doctor")
	o.fails(t, 1, "these credentials cannot do: revoke-app")
	assert.Contains(t, o.out, "service app "+app.ClientID+", with DPoP tokens")
	assert.Contains(t, o.out, "  Scopes       okta.users.read okta.apps.read")
	assert.Contains(t, o.out,
		"  revoke-app       no: the scope okta.apps.manage; the scope okta.authorizationServers.manage\n")
	assert.NotContains(t, o.out+o.err, "PRIVATE KEY")

	m.config.Credentials = okta.ServiceApp{ClientID: "0oaother", Scopes: scopes, PrivateKey: okta.PrivateKeyFromPEM(
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))}
	m.run("doctor").fails(t, 2, "invalid_client", "OKTA_CLIENT_PRIVATEKEY")
}

// A service app without an administrator role gets empty lists.
func TestDoctorFindsMissingRole(t *testing.T) {
	t.Parallel()
	m := newMachine(t).withGroups()
	m.org.Handle("GET /api/v1/users", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`[]`))
	}))
	o := m.run("doctor")
	o.fails(t, 1, "review")
	assert.Contains(t, o.out, "an administrator role: without one, Okta lists no users")
	assert.Contains(t, o.out, "not tried: nothing to try it with")
}

func TestDoctorWithoutNetwork(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.org.Close()
	m.run("doctor").fails(t, 2, "check the org's URL and the network")
}

func TestDoctorShowsWarningsOfConfiguration(t *testing.T) {
	t.Parallel()
	m := newMachine(t).withGroups()
	m.env.LoadConfig = func() (okta.Config, error) {
		return okta.LoadConfigFrom(okta.ConfigSources{Environ: []string{
			"OKTA_CLIENT_ORGURL=" + m.org.URL, "OKTA_CLIENT_TOKEN=" + secret, "OKTA_CLIENT_TOKN=x",
		}})
	}
	o := m.run("doctor")
	o.succeeds(t)
	assert.Contains(t, o.out, "OKTA_CLIENT_TOKN")
	assert.NotContains(t, m.run("grants", "list", ann).err, "OKTA_CLIENT_TOKN")
}

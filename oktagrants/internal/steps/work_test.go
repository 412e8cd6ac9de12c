package steps_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

func ann() *ledger.Task { return &ledger.Task{Kind: ledger.User, ID: oktatest.DemoUserID} }

func TestReviewUser(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	job := newJob(t, org, ledger.Review, steps.Arguments{})
	assert.False(t, job.Revokes())
	task := ann()
	require.NoError(t, job.Work(t.Context(), task, nil))
	require.Len(t, task.Found, 45)
	grant := org.Grants()[4]
	assert.Equal(t, ledger.Access{
		Kind: ledger.Grant, ID: grant.ID, ClientID: "0oacalendar", ClientName: "Calendar", Issuer: grant.Issuer,
		Status: "ACTIVE", Source: "ADMIN", Scopes: []string{grant.ScopeID}, Created: grant.Created,
		Updated: grant.LastUpdated,
	}, task.Found[4])
	assert.Equal(t, []string{"GET users/00uann/grants"}, calls(org), "one call for each user")
}

// A list that was read in part must not look like the whole.
func TestReviewUserThatBreaksOff(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	for i := range 200 {
		org.AddGrant(oktatest.Grant{UserID: "00udee", ClientID: "0oanotes", ScopeID: fmt.Sprint("scope", i)})
	}
	org.AddGrant(oktatest.Grant{UserID: "00udee", ClientID: "0oanotes", ScopeID: "last"})
	job := newJob(t, org, ledger.Review, steps.Arguments{})
	task := &ledger.Task{Kind: ledger.User, ID: "00udee"}
	org.Next(nil, oktaError(403, "E0000006"))
	require.ErrorIs(t, job.Work(t.Context(), task, nil), okta.ErrForbidden)
	assert.Empty(t, task.Found)
	require.NoError(t, job.Work(t.Context(), task, nil))
	assert.Len(t, task.Found, 201)
	require.NoError(t, job.Work(t.Context(), task, nil))
	assert.Len(t, task.Found, 201, "a second time")
}

func TestReviewTokens(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	job := newJob(t, org, ledger.Review, steps.Arguments{Tokens: true})
	var tokens []ledger.Access
	require.NoError(t, job.Work(t.Context(), &ledger.Task{Kind: ledger.App, ID: "0oacalendar", Login: "0oacalendar"}, found(&tokens)))
	require.Len(t, tokens, 4)
	token := org.RefreshTokens()[0]
	assert.Equal(t, ledger.Access{
		Kind: ledger.Token, ID: token.ID, ClientID: "0oacalendar", ClientName: "Calendar", UserID: "00uann",
		Issuer: org.URL + "/oauth2/default", Status: "ACTIVE", Scopes: token.Scopes, Created: token.Created,
		Updated: token.LastUpdated, Expires: token.ExpiresAt,
	}, tokens[0])

	tokens = nil
	org.ClearRequests()
	require.NoError(t, job.Work(t.Context(), &ledger.Task{Kind: ledger.Server, ID: "auspartners"}, found(&tokens)))
	assert.Len(t, tokens, 3)
	assert.Equal(t, []string{
		"GET authorizationServers/auspartners/clients",
		"GET authorizationServers/auspartners/clients/0oacalendar/tokens",
		"GET authorizationServers/auspartners/clients/0oanotes/tokens",
		"GET authorizationServers/auspartners/clients/partner-portal/tokens",
	}, calls(org))

	full := errors.New("disk full")
	sink := func(context.Context, []ledger.Access) error { return full }
	require.ErrorIs(t, job.Work(t.Context(), &ledger.Task{Kind: ledger.App, ID: "0oacalendar", Login: "0oacalendar"}, sink), full)
	require.ErrorIs(t, job.Work(t.Context(), &ledger.Task{Kind: ledger.Server, ID: "default"}, sink), full)
}

func TestOffboard(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	job := newJob(t, org, ledger.Offboard, steps.Arguments{}, "ann")
	assert.True(t, job.Revokes())
	task := ann()
	for range 2 { // a step may run twice
		require.NoError(t, job.Work(t.Context(), task, nil))
		require.NoError(t, job.Verify(t.Context(), task))
	}
	twice := []string{"sessions", "tokens", "grants", "sessions", "tokens", "grants"}
	assert.Equal(t, twice, whats(task.Revoked))
	assert.NotZero(t, task.Revoked[0].At)
	assert.Equal(t, []string{
		"DELETE users/00uann/sessions?forgetDevices=false&oauthTokens=true",
		"DELETE users/00uann/grants",
		"GET users/00uann/clients",
	}, calls(org)[:3])
	assert.Zero(t, grantsOf(org, "00uann"))
	assert.Zero(t, tokensOf(org, "00uann"))
	assert.Equal(t, 3, grantsOf(org, "00ubob"))
	assert.Equal(t, 2, tokensOf(org, "00ubob"))
}

func TestOffboardKeepingSessions(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	job := newJob(t, org, ledger.Offboard, steps.Arguments{KeepSessions: true}, "ann")
	task := ann()
	require.NoError(t, job.Work(t.Context(), task, nil))
	assert.Equal(t, []string{
		"GET users/00uann/clients",
		"DELETE users/00uann/clients/0oacalendar/tokens",
		"DELETE users/00uann/clients/0oanotes/tokens",
		"DELETE users/00uann/clients/0oareports/tokens",
		"DELETE users/00uann/grants",
	}, calls(org))
	assert.Equal(t, []string{"tokens 0oacalendar", "tokens 0oanotes", "tokens 0oareports", "grants"}, whats(task.Revoked))
	assert.Equal(t, ledger.Access{Kind: ledger.Client, ClientID: "0oacalendar", ClientName: "Calendar"}, task.Found[0])
	require.NoError(t, job.Verify(t.Context(), task))
	assert.Zero(t, grantsOf(org, "00uann"))
	assert.Zero(t, tokensOf(org, "00uann"))
}

// What can be revoked is revoked, although something else fails, and it stands in Revoked.
func TestOffboardThatFailsInPart(t *testing.T) {
	t.Parallel()
	no := oktaError(403, "E0000006")
	for name, c := range map[string]struct {
		args   steps.Arguments
		faults []oktatest.Fault
		want   []string
	}{
		"sessions": {steps.Arguments{}, []oktatest.Fault{no}, []string{"grants"}},
		"grants":   {steps.Arguments{}, []oktatest.Fault{nil, no}, []string{"sessions", "tokens"}},
		"clients":  {steps.Arguments{KeepSessions: true}, []oktatest.Fault{no}, []string{"grants"}},
		"second token": {steps.Arguments{KeepSessions: true}, []oktatest.Fault{nil, nil, no},
			[]string{"tokens 0oacalendar", "tokens 0oareports", "grants"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := newDemo(t)
			org.Next(c.faults...)
			task := ann()
			err := newJob(t, org, ledger.Offboard, c.args, "ann").Work(t.Context(), task, nil)
			require.ErrorIs(t, err, okta.ErrForbidden)
			assert.Equal(t, c.want, whats(task.Revoked))
		})
	}
}

func TestOffboardStopsWhereItCannotGoOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keep  bool
		fault []oktatest.Fault
		class string
		calls int
	}{
		"no such user":              {false, []oktatest.Fault{oktaError(404, "E0000007")}, steps.ClassNotFound, 1},
		"no such user, with tokens": {true, []oktatest.Fault{oktaError(404, "E0000007")}, steps.ClassNotFound, 1},
		"credentials":               {false, []oktatest.Fault{oktaError(401, "E0000011")}, steps.ClassAuthentication, 1},
		"credentials, with tokens":  {true, []oktatest.Fault{nil, oktaError(401, "E0000011")}, steps.ClassAuthentication, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := newDemo(t)
			org.Next(c.fault...)
			task := ann()
			err := newJob(t, org, ledger.Offboard, steps.Arguments{KeepSessions: c.keep}, "ann").Work(t.Context(), task, nil)
			assert.Equal(t, c.class, steps.Class(err))
			assert.Len(t, org.Requests(), c.calls)
			assert.Empty(t, task.Revoked)
			assert.Equal(t, 45, grantsOf(org, "00uann"))
		})
	}
}

func TestVerifyFindsWhatIsLeft(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	err := newJob(t, org, ledger.Offboard, steps.Arguments{}, "ann").Verify(t.Context(), ann())
	require.ErrorIs(t, err, steps.ErrLeft)
	require.ErrorContains(t, err, "clients 0oacalendar, 0oanotes, 0oareports")

	app := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oacalendar"})
	err = app.Verify(t.Context(), ann())
	require.ErrorIs(t, err, steps.ErrLeft)
	require.ErrorContains(t, err, "0oacalendar")
	err = app.Verify(t.Context(), &ledger.Task{Kind: ledger.App, ID: "0oacalendar", Login: "0oacalendar"})
	require.ErrorIs(t, err, steps.ErrLeft)
	require.ErrorContains(t, err, "itself, on the authorization server default, on the authorization server auspartners")
	for _, r := range org.Requests() {
		assert.Equal(t, "GET", r.Method)
	}
}

func TestVerifyNamesFewClients(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	for i := range 12 {
		client := org.AddClient(oktatest.Client{ID: fmt.Sprintf("0oamany%02d", i)})
		org.AddGrant(oktatest.Grant{UserID: "00udee", ClientID: client.ID})
	}
	err := newJob(t, org, ledger.Offboard, steps.Arguments{}, "dee").Verify(t.Context(),
		&ledger.Task{Kind: ledger.User, ID: "00udee"})
	require.ErrorContains(t, err, "0oamany09 and 2 more")
}

// A read that fails proves nothing.
func TestVerifyThatFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind  ledger.Kind
		task  *ledger.Task
		after []oktatest.Fault
	}{
		"user":     {ledger.Offboard, ann(), nil},
		"the app":  {ledger.RevokeApp, ann(), nil},
		"consents": {ledger.RevokeApp, ann(), []oktatest.Fault{nil}},
		"app":      {ledger.RevokeApp, &ledger.Task{Kind: ledger.App, ID: "0oareports", Login: "0oareports"}, nil},
		"servers":  {ledger.RevokeApp, &ledger.Task{Kind: ledger.App, ID: "0oareports", Login: "0oareports"}, []oktatest.Fault{nil}},
		"a server": {ledger.RevokeApp, &ledger.Task{Kind: ledger.App, ID: "0oareports", Login: "0oareports"}, []oktatest.Fault{nil, nil}},
		"2nd one":  {ledger.RevokeApp, &ledger.Task{Kind: ledger.App, ID: "0oareports", Login: "0oareports"}, []oktatest.Fault{nil, nil, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := newDemo(t)
			job := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oareports"})
			if c.kind == ledger.Offboard {
				job = newJob(t, org, ledger.Offboard, steps.Arguments{}, "ann")
			}
			org.Next(append(c.after, oktaError(403, "E0000006"))...)
			err := job.Verify(t.Context(), c.task)
			assert.Equal(t, steps.ClassForbidden, steps.Class(err), "%v", err)
		})
	}
}

// Okta may list tokens and grants that are revoked: they are not left.
func TestVerifyIgnoresWhatIsRevoked(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	client := org.AddClient(oktatest.Client{}).ID
	org.AddGrant(oktatest.Grant{UserID: "00uann", ClientID: client, Status: "REVOKED"})
	org.AddRefreshToken(oktatest.RefreshToken{UserID: "00uann", ClientID: client, Status: "REVOKED"})
	job := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: client})
	require.NoError(t, job.Verify(t.Context(), ann()))
	require.NoError(t, job.Verify(t.Context(), &ledger.Task{Kind: ledger.App, ID: client, Login: client}))
	org.AddGrant(oktatest.Grant{UserID: "00uann", ClientID: client, Status: "NEW_STATUS"})
	require.ErrorIs(t, job.Verify(t.Context(), ann()), steps.ErrLeft, "a status that is not documented")
}

func TestRevokeApp(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	org.AddAuthorizationServer(oktatest.AuthorizationServer{ID: "ausempty"})
	job := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oacalendar"})
	app := &ledger.Task{Kind: ledger.App, ID: "0oacalendar", Login: "0oacalendar", Status: "ACTIVE"}
	require.NoError(t, job.Work(t.Context(), app, nil))
	assert.Equal(t, []string{
		"DELETE apps/0oacalendar/tokens",
		"GET authorizationServers",
		"GET authorizationServers/default/clients",
		"GET authorizationServers/auspartners/clients",
		"GET authorizationServers/ausempty/clients",
	}, calls(org), "tokens on a server are revoked where the app has some")
	require.NoError(t, job.Verify(t.Context(), app))
	assert.Equal(t, []string{"tokens 0oacalendar"}, whats(app.Revoked))

	user := ann()
	require.NoError(t, job.Work(t.Context(), user, nil))
	require.NoError(t, job.Verify(t.Context(), user))
	assert.Equal(t, []string{"grants 0oacalendar"}, whats(user.Revoked))
	assert.Equal(t, 30, grantsOf(org, "00uann"), "consents to other apps stay")
	assert.Equal(t, 2, tokensOf(org, "00uann"))
	assert.Equal(t, "ACTIVE", org.Clients()[0].Status)
}

// Okta does not document whether an app's own route reaches tokens of custom authorization servers. Here it does not.
func TestRevokeAppOnServers(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	job := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oacalendar"})
	app := &ledger.Task{Kind: ledger.App, ID: "0oacalendar", Login: "0oacalendar"}
	org.Next(oktatest.Reply(204, nil, ""))
	require.NoError(t, job.Work(t.Context(), app, nil))
	assert.Equal(t, []string{
		"tokens 0oacalendar", "tokens 0oacalendar default", "tokens 0oacalendar auspartners",
	}, whats(app.Revoked))
	require.NoError(t, job.Verify(t.Context(), app))
	assert.Len(t, org.RefreshTokens(), 4, "tokens of other apps stay")
}

func TestRevokeAppThatFailsInPart(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	job := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oacalendar"})
	app := &ledger.Task{Kind: ledger.App, ID: "0oacalendar", Login: "0oacalendar"}
	org.Next(oktaError(403, "E0000006"), nil, oktaError(403, "E0000006"))
	require.ErrorIs(t, job.Work(t.Context(), app, nil), okta.ErrForbidden)
	assert.Equal(t, []string{"tokens 0oacalendar auspartners"}, whats(app.Revoked))

	org.ClearRequests()
	org.Next(oktaError(401, "E0000011"))
	assert.True(t, steps.Stops(job.Work(t.Context(), app, nil)))
	assert.Len(t, org.Requests(), 1)
}

func TestRevokeAppDeactivatesFirst(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	job := newJob(t, org, ledger.RevokeApp, steps.Arguments{Client: "0oacalendar", Deactivate: true})
	app := &ledger.Task{Kind: ledger.App, ID: "0oacalendar", Login: "0oacalendar", Status: "ACTIVE"}
	require.NoError(t, job.Work(t.Context(), app, nil))
	assert.Equal(t, []string{
		"GET apps/0oacalendar", "POST apps/0oacalendar/lifecycle/deactivate", "DELETE apps/0oacalendar/tokens",
	}, calls(org)[:3])
	assert.Equal(t, []string{"app 0oacalendar", "tokens 0oacalendar"}, whats(app.Revoked))
	assert.Equal(t, "INACTIVE", org.Clients()[0].Status)
	assert.Equal(t, "ACTIVE", app.Status, "what was read last")
	require.NoError(t, job.Verify(t.Context(), app))
	assert.Equal(t, "INACTIVE", app.Status)

	org.ClearRequests()
	require.NoError(t, job.Work(t.Context(), app, nil))
	assert.NotContains(t, calls(org), "POST apps/0oacalendar/lifecycle/deactivate", "it is inactive")
}

func TestCanceledWork(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	task := ann()
	err := newJob(t, org, ledger.Offboard, steps.Arguments{}, "ann").Work(ctx, task, nil)
	assert.Equal(t, steps.ClassCanceled, steps.Class(err))
	assert.True(t, steps.Stops(err))
	assert.Empty(t, org.Requests())
	assert.Empty(t, task.Revoked)
}

// When a run is stopped, what a task has begun is ended: a user must not be left half off-boarded without need.
func TestTaskThatHasBegunIsEndedAfterAStop(t *testing.T) {
	t.Parallel()
	org := newDemo(t)
	job := newJob(t, org, ledger.Offboard, steps.Arguments{}, "00uann")
	stopped, stop := context.WithCancel(t.Context())
	stop()
	task := ledger.Task{Kind: ledger.User, ID: "00uann"}
	require.NoError(t, job.Work(steps.StopWaiting(t.Context(), stopped), &task, nil))
	require.Equal(t, []string{"sessions", "tokens", "grants"}, whats(task.Revoked))
	require.Zero(t, grantsOf(org, "00uann"))
}

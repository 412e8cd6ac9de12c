package contract_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/contract/internal/material"
	"github.com/grantkit/okta/oktatest"
)

// The document allows any member of _embedded here, and has this one in its example.
const embeddedUser = "AppUser._embedded.user is not documented"

// orgDocument is the document of the routes that oktatest serves beyond the SDK's.
var orgDocument = sync.OnceValues(func() (*document, error) {
	text, err := material.Read("spec", "okta-org.openapi.yaml")
	if err != nil {
		return nil, err
	}
	return parse(text)
})

// orgRequests are requests for each operation of oktatest beyond the SDK's. Lists are read to the last page.
var orgRequests = map[string][]string{
	"listUsers": {
		"/api/v1/users", "/api/v1/users?limit=1", `/api/v1/users?search=status eq "DEPROVISIONED"`,
		`/api/v1/users?limit=2&filter=profile.login eq "ann@example.com" or status eq "STAGED"`,
	},
	"getUser": {
		"/api/v1/users/00uann", "/api/v1/users/bob@example.com", "/api/v1/users/cid", "/api/v1/users/x",
	},
	"listUserClients": {"/api/v1/users/00uann/clients", "/api/v1/users/x/clients"},
	"revokeUserSessions": {
		"/api/v1/users/00uann/sessions?oauthTokens=true&forgetDevices=false", "/api/v1/users/x/sessions",
	},
	"listApplications": {
		"/api/v1/apps?limit=2", "/api/v1/apps?includeNonDeleted=true", `/api/v1/apps?filter=status eq "INACTIVE"`,
	},
	"getApplication":       {"/api/v1/apps/0oacalendar", "/api/v1/apps/0oainactive", "/api/v1/apps/x"},
	"listApplicationUsers": {"/api/v1/apps/0oacalendar/users?limit=1&expand=user", "/api/v1/apps/x/users"},
	"listOAuth2TokensForApplication": {
		"/api/v1/apps/0oacalendar/tokens?limit=2&expand=scope", "/api/v1/apps/0oacalendar/tokens",
		"/api/v1/apps/x/tokens",
	},
	"getOAuth2TokenForApplication": {
		"/api/v1/apps/0oacalendar/tokens/oarann1?expand=scope", "/api/v1/apps/0oacalendar/tokens/x",
	},
	"revokeOAuth2TokenForApplication": {
		"/api/v1/apps/0oacalendar/tokens/oarann1", "/api/v1/apps/0oacalendar/tokens/x",
	},
	"revokeOAuth2TokensForApplication": {"/api/v1/apps/0oacalendar/tokens", "/api/v1/apps/x/tokens"},
	"deactivateApplication": {
		"/api/v1/apps/0oacalendar/lifecycle/deactivate", "/api/v1/apps/x/lifecycle/deactivate",
	},
	"listAuthorizationServers": {"/api/v1/authorizationServers", "/api/v1/authorizationServers?limit=1"},
	"getAuthorizationServer":   {"/api/v1/authorizationServers/auspartners", "/api/v1/authorizationServers/x"},
	"listOAuth2Scopes": {
		"/api/v1/authorizationServers/auspartners/scopes?limit=3", "/api/v1/authorizationServers/x/scopes",
	},
	"listScopeConsentGrants": {
		"/api/v1/apps/0oacalendar/grants", "/api/v1/apps/0oacalendar/grants?expand=scope", "/api/v1/apps/x/grants",
	},
	"listLogEvents": {
		"/api/v1/logs?until=2126-01-01T00:00:00Z&limit=1", `/api/v1/logs?filter=eventType eq "a" or target.id pr&limit=2`,
		"/api/v1/logs?sortOrder=DESCENDING&q=granted&since=2026-01-01T00:00:00Z", "/api/v1/logs?after=x",
	},
	"listGroups":     {"/api/v1/groups", "/api/v1/groups?limit=1"},
	"getGroup":       {"/api/v1/groups/00geveryone", "/api/v1/groups/x"},
	"listGroupUsers": {"/api/v1/groups/00geveryone/users?limit=3", "/api/v1/groups/x/users"},
}

func newOrgWithMore(t *testing.T) *oktatest.Org {
	t.Helper()
	org := newOrg(t)
	org.AddUser(oktatest.User{ID: "00uformer", Login: "former@example.com", Status: "DEPROVISIONED"})
	org.AddUser(oktatest.User{ID: "00unew", Login: "newcomer", Name: "Newcomer", Status: "STAGED"})
	for _, userID := range []string{oktatest.DemoUserID, "00ubob", "00ucid"} {
		org.AddGrant(oktatest.Grant{UserID: userID, ClientID: oktatest.DemoClientID}) // now, and so in the log
	}
	org.AddGroup(oktatest.Group{})
	org.AddAppGrant(oktatest.AppGrant{AppID: oktatest.DemoClientID, CreatedBy: "00ucid"})
	org.AddClient(oktatest.Client{ID: "0oainactive", Status: "INACTIVE"})
	return org
}

func TestResponsesOfTheOrgAreValid(t *testing.T) {
	t.Parallel()
	doc, err := orgDocument()
	skipIfAbsent(t, err)
	require.NoError(t, err)
	c := responseCheck{doc, newExceptions(emptyForbidden, emptyUnauthorized, nullClientURI, nullLogoURI, clientLink,
		tokensHints, grantsHints, embeddedUser, nullDescription, nullExternalID, nullProfile, nullsOfEvents,
		detailOfTargets, emptyObject)}
	t.Run("operations", func(t *testing.T) {
		t.Parallel()
		t.Cleanup(func() { assert.Empty(t, c.known.unmet()) })
		for id, paths := range orgRequests {
			t.Run(id, func(t *testing.T) {
				t.Parallel()
				op, ok := doc.operations[id]
				require.True(t, ok, "the document does not have the operation")
				c.checkOrgOperation(t, op, paths)
			})
		}
	})
}

func (c responseCheck) checkOrgOperation(t *testing.T, op operation, paths []string) {
	t.Helper()
	org := newOrgWithMore(t)
	var count tally
	var found findings
	for _, path := range paths {
		resp := fetch(t, op.method, org.URL+strings.ReplaceAll(path, " ", "%20"), sswsDemo)
		target := ""
		for more := true; more; {
			count.add(resp)
			found = append(found, c.check(op, resp)...)
			asked := target
			if target, more = resp.next(); target == asked { // so the System Log ends
				break
			}
			if more {
				count.pages++
				found = append(found, checkTarget(op, resp, target)...)
				resp = fetch(t, op.method, target, sswsDemo)
			}
		}
	}
	assert.Positive(t, count.successes, "no response was a success")
	if op.takes("limit", "after") {
		assert.Positive(t, count.pages, "no list had several pages")
	}
	path, _, _ := strings.Cut(paths[0], "?")
	count.all += c.refuseOrg(t, op, path)
	report(t, count, found)
}

// refuseOrg checks responses to requests without the right credentials, and beyond the rate limit.
func (c responseCheck) refuseOrg(t *testing.T, op operation, path string) int {
	t.Helper()
	org := newOrgWithMore(t)
	org.AcceptBearerToken("scopeless")
	org.AcceptBearerToken("scoped", op.scopes()...)
	requests := []struct {
		authorization string
		status        int
	}{{"", 401}, {"Bearer wrong", 401}, {"Bearer scopeless", 403}, {"Bearer scoped", 0}, {sswsDemo, 429}}
	for _, r := range requests {
		if r.status == http.StatusTooManyRequests {
			for _, bucket := range oktatest.Buckets() {
				org.LimitRate(bucket, 0, time.Minute)
			}
		}
		resp := fetch(t, op.method, org.URL+path, r.authorization)
		if r.status == 0 {
			assert.True(t, isSuccess(resp.status), "the documented scope is enough: %v", resp)
		} else {
			assert.Equal(t, r.status, resp.status, r.authorization)
		}
		assert.Empty(t, c.check(op, resp))
	}
	return len(requests)
}

// The largest limit that oktatest takes is the document's.
func TestPageLimitsOfTheOrg(t *testing.T) {
	t.Parallel()
	doc, err := orgDocument()
	skipIfAbsent(t, err)
	require.NoError(t, err)
	org := newOrgWithMore(t)
	for id, paths := range orgRequests {
		op := doc.operations[id]
		limit := op.queryParameters()["limit"]
		if limit == nil || limit.Schema.Value.Max == nil {
			continue
		}
		path, _, _ := strings.Cut(paths[0], "?")
		most := int(*limit.Schema.Value.Max)
		for over, want := range []int{http.StatusOK, http.StatusBadRequest} {
			resp := fetch(t, op.method, org.URL+path+"?limit="+strconv.Itoa(most+over), sswsDemo)
			assert.Equal(t, want, resp.status, resp)
		}
	}
}

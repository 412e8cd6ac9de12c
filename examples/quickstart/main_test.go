package main

import (
	"fmt"
	"net/http"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

func Example() {
	main()
	// Output:
	// A tour of github.com/grantkit/okta, with an Okta org in memory.
	//
	// 1. Create a client
	//    > client, err := okta.NewClient(okta.Config{OrgURL: orgURL, Credentials: okta.APIToken(token)})
	//    The client is ready. It sends nothing before the first call.
	//
	// 2. List the grants of a user, page by page
	//    > first, err := client.UserGrants.List(ctx, userID, &okta.ListUserGrantsOptions{Limit: 20})
	//    > for page, err := range first.Pages(ctx) { ... }
	//    Page 1: 20 grants, page.HasNext() is true
	//    Page 2: 20 grants, page.HasNext() is true
	//    Page 3:  5 grants, page.HasNext() is false
	//    3 pages, 45 grants. The first three:
	//    oagann01  0oacalendar  openid   ACTIVE  2026-01-05 10:00:00
	//    oagann02  0oacalendar  profile  ACTIVE  2026-01-05 11:00:00
	//    oagann03  0oacalendar  email    ACTIVE  2026-01-05 12:00:00
	//
	// 3. Read one grant, with its scope
	//    > grant, err := client.UserGrants.Get(ctx, userID, grantID, &okta.GetOptions{Expand: okta.ExpandScope})
	//    oagann01: the app Calendar has the scope openid, given by END_USER
	//
	// 4. List the refresh tokens that a client holds for the user
	//    > page, err := client.UserOAuth.ListRefreshTokens(ctx, userID, clientID, nil)
	//    > for token, err := range page.All(ctx) { ... }
	//    oarann1  expires 2026-01-13 09:00:00  [openid calendar.read offline_access]
	//    oarann2  expires 2026-01-13 10:00:00  [openid calendar.read offline_access]
	//    oarann3  expires 2026-01-13 11:00:00  [openid offline_access]
	//
	// 5. Revoke one refresh token
	//    > err := client.UserOAuth.RevokeRefreshToken(ctx, userID, clientID, tokenID)
	//    > _, err = client.UserOAuth.GetRefreshToken(ctx, userID, clientID, tokenID, nil)
	//    oarann1 is not found: errors.Is(err, okta.ErrNotFound) is true
	//
	// 6. Revoke one grant
	//    > err := client.UserGrants.Revoke(ctx, userID, grantID)
	//    oagann01 is revoked
	//
	// 7. Look at an error: the revoked grant is not found
	//    > _, err := client.UserGrants.Get(ctx, userID, grantID, nil)
	//    > apiErr, ok := errors.AsType[*okta.Error](err)
	//    apiErr.StatusCode: 404
	//    apiErr.Code:       E0000007
	//    apiErr.Summary:    Not found: Resource not found: oagann01 (OAuth2Grant)
	//    apiErr.RequestID:  req00000000000000009
	//    errors.Is(err, okta.ErrNotFound):  true
	//    errors.Is(err, okta.ErrForbidden): false
	//    err.Error(): okta: GET /api/v1/users/00uann/grants/oagann01: 404 E0000007: Not found: Resource not found: oagann01 (OAuth2Grant) [request req00000000000000009]
	//
	// Next: go run ./examples/audit, ./examples/offboard and ./examples/serviceapp
}

// A fault in any request ends the tour with its error, except in the last one, which is expected to fail.
func TestFaults(t *testing.T) {
	t.Parallel()
	for request := range 8 {
		t.Run(fmt.Sprintf("request %d", request+1), func(t *testing.T) {
			t.Parallel()
			org := oktatest.NewDemo()
			t.Cleanup(org.Close)
			org.Next(make([]oktatest.Fault, request)...)
			org.Next(oktatest.Reply(http.StatusForbidden, nil, ""))
			err := run(t.Context(), org.URL)
			require.ErrorIs(t, err, okta.ErrForbidden)
			assert.Len(t, org.Requests(), request+1)
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "run", ".", "-h").Output()
	require.NoError(t, err)
	assert.Contains(t, string(out), "usage: quickstart\n")
	assert.NotContains(t, string(out), "1. ")
}

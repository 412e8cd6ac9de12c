package faults_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

// TestRevokeRetriedIntoACut404: the response to a revoke is lost, and the retry finds 404 in a body that is cut
// short. The grant is revoked, so the call must not return an error.
func TestRevokeRetriedIntoACut404(t *testing.T) {
	t.Parallel()
	org := oktatest.NewDemo()
	t.Cleanup(org.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := okta.NewClient(okta.Config{
		OrgURL: org.URL, Credentials: okta.APIToken(oktatest.DemoToken), HTTPClient: &http.Client{Transport: transport},
		Retry: okta.Retry{MinWait: time.Millisecond, MaxWait: 50 * time.Millisecond},
	})
	require.NoError(t, err)
	org.Next(oktatest.DropAnswer(), oktatest.CutBody(20))
	require.NoError(t, client.UserGrants.Revoke(t.Context(), oktatest.DemoUserID, oktatest.DemoGrantID))
}

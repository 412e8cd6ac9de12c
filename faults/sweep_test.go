package faults_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

// sweepOrg is the variable that turns the test binary into the sweeping program. Its value is the address of the org.
const sweepOrg = "OKTA_TEST_SWEEP_ORG"

// sweep is the program: it revokes all grants of a user one by one, and prints the ID of each revoked grant.
func sweep() int {
	client, err := okta.NewClient(okta.Config{
		OrgURL: os.Getenv(sweepOrg), Credentials: okta.APIToken(apiToken),
		Retry: okta.RetryOptions{MinWait: time.Millisecond, MaxWait: 50 * time.Millisecond},
	})
	if err == nil {
		err = sweepUser(context.Background(), client, "00uann")
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func sweepUser(ctx context.Context, client *okta.Client, userID string) error {
	page, err := client.UserGrants.List(ctx, userID, nil)
	if err != nil {
		return err
	}
	grants, err := page.Collect(ctx)
	if err != nil {
		return err
	}
	for _, grant := range grants {
		err := client.UserGrants.Revoke(ctx, userID, grant.ID)
		if err != nil && !errors.Is(err, okta.ErrNotFound) { // a killed run may have revoked it
			return err
		}
		_, _ = fmt.Fprintln(os.Stdout, grant.ID)
	}
	return nil
}

// TestKilledSweepCanBeRestarted kills a sweeping program at random moments and restarts it. In the end it has revoked
// all grants of its user and no others; no run fails but those that were killed.
func TestKilledSweepCanBeRestarted(t *testing.T) {
	t.Parallel()
	grants, kills := 1000, 50
	if testing.Short() {
		grants, kills = 100, 5
	}
	org := oktatest.New(oktatest.Options{})
	t.Cleanup(org.Close)
	org.AcceptAPIToken(apiToken)
	app := org.AddClient(oktatest.Client{})
	ann, bob := org.AddUser(oktatest.User{ID: "00uann"}), org.AddUser(oktatest.User{ID: "00ubob"})
	named := map[string]bool{}
	var others []oktatest.Grant
	for i := range grants {
		named["/api/v1/users/00uann/grants/"+org.AddGrant(oktatest.Grant{UserID: ann.ID, ClientID: app.ID}).ID] = true
		if i%10 == 0 {
			others = append(others, org.AddGrant(oktatest.Grant{UserID: bob.ID, ClientID: app.ID}))
		}
	}
	chance := rand.New(rand.NewPCG(5, uint64(grants))) //nolint:gosec // reproducible on purpose
	began := time.Now()
	killed := 0
	for range kills {
		if sweepOnce(t, org, 1+chance.IntN(grants/kills), time.Duration(chance.IntN(1500))*time.Microsecond) {
			killed++
		}
	}
	assert.GreaterOrEqual(t, killed, kills*3/4, "killed runs")
	for range 3 { // the first finishes the work, the others find nothing to do
		require.False(t, sweepOnce(t, org, 0, 0))
	}

	assert.Equal(t, others, org.Grants(), "grants of another user")
	repeated, revoked := 0, map[string]bool{}
	for _, r := range org.Requests() {
		if r.Method != http.MethodDelete {
			continue
		}
		assert.True(t, named[r.Path], "revoked %s", r.Path)
		if revoked[r.Path] {
			repeated++
		}
		revoked[r.Path] = true
	}
	assert.Len(t, revoked, grants)
	t.Logf("%d grants, %d runs of which %d were killed, %d requests, %d grants revoked twice, %v",
		grants, kills+3, killed, len(org.Requests()), repeated, time.Since(began).Round(time.Millisecond))
}

// sweepOnce starts the program, kills it a pause after it has printed a number of revokes, and reports whether it was
// killed. With zero revokes, the program is not killed.
func sweepOnce(t *testing.T, org *oktatest.Org, revokes int, pause time.Duration) bool {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	program := exec.CommandContext(ctx, self) //nolint:gosec // this test itself
	program.Env = append(os.Environ(), sweepOrg+"="+org.URL)
	var stderr strings.Builder
	program.Stderr = &stderr
	output, err := program.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, program.Start())
	lines := bufio.NewScanner(output)
	for n := 1; lines.Scan(); n++ {
		if n == revokes {
			time.AfterFunc(pause, func() { _ = program.Process.Kill() })
		}
	}
	_, _ = io.Copy(io.Discard, output)
	err = program.Wait()
	if err == nil {
		return false
	}
	require.Equal(t, "signal: killed", err.Error(), stderr.String())
	return true
}

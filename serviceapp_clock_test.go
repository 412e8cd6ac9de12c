package okta_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

func TestServerClockIsAheadOrBehind(t *testing.T) {
	t.Parallel()
	for _, dpop := range []bool{false, true} {
		for _, ahead := range []time.Duration{
			-48 * time.Hour, -10 * time.Minute, -4 * time.Minute, 4 * time.Minute, 10 * time.Minute, 48 * time.Hour,
		} {
			t.Run(sprint("%v/%v", dpop, ahead), func(t *testing.T) {
				t.Parallel()
				org := oktatest.New(oktatest.Options{Now: func() time.Time { return time.Now().Add(ahead) }})
				t.Cleanup(org.Close)
				user := org.AddUser(oktatest.User{})
				app := addApp(org, func(app *oktatest.ServiceApp) { app.DPoP = dpop })
				network := overNetwork(t)
				client := newClient(t, network, app.configure)
				for range 3 {
					_, err := client.UserGrants.List(t.Context(), user.ID, nil)
					require.NoError(t, err)
				}
				assert.LessOrEqual(t, len(network.tokenRequests()), 4)
				assert.Equal(t, []int{200, 200, 200}, statuses(network.apiRequests()))
				if ahead.Abs() > 5*time.Minute {
					assert.Equal(t, 401, network.tokenRequests()[0].status)
				}
				org.RevokeAccessTokens()
				before := len(network.tokenRequests())
				_, err := client.UserGrants.List(t.Context(), user.ID, nil)
				require.NoError(t, err)
				assert.Len(t, network.tokenRequests(), before+1, "the clock is known by now")
				network.requireNoReuse(t)
			})
		}
	}
}

// The client has a token already, so the API is first to refuse a proof as too old.
func TestServerClockChangesWhileATokenIsValid(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var ahead time.Duration
	org := oktatest.New(oktatest.Options{Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(ahead)
	}})
	t.Cleanup(org.Close)
	user := org.AddUser(oktatest.User{})
	app := addApp(org, requireDPoP)
	network := overNetwork(t)
	client := newClient(t, network, app.configure)
	require.NoError(t, client.UserGrants.RevokeAll(t.Context(), user.ID))
	mu.Lock()
	ahead = 20 * time.Minute
	mu.Unlock()
	require.NoError(t, client.UserGrants.RevokeAll(t.Context(), user.ID))
	require.NoError(t, client.UserGrants.RevokeAll(t.Context(), user.ID))
	assert.Equal(t, []int{204, 401, 204, 204}, statuses(network.apiRequests()))
	assert.Len(t, network.tokenRequests(), 3)
	network.requireNoReuse(t)
}

func TestDateOutOfRange(t *testing.T) {
	t.Parallel()
	for name, date := range map[string]func(n int) string{
		"far future": func(int) string { return "Fri, 31 Dec 9999 23:59:59 GMT" },
		"far past":   func(int) string { return "Thu, 01 Jan 1970 00:00:00 GMT" },
		"year zero":  func(int) string { return "Sat, 01 Jan 0000 00:00:00 GMT" },
		"none":       func(int) string { return "" },
		"no date":    func(int) string { return "yesterday" },
		"changing":   func(n int) string { return time.Unix(int64(n)*1e8, 0).UTC().Format(http.TimeFormat) },
	} {
		for _, dpop := range []bool{false, true} {
			t.Run(sprint("%s/%v", name, dpop), func(t *testing.T) {
				t.Parallel()
				app := newApp(t, func(app *oktatest.ServiceApp) { app.DPoP = dpop })
				network := overNetwork(t)
				client := newClient(t, network, app.configure)
				var n int
				repaired := false
				wrongDate := func(w http.ResponseWriter, r *http.Request, org http.Handler) {
					n++
					w = &dated{ResponseWriter: w, date: date(n)}
					if !repaired {
						org = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							oktatest.Reply(401, nil, `{"error":"invalid_client","error_description":"no"}`)(w, r, nil)
						})
					}
					org.ServeHTTP(w, r)
				}
				app.org.Next(slices.Repeat([]oktatest.Fault{wrongDate}, 50)...)
				require.ErrorContains(t, getGrant(t.Context(), client), "401 invalid_client: no")
				assert.LessOrEqual(t, len(network.requests()), 2)

				repaired = true
				require.NoError(t, getGrant(t.Context(), client), "the wrong clock is not kept")
				network.requireNoReuse(t)
			})
		}
	}
}

// dated responds with another Date than the org's.
type dated struct {
	http.ResponseWriter
	date string
}

func (d *dated) WriteHeader(status int) {
	d.Header().Set("Date", d.date)
	d.ResponseWriter.WriteHeader(status)
}

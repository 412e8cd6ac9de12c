package recordings_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/org"
)

// The recorded System Log is read to its end, which is an empty page that leads to itself.
func TestLogIsReadToTheEnd(t *testing.T) {
	t.Parallel()
	pages := readLogs(t)
	require.Len(t, pages, 2)
	end, more := pages[1].next(t)
	require.True(t, more)
	require.Equal(t, options{pages[1].query(t)}.Get("after"), end.Query().Get("after"), "it leads to itself")

	r, client := newReplay(t, pages...)
	o := options{pages[0].query(t)}
	page, err := org.ListLogEvents(t.Context(), client, &org.ListLogEventsOptions{
		Since: o.time("since"), Filter: o.Get("filter"),
	})
	require.NoError(t, err)
	events, err := page.Collect(t.Context())
	require.NoError(t, err)
	assert.Len(t, events, len(pages[0].json(t).([]any)))
	require.Len(t, r.requests, 2)
	assert.Equal(t, end.Query().Get("after"), r.requests[1].URL.Query().Get("after"))
}

// A poll reads the recorded pages, and again after an interval from the cursor of the last one.
func TestLogIsPolled(t *testing.T) {
	t.Parallel()
	pages := readLogs(t)
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		client := newBubbleClient(t, func(*http.Request) exchange {
			sent++
			return pages[min(sent, len(pages))-1]
		})
		begun := time.Now()
		var cursors []string
		for page, err := range org.PollLogEvents(t.Context(), client, &org.PollLogEventsOptions{Interval: time.Minute}) {
			require.NoError(t, err)
			cursors = append(cursors, page.Cursor())
			if len(cursors) == 4 {
				break
			}
		}
		end, _ := pages[1].next(t)
		after := end.Query().Get("after")
		assert.Equal(t, []string{after, after, after, after}, cursors)
		assert.GreaterOrEqual(t, time.Since(begun), 2*time.Minute, "it waits after each empty page")
	})
}

// What an access review needs stands in each recorded event of a consent: who, which app, which server, which scope.
func TestConsentEventsNameAll(t *testing.T) {
	t.Parallel()
	consents := 0
	for _, e := range theGrantsAndLog(t) {
		if e.Path != "/api/v1/logs" {
			continue
		}
		_, client := newReplay(t, e)
		page, err := org.ListLogEvents(t.Context(), client, nil)
		require.NoError(t, err)
		for _, event := range page.Items {
			if event.EventType != org.EventServerConsentGranted {
				assert.Equal(t, "FAILURE", event.Outcome.Result)
				assert.Equal(t, "request_missing_token", event.Outcome.Reason)
				continue
			}
			assert.Equal(t, "SUCCESS", event.Outcome.Result)
			for _, target := range event.Target {
				consents++
				assert.Equal(t, "ConsentGrant", target.Type)
				assert.NotEmpty(t, target.ID)
				assert.NotEmpty(t, target.DisplayName)
				assert.Equal(t, event.Actor.ID, target.Detail("user"))
				assert.NotEmpty(t, target.Detail("publicclientapp"))
				assert.Equal(t, event.DebugContext.DebugData["authorizationServer"], target.Detail("authorizationserver"))
			}
		}
	}
	assert.Equal(t, 5, consents)
}

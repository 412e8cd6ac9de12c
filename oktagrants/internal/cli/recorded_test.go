package cli

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

// recordedConsents are lists of grants that a real org has sent, by path. They are no part of the repository: the test is
// skipped where they are missing.
func recordedConsents(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "recorded", "grants-and-log.json"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the recordings are not there")
	}
	require.NoError(t, err)
	var all []struct {
		Method string `json:"method"`
		Target string `json:"target"`
		Body   string `json:"body"`
		Status int    `json:"status"`
	}
	require.NoError(t, json.Unmarshal(text, &all))
	lists := map[string]string{}
	for _, exchange := range all {
		if exchange.Method == http.MethodGet && path.Base(exchange.Target) == "grants" && exchange.Status == http.StatusOK {
			lists[exchange.Target] = exchange.Body
		}
	}
	require.NotEmpty(t, lists)
	return lists
}

// Recorded consents have opaque scope IDs. Their report says what a person reads in the consent dialog, and judges nothing
// by it. With the scopes of the server it says their names.
func TestRecordedConsentsInAReport(t *testing.T) {
	t.Parallel()
	lists := recordedConsents(t)
	for _, named := range []bool{false, true} {
		m := newMachine(t)
		grants := 0
		for target, body := range lists {
			m.org.AddUser(oktatest.User{ID: path.Base(path.Dir(target))})
			m.org.Handle("GET "+target, answer(body))
			grants += strings.Count(body, `"scopeId"`)
		}
		if named {
			m.org.AddScope(oktatest.Scope{
				ID: "scp2bvhy20aJcLgHy2p7", Name: "disability_rating.write", DisplayName: "Disability Rating",
			})
		}
		m.write("users.csv", "id\n"+strings.Join(recordedUsers(lists), "\n")+"\n")
		o := m.run("review", "--run", m.path("run.db"), "--from", m.path("users.csv"), "--json")
		o.succeeds(t)
		result := o.object(t)
		assert.InDelta(t, grants, result["grants"], 0)
		page := m.report(t)
		if named {
			assert.Contains(t, page, "disability_rating.write")
			assert.Contains(t, page, `<li class="powerful">`)
			assert.Less(t, result["notJudged"], float64(grants))
			continue
		}
		assert.Contains(t, page, "Disability Rating")
		assert.NotContains(t, page, "<bdi>scp2bvhy20aJcLgHy2p7</bdi>")
		assert.InDelta(t, grants, result["notJudged"], 0)
	}
}

func recordedUsers(lists map[string]string) []string {
	var users []string
	for target := range lists {
		users = append(users, path.Base(path.Dir(target)))
	}
	return users
}

func answer(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	})
}

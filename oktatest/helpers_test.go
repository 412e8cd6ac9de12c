package oktatest_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

const token = "secret"

// start returns an org that accepts the API token and ends with the test.
func start(t *testing.T, opts oktatest.Options) *oktatest.Org {
	t.Helper()
	org := oktatest.New(opts)
	t.Cleanup(org.Close)
	org.AcceptAPIToken(token)
	return org
}

// startDemo is start for a demo org.
func startDemo(t *testing.T) *oktatest.Org {
	t.Helper()
	org := oktatest.NewDemo()
	t.Cleanup(org.Close)
	org.AcceptAPIToken(token)
	return org
}

// response is a response that was read to its end.
type response struct {
	status int
	header http.Header
	body   string
}

// send sends a request to a path of the org, with the API token unless header names other credentials.
func send(t *testing.T, org *oktatest.Org, method, path string, header http.Header) (response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, org.URL+path, http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "SSWS "+token)
	maps.Copy(req.Header, header)
	return receive(t, req)
}

// receive sends a request and reads as much of the response as arrives.
func receive(t *testing.T, req *http.Request) (response, error) {
	t.Helper()
	resp, err := freshConnection().RoundTrip(req)
	if err != nil {
		return response{}, err
	}
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, resp.Body.Close())
	return response{status: resp.StatusCode, header: resp.Header, body: string(body)}, err
}

// freshConnection sends each request on a connection of its own, so that Go's transport repeats none.
func freshConnection() *http.Transport { return &http.Transport{DisableKeepAlives: true} }

func do(t *testing.T, org *oktatest.Org, method, path string) response {
	t.Helper()
	got, err := send(t, org, method, path, nil)
	require.NoError(t, err)
	return got
}

func get(t *testing.T, org *oktatest.Org, path string) response {
	t.Helper()
	return do(t, org, http.MethodGet, path)
}

// object reads the JSON object of a 200.
func (r response) object(t *testing.T) map[string]any {
	t.Helper()
	require.Equal(t, http.StatusOK, r.status, r.body)
	var object map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &object))
	return object
}

// ids reads the IDs in the JSON list of a 200.
func (r response) ids(t *testing.T) []string {
	t.Helper()
	require.Equal(t, http.StatusOK, r.status, r.body)
	require.Equal(t, "application/json", r.header.Get("Content-Type"))
	var list []struct {
		ID       string `json:"id"`
		ClientID string `json:"client_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.body), &list))
	ids := []string{}
	for _, item := range list {
		if item.ID == "" {
			item.ID = item.ClientID
		}
		ids = append(ids, item.ID)
	}
	return ids
}

var linkHeader = regexp.MustCompile(`^<([^>]+)>; rel="([a-z]+)"$`)

// links returns the Link headers by relation; each has a line of its own.
func (r response) links(t *testing.T) map[string]*url.URL {
	t.Helper()
	links := map[string]*url.URL{}
	for _, line := range r.header.Values("Link") {
		parts := linkHeader.FindStringSubmatch(line)
		require.NotNil(t, parts, line)
		target, err := url.Parse(parts[1])
		require.NoError(t, err)
		links[parts[2]] = target
	}
	return links
}

// next returns the path and query of the next page, or "" on the last one.
func (r response) next(t *testing.T) string {
	t.Helper()
	next := r.links(t)["next"]
	if next == nil {
		return ""
	}
	return next.RequestURI()
}

// assertError checks an Okta error.
func (r response) assertError(t *testing.T, status int, code, summary string) {
	t.Helper()
	assert.Equal(t, status, r.status, r.body)
	assert.Equal(t, "application/json", r.header.Get("Content-Type"))
	var body struct {
		Code    string `json:"errorCode"`
		Summary string `json:"errorSummary"`
		Link    string `json:"errorLink"`
		ID      string `json:"errorId"`
		Causes  []struct {
			Summary string `json:"errorSummary"`
		} `json:"errorCauses"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.body), &body), r.body)
	assert.Equal(t, code, body.Code)
	assert.Equal(t, summary, body.Summary)
	assert.Equal(t, code, body.Link)
	assert.NotEmpty(t, body.ID)
	assert.NotNil(t, body.Causes, "errorCauses is a list even when it is empty")
	if status == http.StatusBadRequest {
		assert.Len(t, body.Causes, 1)
	}
}

// fixedClock is a clock that does not move, at a time that is neither in UTC nor whole in milliseconds.
func fixedClock() time.Time {
	return time.Date(2026, time.March, 1, 14, 0, 30, 123_456_789, time.FixedZone("CET", 3600))
}

func grantIDs(org *oktatest.Org) []string {
	ids := []string{}
	for _, grant := range org.Grants() {
		ids = append(ids, grant.ID)
	}
	return ids
}

func tokenIDs(org *oktatest.Org) []string {
	ids := []string{}
	for _, refreshToken := range org.RefreshTokens() {
		ids = append(ids, refreshToken.ID)
	}
	return ids
}

// embedded returns the _embedded part of the object in a response.
func embedded(t *testing.T, r response) string {
	t.Helper()
	text, err := json.Marshal(r.object(t)["_embedded"])
	require.NoError(t, err)
	return string(text)
}

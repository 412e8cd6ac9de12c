package okta_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

// failedGet returns the error of a call of one attempt.
func failedGet(t *testing.T, respond responder) *okta.Error {
	t.Helper()
	grant, err := newClient(t, play(respond), noRetries).UserGrants.Get(t.Context(), "00u1", "oag1", nil)
	require.Error(t, err)
	require.Nil(t, grant)
	return requireError(t, err)
}

func TestErrorKeepsEverything(t *testing.T) {
	t.Parallel()
	got := failedGet(t, reply(http.StatusForbidden, deniedJSON, "X-Okta-Request-Id: req-1",
		"X-Rate-Limit-Limit: 600", "X-Rate-Limit-Remaining: 12", "X-Rate-Limit-Reset: 1790000000"))
	want := &okta.Error{
		StatusCode: 403, Code: okta.CodeAccessDenied, Summary: "You do not have permission to perform the requested action",
		Link: "E0000006", ID: "sampleNUSD_8fdkFd8fs8SDBK",
		Causes:    []okta.ErrorCause{{Summary: "not an admin"}, {Summary: "nor a reader"}},
		RequestID: "req-1", Method: "GET", Path: "/api/v1/users/00u1/grants/oag1",
		RateLimit: okta.RateLimit{Limit: 600, Remaining: 12, Reset: time.Unix(1790000000, 0).UTC()},
		Attempts:  1, Body: []byte(deniedJSON),
	}
	assert.Equal(t, want, got)
	assert.Equal(t, "okta: GET /api/v1/users/00u1/grants/oag1: 403 E0000006: "+
		"You do not have permission to perform the requested action "+
		"(not an admin; nor a reader) [request req-1]", got.Error())
}

func TestErrorMatchesTheSentinelOfItsStatus(t *testing.T) {
	t.Parallel()
	sentinels := map[int]error{
		401: okta.ErrUnauthorized, 403: okta.ErrForbidden, 404: okta.ErrNotFound, 429: okta.ErrRateLimited,
	}
	for _, status := range []int{400, 401, 403, 404, 405, 409, 410, 418, 429, 500, 501, 503, 599} {
		err := failedGet(t, reply(status, ""))
		assert.Equal(t, status, err.StatusCode)
		for s, sentinel := range sentinels {
			assert.Equal(t, s == status, errors.Is(err, sentinel), "%d and %v", status, sentinel)
		}
		require.NotErrorIs(t, err, okta.ErrInvalidArgument)
	}
}

// A feature that the org does not have is no fault of the credentials.
func TestFeatureNotEnabledIsForbidden(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403} {
		err := failedGet(t, reply(status, `{"errorCode":"E0000015","errorSummary":"You do not have permission"}`))
		require.ErrorIs(t, err, okta.ErrForbidden)
		require.NotErrorIs(t, err, okta.ErrUnauthorized)
	}
}

func TestErrorNamesTheMissingScope(t *testing.T) {
	t.Parallel()
	err := failedGet(t, reply(http.StatusForbidden, "", "X-Okta-Request-Id: req-1",
		`WWW-Authenticate: Bearer authorization_uri="https://acme.okta.com/oauth2/v1/authorize", `+
			`realm="https://acme.okta.com", scope="okta.users.read", error="insufficient_scope", `+
			`error_description="The access token provided does not contain the required scopes.", `+
			`resource="/api/v1/users/00u1/grants"`))
	assert.Equal(t, &okta.OAuthDetails{
		Code: "insufficient_scope", Scope: "okta.users.read",
		Description: "The access token provided does not contain the required scopes.",
	}, err.OAuth)
	assert.Equal(t, "okta: GET /api/v1/users/00u1/grants/oag1: 403 insufficient_scope: "+
		"The access token provided does not contain the required scopes. "+
		"(needs the scope okta.users.read) [request req-1]", err.Error())
}

func TestErrorOfOAuthForm(t *testing.T) {
	t.Parallel()
	const body = `{"error":"invalid_client","error_description":"No such client."}`
	err := failedGet(t, reply(http.StatusUnauthorized, body))
	assert.Equal(t, &okta.OAuthDetails{Code: "invalid_client", Description: "No such client."}, err.OAuth)
	assert.Contains(t, err.Error(), "401 invalid_client: No such client.")
}

func TestErrorOfAnyOtherBody(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing": "", "HTML": "<html><h1>502 Bad Gateway</h1></html>", "text": "upstream\nfailed", "null": "null",
		"array":      "[1]",
		"other JSON": `{"message":"no"}`, "half": `{"errorCode":"E00000`, "binary": "\x00\xff\x1b[31m",
	} {
		err := failedGet(t, reply(http.StatusBadGateway, body, "X-Okta-Request-Id: req-1"))
		assert.Equal(t, "okta: GET /api/v1/users/00u1/grants/oag1: 502 Bad Gateway [request req-1]", err.Error(), name)
		assert.Equal(t, body, string(err.Body), name)
		assert.Empty(t, err.Code, name)
	}
}

func TestErrorWithInvalidMembers(t *testing.T) {
	t.Parallel()
	err := failedGet(t, reply(http.StatusBadRequest,
		`{"errorCode":"E9999999","errorSummary":"new","errorLink":7,`+
			`"errorCauses":[1,{"errorSummary":2},{"errorSummary":"why"}],"x":[]}`))
	assert.Equal(t, okta.ErrorCode("E9999999"), err.Code)
	assert.Equal(t, "new", err.Summary)
	assert.Contains(t, err.Error(), "why")
}

func TestErrorIsOneLineWithoutControlCharacters(t *testing.T) {
	t.Parallel()
	err := failedGet(t, reply(http.StatusBadRequest,
		`{"errorCode":"E1\n2","errorSummary":"a\nb\u001b[31m\u202e`+strings.Repeat("x", 100_000)+
			`","errorCauses":[{"errorSummary":"c\r\nd"}]}`,
		"X-Okta-Request-Id: r\tq"))
	text := err.Error()
	assert.NotContains(t, text, "\n")
	assert.NotContains(t, text, "\x1b")
	assert.NotContains(t, text, "\u202e")
	assert.Less(t, len(text), 1000)
	assert.Len(t, err.Summary, 100_000+len("a\nb\x1b[31m\u202e"), "the field keeps all of it")
}

func TestErrorInSlog(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	err := failedGet(t, reply(403, deniedJSON, "X-Okta-Request-Id: req-1",
		`WWW-Authenticate: DPoP error="insufficient_scope", scope="okta.users.read"`))
	slog.New(slog.NewJSONHandler(&logged, nil)).Error("failed", "err", err)
	var line struct {
		Err map[string]any `json:"err"`
	}
	require.NoError(t, json.Unmarshal(logged.Bytes(), &line))
	assert.Equal(t, map[string]any{
		"method": "GET", "path": "/api/v1/users/00u1/grants/oag1", "status": 403.0, "code": "E0000006",
		"request_id": "req-1",
		"summary":    "You do not have permission to perform the requested action", "attempts": 1.0,
		"causes": "not an admin; nor a reader", "oauth_error": "insufficient_scope", "scope": "okta.users.read",
	}, line.Err)
}

func TestErrorBodyIsBounded(t *testing.T) {
	t.Parallel()
	err := failedGet(t, replyEndless(http.StatusBadGateway, "X-Okta-Request-Id: req-1"))
	assert.Equal(t, http.StatusBadGateway, err.StatusCode)
	assert.Len(t, err.Body, 1<<20)
	assert.Contains(t, err.Error(), "longer than 1048576 bytes [request req-1]")
}

func TestErrorWithACutBodyKeepsItsStatus(t *testing.T) {
	t.Parallel()
	server := play(replyCut(403, `{"errorCode":"E0000`))
	err := revoke(t.Context(), newClient(t, server))
	require.ErrorIs(t, err, okta.ErrForbidden)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Len(t, server.requests(), 1)
}

// "No such user" and "no such grant" are both an E0000007: the summary ends with the type of what is missing.
func TestErrorNamesTheMissingResource(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ code, summary, want string }{
		{"E0000007", "Not found: Resource not found: oag1 (OAuth2ScopeConsentGrant)", "OAuth2ScopeConsentGrant"},
		{"E0000007", "Not found: Resource not found: 00u1 (User)", "User"},
		{"E0000007", "Not found: Resource not found: 0oa1 (OAuth2Client) ", "OAuth2Client"},
		{"E0000007", "Not found: Resource not found: a (b) (AuthorizationServer)", "AuthorizationServer"},
		{"E0000007", "Not found: Resource (User) not found", ""},
		{"E0000008", "The requested path was not found (User)", ""},
	} {
		body := `{"errorCode":"` + c.code + `","errorSummary":"` + c.summary + `"}`
		assert.Equal(t, c.want, failedGet(t, reply(404, body)).Resource, body)
	}
}

func TestNilErrorPrints(t *testing.T) {
	t.Parallel()
	var none *okta.Error
	assert.Equal(t, "<nil>", none.Error())
	assert.Equal(t, "<nil>", none.LogValue().String())
	require.NotErrorIs(t, none, okta.ErrNotFound)
	assert.NoError(t, none.Unwrap())
}

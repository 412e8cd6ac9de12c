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

// failedGet returns the error of a single attempt that is answered with s.
func failedGet(t *testing.T, s responder) *okta.Error {
	t.Helper()
	grant, err := newClient(t, play(s), noRetries).UserGrants.Get(t.Context(), "00u1", "oag1", nil)
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
	assert.Equal(t, "okta: GET /api/v1/users/00u1/grants/oag1: 403 E0000006: You do not have permission to perform the requested "+
		"action (not an admin; nor a reader) [request req-1]", got.Error())
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

func TestErrorNamesTheMissingScope(t *testing.T) {
	t.Parallel()
	err := failedGet(t, reply(http.StatusForbidden, "", "X-Okta-Request-Id: req-1",
		`WWW-Authenticate: Bearer authorization_uri="https://acme.okta.com/oauth2/v1/authorize", realm="https://acme.okta.com", `+
			`scope="okta.users.read", error="insufficient_scope", `+
			`error_description="The access token provided does not contain the required scopes.", resource="/api/v1/users/00u1/grants"`))
	assert.Equal(t, &okta.OAuthError{
		Code: "insufficient_scope", Scope: "okta.users.read",
		Description: "The access token provided does not contain the required scopes.",
	}, err.OAuth)
	assert.Equal(t, "okta: GET /api/v1/users/00u1/grants/oag1: 403 insufficient_scope: The access token provided does not contain "+
		"the required scopes. (needs the scope okta.users.read) [request req-1]", err.Error())
}

func TestErrorOfOAuthForm(t *testing.T) {
	t.Parallel()
	err := failedGet(t, reply(http.StatusUnauthorized, `{"error":"invalid_client","error_description":"No such client."}`))
	assert.Equal(t, &okta.OAuthError{Code: "invalid_client", Description: "No such client."}, err.OAuth)
	assert.Contains(t, err.Error(), "401 invalid_client: No such client.")
}

func TestErrorOfAnyOtherBody(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing": "", "HTML": "<html><h1>502 Bad Gateway</h1></html>", "text": "upstream\nfailed", "null": "null", "array": "[1]",
		"other JSON": `{"message":"no"}`, "half": `{"errorCode":"E00000`, "binary": "\x00\xff\x1b[31m",
	} {
		err := failedGet(t, reply(http.StatusBadGateway, body, "X-Okta-Request-Id: req-1"))
		assert.Equal(t, "okta: GET /api/v1/users/00u1/grants/oag1: 502 Bad Gateway [request req-1]", err.Error(), name)
		assert.Equal(t, body, string(err.Body), name)
		assert.Empty(t, err.Code, name)
	}
}

func TestErrorSurvivesOddMembers(t *testing.T) {
	t.Parallel()
	err := failedGet(t, reply(http.StatusBadRequest,
		`{"errorCode":"E9999999","errorSummary":"new","errorLink":7,"errorCauses":[1,{"errorSummary":2},{"errorSummary":"why"}],"x":[]}`))
	assert.Equal(t, okta.ErrorCode("E9999999"), err.Code)
	assert.Equal(t, "new", err.Summary)
	assert.Contains(t, err.Error(), "why")
}

func TestErrorIsOneLineWithoutControlCharacters(t *testing.T) {
	t.Parallel()
	err := failedGet(t, reply(http.StatusBadRequest,
		`{"errorCode":"E1\n2","errorSummary":"a\nb\u001b[31m\u202e`+strings.Repeat("x", 100_000)+`","errorCauses":[{"errorSummary":"c\r\nd"}]}`,
		"X-Okta-Request-Id: r\tq"))
	text := err.Error()
	assert.NotContains(t, text, "\n")
	assert.NotContains(t, text, "\x1b")
	assert.NotContains(t, text, "\u202e")
	assert.Less(t, len(text), 1000)
	assert.Len(t, err.Summary, 100_000+len("a\nb\x1b[31m\u202e"), "the field keeps all of it")
}

func TestErrorShowsNoSecretAndNoQuery(t *testing.T) {
	t.Parallel()
	echo := func(req *http.Request) (*http.Response, error) {
		sent := req.Header.Get("Authorization")
		return reply(http.StatusBadRequest, `{"errorCode":"E0000001","errorSummary":"bad header `+sent+`"}`,
			"X-Okta-Request-Id: "+apiToken, `WWW-Authenticate: Bearer error="invalid_token", error_description="`+sent+`"`)(req)
	}
	client := newClient(t, play(echo), noRetries)
	_, err := client.UserGrants.List(t.Context(), "u", &okta.ListUserGrantsOptions{After: "CURSOR"})
	apiErr := requireError(t, err)

	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Error("failed", "err", apiErr)
	asJSON, jsonErr := json.Marshal(apiErr) //nolint:musttag // only its secrets matter
	require.NoError(t, jsonErr)
	for name, text := range map[string]string{
		"Error": err.Error(), "Body": string(apiErr.Body), "slog": logged.String(), "JSON": string(asJSON), "%+v": sprint("%+v", apiErr), "%#v": sprint("%#v", apiErr),
	} {
		assert.NotContains(t, text, apiToken, name)
		assert.NotContains(t, text, "CURSOR", name)
	}
	assert.Contains(t, apiErr.Summary, "[redacted]")
}

func TestErrorInSlog(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Error("failed", "err", failedGet(t, reply(403, deniedJSON, "X-Okta-Request-Id: req-1",
		`WWW-Authenticate: DPoP error="insufficient_scope", scope="okta.users.read"`)))
	var line struct {
		Err map[string]any `json:"err"`
	}
	require.NoError(t, json.Unmarshal(logged.Bytes(), &line))
	assert.Equal(t, map[string]any{
		"method": "GET", "path": "/api/v1/users/00u1/grants/oag1", "status": 403.0, "code": "E0000006", "request_id": "req-1",
		"summary": "You do not have permission to perform the requested action", "attempts": 1.0,
		"causes": "not an admin; nor a reader", "oauth_error": "insufficient_scope", "scope": "okta.users.read",
	}, line.Err)
}

func TestErrorBodyIsBounded(t *testing.T) {
	t.Parallel()
	err := failedGet(t, func(req *http.Request) (*http.Response, error) {
		return response(req, http.StatusBadGateway, io.NopCloser(endless{}), "X-Okta-Request-Id: req-1"), nil
	})
	assert.Equal(t, http.StatusBadGateway, err.StatusCode)
	assert.Len(t, err.Body, 1<<20)
	assert.Contains(t, err.Error(), "longer than 1048576 bytes [request req-1]")
}

func TestAnswerIsBounded(t *testing.T) {
	t.Parallel()
	server := play(func(req *http.Request) (*http.Response, error) {
		return response(req, http.StatusOK, io.NopCloser(endless{})), nil
	})
	_, err := newClient(t, server).UserGrants.List(t.Context(), "u", nil)
	apiErr := requireError(t, err)
	assert.Contains(t, err.Error(), "longer than 33554432 bytes")
	assert.Len(t, apiErr.Body, 1<<20)
	assert.Len(t, server.requests(), 1, "it would be as long the next time")
}

func TestRedirectsAreErrors(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{
			"https://evil.example/path?secret=1", "http://acme.okta.com/", "/api/v1/users/other/grants/oag1", "", ":bad",
		} {
			server := play(reply(status, "", "Location: "+location))
			client := newClient(t, server)
			for name, call := range map[string]func() error{
				"get":    func() error { _, err := client.UserGrants.Get(t.Context(), "u", "g", nil); return err },
				"delete": func() error { return client.UserGrants.Revoke(t.Context(), "u", "g") },
			} {
				before := len(server.requests())
				err := call()
				apiErr := requireError(t, err)
				assert.Equal(t, status, apiErr.StatusCode, name)
				assert.Contains(t, err.Error(), "redirects are not followed")
				assert.NotContains(t, err.Error(), "secret")
				assert.Len(t, server.requests(), before+1)
			}
		}
	}
}

func TestWhatA200OfAListMustBe(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty": "", "blank": " \n", "null": "null", "object": "{}", "error object": deniedJSON, "string": `"x"`, "HTML": "<html>",
		"number in it": `[{"id":"1"},2]`, "null in it": `[null]`, "array in it": `[[]]`, "string in it": `["x"]`,
		"text after it": `[{"id":"1"}] x`, "array after it": `[][]`, "no end": `[{"id":"1"}`, "comma at the end": `[{"id":"1"},]`,
		"half an object": `[{"id":"1"},{"id":"2"`, "wrong type": `[{"id":7}]`,
		"same member twice": `[{"id":"1","id":"2"}]`, "very deep": strings.Repeat("[", 1_000_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, err := newClient(t, play(reply(200, body, "X-Okta-Request-Id: req-1")), noRetries).UserGrants.List(t.Context(), "u", nil)
			require.Error(t, err)
			assert.Nil(t, page)
			apiErr := requireError(t, err)
			assert.Equal(t, 200, apiErr.StatusCode)
			assert.Contains(t, err.Error(), "unusable response")
			assert.Contains(t, err.Error(), "[request req-1]")
			assert.Equal(t, body, string(apiErr.Body[:min(len(body), 1<<20)]))
			assert.Error(t, errors.Unwrap(err))
		})
	}
}

func TestWhatA200OfAnObjectMustBe(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty": "", "null": "null", "array": `[{"id":"1"}]`, "number": "7", "text after it": `{"id":"1"} {}`, "no end": `{"id":"1"`,
	} {
		err := failedGet(t, reply(200, body))
		assert.Contains(t, err.Error(), "unusable response", name)
		_, err2 := newClient(t, play(reply(200, body)), noRetries).UserOAuth.GetRefreshToken(t.Context(), "u", "c", "t", nil)
		assert.Error(t, err2, name)
	}
}

func TestLenientMembers(t *testing.T) {
	t.Parallel()
	client := newClient(t, play(reply(200, `[
		{}, {"status":"PAUSED","source":"ROBOT","new":{"a":[1]},"created":null,"_links":null,"_embedded":null,"issuer":null},
		{"id":"1","createdBy":{"id":"x","type":"Robot","y":1},"_links":{"self":{"href":"h","hints":{"allow":["PATCH"],"z":0}},"more":{"href":"m"}}},
		{"id":"caf`+"\xe9"+`"}
	]`)))
	page, err := client.UserGrants.List(t.Context(), "u", nil)
	require.NoError(t, err)
	require.Len(t, page.Items, 4)
	assert.Equal(t, okta.OAuth2ScopeConsentGrant{}, page.Items[0])
	assert.Equal(t, okta.OAuth2ScopeConsentGrant{Status: "PAUSED", Source: "ROBOT"}, page.Items[1])
	assert.Equal(t, "Robot", page.Items[2].CreatedBy.Type)
	assert.Equal(t, "caf\uFFFD", page.Items[3].ID)
}

func TestOtherSuccessStatusesAreErrors(t *testing.T) {
	t.Parallel()
	for _, status := range []int{201, 202, 203, 204, 206, 226} {
		apiErr := failedGet(t, reply(status, `{"id":"1"}`))
		assert.Equal(t, status, apiErr.StatusCode)
	}
	for _, status := range []int{200, 201, 202, 206} {
		server := play(reply(status, `<html>welcome</html>`))
		err := newClient(t, server).UserGrants.Revoke(t.Context(), "u", "g")
		assert.Equal(t, status, requireError(t, err).StatusCode, "only 204 says that it is revoked")
		assert.Len(t, server.requests(), 1)
	}
}

// "No such user" and "no such grant" are both an E0000007: the summary ends with the type of what is missing.
func TestResourceThatWasNotFound(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		notFoundJSON: "OAuth2ScopeConsentGrant",
		`{"errorCode":"E0000007","errorSummary":"Not found: Resource not found: 00u1 (User)"}`:                 "User",
		`{"errorCode":"E0000007","errorSummary":"Not found: Resource not found: 0oa1 (OAuth2Client) "}`:        "OAuth2Client",
		`{"errorCode":"E0000007","errorSummary":"Not found: Resource not found: a (b) (AuthorizationServer)"}`: "AuthorizationServer",
		`{"errorCode":"E0000007","errorSummary":"Not found: Resource (User) not found"}`:                       "",
		`{"errorCode":"E0000008","errorSummary":"The requested path was not found (User)"}`:                    "",
	} {
		assert.Equal(t, want, failedGet(t, reply(404, body)).Resource, body)
	}
}

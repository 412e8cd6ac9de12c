package org_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
	"github.com/grantkit/okta/org"
)

// path returns the operation's path with ids, which are escaped, in place of its parameters.
func (o operation) path(ids ...string) string {
	segments := strings.Split(o.route, "/")
	n := 0
	for i, segment := range segments {
		if strings.HasPrefix(segment, "{") {
			segments[i] = ids[n]
			n++
		}
	}
	return strings.Join(segments, "/")
}

// parameters returns the number of IDs in the path.
func (o operation) parameters() int { return strings.Count(o.route, "{") }

// success is Okta's response to the operation.
func (o operation) success() oktatest.Fault {
	if o.response == "" {
		return oktatest.Reply(http.StatusNoContent, nil, "")
	}
	return oktatest.Reply(http.StatusOK, nil, o.response)
}

func TestOperations(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		t.Run(op.function, func(t *testing.T) {
			t.Parallel()
			server, client := newOrg(t)
			check := func(call func(context.Context, *okta.Client, ...string) error, query string) {
				server.ClearRequests()
				server.Next(op.success())
				require.NoError(t, call(t.Context(), client, "id-1", "id-2"))
				requests := server.Requests()
				require.Len(t, requests, 1)
				assert.Equal(t, op.method+" "+op.path("id-1", "id-2"), requests[0].Method+" "+requests[0].Path)
				assert.Equal(t, query, requests[0].RawQuery)
			}
			check(op.call, op.defaults)
			if op.callWithAll != nil {
				check(op.callWithAll, op.query)
			}
			assert.Contains(t, client.RateLimits(), op.bucket)
		})
	}
}

func TestErrorResponses(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{401: okta.ErrUnauthorized, 403: okta.ErrForbidden, 404: okta.ErrNotFound} {
		for _, op := range operations {
			server, client := newOrg(t)
			server.Next(oktatest.Reply(status, nil, `{"errorCode":"E1","errorSummary":"No"}`))

			err := op.call(t.Context(), client, "id-1", "id-2")

			require.ErrorIs(t, err, want, op.function)
			response, ok := errors.AsType[*okta.Error](err)
			require.True(t, ok, op.function)
			assert.Equal(t, status, response.StatusCode)
			assert.Equal(t, op.path("id-1", "id-2"), response.Path)
			assert.Equal(t, "No", response.Summary)
			assert.Len(t, server.Requests(), 1, op.function)
		}
	}
}

func TestUnknownIDsAreNotFound(t *testing.T) {
	t.Parallel()
	server, client := newOrg(t)
	for _, op := range operations {
		if op.parameters() == 0 {
			continue
		}
		require.ErrorIs(t, op.call(t.Context(), client, "unknown", tokenID), okta.ErrNotFound, op.function)
	}
	_, err := org.GetApplicationToken(t.Context(), client, clientID, "unknown", nil)
	require.ErrorIs(t, err, okta.ErrNotFound)
	require.ErrorIs(t, org.RevokeApplicationToken(t.Context(), client, clientID, "unknown"), okta.ErrNotFound)
	assert.Len(t, server.RefreshTokens(), 8)
}

func TestHostileIDsAreRefused(t *testing.T) {
	t.Parallel()
	server, client := newOrg(t)
	for _, op := range operations {
		for position := range op.parameters() {
			for _, id := range []string{
				"", ".", "..", "a\nb", "\x00", "a/b", "/", "//evil.example", `a\b`, "a;b", ";", "\xff", "ann/x@example.com",
			} {
				ids := slices.Repeat([]string{"a"}, op.parameters())
				ids[position] = id
				err := op.call(t.Context(), client, ids...)
				require.ErrorIs(t, err, okta.ErrInvalidArgument, "%s, parameter %d: %q", op.function, position, id)
			}
		}
	}
	assert.Empty(t, server.Requests())
}

func TestUnusualIDsAreEscaped(t *testing.T) {
	t.Parallel()
	server, client := newOrg(t)
	for _, op := range operations {
		for position := range op.parameters() {
			for id, escaped := range map[string]string{
				"a%2Fb": "a%252Fb", "ann+x@example.com": "ann+x@example.com", "a?b#c": "a%3Fb%23c", "%2e%2e": "%252e%252e",
				"ü": "%C3%BC", "tokens": "tokens",
			} {
				ids := slices.Repeat([]string{"a"}, op.parameters())
				want := slices.Clone(ids)
				ids[position], want[position] = id, escaped
				server.ClearRequests()
				server.Next(op.success())
				require.NoError(t, op.call(t.Context(), client, ids...))
				assert.Equal(t, op.path(want...), server.Requests()[0].Path)
			}
		}
	}
}

func TestInvalidOptionsAreRefused(t *testing.T) {
	t.Parallel()
	server, client := newOrg(t)
	ctx := t.Context()
	for name, call := range map[string]func(limit int) error{
		"users": func(n int) error { return fail(org.ListUsers(ctx, client, &org.ListUsersOptions{Limit: n})) },
		"members": func(n int) error {
			return fail(org.ListGroupUsers(ctx, client, "g", &org.ListGroupUsersOptions{Limit: n}))
		},
		"apps": func(n int) error {
			return fail(org.ListApplications(ctx, client, &org.ListApplicationsOptions{Limit: n}))
		},
		"tokens": func(n int) error {
			return fail(org.ListApplicationTokens(ctx, client, "a", &okta.ListOptions{Limit: n}))
		},
		"servers": func(n int) error {
			return fail(org.ListAuthorizationServers(ctx, client, &org.ListAuthorizationServersOptions{Limit: n}))
		},
		"scopes": func(n int) error {
			return fail(org.ListScopes(ctx, client, "s", &org.ListScopesOptions{Limit: n}))
		},
		"app users": func(n int) error {
			if n == 201 {
				n = 501
			}
			return fail(org.ListApplicationUsers(ctx, client, "a", &org.ListApplicationUsersOptions{Limit: n}))
		},
	} {
		for _, limit := range []int{-1, 201, math.MaxInt} {
			err := call(limit)
			require.ErrorIs(t, err, okta.ErrInvalidArgument, name)
			require.ErrorContains(t, err, "Limit is", name)
		}
	}
	_, err := org.ListApplicationTokens(ctx, client, "a", &okta.ListOptions{Expand: "scopes"})
	require.ErrorIs(t, err, okta.ErrInvalidArgument)
	_, err = org.GetApplicationToken(ctx, client, "a", "t", &okta.GetOptions{Expand: "user"})
	require.ErrorIs(t, err, okta.ErrInvalidArgument)
	assert.Empty(t, server.Requests())
}

func TestNoClientOrContext(t *testing.T) {
	t.Parallel()
	server, client := newOrg(t)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	var none context.Context
	for _, op := range operations {
		require.ErrorIs(t, op.call(t.Context(), nil, "a", "b"), okta.ErrInvalidArgument, op.function)
		require.ErrorIs(t, op.call(t.Context(), &okta.Client{}, "a", "b"), okta.ErrInvalidArgument, op.function)
		require.ErrorIs(t, op.call(none, client, "a", "b"), okta.ErrInvalidArgument, op.function)
		require.ErrorIs(t, op.call(canceled, client, "a", "b"), context.Canceled, op.function)
	}
	assert.Empty(t, server.Requests())
}

// Only the response that Okta documents is a success. A gateway's page is none.
func TestUnexpectedResponsesAreErrors(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		for _, body := range []string{"<html>Welcome</html>", "", "null", "7", `"x"`, `[1]`, `{"a":`} {
			if body == "" && op.function == "DeactivateApplication" { // Okta documents no body for it
				continue
			}
			server, client := newOrg(t)
			server.Next(slices.Repeat([]oktatest.Fault{oktatest.Reply(http.StatusOK, nil, body)}, 5)...)
			require.Error(t, op.call(t.Context(), client, "a", "b"), "%s: %q", op.function, body)
		}
	}
}

func TestOnlyNoContentMeansRevoked(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		if op.method != http.MethodDelete {
			continue
		}
		for _, status := range []int{http.StatusOK, http.StatusAccepted} {
			for _, body := range []string{"{}", `{"status":"ACTIVE"}`, ""} {
				server, client := newOrg(t)
				server.Next(oktatest.Reply(status, nil, body))
				err := op.call(t.Context(), client, "a", "b")
				require.Error(t, err, "%s: %d %q", op.function, status, body)
				require.ErrorContains(t, err, "DELETE "+op.path("a", "b"))
			}
		}
	}
}

// A list that breaks off is an error, not a short list.
func TestBrokenListsAreErrors(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		if op.response != "[]" {
			continue
		}
		server, client := newOrg(t)
		server.Next(slices.Repeat([]oktatest.Fault{oktatest.CutBody(1)}, 5)...)
		id := map[bool]string{true: groupID, false: clientID}[strings.Contains(op.route, "groups")]
		if strings.Contains(op.route, "users/{") {
			id = userID
		}
		require.Error(t, op.call(t.Context(), client, id), op.function)
	}
}

// The doc comment of each function names its route, operationId, scope and bucket, and no operation is named twice.
func TestOperationsAreDocumented(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("*.go")
	require.NoError(t, err)
	docs := map[string]string{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.IsExported() {
				docs[f.Name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
			}
		}
	}
	require.Len(t, docs, len(operations))
	everything := strings.Join(slices.Collect(maps.Values(docs)), "\n")
	for _, op := range operations {
		doc := docs[op.function]
		want := op.method + " " + op.route + " (" + op.id + "). Scope: " + op.scope + ". Bucket: " + op.bucket + "."
		assert.Contains(t, doc, want, op.function)
		assert.Equal(t, 1, strings.Count(everything, "("+op.id+")"), op.function)
		assert.Equal(t, op.parameters() > 0, strings.Contains(doc, "ErrNotFound"), op.function)
	}
}

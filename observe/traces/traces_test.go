package traces_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/oauth2"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/observe/traces"
	"github.com/grantkit/okta/oktatest"
)

const (
	userID  = oktatest.DemoUserID
	grantID = oktatest.DemoGrantID
)

// traced is an org with a client whose spans are kept.
type traced struct {
	*oktatest.Org

	client *okta.Client
	tracer traces.Tracer
	kept   *tracetest.InMemoryExporter
}

func start(t *testing.T, changes ...func(*okta.Config, *traced)) *traced {
	t.Helper()
	org, kept := oktatest.NewDemo(), tracetest.NewInMemoryExporter()
	t.Cleanup(org.Close)
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(kept))
	s := &traced{Org: org, tracer: traces.Tracer{Tracer: provider.Tracer("test")}, kept: kept}
	config := okta.Config{
		OrgURL:      org.URL,
		Credentials: okta.APIToken(oktatest.DemoToken),
		Retry:       okta.RetryOptions{MinWait: time.Millisecond},
		OnAttempt:   func(ctx context.Context, a okta.Attempt) { s.tracer.Observe(ctx, a) },
	}
	for _, change := range changes {
		change(&config, s)
	}
	var err error
	s.client, err = okta.NewClient(config)
	require.NoError(t, err)
	return s
}

func noRetries(c *okta.Config, _ *traced) { c.Retry.MaxRetries = -1 }

func (s *traced) revoke(ctx context.Context) error {
	return s.tracer.Call(ctx, func(ctx context.Context) error {
		return s.client.UserGrants.Revoke(ctx, userID, grantID)
	})
}

func (s *traced) do(ctx context.Context, path ...string) error {
	return s.tracer.Call(ctx, func(ctx context.Context) error {
		return s.client.Do(ctx, okta.Request{Path: append([]string{"api", "v1"}, path...)}, nil)
	})
}

// spans returns the one call that was made, and its attempts.
func (s *traced) spans(t *testing.T) (call tracetest.SpanStub, attempts tracetest.SpanStubs) {
	t.Helper()
	spans := s.kept.GetSpans()
	require.NotEmpty(t, spans)
	last := len(spans) - 1 // a call ends after its attempts
	return spans[last], spans[:last]
}

func attributes(span tracetest.SpanStub) map[string]any {
	values := map[string]any{}
	for _, attribute := range span.Attributes {
		values[string(attribute.Key)] = attribute.Value.AsInterface()
	}
	return values
}

func TestSpans(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Next(
		oktatest.Reply(http.StatusTooManyRequests, http.Header{"X-Okta-Request-Id": {"r1"}}, ""),
		oktatest.Reply(http.StatusServiceUnavailable, http.Header{"X-Okta-Request-Id": {"r2"}}, ""),
		oktatest.Drop(),
	)
	require.NoError(t, s.revoke(t.Context()))

	call, attempts := s.spans(t)
	assert.Equal(t, "revokeUserGrant", call.Name)
	assert.Equal(t, trace.SpanKindInternal, call.SpanKind)
	assert.Equal(t, codes.Unset, call.Status.Code)
	assert.False(t, call.Parent.IsValid())
	assert.Empty(t, call.Attributes)

	require.Len(t, attempts, 4)
	began, failed := call.StartTime, []codes.Code{}
	for _, attempt := range attempts {
		assert.Equal(t, "DELETE /api/v1/users/{userId}/grants/{grantId}", attempt.Name)
		assert.Equal(t, trace.SpanKindClient, attempt.SpanKind)
		assert.Equal(t, call.SpanContext.SpanID(), attempt.Parent.SpanID())
		assert.Equal(t, call.SpanContext.TraceID(), attempt.SpanContext.TraceID())
		assert.False(t, attempt.StartTime.Before(began), "attempts follow each other")
		assert.False(t, attempt.EndTime.Before(attempt.StartTime))
		began, failed = attempt.EndTime, append(failed, attempt.Status.Code)
	}
	assert.False(t, call.EndTime.Before(began), "the call ends after its last attempt")
	assert.Equal(t, []codes.Code{codes.Error, codes.Error, codes.Error, codes.Unset}, failed)
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Next(
		oktatest.Reply(http.StatusTooManyRequests, http.Header{"X-Okta-Request-Id": {"r1"}}, ""),
		oktatest.Drop(),
	)
	require.NoError(t, s.revoke(t.Context()))

	_, attempts := s.spans(t)
	require.Len(t, attempts, 3)
	same := map[string]any{
		"http.request.method": "DELETE",
		"url.template":        "/api/v1/users/{userId}/grants/{grantId}",
	}
	with := func(more map[string]any) map[string]any {
		maps.Copy(more, same)
		return more
	}
	assert.Equal(t, with(map[string]any{
		"http.response.status_code":              int64(429),
		"http.response.header.x-okta-request-id": []string{"r1"},
		"error.type":                             "429",
	}), attributes(attempts[0]))

	lost := attributes(attempts[1])
	assert.Positive(t, lost["okta.throttled_seconds"])
	delete(lost, "okta.throttled_seconds")
	assert.Equal(t, with(map[string]any{
		"http.request.resend_count": int64(1),
		"okta.throttle_reason":      "refusal",
		"error.type":                "connection",
	}), lost)

	done := attributes(attempts[2])
	assert.NotEmpty(t, done["http.response.header.x-okta-request-id"])
	delete(done, "http.response.header.x-okta-request-id")
	assert.Equal(t, with(map[string]any{
		"http.request.resend_count": int64(2),
		"http.response.status_code": int64(204),
	}), done)
}

func TestNamesOfCalls(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(context.Context, *okta.Client) error{
		"listUserGrants": func(ctx context.Context, c *okta.Client) error {
			_, err := c.UserGrants.List(ctx, userID, nil)
			return err
		},
		"GET /api/v1/users/{userId}/clients": func(ctx context.Context, c *okta.Client) error {
			path := []string{"api", "v1", "users", userID, "clients"}
			_, err := okta.List[okta.OAuth2Client](ctx, c, okta.Request{Path: path})
			return err
		},
		"GET /api/v1/users/{userId}": func(ctx context.Context, c *okta.Client) error {
			return c.Do(ctx, okta.Request{Path: []string{"api", "v1", "users", userID}}, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			require.NoError(t, s.tracer.Call(t.Context(), func(ctx context.Context) error { return do(ctx, s.client) }))
			call, attempts := s.spans(t)
			assert.Equal(t, name, call.Name)
			assert.Len(t, attempts, 1)
		})
	}
}

// Each page of a list is a call.
func TestPages(t *testing.T) {
	t.Parallel()
	s := start(t)
	next := func(ctx context.Context) (*okta.Page[okta.OAuth2ScopeConsentGrant], error) {
		return s.client.UserGrants.List(ctx, userID, &okta.ListUserGrantsOptions{Limit: 20})
	}
	for next != nil {
		err := s.tracer.Call(t.Context(), func(ctx context.Context) error {
			page, err := next(ctx)
			if next = nil; err == nil && page.HasNext() {
				next = page.Next
			}
			return err
		})
		require.NoError(t, err)
	}
	var names []string
	for _, span := range s.kept.GetSpans() {
		names = append(names, span.Name)
	}
	const attempt, call = "GET /api/v1/users/{userId}/grants", "listUserGrants"
	assert.Equal(t, []string{attempt, call, attempt, call, attempt, call}, names)
}

// IDs and logins are in paths and errors, in spans only if that is asked for.
func TestSpansHoldNoIDs(t *testing.T) {
	t.Parallel()
	for _, paths := range []bool{false, true} {
		s := start(t, noRetries, func(_ *okta.Config, s *traced) { s.tracer.Paths = paths })
		s.Next(nil, oktatest.Drop())
		require.ErrorIs(t, s.do(t.Context(), "users", "ann-ID@example.com"), okta.ErrNotFound)
		require.Error(t, s.do(t.Context(), "policies", "rstID", "rules", "rulID"))
		var found []any
		for _, span := range s.kept.GetSpans() {
			values := attributes(span)
			if values["url.path"] != nil {
				found = append(found, values["url.path"])
			}
			delete(values, "url.path")
			text := fmt.Sprint(span.Name, values, span.Status.Description, span.Events, span.Links)
			assert.NotContains(t, text, "ID")
		}
		if paths {
			assert.Equal(t, []any{"/api/v1/users/ann-ID@example.com", "/api/v1/policies/rstID/rules/rulID"}, found)
		} else {
			assert.Empty(t, found)
		}
	}
}

// The request for an access token belongs to the call that needs it, and does not name it.
func TestTokenRequest(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	private := okta.PrivateKeyFromSigner(key)
	app := okta.ServiceApp{ClientID: "0oareview", PrivateKey: private, Scopes: []string{"okta.users.manage"}}
	s := start(t, func(c *okta.Config, _ *traced) { c.Credentials = app })

	require.ErrorIs(t, s.revoke(t.Context()), okta.ErrAuthentication, "the org does not know the app")
	call, attempts := s.spans(t)
	assert.Equal(t, "okta call", call.Name)
	assert.Equal(t, map[string]any{"error.type": "401"}, attributes(call))
	require.Len(t, attempts, 1)

	s.kept.Reset()
	s.AddServiceApp(oktatest.ServiceApp{
		ClientID: app.ClientID, Keys: []oktatest.ServiceAppKey{{Public: key.Public()}}, Scopes: app.Scopes,
	})
	require.NoError(t, s.revoke(t.Context()))
	call, attempts = s.spans(t)
	assert.Equal(t, "revokeUserGrant", call.Name)
	require.Len(t, attempts, 2)
	assert.Equal(t, "POST /oauth2/v1/token", attempts[0].Name)
	assert.Equal(t, call.SpanContext.SpanID(), attempts[0].Parent.SpanID())
	assert.Equal(t, call.SpanContext.SpanID(), attempts[1].Parent.SpanID())
}

// Without Call, attempts belong to the caller's own span, which keeps its name.
func TestAttemptsWithoutCall(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx, own := s.tracer.Tracer.Start(t.Context(), "off-board")
	require.NoError(t, s.client.UserGrants.Revoke(ctx, userID, grantID))
	own.End()
	parent, attempts := s.spans(t)
	assert.Equal(t, "off-board", parent.Name)
	require.Len(t, attempts, 1)
	assert.Equal(t, own.SpanContext().SpanID(), attempts[0].Parent.SpanID())
}

func TestCallInASpanOfTheCaller(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx, own := s.tracer.Tracer.Start(t.Context(), "off-board")
	require.NoError(t, s.revoke(ctx))
	own.End()
	parent, inner := s.spans(t)
	assert.Equal(t, "off-board", parent.Name)
	require.Len(t, inner, 2)
	assert.Equal(t, "revokeUserGrant", inner[1].Name)
	assert.Equal(t, own.SpanContext().SpanID(), inner[1].Parent.SpanID())
}

// failed checks that all spans say so, and why.
func (s *traced) failed(t *testing.T, err error, why string) {
	t.Helper()
	require.Error(t, err)
	require.NotEmpty(t, s.kept.GetSpans())
	for _, span := range s.kept.GetSpans() {
		assert.Equal(t, codes.Error, span.Status.Code)
		assert.Equal(t, why, attributes(span)["error.type"], span.Name)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for why, fault := range map[string]oktatest.Fault{
		"404":              oktatest.Reply(http.StatusNotFound, nil, ""),
		"503":              oktatest.Reply(http.StatusServiceUnavailable, nil, ""),
		"invalid_response": oktatest.Reply(http.StatusOK, nil, ""),
		"connection":       oktatest.Drop(),
	} {
		t.Run(why, func(t *testing.T) {
			t.Parallel()
			s := start(t, noRetries)
			s.Next(fault)
			s.failed(t, s.revoke(t.Context()), why)
		})
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	s := start(t, noRetries, func(c *okta.Config, _ *traced) { c.AttemptTimeout = time.Millisecond })
	s.Next(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() })
	s.failed(t, s.revoke(t.Context()), "timeout")
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), -1)
	t.Cleanup(cancel)
	s := start(t)
	s.failed(t, s.revoke(ctx), "timeout")
}

func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := start(t)
	s.Next(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		cancel()
		<-r.Context().Done()
	})
	s.failed(t, s.revoke(ctx), "canceled")
}

func TestThrottledBeyondTheDeadline(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Next(oktatest.Reply(http.StatusNoContent, http.Header{
		"X-Rate-Limit-Limit":     {"1"},
		"X-Rate-Limit-Remaining": {"0"},
		"X-Rate-Limit-Reset":     {strconv.FormatInt(time.Now().Add(50*time.Second).Unix(), 10)},
	}, ""))
	require.NoError(t, s.revoke(t.Context()))
	s.kept.Reset()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	t.Cleanup(cancel)
	s.failed(t, s.revoke(ctx), "throttled")
}

func TestInvalidArgument(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.failed(t, s.do(t.Context(), "users", ".."), "invalid_argument")
}

func TestTokenSourceFails(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *okta.Config, _ *traced) { c.Credentials = okta.TokenSource(noToken{}) })
	s.failed(t, s.revoke(t.Context()), "authentication")
}

type noToken struct{}

func (noToken) Token() (*oauth2.Token, error) { return nil, errors.New("no token") }

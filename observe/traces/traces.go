// Package traces makes OpenTelemetry spans of what an okta.Client does: one for each call that [Tracer.Call] makes, and
// in it one for each attempt.
//
//	tracer := traces.Tracer{Tracer: provider.Tracer("acme-offboarding")}
//	config.OnAttempt = tracer.Observe
//	client, err := okta.NewClient(config)
//	...
//	err = tracer.Call(ctx, func(ctx context.Context) error {
//		return client.UserGrants.Revoke(ctx, userID, grantID)
//	})
//
// The attributes are those of OpenTelemetry's conventions for HTTP clients, without url.full: it holds IDs.
package traces

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/grantkit/okta"
)

// Tracer makes the spans of one or more clients.
type Tracer struct {
	Tracer trace.Tracer

	// Paths adds the path of each attempt, without its query, as url.path. It holds the IDs of users, clients, grants
	// and tokens.
	Paths bool
}

// callKey is for the span of a call, as a value of its context.
type callKey struct{}

// Call makes a span for what do does: one call of a client, with the context that do is given. The span's name is the
// operationId of the call or, where it has none, its method and route. Call returns do's error.
func (t Tracer) Call(ctx context.Context, do func(context.Context) error) error {
	ctx, span := t.Tracer.Start(ctx, "okta call")
	defer span.End()
	err := do(context.WithValue(ctx, callKey{}, span))
	fail(span, err)
	return err
}

// Observe makes a span for one attempt, in the span of its call. It is for okta.Config.OnAttempt. An attempt of a call
// that was not made by [Tracer.Call] belongs to the span of the call's context, if that has one. A request for an
// access token belongs to the call that was the first to need the token.
func (t Tracer) Observe(ctx context.Context, a okta.Attempt) {
	end := time.Now()
	name := a.Method + " " + a.Route
	call, ok := ctx.Value(callKey{}).(trace.Span)
	if ok && !strings.HasSuffix(a.Route, "/token") {
		call.SetName(cmp.Or(a.Operation, name))
	}
	_, span := t.Tracer.Start(ctx, name,
		trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(end.Add(-a.Duration)),
		trace.WithAttributes(t.attributes(a)...))
	fail(span, a.Err)
	span.End(trace.WithTimestamp(end))
}

func (t Tracer) attributes(a okta.Attempt) []attribute.KeyValue {
	attributes := []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(a.Method),
		semconv.URLTemplate(a.Route),
	}
	if a.StatusCode != 0 {
		attributes = append(attributes, semconv.HTTPResponseStatusCode(a.StatusCode))
	}
	if a.RequestID != "" {
		attributes = append(attributes, semconv.HTTPResponseHeader("x-okta-request-id", a.RequestID))
	}
	if a.Number > 1 {
		attributes = append(attributes, semconv.HTTPRequestResendCount(a.Number-1))
	}
	if a.Throttled > 0 {
		attributes = append(attributes,
			attribute.Float64("okta.throttled_seconds", a.Throttled.Seconds()),
			attribute.String("okta.throttle_reason", string(a.ThrottleReason)))
	}
	if t.Paths {
		attributes = append(attributes, semconv.URLPath(a.Path))
	}
	return attributes
}

// fail marks a span as failed if there is an error. It leaves out the error's text, which holds IDs.
func fail(span trace.Span, err error) {
	if err == nil {
		return
	}
	span.SetAttributes(semconv.ErrorTypeKey.String(errorType(err)))
	span.SetStatus(codes.Error, "")
}

// errorType is the status of an error response, or a word for any other error.
func errorType(err error) string {
	_, isLimited := errors.AsType[*okta.RateLimitError](err)
	response, isResponse := errors.AsType[*okta.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case isLimited:
		return "throttled"
	case isResponse && response.StatusCode < 300:
		return "invalid_response"
	case isResponse:
		return strconv.Itoa(response.StatusCode)
	case errors.Is(err, okta.ErrAuthentication):
		return "authentication"
	case errors.Is(err, okta.ErrInvalidArgument):
		return "invalid_argument"
	}
	return "connection"
}

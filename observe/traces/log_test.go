package traces_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/observe/traces"
	"github.com/grantkit/okta/oktatest"
)

func lines(t *testing.T, logged string) (entries []map[string]any) {
	t.Helper()
	for line := range strings.Lines(logged) {
		var entry map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		entries = append(entries, entry)
	}
	return entries
}

// Every line of a call has the IDs of its span.
func TestLogOfACall(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	s := start(t, func(c *okta.Config, _ *traced) {
		json := slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})
		c.Logger = slog.New(traces.LogHandler{Handler: json})
	})
	s.Next(oktatest.Reply(http.StatusServiceUnavailable, nil, ""))
	require.NoError(t, s.revoke(t.Context()))

	call, _ := s.spans(t)
	entries := lines(t, logged.String())
	require.Len(t, entries, 3, "two attempts and a retry")
	for _, entry := range entries {
		assert.Equal(t, call.SpanContext.TraceID().String(), entry["trace_id"])
		assert.Equal(t, call.SpanContext.SpanID().String(), entry["span_id"])
	}
}

func TestLogWithoutASpan(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	logger := slog.New(traces.LogHandler{Handler: slog.NewTextHandler(&logged, nil)})
	logger.InfoContext(t.Context(), "hello")
	assert.Contains(t, logged.String(), "msg=hello\n")
}

func TestLogWithAttributesAndGroups(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	logger := slog.New(traces.LogHandler{Handler: slog.NewJSONHandler(&logged, nil)})
	ctx, span := start(t).tracer.Tracer.Start(t.Context(), "off-board")
	defer span.End()
	logger.With("run", "jan").InfoContext(ctx, "hello")
	logger.WithGroup("okta").InfoContext(ctx, "hello")

	entries := lines(t, logged.String())
	require.Len(t, entries, 2)
	assert.Equal(t, "jan", entries[0]["run"])
	assert.Equal(t, span.SpanContext().TraceID().String(), entries[0]["trace_id"])
	group, _ := entries[1]["okta"].(map[string]any)
	assert.Equal(t, span.SpanContext().TraceID().String(), group["trace_id"])
}

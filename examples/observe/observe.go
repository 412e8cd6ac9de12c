package main

import (
	"context"
	"io"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/observe/metrics"
	"github.com/grantkit/okta/observe/traces"
)

// observed is a client, and what observes it.
type observed struct {
	client   *okta.Client
	tracer   traces.Tracer
	spans    *tracetest.InMemoryExporter
	registry *prometheus.Registry
}

// observe makes a client with traces, metrics and logs. Another program would give the tracer provider an exporter
// that sends the spans, such as otlptracehttp.
func observe(config okta.Config, paths bool, logs io.Writer) (*observed, error) {
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	tracer := traces.Tracer{Tracer: provider.Tracer("github.com/grantkit/okta/examples/observe"), Paths: paths}
	counts := metrics.New()
	config.Logger = slog.New(traces.LogHandler{Handler: slog.NewTextHandler(logs, nil)})
	config.OnAttempt = func(ctx context.Context, a okta.Attempt) {
		counts.Observe(ctx, a)
		tracer.Observe(ctx, a)
	}
	client, err := okta.NewClient(config)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(counts, metrics.RateLimits(client))
	return &observed{client: client, tracer: tracer, spans: spans, registry: registry}, nil
}

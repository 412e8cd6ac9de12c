package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// spansText returns spans as trees, in the order in which they began.
func spansText(spans tracetest.SpanStubs) string {
	slices.SortStableFunc(spans, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
	tree := spanTree{children: map[trace.SpanID][]tracetest.SpanStub{}}
	for _, span := range spans {
		parent := span.Parent.SpanID()
		tree.children[parent] = append(tree.children[parent], span)
	}
	for _, root := range tree.children[trace.SpanID{}] {
		fmt.Fprintf(&tree.text, "\ntrace %s\n", root.SpanContext.TraceID())
		tree.add(root, "  ")
	}
	return tree.text.String()
}

type spanTree struct {
	children map[trace.SpanID][]tracetest.SpanStub // by parent
	text     strings.Builder
}

func (t *spanTree) add(span tracetest.SpanStub, indent string) {
	duration := span.EndTime.Sub(span.StartTime).Round(100 * time.Microsecond)
	fmt.Fprintf(&t.text, "%s%s  %v", indent, span.Name, duration)
	for _, attribute := range span.Attributes {
		key := string(attribute.Key)
		if key != "http.request.method" && key != "url.template" { // they are the name
			fmt.Fprintf(&t.text, "  %s=%s", strings.TrimPrefix(key, "http."), attribute.Value.String())
		}
	}
	t.text.WriteByte('\n')
	for _, child := range t.children[span.SpanContext.SpanID()] {
		t.add(child, indent+"  ")
	}
}

// metricsText returns metrics as Prometheus reads them, without comments and the buckets of histograms.
func metricsText(registry *prometheus.Registry) (string, error) {
	families, err := registry.Gather()
	if err != nil {
		return "", err
	}
	var full bytes.Buffer
	encoder := expfmt.NewEncoder(&full, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return "", err
		}
	}
	var text strings.Builder
	for line := range strings.Lines(full.String()) {
		if !strings.HasPrefix(line, "#") && !strings.Contains(line, "_bucket{") {
			text.WriteString(line)
		}
	}
	return text.String(), nil
}

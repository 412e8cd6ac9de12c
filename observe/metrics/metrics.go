// Package metrics counts what an okta.Client sends, for Prometheus.
//
//	m := metrics.New()
//	config.OnAttempt = m.Observe
//	client, err := okta.NewClient(config)
//	...
//	registry.MustRegister(m, metrics.RateLimits(client))
//
// A program with clients of several orgs makes one Metrics for each of them, and registers it through
// prometheus.WrapRegistererWith(prometheus.Labels{"org": name}, registry).
//
// No label holds an ID: a route is a template such as /api/v1/users/{userId}/grants.
package metrics

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/grantkit/okta"
)

// Metrics is a prometheus.Collector for what [Metrics.Observe] sees.
type Metrics struct {
	calls     *prometheus.CounterVec
	failed    *prometheus.CounterVec
	attempts  *prometheus.CounterVec
	responses *prometheus.CounterVec
	durations *prometheus.HistogramVec
	throttled *prometheus.CounterVec
	tokens    prometheus.Counter

	mu     sync.Mutex
	routes map[string]bool // that have metrics of their own
}

// New returns Metrics that has seen nothing.
func New() *Metrics {
	return &Metrics{
		calls: counter("okta_calls_total", "Calls that sent a request.", "method", "route"),
		failed: counter("okta_failed_calls_total", "Calls whose last attempt failed, by the class of its status.",
			"method", "route", "status"),
		attempts: counter("okta_attempts_total", "HTTP exchanges, by the class of their status: 2xx to 5xx, none "+
			"(no response), or invalid (2xx, but cut short or not what the operation responds with).",
			"method", "route", "status"),
		responses: counter("okta_responses_total", "Responses by status.", "code"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "okta_attempt_duration_seconds",
			Help:    "Time of an HTTP exchange, from sending the request to the end of the response's body.",
			Buckets: []float64{0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "route"}),
		throttled: counter("okta_throttled_seconds_total", "Time for which the client throttled requests.", "reason"),
		tokens: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "okta_token_refreshes_total", Help: "Access tokens that the token endpoint issued to a service app.",
		}),
		routes: map[string]bool{},
	}
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func (m *Metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.calls, m.failed, m.attempts, m.responses, m.durations, m.throttled, m.tokens}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(ch)
	}
}

// Observe counts one attempt. It is for okta.Config.OnAttempt.
func (m *Metrics) Observe(_ context.Context, a okta.Attempt) {
	route, status := m.route(a.Route), status(a)
	if a.Number == 1 {
		m.calls.WithLabelValues(a.Method, route).Inc()
	}
	if a.Err != nil && !a.WillRetry {
		m.failed.WithLabelValues(a.Method, route, status).Inc()
	}
	m.attempts.WithLabelValues(a.Method, route, status).Inc()
	m.durations.WithLabelValues(a.Method, route).Observe(a.Duration.Seconds())
	if a.StatusCode != 0 {
		m.responses.WithLabelValues(strconv.Itoa(a.StatusCode)).Inc()
	}
	if a.Throttled > 0 {
		m.throttled.WithLabelValues(string(a.ThrottleReason)).Add(a.Throttled.Seconds())
	}
	if a.Err == nil && ofTokenEndpoint(a) {
		m.tokens.Inc()
	}
}

// maxRoutes bounds how many routes have metrics of their own.
const maxRoutes = 100

// route returns a route as a label. All routes beyond the first maxRoutes are "other".
func (m *Metrics) route(route string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.routes[route] && len(m.routes) == maxRoutes {
		return "other"
	}
	m.routes[route] = true
	return route
}

// status returns the class of an attempt's status.
func status(a okta.Attempt) string {
	switch {
	case a.StatusCode == 0:
		return "none"
	case a.StatusCode < http.StatusMultipleChoices && a.Err != nil:
		return "invalid"
	}
	return strconv.Itoa(a.StatusCode/100) + "xx"
}

// ofTokenEndpoint reports whether an attempt asked for an access token, such as at /oauth2/v1/token.
func ofTokenEndpoint(a okta.Attempt) bool {
	return a.Method == http.MethodPost && strings.HasSuffix(a.Route, "/token") && !strings.HasPrefix(a.Route, "/api/")
}

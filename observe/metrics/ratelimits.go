package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/grantkit/okta"
)

// RateLimits returns a prometheus.Collector for the rate limit buckets of a client, as its latest responses show them.
// There is nothing of a bucket whose responses carry no rate limit headers.
func RateLimits(client *okta.Client) prometheus.Collector { return rateLimits{client} }

type rateLimits struct{ client *okta.Client }

var (
	limit = prometheus.NewDesc("okta_rate_limit_requests",
		"Requests that a rate limit bucket allows in a window.", []string{"bucket"}, nil)
	remaining = prometheus.NewDesc("okta_rate_limit_remaining_requests",
		"Requests that are left in the window.", []string{"bucket"}, nil)
	reset = prometheus.NewDesc("okta_rate_limit_reset_timestamp_seconds",
		"When the window ends, by Okta's clock.", []string{"bucket"}, nil)
)

// Describe implements prometheus.Collector.
func (rateLimits) Describe(ch chan<- *prometheus.Desc) {
	ch <- limit
	ch <- remaining
	ch <- reset
}

// Collect implements prometheus.Collector.
func (r rateLimits) Collect(ch chan<- prometheus.Metric) {
	for bucket, state := range r.client.RateLimits() {
		if state.Reset.IsZero() {
			continue
		}
		gauge := func(desc *prometheus.Desc, value int64) {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), bucket)
		}
		gauge(limit, int64(state.Limit))
		gauge(remaining, int64(state.Remaining))
		gauge(reset, state.Reset.Unix())
	}
}

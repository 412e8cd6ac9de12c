package metrics_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/observe/metrics"
	"github.com/grantkit/okta/oktatest"
)

const (
	userID   = oktatest.DemoUserID
	clientID = oktatest.DemoClientID
)

// The routes that the tests call, as labels.
const (
	grants = `method="GET",route="/api/v1/users/{userId}/grants"`
	grant  = `method="DELETE",route="/api/v1/users/{userId}/grants/{grantId}"`
	user   = `method="GET",route="/api/v1/users/{userId}"`
	token  = `method="POST",route="/oauth2/v1/token"`
)

// monitored is an org with a client whose metrics a server exports.
type monitored struct {
	*oktatest.Org

	client  *okta.Client
	metrics string // where they are
}

func start(t *testing.T, changes ...func(*okta.Config)) *monitored {
	t.Helper()
	org := oktatest.NewDemo()
	t.Cleanup(org.Close)
	registry := prometheus.NewRegistry()
	client := monitor(t, registry, org, changes...)
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(server.Close)
	return &monitored{Org: org, client: client, metrics: server.URL}
}

// monitor returns a client for org, and registers its metrics.
func monitor(
	t *testing.T, registry prometheus.Registerer, org *oktatest.Org, changes ...func(*okta.Config),
) *okta.Client {
	t.Helper()
	m := metrics.New()
	config := okta.Config{
		OrgURL:      org.URL,
		Credentials: okta.APIToken(oktatest.DemoToken),
		OnAttempt:   m.Observe,
		Retry:       okta.RetryOptions{MinWait: time.Millisecond},
	}
	for _, change := range changes {
		change(&config)
	}
	client, err := okta.NewClient(config)
	require.NoError(t, err)
	registry.MustRegister(m, metrics.RateLimits(client))
	return client
}

func noRetries(c *okta.Config) { c.Retry.MaxRetries = -1 }

func (m *monitored) do(ctx context.Context, path ...string) error {
	return m.client.Do(ctx, okta.Request{Path: append([]string{"api", "v1"}, path...)}, nil)
}

// scrape reads the metrics as Prometheus does: from "name{label="value"}" to the value, which is the count of a
// histogram.
func (m *monitored) scrape(t *testing.T) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(m.text(t)))
	require.NoError(t, err)
	values := map[string]float64{}
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			values[name+labels(metric)] =
				metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return values
}

func labels(metric *dto.Metric) string {
	var pairs []string
	for _, label := range metric.GetLabel() {
		pairs = append(pairs, fmt.Sprintf("%s=%q", label.GetName(), label.GetValue()))
	}
	if pairs == nil {
		return ""
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

func (m *monitored) text(t *testing.T) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.metrics, http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close() //nolint:errcheck // nothing is written to it
	require.Equal(t, http.StatusOK, resp.StatusCode)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(text)
}

// Every metric of a few calls with faults, and no other.
func TestMetrics(t *testing.T) {
	t.Parallel()
	m := start(t)
	m.LimitRate(oktatest.BucketUsers, 600, 240*time.Hour) // no new window begins meanwhile
	m.Next(
		oktatest.Reply(http.StatusServiceUnavailable, nil, ""),
		oktatest.CutBody(100),
		nil,
		oktatest.Reply(http.StatusTooManyRequests, nil, ""),
		nil,
		oktatest.Reply(http.StatusForbidden, nil, ""),
	)
	_, err := m.client.UserGrants.List(t.Context(), userID, nil) // 503, cut short, 200
	require.NoError(t, err)
	require.NoError(t, m.client.UserGrants.Revoke(t.Context(), userID, oktatest.DemoGrantID)) // 429, 204
	require.ErrorIs(t, m.do(t.Context(), "users", userID), okta.ErrForbidden)

	got := m.scrape(t)
	assert.Positive(t, got[`okta_throttled_seconds_total{reason="refusal"}`])
	assert.Greater(t, got[`okta_rate_limit_reset_timestamp_seconds{bucket="/api/v1/users"}`], 1.7e9)
	delete(got, `okta_throttled_seconds_total{reason="refusal"}`)
	delete(got, `okta_rate_limit_reset_timestamp_seconds{bucket="/api/v1/users"}`)
	assert.Equal(t, map[string]float64{
		`okta_calls_total{` + grants + `}`: 1,
		`okta_calls_total{` + grant + `}`:  1,
		`okta_calls_total{` + user + `}`:   1,

		`okta_failed_calls_total{` + user + `,status="4xx"}`: 1,

		`okta_attempts_total{` + grants + `,status="5xx"}`:     1,
		`okta_attempts_total{` + grants + `,status="invalid"}`: 1,
		`okta_attempts_total{` + grants + `,status="2xx"}`:     1,
		`okta_attempts_total{` + grant + `,status="4xx"}`:      1,
		`okta_attempts_total{` + grant + `,status="2xx"}`:      1,
		`okta_attempts_total{` + user + `,status="4xx"}`:       1,

		`okta_responses_total{code="200"}`: 2,
		`okta_responses_total{code="204"}`: 1,
		`okta_responses_total{code="403"}`: 1,
		`okta_responses_total{code="429"}`: 1,
		`okta_responses_total{code="503"}`: 1,

		`okta_attempt_duration_seconds{` + grants + `}`: 3,
		`okta_attempt_duration_seconds{` + grant + `}`:  2,
		`okta_attempt_duration_seconds{` + user + `}`:   1,

		`okta_rate_limit_requests{bucket="/api/v1/users"}`:           600,
		`okta_rate_limit_remaining_requests{bucket="/api/v1/users"}`: 597,

		`okta_token_refreshes_total`: 0,
	}, got)
}

func TestFailedCalls(t *testing.T) {
	t.Parallel()
	for status, fault := range map[string]oktatest.Fault{
		"none":    oktatest.Drop(),
		"invalid": oktatest.Reply(http.StatusOK, nil, ""),
		"3xx":     oktatest.Reply(http.StatusFound, nil, ""),
		"4xx":     oktatest.Reply(http.StatusTooManyRequests, nil, ""),
		"5xx":     oktatest.Reply(http.StatusBadGateway, nil, ""),
	} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			m := start(t, noRetries)
			m.Next(fault)
			require.Error(t, m.client.UserGrants.Revoke(t.Context(), userID, oktatest.DemoGrantID))
			got := m.scrape(t)
			assert.InDelta(t, 1, got[`okta_calls_total{`+grant+`}`], 0)
			assert.InDelta(t, 1, got[`okta_attempts_total{`+grant+`,status="`+status+`"}`], 0)
			assert.InDelta(t, 1, got[`okta_failed_calls_total{`+grant+`,status="`+status+`"}`], 0)
			assert.NotContains(t, got, `okta_responses_total{code="0"}`)
		})
	}
}

func TestTokenRefreshes(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	m := start(t, func(c *okta.Config) {
		c.Credentials = okta.ServiceApp{
			ClientID: "0oareview", PrivateKey: okta.PrivateKeyFromSigner(key), Scopes: []string{"okta.users.read"},
		}
	})
	require.ErrorIs(t, m.do(t.Context(), "users", userID), okta.ErrAuthentication, "the org does not know the app")
	m.AddServiceApp(oktatest.ServiceApp{
		ClientID: "0oareview",
		Keys:     []oktatest.ServiceAppKey{{Public: key.Public()}},
		Scopes:   []string{"okta.users.read"},
	})
	require.NoError(t, m.do(t.Context(), "users", userID))
	require.NoError(t, m.do(t.Context(), "users", userID))
	m.RevokeAccessTokens()
	require.NoError(t, m.do(t.Context(), "users", userID))

	got := m.scrape(t)
	assert.InDelta(t, 2, got[`okta_token_refreshes_total`], 0)
	assert.InDelta(t, 3, got[`okta_calls_total{`+token+`}`], 0)
	assert.InDelta(t, 1, got[`okta_failed_calls_total{`+token+`,status="4xx"}`], 0)
	assert.InDelta(t, 3, got[`okta_calls_total{`+user+`}`], 0)
}

// A POST to a route of the API is no request for an access token, whatever it is called.
func TestTokenOfTheAPI(t *testing.T) {
	t.Parallel()
	m := start(t)
	m.Next(oktatest.Reply(http.StatusOK, nil, ""))
	path := []string{"api", "v1", "apps", clientID, "token"}
	require.NoError(t, m.client.Do(t.Context(), okta.Request{Method: http.MethodPost, Path: path}, nil))
	assert.Zero(t, m.scrape(t)[`okta_token_refreshes_total`])
}

// IDs and logins are in paths, queries and errors, never in metrics.
func TestMetricsHoldNoIDs(t *testing.T) {
	t.Parallel()
	m := start(t, noRetries)
	m.LimitRate(oktatest.BucketAPI, 600, 240*time.Hour)
	m.LimitRate(oktatest.BucketUser, 600, 240*time.Hour)
	_, _ = m.client.UserGrants.Get(t.Context(), "00uID", "oagID", nil)
	_, _ = m.client.UserOAuth.GetRefreshToken(t.Context(), "00uID", "0oaID", "oarID", nil)
	_ = m.client.AuthorizationServerClients.RevokeRefreshToken(t.Context(), "ausID", "0oaID", "oarID")
	for _, path := range [][]string{
		{"users", "ann-ID@example.com"}, {"policies", "rstID", "rules", "rulID"}, {"apps", "0oaID", "features", "featID"},
	} {
		_ = m.do(t.Context(), path...)
	}
	text := m.text(t)
	assert.Contains(t, text, "/api/v1/policies/{id}/rules/{id}")
	assert.Contains(t, text, `bucket="GET /api/v1/users/{userId}"`)
	assert.NotContains(t, text, "ID")
}

func TestRoutesAreBounded(t *testing.T) {
	t.Parallel()
	const sent = 1000
	m, registry := metrics.New(), prometheus.NewRegistry()
	registry.MustRegister(m)
	for i := range sent {
		m.Observe(t.Context(), okta.Attempt{Method: "GET", Route: fmt.Sprintf("/%d", i), StatusCode: 200, Number: 1})
	}
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		assert.LessOrEqual(t, len(family.GetMetric()), 101, family.GetName())
		if family.GetName() != "okta_calls_total" {
			continue
		}
		counted := 0.0
		for _, metric := range family.GetMetric() {
			counted += metric.GetCounter().GetValue()
		}
		assert.InDelta(t, sent, counted, 0)
	}
}

func TestRateLimitsOfSeveralBuckets(t *testing.T) {
	t.Parallel()
	m := start(t)
	m.LimitRate(oktatest.BucketUsers, 600, 240*time.Hour)
	m.LimitRate(oktatest.BucketAPI, 100, 240*time.Hour)
	_, err := m.client.UserGrants.List(t.Context(), userID, nil)
	require.NoError(t, err)
	_, err = m.client.AuthorizationServerClients.List(t.Context(), oktatest.DemoAuthorizationServerID, nil)
	require.NoError(t, err)
	require.NoError(t, m.do(t.Context(), "users", userID)) // its responses have no rate limit headers
	var buckets []string
	for name, value := range m.scrape(t) {
		if strings.HasPrefix(name, "okta_rate_limit_remaining") {
			buckets = append(buckets, fmt.Sprint(name, value))
		}
	}
	assert.ElementsMatch(t, []string{
		`okta_rate_limit_remaining_requests{bucket="/api/v1/users"}599`,
		`okta_rate_limit_remaining_requests{bucket="/api/v1"}99`,
	}, buckets)
}

func TestSeveralOrgs(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	for _, name := range []string{"acme", "umbrella"} {
		org := oktatest.NewDemo()
		t.Cleanup(org.Close)
		org.LimitRate(oktatest.BucketUsers, 600, 240*time.Hour)
		client := monitor(t, prometheus.WrapRegistererWith(prometheus.Labels{"org": name}, registry), org)
		_, err := client.UserGrants.List(t.Context(), userID, nil)
		require.NoError(t, err)
	}
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(server.Close)
	got := (&monitored{metrics: server.URL}).scrape(t)
	for _, name := range []string{"acme", "umbrella"} {
		assert.InDelta(t, 1, got[`okta_calls_total{method="GET",org="`+name+`",route="/api/v1/users/{userId}/grants"}`], 0)
		assert.InDelta(t, 599, got[`okta_rate_limit_remaining_requests{bucket="/api/v1/users",org="`+name+`"}`], 0)
	}
}

// Calls are counted while the metrics are read.
func TestConcurrentCalls(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 20
	m := start(t)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				_, err := m.client.UserGrants.List(t.Context(), userID, nil)
				assert.NoError(t, err)
			}
		})
	}
	m.scrape(t)
	wg.Wait()
	assert.InDelta(t, workers*each, m.scrape(t)[`okta_calls_total{`+grants+`}`], 0)
}

// The names and help texts follow Prometheus's conventions.
func TestNames(t *testing.T) {
	t.Parallel()
	m := start(t)
	m.LimitRate(oktatest.BucketUsers, 600, 240*time.Hour)
	m.Next(oktatest.Reply(http.StatusForbidden, nil, ""))
	require.Error(t, m.client.UserGrants.RevokeAll(t.Context(), userID))
	_, err := m.client.UserGrants.List(t.Context(), userID, nil)
	require.NoError(t, err)
	problems, err := promlint.New(strings.NewReader(m.text(t))).Lint()
	require.NoError(t, err)
	assert.Empty(t, problems)
}

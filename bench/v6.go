//go:build v6

package main

import (
	"context"
	"net"
	"net/http"
	"strings"

	"github.com/okta/okta-sdk-golang/v6/okta"
)

const hasV6 = true

// newV6 dials to the port that the SDK drops from its URL. Tuned, it waits for the rate limit before and after a
// refusal.
func newV6(url string, tuned bool) (subject, error) {
	transport := newTransport()
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(url, "http://"))
	}
	settings := []okta.ConfigSetter{
		okta.WithOrgUrl(url),
		okta.WithToken(token),
		okta.WithTestingDisableHttpsCheck(true),
		okta.WithHttpClientPtr(&http.Client{Transport: transport}),
	}
	if tuned {
		settings = append(settings,
			okta.WithRateLimitMaxRetries(10), okta.WithRateLimitMaxBackOff(60), okta.WithRateLimitPrevent(true))
	}
	config, err := okta.NewConfiguration(settings...)
	if err != nil {
		return subject{}, err
	}
	api := okta.NewAPIClient(config).UserGrantAPI
	get := func(ctx context.Context, user, grant string) error {
		_, _, err := api.GetUserGrant(ctx, user, grant).Execute()
		return err
	}
	return subject{list: lister(api), get: get}, nil
}

func lister(api okta.UserGrantAPI) func(ctx context.Context, user string) (int, error) {
	return func(ctx context.Context, user string) (int, error) {
		grants, resp, err := api.ListUserGrants(ctx, user).Limit(pageSize).Execute()
		if err != nil {
			return 0, err
		}
		n := len(grants)
		for resp.HasNextPage() {
			var more []okta.OAuth2ScopeConsentGrant
			if resp, err = resp.Next(&more); err != nil {
				return n, err
			}
			n += len(more)
		}
		return n, nil
	}
}

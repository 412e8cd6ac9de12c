//go:build v6

// V6 reads one page of a user's grants with okta-sdk-golang v6: the least program, for its build time and size.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/okta/okta-sdk-golang/v6/okta"
)

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // a program ends with an exit code
	}
}

func run(ctx context.Context, orgURL, token, userID string) error {
	config, err := okta.NewConfiguration(okta.WithOrgUrl(orgURL), okta.WithToken(token))
	if err != nil {
		return err
	}
	grants, _, err := okta.NewAPIClient(config).UserGrantAPI.ListUserGrants(ctx, userID).Limit(200).Execute()
	if err != nil {
		return err
	}
	for _, grant := range grants {
		_, _ = fmt.Fprintln(os.Stdout, grant.GetId(), grant.GetScopeId())
	}
	return nil
}

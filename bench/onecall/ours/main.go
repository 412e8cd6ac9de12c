// Ours reads one page of a user's grants with this SDK: the least program, for its build time and size.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/grantkit/okta"
)

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // a program ends with an exit code
	}
}

func run(ctx context.Context, orgURL, token, userID string) error {
	client, err := okta.NewClient(okta.Config{OrgURL: orgURL, Credentials: okta.APIToken(token)})
	if err != nil {
		return err
	}
	page, err := client.UserGrants.List(ctx, userID, nil)
	if err != nil {
		return err
	}
	for _, grant := range page.Items {
		_, _ = fmt.Fprintln(os.Stdout, grant.ID, grant.ScopeID)
	}
	return nil
}

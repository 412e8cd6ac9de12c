// Retryablehttp reads one page of a user's grants with go-retryablehttp alone: the least program, for its build time
// and size.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/hashicorp/go-retryablehttp"
)

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // a program ends with an exit code
	}
}

func run(ctx context.Context, orgURL, token, userID string) error {
	address := orgURL + "/api/v1/users/" + url.PathEscape(userID) + "/grants?limit=200"
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "SSWS "+token)
	resp, err := retryablehttp.NewClient().Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing is written to it
	var grants []struct {
		ID      string `json:"id"`
		ScopeID string `json:"scopeId"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&grants); err != nil {
		return err
	}
	for _, grant := range grants {
		_, _ = fmt.Fprintln(os.Stdout, grant.ID, grant.ScopeID)
	}
	return nil
}

// Quickstart is a tour of the SDK: it lists, reads and revokes the consent grants and refresh tokens of a user, in an
// Okta org in memory. It needs no account, no configuration and no network:
//
//	go run ./examples/quickstart
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

const (
	userID   = oktatest.DemoUserID
	clientID = oktatest.DemoClientID
	grantID  = oktatest.DemoGrantID
	tokenID  = oktatest.DemoRefreshTokenID
)

func main() {
	flag.Usage = func() {
		fmt.Print("usage: quickstart\n\n" +
			"Shows the calls of the SDK, step by step, against an Okta org in memory. It has no flags.\n")
	}
	flag.Parse()
	org := oktatest.NewDemo()
	err := run(context.Background(), org.URL)
	org.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, orgURL string) error {
	fmt.Println("A tour of github.com/grantkit/okta, with an Okta org in memory.")

	step("1. Create a client",
		`client, err := okta.NewClient(okta.Config{OrgURL: orgURL, Credentials: okta.APIToken(token)})`)
	client, err := okta.NewClient(okta.Config{OrgURL: orgURL, Credentials: okta.APIToken(oktatest.DemoToken)})
	if err != nil {
		return err
	}
	fmt.Println("   The client is ready. It sends nothing before the first call.")

	for _, next := range []func(context.Context, *okta.Client) error{
		listGrants, readGrant, listRefreshTokens, revokeRefreshToken, revokeGrant, lookAtError,
	} {
		if err := next(ctx, client); err != nil {
			return err
		}
	}
	fmt.Println("\nNext: go run ./examples/audit, ./examples/offboard and ./examples/serviceapp")
	return nil
}

func listGrants(ctx context.Context, client *okta.Client) error {
	step("2. List the grants of a user, page by page",
		`first, err := client.UserGrants.List(ctx, userID, &okta.ListUserGrantsOptions{Limit: 20})`,
		`for page, err := range first.Pages(ctx) { ... }`)
	first, err := client.UserGrants.List(ctx, userID, &okta.ListUserGrantsOptions{Limit: 20})
	if err != nil {
		return err
	}
	pages, grants := 0, 0
	for page, err := range first.Pages(ctx) {
		if err != nil {
			return err
		}
		pages++
		grants += len(page.Items)
		fmt.Printf("   Page %d: %2d grants, page.HasNext() is %t\n", pages, len(page.Items), page.HasNext())
	}
	fmt.Printf("   %d pages, %d grants. The first three:\n", pages, grants)
	for _, grant := range first.Items[:min(3, len(first.Items))] {
		fmt.Printf("   %s  %s  %-7s  %s  %s\n",
			grant.ID, grant.ClientID, grant.ScopeID, grant.Status, grant.Created.Format(time.DateTime))
	}
	return nil
}

func readGrant(ctx context.Context, client *okta.Client) error {
	step("3. Read one grant, with its scope",
		`grant, err := client.UserGrants.Get(ctx, userID, grantID, &okta.GetOptions{Expand: okta.ExpandScope})`)
	grant, err := client.UserGrants.Get(ctx, userID, grantID, &okta.GetOptions{Expand: okta.ExpandScope})
	if err != nil {
		return err
	}
	app, _ := grant.Links.Get("app")
	fmt.Printf("   %s: the app %s has the scope %s, given by %s\n",
		grant.ID, app.Title, grant.Embedded.Scope.ID, grant.Source)
	return nil
}

func listRefreshTokens(ctx context.Context, client *okta.Client) error {
	step("4. List the refresh tokens that a client holds for the user",
		`page, err := client.UserOAuth.ListRefreshTokens(ctx, userID, clientID, nil)`,
		`for token, err := range page.All(ctx) { ... }`)
	page, err := client.UserOAuth.ListRefreshTokens(ctx, userID, clientID, nil)
	if err != nil {
		return err
	}
	for token, err := range page.All(ctx) {
		if err != nil {
			return err
		}
		fmt.Printf("   %s  expires %s  %v\n", token.ID, token.ExpiresAt.Format(time.DateTime), token.Scopes)
	}
	return nil
}

func revokeRefreshToken(ctx context.Context, client *okta.Client) error {
	step("5. Revoke one refresh token",
		`err := client.UserOAuth.RevokeRefreshToken(ctx, userID, clientID, tokenID)`,
		`_, err = client.UserOAuth.GetRefreshToken(ctx, userID, clientID, tokenID, nil)`)
	if err := client.UserOAuth.RevokeRefreshToken(ctx, userID, clientID, tokenID); err != nil {
		return err
	}
	switch _, err := client.UserOAuth.GetRefreshToken(ctx, userID, clientID, tokenID, nil); {
	case err == nil:
		return fmt.Errorf("the refresh token %s still exists", tokenID)
	case !errors.Is(err, okta.ErrNotFound):
		return err
	}
	fmt.Printf("   %s is not found: errors.Is(err, okta.ErrNotFound) is true\n", tokenID)
	return nil
}

func revokeGrant(ctx context.Context, client *okta.Client) error {
	step("6. Revoke one grant", `err := client.UserGrants.Revoke(ctx, userID, grantID)`)
	if err := client.UserGrants.Revoke(ctx, userID, grantID); err != nil {
		return err
	}
	fmt.Printf("   %s is revoked\n", grantID)
	return nil
}

func lookAtError(ctx context.Context, client *okta.Client) error {
	step("7. Look at an error: the revoked grant is not found",
		`_, err := client.UserGrants.Get(ctx, userID, grantID, nil)`,
		`apiErr, ok := errors.AsType[*okta.Error](err)`)
	_, err := client.UserGrants.Get(ctx, userID, grantID, nil)
	apiErr, ok := errors.AsType[*okta.Error](err)
	if !ok {
		return errors.Join(errors.New("no error from Okta"), err)
	}
	fmt.Println("   apiErr.StatusCode:", apiErr.StatusCode)
	fmt.Println("   apiErr.Code:      ", apiErr.Code)
	fmt.Println("   apiErr.Summary:   ", apiErr.Summary)
	fmt.Println("   apiErr.RequestID: ", apiErr.RequestID)
	fmt.Println("   errors.Is(err, okta.ErrNotFound): ", errors.Is(err, okta.ErrNotFound))
	fmt.Println("   errors.Is(err, okta.ErrForbidden):", errors.Is(err, okta.ErrForbidden))
	fmt.Printf("   err.Error(): %v\n", err)
	return nil
}

// step prints a heading and the calls that the step makes.
func step(heading string, calls ...string) {
	fmt.Printf("\n%s\n", heading)
	for _, call := range calls {
		fmt.Println("   >", call)
	}
}

package org_test

import (
	"cmp"
	"context"
	"fmt"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
	"github.com/grantkit/okta/org"
)

// demo returns a client of an org in memory, and a function that ends the org.
func demo() (*okta.Client, func()) {
	server := oktatest.NewDemo()
	client, err := okta.NewClient(okta.Config{OrgURL: server.URL, Credentials: okta.APIToken(oktatest.DemoToken)})
	if err != nil {
		panic(err)
	}
	return client, server.Close
}

func ExampleListUsers() {
	client, end := demo()
	defer end()
	ctx := context.Background()

	// With Search, users who are DEPROVISIONED are in the list, too.
	page, err := org.ListUsers(ctx, client, &org.ListUsersOptions{Search: `profile.login sw "a" or id eq "00udee"`})
	if err != nil {
		fmt.Println(err)
		return
	}
	for user, err := range page.All(ctx) { // this page and all that follow
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(user.ID, user.Status, user.DisplayName())
	}
	// Output:
	// 00uann ACTIVE Ann Archer
	// 00udee ACTIVE Dee Draper
}

func ExampleListApplicationUsers() {
	client, end := demo()
	defer end()
	ctx := context.Background()

	page, err := org.ListApplicationUsers(ctx, client, oktatest.DemoClientID, &org.ListApplicationUsersOptions{Limit: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	for page, err := range page.Pages(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, user := range page.Items {
			fmt.Println(user.ID, user.Credentials.UserName)
		}
		// page.Cursor() is the After of a list that goes on here, later or elsewhere.
		fmt.Println("more:", page.HasNext())
	}
	// Output:
	// 00uann ann@example.com
	// more: true
	// 00ubob bob@example.com
	// more: false
}

// An off-boarding: the user's sessions and tokens, then the consents.
func ExampleRevokeUserSessions() {
	client, end := demo()
	defer end()
	ctx := context.Background()

	user, err := org.GetUser(ctx, client, "ann@example.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	err = org.RevokeUserSessions(ctx, client, user.ID, &org.RevokeUserSessionsOptions{OAuthTokens: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := client.UserGrants.RevokeAll(ctx, user.ID); err != nil {
		fmt.Println(err)
		return
	}

	left, err := org.ListUserClients(ctx, client, user.ID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(user.DisplayName(), "has", len(left.Items), "clients")
	// Output: Ann Archer has 0 clients
}

// An incident: an app loses its tokens for all users in one call. Their consents stay.
func ExampleRevokeApplicationTokens() {
	client, end := demo()
	defer end()
	ctx := context.Background()

	app, err := org.GetApplication(ctx, client, oktatest.DemoClientID) // an unknown app is an error here
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := org.RevokeApplicationTokens(ctx, client, app.ID); err != nil {
		fmt.Println(err)
		return
	}

	page, err := org.ListApplicationTokens(ctx, client, app.ID, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(app.Label, "has", len(page.Items), "refresh tokens")
	// Output: Calendar has 0 refresh tokens
}

// The names of the scopes that consents to a custom authorization server have by ID.
func ExampleListScopes() {
	client, end := demo()
	defer end()
	ctx := context.Background()

	names := map[string]string{}
	scopes, err := org.ListScopes(ctx, client, oktatest.DemoPartnerServerID, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for scope, err := range scopes.All(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		names[scope.ID] = scope.Name
	}

	grants, err := client.UserGrants.List(ctx, "00ucid", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for grant, err := range grants.All(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(cmp.Or(names[grant.ScopeID], grant.ScopeID)) // the org's own server has names in place of IDs
	}
	// Output:
	// reports.read
	// invoices.read
	// phone
}

// Each run of this job reads what has happened since the last one.
func ExamplePollLogEvents() {
	server := oktatest.New(oktatest.Options{})
	defer server.Close()
	server.AcceptAPIToken("00secret")
	server.AddUser(oktatest.User{ID: "00uann", Login: "ann@example.com"})
	server.AddClient(oktatest.Client{ID: "0oacalendar"})
	client, err := okta.NewClient(okta.Config{OrgURL: server.URL, Credentials: okta.APIToken("00secret")})
	if err != nil {
		fmt.Println(err)
		return
	}

	cursor := "" // kept in a file or a database
	run := func(ctx context.Context) error {
		opts := &org.PollLogEventsOptions{
			Filter: fmt.Sprintf("eventType eq %q", org.EventConsentGranted),
			After:  cursor,
		}
		for page, err := range org.PollLogEvents(ctx, client, opts) {
			if err != nil {
				return err
			}
			for _, event := range page.Items {
				for _, target := range event.Target {
					fmt.Println(event.Actor.AlternateID, "consented to", target.DisplayName)
				}
			}
			cursor = page.Cursor() // after the events are handled
			if len(page.Items) == 0 {
				break // nothing is left to read now; without break, the loop waits for more
			}
		}
		return nil
	}

	for _, scope := range []string{"okta.users.read", "okta.groups.read"} {
		server.AddGrant(oktatest.Grant{UserID: "00uann", ClientID: "0oacalendar", ScopeID: scope})
		if err := run(context.Background()); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// ann@example.com consented to okta.users.read
	// ann@example.com consented to okta.groups.read
}

package okta_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

// demo returns a client of an org in memory, and a function that ends the org.
func demo() (*okta.Client, func()) {
	org := oktatest.NewDemo()
	client, err := okta.NewClient(okta.Config{OrgURL: org.URL, Credentials: okta.APIToken(oktatest.DemoToken)})
	if err != nil {
		panic(err)
	}
	return client, org.Close
}

func ExampleNewClient() {
	client, err := okta.NewClient(okta.Config{
		OrgURL:      "https://acme.okta.com",
		Credentials: okta.APIToken("00abcdefghijklmnopqrstuvwxyz"),
		UserAgent:   "acme-offboarding/1.2",
		Logger:      slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client)

	_, err = okta.NewClient(okta.Config{OrgURL: "http://acme.okta.com", Credentials: okta.APIToken("00abc")})
	fmt.Println(err)
	// Output:
	// okta.Client(https://acme.okta.com)
	// okta: invalid argument: Config.OrgURL is http, which would show the credentials to the network: use https
}

func ExampleServiceApp() {
	org := oktatest.NewDemo()
	defer org.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	app := org.AddServiceApp(oktatest.ServiceApp{
		Keys:   []oktatest.ServiceAppKey{{ID: "key-1", Public: key.Public()}},
		Scopes: []string{"okta.users.read"},
		DPoP:   true,
	})

	client, err := okta.NewClient(okta.Config{
		OrgURL: org.URL,
		Credentials: okta.ServiceApp{
			ClientID:   app.ClientID,
			PrivateKey: okta.PrivateKeyFromSigner(key), // or okta.PrivateKeyFromPEM, or okta.PrivateKeyFromJWK
			KeyID:      "key-1",
			Scopes:     []string{"okta.users.read"},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	grant, err := client.UserGrants.Get(context.Background(), oktatest.DemoUserID, oktatest.DemoGrantID, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(grant.ID, grant.ScopeID)
	// Output: oagann01 openid
}

func ExampleLoadConfigFrom() {
	config, err := okta.LoadConfigFrom(okta.ConfigSources{
		Files:   []string{"/etc/acme/okta.yaml"}, // skipped if it is missing
		Environ: []string{"OKTA_CLIENT_ORGURL=https://acme.okta.com", "OKTA_CLIENT_TOKEN=00abc"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	config.UserAgent = "acme-offboarding/1.2"
	client, err := okta.NewClient(config)
	fmt.Println(client, err)
	// Output: okta.Client(https://acme.okta.com) <nil>
}

func ExampleUserGrants() {
	client, end := demo()
	defer end()
	ctx := context.Background()

	page, err := client.UserGrants.List(ctx, oktatest.DemoUserID, &okta.ListUserGrantsOptions{ScopeID: "calendar.read"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for grant, err := range page.All(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(grant.ID, grant.ClientID, grant.ScopeID, grant.Status)
	}

	if err := client.UserGrants.Revoke(ctx, oktatest.DemoUserID, oktatest.DemoGrantID); err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.UserGrants.Get(ctx, oktatest.DemoUserID, oktatest.DemoGrantID, nil)
	fmt.Println("not found:", errors.Is(err, okta.ErrNotFound))
	// Output:
	// oagann08 0oacalendar calendar.read ACTIVE
	// oagann23 0oanotes calendar.read ACTIVE
	// oagann38 0oareports calendar.read ACTIVE
	// not found: true
}

func ExampleUserOAuth() {
	client, end := demo()
	defer end()
	ctx := context.Background()

	page, err := client.UserOAuth.ListRefreshTokens(ctx, oktatest.DemoUserID, oktatest.DemoClientID, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, token := range page.Items {
		fmt.Println(token.ID, token.Scopes, token.ExpiresAt.Format("2006-01-02"))
	}

	err = client.UserOAuth.RevokeAllRefreshTokens(ctx, oktatest.DemoUserID, oktatest.DemoClientID)
	fmt.Println("revoked:", err == nil)
	// Output:
	// oarann1 [openid calendar.read offline_access] 2026-01-13
	// oarann2 [openid calendar.read offline_access] 2026-01-13
	// oarann3 [openid offline_access] 2026-01-13
	// revoked: true
}

func ExampleAuthorizationServerClients() {
	client, end := demo()
	defer end()
	ctx := context.Background()

	servers := client.AuthorizationServerClients
	clients, err := servers.List(ctx, oktatest.DemoAuthorizationServerID, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range clients.Items {
		tokens, err := servers.ListRefreshTokens(ctx, oktatest.DemoAuthorizationServerID, c.ClientID, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(c.ClientName, len(tokens.Items))
	}
	// Output:
	// Calendar 3
	// Notes 2
}

func ExampleError() {
	client, end := demo()
	defer end()

	_, err := client.UserGrants.Get(context.Background(), oktatest.DemoUserID, "oagnobody", nil)
	if apiErr, ok := errors.AsType[*okta.Error](err); ok {
		fmt.Println(apiErr.StatusCode, apiErr.Code == okta.CodeNotFound, errors.Is(err, okta.ErrNotFound))
		fmt.Println(apiErr.Summary)
		fmt.Println(apiErr.RequestID)
	}
	// Output:
	// 404 true true
	// Not found: Resource not found: oagnobody (OAuth2Grant)
	// req00000000000000001
}

func ExamplePage_Cursor() {
	client, end := demo()
	defer end()
	ctx := context.Background()

	page, err := client.UserGrants.List(ctx, oktatest.DemoUserID, &okta.ListUserGrantsOptions{Limit: 40})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(page.Items), page.HasNext())
	bookmark := page.Cursor() // to be kept, in a database for example

	page, err = client.UserGrants.List(ctx, oktatest.DemoUserID, &okta.ListUserGrantsOptions{Limit: 40, After: bookmark})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(page.Items), page.HasNext())
	// Output:
	// 40 true
	// 5 false
}

func ExampleClient_Do() {
	client, end := demo()
	defer end()

	var grant struct {
		ID     string `json:"id"`
		Scope  string `json:"scopeId"`
		Status string `json:"status"`
	}
	err := client.Do(context.Background(), okta.Request{
		Method: http.MethodGet,
		Path:   []string{"api", "v1", "users", oktatest.DemoUserID, "grants", oktatest.DemoGrantID},
	}, &grant)
	fmt.Println(grant, err)
	// Output: {oagann01 openid ACTIVE} <nil>
}

func ExampleList() {
	client, end := demo()
	defer end()
	ctx := context.Background()

	// The clients that hold grants or tokens of a user have no method of their own.
	page, err := okta.List[okta.OAuth2Client](ctx, client, okta.Request{
		Path: []string{"api", "v1", "users", oktatest.DemoUserID, "clients"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for c, err := range page.All(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(c.ClientID, c.ClientName)
	}
	// Output:
	// 0oacalendar Calendar
	// 0oanotes Notes
	// 0oareports Reports
}

func ExampleConfig_onAttempt() {
	org := oktatest.NewDemo()
	defer org.Close()
	org.Next(oktatest.Reply(http.StatusServiceUnavailable, nil, ""))
	client, err := okta.NewClient(okta.Config{
		OrgURL:      org.URL,
		Credentials: okta.APIToken(oktatest.DemoToken),
		Retry:       okta.RetryOptions{MinWait: 1, MaxWait: 1}, // nanoseconds, for a quick example
		OnAttempt: func(_ context.Context, r okta.Attempt) {
			fmt.Println(r.Method, r.Path, "attempt", r.Number, "status", r.StatusCode, "wait", r.Wait)
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.AuthorizationServerClients.List(context.Background(), oktatest.DemoAuthorizationServerID, nil)
	fmt.Println(err)
	// Output:
	// GET /api/v1/authorizationServers/default/clients attempt 1 status 503 wait 1ns
	// GET /api/v1/authorizationServers/default/clients attempt 2 status 200 wait 0s
	// <nil>
}

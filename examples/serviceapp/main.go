// Serviceapp authenticates as a service app, with a private key in place of a password or an API token, and shows what
// the SDK sends. The Okta org is in memory; it needs no account, no configuration and no network:
//
//	go run ./examples/serviceapp
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

const (
	userID  = oktatest.DemoUserID
	grantID = oktatest.DemoGrantID
	scope   = "okta.users.read"
)

func main() {
	flag.Usage = func() {
		fmt.Print("usage: serviceapp\n\n" +
			"Authenticates as a service app of an Okta org in memory, and shows the requests. It has no flags.\n")
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	org := oktatest.NewDemo()
	err := run(ctx, org)
	org.Close()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "serviceapp:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, org *oktatest.Org) error {
	fmt.Println("Authenticating as a service app, with an Okta org in memory.")

	step("1. Generate a key, and register an app with its public half",
		`key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)`,
		`app := org.AddServiceApp(oktatest.ServiceApp{Keys: keys, Scopes: scopes, DPoP: true})`)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	app := org.AddServiceApp(oktatest.ServiceApp{
		ClientID: "0oareview",
		Keys:     []oktatest.ServiceAppKey{{Public: key.Public()}},
		Scopes:   []string{scope},
		DPoP:     true,
	})
	fmt.Printf("   The app %s may use %v. ", app.ClientID, app.Scopes)
	fmt.Println("It requires DPoP: each token is bound to a key of its client.")

	step("2. Create a client that authenticates with the key",
		`credentials := okta.ServiceApp{ClientID: clientID, PrivateKey: okta.PrivateKeyFromSigner(key), Scopes: scopes}`,
		`client, err := okta.NewClient(okta.Config{OrgURL: orgURL, Credentials: credentials})`)
	wire := &wire{org: org}
	client, err := newClient(wire, app.ClientID, key)
	if err != nil {
		return err
	}
	fmt.Println("   The client is ready. It sends nothing before the first call.")

	if err := useToken(ctx, client, wire); err != nil {
		return err
	}
	return useWrongKey(ctx, wire, app.ClientID)
}

// newClient returns a client. A key as text would be okta.PrivateKeyFromPEM(text) or okta.PrivateKeyFromJWK(text); a key
// in an HSM is a Signer, too.
func newClient(wire *wire, clientID string, key crypto.Signer) (*okta.Client, error) {
	return okta.NewClient(okta.Config{
		OrgURL:      wire.org.URL,
		Credentials: okta.ServiceApp{ClientID: clientID, PrivateKey: okta.PrivateKeyFromSigner(key), Scopes: []string{scope}},
		OnAttempt:   wire.observe,
	})
}

func useToken(ctx context.Context, client *okta.Client, wire *wire) error {
	step("3. Make two calls, and look at the requests",
		`page, err := client.UserGrants.List(ctx, userID, nil)`,
		`grant, err := client.UserGrants.Get(ctx, userID, grantID, nil)`)
	page, err := client.UserGrants.List(ctx, userID, nil)
	if err != nil {
		return err
	}
	grant, err := client.UserGrants.Get(ctx, userID, grantID, nil)
	if err != nil {
		return err
	}
	fmt.Printf("   %d grants; %s is for %s\n", len(page.Items), grant.ID, grant.ScopeID)
	wire.show()
	fmt.Println("   The client learned that it needs a proof with a nonce. One token served both calls.")

	step("4. Revoke the token: the next call fetches a new one",
		`org.RevokeAccessTokens()`,
		`grant, err = client.UserGrants.Get(ctx, userID, grantID, nil)`)
	wire.org.RevokeAccessTokens()
	if grant, err = client.UserGrants.Get(ctx, userID, grantID, nil); err != nil {
		return err
	}
	wire.show()
	fmt.Printf("   %s was read. This time one request fetched the token: the client knew what to send.\n", grant.ID)
	return nil
}

func useWrongKey(ctx context.Context, wire *wire, clientID string) error {
	step("5. Look at a refused token request: the app does not have this key",
		`_, err = stranger.UserGrants.Get(ctx, userID, grantID, nil)`,
		`apiErr, ok := errors.AsType[*okta.Error](err)`)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	stranger, err := newClient(wire, clientID, key)
	if err != nil {
		return err
	}
	_, err = stranger.UserGrants.Get(ctx, userID, grantID, nil)
	apiErr, ok := errors.AsType[*okta.Error](err)
	if !ok || apiErr.OAuth == nil || !errors.Is(err, okta.ErrUnauthorized) {
		return errors.Join(errors.New("the token request was not refused as expected"), err)
	}
	wire.show()
	fmt.Println("   apiErr.Path:       ", apiErr.Path)
	fmt.Println("   apiErr.OAuth.Code: ", apiErr.OAuth.Code)
	fmt.Println("   errors.Is(err, okta.ErrUnauthorized):", errors.Is(err, okta.ErrUnauthorized))
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

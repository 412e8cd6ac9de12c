// Serviceapp signs in as a service app, with a private key in place of a password or an API token, and shows what the SDK
// sends to do so. The Okta org is in memory; it needs no account, no configuration and no network:
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
	fmt.Println("Signing in as a service app. The org that it talks to lives in memory.")

	step("1. Make a key, and register an app with its public half",
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
	fmt.Printf("   The app %s may use %v. It demands DPoP: each token is bound to a key of its client.\n", app.ClientID, app.Scopes)

	step("2. Make a client that signs in with the key",
		`credentials := okta.ServiceApp{ClientID: clientID, PrivateKey: okta.Signer(key), Scopes: []string{"okta.users.read"}}`,
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

// newClient makes a client. A key that is text would be okta.PEM(text) or okta.JWK(text); one in an HSM is a Signer too.
func newClient(wire *wire, clientID string, key crypto.Signer) (*okta.Client, error) {
	return okta.NewClient(okta.Config{
		OrgURL:      wire.org.URL,
		Credentials: okta.ServiceApp{ClientID: clientID, PrivateKey: okta.Signer(key), Scopes: []string{scope}},
		OnAttempt:   wire.observe,
	})
}

func useToken(ctx context.Context, client *okta.Client, wire *wire) error {
	step("3. Make two calls, and look at what went over the wire",
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
	fmt.Println("   The client found out that it needs a proof, and a nonce in it. One token served both calls.")

	step("4. Lose the token: the next call renews it by itself",
		`org.RevokeAccessTokens()`,
		`grant, err = client.UserGrants.Get(ctx, userID, grantID, nil)`)
	wire.org.RevokeAccessTokens()
	if grant, err = client.UserGrants.Get(ctx, userID, grantID, nil); err != nil {
		return err
	}
	wire.show()
	fmt.Printf("   %s was read. This time one request got the token: the client knew what to send.\n", grant.ID)
	return nil
}

func useWrongKey(ctx context.Context, wire *wire, clientID string) error {
	step("5. Look at a sign-in that is refused: the app does not have this key",
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
		return errors.Join(errors.New("the sign-in was not refused as it should be"), err)
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

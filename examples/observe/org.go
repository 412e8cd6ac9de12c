package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

// org is what to read.
type org struct {
	config okta.Config
	users  []string // IDs or logins, at least one
	close  func()
}

// open finds the org of a configuration, which load returns as okta.LoadConfig does. If it names neither an org nor
// credentials, open starts a demo org, and reads all of its users if none is named.
func open(load func() (okta.Config, error), users []string) (org, error) {
	config, err := load()
	if err != nil {
		return org{}, err
	}
	if config.OrgURL == "" && config.Credentials == nil {
		return openDemo(config, users)
	}
	if len(users) == 0 {
		return org{}, errors.New("name a user of " + config.OrgURL)
	}
	return org{config: config, users: users, close: func() {}}, nil
}

// openDemo starts a demo org that allows ten requests a second, and fails some. The client authenticates as a service
// app.
func openDemo(config okta.Config, users []string) (org, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return org{}, err
	}
	demo := oktatest.NewDemo()
	app := demo.AddServiceApp(oktatest.ServiceApp{
		Keys:   []oktatest.ServiceAppKey{{Public: key.Public()}},
		Scopes: []string{"okta.users.read"},
	})
	demo.LimitRate(oktatest.BucketUsers, 10, time.Second)
	demo.Next(
		nil,                          // the access token
		nil,                          // the first user
		oktatest.Reply(503, nil, ""), // the user's grants
		nil,                          // the same again
		oktatest.CutBody(100),        // their second page
		nil,                          // the same again
		oktatest.Reply(http.StatusTooManyRequests, nil, ""), // their third page
	)
	if len(users) == 0 {
		for _, user := range demo.Users() {
			users = append(users, user.Login)
		}
	}
	config.OrgURL = demo.URL
	config.HTTPClient = nil // a proxy cannot reach it
	private := okta.PrivateKeyFromSigner(key)
	config.Credentials = okta.ServiceApp{ClientID: app.ClientID, PrivateKey: private, Scopes: app.Scopes}
	config.Retry.MinWait = 50 * time.Millisecond
	return org{config: config, users: users, close: demo.Close}, nil
}

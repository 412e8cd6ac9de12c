// Package connect finds the org that an example works on.
package connect

import (
	"errors"
	"fmt"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

// Org is an org, a client that is signed in there, and the users to work on.
type Org struct {
	Name   string
	Client *okta.Client
	Users  []string // IDs or logins, at least one
	Close  func()
}

// FromEnv connects to the org that OKTA_CLIENT_ORGURL and OKTA_CLIENT_TOKEN name. Without both of them it is a demo org,
// where all users are worked on if none is named.
func FromEnv(getenv func(string) string, users []string) (*Org, error) {
	url, token := getenv("OKTA_CLIENT_ORGURL"), getenv("OKTA_CLIENT_TOKEN")
	if (url == "") != (token == "") {
		return nil, errors.New("set both OKTA_CLIENT_ORGURL and OKTA_CLIENT_TOKEN, or neither for a demo org")
	}
	org := &Org{Name: url, Users: users, Close: func() {}}
	if url == "" {
		demo := oktatest.NewDemo()
		url, token = demo.URL, oktatest.DemoToken
		org.Name, org.Close = "the demo org (in memory)", demo.Close
		if len(users) == 0 {
			for _, user := range demo.Users() {
				org.Users = append(org.Users, user.Login)
			}
		}
	}
	var err error
	if org.Client, err = okta.NewClient(okta.Config{OrgURL: url, Credentials: okta.APIToken(token)}); err != nil {
		org.Close()
		return nil, fmt.Errorf("OKTA_CLIENT_ORGURL or OKTA_CLIENT_TOKEN: %w", err)
	}
	if len(org.Users) == 0 {
		return nil, errors.New("name a user of " + org.Name)
	}
	return org, nil
}

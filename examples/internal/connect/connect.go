// Package connect finds the org that an example works on.
package connect

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

// Org is an org with a client for it, and the users to work on.
type Org struct {
	Name   string
	Client *okta.Client
	Users  []string // IDs or logins, at least one
	Close  func()
}

// Open connects to the org of a configuration, which load returns as [okta.LoadConfig] does. If the configuration has
// neither an org nor credentials, it opens a demo org, with all of its users if none is named. Warnings go to logs.
func Open(load func() (okta.Config, error), users []string, logs io.Writer) (*Org, error) {
	config, err := load()
	if err != nil {
		return nil, err
	}
	org := &Org{Name: config.OrgURL, Users: users, Close: func() {}}
	if config.OrgURL == "" && config.Credentials == nil {
		demo := oktatest.NewDemo()
		config.OrgURL, config.Credentials = demo.URL, okta.APIToken(oktatest.DemoToken)
		config.HTTPClient = nil // a proxy cannot reach it
		org.Name, org.Close = "the demo org (in memory)", demo.Close
		if len(users) == 0 {
			for _, user := range demo.Users() {
				org.Users = append(org.Users, user.ID)
			}
		}
	}
	config.Logger = slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if org.Client, err = okta.NewClient(config); err != nil {
		org.Close()
		return nil, fmt.Errorf("the configuration of Okta's SDKs is incomplete or wrong: %w", err)
	}
	if len(org.Users) == 0 {
		return nil, errors.New("name a user of " + org.Name)
	}
	return org, nil
}

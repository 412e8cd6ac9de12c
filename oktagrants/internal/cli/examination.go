package cli

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/org"

	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// The scopes that the jobs need.
const (
	readUsers     = "okta.users.read"
	readApps      = "okta.apps.read"
	readServers   = "okta.authorizationServers.read"
	readGroups    = "okta.groups.read"
	manageUsers   = "okta.users.manage"
	manageApps    = "okta.apps.manage"
	manageServers = "okta.authorizationServers.manage"
)

// jobNeed is what a job needs: operations that can be tried, and scopes that cannot.
type jobNeed struct {
	job     string
	reads   []string
	manages []string
	names   bool // it names scopes, if it may read them
}

// The reads that the names of scopes take.
const (
	findsServers = "listAuthorizationServers" // to try the other one with
	namesScopes  = "listOAuth2Scopes"
)

var (
	userReads   = []string{"listUsers", "listUserGrants"}
	appReads    = []string{"listApplications", "listOAuth2TokensForApplication"}
	serverReads = []string{"listAuthorizationServers", "listOAuth2ClientsForAuthorizationServer"}
)

var jobNeeds = []jobNeed{
	{job: "review", reads: userReads, names: true},
	{job: "review --tokens", reads: slices.Concat(userReads, appReads, serverReads), names: true},
	{job: "review --group", reads: slices.Concat(userReads, []string{"listGroups", "listGroupUsers"}), names: true},
	{job: "offboard", reads: []string{"listUsers", "listUserClients"}, manages: []string{manageUsers}},
	{
		job:     "revoke-app",
		reads:   slices.Concat(userReads, appReads, []string{"listApplicationUsers"}, serverReads),
		manages: []string{manageUsers, manageApps, manageServers},
	},
}

// ability compares what a job needs with the reads that were tried, and with the scopes; nil if these are not known.
func (n *jobNeed) ability(reads []attempt, scheme string, scopes []string) ability {
	a := ability{Job: n.job}
	for _, read := range reads {
		if n.names && (read.Operation == namesScopes || read.Operation == findsServers) && read.missing != "" {
			a.NotJudged = "scopes of custom authorization servers, without " + read.missing
		}
		if !slices.Contains(n.reads, read.Operation) {
			continue
		}
		if read.missing != "" && !slices.Contains(a.Missing, read.missing) {
			a.Missing = append(a.Missing, read.missing)
		}
		if read.failed {
			a.Failed = append(a.Failed, read.Operation)
		}
		if read.untried {
			a.Untried = append(a.Untried, read.Operation)
		}
	}
	for _, scope := range n.manages {
		switch {
		case scheme == apiTokenScheme:
		case scopes == nil:
			a.AlsoNeeds = append(a.AlsoNeeds, "the scope "+scope)
		case !slices.Contains(scopes, scope):
			a.Missing = append(a.Missing, "the scope "+scope)
		}
	}
	if n.manages != nil {
		a.AlsoNeeds = append(a.AlsoNeeds, "an administrator role that may revoke")
	}
	a.OK = a.Missing == nil && a.Failed == nil
	return a
}

// examination tries one harmless read of each kind.
type examination struct {
	client *okta.Client
	reads  []attempt
	err    error // why no read can succeed
}

// examine tries all reads. It is an error if the credentials are not accepted, or if Okta cannot be reached.
func (e *examination) examine(ctx context.Context) error {
	c := e.client
	user := e.find("listUsers", readUsers, "users", func() (string, error) {
		return first(func(u *org.User) string { return u.ID })(org.ListUsers(ctx, c, &org.ListUsersOptions{Limit: 1}))
	})
	if user == "" && len(e.reads) > 0 && e.reads[0].OK {
		e.reads[0].missing = "an administrator role: without one, Okta lists no users"
	}
	e.with(user, "listUserGrants", readUsers, func() error {
		_, err := c.UserGrants.List(ctx, user, &okta.ListUserGrantsOptions{Limit: 1})
		return err
	})
	e.with(user, "listUserClients", readUsers, func() error {
		_, err := org.ListUserClients(ctx, c, user)
		return err
	})
	e.examineApps(ctx)
	e.examineServers(ctx)
	e.examineGroups(ctx)
	return e.err
}

func (e *examination) examineApps(ctx context.Context) {
	app := e.find("listApplications", readApps, "apps that use OpenID Connect", func() (string, error) {
		return first(oauthApp)(org.ListApplications(ctx, e.client, nil))
	})
	e.with(app, "listApplicationUsers", readApps, func() error {
		_, err := org.ListApplicationUsers(ctx, e.client, app, &org.ListApplicationUsersOptions{Limit: 1})
		return err
	})
	e.with(app, "listOAuth2TokensForApplication", readApps, func() error {
		_, err := org.ListApplicationTokens(ctx, e.client, app, &okta.ListOptions{Limit: 1})
		return err
	})
}

// oauthApp is the ID of an app if it may have refresh tokens.
func oauthApp(app *org.Application) string {
	if app.SignOnMode != "OPENID_CONNECT" {
		return ""
	}
	return app.ID
}

func (e *examination) examineServers(ctx context.Context) {
	server := e.find("listAuthorizationServers", readServers, "custom authorization servers", func() (string, error) {
		page, err := org.ListAuthorizationServers(ctx, e.client, &org.ListAuthorizationServersOptions{Limit: 1})
		if response, ok := errors.AsType[*okta.Error](err); ok && response.Code == okta.CodeFeatureNotEnabled {
			return "", nil
		}
		return first(func(s *org.AuthorizationServer) string { return s.ID })(page, err)
	})
	e.with(server, "listOAuth2Scopes", readServers, func() error {
		_, err := org.ListScopes(ctx, e.client, server, &org.ListScopesOptions{Limit: 1})
		return err
	})
	e.with(server, "listOAuth2ClientsForAuthorizationServer", readServers, func() error {
		_, err := e.client.AuthorizationServerClients.List(ctx, server, nil)
		return err
	})
}

func (e *examination) examineGroups(ctx context.Context) {
	type group struct {
		ID string `json:"id"`
	}
	request := okta.Request{Path: []string{"api", "v1", "groups"}, Query: url.Values{"limit": {"1"}}}
	id := e.find("listGroups", readGroups, "groups", func() (string, error) {
		return first(func(g *group) string { return g.ID })(okta.List[group](ctx, e.client, request))
	})
	e.with(id, "listGroupUsers", readGroups, func() error {
		_, err := org.ListGroupUsers(ctx, e.client, id, &org.ListGroupUsersOptions{Limit: 1})
		return err
	})
}

// first finds the first item of a page that has an ID.
func first[T any](id func(*T) string) func(*okta.Page[T], error) (string, error) {
	return func(page *okta.Page[T], err error) (string, error) {
		if err != nil {
			return "", err
		}
		for i := range page.Items {
			if found := id(&page.Items[i]); found != "" {
				return found, nil
			}
		}
		return "", nil
	}
}

// find tries a read that finds the ID of something to try others with; empty if there is none.
func (e *examination) find(operation, scope, what string, read func() (string, error)) string {
	var id string
	e.try(operation, scope, func() error {
		var err error
		id, err = read()
		return err
	})
	if last := len(e.reads) - 1; id == "" && last >= 0 && e.reads[last].OK {
		e.reads[last].Result = "ok, but there are no " + what
	}
	return id
}

// with tries a read of something that was found, if it was.
func (e *examination) with(id, operation, scope string, read func() error) {
	if id == "" {
		e.reads = append(e.reads, attempt{
			Operation: operation, Scope: scope, Result: "not tried: nothing to try it with", untried: true,
		})
		return
	}
	e.try(operation, scope, read)
}

func (e *examination) try(operation, scope string, read func() error) {
	if e.err != nil {
		return
	}
	tried := attempt{Operation: operation, Scope: scope}
	err := read()
	switch steps.Class(err) {
	case "":
		tried.OK, tried.Result = true, "ok"
	case steps.ClassAuthentication, steps.ClassNetwork:
		e.err = &failure{run.ExitUsage, err}
	case steps.ClassCanceled:
		e.err = err
	case steps.ClassScope:
		tried.missing = "the scope " + scope
	case steps.ClassForbidden:
		tried.missing = "an administrator role that permits " + operation
	default:
		tried.failed, tried.Result = true, "failed: "+err.Error()
	}
	if tried.missing != "" {
		tried.Result = "missing: " + tried.missing
	}
	e.reads = append(e.reads, tried)
}

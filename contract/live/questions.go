package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grantkit/okta"
)

// subject is an object of each kind that the questions are about, by the names of path parameters. What the org does
// not have is missing.
type subject map[string]string

// most is how many users are looked at for one that has grants.
const most = 20

// find looks for a user with grants, a client and a refresh token. A user that is named is taken as it is.
func (l *live) find(ctx context.Context, named string) (subject, error) {
	users, err := l.users(ctx, named)
	if err != nil {
		return nil, err
	}
	var s subject
	for _, user := range users {
		s = subject{"userId": user.ID, "login": user.Profile.Login}
		if l.findGrant(ctx, s) {
			break
		}
	}
	l.findServer(ctx, s)
	return s, ctx.Err()
}

func (l *live) users(ctx context.Context, named string) ([]object, error) {
	if named == "" {
		page, err := l.list(ctx, limit(most), "users")
		if err != nil {
			return nil, err
		}
		if len(page.Items) == 0 {
			return nil, errors.New("the org has no user")
		}
		return page.Items, nil
	}
	var user object
	err := l.client.Do(ctx, okta.Request{Path: api([]string{"users", named})}, &user)
	return []object{user}, err
}

// findGrant reports whether the user has a grant, and adds the grant, its client and a refresh token of the user.
func (l *live) findGrant(ctx context.Context, s subject) bool {
	page, err := l.client.UserGrants.List(ctx, s["userId"], &okta.ListUserGrantsOptions{Limit: 2})
	if err != nil || len(page.Items) == 0 {
		return false
	}
	s["grantId"], s["clientId"] = page.Items[0].ID, page.Items[0].ClientID
	s["appId"] = s["clientId"]
	clients, err := l.list(ctx, nil, "users", s["userId"], "clients")
	if err != nil {
		return true
	}
	for _, client := range clients.Items {
		tokens, err := l.client.UserOAuth.ListRefreshTokens(ctx, s["userId"], client.id(), &okta.ListOptions{Limit: 1})
		if err == nil && len(tokens.Items) > 0 {
			s["clientId"], s["tokenId"] = client.id(), tokens.Items[0].ID
			break
		}
	}
	return true
}

// findServer adds an authorization server, one of its clients and a refresh token of the client.
func (l *live) findServer(ctx context.Context, s subject) {
	s["authServerId"] = "default"
	if servers, err := l.list(ctx, limit(1), "authorizationServers"); err == nil && len(servers.Items) > 0 {
		s["authServerId"] = servers.Items[0].ID
	}
	clients, err := l.client.AuthorizationServerClients.List(ctx, s["authServerId"], nil)
	if err != nil || len(clients.Items) == 0 {
		return
	}
	s["serverClientId"] = clients.Items[0].ClientID
	tokens, err := l.client.AuthorizationServerClients.ListRefreshTokens(
		ctx, s["authServerId"], s["serverClientId"], &okta.ListOptions{Limit: 1})
	if err == nil && len(tokens.Items) > 0 {
		s["serverTokenId"] = tokens.Items[0].ID
	}
}

// routes are the routes that read, by operationId. A parameter in braces is a name in the subject.
var routes = []struct{ operation, path string }{
	{"listUserGrants", "users/{userId}/grants?"},
	{"getUserGrant", "users/{userId}/grants/{grantId}"},
	{"listGrantsForUserAndClient", "users/{userId}/clients/{clientId}/grants?"},
	{"listRefreshTokensForUserAndClient", "users/{userId}/clients/{clientId}/tokens?"},
	{"getRefreshTokenForUserAndClient", "users/{userId}/clients/{clientId}/tokens/{tokenId}"},
	{"listOAuth2ClientsForAuthorizationServer", "authorizationServers/{authServerId}/clients"},
	{
		"listRefreshTokensForAuthorizationServerAndClient",
		"authorizationServers/{authServerId}/clients/{serverClientId}/tokens?",
	},
	{
		"getRefreshTokenForAuthorizationServerAndClient",
		"authorizationServers/{authServerId}/clients/{serverClientId}/tokens/{serverTokenId}",
	},
	{"listUsers", "users?"},
	{"getUser", "users/{userId}"},
	{"listUserClients", "users/{userId}/clients"},
	{"listApplications", "apps?"},
	{"getApplication", "apps/{appId}"},
	{"listApplicationUsers", "apps/{appId}/users?"},
	{"listOAuth2TokensForApplication", "apps/{appId}/tokens?"},
	{"listAuthorizationServers", "authorizationServers?"},
}

// limits sends two rounds of requests, each with one request to each route. What a bucket loses in between says how
// many of the routes share it.
func (l *live) limits(ctx context.Context, s subject) table {
	t := table{
		heading: "Rate limits of the routes that read",
		note: "Two rounds of requests, each with one request to each route. `used` is what the bucket lost in " +
			"between: 1 for a bucket of its own, more if other routes of this table, or other programs, share it.",
		columns: []string{"operation", "route", "response", "limit", "remaining", "reset after", "used"},
	}
	var first, second []*probe
	var outcomes []string
	for _, r := range routes {
		p := &probe{}
		outcomes = append(outcomes, l.read(ctx, p, s, r.path))
		first = append(first, p)
	}
	for _, r := range routes {
		p := &probe{}
		l.read(ctx, p, s, r.path)
		second = append(second, p)
	}
	for i, r := range routes {
		now := second[i].header
		t.add(r.operation, "GET /api/v1/"+strings.TrimSuffix(r.path, "?"), outcomes[i],
			dash(now.Get("X-Rate-Limit-Limit")), dash(now.Get("X-Rate-Limit-Remaining")), resetAfter(now),
			used(first[i].header, now))
	}
	return t
}

func dash(text string) string { return cmp.Or(text, "-") }

// read sends one request to a route. A path that ends in "?" is that of a list with pages.
func (l *live) read(ctx context.Context, p *probe, s subject, path string) string {
	path, pages := strings.CutSuffix(path, "?")
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		name, isParameter := strings.CutPrefix(strings.TrimSuffix(segment, "}"), "{")
		if !isParameter {
			continue
		}
		if s[name] == "" {
			return "not sent, the org shows no " + name
		}
		segments[i] = s[name]
	}
	req := okta.Request{Path: api(segments)}
	if pages {
		req.Query = limit(1)
	}
	return outcome(p, l.client.Do(p.with(ctx), req, nil))
}

// resetAfter is the rest of the window by the server's clock.
func resetAfter(h http.Header) string {
	reset, err := strconv.ParseInt(h.Get("X-Rate-Limit-Reset"), 10, 64)
	now, dateErr := http.ParseTime(h.Get("Date"))
	if err != nil || dateErr != nil {
		return "-"
	}
	return time.Unix(reset, 0).Sub(now).String()
}

func used(first, second http.Header) string {
	before, err := strconv.Atoi(first.Get("X-Rate-Limit-Remaining"))
	after, afterErr := strconv.Atoi(second.Get("X-Rate-Limit-Remaining"))
	switch {
	case err != nil || afterErr != nil:
		return "-"
	case first.Get("X-Rate-Limit-Reset") != second.Get("X-Rate-Limit-Reset"):
		return "a new window began"
	}
	return strconv.Itoa(before - after)
}

// spellings lists the grants of one user by other names than the ID.
func (l *live) spellings(ctx context.Context, s subject) table {
	t := table{
		heading: "Other spellings of {userId}",
		note: "GET /api/v1/users/{userId}/grants. Items that equal those of the ID mean that the org cuts or " +
			"resolves the spelling. A DPoP proof names the path without the suffix: with DPoP, the rows with a " +
			"suffix say nothing.",
		columns: []string{"{userId} is", "response", "items"},
	}
	id, login := s["userId"], s["login"]
	short, _, _ := strings.Cut(login, "@")
	byID := l.grantsOf(ctx, &t, "the ID", id, "", nil)
	l.grantsOf(ctx, &t, "the login", login, "", byID)
	l.grantsOf(ctx, &t, "the login up to its @", short, "", byID)
	for _, suffix := range []string{";x", "%3Bx", "%5Cx", "%2Fx"} {
		l.grantsOf(ctx, &t, "the ID and `"+suffix+"`", id, suffix, byID)
	}
	return t
}

// grantsOf adds a row, and returns the IDs of the grants. The suffix follows the user in the path, unescaped.
func (l *live) grantsOf(ctx context.Context, t *table, what, user, suffix string, byID []string) []string {
	p := &probe{}
	if suffix != "" {
		p.rewrite = func(path string) string { return strings.Replace(path, "/"+user+"/", "/"+user+suffix+"/", 1) }
	}
	page, err := l.list(p.with(ctx), limit(20), "users", user, "grants")
	if err != nil {
		t.add(what, outcome(p, err), "-")
		return nil
	}
	ids := make([]string, len(page.Items))
	for i, item := range page.Items {
		ids[i] = item.ID
	}
	same := strconv.Itoa(len(ids))
	if len(byID) > 0 && slices.Equal(ids, byID) {
		same += ", equal to those of the ID"
	}
	t.add(what, outcome(p, nil), same)
	return ids
}

// cursor uses the cursor of a first page after a while.
func (l *live) cursor(ctx context.Context, s subject, wait time.Duration) table {
	t := table{
		heading: "Age of a cursor",
		columns: []string{"GET /api/v1/users/{userId}/grants?limit=1&after=...", "response"},
	}
	page, err := l.client.UserGrants.List(ctx, s["userId"], &okta.ListUserGrantsOptions{Limit: 1})
	if err != nil || !page.HasNext() {
		t.add("not sent, the user has fewer than two grants", "-")
		return t
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
	p := &probe{}
	_, err = page.Next(p.with(ctx))
	t.add(fmt.Sprintf("used after %v", wait), outcome(p, err))
	return t
}

// missingScope sends requests with a token that lacks a scope. A service app gets a token for its first scope only; a
// bearer token is used as it is.
func (l *live) missingScope(ctx context.Context, s subject) table {
	t := table{heading: "A missing scope", columns: []string{"scheme", "scopes", "route", "response"}}
	scopes := "unknown"
	if app, ok := l.config.Credentials.(okta.ServiceApp); ok && len(app.Scopes) > 0 {
		app.Scopes = app.Scopes[:1]
		scopes = app.Scopes[0]
		config := l.config
		config.Credentials = app
		narrow, err := connect(config)
		if err != nil {
			t.add("-", scopes, "-", "refused by the SDK")
			return t
		}
		l = narrow
	}
	for _, path := range []string{"users/{userId}/grants?", "authorizationServers/{authServerId}/clients", "apps?"} {
		p := &probe{}
		response := l.read(ctx, p, s, path)
		if p.scheme == "SSWS" {
			scopes = "an API token has none"
		}
		t.add(p.scheme, scopes, "GET /api/v1/"+strings.TrimSuffix(path, "?"), response)
	}
	return t
}

// revoking revokes all grants of the user.
func (l *live) revoking(ctx context.Context, s subject) table {
	t := table{heading: "Revoking", columns: []string{"step", "response"}}
	user, grants := s["userId"], l.client.UserGrants
	step := func(what string, do func(context.Context) error) {
		p := &probe{}
		t.add(what, outcome(p, do(p.with(ctx))))
	}
	t.add("refresh tokens of one client before", l.tokens(ctx, s))
	page, err := grants.List(ctx, user, &okta.ListUserGrantsOptions{Limit: 1})
	if err == nil && len(page.Items) > 0 {
		revoke := func(ctx context.Context) error { return grants.Revoke(ctx, user, page.Items[0].ID) }
		step("one grant", revoke)
		step("the same grant again", revoke)
	}
	if err == nil && page.HasNext() {
		step("the page after that of the revoked grant", func(ctx context.Context) error {
			_, err := page.Next(ctx)
			return err
		})
	}
	all := func(ctx context.Context) error { return grants.RevokeAll(ctx, user) }
	step("all grants", all)
	step("all grants when none is left", all)
	t.add("refresh tokens of the client afterwards", l.tokens(ctx, s))
	return t
}

// tokens says how many refresh tokens the user has for the client of the subject.
func (l *live) tokens(ctx context.Context, s subject) string {
	if s["clientId"] == "" {
		return "no client"
	}
	p := &probe{}
	page, err := l.client.UserOAuth.ListRefreshTokens(p.with(ctx), s["userId"], s["clientId"], nil)
	if err != nil {
		return outcome(p, err)
	}
	return strconv.Itoa(len(page.Items))
}

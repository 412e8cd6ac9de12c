package recordings_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

// differences are what is different in a response of oktatest, each with its place: "status", "error code", "header
// Link missing", "member profile.login missing" and so on.
type differences []string

func (d *differences) addf(format string, args ...any) { *d = append(*d, fmt.Sprintf(format, args...)) }

// response is one of oktatest.
type response struct {
	status int
	header http.Header
	body   string
}

// compare returns how a response differs from the recorded one: in its status, its error, the names of its headers, the
// relations of its links and the members of its objects.
func compare(t *testing.T, e exchange, r response) differences {
	t.Helper()
	var d differences
	if e.Status != r.status {
		d.addf("status %d for %d", r.status, e.Status)
		return d
	}
	d.headers(e.header(), r.header)
	if e.Body == "" || r.body == "" {
		if (e.Body == "") != (r.body == "") {
			d.addf("body %q for %q", r.body, e.Body)
		}
		return d
	}
	if e.Status >= http.StatusBadRequest {
		d.errors(t, e.Body, r.body)
	}
	var recorded, got any
	require.NoError(t, json.Unmarshal([]byte(e.Body), &recorded))
	require.NoError(t, json.Unmarshal([]byte(r.body), &got), r.body)
	if list, ok := recorded.([]any); ok && len(list) > 0 {
		require.NotEmpty(t, got, "the org was set up without what the list has")
	}
	d.members(membersOf(recorded), membersOf(got))
	return d
}

func (d *differences) headers(recorded, got http.Header) {
	for _, name := range slices.Sorted(maps.Keys(recorded)) {
		if got[name] == nil {
			d.addf("header %s missing", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if recorded[name] == nil {
			d.addf("header %s added", name)
		}
	}
	if recorded["Link"] == nil || got["Link"] == nil {
		return
	}
	was, is := relations(recorded), relations(got)
	for _, relation := range []string{"self", "next"} {
		if (was[relation] == nil) != (is[relation] == nil) {
			d.addf("link %s: %t for %t", relation, is[relation] != nil, was[relation] != nil)
			continue
		}
		d.query(relation, was[relation], is[relation])
	}
}

// query compares the parameters of a link. Cursors are opaque.
func (d *differences) query(relation string, recorded, got url.Values) {
	for _, name := range slices.Sorted(maps.Keys(recorded)) {
		if got[name] == nil || name != "after" && !slices.Equal(got[name], recorded[name]) {
			d.addf("link %s: %s %q for %q", relation, name, got[name], recorded[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if recorded[name] == nil {
			d.addf("link %s: %s added", relation, name)
		}
	}
}

// relations returns the queries of the links.
func relations(header http.Header) map[string]url.Values {
	found := map[string]url.Values{}
	for _, line := range header["Link"] {
		for link := range strings.SplitSeq(line, ", <") {
			target, parameters, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
			for _, relation := range []string{"self", "next"} {
				if u, err := url.Parse(target); err == nil && strings.Contains(parameters, `rel="`+relation+`"`) {
					found[relation] = u.Query()
				}
			}
		}
	}
	return found
}

func (d *differences) errors(t *testing.T, recorded, got string) {
	t.Helper()
	var was, is oktaError
	require.NoError(t, json.Unmarshal([]byte(recorded), &was))
	require.NoError(t, json.Unmarshal([]byte(got), &is))
	was.ID, is.ID = "", ""
	for name, pair := range map[string][2]any{
		"code": {was.Code, is.Code}, "summary": {was.Summary, is.Summary}, "link": {was.Link, is.Link},
		"causes": {was.Causes, is.Causes},
	} {
		if fmt.Sprint(pair[0]) != fmt.Sprint(pair[1]) {
			d.addf("error %s %q for %q", name, fmt.Sprint(pair[1]), fmt.Sprint(pair[0]))
		}
	}
}

func (d *differences) members(recorded, got map[string]bool) {
	for _, path := range slices.Sorted(maps.Keys(recorded)) {
		parent := path[:max(strings.LastIndex(path, "."), 0)]
		if !got[path] && (parent == "" || got[parent]) {
			d.addf("member %s missing", path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		parent := path[:max(strings.LastIndex(path, "."), 0)]
		if !recorded[path] && (parent == "" || recorded[parent]) {
			d.addf("member %s added", path)
		}
	}
}

// membersOf returns the paths of all members in a value. The items of a list have theirs together.
func membersOf(value any) map[string]bool {
	paths := map[string]bool{}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		switch value := value.(type) {
		case []any:
			for _, item := range value {
				walk(path, item)
			}
		case map[string]any:
			for name, inner := range value {
				below := strings.TrimPrefix(path+"."+name, ".")
				paths[below] = true
				walk(below, inner)
			}
		}
	}
	walk("", value)
	return paths
}

// ask sends a recorded request to an org.
func ask(t *testing.T, org *oktatest.Org, e exchange) response {
	t.Helper()
	target := org.URL + e.Path
	if e.Query != "" {
		target += "?" + e.query(t).Encode()
	}
	req, err := http.NewRequestWithContext(t.Context(), e.Method, target, http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "SSWS 00replay")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return response{resp.StatusCode, resp.Header, string(body)}
}

// newFake returns an org at the time of the exchange that holds what the recorded response has.
func newFake(t *testing.T, e exchange, setUp func(*fake)) *oktatest.Org {
	t.Helper()
	at := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	if e.Headers["date"] != nil {
		at = e.date(t)
	}
	org := oktatest.New(oktatest.Options{Now: func() time.Time { return at }})
	t.Cleanup(org.Close)
	org.AcceptAPIToken("00replay")
	requests := 1000
	if e.Status == http.StatusTooManyRequests {
		requests = 0
	}
	for _, bucket := range oktatest.Buckets() {
		org.LimitRate(bucket, requests, time.Minute)
	}
	setUp(&fake{t: t, Org: org, e: e, seen: map[string]bool{}})
	return org
}

// fake is an org that is being set up for an exchange.
type fake struct {
	*oktatest.Org
	t    *testing.T
	e    exchange
	seen map[string]bool
}

// objects returns the objects in the recorded body, whatever it is.
func (f *fake) objects() []map[string]any {
	if f.e.Status != http.StatusOK {
		return nil
	}
	switch body := f.e.json(f.t).(type) {
	case []any:
		var objects []map[string]any
		for _, item := range body {
			objects = append(objects, item.(map[string]any))
		}
		return objects
	case map[string]any:
		return []map[string]any{body}
	}
	return nil
}

// text returns the text at a path in an object.
func text(object map[string]any, path ...string) string {
	for _, name := range path[:len(path)-1] {
		object, _ = object[name].(map[string]any)
	}
	found, _ := object[path[len(path)-1]].(string)
	return found
}

func at(object map[string]any, name string) time.Time {
	when, _ := time.Parse(time.RFC3339, text(object, name))
	return when
}

// once reports whether something is not in the org yet.
func (f *fake) once(id string) bool {
	known := f.seen[id]
	f.seen[id] = true
	return !known
}

func (f *fake) user(id string) {
	if f.once(id) {
		f.AddUser(oktatest.User{ID: id})
	}
}

func (f *fake) users() {
	for _, object := range f.objects() {
		user := oktatest.User{
			ID: text(object, "id"), Login: text(object, "profile", "login"), Status: text(object, "status"),
			Name:    text(object, "profile", "firstName") + " " + text(object, "profile", "lastName"),
			Created: at(object, "created"),
		}
		f.match(&user)
		f.AddUser(user)
		f.seen[user.ID] = true
	}
	f.more(func() { f.AddUser(oktatest.User{Name: "TestAcc Smith"}) })
}

// What a search compares a user with.
var compared = regexp.MustCompile(`profile\.(email|firstName|lastName) (?:eq|sw) "([^"]*)"`)

// match gives a user the texts for which the request searches: those of the response were replaced when the recordings
// were sanitised.
func (f *fake) match(user *oktatest.User) {
	for _, found := range compared.FindAllStringSubmatch(f.e.query(f.t).Get("search"), -1) {
		first, last, _ := strings.Cut(user.Name, " ")
		switch found[1] {
		case "email":
			user.Login = fmt.Sprintf("%s%d", found[2], len(f.seen))
			if strings.Contains(found[2], "@") {
				user.Login = found[2]
			}
		case "firstName":
			user.Name = found[2] + " " + last
		case "lastName":
			user.Name = first + " " + found[2]
		}
	}
}

// more adds one thing more than the page has, where the recorded response has a next link.
func (f *fake) more(add func()) {
	if _, more := f.e.next(f.t); more {
		add()
	}
}

// app adds an app whose client ID is another one, as it may be.
func (f *fake) app(id, clientID string) {
	if f.once(id) {
		f.AddClient(oktatest.Client{ID: id, ClientID: clientID})
	}
}

// apps adds apps whose labels begin with what the request searches for: labels were replaced, as in match.
func (f *fake) apps() {
	label := f.e.query(f.t).Get("q")
	for _, app := range f.objects() {
		f.AddClient(oktatest.Client{
			ID: text(app, "id"), ClientID: text(app, "credentials", "oauthClient", "client_id"),
			Name: label + text(app, "label"), Status: text(app, "status"),
			URI:     text(app, "settings", "oauthClient", "client_uri"),
			LogoURI: text(app, "settings", "oauthClient", "logo_uri"),
		})
	}
	f.more(func() { f.AddClient(oktatest.Client{Name: label}) })
}

func (f *fake) server(id string) {
	if id != oktatest.DefaultAuthorizationServerID && f.once(id) {
		f.AddAuthorizationServer(oktatest.AuthorizationServer{ID: id})
	}
}

func (f *fake) tokens() {
	for _, token := range f.objects() {
		server := text(token, "issuer")
		server = server[strings.LastIndex(server, "/")+1:]
		f.user(text(token, "userId"))
		f.app(text(token, "clientId"), "")
		f.server(server)
		var scopes []string
		for _, scope := range token["scopes"].([]any) {
			scopes = append(scopes, scope.(string))
		}
		f.AddRefreshToken(oktatest.RefreshToken{
			ID: text(token, "id"), UserID: text(token, "userId"), ClientID: text(token, "clientId"),
			AuthorizationServerID: server, Scopes: scopes, Created: at(token, "created"),
		})
	}
}

// setups make an org hold what the response to an operation has.
var setups = map[string]func(*fake){
	"AuthorizationServerClients.GetRefreshToken": (*fake).tokens,
	"AuthorizationServerClients.List":            func(f *fake) { f.server(f.e.Args[0]) },
	"AuthorizationServerClients.ListRefreshTokens": func(f *fake) {
		f.server(f.e.Args[0])
	},
	"AuthorizationServerClients.RevokeAllRefreshTokens": func(f *fake) { f.server(f.e.Args[0]) },
	"DeactivateApplication":                             func(f *fake) { f.app(f.e.Args[0], "") },
	"GetApplication":                                    (*fake).apps,
	"GetApplicationToken": func(f *fake) {
		f.app(f.e.Args[0], "")
		f.tokens()
	},
	"GetUser": (*fake).users,
	"ListApplicationGrants": func(f *fake) {
		f.app(f.e.Args[0], text(f.objects()[0], "clientId"))
		for _, grant := range f.objects() {
			f.AddAppGrant(oktatest.AppGrant{
				ID: text(grant, "id"), AppID: f.e.Args[0], ScopeID: text(grant, "scopeId"),
				CreatedBy: text(grant, "createdBy", "id"), Created: at(grant, "created"),
			})
		}
	},
	"ListApplicationTokens": func(f *fake) {
		if f.e.Status == http.StatusOK {
			f.app(f.e.Args[0], "")
		}
		f.tokens()
	},
	"ListApplicationUsers": func(f *fake) {
		f.app(f.e.Args[0], "")
		for _, user := range f.objects() {
			f.user(text(user, "id"))
			f.AssignUsers(f.e.Args[0], text(user, "id"))
		}
	},
	"ListApplications": (*fake).apps,
	"ListAuthorizationServers": func(f *fake) {
		for _, server := range f.objects() {
			f.server(text(server, "id"))
		}
	},
	"ListGroupUsers": func(f *fake) {
		f.users()
		var ids []string
		for _, user := range f.objects() {
			ids = append(ids, text(user, "id"))
		}
		f.AddGroup(oktatest.Group{ID: f.e.Args[0], UserIDs: ids})
	},
	"ListLogEvents": func(f *fake) {
		for _, event := range f.objects() {
			f.addEvent(event)
		}
	},
	"GetAuthorizationServer": func(f *fake) { f.server(f.e.Args[0]) },
	"GetGroup":               func(*fake) {},
	"ListScopes": func(f *fake) {
		f.server(f.e.Args[0])
		for _, scope := range f.objects() {
			system, _ := scope["system"].(bool)
			f.AddScope(oktatest.Scope{
				ID: text(scope, "id"), AuthorizationServerID: f.e.Args[0], Name: text(scope, "name"),
				Description: text(scope, "description"), System: system,
			})
		}
	},
	"ListUserClients": func(f *fake) { f.user(f.e.Args[0]) },
	"ListUsers":       (*fake).users,
	"RevokeApplicationToken": func(f *fake) {
		f.app(f.e.Args[0], "")
		if f.e.Status == http.StatusNoContent {
			f.user("00uowner")
			f.AddRefreshToken(oktatest.RefreshToken{ID: f.e.Args[1], UserID: "00uowner", ClientID: f.e.Args[0]})
		}
	},
	"RevokeApplicationTokens": func(f *fake) { f.app(f.e.Args[0], "") },
	"RevokeUserSessions":      func(f *fake) { f.user(f.e.Args[0]) },
	"UserGrants.List": func(f *fake) {
		f.user(f.e.Args[0])
		f.grants()
	},
	"UserGrants.Revoke": func(f *fake) {
		f.user(f.e.Args[0])
		if f.e.Status == http.StatusNoContent {
			f.app("0oaapp", "")
			f.AddGrant(oktatest.Grant{ID: f.e.Args[1], UserID: f.e.Args[0], ClientID: "0oaapp"})
		}
	},
	"UserGrants.RevokeAll": func(f *fake) { f.user(f.e.Args[0]) },
}

func (f *fake) grants() {
	for _, grant := range f.objects() {
		f.app(text(grant, "clientId"), "")
		if id := text(grant, "scopeId"); strings.HasPrefix(id, "scp") && f.once(id) {
			f.AddScope(oktatest.Scope{ID: id, DisplayName: "Scope " + id})
		}
		f.AddGrant(oktatest.Grant{
			ID: text(grant, "id"), UserID: text(grant, "userId"), ClientID: text(grant, "clientId"),
			ScopeID: text(grant, "scopeId"), Created: at(grant, "created"),
		})
	}
}

// addEvent adds a recorded event as it was.
func (f *fake) addEvent(event map[string]any) {
	added := oktatest.LogEvent{
		UUID: text(event, "uuid"), EventType: text(event, "eventType"), Published: at(event, "published"),
		Message: text(event, "displayMessage"), Severity: text(event, "severity"),
		Outcome: text(event, "outcome", "result"), Reason: text(event, "outcome", "reason"),
		ClientID: text(event, "client", "id"), DebugData: map[string]string{},
		Actor: oktatest.LogActor{
			ID: text(event, "actor", "id"), Type: text(event, "actor", "type"),
			AlternateID: text(event, "actor", "alternateId"), DisplayName: text(event, "actor", "displayName"),
		},
	}
	debug, _ := event["debugContext"].(map[string]any)
	data, _ := debug["debugData"].(map[string]any)
	for name, value := range data {
		added.DebugData[name], _ = value.(string)
	}
	targets, _ := event["target"].([]any)
	for _, item := range targets {
		target := item.(map[string]any)
		detail := map[string]string{}
		entry, _ := target["detailEntry"].(map[string]any)
		for name, value := range entry {
			detail[name], _ = value.(string)
		}
		added.Targets = append(added.Targets, oktatest.LogTarget{
			ID: text(target, "id"), Type: text(target, "type"), DisplayName: text(target, "displayName"), Detail: detail,
		})
	}
	f.AddLogEvent(added)
}

// fakeHandshake returns the responses of oktatest's token endpoint to a service app that begins without a proof.
func fakeHandshake(t *testing.T) []response {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	org := oktatest.New(oktatest.Options{})
	t.Cleanup(org.Close)
	app := org.AddServiceApp(oktatest.ServiceApp{
		Keys: []oktatest.ServiceAppKey{{Public: key.Public()}}, Scopes: []string{"okta.users.read"}, DPoP: true,
	})
	var responses []response
	client, err := okta.NewClient(okta.Config{
		OrgURL: org.URL,
		Credentials: okta.ServiceApp{
			ClientID: app.ClientID, PrivateKey: okta.PrivateKeyFromSigner(key), Scopes: app.Scopes,
		},
		HTTPClient: &http.Client{Transport: listener(func(req *http.Request) (*http.Response, error) {
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil || !strings.HasSuffix(req.URL.Path, "/token") {
				return resp, err
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			resp.Body = io.NopCloser(bytes.NewReader(body))
			responses = append(responses, response{resp.StatusCode, resp.Header, string(body)})
			return resp, err
		})},
	})
	require.NoError(t, err)
	require.NoError(t, client.Do(t.Context(), okta.Request{Path: []string{"api", "v1", "users"}}, nil))
	return responses
}

// listener is a transport.
type listener func(*http.Request) (*http.Response, error)

func (f listener) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// oauthError is the body of an error of the token endpoint.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func oauthErrorOf(t *testing.T, body string) oauthError {
	t.Helper()
	var e oauthError
	require.NoError(t, json.Unmarshal([]byte(body), &e))
	return e
}

// compareTokens is compare for the token endpoint, whose errors have another form.
func compareTokens(t *testing.T, e exchange, r response) differences {
	t.Helper()
	var d differences
	if e.Status != r.status {
		d.addf("status %d for %d", r.status, e.Status)
	}
	d.headers(e.header(), r.header)
	var got any
	require.NoError(t, json.Unmarshal([]byte(r.body), &got))
	d.members(membersOf(e.json(t)), membersOf(got))
	return d
}

// The responses of oktatest to the recorded requests have the same status, error, headers and members, but for the named
// exceptions.
func TestFakeRespondsAsRecorded(t *testing.T) {
	t.Parallel()
	exchanges := append(readExchanges(t), theGrantsAndLog(t)...)
	exchanges = append(exchanges, readLogs(t)...)
	known := newExceptions()
	t.Cleanup(func() {
		counts.exceptions.Store(int64(len(exceptions)))
		assert.Empty(t, known.unmet(), "delete them")
	})
	t.Run("tokens", func(t *testing.T) {
		t.Parallel()
		responses := fakeHandshake(t)
		for _, e := range readTokens(t) {
			i := slices.IndexFunc(responses, func(r response) bool {
				return oauthErrorOf(t, r.body) == oauthErrorOf(t, e.Body)
			})
			require.NotEqual(t, -1, i, "oktatest has no such response: %s", e.Body)
			for _, difference := range compareTokens(t, e, responses[i]) {
				assert.True(t, known.allows("token endpoint", difference), difference)
			}
			counts.compared.Add(1)
		}
	})
	t.Run("exchanges", func(t *testing.T) {
		t.Parallel()
		for i, e := range exchanges {
			called := e.method()
			t.Run(strconv.Itoa(i)+" "+called, func(t *testing.T) {
				t.Parallel()
				if known.skips(called, e) {
					return
				}
				setUp, served := setups[called]
				if !served {
					setUp = func(*fake) {}
				}
				org := newFake(t, e, setUp)
				for _, difference := range compare(t, e, ask(t, org, e)) {
					assert.True(t, known.allows(called, difference), "%s: %s: %v?%s", called, difference, e, e.Query)
				}
				counts.compared.Add(1)
			})
		}
	})
}

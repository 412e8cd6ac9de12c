package main

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// orgSpec describes an org for the jobs of oktagrants.
type orgSpec struct {
	Users int `json:"users"`
	Limit int `json:"limit"` // requests a second for each bucket; 0 for so many that nothing is throttled
}

const (
	acmeApps     = 41 // app 0 is everybody's; each user has two of the others
	appsOfUser   = 3
	allApps      = 1<<appsOfUser - 1
	unlimited    = 1_000_000
	serverTokens = 300 // refresh tokens of an app on a custom authorization server
)

// acmeServers has the apps with tokens on each custom authorization server.
var acmeServers = [][]int{{0, 1, 2}, {3}}

// orgLog is what an org has served.
type orgLog struct {
	Calls   map[string]int    `json:"calls"`   // by route, but for those that were refused
	After   int               `json:"after"`   // of these, reads after the last revoke
	Revokes map[string][]byte `json:"revokes"` // by route, how often for each user
	Refused int               `json:"refused"` // with 429
	Unknown []string          `json:"unknown"` // requests that the org has no route for, and wrong ones
	Total   int               `json:"total"`   // of Calls
	Grants  time.Time         `json:"grants"`  // when a user's grants were first read since the mark; zero for never
}

// acme is an org of users with three apps each, with the routes that the jobs of oktagrants use. It is written apart
// from oktatest, so that both err in different ways, and keeps a log of its own.
type acme struct {
	orgSpec
	mux   *http.ServeMux
	users [acmeApps][]int // that have the app

	mu      sync.Mutex
	windows map[string]*window // by bucket
	log     orgLog
	grants  []byte   // of each user: a bit for each of the three apps that has consents
	tokens  []byte   // of each user: a bit for each of the three apps that has tokens
	servers [][]bool // whether the apps of acmeServers still have tokens
}

// window is a window of one second.
type window struct {
	second int64
	used   int
}

// acmeCall is a request for what exists.
type acmeCall struct {
	*http.Request
	user, app, server int // those that the path names
}

// acmeResponse is a response. Its status is 204 without a body.
type acmeResponse struct {
	status int
	body   []byte
	next   int // the cursor of the next page; 0 for none
}

func newAcme(spec orgSpec) *acme {
	o := &acme{orgSpec: spec, mux: http.NewServeMux(), windows: map[string]*window{}}
	o.log = orgLog{Calls: map[string]int{}, Revokes: map[string][]byte{}}
	o.grants = slices.Repeat([]byte{allApps}, spec.Users)
	o.tokens = slices.Clone(o.grants)
	for _, apps := range acmeServers {
		o.servers = append(o.servers, slices.Repeat([]bool{true}, len(apps)))
	}
	for user := range spec.Users {
		for _, app := range appsOf(user) {
			o.users[app] = append(o.users[app], user)
		}
	}
	o.routes()
	return o
}

// appsOf returns the apps of a user.
func appsOf(user int) []int {
	const others = acmeApps - 1
	return []int{0, 1 + user%others, 1 + (user+others/3)%others}
}

// The routes that figures are made of.
const (
	grantsRoute   = "GET /api/v1/users/{userId}/grants"
	revokeRoute   = "DELETE /api/v1/users/{userId}/grants"
	sessionsRoute = "DELETE /api/v1/users/{userId}/sessions"
)

func (o *acme) routes() {
	const users, apps, servers = "/api/v1/users", "/api/v1/apps", "/api/v1"
	o.route(users, "GET /api/v1/users", o.listUsers)
	o.route("GET /api/v1/users/{id}", "GET /api/v1/users/{userId}", o.getUser)
	o.route(users, "GET /api/v1/users/{userId}/clients", o.listUserClients)
	o.route(users, grantsRoute, o.listGrants)
	o.route(users, revokeRoute, o.revokeGrants)
	o.route(users, sessionsRoute, o.revokeSessions)
	o.route(users, "GET /api/v1/users/{userId}/clients/{clientId}/grants", o.listAppGrants)
	o.route(users, "DELETE /api/v1/users/{userId}/clients/{clientId}/grants", o.revokeAppGrants)
	o.route(users, "DELETE /api/v1/users/{userId}/clients/{clientId}/tokens", o.revokeUserTokens)
	o.route(apps, "GET /api/v1/apps", o.listApps)
	o.route(apps, "GET /api/v1/apps/{clientId}", o.getApp)
	o.route(apps, "GET /api/v1/apps/{clientId}/users", o.listAppUsers)
	o.route(apps, "GET /api/v1/apps/{clientId}/tokens", o.listAppTokens)
	o.route(apps, "DELETE /api/v1/apps/{clientId}/tokens", o.revokeAppTokens)
	o.route(servers, "GET /api/v1/authorizationServers", o.listServers)
	o.route(servers, "GET /api/v1/authorizationServers/{serverId}/clients", o.listServerClients)
	o.route(servers, "GET /api/v1/authorizationServers/{serverId}/clients/{clientId}/tokens", o.listServerTokens)
	o.route(servers, "DELETE /api/v1/authorizationServers/{serverId}/clients/{clientId}/tokens", o.revokeServerTokens)
	o.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.log.Unknown = append(o.log.Unknown, r.Method+" "+r.URL.Path)
		failure(http.StatusNotFound, "E0000008", "The requested path was not found").write(w, r)
	})
	o.routesOfBench()
}

// route serves a route whose requests count in a bucket.
func (o *acme) route(bucket, route string, handle func(acmeCall) acmeResponse) {
	o.mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil // spend sets it
		o.serve(w.Header(), r, bucket, handle).write(w, r)
	})
}

// serve counts a request and has it handled, one at a time.
func (o *acme) serve(h http.Header, r *http.Request, bucket string, handle func(acmeCall) acmeResponse) acmeResponse {
	if r.Header.Get("Authorization") != "SSWS "+token {
		return failure(http.StatusUnauthorized, "E0000011", "Invalid token provided")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.spend(h, bucket, time.Now()) {
		o.log.Refused++
		return failure(http.StatusTooManyRequests, "E0000047", "API call exceeded rate limit due to too many requests.")
	}
	call, ok := o.find(r)
	o.note(call)
	if !ok {
		return failure(http.StatusNotFound, "E0000007", "Not found: Resource not found")
	}
	return handle(call)
}

// spend counts a request in its bucket's window and reports whether the window had one left.
func (o *acme) spend(h http.Header, bucket string, now time.Time) bool {
	limit := o.Limit
	if limit == 0 {
		limit = unlimited
	}
	win := o.windows[bucket]
	if win == nil || win.second != now.Unix() {
		win = &window{second: now.Unix()}
		o.windows[bucket] = win
	}
	ok := win.used < limit
	if ok {
		win.used++
	}
	h.Set("Date", now.UTC().Format(http.TimeFormat))
	h.Set("X-Rate-Limit-Limit", strconv.Itoa(limit))
	h.Set("X-Rate-Limit-Remaining", strconv.Itoa(limit-win.used))
	h.Set("X-Rate-Limit-Reset", strconv.FormatInt(win.second+1, 10))
	return ok
}

// find looks up what the path names.
func (o *acme) find(r *http.Request) (acmeCall, bool) {
	call := acmeCall{Request: r}
	for _, part := range []struct {
		name, prefix string
		number       *int
		count        int
	}{
		{"userId", userPrefix, &call.user, o.Users},
		{"clientId", appPrefix, &call.app, acmeApps},
		{"serverId", serverPrefix, &call.server, len(acmeServers)},
	} {
		id := r.PathValue(part.name)
		if id == "" {
			continue
		}
		digits, ok := strings.CutPrefix(id, part.prefix)
		n, err := strconv.Atoi(digits)
		if !ok || err != nil || n < 0 || n >= part.count {
			return call, false
		}
		*part.number = n
	}
	return call, true
}

// note writes a call into the log.
func (o *acme) note(c acmeCall) {
	o.log.Calls[c.Pattern]++
	o.log.Total++
	if c.Pattern == grantsRoute && o.log.Grants.IsZero() {
		o.log.Grants = time.Now()
	}
	if c.Method == http.MethodGet {
		o.log.After++
		return
	}
	o.log.After = 0
	if c.PathValue("userId") == "" {
		return
	}
	if o.log.Revokes[c.Pattern] == nil {
		o.log.Revokes[c.Pattern] = make([]byte, o.Users)
	}
	o.log.Revokes[c.Pattern][c.user]++
}

// write sends the response, with links as Okta sends them.
func (resp acmeResponse) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Okta-Request-Id", "ZR2abcdefghijklmnopqrstuvw")
	if resp.body == nil {
		w.WriteHeader(resp.status)
		return
	}
	h.Set("Content-Type", "application/json")
	address := "http://" + r.Host + r.URL.Path
	h.Add("Link", "<"+address+"?"+r.URL.RawQuery+`>; rel="self"`)
	if resp.next > 0 {
		query := r.URL.Query()
		query.Set("after", strconv.Itoa(resp.next))
		h.Add("Link", "<"+address+"?"+query.Encode()+`>; rel="next"`)
	}
	w.WriteHeader(resp.status)
	_, _ = w.Write(resp.body)
}

func failure(status int, code, summary string) acmeResponse {
	const form = `{"errorCode":%[1]q,"errorSummary":%[2]q,"errorLink":%[1]q,"errorId":"oae00000000000000000","errorCauses":[]}`
	return acmeResponse{status: status, body: fmt.Appendf(nil, form, code, summary)}
}

var revoked = acmeResponse{status: http.StatusNoContent}

// list is a page of so many things, of which most are on one page.
func (c acmeCall) list(count, most int, add func(b []byte, i int) []byte) acmeResponse {
	query := c.URL.Query()
	first, _ := strconv.Atoi(query.Get("after"))
	if limit, err := strconv.Atoi(query.Get("limit")); err == nil && limit > 0 {
		most = min(most, limit)
	}
	end := min(first+most, count)
	body := []byte{'['}
	for i := first; i < end; i++ {
		if i > first {
			body = append(body, ',')
		}
		body = add(body, i)
	}
	resp := acmeResponse{status: http.StatusOK, body: append(body, ']')}
	if end < count {
		resp.next = end
	}
	return resp
}

// one is a response of one thing.
func one(body []byte) acmeResponse { return acmeResponse{status: http.StatusOK, body: body} }

func (o *acme) listUsers(c acmeCall) acmeResponse { return c.list(o.Users, pageSize, appendUser) }

func (o *acme) getUser(c acmeCall) acmeResponse { return one(appendUser(nil, c.user)) }

func (o *acme) listUserClients(c acmeCall) acmeResponse {
	apps := having(c.user, o.grants[c.user]|o.tokens[c.user])
	return c.list(len(apps), len(apps), func(b []byte, i int) []byte { return appendClient(b, apps[i]) })
}

// having returns the apps of a user whose bits are set.
func having(user int, bits byte) []int {
	var apps []int
	for i, app := range appsOf(user) {
		if bits&(1<<i) != 0 {
			apps = append(apps, app)
		}
	}
	return apps
}

// bit is the bit of an app among those of a user; 0 if the user does not have it.
func bit(user, app int) byte {
	if i := slices.Index(appsOf(user), app); i >= 0 {
		return 1 << i
	}
	return 0
}

func (o *acme) listGrants(c acmeCall) acmeResponse { return o.listGrantsOf(c, allApps) }

func (o *acme) listAppGrants(c acmeCall) acmeResponse { return o.listGrantsOf(c, bit(c.user, c.app)) }

func (o *acme) listGrantsOf(c acmeCall, bits byte) acmeResponse {
	apps := having(c.user, o.grants[c.user]&bits)
	return c.list(len(apps), pageSize, func(b []byte, i int) []byte { return appendConsent(b, c.user, apps[i]) })
}

func (o *acme) revokeGrants(c acmeCall) acmeResponse {
	o.grants[c.user] = 0
	return revoked
}

func (o *acme) revokeAppGrants(c acmeCall) acmeResponse {
	o.grants[c.user] &^= bit(c.user, c.app)
	return revoked
}

func (o *acme) revokeUserTokens(c acmeCall) acmeResponse {
	o.tokens[c.user] &^= bit(c.user, c.app)
	return revoked
}

func (o *acme) revokeSessions(c acmeCall) acmeResponse {
	if query := c.URL.Query(); query.Get("oauthTokens") != "true" || query.Get("forgetDevices") != "false" {
		o.log.Unknown = append(o.log.Unknown, c.Method+" "+c.URL.RequestURI())
	}
	o.tokens[c.user] = 0
	return revoked
}

func (o *acme) listApps(c acmeCall) acmeResponse { return c.list(acmeApps, pageSize, appendApp) }

func (o *acme) getApp(c acmeCall) acmeResponse { return one(appendApp(nil, c.app)) }

func (o *acme) listAppUsers(c acmeCall) acmeResponse {
	users := o.users[c.app]
	return c.list(len(users), 500, func(b []byte, i int) []byte { return appendAppUser(b, users[i]) })
}

func (o *acme) listAppTokens(c acmeCall) acmeResponse {
	var users []int
	for _, user := range o.users[c.app] {
		if o.tokens[user]&bit(user, c.app) != 0 {
			users = append(users, user)
		}
	}
	return c.list(len(users), pageSize, func(b []byte, i int) []byte { return appendToken(b, users[i], c.app) })
}

func (o *acme) revokeAppTokens(c acmeCall) acmeResponse {
	for _, user := range o.users[c.app] {
		o.tokens[user] &^= bit(user, c.app)
	}
	return revoked
}

func (o *acme) listServers(c acmeCall) acmeResponse {
	return c.list(len(acmeServers), pageSize, appendServer)
}

func (o *acme) listServerClients(c acmeCall) acmeResponse {
	var apps []int
	for i, app := range acmeServers[c.server] {
		if o.servers[c.server][i] {
			apps = append(apps, app)
		}
	}
	return c.list(len(apps), len(apps), func(b []byte, i int) []byte { return appendClient(b, apps[i]) })
}

func (o *acme) listServerTokens(c acmeCall) acmeResponse {
	count := 0
	if i := slices.Index(acmeServers[c.server], c.app); i >= 0 && o.servers[c.server][i] {
		count = min(serverTokens, len(o.users[c.app]))
	}
	return c.list(count, pageSize, func(b []byte, i int) []byte {
		return appendServerToken(b, c.server, o.users[c.app][i], c.app)
	})
}

func (o *acme) revokeServerTokens(c acmeCall) acmeResponse {
	if i := slices.Index(acmeServers[c.server], c.app); i >= 0 {
		o.servers[c.server][i] = false
	}
	return revoked
}

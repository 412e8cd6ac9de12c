package oktatest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	defaultLimit = 20
	maxLimit     = 200
)

// operation is one thing that an org does. One without a scope asks for no credentials. A handler returns the body of a
// 200, nil for a 204, or a problem.
type operation struct {
	method  string
	pattern []string
	scope   string
	handle  func(*Org, *call) (any, *problem)
}

var operations = []operation{
	on("GET", "/api/v1/users/{userId}/clients", scopeUsersRead, (*Org).listUserClients),
	on("GET", "/api/v1/users/{userId}/grants", scopeUsersRead, (*Org).listUserGrants),
	on("DELETE", "/api/v1/users/{userId}/grants", scopeUsersManage, (*Org).revokeUserGrants),
	on("GET", "/api/v1/users/{userId}/grants/{grantId}", scopeUsersRead, (*Org).getUserGrant),
	on("DELETE", "/api/v1/users/{userId}/grants/{grantId}", scopeUsersManage, (*Org).revokeUserGrant),
	on("GET", "/api/v1/users/{userId}/clients/{clientId}/grants", scopeUsersRead, (*Org).listUserClientGrants),
	on("DELETE", "/api/v1/users/{userId}/clients/{clientId}/grants", scopeUsersManage, (*Org).revokeUserClientGrants),
	on("GET", "/api/v1/users/{userId}/clients/{clientId}/tokens", scopeUsersRead, (*Org).listUserTokens),
	on("DELETE", "/api/v1/users/{userId}/clients/{clientId}/tokens", scopeUsersManage, (*Org).revokeUserTokens),
	on("GET", "/api/v1/users/{userId}/clients/{clientId}/tokens/{tokenId}", scopeUsersRead, (*Org).getUserToken),
	on("DELETE", "/api/v1/users/{userId}/clients/{clientId}/tokens/{tokenId}", scopeUsersManage,
		(*Org).revokeUserToken),
	on("GET", "/api/v1/authorizationServers/{authServerId}/clients", scopeServersRead, (*Org).listServerClients),
	on("GET", "/api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens", scopeServersRead,
		(*Org).listServerTokens),
	on("DELETE", "/api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens", scopeServersManage,
		(*Org).revokeServerTokens),
	on("GET", "/api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens/{tokenId}", scopeServersRead,
		(*Org).getServerToken),
	on("DELETE", "/api/v1/authorizationServers/{authServerId}/clients/{clientId}/tokens/{tokenId}", scopeServersManage,
		(*Org).revokeServerToken),
	on("POST", "/oauth2/v1/token", "", (*Org).issueAccessToken),
}

func on(method, pattern, scope string, handle func(*Org, *call) (any, *problem)) operation {
	return operation{method: method, pattern: strings.Split(pattern, "/")[1:], scope: scope, handle: handle}
}

// problem is an answer that is not a success: an Okta error, an OAuth error or, with a challenge, a header without a
// body.
type problem struct {
	status     int
	code       string
	oauthError string
	summary    string
	causes     []string
	challenge  string
}

func pathNotFound() *problem {
	return &problem{status: http.StatusNotFound, code: "E0000008", summary: "The requested path was not found"}
}

func notFound(kind, id string) *problem {
	return &problem{
		status:  http.StatusNotFound,
		code:    "E0000007",
		summary: fmt.Sprintf("Not found: Resource not found: %s (%s)", id, kind),
	}
}

func invalid(parameter, why string) *problem {
	return &problem{
		status:  http.StatusBadRequest,
		code:    "E0000001",
		summary: "Api validation failed: " + parameter,
		causes:  []string{parameter + ": " + why},
	}
}

// call is a request for an operation, and the headers of its answer.
type call struct {
	request   *http.Request
	now       time.Time
	publicURL string
	basePath  string
	path      string // Escaped and below the base path.
	params    map[string]string
	query     url.Values
	form      url.Values // Nil when the body is no form.
	header    http.Header
	links     []string
}

// ServeHTTP answers a request as the org's server would.
func (o *Org) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	entry, fault := o.receive(r)
	answer := &answerWriter{ResponseWriter: w, org: o, entry: entry}
	org := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { o.answer(w, r, entry.RequestID) })
	if fault == nil {
		org(answer, r)
		return
	}
	o.setHeaders(w.Header(), entry.RequestID)
	fault(answer, r, org)
	if r.Context().Err() == nil {
		answer.note(http.StatusOK)
	}
}

func (o *Org) setHeaders(header http.Header, requestID string) {
	header.Set("Date", o.now().UTC().Format(http.TimeFormat))
	header.Set("X-Okta-Request-Id", requestID)
}

func (o *Org) answer(w http.ResponseWriter, r *http.Request, requestID string) {
	o.setHeaders(w.Header(), requestID)
	body, failure := o.carryOut(r, w.Header())
	switch {
	case failure == nil && body == nil:
		w.WriteHeader(http.StatusNoContent)
	case failure == nil:
		writeJSON(w, http.StatusOK, body)
	case failure.challenge != "":
		w.Header().Set("WWW-Authenticate", failure.challenge)
		w.WriteHeader(failure.status)
	case failure.oauthError != "":
		writeJSON(w, failure.status, oauthErrorJSON{Code: failure.oauthError, Description: failure.summary})
	default:
		writeJSON(w, failure.status, failure.json(requestID))
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// carryOut does what a request asks for, all of it at one moment.
func (o *Org) carryOut(r *http.Request, header http.Header) (any, *problem) {
	form := readForm(r) // Before the lock, as a client may be slow.
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()

	path, segments := o.split(r.URL)
	if failure := o.spend(bucketOf(segments), now, header); failure != nil {
		return nil, failure
	}
	found, params, failure := route(r.Method, segments)
	if failure != nil {
		return nil, failure
	}
	c := &call{
		request:   r,
		now:       now,
		publicURL: o.publicURL,
		basePath:  o.basePath,
		path:      path,
		params:    params,
		query:     r.URL.Query(),
		form:      form,
		header:    header,
	}
	if found.scope != "" {
		if failure := o.authorize(c, found.scope); failure != nil {
			return nil, failure
		}
	}
	body, failure := found.handle(o, c)
	if failure != nil {
		return nil, failure
	}
	for _, link := range c.links {
		header.Add("Link", link)
	}
	return body, nil
}

// split returns the escaped path below the base path, and its segments unescaped. A path outside the base path has no
// segments.
func (o *Org) split(u *url.URL) (path string, segments []string) {
	path, inside := strings.CutPrefix(u.EscapedPath(), o.basePath+"/")
	if !inside {
		return "", nil
	}
	for segment := range strings.SplitSeq(path, "/") {
		unescaped, err := url.PathUnescape(segment)
		if err != nil {
			return "", nil
		}
		segments = append(segments, unescaped)
	}
	return "/" + path, segments
}

func route(method string, segments []string) (operation, map[string]string, *problem) {
	failure := pathNotFound()
	for _, candidate := range operations {
		params, ok := match(candidate.pattern, segments)
		if !ok {
			continue
		}
		if candidate.method == method {
			return candidate, params, nil
		}
		failure = &problem{
			status:  http.StatusMethodNotAllowed,
			code:    "E0000022",
			summary: "The endpoint does not support the provided HTTP method",
		}
	}
	return operation{}, nil, failure
}

// match fills the parameters of a pattern, none of which may be empty.
func match(pattern, segments []string) (map[string]string, bool) {
	if len(pattern) != len(segments) {
		return nil, false
	}
	params := map[string]string{}
	for i, want := range pattern {
		name, isParam := strings.CutPrefix(want, "{")
		if isParam && segments[i] != "" {
			params[strings.TrimSuffix(name, "}")] = segments[i]
			continue
		}
		if segments[i] != want {
			return nil, false
		}
	}
	return params, true
}

func (o *Org) listUserClients(c *call) (any, *problem) {
	userID, failure := o.userID(c)
	if failure != nil {
		return nil, failure
	}
	c.link("self", c.query)
	clients := []clientJSON{}
	for _, client := range o.clients.all() {
		key := listKey{user: userID, client: client.ID}
		if len(o.grants.lists[key])+len(o.tokens.lists[key]) > 0 {
			clients = append(clients, o.userClientJSON(userID, client))
		}
	}
	return clients, nil
}

func (o *Org) listUserGrants(c *call) (any, *problem) {
	userID, failure := o.userID(c)
	if failure != nil {
		return nil, failure
	}
	scope := c.query.Get("scopeId")
	return list(c, listing[Grant, grantJSON]{
		of:     o.grants,
		key:    listKey{user: userID},
		keep:   func(g Grant) bool { return scope == "" || g.ScopeID == scope },
		render: o.grantJSON,
	})
}

func (o *Org) revokeUserGrants(c *call) (any, *problem) {
	userID, failure := o.userID(c)
	if failure != nil {
		return nil, failure
	}
	o.grants.removeList(listKey{user: userID})
	return nil, nil
}

func (o *Org) getUserGrant(c *call) (any, *problem) {
	grant, failure := o.grant(c)
	if failure != nil {
		return nil, failure
	}
	expand, failure := c.expand()
	if failure != nil {
		return nil, failure
	}
	return o.grantJSON(grant, expand), nil
}

func (o *Org) revokeUserGrant(c *call) (any, *problem) {
	grant, failure := o.grant(c)
	if failure != nil {
		return nil, failure
	}
	o.grants.remove(grant.ID)
	return nil, nil
}

func (o *Org) listUserClientGrants(c *call) (any, *problem) {
	key, failure := o.userAndClient(c)
	if failure != nil {
		return nil, failure
	}
	return list(c, listing[Grant, grantJSON]{of: o.grants, key: key, render: o.grantJSON})
}

func (o *Org) revokeUserClientGrants(c *call) (any, *problem) {
	key, failure := o.userAndClient(c)
	if failure != nil {
		return nil, failure
	}
	o.grants.removeList(key)
	return nil, nil
}

func (o *Org) listUserTokens(c *call) (any, *problem) {
	key, failure := o.userAndClient(c)
	if failure != nil {
		return nil, failure
	}
	return list(c, listing[RefreshToken, tokenJSON]{of: o.tokens, key: key, render: o.userTokenJSON})
}

func (o *Org) revokeUserTokens(c *call) (any, *problem) {
	key, failure := o.userAndClient(c)
	if failure != nil {
		return nil, failure
	}
	o.tokens.removeList(key)
	return nil, nil
}

func (o *Org) getUserToken(c *call) (any, *problem) {
	key, failure := o.userAndClient(c)
	if failure != nil {
		return nil, failure
	}
	return o.getToken(c, key, o.userTokenJSON)
}

func (o *Org) revokeUserToken(c *call) (any, *problem) {
	key, failure := o.userAndClient(c)
	if failure != nil {
		return nil, failure
	}
	return o.revokeToken(c, key)
}

func (o *Org) listServerClients(c *call) (any, *problem) {
	serverID, failure := o.serverID(c)
	if failure != nil {
		return nil, failure
	}
	c.link("self", c.query)
	clients := []clientJSON{}
	for _, client := range o.clients.all() {
		if len(o.tokens.lists[listKey{server: serverID, client: client.ID}]) > 0 {
			clients = append(clients, o.serverClientJSON(serverID, client))
		}
	}
	return clients, nil
}

func (o *Org) listServerTokens(c *call) (any, *problem) {
	key, failure := o.serverAndClient(c)
	if failure != nil {
		return nil, failure
	}
	return list(c, listing[RefreshToken, tokenJSON]{
		of:         o.tokens,
		key:        key,
		unsetLimit: "-1",
		render:     o.serverTokenJSON,
	})
}

func (o *Org) revokeServerTokens(c *call) (any, *problem) {
	key, failure := o.serverAndClient(c)
	if failure != nil {
		return nil, failure
	}
	o.tokens.removeList(key)
	return nil, nil
}

func (o *Org) getServerToken(c *call) (any, *problem) {
	key, failure := o.serverAndClient(c)
	if failure != nil {
		return nil, failure
	}
	return o.getToken(c, key, o.serverTokenJSON)
}

func (o *Org) revokeServerToken(c *call) (any, *problem) {
	key, failure := o.serverAndClient(c)
	if failure != nil {
		return nil, failure
	}
	return o.revokeToken(c, key)
}

func (o *Org) getToken(c *call, key listKey, render func(RefreshToken, bool) tokenJSON) (any, *problem) {
	token, failure := o.token(c, key)
	if failure != nil {
		return nil, failure
	}
	expand, failure := c.expand()
	if failure != nil {
		return nil, failure
	}
	return render(token, expand), nil
}

func (o *Org) revokeToken(c *call, key listKey) (any, *problem) {
	token, failure := o.token(c, key)
	if failure != nil {
		return nil, failure
	}
	o.tokens.remove(token.ID)
	return nil, nil
}

// userID returns the ID of the user that a call names by ID or login.
func (o *Org) userID(c *call) (string, *problem) {
	name := c.params["userId"]
	if o.users.has(name) {
		return name, nil
	}
	if id, ok := o.logins[name]; ok {
		return id, nil
	}
	return "", notFound("User", name)
}

func (o *Org) clientID(c *call) (string, *problem) {
	id := c.params["clientId"]
	if !o.clients.has(id) {
		return "", notFound("OAuth2Client", id)
	}
	return id, nil
}

func (o *Org) serverID(c *call) (string, *problem) {
	id := c.params["authServerId"]
	if !o.servers.has(id) {
		return "", notFound("AuthorizationServer", id)
	}
	return id, nil
}

func (o *Org) userAndClient(c *call) (listKey, *problem) {
	userID, failure := o.userID(c)
	if failure != nil {
		return listKey{}, failure
	}
	clientID, failure := o.clientID(c)
	return listKey{user: userID, client: clientID}, failure
}

func (o *Org) serverAndClient(c *call) (listKey, *problem) {
	serverID, failure := o.serverID(c)
	if failure != nil {
		return listKey{}, failure
	}
	clientID, failure := o.clientID(c)
	return listKey{server: serverID, client: clientID}, failure
}

func (o *Org) grant(c *call) (Grant, *problem) {
	userID, failure := o.userID(c)
	if failure != nil {
		return Grant{}, failure
	}
	id := c.params["grantId"]
	grant := o.grants.get(id)
	if grant.UserID != userID {
		return Grant{}, notFound("OAuth2ScopeConsentGrant", id)
	}
	return grant, nil
}

// token returns the refresh token that a call names, if it is in a list.
func (o *Org) token(c *call, key listKey) (RefreshToken, *problem) {
	id := c.params["tokenId"]
	token := o.tokens.get(id)
	if !slices.Contains(tokenLists(token), key) {
		return RefreshToken{}, notFound("OAuth2RefreshToken", id)
	}
	return token, nil
}

// listing is what a page is cut from. A nil keep keeps all.
type listing[T, J any] struct {
	of         *collection[T]
	key        listKey
	keep       func(T) bool
	unsetLimit string
	render     func(T, bool) J
}

// list answers with the page that a call asks for.
func list[T, J any](c *call, from listing[T, J]) (any, *problem) {
	expand, failure := c.expand()
	if failure != nil {
		return nil, failure
	}
	limit, failure := c.limit(from.unsetLimit)
	if failure != nil {
		return nil, failure
	}
	last, failure := from.position(c.query.Get("after"))
	if failure != nil {
		return nil, failure
	}

	c.link("self", c.query)
	page := []J{}
	for _, item := range from.of.after(from.key, last) {
		if from.keep != nil && !from.keep(item.value) {
			continue
		}
		if len(page) == limit {
			c.linkNext(newCursor(from.of.prefix, last))
			break
		}
		page = append(page, from.render(item.value, expand))
		last = item.seq
	}
	return page, nil
}

// newCursor returns what stands for the place behind an item.
func newCursor(prefix string, seq int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(prefix + strconv.Itoa(seq)))
}

// position returns the sequence number in a cursor that was issued for this kind of item, and 0 for no cursor.
func (l listing[T, J]) position(after string) (int, *problem) {
	if after == "" {
		return 0, nil
	}
	text, _ := base64.RawURLEncoding.DecodeString(after)
	seq, _ := strconv.Atoi(strings.TrimPrefix(string(text), l.of.prefix))
	if seq < 1 || seq > l.of.lastSeq || newCursor(l.of.prefix, seq) != after {
		return 0, invalid("after", "not a cursor of this list")
	}
	return seq, nil
}

func (c *call) expand() (bool, *problem) {
	switch c.query.Get("expand") {
	case "":
		return false, nil
	case "scope":
		return true, nil
	default:
		return false, invalid("expand", "the one valid value is scope")
	}
}

// limit returns how many items a page may have. A limit of unset counts as none.
func (c *call) limit(unset string) (int, *problem) {
	text := c.query.Get("limit")
	if text == "" || text == unset {
		return defaultLimit, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxLimit {
		return 0, invalid("limit", fmt.Sprintf("must be a number from 1 to %d", maxLimit))
	}
	return limit, nil
}

// link adds a Link header for the call's own path with a query.
func (c *call) link(rel string, query url.Values) {
	target := c.publicURL + c.path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	c.links = append(c.links, fmt.Sprintf("<%s>; rel=%q", target, rel))
}

// linkNext adds the Link header for the page behind a cursor: the call's own query, but for the cursor.
func (c *call) linkNext(after string) {
	query := url.Values{"after": {after}}
	for _, name := range []string{"expand", "limit", "scopeId"} {
		if values, asked := c.query[name]; asked {
			query[name] = values
		}
	}
	c.link("next", query)
}

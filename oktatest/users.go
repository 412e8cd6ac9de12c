package oktatest

import (
	"cmp"
	"strings"
	"time"
)

const (
	statusActive        = "ACTIVE"
	statusInactive      = "INACTIVE"
	statusDeprovisioned = "DEPROVISIONED"
)

// User is a user of the org.
type User struct {
	ID    string // By default 00u and a number.
	Login string // By default made from the ID.
	Name  string // By default the login. Its first word is the first name.

	// Status is what Okta calls it: ACTIVE, DEPROVISIONED, LOCKED_OUT, PASSWORD_EXPIRED, PROVISIONED, RECOVERY, STAGED
	// or SUSPENDED. By default ACTIVE. No status changes what the org does with the user's grants and tokens.
	Status string

	Created time.Time // By default now.
}

// AddUser adds a user and returns it with its empty fields filled in. It panics when the ID or the login is taken.
func (o *Org) AddUser(user User) User {
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()

	user.ID = o.users.freeID(user.ID)
	user.Login = cmp.Or(user.Login, user.ID+"@example.com")
	user.Name = cmp.Or(user.Name, user.Login)
	user.Status = cmp.Or(user.Status, statusActive)
	user.Created = timestamp(user.Created, now)
	if _, taken := o.logins[user.Login]; taken {
		mistake("the login %q is taken", user.Login)
	}
	o.logins[user.Login] = user.ID
	o.users.add(user.ID, user)
	return user
}

// RemoveUser deletes a user for good, with the user's grants, refresh tokens, assignments and memberships. It panics
// when the user is unknown.
func (o *Org) RemoveUser(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.users.require(id)
	o.grants.removeList(listKey{user: id})
	o.tokens.removeList(listKey{user: id})
	o.memberships.removeList(listKey{user: id})
	delete(o.logins, o.users.get(id).Login)
	o.users.remove(id)
}

// Users returns the users in the order in which they were added.
func (o *Org) Users() []User {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.users.all()
}

// userID returns the ID of the user that a call below users/{userId} is about.
func (o *Org) userID(c *call) (string, *problem) {
	name := c.params["userId"]
	if o.users.has(name) {
		return name, nil
	}
	if id, ok := o.logins[name]; ok && o.takeLogins {
		return id, nil
	}
	return "", notFound("User", name)
}

func (o *Org) listUsers(c *call) (any, *problem) {
	if failure := c.refuse("q", "sortBy", "fields"); failure != nil {
		return nil, failure
	}
	keep, failure := keptUsers(c)
	if failure != nil {
		return nil, failure
	}
	return list(c, listing[User, userJSON]{of: o.users, keep: keep, limits: userLimits, render: o.userJSON})
}

// keptUsers returns which users a call lists: those that match its search and its filter, and without both all that
// are not deprovisioned.
func keptUsers(c *call) (func(User) bool, *problem) {
	search, failure := c.expression("search", userSearch)
	if failure != nil {
		return nil, failure
	}
	filter, failure := c.expression("filter", userFilter)
	if failure != nil {
		return nil, failure
	}
	return func(u User) bool {
		if search == nil && filter == nil {
			return u.Status != statusDeprovisioned
		}
		return (search == nil || search(u.attribute)) && (filter == nil || filter(u.attribute))
	}, nil
}

// expression returns the expression in a parameter, and nil when there is none.
func (c *call) expression(parameter string, in syntax) (expression, *problem) {
	text := c.query.Get(parameter)
	if text == "" {
		return nil, nil
	}
	parsed, ok := in.parse(text)
	if !ok {
		return nil, invalidSearch(parameter)
	}
	return parsed, nil
}

func (u User) attribute(name string) string {
	switch name {
	case "id":
		return u.ID
	case "status":
		return u.Status
	case "profile.login":
		return u.Login
	case "profile.email":
		return u.email()
	case "profile.firstName":
		first, _, _ := strings.Cut(u.Name, " ")
		return first
	case "profile.lastName":
		_, last, _ := strings.Cut(u.Name, " ")
		return last
	default: // created and lastUpdated
		return u.Created.Format(timeFormat)
	}
}

func (u User) email() string {
	if strings.Contains(u.Login, "@") {
		return u.Login
	}
	return u.Login + "@example.com"
}

func (o *Org) getUser(c *call) (any, *problem) {
	if failure := c.refuse("expand"); failure != nil {
		return nil, failure
	}
	name := c.params["id"]
	id := name
	if !o.users.has(id) {
		id = o.logins[name]
	}
	if id == "" {
		id = o.shortnamed(name)
	}
	if id == "" {
		return nil, notFound("User", name)
	}
	return o.userJSON(o.users.get(id), false), nil
}

// shortnamed returns the ID of the one user whose login is a name before its @, and "" when there are none or several.
func (o *Org) shortnamed(name string) string {
	var found string
	for login, id := range o.logins {
		shortname, _, _ := strings.Cut(login, "@")
		if shortname != name {
			continue
		}
		if found != "" {
			return ""
		}
		found = id
	}
	return found
}

// revokeUserSessions ends refresh tokens only, as the org keeps no sessions and no devices.
func (o *Org) revokeUserSessions(c *call) (any, *problem) {
	userID, failure := o.userID(c)
	if failure != nil {
		return nil, failure
	}
	tokens, failure := c.flag("oauthTokens", false)
	if failure != nil {
		return nil, failure
	}
	if _, failure := c.flag("forgetDevices", true); failure != nil {
		return nil, failure
	}
	if tokens {
		o.tokens.removeList(listKey{user: userID})
	}
	return nil, nil
}

// flag returns a boolean parameter.
func (c *call) flag(name string, byDefault bool) (bool, *problem) {
	text := c.query.Get(name)
	if text == "" {
		return byDefault, nil
	}
	if text != "true" && text != "false" {
		return false, invalid(name, "must be true or false")
	}
	return text == "true", nil
}

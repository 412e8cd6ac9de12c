package oktatest

import (
	"cmp"
	"slices"
	"time"
)

// Group is a group of users.
type Group struct {
	ID      string    // By default 00g and a number.
	Name    string    // By default made from the ID.
	Type    string    // OKTA_GROUP, APP_GROUP or BUILT_IN, by default OKTA_GROUP.
	UserIDs []string  // IDs of known users.
	Created time.Time // By default now. The group's other times are the same.
}

// AddGroup adds a group and returns it with its empty fields filled in. It panics when the ID is taken or a user is
// unknown.
func (o *Org) AddGroup(group Group) Group {
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()

	group.ID = o.groups.freeID(group.ID)
	group.Name = cmp.Or(group.Name, "Group "+group.ID)
	group.Type = cmp.Or(group.Type, "OKTA_GROUP")
	group.Created = timestamp(group.Created, now)
	group.UserIDs = slices.Clone(group.UserIDs)
	o.addMembers(listKey{group: group.ID}, group.UserIDs, now)
	o.groups.add(group.ID, group)
	group.UserIDs = slices.Clone(group.UserIDs)
	return group
}

// groupID returns the ID of the group that a call below groups/{groupId} is about.
func (o *Org) groupID(c *call) (string, *problem) {
	id := c.params["groupId"]
	if !o.groups.has(id) {
		return "", notFound("UserGroup", id)
	}
	return id, nil
}

// listGroups lists the groups that match the search and the filter.
func (o *Org) listGroups(c *call) (any, *problem) {
	if failure := c.refuse("q", "expand", "sortBy"); failure != nil {
		return nil, failure
	}
	search, failure := c.expression("search", groupSearch)
	if failure != nil {
		return nil, failure
	}
	filter, failure := c.expression("filter", groupFilter)
	if failure != nil {
		return nil, failure
	}
	keep := func(g Group) bool {
		return (search == nil || search(g.attribute)) && (filter == nil || filter(g.attribute))
	}
	return list(c, listing[Group, groupJSON]{of: o.groups, keep: keep, limits: groupLimits, render: o.groupJSON})
}

func (g Group) attribute(name string) string {
	switch name {
	case "id":
		return g.ID
	case "type":
		return g.Type
	case "profile.name":
		return g.Name
	default: // the times
		return g.Created.Format(timeFormat)
	}
}

func (o *Org) getGroup(c *call) (any, *problem) {
	id, failure := o.groupID(c)
	if failure != nil {
		return nil, failure
	}
	return o.groupJSON(o.groups.get(id), false), nil
}

func (o *Org) listGroupUsers(c *call) (any, *problem) {
	id, failure := o.groupID(c)
	if failure != nil {
		return nil, failure
	}
	return list(c, listing[membership, userJSON]{
		of:     o.memberships,
		key:    listKey{group: id},
		limits: groupUserLimits,
		render: func(m membership, _ bool) userJSON { return o.userJSON(o.users.get(m.userID), false) },
	})
}

// listUserGroups has one page.
func (o *Org) listUserGroups(c *call) (any, *problem) {
	id, failure := o.namedUser(c)
	if failure != nil {
		return nil, failure
	}
	groups := []groupJSON{}
	for member := range o.memberships.after(listKey{user: id}, 0) {
		if group := member.value.list.group; group != "" {
			groups = append(groups, o.groupJSON(o.groups.get(group), false))
		}
	}
	return groups, nil
}

type groupJSON struct {
	ID                    string          `json:"id"`
	Created               string          `json:"created"`
	LastUpdated           string          `json:"lastUpdated"`
	LastMembershipUpdated string          `json:"lastMembershipUpdated"`
	ObjectClass           []string        `json:"objectClass"`
	Type                  string          `json:"type"`
	Profile               groupProfile    `json:"profile"`
	Links                 map[string]link `json:"_links"`
}

type groupProfile struct {
	Name        string  `json:"name"`
	Description *string `json:"description"`
}

func (o *Org) groupJSON(group Group, _ bool) groupJSON {
	created := group.Created.Format(timeFormat)
	return groupJSON{
		ID:                    group.ID,
		Created:               created,
		LastUpdated:           created,
		LastMembershipUpdated: created,
		ObjectClass:           []string{"okta:user_group"},
		Type:                  group.Type,
		Profile:               groupProfile{Name: group.Name},
		Links: map[string]link{
			"users": {Href: o.href("api", "v1", "groups", group.ID, "users")},
			"apps":  {Href: o.href("api", "v1", "groups", group.ID, "apps")},
		},
	}
}

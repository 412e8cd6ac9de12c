package oktatest

import (
	"slices"
	"time"
)

// Group is a group of users.
type Group struct {
	ID      string   // By default 00g and a number.
	UserIDs []string // IDs of known users.
}

// membership is a user's place in a group or among the users of an app.
type membership struct {
	list   listKey
	userID string
	since  time.Time
}

func membershipLists(m membership) []listKey { return []listKey{m.list, {user: m.userID}} }

// AddGroup adds a group and returns it with its ID filled in. It panics when the ID is taken or a user is unknown.
func (o *Org) AddGroup(group Group) Group {
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()

	group.ID = o.groups.freeID(group.ID)
	group.UserIDs = slices.Clone(group.UserIDs)
	o.addMembers(listKey{group: group.ID}, group.UserIDs, now)
	o.groups.add(group.ID, group)
	group.UserIDs = slices.Clone(group.UserIDs)
	return group
}

// addMembers adds the users that are not members yet.
func (o *Org) addMembers(to listKey, userIDs []string, now time.Time) {
	for _, id := range userIDs {
		o.users.require(id)
	}
	for _, userID := range userIDs {
		id := to.group + to.app + " " + userID
		if !o.memberships.has(id) {
			o.memberships.add(id, membership{list: to, userID: userID, since: timestamp(now, now)})
		}
	}
}

func (o *Org) listGroupUsers(c *call) (any, *problem) {
	id := c.params["groupId"]
	if !o.groups.has(id) {
		return nil, notFound("UserGroup", id)
	}
	return list(c, listing[membership, userJSON]{
		of:     o.memberships,
		key:    listKey{group: id},
		limits: groupUserLimits,
		render: func(m membership, _ bool) userJSON { return o.userJSON(o.users.get(m.userID), false) },
	})
}

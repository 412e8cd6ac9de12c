package oktatest

import "time"

// membership is a user's place in a group or among the users of an app.
type membership struct {
	list   listKey
	userID string
	since  time.Time
}

func membershipLists(m membership) []listKey { return []listKey{m.list, {user: m.userID}} }

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

package org

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/grantkit/okta"
)

// Group is a group of users. Missing members are treated as those of [User].
type Group struct {
	ID                    string       `json:"id,omitzero"`
	Type                  string       `json:"type,omitzero"` // OKTA_GROUP, APP_GROUP (imported by an app) or BUILT_IN
	Created               time.Time    `json:"created,omitzero"`
	LastUpdated           time.Time    `json:"lastUpdated,omitzero"`           // of the profile
	LastMembershipUpdated time.Time    `json:"lastMembershipUpdated,omitzero"` // of the members
	Profile               GroupProfile `json:"profile,omitzero"`
}

// GroupProfile is what a group is called. An org's own attributes are left out.
type GroupProfile struct {
	Name        string `json:"name,omitzero"`
	Description string `json:"description,omitzero"`
}

// ListGroupsOptions are the options of [ListGroups]. Nil means the defaults.
type ListGroupsOptions struct {
	Search string // expression over most properties, such as profile.name sw "Sales"
	Filter string // expression over ID, type, lastUpdated and lastMembershipUpdated, such as type eq "OKTA_GROUP"
	After  string // cursor to continue after, from [okta.Page.Cursor]
	Limit  int    // items in a page, 1 to 200; default 200
}

// query limits a page to 200 groups: Okta takes up to 10000, and advises against more than 200.
func (o *ListGroupsOptions) query() (url.Values, error) {
	if o == nil {
		o = &ListGroupsOptions{}
	}
	query, err := pageQuery(o.After, o.Limit, maxLimit)
	if err != nil {
		return nil, err
	}
	setString(query, "search", o.Search)
	setString(query, "filter", o.Filter)
	return query, nil
}

// ListGroups reads the first page of the org's groups. [okta.Page.All] reads the others.
//
// GET /api/v1/groups (listGroups). Scope: okta.groups.read. Bucket: /api/v1/groups.
// Okta leaves the group Everyone out for group administrators. The results of Search may lag behind changes by a
// while. The error for an invalid expression is an [*okta.Error] with the status 400.
func ListGroups(ctx context.Context, c *okta.Client, opts *ListGroupsOptions) (*okta.Page[Group], error) {
	return list[Group](ctx, c, listGroups, opts)
}

var listGroups = operation{
	id: "listGroups", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/groups",
}

// GetGroup reads one group.
//
// GET /api/v1/groups/{groupId} (getGroup). Scope: okta.groups.read. Bucket: /api/v1/groups/{groupId}.
// An unknown group is an error that matches [okta.ErrNotFound].
func GetGroup(ctx context.Context, c *okta.Client, groupID string) (*Group, error) {
	return get[Group](ctx, c, getGroup, noOptions{}, groupID)
}

var getGroup = operation{
	id: "getGroup", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/groups/{groupId}",
}

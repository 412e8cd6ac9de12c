package org

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/grantkit/okta"
)

// The sizes of pages: the largest that Okta serves, and the default here. Okta's own defaults take up to ten times the
// requests. For the members of a group Okta advises against pages of over 200.
const (
	maxLimit                 = 200
	maxApplicationUsersLimit = 500
)

// ListUsersOptions are the options of [ListUsers]. Nil means the defaults.
type ListUsersOptions struct {
	Search string // expression over most properties, such as profile.department eq "Sales"
	Filter string // expression over ID, status, login, names and lastUpdated, such as status eq "LOCKED_OUT"
	After  string // cursor to continue after, from [okta.Page.Cursor]
	Limit  int    // items in a page, 1 to 200; default 200
}

// RevokeUserSessionsOptions are the options of [RevokeUserSessions]. Nil means neither.
type RevokeUserSessionsOptions struct {
	OAuthTokens   bool // revoke the user's refresh and access tokens too
	ForgetDevices bool // clear the user's remembered factors on all devices
}

// ListGroupUsersOptions are the options of [ListGroupUsers]. Nil means the defaults.
type ListGroupUsersOptions struct {
	After string // cursor to continue after, from [okta.Page.Cursor]
	Limit int    // items in a page, 1 to 200; default 200
}

// ListApplicationsOptions are the options of [ListApplications]. Nil means the defaults.
type ListApplicationsOptions struct {
	Filter            string // expression over ID, status, name and few others, such as status eq "ACTIVE"
	IncludeNonDeleted bool   // list apps that are not active, too
	After             string // cursor to continue after, from [okta.Page.Cursor]
	Limit             int    // items in a page, 1 to 200; default 200
}

// ListApplicationUsersOptions are the options of [ListApplicationUsers]. Nil means the defaults.
type ListApplicationUsersOptions struct {
	After string // cursor to continue after, from [okta.Page.Cursor]
	Limit int    // items in a page, 1 to 500; default 500
}

// ListAuthorizationServersOptions are the options of [ListAuthorizationServers]. Nil means the defaults.
type ListAuthorizationServersOptions struct {
	After string // cursor to continue after, from [okta.Page.Cursor]
	Limit int    // items in a page, 1 to 200; default 200
}

// options are the options of one kind of call. Their query method validates them.
type options interface {
	query() (url.Values, error)
}

func (o *ListUsersOptions) query() (url.Values, error) {
	if o == nil {
		o = &ListUsersOptions{}
	}
	query, err := pageQuery(o.After, o.Limit, maxLimit)
	if err != nil {
		return nil, err
	}
	setString(query, "search", o.Search)
	setString(query, "filter", o.Filter)
	return query, nil
}

// query always has both parameters: Okta's default for forgetDevices is true.
func (o *RevokeUserSessionsOptions) query() url.Values {
	if o == nil {
		o = &RevokeUserSessionsOptions{}
	}
	return url.Values{
		"oauthTokens":   {strconv.FormatBool(o.OAuthTokens)},
		"forgetDevices": {strconv.FormatBool(o.ForgetDevices)},
	}
}

func (o *ListGroupUsersOptions) query() (url.Values, error) {
	if o == nil {
		o = &ListGroupUsersOptions{}
	}
	return pageQuery(o.After, o.Limit, maxLimit)
}

func (o *ListApplicationsOptions) query() (url.Values, error) {
	if o == nil {
		o = &ListApplicationsOptions{}
	}
	query, err := pageQuery(o.After, o.Limit, maxLimit)
	if err != nil {
		return nil, err
	}
	setString(query, "filter", o.Filter)
	if o.IncludeNonDeleted {
		query.Set("includeNonDeleted", "true")
	}
	return query, nil
}

func (o *ListApplicationUsersOptions) query() (url.Values, error) {
	if o == nil {
		o = &ListApplicationUsersOptions{}
	}
	return pageQuery(o.After, o.Limit, maxApplicationUsersLimit)
}

func (o *ListAuthorizationServersOptions) query() (url.Values, error) {
	if o == nil {
		o = &ListAuthorizationServersOptions{}
	}
	return pageQuery(o.After, o.Limit, maxLimit)
}

// listTokensOptions validates okta.ListOptions.
type listTokensOptions okta.ListOptions

func (o *listTokensOptions) query() (url.Values, error) {
	if o == nil {
		o = &listTokensOptions{}
	}
	query, err := pageQuery(o.After, o.Limit, maxLimit)
	if err != nil {
		return nil, err
	}
	return query, setExpand(query, o.Expand)
}

// getTokenOptions validates okta.GetOptions.
type getTokenOptions okta.GetOptions

func (o *getTokenOptions) query() (url.Values, error) {
	query := url.Values{}
	if o == nil {
		return query, nil
	}
	return query, setExpand(query, o.Expand)
}

// noOptions is for an operation without query parameters.
type noOptions struct{}

func (noOptions) query() (url.Values, error) { return nil, nil }

// pageQuery is the query of a page of limit items, at most and by default most.
func pageQuery(after string, limit, most int) (url.Values, error) {
	if limit < 0 || limit > most {
		return nil, invalid("Limit is %d: it must be between 1 and %d, or 0 for %d", limit, most, most)
	}
	if limit == 0 {
		limit = most
	}
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	setString(query, "after", after)
	return query, nil
}

func setExpand(query url.Values, expand okta.Expand) error {
	if expand != "" && expand != okta.ExpandScope {
		return invalid("Expand is %q: Okta documents %q only", expand, okta.ExpandScope)
	}
	setString(query, "expand", string(expand))
	return nil
}

func setString(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

// invalid is the error for a wrong argument.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", okta.ErrInvalidArgument, fmt.Sprintf(format, args...))
}

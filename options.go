package okta

import (
	"net/url"
	"strconv"
)

// Expand names what Okta adds to the objects of a response.
type Expand string

// ExpandScope fills Embedded with details of the scopes. Okta documents no other value.
const ExpandScope Expand = "scope"

// maxLimit is the largest page that Okta serves, and the default here: Okta's own default of 20 takes ten times
// the requests.
const maxLimit = 200

// GetOptions are the options of a method that reads one object. Nil means none.
type GetOptions struct {
	Expand Expand
}

// ListOptions are the options of a method that lists. Nil means the defaults.
type ListOptions struct {
	Expand Expand
	After  string // cursor to continue after, from [Page.Cursor]
	Limit  int    // items in a page, 1 to 200; default 200
}

// ListUserGrantsOptions are the options of [UserGrants.List]. Nil means the defaults.
type ListUserGrantsOptions struct {
	ScopeID string // only grants of this scope, such as okta.users.read
	Expand  Expand
	After   string // cursor to continue after, from [Page.Cursor]
	Limit   int    // items in a page, 1 to 200; default 200
}

// options are the options of one kind of call. Their query method validates them.
type options interface {
	query() (url.Values, error)
}

func (o *GetOptions) query() (url.Values, error) {
	query := url.Values{}
	if o == nil {
		return query, nil
	}
	return query, setExpand(query, o.Expand)
}

func (o *ListOptions) query() (url.Values, error) {
	if o == nil {
		o = &ListOptions{}
	}
	query := url.Values{}
	if err := setExpand(query, o.Expand); err != nil {
		return nil, err
	}
	setString(query, "after", o.After)
	return query, setLimit(query, o.Limit)
}

func (o *ListUserGrantsOptions) query() (url.Values, error) {
	if o == nil {
		o = &ListUserGrantsOptions{}
	}
	query, err := (&ListOptions{Expand: o.Expand, After: o.After, Limit: o.Limit}).query()
	if err != nil {
		return nil, err
	}
	setString(query, "scopeId", o.ScopeID)
	return query, nil
}

// noOptions is for an operation without query parameters.
type noOptions struct{}

func (noOptions) query() (url.Values, error) { return url.Values{}, nil }

func setExpand(query url.Values, expand Expand) error {
	if expand != "" && expand != ExpandScope {
		return invalid("Expand is %q: Okta documents %q only", expand, ExpandScope)
	}
	setString(query, "expand", string(expand))
	return nil
}

func setLimit(query url.Values, limit int) error {
	if limit < 0 || limit > maxLimit {
		return invalid("Limit is %d: it must be between 1 and %d, or 0 for %d", limit, maxLimit, maxLimit)
	}
	if limit == 0 {
		limit = maxLimit
	}
	query.Set("limit", strconv.Itoa(limit))
	return nil
}

func setString(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

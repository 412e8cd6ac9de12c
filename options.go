package okta

import (
	"cmp"
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

// ListClientsOptions are the options of [AuthorizationServerClients.List]. It has no fields, since Okta documents no
// parameters.
type ListClientsOptions struct{}

// options are the options of one kind of call. Their query method validates them.
type options interface {
	query() (url.Values, error)
}

func (o *GetOptions) query() (url.Values, error) {
	query := url.Values{}
	if o == nil || o.Expand == "" {
		return query, nil
	}
	if o.Expand != ExpandScope {
		return nil, invalid("Expand is %q: Okta documents %q only", o.Expand, ExpandScope)
	}
	query.Set("expand", string(o.Expand))
	return query, nil
}

func (o *ListOptions) query() (url.Values, error) {
	if o == nil {
		o = &ListOptions{}
	}
	query, err := (&GetOptions{Expand: o.Expand}).query()
	if err != nil {
		return nil, err
	}
	if o.Limit < 0 || o.Limit > maxLimit {
		return nil, invalid("Limit is %d: it must be between 1 and %d, or 0 for %d", o.Limit, maxLimit, maxLimit)
	}
	query.Set("limit", strconv.Itoa(cmp.Or(o.Limit, maxLimit)))
	if o.After != "" {
		query.Set("after", o.After)
	}
	return query, nil
}

func (o *ListUserGrantsOptions) query() (url.Values, error) {
	if o == nil {
		o = &ListUserGrantsOptions{}
	}
	query, err := (&ListOptions{Expand: o.Expand, After: o.After, Limit: o.Limit}).query()
	if err == nil && o.ScopeID != "" {
		query.Set("scopeId", o.ScopeID)
	}
	return query, err
}

func (*ListClientsOptions) query() (url.Values, error) { return url.Values{}, nil }

// noOptions is for an operation without query parameters.
type noOptions struct{}

func (noOptions) query() (url.Values, error) { return url.Values{}, nil }

package org

import (
	"context"
	"net/url"

	"github.com/grantkit/okta"
)

// OAuth2Scope is a scope of a custom authorization server. A consent to it has the ID as its ScopeID. Missing members
// are treated as those of [User].
type OAuth2Scope struct {
	ID          string `json:"id,omitzero"`
	Name        string `json:"name,omitzero"`        // technical, as an app requests it and a token holds it
	DisplayName string `json:"displayName,omitzero"` // in consent dialogs; often empty
	Description string `json:"description,omitzero"`
	Consent     string `json:"consent,omitzero"` // REQUIRED, IMPLICIT or FLEXIBLE
	System      bool   `json:"system,omitzero"`  // created by Okta
	Default     bool   `json:"default,omitzero"` // granted to requests without scopes
	Optional    bool   `json:"optional,omitzero"`
}

// ListScopesOptions are the options of [ListScopes]. Nil means the defaults.
type ListScopesOptions struct {
	After string // cursor to continue after, from [okta.Page.Cursor]
	Limit int    // items in a page, 1 to 200; default 200
}

func (o *ListScopesOptions) query() (url.Values, error) {
	if o == nil {
		o = &ListScopesOptions{}
	}
	return pageQuery(o.After, o.Limit, maxLimit)
}

// ListScopes reads the first page of the scopes of a custom authorization server. [okta.Page.All] reads the others.
//
// GET /api/v1/authorizationServers/{authServerId}/scopes (listOAuth2Scopes). Scope: okta.authorizationServers.read.
// Bucket: /api/v1.
// The ScopeID of a consent to a custom authorization server is an opaque ID, such as scp5yu8kLOnDzo7lh0g4. This list
// has its names. An unknown server is an error that matches [okta.ErrNotFound].
func ListScopes(
	ctx context.Context, c *okta.Client, authServerID string, opts *ListScopesOptions,
) (*okta.Page[OAuth2Scope], error) {
	return list[OAuth2Scope](ctx, c, opts, "authorizationServers", authServerID, "scopes")
}

package oktatest_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

// seedMany gives user u and client c n grants g000 and on, by turns of the scopes even and odd, and as many tokens
// t000 and on.
func seedMany(org *oktatest.Org, n int) {
	org.AddUser(oktatest.User{ID: "u"})
	org.AddClient(oktatest.Client{ID: "c"})
	for i := range n {
		scope := []string{"even", "odd"}[i%2]
		org.AddGrant(oktatest.Grant{ID: fmt.Sprintf("g%03d", i), UserID: "u", ClientID: "c", ScopeID: scope})
		org.AddRefreshToken(oktatest.RefreshToken{ID: fmt.Sprintf("t%03d", i), UserID: "u", ClientID: "c"})
	}
}

// walk follows the next links from a path to the end and returns the IDs of each page.
func walk(t *testing.T, org *oktatest.Org, path string) [][]string {
	t.Helper()
	var pages [][]string
	for path != "" {
		page := get(t, org, path)
		pages = append(pages, page.ids(t))
		path = page.next(t)
	}
	return pages
}

func numbered(prefix string, from, to, step int) []string {
	ids := []string{}
	for i := from; i < to; i += step {
		ids = append(ids, fmt.Sprintf("%s%03d", prefix, i))
	}
	return ids
}

func TestPages(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	seedMany(org, 45)

	twenty := [][]string{numbered("", 0, 20, 1), numbered("", 20, 40, 1), numbered("", 40, 45, 1)}
	fifteen := [][]string{numbered("", 0, 15, 1), numbered("", 15, 30, 1), numbered("", 30, 45, 1)}
	for _, test := range []struct {
		path, prefix string
		want         [][]string
	}{
		{"/api/v1/users/u/grants", "g", twenty},
		{"/api/v1/users/u/grants?limit=15", "g", fifteen},
		{"/api/v1/users/u/grants?limit=45", "g", [][]string{numbered("", 0, 45, 1)}},
		{"/api/v1/users/u/grants?limit=200&expand=scope", "g", [][]string{numbered("", 0, 45, 1)}},
		{"/api/v1/users/u/grants?scopeId=odd", "g", [][]string{numbered("", 1, 41, 2), numbered("", 41, 45, 2)}},
		{"/api/v1/users/u/grants?scopeId=odd&limit=22", "g", [][]string{numbered("", 1, 45, 2)}},
		{"/api/v1/users/u/grants?scopeId=none", "g", [][]string{{}}},
		{"/api/v1/users/u/clients/c/grants", "g", twenty},
		{"/api/v1/users/u/clients/c/tokens?limit=15", "t", fifteen},
		{"/api/v1/authorizationServers/default/clients/c/tokens", "t", twenty},
		{"/api/v1/authorizationServers/default/clients/c/tokens?limit=-1", "t", twenty},
		{"/api/v1/authorizationServers/default/clients/c/tokens?limit=15&expand=scope", "t", fifteen},
	} {
		t.Run(test.path, func(t *testing.T) {
			t.Parallel()
			want := [][]string{}
			for _, page := range test.want {
				ids := []string{}
				for _, number := range page {
					ids = append(ids, test.prefix+number)
				}
				want = append(want, ids)
			}
			assert.Equal(t, want, walk(t, org, test.path))
		})
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		opts oktatest.Options
		base func(*oktatest.Org) string
	}{
		"at the root": {
			oktatest.Options{},
			func(org *oktatest.Org) string { return org.URL },
		},
		"below a base path": {
			oktatest.Options{BasePath: "/gateway/okta"},
			func(org *oktatest.Org) string { return org.URL },
		},
		"under another name": {
			oktatest.Options{BasePath: "/gateway/okta", PublicURL: "https://acme.okta.com"},
			func(*oktatest.Org) string { return "https://acme.okta.com" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := start(t, test.opts)
			seedMany(org, 45)

			first := get(t, org, "/api/v1/users/u/grants?scopeId=odd&limit=7&expand=scope").links(t)
			require.Len(t, first, 2)
			target := test.base(org) + "/api/v1/users/u/grants?"
			assert.Equal(t, target+"expand=scope&limit=7&scopeId=odd", first["self"].String())

			query := first["next"].Query()
			cursor := query.Get("after")
			require.NotEmpty(t, cursor)
			assert.Equal(t, target+"after="+cursor+"&expand=scope&limit=7&scopeId=odd", first["next"].String())

			last := get(t, org, "/api/v1/users/u/grants?limit=200&after="+cursor).links(t)
			assert.Equal(t, target+"after="+cursor+"&limit=200", last["self"].String())
			assert.NotContains(t, last, "next")

			plain := get(t, org, "/api/v1/users/u/clients/c/tokens").links(t)
			assert.Equal(t, test.base(org)+"/api/v1/users/u/clients/c/tokens?limit=20", plain["self"].String())
			assert.Equal(t, "20", plain["next"].Query().Get("limit"), "the default limit stands in the links")

			for _, path := range []string{
				"/api/v1/users/u/clients", "/api/v1/authorizationServers/default/clients", "/api/v1/users/u/grants/g000",
			} {
				assert.Empty(t, get(t, org, path).header.Values("Link"), path)
			}
		})
	}
}

// No item that is there from the first page to the last may be left out, whatever is added and revoked.
func TestPagesWhileItemsAreAddedAndRevoked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(t *testing.T, org *oktatest.Org)
		want   []string
	}{
		"the page's last item is revoked": {
			func(t *testing.T, org *oktatest.Org) {
				t.Helper()
				do(t, org, http.MethodDelete, "/api/v1/users/u/grants/g009")
			},
			numbered("g", 10, 20, 1),
		},
		"the whole page is revoked": {
			func(t *testing.T, org *oktatest.Org) {
				t.Helper()
				for _, id := range numbered("g", 0, 10, 1) {
					do(t, org, http.MethodDelete, "/api/v1/users/u/grants/"+id)
				}
			},
			numbered("g", 10, 20, 1),
		},
		"the next page's first item is revoked": {
			func(t *testing.T, org *oktatest.Org) {
				t.Helper()
				do(t, org, http.MethodDelete, "/api/v1/users/u/grants/g010")
			},
			numbered("g", 11, 21, 1),
		},
		"all are revoked": {
			func(t *testing.T, org *oktatest.Org) {
				t.Helper()
				do(t, org, http.MethodDelete, "/api/v1/users/u/grants")
			},
			[]string{},
		},
		"one is added after all were revoked": {
			func(t *testing.T, org *oktatest.Org) {
				t.Helper()
				do(t, org, http.MethodDelete, "/api/v1/users/u/grants")
				org.AddGrant(oktatest.Grant{ID: "new", UserID: "u", ClientID: "c"})
			},
			[]string{"new"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			org := start(t, oktatest.Options{})
			seedMany(org, 25)

			first := get(t, org, "/api/v1/users/u/grants?limit=10")
			assert.Equal(t, numbered("g", 0, 10, 1), first.ids(t))
			test.change(t, org)
			assert.Equal(t, test.want, get(t, org, first.next(t)).ids(t))
		})
	}
}

func TestInvalidPageParameters(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	seedMany(org, 3)
	grants, tokens := "/api/v1/users/u/grants", "/api/v1/users/u/clients/c/tokens"
	issued := "/api/v1/authorizationServers/default/clients/c/tokens"
	grantCursor := get(t, org, grants+"?limit=1").links(t)["next"].Query().Get("after")

	for path, parameter := range map[string]string{
		grants + "?limit=0":            "limit",
		grants + "?limit=-1":           "limit",
		grants + "?limit=201":          "limit",
		grants + "?limit=ten":          "limit",
		grants + "?limit=1.5":          "limit",
		tokens + "?limit=-1":           "limit",
		issued + "?limit=0":            "limit",
		issued + "?limit=-2":           "limit",
		issued + "?limit=201":          "limit",
		grants + "?expand=scope,scope": "expand",
		grants + "/g000?expand=Scope":  "expand",
		tokens + "/t000?expand=scopes": "expand",
		issued + "/t000?expand=x":      "expand",
	} {
		t.Run(path[:min(len(path), 100)], func(t *testing.T) {
			t.Parallel()
			get(t, org, path).assertError(t, 400, "E0000001", "Api validation failed: "+parameter)
		})
	}
	for _, path := range []string{
		grants + "?after=g000",
		grants + "?after=***",
		grants + "?after=" + encoded("0.0"),
		tokens + "?after=" + grantCursor,
		issued + "?after=" + grantCursor,
		grants + "?after=" + strings.Repeat("A", 5000),
		grants + "?after=" + encoded("oag0.4"),
		grants + "?after=" + encoded("oag0.01"),
		grants + "?after=" + encoded("oag0.-1"),
		"/api/v1/users/u/clients/c/grants?after=" + "x",
	} {
		refused := get(t, org, path)
		refused.assertError(t, 400, "E0000029", "Invalid paging request.")
		assert.Contains(t, refused.body, `"errorCauses":[{"errorSummary":"Invalid cursor."}]`)
	}
	assert.Equal(t, []string{"g001"}, get(t, org, grants+"?limit=1&after="+grantCursor).ids(t))
	assert.Len(t, get(t, org, grants+"?limit=&after=&expand=&scopeId=").ids(t), 3, "an empty parameter is none")
}

func TestExpiredCursors(t *testing.T) {
	t.Parallel()
	org := start(t, oktatest.Options{})
	seedMany(org, 3)
	next := get(t, org, "/api/v1/users/u/grants?limit=1").next(t)
	assert.Equal(t, []string{"g001"}, get(t, org, next).ids(t))
	org.ExpireCursors()
	get(t, org, next).assertError(t, 400, "E0000029", "Invalid paging request.")
	assert.Equal(t, [][]string{{"g000", "g001"}, {"g002"}}, walk(t, org, "/api/v1/users/u/grants?limit=2"))
}

func encoded(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

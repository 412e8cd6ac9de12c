package okta_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

// book responds with numbered pages of one grant each. The number of a page is its cursor; link returns Link headers.
func book(pages int, link func(next int) []string) responder {
	return func(req *http.Request) (*http.Response, error) {
		n, _ := strconv.Atoi(req.URL.Query().Get("after"))
		var headers []string
		if n+1 < pages {
			for _, l := range link(n + 1) {
				headers = append(headers, "Link: "+l)
			}
		}
		return reply(http.StatusOK, sprint(`[{"id":"grant%d"}]`, n), headers...)(req)
	}
}

func nextLink(n int) []string {
	return []string{sprint(`<https://acme.okta.com/api/v1/users/u/grants?after=%d>; rel="next"`, n)}
}

func ids(t *testing.T, page *okta.Page[okta.OAuth2ScopeConsentGrant]) []string {
	t.Helper()
	var ids []string
	for grant, err := range page.All(t.Context()) {
		require.NoError(t, err)
		ids = append(ids, grant.ID)
	}
	return ids
}

func TestPagesLinkForms(t *testing.T) {
	t.Parallel()
	const self = `<https://acme.okta.com/api/v1/users/u/grants?limit=200>; rel="self"`
	for name, links := range map[string][]string{
		"a line for each link":  {self, `<https://acme.okta.com/api/v1/users/u/grants?after=%d>; rel="next"`},
		"two links in one line": {self + `, <https://acme.okta.com/x?after=%d>; rel="next"`},
		"comma in another link": {`<https://acme.okta.com/x?a=1,2;b>; rel="self", <?after=%d>; rel="next"`},
		"unquoted relation":     {`<https://acme.okta.com/x?after=%d>;rel=next`},
		"single quotes":         {`<https://acme.okta.com/x?after=%d>; rel='next'`},
		"upper case":            {`<https://acme.okta.com/x?after=%d>; REL="NEXT"`},
		"relative URL":          {`</api/v1/users/u/grants?after=%d>; rel="next"`},
		"query only":            {`<?after=%d&limit=7#top>; rel="next"`},
		"another host":          {`<https://evil.example/steal?after=%d>; rel="next"`},
		"another path":          {`</api/v1/users/other/grants?after=%d>; rel="next"`},
		"http and a userinfo":   {`<http://u:p@acme.okta.com:8080/x?after=%d>; rel="next"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := play(book(3, func(n int) []string {
				page := slices.Clone(links)
				last := len(page) - 1
				page[last] = sprint(page[last], n)
				return page
			}))
			client := newClient(t, server)
			page, err := client.UserGrants.List(t.Context(), "u", nil)
			require.NoError(t, err)

			assert.Equal(t, []string{"grant0", "grant1", "grant2"}, ids(t, page))
			require.Len(t, server.requests(), 3)
			for _, req := range server.requests() {
				assert.Equal(t, orgURL+"/api/v1/users/u/grants", "https://"+req.URL.Host+req.URL.Path)
				assert.Equal(t, "200", req.URL.Query().Get("limit"))
				assert.NotEmpty(t, req.Header.Get("Authorization"))
			}
		})
	}
}

func TestPagesKeepTheListsOwnQuery(t *testing.T) {
	t.Parallel()
	server := play(
		reply(http.StatusOK, `[{"id":"1"}]`,
			`Link: <https://other/x?after=c%2F%2B1&extra=e&scopeId=other&limit=1&expand=>; rel="next"`),
		reply(http.StatusOK, `[{"id":"2"}]`),
	)
	client := newClient(t, server)
	page, err := client.UserGrants.List(t.Context(), "u", &okta.ListUserGrantsOptions{
		ScopeID: "okta.users.read", Expand: okta.ExpandScope, After: "start", Limit: 3,
	})
	require.NoError(t, err)
	assert.Equal(t, "c/+1", page.Cursor())

	assert.Equal(t, []string{"1", "2"}, ids(t, page))
	assert.Equal(t, url.Values{
		"scopeId": {"okta.users.read"}, "expand": {"scope"}, "limit": {"3"}, "after": {"c/+1"},
	}, server.requests()[1].URL.Query())
	assert.Equal(t, "start", server.requests()[0].URL.Query().Get("after"), "the first request stays as it was")
}

// A parameter of a next link may make a part of a list look like the whole.
func TestNextLinkAddsNoFilter(t *testing.T) {
	t.Parallel()
	link := `Link: <https://acme.okta.com/x?after=1&scopeId=evil&filter=evil&since=2026-01-01&until=2026-01-02>; rel="next"`
	pages := []responder{reply(200, `[{"id":"1"}]`, link), reply(200, `[{"id":"2"}]`)}
	server := play(pages...)
	page, err := newClient(t, server).UserGrants.List(t.Context(), "u", nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"1", "2"}, ids(t, page))
	assert.Equal(t, "after=1&limit=200", server.last().URL.RawQuery)

	for own, want := range map[string]string{
		"limit=7":                  "after=1&limit=7&since=2026-01-01",
		"limit=7&since=2025-12-31": "after=1&limit=7&since=2025-12-31",
	} {
		server = play(pages...)
		query, err := url.ParseQuery(own)
		require.NoError(t, err)
		req := okta.Request{Path: []string{"api", "v1", "logs"}, Query: query}
		page, err = okta.List[okta.OAuth2ScopeConsentGrant](t.Context(), newClient(t, server), req)
		require.NoError(t, err)
		assert.Equal(t, []string{"1", "2"}, ids(t, page))
		assert.Equal(t, want, server.last().URL.RawQuery, "without since, the System Log would begin at another time")
	}
}

func TestPageNext(t *testing.T) {
	t.Parallel()
	server := play(book(2, nextLink))
	client := newClient(t, server)
	first, err := client.UserGrants.List(t.Context(), "u", nil)
	require.NoError(t, err)
	assert.True(t, first.HasNext())
	assert.Equal(t, "1", first.Cursor())

	for range 2 { // a page never changes
		second, err := first.Next(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "grant1", second.Items[0].ID)
		assert.False(t, second.HasNext())
		assert.Empty(t, second.Cursor())
		_, err = second.Next(t.Context())
		require.ErrorIs(t, err, okta.ErrInvalidArgument)
	}
}

func TestPageIsResumedByItsCursor(t *testing.T) {
	t.Parallel()
	client := newClient(t, play(book(4, nextLink)))
	first, err := client.UserGrants.List(t.Context(), "u", nil)
	require.NoError(t, err)

	resumed, err := client.UserGrants.List(t.Context(), "u", &okta.ListUserGrantsOptions{After: first.Cursor()})

	require.NoError(t, err)
	assert.Equal(t, []string{"grant1", "grant2", "grant3"}, ids(t, resumed))
}

func TestPageMetadata(t *testing.T) {
	t.Parallel()
	client := newClient(t, play(reply(http.StatusOK, `[]`, "X-Okta-Request-Id: req1",
		"X-Rate-Limit-Limit: 600", "X-Rate-Limit-Remaining: 599", "X-Rate-Limit-Reset: 1790000000")))
	page, err := client.AuthorizationServerClients.List(t.Context(), "default", nil)
	require.NoError(t, err)
	assert.Equal(t, "req1", page.RequestID)
	assert.Equal(t, 600, page.RateLimit.Limit)
	assert.Equal(t, 599, page.RateLimit.Remaining)
	assert.Equal(t, int64(1790000000), page.RateLimit.Reset.Unix())
	assert.NotNil(t, page.Items)
}

func TestEmptyPageWithANextLink(t *testing.T) {
	t.Parallel()
	client := newClient(t, play(
		reply(http.StatusOK, `[]`, `Link: <?after=1>; rel="next"`),
		reply(http.StatusOK, `[ ]`, `Link: <?after=2>; rel="next"`),
		reply(http.StatusOK, `[{"id":"last"}]`),
	))
	page, err := client.UserGrants.List(t.Context(), "u", nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"last"}, ids(t, page))
}

func TestRepeatedCursorIsAnError(t *testing.T) {
	t.Parallel()
	loops := map[string][]string{
		"to itself":            {"a", "a"},
		"after two":            {"a", "b", "a"},
		"to where it began":    {"start"},
		"to the second of ten": {"1", "2", "3", "4", "5", "6", "7", "8", "9", "2"},
	}
	for name, cursors := range loops {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var responders []responder
			for _, cursor := range cursors {
				link := `Link: <?after=` + cursor + `>; rel="next"`
				responders = append(responders, reply(http.StatusOK, `[{"id":"x"}]`, link))
			}
			server := play(responders...)
			client := newClient(t, server)
			var last error
			page, err := client.UserGrants.List(t.Context(), "u", &okta.ListUserGrantsOptions{After: "start"})
			if last = err; err == nil {
				for _, last = range page.All(t.Context()) { //nolint:revive // to the end
				}
			}
			require.ErrorContains(t, last, "read before")
			assert.Len(t, server.requests(), len(cursors))
			apiErr := requireError(t, last)
			assert.Equal(t, http.StatusOK, apiErr.StatusCode)
		})
	}
}

// The System Log has a next link on every page. On the last one, which is empty, it leads to that page itself.
func TestEmptyPageThatLeadsToItselfIsTheEnd(t *testing.T) {
	t.Parallel()
	server := play(
		reply(http.StatusOK, `[{"id":"1"}]`, `Link: <?after=a>; rel="next"`),
		reply(http.StatusOK, `[]`, `Link: <?after=a>; rel="next"`),
		reply(http.StatusOK, `[{"id":"2"}]`, `Link: <?after=b>; rel="next"`),
		reply(http.StatusOK, `[]`, `Link: <?after=b>; rel="next"`),
	)
	client := newClient(t, server)
	var read []string
	cursor := ""
	for range 2 {
		query := url.Values{}
		if cursor != "" {
			query.Set("after", cursor)
		}
		page, err := okta.List[okta.OAuth2ScopeConsentGrant](t.Context(), client,
			okta.Request{Path: []string{"api", "v1", "logs"}, Query: query})
		require.NoError(t, err)
		for page, err := range page.Pages(t.Context()) {
			require.NoError(t, err)
			cursor = page.Cursor()
			for _, item := range page.Items {
				read = append(read, item.ID)
			}
			if !page.HasNext() {
				assert.Empty(t, page.Items)
			}
		}
	}
	assert.Equal(t, []string{"1", "2"}, read)
	assert.Equal(t, "b", cursor, "a poller continues there")
	assert.Len(t, server.requests(), 4)
}

func TestEmptyPageThatLeadsToAnEarlierOneIsAnError(t *testing.T) {
	t.Parallel()
	server := play(
		reply(http.StatusOK, `[]`, `Link: <?after=a>; rel="next"`),
		reply(http.StatusOK, `[]`, `Link: <?after=b>; rel="next"`),
		reply(http.StatusOK, `[]`, `Link: <?after=a>; rel="next"`),
	)
	page, err := newClient(t, server).UserGrants.List(t.Context(), "u", nil)
	require.NoError(t, err)
	_, err = page.Collect(t.Context())
	require.ErrorContains(t, err, "read before")
}

func TestInvalidNextLinkIsAnError(t *testing.T) {
	t.Parallel()
	for name, link := range map[string]string{
		"no closing bracket": `<https://acme.okta.com/x?after=SECRETCURSOR; rel="next"`,
		"no cursor":          `<https://acme.okta.com/x?limit=SECRETCURSOR>; rel="next"`,
		"empty cursor":       `<https://acme.okta.com/x?after=>; rel="next"`,
		"no query":           `<https://acme.okta.com/SECRETCURSOR>; rel="next"`,
		"not a link":         `SECRETCURSOR`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, play(reply(http.StatusOK, `[{"id":"x"}]`, "Link: "+link)))
			page, err := client.UserGrants.List(t.Context(), "u", nil)
			require.Error(t, err, "a list must not end where its next link cannot be read")
			assert.Nil(t, page)
			assert.NotContains(t, err.Error(), "SECRETCURSOR")
		})
	}
}

func TestIteratorsEndAfterOneError(t *testing.T) {
	t.Parallel()
	server := play(
		reply(http.StatusOK, `[{"id":"1"}]`, `Link: <?after=1>; rel="next"`),
		reply(http.StatusForbidden, ``),
	)
	client := newClient(t, server)
	page, err := client.UserGrants.List(t.Context(), "u", nil)
	require.NoError(t, err)

	var got []string
	for grant, err := range page.All(t.Context()) {
		if err != nil {
			require.ErrorIs(t, err, okta.ErrForbidden)
			assert.Nil(t, grant)
			got = append(got, "error")
			continue
		}
		got = append(got, grant.ID)
	}
	assert.Equal(t, []string{"1", "error"}, got)

	var pages, failures int
	for page, err := range page.Pages(t.Context()) {
		if err != nil {
			assert.Nil(t, page)
			failures++
			continue
		}
		pages++
	}
	assert.Equal(t, 1, pages)
	assert.Equal(t, 1, failures)
}

func TestCollectReturnsAllOrNothing(t *testing.T) {
	t.Parallel()
	page, err := newClient(t, play(book(3, nextLink))).UserGrants.List(t.Context(), "u", nil)
	require.NoError(t, err)
	all, err := page.Collect(t.Context())
	require.NoError(t, err)
	assert.Len(t, all, 3)

	broken := play(reply(200, `[{"id":"1"}]`, `Link: <?after=1>; rel="next"`), reply(403, ""))
	page, err = newClient(t, broken).UserGrants.List(t.Context(), "u", nil)
	require.NoError(t, err)
	all, err = page.Collect(t.Context())
	require.ErrorIs(t, err, okta.ErrForbidden)
	assert.Nil(t, all)
}

func TestEarlyBreakReadsNoFurtherPage(t *testing.T) {
	t.Parallel()
	server := play(book(9, nextLink))
	client := newClient(t, server)
	page, err := client.UserGrants.List(t.Context(), "u", nil)
	require.NoError(t, err)
	for grant, err := range page.All(t.Context()) {
		require.NoError(t, err)
		if grant.ID == "grant1" {
			break
		}
	}
	for _, err := range page.Pages(t.Context()) {
		require.NoError(t, err)
		break
	}
	assert.Len(t, server.requests(), 2)
	assert.Len(t, ids(t, page), 9, "and may begin again")
}

func TestEachStepUsesItsOwnContext(t *testing.T) {
	t.Parallel()
	server := play(book(3, nextLink))
	client := newClient(t, server)
	ctx, cancel := context.WithCancel(t.Context())
	page, err := client.UserGrants.List(ctx, "u", nil)
	require.NoError(t, err)
	cancel()

	_, err = page.Next(ctx)
	require.ErrorIs(t, err, context.Canceled)
	var last error
	for _, last = range page.All(ctx) { //nolint:revive // to the end
	}
	require.ErrorIs(t, last, context.Canceled)

	assert.Equal(t, []string{"grant0", "grant1", "grant2"}, ids(t, page), "the context of the first page does not matter")
}

func TestPagesPassOnTheirContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	server := play(book(2, nextLink))
	client := newClient(t, server)
	page, err := client.UserGrants.List(context.WithValue(t.Context(), key{}, "one"), "u", nil)
	require.NoError(t, err)
	_, err = page.Next(context.WithValue(t.Context(), key{}, "two"))
	require.NoError(t, err)
	assert.Equal(t, "one", server.requests()[0].Context().Value(key{}))
	assert.Equal(t, "two", server.requests()[1].Context().Value(key{}))
}

// A list may change between two readings of it.
func TestListIsReadTwiceWithRevokesInBetween(t *testing.T) {
	t.Parallel()
	org := newOrg(t)
	client := newClient(t, nil, atURL(org.URL))
	page, err := client.UserGrants.List(t.Context(), ann, &okta.ListUserGrantsOptions{Limit: 5})
	require.NoError(t, err)
	before := ids(t, page)
	require.Len(t, before, 45)
	for _, id := range before[5:25] {
		require.NoError(t, client.UserGrants.Revoke(t.Context(), ann, id))
	}
	after := ids(t, page)
	assert.Subset(t, before, after)
	assert.Equal(t, before[:5], after[:5])
	for _, grant := range org.Grants() {
		if grant.UserID == ann {
			assert.Contains(t, after, grant.ID)
		}
	}
}

func TestCursorOfAMalformedQuery(t *testing.T) {
	t.Parallel()
	for query, cursor := range map[string]string{
		"after=a&x=1;2":         "a",
		"x=1;2&after=a":         "a",
		"x=100%&after=a":        "a",
		"after=50%25&x=%zz":     "50%",
		"after=50%zz":           "50%zz",
		"after=a;b":             "a;b",
		"after=&after=a":        "a",
		"after=a&after=":        "a",
		"after=a#b":             "a#b",
		"after=a#b&limit=200":   "a#b",
		"limit=200#x&after=a":   "a",
		"after=a%23b":           "a#b",
		"after=a%2Bb+c&after=x": "a+b c",
	} {
		server := play(reply(200, `[{"id":"1"}]`, "Link: <"+orgURL+"/x?"+query+`>; rel="next"`), reply(200, `[{"id":"2"}]`))
		page, err := newClient(t, server).UserGrants.List(t.Context(), "u", &okta.ListUserGrantsOptions{ScopeID: "s"})
		require.NoError(t, err, query)
		assert.Equal(t, cursor, page.Cursor(), query)
		_, err = page.Next(t.Context())
		require.NoError(t, err, query)
		sent := server.requests()[1].URL.Query()
		assert.Equal(t, []string{cursor}, sent["after"], query)
		assert.Equal(t, "s", sent.Get("scopeId"), query)
		assert.Equal(t, "200", sent.Get("limit"), query)
	}
}

// A caller may change its query afterwards.
func TestQueryIsCopiedDeeply(t *testing.T) {
	t.Parallel()
	server := play(reply(200, `[{"id":"1"}]`, `Link: <?after=1>; rel="next"`), reply(200, `[]`))
	req := okta.Request{Path: []string{"api", "v1", "users"}, Query: url.Values{"filter": {"a"}}}
	page, err := okta.List[okta.OAuth2Client](t.Context(), newClient(t, server), req)
	require.NoError(t, err)
	req.Query["filter"][0], req.Path[2] = "b", "apps"
	_, err = page.Next(t.Context())
	require.NoError(t, err)
	assert.Equal(t, orgURL+"/api/v1/users?after=1&filter=a", server.requests()[1].URL.String())
}

func TestNilAndZeroPagesReturnErrors(t *testing.T) {
	t.Parallel()
	var none *okta.Page[int]
	for _, page := range []*okta.Page[int]{none, {}} {
		assert.False(t, page.HasNext())
		assert.Empty(t, page.Cursor())
		_, err := page.Next(t.Context())
		require.ErrorIs(t, err, okta.ErrInvalidArgument)
	}
	_, err := none.Collect(t.Context())
	require.ErrorIs(t, err, okta.ErrInvalidArgument, "nothing is not an empty list")
	for _, err := range none.All(t.Context()) {
		require.ErrorIs(t, err, okta.ErrInvalidArgument)
	}
}

// NewPage makes lists of several pages for the tests of code that reads them.
func TestNewPage(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	last := okta.NewPage([]int{3}, "", nil)
	fails := true
	second := okta.NewPage([]int{2}, "after2", func(context.Context) (*okta.Page[int], error) {
		if fails {
			return nil, broken
		}
		return last, nil
	})
	first := okta.NewPage([]int{1}, "after1", func(context.Context) (*okta.Page[int], error) { return second, nil })
	assert.True(t, first.HasNext())
	assert.Equal(t, "after1", first.Cursor())
	_, err := first.Collect(t.Context())
	require.ErrorIs(t, err, broken)
	fails = false
	items, err := first.Collect(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2, 3}, items)
	assert.Empty(t, last.Cursor())
	assert.False(t, last.HasNext())

	lost := okta.NewPage([]int{1}, "x", func(context.Context) (*okta.Page[int], error) {
		return nil, nil //nolint:nilnil // the mistake
	})
	_, err = lost.Collect(t.Context())
	require.ErrorIs(t, err, okta.ErrInvalidArgument)
}

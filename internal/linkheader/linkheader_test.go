package linkheader

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const page2 = "https://acme.okta.com/api/v1/users/00u1/grants?after=oag2&limit=200"

func TestFind(t *testing.T) {
	t.Parallel()

	const self = `<https://acme.okta.com/api/v1/users/00u1/grants?limit=200>; rel="self"`
	tests := map[string]struct {
		lines []string
		want  string
	}{
		"a line for each link":               {[]string{self, "<" + page2 + `>; rel="next"`}, page2},
		"links in one line":                  {[]string{self + ", <" + page2 + `>; rel="next"`}, page2},
		"the first of two":                   {[]string{`<a>; rel="next", <b>; rel="next"`}, "a"},
		"the first of two lines":             {[]string{`<a>; rel="next"`, `<b>; rel="next"`}, "a"},
		"comma and semicolon in a target":    {[]string{`<a,b;c=";rel=self>; rel="next"`}, `a,b;c=";rel=self`},
		"comma and semicolon in a title":     {[]string{`<a>; title="x, <y>; rel=next"; rel="self", <b>; rel="next"`}, "b"},
		"escaped quotes":                     {[]string{`<a>; title="x\"; rel=\"next"; rel="self", <b>; rel="next"`}, "b"},
		"escaped backslash ends no escape":   {[]string{`<a>; title="\\"; rel="next"`}, "a"},
		"escaped letters in the relation":    {[]string{`<a>; rel="n\ex\t"`}, "a"},
		"unquoted relation":                  {[]string{`<a>; rel=next`}, "a"},
		"unquoted relation, then a link":     {[]string{`<a>; rel=next,<b>; rel=self`}, "a"},
		"unquoted relation that is a URI":    {[]string{`<a>; rel=https://example.com/r?x=y, <b>; rel=next`}, "b"},
		"several relations":                  {[]string{"<a>; rel=\"last  next\tsection\""}, "a"},
		"any case":                           {[]string{`<a>; REL="NeXt"`}, "a"},
		"part of a longer relation":          {[]string{`<a>; rel="nextish", <b>; rel="next"`}, "b"},
		"whitespace everywhere":              {[]string{"\t <\ta > \t; \trel\t = \t\"next\" \t, \t<b>"}, "a"},
		"no whitespace anywhere":             {[]string{`<a>;rel=self,<b>;title="x";rel=next`}, "b"},
		"empty list elements":                {[]string{`, ,,<a>; rel="self", ,<b>; rel="next",`}, "b"},
		"empty parameters":                   {[]string{`<a>;; ;rel="next";`}, "a"},
		"empty parameters, then a link":      {[]string{`<a>; rel="self"; , <b>; rel="next"`}, "b"},
		"parameter without a value":          {[]string{`<a>; crossorigin; rel="next"`}, "a"},
		"parameter with an empty value":      {[]string{`<a>; title=; rel="next"`}, "a"},
		"only the first rel counts":          {[]string{`<a>; rel="self"; rel="next", <b>; rel="next"`}, "b"},
		"a rel without a value counts":       {[]string{`<a>; rel; rel="next", <b>; rel="next"`}, "b"},
		"a link without parameters":          {[]string{`<a>, <b>; rel="next"`}, "b"},
		"a parameter whose name ends in rel": {[]string{`<a>; xrel="next"; rel*=next, <b>; rel="next"`}, "b"},
		"a relative target":                  {[]string{`<?after=x>; rel="next"`}, "?after=x"},
		"an empty target":                    {[]string{`<>; rel="next"`}, ""},
		"bytes that are no UTF-8":            {[]string{"<\xff>; title=\"\xfe\"; rel=\"next\""}, "\xff"},
		"found before what cannot be read":   {[]string{`<a>; rel="next", b>`}, "a"},
		"found before a line of junk":        {[]string{`<a>; rel="next"`, `junk`}, "a"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			target, found, err := Find(tt.lines, "next")

			require.NoError(t, err)
			assert.True(t, found)
			assert.Equal(t, tt.want, target)
		})
	}
}

func TestFindIgnoresTheCaseOfTheWantedRelation(t *testing.T) {
	t.Parallel()

	target, found, err := Find([]string{`<a>; rel=next`}, "NEXT")

	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, "a", target)
}

func TestFindWithoutSuchALink(t *testing.T) {
	t.Parallel()

	tests := map[string][]string{
		"no header":             nil,
		"an empty line":         {""},
		"only separators":       {" ,\t, "},
		"another relation":      {`<a>; rel="self"`},
		"no relation":           {`<a>; title="next"`},
		"an empty relation":     {`<a>; rel=""`},
		"next only in a target": {`<a; rel="next">; rel="self"`},
	}
	for name, lines := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			target, found, err := Find(lines, "next")

			require.NoError(t, err)
			assert.False(t, found)
			assert.Empty(t, target)
		})
	}
}

func TestFindInAHeaderThatCannotBeUnderstood(t *testing.T) {
	t.Parallel()

	const (
		noLink    = `no "<" where a link should begin`
		noTarget  = `no ">" at the end of a target`
		noQuote   = "a quoted string without an end"
		noName    = "a parameter without a name"
		junk      = "neither a parameter nor the end of a link"
		firstLine = "link header, line 1, "
	)
	tests := map[string]struct {
		lines []string
		want  string
	}{
		"a target without brackets":      {[]string{`secret; rel="next"`}, firstLine + "byte 0: " + noLink},
		"a target without an end":        {[]string{`<secret; rel="next"`}, firstLine + "byte 0: " + noTarget},
		"an end lost before a link":      {[]string{`<secret; rel=self, <b>; rel=next`}, firstLine + "byte 0: " + noTarget},
		"a quoted value without an end":  {[]string{`<a>; rel="secret`}, firstLine + "byte 9: " + noQuote},
		"a quote after the relation":     {[]string{`<a>; rel="next"; title="secret`}, firstLine + "byte 23: " + noQuote},
		"an end that is escaped":         {[]string{`<a>; rel="secret\"`}, firstLine + "byte 9: " + noQuote},
		"an escape of nothing":           {[]string{`<a>; rel="secret\`}, firstLine + "byte 9: " + noQuote},
		"junk after a target":            {[]string{`<a> secret; rel="next"`}, firstLine + "byte 4: " + junk},
		"junk after a quoted value":      {[]string{`<a>; rel="next"secret`}, firstLine + "byte 15: " + junk},
		"junk between links":             {[]string{`<a>; rel="self" secret, <b>; rel=next`}, firstLine + "byte 16: " + junk},
		"no comma between links":         {[]string{`<a>; rel="self" <b>; rel="next"`}, firstLine + "byte 16: " + junk},
		"a link within a value":          {[]string{`<a>; rel=self<b>; rel="next"`}, firstLine + "byte 13: " + junk},
		"a quote within a value":         {[]string{`<a>; rel=self", <b>; rel="next"`}, firstLine + "byte 13: " + junk},
		"relations without quotes":       {[]string{`<a>; rel=last next`}, firstLine + "byte 14: " + junk},
		"a value without a name":         {[]string{`<a>; ="secret"; rel="next"`}, firstLine + "byte 5: " + noName},
		"a link in place of a parameter": {[]string{`<a>; <b>; rel="next"`}, firstLine + "byte 5: " + noName},
		"a null byte":                    {[]string{"<a>\x00, <b>; rel=next"}, firstLine + "byte 3: " + junk},
		"the second line":                {[]string{`<a>; rel="self"`, `secret`}, "link header, line 2, byte 0: " + noLink},
		"a line before the link's":       {[]string{`secret`, `<a>; rel="next"`}, firstLine + "byte 0: " + noLink},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			target, found, err := Find(tt.lines, "next")

			require.EqualError(t, err, tt.want)
			assert.NotContains(t, err.Error(), "secret")
			assert.False(t, found)
			assert.Empty(t, target)
		})
	}
}

// With quadratic time, these would take minutes.
func TestFindInLongHeaders(t *testing.T) {
	t.Parallel()

	const size = 1 << 20
	repeated := func(s string) string { return strings.Repeat(s, size/len(s)) }
	tests := map[string]struct {
		line      string
		wantFound bool
		wantError bool
	}{
		"opening brackets": {repeated("<"), false, true},
		"targets":          {repeated("<>"), false, true},
		"commas":           {repeated(","), false, false},
		"spaces":           {repeated(" "), false, false},
		"quotes":           {repeated(`"`), false, true},
		"semicolons":       {"<a>" + repeated(";"), false, false},
		"equals signs":     {"<a>;" + repeated("="), false, true},
		"empty strings":    {"<a>" + repeated(`;a=""`), false, false},
		"strings":          {"<a>" + repeated(`;a="`), false, false},
		"backslashes":      {`<a>; rel="` + repeated(`\`), false, true},
		"relations":        {`<a>; rel="` + repeated("a ") + `"`, false, false},
		"links":            {repeated("<a>; rel=self, ") + "<b>; rel=next", true, false},
		"a long target":    {"<" + repeated("a") + ">; rel=next", true, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			_, found, err := Find([]string{tt.line}, "next")

			assert.Equal(t, tt.wantError, err != nil)
			assert.Equal(t, tt.wantFound, found)
		})
	}
}

func FuzzFind(f *testing.F) {
	f.Add(`<a>; rel="self"`, page2, "a title", "next")
	f.Add(`<a>; rel="self", , <b>;rel=next`, "?after=x,y;z", `"quoted", \escaped\`, "Last")
	f.Add(`<a>; title="x\"; rel`, "", "<b>; rel=next", "next")
	f.Add(`<<`, " ", "", "\xff")
	f.Fuzz(func(t *testing.T, line, target, title, rel string) {
		checkAnyHeader(t, line, rel)
		checkKnownLink(t, target, title, rel)
	})
}

func checkAnyHeader(t *testing.T, line, rel string) {
	t.Helper()
	target, found, err := Find([]string{line}, rel)
	if !found {
		assert.Empty(t, target)
		return
	}
	require.NoError(t, err)
	assert.Contains(t, line, target)
}

func checkKnownLink(t *testing.T, target, title, rel string) {
	t.Helper()
	target = strings.Trim(strings.NewReplacer("<", "", ">", "").Replace(target), whitespace)
	if len(strings.Fields(rel)) != 1 || strings.EqualFold(strings.TrimSpace(rel), "self") {
		return
	}
	self := `<self>; rel="self"; title=` + quoted(title)
	wanted := "<" + target + ">; title=" + quoted(title) + "; rel=" + quoted("other "+rel)

	for _, lines := range [][]string{{self, wanted}, {self + ", " + wanted}, {wanted, self}, {wanted + "," + self}} {
		got, found, err := Find(lines, strings.TrimSpace(rel))
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, target, got)
	}
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func TestQuery(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]url.Values{
		"":                                    {},
		"https://acme.okta.com/x":             {},
		"?":                                   {},
		page2:                                 {"after": {"oag2"}, "limit": {"200"}},
		"?after=a%2Fb%3D&limit=%32":           {"after": {"a/b="}, "limit": {"2"}},
		"?after=a;b;c":                        {"after": {"a;b;c"}},
		"?limit=5;x&after=a":                  {"limit": {"5;x"}, "after": {"a"}},
		"?x=100%&after=a":                     {"x": {"100%"}, "after": {"a"}},
		"?after=%2Fa%zz%2Fb%2":                {"after": {"/a%zz/b%2"}},
		"?after=a%+b+c%25%":                   {"after": {"a% b c%%"}},
		"?after=a#b&limit=5#top":              {"after": {"a#b"}, "limit": {"5"}},
		"?%61fter=a#b":                        {"after": {"a#b"}},
		"?after=&limit=1&after=b":             {"after": {"b"}, "limit": {"1"}},
		"?after&after=":                       {},
		"?after=a&after=b":                    {"after": {"a", "b"}},
		"?&&=x&limit&filter=a%20eq%20\"b=c\"": {"limit": {""}, "filter": {`a eq "b=c"`}},
		"?After=a&a%66ter%=b":                 {"After": {"a"}, "after%": {"b"}},
		"?after=a?b":                          {"after": {"a?b"}},
		"?after=%FF%00":                       {"after": {"\xff\x00"}},
	} {
		assert.Equal(t, want, Query(target), target)
	}
}

// FuzzQuery: what net/url can read is read as net/url reads it, and whatever was read arrives when it is sent.
func FuzzQuery(f *testing.F) {
	for _, target := range []string{page2, "?after=a%2Fb;c#d%", "?after=&after=b&x=%zz#y", "?a=1&a=2&&=3&+=%20"} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		query := Query(target)
		require.Empty(t, query[""])
		require.NotContains(t, query["after"], "")
		require.Equal(t, query, Query("?"+query.Encode()))

		_, raw, _ := strings.Cut(target, "?")
		want, err := url.ParseQuery(raw)
		if err != nil || strings.Contains(raw, "#") {
			return
		}
		delete(want, "")
		want["after"] = slices.DeleteFunc(want["after"], func(cursor string) bool { return cursor == "" })
		if len(want["after"]) == 0 {
			delete(want, "after")
		}
		require.Equal(t, want, query)
	})
}

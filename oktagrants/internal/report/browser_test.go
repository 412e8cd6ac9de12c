package report_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

func TestInChromium(t *testing.T) {
	t.Parallel()
	b := chromium(t)
	for name, test := range map[string]func(*testing.T, browser){
		"Apps":         testApps,
		"Users":        testUsers,
		"Revokes":      testRevokes,
		"HostileNames": testHostileNames,
		"Dark":         testDark,
		"Print":        testPrint,
		"NoOverflow":   testNoOverflow,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, b)
		})
	}
}

// header is the button that sorts by a column.
func header(table, title string) chromedp.Search {
	return chromedp.Search(fmt.Sprintf(`//section[@id="%s"]//th/button[.="%s"]`, table, title))
}

func testApps(t *testing.T, b browser) {
	tab := b.open(t, page(t, demo(2_000)), desk)
	names := "#apps tbody .name"
	reach := tab.texts(names)
	require.Len(t, reach, 10)
	require.Equal(t, "10 of 10 rows", tab.texts("#apps output")[0])

	tab.do(chromedp.Click(header("apps", "App")))
	require.Equal(t, slices.Sorted(slices.Values(reach)), tab.texts(names))
	tab.do(chromedp.Click(header("apps", "App")))
	ascending := slices.Sorted(slices.Values(reach))
	slices.Reverse(ascending)
	require.Equal(t, ascending, tab.texts(names))
	require.Equal(t, "descending", eval[string](tab, `document.querySelector("#apps th").ariaSort`))

	tab.do(chromedp.Click(header("apps", "Reach")))
	require.Equal(t, reach[:6], tab.texts(names)[:6], "the largest first, as the page came")

	tab.do(chromedp.SendKeys(chromedp.CSS("#apps input"), "ADMIN tool"))
	require.Equal(t, []string{"Admin Toolbox"}, tab.texts(names))
	require.Equal(t, "1 of 1 rows", tab.texts("#apps output")[0])

	tab.do(chromedp.Click(chromedp.CSS("#apps .find")))
	require.Equal(t, demoClient(4), eval[string](tab, `document.querySelector("#users input").value`))
	require.Equal(t, "100 of 500 rows", tab.texts("#users output")[0])
	tab.requireQuiet()
}

func testUsers(t *testing.T, b browser) {
	s := demo(20_000)
	s.tokens = demoTokens(20_000)
	s.run.Arguments = `{"tokens":true}`
	tab := b.open(t, page(t, s), desk)
	logins, rows := "#users td:first-child .name", "#users tbody tr"
	require.Len(t, tab.texts(rows), 100)
	require.Equal(t, "100 of 63,333 rows", tab.texts("#users output")[0])
	tab.do(chromedp.Click(chromedp.CSS("#users .more")))
	require.Len(t, tab.texts(rows), 200)

	tab.do(chromedp.SendKeys(chromedp.CSS("#users input"), "x12477. SILVA"))
	require.Len(t, tab.texts(rows), 3)
	require.Equal(t, slices.Repeat([]string{demoUser(12_477).Login}, 3), tab.texts(logins))
	require.Contains(t, tab.texts(rows)[1], "Admin Toolbox")
	require.Contains(t, tab.texts(rows)[1], "2026-09-03\t2026-09-23")
	require.False(t, eval[bool](tab, `document.querySelector("#users .more").checkVisibility()`))

	clearSearch := `
		search = document.querySelector("#users input");
		search.value = "";
		search.dispatchEvent(new Event("input"))`
	eval[bool](tab, clearSearch)
	tab.do(chromedp.Click(header("users", "First granted")))
	first := tab.texts("#users td:nth-child(8)")
	require.True(t, slices.IsSorted(first), "the oldest first: %v", first[:3])
	require.Equal(t, "2025-10-16", first[0])
	tab.do(chromedp.Click(header("users", "User")))
	require.True(t, strings.HasPrefix(tab.texts(logins)[0], "a0."), tab.texts(logins)[0])
	tab.do(chromedp.Click(header("users", "User")))
	require.True(t, strings.HasPrefix(tab.texts(logins)[0], "z99"), tab.texts(logins)[0])

	tab.do(chromedp.Click(chromedp.CSS(`#users input[value="2"]`)))
	for _, old := range tab.texts("#users td:nth-child(7)") {
		require.NotEqual(t, "0", old, "old ones only")
	}
	tab.do(chromedp.Click(chromedp.CSS(`#users input[value="1"]`)))
	require.True(t, eval[bool](tab,
		`[...document.querySelectorAll("#users tbody tr")].every(row => row.querySelector(".powerful"))`), "powerful only")
	tab.do(chromedp.SendKeys(chromedp.CSS("#users input"), "nobody"))
	require.Empty(t, tab.texts(rows))
	require.Equal(t, "0 of 0 rows", tab.texts("#users output")[0])
	tab.requireQuiet()
}

func testRevokes(t *testing.T, b browser) {
	verified, left := user(1), user(2)
	verified.State, verified.Checked = ledger.Verified, began.Add(time.Hour)
	verified.Revoked = []ledger.Revoked{{What: "sessions", At: began}, {What: "grants", At: began}}
	left.State, left.Class, left.Error = ledger.Left, "left", "not all was revoked"
	tab := b.open(t, page(t, ended(ledger.Offboard, "{}", verified, left)), desk)
	require.Equal(t, []string{
		"user1@acme.example", "ACTIVE", "Verified", "sessions, grants", "2026-11-20 09:30", "2026-11-20 10:30", "1",
	}, firstLines(tab.texts("#users tbody tr:first-child td")))
	tab.do(chromedp.Click(chromedp.CSS(`#users input[type="checkbox"]`)))
	require.Equal(t, []string{"user2@acme.example"}, tab.texts("#users td .name"))
	tab.do(chromedp.SendKeys(chromedp.CSS("#problems input"), "user1"))
	require.Empty(t, tab.texts("#problems tbody tr"))
	tab.requireQuiet()
}

func firstLines(texts []string) []string {
	for i, text := range texts {
		texts[i], _, _ = strings.Cut(text, "\n")
	}
	return texts
}

func hostilePage(t *testing.T) string {
	t.Helper()
	var tasks []ledger.Task
	for n, name := range hostile {
		u := user(n, grant(name, name, name), grant(fmt.Sprintf("0oa%d", n), name, "manage"+name))
		u.Login, u.Name, u.Status = name, name, name
		tasks = append(tasks, u, ledger.Task{
			Kind: ledger.User, ID: name, Given: name, State: ledger.Failed, Class: name, Error: name,
		})
	}
	s := ended(ledger.Review, "{}", tasks...)
	s.run.Phase, s.run.Org, s.run.Name, s.run.Stop = ledger.Working, hostile[0], hostile[1], hostile[2]
	return page(t, s, hostile[0])
}

func testHostileNames(t *testing.T, b browser) {
	tab := b.open(t, hostilePage(t), desk)
	require.Equal(t, fmt.Sprintf("%d of %d rows", 2*len(hostile), 2*len(hostile)), tab.texts("#users output")[0])
	for _, selector := range []string{"#apps tbody .name", "#users td .name", "#problems tbody .name", ".chart .name"} {
		assert.Contains(t, tab.texts(selector), hostile[0], selector)
	}
	assert.Contains(t, tab.texts("#users td .name"), "Pay⟨U+202E⟩moc.live⟨U+202C⟩⟨U+2066⟩")
	assert.Contains(t, tab.texts("#users td.text"), "Pay⟨U+202E⟩moc.live⟨U+202C⟩⟨U+2066⟩")
	assert.Contains(t, tab.texts("#users td .name"), "👩‍👩‍👧‍👦 Family 🎉 ❤️")
	tab.do(chromedp.SendKeys(chromedp.CSS("#users input"), "<img"))
	require.Len(t, tab.texts("#users tbody tr"), 2)
	for _, column := range []string{"User", "Status", "App", "Scopes"} {
		tab.do(chromedp.Click(header("users", column)))
	}
	require.True(t, eval[bool](tab, `typeof window.pwned === "undefined"`))
	require.Zero(t, eval[int](tab, `document.querySelectorAll("img, iframe, object, embed, svg[onload]").length`))
	tab.requireQuiet()
}

func testDark(t *testing.T, b browser) {
	background := `getComputedStyle(document.body).backgroundColor`
	markup := page(t, demo(20))
	dark := desk
	dark.scheme = "dark"
	require.Equal(t, "rgb(246, 247, 249)", eval[string](b.open(t, markup, desk), background))
	require.Equal(t, "rgb(18, 22, 28)", eval[string](b.open(t, markup, dark), background))
	dark.media = "print"
	require.Equal(t, "rgb(255, 255, 255)", eval[string](b.open(t, markup, dark), background), "paper is white")
}

func testPrint(t *testing.T, b browser) {
	paper := desk
	paper.media = "print"
	tab := b.open(t, page(t, demo(2_000)), paper)
	require.False(t, eval[bool](tab, `[...document.querySelectorAll("input, .more")].some(e => e.checkVisibility())`))
	require.Equal(t, "100 of 6,000 rows", tab.texts("#users output")[0], "paper says that it is a part")
}

// The page is as wide as the window, however long the names are.
func testNoOverflow(t *testing.T, b browser) {
	large := demo(2_000)
	revokes := ended(ledger.Offboard, "{}", slices.Collect(demo(20).tasks)...)
	for name, markup := range map[string]string{
		"review": page(t, large), "offboard": page(t, revokes), "hostile": hostilePage(t),
	} {
		tab := b.open(t, markup, phone)
		for _, width := range []int64{320, phone.width, 800, 1001, desk.width} {
			tab.do(chromedp.EmulateViewport(width, phone.height))
			assert.LessOrEqual(t, eval[int64](tab, "document.documentElement.scrollWidth"), width, "%s at %d", name, width)
		}
		tab.requireQuiet()
		paper := view{width: 700, height: 1000, scheme: "light", media: "print"}
		tab = b.open(t, markup, paper)
		assert.LessOrEqual(t, eval[int64](tab, "document.documentElement.scrollWidth"), paper.width, "%s on paper", name)
	}
}

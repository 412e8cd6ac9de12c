package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func open(t *testing.T, text string) (*userList, error) {
	t.Helper()
	return newMachine(t).open(text)
}

// open opens a list with a text, as a file.
func (m *machine) open(text string) (*userList, error) {
	m.t.Helper()
	c := &cli{in: m.stdin}
	return c.openList(m.t.Context(), m.write("list.csv", text))
}

func read(t *testing.T, list *userList) []string {
	t.Helper()
	var users []string
	for user, err := range list.users() {
		require.NoError(t, err)
		users = append(users, user)
	}
	return users
}

func TestLists(t *testing.T) {
	t.Parallel()
	two := []string{"ann@example.com", "00ubob"}
	for name, text := range map[string]string{
		"one a line":            "ann@example.com\n00ubob\n",
		"no end of line":        "ann@example.com\n00ubob",
		"CRLF and blank lines":  "\r\n\r\nann@example.com\r\n\r\n  \r\n00ubob\r\n\r\n",
		"byte order mark":       "\ufeffann@example.com\n00ubob\n",
		"header":                "login\nann@example.com\n00ubob\n",
		"header with mark":      "\ufefflogin\r\nann@example.com\r\n00ubob\r\n",
		"header in quotes":      "\"Login\"\n\"ann@example.com\"\n\"00ubob\"\n",
		"spaces":                "  ann@example.com  \n\t00ubob\n",
		"other columns":         "name,login,left\n\"Ann, the first\",ann@example.com,2026\nBob,00ubob,\n",
		"empty rows":            "name,login\n,\nAnn,ann@example.com\n,,\nBob,00ubob\n",
		"quotes over two lines": "note,login\n\"two\nlines\",ann@example.com\nx,00ubob\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, err := open(t, text)
			require.NoError(t, err)
			assert.Equal(t, two, read(t, list))
			assert.Equal(t, two, read(t, list), "a second time")
			sum := sha256.Sum256([]byte(text))
			assert.Equal(t, hex.EncodeToString(sum[:]), list.hash)
		})
	}
}

func TestListsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, says string }{
		"empty":        {"", "it names no users"},
		"mark alone":   {"\ufeff", "it names no users"},
		"header alone": {"login\n", "it names no users"},
		"wrong columns": {
			"name,email\nAnn,ann@example.com\n", `no column is named "id" or "login": the first line has "name", "email"`,
		},
		"one wrong column":  {"email\nann@example.com\n", `the first line has "email"`},
		"a word":            {"admin\n", `the first line has "admin"`},
		"semicolons":        {"id;login\n00uann;ann\n", `the first line has "id;login"`},
		"row without user":  {"name,login\nAnn,ann@example.com\nBob,\n", `line 3 has no user in the column "id" or "login"`},
		"short row":         {"name,login\nAnn\n", "line 2 has no user"},
		"comma in a name":   {"name,login\nDoe, John,ann@example.com\n", "line 2 has 3 cells, the first line 2"},
		"two in a line":     {"ann@example.com\n00ubob,00ucid\n", "line 2 has 2 cells, the first line 1"},
		"ID of another":     {"id,name\n12345,Ann\n", `line 2: "12345" is not the ID of a user at Okta`},
		"login as ID":       {"id\nann@example.com\n", `line 2: "ann@example.com" is not the ID of a user at Okta`},
		"ID and login":      {"login,ID\nbob@example.com,00uann\n", `2 columns are named "id" or "login": keep one of them`},
		"two logins":        {"login,Login\nbob@example.com,ann@example.com\n", "keep one of them"},
		"control character": {"ann\x1b[2J@example.com\n", "control character"},
		"NUL":               {"ann@example.com\x00\n", "line 1 is no text in UTF-8"},
		"binary":            {"SQLite format 3\x00\x10", "line 1 is no text in UTF-8"},
		"no UTF-8":          {"ann@example.com\nbj\xf6rn@example.com\n", "line 2 is no text in UTF-8"},
		"UTF-16":            {"\xff\xfea\x00\n\x00", "it is UTF-16: save it as UTF-8"},
		"long line":         {"ann@example.com\n" + strings.Repeat("x", maxLine+1), "line 2 is longer than"},
		"open quote":        {"login\n\"ann@example.com\n", `extraneous or missing`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := open(t, c.text)
			require.ErrorContains(t, err, c.says)
			assert.Equal(t, 2, exitCode(err))
		})
	}
}

func TestListThatIsNoFile(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.run("offboard", "--run", m.path("run.db"), "--from", m.path("none.csv")).fails(t, 2, "none.csv", "no such file")
	m.run("offboard", "--run", m.path("run.db"), "--from", m.folder).fails(t, 2, "is a directory")
	assert.NoFileExists(t, m.path("run.db"), "nothing is begun")
}

func TestListThatIsTheRun(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	path := m.write("run.db", "ann@example.com\n")
	require.NoError(t, os.Symlink(path, m.path("link.db")))
	m.run("offboard", "--run", path, "--from", path).fails(t, 2, "--run and --from name the same file")
	m.run("review", "--run", m.path("link.db"), "--from", path).fails(t, 2, "--run and --from name the same file")
	assert.FileExists(t, path)
}

func TestListFromStandardInput(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.stdin = strings.NewReader("login\nann@example.com\n")
	list, err := (&cli{in: m.stdin}).openList(t.Context(), "-")
	require.NoError(t, err)
	assert.Equal(t, []string{"ann@example.com"}, read(t, list))
	assert.Equal(t, []string{"ann@example.com"}, read(t, list), "a second time, as a resumed list needs it")
}

func TestLongList(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "user%d@example.com\n", i)
	}
	list, err := open(t, text.String())
	require.NoError(t, err)
	assert.Len(t, read(t, list), 20_000)
}

func TestInterruptWhileReadingList(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	asked := make(chan struct{})
	m.stdin = neverTyped{asked}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	m.runIn(ctx, "review", "--run", m.path("run.db"), "--from", "-").fails(t, 3, "interrupted")
}

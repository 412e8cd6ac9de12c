package okta_test

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
)

// needsRepository skips a test in a copy of the root module alone, such as that of the module cache.
func needsRepository(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("oktagrants"); err != nil {
		t.Skip("a copy of the root module alone")
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name) //nolint:gosec // a file of this module
	require.NoError(t, err)
	return string(text)
}

// eachFile calls do for the name of every file of the repository with a suffix.
func eachFile(t *testing.T, suffix string, do func(name string)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == ".git" || name == "bin"):
			return fs.SkipDir
		case strings.HasSuffix(name, suffix):
			do(name)
		}
		return nil
	}))
}

// Each test that SECURITY.md names is there. Those of the command are in a module of its own.
func TestSecurityPromisesAreHeld(t *testing.T) {
	t.Parallel()
	needsRepository(t)
	promises, tests := readFile(t, "SECURITY.md"), ""
	eachFile(t, "_test.go", func(name string) { tests += readFile(t, name) })
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w+)`").FindAllStringSubmatch(promises, -1)
	assert.Greater(t, len(named), 25)
	for _, name := range named {
		found := strings.Contains(tests, "func "+name[1]+"(") // Contains of assert would print all tests
		assert.True(t, found, "SECURITY.md names %s", name[1])
	}
}

func TestVersionIsTheNewestOfTheChangelog(t *testing.T) {
	t.Parallel()
	newest := regexp.MustCompile(`(?m)^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$`).
		FindStringSubmatch(readFile(t, "CHANGELOG.md"))
	require.NotNil(t, newest, "CHANGELOG.md has no heading with a version and a date")

	var userAgent string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		userAgent = r.UserAgent()
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	client, err := okta.NewClient(okta.Config{OrgURL: server.URL, Credentials: okta.APIToken("00secret")})
	require.NoError(t, err)
	require.NoError(t, client.UserGrants.Revoke(t.Context(), "u", "g"))
	assert.Contains(t, userAgent, "grantkit-okta/"+newest[1]+" ")
}

func TestREADMEIsShort(t *testing.T) {
	t.Parallel()
	assert.LessOrEqual(t, strings.Count(readFile(t, "README.md"), "\n"), 160)
}

// The program of the README builds as it stands, as a package of this module.
func TestProgramOfTheREADMEBuilds(t *testing.T) {
	t.Parallel()
	program := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindStringSubmatch(readFile(t, "README.md"))
	require.NotNil(t, program, "README.md has no program")

	folder, err := filepath.Abs(filepath.Join("examples", "readme"))
	require.NoError(t, err)
	source, overlay := filepath.Join(t.TempDir(), "main.go"), filepath.Join(t.TempDir(), "overlay.json")
	require.NoError(t, os.WriteFile(source, []byte(program[1]), 0o600))
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(folder, "main.go"): source}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, replace, 0o600))

	build := exec.CommandContext(t.Context(), //nolint:gosec // the folder is the test's own
		"go", "build", "-overlay", overlay, "-o", os.DevNull, "./examples/readme")
	output, err := build.CombinedOutput()
	assert.NoError(t, err, "%s", output)
}

// What a document links to below the repository is there, and so are the headings.
func TestLinksOfDocuments(t *testing.T) {
	t.Parallel()
	needsRepository(t)
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	links := 0
	eachFile(t, ".md", func(name string) {
		for _, found := range link.FindAllStringSubmatch(withoutCode(readFile(t, name)), -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			links++
			to := name
			if target != "" {
				to = filepath.Join(filepath.Dir(name), filepath.FromSlash(target))
			}
			if _, err := os.Stat(to); !assert.NoError(t, err, "%s links to %s", name, found[1]) || anchor == "" {
				continue
			}
			assert.Contains(t, anchors(readFile(t, to)), anchor, "%s links to %s", name, found[1])
		}
	})
	assert.Greater(t, links, 30)
}

func withoutCode(text string) string {
	return regexp.MustCompile("(?s)```.*?```|`[^`\n]*`").ReplaceAllString(text, "")
}

// anchors are those that GitHub makes of the headings of a document.
func anchors(text string) []string {
	var anchors []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		words := regexp.MustCompile(`[^\p{L}\p{N}\s_-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		anchors = append(anchors, strings.ReplaceAll(words, " ", "-"))
	}
	return anchors
}

package okta_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each test that SECURITY.md names is there. Those of the command are in a module of its own.
func TestSecurityPromisesAreHeld(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("oktagrants"); err != nil {
		t.Skip("a copy of the root module alone, such as that of the module cache")
	}
	promises, err := os.ReadFile("SECURITY.md")
	require.NoError(t, err)
	tests := ""
	require.NoError(t, filepath.WalkDir(".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name) //nolint:gosec // a file of this module
		tests += string(text)
		return err
	}))
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w+)`").FindAllStringSubmatch(string(promises), -1)
	assert.Greater(t, len(named), 25)
	for _, name := range named {
		found := strings.Contains(tests, "func "+name[1]+"(") // Contains of assert would print all tests
		assert.True(t, found, "SECURITY.md names %s", name[1])
	}
}

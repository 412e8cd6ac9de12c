package oktatest_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The package documentation lists each route around grants and tokens, and no other.
func TestDocumentationListsTheRoutes(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("route.go")
	require.NoError(t, err)
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	var listed, served []string
	for _, found := range regexp.MustCompile(`(?m)^//\t(GET|DELETE|POST) +(/\S+)`).FindAllStringSubmatch(string(doc), -1) {
		listed = append(listed, found[1]+" "+found[2])
	}
	ofTheSDK := regexp.MustCompile(`/(users|clients)/\{\w+\}/(grants|tokens)|authorizationServers/\{\w+\}/clients$`)
	for _, found := range regexp.MustCompile(`\son\("(\w+)", "(\S+)"`).FindAllStringSubmatch(string(source), -1) {
		if !ofTheSDK.MatchString(found[2]) {
			served = append(served, found[1]+" "+found[2])
		}
	}
	require.NotEmpty(t, served)
	assert.ElementsMatch(t, append(served, "POST /oauth2/v1/token"), listed, strings.Join(listed, "\n"))
}

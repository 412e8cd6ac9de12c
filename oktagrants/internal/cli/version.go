package cli

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

const sdkModule = "github.com/grantkit/okta"

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the version",
		Example: `  oktagrants version`,
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(c.out, version())
			return err
		},
	}
}

// version says which version of the command and of the SDK this is, as far as the build knows.
func version() string {
	own, sdk := versions()
	return fmt.Sprintf("oktagrants %s, okta %s", cmp.Or(own, "(development)"), cmp.Or(sdk, "(development)"))
}

// versions are those of the command and of the SDK, empty if they are not known.
func versions() (own, sdk string) {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return "", ""
	}
	for _, dependency := range build.Deps {
		if dependency.Path == sdkModule && dependency.Replace == nil {
			sdk = dependency.Version
		}
	}
	if build.Main.Version != "(devel)" {
		own = build.Main.Version
	}
	return own, sdk
}

// userAgent names the command in requests.
func userAgent() string {
	own, _ := versions()
	return strings.TrimSuffix("oktagrants/"+own, "/")
}

// Package material finds what belongs to Okta and is not part of this repository: its OpenAPI documents, in the folder
// spec, and recorded responses of real orgs, in the folder recorded.
package material

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Variable names the folder that holds spec and recorded. Without it, they are looked for in a folder named shared next
// to the checkout.
const Variable = "OKTA_CONTRACT"

// ErrAbsent means that no folder was named and none was found: there is nothing to check.
var ErrAbsent = errors.New(
	"no documents and recordings: set " + Variable + " to the folder with spec and recorded (contract/README.md)")

// Read reads a file by its path below the folder. A file that is missing in a folder that was named is an error.
func Read(path ...string) ([]byte, error) {
	name := filepath.Join(path...)
	if folder := os.Getenv(Variable); folder != "" {
		return os.ReadFile(filepath.Join(folder, name)) //nolint:gosec // the folder that the variable names
	}
	folder, err := beside()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(folder, name)) //nolint:gosec // the folder that was found
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	return text, err
}

// beside finds the folder next to the checkout, from the working folder upwards.
func beside() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		folder := filepath.Join(here, "shared")
		if _, err := os.Stat(filepath.Join(folder, "spec")); err == nil {
			return folder, nil
		}
		parent := filepath.Dir(here)
		if parent == here {
			return "", ErrAbsent
		}
		here = parent
	}
}

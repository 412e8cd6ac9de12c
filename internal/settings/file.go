package settings

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
)

// FromFile reads the settings of an okta.yaml file. A missing file has none.
func FromFile(name string) (settings Settings, warnings []string, err error) {
	text, open, err := readFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if settings, warnings, err = FromYAML(name, text); err != nil {
		return nil, nil, err
	}
	if open && slices.ContainsFunc(Secrets(), func(key string) bool { return settings[key].Text != "" }) {
		warnings = append(warnings, openWarning(name))
	}
	return settings, warnings, nil
}

func openWarning(name string) string { return name + " holds a secret and can be read by others" }

const maxFile = 1 << 20

// readFile reads a file, and reports whether users other than its owner can read it, too.
func readFile(name string) (text []byte, open bool, err error) {
	if info, err := os.Stat(name); err != nil {
		return nil, false, err
	} else if !info.Mode().IsRegular() { // opening a FIFO would wait for its writer
		return nil, false, fmt.Errorf("%s is not a regular file", name)
	}
	file, err := os.Open(name) //nolint:gosec // the caller's choice
	if err != nil {
		return nil, false, err
	}
	defer file.Close() //nolint:errcheck // nothing is written to it
	info, err := file.Stat()
	if err != nil {
		return nil, false, err
	}
	if text, err = io.ReadAll(io.LimitReader(file, maxFile+1)); err != nil {
		return nil, false, err
	}
	if len(text) > maxFile {
		return nil, false, fmt.Errorf("%s is longer than %d bytes", name, maxFile)
	}
	return text, runtime.GOOS != "windows" && info.Mode().Perm()&0o044 != 0, nil
}

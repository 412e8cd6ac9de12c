package settings

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
)

// UnreadableError says that a file is there, or may be, and that it cannot be read.
type UnreadableError struct {
	Name string
	Err  error
}

func (e *UnreadableError) Error() string { return e.Name + " cannot be read: " + e.Err.Error() }

// Unwrap returns the reason.
func (e *UnreadableError) Unwrap() error { return e.Err }

// FromFile reads the settings of an okta.yaml file. A missing file has none, and so has one that cannot exist, such as
// one below /dev/null. For one that cannot be read, the error is an *UnreadableError.
func FromFile(name string) (settings Settings, warnings []string, err error) {
	text, open, err := readFile(name)
	if isMissing(name, err) {
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

// isMissing reports whether err says that there is no file. Where the file's own folder is a file, such as ~/.okta,
// somebody has mistaken one for the other, and must hear of it.
func isMissing(name string, err error) bool {
	if errors.Is(err, syscall.ENOTDIR) {
		_, err := os.Stat(filepath.Dir(name))
		return err != nil
	}
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENAMETOOLONG)
}

func openWarning(name string) string { return name + " holds a secret and can be read by others" }

const maxFile = 1 << 20

// readFile reads a file, and reports whether users other than its owner can read it, too.
func readFile(name string) (text []byte, open bool, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, false, unreadable(name, err)
	}
	if !info.Mode().IsRegular() { // opening a FIFO would wait for its writer
		return nil, false, unreadable(name, errors.New("it is not a regular file"))
	}
	file, err := os.Open(name) //nolint:gosec // the caller's choice
	if err != nil {
		return nil, false, unreadable(name, err)
	}
	defer file.Close() //nolint:errcheck // nothing is written to it
	if info, err = file.Stat(); err != nil {
		return nil, false, unreadable(name, err)
	}
	if text, err = io.ReadAll(io.LimitReader(file, maxFile+1)); err != nil {
		return nil, false, unreadable(name, err)
	}
	if len(text) > maxFile {
		return nil, false, fmt.Errorf("%s is longer than %d bytes", name, maxFile)
	}
	return text, runtime.GOOS != "windows" && info.Mode().Perm()&0o044 != 0, nil
}

// unreadable leaves out what a PathError repeats.
func unreadable(name string, err error) error {
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		err = wrapped.Err
	}
	return &UnreadableError{Name: name, Err: err}
}

package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
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

// Key returns the private key that a setting gives as PEM, as a JWK, as a JWK set, or as the path of a file with one of
// them. Of a set with several keys, id names one.
func Key(value, id string) (key string, warnings []string, err error) {
	if !IsPEM(value) && !strings.HasPrefix(strings.TrimSpace(value), "{") {
		text, open, err := readFile(value)
		if err != nil { // not quoted: the value may be a broken key and no path
			return "", nil, errors.New("is neither PEM, nor a JWK, nor a file that can be read")
		}
		if open {
			warnings = []string{openWarning(value)}
		}
		value = string(text)
	}
	key, err = oneOfSet(value, id)
	return key, warnings, err
}

// IsPEM reports whether a key is PEM text.
func IsPEM(key string) bool { return strings.Contains(key, "-----BEGIN") }

// oneOfSet returns the key of a JWK set that id names, or its only one. Any other text is returned as it is.
func oneOfSet(text, id string) (string, error) {
	var set struct{ Keys []json.RawMessage }
	if json.Unmarshal([]byte(text), &set) != nil || set.Keys == nil {
		return text, nil
	}
	if len(set.Keys) == 1 {
		return string(set.Keys[0]), nil
	}
	var found []json.RawMessage
	for _, key := range set.Keys {
		var member struct{ KID string }
		if json.Unmarshal(key, &member) == nil && id != "" && member.KID == id {
			found = append(found, key)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("is a set of %d keys: privateKeyId must name one of them", len(set.Keys))
	}
	return string(found[0]), nil
}

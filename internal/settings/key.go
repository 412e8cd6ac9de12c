package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Key returns the private key that a setting gives as PEM, as a JWK, as a JWK set, or as the path of a file with one
// of them. Of a set with several keys, id names one.
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
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	_ = json.Unmarshal([]byte(text), &set) // PEM, for one, has no keys
	if set.Keys == nil {
		return text, nil
	}
	if len(set.Keys) == 1 {
		return string(set.Keys[0]), nil
	}
	var found []json.RawMessage
	for _, key := range set.Keys {
		var member struct {
			ID string `json:"kid"`
		}
		if json.Unmarshal(key, &member) == nil && id != "" && member.ID == id {
			found = append(found, key)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("is a set of %d keys: privateKeyId must name one of them", len(set.Keys))
	}
	return string(found[0]), nil
}

package settings

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Key returns the private key that a setting gives as PEM, as a JWK, as a JWK set, or as the path of a file with one
// of them, in which ~/ is the home folder. Quotation marks, a byte order mark and base64 around a key are taken off. Of
// a set with several keys, id names one.
func Key(value, id string) (key string, warnings []string, err error) {
	key = unwrap(value)
	if !isKey(key) {
		if isBareDER(key) {
			return "", nil, errors.New("is a key without its BEGIN and END lines")
		}
		name := inHome(key)
		text, open, err := readFile(name)
		if err != nil { // not quoted: the value may be a broken key and no path
			return "", nil, errors.New("is neither PEM, nor a JWK, nor a file that can be read")
		}
		if open {
			warnings = []string{openWarning(name)}
		}
		key = unwrap(string(text))
	}
	key, err = oneOfSet(key, id)
	return key, warnings, err
}

func isKey(text string) bool { return IsPEM(text) || strings.HasPrefix(text, "{") }

// unwrap takes off what stands around a key.
func unwrap(text string) string {
	text = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "\uFEFF"))
	if n := len(text); n > 1 && text[0] == text[n-1] && strings.ContainsAny(text[:1], "\"'`") {
		text = strings.TrimSpace(text[1 : n-1])
	}
	if isKey(text) {
		return text
	}
	if decoded := strings.TrimSpace(strings.TrimPrefix(string(fromBase64(text)), "\uFEFF")); isKey(decoded) {
		return decoded
	}
	return text
}

// fromBase64 decodes any base64; nil if the text is none.
func fromBase64(text string) []byte {
	text = strings.Join(strings.Fields(text), "")
	text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
	decoded, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return decoded
}

// isBareDER reports whether a text is what stands within a PEM block: all such keys are long, and begin as a sequence.
func isBareDER(text string) bool {
	der := fromBase64(text)
	return len(der) > 100 && der[0] == 0x30
}

// inHome replaces the ~ of a path.
func inHome(name string) string {
	rest, ok := strings.CutPrefix(name, "~/")
	home, err := os.UserHomeDir()
	if !ok || err != nil {
		return name
	}
	return filepath.Join(home, rest)
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

package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// FromYAML reads the settings below okta.client of an okta.yaml file. name stands for the file in places, errors and
// warnings.
func FromYAML(name string, text []byte) (settings Settings, warnings []string, err error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, nil, malformed(name, text, err)
	}
	r := reader{file: name, settings: Settings{}}
	if len(document.Content) == 0 {
		return r.settings, nil, nil
	}
	root, err := r.members(document.Content[0], "the file")
	if err != nil {
		return nil, nil, err
	}
	okta := root["okta"]
	members, err := r.members(&okta, "okta")
	if err != nil {
		return nil, nil, err
	}
	client := members["client"]
	if err := r.read(&client, ""); err != nil {
		return nil, nil, err
	}
	return r.settings, r.warnings, nil
}

var (
	lineNumber    = regexp.MustCompile(`line (\d+)`)
	unknownAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)
)

// malformed keeps the line of a parser's error, and nothing that it quotes. The parser leaves out the first line, and
// the line of an alias.
func malformed(name string, text []byte, err error) error {
	line := "1"
	if found := lineNumber.FindStringSubmatch(err.Error()); found != nil {
		line = found[1]
	} else if found := unknownAnchor.FindStringSubmatch(err.Error()); found != nil {
		before, _, _ := bytes.Cut(text, []byte("*"+found[1]))
		line = strconv.Itoa(1 + bytes.Count(before, []byte("\n")))
	}
	return fmt.Errorf("%s:%s: not valid YAML", name, line)
}

type reader struct {
	file     string
	settings Settings
	warnings []string
}

func (r *reader) place(node *yaml.Node) string { return fmt.Sprintf("%s:%d", r.file, node.Line) }

// members returns the members of a mapping, with those that it merges, and none for a node that is missing or null.
func (r *reader) members(node *yaml.Node, name string) (map[string]yaml.Node, error) {
	mapping := resolve(node)
	if isNull(mapping) {
		return nil, nil
	}
	if mapping.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s: %s is not a mapping", r.place(node), name)
	}
	members := map[string]yaml.Node{}
	if err := mapping.Decode(&members); err != nil {
		place := r.place(node)
		if found := lineNumber.FindStringSubmatch(err.Error()); found != nil {
			place = r.file + ":" + found[1]
		}
		return nil, fmt.Errorf("%s: %s has a key twice, or a merge key that does not work", place, name)
	}
	return members, nil
}

// read adds the settings of a mapping. prefix is the mapping's own key with a dot, or empty for okta.client itself.
func (r *reader) read(mapping *yaml.Node, prefix string) error {
	members, err := r.members(mapping, strings.TrimSuffix("okta.client."+prefix, "."))
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		node := members[name]
		if err := r.readMember(&node, prefix+name); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) readMember(node *yaml.Node, name string) error {
	key := name
	if alias, ok := aliases[name]; ok {
		key = alias
	}
	switch {
	case key == "rateLimit" || key == "proxy":
		return r.read(node, key+".")
	case slices.Contains(ignored, key):
		return nil
	case !isKnown(key):
		r.warnings = append(r.warnings, r.place(node)+": "+unknown(name))
		return nil
	case isNull(resolve(node)):
		return nil
	}
	text, err := value(resolve(node), key)
	if err != nil {
		return fmt.Errorf("%s: okta.client.%s %w", r.place(node), name, err)
	}
	return r.settings.add(key, Setting{Text: text, Place: r.place(node)})
}

// word matches a name that is no secret: those contain digits, or are longer.
var word = regexp.MustCompile(`^[A-Za-z]{1,24}$`)

// unknown is the warning of a key that is not known. It shows no text that may be a secret, such as the token in
// "token:00abc", which is one key, since the space behind the colon is missing.
func unknown(key string) string {
	i := strings.LastIndexByte(key, '.') + 1
	parent, name := key[:i], key[i:]
	if before, _, found := strings.Cut(key, ":"); found {
		name := strings.TrimSpace(before)
		if isKnown(name) || aliases[name] != "" {
			return "okta.client." + name + " has no space behind its colon, and has no effect"
		}
	}
	if parent != "" && parent != "rateLimit." && parent != "proxy." || !word.MatchString(name) {
		return "a key below okta.client is not known and has no effect"
	}
	return "okta.client." + key + " is not known and has no effect"
}

// value returns a node as text: a list of scopes with commas, and a key that is written as a mapping as JSON.
func value(node *yaml.Node, key string) (string, error) {
	switch {
	case node.Kind == yaml.ScalarNode:
		return node.Value, nil
	case node.Kind == yaml.SequenceNode && key == Scopes:
		return list(node)
	case node.Kind == yaml.MappingNode && (key == PrivateKey || key == JWK):
		return object(node)
	}
	return "", errors.New("does not have the form that it needs")
}

func list(node *yaml.Node) (string, error) {
	var items []string
	for _, item := range node.Content {
		item = resolve(item)
		if item.Kind != yaml.ScalarNode || isNull(item) {
			return "", errors.New("holds something that is not a single value")
		}
		items = append(items, item.Value)
	}
	return strings.Join(items, ","), nil
}

func object(node *yaml.Node) (string, error) {
	var members map[string]any
	if err := node.Decode(&members); err != nil {
		return "", errors.New("is not a JSON Web Key")
	}
	text, err := json.Marshal(members)
	if err != nil {
		return "", errors.New("is not a JSON Web Key")
	}
	return string(text), nil
}

// resolve follows an alias to its anchor.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func isNull(node *yaml.Node) bool {
	return node.IsZero() || node.Kind == yaml.ScalarNode && (node.Tag == "!!null" || node.Value == "")
}

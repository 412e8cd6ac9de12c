package settings

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// FromYAML reads what stands under okta.client of an okta.yaml file. name stands for the file in places and errors.
func FromYAML(name string, text []byte) (Settings, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, unreadable(name, text, err)
	}
	r := reader{file: name, settings: Settings{}}
	if len(document.Content) == 0 {
		return r.settings, nil
	}
	root, err := r.members(document.Content[0], "the file")
	if err != nil {
		return nil, err
	}
	okta, err := r.members(root["okta"], "okta")
	if err != nil {
		return nil, err
	}
	client, err := r.members(okta["client"], "okta.client")
	if err != nil {
		return nil, err
	}
	return r.settings, r.read(client, "")
}

var (
	lineNumber    = regexp.MustCompile(`line (\d+)`)
	unknownAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)
)

// unreadable keeps the line of a parser's error, and nothing that it quotes. The parser leaves the first line out, and that
// of an alias.
func unreadable(name string, text []byte, err error) error {
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
}

func (r reader) place(node *yaml.Node) string { return fmt.Sprintf("%s:%d", r.file, node.Line) }

// members returns the members of a mapping, and none for a node that is missing or null.
func (r reader) members(node *yaml.Node, name string) (map[string]*yaml.Node, error) {
	node = resolve(node)
	if isNull(node) {
		return nil, nil
	}
	if node.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s: %s is not a mapping", r.place(node), name)
	}
	members := map[string]*yaml.Node{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		if _, twice := members[key.Value]; twice {
			return nil, fmt.Errorf("%s: a key of %s stands twice", r.place(key), name)
		}
		members[key.Value] = node.Content[i+1]
	}
	return members, nil
}

// read takes over the settings of a mapping. prefix is the key of the mapping with a dot, or empty for okta.client itself.
func (r reader) read(members map[string]*yaml.Node, prefix string) error {
	for name, node := range members {
		var err error
		switch key := prefix + name; key {
		case "cache", "logging", "userAgent", "raiseException", "encryptionType", "rateLimit.enable": // of Okta's other SDKs
		case "clientAssertion":
			err = fmt.Errorf("%s: okta.client.%s is not supported", r.place(node), key)
		case "rateLimit", "proxy":
			err = r.readGroup(node, key)
		default:
			err = r.readSetting(node, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r reader) readGroup(node *yaml.Node, key string) error {
	members, err := r.members(node, "okta.client."+key)
	if err != nil {
		return err
	}
	return r.read(members, key+".")
}

func (r reader) readSetting(node *yaml.Node, key string) error {
	place := r.place(node)
	if _, known := variables[key]; !known {
		return unknown(place, key)
	}
	node = resolve(node)
	if isNull(node) {
		return nil
	}
	values, err := scalars(node, key == Scopes)
	if err != nil {
		return fmt.Errorf("%s: okta.client.%s %w", place, key, err)
	}
	r.settings[key] = Setting{Values: values, Place: place}
	return nil
}

func scalars(node *yaml.Node, list bool) ([]string, error) {
	if node.Kind == yaml.ScalarNode {
		return []string{node.Value}, nil
	}
	if !list {
		return nil, errors.New("is not a single value")
	}
	if node.Kind != yaml.SequenceNode {
		return nil, errors.New("is neither a list nor a single value")
	}
	values := []string{}
	for _, item := range node.Content {
		item = resolve(item)
		if item.Kind != yaml.ScalarNode || isNull(item) {
			return nil, errors.New("holds something that is not a value")
		}
		values = append(values, item.Value)
	}
	return values, nil
}

// resolve follows an alias to its anchor.
func resolve(node *yaml.Node) *yaml.Node {
	if node != nil && node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func isNull(node *yaml.Node) bool {
	return node == nil || node.Kind == yaml.ScalarNode && (node.Tag == "!!null" || node.Value == "")
}

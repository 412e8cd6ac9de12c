package oktatest

import (
	"encoding/json"
	"slices"
	"strings"
)

// logFilter parses a filter over events: all of SCIM's operators except brackets. Attributes are paths into the JSON, in
// which an array stands for each of its items. An event's published cannot be filtered.
func logFilter(text string) (func(tree any) bool, *problem) {
	if text == "" {
		return nil, nil
	}
	p := parser[any]{comparison: logComparison, negates: true}
	matches := p.parse(text)
	if matches == nil {
		return nil, invalidSearch("filter")
	}
	return matches, nil
}

func logComparison(p *parser[any]) func(any) bool {
	if len(p.tokens) < 2 || p.tokens[0] == "published" {
		return nil
	}
	path, operator := strings.Split(p.tokens[0], "."), strings.ToLower(p.tokens[1])
	p.tokens = p.tokens[2:]
	if operator == "pr" {
		return func(tree any) bool { return len(textsAt(tree, path)) > 0 }
	}
	var want string
	if len(p.tokens) == 0 || json.Unmarshal([]byte(p.tokens[0]), &want) != nil ||
		!slices.Contains([]string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"}, operator) {
		return nil
	}
	p.tokens = p.tokens[1:]
	if operator == "ne" {
		return func(tree any) bool { return !slices.Contains(textsAt(tree, path), want) }
	}
	return func(tree any) bool {
		return slices.ContainsFunc(textsAt(tree, path), func(have string) bool { return compareText(have, operator, want) })
	}
}

func compareText(have, operator, want string) bool {
	switch operator {
	case "co":
		return strings.Contains(have, want)
	case "ew":
		return strings.HasSuffix(have, want)
	}
	return compare(have, operator, want)
}

// textsAt returns the texts at a path.
func textsAt(tree any, path []string) []string {
	switch tree := tree.(type) {
	case []any:
		var texts []string
		for _, item := range tree {
			texts = append(texts, textsAt(item, path)...)
		}
		return texts
	case map[string]any:
		if len(path) > 0 {
			return textsAt(tree[path[0]], path[1:])
		}
	case string:
		if len(path) == 0 {
			return []string{tree}
		}
	}
	return nil
}

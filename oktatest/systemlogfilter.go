package oktatest

import (
	"encoding/json"
	"slices"
	"strings"
)

// logFilter parses a filter over events: all of SCIM's operators but brackets. Attributes are paths into the JSON, in
// which an array stands for each of its items. An event's published cannot be filtered.
func logFilter(text string) (func(tree any) bool, *problem) {
	if text == "" {
		return nil, nil
	}
	p := logFilterParser{}
	rest := strings.TrimSpace(text)
	for rest != "" {
		token := expressionToken.FindStringSubmatch(rest)
		if token == nil {
			return nil, invalidSearch("filter")
		}
		p.tokens = append(p.tokens, token[1])
		rest = rest[len(token[0]):]
	}
	matches := p.or()
	if matches == nil || len(p.tokens) > 0 {
		return nil, invalidSearch("filter")
	}
	return matches, nil
}

type logFilterParser struct{ tokens []string }

func (p *logFilterParser) next(word string) bool {
	found := len(p.tokens) > 0 && strings.EqualFold(p.tokens[0], word)
	if found {
		p.tokens = p.tokens[1:]
	}
	return found
}

func (p *logFilterParser) or() func(any) bool {
	left := p.and()
	for left != nil && p.next("or") {
		first, second := left, p.and()
		if second == nil {
			return nil
		}
		left = func(tree any) bool { return first(tree) || second(tree) }
	}
	return left
}

func (p *logFilterParser) and() func(any) bool {
	left := p.term()
	for left != nil && p.next("and") {
		first, second := left, p.term()
		if second == nil {
			return nil
		}
		left = func(tree any) bool { return first(tree) && second(tree) }
	}
	return left
}

func (p *logFilterParser) term() func(any) bool {
	if p.next("not") {
		inner := p.term()
		if inner == nil {
			return nil
		}
		return func(tree any) bool { return !inner(tree) }
	}
	if !p.next("(") {
		return p.comparison()
	}
	inner := p.or()
	if !p.next(")") {
		return nil
	}
	return inner
}

func (p *logFilterParser) comparison() func(any) bool {
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

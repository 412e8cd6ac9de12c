package oktatest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
)

// attributes returns the attribute of an item with a name.
type attributes func(name string) string

// expression reports whether an item's attributes match a search or a filter.
type expression func(attributes) bool

// present is the operator without a value.
const present = "pr"

// syntax is what an expression may consist of beside "and", "or" and parentheses.
type syntax struct {
	operators map[string][]string // By attribute, whose names are case-sensitive.
	foldCase  bool                // Values match in any case.
}

var (
	times      = []string{"created", "lastUpdated", "lastMembershipUpdated"}
	equal      = []string{"eq"}
	ordered    = []string{"eq", "gt", "ge", "lt", "le"}
	searchable = append([]string{"sw", present}, ordered...)
)

var (
	userSearch = syntax{foldCase: true, operators: map[string][]string{
		"id": searchable, "status": searchable, "created": ordered, "lastUpdated": ordered,
		"profile.login": searchable, "profile.email": searchable,
		"profile.firstName": searchable, "profile.lastName": searchable,
	}}
	userFilter = syntax{operators: map[string][]string{
		"id": equal, "status": equal, "lastUpdated": ordered,
		"profile.login": equal, "profile.email": equal, "profile.firstName": equal, "profile.lastName": equal,
	}}
	groupSearch = syntax{foldCase: true, operators: map[string][]string{
		"id": searchable, "type": searchable, "profile.name": searchable,
		"created": ordered, "lastUpdated": ordered, "lastMembershipUpdated": ordered,
	}}
	groupFilter = syntax{operators: map[string][]string{
		"id": equal, "type": equal, "lastUpdated": ordered, "lastMembershipUpdated": ordered,
	}}
	appFilter = syntax{operators: map[string][]string{"id": equal, "status": equal, "name": equal}}
)

// A parenthesis, a string or a word, after spaces.
var expressionToken = regexp.MustCompile(`^\s*([()]|"(?:[^"\\]|\\.)*"|[^\s()"]+)`)

// parse reads an expression, and reports whether it is one.
func (s syntax) parse(text string) (expression, bool) {
	p := parser[attributes]{comparison: s.comparison}
	parsed := p.parse(text)
	return parsed, parsed != nil
}

// parser reads an expression over a T from tokens, from the front. Its methods return nil where there is none.
type parser[T any] struct {
	tokens     []string
	comparison func(*parser[T]) func(T) bool // reads one without "and", "or" and parentheses
	negates    bool                          // "not" may stand before a comparison or a parenthesis
}

// parse reads an expression that is the whole text.
func (p *parser[T]) parse(text string) func(T) bool {
	text = strings.TrimSpace(text)
	for text != "" {
		token := expressionToken.FindStringSubmatch(text)
		if token == nil {
			return nil
		}
		p.tokens = append(p.tokens, token[1])
		text = text[len(token[0]):]
	}
	parsed := p.or()
	if len(p.tokens) > 0 {
		return nil
	}
	return parsed
}

// next takes the next token when it is a word, in any case.
func (p *parser[T]) next(word string) bool {
	found := len(p.tokens) > 0 && strings.EqualFold(p.tokens[0], word)
	if found {
		p.tokens = p.tokens[1:]
	}
	return found
}

func (p *parser[T]) or() func(T) bool {
	left := p.and()
	for left != nil && p.next("or") {
		first, second := left, p.and()
		if second == nil {
			return nil
		}
		left = func(of T) bool { return first(of) || second(of) }
	}
	return left
}

func (p *parser[T]) and() func(T) bool {
	left := p.term()
	for left != nil && p.next("and") {
		first, second := left, p.term()
		if second == nil {
			return nil
		}
		left = func(of T) bool { return first(of) && second(of) }
	}
	return left
}

func (p *parser[T]) term() func(T) bool {
	if p.negates && p.next("not") {
		inner := p.term()
		if inner == nil {
			return nil
		}
		return func(of T) bool { return !inner(of) }
	}
	if !p.next("(") {
		return p.comparison(p)
	}
	inner := p.or()
	if !p.next(")") {
		return nil
	}
	return inner
}

func (s syntax) comparison(p *parser[attributes]) func(attributes) bool {
	if len(p.tokens) < 2 {
		return nil
	}
	name, operator := p.tokens[0], strings.ToLower(p.tokens[1])
	if !slices.Contains(s.operators[name], operator) {
		return nil
	}
	p.tokens = p.tokens[2:]
	if operator == present {
		return func(of attributes) bool { return of(name) != "" }
	}
	return s.value(p, name, operator)
}

// value reads the value that an attribute is compared with.
func (s syntax) value(p *parser[attributes], name, operator string) func(attributes) bool {
	var want string
	if len(p.tokens) == 0 || json.Unmarshal([]byte(p.tokens[0]), &want) != nil {
		return nil
	}
	if slices.Contains(times, name) {
		when, err := time.Parse(time.RFC3339, want)
		if err != nil {
			return nil
		}
		want = when.UTC().Format(timeFormat)
	}
	p.tokens = p.tokens[1:]
	if !s.foldCase {
		return func(of attributes) bool { return compare(of(name), operator, want) }
	}
	want = strings.ToLower(want)
	return func(of attributes) bool { return compare(strings.ToLower(of(name)), operator, want) }
}

func compare(have, operator, want string) bool {
	switch operator {
	case "eq":
		return have == want
	case "sw":
		return strings.HasPrefix(have, want)
	case "gt":
		return have > want
	case "ge":
		return have >= want
	case "lt":
		return have < want
	default: // le
		return have <= want
	}
}

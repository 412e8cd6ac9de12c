// Package linkheader reads Link headers (RFC 8288).
package linkheader

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

const whitespace = " \t"

// Find returns the target of the first link with the relation type rel, as it stands between the angle brackets. Lines
// are the values of the Link header, each with any number of links.
//
// A line that cannot be understood before the link is found is an error: the link may have been in it. The error does
// not show the line, since a target may hold a cursor.
func Find(lines []string, rel string) (target string, found bool, err error) {
	for i, line := range lines {
		target, found, err = find(line, rel)
		if err != nil {
			return "", false, fmt.Errorf("link header, line %d, %w", i+1, err)
		}
		if found {
			return target, true, nil
		}
	}
	return "", false, nil
}

func find(line, rel string) (target string, found bool, err error) {
	p := parser{text: line}
	for p.nextLink() {
		l, err := p.link()
		if err != nil {
			return "", false, err
		}
		if l.has(rel) {
			return l.target, true, nil
		}
	}
	return "", false, nil
}

type link struct {
	target    string
	relations string
}

func (l link) has(rel string) bool {
	for relation := range strings.FieldsSeq(l.relations) {
		if strings.EqualFold(relation, rel) || strings.EqualFold(relation, "'"+rel+"'") { // some quote in this way, too
			return true
		}
	}
	return false
}

// A parser reads one line from its position on.
type parser struct {
	text string
	pos  int
}

// nextLink moves to the next link, over empty list elements, and reports whether there is one.
func (p *parser) nextLink() bool {
	p.skip(whitespace + ",")
	return !p.atEnd()
}

// link reads a link up to the comma or the end behind it.
func (p *parser) link() (link, error) {
	target, err := p.target()
	if err != nil {
		return link{}, err
	}
	relations, err := p.relations()
	if err != nil {
		return link{}, err
	}
	return link{target: target, relations: relations}, nil
}

// target reads a link's target. A "<" inside is an error: no URI holds one, and it tells of a ">" that was lost.
func (p *parser) target() (string, error) {
	if !p.at('<') {
		return "", p.fail(`no "<" where a link should begin`)
	}
	start := p.pos + 1
	length := strings.IndexAny(p.text[start:], "<>")
	if length < 0 || p.text[start+length] == '<' {
		return "", p.fail(`no ">" at the end of a target`)
	}
	p.pos = start + length + 1
	return strings.Trim(p.text[start:start+length], whitespace), nil
}

// relations reads a link's parameters and returns the value of the first one named rel.
func (p *parser) relations() (string, error) {
	var relations string
	var seen bool
	for {
		p.skip(whitespace)
		if p.atEnd() || p.at(',') {
			return relations, nil
		}
		name, value, err := p.parameter()
		if err != nil {
			return "", err
		}
		if !seen && strings.EqualFold(name, "rel") {
			relations, seen = value, true
		}
	}
}

// parameter reads a parameter and the semicolon before it. Without anything behind the semicolon, its name is empty.
func (p *parser) parameter() (name, value string, err error) {
	if !p.at(';') {
		return "", "", p.fail("neither a parameter nor the end of a link")
	}
	p.skip(whitespace + ";")
	if p.atEnd() || p.at(',') {
		return "", "", nil
	}
	name = p.until(whitespace + `=;,"<>`)
	if name == "" {
		return "", "", p.fail("a parameter without a name")
	}
	value, err = p.value()
	return name, value, err
}

// value reads what follows a parameter's name, which may be nothing.
func (p *parser) value() (string, error) {
	p.skip(whitespace)
	if !p.at('=') {
		return "", nil
	}
	p.pos++
	p.skip(whitespace)
	if p.at('"') {
		return p.quotedString()
	}
	return p.until(whitespace + `;,"<>`), nil
}

func (p *parser) quotedString() (string, error) {
	var value strings.Builder
	escaped := false
	for i := p.pos + 1; i < len(p.text); i++ {
		c := p.text[i]
		switch {
		case escaped:
			value.WriteByte(c)
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			p.pos = i + 1
			return value.String(), nil
		default:
			value.WriteByte(c)
		}
	}
	return "", p.fail("a quoted string without an end")
}

// until reads up to the first byte of stops, or to the end.
func (p *parser) until(stops string) string {
	start := p.pos
	for !p.atEnd() && strings.IndexByte(stops, p.text[p.pos]) < 0 {
		p.pos++
	}
	return p.text[start:p.pos]
}

// skip moves over the bytes of set.
func (p *parser) skip(set string) {
	for !p.atEnd() && strings.IndexByte(set, p.text[p.pos]) >= 0 {
		p.pos++
	}
}

func (p *parser) at(c byte) bool {
	return !p.atEnd() && p.text[p.pos] == c
}

func (p *parser) atEnd() bool {
	return p.pos == len(p.text)
}

func (p *parser) fail(what string) error {
	return fmt.Errorf("byte %d: %s", p.pos, what)
}

// Query reads the query of a target as far as it can be read. A "%" or ";" that should have been escaped stands for
// itself, and so does a "#" in the parameter after, which holds a cursor; in any other parameter it begins a fragment.
// An empty after does not count.
func Query(target string) url.Values {
	query := url.Values{}
	_, raw, _ := strings.Cut(target, "?")
	for parameter := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		name = unescape(name)
		if name != "after" {
			value, _, _ = strings.Cut(value, "#")
		}
		if name != "" && (name != "after" || value != "") {
			query.Add(name, unescape(value))
		}
	}
	return query
}

// unescape reads percent-encoding.
func unescape(text string) string {
	parts := strings.Split(text, "%")
	for i, part := range parts[1:] {
		if !escape.MatchString(part) {
			parts[i+1] = "25" + part
		}
	}
	plain, _ := url.QueryUnescape(strings.Join(parts, "%")) // each "%" begins an escape
	return plain
}

// escape matches what follows the "%" of an escape.
var escape = regexp.MustCompile(`^[[:xdigit:]]{2}`)

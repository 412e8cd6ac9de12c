// Package challenge reads WWW-Authenticate headers (RFC 9110 section 11.6.1).
package challenge

import "strings"

// Read returns the parameters of the first Bearer or DPoP challenge that carries an error: the server's reason for
// refusing an access token (RFC 6750 section 3, RFC 9449 section 7.1). Lines are the values of the WWW-Authenticate
// header, each with any number of challenges. The parameters' names are in lower case, and of a name that stands twice
// the first value counts.
//
// What cannot be understood is skipped: the header is there to explain a failure, not to cause another one. The word
// that other schemes have in place of parameters ("Negotiate abc==") is not told from a scheme or a parameter.
func Read(lines []string) (params map[string]string, found bool) {
	for _, line := range lines {
		if params, found = read(line); found {
			return params, true
		}
	}
	return nil, false
}

func read(line string) (params map[string]string, found bool) {
	p := parser{text: line}
	for {
		c, ok := p.challenge()
		if !ok {
			return nil, false
		}
		if c.refusesToken() {
			return c.params, true
		}
	}
}

type challenge struct {
	scheme string
	params map[string]string
}

func (c challenge) refusesToken() bool {
	if !strings.EqualFold(c.scheme, "Bearer") && !strings.EqualFold(c.scheme, "DPoP") {
		return false
	}
	return c.params["error"] != ""
}

func (c *challenge) add(name, value string) {
	name = strings.ToLower(name)
	if _, ok := c.params[name]; ok {
		return
	}
	if c.params == nil {
		c.params = map[string]string{}
	}
	c.params[name] = value
}

// A parser reads one line from its position on.
type parser struct {
	text string
	pos  int
}

// challenge reads the next challenge with its parameters, and reports whether there is one.
func (p *parser) challenge() (challenge, bool) {
	p.skipToToken()
	c := challenge{scheme: p.take(isTokenChar)}
	if c.scheme == "" {
		return challenge{}, false
	}
	for {
		name, value, ok := p.parameter()
		if !ok {
			return c, true
		}
		c.add(name, value)
	}
}

// parameter reads a parameter. It stays in front of a token without a value, which is a scheme.
func (p *parser) parameter() (name, value string, ok bool) {
	p.skipToToken()
	start := p.pos
	name = p.take(isTokenChar)
	p.take(isWhitespace)
	if !p.at('=') {
		p.pos = start
		return "", "", false
	}
	p.pos++
	return name, p.value(), true
}

func (p *parser) value() string {
	p.take(isWhitespace)
	if p.at('"') {
		return p.quotedString()
	}
	return p.take(isValueChar)
}

// quotedString reads a quoted string, or the rest of the line if nothing ends it.
func (p *parser) quotedString() string {
	var value strings.Builder
	escaped := false
	for p.pos++; !p.atEnd(); p.pos++ {
		c := p.text[p.pos]
		switch {
		case escaped:
			value.WriteByte(c)
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			p.pos++
			return value.String()
		default:
			value.WriteByte(c)
		}
	}
	return value.String()
}

// skipToToken moves to the next token, over commas, whitespace, and whatever does not belong here.
func (p *parser) skipToToken() {
	for !p.atEnd() && !isTokenChar(p.text[p.pos]) {
		if p.at('"') {
			p.quotedString()
		} else {
			p.pos++
		}
	}
}

// take reads the bytes that belong.
func (p *parser) take(belongs func(byte) bool) string {
	start := p.pos
	for !p.atEnd() && belongs(p.text[p.pos]) {
		p.pos++
	}
	return p.text[start:p.pos]
}

func (p *parser) at(c byte) bool {
	return !p.atEnd() && p.text[p.pos] == c
}

func (p *parser) atEnd() bool {
	return p.pos == len(p.text)
}

func isWhitespace(c byte) bool { return c == ' ' || c == '\t' }

func isValueChar(c byte) bool { return c != ',' && !isWhitespace(c) }

func isTokenChar(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

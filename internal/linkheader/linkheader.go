// Package linkheader reads Link headers (RFC 8288).
package linkheader

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

const whitespace = " \t"

// Find returns the target of the first link with the relation type rel, as it stands between the angle brackets. Lines
// are the values of the Link header, each with any number of links.
//
// A line that cannot be parsed before the link is found is an error: the link may have been in it. The error does not
// show the line, since a target may contain a cursor.
func Find(lines []string, rel string) (target string, found bool, err error) {
	for i, line := range lines {
		for rest := line; ; {
			if rest = strings.TrimLeft(rest, whitespace+","); rest == "" {
				break
			}
			var relations string
			if target, relations, rest, err = cutLink(rest); err != nil {
				return "", false, fmt.Errorf("link header, line %d, byte %d: %w", i+1, len(line)-len(rest), err)
			}
			if contains(relations, rel) {
				return target, true, nil
			}
		}
	}
	return "", false, nil
}

// contains reports whether a list of relation types has rel. Some servers put it in single quotes.
func contains(relations, rel string) bool {
	for relation := range strings.FieldsSeq(relations) {
		if strings.EqualFold(relation, rel) || strings.EqualFold(relation, "'"+rel+"'") {
			return true
		}
	}
	return false
}

// cutLink reads the link at the beginning of text, up to the comma or the end behind it; with an error, rest is where
// it is. relations is the value of the first parameter named rel. A "<" inside the target is an error: no URI
// contains one, and it tells of a ">" that was lost.
func cutLink(text string) (target, relations, rest string, err error) {
	if text[0] != '<' {
		return "", "", text, errors.New(`no "<" where a link should begin`)
	}
	length := strings.IndexAny(text[1:], "<>") + 1
	if length == 0 || text[length] == '<' {
		return "", "", text, errors.New(`no ">" at the end of a target`)
	}
	target, rest = strings.Trim(text[1:length], whitespace), text[length+1:]
	for seen := false; ; {
		rest = strings.TrimLeft(rest, whitespace)
		if rest == "" || rest[0] == ',' {
			return target, relations, rest, nil
		}
		var name, value string
		if name, value, rest, err = cutParameter(rest); err != nil {
			return "", "", rest, err
		}
		if !seen && strings.EqualFold(name, "rel") {
			relations, seen = value, true
		}
	}
}

// cutParameter reads the parameter at the beginning of text, with the semicolon before it. Without anything behind the
// semicolon, its name is empty.
func cutParameter(text string) (name, value, rest string, err error) {
	if text[0] != ';' {
		return "", "", text, errors.New("neither a parameter nor the end of a link")
	}
	rest = strings.TrimLeft(text, whitespace+";")
	if rest == "" || rest[0] == ',' {
		return "", "", rest, nil
	}
	if name, rest = cutAny(rest, whitespace+`=;,"<>`); name == "" {
		return "", "", rest, errors.New("a parameter without a name")
	}
	value, assigned := strings.CutPrefix(strings.TrimLeft(rest, whitespace), "=")
	if !assigned {
		return name, "", rest, nil
	}
	value = strings.TrimLeft(value, whitespace)
	if strings.HasPrefix(value, `"`) {
		value, rest, err = cutQuoted(value)
		return name, value, rest, err
	}
	value, rest = cutAny(value, whitespace+`;,"<>`)
	return name, value, rest, nil
}

// cutAny cuts text before the first of stops.
func cutAny(text, stops string) (before, rest string) {
	if i := strings.IndexAny(text, stops); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

// cutQuoted reads the quoted string at the beginning of text.
func cutQuoted(text string) (value, rest string, err error) {
	var plain strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return plain.String(), text[i+1:], nil
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		plain.WriteByte(text[i])
	}
	return "", text, errors.New("a quoted string without an end")
}

// Query reads the query of a target as far as it can be read. A "%" or ";" that should have been escaped stands for
// itself, and so does a "#" in the parameter after, which holds a cursor; in any other parameter it begins a
// fragment. An empty after does not count.
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

package report

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxShown      = 200 // characters of a name on the page
	maxShownScope = 80  // characters of the name of a scope there
	maxMarks      = 4   // combining marks in a row; more of them paint over the lines above and below
)

// Shown is a name as people read it: cut if it is long, with what is invisible made visible.
func Shown(name string) string { return cut(name, maxShown) }

func shownScope(name string) string { return cut(name, maxShownScope) }

func cut(name string, most int) string {
	length := utf8.RuneCountInString(name)
	if length <= most {
		return Visible(name)
	}
	start := string([]rune(name)[:most])
	return Visible(start) + "… (" + count(length) + " characters)"
}

// Visible writes characters that are invisible, or that change how others are shown, as ⟨U+202E⟩.
func Visible(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return s
	}
	var b strings.Builder
	var last rune
	marks := 0
	for _, r := range s {
		if marks++; !unicode.In(r, unicode.Mn, unicode.Me) {
			marks = 0
		}
		if marks > maxMarks || hidden(r) && !joinsEmoji(last, r) {
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		} else {
			b.WriteRune(r)
		}
		last = r
	}
	return b.String()
}

// EscapedJSON writes hidden characters as JSON's \uXXXX. In JSON without indentation, they stand in strings alone.
func EscapedJSON(text []byte) []byte {
	if !bytes.ContainsFunc(text, unprintable) {
		return text
	}
	var b bytes.Buffer
	for _, r := range string(text) {
		if !unprintable(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.Bytes()
}

func unprintable(r rune) bool { return r != ' ' && !unicode.IsPrint(r) || hidden(r) }

// hidden reports whether a character is invisible: controls, bidirectional controls, zero-width characters, fillers.
func hidden(r rune) bool {
	switch r {
	case '\uFE0E', '\uFE0F': // they choose between the text and the picture of an emoji
		return false
	case '\u2800': // a braille pattern without dots
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// joinsEmoji reports whether r is a zero-width joiner after an emoji, as in that of a family.
func joinsEmoji(last, r rune) bool {
	const joiner = '\u200D'
	return r == joiner && (last == '\uFE0F' || unicode.In(last, unicode.So, unicode.Sk))
}

// formulas finds what a spreadsheet may take for the start of a formula: at the start of a cell, or after what some
// spreadsheets take for the end of a cell; behind spaces and invisible characters too. The characters of full width are
// those of Chinese and Japanese keyboards.
var formulas = regexp.MustCompile(`(^|[;\t\r\n])((?:[\p{Z}\p{Cf}]|[^\P{Cc}\t\r\n])*[=+\-@＝＋－＠﹦﹢﹣﹫])`)

// Cell is a text as it may stand in a spreadsheet: as [Visible] has it, and a formula gets an apostrophe, which makes it
// a text.
func Cell(s string) string { return cell(Visible(s)) }

func cell(s string) string {
	if s == "" || asciiAlphanumeric(s[0]) && !strings.ContainsAny(s, ";\t\r\n") {
		return s
	}
	s = formulas.ReplaceAllString(s, "$1'$2")
	if strings.ContainsAny(s[:1], "\t\r\n") {
		return "'" + s
	}
	return s
}

func asciiAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// count writes 1234567 as 1,234,567.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural writes a number and its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}

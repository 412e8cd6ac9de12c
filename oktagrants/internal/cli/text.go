package cli

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// plainWord matches what a shell takes as it is.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellQuoted is a word as it may be typed into a shell.
func shellQuoted(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// shownTarget is where a ledger is, without the passwords of a database. Of what may be a database, but is none that can
// be used, nothing is shown.
func shownTarget(target string) string {
	switch {
	case ledger.CheckTarget(target) != nil:
		return "the database"
	case !ledger.IsPostgres(target):
		return target
	}
	parsed, err := url.Parse(target)
	if err != nil {
		return "the database"
	}
	settings := parsed.Query()
	for name := range settings {
		if strings.Contains(name, "pass") {
			settings.Set(name, "xxxxx")
		}
	}
	parsed.RawQuery = settings.Encode()
	return parsed.Redacted()
}

// shownWord is a word of a command line, without the passwords of a database that it names.
func shownWord(word string) string {
	before, target := targetIn(word)
	return before + shownTarget(target)
}

// targetIn splits a word of a command line into a flag and its like, as in "--run=" and "review:", and what may name a
// ledger.
func targetIn(word string) (before, target string) {
	target = word
	if strings.HasPrefix(word, "--") {
		if _, value, ok := strings.Cut(word, "="); ok {
			target = value
		}
	}
	target = strings.TrimPrefix(target, "review:")
	return strings.TrimSuffix(word, target), target
}

// withoutAddresses is a text without those words of the command line that look like the address of a database, for
// they may contain a password: an error that quotes an argument must not show it.
func (c *cli) withoutAddresses(text string) string {
	for _, word := range c.args {
		_, target := targetIn(word)
		if !ledger.IsAddress(target) || shownTarget(target) == target {
			continue
		}
		for _, form := range []string{word, target} {
			quoted := strconv.Quote(form)
			text = strings.ReplaceAll(text, form, shownWord(form))
			text = strings.ReplaceAll(text, quoted[1:len(quoted)-1], shownWord(form))
		}
	}
	return text
}

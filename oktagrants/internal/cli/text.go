package cli

import (
	"net/url"
	"regexp"
	"strings"
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

// shownTarget is where a ledger is, without the password of a database.
func shownTarget(target string) string {
	if !strings.Contains(target, "://") {
		return target
	}
	parsed, err := url.Parse(target)
	if err != nil {
		return "the database"
	}
	return parsed.Redacted()
}

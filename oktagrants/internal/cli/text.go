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

// shownTarget is where a ledger is, without the passwords of a database.
func shownTarget(target string) string {
	if !strings.Contains(target, "://") {
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
	at := strings.Index(word, "postgres://")
	if at < 0 {
		at = strings.Index(word, "postgresql://")
	}
	if at < 0 {
		return word
	}
	return word[:at] + shownTarget(word[at:])
}

package ledger

import (
	"errors"
	"regexp"
	"strings"
)

// errAddress shows nothing of the target: any part of it may be the password.
var errAddress = errors.New("it looks like the address of a database, but is none that is known, and is not shown for " +
	"what it may contain: want a file, or postgres://USER:PASSWORD@HOST:PORT/DATABASE#RUN")

// IsPostgres reports whether the ledger at target is in a Postgres database, and not in a file.
func IsPostgres(target string) bool {
	return strings.HasPrefix(target, "postgres://") || strings.HasPrefix(target, "postgresql://")
}

// addresses match what is no name of a file: URLs in any spelling, "user:password@host", and the key=value form of
// Postgres and its kin.
var addresses = []*regexp.Regexp{
	regexp.MustCompile(`:/[/\\]`),
	regexp.MustCompile(`(?i)^\W*(jdbc:)?(pg|psql|postgre|mysql|mariadb|mssql|sqlserver|oracle|cockroach|redis|mongodb)` +
		`[a-z0-9+.-]*:`),
	regexp.MustCompile(`:[^@]*@`),
	regexp.MustCompile(`(?i)(^|[\s;,&?'"])(host|hostaddr|server|data source|port|dbname|database|initial catalog|user|` +
		`username|user id|uid|password|passwd|passfile|pass|pwd|service|sslmode|sslpassword)\s*=`),
}

// IsAddress reports whether a target looks like the address of a database, of whatever kind, and not like a file. It
// may contain a password.
func IsAddress(target string) bool {
	for _, address := range addresses {
		if address.MatchString(target) {
			return true
		}
	}
	return false
}

// CheckTarget returns why no ledger can be at a target. It shows nothing of one that looks like the address of a
// database.
func CheckTarget(target string) error {
	switch {
	case IsPostgres(target):
		_, _, err := ParsePostgres(target)
		return err
	case IsAddress(target):
		return errAddress
	}
	return nil
}

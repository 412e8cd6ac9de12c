package steps

import (
	"time"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// Blind is [Job.Blind] for a run of which only the ledger is known.
func Blind(kind ledger.Kind, args Arguments, revoked time.Time) []string {
	j := &Job{kind: kind, args: args}
	if args.From != "" || len(args.Users) > 0 {
		j.input = func(func(string, error) bool) {}
	}
	return j.Blind(revoked)
}

package report_test

import (
	"fmt"
	"iter"
	"time"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

var demoApps = []struct {
	name   string
	scopes []string
}{
	{"Acme Wiki", []string{"openid", "profile", "email"}},
	{"Expense Buddy", []string{"openid", "email", "offline_access", "expenses.write"}},
	{"Mail Merge Pro", []string{"openid", "mail.readwrite", "mail.send", "offline_access"}},
	{"Org Chart Sync", []string{"okta.users.read", "okta.groups.read"}},
	{"Admin Toolbox", []string{
		"okta.users.manage", "okta.apps.manage", "okta.groups.manage", "okta.logs.read", "offline_access",
	}},
	{"Calendar Assistant", []string{"openid", "calendar.read"}},
	{"Travel Desk", []string{"openid", "profile", "offline_access"}},
	{"Survey Maker", []string{"openid", "profile", "groups"}},
	{"Data Exporter", []string{"files.read", "files.write", "full_access"}},
	{"Build Pipeline", []string{"openid", "repo.write", "offline_access"}},
	{"Chat Bridge", []string{"openid", "chat.read", "chat.send"}},
	{"Ticket Robot", []string{"openid", "tickets.write"}},
}

var (
	firstNames = []string{
		"Ada", "Bruno", "Chloé", "Dmitri", "Elif", "Femi", "Grace", "Hiroshi", "Inés", "José", "Kofi", "李娜",
	}
	lastNames = []string{
		"Okafor", "Müller", "Silva", "Tanaka", "Novák", "Nguyen", "Haddad", "Johansson", "Rossi", "Kowalska",
	}
)

// demo is a review of users with three apps each, a tenth of which are old.
func demo(users int) *source {
	s := ended(ledger.Review, `{"tokens":true,"search":"status pr"}`)
	s.tasks = func(yield func(ledger.Task) bool) {
		for n := range users {
			if !yield(demoUser(n)) {
				return
			}
		}
	}
	return s
}

func demoUser(n int) ledger.Task {
	first, last := firstNames[n%len(firstNames)], lastNames[n/7%len(lastNames)]
	task := user(n)
	task.Name = first + " " + last
	task.Login = fmt.Sprintf("%c%d.%s@acme.example", 'a'+rune(n%26), n, last)
	if n%40 == 0 {
		task.Status = "SUSPENDED"
	}
	for _, at := range []int{n % 3, 3 + n%4, 7 + n*n%5} {
		app := demoApps[at]
		created := began.AddDate(0, 0, -1-n%400)
		updated := created
		if n%10 != 0 {
			updated = began.AddDate(0, 0, -1-n%60)
		}
		task.Found = append(task.Found, ledger.Access{
			Kind: ledger.Grant, ID: fmt.Sprintf("oag%d.%d", n, at), ClientID: demoClient(at), ClientName: app.name,
			Issuer: "https://acme.okta.com", Status: "ACTIVE", Source: "END_USER",
			Scopes:  []string{app.scopes[n%len(app.scopes)]},
			Created: created.Truncate(time.Second), Updated: later(created, updated),
		})
	}
	return task
}

func demoClient(at int) string { return fmt.Sprintf("0oa1acme%012d", at) }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// demoTokens are refresh tokens of every fourth user.
func demoTokens(users int) iter.Seq[ledger.Access] {
	return func(yield func(ledger.Access) bool) {
		for n := 0; n < users; n += 4 {
			if !yield(token(n, demoClient(1+n%2), "openid", "offline_access")) {
				return
			}
		}
	}
}

// and appends tasks.
func and(tasks iter.Seq[ledger.Task], more ...ledger.Task) iter.Seq[ledger.Task] {
	return func(yield func(ledger.Task) bool) {
		for task := range tasks {
			if !yield(task) {
				return
			}
		}
		for _, task := range more {
			if !yield(task) {
				return
			}
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

const (
	jobsLimit   = 600 // calls a second
	jobsWorkers = "--workers=32"
	commandDir  = "../oktagrants"
	reviewName  = "review"
)

// jobs are measured on the command oktagrants, run as a process.
type jobs struct {
	figures   table
	program   string
	users     int // of each job under the limit
	reviewed  int // users of the review without a limit
	killed    int // users of the job that is killed
	seed      uint64
	skipBuild bool
	reviews   []review // to be reported
}

// review is a review that has ended.
type review struct {
	users int
	oktagrants
}

func (b *bench) measureJobs(ctx context.Context) error {
	b.jobs.program = filepath.Join(b.dir, "oktagrants")
	progress("building oktagrants")
	if _, _, err := goBuild(ctx, commandDir, "", b.jobs.program, "."); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{b.limitedJobs, b.largeReview, b.reports, b.killedJob, b.buildOfCommand} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// jobCase is a job on an org of its own, and what it must cost.
type jobCase struct {
	name   string
	args   []string
	work   int // calls, by the table of fewest calls
	verify int

	outcome
	log orgLog
}

// worked is the number of calls but for those that verify.
func (c *jobCase) worked() int { return c.log.Total - c.verified() }

// verified is the number of calls that verify: those after the last revoke.
func (c *jobCase) verified() int {
	if c.verify == 0 {
		return 0
	}
	return c.log.After
}

// ratio is the wall time, of what so many calls take under the limit.
func (c *jobCase) ratio() float64 { return c.Wall.Seconds() * jobsLimit / float64(c.log.Total) }

// jobCases are jobs for so many users. Their calls are those of the fewest that Okta's API allows: pages of users of
// 200, of an app's users of 500, of tokens of 200, and calls for each user.
func jobCases(users int) []*jobCase {
	org := newAcme(orgSpec{Users: users})
	tokens := 0
	for _, having := range org.users {
		tokens += pagesOf(len(having), pageSize)
	}
	serversOfApp := 0 // of app 0
	for _, apps := range acmeServers {
		for _, app := range apps {
			tokens += pagesOf(min(serverTokens, len(org.users[app])), pageSize)
		}
		if slices.Contains(apps, 0) {
			serversOfApp++
		}
	}
	review := pagesOf(users, pageSize) + users
	servers := 1 + len(acmeServers) // the list, and the clients of each
	return []*jobCase{
		{name: reviewName, args: []string{reviewName}, work: review},
		{name: "review --tokens", args: []string{reviewName, "--tokens"}, work: review + 1 + servers + tokens},
		{name: "offboard", args: []string{"offboard", "--from", usersFile, "--yes"}, work: 2 * users, verify: users},
		{
			name: "offboard --keep-sessions", args: []string{"offboard", "--from", usersFile, "--keep-sessions", "--yes"},
			work: (1 + appsOfUser + 1) * users, verify: users,
		},
		{
			name: "revoke-app", args: []string{"revoke-app", appID(0), "--yes"},
			work: 2 + servers + serversOfApp + pagesOf(users, 500) + users, verify: 1 + 1 + len(acmeServers) + users,
		},
	}
}

// pagesOf is the number of pages of a list, of which an empty one has one.
func pagesOf(count, size int) int { return max(1, (count+size-1)/size) }

// limitedJobs runs two jobs at a time, the longest first: they wait for most of it, each for an org of its own.
func (b *bench) limitedJobs(ctx context.Context) error {
	cases := jobCases(b.jobs.users)
	queue := make(chan *jobCase, len(cases))
	for _, c := range slices.SortedFunc(slices.Values(cases), func(a, b *jobCase) int { return b.work - a.work }) {
		queue <- c
	}
	close(queue)
	errs := make([]error, 2)
	var lanes sync.WaitGroup
	for i := range errs {
		lanes.Go(func() {
			for c := range queue {
				errs[i] = errors.Join(errs[i], b.runLimited(ctx, c))
			}
		})
	}
	lanes.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	b.showLimited(cases)
	return nil
}

func (b *bench) runLimited(ctx context.Context, c *jobCase) error {
	g, err := b.newGrants(ctx, c.name, orgSpec{Users: b.jobs.users, Limit: jobsLimit})
	if err != nil {
		return err
	}
	defer g.org.stop()
	if c.outcome, err = g.run(ctx, append(c.args, runFlag, jobsWorkers)...); err != nil {
		return err
	}
	progress(fmt.Sprintf("%s: %.1f s", c.name, c.Wall.Seconds()))
	if c.log, err = g.log(ctx); err != nil || c.name != reviewName {
		return err
	}
	b.jobs.reviews = append(b.jobs.reviews, review{b.jobs.users, g})
	return nil
}

func (b *bench) showLimited(cases []*jobCase) {
	f := &b.jobs.figures
	f.section(fmt.Sprintf("Jobs on %d users with 3 apps each, %d calls a second", b.jobs.users, jobsLimit),
		"calls", "the table's", "to verify", "the table's", "refused", "wall, s", "of calls/limit", "CPU, s", "peak RSS, MB")
	for _, c := range cases {
		f.row(c.name, "%d %d %d %d %d %.1f %.3f %.1f %.0f", c.worked(), c.work, c.verified(), c.verify, c.log.Refused,
			c.Wall.Seconds(), c.ratio(), c.CPU.Seconds(), float64(c.PeakRSS)/1e6)
		f.bar("calls above the table's: "+c.name, float64(c.worked()-c.work), 1)
		f.bar("calls to verify, above the table's: "+c.name, float64(c.verified()-c.verify), 0)
		f.bar("wall, of calls/limit: "+c.name, c.ratio(), 1.1)
	}
}

const (
	runFlag   = "--run=run.db"
	runFile   = "run.db"
	usersFile = "users.csv"
)

// newGrants starts an org and makes a folder for the command, with a list of all users.
func (b *bench) newGrants(ctx context.Context, name string, spec orgSpec) (oktagrants, error) {
	g := oktagrants{program: b.jobs.program}
	var err error
	if g.dir, err = os.MkdirTemp(b.dir, strings.ReplaceAll(name, " ", "")); err != nil {
		return g, err
	}
	list := []byte("id\n")
	for user := range spec.Users {
		list = append(list, userID(user)+"\n"...)
	}
	if err := os.WriteFile(filepath.Join(g.dir, usersFile), list, 0o600); err != nil {
		return g, err
	}
	g.org, err = b.startOrg(ctx, spec)
	return g, err
}

// log is the log of the org, to which nobody may have sent what it does not know.
func (g oktagrants) log(ctx context.Context) (orgLog, error) {
	log, err := g.org.log(ctx)
	if err == nil && len(log.Unknown) > 0 {
		err = fmt.Errorf("the org does not know %s", strings.Join(log.Unknown, ", "))
	}
	return log, err
}

package run

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/org"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// Plan is what a run is going to do.
type Plan struct {
	Run    ledger.Run
	Counts ledger.Counts
	App    *ledger.Task // the app whose access is revoked; nil in other jobs
	Over   bool         // the run has ended, and nothing is left to do
	Again  int          // users of Unknown who are looked up again, and dealt with if they are found by then

	Work   steps.Calls // to do the tasks, by rate limit bucket; at least
	Verify steps.Calls // to verify them

	Limits   map[string]int // requests in a window, by bucket, as far as they are known
	Duration time.Duration  // at these limits; 0 if they are not known
}

// Users returns how many users are still to be dealt with.
func (p *Plan) Users() int {
	n := -p.Unknown()
	for _, state := range statesOf[ledger.Working] {
		n += p.Counts.Tasks[ledger.User][state]
	}
	return n
}

// Unknown returns how many users could not be found by their logins.
func (p *Plan) Unknown() int { return p.Counts.Unresolved }

// Prepare lists the tasks of the run and resolves the logins among them, unless that was done before, and returns what
// Run is going to do. It revokes nothing. If it is stopped, it goes on there the next time.
func (r *Runner) Prepare(ctx context.Context) (Plan, error) {
	plan, err := r.prepare(ctx)
	return plan, r.stopped(ctx, err)
}

func (r *Runner) prepare(ctx context.Context) (Plan, error) {
	run, err := r.Ledger.Run(ctx)
	if err != nil {
		return Plan{}, err
	}
	r.observe(ctx, run.Phase != ledger.Listing)
	if run.Phase == ledger.Listing {
		if err := r.list(ctx, run.Cursor); err != nil {
			return Plan{}, err
		}
	}
	return r.plan(ctx)
}

func (r *Runner) list(ctx context.Context, cursor string) error {
	counts, err := r.Ledger.Counts(ctx)
	if err != nil {
		return err
	}
	r.tally.list(counts)
	add := func(tasks []ledger.Task, cursor string, last bool) error {
		keep, cancel := keeping(ctx)
		defer cancel()
		if err := r.Ledger.AddTasks(keep, tasks, cursor, last); err != nil {
			return err
		}
		r.tally.listed(len(tasks))
		return nil
	}
	if err := r.keepApp(ctx); err != nil {
		return err
	}
	if err := r.Job.List(ctx, cursor, add); err != nil {
		return err
	}
	if r.Job.Resolves() {
		if err := r.enter(ctx, ledger.Listing); err != nil {
			return err
		}
		r.resolved = true
	}
	return r.Ledger.SetPhase(ctx, ledger.Listing, ledger.Planned)
}

func (r *Runner) plan(ctx context.Context) (Plan, error) {
	run, err := r.Ledger.Run(ctx)
	if err != nil {
		return Plan{}, err
	}
	counts, err := r.Ledger.Counts(ctx)
	if err != nil {
		return Plan{}, err
	}
	plan := Plan{Run: run, Counts: counts, Over: run.Phase == ledger.Ended && unfinished(run.Kind, counts) == 0}
	if !r.resolved || ledger.IsPostgres(r.Ledger.Target()) { // in Postgres, other processes look them up
		plan.Again = plan.Unknown()
	}
	if plan.App, err = r.app(ctx, run.Kind); err != nil {
		return Plan{}, err
	}
	plan.Work, plan.Verify = r.Job.Calls(counts)
	if plan.Limits, err = r.limits(ctx, plan.Work, plan.Verify); err != nil {
		return Plan{}, err
	}
	plan.Duration = r.duration(plan.Work, plan.Limits) + r.duration(plan.Verify, plan.Limits)
	return plan, nil
}

// keepApp has the job deal with the app that the run has recorded, if it has recorded one.
func (r *Runner) keepApp(ctx context.Context) error {
	if !r.Job.NeedsApp() {
		return nil
	}
	first, err := r.Ledger.Next(ctx, 0, 1)
	if err == nil && len(first) > 0 && first[0].Kind == ledger.App {
		r.Job.KeepApp(&first[0])
	}
	return err
}

// app returns the app whose access the run revokes: it is the run's first task.
func (r *Runner) app(ctx context.Context, kind ledger.Kind) (*ledger.Task, error) {
	if kind != ledger.RevokeApp {
		return nil, nil //nolint:nilnil // there is none
	}
	first, err := r.Ledger.Next(ctx, 0, 1)
	if err != nil {
		return nil, err
	}
	if len(first) == 0 || first[0].Kind != ledger.App {
		return nil, errors.New("the run has no app")
	}
	return &first[0], nil
}

// limits returns the known limits of the buckets that calls go to. If nothing was read yet from the busiest, it reads
// one item.
func (r *Runner) limits(ctx context.Context, work, verify steps.Calls) (map[string]int, error) {
	calls := maps.Clone(work)
	for bucket, n := range verify {
		calls[bucket] += n
	}
	limits, busiest := map[string]int{}, ""
	states := r.Client.RateLimits()
	for bucket, n := range calls {
		if limit := states[bucket].Limit; limit > 0 {
			limits[bucket] = limit
		}
		if n > calls[busiest] {
			busiest = bucket
		}
	}
	if _, read := states[busiest]; read || busiest == "" {
		return limits, nil
	}
	var limit int
	err := r.Job.Call(ctx, busiest, func() (err error) {
		limit, err = r.probe(ctx, busiest)
		return err
	})
	if limit > 0 {
		limits[busiest] = limit
	}
	return limits, err
}

// probe reads one item from a bucket, and returns the bucket's limit; 0 if Okta does not say.
func (r *Runner) probe(ctx context.Context, bucket string) (int, error) {
	switch bucket {
	case steps.BucketUsers:
		return limitOf(org.ListUsers(ctx, r.Client, &org.ListUsersOptions{Limit: 1}))
	case steps.BucketApps:
		return limitOf(org.ListApplications(ctx, r.Client, &org.ListApplicationsOptions{Limit: 1}))
	}
	return limitOf(org.ListAuthorizationServers(ctx, r.Client, &org.ListAuthorizationServersOptions{Limit: 1}))
}

func limitOf[T any](page *okta.Page[T], err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return page.RateLimit.Limit, nil
}

// duration is how long calls take at the known limits; 0 if that of the busiest bucket is not known.
func (r *Runner) duration(calls steps.Calls, limits map[string]int) time.Duration {
	var longest float64 // in windows
	known, unknown := 0, 0
	for bucket, n := range calls {
		if limits[bucket] == 0 {
			unknown = max(unknown, n)
			continue
		}
		known = max(known, n)
		longest = max(longest, float64(n)/(float64(limits[bucket])*r.maxUse()))
	}
	if unknown > known {
		return 0
	}
	return time.Duration(longest * float64(r.window())).Round(time.Millisecond)
}

func (r *Runner) maxUse() float64 {
	if r.MaxUse > 0 {
		return r.MaxUse
	}
	return 1
}

func (r *Runner) window() time.Duration {
	if r.Window > 0 {
		return r.Window
	}
	return defaultWindow
}

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/grantkit/okta/oktagrants/internal/fleet"
	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/report"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// job is a command that carries out a run.
type job struct {
	kind    ledger.Kind
	args    steps.Arguments
	input   iter.Seq2[string, error] // users whom the caller gave; nil if they are read from the org
	ignored []string                 // the columns of the caller's list that have no meaning here
	consent consent

	run     string // the ledger
	workers int
	quiet   bool
	json    bool

	prepared time.Duration // how long it took to list what is to be done
}

func (j *job) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&j.run, "run", "",
		"keep the run in this `file`: the same command goes on where it stopped")
	workersFlag(cmd, &j.workers, "work on `n` users at a time (default 20)")
	cmd.Flags().BoolVar(&j.quiet, "quiet", false, "show no progress")
	cmd.Flags().BoolVar(&j.json, "json", false, "write the result as one JSON object")
}

// carryOut carries out the run of a job, or goes on with it.
func (c *cli) carryOut(ctx context.Context, j *job) error {
	t, err := c.connect()
	if err != nil {
		return err
	}
	if err := c.chooseLedger(j); err != nil {
		return err
	}
	if err := checkOutputs(j.run, c.demoPage(j)); err != nil {
		return err
	}
	if err := readReview(ctx, j, t.config.OrgURL); err != nil {
		return err
	}
	work, err := steps.New(t.client, t.config.OrgURL, j.kind, j.args, j.input)
	if err != nil {
		return err
	}
	l, err := c.begin(ctx, t, j)
	if err != nil {
		return err
	}
	if len(j.ignored) > 0 && !work.Revokes() { // otherwise the plan says it
		c.say("ignored columns of the list: %s; all access of its users is read", quotedList(j.ignored))
	}
	r := &run.Runner{
		Ledger: l, Job: work, Client: t.client, Meter: t.meter,
		Workers: j.workers, MaxUse: t.config.RateLimiter.MaxUse, Window: t.window, OnOutage: c.sayOutage(),
	}
	err = c.prepareAndRun(ctx, t, j, r)
	if closed := l.Close(); err == nil && closed != nil {
		return fmt.Errorf("close the ledger: %w", closed)
	}
	return err
}

// chooseLedger sees to it that a job has a ledger that can be: in the demo, one of its own.
func (c *cli) chooseLedger(j *job) error {
	switch {
	case j.run != "":
		if err := ledger.CheckTarget(j.run); err != nil {
			return wrong("--run: %w", err)
		}
		return nil
	case c.demo == nil:
		return wrong("%s: --run is missing: name a file that keeps the run, such as --run %s.db", j.kind, j.kind)
	}
	folder, err := os.MkdirTemp("", "oktagrants-demo-")
	if err != nil {
		return fmt.Errorf("a folder for the demo: %w", err)
	}
	j.run = filepath.Join(folder, string(j.kind)+".db")
	return nil
}

// begin opens the ledger, and begins the run or goes on with it.
func (c *cli) begin(ctx context.Context, t *target, j *job) (*ledger.Ledger, error) {
	arguments, err := json.Marshal(kept(j.args))
	if err != nil {
		return nil, fmt.Errorf("the arguments: %w", err)
	}
	l, err := ledger.Open(ctx, j.run, ledger.Write)
	if err != nil {
		return nil, unusable(j.run, err)
	}
	for _, warning := range l.Warnings() {
		c.say("%s: %s", shownTarget(j.run), warning)
	}
	begun, resumed, err := l.Begin(ctx, ledger.Spec{
		Kind: j.kind, Org: t.config.OrgURL, Arguments: string(arguments), KeepPlan: j.consent.yes,
	})
	if err != nil {
		return nil, errors.Join(unusable(j.run, err), l.Close())
	}
	if resumed {
		c.say("resuming the run started %s in %s (phase: %s)",
			begun.Created.UTC().Format(minute), shownTarget(j.run), begun.Phase)
	}
	if begun.Replaced != nil {
		c.say("the list and the plan in %s are replaced, for nothing of it was revoked: %s",
			shownTarget(j.run), begun.Replaced.Named(argumentNames).Changes())
	}
	return l, nil
}

// kept are arguments as the ledger keeps them: without passwords.
func kept(args steps.Arguments) steps.Arguments {
	args.Review = shownTarget(args.Review)
	return args
}

// readReview notes when the review of a job was begun. A run that is past its list does not need the review any more:
// there, what was noted then counts.
func readReview(ctx context.Context, j *job, org string) error {
	if j.args.Review == "" {
		return nil
	}
	reviewed, err := steps.ReadReview(ctx, j.args.Review, org)
	if noted, working := notedReview(ctx, j); !noted.IsZero() && (working || err != nil) {
		j.args.Reviewed = noted
		return nil //nolint:nilerr // the review is not needed any more
	}
	j.args.Reviewed = reviewed
	if err != nil {
		return wrong("--users: %w", err)
	}
	return nil
}

// notedReview is what the run of a job has noted of the same review, if it has listed its users, and whether it is past
// its plan.
func notedReview(ctx context.Context, j *job) (noted time.Time, working bool) {
	l, err := ledger.Open(ctx, j.run, ledger.Read)
	if err != nil {
		return time.Time{}, false // there is none yet, or to begin the run fails for the same reason
	}
	defer l.Close() //nolint:errcheck // nothing is written to it
	begun, err := l.Run(ctx)
	var args steps.Arguments
	if err != nil || !begun.Listed || json.Unmarshal([]byte(begun.Arguments), &args) != nil {
		return time.Time{}, false
	}
	if args.Review != kept(j.args).Review {
		return time.Time{}, false
	}
	return args.Reviewed, begun.Phase != ledger.Listing && begun.Phase != ledger.Planned
}

const minute = "2006-01-02 15:04 MST"

// unusable is the failure of a ledger that cannot be used.
func unusable(path string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if mismatch, ok := errors.AsType[*ledger.MismatchError](err); ok {
		return wrong("%s: %w; give the arguments of that run, or another file to --run; a plan of which nothing was revoked is "+
			"replaced with --dry-run, never with --yes",
			shownTarget(path), mismatch.Named(argumentNames))
	}
	if errors.Is(err, ledger.ErrLocked) {
		return wrong("%w; wait until it ends, or give another file to --run", err)
	}
	return wrong("--run: %w", err)
}

// argumentNames are what people give, by the names that the ledger has for it.
var argumentNames = map[string]string{
	"--user":     "the users",
	"--client":   "the app",
	"--review":   "the review of --users",
	"--reviewed": "when that review was begun",
	"--from":     "the content of --from (its SHA-256)",
}

// prepareAndRun lists what is to be done, shows the plan of a job that revokes, carries it out if it may, and shows
// what came of it.
func (c *cli) prepareAndRun(ctx context.Context, t *target, j *job, r *run.Runner) error {
	unhook := context.AfterFunc(ctx, func() {
		if c.env.TerminalErr {
			_, _ = fmt.Fprintln(c.err) // below the line of the progress
		}
		c.say("stopping: calls in flight are finished; interrupt again to stop at once")
	})
	defer unhook()
	e := c.engine(t, j, r)
	shown := c.follow(j.quiet, r.Progress)
	began := time.Now()
	plan, err := e.Prepare(ctx)
	j.prepared = time.Since(began)
	shown.end()
	if err != nil {
		return c.stopped(j, err)
	}
	if r.Job.Revokes() && !plan.Over {
		goes, err := c.showPlan(ctx, t, j, &plan)
		if err != nil || !goes {
			return err
		}
	}
	shown = c.follow(j.quiet, e.Progress)
	summary, err := e.Run(ctx)
	shown.end()
	if shown := c.showResult(ctx, j, r, &summary); shown != nil {
		err = errors.Join(err, fmt.Errorf("the result cannot be shown: %w", shown))
	}
	if err != nil {
		return c.stopped(j, err)
	}
	return failureOf(&summary)
}

// engine is what carries out a run.
type engine interface {
	Prepare(ctx context.Context) (run.Plan, error)
	Run(ctx context.Context) (run.Summary, error)
	Progress() run.Progress
}

// engine returns the engine of a run: all workers of its org together, if its ledger is in Postgres.
func (c *cli) engine(t *target, j *job, r *run.Runner) engine {
	if !ledger.IsPostgres(j.run) {
		return r
	}
	org := fleet.Org{URL: t.config.OrgURL, Client: t.client, Meter: t.meter}
	return &fleet.Command{Target: j.run, Runner: r, Org: org, Log: c.logger(slog.LevelError)}
}

// showResult shows what came of a run, even of one that was stopped. In the demo it writes a report, too.
func (c *cli) showResult(ctx context.Context, j *job, r *run.Runner, summary *run.Summary) error {
	result := newResult(j.run, summary.Run, summary.Counts)
	result.Calls, result.Seconds = summary.Calls, (j.prepared + summary.Ended.Sub(summary.Began)).Seconds()
	result.Paused = summary.Paused.Seconds()
	result.Limitations, result.Ignored = r.Job.Blind(summary.Run.Ended), j.ignored
	if path := c.demoPage(j); path != "" && summary.Err == nil {
		result.Report = path
		page := func(w io.Writer) error {
			return report.HTML(ctx, w, r.Ledger, report.Options{Blind: result.Limitations})
		}
		if err := writeFile(path, page); err != nil {
			return err
		}
	}
	return result.write(c.out, j.json)
}

// demoPage is the web page that a job of the demo writes next to its ledger; empty for none.
func (c *cli) demoPage(j *job) string {
	if c.demo == nil || ledger.IsPostgres(j.run) {
		return ""
	}
	return pageOf(j.run)
}

// failureOf is the failure of a run that came to its end, and nil if all was done.
func failureOf(summary *run.Summary) error {
	code := summary.ExitCode()
	if code == run.ExitDone {
		return nil
	}
	return &failure{code, fmt.Errorf("not all was done (%s): the report says for whom; the same command tries again",
		numbers(summary.Counts.Classes))}
}

// stopped is the failure of a run that was stopped, with the command that goes on with it.
func (c *cli) stopped(j *job, err error) error {
	code := run.ExitCode(err)
	switch steps.Class(err) {
	case steps.ClassNotFound, steps.ClassInvalid:
		return &failure{code, err}
	case steps.ClassCanceled:
		return &failure{code, &classed{fmt.Errorf("interrupted; nothing is lost: go on with: %s", c.again(j)), steps.ClassCanceled}}
	}
	if errors.Is(err, ledger.ErrCorrupt) || errors.Is(err, ledger.ErrVersion) { // the same command cannot go on
		return &failure{code, err}
	}
	text := err.Error()
	if advice := advice(err); advice != "" {
		text += "; " + advice
	}
	return &failure{code, &classed{fmt.Errorf("%s; then go on with: %s", text, c.again(j)), steps.Class(err)}}
}

// again is the command that goes on with a run.
func (c *cli) again(j *job) string {
	words := []string{"oktagrants"}
	given := false
	for _, word := range c.args {
		given = given || word == "--run" || strings.HasPrefix(word, "--run=")
		words = append(words, shellQuoted(shownWord(word)))
	}
	if !given {
		words = append(words, "--run", shellQuoted(j.run))
	}
	return strings.Join(words, " ")
}

// duration is a time span for people.
func duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return "less than a second"
	case d < time.Minute:
		return plural(int(d.Seconds()), "second")
	case d < 2*time.Hour:
		return plural(int(d.Round(time.Minute).Minutes()), "minute")
	}
	return fmt.Sprintf("%.1f hours", d.Hours())
}

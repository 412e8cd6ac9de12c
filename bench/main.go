// Bench compares the SDK with okta-sdk-golang v6, go-retryablehttp and net/http on servers of its own, measures the jobs
// of the command oktagrants, and prints what it finds as Markdown. README.md says what is measured and how.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"
)

func main() {
	ctx := context.Background()
	do := beBench
	if isChild() {
		do = beChild
	}
	if err := do(ctx); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1) //nolint:forbidigo // a program ends with an exit code
}

// bench is one run.
type bench struct {
	programs
	table

	dir         string // for what is built
	url         string // of the server with the prepared responses
	skipV6Build bool
	jobs        jobs
}

// scenario is a part of the bench that can be run alone.
type scenario struct {
	name   string
	run    func(context.Context) error
	withV6 bool // it compares with v6
}

func (b *bench) scenarios() []scenario {
	return []scenario{
		{name: "list", run: b.listing, withV6: true},
		{name: "get", run: b.latency, withV6: true},
		{name: "bulk", run: b.bulks, withV6: true},
		{name: "clients", run: b.manyClients},
		{name: "build", run: b.builds, withV6: true},
		{name: "memory", run: b.memory},
		{name: "jobs", run: b.measureJobs},
	}
}

func beBench(ctx context.Context) error {
	b := &bench{}
	write := flag.Bool("write", false, "write the figures into README.md too")
	withV6 := flag.Bool("v6", true, "compare with okta-sdk-golang v6, whose build takes minutes")
	flag.BoolVar(&b.skipV6Build, "skip-v6-build", false, "leave out the cold build with v6")
	flag.IntVar(&b.jobs.users, "users", 20_000, "the users of each job under a limit")
	flag.IntVar(&b.jobs.reviewed, "review-users", 1_000_000, "the users of the review without a limit")
	flag.IntVar(&b.jobs.killed, "kill-users", 10_000, "the users of the job that is killed")
	flag.Uint64Var(&b.jobs.seed, "seed", rand.Uint64(), "for the moments at which it is killed") //nolint:gosec // chance, no secret
	flag.BoolVar(&b.jobs.skipBuild, "skip-command-build", false, "leave out the cold build of oktagrants")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: bench [flags] [scenario...]") //nolint:errcheck // it is help
		flag.PrintDefaults()
	}
	flag.Parse()
	chosen, err := b.choose(flag.Args())
	if err != nil {
		return err
	}
	if err := b.prepare(ctx, *withV6 && slices.ContainsFunc(chosen, func(s scenario) bool { return s.withV6 })); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir) //nolint:errcheck // it is a temporary folder
	if err := b.measure(ctx, chosen); err != nil {
		return err
	}
	return b.show(*write)
}

// choose returns the named scenarios, or all if none is named.
func (b *bench) choose(names []string) ([]scenario, error) {
	all := b.scenarios()
	if len(names) == 0 {
		return all, nil
	}
	var chosen []scenario
	for _, name := range names {
		i := slices.IndexFunc(all, func(s scenario) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no scenario %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// prepare builds this program once without v6, whose weight in the process would be measured too, and once with it.
func (b *bench) prepare(ctx context.Context, withV6 bool) error {
	var err error
	if b.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	if b.own, err = os.Executable(); err != nil || !withV6 {
		return err
	}
	progress("building with v6")
	b.withV6 = filepath.Join(b.dir, "bench-v6")
	_, _, err = goBuild(ctx, ".", "", b.withV6, ".")
	return err
}

func (b *bench) measure(ctx context.Context, chosen []scenario) error {
	var stop func()
	var err error
	if b.url, stop, err = startServer(ctx, b.own, job{}); err != nil {
		return err
	}
	defer stop()
	for _, s := range chosen {
		progress(s.name)
		if err := s.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// show prints the figures, and writes those that were measured into the README.
func (b *bench) show(write bool) error {
	for _, part := range []struct {
		name string
		*table
	}{{"the SDK", &b.table}, {"the jobs", &b.jobs.figures}} {
		if part.empty() {
			continue
		}
		text := part.String()
		if _, err := fmt.Fprint(os.Stdout, text); err != nil {
			return err
		}
		if !write {
			continue
		}
		if err := writeInto("README.md", part.name, text); err != nil {
			return err
		}
	}
	if !write || len(b.pairs) == 0 {
		return nil
	}
	return b.draw("ratios.svg")
}

// available leaves out what is not built in.
func (b *bench) available(subjects []string) []string {
	var names []string
	for _, name := range subjects {
		if b.of(name) != "" {
			names = append(names, name)
		}
	}
	return names
}

func progress(what string) {
	fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format(time.TimeOnly), what)
}

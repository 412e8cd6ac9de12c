// Bench compares the SDK with okta-sdk-golang v6, go-retryablehttp and net/http on servers of its own, and prints
// what it finds as Markdown. README.md says what is measured and how.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
}

func beBench(ctx context.Context) error {
	write := flag.Bool("write", false, "write the figures into README.md too")
	only := flag.String("only", "list,get,bulk,clients,build,memory", "the scenarios to run")
	withV6 := flag.Bool("v6", true, "compare with okta-sdk-golang v6, whose build takes minutes")
	skip := flag.Bool("skip-v6-build", false, "leave out the cold build with v6")
	flag.Parse()
	b := &bench{skipV6Build: *skip}
	if err := b.prepare(ctx, *withV6); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir) //nolint:errcheck // it is a temporary folder
	if err := b.scenarios(ctx, strings.Split(*only, ",")); err != nil {
		return err
	}
	text := b.String()
	if _, err := fmt.Fprint(os.Stdout, text); err != nil {
		return err
	}
	if !*write {
		return nil
	}
	if err := writeInto("README.md", text); err != nil {
		return err
	}
	return b.draw("ratios.svg")
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
	_, _, err = goBuild(ctx, "", b.withV6, ".")
	return err
}

func (b *bench) scenarios(ctx context.Context, names []string) error {
	var stop func()
	var err error
	if b.url, stop, err = startServer(ctx, b.own); err != nil {
		return err
	}
	defer stop()
	all := map[string]func(context.Context) error{
		"list": b.listing, "get": b.latency, "bulk": b.bulks, "clients": b.manyClients, "build": b.builds, "memory": b.memory,
	}
	for _, name := range names {
		scenario, ok := all[name]
		if !ok {
			return fmt.Errorf("there is no scenario %q", name)
		}
		progress(name)
		if err := scenario(ctx); err != nil {
			return err
		}
	}
	return nil
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

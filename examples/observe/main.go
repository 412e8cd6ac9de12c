// Observe lists the consent grants and refresh tokens of users, and shows what that took: OpenTelemetry spans,
// Prometheus metrics, and log lines with trace IDs.
//
//	go -C examples/observe run .                 (all users of a demo org in memory, which throttles and fails)
//	go -C examples/observe run . -listen :9090   (serves the metrics until it is interrupted)
//
// It reads the org that the configuration of Okta's SDKs names (see okta.LoadConfig), with an API token or a service
// app that has the scope okta.users.read. The exit code is 1 if a user cannot be read, and 2 if the arguments or the
// configuration are wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/grantkit/okta"
)

const usage = `usage: observe [flags] [user ID or login ...]

Lists the consent grants and refresh tokens of users, with traces, metrics and logs: of a demo org, or of the org that
OKTA_CLIENT_ORGURL or an okta.yaml file names.

flags, which go before the users:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], okta.LoadConfig, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, load func() (okta.Config, error), stdout, stderr io.Writer) int {
	notes := log.New(stderr, "observe: ", 0)
	flags := flag.NewFlagSet("observe", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	listen := flags.String("listen", "", "serve /metrics at this `address`, such as :9090, in place of printing them")
	paths := flags.Bool("paths", false, "add the paths of requests, which hold IDs, to the spans")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		help(stdout, flags)
		return 0
	}
	if err != nil {
		notes.Print(err)
		help(stderr, flags)
		return 2
	}
	org, err := open(load, flags.Args())
	if err != nil {
		notes.Print(err)
		return 2
	}
	defer org.close()
	o, err := observe(org.config, *paths, stderr)
	if err != nil {
		notes.Print(err)
		return 2
	}
	if *listen == "" {
		err = o.auditAndPrint(ctx, org.users, stdout, notes)
	} else {
		err = o.auditAndServe(ctx, org.users, *listen, stdout, notes)
	}
	if err != nil {
		notes.Print(err)
		return 1
	}
	return 0
}

func help(w io.Writer, flags *flag.FlagSet) {
	_, _ = io.WriteString(w, usage)
	flags.SetOutput(w)
	flags.PrintDefaults()
}

// auditAndPrint reads the users, and prints the metrics.
func (o *observed) auditAndPrint(ctx context.Context, users []string, stdout io.Writer, notes *log.Logger) error {
	missing := o.audit(ctx, users, stdout, notes)
	text, err := metricsText(o.registry)
	if err == nil {
		_, err = io.WriteString(stdout, "\n"+text)
	}
	return errors.Join(missing, err)
}

// auditAndServe serves the metrics while it reads the users, and afterwards until ctx ends.
func (o *observed) auditAndServe(
	ctx context.Context, users []string, address string, stdout io.Writer, notes *log.Logger,
) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener) //nolint:errcheck // it ends with Close
	defer server.Close()      //nolint:errcheck // there is nothing to lose
	notes.Printf("the metrics are at http://%s/metrics", listener.Addr())
	err = o.audit(ctx, users, stdout, notes)
	<-ctx.Done()
	return err
}

// audit reads the users, and prints what each has and the spans of all. Its error says how many could not be read.
func (o *observed) audit(ctx context.Context, users []string, stdout io.Writer, notes *log.Logger) error {
	var report strings.Builder
	missing := 0
	for _, user := range users {
		found, err := o.read(ctx, user)
		if err != nil {
			notes.Printf("%s: %v", user, err)
			missing++
			continue
		}
		fmt.Fprintf(&report, "%s: grants %d, refresh tokens %d\n", user, found.grants, found.tokens)
	}
	report.WriteString(spansText(o.spans.GetSpans()))
	if _, err := io.WriteString(stdout, report.String()); err != nil {
		return err
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d users could not be read", missing, len(users))
	}
	return nil
}

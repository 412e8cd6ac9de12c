// Live queries a real org for what Okta's documentation leaves open, and prints a report in Markdown. It reads the
// configuration as okta.LoadConfig does and changes nothing, unless OKTA_LIVE_USER names a user whose grants may be
// revoked. The README.md of the module says more.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/grantkit/okta"
)

const (
	userVariable = "OKTA_LIVE_USER" // ID or login of a user whose grants may be revoked
	waitVariable = "OKTA_LIVE_WAIT" // how long a cursor is kept before it is used
	defaultWait  = 10 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	config, err := okta.LoadConfig()
	if err == nil {
		err = run(ctx, config, os.Getenv, os.Stdout)
	}
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "live:", err)
		os.Exit(1) //nolint:forbidigo // a program ends with an exit code
	}
}

// run queries the org of config and writes the report to out.
func run(ctx context.Context, config okta.Config, getenv func(string) string, out io.Writer) error {
	wait := defaultWait
	if text := getenv(waitVariable); text != "" {
		var err error
		if wait, err = time.ParseDuration(text); err != nil {
			return fmt.Errorf("%s is not a duration such as 30s", waitVariable)
		}
	}
	l, err := connect(config)
	if err != nil {
		return err
	}
	subject, err := l.find(ctx, getenv(userVariable))
	if err != nil {
		return err
	}
	tables := []table{
		l.limits(ctx, subject),
		l.spellings(ctx, subject),
		l.cursor(ctx, subject, wait),
		l.missingScope(ctx, subject),
	}
	if getenv(userVariable) != "" {
		tables = append(tables, l.revoking(ctx, subject))
	}
	if err := ctx.Err(); err != nil {
		return err // the responses after its end say nothing about the org
	}
	for _, t := range tables {
		if _, err := io.WriteString(out, t.String()); err != nil {
			return err
		}
	}
	return nil
}

// live queries one org.
type live struct {
	config okta.Config
	client *okta.Client
}

// connect returns a client whose transport records what the SDK does not show.
func connect(config okta.Config) (*live, error) {
	config.WrapTransport = func(next http.RoundTripper) http.RoundTripper { return probing{next} }
	client, err := okta.NewClient(config)
	return &live{config, client}, err
}

// Command oktagrants reviews and revokes OAuth grants and refresh tokens of a whole Okta org.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/grantkit/okta/oktagrants/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals()...)
	context.AfterFunc(ctx, stop)                                                      // a second signal ends the process at once
	os.Exit(cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, cli.System())) //nolint:forbidigo // a command
}

// stopSignals are the signals that stop a run in order: that of a terminal that is closed, too, unless it was ignored from
// the start, as nohup does.
func stopSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

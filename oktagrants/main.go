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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)                                                      // a second signal ends the process at once
	os.Exit(cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, cli.System())) //nolint:forbidigo // a command
}

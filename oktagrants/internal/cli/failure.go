package cli

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/grantkit/okta"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/report"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// failure is an error with the exit code of the command.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// wrong is the failure of a command that was given something it cannot use.
func wrong(format string, args ...any) error {
	return &failure{run.ExitUsage, fmt.Errorf(format, args...)}
}

// misused is the failure of a command line that is wrong.
func misused(cmd *cobra.Command, err error) error {
	path := cmd.CommandPath()
	if !cmd.HasParent() { // each line begins with its name
		return wrong("%w; see %s --help", err, path)
	}
	return wrong("%s: %w; see %s --help", strings.TrimPrefix(path, "oktagrants "), err, path)
}

// exitCode is the exit code for an error. One without a code is cobra's, for a command line that is wrong.
func exitCode(err error) int {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.code
	}
	return run.ExitUsage
}

// withCodes gives an exit code to the errors of a command and of those below it.
func withCodes(cmd *cobra.Command) {
	for _, command := range cmd.Commands() {
		withCodes(command)
	}
	do := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		err := do(cmd, args)
		if _, ok := errors.AsType[*failure](err); ok || err == nil {
			return err
		}
		if steps.Class(err) == steps.ClassCanceled {
			err = fmt.Errorf("interrupted: %w", err)
		}
		return &failure{codeOf(err), err}
	}
}

func codeOf(err error) int {
	switch steps.Class(err) {
	case steps.ClassCanceled:
		return run.ExitIncomplete
	case steps.ClassAuthentication, steps.ClassScope, steps.ClassForbidden, steps.ClassInvalid, steps.ClassIntercepted:
		return run.ExitUsage
	}
	return run.ExitFailed
}

// exclusive refuses two flags of a command together.
func exclusive(cmd *cobra.Command, a, b string) {
	check(cmd, func(cmd *cobra.Command) error {
		if cmd.Flags().Changed(a) && cmd.Flags().Changed(b) {
			return misused(cmd, fmt.Errorf("--%s and --%s are mutually exclusive", a, b))
		}
		return nil
	})
}

// filled refuses flags that are given without a value, as a script does by an empty variable: without them, a command is
// for all.
func filled(cmd *cobra.Command, names ...string) {
	check(cmd, func(cmd *cobra.Command) error {
		for _, name := range names {
			if cmd.Flags().Changed(name) && cmd.Flag(name).Value.String() == "" {
				return misused(cmd, fmt.Errorf("--%s is empty", name))
			}
		}
		return nil
	})
}

// workersFlag is a flag for how many tasks are done at a time. Without it, the number stays 0.
func workersFlag(cmd *cobra.Command, workers *int, usage string) {
	cmd.Flags().IntVar(workers, "workers", 0, usage)
	check(cmd, func(cmd *cobra.Command) error {
		if cmd.Flags().Changed("workers") && *workers < 1 {
			return wrong("--workers is %d: it must be at least 1", *workers)
		}
		return nil
	})
}

// check adds a check of a command's flags.
func check(cmd *cobra.Command, wrong func(*cobra.Command) error) {
	before := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if err := wrong(cmd); err != nil || before == nil {
			return err
		}
		return before(cmd, args)
	}
}

// sentence is an error as one line, with what to do about it.
func sentence(err error) string {
	text := err.Error()
	if advice := advice(err); advice != "" {
		text += "; " + advice
	}
	return report.Visible(oneLine(text))
}

func advice(err error) string {
	switch steps.Class(err) {
	case steps.ClassAuthentication:
		return "check the credentials in OKTA_CLIENT_TOKEN, OKTA_CLIENT_PRIVATEKEY or okta.yaml, with oktagrants doctor"
	case steps.ClassScope:
		return missingScope(err)
	case steps.ClassForbidden:
		return forbiddenAdvice(err)
	case steps.ClassRateLimited:
		return "try again later, or with a smaller --max-use"
	case steps.ClassStorage:
		return storageAdvice(err)
	case steps.ClassNetwork:
		return networkAdvice(err)
	case steps.ClassIntercepted:
		return interceptedAdvice(err)
	}
	return ""
}

// interceptedAdvice is for what does not pass by itself.
func interceptedAdvice(err error) string {
	response, ok := errors.AsType[*okta.Error](err)
	switch {
	case ok && response.StatusCode == http.StatusProxyAuthRequired, strings.Contains(err.Error(), "Proxy Authentication"):
		return "the proxy demands credentials: set them in HTTPS_PROXY or OKTA_CLIENT_PROXY_USERNAME and _PASSWORD"
	case ok:
		return "this is no response of Okta, but of something on the way, such as a captive portal: sign in to the network, " +
			"or check the org's URL"
	}
	return "the certificate is not trusted: check the org's URL, the clock, and whether a proxy replaces certificates, whose " +
		"own one then belongs into the system's store"
}

func missingScope(err error) string {
	scope := "that scope"
	if response, ok := errors.AsType[*okta.Error](err); ok && response.OAuth != nil && response.OAuth.Scope != "" {
		scope = response.OAuth.Scope
	}
	return "grant " + scope + " to the service app in Okta, and add it to OKTA_CLIENT_SCOPES"
}

func forbiddenAdvice(err error) string {
	if response, ok := errors.AsType[*okta.Error](err); ok && response.Code == okta.CodeFeatureNotEnabled {
		return "the org does not have that feature"
	}
	return "the owner of the API token, or the service app, needs an administrator role that permits this"
}

func storageAdvice(err error) string {
	_, ofNetwork := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, ledger.ErrCorrupt):
		return "what it holds cannot be trusted: keep the file for an examination, and begin again with another --run"
	case errors.Is(err, ledger.ErrVersion):
		return "use the version of oktagrants that wrote it, or begin again with another --run"
	case errors.Is(err, ledger.ErrDenied):
		return "let this user write the file and its folder, or the database role its tables"
	case ofNetwork || !errors.Is(err, ledger.ErrStorage):
		return ""
	}
	return "make room on the disk"
}

// networkAdvice is for errors of no other class, not all of which come from the network.
func networkAdvice(err error) string {
	found, ofNetwork := errors.AsType[net.Error](err)
	if _, ofFile := found.(syscall.Errno); ofFile {
		return ""
	}
	if ofNetwork || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "check the org's URL and the network"
	}
	return ""
}

package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/grantkit/okta/oktagrants/internal/report"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// The JSON of all commands has one vocabulary. The files in testdata hold it.
//
//	type, version   what an object is, and the version of these words; the items of lists are Okta's own objects
//	job             review, offboard or revoke-app; kind is that of a task or of an access
//	run             the address of a run, as --run takes it
//	phase           how far a run is
//	created, ended  when a run was begun and when it ended
//	tasks           numbers of tasks, by kind and state
//	classes, class  of errors
//	revoked         what was revoked, with numbers; never in a plan
//	limitations     what a run cannot see or revoke, in sentences
//	seconds, paused spans of time, in seconds

// object begins each JSON object of the command.
type object struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
}

func newObject(name string) object { return object{name, report.JSONVersion} }

// errorObject is an error as --json writes it.
type errorObject struct {
	object

	Class    string `json:"class"`
	ExitCode int    `json:"exitCode"`
	Error    string `json:"error"`
	Advice   string `json:"advice,omitempty"`
}

// The classes of errors of the command itself, beside those of package steps.
const (
	classUsage      = "usage"      // the command line, the configuration or a file that it names is wrong
	classIncomplete = "incomplete" // the command has ended before all was done
)

func (c *cli) newErrorObject(err error) errorObject {
	code := exitCode(err)
	return errorObject{
		object: newObject("error"), Class: errorClass(err, code), ExitCode: code,
		Error: c.withoutAddresses(oneLine(err.Error())), Advice: advice(err),
	}
}

// classed is an error whose text has the advice and the next command already, with the class of its cause.
type classed struct {
	error

	class string
}

// errorClass is the class of an error. Package steps takes an error that it does not know for one of the network.
func errorClass(err error, code int) string {
	if known, ok := errors.AsType[*classed](err); ok {
		return known.class
	}
	class := steps.Class(err)
	switch {
	case class != steps.ClassNetwork || networkAdvice(err) != "":
		return class
	case code == run.ExitUsage:
		return classUsage
	}
	return classIncomplete
}

// oneLine writes joined errors, which stand on lines of their own, as one line.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", "; ") }

// sayError writes why a command failed to standard error, as its output is written.
func (c *cli) sayError(cmd *cobra.Command, err error) {
	if !c.wantsJSON(cmd) || writeJSON(c.err, c.newErrorObject(err)) != nil {
		c.say("%s", sentence(err))
	}
}

// wantsJSON reports whether a command writes JSON. A command line that could not be parsed counts as it was typed.
func (c *cli) wantsJSON(cmd *cobra.Command) bool {
	flag := cmd.Flags().Lookup("json")
	if flag == nil || flag.Value.Type() != "bool" { // report has files of that name
		return false
	}
	if flag.Changed {
		return flag.Value.String() == "true"
	}
	for _, word := range c.args {
		if word == "--" || word == "--json" {
			return word == "--json"
		}
	}
	return false
}

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/grantkit/okta"

	"github.com/grantkit/okta/oktagrants/internal/run"
)

// diagnosis is what doctor finds out, as --json writes it.
type diagnosis struct {
	object

	Org         string                `json:"org"`
	Credentials string                `json:"credentials"`      // their kind
	Scopes      []string              `json:"scopes,omitempty"` // as far as they are known
	Warnings    []string              `json:"warnings,omitempty"`
	Reads       []attempt             `json:"reads"`
	Limits      map[string]rateBucket `json:"limits"`
	Jobs        []ability             `json:"jobs"`
}

// attempt is one harmless read.
type attempt struct {
	Operation string `json:"operation"`
	Scope     string `json:"scope"`
	OK        bool   `json:"ok"`
	Result    string `json:"result"`

	missing string // what it takes; empty if nothing is known to be missing
	failed  bool   // for another reason
	untried bool   // there was nothing to try it with
}

type rateBucket struct {
	Limit     int `json:"limit"`
	Remaining int `json:"remaining"`
}

// ability says whether a job can be done, as far as that can be known.
type ability struct {
	Job       string   `json:"job"`
	OK        bool     `json:"ok"` // nothing is known that stands in its way
	Missing   []string `json:"missing,omitempty"`
	Failed    []string `json:"failed,omitempty"`    // reads that failed for another reason
	Untried   []string `json:"untried,omitempty"`   // reads that there was nothing to try with
	AlsoNeeds []string `json:"alsoNeeds,omitempty"` // what it needs, too, and no read can show
	NotJudged string   `json:"notJudged,omitempty"` // what it cannot judge, and why
}

// apiTokenScheme is how API tokens authenticate. They have no scopes.
const apiTokenScheme = "SSWS"

func (c *cli) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check the configuration, the credentials and what they permit",
		Long: `Check the configuration, the credentials and what they permit.

It tries one harmless read for each kind of thing that a job reads. It revokes nothing, so it cannot try whether the
credentials may revoke: it says which scopes that takes.

The exit code is 1 if a job cannot be done, and 2 if the credentials are not accepted.`,
		Example: `  oktagrants doctor
  oktagrants doctor --json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			watched := &authorization{}
			t, err := c.connect(func(config *okta.Config) { config.WrapTransport = watched.wrap })
			if err != nil {
				return err
			}
			e := &examination{client: t.client}
			if err := e.examine(cmd.Context()); err != nil {
				return err
			}
			d := newDiagnosis(t, watched, e.reads)
			if err := d.write(c.out, asJSON); err != nil {
				return fmt.Errorf("write the result: %w", err)
			}
			return d.failure()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write one JSON object")
	return cmd
}

func newDiagnosis(t *target, watched *authorization, reads []attempt) *diagnosis {
	scheme, scopes := watched.seen()
	d := &diagnosis{
		object: newObject("doctor"),
		Org:    t.config.OrgURL, Warnings: t.warnings, Scopes: scopes, Reads: reads, Limits: map[string]rateBucket{},
	}
	app, isApp := t.config.Credentials.(okta.ServiceApp)
	switch {
	case isApp:
		d.Credentials = fmt.Sprintf("service app %s, with %s tokens", app.ClientID, scheme)
		if scopes == nil {
			d.Scopes = app.Scopes
		}
	case scheme == apiTokenScheme:
		d.Credentials = "API token: it may do what its owner may do"
	default:
		d.Credentials = "OAuth access token"
	}
	for bucket, state := range t.client.RateLimits() {
		if state.Limit > 0 {
			d.Limits[bucket] = rateBucket{state.Limit, state.Remaining}
		}
	}
	for _, job := range jobNeeds {
		d.Jobs = append(d.Jobs, job.ability(reads, scheme, d.Scopes))
	}
	return d
}

// failure is the failure of a diagnosis that finds a job that cannot be done.
func (d *diagnosis) failure() error {
	var cannot []string
	for _, job := range d.Jobs {
		if !job.OK {
			cannot = append(cannot, job.Job)
		}
	}
	if cannot == nil {
		return nil
	}
	return &failure{run.ExitFailed, errors.New("these credentials cannot do: " + strings.Join(cannot, ", "))}
}

func (d *diagnosis) write(out io.Writer, asJSON bool) error {
	if asJSON {
		return writeJSON(out, d)
	}
	facts := []fact{{"Credentials", d.Credentials}}
	if d.Scopes != nil {
		facts = append(facts, fact{"Scopes", strings.Join(d.Scopes, " ")})
	}
	for _, warning := range d.Warnings {
		facts = append(facts, fact{"Warning", warning})
	}
	sections := []struct {
		title string
		facts []fact
	}{
		{d.Org, facts}, {"Reads", d.readFacts()}, {"Rate limits", d.limitFacts()}, {"Jobs", d.jobFacts()},
	}
	for _, section := range sections {
		if err := writeFacts(out, section.title, section.facts); err != nil {
			return err
		}
	}
	_, err := io.WriteString(out, "Whether these credentials may revoke is not tried: that would revoke something.\n")
	return err
}

func (d *diagnosis) readFacts() []fact {
	facts := make([]fact, len(d.Reads))
	for i, read := range d.Reads {
		facts[i] = fact{read.Operation, read.Result}
	}
	return facts
}

func (d *diagnosis) limitFacts() []fact {
	var facts []fact
	for _, bucket := range slices.Sorted(maps.Keys(d.Limits)) {
		limit := d.Limits[bucket]
		text := fmt.Sprintf("%s calls a window, %s left", count(limit.Limit), count(limit.Remaining))
		facts = append(facts, fact{bucket, text})
	}
	if facts == nil {
		return []fact{{"none", "Okta sent no rate limit headers"}}
	}
	return facts
}

func (d *diagnosis) jobFacts() []fact {
	facts := make([]fact, len(d.Jobs))
	for i, job := range d.Jobs {
		facts[i] = fact{job.Job, job.text()}
	}
	return facts
}

func (a *ability) text() string {
	if !a.OK {
		reasons := slices.Clone(a.Missing)
		for _, operation := range a.Failed {
			reasons = append(reasons, operation+" failed")
		}
		return "no: " + strings.Join(reasons, "; ")
	}
	var parts []string
	if len(a.Untried) > 0 {
		parts = append(parts, "not tried: "+strings.Join(a.Untried, ", "))
	}
	if len(a.AlsoNeeds) > 0 {
		parts = append(parts, "as far as reads can show; it also needs "+strings.Join(a.AlsoNeeds, ", "))
	}
	if a.NotJudged != "" {
		parts = append(parts, "yes, but it cannot judge "+a.NotJudged)
	}
	return cmp.Or(strings.Join(parts, "; "), "yes")
}

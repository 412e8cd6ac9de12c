package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/grantkit/okta"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/run"
	"github.com/grantkit/okta/oktagrants/internal/steps"
)

// target is the org that a command works on.
type target struct {
	client   *okta.Client
	config   okta.Config
	host     string // the org's name for people
	meter    *run.Meter
	window   time.Duration // of the rate limits; 0 for Okta's
	warnings []string      // about the configuration
}

const noConfiguration = `no Okta org is configured: set OKTA_CLIENT_ORGURL and OKTA_CLIENT_TOKEN, or for a service ` +
	`app OKTA_CLIENT_ORGURL, OKTA_CLIENT_CLIENTID, OKTA_CLIENT_PRIVATEKEY and OKTA_CLIENT_SCOPES, or write them into ` +
	`~/.okta/okta.yaml; "oktagrants demo review" needs none of them`

// connect makes a client for the org, with some changes to its configuration. It sends nothing.
func (c *cli) connect(changes ...func(*okta.Config)) (*target, error) {
	config, window, err := c.loadConfig()
	if err != nil {
		return nil, wrong("%w", err)
	}
	if config.OrgURL == "" && config.Credentials == nil {
		return nil, wrong(noConfiguration)
	}
	return c.connectTo(config, window, changes...)
}

// connectTo is connect with a configuration.
func (c *cli) connectTo(config okta.Config, window time.Duration, changes ...func(*okta.Config)) (*target, error) {
	if c.maxUse > 0 {
		config.RateLimiter.MaxUse = c.maxUse
	}
	t := &target{config: config, meter: &run.Meter{}, window: window}
	t.config.UserAgent = userAgent()
	t.config.OnAttempt = t.meter.OnAttempt
	for _, change := range changes {
		change(&t.config)
	}
	warned := &warnings{}
	t.config.Logger = slog.New(warned)
	var err error
	if t.client, err = okta.NewClient(t.config); err != nil {
		return nil, wrong("the configuration is incomplete or wrong: %w", err)
	}
	t.warnings = warned.take()
	parsed, err := url.Parse(config.OrgURL)
	if err != nil {
		return nil, wrong("%w", err)
	}
	t.host = parsed.Host
	return t, nil
}

// share is the value of --max-use; 0 if it is not given.
type share float64

func (s *share) String() string { return strconv.FormatFloat(float64(*s), 'g', -1, 64) }

func (s *share) Type() string { return "float64" }

func (s *share) Set(text string) error {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || !(value > 0 && value <= 1) { // also not a number
		return errors.New("it must be above 0 and at most 1")
	}
	*s = share(value)
	return nil
}

// loadConfig returns the configuration of the org, and the window of its rate limits if that is not Okta's.
func (c *cli) loadConfig() (okta.Config, time.Duration, error) {
	if c.demo != nil {
		return c.demo.start()
	}
	config, err := c.env.LoadConfig()
	return config, 0, err
}

// warnings is a slog.Handler that keeps what NewClient has to say about a configuration, until take is called.
type warnings struct {
	texts []string
	taken atomic.Bool
}

func (w *warnings) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && !w.taken.Load()
}

func (w *warnings) Handle(_ context.Context, record slog.Record) error {
	w.texts = append(w.texts, record.Message)
	return nil
}

func (w *warnings) WithAttrs([]slog.Attr) slog.Handler { return w }
func (w *warnings) WithGroup(string) slog.Handler      { return w }

func (w *warnings) take() []string {
	w.taken.Store(true)
	return w.texts
}

// person is a user of the org.
type person struct{ id, login string }

func (p person) String() string {
	if p.login == "" {
		return p.id
	}
	return fmt.Sprintf("%s (%s)", p.login, p.id)
}

// user finds the user who is given by ID or login.
func (t *target) user(ctx context.Context, given string) (person, error) {
	job, err := steps.New(t.client, t.config.OrgURL, ledger.Offboard, steps.Arguments{Users: []string{given}}, one(given))
	if err != nil {
		return person{}, err
	}
	task := ledger.Task{Kind: ledger.User, Given: given}
	if err := job.Resolve(ctx, &task); err != nil {
		if errors.Is(err, okta.ErrNotFound) {
			return person{}, fmt.Errorf("there is no user %q in %s: %w", given, t.host, err)
		}
		return person{}, fmt.Errorf("find the user %q: %w", given, err)
	}
	return person{task.ID, task.Login}, nil
}

// app is an app of the org, or a client ID of which nothing else is known.
type app struct{ id, client string }

// app finds the app that is given by its ID or client ID. Credentials that may not read apps are good enough for the
// routes of users: what is given is taken for a client ID then, and said to be.
func (c *cli) app(ctx context.Context, t *target, given string) (app, error) {
	found, err := steps.FindApp(ctx, t.client, given)
	switch steps.Class(err) {
	case "":
		return app{found.ID, found.ClientID()}, nil
	case steps.ClassScope, steps.ClassForbidden:
		c.say("%q is taken for a client ID: these credentials may not read apps, and an org may return nothing for a client "+
			"that it does not know", given)
		return app{client: given}, nil
	case steps.ClassNotFound:
		return app{}, fmt.Errorf("there is no app with the ID or client ID %q in %s: %w", given, t.host, err)
	}
	return app{}, fmt.Errorf("find the app %q: %w", given, err)
}

func one(user string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) { yield(user, nil) }
}

// forOrg is a command on the org.
func (c *cli) forOrg(
	do func(ctx context.Context, t *target, args []string) error,
) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		t, err := c.connect()
		if err != nil {
			return err
		}
		return do(cmd.Context(), t, args)
	}
}

// forApp is a command on the app that its second argument gives. It gets the client ID in its place.
func (c *cli) forApp(
	do func(ctx context.Context, t *target, args []string) error,
) func(*cobra.Command, []string) error {
	return c.forOrg(func(ctx context.Context, t *target, args []string) error {
		found, err := c.app(ctx, t, args[1])
		if err != nil {
			return err
		}
		return do(ctx, t, slices.Replace(slices.Clone(args), 1, 2, found.client))
	})
}

// forUserAndApp is forUser and forApp.
func (c *cli) forUserAndApp(
	do func(ctx context.Context, t *target, user person, args []string) error,
) func(*cobra.Command, []string) error {
	return c.forApp(func(ctx context.Context, t *target, args []string) error {
		user, err := t.user(ctx, args[0])
		if err != nil {
			return err
		}
		return do(ctx, t, user, args)
	})
}

// forUser is a command on the user whom its first argument gives.
func (c *cli) forUser(
	do func(ctx context.Context, t *target, user person, args []string) error,
) func(*cobra.Command, []string) error {
	return c.forOrg(func(ctx context.Context, t *target, args []string) error {
		user, err := t.user(ctx, args[0])
		if err != nil {
			return err
		}
		return do(ctx, t, user, args)
	})
}

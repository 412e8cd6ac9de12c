package cli

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/observe/metrics"

	"github.com/grantkit/okta/oktagrants/internal/fleet"
	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// work is the command that takes part in the runs of other machines.
type work struct {
	run     string // the database
	orgs    string // the file that lists them
	metrics string // where they are served
	workers int
}

func (c *cli) workCommand() *cobra.Command {
	w := &work{}
	cmd := &cobra.Command{
		Use:   "work --run postgres://...",
		Short: "Take part in the runs of a database, on any machine",
		Long: `Take part in the runs that review, offboard and revoke-app keep in a Postgres database, until it is interrupted. It works
for the configured org, or for those of --orgs: a file with the path of an okta.yaml on each line.

The password of the database is best kept out of the command: in PGPASSWORD, or in ~/.pgpass.`,
		Example: `  oktagrants work --run postgres://oktagrants@db.example/oktagrants
  oktagrants work --run postgres://oktagrants@db.example/oktagrants --orgs orgs.txt --metrics :9090`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.work(cmd.Context(), w) },
	}
	cmd.Flags().StringVar(&w.run, "run", "", "the `URL` of the database, postgres://...")
	cmd.Flags().StringVar(&w.orgs, "orgs", "", "work for the orgs of this `file`: the path of an okta.yaml on each line")
	workersFlag(cmd, &w.workers, "do so `many` users of each org at a time (default 20)")
	cmd.Flags().StringVar(&w.metrics, "metrics", "", "serve metrics for Prometheus at this `address`, such as :9090, at /metrics")
	return cmd
}

func (c *cli) work(ctx context.Context, w *work) error {
	switch {
	case !ledger.IsPostgres(w.run):
		return wrong("work: --run must be the URL of a Postgres database, postgres://...")
	case strings.Contains(w.run, "#"):
		return wrong("work: --run must name no run after #: it takes part in all runs of its orgs")
	}
	registry := prometheus.NewRegistry()
	orgs, err := c.workedFor(w.orgs, registry)
	if err != nil {
		return err
	}
	stop, err := serveMetrics(ctx, w.metrics, registry)
	if err != nil {
		return err
	}
	defer stop()
	c.say("working in %s; interrupt to stop", shownTarget(w.run))
	worker := &fleet.Worker{Target: w.run, Orgs: orgs, Workers: w.workers, Log: c.logger(slog.LevelInfo)}
	if err := worker.Work(ctx); err != nil {
		return wrong("--run: %w", err)
	}
	return nil
}

// workedFor returns the orgs of a file, or the configured one, and registers their metrics.
func (c *cli) workedFor(file string, registry *prometheus.Registry) ([]fleet.Org, error) {
	configs, err := c.orgConfigs(file)
	if err != nil {
		return nil, err
	}
	var orgs []fleet.Org
	seen := map[string]bool{}
	for _, config := range configs {
		if seen[config.OrgURL] {
			return nil, wrong("--orgs: %s is there twice", config.OrgURL)
		}
		seen[config.OrgURL] = true
		org, err := c.workedForOrg(config, registry)
		if err != nil {
			return nil, err
		}
		orgs = append(orgs, org)
	}
	return orgs, nil
}

func (c *cli) workedForOrg(config okta.Config, registry *prometheus.Registry) (fleet.Org, error) {
	m := metrics.New()
	t, err := c.connectTo(config, 0, observedBy(m))
	if err != nil {
		return fleet.Org{}, err
	}
	for _, warning := range t.warnings {
		c.say("%s: %s", t.host, warning)
	}
	prometheus.WrapRegistererWith(prometheus.Labels{"org": t.host}, registry).MustRegister(m, metrics.RateLimits(t.client))
	return fleet.Org{URL: config.OrgURL, Client: t.client, Meter: t.meter}, nil
}

// observedBy lets metrics see the requests of a client, too.
func observedBy(m *metrics.Metrics) func(*okta.Config) {
	return func(config *okta.Config) {
		before := config.OnAttempt
		config.OnAttempt = func(ctx context.Context, attempt okta.Attempt) {
			before(ctx, attempt)
			m.Observe(ctx, attempt)
		}
	}
}

// orgConfigs returns the configurations of the orgs in a file, or the configured one if there is none.
func (c *cli) orgConfigs(file string) ([]okta.Config, error) {
	if file == "" {
		config, err := c.env.LoadConfig()
		if err != nil {
			return nil, wrong("%w", err)
		}
		if config.OrgURL == "" && config.Credentials == nil {
			return nil, wrong(noConfiguration)
		}
		return []okta.Config{config}, nil
	}
	paths, err := readPaths(file)
	if err != nil {
		return nil, wrong("--orgs: %v", err)
	}
	var configs []okta.Config
	for _, path := range paths {
		config, err := loadOrg(path)
		if err != nil {
			return nil, wrong("--orgs: %v", err)
		}
		configs = append(configs, config)
	}
	return configs, nil
}

// readPaths reads paths, one a line, relative to the folder of the file. Empty lines and those that begin with # are
// comments.
func readPaths(file string) ([]string, error) {
	f, err := os.Open(file) //nolint:gosec // the caller's own file
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var paths []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		path := strings.TrimSpace(lines.Text())
		if path == "" || strings.HasPrefix(path, "#") {
			continue
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(file), path)
		}
		paths = append(paths, path)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: there is no path of an okta.yaml in it", file)
	}
	return paths, nil
}

// loadOrg reads the configuration of one org. Nothing of it comes from the environment.
func loadOrg(path string) (okta.Config, error) {
	if _, err := os.Stat(path); err != nil {
		return okta.Config{}, err
	}
	config, err := okta.LoadConfigFrom(okta.ConfigSources{Files: []string{path}})
	if err != nil {
		return okta.Config{}, err
	}
	if config.OrgURL == "" || config.Credentials == nil {
		return okta.Config{}, fmt.Errorf("%s: the org's URL or its credentials are missing", path)
	}
	return config, nil
}

// serveMetrics serves a registry at /metrics until stop is called, unless the address is empty.
func serveMetrics(ctx context.Context, address string, registry *prometheus.Registry) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, wrong("--metrics: %v", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: metricsTimeout, WriteTimeout: metricsTimeout}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // until it is closed
	}()
	return func() {
		_ = server.Close()
		<-served
	}, nil
}

const metricsTimeout = 10 * time.Second

// logger logs to standard error.
func (c *cli) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: level}))
}

func (c *cli) migrateCommand() *cobra.Command {
	var target string
	cmd := &cobra.Command{
		Use:   "migrate --run postgres://...",
		Short: "Create or update the tables of a database",
		Long: `Create or update the tables of a Postgres database, as a role that may create tables. The other commands do it, too, if
they may; where they run as a role that may only read and write, this comes first, and after each update of oktagrants.`,
		Example: `  oktagrants migrate --run postgres://oktagrants@db.example/oktagrants`,
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !ledger.IsPostgres(target) {
				return wrong("migrate: --run must be the URL of a Postgres database, postgres://...")
			}
			if err := fleet.Migrate(cmd.Context(), target); err != nil {
				return wrong("--run: %w", err)
			}
			c.say("the tables in %s are up to date", shownTarget(target))
			return nil
		},
	}
	cmd.Flags().StringVar(&target, "run", "", "the `URL` of the database, postgres://...")
	return cmd
}

package main

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grantkit/okta/oktatest"
)

const (
	bulkUsers  = 300
	bulkLimit  = 100
	bulkWindow = 5 * time.Second
)

// bulkResult is what became of one call for each user.
type bulkResult struct {
	Wall        time.Duration
	Failed      int
	Sent        int // requests, as the server counts them
	Refused     int // of them, with 429
	MostUsed    int // of one window
	Connections int
}

// bulk reads the grants of all users of an org under a rate limit, with workers, from the beginning of a
// window on, or so late in it.
func (j job) bulk(ctx context.Context) (bulkResult, error) {
	org := oktatest.New(oktatest.Options{})
	defer org.Close()
	users := fill(org)
	watch := &watched{next: org}
	server, err := serve(watch)
	if err != nil {
		return bulkResult{}, err
	}
	subjects := make([]subject, max(1, j.Clients))
	for i := range subjects {
		if subjects[i], err = newSubject(j.Subject, server.url, j.MaxUse); err != nil {
			return bulkResult{}, err
		}
	}
	if err := until(ctx, time.Now().Truncate(bulkWindow).Add(bulkWindow+j.Late)); err != nil {
		return bulkResult{}, err
	}
	start := time.Now()
	failed := work(ctx, subjects, j.Workers, users)
	return bulkResult{
		Wall: time.Since(start), Failed: failed, Sent: int(watch.sent.Load()), Refused: int(watch.refused.Load()),
		MostUsed: int(watch.most.Load()), Connections: int(server.connections.Load()),
	}, nil
}

// fill gives each user of an org a grant.
func fill(org *oktatest.Org) []string {
	org.AcceptAPIToken(token)
	org.LimitRate(oktatest.BucketUsers, bulkLimit, bulkWindow)
	app := org.AddClient(oktatest.Client{})
	var users []string
	for range bulkUsers {
		user := org.AddUser(oktatest.User{})
		org.AddGrant(oktatest.Grant{UserID: user.ID, ClientID: app.ID})
		users = append(users, user.ID)
	}
	return users
}

// watched notes what an org says of its rate limit.
type watched struct {
	next                http.Handler
	sent, refused, most atomic.Int64
}

func (w *watched) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	status := &statusWriter{ResponseWriter: rw}
	w.next.ServeHTTP(status, r)
	w.sent.Add(1)
	if status.code == http.StatusTooManyRequests {
		w.refused.Add(1)
	}
	remaining, err := strconv.ParseInt(rw.Header().Get("X-Rate-Limit-Remaining"), 10, 64)
	if err != nil {
		return
	}
	for used, most := bulkLimit-remaining, w.most.Load(); used > most && !w.most.CompareAndSwap(most, used); {
		most = w.most.Load()
	}
}

type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// until waits for a time.
func until(ctx context.Context, at time.Time) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(at)):
		return nil
	}
}

// work makes one call for each user. Each client has so many workers of its own. It returns how many calls failed.
func work(ctx context.Context, clients []subject, workers int, users []string) int {
	queue := make(chan string, len(users))
	for _, user := range users {
		queue <- user
	}
	close(queue)
	var failed atomic.Int64
	var group sync.WaitGroup
	for _, client := range clients {
		for range workers {
			group.Go(func() {
				for user := range queue {
					if n, err := client.list(ctx, user); err != nil || n != 1 {
						failed.Add(1)
					}
				}
			})
		}
	}
	group.Wait()
	return int(failed.Load())
}

// bulkCase is a bulk, and what is wanted of it.
type bulkCase struct {
	job
	bulkResult

	name string
	most float64 // wall time, in the ideal's; 0 if nothing is wanted of it
}

// bulkCases are run group by group, the bulks of a group at the same time: they wait for most of it, each for an org
// of its own.
var bulkCases = [][]*bulkCase{
	{{name: "ours, 1 worker", job: job{Subject: ours, Workers: 1}}},
	{{name: "ours, 16 workers", job: job{Subject: ours, Workers: 16}, most: 1.05}},
	{{name: "ours, 128 workers", job: job{Subject: ours, Workers: 128}, most: 1.05}},
	{{name: "ours, 16 workers, from the middle of a window on", job: job{Subject: ours, Workers: 16, Late: bulkWindow / 2}}},
	{{name: "ours, two clients of 16 workers", job: job{Subject: ours, Workers: 16, Clients: 2}, most: 1.25}},
	{
		{name: "ours, 1 worker, MaxUse 0.5", job: job{Subject: ours, Workers: 1, MaxUse: 0.5}},
		{name: "ours, 16 workers, MaxUse 0.5", job: job{Subject: ours, Workers: 16, MaxUse: 0.5}},
		{name: "ours, 128 workers, MaxUse 0.5", job: job{Subject: ours, Workers: 128, MaxUse: 0.5}},
	},
	{
		{name: "v6 at its defaults, 16 workers", job: job{Subject: v6, Workers: 16}},
		{name: "v6 tuned, 16 workers", job: job{Subject: v6Tuned, Workers: 16}},
	},
}

// ideal is the wall time of a client that uses all it may of each window, the first one included, and takes no time
// itself.
func (c *bulkCase) ideal() time.Duration {
	share := int(bulkLimit * cmp.Or(c.MaxUse, 1))
	return time.Duration((bulkUsers-1)/share)*bulkWindow - c.Late
}

func (b *bench) bulks(ctx context.Context) error {
	b.section("300 users under a limit of 100 requests for each 5 s",
		"wall, s", "ideal, s", "of the ideal", "calls failed", "requests", "refused", "most of a window", "connections")
	for _, group := range bulkCases {
		if b.withV6 == "" && group[0].Subject != ours {
			continue
		}
		if err := b.runGroup(ctx, group); err != nil {
			return err
		}
		for _, c := range group {
			b.row(c.name, "%.2f %.1f %.3f %d %d %d %d %d",
				c.Wall.Seconds(), c.ideal().Seconds(), c.ratio(), c.Failed, c.Sent, c.Refused, c.MostUsed, c.Connections)
		}
	}
	b.bulkBars()
	return nil
}

// runGroup fills in the results of a group.
func (b *bench) runGroup(ctx context.Context, group []*bulkCase) error {
	errs := make([]error, len(group))
	var running sync.WaitGroup
	for i, c := range group {
		running.Go(func() {
			c.Role = "bulk"
			c.bulkResult, errs[i] = run[bulkResult](ctx, b.programs, c.job)
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

func (c *bulkCase) ratio() float64 { return float64(c.Wall) / float64(c.ideal()) }

// bulkBars judges our bulks together, but for the walls.
func (b *bench) bulkBars() {
	var failed int
	var refused, half, connections float64
	for _, c := range slices.Concat(bulkCases...) {
		if c.Subject != ours {
			continue
		}
		failed += c.Failed
		if c.most > 0 {
			b.bar("wall, of the ideal: "+c.name, c.ratio(), c.most)
		}
		if c.Clients > 1 {
			continue
		}
		refused = max(refused, float64(c.Refused)/float64(c.Sent))
		connections = max(connections, float64(c.Connections)/float64(c.Workers))
		if c.MaxUse > 0 {
			half = max(half, float64(c.MostUsed)/bulkLimit)
		}
	}
	b.bar("calls failed, of all of ours", float64(failed), 0)
	for _, c := range slices.Concat(bulkCases...) {
		if c.Subject == v6 && c.Failed > 0 {
			b.versus("calls lost in a bulk of 300 over the limit", "", float64(failed), float64(c.Failed))
		}
	}
	b.bar("refused, of a client's requests", refused, 0.01)
	b.bar("most of a window with MaxUse 0.5", half, 0.5)
	b.bar("connections, for each worker", connections, 1)
}

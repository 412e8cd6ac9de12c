package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grantkit/okta"
)

// waitersResult is what calls cost that wait for a rate limit together.
type waitersResult struct {
	CPU    time.Duration
	Calls  int
	Failed int
}

// crowd is a transport with a rate limit of its own, so that nothing but the client's own CPU time is measured.
type crowd struct {
	limit int
	body  []byte

	mu     sync.Mutex
	window int64
	used   int
}

func (c *crowd) RoundTrip(req *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Unix() != c.window {
		c.window, c.used = now.Unix(), 0
	}
	h := http.Header{"Date": {now.UTC().Format(http.TimeFormat)}, "Content-Type": {"application/json"}}
	resp := &http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Header: h, Request: req, ContentLength: int64(len(c.body))}
	resp.Body = io.NopCloser(bytes.NewReader(c.body))
	if c.used == c.limit {
		resp.StatusCode = http.StatusTooManyRequests
	} else {
		c.used++
	}
	h.Set("X-Rate-Limit-Limit", strconv.Itoa(c.limit))
	h.Set("X-Rate-Limit-Remaining", strconv.Itoa(c.limit-c.used))
	h.Set("X-Rate-Limit-Reset", strconv.FormatInt(now.Unix()+1, 10))
	return resp, nil
}

// waiters has so many workers make some calls each under a limit for a quarter of them a second, or for 500.
func (j job) waiters(ctx context.Context) (waitersResult, error) {
	client, err := okta.NewClient(okta.Config{
		OrgURL: "https://acme.okta.com", Credentials: okta.APIToken(token),
		HTTPClient: &http.Client{Transport: &crowd{limit: max(j.Workers/4, 500), body: appendGrant(nil, 0)}},
	})
	if err != nil {
		return waitersResult{}, err
	}
	calls := max(2, 5000/j.Workers)
	var failed atomic.Int64
	var all sync.WaitGroup
	before := cpuTime()
	for range j.Workers {
		all.Go(func() {
			for range calls {
				if _, err := client.UserGrants.Get(ctx, "u1", grantID, nil); err != nil {
					failed.Add(1)
				}
			}
		})
	}
	all.Wait()
	return waitersResult{CPU: cpuTime() - before, Calls: calls * j.Workers, Failed: int(failed.Load())}, nil
}

func (b *bench) waiters(ctx context.Context) error {
	b.section("Calls that wait for a rate limit, in one client", "CPU for each call, us", "failed")
	for _, each := range []struct {
		workers int
		most    float64 // us
	}{{100, 27}, {10_000, 60}, {30_000, 60}} {
		r, err := run[waitersResult](ctx, b.programs, job{Role: "waiters", Subject: ours, Workers: each.workers})
		if err != nil {
			return err
		}
		name, cost := strconv.Itoa(each.workers)+" waiting", float64(r.CPU.Microseconds())/float64(r.Calls)
		b.row(name, "%.1f %d", cost, r.Failed)
		b.bar("CPU for each call, us: "+name, cost, each.most)
	}
	return nil
}

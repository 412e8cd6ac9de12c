package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// list reads all grants of one user, page after page.
func (j job) list(ctx context.Context) (usage, error) {
	s, err := newSubject(j.Subject, j.URL, 0)
	if err != nil {
		return usage{}, err
	}
	before, err := connections(ctx, j.URL)
	if err != nil {
		return usage{}, err
	}
	u, err := measure(func() error {
		n, err := s.list(ctx, "u"+strconv.Itoa(j.N))
		if err == nil && n != j.N {
			err = fmt.Errorf("%d grants came instead of %d", n, j.N)
		}
		return err
	})
	if err != nil {
		return u, err
	}
	after, err := connections(ctx, j.URL)
	u.Connections = after - before - 1 // the question took one
	return u, err
}

// connections asks a server how many connections it has been opened, that of the question included.
func connections(ctx context.Context, url string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+connectionsPath, nil)
	if err != nil {
		return 0, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing is written to it
	var n int
	_, err = fmt.Fscan(resp.Body, &n)
	return n, err
}

const (
	listRounds = 5
	listed     = 50_000
	listedByV6 = 10_000
)

// listSubjects are measured in turn, round after round.
var listSubjects = []string{ours, v6, floor, floorJSON, floorV2}

func (b *bench) listing(ctx context.Context) error {
	costs := map[string][]usage{}
	for range listRounds {
		for _, name := range b.available(listSubjects) {
			u, err := run[usage](ctx, b.programs, job{Role: "list", Subject: name, URL: b.url, N: listedBy(name)})
			if err != nil {
				return err
			}
			costs[name] = append(costs[name], u)
		}
	}
	b.section("List grants in pages of 200: for each grant", "time, us", "CPU, us", "allocations", "bytes", "connections in all")
	for _, name := range b.available(listSubjects) {
		c := costOf(costs[name], listedBy(name))
		b.row(name, "%.1f %.1f %.2f %.0f %.0f",
			c.wall, c.cpu, c.allocs, c.bytes, c.connections)
	}
	own := costOf(costs[ours], listed)
	b.bar("allocations for each grant", own.allocs, 4)
	b.bar("connections of a sequential walk", own.connections, 1)
	if b.withV6 != "" {
		other := costOf(costs[v6], listedByV6)
		b.bar("CPU for each grant, as a share of v6's", own.cpu/other.cpu, 1.0/20)
		b.versus("CPU for each listed grant", "us", own.cpu, other.cpu)
		b.versus("allocations for each listed grant", "", own.allocs, other.allocs)
		b.versus("memory allocated for each listed grant", "kB", own.bytes/1e3, other.bytes/1e3)
	}
	return nil
}

func listedBy(name string) int {
	if name == v6 {
		return listedByV6
	}
	return listed
}

// cost is the median of what something costs for each of n, in microseconds and bytes.
type cost struct{ wall, cpu, allocs, bytes, connections float64 }

func costOf(all []usage, n int) cost {
	each := func(value func(usage) float64) float64 { return medianBy(all, value) }
	return cost{
		wall:        each(func(u usage) float64 { return micros(u.Wall) }) / float64(n),
		cpu:         each(func(u usage) float64 { return micros(u.CPU) }) / float64(n),
		allocs:      each(func(u usage) float64 { return float64(u.Allocs) }) / float64(n),
		bytes:       each(func(u usage) float64 { return float64(u.Bytes) }) / float64(n),
		connections: each(func(u usage) float64 { return float64(u.Connections) }),
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func medianBy[T any](all []T, value func(T) float64) float64 {
	values := make([]float64, len(all))
	for i, each := range all {
		values[i] = value(each)
	}
	return median(values)
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

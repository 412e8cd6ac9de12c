package main

import (
	"context"
	"math"
	"slices"
	"time"
)

// latency is how long calls took: those of a subject, and those of net/http between them.
type latency struct{ P50, P99, BareP50, BareP99 time.Duration }

const (
	getBlock = 100 // calls of the one before calls of the other
	warmUp   = 200
)

// get reads one grant N times, in turn with net/http on the same transport settings.
func (j job) get(ctx context.Context) (latency, error) {
	s, err := newSubject(j.Subject, j.URL, 0)
	if err != nil {
		return latency{}, err
	}
	base, err := newSubject(bare, j.URL, 0)
	if err != nil {
		return latency{}, err
	}
	for _, each := range []subject{s, base} {
		if _, err := times(ctx, each, warmUp); err != nil {
			return latency{}, err
		}
	}
	var own, bases []time.Duration
	for range j.N / getBlock {
		took, err := times(ctx, s, getBlock)
		if err != nil {
			return latency{}, err
		}
		own = append(own, took...)
		if took, err = times(ctx, base, getBlock); err != nil {
			return latency{}, err
		}
		bases = append(bases, took...)
	}
	return latency{quantile(own, 0.5), quantile(own, 0.99), quantile(bases, 0.5), quantile(bases, 0.99)}, nil
}

func times(ctx context.Context, s subject, n int) ([]time.Duration, error) {
	took := make([]time.Duration, n)
	for i := range took {
		start := time.Now()
		if err := s.get(ctx, "u1", grantID); err != nil {
			return nil, err
		}
		took[i] = time.Since(start)
	}
	return took, nil
}

func quantile(d []time.Duration, q float64) time.Duration {
	slices.Sort(d)
	return d[int(math.Ceil(q*float64(len(d))))-1]
}

const (
	getRounds = 5
	getCalls  = 5_000
)

var getSubjects = []string{ours, v6, floor}

func (b *bench) latency(ctx context.Context) error {
	all := map[string][]latency{}
	for range getRounds {
		for _, name := range b.available(getSubjects) {
			l, err := run[latency](ctx, b.programs, job{Role: "get", Subject: name, URL: b.url, N: getCalls})
			if err != nil {
				return err
			}
			all[name] = append(all[name], l)
		}
	}
	b.section("Get one grant: latency over net/http, which does not decode, us",
		"p50", "p99", "net/http p50", "net/http p99", "added at p50", "added at p99")
	for _, name := range b.available(getSubjects) {
		p50, p99 := of(all[name], p50), of(all[name], p99)
		bare50, bare99 := of(all[name], bareP50), of(all[name], bareP99)
		b.row(name, "%.0f %.0f %.0f %.0f %.0f %.0f",
			p50, p99, bare50, bare99, of(all[name], addedP50), of(all[name], addedP99))
	}
	b.bar("latency added at p50, us", of(all[ours], addedP50), 60)
	if b.withV6 != "" {
		b.versus("latency of a call over net/http, p50", "us", of(all[ours], addedP50), of(all[v6], addedP50))
	}
	return nil
}

func p50(l latency) time.Duration      { return l.P50 }
func p99(l latency) time.Duration      { return l.P99 }
func bareP50(l latency) time.Duration  { return l.BareP50 }
func bareP99(l latency) time.Duration  { return l.BareP99 }
func addedP50(l latency) time.Duration { return l.P50 - l.BareP50 }
func addedP99(l latency) time.Duration { return l.P99 - l.BareP99 }

// of is the median of a figure over all runs.
func of(all []latency, figure func(latency) time.Duration) float64 {
	return medianBy(all, func(l latency) float64 { return micros(figure(l)) })
}

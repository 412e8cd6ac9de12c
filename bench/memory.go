package main

import "context"

const (
	fewGrants  = 10_000
	manyGrants = 1_000_000
	fewRounds  = 5
)

func (b *bench) memory(ctx context.Context) error {
	var few []usage
	for range fewRounds {
		u, err := run[usage](ctx, b.programs, job{Role: "list", Subject: ours, URL: b.url, N: fewGrants})
		if err != nil {
			return err
		}
		few = append(few, u)
	}
	many, err := run[usage](ctx, b.programs, job{Role: "list", Subject: ours, URL: b.url, N: manyGrants})
	if err != nil {
		return err
	}
	b.section("Memory of reading all grants with page.All, MB", "peak RSS", "heap in use afterwards", "allocated in all")
	for _, each := range []struct {
		name string
		all  []usage
	}{{"ours, 10,000 grants", few}, {"ours, 1,000,000 grants", []usage{many}}} {
		b.row(each.name, "%.1f %.2f %.0f",
			peak(each.all), heap(each.all), costOf(each.all, 1).bytes/1e6)
	}
	b.bar("peak RSS of a million grants, of that of ten thousand", peak([]usage{many})/peak(few), 1.3)
	return nil
}

func peak(all []usage) float64 {
	return medianBy(all, func(u usage) float64 { return float64(u.PeakRSS) / 1e6 })
}

func heap(all []usage) float64 {
	return medianBy(all, func(u usage) float64 { return float64(u.Heap) / 1e6 })
}

package main

import (
	"context"
	"os"
	"strconv"
	"testing"
)

// TestMain serves the prepared responses in another process, so that the server's allocations are not counted.
func TestMain(m *testing.M) {
	if isChild() {
		if err := beChild(context.Background()); err != nil {
			fail(err)
		}
		return
	}
	m.Run()
}

func server(b *testing.B) string {
	b.Helper()
	url, stop, err := startServer(b.Context(), os.Args[0], job{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(stop)
	return url
}

func subjectOf(b *testing.B, name, url string) subject {
	b.Helper()
	if name == v6 && !hasV6 {
		b.Skip("built without the tag v6")
	}
	s, err := newSubject(name, url, 0)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkList reads ten pages of 200 grants. Its figures are for each grant.
func BenchmarkList(b *testing.B) {
	const grants = 10 * pageSize
	url := server(b)
	for _, name := range listSubjects {
		b.Run(name, func(b *testing.B) {
			s := subjectOf(b, name, url)
			u, err := measure(func() error {
				for b.Loop() {
					if _, err := s.list(b.Context(), "u"+strconv.Itoa(grants)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			c := costOf([]usage{u}, b.N*grants)
			b.ReportMetric(0, "ns/op") // it would be that of a list
			b.ReportMetric(c.wall, "us/grant")
			b.ReportMetric(c.cpu, "cpu-us/grant")
			b.ReportMetric(c.allocs, "allocs/grant")
			b.ReportMetric(c.bytes, "B/grant")
		})
	}
}

// BenchmarkGet reads one grant.
func BenchmarkGet(b *testing.B) {
	url := server(b)
	for _, name := range append([]string{bare}, getSubjects...) {
		b.Run(name, func(b *testing.B) {
			s := subjectOf(b, name, url)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.get(b.Context(), "u1", grantID); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

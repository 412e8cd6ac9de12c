package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// built is a program.
type built struct {
	Wall, CPU time.Duration // of its cold build
	Warm      time.Duration
	Size      int64
	Stripped  int64
}

const (
	coldRounds = 3
	warmRounds = 3
)

// builds compares the programs below onecall. The modules are there already; a cold build has an empty cache.
func (b *bench) builds(ctx context.Context) error {
	all := map[string][]built{}
	for range coldRounds {
		for _, name := range []string{floor, ours} {
			one, err := b.buildOne(ctx, onecall[name])
			if err != nil {
				return err
			}
			all[name] = append(all[name], one)
		}
	}
	if b.withV6 != "" && !b.skipV6Build {
		one, err := b.buildOne(ctx, onecall[v6])
		if err != nil {
			return err
		}
		all[v6] = append(all[v6], one)
	}
	b.section("A program with one call", buildColumns...)
	for _, name := range []string{ours, floor, v6} {
		if p := all[name]; len(p) > 0 {
			b.buildRow(name, p)
		}
	}
	b.bar("cold build, of go-retryablehttp's", cold(all[ours])/cold(all[floor]), 1.2)
	b.bar("CPU of the cold build, of go-retryablehttp's", coldCPU(all[ours])/coldCPU(all[floor]), 1.2)
	b.bar("size, of go-retryablehttp's", size(all[ours])/size(all[floor]), 1.2)
	b.bar("size stripped, of go-retryablehttp's", stripped(all[ours])/stripped(all[floor]), 1.2)
	if len(all[v6]) > 0 {
		b.versus("cold build of a program with one call", "s", cold(all[ours]), cold(all[v6]))
		b.versus("size of that program", "MB", size(all[ours]), size(all[v6]))
	}
	return nil
}

var buildColumns = []string{"cold build, s", "its CPU, s", "warm build, s", "size, MB", "stripped, MB"}

func (t *table) buildRow(name string, p []built) {
	t.row(name, "%.1f %.1f %.2f %.2f %.2f", cold(p), coldCPU(p), warm(p), size(p), stripped(p))
}

func cold(p []built) float64 {
	return medianBy(p, func(one built) float64 { return one.Wall.Seconds() })
}

func coldCPU(p []built) float64 {
	return medianBy(p, func(one built) float64 { return one.CPU.Seconds() })
}

func warm(p []built) float64 {
	return medianBy(p, func(one built) float64 { return one.Warm.Seconds() })
}

func size(p []built) float64 {
	return medianBy(p, func(one built) float64 { return float64(one.Size) / 1e6 })
}

func stripped(p []built) float64 {
	return medianBy(p, func(one built) float64 { return float64(one.Stripped) / 1e6 })
}

// onecall has the folders of the programs.
var onecall = map[string]string{ours: "onecall/ours", floor: "onecall/retryablehttp", v6: "onecall/v6"}

// buildOne builds the program of a folder.
func (b *bench) buildOne(ctx context.Context, folder string) (built, error) {
	var p built
	dir, err := os.MkdirTemp(b.dir, "build")
	if err != nil {
		return p, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the folder above is removed too
	cache, out := filepath.Join(dir, "cache"), filepath.Join(dir, "program")
	p.Wall, p.CPU, err = goBuild(ctx, folder, cache, out, ".")
	if err != nil {
		return p, err
	}
	if p.Size, err = sizeOf(out); err != nil {
		return p, err
	}
	var warm []float64
	for i := range warmRounds {
		took, _, err := goBuild(ctx, folder, cache, fmt.Sprint(out, i), ".")
		if err != nil {
			return p, err
		}
		warm = append(warm, float64(took))
	}
	p.Warm = time.Duration(median(warm))
	if _, _, err = goBuild(ctx, folder, cache, out, "-ldflags=-s -w", "."); err != nil {
		return p, err
	}
	p.Stripped, err = sizeOf(out)
	return p, err
}

// goBuild builds a program in a folder, and tells what that took with all the processes that took part.
func goBuild(ctx context.Context, folder, cache, out string, args ...string) (wall, cpu time.Duration, err error) {
	args = append([]string{"build", "-buildvcs=false", "-tags=v6", "-o", out}, args...)
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // all arguments are this program's
	cmd.Dir, cmd.Env = folder, os.Environ()
	if cache != "" {
		cmd.Env = append(cmd.Env, "GOCACHE="+cache)
	}
	start := time.Now()
	if text, err := cmd.CombinedOutput(); err != nil {
		return 0, 0, fmt.Errorf("go build: %w: %s", err, text)
	}
	return time.Since(start), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

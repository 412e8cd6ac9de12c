package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// The files of a report.
const (
	htmlFile = "report.html"
	csvFile  = "report.csv"
	jsonFile = "report.json"
)

// largeReview reviews without a limit, and is killed halfway.
func (b *bench) largeReview(ctx context.Context) error {
	users := b.jobs.reviewed
	g, err := b.newGrants(ctx, "large", orgSpec{Users: users})
	if err != nil {
		return err
	}
	defer g.org.stop()
	half, err := g.killAt(ctx, pagesOf(users, pageSize)+users/2, 0, reviewName, runFlag, jobsWorkers)
	if err != nil {
		return err
	}
	progress(fmt.Sprintf("review killed halfway, after %.0f s", half.Wall.Seconds()))
	if err := g.org.mark(ctx); err != nil {
		return err
	}
	again, err := g.start(ctx, reviewName, runFlag, jobsWorkers)
	if err != nil {
		return err
	}
	rest, err := again.succeed()
	if err != nil {
		return err
	}
	log, err := g.log(ctx)
	if err != nil {
		return err
	}
	b.jobs.reviews = append(b.jobs.reviews, review{users, g})
	wall, resume := half.Wall+rest.Wall, log.Grants.Sub(again.started).Seconds()
	rate, rss := float64(users)/wall.Seconds(), float64(max(half.PeakRSS, rest.PeakRSS))/1e6
	f := &b.jobs.figures
	f.section(fmt.Sprintf("A review of %d users without a limit, killed halfway", users),
		"wall, s", "users a second", "CPU, s", "peak RSS, MB", "first call after the kill, s", "users read again", "ledger, MB")
	f.row(reviewName, "%.0f %.0f %.0f %.0f %.2f %d %.0f", wall.Seconds(), rate, (half.CPU + rest.CPU).Seconds(), rss, resume,
		log.Calls[grantsRoute]-users, g.sizeOf(runFile))
	f.atLeast("users a second", rate, 2000)
	f.bar("peak RSS of a review, MB", rss, 200)
	f.bar("from the start to the first call after a kill, s", resume, 5)
	return nil
}

// sizeOf is the size of a file in MB; 0 if there is none.
func (g oktagrants) sizeOf(name string) float64 {
	size, _ := sizeOf(filepath.Join(g.dir, name))
	return float64(size) / 1e6
}

// reports has the reviews reported.
func (b *bench) reports(ctx context.Context) error {
	f := &b.jobs.figures
	f.section("The report of a review", "wall, s", "CPU, s", "peak RSS, MB", "HTML, MB", "CSV, MB")
	for _, r := range b.jobs.reviews {
		out, err := r.run(ctx, "report", runFile, "--html", htmlFile, "--csv", csvFile)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%d users", r.users)
		f.row(name, "%.1f %.1f %.0f %.1f %.1f", out.Wall.Seconds(), out.CPU.Seconds(), float64(out.PeakRSS)/1e6,
			r.sizeOf(htmlFile), r.sizeOf(csvFile))
		f.bar("wall, s: "+name, out.Wall.Seconds(), 60)
		if r.users <= 20_000 {
			f.bar("HTML, MB: "+name, r.sizeOf(htmlFile), 5)
		}
		if err := os.RemoveAll(r.dir); err != nil {
			return err
		}
	}
	return nil
}

// buildOfCommand builds the command with an empty cache.
func (b *bench) buildOfCommand(ctx context.Context) error {
	if b.jobs.skipBuild {
		return nil
	}
	progress("building oktagrants with an empty cache")
	p, err := b.buildOne(ctx, commandDir)
	if err != nil {
		return err
	}
	b.jobs.figures.section("The command", buildColumns...)
	b.jobs.figures.buildRow("oktagrants", []built{p})
	return nil
}

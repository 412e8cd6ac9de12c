package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// table is what is measured, in Markdown.
type table struct {
	text  strings.Builder
	bars  []bar // of the section at hand
	pairs []pair
}

// section begins a table with a first column without a name.
func (t *table) section(title string, columns ...string) {
	t.endSection()
	fmt.Fprintf(&t.text, "\n### %s\n\n| | %s |\n|---|%s\n", title, strings.Join(columns, " | "), strings.Repeat("---:|", len(columns)))
}

// row adds a line of figures, all in their formats.
func (t *table) row(name, format string, cells ...any) {
	fmt.Fprintf(&t.text, "| %s | %s |\n", name, strings.ReplaceAll(fmt.Sprintf(format, cells...), " ", " | "))
}

// bar is a figure and what it must be.
type bar struct {
	name  string
	got   float64
	bound float64
	least bool // the bound is the least that it must be, not the most
}

func (b bar) met() bool {
	if b.least {
		return b.got >= b.bound
	}
	return b.got <= b.bound
}

// bar says whether a figure is at most what it must be.
func (t *table) bar(name string, got, most float64) {
	t.bars = append(t.bars, bar{name: name, got: got, bound: most})
}

// atLeast says whether a figure is at least what it must be.
func (t *table) atLeast(name string, got, least float64) {
	t.bars = append(t.bars, bar{name: name, got: got, bound: least, least: true})
}

// figure has three digits after the point, but for those at the end that are 0.
func figure(f float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", f), "0"), ".")
}

func (t *table) endSection() {
	if len(t.bars) > 0 {
		t.text.WriteString("\n| must show | is | bar | |\n|---|---:|---:|---|\n")
	}
	for _, b := range t.bars {
		sign, verdict := "at most", "met"
		if b.least {
			sign = "at least"
		}
		if !b.met() {
			verdict = "**not met**"
		}
		fmt.Fprintf(&t.text, "| %s | %s | %s %s | %s |\n", b.name, figure(b.got), sign, figure(b.bound), verdict)
	}
	t.bars = nil
}

// String is the whole, with a line that says where and when it was measured.
func (t *table) String() string {
	t.endSection()
	return fmt.Sprintf("%s, %s/%s, %d cores, %s.\n%s", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(),
		time.Now().UTC().Format(time.DateOnly), t.text.String())
}

func (t *table) empty() bool { return t.text.Len() == 0 }

// writeInto puts text between two comments of a file, which name it.
func writeInto(path, name, text string) error {
	old, err := os.ReadFile(path) //nolint:gosec // the caller names it
	if err != nil {
		return err
	}
	markBegin := fmt.Sprintf("<!-- figures of %s: written by make bench -->\n", name)
	markEnd := fmt.Sprintf("<!-- end of the figures of %s -->\n", name)
	head, rest, begins := strings.Cut(string(old), markBegin)
	_, tail, ends := strings.Cut(rest, markEnd)
	if !begins || !ends {
		return fmt.Errorf("%s has no place for the figures of %s", path, name)
	}
	return os.WriteFile(path, []byte(head+markBegin+"\n"+text+"\n"+markEnd+tail), 0o644) //nolint:gosec // a file to be read by all
}

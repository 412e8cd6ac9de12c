package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/grantkit/okta/oktagrants/internal/report"
)

// format is how a list is written.
type format struct{ json, csv bool }

func (f *format) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.json, "json", false, "write JSON, one object a line")
	cmd.Flags().BoolVar(&f.csv, "csv", false, "write CSV")
	exclusive(cmd, "json", "csv")
}

// column is one column of a table or of CSV.
type column[T any] struct {
	name  string
	value func(*T) string
}

// list writes items, page by page.
type list[T any] struct {
	out     io.Writer
	format  format
	columns []column[T]
	widths  []int // of the table's columns so far
	begun   bool
}

func newList[T any](out io.Writer, format format, columns []column[T]) *list[T] {
	return &list[T]{out: out, format: format, columns: columns, widths: make([]int, len(columns))}
}

func (l *list[T]) page(items []T) error {
	switch {
	case l.format.json:
		return l.jsonLines(items)
	case l.format.csv:
		return l.csvRows(items)
	}
	return l.table(items)
}

func (l *list[T]) jsonLines(items []T) error {
	for i := range items {
		if err := writeJSON(l.out, &items[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *list[T]) csvRows(items []T) error {
	return csv.NewWriter(l.out).WriteAll(l.rows(items, report.Cell, strings.ToLower))
}

func (l *list[T]) table(items []T) error {
	rows := l.rows(items, report.Shown, strings.ToUpper)
	for _, row := range rows {
		for i, cell := range row {
			l.widths[i] = max(l.widths[i], utf8.RuneCountInString(cell))
		}
	}
	var text strings.Builder
	for _, row := range rows {
		text.WriteString(aligned(row, l.widths) + "\n")
	}
	_, err := io.WriteString(l.out, text.String())
	return err
}

// rows are the cells of items, below the names of the columns on the first page.
func (l *list[T]) rows(items []T, cell, name func(string) string) [][]string {
	var rows [][]string
	if !l.begun {
		l.begun = true
		names := make([]string, len(l.columns))
		for i, column := range l.columns {
			names[i] = name(column.name)
		}
		rows = append(rows, names)
	}
	for i := range items {
		row := make([]string, len(l.columns))
		for j, column := range l.columns {
			row[j] = cell(column.value(&items[i]))
		}
		rows = append(rows, row)
	}
	return rows
}

func aligned(row []string, widths []int) string {
	var line strings.Builder
	for i, cell := range row {
		line.WriteString(cell)
		line.WriteString(strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(cell))+2))
	}
	return strings.TrimRight(line.String(), " ")
}

// fact is a line of a summary.
type fact struct{ name, value string }

// writeFacts writes a summary below its title.
func writeFacts(out io.Writer, title string, facts []fact) error {
	width := 0
	for _, f := range facts {
		width = max(width, utf8.RuneCountInString(f.name))
	}
	var text strings.Builder
	text.WriteString(report.Visible(title) + "\n")
	for _, f := range facts {
		line := aligned([]string{"", f.name, report.Visible(f.value)}, []int{0, width, 0})
		text.WriteString(line + "\n")
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// writeJSON writes a value as one line. Characters that a terminal may not show as they are stand as \uXXXX.
func writeJSON(out io.Writer, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err = out.Write(append(report.EscapedJSON(text), '\n'))
	return err
}

// timestamp is a time as lists show it, and nothing for none.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// count writes 1234567 as 1,234,567.
func count(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// plural writes a number and its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}

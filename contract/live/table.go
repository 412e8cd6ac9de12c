package main

import "strings"

// table is a Markdown table with a heading.
type table struct {
	heading, note string
	columns       []string
	rows          [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t table) String() string {
	var b strings.Builder
	b.WriteString("### " + t.heading + "\n\n")
	if t.note != "" {
		b.WriteString(t.note + "\n\n")
	}
	write := func(cells []string) {
		for _, cell := range cells {
			b.WriteString("| " + inCell.Replace(cell) + " ")
		}
		b.WriteString("|\n")
	}
	write(t.columns)
	b.WriteString(strings.Repeat("|---", len(t.columns)) + "|\n")
	for _, row := range t.rows {
		write(row)
	}
	return b.String() + "\n"
}

// inCell escapes the text of a server for a cell.
var inCell = strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ")

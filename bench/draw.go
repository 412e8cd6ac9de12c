package main

import (
	"fmt"
	"html"
	"os"
	"strings"
)

// pair is a figure of ours beside v6's, in one unit.
type pair struct {
	name, unit string
	ours, v6   float64
}

// versus notes a pair for the drawing. It must cost v6 something.
func (t *table) versus(name, unit string, ours, v6 float64) {
	t.pairs = append(t.pairs, pair{name, unit, ours, v6})
}

// The measures of the drawing, in pixels.
const (
	drawnPair  = 46
	drawnBar   = 14
	drawnNames = 290 // the width of the names
	drawnV6    = 330 // the length of v6's bars
	drawnWidth = drawnNames + drawnV6 + 110
)

// draw writes the pairs as an SVG: the bars of v6 have one length, ours are as long in proportion.
func (t *table) draw(path string) error {
	var rows strings.Builder
	y := drawnPair
	for _, p := range t.pairs {
		fmt.Fprintf(&rows, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n",
			drawnNames-12, y+drawnBar+4, html.EscapeString(p.name))
		drawBar(&rows, y, "#2e7d4f", p.ours/p.v6, p.ours, p.unit)
		drawBar(&rows, y+drawnBar+2, "#b8bcc4", 1, p.v6, p.unit)
		y += drawnPair
	}
	svg := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif"`+
		` font-size="12" fill="#444">
<rect width="100%%" height="100%%" fill="#fff"/>
<text x="12" y="24" font-size="14">Lower is better: `+
		`<tspan fill="#2e7d4f">this SDK</tspan> and <tspan fill="#80858f">okta-sdk-golang v6</tspan></text>
%s</svg>
`, drawnWidth, y, rows.String())
	return os.WriteFile(path, []byte(svg), 0o644) //nolint:gosec // a file to be read by all
}

func drawBar(rows *strings.Builder, y int, color string, share, value float64, unit string) {
	length := share * drawnV6
	fmt.Fprintf(rows, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, drawnNames, y, length, drawnBar, color)
	fmt.Fprintf(rows, `<text x="%.1f" y="%d">%s %s</text>`+"\n",
		drawnNames+length+6, y+drawnBar-3, strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0"), html.EscapeString(unit))
}

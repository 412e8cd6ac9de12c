package main

import (
	"fmt"
	"html"
	"os"
	"strings"
)

// The measures of the drawing, in pixels.
const (
	drawnRow   = 20
	drawnNames = 430 // the width of the names
	drawnBound = 360 // the length of a bar that is just as long as it may be
	drawnWidth = drawnNames + drawnBound + 130
)

// draw writes all bars that have a ratio as an SVG: how much of what is allowed each figure takes.
func (t *table) draw(path string) error {
	t.endSection()
	var rows strings.Builder
	y := 3 * drawnRow
	for _, b := range t.drawn {
		ratio, ok := b.ratio()
		if !ok {
			continue
		}
		color := "#2e7d4f"
		if !b.met() {
			color = "#b3402a"
		}
		fmt.Fprintf(&rows, `<text x="%d" y="%d" text-anchor="end">%s</text>`, drawnNames-10, y+14, html.EscapeString(b.name))
		fmt.Fprintf(&rows, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, drawnNames, y+3, min(ratio, 1.2)*drawnBound, drawnRow-6, color)
		fmt.Fprintf(&rows, `<text x="%.1f" y="%d">%s</text>`+"\n", drawnNames+min(ratio, 1.2)*drawnBound+6, y+14, figure(b.got))
		y += drawnRow
	}
	line := drawnNames + drawnBound
	svg := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12" fill="#444">
<rect width="100%%" height="100%%" fill="#fff"/>
<text x="%d" y="24" font-size="14">Figures of this benchmark, as parts of what they may be at most (the line)</text>
%s<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#888" stroke-dasharray="4 3"/>
</svg>
`, drawnWidth, y+drawnRow, drawnRow, rows.String(), line, 2*drawnRow+10, line, y)
	return os.WriteFile(path, []byte(svg), 0o644) //nolint:gosec // a file to be read by all
}

// ratio is how much of what is allowed a figure takes, and false if nothing is.
func (b bar) ratio() (float64, bool) {
	if b.bound == 0 {
		return 0, false
	}
	if b.least {
		return b.bound / max(b.got, 1e-9), true
	}
	return b.got / b.bound, true
}

package report

// Visible is a text with characters that are invisible, or that change how others are shown, as ⟨U+202E⟩.
func Visible(s string) string { return visible(s) }

// Shown is a name as people read it: as [Visible] has it, and cut if it is long.
func Shown(name string) string { return shown(name) }

// Cell is a text as it may stand in a spreadsheet: as [Visible] has it, and a formula gets an apostrophe, which makes it
// a text.
func Cell(s string) string { return cell(visible(s)) }

// EscapedJSON is JSON with the same meaning in which characters that are invisible, or that change how others are shown,
// stand as \u202e.
func EscapedJSON(text []byte) []byte { return escapedJSON(text) }

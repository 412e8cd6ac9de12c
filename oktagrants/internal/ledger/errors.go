package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// The errors that callers tell apart with [errors.Is].
var (
	// ErrLocked means that another process has the ledger.
	ErrLocked = errors.New("the ledger is in use")
	// ErrNoRun means that no run was begun.
	ErrNoRun = errors.New("there is no run")
	// ErrVersion means that another version of the program made the ledger.
	ErrVersion = errors.New("the ledger is of another version")
	// ErrStorage means that the storage failed: it is full, read-only or broken. Nothing can be kept until a person
	// helps.
	ErrStorage = errors.New("the storage of the ledger failed")
	// ErrPart means that a part of the ledger is missing.
	ErrPart = errors.New("a part of the ledger is missing")
	// ErrCorrupt means that the content of the ledger is damaged.
	ErrCorrupt = errors.New("the ledger is damaged")
	// ErrDenied means that the ledger must not be written or read with the rights of this process.
	ErrDenied = errors.New("the ledger cannot be accessed")
	// ErrGone means that the file of an open ledger was deleted, moved or replaced. What is written to it is lost.
	ErrGone = errors.New("the ledger is gone")
)

// MismatchError means that a run exists and was begun for something else.
type MismatchError struct {
	Differences []Difference
}

// Difference is one difference between a run and what was asked for.
type Difference struct {
	Name string // "org", "kind", "version", or a flag such as "--search"
	Was  string // of the run
	Is   string // as asked for
}

// Error names every difference.
func (e *MismatchError) Error() string { return "the run was begun for something else: " + e.Changes() }

// Changes names every difference.
func (e *MismatchError) Changes() string {
	texts := make([]string, len(e.Differences))
	for i, d := range e.Differences {
		texts[i] = fmt.Sprintf("%s was %s, is %s", d.Name, d.Was, d.Is)
	}
	return strings.Join(texts, "; ")
}

// Named returns the error with other names for differences.
func (e *MismatchError) Named(names map[string]string) *MismatchError {
	named := &MismatchError{Differences: slices.Clone(e.Differences)}
	for i, d := range named.Differences {
		if name := names[d.Name]; name != "" {
			named.Differences[i].Name = name
		}
	}
	return named
}

// ofRun reports whether the runs differ in more than their arguments.
func (e *MismatchError) ofRun() bool {
	return slices.ContainsFunc(e.Differences, func(d Difference) bool { return !strings.HasPrefix(d.Name, "--") })
}

// mismatch compares a run with what is asked for. It is nil if they agree.
func mismatch(run Run, version int, spec Spec) (*MismatchError, error) {
	var all []Difference
	add := func(name, was, is string) {
		if was != is {
			all = append(all, Difference{Name: name, Was: was, Is: is})
		}
	}
	add("version", strconv.Itoa(version), strconv.Itoa(formatVersion))
	add("kind", string(run.Kind), string(spec.Kind))
	add("org", NormalOrg(run.Org), spec.Org)
	was, err := members(run.Arguments)
	if err != nil {
		return nil, fmt.Errorf("arguments of the run: %w", err)
	}
	is, err := members(spec.Arguments)
	if err != nil {
		return nil, fmt.Errorf("arguments: %w", err)
	}
	for _, name := range sortedKeys(was, is) {
		if !reflect.DeepEqual(was[name], is[name]) {
			add(flagName(name), text(was[name]), text(is[name]))
		}
	}
	if all == nil {
		return nil, nil //nolint:nilnil // documented
	}
	return &MismatchError{Differences: all}, nil
}

func members(object string) (map[string]any, error) {
	var m map[string]any
	if object == "" {
		return m, nil
	}
	return m, json.Unmarshal([]byte(object), &m)
}

func sortedKeys(maps ...map[string]any) []string {
	var keys []string
	for _, m := range maps {
		for key := range m {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// flagName is the flag of a member: "keepSessions" is "--keep-sessions".
func flagName(member string) string {
	var b strings.Builder
	b.WriteString("--")
	for i, r := range member {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// text shows a value of a member, cut to what a person reads.
func text(value any) string {
	if value == nil {
		return "not given"
	}
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	const most = 80
	if runes := []rune(string(data)); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(data)
}

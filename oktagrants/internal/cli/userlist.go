package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxLine  = 64 << 10  // bytes of a line in a list
	maxStdin = 512 << 20 // bytes of a list that can be read only once
)

// userList is a list of users in a file: CSV with one column "id" or "login", or one user a line.
type userList struct {
	name  string // for people
	file  io.ReadSeeker
	close func() error
	hash  string // the SHA-256 of its content
}

// openList opens the list at a path, or that on standard input if path is "-", and reads it to its end once.
func (c *cli) openList(ctx context.Context, path string) (*userList, error) {
	l, err := unlessDone(ctx, func() (*userList, error) { return c.listAt(path) })
	if err != nil {
		return nil, unlisted(err)
	}
	if err := l.check(); err != nil {
		return nil, unlisted(errors.Join(err, l.close()))
	}
	return l, nil
}

// unlisted is the failure of a list that cannot be used.
func unlisted(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return wrong("--from: %w", err)
}

// listAt opens a list. One that can be read only once, such as a pipe, is kept in memory.
func (c *cli) listAt(path string) (*userList, error) {
	if path == "-" {
		return inMemory("standard input", c.in)
	}
	file, err := os.Open(path) //nolint:gosec // the caller's choice
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if info.Mode().IsRegular() {
		return &userList{name: path, file: file, close: file.Close}, nil
	}
	defer file.Close() //nolint:errcheck // nothing is written to it
	return inMemory(path, file)
}

func inMemory(name string, from io.Reader) (*userList, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxStdin+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(text) > maxStdin {
		return nil, fmt.Errorf("%s is longer than %d MiB: give it as a file", name, maxStdin>>20)
	}
	return &userList{name: name, file: bytes.NewReader(text), close: func() error { return nil }}, nil
}

// check reads the list once, and notes its hash.
func (l *userList) check() error {
	users := 0
	for _, err := range l.read(func(sum string) error {
		l.hash = sum
		return nil
	}) {
		if err != nil {
			return err
		}
		users++
	}
	if users == 0 {
		return fmt.Errorf("%s: it names no users", l.name)
	}
	return nil
}

// users yields the users. It is an error if the list has changed since it was opened.
func (l *userList) users() iter.Seq2[string, error] {
	return l.read(func(sum string) error {
		if sum != l.hash {
			return errors.New("it has changed while it was read")
		}
		return nil
	})
}

// read yields the users in the list, and passes the hash of all of it to end.
func (l *userList) read(end func(sum string) error) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		_, err := l.file.Seek(0, io.SeekStart)
		sum := sha256.New()
		rows := newRows(io.TeeReader(l.file, sum))
		for err == nil {
			var user string
			if user, err = rows.next(); err == nil && !yield(user, nil) {
				return
			}
		}
		if errors.Is(err, io.EOF) {
			err = end(hex.EncodeToString(sum.Sum(nil)))
		}
		if err != nil {
			yield("", fmt.Errorf("%s: %w", l.name, err))
		}
	}
}

// rows reads the users from CSV.
type rows struct {
	csv    *csv.Reader
	begun  bool
	column int  // of the users
	ids    bool // the column has IDs alone
	width  int  // cells of the first row
}

func newRows(from io.Reader) *rows {
	reader := csv.NewReader(newTextReader(from))
	reader.FieldsPerRecord = -1
	reader.TrimLeadingSpace = true
	reader.ReuseRecord = true
	return &rows{csv: reader}
}

// next returns the next user, or io.EOF.
func (r *rows) next() (string, error) {
	for {
		row, err := r.csv.Read()
		if err != nil {
			return "", err
		}
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
		}
		if !slices.ContainsFunc(row, func(cell string) bool { return cell != "" }) {
			continue
		}
		if r.begun {
			return r.user(row)
		}
		r.begun = true
		header, err := r.begin(row)
		if err != nil {
			return "", err
		}
		if !header {
			return r.user(row)
		}
	}
}

// userID matches the IDs that Okta gives to users.
var userID = regexp.MustCompile(`^00u[0-9A-Za-z]+$`)

// begin finds the column, and reports whether the first row is a header. A word alone is taken for one: it might be
// the login of somebody else.
func (r *rows) begin(first []string) (header bool, err error) {
	r.width = len(first)
	var columns []int
	for i, cell := range first {
		if strings.EqualFold(cell, "id") || strings.EqualFold(cell, "login") {
			columns = append(columns, i)
		}
	}
	switch {
	case len(columns) > 1: // they might name different users
		return false, fmt.Errorf(`%d columns are named "id" or "login": keep one of them`, len(columns))
	case len(columns) == 1:
		r.column, r.ids = columns[0], strings.EqualFold(first[columns[0]], "id")
		return true, nil
	case len(first) == 1 && (strings.Contains(first[0], "@") || userID.MatchString(first[0])):
		return false, nil
	}
	return false, fmt.Errorf(`no column is named "id" or "login": the first line has %s`, quotedList(first))
}

// user is the user of a row.
func (r *rows) user(row []string) (string, error) {
	line, _ := r.csv.FieldPos(0)
	user := ""
	if r.column < len(row) {
		user = row[r.column]
	}
	switch {
	case len(row) > r.width: // a comma without quotes may have moved another cell to the column
		return "", fmt.Errorf("line %d has %d cells, the first line %d: put what has a comma in quotes",
			line, len(row), r.width)
	case user == "":
		return "", fmt.Errorf(`line %d has no user in the column "id" or "login"`, line)
	case r.ids && !userID.MatchString(user):
		return "", fmt.Errorf("line %d: %q is not the ID of a user at Okta", line, user)
	case strings.ContainsFunc(user, unicode.IsControl):
		return "", fmt.Errorf("line %d: the user %q has a control character", line, user)
	}
	return user, nil
}

func quotedList(cells []string) string {
	const most = 20
	quoted := make([]string, 0, most+1)
	for _, cell := range cells[:min(len(cells), most)] {
		quoted = append(quoted, strconv.Quote(cell))
	}
	if len(cells) > most {
		quoted = append(quoted, "and more")
	}
	return strings.Join(quoted, ", ")
}

// textReader passes on text in UTF-8, without a byte order mark, and refuses anything else.
type textReader struct {
	from    *bufio.Reader
	line    int
	pending []byte
}

func newTextReader(from io.Reader) *textReader {
	return &textReader{from: bufio.NewReaderSize(from, maxLine)}
}

func (t *textReader) Read(p []byte) (int, error) {
	if len(t.pending) == 0 {
		if err := t.readLine(); err != nil {
			return 0, err
		}
	}
	n := copy(p, t.pending)
	t.pending = t.pending[n:]
	return n, nil
}

func (t *textReader) readLine() error {
	line, err := t.from.ReadSlice('\n')
	t.line++
	if t.line == 1 {
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return fmt.Errorf("line %d is longer than %d bytes: this is no list of users", t.line, maxLine)
	case t.line == 1 && (bytes.HasPrefix(line, []byte{0xff, 0xfe}) || bytes.HasPrefix(line, []byte{0xfe, 0xff})):
		return errors.New("it is UTF-16: save it as UTF-8")
	case !utf8.Valid(line) || bytes.IndexByte(line, 0) >= 0:
		return fmt.Errorf("line %d is no text in UTF-8", t.line)
	case len(line) == 0:
		return err
	}
	t.pending = line
	return nil
}

package cli

import (
	"bufio"
	"bytes"
	"cmp"
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

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

const (
	maxLine = 64 << 10  // bytes of a line in a list
	maxList = 512 << 20 // bytes of a list, which is kept in memory
)

// userList is a list of users: CSV with one column "id" or "login", or one user a line. It is a copy in memory, so that
// what is read of it is what its hash stands for, whatever becomes of the file.
type userList struct {
	name    string // for people
	text    []byte
	hash    string   // the SHA-256 of text
	header  int      // the line with the names of the columns
	ignored []string // the columns that have no meaning here
}

// openList reads the list at a path, or that on standard input if path is "-".
func (c *cli) openList(ctx context.Context, path string) (*userList, error) {
	if ledger.IsAddress(path) {
		return nil, wrong("--from is no file: it looks like the address of a database")
	}
	l, err := unlessDone(ctx, func() (*userList, error) { return c.listAt(path) })
	if err == nil {
		err = l.check()
	}
	if err != nil {
		return nil, unlisted(err)
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

func (c *cli) listAt(path string) (*userList, error) {
	if path == "-" {
		return newUserList("standard input", c.in)
	}
	file, err := os.Open(path) //nolint:gosec // the caller's choice
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // nothing is written to it
	l, err := newUserList(path, file)
	if err != nil {
		return nil, err
	}
	return l, l.unchanged(file)
}

func newUserList(name string, from io.Reader) (*userList, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxList+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(text) > maxList {
		return nil, fmt.Errorf("%s is longer than %d MiB: this is no list of users", name, maxList>>20)
	}
	sum := sha256.Sum256(text)
	return &userList{name: name, text: text, hash: hex.EncodeToString(sum[:])}, nil
}

// unchanged is an error if a file is not the copy any more: lines that were written while it was read may be half of one
// user and half of another. What can be read only once, such as a pipe, is not compared.
func (l *userList) unchanged(file *os.File) error {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	sum := sha256.New()
	if _, err = file.Seek(0, io.SeekStart); err == nil {
		_, err = io.Copy(sum, file)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", l.name, err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != l.hash {
		return fmt.Errorf("%s has changed while it was read: give it when it is whole", l.name)
	}
	return nil
}

// check reads the list to its end, and notes the columns that it ignores.
func (l *userList) check() error {
	users := 0
	rows := newRows(bytes.NewReader(l.text))
	for {
		_, err := rows.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		users++
	}
	if users == 0 {
		return fmt.Errorf("%s: it names no users", l.name)
	}
	l.header, l.ignored = rows.header, rows.ignored
	return nil
}

// users yields the users.
func (l *userList) users() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		rows := newRows(bytes.NewReader(l.text))
		for {
			user, err := rows.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", l.name, err)
			}
			if !yield(user, err) || err != nil {
				return
			}
		}
	}
}

// rows reads the users from CSV.
type rows struct {
	csv     *csv.Reader
	begun   bool
	column  int      // of the users
	ids     bool     // the column has IDs alone
	width   int      // cells of the first row
	header  int      // the line of the first row
	ignored []string // the other columns
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
	r.header, _ = r.csv.FieldPos(0)
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
		r.ignored = otherColumns(first, r.column)
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

// otherColumns are the names of all columns but one.
func otherColumns(header []string, column int) []string {
	var others []string
	for i, name := range header {
		if i != column {
			others = append(others, cmp.Or(name, fmt.Sprintf("column %d", i+1)))
		}
	}
	return others
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

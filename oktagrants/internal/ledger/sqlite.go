package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gofrs/flock"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// applicationID marks a SQLite file as a ledger.
const applicationID = 0x6f6b7467

// sqliteFile is a ledger in a file.
type sqliteFile struct {
	path   string
	info   fs.FileInfo // of the file that was opened; nil in mode Read
	reader *sql.DB
	writer *sqliteWriter // nil in mode Read
	lock   *flock.Flock  // nil in mode Read
}

func openSQLite(ctx context.Context, target string, mode Mode) (storage, error) {
	s := storage{target: target, dialect: dialect{rows: 8}}
	path, err := resolvePath(target)
	if err != nil {
		return s, fmt.Errorf("%s: %w", target, err)
	}
	if mode == Read {
		s.database, err = readFile(ctx, path)
	} else {
		s.database, err = writeFile(ctx, path)
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w", target, err)
	}
	return s, nil
}

// resolvePath follows symbolic links, so that a file has one lock whatever it is called.
func resolvePath(target string) (string, error) {
	if target == "" {
		return "", errors.New("no file is named")
	}
	path, err := filepath.Abs(target)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err == nil {
		return resolved, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("its path cannot be followed: %w", withoutPath(err))
	}
	if _, err := os.Lstat(path); err == nil {
		return "", errors.New("it is a symbolic link to a file that does not exist")
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", fmt.Errorf("its folder cannot be found: %w", withoutPath(err))
	}
	return filepath.Join(folder, filepath.Base(path)), nil
}

// withoutPath leaves out the path, which the message names already.
func withoutPath(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// statFile returns what is at path, nil if there is nothing.
func statFile(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // documented
	case err != nil:
		return nil, withoutPath(err)
	case info.IsDir():
		return nil, errors.New("it is a folder, not a file")
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	}
	return info, nil
}

func readFile(ctx context.Context, path string) (*sqliteFile, error) {
	info, err := statFile(path)
	if err != nil {
		return nil, err
	}
	if info == nil {
		return nil, fmt.Errorf("%w: there is no such file", ErrNoRun)
	}
	f := &sqliteFile{}
	if f.reader, err = openDB(path, url.Values{"mode": {"ro"}}); err != nil {
		return nil, err
	}
	made, err := checkFormat(ctx, f.reader)
	if err == nil && !made {
		err = ErrNoRun
	}
	if err != nil {
		return nil, errors.Join(f.reason(err), f.close())
	}
	return f, nil
}

func writeFile(ctx context.Context, path string) (*sqliteFile, error) {
	info, err := statFile(path)
	if err != nil {
		return nil, err
	}
	if info != nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others can read it (mode %04o): chmod 600 makes it yours alone", info.Mode().Perm())
	}
	f := &sqliteFile{path: path, lock: flock.New(path + ".lock")}
	locked, err := f.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("%w: its lock file: %w", ErrStorage, withoutPath(err))
	}
	if !locked {
		return nil, fmt.Errorf("%w: another process writes it", ErrLocked)
	}
	made := info == nil
	if made {
		err = createFile(path)
	}
	if err == nil {
		f.info, err = statFile(path)
	}
	if err == nil {
		err = f.open(ctx, path)
	}
	if err != nil {
		return nil, errors.Join(f.reason(err), f.abandon(made))
	}
	return f, nil
}

// abandon closes a file that could not be opened, and removes it if it was made for that and is empty.
func (f *sqliteFile) abandon(made bool) error {
	err := f.closeDB()
	if info, failed := os.Stat(f.path); made && failed == nil && os.SameFile(f.info, info) && info.Size() == 0 {
		err = errors.Join(err, os.Remove(f.path))
	}
	return errors.Join(err, f.lock.Unlock())
}

// createFile makes an empty file of the user's alone.
func createFile(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) //nolint:gosec // the user names it
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStorage, withoutPath(err))
	}
	return file.Close()
}

// open opens a file that is locked, and makes the schema in an empty one.
func (f *sqliteFile) open(ctx context.Context, path string) error {
	db, err := openDB(path, url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"synchronous(FULL)", "wal_autocheckpoint(4000)"}, // pages, 16 MB: a list changes many
	})
	if err != nil {
		return err
	}
	f.writer = &sqliteWriter{db: db, turn: make(chan struct{}, 1), statements: map[string]*sql.Stmt{}}
	if f.writer.conn, err = db.Conn(ctx); err != nil {
		return err
	}
	made, err := checkFormat(ctx, f.writer.conn)
	if err != nil {
		return err
	}
	if !made {
		if _, err := f.writer.conn.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err != nil {
			return err
		}
	}
	err = f.writer.transact(ctx, func(ctx context.Context, q querier) error {
		if !made {
			return createSchema(ctx, q)
		}
		return mark(ctx, q) // it changes nothing, but shows at once whether the file can be written
	})
	if err != nil {
		return err
	}
	f.reader, err = openDB(path, url.Values{"mode": {"ro"}})
	return err
}

func openDB(path string, query url.Values) (*sql.DB, error) {
	query.Set("_busy_timeout", "5000")
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}
	return sql.Open("sqlite", name.String())
}

func createSchema(ctx context.Context, q querier) error {
	for _, statement := range schema {
		if _, err := q.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return mark(ctx, q)
}

// mark marks the file as a ledger of this format.
func mark(ctx context.Context, q querier) error {
	if _, err := q.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
		return err
	}
	_, err := q.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", formatVersion))
	return err
}

// checkFormat says whether the schema was made. If it was not, the file is empty: anything else is an error.
func checkFormat(ctx context.Context, q querier) (made bool, err error) {
	var id, version, tables int
	rows, err := q.QueryContext(ctx, `SELECT a.application_id, v.user_version, (SELECT COUNT(*) FROM sqlite_schema)
		FROM pragma_application_id AS a, pragma_user_version AS v`)
	if err := scanOne(rows, err, &id, &version, &tables); err != nil {
		return false, err
	}
	switch {
	case id == applicationID && version == formatVersion:
		return true, nil
	case id == applicationID:
		return false, fmt.Errorf("%w: its format is %d, and this program's is %d", ErrVersion, version, formatVersion)
	case id == 0 && version == 0 && tables == 0:
		return false, nil
	default:
		return false, errors.New("it is a SQLite file of another application")
	}
}

func (f *sqliteFile) transact(ctx context.Context, do func(ctx context.Context, q querier) error) error {
	if err := f.writer.transact(ctx, do); err != nil {
		return err
	}
	return f.present()
}

// present is an error if the path no longer names the file that was opened: what is written to it will be lost.
func (f *sqliteFile) present() error {
	now, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: the file was deleted or moved", ErrGone)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrStorage, withoutPath(err))
	case !os.SameFile(f.info, now):
		return fmt.Errorf("%w: another file is in its place", ErrGone)
	}
	return nil
}

func (f *sqliteFile) query(ctx context.Context, do func(ctx context.Context, q querier) error) error {
	return do(ctx, f.reader)
}

func (f *sqliteFile) close() error {
	err := f.closeDB()
	if f.lock == nil {
		return err
	}
	return errors.Join(err, f.lock.Unlock())
}

func (f *sqliteFile) closeDB() error {
	var errs []error
	if f.reader != nil {
		errs = append(errs, f.reader.Close())
	}
	if f.writer != nil {
		errs = append(errs, f.writer.close())
	}
	return errors.Join(errs...)
}

func (f *sqliteFile) reason(err error) error {
	e := (*sqlite.Error)(nil)
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff { // the rest is detail
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG:
		return err // what was to be written is wrong
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: it is not a ledger: %w", ErrCorrupt, err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w: another program has locked it: %w", ErrLocked, err)
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return fmt.Errorf("%w: the file or its folder cannot be written, which SQLite needs even to read; "+
			"copied to a folder of your own, the file can be read: %w: %w", ErrStorage, ErrDenied, err)
	default:
		return fmt.Errorf("%w: %w", ErrStorage, err)
	}
}

// sqliteWriter is the one connection that writes a file. It prepares each statement once.
type sqliteWriter struct {
	db         *sql.DB
	conn       *sql.Conn
	turn       chan struct{} // held by the transaction
	statements map[string]*sql.Stmt
}

func (w *sqliteWriter) transact(ctx context.Context, do func(ctx context.Context, q querier) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-w.turn }()
	// A transaction is short. It is not interrupted, as that would cost a goroutine for each statement.
	ctx = context.WithoutCancel(ctx)
	tx, err := w.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := do(ctx, w); err != nil {
		return err
	}
	return tx.Commit()
}

func (w *sqliteWriter) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	statement, err := w.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(ctx, args...)
}

func (w *sqliteWriter) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	statement, err := w.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.QueryContext(ctx, args...)
}

func (w *sqliteWriter) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if statement, ok := w.statements[query]; ok {
		return statement, nil
	}
	statement, err := w.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	w.statements[query] = statement
	return statement, nil
}

func (w *sqliteWriter) close() error {
	var errs []error
	for _, statement := range w.statements {
		errs = append(errs, statement.Close())
	}
	if w.conn != nil {
		errs = append(errs, w.conn.Close())
	}
	return errors.Join(append(errs, w.db.Close())...)
}

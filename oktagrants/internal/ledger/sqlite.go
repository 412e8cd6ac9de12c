package ledger

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/gofrs/flock"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// The application IDs of ledgers, in the header of a SQLite file. In a file that is written, partID stands in the file
// itself and applicationID, which overrules it, in the -wal file beside it: whoever has the file alone sees that a part
// is missing, and once SQLite has brought all of the -wal file into the file, it says again that it is whole.
const (
	applicationID = 0x6f6b7467 // "oktg"
	partID        = 0x6f6b7470 // "oktp"
)

// settleEvery is after how many commits what stands in the -wal file is brought into the file.
const settleEvery = 64

// sqliteFile is a ledger in a file.
type sqliteFile struct {
	path   string
	info   fs.FileInfo // of the file that was opened; nil in mode Read
	reader *sql.DB
	writer *sqliteWriter // nil in mode Read
	lock   *flock.Flock  // nil in mode Read

	commits  atomic.Int64 // since the file was opened
	settling sync.Mutex
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
		s.database, s.warnings, err = writeFile(ctx, path)
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
	if err := checkWAL(path); err != nil {
		return nil, err
	}
	f := &sqliteFile{}
	err = f.openReader(ctx, path, url.Values{"mode": {"ro"}})
	if cannotOpen(err) && isWhole(path) {
		// SQLite needs a file of its own beside the ledger, even to read. Where none can be made, no process can
		// write the ledger either.
		err = f.openReader(ctx, path, url.Values{"mode": {"ro"}, "immutable": {"1"}})
	}
	if err != nil {
		return nil, errors.Join(f.reason(err), f.close())
	}
	return f, nil
}

func (f *sqliteFile) openReader(ctx context.Context, path string, query url.Values) error {
	if err := f.closeDB(); err != nil {
		return err
	}
	var err error
	if f.reader, err = openDB(path, query); err != nil {
		return err
	}
	made, err := checkFormat(ctx, f.reader)
	if err == nil && !made {
		err = ErrNoRun
	}
	return err
}

// writeFile also returns what a person should know of the file.
func writeFile(ctx context.Context, path string) (*sqliteFile, []string, error) {
	info, err := statFile(path)
	if err != nil {
		return nil, nil, err
	}
	f := &sqliteFile{path: path, lock: flock.New(path + ".lock")}
	locked, err := f.lock.TryLock()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: its lock file: %w", ErrStorage, withoutPath(err))
	}
	if !locked {
		return nil, nil, fmt.Errorf("%w: another process writes it", ErrLocked)
	}
	made := info == nil
	if made {
		err = createFile(path)
	}
	if err == nil {
		f.info, err = statFile(path)
	}
	if err == nil {
		err = checkWAL(path)
	}
	if err == nil {
		err = f.open(ctx, path)
	}
	if err != nil {
		return nil, nil, errors.Join(f.reason(err), f.abandon(made))
	}
	return f, makePrivate(path), nil
}

// makePrivate makes the files of a ledger readable by their owner alone, as they were made: a volume of Kubernetes with
// an fsGroup gives them to the group. It returns which of them others can still read.
func makePrivate(path string) (warnings []string) {
	if runtime.GOOS == "windows" {
		return nil
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if !othersRead(path + suffix) {
			continue
		}
		_ = os.Chmod(path+suffix, 0o600) // what counts is what it has led to
		if othersRead(path + suffix) {
			warnings = append(warnings, fmt.Sprintf("others can read %s, and its mode cannot be changed",
				filepath.Base(path+suffix)))
		}
	}
	return warnings
}

func othersRead(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0
}

// checkWAL is an error if the -wal file of a ledger is gone: what was written last stood in it.
func checkWAL(path string) error {
	id, err := headerID(path)
	if err != nil || id != partID {
		return err
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%w: the file %s-wal is missing, and with it what was written last: put it back beside the ledger; "+
		"without it, begin another run", ErrPart, filepath.Base(path))
}

// headerID is the application ID in the file itself, 0 if it has none yet.
func headerID(path string) (uint32, error) {
	const offset = 68
	file, err := os.Open(path) //nolint:gosec // the user names it
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrStorage, withoutPath(err))
	}
	defer file.Close() //nolint:errcheck // nothing is written to it
	var id [4]byte
	if _, err := file.ReadAt(id[:], offset); err != nil {
		return 0, nil // it is too short to have one
	}
	return binary.BigEndian.Uint32(id[:]), nil
}

// isWhole reports whether nothing of a ledger stands in a -wal file.
func isWhole(path string) bool {
	id, err := headerID(path)
	info, missing := os.Stat(path + "-wal")
	return err == nil && id == applicationID && (errors.Is(missing, fs.ErrNotExist) || missing == nil && info.Size() == 0)
}

// cannotOpen reports whether SQLite could not open a file or one beside it.
func cannotOpen(err error) bool {
	e := (*sqlite.Error)(nil)
	if !errors.As(err, &e) {
		return false
	}
	code := e.Code() & 0xff
	return code == sqlite3.SQLITE_CANTOPEN || code == sqlite3.SQLITE_READONLY
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
		"_pragma": {"synchronous(FULL)", "wal_autocheckpoint(0)"}, // see settle
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
			if err := createSchema(ctx, q); err != nil {
				return err
			}
		}
		return mark(ctx, q, applicationID) // it changes nothing, but shows at once whether the file can be written
	})
	if err == nil {
		err = f.settle(ctx)
	}
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
	return nil
}

// mark marks the file as a ledger of this format.
func mark(ctx context.Context, q querier, id int) error {
	if _, err := q.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", id)); err != nil {
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
	ours := id == applicationID || id == partID
	switch {
	case ours && version == formatVersion:
		return true, nil
	case ours:
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
	if f.commits.Add(1)%settleEvery == 0 {
		_ = f.settle(ctx) // what was written is durable already
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

// settle brings what stands in the -wal file into the file itself, as far as nobody reads it meanwhile, and notes there
// that what follows is in the -wal file.
func (f *sqliteFile) settle(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	f.settling.Lock()
	defer f.settling.Unlock()
	if err := f.writer.keepWAL(ctx, true); err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return f.mark(ctx, partID) },
		func() error { return f.checkpoint(ctx) },
		func() error { return f.mark(ctx, applicationID) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return f.writer.keepWAL(ctx, false)
}

func (f *sqliteFile) mark(ctx context.Context, id int) error {
	return f.writer.transact(ctx, func(ctx context.Context, q querier) error { return mark(ctx, q, id) })
}

func (f *sqliteFile) checkpoint(ctx context.Context) error {
	return f.writer.alone(ctx, func(ctx context.Context) error {
		_, err := f.writer.conn.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
		return err
	})
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
	return w.alone(ctx, func(ctx context.Context) error {
		tx, err := w.conn.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // after a commit it does nothing
		if err := do(ctx, w); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// alone has the connection for do alone.
func (w *sqliteWriter) alone(ctx context.Context, do func(ctx context.Context) error) error {
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
	return do(context.WithoutCancel(ctx))
}

// keepWAL says whether the -wal file stays when the file is closed.
func (w *sqliteWriter) keepWAL(ctx context.Context, keep bool) error {
	return w.alone(ctx, func(context.Context) error {
		return w.conn.Raw(func(connection any) error {
			control, ok := connection.(sqlite.FileControl)
			if !ok {
				return errors.New("the SQLite driver cannot keep the -wal file")
			}
			_, err := control.FileControlPersistWAL("main", number(keep))
			return err
		})
	})
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

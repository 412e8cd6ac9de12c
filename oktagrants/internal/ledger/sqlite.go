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

func openSQLite(ctx context.Context, target string, mode Mode) (*Ledger, error) {
	path, err := resolvePath(target)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", target, err)
	}
	l := &Ledger{target: target, reason: sqliteReason}
	if mode == Read {
		err = l.openFile(ctx, path)
	} else {
		err = l.makeFile(ctx, path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", target, err)
	}
	return l, nil
}

// resolvePath follows symbolic links, so that one file has one lock.
func resolvePath(target string) (string, error) {
	path, err := filepath.Abs(target)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return resolved, reasonOf(err)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", fmt.Errorf("its folder: %w", reasonOf(err))
	}
	return filepath.Join(dir, filepath.Base(path)), nil
}

// reasonOf leaves out the path, which the message names already.
func reasonOf(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

func (l *Ledger) openFile(ctx context.Context, path string) error {
	if _, err := checkFile(path); err != nil {
		return err
	}
	db, err := openDB(path, url.Values{"mode": {"ro"}})
	if err != nil {
		return err
	}
	made, err := checkFormat(ctx, db)
	if err == nil && !made {
		err = ErrNoRun
	}
	if err != nil {
		return errors.Join(sqliteReason(err), db.Close())
	}
	l.reader = db
	l.close = db.Close
	return nil
}

func (l *Ledger) makeFile(ctx context.Context, path string) error {
	info, err := checkFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others may read or write it (mode %04o): chmod 600 makes it yours alone", info.Mode().Perm())
	}
	lock := flock.New(path + ".lock")
	locked, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStorage, reasonOf(err))
	}
	if !locked {
		return fmt.Errorf("%w: another process writes it", ErrLocked)
	}
	if err := l.openLocked(ctx, path); err != nil {
		return errors.Join(err, lock.Unlock())
	}
	l.close = func() error { return errors.Join(l.reader.Close(), l.writer.Close(), lock.Unlock()) }
	return nil
}

func (l *Ledger) openLocked(ctx context.Context, path string) error {
	if err := createFile(path); err != nil {
		return err
	}
	db, err := openDB(path, url.Values{"_txlock": {"immediate"}, "_pragma": {"synchronous(FULL)"}})
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	if err := prepareFile(ctx, db); err != nil {
		return errors.Join(sqliteReason(err), db.Close())
	}
	l.writer = db
	l.reader, err = openDB(path, url.Values{"mode": {"ro"}})
	return err
}

// checkFile returns what is at path, if it can be a ledger.
func checkFile(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, reasonOf(err)
	}
	if info.IsDir() {
		return nil, errors.New("it is a folder")
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	return info, nil
}

// createFile makes an empty file of the caller's alone. One that exists stays.
func createFile(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStorage, reasonOf(err))
	}
	return file.Close()
}

func openDB(path string, query url.Values) (*sql.DB, error) {
	query.Set("_busy_timeout", "5000")
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	return db, nil
}

// prepareFile makes the schema in an empty file, and checks one that is not.
func prepareFile(ctx context.Context, db *sql.DB) error {
	made, err := checkFormat(ctx, db)
	if err != nil || made {
		return err
	}
	if _, err := db.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	statements := append([]string{
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", formatVersion),
	}, schema...)
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// checkFormat says whether the file holds the schema. It does not if it is empty; anything else is an error.
func checkFormat(ctx context.Context, db *sql.DB) (made bool, err error) {
	var id, version, tables int
	err = db.QueryRowContext(ctx, `SELECT a.application_id, v.user_version, (SELECT COUNT(*) FROM sqlite_schema)
		FROM pragma_application_id AS a, pragma_user_version AS v`).Scan(&id, &version, &tables)
	if err != nil {
		return false, err
	}
	switch {
	case id == applicationID && version == formatVersion:
		return true, nil
	case id == applicationID:
		return false, fmt.Errorf("%w: it has format %d, this program knows %d", ErrVersion, version, formatVersion)
	case id == 0 && version == 0 && tables == 0:
		return false, nil
	default:
		return false, errors.New("it is the SQLite file of another application")
	}
}

// sqliteReason lets an error of SQLite match this package's.
func sqliteReason(err error) error {
	e := (*sqlite.Error)(nil)
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w: %w", ErrLocked, err)
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("it is not a ledger: %w", err)
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CORRUPT,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("%w: %w", ErrStorage, err)
	default:
		return err
	}
}

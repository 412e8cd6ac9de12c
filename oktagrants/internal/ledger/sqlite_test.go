package ledger_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

func TestFilesAreTheUsersAlone(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	begin(t, filepath.Join(folder, "run.db"), 1)
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
		info, err := entry.Info()
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode(), entry.Name())
	}
	assert.Equal(t, []string{"run.db", "run.db-shm", "run.db-wal", "run.db.lock"}, names)
}

func TestClosedFileIsWhole(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "run.db")
	l, err := ledger.Open(t.Context(), path, ledger.Write)
	require.NoError(t, err)
	_, _, err = l.Begin(t.Context(), spec)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	assert.NoFileExists(t, path+"-wal", "a copy of the file alone is a copy of the ledger")
	moved := filepath.Join(folder, "a?b%20c#d &.db")
	require.NoError(t, os.Rename(path, moved))
	_, err = open(t, moved, ledger.Read).Run(t.Context())
	require.NoError(t, err)
}

func TestOneProcessWritesAFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "run.db")
	begin(t, path, 1)
	other := filepath.Join(folder, "other.db")
	require.NoError(t, os.Symlink(path, other))
	for _, name := range []string{path, other, filepath.Join(folder, "x", "..", "run.db")} {
		_, err := ledger.Open(t.Context(), name, ledger.Write)
		require.ErrorIs(t, err, ledger.ErrLocked)
		require.EqualError(t, err, name+": the ledger is in use: another process writes it")
	}
}

func TestFileOfAnotherProgramThatLocksIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run.db")
	l := begin(t, path, 1)
	unlock := lockSQLite(t, path)
	err := l.SetStop(t.Context(), "why")
	require.ErrorIs(t, err, ledger.ErrLocked)
	require.ErrorContains(t, err, path)
	unlock()
	require.NoError(t, l.SetStop(t.Context(), "why"))
}

func TestWhatIsNoLedger(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	require.NoError(t, os.WriteFile(in("text"), []byte(strings.Repeat("no database\n", 1000)), 0o600))
	execute(t, in("other"), "CREATE TABLE mine (n INT)")
	execute(t, in("marked"), "PRAGMA application_id = 77")
	require.NoError(t, os.Chmod(in("other"), 0o600))
	require.NoError(t, os.Chmod(in("marked"), 0o600))
	require.NoError(t, os.WriteFile(in("open"), nil, 0o600))
	require.NoError(t, os.Chmod(in("open"), 0o640)) //nolint:gosec // the case
	require.NoError(t, os.Symlink(in("loop"), in("loop")))
	require.NoError(t, os.Symlink(in("nothing"), in("dangling")))
	for name, want := range map[string]string{
		"text":           "it is not a ledger",
		"other":          "it is a SQLite file of another application",
		"marked":         "it is a SQLite file of another application",
		"open":           "others can read it (mode 0640): chmod 600 makes it yours alone",
		"loop":           "its path cannot be followed: EvalSymlinks: too many links",
		"dangling":       "it is a symbolic link to a file that does not exist",
		"missing/run.db": "its folder cannot be found: no such file or directory",
		"text/run.db":    "not a directory",
		"":               "it is a folder, not a file",
	} {
		_, err := ledger.Open(t.Context(), in(name), ledger.Write)
		require.ErrorContains(t, err, in(name)+": ")
		require.ErrorContains(t, err, want)
	}
	_, err := ledger.Open(t.Context(), "", ledger.Write)
	require.ErrorContains(t, err, "no file is named")
	_, err = ledger.Open(t.Context(), os.DevNull, ledger.Read)
	require.ErrorContains(t, err, "it is not a regular file")
	assert.NoFileExists(t, in("nothing"))
	content, err := os.ReadFile(in("text"))
	require.NoError(t, err)
	assert.Len(t, content, 12_000, "it is left as it is")
	assert.NoFileExists(t, in("other-wal"))
}

// Nothing else keeps a commit when the power fails.
func TestCommitsReachTheDisk(t *testing.T) {
	t.Parallel()
	l := begin(t, filepath.Join(t.TempDir(), "run.db"), 1)
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal"} {
		got, err := l.Pragma(t.Context(), pragma)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestEmptyFileBecomesALedger(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run.db")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err := ledger.Open(t.Context(), path, ledger.Read)
	require.ErrorIs(t, err, ledger.ErrNoRun)
	begin(t, path, 1)
}

func TestFileThatCannotBeBegunIsNotLeft(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	made := filepath.Join(folder, "made.db")
	_, err := ledger.Open(ctx, made, ledger.Write)
	require.ErrorIs(t, err, context.Canceled)
	assert.NoFileExists(t, made)

	empty := filepath.Join(folder, "empty.db")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	_, err = ledger.Open(ctx, empty, ledger.Write)
	require.ErrorIs(t, err, context.Canceled)
	assert.FileExists(t, empty, "it was there before")
}

func TestFullDiskStopsAndLosesNothing(t *testing.T) {
	t.Parallel()
	l := begin(t, filepath.Join(t.TempDir(), "run.db"), 500)
	require.NoError(t, l.Limit(t.Context(), 3))
	done := 0
	var err error
	for _, task := range next(t, l) {
		task.State = ledger.Failed
		task.Error = strings.Repeat("x", 1000)
		if err = l.Finish(t.Context(), &task); err != nil {
			break
		}
		done++
	}
	require.ErrorIs(t, err, ledger.ErrStorage)
	require.ErrorContains(t, err, "full")
	assert.Len(t, next(t, l, ledger.Failed), done)
	assertCounts(t, l)

	require.NoError(t, l.Limit(t.Context(), 0))
	for _, task := range next(t, l, ledger.Pending) {
		task.State = ledger.Done
		require.NoError(t, l.Finish(t.Context(), &task))
	}
	assertCounts(t, l)
}

func TestFilesThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" || !asOther(t) {
		return
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "run.db")
	l, err := ledger.Open(t.Context(), path, ledger.Write)
	require.NoError(t, err)
	_, _, err = l.Begin(t.Context(), spec)
	require.NoError(t, err)
	require.NoError(t, l.Close())

	require.NoError(t, os.Chmod(path, 0o400))
	_, err = ledger.Open(t.Context(), path, ledger.Write)
	require.ErrorIs(t, err, ledger.ErrStorage)
	require.ErrorContains(t, err, "cannot be written")
	_, err = open(t, path, ledger.Read).Run(t.Context())
	require.NoError(t, err, "reading needs no permission to write the file")

	require.NoError(t, os.Chmod(path, 0o000))
	_, err = ledger.Open(t.Context(), path, ledger.Read)
	require.ErrorIs(t, err, ledger.ErrStorage)
	require.NoError(t, os.Chmod(path, 0o600))

	closed := filepath.Join(folder, "closed")
	require.NoError(t, os.Mkdir(closed, 0o700))
	require.NoError(t, os.Rename(path, filepath.Join(closed, "run.db")))
	require.NoError(t, os.Chmod(closed, 0o500))                      //nolint:gosec // the case
	t.Cleanup(func() { assert.NoError(t, os.Chmod(closed, 0o700)) }) //nolint:gosec // a folder
	_, err = ledger.Open(t.Context(), filepath.Join(closed, "new.db"), ledger.Write)
	require.ErrorIs(t, err, ledger.ErrStorage)
	require.ErrorContains(t, err, "permission denied")
	_, err = ledger.Open(t.Context(), filepath.Join(closed, "run.db"), ledger.Read)
	require.ErrorIs(t, err, ledger.ErrStorage)
	require.ErrorContains(t, err, "the file or its folder cannot be written")
}

func TestFileThatIsDeletedOrReplaced(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // an open file cannot be deleted
	}
	path := filepath.Join(t.TempDir(), "run.db")
	l := begin(t, path, 1)
	for _, name := range []string{path, path + "-wal", path + "-shm", path + ".lock"} {
		require.NoError(t, os.Remove(name))
	}
	task := ledger.Task{Seq: 1, Kind: ledger.User, ID: "00u1"}
	err := l.Start(t.Context(), &task)
	require.ErrorIs(t, err, ledger.ErrGone)
	require.ErrorContains(t, err, path+": ")
	require.ErrorContains(t, err, "deleted")

	begin(t, path, 1)
	err = l.SetPhase(t.Context(), ledger.Listing, ledger.Planned)
	require.ErrorIs(t, err, ledger.ErrGone)
	require.ErrorContains(t, err, "another file")
}

package ledger_test

import (
	"context"
	"fmt"
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
	require.NoError(t, os.Symlink(in("loop"), in("loop")))
	require.NoError(t, os.Symlink(in("nothing"), in("dangling")))
	for name, want := range map[string]string{
		"text":           "it is not a ledger",
		"other":          "it is a SQLite file of another application",
		"marked":         "it is a SQLite file of another application",
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
}

// A read-only folder is what a read-only mount is to a program: nothing can be made in it.
func TestReadOnlyStorageIsRead(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" || !asOther(t) {
		return
	}
	for name, crash := range map[string]bool{"closed": false, "killed": true} {
		folder := t.TempDir()
		path := filepath.Join(folder, "run.db")
		l, err := ledger.Open(t.Context(), path, ledger.Write)
		require.NoError(t, err)
		_, _, err = l.Begin(t.Context(), spec)
		require.NoError(t, err)
		require.NoError(t, l.AddTasks(t.Context(), []ledger.Task{{Kind: ledger.User, ID: "00u1"}}, "", true))
		if crash {
			defer l.Close() //nolint:errcheck // in a folder in which nothing can be changed
		} else {
			require.NoError(t, l.Close())
		}
		require.NoError(t, os.Chmod(folder, 0o500))                      //nolint:gosec // the case
		t.Cleanup(func() { assert.NoError(t, os.Chmod(folder, 0o700)) }) //nolint:gosec // a folder
		require.NoError(t, os.Chmod(path, 0o400))
		reader, err := ledger.Open(t.Context(), path, ledger.Read)
		require.NoError(t, err, name)
		assert.Len(t, all(t, reader), 1, name)
		require.NoError(t, reader.Close())
	}
}

// As the volumes of Kubernetes do, that belong to a group.
func TestModesAreSetBack(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return
	}
	path := filepath.Join(t.TempDir(), "run.db")
	kill(t, path)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		require.NoError(t, os.Chmod(path+suffix, 0o664)) //nolint:gosec // the case
	}
	l := open(t, path, ledger.Write)
	assert.Empty(t, l.Warnings())
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode(), suffix)
	}
	assert.Len(t, all(t, l), 1)
}

// A file that is no ledger is left as it is.
func TestModeOfAnotherFileIsKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("no database\n", 1000)), 0o600))
	require.NoError(t, os.Chmod(path, 0o644)) //nolint:gosec // the case
	_, err := ledger.Open(t.Context(), path, ledger.Write)
	require.ErrorContains(t, err, "it is not a ledger")
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o644), info.Mode())
}

// Where the mode cannot be changed, as of a file of somebody else, the run goes on with a warning.
func TestModesThatCannotBeSetBack(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return
	}
	path := filepath.Join(t.TempDir(), "run.db")
	l, err := ledger.Open(t.Context(), path, ledger.Write)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.NoError(t, os.Chmod(path+".lock", 0o666))                     //nolint:gosec // the case
	require.NoError(t, os.Chmod(path, 0o666))                             //nolint:gosec // the case
	require.NoError(t, os.Chmod(filepath.Dir(path), 0o777))               //nolint:gosec // the case
	require.NoError(t, os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755)) //nolint:gosec // the case
	output := asNobody(t, path)
	assert.Contains(t, output, "warning: others can read run.db, and its mode cannot be changed")
}

// Copied without its -wal file, or with that deleted, the ledger of a killed process lacks what was written last.
func TestMissingWALIsNoticed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "run.db")
	kill(t, path)
	part := filepath.Join(folder, "part.db")
	copyFile(t, path, part)
	for _, mode := range []ledger.Mode{ledger.Read, ledger.Write} {
		_, err := ledger.Open(t.Context(), part, mode)
		require.ErrorIs(t, err, ledger.ErrPart)
		require.ErrorContains(t, err, "part.db-wal is missing")
	}
	l := open(t, path, ledger.Write)
	assert.Len(t, all(t, l), 1, "with it, nothing is lost")
}

// Status and report may be the last to have the ledger of a killed process.
func TestReadersKeepTheWAL(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run.db")
	kill(t, path)
	reader, err := ledger.Open(t.Context(), path, ledger.Read)
	require.NoError(t, err)
	assert.Len(t, all(t, reader), 1)
	require.NoError(t, reader.Close())
	assert.FileExists(t, path+"-wal")
	assert.Len(t, all(t, open(t, path, ledger.Write)), 1)
}

// Another program that opens the ledger of a killed process brings the -wal file into it, and removes that.
func TestWALThatAnotherProgramHasBroughtIn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run.db")
	kill(t, path)
	execute(t, path, "UPDATE ledger_runs SET stop = 'seen'")
	require.NoFileExists(t, path+"-wal")
	l := open(t, path, ledger.Write)
	run, err := l.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "seen", run.Stop)
}

// However many commits there were, of which SQLite has brought some into the file, the missing rest is noticed.
func TestMissingWALOfLongRunIsNoticed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "run.db")
	l := begin(t, path, 1)
	for i := range 200 {
		require.NoError(t, l.SetStop(t.Context(), strings.Repeat("x", i)))
		if i%20 > 0 {
			continue
		}
		part := filepath.Join(folder, fmt.Sprintf("part%d.db", i))
		copyFile(t, path, part)
		_, err := ledger.Open(t.Context(), part, ledger.Read)
		require.ErrorIs(t, err, ledger.ErrPart, i)
	}
	last := filepath.Join(folder, "last.db")
	copyFile(t, path, last)
	execute(t, last, "PRAGMA application_id = 0x6f6b7467")
	assert.Len(t, all(t, open(t, last, ledger.Read)), 1, "what is older is in the file itself")
}

func TestPlanIsInTheFileItself(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "run.db")
	l := begin(t, path, 1)
	require.NoError(t, l.SetPhase(t.Context(), ledger.Listing, ledger.Planned))
	alone := filepath.Join(folder, "alone.db")
	copyFile(t, path, alone)
	execute(t, alone, "PRAGMA application_id = 0x6f6b7467") // without it, the copy would be refused for its missing part
	assert.Len(t, all(t, open(t, alone, ledger.Read)), 1)
}

// kill has a ledger written by a process that never closes it: a copy of its files is what a kill leaves.
func kill(t *testing.T, path string) {
	t.Helper()
	folder := t.TempDir()
	written := filepath.Join(folder, "run.db")
	begin(t, written, 1)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		copyFile(t, written+suffix, path+suffix)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from) //nolint:gosec // a file of the test
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, content, 0o600)) //nolint:gosec // a file of the test
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

package refs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/durable"
	"golang.org/x/sys/unix"
)

// ErrLocked says that another process holds a ref's lock. See [LockedError].
var ErrLocked = errors.New("ref is locked")

// LockedError names a lock file and since when it has been there.
type LockedError struct {
	Path  string
	Since time.Time
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("%s is held since %s", e.Path, e.Since.Format(time.RFC3339))
}

// Is matches [ErrLocked].
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// lockFile is a lock in git's protocol, held.
type lockFile struct {
	path string
	f    *os.File
	// journal is what the lock is announced in, nil for a plain one.
	journal *journal
}

// lock takes path.lock, waiting for whoever holds it.
func (db *DB) lock(ctx context.Context, path string) (*lockFile, error) {
	deadline := time.Now().Add(db.opts.LockTimeout)
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		l, err := db.tryLock(path)
		if !errors.Is(err, fs.ErrExist) {
			return l, err
		}
		if time.Now().After(deadline) {
			held := &LockedError{Path: path + ".lock"}
			if fi, err := os.Lstat(held.Path); err == nil {
				held.Since = fi.ModTime()
			}
			return nil, held
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

// tryLock fails with [fs.ErrExist] when the lock is held.
func (db *DB) tryLock(path string) (*lockFile, error) {
	if err := makeParents(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if db.opts.JournalDir != "" {
		l, err := db.lockWithJournal(path + ".lock")
		if !errors.Is(err, errNoLink) {
			return l, err
		}
	}
	f, err := os.OpenFile(path+".lock", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrNotExist) {
		// git removed the empty directory in between: as good as held.
		return nil, fs.ErrExist
	}
	if err != nil {
		return nil, err
	}
	return &lockFile{path: path + ".lock", f: f}, nil
}

func (l *lockFile) write(content []byte) error {
	if _, err := l.f.Write(content); err != nil {
		return err
	}
	return l.f.Sync()
}

// publish gives the lock file the name of what it locked.
func (l *lockFile) publish(final string) error {
	if err := os.Rename(l.path, final); err != nil {
		return err
	}
	err := durable.SyncDir(filepath.Dir(final))
	if errors.Is(err, fs.ErrNotExist) {
		// git has packed the ref already, and removed the empty directory.
		err = nil
	}
	err = errors.Join(l.f.Close(), err)
	l.done()
	return err
}

func (l *lockFile) release() {
	if l.f == nil {
		return
	}
	err := os.Remove(l.path)
	l.f.Close()
	if err != nil && !errors.Is(err, fs.ErrNotExist) && l.journal != nil {
		// The next sweep removes it, by the journal that stays.
		l.journal.f.Close()
		l.journal = nil
	}
	l.done()
}

func (l *lockFile) done() {
	l.f = nil
	if l.journal != nil {
		l.journal.close()
		l.journal = nil
	}
}

// journal announces one lock. Each lock has a journal file of its own, so that a
// process may hold several locks, for as long as it likes; the file is locked
// with flock(2) from before it says anything until the lock is let go.
type journal struct {
	f    *os.File
	path string
}

const (
	journalPrefix = "reflock-"
	secondName    = ".new"
)

// close forgets the lock. The second name goes first: a journal without one
// speaks of no lock, and one that stays is found by the next sweep only through its
// journal.
func (j *journal) close() {
	if err := os.Remove(j.second()); err == nil || errors.Is(err, fs.ErrNotExist) {
		os.Remove(j.path)
	}
	j.f.Close()
}

// second is another name of the lock file, kept as long as the journal. It holds
// on to the inode, so that no other lock can ever have the same number.
func (j *journal) second() string { return j.path + secondName }

// lockWithJournal makes the lock as a second name of a file that is announced
// before: link(2) is as exclusive as O_EXCL. It fails with errNoLink where there
// are no hard links; a plain lock, which nobody ever takes over, is left then.
func (db *DB) lockWithJournal(lock string) (*lockFile, error) {
	j, err := db.openJournal()
	if err != nil {
		return nil, err
	}
	made := j.second()
	f, err := os.OpenFile(made, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		j.close()
		return nil, err
	}
	err = j.announce(db.dir, lock)
	if err == nil {
		err = link(made, lock)
	}
	if err == nil {
		return &lockFile{path: lock, f: f, journal: j}, nil
	}
	f.Close()
	j.close()
	if errors.Is(err, fs.ErrExist) && db.bury() {
		return nil, fs.ErrExist
	}
	return nil, err
}

// errNoLink says that the file system has no hard links.
var errNoLink = errors.New("no hard links")

func link(made, lock string) error {
	err := os.Link(made, lock)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// git removed the empty directory in between: as good as held.
		return fs.ErrExist
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.EMLINK), errors.Is(err, unix.EXDEV):
		return errNoLink
	}
	return err
}

func (db *DB) openJournal() (*journal, error) {
	if err := os.MkdirAll(db.opts.JournalDir, 0o777); err != nil {
		return nil, err
	}
	// Else the journal of whoever died with nobody waiting would stay for ever.
	db.swept.Do(func() { db.bury() })
	for range 100 {
		path := filepath.Join(db.opts.JournalDir, journalPrefix+strconv.FormatUint(rand.Uint64(), 16))
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			if _, err := os.Lstat(path); err == nil {
				return &journal{f: f, path: path}, nil
			}
		}
		f.Close()
	}
	return nil, fmt.Errorf("no journal can be made in %s", db.opts.JournalDir)
}

// announce writes down which path is about to be locked, below the repository:
// that may be moved, or mounted elsewhere.
func (j *journal) announce(dir, lock string) error {
	rel, err := filepath.Rel(dir, lock)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(j.f, filepath.ToSlash(rel))
	return err
}

// Sweep removes the locks of dead processes, their journals, and what they were
// writing.
func (db *DB) Sweep() {
	db.bury()
	if db.opts.JournalDir == "" {
		return
	}
	if _, err := durable.Sweep(db.opts.JournalDir, packedTemp, orderedTemp); err != nil {
		db.opts.Log.Warn("what a dead process was writing can't be removed", "error", err)
	}
}

// bury removes the locks of dead processes, and says whether it removed any.
func (db *DB) bury() bool {
	entries, err := os.ReadDir(db.opts.JournalDir)
	if err != nil {
		return false
	}
	buried := false
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), journalPrefix) {
			continue
		}
		path := filepath.Join(db.opts.JournalDir, e.Name())
		if own, second := strings.CutSuffix(path, secondName); !second {
			buried = db.buryOne(path) || buried
		} else if _, err := os.Lstat(own); errors.Is(err, fs.ErrNotExist) {
			// The journal is made before its second name and removed after it: only a
			// power cut leaves this.
			buried = db.unlock(path) || buried
			os.Remove(path)
		}
	}
	return buried
}

// unlock removes the lock that is the same file as a dead process's second name, for
// when no journal tells which that is: a power cut may take what one said.
func (db *DB) unlock(second string) bool {
	locks, _ := filepath.Glob(filepath.Join(db.dir, "*.lock"))
	filepath.WalkDir(filepath.Join(db.dir, "refs"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".lock") {
			locks = append(locks, path)
		}
		return nil
	})
	for _, lock := range locks {
		if sameFile(lock, second) {
			db.opts.Log.Info("removed the lock of a dead process", "lock", lock)
			return os.Remove(lock) == nil
		}
	}
	return false
}

func (db *DB) buryOne(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return false
	}
	// Whoever announced this is dead, and nobody else can take its place: the
	// journal is ours until it is gone.
	data, _ := io.ReadAll(io.LimitReader(f, 1<<16))
	removed := false
	if rel, ok := parseJournal(data); !ok {
		removed = db.unlock(path + secondName)
	} else if sameFile(db.path(rel), path+secondName) {
		db.takeBack(rel, data)
		db.opts.Log.Info("removed the lock of a dead process", "lock", rel)
		removed = os.Remove(db.path(rel)) == nil
	}
	(&journal{f: f, path: path}).close()
	return removed
}

func sameFile(a, b string) bool {
	fa, err := os.Lstat(a)
	if err != nil {
		return false
	}
	fb, err := os.Lstat(b)
	return err == nil && os.SameFile(fa, fb)
}

// parseJournal reads what announce wrote; a torn line is none.
func parseJournal(data []byte) (lock string, ok bool) {
	line, _, whole := bytes.Cut(data, []byte("\n"))
	lock = string(line)
	return lock, whole && strings.HasSuffix(lock, ".lock") && filepath.IsLocal(filepath.FromSlash(lock))
}

// makeParents makes the directories of a ref, and their names durable.
func makeParents(dir string) error {
	err := os.Mkdir(dir, 0o777)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeParents(filepath.Dir(dir)); err != nil {
			return err
		}
		if err = os.Mkdir(dir, 0o777); errors.Is(err, fs.ErrExist) {
			return nil
		}
	}
	if err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(dir))
}

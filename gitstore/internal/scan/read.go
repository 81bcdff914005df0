package scan

import (
	"errors"
	"fmt"
	"time"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/statcache"
	"golang.org/x/sys/unix"
)

// known is the part of the stat data that the cache compares.
func known(st dirfd.Stat) statcache.Stat {
	return statcache.Stat{Size: st.Size, Mtime: st.Mtime, Ctime: st.Ctime, Ino: st.Ino}
}

func gitMode(st dirfd.Stat) uint32 {
	switch st.Kind() {
	case unix.S_IFREG:
		if st.Mode&0o100 != 0 {
			return ModeExec
		}
		return ModeFile
	case unix.S_IFLNK:
		return ModeSymlink
	case unix.S_IFDIR:
		return ModeDir
	}
	return 0
}

// fileError is trouble with one file of the project, as opposed to trouble
// with the store.
type fileError struct{ error }

func (e fileError) Unwrap() error { return e.error }

func isFileError(err error) bool {
	var fe fileError
	return errors.As(err, &fe) || errors.Is(err, odb.ErrCollision)
}

// reader reads files on behalf of one goroutine.
type reader struct {
	lane Lane
	// trees takes the trees, which lie together that way: whoever looks for a path
	// reads many of them, and no file's content.
	trees Lane
	// stopped says that the walk is called off, also in the middle of a big file.
	stopped func() bool
	names   nameList
	buf     []byte
	same    int
}

// attempts is how often a file that changes under the reader is read.
const attempts = 4

// entry reads the file or symbolic link and fills in its name, and its stat
// data as they were when it was read.
func (r *reader) entry(dir int, e *Entry) error {
	for i := range attempts {
		if i > 0 {
			time.Sleep(10 * time.Millisecond << i)
			st, err := dirfd.Lstat(dir, e.Name)
			if err != nil {
				return fileError{err}
			}
			if e.Mode = gitMode(st); e.Mode == 0 || e.Mode == ModeDir {
				return fileError{ErrChanged}
			}
			e.Perm, e.Stat = st.Perm(), known(st)
		}
		var err error
		if e.Mode == ModeSymlink {
			err = r.symlink(dir, e)
		} else {
			err = r.file(dir, e)
		}
		if !errors.Is(err, errAgain) {
			return err
		}
	}
	return fileError{ErrChanged}
}

var errAgain = errors.New("changed, read again")

func (r *reader) symlink(dir int, e *Entry) error {
	r.grow(e.Stat.Size + 1)
	n, err := unix.Readlinkat(dir, e.Name, r.buf)
	switch {
	case errors.Is(err, unix.EINVAL):
		return errAgain
	case err != nil:
		return fileError{err}
	case n == len(r.buf):
		return errAgain
	}
	e.ID, _, err = r.lane.Add(odb.Blob, r.buf[:n])
	return err
}

func (r *reader) grow(n int64) {
	if int64(cap(r.buf)) < n {
		r.buf = make([]byte, n+n/4)
	}
	r.buf = r.buf[:n]
}

func (r *reader) file(dir int, e *Entry) error {
	fd, err := dirfd.OpenFile(dir, e.Name)
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENXIO):
		return errAgain
	case err != nil:
		return fileError{err}
	}
	defer unix.Close(fd)
	before, err := dirfd.Fstat(fd)
	if err != nil {
		return fileError{err}
	}
	if before.Kind() != unix.S_IFREG {
		return errAgain
	}
	e.Mode, e.Perm, e.Stat = gitMode(before), before.Perm(), known(before)
	if before.Size >= odb.BigObject {
		return r.stream(fd, before, e)
	}
	r.grow(before.Size + 1)
	n, err := dirfd.ReadFull(fd, r.buf[:before.Size+1])
	if err != nil {
		return fileError{err}
	}
	if int64(n) != before.Size || !unchanged(fd, before) {
		return errAgain
	}
	e.ID, _, err = r.lane.Add(odb.Blob, r.buf[:n])
	return err
}

var errStopped = errors.New("called off")

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func (r *reader) stream(fd int, before dirfd.Stat, e *Entry) (err error) {
	src := &dirfd.Reader{FD: fd}
	e.ID, _, err = r.lane.AddStream(odb.Blob, before.Size, readerFunc(func(b []byte) (int, error) {
		if r.stopped() {
			return 0, errStopped
		}
		return src.Read(b)
	}))
	switch {
	case src.Err != nil:
		return fileError{src.Err}
	case errors.Is(err, odb.ErrSize):
		return errAgain
	case err != nil:
		return err
	case !unchanged(fd, before):
		return errAgain
	}
	return nil
}

func unchanged(fd int, before dirfd.Stat) bool {
	after, err := dirfd.Fstat(fd)
	return err == nil && after == before
}

// maxRules bounds the size of a .gitignore that is believed, as git does.
const maxRules = 100 << 20

func readSmall(dir int, name string) ([]byte, error) {
	fd, err := dirfd.OpenFile(dir, name)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	st, err := dirfd.Fstat(fd)
	if err != nil {
		return nil, err
	}
	if st.Kind() != unix.S_IFREG {
		return nil, unix.EISDIR
	}
	if st.Size > maxRules {
		return nil, fmt.Errorf("has %d bytes of ignore rules", st.Size)
	}
	buf := make([]byte, st.Size)
	n, err := dirfd.ReadFull(fd, buf)
	return buf[:n], err
}

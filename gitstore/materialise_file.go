package gitstore

import (
	"context"
	"fmt"
	"io"
	"io/fs"

	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/dirfd"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/gitindex"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/odb"
	"github.com/evoseal/git-evoseal-rollback/gitstore/internal/scan"
	"golang.org/x/sys/unix"
)

// write brings the files of one directory that are at those positions.
func (m *materialiser) write(w *matWorker, t dirTask, positions []int) {
	if m.list.Stopped() {
		return
	}
	var bytes, copied, unchanged int64
	for _, i := range positions {
		how, size, err := m.entry(w, t, &t.out.items[i])
		if err != nil {
			m.list.Stop(fmt.Errorf("%q: %w", t.out.items[i].file.Name, err))
			return
		}
		switch how {
		case fromCopy:
			copied++
		case fromSink:
			unchanged++
		}
		bytes += size
	}
	if unchanged < int64(len(positions)) {
		t.out.touched.Store(true)
	}
	m.files.Add(int64(len(positions)))
	m.bytes.Add(bytes)
	m.copied.Add(copied)
	m.unchanged.Add(unchanged)
}

// origin is where a file's bytes came from.
type origin int

const (
	fromStore origin = iota
	fromCopy
	fromSink
)

// indexEntry is the entry by which git, and we, tell later whether the file
// changed. The format keeps 32 bits of most numbers.
func indexEntry(path string, mode uint32, id ID, st dirfd.Stat) gitindex.Entry {
	const second = 1_000_000_000
	return gitindex.Entry{
		Name: path, ID: id, Mode: mode,
		CTimeSec: uint32(st.Ctime / second), CTimeNsec: uint32(st.Ctime % second),
		MTimeSec: uint32(st.Mtime / second), MTimeNsec: uint32(st.Mtime % second),
		Dev: uint32(st.Dev), Ino: uint32(st.Ino), UID: st.UID, GID: st.GID, Size: uint32(st.Size),
	}
}

// entry brings one file or symbolic link, whose item says which, and completes the
// item.
func (m *materialiser) entry(w *matWorker, t dirTask, it *slotItem) (how origin, size int64, err error) {
	want := it.file
	if was := t.before(it); was != nil {
		file, size := m.kept(w, t.h, was, want)
		if file != nil {
			it.file = file
			return fromSink, size, nil
		}
		if err := m.remove(t.h, it.name); err != nil {
			return how, 0, err
		}
	}
	it.written = true
	var st dirfd.Stat
	if want.Mode == scan.ModeSymlink {
		st, err = m.symlink(t.h, it.name, want.ID)
	} else {
		st, how, err = m.file(w, t, it)
	}
	*want = indexEntry(want.Name, want.Mode, want.ID, st)
	return how, st.Size, err
}

func (m *materialiser) symlink(h *dirfd.Handle, name string, id ID) (dirfd.Stat, error) {
	dest, err := m.s.linkDest(id)
	if err != nil {
		return dirfd.Stat{}, err
	}
	if err := unix.Symlinkat(string(dest), h.FD, name); err != nil {
		return dirfd.Stat{}, &fs.PathError{Op: "symlink", Path: name, Err: err}
	}
	return dirfd.Lstat(h.FD, name)
}

func (m *materialiser) file(w *matWorker, t dirTask, it *slotItem) (st dirfd.Stat, how origin, err error) {
	perm := m.bits.of(it.file.Name, it.file.Mode)
	fd, err := dirfd.Create(t.h.FD, it.name, uint32(perm))
	if err != nil {
		return st, how, &fs.PathError{Op: "create", Path: it.name, Err: err}
	}
	defer func() {
		// A full disk may be told only here.
		if closeErr := unix.Close(fd); err == nil && closeErr != nil && closeErr != unix.EINTR {
			err = &fs.PathError{Op: "close", Path: it.name, Err: closeErr}
		}
	}()
	if how, err = m.fill(w, fd, t, it); err != nil {
		return st, how, err
	}
	if st, err = dirfd.Fstat(fd); err != nil {
		return st, how, err
	}
	if Perm(st.Perm()) != perm {
		if err = unix.Fchmod(fd, uint32(perm)); err == nil {
			st, err = dirfd.Fstat(fd)
		}
	}
	return st, how, err
}

// fill writes a new file's bytes.
func (m *materialiser) fill(w *matWorker, fd int, t dirTask, it *slotItem) (origin, error) {
	copied, err := m.copyLive(w, fd, it, t.live)
	if !copied && err == nil {
		copied, err = m.copyBeside(w, fd, it)
	}
	if copied || err != nil {
		return fromCopy, err
	}
	typ, _, err := m.s.db.Stream(it.file.ID, m.limit.writer(m.writer(fd)))
	if err == nil && typ != odb.Blob {
		err = &odb.TypeError{ID: it.file.ID, Got: typ, Want: odb.Blob}
	}
	return fromStore, err
}

// writer writes to a file until the work is called off, also in the middle of a
// big one.
func (m *materialiser) writer(fd int) io.Writer {
	return writerFunc(func(b []byte) (int, error) {
		if m.list.Stopped() {
			return 0, context.Canceled
		}
		return dirfd.Writer{FD: fd}.Write(b)
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// copyLive fills fd from the live project's file of that name, if the stat
// cache says that it is the same. The bytes are hashed as they pass; should they
// be others, fd stays empty and the answer is no.
func (m *materialiser) copyLive(w *matWorker, fd int, it *slotItem, live source) (bool, error) {
	if live.dir == nil {
		return false, nil
	}
	was, ok := live.cache.Find(it.name)
	want := ID(it.file.ID)
	if !ok || ID(was.ID) != want || was.Mode == scan.ModeSymlink {
		return false, nil
	}
	dir := live.dir.handle()
	if dir == nil {
		return false, nil
	}
	in, err := dirfd.OpenFile(dir.FD, it.name)
	if err != nil {
		return false, nil
	}
	defer unix.Close(in)
	return m.copyFrom(w, fd, in, was.Size, want)
}

// copyFrom fills fd from an open file of that size, if its bytes are the ones that are
// wanted. Else fd stays empty and the answer is no.
func (m *materialiser) copyFrom(w *matWorker, fd, in int, size int64, want ID) (bool, error) {
	if size <= int64(len(w.buf)) {
		return m.copySmall(w, fd, in, size, want)
	}
	return m.copyBig(w, fd, in, size, want)
}

// copySmall writes only what was found right.
func (m *materialiser) copySmall(w *matWorker, fd, in int, size int64, want ID) (bool, error) {
	n, err := dirfd.ReadFull(in, w.buf[:size])
	if err != nil || int64(n) != size {
		return false, nil
	}
	if id, err := w.hash.Name(odb.Blob, w.buf[:n]); err != nil || id != want {
		return false, nil
	}
	_, err = m.writer(fd).Write(w.buf[:n])
	return err == nil, err
}

// copyBig takes back what turns out to be wrong.
func (m *materialiser) copyBig(w *matWorker, fd, in int, size int64, want ID) (bool, error) {
	w.hash.Start(odb.Blob, size)
	from := &dirfd.Reader{FD: in}
	n, err := io.CopyBuffer(io.MultiWriter(m.writer(fd), w.hash), io.LimitReader(from, size), w.buf)
	if err != nil && from.Err == nil {
		return false, err
	}
	if id, sumErr := w.hash.Sum(); err == nil && n == size && sumErr == nil && id == want {
		return true, nil
	}
	if _, err := unix.Seek(fd, 0, io.SeekStart); err != nil {
		return false, err
	}
	return false, unix.Ftruncate(fd, 0)
}

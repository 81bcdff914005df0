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

// write writes files of one directory.
func (m *materialiser) write(w *matWorker, h *dirfd.Handle, path string, files []odb.TreeEntry, src source) {
	if m.list.Stopped() {
		return
	}
	var bytes, copied int64
	for _, e := range files {
		st, fromLive, err := m.entry(w, h, joinPath(path, e.Name), e, src)
		if err != nil {
			m.list.Stop(fmt.Errorf("%q: %w", joinPath(path, e.Name), err))
			return
		}
		if fromLive {
			copied++
		}
		bytes += st.Size
		w.index = append(w.index, indexEntry(joinPath(path, e.Name), e, st))
	}
	m.files.Add(int64(len(files)))
	m.bytes.Add(bytes)
	m.copied.Add(copied)
}

// indexEntry is the entry by which git, and we, tell later whether the file
// changed. The format keeps 32 bits of most numbers.
func indexEntry(path string, e odb.TreeEntry, st dirfd.Stat) gitindex.Entry {
	const second = 1_000_000_000
	return gitindex.Entry{
		Name: path, ID: e.ID, Mode: e.Mode,
		CTimeSec: uint32(st.Ctime / second), CTimeNsec: uint32(st.Ctime % second),
		MTimeSec: uint32(st.Mtime / second), MTimeNsec: uint32(st.Mtime % second),
		Dev: uint32(st.Dev), Ino: uint32(st.Ino), UID: st.UID, GID: st.GID, Size: uint32(st.Size),
	}
}

func (m *materialiser) entry(w *matWorker, h *dirfd.Handle, path string, e odb.TreeEntry, src source) (dirfd.Stat, bool, error) {
	if e.Mode == scan.ModeSymlink {
		st, err := m.symlink(h, e)
		return st, false, err
	}
	return m.file(w, h, path, e, src)
}

func (m *materialiser) symlink(h *dirfd.Handle, e odb.TreeEntry) (dirfd.Stat, error) {
	dest, err := m.s.linkDest(e.ID)
	if err != nil {
		return dirfd.Stat{}, err
	}
	if err := unix.Symlinkat(string(dest), h.FD, e.Name); err != nil {
		return dirfd.Stat{}, &fs.PathError{Op: "symlink", Path: e.Name, Err: err}
	}
	return dirfd.Lstat(h.FD, e.Name)
}

func (m *materialiser) file(w *matWorker, h *dirfd.Handle, path string, e odb.TreeEntry, src source) (st dirfd.Stat, copied bool, err error) {
	perm := m.perm(path, e.Mode)
	fd, err := dirfd.Create(h.FD, e.Name, uint32(perm))
	if err != nil {
		return st, false, &fs.PathError{Op: "create", Path: e.Name, Err: err}
	}
	defer func() {
		// A full disk may be told only here.
		if closeErr := unix.Close(fd); err == nil && closeErr != nil && closeErr != unix.EINTR {
			err = &fs.PathError{Op: "close", Path: e.Name, Err: closeErr}
		}
	}()
	copied, err = m.copyLive(w, fd, e, src)
	if err == nil && !copied {
		var typ odb.Type
		if typ, _, err = m.s.db.Stream(e.ID, m.writer(fd)); err == nil && typ != odb.Blob {
			err = &odb.TypeError{ID: e.ID, Got: typ, Want: odb.Blob}
		}
	}
	if err != nil {
		return st, false, err
	}
	if st, err = dirfd.Fstat(fd); err != nil {
		return st, false, err
	}
	if Perm(st.Perm()) != perm {
		if err = unix.Fchmod(fd, uint32(perm)); err == nil {
			st, err = dirfd.Fstat(fd)
		}
	}
	return st, copied, err
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
// be others, the file is emptied again and the answer is no.
func (m *materialiser) copyLive(w *matWorker, fd int, e odb.TreeEntry, src source) (bool, error) {
	if src.dir == nil {
		return false, nil
	}
	was, ok := src.cache.Find(e.Name)
	if !ok || odb.ID(was.ID) != e.ID || was.Mode == scan.ModeSymlink {
		return false, nil
	}
	in, err := dirfd.OpenFile(src.dir.FD, e.Name)
	if err != nil {
		return false, nil
	}
	defer unix.Close(in)
	st, err := dirfd.Fstat(in)
	if err != nil || st.Kind() != unix.S_IFREG || st.Size != was.Size {
		return false, nil
	}
	w.hash.Start(odb.Blob, st.Size)
	from := &dirfd.Reader{FD: in}
	n, err := io.CopyBuffer(io.MultiWriter(m.writer(fd), w.hash), io.LimitReader(from, st.Size+1), w.buf)
	if err != nil && from.Err == nil {
		return false, err
	}
	id, sumErr := w.hash.Sum()
	if err == nil && n == st.Size && sumErr == nil && id == e.ID {
		return true, nil
	}
	if _, err := unix.Seek(fd, 0, io.SeekStart); err != nil {
		return false, err
	}
	return false, unix.Ftruncate(fd, 0)
}

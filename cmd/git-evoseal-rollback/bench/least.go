package main

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// leastName, as the first argument, makes this program the least one of a kind. It keeps
// no store, no index and no older tree, checks nothing and puts nothing in place: what it
// takes is what the system takes for so many files, or lines, and the processor for
// SHA-1. Nobody who does more can be quicker by much.
const leastName = "least"

// least runs the least program: "copy" copies a directory into another one that is
// empty, and hashes what it copies; "look" asks for the stat data of all files below a
// directory; "list" prints a line for each of a store's tags.
func least(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "copy":
		return leastWalk(args[1], args[2])
	case len(args) == 2 && args[0] == "look":
		return leastWalk(args[1], "")
	case len(args) == 2 && args[0] == "list":
		return leastList(args[1])
	}
	return fmt.Errorf("there is no least program %q", args)
}

// leastWalk copies a directory, or looks at it when it is to go nowhere.
func leastWalk(from, to string) error {
	runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	l := &leastCopy{}
	l.wake = sync.NewCond(&l.mu)
	src, err := openDirectory(unix.AT_FDCWD, from)
	if err != nil {
		return err
	}
	dst := nowhere
	if to != "" {
		if dst, err = openDirectory(unix.AT_FDCWD, to); err != nil {
			return err
		}
	}
	l.push(leastDir{src, dst, true})
	var wg sync.WaitGroup
	for range runtime.NumCPU() {
		wg.Go(l.work)
	}
	wg.Wait()
	return l.err
}

// nowhere is the handle of a directory that nothing is copied to.
const nowhere = -1

// leastDir is a directory to copy, by its handles.
type leastDir struct {
	src, dst int
	top      bool
}

type leastCopy struct {
	mu     sync.Mutex
	wake   *sync.Cond
	dirs   []leastDir
	active int
	err    error
}

func (l *leastCopy) push(d leastDir) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dirs = append(l.dirs, d)
	l.active++
	l.wake.Signal()
}

// pop waits for a directory; there is none when all are done.
func (l *leastCopy) pop() (leastDir, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.dirs) == 0 && l.active > 0 {
		l.wake.Wait()
	}
	if len(l.dirs) == 0 {
		return leastDir{}, false
	}
	last := l.dirs[len(l.dirs)-1]
	l.dirs = l.dirs[:len(l.dirs)-1]
	return last, true
}

func (l *leastCopy) done(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = errors.Join(l.err, err)
	l.active--
	if l.active == 0 {
		l.wake.Broadcast()
	}
}

func (l *leastCopy) work() {
	w := leastWorker{hash: sha1.New(), buf: make([]byte, 128<<10)}
	for {
		d, ok := l.pop()
		if !ok {
			return
		}
		l.done(l.dir(&w, d))
	}
}

type leastWorker struct {
	hash hash.Hash
	buf  []byte
	sum  [sha1.Size]byte
}

func (l *leastCopy) dir(w *leastWorker, d leastDir) error {
	if d.dst != nowhere {
		defer unix.Close(d.dst)
	}
	f := os.NewFile(uintptr(d.src), "directory")
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case d.top && slices.Contains([]string{".git", ".evoseal"}, name):
		case e.IsDir():
			err = l.sub(d, name)
		case e.Type().IsRegular() && d.dst == nowhere:
			var st unix.Stat_t
			err = unix.Fstatat(d.src, name, &st, unix.AT_SYMLINK_NOFOLLOW)
		case e.Type().IsRegular():
			err = w.file(d, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *leastCopy) sub(d leastDir, name string) error {
	src, err := openDirectory(d.src, name)
	if err != nil {
		return err
	}
	dst := nowhere
	if d.dst != nowhere {
		if err = unix.Mkdirat(d.dst, name, 0o755); err == nil {
			dst, err = openDirectory(d.dst, name)
		}
		if err != nil {
			return errors.Join(err, unix.Close(src))
		}
	}
	l.push(leastDir{src: src, dst: dst})
	return nil
}

func openDirectory(at int, name string) (int, error) {
	return unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

func (w *leastWorker) file(d leastDir, name string) error {
	in, err := unix.Openat(d.src, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	n, err := unix.Read(in, w.buf)
	if err := errors.Join(err, unix.Close(in)); err != nil {
		return err
	}
	if n == len(w.buf) {
		return fmt.Errorf("%s is too large for the least program", name)
	}
	w.hash.Reset()
	w.hash.Write(w.buf[:n])
	w.hash.Sum(w.sum[:0])
	out, err := unix.Openat(d.dst, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	written, err := unix.Write(out, w.buf[:n])
	if err == nil && written < n {
		err = io.ErrShortWrite
	}
	return errors.Join(err, unix.Fstat(out, &st), unix.Close(out))
}

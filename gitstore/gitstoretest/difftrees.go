package gitstoretest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

const (
	onlyInFirst  = "only in the first: "
	onlyInSecond = "only in the second: "
)

// DiffTrees lists how two directories differ in names, kinds, permission bits,
// bytes and destinations of symbolic links, which are not followed. As with
// diff -r, what is below a directory that only one of them has is not listed.
func DiffTrees(tb testing.TB, a, b string) []string {
	tb.Helper()
	c := &comparison{a: a, b: b}
	if err := c.entry("."); err != nil {
		tb.Fatal(err)
	}
	return c.out
}

type comparison struct {
	a, b string
	out  []string
}

func (c *comparison) differ(format string, args ...any) {
	c.out = append(c.out, fmt.Sprintf(format, args...))
}

// entry compares what both have at that path.
func (c *comparison) entry(path string) error {
	pathA, pathB := filepath.Join(c.a, path), filepath.Join(c.b, path)
	fa, err := os.Lstat(pathA)
	if err != nil {
		return err
	}
	fb, err := os.Lstat(pathB)
	if err != nil {
		return err
	}
	if fa.Mode().Type() != fb.Mode().Type() {
		c.differ("kind of %q: %v, %v", path, fa.Mode(), fb.Mode())
		return nil
	}
	if fa.Mode()&fs.ModeSymlink != 0 {
		return c.links(path, pathA, pathB)
	}
	if fa.Mode() != fb.Mode() {
		c.differ("mode of %q: %v, %v", path, fa.Mode(), fb.Mode())
	}
	switch {
	case fa.IsDir():
		return c.dirs(path, pathA, pathB)
	case fa.Mode().IsRegular():
		same, err := sameBytes(pathA, pathB)
		if err == nil && !same {
			c.differ("bytes of %q", path)
		}
		return err
	}
	return nil
}

func (c *comparison) links(path, a, b string) error {
	destA, err := os.Readlink(a)
	if err != nil {
		return err
	}
	destB, err := os.Readlink(b)
	if err == nil && destA != destB {
		c.differ("destination of %q: %q, %q", path, destA, destB)
	}
	return err
}

// dirs merges two directories, whose entries come in order.
func (c *comparison) dirs(path, a, b string) error {
	listA, err := os.ReadDir(a)
	if err != nil {
		return err
	}
	listB, err := os.ReadDir(b)
	if err != nil {
		return err
	}
	for len(listA) > 0 || len(listB) > 0 {
		switch {
		case len(listB) == 0 || len(listA) > 0 && listA[0].Name() < listB[0].Name():
			c.differ("%s%s", onlyInFirst, filepath.Join(path, listA[0].Name()))
			listA = listA[1:]
		case len(listA) == 0 || listA[0].Name() > listB[0].Name():
			c.differ("%s%s", onlyInSecond, filepath.Join(path, listB[0].Name()))
			listB = listB[1:]
		default:
			if err := c.entry(filepath.Join(path, listA[0].Name())); err != nil {
				return err
			}
			listA, listB = listA[1:], listB[1:]
		}
	}
	return nil
}

func sameBytes(a, b string) (bool, error) {
	fa, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		return false, err
	}
	defer fb.Close()
	bufA, bufB := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		nA, errA := io.ReadFull(fa, bufA)
		nB, errB := io.ReadFull(fb, bufB)
		if !bytes.Equal(bufA[:nA], bufB[:nB]) {
			return false, nil
		}
		if errA != nil || errB != nil {
			return ended(errA) && ended(errB), firstFailure(errA, errB)
		}
	}
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

func firstFailure(errs ...error) error {
	for _, err := range errs {
		if err != nil && !ended(err) {
			return err
		}
	}
	return nil
}

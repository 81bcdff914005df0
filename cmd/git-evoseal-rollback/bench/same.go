package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// same is a step that compares two directories: names, kinds, executable bits
// and every byte. What lies in .git and .evoseal at the top is nobody's project.
func same(one, other string) step {
	return func(ctx context.Context) error {
		if err := below(ctx, one, other, true); err != nil {
			return err
		}
		// What the first one lacks shows only from the second.
		return below(ctx, other, one, false)
	}
}

func below(ctx context.Context, one, other string, contents bool) error {
	return filepath.WalkDir(one, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		name, err := filepath.Rel(one, path)
		if err != nil || name == "." {
			return err
		}
		if name == ".git" || name == ".evoseal" {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		beside := filepath.Join(other, name)
		if !contents {
			_, err := os.Lstat(beside)
			return err
		}
		return sameEntry(path, beside, e)
	})
}

func sameEntry(path, beside string, e fs.DirEntry) error {
	fi, err := e.Info()
	if err != nil {
		return err
	}
	gi, err := os.Lstat(beside)
	if err != nil {
		return err
	}
	if fi.Mode().Type() != gi.Mode().Type() {
		return fmt.Errorf("%s is %v and %s is %v", path, fi.Mode(), beside, gi.Mode())
	}
	switch {
	case fi.Mode().Type() == fs.ModeSymlink:
		one, err := os.Readlink(path)
		if err != nil {
			return err
		}
		if other, err := os.Readlink(beside); err != nil || one != other {
			return fmt.Errorf("%s points to %s and %s to %s: %w", path, one, beside, other, err)
		}
	case fi.Mode().IsRegular():
		if fi.Mode()&0o100 != gi.Mode()&0o100 || fi.Size() != gi.Size() {
			return fmt.Errorf("%s: %v, %d bytes; %s: %v, %d bytes", path, fi.Mode(), fi.Size(), beside, gi.Mode(), gi.Size())
		}
		return sameBytes(path, beside)
	}
	return nil
}

func sameBytes(path, beside string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	g, err := os.Open(beside)
	if err != nil {
		return err
	}
	defer g.Close()
	var a, b [256 << 10]byte
	for {
		n, err := io.ReadFull(f, a[:])
		m, _ := io.ReadFull(g, b[:])
		if !bytes.Equal(a[:n], b[:m]) {
			return fmt.Errorf("%s and %s differ", path, beside)
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

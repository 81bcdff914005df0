package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/otiai10/copy"
)

// made is the time that all files of made trees bear, so that nothing depends on
// when they were made.
var made = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

// findGo finds where Go's own tree lies, from which the others are made.
func findGo(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("no go to ask for GOROOT: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// copyGo fills the project with a copy of Go's tree.
func (a *arena) copyGo(context.Context) error {
	// A module cache's toolchain is read-only, and couldn't be removed.
	return copy.Copy(a.goRoot, a.project, copy.Options{PreserveTimes: true, PermissionControl: copy.AddPermission(0o200)})
}

// sourceFiles fills the project with n files of about 6 KB: Go's sources, again
// and again below other directories, each copy with two lines of its own.
func (a *arena) sourceFiles(n int) step {
	return func(ctx context.Context) error {
		corpus, err := sources(a.goRoot)
		if err != nil {
			return err
		}
		for i := range n {
			if err := ctx.Err(); err != nil {
				return err
			}
			round, of := i/len(corpus), corpus[i%len(corpus)]
			text, err := os.ReadFile(filepath.Join(of.root, of.name))
			if err != nil {
				return err
			}
			if err := makeFile(filepath.Join(a.project, fmt.Sprintf("copy%02d", round), of.name), edited(text, i)); err != nil {
				return err
			}
		}
		return nil
	}
}

// edited has a line put before a text and one into its middle that only file i
// has.
func edited(text []byte, i int) []byte {
	half := len(text) / 2
	half += bytes.IndexByte(text[half:], '\n') + 1
	return bytes.Join([][]byte{fmt.Appendf(nil, "// This is file %d.\n", i), text[:half], fmt.Appendf(nil, "// The middle of file %d.\n", i), text[half:]}, nil)
}

type source struct{ root, name string }

// sources are Go's source files of up to 80 KiB, which is 6 KB in the mean, in
// the order of their names.
func sources(goRoot string) (all []source, err error) {
	root := filepath.Join(goRoot, "src")
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		// Nothing that tells git to leave files out: others don't listen to it.
		if strings.HasPrefix(e.Name(), ".git") || !e.Type().IsRegular() {
			return nil
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		if name, err := filepath.Rel(root, path); err == nil && fi.Size() <= 80<<10 {
			all = append(all, source{root, name})
		}
		return nil
	})
	if err == nil && len(all) == 0 {
		err = errors.New("no sources in Go's tree")
	}
	return all, err
}

// smallFiles fills the project with n files of 500 bytes, 100 a directory: a
// line of its own in each, and a window on Go's sources.
func (a *arena) smallFiles(n int) step {
	return func(ctx context.Context) error {
		text, err := someText(a.goRoot, 8<<20)
		if err != nil {
			return err
		}
		for i := range n {
			if err := ctx.Err(); err != nil {
				return err
			}
			content := fmt.Appendf(nil, "This is file %d.\n", i)
			at := i * 6151 % (len(text) - 500)
			content = append(content, text[at:at+500-len(content)]...)
			if err := makeFile(filepath.Join(a.project, fmt.Sprintf("%03d/%02d/%02d.txt", i/10_000, i/100%100, i%100)), content); err != nil {
				return err
			}
		}
		return nil
	}
}

// someText is the beginning of Go's sources put together.
func someText(goRoot string, most int) ([]byte, error) {
	corpus, err := sources(goRoot)
	var text []byte
	for _, s := range corpus {
		if err != nil || len(text) >= most {
			break
		}
		var one []byte
		one, err = os.ReadFile(filepath.Join(s.root, s.name))
		text = append(text, one...)
	}
	return text, err
}

// hugeFile fills the project with one file that deflate can't shrink.
func (a *arena) hugeFile(size int64) step {
	return func(ctx context.Context) error {
		f, err := os.Create(filepath.Join(a.project, "huge"))
		if err != nil {
			return err
		}
		_, err = io.Copy(f, io.LimitReader(untilDone{ctx, rand.NewChaCha8([32]byte{1})}, size))
		return errors.Join(err, f.Close())
	}
}

type untilDone struct {
	ctx context.Context
	io.Reader
}

func (r untilDone) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

func makeFile(path string, content []byte) error {
	err := os.WriteFile(path, content, 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		err = os.WriteFile(path, content, 0o644)
	}
	if err != nil {
		return err
	}
	return os.Chtimes(path, made, made)
}

// change appends a line to every hundredth file, beginning with file first; no
// two calls append the same.
func (a *arena) change(first int) step {
	return func(ctx context.Context) error {
		n := 0
		a.changes++
		return filepath.WalkDir(a.project, func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if e.IsDir() && (e.Name() == ".evoseal" || e.Name() == ".git") {
				return filepath.SkipDir
			}
			if !e.Type().IsRegular() {
				return ctx.Err()
			}
			if n++; n%100 != first%100 {
				return nil
			}
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(f, "// change %d\n", a.changes)
			return errors.Join(err, f.Close())
		})
	}
}

// measureTree counts the project's files and their bytes.
func (a *arena) measureTree() (files int, size int64, err error) {
	names, err := a.entries()
	for _, name := range names {
		if err != nil {
			break
		}
		var n int
		var s int64
		n, s, err = weigh(filepath.Join(a.project, name))
		files, size = files+n, size+s
	}
	return files, size, err
}

// weigh counts the regular files below a directory and their bytes.
func weigh(dir string) (files int, size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		fi, err := e.Info()
		if err == nil {
			files++
			size += fi.Size()
		}
		return err
	})
	return files, size, err
}

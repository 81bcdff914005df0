package job

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// lookUp finds the program as a shell does.
func lookUp(c Command) (string, *StartError) {
	name := c.Args[0]
	if c.Dir != "" {
		if fi, err := os.Stat(c.Dir); err != nil {
			return "", &StartError{name, codeCantRun, err}
		} else if !fi.IsDir() {
			return "", &StartError{name, codeCantRun, &fs.PathError{Op: "chdir", Path: c.Dir, Err: unix.ENOTDIR}}
		}
	}
	if strings.Contains(name, "/") {
		return name, runnable(name, within(c.Dir, name))
	}
	var denied error
	for _, dir := range filepath.SplitList(variable(c.Env, "PATH")) {
		if dir == "" {
			dir = "."
		}
		path := within(c.Dir, filepath.Join(dir, name))
		err := runnable(name, path)
		if err == nil {
			abs, absErr := filepath.Abs(path)
			if absErr != nil {
				return "", &StartError{name, codeCantRun, absErr}
			}
			return abs, nil
		}
		if err.Code == codeCantRun && !errors.Is(err, errDirectory) {
			denied = err.Err
		}
	}
	if denied != nil {
		return "", &StartError{name, codeCantRun, denied}
	}
	return "", &StartError{name, codeNotFound, exec.ErrNotFound}
}

func within(dir, path string) string {
	if dir == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

var errDirectory = errors.New("it is a directory")

func runnable(name, path string) *StartError {
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &StartError{name, codeCantRun, fs.ErrPermission}
	case err != nil:
		return &StartError{name, codeNotFound, err}
	case fi.IsDir():
		return &StartError{name, codeCantRun, errDirectory}
	}
	if err := unix.Access(path, unix.X_OK); err != nil {
		return &StartError{name, codeCantRun, err}
	}
	return nil
}

// script tells a file that says nothing of its interpreter, which shells take for
// a script of theirs, from a program for another machine.
func script(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 256)
	n, err := io.ReadFull(f, head)
	if err != nil && n == 0 && !errors.Is(err, io.EOF) {
		return false
	}
	return bytes.IndexByte(head[:n], 0) < 0 && !bytes.HasPrefix(head[:n], []byte("\x7fELF"))
}

// variable is the last value that an environment gives a name.
func variable(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(env[i], name+"="); ok {
			return value
		}
	}
	return ""
}

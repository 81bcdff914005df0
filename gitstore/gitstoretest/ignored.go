package gitstoretest

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Ignored asks git whether its rules leave out the path, which the index does
// not name, of the project at dir. The repository that the path lies in decides,
// or one above that leaves out that whole repository.
func Ignored(tb testing.TB, dir, path string) bool {
	tb.Helper()
	for top := filepath.Dir(path); ; top = filepath.Dir(top) {
		if at := filepath.Join(dir, top); top == "." || exists(filepath.Join(at, ".git")) {
			rel, err := filepath.Rel(top, path)
			if err != nil {
				tb.Fatal(err)
			}
			if checkIgnore(tb, at, rel) {
				return true
			}
			// Whatever lies further up has a say on this repository as a whole.
			path = top
		}
		if top == "." {
			return false
		}
	}
}

func checkIgnore(tb testing.TB, dir, path string) bool {
	tb.Helper()
	cmd := command(dir, append(quiet[:len(quiet):len(quiet)], "check-ignore", "-z", "--stdin")...)
	cmd.Env = append(cmd.Env, environmentOf(tb, dir)...)
	cmd.Stdin = strings.NewReader(path + "\x00")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return false
	}
	if err != nil {
		tb.Fatalf("git check-ignore %q: %v", path, err)
	}
	return string(out) == path+"\x00"
}

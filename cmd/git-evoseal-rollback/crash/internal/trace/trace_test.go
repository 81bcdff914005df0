//go:build linux && (amd64 || arm64)

package trace

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// shell traces a script in a directory of its own.
func shell(t *testing.T, script string, o Options) (dir string, result Result) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o.Root = dir
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	result, err = Run(cmd, o)
	if errors.Is(err, ErrNotPermitted) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir, result
}

const script = `mkdir a && echo one >a/x && mv a/x a/y && ln -s y a/l && rm a/y; echo done >b`

func TestCallsAreSeen(t *testing.T) {
	var seen []string
	content := ""
	dir, result := shell(t, script, Options{Exit: func(c *Call) {
		seen = append(seen, c.String())
		if c.Name == "write" {
			data, err := c.Content()
			if err != nil {
				t.Error(err)
			}
			content += string(data)
		}
	}})
	if result.Code != 0 || result.Calls != len(seen) {
		t.Errorf("%+v, %d seen", result, len(seen))
	}
	all := strings.ReplaceAll(strings.Join(seen, "\n"), dir, "")
	for _, want := range []string{"openat /a/x\nwrite /a/x\n", " /a/x -> /a/y\n", "symlinkat /a/l -> y\n", "unlinkat /a/y\n", "write /b"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	if content != "one\ndone\n" {
		t.Errorf("content %q", content)
	}
}

func TestKilledBefore(t *testing.T) {
	dir, result := shell(t, script, Options{Enter: func(_ int, c *Call) Action {
		return Action{Kill: c.Name == "symlinkat"}
	}})
	if result.Code != 0 && result.Signal != unix.SIGKILL {
		t.Errorf("%+v", result)
	}
	if _, err := os.Lstat(filepath.Join(dir, "a/y")); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "a/l")); err == nil {
		t.Error("the call before which it was killed was made")
	}
}

func TestFailing(t *testing.T) {
	dir, result := shell(t, script, Options{Enter: func(_ int, c *Call) Action {
		if c.Name == "unlinkat" {
			return Action{Fail: unix.EROFS}
		}
		return Action{}
	}})
	if result.Code != 0 {
		t.Errorf("%+v", result)
	}
	for _, name := range []string{"a/y", "b"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestHanging(t *testing.T) {
	_, result := shell(t, "sleep 600", Options{Timeout: 1e8})
	if !result.Hung {
		t.Errorf("%+v", result)
	}
}

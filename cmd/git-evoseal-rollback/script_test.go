package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			if err := os.Mkdir(home, 0o755); err != nil {
				return err
			}
			config := "[user]\n\tname = Tester\n\temail = tester@example.invalid\n[init]\n\tdefaultBranch = main\n[protocol \"file\"]\n\tallow = always\n"
			// The race detector's runtime sleeps for a second at the end of each
			// process; there are hundreds of them.
			env.Vars = append(env.Vars, "GORACE=atexit_sleep_ms=0", "HOME="+home, "GIT_CONFIG_NOSYSTEM=1", "TZ=UTC", "LC_ALL=C.UTF-8", "COLUMNS=")
			return os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o644)
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Getuid() == 0, nil
			case "user":
				_, err := user.LookupId("65534")
				return err == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": cmdExits, "fingerprint": cmdFingerprint, "special": cmdSpecial, "oddnames": cmdOddNames, "interrupt": cmdInterrupt, "jsonkeys": cmdJSONKeys,
			"signal": cmdSignal, "gone": cmdGone,
		},
	})
}

// cmdExits runs a command that must end with an exit code: exits 13 git …
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// cmdFingerprint writes down all that can be seen of a directory, .evoseal aside:
// fingerprint file dir.
func cmdFingerprint(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fingerprint file dir")
	}
	root := ts.MkAbs(args[1])
	var b strings.Builder
	ts.Check(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".evoseal" {
			return filepath.SkipDir
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		content := ""
		switch {
		case fi.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = fmt.Sprintf("%x", sha256.Sum256(data))
		case fi.Mode()&fs.ModeSymlink != 0:
			if content, err = os.Readlink(path); err != nil {
				return err
			}
		}
		rel, _ := filepath.Rel(root, path)
		fmt.Fprintf(&b, "%q %v %v %q\n", rel, fi.Mode(), fi.ModTime().UnixNano(), content)
		return nil
	}))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o644))
}

// cmdSpecial makes files without content: special fifo|socket file.
func cmdSpecial(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: special fifo|socket file")
	}
	mode := map[string]uint32{"fifo": unix.S_IFIFO, "socket": unix.S_IFSOCK}[args[0]]
	ts.Check(unix.Mknod(ts.MkAbs(args[1]), mode|0o644, 0))
}

// cmdJSONKeys makes sure that each line on stdout is an object with all of these
// keys, and that there is such a line: jsonkeys key...
func cmdJSONKeys(ts *testscript.TestScript, neg bool, args []string) {
	lines := strings.Split(strings.TrimSuffix(ts.ReadFile("stdout"), "\n"), "\n")
	for _, line := range lines {
		var object map[string]any
		ts.Check(json.Unmarshal([]byte(line), &object))
		for _, key := range args {
			if _, ok := object[key]; ok == neg {
				ts.Fatalf("key %q in %s: %v", key, line, ok)
			}
		}
	}
}

// oddNames are legal names of files that are easy to get wrong.
func oddNames() []string {
	return []string{
		"new\nline", "tab\there", `quo"te`, `back\slash`, " leading", "trailing ", "-dash", "日本語", "é", "e\u0301",
		"\xff\xfe invalid", strings.Repeat("n", 255), "$(touch canary)", "*", "a;b", "\x1b[31m", "~", "#x", "!y", ".hidden", "...", "a\u202eb",
	}
}

// cmdOddNames makes one file of each odd name: oddnames dir.
func cmdOddNames(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: oddnames dir")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	for i, name := range oddNames() {
		ts.Check(os.WriteFile(filepath.Join(dir, name), fmt.Appendf(nil, "%d\n", i), 0o644))
	}
}

// cmdInterrupt runs a command, waits until a file appears whose name matches a
// pattern, and sends the command a signal: interrupt pattern program [args...].
// A command that ends before that is no failure: it must then have succeeded.
func cmdInterrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: interrupt pattern program [args...]")
	}
	path, err := exec.LookPath(args[1])
	ts.Check(err)
	cmd := exec.Command(path, args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"), "GIT_CONFIG_NOSYSTEM=1", "GORACE=atexit_sleep_ms=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			if err == nil {
				ts.Logf("ended before the signal")
				return
			}
			ts.Fatalf("ended before the signal: %v\n%s", err, stderr.String())
		case <-time.After(time.Millisecond):
		}
		if found, _ := filepath.Glob(ts.MkAbs(args[0])); len(found) > 0 {
			break
		}
	}
	ts.Check(cmd.Process.Signal(syscall.SIGINT))
	err = <-ended
	if exit := new(exec.ExitError); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != exitCancelled) {
		ts.Fatalf("interrupted: %v, want exit code %d\n%s", err, exitCancelled, stderr.String())
	} else if err != nil && !strings.HasPrefix(stderr.String(), "error: cancelled\nhint: ") {
		ts.Fatalf("interrupted: %q", stderr.String())
	}
}

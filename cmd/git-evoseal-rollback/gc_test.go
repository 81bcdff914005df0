package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// killed is a project whose store is collected again and again by the real binary.
type killed struct {
	*testing.T
	dir string
}

func (k *killed) run(name string, args ...string) string {
	k.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = k.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		k.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (k *killed) store() string { return filepath.Join(k.dir, ".evoseal/.git") }

// reset puts the store back as it was, with garbage in it.
func (k *killed) reset() {
	k.Helper()
	k.run("rm", "-rf", k.store())
	k.run("cp", "-a", filepath.Join(k.dir, "pristine"), k.store())
}

const killedCheckpoints = 25

func newKilled(t *testing.T, base string) *killed {
	t.Helper()
	useShipped(t)
	for name, value := range map[string]string{"HOME": t.TempDir(), "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.invalid"} {
		t.Setenv(name, value)
	}
	k := &killed{t, base}
	k.write(".gitignore", "/pristine/\n")
	text := strings.Repeat("a line of a file that is much like others\n", 200)
	for i := range killedCheckpoints {
		for j := range 5 {
			k.write(fmt.Sprintf("f%d", j), fmt.Sprint(i, j, text, i, j))
		}
		k.run("git-evoseal-rollback", "checkpoint", fmt.Sprint("v", i))
		if i%8 == 0 {
			k.run("git-evoseal-rollback", "mark", fmt.Sprint("v", i), "good")
		}
	}
	k.write("garbage", strings.Repeat("garbage", 1000))
	k.run("git", "--git-dir", k.store(), "hash-object", "-w", "garbage")
	k.run("git-evoseal-rollback", "checkpoint", "gone")
	k.run("git", "--git-dir", k.store(), "tag", "-d", "gone")
	if err := os.Remove(filepath.Join(k.dir, "garbage")); err != nil {
		t.Fatal(err)
	}
	k.run("cp", "-a", k.store(), filepath.Join(k.dir, "pristine"))
	return k
}

func (k *killed) write(name, content string) {
	k.Helper()
	if err := os.WriteFile(filepath.Join(k.dir, name), []byte(content), 0o644); err != nil {
		k.Fatal(err)
	}
}

// whole fails the test unless every checkpoint is there, for git and for us.
func (k *killed) whole() {
	k.Helper()
	if out := k.run("git", "--git-dir", k.store(), "fsck", "--strict", "--no-dangling"); out != "" {
		k.Errorf("fsck: %s", out)
	}
	if out := k.run("git-evoseal-rollback", "verify", "--all"); !strings.Contains(out, fmt.Sprint(killedCheckpoints, " checkpoints")) || !strings.Contains(out, "every byte") {
		k.Errorf("verify: %s", out)
	}
}

// tidy fails the test when a whole run leaves anything of earlier ones behind.
func (k *killed) tidy() {
	k.Helper()
	k.run("git-evoseal-rollback", "gc")
	for _, pattern := range []string{"evoseal/evoseal_*", "evoseal/gc_pid_*", "evoseal/reflog_*", "objects/pack/*.keep", "gc.pid*"} {
		if left, _ := filepath.Glob(filepath.Join(k.store(), pattern)); len(left) != 0 {
			k.Errorf("left over: %q", left)
		}
	}
}

// TestGCKilled kills the program at any moment of its work.
func TestGCKilled(t *testing.T) {
	k := newKilled(t, t.TempDir())
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	for _, args := range [][]string{{"gc"}, {"gc", "--prune=now"}, {"gc", "--aggressive", "--prune=now"}} {
		k.reset()
		start := time.Now()
		k.run("git-evoseal-rollback", args...)
		whole := time.Since(start)
		interrupted := 0
		for range rounds {
			k.reset()
			cmd := exec.Command("git-evoseal-rollback", args...)
			cmd.Dir = k.dir
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(rand.Int64N(int64(whole))))
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				interrupted++
			}
			k.whole()
			k.tidy()
			k.whole()
			if t.Failed() {
				return
			}
		}
		t.Logf("%v: killed in %d of %d rounds", args, interrupted, rounds)
	}
}

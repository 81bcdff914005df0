package install

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var errFault = errors.New("fault")

// faults makes the operation of that number fail; after a crash everything that
// follows fails as well, as for a process that is dead.
func faults(number int, crash bool, reached *bool) func(op, path string) error {
	n := 0
	return func(op, path string) error {
		n++
		if n == number || crash && n > number {
			*reached = true
			return fmt.Errorf("%s %s: %w", op, path, errFault)
		}
		return nil
	}
}

// crashWorld has a foreign hook that is a file, one that is a link, and none.
func crashWorld(t *testing.T) *world {
	w := newWorld(t)
	must(t, os.RemoveAll(w.hooks()))
	old := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	write(t, w.hook("pre-push"), foreignText, 0o750)
	must(t, os.Chtimes(w.hook("pre-push"), old, old))
	write(t, filepath.Join(w.work, "tools", "hook.sh"), strings.Replace(foreignText, "case $0 in", "case post-commit in", 1), 0o755)
	must(t, os.Symlink("../../tools/hook.sh", w.hook("post-commit")))
	return w
}

var crashHooks = []string{"pre-push", "post-commit", "post-merge"}

// contents is snapshot without inodes: for copies have their own.
func (w *world) contents() string {
	var lines []string
	for l := range strings.Lines(snapshot(w.t, w.hooks())) {
		fields := strings.Fields(l)
		lines = append(lines, strings.Join(slices.Delete(fields, 3, 4), " "))
	}
	return strings.Join(lines, "\n")
}

// runsOnce pushes and commits, and says whether ours ran. The foreign hooks must
// have run once each.
func (w *world) runsOnce(t *testing.T, branch string) (ours map[string]bool) {
	t.Helper()
	ours = make(map[string]bool)
	w.logged()
	w.commit(branch)
	commit := w.logged()
	if _, out, err := w.push(branch); err != nil {
		t.Fatal(err, out)
	}
	push := w.logged()
	for hook, log := range map[string][]string{"post-commit": commit, "pre-push": push} {
		foreign, own := 0, 0
		for _, l := range log {
			if strings.HasPrefix(l, "foreign ") {
				foreign++
			}
			if strings.HasPrefix(l, "ours ") {
				own++
			}
		}
		if foreign != 1 || own > 1 {
			t.Errorf("%s: the foreign hook ran %d times, ours %d times", hook, foreign, own)
		}
		ours[hook] = own == 1
	}
	return ours
}

func TestInterruptedInstall(t *testing.T) {
	for _, c := range []struct {
		crash, noLinks bool
		then           string
	}{
		{false, false, "install"}, {false, true, "uninstall"},
		{true, false, "install"}, {true, false, "uninstall"}, {true, true, "install"},
	} {
		w := crashWorld(t)
		before := w.contents()
		for number := 1; w.interrupt(t, number, before, c.crash, c.noLinks, c.then); number++ {
		}
	}
}

// interrupt interrupts one installation, and says whether it got that far.
func (w *world) interrupt(t *testing.T, number int, before string, crash, noLinks bool, then string) bool {
	t.Helper()
	what := fmt.Sprintf("operation %d, crash %v, no links %v, then %s", number, crash, noLinks, then)
	r := w.open(w.work)
	reached := false
	r.disk = disk{fault: faults(number, crash, &reached), noLinks: noLinks}
	_, err := r.Install(t.Context(), InstallRequest{Hooks: crashHooks, Program: w.program})
	ran := w.runsOnce(t, fmt.Sprintf("after-%d", number))
	switch {
	case err == nil && !(ran["pre-push"] && ran["post-commit"]):
		t.Errorf("%s: no error, and ours doesn't run: %v", what, ran)
	case err != nil && !errors.Is(err, errFault):
		t.Errorf("%s: %v", what, err)
	case err != nil && !crash && w.contents() != before:
		t.Errorf("%s: left behind:\n%s\nbefore:\n%s", what, w.contents(), before)
	}
	w.recover(t, number, then, before, what)
	return reached
}

func (w *world) recover(t *testing.T, number int, then, before, what string) {
	t.Helper()
	if then == "install" {
		w.install(crashHooks...)
		for _, h := range crashHooks {
			w.wantState(h, map[bool]State{true: Ours, false: OursChained}[h == "post-merge"])
		}
		if ran := w.runsOnce(t, fmt.Sprintf("again-%d", number)); !ran["pre-push"] || !ran["post-commit"] {
			t.Errorf("%s: ours doesn't run: %v", what, ran)
		}
	}
	w.uninstall()
	if after := w.contents(); after != before {
		t.Errorf("%s:\nbefore:\n%s\nafter:\n%s", what, before, after)
	}
}

func TestInterruptedUninstall(t *testing.T) {
	for _, crash := range []bool{false, true} {
		for _, then := range []string{"install", "uninstall"} {
			w := crashWorld(t)
			before := w.contents()
			reached := true
			for number := 1; reached; number++ {
				w.install(crashHooks...)
				r := w.open(w.work)
				reached = false
				r.disk.fault = faults(number, crash, &reached)
				if _, err := r.Uninstall(t.Context(), UninstallRequest{}); reached != errors.Is(err, errFault) {
					t.Errorf("operation %d: %v", number, err)
				}
				w.runsOnce(t, fmt.Sprintf("after-%d", number))
				w.recover(t, number, then, before, fmt.Sprintf("operation %d, crash %v, then %s", number, crash, then))
			}
		}
	}
}

func TestInterruptedUpdate(t *testing.T) {
	w := crashWorld(t)
	before := w.contents()
	other := filepath.Join(w.dir, "other")
	write(t, other, stubText, 0o755)
	reached := true
	for number := 1; reached; number++ {
		w.install(crashHooks...)
		r := w.open(w.work)
		reached = false
		r.disk.fault = faults(number, true, &reached)
		_, err := r.Install(t.Context(), InstallRequest{Hooks: crashHooks, Program: other})
		if reached != errors.Is(err, errFault) {
			t.Errorf("operation %d: %v", number, err)
		}
		if ran := w.runsOnce(t, fmt.Sprintf("after-%d", number)); !ran["pre-push"] || !ran["post-commit"] {
			t.Errorf("operation %d: %v", number, ran)
		}
		w.recover(t, number, "uninstall", before, fmt.Sprintf("operation %d", number))
	}
}

// TestAllDoneButTheSweeping: an installation that was killed at its very end leaves a
// file in the making, which the next one removes although all is installed.
func TestAllDoneButTheSweeping(t *testing.T) {
	w := crashWorld(t)
	w.install(crashHooks...)
	before := w.contents()
	write(t, filepath.Join(w.hooks(), tempPrefix+"0123"), "half", 0o600)
	w.install(crashHooks...)
	if after := w.contents(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Settings of the soak, from the environment: how long it takes, and the seed to
// repeat a run that failed.
const (
	liveTime = "EVOSEAL_SOAK_TIME"
	liveSeed = "EVOSEAL_SOAK_SEED"
)

// liveSequences is how many random projects an ordinary run has, and liveLength how
// many commands are run in each.
const (
	liveSequences = 12
	liveLength    = 14
)

// No sequence of commands changes anything of a live project, but for what a command
// is told to: one line in info/exclude at the first use, a branch, hooks.
func TestLiveProjectIsNeverTouched(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(liveSeed); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s=%d", liveSeed, seed)
	more := func(done int) bool { return done < liveSequences }
	if text := os.Getenv(liveTime); text != "" {
		lasts, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		end := time.Now().Add(lasts)
		more = func(done int) bool { return done < liveSequences || time.Now().Before(end) }
	} else if testing.Short() {
		more = func(done int) bool { return done < 3 }
	}
	useShipped(t)
	tally := &liveTally{codes: make(map[int]int), done: make(map[string]int)}
	for more(tally.sequences) && !t.Failed() {
		p := newLiveProject(t, rand.New(rand.NewPCG(seed, uint64(tally.sequences))))
		tally.sequences++
		liveSequence(p, tally)
		p.must(os.RemoveAll(filepath.Dir(p.base)))
	}
	tally.report(t)
}

// liveTally is what a run adds up to.
type liveTally struct {
	sequences, commands, files int
	codes                      map[int]int
	done                       map[string]int
}

func (s *liveTally) report(t *testing.T) {
	t.Logf("%d sequences, %d commands, %d files compared; exit codes %v; completed %v", s.sequences, s.commands, s.files, s.codes, s.done)
	for _, name := range []string{"checkpoint", "rollback"} {
		if s.done[name] == 0 && !testing.Short() {
			t.Errorf("no %s was completed, so this proves nothing", name)
		}
	}
}

func liveSequence(p *liveProject, tally *liveTally) {
	names := liveCommandNames()
	hooks := ""
	if p.common != "" {
		hooks = p.hooksText()
	}
	for step := range liveLength {
		name := names[p.IntN(len(names))]
		switch step {
		case 0:
			name = p.pick([]string{"checkpoint", "init", name})
		case 1:
			name = "checkpoint"
		case 3, 4:
			name = "rollback"
		}
		c := p.command(name)
		if step == 2 && p.IntN(3) == 0 {
			c = p.command("token issue")
			c.dir, c.args = p.root, []string{"token", "issue", "--role=emergency", "--out=" + filepath.Join(p.elsewhere, "token-emergency")}
		}
		before := p.capture()
		code, output := p.execute(c)
		after := p.capture()
		tally.commands++
		tally.files += len(after)
		tally.codes[code]++
		if code == 0 {
			tally.done[c.name]++
		}
		p.judge(c, before.changes(after), code, output)
		if p.Failed() {
			return
		}
		if c.name == "hooks uninstall" && code == 0 && slices.Equal(c.args, []string{"hooks", "uninstall"}) && p.hooksText() != hooks {
			p.Errorf("%s\nleft\n%s\nbut there was\n%s", c, p.hooksText(), hooks)
		}
		if step > 1 {
			p.userActs()
		}
	}
	p.checkRepository()
}

// checkRepository asks git whether the objects that a branch brought are whole.
func (p *liveProject) checkRepository() {
	if p.common == "" {
		return
	}
	if out, err := p.run(p.root, "git", "-c", "core.fsmonitor=false", "fsck", "--strict", "--no-dangling", "--no-progress"); err != nil {
		p.Errorf("git fsck of the live project: %v\n%s", err, out)
	}
}

func (p *liveProject) capture() liveState {
	p.Helper()
	state, err := captureLive(p.base, filepath.Join(p.root, ".evoseal"))
	p.must(err)
	return state
}

// execute runs one command line of the real program.
func (p *liveProject) execute(c liveCommand) (int, string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git-evoseal-rollback", c.args...)
	cmd.Dir, cmd.Env, cmd.Stdin = c.dir, p.environment(c.env...), strings.NewReader(c.stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		p.Fatalf("%s: %v\n%s", c, err, out.Bytes())
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

func (p *liveProject) judge(c liveCommand, changes []liveChange, code int, output string) {
	changes = slices.DeleteFunc(changes, func(change liveChange) bool { return c.allowed.allows(p, change) })
	if len(changes) > 0 {
		p.Errorf("a project of kind %s\n%s\nended with %d and said:\n%s\n%d changes:", p.kind, c, code, output, len(changes))
	}
	for _, change := range changes[:min(len(changes), 8)] {
		p.Log(change)
	}
	if strings.Contains(output, "goroutine ") || code < 0 {
		p.Errorf("%s\nended with %d and\n%s", c, code, output)
	}
	known := []int{0, 1, 3, 10, 11, 12, 13, 14, 15, 16, 17, 125, 126, 127, 129, 130}
	if !slices.Contains(known, code) || code != 0 && output == "" && c.name != "guard" {
		p.Errorf("%s\nended with %d and said %q", c, code, output)
	}
}

// The comparison sees every kind of change: a test that finds nothing is worth no
// more than what it would find.
func TestLiveStateSeesChanges(t *testing.T) {
	later := time.Now().Add(-time.Hour)
	changes := map[string]func(dir string) error{
		"content": func(dir string) error {
			fi, err := os.Stat(filepath.Join(dir, "f"))
			return errors.Join(err, os.WriteFile(filepath.Join(dir, "f"), []byte("two"), 0), os.Chtimes(filepath.Join(dir, "f"), later, fi.ModTime()))
		},
		"mtime": func(dir string) error { return os.Chtimes(filepath.Join(dir, "f"), later, later) },
		"mode":  func(dir string) error { return os.Chmod(filepath.Join(dir, "f"), 0o600) },
		"ctime": func(dir string) error {
			return errors.Join(os.Chmod(filepath.Join(dir, "f"), 0o600), os.Chmod(filepath.Join(dir, "f"), 0o644))
		},
		"links": func(dir string) error { return os.Link(filepath.Join(dir, "f"), filepath.Join(dir, "kept", "g")) },
		"new":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "g"), nil, 0o644) },
		"gone":  func(dir string) error { return os.Remove(filepath.Join(dir, "f")) },
		"inode": replaceLive,
		"size":  func(dir string) error { return os.Truncate(filepath.Join(dir, "f"), 9) },
		"target": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "l")), os.Symlink("g", filepath.Join(dir, "l")))
		},
	}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		dir := t.TempDir()
		err := errors.Join(os.WriteFile(filepath.Join(dir, "f"), []byte("one"), 0o644), os.Symlink("f", filepath.Join(dir, "l")), os.Mkdir(filepath.Join(dir, "kept"), 0o755))
		before, err2 := captureLive(dir)
		err3 := changes[name](dir)
		after, err4 := captureLive(dir)
		if err := errors.Join(err, err2, err3, err4); err != nil {
			t.Fatal(err)
		}
		found := before.changes(after)
		want := strings.Replace(name, "target", "content", 1)
		if !slices.ContainsFunc(found, func(c liveChange) bool { return slices.Contains(c.what, want) }) {
			t.Errorf("%s: saw %v", name, found)
		}
		p := &liveProject{base: dir, root: dir, common: filepath.Join(dir, ".git")}
		if !slices.ContainsFunc(found, func(c liveChange) bool { return !(liveAllowance{first: true, branch: "b"}).allows(p, c) }) {
			t.Errorf("%s: was allowed", name)
		}
	}
}

// replaceLive puts an equal file in the place of one, with the same times.
func replaceLive(dir string) error {
	path := filepath.Join(dir, "f")
	fi, err := os.Stat(path)
	return errors.Join(err, os.WriteFile(path+"2", []byte("one"), 0o644), os.Chtimes(path+"2", fi.ModTime(), fi.ModTime()), os.Rename(path+"2", path))
}

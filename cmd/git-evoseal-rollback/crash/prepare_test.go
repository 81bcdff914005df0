//go:build linux && (amd64 || arm64)

package crash

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/evoseal/git-evoseal-rollback/cmd/git-evoseal-rollback/crash/internal/trace"
)

// prepared is a command with the world that it starts from, and what is seen of
// that world before it and after it.
type prepared struct {
	command
	start    world
	old, new seen
	// trees are the sums of what each version may hold.
	trees map[string][]string
	// names are the files that an undisturbed run, and all that is done after it,
	// leave in .evoseal.
	names map[string]bool
	// calls is how many there are in an undisturbed run.
	calls []trace.Call
}

// fixtures makes worlds with so many checkpoints, once each.
type fixtures struct {
	t      testing.TB
	dir    string
	binary string
	made   []world
	trees  []string
}

func newFixtures(t *testing.T) *fixtures {
	dir := roomFor(t)
	f := &fixtures{t: t, dir: dir, binary: buildProgram(t)}
	w := newWorld(t, filepath.Join(dir, "v0"), f.binary)
	w.edit(t, 0)
	f.made, f.trees = []world{w}, []string{""}
	return f
}

func version(n int) string { return fmt.Sprintf("v%d", n) }

// world has the checkpoints v1 to vn, and a project that differs from the last.
func (f *fixtures) world(n int) world {
	f.t.Helper()
	for i := len(f.made); i <= n; i++ {
		w, err := f.made[i-1].copyTo(filepath.Join(f.dir, version(i)))
		must(f.t, err)
		t, err := w.projectTree()
		must(f.t, err)
		w.mustRun(f.t, "checkpoint", version(i))
		w.edit(f.t, i)
		f.made, f.trees = append(f.made, w), append(f.trees, t.sum())
	}
	return f.made[n]
}

// fresh makes the world that the command starts from, at root.
func (p *prepared) fresh(root string) (world, error) {
	w, err := p.start.copyTo(root)
	if err != nil {
		return w, err
	}
	for _, args := range p.before {
		if s := w.run(args...); s.code != 0 {
			return w, fmt.Errorf("%v before %v: %v", args, p.args, s)
		}
	}
	return w, nil
}

// prepare runs the command undisturbed and looks.
func (f *fixtures) prepare(c command) *prepared {
	f.t.Helper()
	p := &prepared{command: c, start: f.world(c.checkpoints), trees: make(map[string][]string)}
	for i := 1; i <= c.checkpoints; i++ {
		p.trees[version(i)] = []string{f.trees[i]}
	}
	w, err := p.fresh(filepath.Join(f.dir, "undisturbed"))
	must(f.t, err)
	now, err := w.projectTree()
	must(f.t, err)
	for _, args := range append(slices.Clone(c.before), c.args) {
		for i, arg := range args {
			if i > 0 && (args[0] == "checkpoint" || args[0] == "guard" && i == 1) && arg[0] != '-' {
				p.trees[arg] = append(p.trees[arg], now.sum())
			}
		}
	}
	live, err := w.liveTree()
	must(f.t, err)
	if p.old = make(seen); c.spoiled {
		must(f.t, w.slots(p.old))
	} else {
		p.old, err = w.see()
		must(f.t, err)
	}
	_, said, err := w.traced(trace.Options{Exit: func(c *trace.Call) { p.calls = append(p.calls, *c) }}, c.args...)
	if errors.Is(err, trace.ErrNotPermitted) {
		f.t.Skip(err)
	}
	must(f.t, err)
	if !p.done(said) {
		f.t.Fatalf("%v: %v", c.args, said)
	}
	does := regexp.MustCompile(c.does)
	if !slices.ContainsFunc(p.calls, func(call trace.Call) bool { return does.MatchString(call.String()) }) {
		f.t.Fatalf("%s makes no call that matches %q", c.name, c.does)
	}
	p.new, err = w.see()
	must(f.t, err)
	after := p.judge(w, live, true)
	if len(after.wrong) > 0 {
		f.t.Fatalf("after an undisturbed %s:\n%s", c.name, strings.Join(after.wrong, "\n"))
	}
	p.names = after.names
	return p
}

// traced runs the program under trace, with what it prints in files.
func (w world) traced(o trace.Options, args ...string) (trace.Result, said, error) {
	o.Root, o.Alone = w.project(), true
	cmd := w.command(args...)
	var printed [2]*os.File
	for i := range printed {
		f, err := os.CreateTemp(w.root, "printed")
		if err != nil {
			return trace.Result{}, said{}, err
		}
		defer os.Remove(f.Name())
		defer f.Close()
		printed[i] = f
	}
	cmd.Stdout, cmd.Stderr = printed[0], printed[1]
	result, err := trace.Run(cmd, o)
	if err != nil {
		return result, said{}, err
	}
	out, err := os.ReadFile(printed[0].Name())
	errOut, err2 := os.ReadFile(printed[1].Name())
	return result, said{code: result.Code, out: string(out), err: string(errOut)}, errors.Join(err, err2)
}

// random are the parts of names that no two runs have in common.
var random = regexp.MustCompile(`[0-9a-f]{8,}|[0-9]{3,}`)

// leftovers lists the files of .evoseal and of the project's .git, without those
// that may pile up between two collections of garbage, objects; names are made alike.
func (w world) leftovers() (map[string]bool, error) {
	names := make(map[string]bool)
	for _, dir := range []string{".evoseal", ".git", ".aside"} {
		err := filepath.WalkDir(filepath.Join(w.project(), dir), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && dir == ".aside" {
				return nil
			}
			if err != nil {
				return err
			}
			rel, _ := filepath.Rel(w.project(), path)
			switch {
			case strings.HasPrefix(filepath.Base(path), "rollback_target") && d.IsDir():
				return fs.SkipDir
			case d.IsDir() || object.MatchString(rel):
				return nil
			}
			names[random.ReplaceAllString(rel, "X")] = true
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

var object = regexp.MustCompile(`^(\.evoseal/|\.aside/)?\.git/objects/([0-9a-f]{2}/[0-9a-f]{38}|pack/pack-[0-9a-f]{40}\.(pack|idx))$`)

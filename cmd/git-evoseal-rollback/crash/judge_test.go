//go:build linux && (amd64 || arm64)

package crash

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// judgement is what was found wrong with a world.
type judgement struct {
	p     *prepared
	w     world
	seen  seen
	names map[string]bool
	wrong []string
	// power says that it was cut. Then people run doctor first; locks counts those
	// that it told them to remove.
	power bool
	locks int
}

func (j *judgement) addf(format string, args ...any) {
	j.wrong = append(j.wrong, fmt.Sprintf(format, args...))
}

// must notes when the program doesn't end with one of the codes.
func (j *judgement) must(args []string, codes ...int) said {
	s := j.w.run(args...)
	if !slices.Contains(codes, s.code) {
		j.addf("%s: %v", strings.Join(args, " "), s)
	}
	if strings.Contains(s.err, "goroutine ") {
		j.addf("%s shows its stack: %s", strings.Join(args, " "), s.err)
	}
	return s
}

// judge looks at what a disturbed command left, tries all that people may want to do
// next, and at last looks for leftovers. The world is another afterwards.
//
// live is the project as it was before. All versions are rolled back when thorough,
// else one.
func (p *prepared) judge(w world, live tree, thorough bool) *judgement {
	j := &judgement{p: p, w: w}
	j.look(live, thorough)
	return j
}

func (j *judgement) look(live tree, thorough bool) {
	p, w := j.p, j.w
	j.untouched(live)
	raw := make(seen)
	if err := w.slots(raw); err != nil {
		j.addf("%v", err)
	} else {
		for _, name := range []string{seenTarget, seenPrevious} {
			if got := raw[name]; got != p.old[name] && got != p.new[name] && (name == seenTarget || got != "") {
				j.addf("before anything else ran, %s is %q, neither %q nor %q", name, got, p.old[name], p.new[name])
			}
		}
	}
	if j.power {
		// Plain git may stumble over a slot that was in the making, until it is swept.
		j.heedDoctor()
	}
	j.whole()
	var err error
	if j.seen, err = w.see(); err != nil {
		j.addf("%v", err)
		return
	}
	j.wrong = append(j.wrong, j.seen.between(p.old, p.new)...)
	if j.seen["store"] != "" {
		// A store without checkpoints has nothing to verify.
		codes := []int{0}
		if !j.seen.lists() {
			codes = []int{0, 10}
		}
		j.must([]string{"verify", "--all"}, codes...)
		j.must([]string{"history", "verify"}, 0)
		j.must([]string{"status"}, 0)
	}
	j.goesOn()
	j.comesBack(thorough)
	j.whole()
	j.untouched(live)
	j.swept()
}

// heedDoctor removes the locks that doctor says may be removed after a crash.
func (j *judgement) heedDoctor() {
	if _, err := os.Stat(j.w.store()); err != nil {
		return
	}
	said := j.must([]string{"doctor"}, 0)
	for _, found := range advised.FindAllStringSubmatch(said.out+said.err, -1) {
		j.locks++
		if err := os.Remove(found[1]); err != nil {
			j.addf("%v", err)
		}
	}
}

var advised = regexp.MustCompile(`rm '([^']+\.lock)'`)

// whole asks git.
func (j *judgement) whole() {
	if _, err := os.Stat(j.w.store()); err != nil {
		return
	}
	s := j.w.git(j.w.store(), "fsck", "--strict", "--no-dangling")
	if s.code != 0 || strings.Contains(s.err, "error") || strings.Contains(s.err, "warning") {
		j.addf("git fsck: %v", s)
	}
}

// untouched compares the project with what it was.
func (j *judgement) untouched(live tree) {
	now, err := j.w.liveTree()
	if err != nil {
		j.addf("%v", err)
		return
	}
	both := maps.Clone(now)
	maps.Copy(both, live)
	for path := range both {
		if now[path] == live[path] || slices.ContainsFunc(j.p.live, func(prefix string) bool { return strings.HasPrefix(path, prefix) }) {
			continue
		}
		j.addf("the live project's %s was %q and is %q", path, live[path], now[path])
	}
}

// goesOn runs the command again.
func (j *judgement) goesOn() {
	codes := []int{0}
	if j.p.again == refuses && len(j.seen.missing(j.p.new)) == 0 || j.alreadyThere() {
		codes = []int{0, 1, 10}
	}
	j.must(j.p.args, codes...)
	if j.p.again == repeats {
		return
	}
	now, err := j.w.see()
	if err != nil {
		j.addf("after another run: %v", err)
		return
	}
	for _, wrong := range now.missing(j.p.new) {
		// A run that was recorded before it was cut off is recorded twice.
		if !strings.HasPrefix(wrong, "history ") && !strings.HasPrefix(wrong, "ref ") {
			j.addf("after another run: %s", wrong)
		}
	}
}

// alreadyThere says whether the main thing is done, and only what comes after isn't.
func (j *judgement) alreadyThere() bool {
	if j.p.again != refuses {
		return false
	}
	for name, value := range j.p.new {
		if j.p.old[name] != value && j.seen[name] == value && (strings.HasPrefix(name, "list ") || name == "history") {
			return true
		}
	}
	return len(j.p.live) > 0
}

// comesBack undoes, and rolls back what is listed.
func (j *judgement) comesBack(thorough bool) {
	before := make(seen)
	if err := j.w.slots(before); err != nil {
		j.addf("%v", err)
		return
	}
	undo := j.w.run("undo")
	after := make(seen)
	if err := j.w.slots(after); err != nil {
		j.addf("%v", err)
		return
	}
	switch {
	case undo.code == 0 && before[seenPrevious] == "" && after[seenTarget] == j.p.old[seenTarget] && after[seenPrevious] == before[seenTarget]:
		// It finished an exchange that was cut off, and then undid it.
	case undo.code == 0 && (after[seenTarget] != before[seenPrevious] || after[seenPrevious] != before[seenTarget]):
		j.addf("undo exchanged %v for %v", before, after)
	case undo.code != 0 && before[seenPrevious] != "":
		j.addf("undo: %v", undo)
	case undo.code != 0 && undo.code != 1 && undo.code != 10:
		j.addf("undo with nothing kept: %v", undo)
	}
	listed := slices.Sorted(maps.Keys(j.p.trees))
	now := j.must([]string{"list", "--json"}, 0, 10)
	rolled := 0
	for _, v := range listed {
		if !strings.Contains(now.out, `"version":"`+v+`"`) || rolled > 0 && !thorough {
			continue
		}
		j.must([]string{"rollback", "--force", v}, 0)
		rolled++
		t, err := slotTree(j.w.target())
		if err != nil || !slices.Contains(j.p.trees[v], t.sum()) {
			j.addf("%s came back as %s, not as %s (%v)", v, t.sum(), j.p.trees[v], err)
		}
	}
}

// swept looks for what a clean run wouldn't have left.
func (j *judgement) swept() {
	j.must([]string{"doctor"}, 0, 10)
	names, err := j.w.leftovers()
	if err != nil {
		j.addf("%v", err)
		return
	}
	j.names = names
	if j.p.names == nil {
		return
	}
	for name := range names {
		if strings.Contains(name, "/.git/refs/") && !strings.HasSuffix(name, ".lock") {
			// Refs were looked at; packed or not is all the same.
			continue
		}
		// A log whose ref was lost with the power does no harm.
		if !j.p.names[name] && !(j.power && strings.Contains(name, "/logs/refs/")) {
			j.addf("%s is left over", name)
		}
	}
}

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
	// again says that the command may have run twice.
	again bool
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
		for _, name := range []string{seenTarget, seenPrevious, seenOther} {
			if got := raw[name]; got != p.old[name] && got != p.new[name] && (name != seenPrevious || got != "") {
				j.addf("before anything else ran, %s is %q, neither %q nor %q", name, got, p.old[name], p.new[name])
			}
		}
	}
	if j.power {
		// Plain git may stumble over a slot that was in the making, until it is swept.
		j.heedDoctor()
	}
	if p.spoiled {
		// Damage is there until it is mended: what is seen counts from then on.
		j.must(p.args, p.code)
	}
	if !j.standing() {
		return
	}
	j.goesOn()
	j.comesBack(thorough)
	j.whole()
	j.untouched(live)
	j.swept()
}

// standing sees how things stand, and whether each is old or new.
func (j *judgement) standing() bool {
	j.whole()
	var err error
	if j.seen, err = j.w.see(); err != nil {
		j.addf("%v", err)
		return false
	}
	if !j.p.spoiled {
		j.wrong = append(j.wrong, j.seen.between(j.p.old, j.p.new, j.again)...)
	}
	if j.seen["store"] != "" {
		// A store without checkpoints has nothing to verify.
		codes := []int{0}
		if !j.seen.lists() {
			codes = []int{0, 10}
		}
		j.must([]string{"verify", "--all"}, codes...)
		j.must([]string{"history", "verify"}, 0)
		j.must([]string{"status"}, 0)
		// It reads whatever may lead to objects, and removes nothing.
		j.must([]string{"gc", "--dry-run"}, 0)
	}
	return true
}

// heedDoctor removes the locks that doctor says may be removed after a crash.
func (j *judgement) heedDoctor() {
	if _, err := os.Stat(j.w.store()); err != nil {
		return
	}
	codes := []int{0}
	if j.p.spoiled {
		codes = append(codes, 14)
	}
	said := j.must([]string{"doctor"}, codes...)
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
	codes := []int{j.p.code}
	if j.p.again == refuses && len(j.seen.missing(j.p.new)) == 0 || j.alreadyThere() {
		codes = []int{0, 1, 10}
		if j.p.args[0] == "guard" {
			codes = []int{j.p.code, guardFailed}
		}
	}
	s := j.must(j.p.args, codes...)
	if j.p.again == repeats || s.code == guardFailed {
		return
	}
	now, err := j.w.see()
	if err != nil {
		j.addf("after another run: %v", err)
		return
	}
	for _, wrong := range now.missing(j.p.new) {
		what, _, _ := strings.Cut(wrong, " ")
		switch {
		case what == "history", what == "ref":
			// A run that was recorded before it was cut off is recorded twice.
		case what == "standing" && j.p.again == refuses:
			// It doesn't judge what is there already.
		default:
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
	for i, v := range listed {
		// Of many, some are enough.
		if !strings.Contains(now.out, `"version":"`+v+`"`) || rolled > 0 && !thorough || i%max(1, len(listed)/4) > 0 && v != j.p.args[len(j.p.args)-1] {
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
		if strings.HasSuffix(name, "/statcache") {
			// A repair removes this cache, and the next checkpoint makes it.
			continue
		}
		// A log whose ref was lost with the power does no harm.
		if !j.p.names[name] && !(j.power && strings.Contains(name, "/logs/refs/")) {
			j.addf("%s is left over", name)
		}
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestFlips damages a store in one place at a time, thousands of times when
// EVOSEAL_FLIPS says so, and looks at what becomes of it: all damage is told, with
// the checkpoints that it hits and what to do next, or can be shown to be harmless;
// what isn't hit is brought back to the byte, what is hit is refused; and a repair
// mends what it says it has mended. EVOSEAL_FLIPS_SEED names another row of damages,
// EVOSEAL_FLIPS_ONLY one of them.
func TestFlips(t *testing.T) {
	flips, seed := number(t, "EVOSEAL_FLIPS", 24), number(t, "EVOSEAL_FLIPS_SEED", 1)
	only := number(t, "EVOSEAL_FLIPS_ONLY", -1)
	w := newFlipWorld(t)
	w.sound()
	c := newFlipCounts()
	for i := range flips {
		if only >= 0 && i != only {
			continue
		}
		w.reset()
		d := w.choose(rand.New(rand.NewPCG(uint64(seed), uint64(i))))
		before := t.Failed()
		w.trial(d, c)
		if t.Failed() && !before {
			t.Errorf("EVOSEAL_FLIPS_SEED=%d EVOSEAL_FLIPS_ONLY=%d: %v", seed, i, d)
		}
		if t.Failed() && (os.Getenv("EVOSEAL_FLIPS") == "" || only >= 0) {
			break
		}
	}
	c.tell(t)
}

func number(t *testing.T, name string, def int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return def
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// sound makes sure that an undamaged store has nothing to tell.
func (w *flipWorld) sound() {
	w.Helper()
	w.ok("verify", "--all")
	if r := w.ok("doctor"); !strings.Contains(r.stdout, "all is well") {
		w.Fatalf("doctor of a sound store: %v", r)
	}
	if out, err := w.fsck(); err != nil {
		w.Fatalf("git fsck of a sound store: %v\n%s", err, out)
	}
}

// flipCounts is what came of all damages, by class.
type flipCounts struct {
	byClass map[string]*flipCount
	reasons map[string]int
}

type flipCount struct {
	made, found, harmless, mended, left, hit, refused, brought int
}

func newFlipCounts() *flipCounts {
	return &flipCounts{byClass: make(map[string]*flipCount), reasons: make(map[string]int)}
}

func (c *flipCounts) of(class string) *flipCount {
	if c.byClass[class] == nil {
		c.byClass[class] = &flipCount{}
	}
	return c.byClass[class]
}

func (c *flipCounts) tell(t *testing.T) {
	t.Helper()
	var sum flipCount
	t.Logf("%-20s %6s %6s %8s %7s %6s   %s", "file", "flips", "found", "harmless", "mended", "left", "checkpoints hit/refused, brought back whole")
	line := func(class string, n flipCount) {
		t.Logf("%-20s %6d %6d %8d %7d %6d   %d/%d, %d", class, n.made, n.found, n.harmless, n.mended, n.left, n.hit, n.refused, n.brought)
	}
	for _, class := range slices.Sorted(maps.Keys(c.byClass)) {
		n := c.byClass[class]
		line(class, *n)
		sum.made, sum.found, sum.harmless = sum.made+n.made, sum.found+n.found, sum.harmless+n.harmless
		sum.mended, sum.left, sum.hit = sum.mended+n.mended, sum.left+n.left, sum.hit+n.hit
		sum.refused, sum.brought = sum.refused+n.refused, sum.brought+n.brought
	}
	line("all", sum)
	for _, why := range slices.Sorted(maps.Keys(c.reasons)) {
		t.Logf("harmless, %d times: %s", c.reasons[why], why)
	}
}

// told is what verify and doctor say of a store.
type told struct {
	any bool
	// versions are those that are named as hit.
	versions map[string]bool
	// unrecorded says that a notebook or the policy is damaged: until it is mended
	// no rollback but an emergency's can be recorded, and so none is done.
	unrecorded bool
	text       string
}

// ask runs verify and doctor, and holds each finding to its form.
func (w *flipWorld) ask(d damage) told {
	w.Helper()
	out := told{versions: make(map[string]bool)}
	v := w.run("verify", "--all", "--json")
	var report struct {
		OK     bool
		Damage []struct {
			Ref, Message, Next string
			Versions           []string
		}
		Error *struct{ Hint, Message string }
	}
	w.parse(v, &report)
	for _, f := range report.Damage {
		for _, version := range f.Versions {
			out.versions[version] = true
		}
		out.unrecorded = out.unrecorded || f.Ref != "" && !strings.HasPrefix(f.Ref, "refs/tags/")
		if !strings.Contains(f.Next, "git evoseal-rollback") {
			w.Errorf("%v: verify says %q and no command to run next but %q", d, f.Message, f.Next)
		}
	}
	if v.code != 0 && v.code != 14 || report.OK != (v.code == 0) || report.OK != (report.Error == nil) {
		w.Errorf("%v: verify: %v", d, v)
	}
	look := w.run("doctor", "--json")
	var found struct {
		OK       bool
		Findings []struct{ Severity, Code, Message, Hint, Repair string }
	}
	w.parse(look, &found)
	for _, f := range found.Findings {
		if f.Hint == "" || f.Repair == "" {
			w.Errorf("%v: doctor says %q, and nothing of what to do next (%q) or of a repair (%q)", d, f.Message, f.Hint, f.Repair)
		}
	}
	if look.code != 0 && look.code != 14 {
		w.Errorf("%v: doctor: %v", d, look)
	}
	out.any = v.code != 0 || len(found.Findings) > 0 || strings.Contains(v.stderr, "warning: ")
	out.text = v.String() + look.String()
	return out
}

func (w *flipWorld) parse(r result, into any) {
	w.Helper()
	if err := json.Unmarshal([]byte(r.stdout), into); err != nil {
		w.Errorf("%v: %v", err, r)
	}
}

// trial does one damage and follows it.
func (w *flipWorld) trial(d damage, counts *flipCounts) {
	w.Helper()
	n := counts.of(d.class)
	n.made++
	w.must(d.do())
	// Looking mends nothing but what can be derived; the damage stays for what
	// follows.
	saw := w.ask(d)
	fsck, gitSays := w.fsck()
	switch reason := harmless(d); {
	case saw.any:
		n.found++
	case reason == "":
		w.Errorf("%v: nobody tells\n%s", d, saw.text)
	default:
		n.harmless++
		counts.reasons[reason]++
		w.recordsWell(d)
	}
	if gitSays != nil && !saw.any && harmless(d) == "" {
		w.Errorf("%v: git fsck alone tells: %s", d, fsck)
	}
	n.hit += len(saw.versions)
	w.rollAll(d, saw, n)
	w.again(d)
	w.repair(d, n)
	w.untouched(d)
}

// again begins anew with the same damage.
func (w *flipWorld) again(d damage) {
	w.Helper()
	w.reset()
	w.must(d.do())
}

// rollAll rolls back to every version: what isn't hit must come back, what is hit
// must be refused, or come back all the same from copies elsewhere.
func (w *flipWorld) rollAll(d damage, saw told, n *flipCount) {
	w.Helper()
	target := filepath.Join(w.dir, ".evoseal/rollback_target")
	for _, version := range w.versions {
		before := w.picture(target, false)
		r := w.run("rollback", version)
		after := w.picture(target, false)
		switch {
		case r.code == 0 && !maps.Equal(after, w.want[version]):
			w.Errorf("%v: rolled back to %s, and got something else: %v", d, version, differ(w.want[version], after))
		case r.code == 0:
			n.brought++
		case r.code != 14:
			w.Errorf("%v: rollback of %s: %v", d, version, r)
		case !maps.Equal(before, after):
			w.Errorf("%v: rollback of %s was refused, and changed the target: %v", d, version, differ(before, after))
		case !saw.versions[version] && !saw.unrecorded:
			w.Errorf("%v: rollback of %s, which nobody named, was refused: %v\n%s", d, version, r, saw.text)
		default:
			n.refused++
		}
	}
}

// recordsWell makes sure that what nobody told of leads no checkpoint astray.
func (w *flipWorld) recordsWell(d damage) {
	w.Helper()
	for name, id := range w.refs {
		if now := w.effectiveRefs()[name]; now != id {
			w.Errorf("%v: %s is %q, not %q, and nobody tells", d, name, now, id)
		}
	}
	r := w.run("checkpoint", "fresh")
	if r.code != 0 {
		w.Errorf("%v: checkpoint: %v", d, r)
		return
	}
	w.ok("verify", "fresh")
	w.ok("rollback", "fresh")
	if got, want := w.picture(".evoseal/rollback_target", false), w.picture(w.dir, false); !maps.Equal(got, want) {
		w.Errorf("%v: a new checkpoint differs: %v", d, differ(want, got))
	}
	w.again(d)
}

// repair runs the repair and holds it to what it says.
func (w *flipWorld) repair(d damage, n *flipCount) {
	w.Helper()
	r := w.run("doctor", "--repair", "--json")
	if r.code != 0 && r.code != 14 {
		w.Errorf("%v: doctor --repair: %v", d, r)
	}
	saw := w.ask(d)
	switch {
	case r.code == 0 && saw.any:
		w.Errorf("%v: repaired, it is said: %v\nand yet: %s", d, r, saw.text)
	case r.code == 14 && !saw.any:
		w.Errorf("%v: all is well, though a repair left something: %v", d, r)
	case saw.any:
		n.left++
	default:
		n.mended++
		// What is lost for good is told; the logs of the refs still name it.
		if out, err := w.fsck(); err != nil && harmless(d) == "" && !strings.Contains(r.stdout, `"repair":"impossible"`) {
			w.Errorf("%v: repaired, and git fsck says: %v\n%s\n%v", d, err, out, r)
		}
	}
	w.rollAll(d, saw, &flipCount{})
}

// untouched makes sure that nothing of the project itself changed.
func (w *flipWorld) untouched(d damage) {
	w.Helper()
	if now := w.picture(w.dir, true); !maps.Equal(now, w.live) {
		w.Fatalf("%v: the live project changed: %v", d, differ(w.live, now))
	}
}

// effectiveRefs are the refs as git has them.
func (w *flipWorld) effectiveRefs() map[string]string {
	w.Helper()
	out := make(map[string]string)
	for line := range strings.Lines(w.git("--git-dir="+storeOf, "for-each-ref", "--format=%(refname) %(objectname)")) {
		name, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		out[name] = id
	}
	return out
}

// fsck is a second opinion.
func (w *flipWorld) fsck() (string, error) {
	out, err := exec.Command("git", "--git-dir="+storeOf, "fsck", "--strict", "--no-dangling").CombinedOutput()
	return string(out), err
}

// differ lists a few differences of two pictures.
func differ(want, got map[string]string) string {
	var list []string
	for path, x := range want {
		if got[path] != x {
			list = append(list, fmt.Sprintf("%q is %q, not %q", path, got[path], x))
		}
	}
	for path := range got {
		if want[path] == "" {
			list = append(list, fmt.Sprintf("%q is there", path))
		}
	}
	slices.Sort(list)
	return strings.Join(list[:min(5, len(list))], "; ")
}
